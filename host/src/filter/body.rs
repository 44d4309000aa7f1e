//! Takes the bytes of one body through the plugins that asked for them.
//!
//! Chunks go from plugin to plugin in the order of the direction. A plugin that observes
//! gets its copy after the chunk was handed on; one that transforms may keep bytes back; one
//! that wants the whole body delays it until it is complete or too long. Content codings
//! are undone before and redone after this room: it sees what it is given.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use super::chain::{Chain, Closed};
use super::value::splice;
use super::{
    BodyLimits, BodyMode, Chunk, ChunkAction, Exchange, Fault, FaultKind, Hook, Overflow, Unit,
    Visit,
};

/// Longest piece that is delivered at once, in bytes. A longer unit is cut all the same.
pub const MAX_CHUNK: usize = 64 * 1024;
/// Longest body that is held for a plugin which wants it as a whole, in bytes, whatever the
/// plugin says that it takes: the host holds it, and the guest has no more memory than that.
pub const MAX_WHOLE: u64 = 16 * 1024 * 1024;

/// Which of the two bodies of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the upstream.
    Request,
    /// From the upstream to the client.
    Response,
}

impl Direction {
    fn hook(self) -> Hook {
        match self {
            Self::Request => Hook::OnRequestBody,
            Self::Response => Hook::OnResponseBody,
        }
    }
}

/// Why a body does not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyStop {
    /// A plugin failed that is closed on faults.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The body is longer than a plugin wants to see, and it said to refuse those.
    #[error("the body is longer than the {limit} bytes that plugin `{plugin}` takes")]
    TooLong {
        /// Which plugin.
        plugin: super::Name,
        /// Its limit.
        limit: u64,
    },
    /// A plugin cut it off.
    #[error("plugin `{plugin}` cut the body off")]
    Aborted {
        /// Which plugin.
        plugin: super::Name,
    },
}

/// One body on its way through the plugins.
pub struct BodyWalk {
    chain: Arc<Chain>,
    exchange: Arc<Exchange>,
    direction: Direction,
    /// In the order in which the bytes meet them.
    stages: Vec<Stage>,
    /// What observers are still to be shown: the index of the stage, and the piece.
    pending: Vec<(usize, Bytes, bool)>,
}

struct Stage {
    /// Of the plugin, in the chain.
    index: usize,
    mode: Mode,
    unit: Unit,
    max_bytes: u64,
    /// Known to be too long before the first byte came.
    too_long: bool,
    on_overflow: Overflow,
    /// Bytes delivered so far.
    delivered: u64,
    /// What waits for the rest of its unit or of the whole body.
    held: BytesMut,
    /// Everything passes by unseen from here on.
    over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Observe,
    Transform,
    Whole,
}

impl BodyWalk {
    /// A walk through those plugins of `range` that asked for this body.
    pub(super) fn start(
        chain: &Arc<Chain>,
        exchange: &Arc<Exchange>,
        direction: Direction,
        headers: &HeaderMap,
        range: Range<usize>,
    ) -> Option<Self> {
        let hook = direction.hook();
        let mut stages = Vec::new();
        for index in range {
            let filter = &chain.links()[index].filter;
            let wants = filter.wants();
            let phase = match direction {
                Direction::Request => wants.request.as_ref(),
                Direction::Response => wants.response.as_ref(),
            };
            let Some(body) = phase.map(|phase| &phase.body) else { continue };
            let Some(limits) = body.limits() else { continue };
            if filter.hooks().contains(hook)
                && exchange.place(index).met
                && wants_media_type(limits, headers)
            {
                stages.push(Stage::new(index, body, limits, headers));
            }
        }
        if stages.is_empty() {
            return None;
        }
        if direction == Direction::Response {
            stages.reverse();
        }
        let (chain, exchange) = (Arc::clone(chain), Arc::clone(exchange));
        Some(Self { chain, exchange, direction, stages, pending: Vec::new() })
    }

    /// Whether any plugin may change the bytes, so that a length stated before may be wrong.
    pub fn changes(&self) -> bool {
        self.stages.iter().any(|stage| stage.mode != Mode::Observe)
    }

    /// Whether any plugin asked to have content codings undone.
    pub fn wants_decoded(&self) -> bool {
        let decoded = |stage: &Stage| {
            let wants = self.chain.links()[stage.index].filter.wants();
            let phase = match self.direction {
                Direction::Request => wants.request.as_ref(),
                Direction::Response => wants.response.as_ref(),
            };
            phase.and_then(|phase| phase.body.limits()).is_some_and(|limits| limits.decode)
        };
        self.stages.iter().any(decoded)
    }

