//! Runs the log hooks of a chain.
//!
//! Records pass the hooks that want text as it was read (`raw`, `block`), then, parsed in
//! between by whoever calls, those that want fields. A plugin never sees the records that it
//! wrote itself. When a guard faults, its records are offered again one by one, so that only
//! those are lost on which it faults again.

use std::sync::atomic::{AtomicU64, Ordering};

use super::block::Blocks;
use super::chain::{Link, OnFault};
use super::record::{LogEdit, apply};
use super::{Fault, FaultKind, Filter, Hook, LogForm, LogSubscription, Record, Source, Stance};

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
    let edits = link.filter.on_logs(source, blocks.texts()).await?;
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

#[cfg(test)]
pub(in crate::filter) mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;

    use super::*;
    use crate::filter::{Hooks, LogChange, Name, Passage, Severity, Splice, Subscription};

    /// A guard that replaces `secret` by `[x]`, faults on `poison`, and notes its batches.
    pub(in crate::filter) struct Redactor {
        name: Name,
        wants: Subscription,
        stance: Stance,
        batches: Mutex<Vec<usize>>,
    }

    impl Redactor {
        pub(in crate::filter) fn new(form: LogForm, stance: Stance) -> Arc<Self> {
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
}
