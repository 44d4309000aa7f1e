//! Stack traces in text: which exceptions were raised, where, and what caused what.
//!
//! A file per language; each finds the traces of its language in a text that may hold more, such as
//! the line of the logger in front. Lines that belong together were joined before. Nothing here
//! knows the host, and any text at all may come in.

mod ansi;
mod python;

use tamis_sdk::errors::Exception;

pub(crate) use ansi::without_colours;
pub(crate) use python::{cut, library_of_python, structured};

/// What a stack trace says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trace {
    /// The language, as error trackers call it.
    pub(crate) platform: &'static str,
    /// Root cause first, the one finally raised last. Never empty.
    pub(crate) exceptions: Vec<Exception>,
    /// The part of the text that it takes up, in bytes.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The readers, in the order in which they are asked.
const LANGUAGES: [fn(&str) -> Option<Trace>; 1] = [python::find];

/// So many exceptions of one trace are kept; the root and its nearest relatives first.
pub(crate) const MOST_EXCEPTIONS: usize = 50;
/// So many frames of one exception are kept: the outermost and the innermost.
pub(crate) const MOST_FRAMES: usize = 100;

/// The first stack trace in a text without colours.
pub(crate) fn find(text: &str) -> Option<Trace> {
    LANGUAGES.iter().find_map(|find| find(text))
}

/// Whether a text is worth looking through. Cheap, and true more often than there is a trace.
pub(crate) fn is_likely(text: &str) -> bool {
    text.contains("(most recent call last):") || text.contains("  File \"")
}

/// Takes frames out of the middle when there are too many.
fn cut_middle<T>(frames: &mut Vec<T>) {
    if frames.len() > MOST_FRAMES {
        let surplus = frames.len() - MOST_FRAMES;
        frames.drain(MOST_FRAMES / 2..MOST_FRAMES / 2 + surplus);
    }
}
