//! Keeps what a chunk may have begun, so that nothing is missed at the seam to the next.

use crate::http::{Chunk, ChunkAction};
use crate::value::Splice;

/// The tail of a stream that is kept back between chunks.
///
/// Bodies are cut anywhere, also in the middle of what a plugin looks for. A carry holds back as
/// many bytes as a hit may be long, shows them again in front of the next chunk, and gives them out
/// when the stream ends, which is what is easily forgotten. One per body: keep it in
/// [`Exchanges`](crate::Exchanges).
///
/// ```
/// use tamis_sdk::{Carry, Chunk, ChunkAction, Exchanges, Plugin, Splice, plugin};
///
/// #[derive(serde::Deserialize)]
/// struct Hush {
///     #[serde(skip)]
///     carries: Exchanges<Carry>,
/// }
///
/// #[plugin(guard, exchanges(carries))]
/// impl Plugin for Hush {
///     #[body(transform, max = "1 MiB", types("text/*"))]
///     fn on_response_body(&mut self, chunk: Chunk) -> ChunkAction {
///         let carry = self.carries.get_or_insert_with(chunk.exchange, || Carry::new(6));
///         carry.feed(chunk, |text, _| {
///             let mut hits = Vec::new();
///             for at in 0..text.len().saturating_sub(5) {
///                 if &text[at..at + 6] == b"secret" {
///                     hits.push(Splice::new(at..at + 6, "******"));
///                 }
///             }
///             hits
///         })
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carry {
    keep: usize,
    tail: Vec<u8>,
}

impl Carry {
    /// Holds back up to `keep` bytes: the length of the longest hit. What is longer may be missed
    /// when a cut falls into it.
    pub const fn new(keep: usize) -> Self {
        Self { keep, tail: Vec::new() }
    }

    /// How many bytes are held back at present.
    pub fn len(&self) -> usize {
        self.tail.len()
    }

    /// Whether nothing is held back at present.
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty()
    }

    /// Shows what was held back and the chunk as one text, and makes the answer of the hits which
    /// `find` reports in it, ascending and disjoint. The second argument of `find` says whether the
    /// stream ends here.
    ///
    /// A hit that touches the end of the text may go on in the next chunk: a `find` whose hits
    /// differ in length leaves it out unless the stream ends, and sees it again, with more.
    pub fn feed(
        &mut self,
        chunk: Chunk,
        find: impl FnOnce(&[u8], bool) -> Vec<Splice>,
    ) -> ChunkAction {
        let keep = self.keep;
        self.feed_from(chunk, |text, last| {
            let hits = find(text, last);
            (hits, text.len().saturating_sub(keep))
        })
    }

    /// As [`feed`](Self::feed), for a `find` that knows from where on it needs to see the text
    /// again: it returns that position, too. Bytes beyond the limit of [`new`](Self::new) are given
    /// out all the same, so memory stays bounded.
    pub fn feed_from(
        &mut self,
        chunk: Chunk,
        find: impl FnOnce(&[u8], bool) -> (Vec<Splice>, usize),
    ) -> ChunkAction {
        let Chunk { data, last, .. } = chunk;
        let before = self.tail.len();
        let text = if before == 0 {
            data
        } else {
            let mut text = std::mem::take(&mut self.tail);
            text.extend_from_slice(&data);
            text
        };
        let (mut hits, from) = find(&text, last);
        drop_misfits(&mut hits, text.len());

        // What a hit replaces is done with, also where it reaches into the part to be kept.
        let hit_end = hits.last().map_or(0, |hit| hit.range().end);
        let cut = if last {
            text.len()
        } else {
            from.max(text.len().saturating_sub(self.keep)).max(hit_end).min(text.len())
        };
        if before == 0 && cut == text.len() && hits.is_empty() {
            return ChunkAction::Pass;
        }
        self.tail.extend_from_slice(&text[cut..]);
        answer(&text, before, cut, hits)
    }
}

/// Takes out hits which overlap an earlier one or reach beyond the end.
fn drop_misfits(hits: &mut Vec<Splice>, len: usize) {
    let mut done = 0;
    hits.retain(|hit| {
        let range = hit.range();
        let fits = range.start >= done && range.end <= len;
        if fits {
            done = range.end;
        }
        fits
    });
}

