//! Follows a chunked body through the bytes that carry it.
//!
//! The follower owns no bytes: it is shown what arrived and says which part is content. It is used
//! twice, by the reader in front of the server, which only wants to know where the next head
//! begins, and by the client, which wants the content. A size is 1 to 16 hexadecimal digits that fit,
//! lines end in CRLF, extensions are read over up to 256 bytes a chunk, trailers up to 8 KiB.

use super::{Refusal, head::split_field};

/// Most bytes of an extension; nobody is known to use any.
const MAX_EXTENSION: usize = 256;
/// Most bytes of all trailers together.
const MAX_TRAILERS: usize = 8 * 1024;

/// Where in a chunked body the last byte was.
#[derive(Debug)]
pub struct Chunked {
    state: State,
    trailers: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size { value: u64, digits: u8 },
    Extension { value: u64, length: usize },
    SizeEnd { value: u64 },
    Data { left: u64 },
    DataEnd,
    DataLineFeed,
    Trailers,
    Done,
}

/// What the beginning of the bytes shown is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// This many bytes belong to the coding and are dropped; look again behind them.
    Overhead(usize),
    /// This many bytes are content; look again behind them.
    Content(usize),
    /// This many bytes complete the body; what is behind them is not part of it.
    End(usize),
}

impl Default for Chunked {
    fn default() -> Self {
        Self { state: State::Size { value: 0, digits: 0 }, trailers: Vec::new() }
    }
}

