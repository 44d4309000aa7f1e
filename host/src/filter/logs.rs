//! Runs the log hooks of a chain, and the scrubbers.
//!
//! Records pass the hooks that want text as it was read (`raw`, `block`), then, parsed in
//! between by whoever calls, those that want fields. A plugin never sees the records that it
//! wrote itself. When a guard faults, its records are offered again one by one, so that only
//! those are lost on which it faults again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::chain::{Link, OnFault};
use super::record::{EditError, LogChange, LogEdit, apply};
use super::value::{Splice, SpliceError, splice_text};
use super::{
    Fault, FaultKind, Filter, Hook, LogForm, LogSubscription, Passage, Record, Source, Stance,
};

/// Longest text of one block, in bytes.
pub const MAX_BLOCK: usize = 64 * 1024;

/// The plugins of the log corridor, in the operator's order.
pub struct LogChain {
    links: Box<[Link]>,
    /// Records that a guard took out or failed on, per link.
    losses: Box<[Losses]>,
}

/// What a plugin of the log corridor took away.
#[derive(Debug, Default)]
pub struct Losses {
    /// Records that it asked to drop.
    pub dropped: AtomicU64,
    /// Records that were dropped because it failed on them and is closed on faults.
    pub faulted: AtomicU64,
}

impl LogChain {
    /// Of the plugins in the operator's order.
    pub fn new(links: Vec<Link>) -> Self {
        let losses = links.iter().map(|_| Losses::default()).collect();
        Self { links: links.into(), losses }
    }

    /// The plugins, in order.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// What each plugin took away, in the same order.
    pub fn losses(&self) -> impl Iterator<Item = (&Link, &Losses)> {
        self.links.iter().zip(&self.losses)
    }

    /// Whether any plugin wants records taken apart.
    pub fn wants_parsed(&self) -> bool {
        self.links.iter().any(|link| form(link) == Some(LogForm::Parsed))
    }

    /// Runs the hooks on records as they were read.
    pub async fn raw(&self, source: &Source, batch: Vec<Record>) -> Vec<Record> {
        self.walk(source, batch, |form| form != LogForm::Parsed).await
    }

    /// Runs the hooks on records that were taken apart.
    pub async fn parsed(&self, source: &Source, batch: Vec<Record>) -> Vec<Record> {
        self.walk(source, batch, |form| form == LogForm::Parsed).await
    }

    async fn walk(
        &self,
        source: &Source,
        batch: Vec<Record>,
        of_form: impl Fn(LogForm) -> bool,
    ) -> Vec<Record> {
        let mut batch = batch;
        for (link, losses) in self.links.iter().zip(&self.losses) {
            if batch.is_empty() {
                break;
            }
            let Some(wants) = subscription(link) else { continue };
            let own =
                source.strip_prefix("plugin:").is_some_and(|name| name == &**link.filter.name());
            let unwanted_access = &**source == "access" && !wants.access_log;
            if own || unwanted_access || !of_form(wants.form) {
                continue;
            }
            batch = self.visit(link, losses, wants, source, batch).await;
        }
        batch
    }

    /// One plugin: sets aside what it does not want to see, offers the rest, puts both
    /// together again in order.
    async fn visit(
        &self,
        link: &Link,
        losses: &Losses,
        wants: &LogSubscription,
        source: &Source,
        batch: Vec<Record>,
    ) -> Vec<Record> {
        let seen =
            |record: &Record| record.severity.is_none_or(|known| known >= wants.min_severity);
        if batch.iter().all(seen) {
            return self.offer(link, losses, wants, source, batch).await;
        }
        // Runs of wanted records are offered between those that pass by, so order is kept.
        let mut out = Vec::with_capacity(batch.len());
        let mut run = Vec::new();
        for record in batch {
            if seen(&record) {
                run.push(record);
                continue;
            }
            if !run.is_empty() {
                let offered = std::mem::take(&mut run);
                out.extend(self.offer(link, losses, wants, source, offered).await);
            }
            out.push(record);
        }
        if !run.is_empty() {
            out.extend(self.offer(link, losses, wants, source, run).await);
        }
        out
    }