    /// Takes the next piece through the plugins and answers what is to be sent on, which may
    /// be nothing. With `last` everything that was held comes out.
    ///
    /// What observers are owed waits for [`BodyWalk::settle`].
    ///
    /// # Errors
    ///
    /// [`BodyStop`]: the message must not go on. The walk is of no use afterwards.
    pub async fn push(&mut self, data: Bytes, last: bool) -> Result<Bytes, BodyStop> {
        let mut data = data;
        for at in 0..self.stages.len() {
            if data.is_empty() && !last {
                break;
            }
            data = match self.stages[at].mode {
                // What waited for the rest of its unit goes first.
                _ if self.stages[at].over => join(std::mem::take(&mut self.stages[at].held), data),
                Mode::Observe => {
                    self.pending.push((at, data.clone(), last));
                    data
                }
                Mode::Transform => self.transform(at, data, last).await?,
                Mode::Whole => self.gather(at, data, last).await?,
            };
        }
        Ok(data)
    }

    /// Shows observers what was handed on before. To be called once the bytes of the last
    /// [`BodyWalk::push`] are on their way.
    pub async fn settle(&mut self) {
        for (at, data, last) in std::mem::take(&mut self.pending) {
            // An observer is a watcher by contract; whatever it answers changes nothing.
            let _ = self.deliver_units(at, data, last).await;
        }
    }

    async fn transform(&mut self, at: usize, data: Bytes, last: bool) -> Result<Bytes, BodyStop> {
        self.deliver_units(at, data, last).await
    }

    /// Delivers what is complete by the plugin's unit and keeps the rest.
    async fn deliver_units(
        &mut self,
        at: usize,
        data: Bytes,
        last: bool,
    ) -> Result<Bytes, BodyStop> {
        let ready = self.stages[at].ready(data, last);
        if ready.is_empty() && !last {
            return Ok(Bytes::new());
        }
        // The usual case: one piece, one call.
        if ready.len() <= MAX_CHUNK {
            return self.deliver(at, ready, last).await;
        }
        let mut rest = ready;
        let mut out = BytesMut::new();
        while rest.len() > MAX_CHUNK {
            let piece = rest.split_to(MAX_CHUNK);
            out.extend_from_slice(&self.deliver(at, piece, false).await?);
        }
        out.extend_from_slice(&self.deliver(at, rest, last).await?);
        Ok(out.freeze())
    }

    /// Keeps what comes until the body is complete or too long.
    async fn gather(&mut self, at: usize, data: Bytes, last: bool) -> Result<Bytes, BodyStop> {
        let stage = &mut self.stages[at];
        let length = stage.held.len() as u64 + data.len() as u64;
        if length > stage.max_bytes || (stage.too_long && length > 0) {
            self.overflow(at)?;
            let held = std::mem::take(&mut self.stages[at].held);
            return Ok(join(held, data));
        }
        if !last {
            stage.held.extend_from_slice(&data);
            return Ok(Bytes::new());
        }
        let whole = join(std::mem::take(&mut stage.held), data);
        self.deliver(at, whole, true).await
    }

    /// Delivers one piece, unless the plugin sees no more of this body.
    async fn deliver(&mut self, at: usize, data: Bytes, last: bool) -> Result<Bytes, BodyStop> {
        let stage = &self.stages[at];
        if stage.over {
            return Ok(data);
        }
        if stage.delivered + data.len() as u64 > stage.max_bytes {
            return self.deliver_end(at, data).await;
        }
        self.call(at, data, last).await
    }

    /// Delivers as much as the plugin still takes, as the last piece, so that it gives out
    /// what it kept back; the rest passes by.
    async fn deliver_end(&mut self, at: usize, data: Bytes) -> Result<Bytes, BodyStop> {
        let stage = &self.stages[at];
        let room = usize::try_from(stage.max_bytes - stage.delivered).unwrap_or(usize::MAX);
        if stage.on_overflow == Overflow::Pass {
            let mut rest = data;
            let seen = rest.split_to(room.min(rest.len()));
            let mut out = BytesMut::from(&*self.call(at, seen, true).await?);
            self.overflow(at)?;
            out.extend_from_slice(&rest);
            return Ok(out.freeze());
        }
        self.overflow(at)?;
        Ok(data)
    }

    /// Calls the hook with one piece and applies its answer.
    async fn call(&mut self, at: usize, data: Bytes, last: bool) -> Result<Bytes, BodyStop> {
        let stage = &self.stages[at];
        let (index, observes) = (stage.index, stage.mode == Mode::Observe);
        let hook = self.direction.hook();
        let chain = Arc::clone(&self.chain);
        let link = &chain.links()[index];
        let visit = Visit { exchange: &self.exchange, index };
        let chunk = Chunk { data, offset: stage.delivered, last };
        let answer = match self.direction {
            Direction::Request => link.filter.on_request_body(visit, &chunk).await,
            Direction::Response => link.filter.on_response_body(visit, &chunk).await,
        };
        let data = chunk.data;
        self.stages[at].delivered += data.len() as u64;
        let action = if observes {
            // Whatever an observer answers, its bytes are gone already.
            answer.unwrap_or(ChunkAction::Done)
        } else {
            match chain.settle(link, hook, answer)? {
                Some(action) => action,
                None => {
                    self.stages[at].over = true;
                    ChunkAction::Pass
                }
            }
        };
        match action {
            ChunkAction::Pass => Ok(data),
            ChunkAction::Done => {
                self.stages[at].over = true;
                Ok(data)
            }
            ChunkAction::Replace(with) if !observes => Ok(with),
            ChunkAction::Splice(splices) if !observes => {
                let spliced = splice(&data, &splices)
                    .map_err(|_| "a splice reaches beyond its chunk, or they are not in order");
                match chain.blame(link, hook, spliced)? {
                    Some(bytes) => Ok(bytes.into()),
                    None => {
                        self.stages[at].over = true;
                        Ok(data)
                    }
                }
            }
            ChunkAction::Abort if !observes => {
                Err(BodyStop::Aborted { plugin: Arc::clone(link.filter.name()) })
            }
            _ => {
                let why = "an observer cannot change a body";
                link.filter.strike(hook, &Fault::new(FaultKind::Internal, why));
                Ok(data)
            }
        }
    }

