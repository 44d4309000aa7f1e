//! A text that arrives in pieces.
//!
//! However it is cut, the pieces that go out together are the text that would come out of a single
//! scan. For that a [`Stream`] keeps back what could be the beginning of a hit, usually a few
//! bytes, and a copy of what went out last, in which the words around a value are looked up. A
//! value that was recognised and has no end yet costs nothing: its marker is out, the rest is
//! swallowed as it comes.

use crate::engine::{Engine, Scratch};
use crate::find::{AGAIN, CELL, LEFT, Mode, State};
use crate::parts::Parts;
use crate::place::Kind;
use crate::scan::BLOCK;
use crate::text::{LOOK_BACK, Text};

/// How many bytes that went out are remembered: as far back as a rule may look from the earliest
/// candidate that is judged again.
const REMEMBERED: usize = LOOK_BACK + AGAIN + BLOCK + CELL + LEFT;

/// What becomes of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It goes on as it is.
    Pass,
    /// It goes on with these replacements.
    Splice(Vec<Splice>),
    /// These bytes go on instead; they may be none.
    Replace(Vec<u8>),
}

/// Replace `len` bytes from `at` with `bytes`. Offsets refer to the piece; splices ascend and do
/// not overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// The first byte that is replaced.
    pub at: usize,
    /// How many bytes are replaced.
    pub len: usize,
    /// What stands there instead.
    pub bytes: Vec<u8>,
}

/// One text on its way through. Belongs to one exchange and direction, or to one source of logs.
pub struct Stream {
    kind: Kind,
    /// What went out last, and behind it what is kept back.
    buffer: Vec<u8>,
    state: State,
    /// Only of a form in parts, which has all the rest.
    parts: Option<Box<Parts>>,
}

impl Stream {
    /// A stream at the beginning of its text.
    pub fn new(kind: Kind) -> Stream {
        let parts = (kind == Kind::Parts).then(Box::default);
        Stream { kind, buffer: Vec::new(), state: State::default(), parts }
    }

    /// The bytes that are kept back.
    pub fn held(&self) -> usize {
        match &self.parts {
            Some(parts) => parts.held(),
            None => self.buffer.len() - self.state.settled,
        }
    }

    /// Takes the next piece. `last` says that none follows; then nothing is kept back, and the
    /// stream is at a beginning again.
    pub fn push(
        &mut self,
        engine: &Engine,
        chunk: &[u8],
        last: bool,
        scratch: &mut Scratch,
    ) -> Answer {
        if let Some(parts) = &mut self.parts {
            return parts.push(engine, chunk, last, scratch);
        }
        let from = self.state.settled;
        let held = self.held();
        self.buffer.extend_from_slice(chunk);
        let text = Text::new(&self.buffer, last);
        let settled = engine.scan_on(self.kind, text, &mut self.state, scratch);
        let answer = if held == 0 && settled == self.buffer.len() {
            if scratch.is_clean() { Answer::Pass } else { Answer::Splice(splices(scratch, from)) }
        } else {
            let mut out = Vec::with_capacity(settled - from + 64);
            scratch.apply_between(&self.buffer, from, settled, &mut out);
            Answer::Replace(out)
        };
        if last {
            self.buffer.clear();
            self.state = State::default();
        } else {
            self.forget(settled);
        }
        answer
    }

    /// Takes a run of whole log records, joined by line ends. Nothing is kept back and no line end
    /// is touched; only a private key may go on from one block to the next.
    pub fn block(&mut self, engine: &Engine, block: &[u8], scratch: &mut Scratch) -> Vec<Splice> {
        let mut state = State::default();
        if let Mode::Pem(_) = self.state.mode {
            state.mode = self.state.mode;
        }
        engine.scan_on(self.kind, Text::of_records(block), &mut state, scratch);
        self.state.mode = if let Mode::Pem(_) = state.mode { state.mode } else { Mode::Open };
        splices(scratch, 0)
    }

    /// Drops what lies further back than any rule looks.
    fn forget(&mut self, settled: usize) {
        let gone = settled.saturating_sub(REMEMBERED);
        // Moving bytes pays only for more than are kept.
        if gone > REMEMBERED {
            self.buffer.drain(..gone);
            self.state.shift(gone);
        }
    }
}

