//! Content codings, undone and redone piece by piece.
//!
//! A body that a plugin wants to read as text is decoded on its way in and coded again on its way out.
//! Both sides are pushed: bytes go in as they come, what can be said about them comes out. A decoder
//! is bounded: it stops in the middle of a piece as soon as what comes out exceeds what may, so that
//! no input, however dense, makes memory grow. What is malformed or breaks off is an error.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{GzEncoder, MultiGzDecoder};
use http::{HeaderMap, header::CONTENT_ENCODING};
use zstd::stream::raw::{self, DParameter, InBuffer, Operation, OutBuffer};

/// A content coding that can be undone and redone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip`, `x-gzip`.
    Gzip,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

/// How much may come out of a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes in all. Default 16 MiB.
    pub bytes: u64,
    /// Bytes for each byte that went in. Default 100.
    pub ratio: u64,
    /// Bytes that may come out whatever went in, since short texts of one kind are honestly dense.
    /// Default 64 KiB.
    pub floor: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, ratio: 100, floor: 64 * 1024 }
    }
}

/// Why a body cannot be decoded or coded.
#[derive(Debug, thiserror::Error)]
pub enum CodingError {
    /// A coding that is not known here.
    #[error("the content coding `{0}` is not known")]
    Unknown(String),
    /// More codings on top of each other than anybody needs.
    #[error("more than {MAX_CODINGS} content codings lie on top of each other")]
    TooMany,
    /// The bytes are not of this coding.
    #[error("the body is not well-formed {coding}")]
    Malformed {
        /// The coding.
        coding: Coding,
        /// What is wrong.
        source: io::Error,
    },
    /// The body ends too early.
    #[error("the {0} body ends too early")]
    Truncated(Coding),
    /// More comes out than [`DecodeLimits::bytes`].
    #[error("the decoded body is longer than {0} bytes")]
    TooLarge(u64),
    /// More comes out for what went in than [`DecodeLimits::ratio`].
    #[error("the decoded body is more than {0} times as long as the coded one")]
    TooDense(u64),
}

/// Codings that may lie on top of each other.
const MAX_CODINGS: usize = 3;

impl Coding {
    /// The name in `Content-Encoding`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The codings of a message, in the order in which they were applied. Empty for plain content.
    ///
    /// # Errors
    ///
    /// [`CodingError::Unknown`] with the name as it came, [`CodingError::TooMany`].
    pub fn of(headers: &HeaderMap) -> Result<Vec<Self>, CodingError> {
        let mut codings = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in value.as_bytes().split(|byte| *byte == b',') {
                let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
                codings.push(match name.as_str() {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "br" => Self::Brotli,
                    "zstd" => Self::Zstd,
                    _ => return Err(CodingError::Unknown(name)),
                });
            }
        }
        if codings.len() > MAX_CODINGS {
            return Err(CodingError::TooMany);
        }
        Ok(codings)
    }
}

impl std::fmt::Display for Coding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Undoes codings.
pub struct Decoder {
    /// The coding that was applied last is undone first.
    stages: Vec<(Coding, Undo)>,
    limits: DecodeLimits,
    received: u64,
}

enum Undo {
    Gzip(Box<MultiGzDecoder<Bounded>>),
    Brotli(Box<brotli::DecompressorWriter<Bounded>>),
    Zstd(Box<UndoZstd>),
}

impl Decoder {
    /// Undoes `codings`, given in the order in which they were applied.
    ///
    /// # Errors
    ///
    /// [`CodingError::TooMany`]; [`CodingError::Malformed`] when there is no memory for a decoder.
    pub fn new(codings: &[Coding], limits: DecodeLimits) -> Result<Self, CodingError> {
        if codings.len() > MAX_CODINGS {
            return Err(CodingError::TooMany);
        }
        let stages = codings.iter().rev().map(|coding| {
            let output = Bounded { bytes: Vec::new(), written: 0, allowed: 0 };
            let undo = match coding {
                Coding::Gzip => Undo::Gzip(Box::new(MultiGzDecoder::new(output))),
                Coding::Brotli => {
                    Undo::Brotli(Box::new(brotli::DecompressorWriter::new(output, PIECE)))
                }
                Coding::Zstd => {
                    let undo = UndoZstd::new(output);
                    let coding = *coding;
                    let undo = undo.map_err(|source| CodingError::Malformed { coding, source });
                    Undo::Zstd(Box::new(undo?))
                }
            };
            Ok((*coding, undo))
        });
        Ok(Self { stages: stages.collect::<Result<_, _>>()?, limits, received: 0 })
    }

