//! What the application writes, in the manner of Python's `logging`, and a copy of the latest of it
//! for whoever wants to compare.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many entries are kept.
const KEPT: usize = 4000;

/// One thing that was written: a line, or several with a traceback.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub(in crate::cli::demo) struct Entry {
    /// `stdout` or `stderr`.
    pub(in crate::cli::demo) stream: String,
    /// Without the last line feed.
    pub(in crate::cli::demo) text: String,
}

/// Standard output and error.
pub(in crate::cli::demo) struct Journal(Mutex<Inner>);

struct Inner {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    kept: VecDeque<Entry>,
}

impl Journal {
    pub(in crate::cli::demo) fn new(
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> Self {
        let (out, err) = (Box::new(out), Box::new(err));
        Self(Mutex::new(Inner { out, err, kept: VecDeque::new() }))
    }

    /// A line on standard output.
    pub(in crate::cli::demo) fn info(&self, logger: &str, message: &str) {
        self.write("stdout", format!("{} INFO {logger}: {message}", now()));
    }

    /// A line on standard error, with the traceback of an exception below it.
    pub(in crate::cli::demo) fn exception(&self, logger: &str, message: &str, traceback: &str) {
        self.write("stderr", format!("{} ERROR {logger}: {message}\n{traceback}", now()));
    }

    /// What was written lately.
    pub(in crate::cli::demo) fn kept(&self) -> Vec<Entry> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.kept.iter().cloned().collect()
    }

    fn write(&self, stream: &str, text: String) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let to = if stream == "stdout" { &mut inner.out } else { &mut inner.err };
        // At once, so that no other line gets between those of a traceback. Nobody who would read
        // it is no reason to stop selling.
        let _ = to.write_all(format!("{text}\n").as_bytes()).and_then(|()| to.flush());
        if inner.kept.len() == KEPT {
            inner.kept.pop_front();
        }
        inner.kept.push_back(Entry { stream: stream.to_owned(), text });
    }
}

/// As `asctime` writes it: `2026-11-25 10:00:00,123`.
fn now() -> String {
    let now = Timestamp::now();
    let milliseconds = now.subsec_millisecond();
    format!("{},{milliseconds:03}", now.strftime("%Y-%m-%d %H:%M:%S"))
}
