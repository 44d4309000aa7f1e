//! Content codings undone and redone, piece by piece: gzip, br, zstd.
//!
//! What comes out of a decoder is bounded, by its size and by how many times larger it is
//! than what went in, so that a few kilobytes cannot become gigabytes. Nothing is buffered
//! beyond what the coding itself needs.

use std::io::{self, Write};

use bytes::Bytes;
use http::HeaderValue;
use zstd::stream::raw::{self, Operation};

/// Before this many bytes came out, the ratio is not looked at: short texts of one letter are
/// harmless, whatever their ratio.
const RATIO_FROM: u64 = 1024 * 1024;
/// The window of brotli when coding: 2^19 bytes, enough for pages and small enough for many.
const BROTLI_WINDOW: u32 = 19;
/// How hard brotli tries. Higher ones cost ten times as much for a few percent.
const BROTLI_QUALITY: u32 = 4;
/// Largest window of zstd that is taken, as a power of two: 8 MiB, as RFC 9659 asks of HTTP.
const ZSTD_WINDOW: u32 = 23;

/// How much may come out of a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in all. Default 16 MiB.
    pub bytes: u64,
    /// Times what went in. Default 100.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, ratio: 100 }
    }
}

/// A coding that can be undone and redone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952; also by its old name `x-gzip`.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// A coding that this host does not know, or several on top of each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unknown(pub String);

impl Coding {
    /// Reads a `content-encoding`. `None` stands for `identity`.
    ///
    /// # Errors
    ///
    /// [`Unknown`], with the value as far as it can be shown.
    pub fn parse(value: &HeaderValue) -> Result<Option<Self>, Unknown> {
        let text = value.to_str().unwrap_or("(not text)").trim();
        match text.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "br" => Ok(Some(Self::Brotli)),
            "zstd" => Ok(Some(Self::Zstd)),
            "identity" | "" => Ok(None),
            _ => Err(Unknown(text.chars().take(64).collect())),
        }
    }
}

/// Why a body cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is not what its head says.
    #[error("the body is not valid {0:?}")]
    Malformed(Coding, #[source] io::Error),
    /// It ends in the middle.
    #[error("the body ends in the middle of its {0:?}")]
    Short(Coding),
    /// Too much comes out.
    #[error("the body is larger than {0} bytes once decoded")]
    TooLarge(u64),
    /// Suspiciously much comes out.
    #[error("the body grows more than {0} times when it is decoded")]
    Bomb(u64),
}

/// Where decoded bytes go, up to a bound.
#[derive(Debug)]
struct Outlet {
    bytes: Vec<u8>,
    /// Bytes that may still come out.
    left: u64,
    overflow: bool,
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            self.overflow = true;
            return Err(io::Error::other("too much comes out"));
        }
        self.left -= bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Undo {
    Gzip(flate2::write::MultiGzDecoder<Outlet>),
    Brotli(Box<brotli::DecompressorWriter<Outlet>>),
    Zstd(Box<Frames>),
}

/// Undoes a coding.
pub struct Decoder {
    coding: Coding,
    undo: Result<Undo, io::Error>,
    limits: Limits,
    taken: u64,
    given: u64,
}

impl Decoder {
    /// For a body of that coding.
    pub fn new(coding: Coding, limits: Limits) -> Self {
        let outlet = Outlet { bytes: Vec::new(), left: 0, overflow: false };
        let undo = match coding {
            Coding::Gzip => Ok(Undo::Gzip(flate2::write::MultiGzDecoder::new(outlet))),
            Coding::Brotli => {
                Ok(Undo::Brotli(Box::new(brotli::DecompressorWriter::new(outlet, 16 * 1024))))
            }
            Coding::Zstd => Frames::new(outlet).map(|frames| Undo::Zstd(Box::new(frames))),
        };
        Self { coding, undo, limits, taken: 0, given: 0 }
    }

