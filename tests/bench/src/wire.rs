//! Reads one answer of an HTTP/1.1 server, however its bytes arrive.
//!
//! Knows lengths and chunks and nothing else: no trailers that mean something, no answers
//! that end with the connection, since none of the subjects gives any of those here.

/// Why what came is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The head cannot be read.
    #[error("the head of the answer cannot be read: {0}")]
    Head(String),
    /// It says neither how long it is nor that it comes in chunks.
    #[error("the answer does not say where it ends")]
    Endless,
    /// The length of a chunk is no number, or a chunk does not end where it should.
    #[error("the chunks of the answer cannot be read")]
    Chunk,
    /// More bytes came than the answer has.
    #[error("{0} bytes follow the answer")]
    TooMuch(usize),
}

#[derive(Debug)]
enum State {
    Head,
    Length(usize),
    /// Digits of the length of a chunk, so far.
    Size(usize),
    /// The rest of the line with the length of a chunk.
    SizeLine(usize),
    Chunk(usize),
    /// What ends a chunk, so many bytes of it.
    ChunkEnd(usize),
    /// A line after the last chunk, so many bytes of it.
    Trailer(usize),
    Done,
}

/// An answer that is being read.
#[derive(Debug)]
pub struct Reader {
    state: State,
    head: Vec<u8>,
    status: u16,
    closes: bool,
    body: Option<Vec<u8>>,
}

/// The fields that an answer may have at most.
const MAX_FIELDS: usize = 64;

impl Default for Reader {
    /// Of an answer whose body is counted, not kept.
    fn default() -> Self {
        Self {
            state: State::Head,
            head: Vec::with_capacity(1024),
            status: 0,
            closes: false,
            body: None,
        }
    }
}

impl Reader {
    /// Of an answer whose body is kept.
    pub fn keeping() -> Self {
        Self { body: Some(Vec::new()), ..Self::default() }
    }

    /// Ready for the next answer.
    pub fn reset(&mut self) {
        self.state = State::Head;
        self.head.clear();
        self.closes = false;
        if let Some(body) = &mut self.body {
            body.clear();
        }
    }

    /// The status, once the answer is there.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the server closes the connection after it.
    pub fn closes(&self) -> bool {
        self.closes
    }

    /// Whether nothing of an answer has come yet.
    pub fn is_empty(&self) -> bool {
        matches!(self.state, State::Head) && self.head.is_empty()
    }

    /// The head as it came, with its empty line, and the body.
    pub fn into_parts(self) -> (Vec<u8>, Vec<u8>) {
        (self.head, self.body.unwrap_or_default())
    }

    /// Takes bytes. True once the answer is there as a whole.
    ///
    /// # Errors
    ///
    /// [`Broken`]; the connection is of no use any more.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<bool, Broken> {
        if matches!(self.state, State::Head) {
            bytes = match self.push_head(bytes)? {
                Some(rest) => rest,
                None => return Ok(false),
            };
        }
        loop {
            match self.state {
                State::Head => return Ok(false),
                State::Done if bytes.is_empty() => return Ok(true),
                State::Done => return Err(Broken::TooMuch(bytes.len())),
                State::Length(0) => self.state = State::Done,
                _ if bytes.is_empty() => return Ok(false),
                State::Length(left) => {
                    let taken = self.keep(&mut bytes, left);
                    self.state = State::Length(left - taken);
                }
                State::Chunk(left) => {
                    let taken = self.keep(&mut bytes, left);
                    self.state = match left - taken {
                        0 => State::ChunkEnd(0),
                        left => State::Chunk(left),
                    };
                }
                State::Size(_) | State::SizeLine(_) | State::ChunkEnd(_) | State::Trailer(_) => {
                    let (&byte, rest) = bytes.split_first().ok_or(Broken::Chunk)?;
                    bytes = rest;
                    self.state = between_chunks(&self.state, byte)?;
                }
            }
        }
    }

    /// Takes bytes of the head; what is left once the head is complete.
    fn push_head<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Broken> {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut fields);
        let length = match parsed.parse(&self.head) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(Broken::Head(error.to_string())),
        };
        self.status = parsed.code.unwrap_or(0);
        let mut state = None;
        for field in parsed.headers.iter() {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            if is("content-length") {
                let length = std::str::from_utf8(field.value).ok();
                let length = length.and_then(|text| text.parse().ok());
                state = Some(State::Length(length.ok_or(Broken::Endless)?));
            } else if is("transfer-encoding") && field.value.eq_ignore_ascii_case(b"chunked") {
                state = Some(State::Size(0));
            } else if is("connection") {
                self.closes = field.value.eq_ignore_ascii_case(b"close");
            }
        }
        self.state = state.ok_or(Broken::Endless)?;
        self.head.truncate(length);
        Ok(Some(&bytes[length - before..]))
    }

    fn keep(&mut self, bytes: &mut &[u8], most: usize) -> usize {
        let taken = most.min(bytes.len());
        let (piece, rest) = bytes.split_at(taken);
        if let Some(body) = &mut self.body {
            body.extend_from_slice(piece);
        }
        *bytes = rest;
        taken
    }
}

