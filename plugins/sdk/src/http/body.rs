//! Bodies, as they pass by: chunks, and what is done with each.

use crate::fault::{Answer, Fault};
use crate::http::Exchange;
use crate::value::Splice;

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The exchange it belongs to; the key of [`Exchanges`](crate::Exchanges).
    pub exchange: Exchange,
    /// The bytes. May be empty, at the end.
    pub data: Vec<u8>,
    /// Number of bytes delivered before this chunk.
    pub offset: u64,
    /// Nothing follows.
    pub last: bool,
}

impl Chunk {
    /// A body in one piece, for tests.
    pub fn new(data: impl Into<Vec<u8>>) -> Self {
        Self { exchange: Exchange::default(), data: data.into(), offset: 0, last: true }
    }

    /// Whether this is the first chunk of the body.
    pub fn is_first(&self) -> bool {
        self.offset == 0
    }
}

/// What to do with a chunk. From a watcher only [`Pass`](Self::Pass) and [`Done`](Self::Done).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the chunk passes unchanged unless the hook returns this"]
pub enum ChunkAction {
    /// Forward it as it is. Copies nothing back.
    Pass,
    /// Forward these bytes instead; empty swallows the chunk. What is kept back for the next one
    /// has to be given out at [`last`](Chunk::last): [`Carry`](crate::Carry) sees to that.
    Replace(Vec<u8>),
    /// Forward it after replacing these ranges of the chunk.
    Splice(Vec<Splice>),
    /// Forward it as it is, and send no more of this body.
    Done,
    /// Cut the exchange off.
    Abort,
}

impl Answer<ChunkAction> for () {
    #[inline]
    fn answer(self) -> Result<ChunkAction, Fault> {
        Ok(ChunkAction::Pass)
    }
}