impl Chunked {
    /// Says what `bytes` begin with. Never asks for the same byte twice: what a part covers is done.
    ///
    /// Returns `Overhead(0)` only for empty input, and `End(0)` ever after the end.
    ///
    /// # Errors
    ///
    /// [`Refusal::ChunkSize`], [`Refusal::ChunkExtension`], [`Refusal::ChunkEnd`],
    /// [`Refusal::Trailers`], [`Refusal::LineEnd`]. The follower is of no use afterwards.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Part, Refusal> {
        let mut at = 0;
        loop {
            if let State::Data { left } = &mut self.state {
                if at > 0 {
                    return Ok(Part::Overhead(at));
                }
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= take as u64;
                if *left == 0 {
                    self.state = State::DataEnd;
                }
                return Ok(if take == 0 { Part::Overhead(0) } else { Part::Content(take) });
            }
            if self.state == State::Done {
                return Ok(Part::End(at));
            }
            let Some(byte) = bytes.get(at) else { return Ok(Part::Overhead(at)) };
            self.state = self.step(*byte)?;
            at += 1;
        }
    }

    /// The trailers received, complete lines with CRLF, each a well-formed field.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// True once the body is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        Ok(match self.state {
            State::Size { value, digits } => match (byte, (byte as char).to_digit(16)) {
                (_, Some(digit)) => {
                    if digits == 16 {
                        return Err(Refusal::ChunkSize);
                    }
                    // Sixteen digits fill 64 bits exactly.
                    State::Size { value: value << 4 | u64::from(digit), digits: digits + 1 }
                }
                _ if digits == 0 => return Err(Refusal::ChunkSize),
                (b';', _) => State::Extension { value, length: 0 },
                (b'\r', _) => State::SizeEnd { value },
                (b'\n', _) => return Err(Refusal::LineEnd),
                _ => return Err(Refusal::ChunkSize),
            },
            State::Extension { value, length } => match byte {
                b'\r' => State::SizeEnd { value },
                b'\n' => return Err(Refusal::LineEnd),
                _ if length == MAX_EXTENSION => return Err(Refusal::ChunkExtension),
                b'\t' | 0x20..=0x7e | 0x80.. => State::Extension { value, length: length + 1 },
                _ => return Err(Refusal::ChunkExtension),
            },
            State::SizeEnd { value } => match (byte, value) {
                (b'\n', 0) => State::Trailers,
                (b'\n', left) => State::Data { left },
                _ => return Err(Refusal::LineEnd),
            },
            State::DataEnd => match byte {
                b'\r' => State::DataLineFeed,
                _ => return Err(Refusal::ChunkEnd),
            },
            State::DataLineFeed => match byte {
                b'\n' => State::Size { value: 0, digits: 0 },
                _ => return Err(Refusal::ChunkEnd),
            },
            State::Trailers => {
                if self.trailers.len() == MAX_TRAILERS {
                    return Err(Refusal::Trailers);
                }
                self.trailers.push(byte);
                if byte != b'\n' {
                    return Ok(State::Trailers);
                }
                let lines = self.trailers.strip_suffix(b"\r\n").ok_or(Refusal::LineEnd)?;
                let start = memchr::memrchr(b'\n', lines).map_or(0, |end| end + 1);
                let line = &lines[start..];
                if line.is_empty() {
                    self.trailers.truncate(start);
                    return Ok(State::Done);
                }
                split_field(line)?;
                State::Trailers
            }
            State::Data { .. } | State::Done => unreachable!("handled before any byte is read"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Read = (Vec<u8>, Vec<u8>, Vec<u8>);

    /// Reads `bytes` in pieces of `piece` bytes; gives the content, what follows it, and trailers.
    fn read(bytes: &[u8], piece: usize) -> Result<Read, Refusal> {
        let mut follower = Chunked::default();
        let mut content = Vec::new();
        let mut rest = Vec::new();
        for piece in bytes.chunks(piece) {
            let mut piece = piece;
            while !piece.is_empty() {
                match follower.next(piece)? {
                    Part::Overhead(length) => piece = &piece[length..],
                    Part::Content(length) => {
                        content.extend_from_slice(&piece[..length]);
                        piece = &piece[length..];
                    }
                    Part::End(length) => {
                        rest.extend_from_slice(&piece[length..]);
                        break;
                    }
                }
            }
        }
        if !follower.is_done() {
            rest.extend_from_slice(b"(incomplete)");
        }
        Ok((content, rest, follower.trailers().to_vec()))
    }

    #[track_caller]
    fn check(bytes: &str, want: Result<(&str, &str), Refusal>) {
        for piece in [1, 2, 3, 1000] {
            let have = read(bytes.as_bytes(), piece).map(|(content, rest, _)| {
                (content.escape_ascii().to_string(), rest.escape_ascii().to_string())
            });
            let want = want.map(|(content, rest)| (content.to_owned(), rest.to_owned()));
            assert_eq!(have, want, "{bytes:?} in pieces of {piece}");
        }
    }

    #[test]
    fn content_is_found_and_the_end_is_exact() {
        check("0\r\n\r\n", Ok(("", "")));
        check("5\r\nhello\r\n0\r\n\r\nGET", Ok(("hello", "GET")));
        check("00005\r\nhello\r\n6\r\n world\r\n000\r\n\r\n", Ok(("hello world", "")));
        check("A;x=\"y\"\r\n0123456789\r\n0;z\r\n\r\n", Ok(("0123456789", "")));
        check("5\r\nhel", Ok(("hel", "(incomplete)")));
        check("5\r\nhello\r\n", Ok(("hello", "(incomplete)")));
    }

    #[test]
    fn what_another_reader_could_read_differently_is_refused() {
        check("\r\n", Err(Refusal::ChunkSize));
        check(" 5\r\nhello", Err(Refusal::ChunkSize));
        check("5 \r\nhello", Err(Refusal::ChunkSize));
        check("0x5\r\nhello", Err(Refusal::ChunkSize));
        check("-5\r\nhello", Err(Refusal::ChunkSize));
        check("+5\r\nhello", Err(Refusal::ChunkSize));
        check("g\r\n", Err(Refusal::ChunkSize));
        check("5\nhello", Err(Refusal::LineEnd));
        check("5\rhello", Err(Refusal::LineEnd));
        check("5;x\nhello", Err(Refusal::LineEnd));
        check("5;\0\r\nhello", Err(Refusal::ChunkExtension));
        check("5\r\nhello0\r\n", Err(Refusal::ChunkEnd));
        check("5\r\nhello\n0\r\n", Err(Refusal::ChunkEnd));
        check("5\r\nhello\rx", Err(Refusal::ChunkEnd));
        check("0000000000000000f\r\n", Err(Refusal::ChunkSize));
        check("10000000000000005\r\nhello", Err(Refusal::ChunkSize));
        check(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(256)), Ok(("hello", "")));
        check(&format!("5;{}\r\nhello", "x".repeat(257)), Err(Refusal::ChunkExtension));
        check("0\r\nx y\r\n\r\n", Err(Refusal::FieldName));
        check("0\r\n\n", Err(Refusal::LineEnd));
        check("0\r\nx: y\n\n", Err(Refusal::LineEnd));
    }

    #[test]
    fn trailers_are_kept_up_to_their_limit() {
        let (_, rest, trailers) = read(b"0\r\na: b\r\nc: d\r\n\r\nrest", 4).expect("well-formed");
        assert_eq!(
            (trailers.as_slice(), rest.as_slice()),
            (&b"a: b\r\nc: d\r\n"[..], &b"rest"[..])
        );
        let trailers = |length: usize| {
            read(format!("0\r\nx: {}\r\n\r\n", "y".repeat(length - 7)).as_bytes(), 999)
        };
        assert!(trailers(MAX_TRAILERS).is_ok());
        assert_eq!(trailers(MAX_TRAILERS + 1), Err(Refusal::Trailers));
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same(
            bytes in proptest::collection::vec(prop_oneof![
                Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'5'), Just(b';'), Just(b'a'), any::<u8>()
            ], 0..60),
            piece in 1usize..8,
        ) {
            prop_assert_eq!(read(&bytes, piece), read(&bytes, 1000));
        }

        #[test]
        fn what_was_encoded_is_read_back(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..6),
            piece in 1usize..20,
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            let (content, rest, _) = read(&bytes, piece).expect("well-formed");
            prop_assert_eq!(content, chunks.concat());
            prop_assert!(rest.is_empty());
        }
    }
}
