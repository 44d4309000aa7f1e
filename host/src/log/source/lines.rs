//! Bytes into chunks of whole lines, without losing or changing one of them.
//!
//! A chunk is what one read brought, cut after its last line feed; what follows waits for the
//! next read. A line longer than [`Lines::LONGEST`] is given out in pieces, since nothing may
//! wait for an end that never comes. The pieces are cut after a blank or another separator
//! where there is one near the end, so that a word, and a secret, is rarely cut in two.
//!
//! It knows neither pipes nor records. Any split of the input into reads gives the same lines.

use memchr::{memchr, memchr_iter, memrchr};

/// Which output of an application a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// The only one there is, or nobody knows.
    Only,
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

impl Stream {
    /// The value of the attribute `log.iostream`.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Only => None,
            Self::Stdout => Some("stdout"),
            Self::Stderr => Some("stderr"),
        }
    }
}

/// Whole lines that were read together, or one piece of a line that was too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The bytes as they were read, line feeds included.
    pub bytes: Vec<u8>,
    /// Where they were written to.
    pub stream: Stream,
    /// When they were read, in nanoseconds since the Unix epoch.
    pub time: u64,
    /// Number of the piece that the first line is, from 1; 0 for a line from its beginning
    /// that is short enough.
    pub part: u32,
    /// The chunk is one piece of a line that goes on in the next chunk of this stream.
    pub cut: bool,
}

impl Chunk {
    /// How many lines there are; a piece counts as one.
    pub fn count(&self) -> u64 {
        let open = u64::from(self.bytes.last().is_some_and(|&last| last != b'\n'));
        memchr_iter(b'\n', &self.bytes).count() as u64 + open
    }

    /// The lines, without their line feeds.
    pub fn lines(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = self.bytes.as_slice();
        let mut part = self.part;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let this_part = std::mem::take(&mut part);
            let piece = match memchr(b'\n', rest) {
                Some(end) => {
                    let line = &rest[..end];
                    rest = &rest[end + 1..];
                    let stripped = line.strip_suffix(b"\r");
                    Piece {
                        text: stripped.unwrap_or(line),
                        carriage_return: stripped.is_some(),
                        part: this_part,
                        cut: false,
                    }
                }
                None => {
                    let text = std::mem::take(&mut rest);
                    Piece { text, carriage_return: false, part: this_part, cut: self.cut }
                }
            };
            Some(piece)
        })
    }
}

/// One line, or a piece of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The bytes, without line feed and without the carriage return before it.
    pub text: &'a [u8],
    /// There was a carriage return before the line feed.
    pub carriage_return: bool,
    /// As [`Chunk::part`].
    pub part: u32,
    /// As [`Chunk::cut`].
    pub cut: bool,
}

/// Puts reads of one stream together into chunks.
#[derive(Debug)]
pub struct Lines {
    stream: Stream,
    longest: usize,
    /// The line that has no end yet.
    open: Vec<u8>,
    /// How many pieces of that line were given out.
    parts: u32,
}

impl Lines {
    /// Longest line that is given out whole, in bytes without its line feed.
    pub const LONGEST: usize = 64 * 1024;
    /// How far from the end of a piece a separator is looked for.
    const LOOK_BACK: usize = 1024;

    /// For one stream.
    pub fn new(stream: Stream) -> Self {
        Self::with_longest(stream, Self::LONGEST)
    }

    /// For one stream, with another limit than [`Lines::LONGEST`]; at least 1.
    pub fn with_longest(stream: Stream, longest: usize) -> Self {
        Self { stream, longest: longest.max(1), open: Vec::new(), parts: 0 }
    }

    /// Takes what one read brought, and gives out the chunks that are complete.
    pub fn push(&mut self, bytes: &[u8], time: u64, mut each: impl FnMut(Chunk)) {
        let Some(last) = memrchr(b'\n', bytes) else {
            self.open.extend_from_slice(bytes);
            while self.open.len() > self.longest {
                self.cut(time, &mut each);
            }
            return;
        };
        let (whole, rest) = bytes.split_at(last + 1);
        self.open.extend_from_slice(whole);
        // Only if the sum is longer than a line may be, a line in it can be.
        if self.open.len() > self.longest {
            self.give_out_checked(time, &mut each);
        } else {
            self.give_out(self.open.len(), time, &mut each);
        }
        self.open.extend_from_slice(rest);
        while self.open.len() > self.longest {
            self.cut(time, &mut each);
        }
    }

    /// Gives out the last line, which has no line feed.
    pub fn finish(&mut self, time: u64, mut each: impl FnMut(Chunk)) {
        self.give_out(self.open.len(), time, &mut each);
    }

    /// How many bytes wait for their line feed.
    pub fn waiting(&self) -> usize {
        self.open.len()
    }

    /// Gives out `open`, which ends with a line feed, looking at each line.
    fn give_out_checked(&mut self, time: u64, each: &mut impl FnMut(Chunk)) {
        let mut from = 0;
        while let Some(len) = memchr(b'\n', &self.open[from..]) {
            if len <= self.longest {
                from += len + 1;
                continue;
            }
            self.give_out(from, time, each);
            self.cut(time, each);
            from = 0;
        }
        self.give_out(from, time, each);
    }