    async fn offer(
        &self,
        link: &Link,
        losses: &Losses,
        wants: &LogSubscription,
        source: &Source,
        batch: Vec<Record>,
    ) -> Vec<Record> {
        let mut batch = batch;
        let mut out = Vec::with_capacity(batch.len());
        let limit = wants.max_batch.max(1);
        while !batch.is_empty() {
            let rest = batch.split_off(limit.min(batch.len()));
            self.offer_batch(link, losses, wants.form, source, batch, &mut out).await;
            batch = rest;
        }
        out
    }

    async fn offer_batch(
        &self,
        link: &Link,
        losses: &Losses,
        form: LogForm,
        source: &Source,
        batch: Vec<Record>,
        out: &mut Vec<Record>,
    ) {
        let mut batch = batch;
        let fault = match hook(link, form, source, &mut batch).await {
            Ok(dropped) => {
                losses.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
                out.append(&mut batch);
                return;
            }
            Err(fault) => fault,
        };
        if link.on_fault == OnFault::Open {
            out.append(&mut batch);
            return;
        }
        // A plugin that is put aside, or one record alone, fails the same way again.
        if fault.kind == FaultKind::Quarantined || batch.len() == 1 {
            losses.faulted.fetch_add(batch.len() as u64, Ordering::Relaxed);
            return;
        }
        for record in batch {
            let mut alone = vec![record];
            match hook(link, form, source, &mut alone).await {
                Ok(dropped) => {
                    losses.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
                    out.append(&mut alone);
                }
                Err(_) => {
                    losses.faulted.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

fn subscription(link: &Link) -> Option<&LogSubscription> {
    let wants = link.filter.wants().logs.as_ref()?;
    link.filter.hooks().contains(Hook::OnLogs).then_some(wants)
}

fn form(link: &Link) -> Option<LogForm> {
    subscription(link).map(|wants| wants.form)
}

/// Calls the hook and applies its edits, all or none. Answers how many records it dropped.
async fn hook(
    link: &Link,
    form: LogForm,
    source: &Source,
    batch: &mut Vec<Record>,
) -> Result<usize, Fault> {
    let blame = |why: String| {
        let fault = Fault::new(FaultKind::Internal, why);
        link.filter.strike(Hook::OnLogs, &fault);
        fault
    };
    if form != LogForm::Block {
        let edits = link.filter.on_logs(source, batch).await?;
        check_stance(&*link.filter, &edits).map_err(blame)?;
        return apply(batch, edits).map_err(|error| blame(error.to_string()));
    }
    let blocks = Blocks::of(batch);
    let edits = link.filter.on_logs(source, &blocks.texts).await?;
    check_stance(&*link.filter, &edits).map_err(blame)?;
    blocks.apply(batch, edits).map_err(|error| blame(error.to_string()))
}

fn check_stance(filter: &dyn Filter, edits: &[LogEdit]) -> Result<(), String> {
    let watches = filter.stance() == Stance::Watcher;
    if watches && edits.iter().any(|edit| edit.change.needs_guard()) {
        return Err("a watcher may not drop records or change messages".to_owned());
    }
    Ok(())
}

/// Consecutive records joined to texts, and how to get back.
struct Blocks {
    /// One record per block; its message is the joined text.
    texts: Vec<Record>,
    /// For each block, the index of its first record and their number.
    runs: Vec<(usize, usize)>,
}

impl Blocks {
    fn of(batch: &[Record]) -> Self {
        let mut blocks = Self { texts: Vec::new(), runs: Vec::new() };
        // A record with fields has no text to join, and one that is not UTF-8 would change
        // what the bytes of its neighbours mean.
        let alone = |record: &Record| record.parsed || record.latin1;
        let mut open = false;
        for (index, record) in batch.iter().enumerate() {
            if let (true, false, Some(text), Some(run)) =
                (open, alone(record), blocks.texts.last_mut(), blocks.runs.last_mut())
                && text.message.len() + 1 + record.message.len() <= MAX_BLOCK
            {
                text.message.push('\n');
                text.message.push_str(&record.message);
                run.1 += 1;
                continue;
            }
            open = !alone(record);
            blocks.texts.push(record.clone());
            blocks.runs.push((index, 1));
        }
        blocks
    }

    /// Cuts the edited blocks into records again. A splice across the end of a record joins
    /// it with the next.
    fn apply(&self, batch: &mut Vec<Record>, edits: Vec<LogEdit>) -> Result<usize, EditError> {
        let mut singles = Vec::new();
        let mut joined = Vec::new();
        for edit in edits {
            let index = edit.index;
            let &(first, number) =
                self.runs.get(index).ok_or(EditError::Index { index, len: self.runs.len() })?;
            match edit.change {
                change if number == 1 => singles.push(LogEdit { index: first, change }),
                LogChange::SpliceMessage(splices) => {
                    self.splice(first, number, batch, &splices, &mut singles, &mut joined)?;
                }
                // What else could be meant for several records at once is for each of them.
                change => singles.extend(
                    (first..first + number).map(|index| LogEdit { index, change: change.clone() }),
                ),
            }
        }
        let before = batch.len();
        apply(batch, singles)?;
        // Records that were joined to the one before are no loss, so they are not counted.
        Ok(before - batch.len() - joined.len())
    }

    /// Turns splices of a block into edits of its records.
    fn splice(
        &self,
        first: usize,
        number: usize,
        batch: &[Record],
        splices: &[Splice],
        edits: &mut Vec<LogEdit>,
        joined: &mut Vec<usize>,
    ) -> Result<(), EditError> {
        let mut record = first;
        // Where the message of `record` begins in the block.
        let mut start = 0;
        let end_of = |record: usize, start: usize| start + batch[record].message.len();
        let last = first + number - 1;
        let mut waiting = splices.iter().peekable();
        while let Some(splice) = waiting.peek() {
            while record < last && splice.at > end_of(record, start) {
                start = end_of(record, start) + 1;
                record += 1;
            }
            let (head, origin) = (record, start);
            // Only a splice across the end of a record needs the text of several.
            let mut text = None;
            let mut own = Vec::new();
            while let Some(splice) =
                waiting.next_if(|splice| splice.at <= end_of(record, start) || record == last)
            {
                let error = |source| EditError::Splice { index: head, source };
                let end = splice.at.checked_add(splice.len).ok_or(error(SpliceError::Bounds))?;
                while end > end_of(record, start) && record < last {
                    start = end_of(record, start) + 1;
                    record += 1;
                    let text = text.get_or_insert_with(|| batch[head].message.clone());
                    text.push('\n');
                    text.push_str(&batch[record].message);
                    joined.push(record);
                    edits.push(LogEdit { index: record, change: LogChange::Drop });
                }
                let at = splice.at.checked_sub(origin).ok_or(error(SpliceError::Order))?;
                own.push(Splice { at, len: splice.len, bytes: splice.bytes.clone() });
            }
            let change = match text {
                None => LogChange::SpliceMessage(own),
                Some(text) => LogChange::SetMessage(
                    splice_text(&text, &own)
                        .map_err(|source| EditError::Splice { index: head, source })?,
                ),
            };
            edits.push(LogEdit { index: head, change });
        }
        Ok(())
    }
}

/// The plugins that clean texts which leave by another way than the corridors.
pub struct Scrubbers {
    links: Box<[Link]>,
    withheld: AtomicU64,
}

impl Scrubbers {
    /// Those of the links that can scrub, in the same order.
    pub fn new(links: &[Link]) -> Self {
        let can = |link: &&Link| link.filter.hooks().contains(Hook::Scrub);
        Self { links: links.iter().filter(can).cloned().collect(), withheld: AtomicU64::new(0) }
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// How many texts were withheld because a scrubber failed, since the start.
    pub fn withheld(&self) -> u64 {
        self.withheld.load(Ordering::Relaxed)
    }

    /// Cleans texts. `None` stands for one that is withheld, because nobody knows whether it
    /// is clean; whatever was to be done with it must not be done.
    pub async fn clean(&self, passages: Vec<Passage>) -> Vec<Option<String>> {
        let mut passages = passages;
        for link in &self.links {
            if passages.is_empty() {
                break;
            }
            let answer = link.filter.scrub(&passages).await.and_then(|cleaned| {
                if cleaned.len() == passages.len() {
                    return Ok(cleaned);
                }
                let fault =
                    Fault::new(FaultKind::Internal, "not one answer for each text to scrub");
                link.filter.strike(Hook::Scrub, &fault);
                Err(fault)
            });
            match answer {
                Ok(cleaned) => {
                    for (passage, text) in passages.iter_mut().zip(cleaned) {
                        if let Some(text) = text {
                            passage.text = text;
                        }
                    }
                }
                Err(_) => {
                    self.withheld.fetch_add(passages.len() as u64, Ordering::Relaxed);
                    return vec![None; passages.len()];
                }
            }
        }
        passages.into_iter().map(|passage| Some(passage.text)).collect()
    }

    /// Cleans one text.
    pub async fn clean_one(&self, passage: Passage) -> Option<String> {
        self.clean(vec![passage]).await.pop().flatten()
    }
}

/// The chain as an object that the log room can hold.
pub type SharedLogChain = Arc<LogChain>;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use proptest::prelude::*;

    use super::*;
    use crate::filter::{Hooks, Name, Severity, Subscription};

    /// A guard that replaces `secret` by `[x]`, faults on `poison`, and notes its batches.
    struct Redactor {
        name: Name,
        wants: Subscription,
        stance: Stance,
        batches: Mutex<Vec<usize>>,
    }

    impl Redactor {
        fn new(form: LogForm, stance: Stance) -> Arc<Self> {
            let logs = LogSubscription {
                form,
                min_severity: Severity::Info,
                max_batch: 512,
                max_delay: std::time::Duration::ZERO,
                access_log: false,
            };
            let wants = Subscription { logs: Some(logs), ..Subscription::default() };
            Arc::new(Self { name: "redactor".into(), wants, stance, batches: Mutex::default() })
        }
    }

    #[async_trait]
    impl Filter for Redactor {
        fn name(&self) -> &Name {
            &self.name
        }

        fn stance(&self) -> Stance {
            self.stance
        }

        fn hooks(&self) -> Hooks {
            Hooks::default().with(Hook::OnLogs).with(Hook::Scrub)
        }

        fn wants(&self) -> &Subscription {
            &self.wants
        }

        async fn on_logs(&self, _: &Source, batch: &[Record]) -> Result<Vec<LogEdit>, Fault> {
            self.batches.lock().unwrap().push(batch.len());
            let mut edits = Vec::new();
            for (index, record) in batch.iter().enumerate() {
                if record.message.contains("poison") {
                    return Err(Fault::new(FaultKind::Unprocessable, "poison"));
                }
                let splices: Vec<_> = record
                    .message
                    .match_indices("secret")
                    .map(|(at, hit)| Splice { at, len: hit.len(), bytes: b"[x]".into() })
                    .collect();
                if !splices.is_empty() {
                    edits.push(LogEdit { index, change: LogChange::SpliceMessage(splices) });
                }
            }
            Ok(edits)
        }

        async fn scrub(&self, passages: &[Passage]) -> Result<Vec<Option<String>>, Fault> {
            if passages.iter().any(|passage| passage.text.contains("poison")) {
                return Err(Fault::new(FaultKind::Internal, "poison"));
            }
            Ok(passages
                .iter()
                .map(|passage| {
                    passage.text.contains("secret").then(|| passage.text.replace("secret", "[x]"))
                })
                .collect())
        }
    }

    fn records(messages: &[&str]) -> Vec<Record> {
        messages.iter().map(|text| Record::of_bytes(1, text.as_bytes().to_vec())).collect()
    }

    fn messages(records: &[Record]) -> Vec<&str> {
        records.iter().map(|record| record.message.as_str()).collect()
    }

    fn child() -> Source {
        "child".into()
    }

    #[tokio::test]
    async fn a_block_is_edited_as_one_text_and_cut_into_records_again() {
        let redactor = Redactor::new(LogForm::Block, Stance::Guard);
        let chain = LogChain::new(vec![Link::new(redactor.clone())]);
        let batch = records(&["a secret", "plain", "", "secret secret", "end"]);
        let out = chain.raw(&child(), batch).await;
        assert_eq!(messages(&out), ["a [x]", "plain", "", "[x] [x]", "end"]);
        assert_eq!(*redactor.batches.lock().unwrap(), [1], "one block, one crossing");
    }

    #[tokio::test]
    async fn only_the_records_that_fail_alone_are_lost() {
        for form in [LogForm::Raw, LogForm::Block] {
            let redactor = Redactor::new(form, Stance::Guard);
            let chain = LogChain::new(vec![Link::new(redactor)]);
            let out = chain.raw(&child(), records(&["secret", "poison", "plain"])).await;
            assert_eq!(messages(&out), ["[x]", "plain"]);
            let (_, losses) = chain.losses().next().unwrap();
            assert_eq!(losses.faulted.load(Ordering::Relaxed), 1);
        }
    }

    #[tokio::test]
    async fn open_on_faults_lets_the_batch_pass_as_it_was() {
        let redactor = Redactor::new(LogForm::Raw, Stance::Guard);
        let link = Link { on_fault: OnFault::Open, ..Link::new(redactor) };
        let out = LogChain::new(vec![link]).raw(&child(), records(&["secret", "poison"])).await;
        assert_eq!(messages(&out), ["secret", "poison"]);
    }

    #[tokio::test]
    async fn a_watcher_cannot_change_messages() {
        let redactor = Redactor::new(LogForm::Raw, Stance::Watcher);
        let chain = LogChain::new(vec![Link::new(redactor)]);
        let out = chain.raw(&child(), records(&["secret"])).await;
        assert_eq!(messages(&out), ["secret"], "its edits are a fault, and it is open on faults");
    }

    #[tokio::test]
    async fn own_records_and_unwanted_ones_pass_by() {
        let redactor = Redactor::new(LogForm::Raw, Stance::Guard);
        let chain = LogChain::new(vec![Link::new(redactor.clone())]);
        chain.raw(&"plugin:redactor".into(), records(&["secret"])).await;
        chain.raw(&"access".into(), records(&["secret"])).await;
        chain.parsed(&child(), records(&["secret"])).await;
        assert!(redactor.batches.lock().unwrap().is_empty());

        let mut batch = records(&["secret 1", "secret 2", "secret 3"]);
        batch[1].severity = Some(Severity::Debug);
        let out = chain.raw(&child(), batch).await;
        assert_eq!(messages(&out), ["[x] 1", "secret 2", "[x] 3"], "below its severity");
    }

    #[tokio::test]
    async fn scrubbers_clean_or_withhold() {
        let redactor = Redactor::new(LogForm::Raw, Stance::Guard);
        let scrubbers = Scrubbers::new(&[Link::new(redactor)]);
        let passage = |text: &str| Passage {
            text: text.into(),
            origin: crate::filter::Origin::Fault,
            name: String::new(),
        };
        let clean = scrubbers.clean(vec![passage("a secret"), passage("fine")]).await;
        assert_eq!(clean, [Some("a [x]".to_owned()), Some("fine".to_owned())]);
        let clean = scrubbers.clean(vec![passage("poison"), passage("fine")]).await;
        assert_eq!(clean, [None, None]);
        assert_eq!(scrubbers.withheld(), 2);
    }

    proptest! {
        /// Splices of a block do to the records what they do to the joined text, wherever
        /// they fall.
        #[test]
        fn a_block_of_records_is_its_text(
            messages in proptest::collection::vec("[a-c]{0,5}", 1..8),
            cuts in proptest::collection::vec((0usize..60, 0usize..6, "[x-z]{0,3}"), 0..6),
        ) {
            let batch: Vec<_> =
                messages.iter().map(|text| Record::of_bytes(1, text.as_bytes().to_vec())).collect();
            let text = messages.join("\n");
            let mut cuts = cuts;
            cuts.sort();
            let mut splices = Vec::new();
            let mut from = 0;
            for (at, len, with) in cuts {
                if at >= from && at + len <= text.len() {
                    splices.push(Splice { at, len, bytes: with.into_bytes() });
                    from = at + len + 1;
                }
            }
            let blocks = Blocks::of(&batch);
            prop_assert_eq!(&blocks.texts[0].message, &text);
            let mut edited = batch;
            let edits = vec![LogEdit { index: 0, change: LogChange::SpliceMessage(splices.clone()) }];
            let edits = if splices.is_empty() { Vec::new() } else { edits };
            let lost = blocks.apply(&mut edited, edits);
            prop_assert_eq!(lost, Ok(0));
            let joined: Vec<_> = edited.iter().map(|record| record.message.as_str()).collect();
            let expected = splice_text(&text, &splices).unwrap();
            prop_assert_eq!(joined.join("\n"), expected);
        }
    }
}
