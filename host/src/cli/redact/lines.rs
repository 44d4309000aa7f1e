//! Cuts what is read into lines, and lines that are too long into pieces.
//!
//! Bounded: no more than one piece is ever kept. The bytes that are handed out, put together
//! again, are those that were read.

/// The longest line that is looked at as a whole, in bytes.
pub(super) const LONGEST: usize = 256 * 1024;

/// How much of the end of a piece is searched for a good place to cut.
const SEARCHED: usize = 16 * 1024;

/// A line, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Without the line feed.
    pub(super) bytes: Vec<u8>,
    /// Whether a line feed follows.
    pub(super) ends: bool,
}

/// What was read and is not yet a line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    /// How many pieces of lines that were too long were handed out.
    cut: u64,
}

impl Lines {
    /// The lines that are complete with these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            self.take(&bytes[from..end], &mut lines);
            let bytes = std::mem::take(&mut self.rest);
            lines.push(Line { bytes, ends: true });
            from = end + 1;
        }
        self.take(&bytes[from..], &mut lines);
        lines
    }

    /// What is left at the end.
    pub(super) fn finish(&mut self) -> Option<Line> {
        let bytes = std::mem::take(&mut self.rest);
        (!bytes.is_empty()).then_some(Line { bytes, ends: false })
    }

    /// How often a line was cut.
    pub(super) fn cut(&self) -> u64 {
        self.cut
    }

    fn take(&mut self, mut bytes: &[u8], lines: &mut Vec<Line>) {
        while self.rest.len() + bytes.len() > LONGEST {
            let (now, later) = bytes.split_at(LONGEST - self.rest.len());
            self.rest.extend_from_slice(now);
            bytes = later;
            let piece = self.rest.drain(..good_cut(&self.rest)).collect();
            lines.push(Line { bytes: piece, ends: false });
            self.cut += 1;
        }
        self.rest.extend_from_slice(bytes);
    }
}

/// Behind the last byte that hardly any value goes on after, else between two characters.
fn good_cut(bytes: &[u8]) -> usize {
    let searched = &bytes[bytes.len().saturating_sub(SEARCHED)..];
    let skipped = bytes.len() - searched.len();
    // From the best to the worst. The last part is kept, so that a value that has just begun is
    // not cut: whoever reads on sees it whole.
    let ends = [&b"{}[]"[..], b",;", b" \t\r"];
    for kind in ends {
        if let Some(at) = searched.iter().rposition(|byte| kind.contains(byte)) {
            return skipped + at + 1;
        }
    }
    let is_start = |at: &usize| !matches!(bytes[*at], 0x80..=0xbf);
    (bytes.len().saturating_sub(3)..bytes.len()).rev().find(is_start).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(chunks: &[&[u8]]) -> (Vec<Line>, u64) {
        let mut lines = Lines::default();
        let mut found: Vec<_> = chunks.iter().flat_map(|chunk| lines.push(chunk)).collect();
        found.extend(lines.finish());
        (found, lines.cut())
    }

    fn line(bytes: &[u8], ends: bool) -> Line {
        Line { bytes: bytes.to_vec(), ends }
    }

    #[test]
    fn lines_keep_their_endings() {
        let (lines, _) = all(&[b"a\r\nb", b"\n\n", b"c"]);
        let expected = [line(b"a\r", true), line(b"b", true), line(b"", true), line(b"c", false)];
        assert_eq!(lines, expected);
        assert_eq!(all(&[]), (Vec::new(), 0));
        assert_eq!(all(&[b"x\n"]).0, [line(b"x", true)]);
    }

    #[test]
    fn long_lines_are_cut_where_a_value_ends() {
        let mut text = vec![b'x'; LONGEST - 10];
        text.extend_from_slice(b" secret-value-that-goes-on");
        let (lines, cut) = all(&[&text]);
        assert_eq!((lines.len(), cut), (2, 1));
        assert_eq!(lines[1].bytes, b"secret-value-that-goes-on");

        let wall = vec![b'x'; LONGEST * 2 + 5];
        assert_eq!(all(&[&wall]).1, 2);

        let wide = "é".repeat(LONGEST);
        for line in all(&[wide.as_bytes()]).0 {
            assert!(std::str::from_utf8(&line.bytes).is_ok(), "no character is cut");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_cut_matters(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            cuts in prop::collection::vec(0..200_usize, 0..6),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut from = 0;
            let mut chunks: Vec<&[u8]> = Vec::new();
            for cut in cuts {
                chunks.push(&text[from..cut]);
                from = cut;
            }
            chunks.push(&text[from..]);
            let (lines, _) = all(&chunks);
            let mut again = Vec::new();
            for line in &lines {
                again.extend_from_slice(&line.bytes);
                if line.ends { again.push(b'\n'); }
            }
            prop_assert_eq!(&again, &text);
            prop_assert_eq!(lines, all(&[&text]).0);
        }
    }
}