fn splices(scratch: &Scratch, from: usize) -> Vec<Splice> {
    scratch
        .edits()
        .map(|(range, bytes)| Splice {
            at: range.start - from,
            len: range.len(),
            bytes: bytes.to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;

    fn engine() -> Engine {
        Engine::new(Rules::default())
    }

    #[test]
    fn clean_pieces_pass_and_single_hits_are_spliced() {
        let (engine, mut scratch) = (engine(), Scratch::default());
        let mut stream = Stream::new(Kind::Json);
        assert_eq!(stream.push(&engine, b"{\"a\":\"b\"}\n", false, &mut scratch), Answer::Pass);
        let splice = Splice { at: 6, len: 16, bytes: b"[email]".to_vec() };
        let chunk = b"{\"a\":\"jane@example.com\"}\n";
        assert_eq!(stream.push(&engine, chunk, false, &mut scratch), Answer::Splice(vec![splice]));
        assert_eq!(
            stream.push(&engine, b"{\"a\":\"jane@exa", false, &mut scratch),
            Answer::Replace(b"{\"a\":\"".to_vec())
        );
        assert_eq!(stream.held(), 8);
        assert_eq!(
            stream.push(&engine, b"mple.com\"}", true, &mut scratch),
            Answer::Replace(b"[email]\"}".to_vec())
        );
        assert_eq!(stream.held(), 0);
        assert_eq!(engine.named(scratch.counts()).collect::<Vec<_>>(), [("email", 2)]);
    }

    #[test]
    fn long_secrets_cost_nothing_to_keep() {
        let (engine, mut scratch) = (engine(), Scratch::default());
        let mut stream = Stream::new(Kind::Json);
        stream.push(&engine, b"{\"password\":\"", false, &mut scratch);
        let mut out = Vec::new();
        for _ in 0..100 {
            match stream.push(&engine, &[b'x'; 1000], false, &mut scratch) {
                Answer::Replace(bytes) => out.extend(bytes),
                Answer::Splice(splices) => {
                    out.extend(splices.into_iter().flat_map(|splice| splice.bytes))
                }
                Answer::Pass => panic!("a secret never passes"),
            }
            assert_eq!(stream.held(), 0, "what is swallowed is not kept");
        }
        assert_eq!(stream.push(&engine, b"\"}", true, &mut scratch), Answer::Pass);
        assert_eq!(out, b"\"[redacted]");
    }

    #[test]
    fn blocks_keep_their_records_apart() {
        let (engine, mut scratch) = (engine(), Scratch::default());
        let mut stream = Stream::new(Kind::Text);
        let block = b"a password=\"x\nb jane@example.com\nc {\"token\":[1,\nd";
        let splices = stream.block(&engine, block, &mut scratch);
        assert!(
            splices.iter().all(|splice| !block[splice.at..splice.at + splice.len].contains(&b'\n'))
        );
        let mut out = Vec::new();
        scratch.apply(block, &mut out);
        assert_eq!(out, b"a password=\"[redacted]\nb [email]\nc {\"token\":\"[redacted]\"\nd");
    }

    #[test]
    fn a_private_key_may_go_over_blocks() {
        let (engine, mut scratch) = (engine(), Scratch::default());
        let mut stream = Stream::new(Kind::Text);
        let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        let dashes = "-----";
        let blocks = [
            (
                format!("start\n{dashes}BEGIN RSA PRIVATE KEY{dashes}\n{line}"),
                "start\n[private-key]\n[private-key]",
            ),
            (format!("{line}\n{line}"), "[private-key]\n[private-key]"),
            (
                format!("ab==\n{dashes}END RSA PRIVATE KEY{dashes}\nnext {line}"),
                "[private-key]\n[private-key]\nnext ",
            ),
            (line.into(), line),
        ];
        for (block, expected) in blocks {
            stream.block(&engine, block.as_bytes(), &mut scratch);
            let mut out = Vec::new();
            scratch.apply(block.as_bytes(), &mut out);
            assert!(out.starts_with(expected.as_bytes()), "{}", String::from_utf8_lossy(&out));
        }
    }
}