    /// Takes the next piece of the coded body and gives what is known of the plain one, which may be
    /// nothing. After an error the decoder is of no further use.
    ///
    /// # Errors
    ///
    /// [`CodingError::Malformed`], [`CodingError::TooLarge`], [`CodingError::TooDense`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Bytes, CodingError> {
        self.received += bytes.len() as u64;
        self.run(bytes, false)
    }

    /// Says that the coded body is complete, and gives the rest.
    ///
    /// # Errors
    ///
    /// As [`Decoder::push`], and [`CodingError::Truncated`].
    pub fn finish(mut self) -> Result<Bytes, CodingError> {
        if self.received == 0 {
            // A message without content is plain whatever its head says.
            return Ok(Bytes::new());
        }
        self.run(&[], true)
    }

    fn run(&mut self, bytes: &[u8], end: bool) -> Result<Bytes, CodingError> {
        let Self { stages, limits, received } = self;
        let dense = limits.floor.max(received.saturating_mul(limits.ratio));
        let allowed = limits.bytes.min(dense);
        let mut made = None;
        for (coding, undo) in stages {
            undo.output().allowed = allowed;
            let mut result = undo.write(made.as_deref().unwrap_or(bytes));
            if end && result.is_ok() {
                result = undo.end();
            }
            let output = undo.output();
            if output.written > output.allowed {
                return Err(match allowed == limits.bytes {
                    true => CodingError::TooLarge(limits.bytes),
                    false => CodingError::TooDense(limits.ratio),
                });
            }
            let plain = std::mem::take(&mut output.bytes);
            result.map_err(|source| match source.kind() {
                io::ErrorKind::UnexpectedEof => CodingError::Truncated(*coding),
                _ => CodingError::Malformed { coding: *coding, source },
            })?;
            made = Some(plain);
        }
        Ok(made.map_or_else(|| Bytes::copy_from_slice(bytes), Bytes::from))
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let codings: Vec<_> = self.stages.iter().map(|(coding, _)| coding).collect();
        formatter.debug_struct("Decoder").field("codings", &codings).finish_non_exhaustive()
    }
}

/// Bytes that a library decodes before it hands them over.
const PIECE: usize = 8 * 1024;

impl Undo {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(undo) => undo.write_all(bytes),
            Self::Brotli(undo) => undo.write_all(bytes),
            Self::Zstd(undo) => undo.write(bytes),
        }?;
        // The libraries hold nothing back that they could already say, once they are flushed.
        match self {
            Self::Gzip(undo) => undo.flush(),
            Self::Brotli(undo) => undo.flush(),
            Self::Zstd(_) => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(undo) => undo.try_finish(),
            // The library reports an early end as it reports nonsense.
            Self::Brotli(undo) => undo.close().map_err(|_| io::ErrorKind::UnexpectedEof.into()),
            Self::Zstd(undo) => undo.end(),
        }
    }

    fn output(&mut self) -> &mut Bounded {
        match self {
            Self::Gzip(undo) => undo.get_mut(),
            Self::Brotli(undo) => undo.get_mut(),
            Self::Zstd(undo) => &mut undo.output,
        }
    }
}