/// What follows a byte that is not of a body.
fn between_chunks(state: &State, byte: u8) -> Result<State, Broken> {
    let next = match (state, byte) {
        (State::Size(size), b'\n') | (State::SizeLine(size), b'\n') => match size {
            0 => State::Trailer(0),
            size => State::Chunk(*size),
        },
        (State::Size(size), b'\r' | b';') | (State::SizeLine(size), _) => State::SizeLine(*size),
        (State::Size(size), digit) => {
            let digit = char::from(digit).to_digit(16).ok_or(Broken::Chunk)?;
            let size = size.checked_mul(16).ok_or(Broken::Chunk)?;
            State::Size(size + digit as usize)
        }
        (State::ChunkEnd(0), b'\r') => State::ChunkEnd(1),
        (State::ChunkEnd(_), b'\n') => State::Size(0),
        (State::Trailer(0), b'\n') => State::Done,
        (State::Trailer(_), b'\n') => State::Trailer(0),
        (State::Trailer(seen), b'\r') => State::Trailer(*seen),
        (State::Trailer(seen), _) => State::Trailer(seen + 1),
        _ => return Err(Broken::Chunk),
    };
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "HTTP/1.1 200 OK\r\n";

    fn read(answer: &str, step: usize) -> Result<Option<(u16, bool, String)>, Broken> {
        let mut reader = Reader::keeping();
        let mut done = false;
        for piece in answer.as_bytes().chunks(step) {
            assert!(!done, "nothing follows the end");
            done = reader.push(piece)?;
        }
        let (status, closes) = (reader.status(), reader.closes());
        let body = String::from_utf8(reader.into_parts().1).unwrap();
        Ok(done.then_some((status, closes, body)))
    }

    #[test]
    fn answers_are_the_same_however_they_arrive() {
        let table = [
            ("content-length: 5\r\n\r\nhello", false, "hello"),
            ("Content-Length: 0\r\nConnection: close\r\n\r\n", true, ""),
            ("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "hello"),
            (
                "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nx: y\r\n\r\n",
                false,
                "hello",
            ),
        ];
        for (rest, closes, body) in table {
            let answer = format!("{HEAD}{rest}");
            for step in 1..=answer.len() {
                let expected = Some((200, closes, body.to_owned()));
                assert_eq!(read(&answer, step), Ok(expected), "{rest:?} by {step}");
            }
            assert_eq!(read(&answer[..answer.len() - 1], 7), Ok(None), "{rest:?} cut off");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let table = [
            ("content-length: 5\r\n\r\nhello!", Broken::TooMuch(1)),
            ("content-length: x\r\n\r\n", Broken::Endless),
            ("\r\n", Broken::Endless),
            ("transfer-encoding: chunked\r\n\r\nz\r\n", Broken::Chunk),
            ("transfer-encoding: chunked\r\n\r\n1\r\nab", Broken::Chunk),
        ];
        for (rest, broken) in table {
            assert_eq!(read(&format!("{HEAD}{rest}"), 4096), Err(broken), "{rest:?}");
        }
    }

    #[test]
    fn one_reader_reads_one_answer_after_the_other() {
        let mut reader = Reader::default();
        for _ in 0..3 {
            assert!(reader.is_empty());
            let answer = format!("{HEAD}content-length: 2\r\n\r\nok");
            assert_eq!(reader.push(answer.as_bytes()), Ok(true));
            reader.reset();
        }
    }
}