    /// The body is longer than the plugin of this stage takes.
    fn overflow(&mut self, at: usize) -> Result<(), BodyStop> {
        let stage = &mut self.stages[at];
        stage.over = true;
        match stage.on_overflow {
            Overflow::Pass => Ok(()),
            Overflow::Reject => {
                let plugin = Arc::clone(self.chain.links()[stage.index].filter.name());
                Err(BodyStop::TooLong { plugin, limit: stage.max_bytes })
            }
        }
    }
}

impl Stage {
    fn new(index: usize, body: &BodyMode, limits: &BodyLimits, headers: &HeaderMap) -> Self {
        let mode = match body {
            BodyMode::Whole(_) => Mode::Whole,
            BodyMode::Transform(_) => Mode::Transform,
            BodyMode::Observe(_) | BodyMode::Skip => Mode::Observe,
        };
        let whole = mode == Mode::Whole;
        let max_bytes = if whole { limits.max_bytes.min(MAX_WHOLE) } else { limits.max_bytes };
        // Events do not end, so a whole body of them never comes; and a stated length that is
        // too long need not be waited for.
        let too_long = whole
            && (is_event_stream(headers)
                || content_length(headers).is_some_and(|length| length > max_bytes));
        Self {
            index,
            mode,
            unit: if whole { Unit::Bytes } else { limits.unit },
            max_bytes,
            too_long,
            on_overflow: limits.on_overflow,
            delivered: 0,
            held: BytesMut::new(),
            over: false,
        }
    }

    /// What can be delivered now; the beginning of a unit is kept, unless it is too long or
    /// nothing follows.
    fn ready(&mut self, data: Bytes, last: bool) -> Bytes {
        if self.over || (self.unit == Unit::Bytes && self.held.is_empty()) {
            return join(std::mem::take(&mut self.held), data);
        }
        self.held.extend_from_slice(&data);
        if last {
            return std::mem::take(&mut self.held).freeze();
        }
        let cut = match self.unit {
            Unit::Bytes => Some(self.held.len()),
            Unit::Line => memchr::memrchr(b'\n', &self.held).map(|at| at + 1),
            Unit::Event => end_of_events(&self.held),
        };
        match cut {
            Some(cut) => self.held.split_to(cut).freeze(),
            None if self.held.len() > MAX_CHUNK => std::mem::take(&mut self.held).freeze(),
            None => Bytes::new(),
        }
    }
}

fn join(held: BytesMut, data: Bytes) -> Bytes {
    if held.is_empty() {
        return data;
    }
    let mut held = held;
    held.extend_from_slice(&data);
    held.freeze()
}

/// The end of the last complete server-sent event: behind the last empty line. Lines end in
/// LF, CRLF or CR.
fn end_of_events(text: &[u8]) -> Option<usize> {
    let mut end = None;
    let mut line_is_empty = false;
    let mut at = 0;
    while at < text.len() {
        let width = match text[at] {
            b'\r' if text.get(at + 1) == Some(&b'\n') => 2,
            // A CR at the very end may be half of a CRLF: the event waits for the next byte.
            b'\r' if at + 1 == text.len() => return end,
            b'\r' | b'\n' => 1,
            _ => {
                line_is_empty = false;
                at += 1;
                continue;
            }
        };
        at += width;
        if line_is_empty {
            end = Some(at);
        }
        line_is_empty = true;
    }
    end
}