/// The splices that turn the chunk, which is `text` from `before` on, into `text` up to `cut` with
/// its hits replaced.
fn answer(text: &[u8], before: usize, cut: usize, hits: Vec<Splice>) -> ChunkAction {
    let mut splices = Vec::with_capacity(hits.len() + 2);
    let mut hits = hits.into_iter().peekable();

    // In front of the chunk comes what was held back, with the hits that begin in it. The last of
    // these may reach into the chunk. When even less is given out, what is kept back again is not.
    if before > 0 {
        let head_end = before.min(cut);
        let mut front = Vec::new();
        let mut done = 0;
        while let Some(hit) = hits.next_if(|hit| hit.range().start < before) {
            front.extend_from_slice(&text[done..hit.range().start]);
            front.extend_from_slice(&hit.bytes);
            done = hit.range().end;
        }
        if done < head_end {
            front.extend_from_slice(&text[done..head_end]);
        }
        let replaced = done.saturating_sub(before);
        if !front.is_empty() || replaced > 0 {
            splices.push(Splice::new(0..replaced, front));
        }
    }
    for hit in hits {
        let range = hit.range();
        splices.push(Splice::new(range.start - before..range.end - before, hit.bytes));
    }

    // Behind comes off what is held back now.
    let kept = cut.max(before)..text.len();
    if !kept.is_empty() {
        splices.push(Splice::new(kept.start - before..kept.end - before, Vec::new()));
    }
    if splices.is_empty() { ChunkAction::Pass } else { ChunkAction::Splice(splices) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Exchange;
    use proptest::prelude::*;

    /// Sends `text` through a carry in these pieces and returns what comes out.
    fn run(
        keep: usize,
        pieces: &[&[u8]],
        find: impl Fn(&[u8], bool) -> Vec<Splice> + Copy,
    ) -> Vec<u8> {
        let mut carry = Carry::new(keep);
        let mut result = Vec::new();
        let mut offset = 0;
        for (index, piece) in pieces.iter().enumerate() {
            let last = index + 1 == pieces.len();
            let chunk = Chunk { exchange: Exchange::default(), data: piece.to_vec(), offset, last };
            offset += piece.len() as u64;
            match carry.feed(chunk, find) {
                ChunkAction::Pass => result.extend_from_slice(piece),
                ChunkAction::Splice(splices) => {
                    let ascending =
                        splices.windows(2).all(|pair| pair[0].range().end <= pair[1].range().start);
                    assert!(ascending, "{splices:?}");
                    result.extend(Splice::apply(piece, &splices));
                }
                other => panic!("{other:?}"),
            }
            assert!(carry.len() <= keep);
        }
        assert!(carry.is_empty(), "nothing is lost at the end");
        result
    }

    fn needle(text: &[u8], _: bool) -> Vec<Splice> {
        let mut hits = Vec::new();
        let mut at = 0;
        while at + 6 <= text.len() {
            if &text[at..at + 6] == b"secret" {
                hits.push(Splice::new(at..at + 6, "*"));
                at += 6;
            } else {
                at += 1;
            }
        }
        hits
    }

    #[test]
    fn cuts_do_not_matter() {
        let text: &[u8] = b"a secret and secretsecret, no secre t, secret";
        let expected = b"a * and **, no secre t, *";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                let result = run(6, &pieces, needle);
                assert_eq!(
                    String::from_utf8_lossy(&result),
                    String::from_utf8_lossy(expected),
                    "cut at {first} and {second}"
                );
            }
        }
        let bytes: Vec<_> = text.chunks(1).collect();
        assert_eq!(run(6, &bytes, needle), expected);
    }

    #[test]
    fn a_hit_that_may_go_on_is_left_to_the_next_chunk() {
        // Runs of digits of any length up to eight.
        let digits = |text: &[u8], last: bool| {
            let mut hits = Vec::new();
            let mut at = 0;
            while at < text.len() {
                let run = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                if run > 0 && (last || at + run < text.len()) {
                    hits.push(Splice::new(at..at + run, "#"));
                }
                at += run.max(1);
            }
            hits
        };
        let text: &[u8] = b"12345678 a 12 b 4";
        for cut in 0..=text.len() {
            assert_eq!(run(9, &[&text[..cut], &text[cut..]], digits), b"# a # b #", "{cut}");
        }
    }

    #[test]
    fn what_is_clean_and_not_kept_passes_uncopied() {
        let mut carry = Carry::new(0);
        let chunk = Chunk { last: false, ..Chunk::new("clean") };
        assert_eq!(carry.feed(chunk, |_, _| Vec::new()), ChunkAction::Pass);
        let chunk = Chunk::new("clean");
        assert_eq!(Carry::new(3).feed(chunk, |_, _| Vec::new()), ChunkAction::Pass);
    }

    #[test]
    fn misfits_are_left_out() {
        let overlapping = |text: &[u8], _: bool| {
            vec![Splice::new(0..2, "X"), Splice::new(1..3, "Y"), Splice::new(2..99, "Z")]
                .into_iter()
                .filter(|_| !text.is_empty())
                .collect()
        };
        assert_eq!(run(0, &[b"abc"], overlapping), b"Xc");
    }

    #[test]
    fn memory_stays_bounded_whatever_is_asked_for() {
        let mut carry = Carry::new(4);
        let chunk = Chunk { last: false, ..Chunk::new("0123456789") };
        let action = carry.feed_from(chunk, |_, _| (Vec::new(), 0));
        assert_eq!(carry.len(), 4);
        assert_eq!(action, ChunkAction::Splice(vec![Splice::new(6..10, "")]));
    }

    proptest! {
        /// Whatever the text, the hits and the cuts: the same comes out as from one piece.
        #[test]
        fn pieces_give_what_the_whole_gives(
            text in "[ab ]{0,60}",
            cuts in prop::collection::vec(0..61_usize, 0..8),
            keep in 4..12_usize,
        ) {
            // Finds `abab`, and after it goes on behind it.
            let find = |text: &[u8], _: bool| {
                let mut hits = Vec::new();
                let mut at = 0;
                while at + 4 <= text.len() {
                    if &text[at..at + 4] == b"abab" {
                        hits.push(Splice::new(at..at + 4, "<longer>"));
                        at += 4;
                    } else {
                        at += 1;
                    }
                }
                hits
            };
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> =
                cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            let whole = run(keep, &[text.as_bytes()], find);
            prop_assert_eq!(run(keep, &pieces, find), whole, "{:?}", cuts);
        }
    }
}
