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

/// What nobody states the type of may be anything, so also what is wanted.
fn wants_media_type(limits: &BodyLimits, headers: &HeaderMap) -> bool {
    if limits.media_types.is_empty() {
        return true;
    }
    let Some(stated) = media_type(headers) else { return true };
    let (stated_type, stated_subtype) = stated.split_once('/').unwrap_or((stated, ""));
    limits.media_types.iter().any(|wanted| {
        let (wanted_type, wanted_subtype) = wanted.split_once('/').unwrap_or((wanted, "*"));
        let fits = |wanted: &str, stated: &str| match wanted.strip_prefix('*') {
            None => wanted.eq_ignore_ascii_case(stated),
            // `*` and `*+json`.
            Some(end) => stated
                .len()
                .checked_sub(end.len())
                .is_some_and(|at| stated.as_bytes()[at..].eq_ignore_ascii_case(end.as_bytes())),
        };
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
mod tests;