fn wants_media_type(limits: &BodyLimits, headers: &HeaderMap) -> bool {
    if limits.media_types.is_empty() {
        return true;
    }
    let Some(stated) = media_type(headers) else { return false };
    let (stated_type, stated_subtype) = stated.split_once('/').unwrap_or((stated, ""));
    limits.media_types.iter().any(|wanted| {
        let (wanted_type, wanted_subtype) = wanted.split_once('/').unwrap_or((wanted, "*"));
        let fits =
            |wanted: &str, stated: &str| wanted == "*" || wanted.eq_ignore_ascii_case(stated);
        fits(wanted_type, stated_type) && fits(wanted_subtype, stated_subtype)
    })
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    let stated = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(stated.split(';').next().unwrap_or(stated).trim())
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|stated| stated.eq_ignore_ascii_case("text/event-stream"))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::filter::chain::tests::{Diary, Fake, chain, exchange};
    use crate::filter::{FaultKind, OnFault, Phase, Splice, Stance};

    fn limits(unit: Unit) -> BodyLimits {
        BodyLimits {
            max_bytes: u64::MAX,
            on_overflow: Overflow::Pass,
            media_types: [].into(),
            decode: false,
            unit,
        }
    }

    fn fake(name: &str, body: BodyMode, diary: &Diary) -> Fake {
        let watches = matches!(body, BodyMode::Observe(_));
        let stance = if watches { Stance::Watcher } else { Stance::Guard };
        let mut fake = Fake::new(name, stance, diary);
        let phase = Phase { body, ..Phase::default() };
        fake.wants.request = Some(phase.clone());
        fake.wants.response = Some(phase);
        fake
    }

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields
            .iter()
            .map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        fields.collect()
    }

    fn start(
        chain: &Arc<Chain>,
        direction: Direction,
        fields: &[(&'static str, &'static str)],
    ) -> Option<BodyWalk> {
        let exchange = exchange(chain.len());
        for index in 0..chain.len() {
            exchange.update_place(index, |place| place.met = true);
        }
        match direction {
            Direction::Request => chain.request_body(&exchange, &headers(fields), None),
            Direction::Response => chain.response_body(&exchange, &headers(fields), chain.len()),
        }
    }

    /// Takes these pieces through one filter; answers what was sent on after each.
    async fn run(filter: Fake, pieces: &[&str]) -> Result<Vec<String>, BodyStop> {
        run_with(filter, &[], pieces).await
    }

    async fn run_with(
        filter: Fake,
        fields: &[(&'static str, &'static str)],
        pieces: &[&str],
    ) -> Result<Vec<String>, BodyStop> {
        let chain = chain(vec![filter]);
        let mut walk = start(&chain, Direction::Request, fields).expect("it is wanted");
        let mut out = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let last = index + 1 == pieces.len();
            let data = walk.push(Bytes::copy_from_slice(piece.as_bytes()), last).await?;
            walk.settle().await;
            out.push(String::from_utf8_lossy(&data).into_owned());
        }
        Ok(out)
    }

    fn take(diary: &Diary) -> Vec<String> {
        std::mem::take(&mut *diary.lock().unwrap())
    }

    fn splice(at: usize, len: usize, with: &str) -> ChunkAction {
        ChunkAction::Splice(vec![Splice { at, len, bytes: with.as_bytes().to_vec() }])
    }

    #[tokio::test]
    async fn each_answer_to_a_chunk_does_what_it_says() {
        let answers: [(ChunkAction, &[&str], usize); 6] = [
            (ChunkAction::Pass, &["one", "two", "three"], 3),
            (ChunkAction::Replace(Bytes::from_static(b"x")), &["x", "x", "x"], 3),
            (ChunkAction::Replace(Bytes::new()), &["", "", ""], 3),
            (splice(1, 1, "--"), &["o--e", "t--o", "t--ree"], 3),
            (ChunkAction::Splice(Vec::new()), &["one", "two", "three"], 3),
            (ChunkAction::Done, &["one", "two", "three"], 1),
        ];
        for (action, expected, calls) in answers {
            let diary = Diary::default();
            let mut filter = fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary);
            let answer = action.clone();
            filter.chunk = Box::new(move |_| Ok(answer.clone()));
            assert_eq!(
                run(filter, &["one", "two", "three"]).await.unwrap(),
                expected,
                "{action:?}"
            );
            assert_eq!(take(&diary).len(), calls, "{action:?}");
        }
        let diary = Diary::default();
        let mut filter = fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary);
        filter.chunk = Box::new(|_| Ok(ChunkAction::Abort));
        assert_eq!(run(filter, &["one"]).await, Err(BodyStop::Aborted { plugin: "a".into() }));
    }

    #[tokio::test]
    async fn chunks_carry_their_offset_and_whether_they_are_the_last() {
        let diary = Diary::default();
        let filter = fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary);
        run(filter, &["one", "", "three", ""]).await.unwrap();
        assert_eq!(take(&diary), ["a (0, 3, false)", "a (3, 5, false)", "a (8, 0, true)"]);
    }

    #[tokio::test]
    async fn pieces_longer_than_a_chunk_are_cut() {
        let diary = Diary::default();
        let filter = fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary);
        let long = "x".repeat(MAX_CHUNK + 1);
        assert_eq!(run(filter, &[&long]).await.unwrap(), [long]);
        assert_eq!(take(&diary), ["a (0, 65536, false)", "a (65536, 1, true)"]);
    }

    #[tokio::test]
    async fn bytes_meet_the_plugins_in_the_order_of_their_direction() {
        for (direction, expected) in [
            (Direction::Request, ["a (0, 3, true)", "b (0, 3, true)"]),
            (Direction::Response, ["b (0, 3, true)", "a (0, 3, true)"]),
        ] {
            let diary = Diary::default();
            let body = || BodyMode::Transform(limits(Unit::Bytes));
            let chain = chain(vec![fake("a", body(), &diary), fake("b", body(), &diary)]);
            let mut walk = start(&chain, direction, &[]).unwrap();
            walk.push(Bytes::from_static(b"one"), true).await.unwrap();
            assert_eq!(take(&diary), expected);
        }
    }

    #[tokio::test]
    async fn a_new_body_is_shown_to_those_behind_its_plugin_only() {
        let diary = Diary::default();
        let body = || BodyMode::Transform(limits(Unit::Bytes));
        let chain = chain(["a", "b", "c"].map(|name| fake(name, body(), &diary)).into());
        let exchange = exchange(3);
        for index in 0..3 {
            exchange.update_place(index, |place| place.met = true);
        }
        let fields = HeaderMap::new();
        let mut walk = chain.request_body(&exchange, &fields, Some(1)).unwrap();
        walk.push(Bytes::from_static(b"one"), true).await.unwrap();
        assert_eq!(take(&diary), ["c (0, 3, true)"]);
        let mut walk = chain.response_body(&exchange, &fields, 1).unwrap();
        walk.push(Bytes::from_static(b"one"), true).await.unwrap();
        assert_eq!(take(&diary), ["a (0, 3, true)"]);
        assert!(chain.request_body(&exchange, &fields, Some(2)).is_none(), "nobody is behind it");
    }

    #[tokio::test]
    async fn who_did_not_meet_the_request_sees_no_body() {
        let diary = Diary::default();
        let chain = chain(vec![fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary)]);
        assert!(chain.response_body(&exchange(1), &HeaderMap::new(), 1).is_none());
    }

    #[tokio::test]
    async fn media_types_decide_before_the_first_byte() {
        for (wanted, stated, expected) in [
            (&["application/json"][..], "application/json", true),
            (&["application/json"], "Application/JSON; charset=utf-8", true),
            (&["application/*"], "application/x-ndjson", true),
            (&["*/json"], "text/json", true),
            (&["*/*"], "image/png", true),
            (&["text/plain", "text/html"], "text/html", true),
            (&["application/json"], "application/jsonp", false),
            (&["text/*"], "application/json", false),
            (&["text/*"], "", false),
            (&[], "image/png", true),
        ] {
            let diary = Diary::default();
            let media_types = wanted.iter().map(|&one| one.to_owned()).collect();
            let limits = BodyLimits { media_types, ..limits(Unit::Bytes) };
            let chain = chain(vec![fake("a", BodyMode::Transform(limits), &diary)]);
            let walk = start(&chain, Direction::Response, &[("content-type", stated)]);
            assert_eq!(walk.is_some(), expected, "{wanted:?} and `{stated}`");
        }
        let diary = Diary::default();
        let media_types = ["text/*".to_owned()].into();
        let limits = BodyLimits { media_types, ..limits(Unit::Bytes) };
        let chain = chain(vec![fake("a", BodyMode::Transform(limits), &diary)]);
        assert!(start(&chain, Direction::Response, &[]).is_none(), "nobody said what it is");
    }

    #[tokio::test]
    async fn lines_and_events_are_delivered_when_they_are_complete() {
        let table: [(Unit, &[&str], &[&str]); 9] = [
            (Unit::Line, &["a\nb", "c\nd", ""], &["a\n", "bc\n", "d"]),
            (Unit::Line, &["a", "b", "c"], &["", "", "abc"]),
            (Unit::Line, &["a\r", "\nb", ""], &["", "a\r\n", "b"]),
            (Unit::Event, &["data: 1\n\ndata", ": 2\n\n", ""], &["data: 1\n\n", "data: 2\n\n", ""]),
            (Unit::Event, &["data: 1\r\n\r\nda", "ta", ""], &["data: 1\r\n\r\n", "", "data"]),
            (Unit::Event, &["a\r\n\r", "\nb\r\n", "\r\n"], &["", "a\r\n\r\n", "b\r\n\r\n"]),
            (Unit::Event, &["a\n", "\nb\n", "c\n\n"], &["", "a\n\n", "b\nc\n\n"]),
            (Unit::Event, &["a\r\rb", "", ""], &["a\r\r", "", "b"]),
            (Unit::Event, &["a\n\nb\n\nc", "", ""], &["a\n\nb\n\n", "", "c"]),
        ];
        for (unit, pieces, expected) in table {
            let diary = Diary::default();
            let filter = fake("a", BodyMode::Transform(limits(unit)), &diary);
            assert_eq!(run(filter, pieces).await.unwrap(), expected, "{unit:?} {pieces:?}");
        }
    }

    #[tokio::test]
    async fn a_unit_that_does_not_end_is_cut_all_the_same() {
        let diary = Diary::default();
        let filter = fake("a", BodyMode::Transform(limits(Unit::Line)), &diary);
        let long = "x".repeat(MAX_CHUNK);
        let out = run(filter, &[&long, "yy", "z\nlast"]).await.unwrap();
        assert_eq!(out, [String::new(), format!("{long}yy"), "z\nlast".to_owned()]);
    }

    #[tokio::test]
    async fn what_waits_for_its_unit_is_not_lost_when_the_plugin_has_seen_enough() {
        let answers: [fn(&Chunk) -> Result<ChunkAction, Fault>; 2] =
            [|_| Ok(ChunkAction::Done), |_| Err(Fault::new(FaultKind::Trap, "gone"))];
        for answer in answers {
            let diary = Diary::default();
            let mut filter = fake("a", BodyMode::Transform(limits(Unit::Line)), &diary);
            filter.chunk = Box::new(answer);
            let link = crate::filter::Link { filter: Arc::new(filter), on_fault: OnFault::Open };
            let chain = Arc::new(Chain::new(vec![link]));
            let mut walk = start(&chain, Direction::Request, &[]).unwrap();
            let mut out = Vec::new();
            for (piece, last) in [("a\nb", false), ("c\nd", false), ("", true)] {
                out.extend_from_slice(&walk.push(piece.into(), last).await.unwrap());
            }
            assert_eq!(out, b"a\nbc\nd");
        }
    }

    #[tokio::test]
    async fn a_whole_body_is_delivered_once() {
        let diary = Diary::default();
        let mut filter = fake("a", BodyMode::Whole(limits(Unit::Line)), &diary);
        filter.chunk = Box::new(|chunk| {
            let text = String::from_utf8_lossy(&chunk.data).to_uppercase();
            Ok(ChunkAction::Replace(text.into()))
        });
        assert_eq!(run(filter, &["a\n", "b", "c"]).await.unwrap(), ["", "", "A\nBC"]);
        assert_eq!(take(&diary), ["a (0, 4, true)"], "and in one piece, whatever its unit");
    }

    #[tokio::test]
    async fn an_empty_body_is_a_last_chunk_in_every_mode() {
        for body in [BodyMode::Transform, BodyMode::Whole, BodyMode::Observe] {
            let diary = Diary::default();
            let filter = fake("a", body(limits(Unit::Event)), &diary);
            assert_eq!(run(filter, &[""]).await.unwrap(), [""]);
            assert_eq!(take(&diary), ["a (0, 0, true)"]);
        }
    }

    #[tokio::test]
    async fn a_body_beyond_its_limit_passes_or_is_refused() {
        // Mode, pieces, what is seen of them, when it is refused.
        let table: [(fn(BodyLimits) -> BodyMode, &[&str], &[&str], usize); 3] = [
            (BodyMode::Whole, &["123", "456", "7"], &[], 1),
            (BodyMode::Transform, &["123", "456", "7"], &["a (0, 3, false)", "a (3, 2, true)"], 1),
            (BodyMode::Observe, &["123", "456", "7"], &["a (0, 3, false)", "a (3, 2, true)"], 9),
        ];
        for (mode, pieces, seen, refused) in table {
            let small = BodyLimits { max_bytes: 5, ..limits(Unit::Bytes) };
            let diary = Diary::default();
            let out = run(fake("a", mode(small.clone()), &diary), pieces).await.unwrap();
            assert_eq!(out.concat(), "1234567", "the rest passes by");
            assert_eq!(take(&diary), seen);

            let reject = BodyLimits { on_overflow: Overflow::Reject, ..small };
            let outcome = run(fake("a", mode(reject), &diary), pieces).await;
            if refused < pieces.len() {
                let expected = BodyStop::TooLong { plugin: "a".into(), limit: 5 };
                assert_eq!(outcome.unwrap_err(), expected);
            } else {
                assert_eq!(outcome.unwrap().concat(), "1234567", "an observer holds nothing up");
            }
        }
    }

    #[tokio::test]
    async fn a_body_of_just_its_limit_is_delivered() {
        for mode in [BodyMode::Whole, BodyMode::Transform] {
            let diary = Diary::default();
            let limits =
                BodyLimits { max_bytes: 6, on_overflow: Overflow::Reject, ..limits(Unit::Bytes) };
            assert_eq!(
                run(fake("a", mode(limits), &diary), &["123", "456"]).await.unwrap().concat(),
                "123456"
            );
        }
    }

    #[tokio::test]
    async fn a_plugin_that_keeps_a_tail_gives_it_out_at_its_limit() {
        let small = BodyLimits { max_bytes: 5, ..limits(Unit::Bytes) };
        let diary = Diary::default();
        let mut filter = fake("a", BodyMode::Transform(small), &diary);
        let kept = std::sync::Mutex::new(Vec::<u8>::new());
        // Keeps the last two bytes back, as one does who looks across the end of a chunk.
        filter.chunk = Box::new(move |chunk| {
            let mut kept = kept.lock().unwrap();
            kept.extend_from_slice(&chunk.data);
            let keep = if chunk.last { 0 } else { kept.len().min(2) };
            let until = kept.len() - keep;
            let out: Vec<u8> = kept.drain(..until).collect();
            Ok(ChunkAction::Replace(out.into()))
        });
        let out = run(filter, &["123", "456", "789"]).await.unwrap();
        assert_eq!(out, ["1", "23456", "789"]);
    }

    #[tokio::test]
    async fn a_whole_body_that_is_too_long_from_the_start_is_not_waited_for() {
        for field in [
            ("content-type", "text/event-stream; charset=utf-8"),
            ("content-length", "18446744073709551615"),
            ("content-length", "16777217"),
        ] {
            let diary = Diary::default();
            let filter = fake("a", BodyMode::Whole(limits(Unit::Bytes)), &diary);
            let out = run_with(filter, &[field], &["data: 1\n\n", "data: 2\n\n", ""]).await;
            assert_eq!(out.unwrap(), ["data: 1\n\n", "data: 2\n\n", ""], "{field:?}");
            assert!(take(&diary).is_empty(), "{field:?}");

            let reject = BodyLimits { on_overflow: Overflow::Reject, ..limits(Unit::Bytes) };
            let filter = fake("a", BodyMode::Whole(reject), &diary);
            let stop = run_with(filter, &[field], &["data: 1\n\n"]).await.unwrap_err();
            assert_eq!(stop, BodyStop::TooLong { plugin: "a".into(), limit: MAX_WHOLE });
        }
    }

    #[tokio::test]
    async fn the_host_holds_no_more_than_its_own_limit() {
        let diary = Diary::default();
        let filter = fake("a", BodyMode::Whole(limits(Unit::Bytes)), &diary);
        let piece = "x".repeat(1024 * 1024);
        let mut pieces = vec![piece.as_str(); 17];
        pieces.push("end");
        let out = run(filter, &pieces).await.unwrap();
        assert!(out[..16].iter().all(String::is_empty));
        assert_eq!(out[16].len(), 17 * piece.len(), "and lets go of it then");
        assert!(take(&diary).is_empty());
    }

    #[tokio::test]
    async fn observers_see_what_was_forwarded_before() {
        let diary = Diary::default();
        let transform = BodyMode::Transform(limits(Unit::Bytes));
        let chain = chain(vec![
            fake("watch", BodyMode::Observe(limits(Unit::Bytes)), &diary),
            fake("change", transform, &diary),
        ]);
        let mut walk = start(&chain, Direction::Request, &[]).unwrap();
        assert!(walk.changes());
        walk.push(Bytes::from_static(b"one"), false).await.unwrap();
        assert_eq!(take(&diary), ["change (0, 3, false)"], "nothing is held up by who watches");
        walk.settle().await;
        assert_eq!(take(&diary), ["watch (0, 3, false)"]);
        walk.push(Bytes::from_static(b"two"), true).await.unwrap();
        walk.settle().await;
        assert_eq!(take(&diary), ["change (3, 3, true)", "watch (3, 3, true)"]);
    }

    #[tokio::test]
    async fn an_observer_changes_nothing_whatever_it_answers() {
        let answers: [(ChunkAction, bool); 5] = [
            (ChunkAction::Pass, false),
            (ChunkAction::Done, false),
            (ChunkAction::Replace(Bytes::from_static(b"x")), true),
            (splice(0, 1, "x"), true),
            (ChunkAction::Abort, true),
        ];
        for (action, strikes) in answers {
            let diary = Diary::default();
            let mut filter = fake("a", BodyMode::Observe(limits(Unit::Bytes)), &diary);
            let answer = action.clone();
            filter.chunk = Box::new(move |_| Ok(answer.clone()));
            assert_eq!(run(filter, &["one", "two"]).await.unwrap(), ["one", "two"], "{action:?}");
            let struck = take(&diary).iter().any(|line| line.contains("struck"));
            assert_eq!(struck, strikes, "{action:?}");
        }
        let diary = Diary::default();
        let mut filter = fake("a", BodyMode::Observe(limits(Unit::Bytes)), &diary);
        filter.chunk = Box::new(|_| Err(Fault::new(FaultKind::Trap, "gone")));
        assert_eq!(run(filter, &["one", "two"]).await.unwrap(), ["one", "two"]);
        assert_eq!(take(&diary).len(), 1, "it is not asked again");
    }

    #[tokio::test]
    async fn a_fault_in_the_middle_of_a_body_is_open_or_closed() {
        let wrong: [fn(&Chunk) -> Result<ChunkAction, Fault>; 3] = [
            |_| Err(Fault::new(FaultKind::Unprocessable, "cannot")),
            |chunk| Ok(splice(chunk.data.len(), 1, "")),
            |_| {
                let one = |at| Splice { at, len: 1, bytes: Vec::new() };
                Ok(ChunkAction::Splice(vec![one(1), one(0)]))
            },
        ];
        for answer in wrong {
            for on_fault in [OnFault::Open, OnFault::Closed] {
                let diary = Diary::default();
                let mut filter = fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary);
                filter.chunk = Box::new(answer);
                let link = crate::filter::Link { filter: Arc::new(filter), on_fault };
                let chain = Arc::new(Chain::new(vec![link]));
                let mut walk = start(&chain, Direction::Response, &[]).unwrap();
                let first = walk.push(Bytes::from_static(b"one"), false).await;
                match on_fault {
                    OnFault::Closed => {
                        let Err(BodyStop::Closed(closed)) = first else { panic!("{first:?}") };
                        assert_eq!(closed.hook, Hook::OnResponseBody);
                    }
                    OnFault::Open => {
                        assert_eq!(first.unwrap(), "one", "as it came");
                        let rest = walk.push(Bytes::from_static(b"two"), true).await;
                        assert_eq!(rest.unwrap(), "two");
                        let calls = take(&diary);
                        let calls = calls.iter().filter(|line| line.contains('(')).count();
                        assert_eq!(calls, 1, "the rest goes without it");
                    }
                }
            }
        }
    }

    fn cut(text: &[u8], cuts: &[usize]) -> Vec<Bytes> {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
        cuts.sort_unstable();
        let mut from = 0;
        let mut pieces = Vec::new();
        for to in cuts.into_iter().chain([text.len()]) {
            pieces.push(Bytes::copy_from_slice(&text[from..to]));
            from = to;
        }
        pieces
    }

    proptest! {
        /// Whatever the unit, the limit and the cuts: nothing is lost, doubled or reordered,
        /// units are never cut by the way the bytes arrived, and the last chunk is the last.
        #[test]
        fn what_passes_comes_out_as_it_went_in(
            text in "[ab\r\n]{0,80}",
            cuts in proptest::collection::vec(0usize..100, 0..8),
            unit in proptest::sample::select(vec![Unit::Bytes, Unit::Line, Unit::Event]),
            whole in any::<bool>(),
            max_bytes in proptest::sample::select(vec![0, 7, 30, u64::MAX]),
            stop_after in proptest::sample::select(vec![1, 2, usize::MAX]),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let diary = Diary::default();
            let limits = BodyLimits { max_bytes, ..limits(unit) };
            let mode = if whole { BodyMode::Whole } else { BodyMode::Transform };
            let mut filter = fake("a", mode(limits), &diary);
            let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
            let noted = Arc::clone(&seen);
            filter.chunk = Box::new(move |chunk| {
                let mut noted = noted.lock().unwrap();
                noted.push((chunk.data.clone(), chunk.last));
                let enough = noted.len() >= stop_after;
                Ok(if enough { ChunkAction::Done } else { ChunkAction::Pass })
            });
            let chain = chain(vec![filter]);
            let mut walk = start(&chain, Direction::Request, &[]).unwrap();
            let pieces = cut(text.as_bytes(), &cuts);
            let mut out = Vec::new();
            runtime.block_on(async {
                for (index, piece) in pieces.iter().enumerate() {
                    let last = index + 1 == pieces.len();
                    out.extend_from_slice(&walk.push(piece.clone(), last).await.unwrap());
                    walk.settle().await;
                }
            });
            prop_assert_eq!(&out, text.as_bytes());
            let seen = seen.lock().unwrap();
            let chunks: Vec<_> = seen.iter().map(|(data, _)| data.clone()).collect();
            prop_assert!(text.as_bytes().starts_with(&chunks.concat()));
            let last = seen.iter().position(|(_, last)| *last);
            prop_assert!(last.is_none_or(|at| at + 1 == seen.len()), "nothing follows the last");
            for (data, last) in seen.iter().filter(|_| !whole) {
                // A CR ends a line once it is clear that no LF follows.
                let followed = [data, &b"x"[..]].concat();
                let ends = match unit {
                    Unit::Bytes => true,
                    Unit::Line => data.ends_with(b"\n"),
                    Unit::Event => end_of_events(&followed) == Some(data.len()),
                };
                prop_assert!(ends || *last, "{:?} is not {:?}", data, unit);
            }
        }

        /// A plugin that changes whole units gives the same, however the bytes arrived.
        #[test]
        fn the_way_the_bytes_arrive_does_not_show(
            text in "[ab\r\n]{0,80}",
            cuts in proptest::collection::vec(0usize..100, 0..8),
            unit in proptest::sample::select(vec![Unit::Line, Unit::Event]),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let run = |pieces: Vec<Bytes>| runtime.block_on(async {
                let diary = Diary::default();
                let mut filter = fake("a", BodyMode::Transform(limits(unit)), &diary);
                filter.chunk = Box::new(|chunk| {
                    let text = String::from_utf8_lossy(&chunk.data).replace("ab", "[x]");
                    Ok(ChunkAction::Replace(text.into()))
                });
                let chain = chain(vec![filter]);
                let mut walk = start(&chain, Direction::Response, &[]).unwrap();
                let mut out = Vec::new();
                for (index, piece) in pieces.iter().enumerate() {
                    let last = index + 1 == pieces.len();
                    out.extend_from_slice(&walk.push(piece.clone(), last).await.unwrap());
                }
                out
            });
            let whole = run(vec![Bytes::copy_from_slice(text.as_bytes())]);
            prop_assert_eq!(run(cut(text.as_bytes(), &cuts)), whole);
        }
    }
}