    /// Gives out the first `len` bytes of `open`, whole lines or the very last one.
    fn give_out(&mut self, len: usize, time: u64, each: &mut impl FnMut(Chunk)) {
        if len == 0 {
            return;
        }
        let rest = self.open.split_off(len);
        let bytes = std::mem::replace(&mut self.open, rest);
        let parts = std::mem::take(&mut self.parts);
        let part = if parts == 0 { 0 } else { parts.saturating_add(1) };
        each(Chunk { bytes, stream: self.stream, time, part, cut: false });
    }

    /// Gives out one piece of the line at the start of `open`, which is too long.
    fn cut(&mut self, time: u64, each: &mut impl FnMut(Chunk)) {
        let len = cut_point(&self.open[..self.longest]);
        let rest = self.open.split_off(len);
        let bytes = std::mem::replace(&mut self.open, rest);
        self.parts = self.parts.saturating_add(1);
        each(Chunk { bytes, stream: self.stream, time, part: self.parts, cut: true });
    }
}

/// Where to cut `bytes`: after the last separator, if one is near; else between two
/// characters.
fn cut_point(bytes: &[u8]) -> usize {
    let near = bytes.len().saturating_sub(Lines::LOOK_BACK).max(1);
    let separator = bytes[near..]
        .iter()
        .rposition(|byte| matches!(byte, b' ' | b'\t' | b',' | b';' | b'&' | b'|' | b'}'));
    if let Some(at) = separator {
        return near + at + 1;
    }
    // At most three bytes back stands the first byte of the last character.
    let boundary = (bytes.len().saturating_sub(3)..bytes.len())
        .rev()
        .find(|&at| bytes[at] & 0b1100_0000 != 0b1000_0000);
    match boundary {
        Some(at) if at > 0 && bytes[at] >= 0b1100_0000 => at,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of `input`, read in pieces that end at `cuts`.
    fn read(input: &[u8], cuts: &[usize], longest: usize) -> Vec<Chunk> {
        let mut lines = Lines::with_longest(Stream::Only, longest);
        let mut chunks = Vec::new();
        let mut from = 0;
        for &cut in cuts.iter().chain([&input.len()]) {
            let to = cut.clamp(from, input.len());
            lines.push(&input[from..to], 1, |chunk| chunks.push(chunk));
            from = to;
        }
        lines.finish(1, |chunk| chunks.push(chunk));
        assert_eq!(lines.waiting(), 0);
        chunks
    }

    fn texts(chunks: &[Chunk]) -> Vec<(String, u32, bool)> {
        chunks
            .iter()
            .flat_map(Chunk::lines)
            .map(|line| (String::from_utf8_lossy(line.text).into_owned(), line.part, line.cut))
            .collect()
    }

    #[test]
    fn lines_end_at_line_feeds_and_the_last_one_at_the_end() {
        let chunks = read(b"one\r\ntwo\n\nthree", &[], 100);
        assert_eq!(
            texts(&chunks),
            [("one", 0, false), ("two", 0, false), ("", 0, false), ("three", 0, false)]
                .map(|(text, part, cut)| (text.to_owned(), part, cut))
        );
        assert_eq!(chunks.iter().map(Chunk::count).sum::<u64>(), 4);
        assert!(chunks[0].lines().next().unwrap().carriage_return);
    }

    #[test]
    fn a_line_that_is_too_long_comes_in_numbered_pieces() {
        let chunks = read(b"ab cd ef gh\nnext\n", &[], 5);
        assert_eq!(
            texts(&chunks),
            [("ab ", 1, true), ("cd ", 2, true), ("ef gh", 3, false), ("next", 0, false)]
                .map(|(text, part, cut)| (text.to_owned(), part, cut))
        );
    }

    #[test]
    fn characters_are_not_cut_in_half() {
        let chunks = read("ééééé".as_bytes(), &[], 5);
        assert_eq!(
            texts(&chunks),
            [("éé", 1, true), ("éé", 2, true), ("é", 3, false)].map(|(text, part, cut)| (
                text.to_owned(),
                part,
                cut
            ))
        );
    }

    #[test]
    fn nothing_waits_for_more_than_the_longest_line() {
        let mut lines = Lines::new(Stream::Stdout);
        let mut out = 0;
        for _ in 0..200 {
            lines.push(&[b'x'; 1000], 1, |chunk| out += chunk.bytes.len());
            assert!(lines.waiting() <= Lines::LONGEST);
        }
        assert_eq!(out + lines.waiting(), 200_000);
    }

    proptest! {
        #[test]
        fn bytes_in_are_bytes_out(
            input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b' '), any::<u8>()], 0..200),
            mut cuts in proptest::collection::vec(0usize..200, 0..6),
            longest in 1usize..20,
        ) {
            cuts.sort_unstable();
            let chunks = read(&input, &cuts, longest);
            let out: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.bytes.clone()).collect();
            prop_assert_eq!(&out, &input);
            for piece in chunks.iter().flat_map(Chunk::lines) {
                prop_assert!(piece.text.len() <= longest);
            }
        }

        #[test]
        fn the_lines_do_not_depend_on_the_reads(
            input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), 97u8..123], 0..200),
            mut cuts in proptest::collection::vec(0usize..200, 0..6),
            longest in 1usize..20,
        ) {
            cuts.sort_unstable();
            prop_assert_eq!(texts(&read(&input, &cuts, longest)), texts(&read(&input, &[], longest)));
        }
    }
}