/// Takes what a library decodes, up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    written: u64,
    allowed: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        if self.written > self.allowed {
            return Err(io::Error::other("too much comes out"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The library's own writer does not tell whether a frame is complete.
struct UndoZstd {
    raw: raw::Decoder<'static>,
    output: Bounded,
    complete: bool,
}

impl UndoZstd {
    fn new(output: Bounded) -> io::Result<Self> {
        let mut raw = raw::Decoder::new()?;
        // 8 MiB: what every decoder has to support, and no more (RFC 8878).
        raw.set_parameter(DParameter::WindowLogMax(23))?;
        Ok(Self { raw, output, complete: false })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut piece = [0; PIECE];
        let mut input = InBuffer::around(bytes);
        loop {
            let mut output = OutBuffer::around(&mut piece[..]);
            let before = input.pos();
            if before < bytes.len() {
                self.complete = false;
            } else if self.complete {
                return Ok(());
            }
            let wanted = self.raw.run(&mut input, &mut output)?;
            self.complete = wanted == 0;
            let full = output.pos() == PIECE;
            self.output.write_all(output.as_slice())?;
            if input.pos() == bytes.len() && !full {
                return Ok(());
            }
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if self.complete { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Applies codings again.
pub struct Encoder {
    /// In the order in which they are applied.
    stages: Vec<(Coding, Apply)>,
}

enum Apply {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl Encoder {
    /// Applies `codings` in the order given, at levels that suit content which is made once and read
    /// once: gzip 5, brotli 4, zstd 3.
    ///
    /// # Errors
    ///
    /// [`CodingError::TooMany`]; [`CodingError::Malformed`] when there is no memory for an encoder.
    pub fn new(codings: &[Coding]) -> Result<Self, CodingError> {
        if codings.len() > MAX_CODINGS {
            return Err(CodingError::TooMany);
        }
        let stages = codings.iter().map(|coding| {
            let apply = match coding {
                Coding::Gzip => {
                    let level = flate2::Compression::new(5);
                    Apply::Gzip(Box::new(GzEncoder::new(Vec::new(), level)))
                }
                Coding::Brotli => {
                    let window = 20;
                    let writer = brotli::CompressorWriter::new(Vec::new(), PIECE, 4, window);
                    Apply::Brotli(Box::new(writer))
                }
                Coding::Zstd => {
                    let encoder = zstd::stream::write::Encoder::new(Vec::new(), 3);
                    let coding = *coding;
                    let encoder =
                        encoder.map_err(|source| CodingError::Malformed { coding, source })?;
                    Apply::Zstd(Box::new(encoder))
                }
            };
            Ok((*coding, apply))
        });
        Ok(Self { stages: stages.collect::<Result<_, _>>()? })
    }

    /// Takes the next piece of the plain body. What comes out may be nothing for a long time.
    ///
    /// # Errors
    ///
    /// [`CodingError::Malformed`], when an encoder runs out of memory.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Bytes, CodingError> {
        self.run(bytes, false)
    }

    /// Gives all that is known so far, at the price of a few bytes: for bodies that somebody waits
    /// for piece by piece.
    ///
    /// # Errors
    ///
    /// As [`Encoder::push`].
    pub fn flush(&mut self) -> Result<Bytes, CodingError> {
        self.run(&[], true)
    }

    /// Says that the plain body is complete, and gives the rest.
    ///
    /// # Errors
    ///
    /// As [`Encoder::push`].
    pub fn finish(self) -> Result<Bytes, CodingError> {
        let mut bytes = Bytes::new();
        for (coding, mut apply) in self.stages {
            let failed = |source| CodingError::Malformed { coding, source };
            apply.write(&bytes).map_err(failed)?;
            bytes = match apply {
                Apply::Gzip(apply) => apply.finish().map_err(failed)?.into(),
                Apply::Brotli(apply) => apply.into_inner().into(),
                Apply::Zstd(apply) => apply.finish().map_err(failed)?.into(),
            };
        }
        Ok(bytes)
    }

    fn run(&mut self, bytes: &[u8], flush: bool) -> Result<Bytes, CodingError> {
        let mut made = None;
        for (coding, apply) in &mut self.stages {
            let mut result = apply.write(made.as_deref().unwrap_or(bytes));
            if flush && result.is_ok() {
                result = apply.flush();
            }
            result.map_err(|source| CodingError::Malformed { coding: *coding, source })?;
            made = Some(std::mem::take(apply.output()));
        }
        Ok(made.map_or_else(|| Bytes::copy_from_slice(bytes), Bytes::from))
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let codings: Vec<_> = self.stages.iter().map(|(coding, _)| coding).collect();
        formatter.debug_struct("Encoder").field("codings", &codings).finish_non_exhaustive()
    }
}

impl Apply {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(apply) => apply.write_all(bytes),
            Self::Brotli(apply) => apply.write_all(bytes),
            Self::Zstd(apply) => apply.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(apply) => apply.flush(),
            Self::Brotli(apply) => apply.flush(),
            Self::Zstd(apply) => apply.flush(),
        }
    }

    fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Gzip(apply) => apply.get_mut(),
            Self::Brotli(apply) => apply.get_mut(),
            Self::Zstd(apply) => apply.get_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const ALL: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstd];

    fn encode(codings: &[Coding], plain: &[u8], piece: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(codings).expect("few codings");
        let mut coded = Vec::new();
        for piece in plain.chunks(piece) {
            coded.extend(encoder.push(piece).expect("memory"));
        }
        coded.extend(encoder.finish().expect("memory"));
        coded
    }

    fn decode(
        codings: &[Coding],
        coded: &[u8],
        piece: usize,
        limits: DecodeLimits,
    ) -> Result<Vec<u8>, CodingError> {
        let mut decoder = Decoder::new(codings, limits).expect("few codings");
        let mut plain = Vec::new();
        for piece in coded.chunks(piece) {
            plain.extend(decoder.push(piece)?);
        }
        plain.extend(decoder.finish()?);
        Ok(plain)
    }

    #[test]
    fn codings_are_read_in_the_order_of_their_application() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_str(value).expect("a value"));
            }
            Coding::of(&headers).map_err(|error| error.to_string())
        };
        assert_eq!(of(&[]), Ok(vec![]));
        assert_eq!(of(&["identity", ""]), Ok(vec![]));
        assert_eq!(of(&["GZip"]), Ok(vec![Coding::Gzip]));
        assert_eq!(of(&["x-gzip, br", "zstd"]), Ok(ALL.to_vec()));
        for unknown in ["deflate", "compress", "dcb", "gzip;q=1", "aes128gcm"] {
            assert_eq!(of(&[unknown]), Err(format!("the content coding `{unknown}` is not known")));
        }
        assert!(of(&["gzip, gzip, gzip, gzip"]).is_err());
    }

    #[test]
    fn what_was_coded_is_decoded_in_any_cutting() {
        let plain = "a line of text, and another one\n".repeat(3000);
        let limits = DecodeLimits { ratio: 100_000, ..DecodeLimits::default() };
        for codings in [&[][..], &ALL[..1], &ALL[1..2], &ALL[2..], &ALL, &[Coding::Gzip; 2]] {
            let coded = encode(codings, plain.as_bytes(), 1000);
            for piece in [1, 7, 1000, usize::MAX] {
                let decoded = decode(codings, &coded, piece, limits).expect("well-formed");
                assert!(decoded == plain.as_bytes(), "{codings:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_can_be_said_is_said_at_once() {
        for coding in ALL {
            let mut encoder = Encoder::new(&[coding]).expect("memory");
            let mut decoder = Decoder::new(&[coding], DecodeLimits::default()).expect("memory");
            for text in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
                let mut coded = encoder.push(text.as_bytes()).expect("memory").to_vec();
                coded.extend(encoder.flush().expect("memory"));
                assert_eq!(decoder.push(&coded).expect("well-formed"), text, "{coding}");
            }
            let rest = encoder.finish().expect("memory");
            assert_eq!(decoder.push(&rest).expect("well-formed"), "");
            assert_eq!(decoder.finish().expect("complete"), "");
        }
    }

    #[test]
    fn a_body_that_breaks_off_or_is_nonsense_is_an_error() {
        let plain = "x".repeat(100) + "y";
        for coding in ALL {
            let coded = encode(&[coding], plain.as_bytes(), 1000);
            let limits = DecodeLimits::default();
            for length in 1..coded.len() {
                let result = decode(&[coding], &coded[..length], 10, limits);
                assert!(
                    matches!(
                        result,
                        Err(CodingError::Truncated(_) | CodingError::Malformed { .. })
                    ),
                    "{coding} cut at {length}: {result:?}"
                );
            }
            let result = decode(&[coding], b"this is plain text", 10, limits);
            assert!(result.is_err(), "{coding}");
            assert!(decode(&[coding], b"", 10, limits).expect("nothing").is_empty(), "{coding}");
        }
        let two = [encode(&[Coding::Gzip], b"one", 9), encode(&[Coding::Gzip], b"two", 9)].concat();
        let limits = DecodeLimits::default();
        assert_eq!(decode(&[Coding::Gzip], &two, 4, limits).expect("two members"), b"onetwo");
        let two = [encode(&[Coding::Zstd], b"one", 9), encode(&[Coding::Zstd], b"two", 9)].concat();
        assert_eq!(decode(&[Coding::Zstd], &two, 4, limits).expect("two frames"), b"onetwo");
    }

    #[test]
    fn a_bomb_is_stopped_before_it_takes_memory() {
        let zeros = vec![0; 64 << 20];
        for coding in ALL {
            let bomb = encode(&[coding], &zeros, 1 << 20);
            let limits = DecodeLimits::default();
            let result = decode(&[coding], &bomb, 4096, limits);
            assert!(matches!(result, Err(CodingError::TooDense(100))), "{coding}: {result:?}");
            let limits = DecodeLimits { ratio: u64::MAX, ..limits };
            let result = decode(&[coding], &bomb, usize::MAX, limits);
            assert!(matches!(result, Err(CodingError::TooLarge(_))), "{coding}");
            let nested = encode(&[coding], &bomb, 4096);
            let result = decode(&[coding, coding], &nested, usize::MAX, DecodeLimits::default());
            assert!(matches!(result, Err(CodingError::TooDense(_))), "{coding} in {coding}");
            // What is pushed at once may not come out at once, either.
            let mut decoder = Decoder::new(&[coding], DecodeLimits::default()).expect("memory");
            assert!(decoder.push(&bomb[..bomb.len() / 2]).is_err(), "{coding}");
            let kept: usize =
                decoder.stages.iter_mut().map(|(_, undo)| undo.output().bytes.capacity()).sum();
            assert!(kept <= 16 << 20, "{coding} kept {kept} bytes");
        }
    }

    #[test]
    fn a_short_text_may_be_dense() {
        let plain = vec![b' '; 60_000];
        for coding in ALL {
            let coded = encode(&[coding], &plain, 60_000);
            assert!(coded.len() < 600, "{coding} is dense");
            assert!(decode(&[coding], &coded, 10, DecodeLimits::default()).is_ok(), "{coding}");
        }
    }

    #[test]
    fn a_window_that_is_too_large_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("memory");
        encoder.window_log(27).expect("a valid window");
        let mut number = 1u32;
        for _ in 0..10_000 {
            // Some noise, so that the window is really declared.
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            encoder.write_all(&number.to_be_bytes()).expect("memory");
        }
        let coded = encoder.finish().expect("memory");
        let result = decode(&[Coding::Zstd], &coded, 1000, DecodeLimits::default());
        assert!(matches!(result, Err(CodingError::Malformed { .. })), "{result:?}");
    }

    proptest! {
        #[test]
        fn anything_comes_back(
            plain in proptest::collection::vec(any::<u8>(), 0..2000),
            codings in proptest::collection::vec(prop_oneof![
                Just(Coding::Gzip), Just(Coding::Brotli), Just(Coding::Zstd)
            ], 0..=3),
            pieces in (1usize..500, 1usize..500),
        ) {
            let coded = encode(&codings, &plain, pieces.0);
            let decoded = decode(&codings, &coded, pieces.1, DecodeLimits::default());
            prop_assert_eq!(decoded.expect("well-formed"), plain);
        }

        #[test]
        fn nonsense_is_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1usize..100) {
            for coding in ALL {
                let _ = decode(&[coding], &bytes, piece, DecodeLimits::default());
            }
        }
    }
}