    /// Takes a piece and answers what comes out of it, which may be nothing.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]; the decoder is of no use afterwards.
    pub fn push(&mut self, piece: &[u8]) -> Result<Bytes, DecodeError> {
        self.taken += piece.len() as u64;
        self.drive(|undo| match undo {
            Undo::Gzip(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
            Undo::Brotli(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
            Undo::Zstd(frames) => frames.write(piece),
        })
    }

    /// Nothing follows: answers what was still inside.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], also when the body ends in the middle.
    pub fn finish(&mut self) -> Result<Bytes, DecodeError> {
        if self.taken == 0 {
            // No body at all is what servers send for an empty one, whatever they call it.
            return Ok(Bytes::new());
        }
        let coding = self.coding;
        let rest = self.drive(|undo| match undo {
            Undo::Gzip(decoder) => decoder.try_finish(),
            Undo::Brotli(decoder) => decoder.close(),
            Undo::Zstd(frames) => frames.close(),
        });
        rest.map_err(|error| match error {
            DecodeError::Malformed(..) => DecodeError::Short(coding),
            other => other,
        })
    }

    fn drive(
        &mut self,
        step: impl FnOnce(&mut Undo) -> io::Result<()>,
    ) -> Result<Bytes, DecodeError> {
        let by_ratio = self.taken.saturating_mul(self.limits.ratio).max(RATIO_FROM);
        let most = self.limits.bytes.min(by_ratio);
        let undo = match &mut self.undo {
            Ok(undo) => undo,
            Err(error) => {
                let error = io::Error::new(error.kind(), error.to_string());
                return Err(DecodeError::Malformed(self.coding, error));
            }
        };
        outlet(undo).left = most.saturating_sub(self.given);
        let stepped = step(undo);
        let outlet = outlet(undo);
        let overflow = outlet.overflow;
        let bytes = std::mem::take(&mut outlet.bytes);
        self.given += bytes.len() as u64;
        match stepped {
            Ok(()) => Ok(bytes.into()),
            Err(_) if overflow && most == self.limits.bytes => {
                Err(DecodeError::TooLarge(self.limits.bytes))
            }
            Err(_) if overflow => Err(DecodeError::Bomb(self.limits.ratio)),
            Err(error) => Err(DecodeError::Malformed(self.coding, error)),
        }
    }
}

/// The frames of a zstd body, one after the other. The ready-made writer does not tell a body
/// that ends in the middle of a frame.
struct Frames {
    decoder: raw::Decoder<'static>,
    outlet: Outlet,
    /// Between two frames, where a body may end.
    complete: bool,
    room: Box<[u8]>,
}

impl Frames {
    fn new(outlet: Outlet) -> io::Result<Self> {
        let mut decoder = raw::Decoder::new()?;
        decoder.set_parameter(raw::DParameter::WindowLogMax(ZSTD_WINDOW))?;
        let room = vec![0; 32 * 1024].into_boxed_slice();
        Ok(Self { decoder, outlet, complete: true, room })
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut rest = piece;
        loop {
            if self.complete {
                if rest.is_empty() {
                    return Ok(());
                }
                self.decoder.reinit()?;
                self.complete = false;
            }
            let status = self.decoder.run_on_buffers(rest, &mut self.room)?;
            rest = &rest[status.bytes_read..];
            self.outlet.write_all(&self.room[..status.bytes_written])?;
            self.complete = status.remaining == 0;
            // A full buffer may mean that there is more to come without more input.
            let drained = status.bytes_written < self.room.len();
            if rest.is_empty() && drained {
                return Ok(());
            }
        }
    }

    fn close(&self) -> io::Result<()> {
        if self.complete { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

fn outlet(undo: &mut Undo) -> &mut Outlet {
    match undo {
        Undo::Gzip(decoder) => decoder.get_mut(),
        Undo::Brotli(decoder) => decoder.get_mut(),
        Undo::Zstd(frames) => &mut frames.outlet,
    }
}

enum Redo {
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
    Over,
}

/// Redoes a coding. What is pushed comes out at once, so that streams keep flowing.
pub struct Encoder {
    redo: io::Result<Redo>,
}

impl Encoder {
    /// For a body of that coding.
    pub fn new(coding: Coding) -> Self {
        let redo = match coding {
            Coding::Gzip => Ok(Redo::Gzip(flate2::write::GzEncoder::new(
                Vec::new(),
                flate2::Compression::new(5),
            ))),
            Coding::Brotli => Ok(Redo::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                16 * 1024,
                BROTLI_QUALITY,
                BROTLI_WINDOW,
            )))),
            Coding::Zstd => zstd::stream::write::Encoder::new(Vec::new(), 3)
                .map(|encoder| Redo::Zstd(Box::new(encoder))),
        };
        Self { redo }
    }

    /// Takes a piece and answers its coded form.
    ///
    /// # Errors
    ///
    /// The coder's words; it is of no use afterwards.
    pub fn push(&mut self, piece: &[u8]) -> io::Result<Bytes> {
        if piece.is_empty() {
            return Ok(Bytes::new());
        }
        let coded = match self.redo()? {
            Redo::Gzip(encoder) => {
                encoder.write_all(piece)?;
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
            Redo::Brotli(encoder) => {
                encoder.write_all(piece)?;
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
            Redo::Zstd(encoder) => {
                encoder.write_all(piece)?;
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
            Redo::Over => Vec::new(),
        };
        Ok(coded.into())
    }

    /// Nothing follows: answers what ends the coded form.
    ///
    /// # Errors
    ///
    /// As [`Encoder::push`].
    pub fn finish(&mut self) -> io::Result<Bytes> {
        let rest = match std::mem::replace(self.redo()?, Redo::Over) {
            Redo::Gzip(encoder) => encoder.finish()?,
            Redo::Brotli(encoder) => encoder.into_inner(),
            Redo::Zstd(encoder) => encoder.finish()?,
            Redo::Over => Vec::new(),
        };
        Ok(rest.into())
    }

    fn redo(&mut self) -> io::Result<&mut Redo> {
        self.redo.as_mut().map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstd];

    fn encoded(coding: Coding, pieces: &[&[u8]]) -> Vec<u8> {
        let mut encoder = Encoder::new(coding);
        let mut all = Vec::new();
        for piece in pieces {
            all.extend_from_slice(&encoder.push(piece).unwrap());
        }
        all.extend_from_slice(&encoder.finish().unwrap());
        all
    }

    fn decoded(coding: Coding, bytes: &[u8], size: usize) -> Result<Vec<u8>, DecodeError> {
        let mut decoder = Decoder::new(coding, Limits::default());
        let mut all = Vec::new();
        for piece in bytes.chunks(size.max(1)) {
            all.extend_from_slice(&decoder.push(piece)?);
        }
        all.extend_from_slice(&decoder.finish()?);
        Ok(all)
    }

    #[test]
    fn names_are_read_and_unknown_ones_told() {
        let parse = |text: &str| Coding::parse(&HeaderValue::from_str(text).unwrap());
        assert_eq!(parse("gzip"), Ok(Some(Coding::Gzip)));
        assert_eq!(parse("X-Gzip"), Ok(Some(Coding::Gzip)));
        assert_eq!(parse(" br "), Ok(Some(Coding::Brotli)));
        assert_eq!(parse("identity"), Ok(None));
        assert_eq!(parse("gzip, br"), Err(Unknown("gzip, br".into())), "two at once");
        assert_eq!(parse("compress"), Err(Unknown("compress".into())));
    }

    #[test]
    fn what_is_pushed_can_be_read_at_once() {
        for coding in CODINGS {
            let mut encoder = Encoder::new(coding);
            let mut decoder = Decoder::new(coding, Limits::default());
            for text in ["data: one\n\n", "data: two\n\n"] {
                let coded = encoder.push(text.as_bytes()).unwrap();
                assert_eq!(decoder.push(&coded).unwrap(), text, "{coding:?}");
            }
        }
    }

    #[test]
    fn bombs_are_stopped_early() {
        for coding in CODINGS {
            let zeros = vec![0; 64 * 1024 * 1024];
            let bomb = encoded(coding, &[&zeros]);
            let error = decoded(coding, &bomb, 4096).unwrap_err();
            assert!(
                matches!(error, DecodeError::Bomb(100) | DecodeError::TooLarge(_)),
                "{coding:?}: {error:?}"
            );
        }
    }

    #[test]
    fn sizes_are_held_to_their_limit() {
        let noise: Vec<u8> =
            (0u32..200_000).flat_map(|number| (number.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        let coded = encoded(Coding::Gzip, &[&noise]);
        let limits = Limits { bytes: 100_000, ratio: 100 };
        let mut decoder = Decoder::new(Coding::Gzip, limits);
        let outcome = coded.chunks(1000).try_for_each(|piece| decoder.push(piece).map(drop));
        assert!(matches!(outcome, Err(DecodeError::TooLarge(100_000))), "{outcome:?}");
    }

    #[test]
    fn what_is_cut_short_or_nonsense_is_an_error() {
        for coding in CODINGS {
            let coded = encoded(coding, &[&b"hello world, hello world".repeat(20)]);
            assert!(decoded(coding, &coded[..coded.len() / 2], 7).is_err(), "{coding:?} cut short");
            assert!(decoded(coding, b"this is not coded at all", 5).is_err(), "{coding:?}");
            assert_eq!(decoded(coding, b"", 1).unwrap(), b"", "{coding:?}: no body is no error");
        }
    }

    proptest! {
        #[test]
        fn any_pieces_come_back(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8),
            size in 1usize..64,
        ) {
            let slices: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
            for coding in CODINGS {
                let coded = encoded(coding, &slices);
                prop_assert_eq!(decoded(coding, &coded, size).unwrap(), pieces.concat());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for coding in CODINGS {
                let _ = decoded(coding, &bytes, 17);
            }
        }
    }
}
