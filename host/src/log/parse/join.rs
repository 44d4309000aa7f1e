//! Puts lines that belong together into one record: stack traces with the line of the logger
//! in front of them, two-line records of some loggers.
//!
//! This happens before any plugin sees a line, so that a rule, a parser or an error report
//! never gets half of a trace. It is pure: time is handed in, there is no I/O, and how the
//! input was cut into reads makes no difference. Every line comes out once and unchanged, in a
//! record with others or in one of its own.
//!
//! For each stream there is a lane. An ordinary line costs a look at its first and last byte
//! and waits for the next one, since only that shows whether it was the beginning of
//! something. A line that opens a trace starts the machine of its language
//! (`join/<language>`), which then says of each line whether it still belongs. Lines that
//! turn out to belong to nothing are given back one by one.
//!
//! Lines of other workers that fall between those of a trace are let through when their head
//! states another process or thread, or when the trace cannot have ended yet. Beyond that
//! nothing in the text tells workers apart.

use std::time::Duration;

use crate::filter::record::Record;
use crate::log::source::lines::{Piece, Stream};

pub(crate) mod ansi;
mod dart;
mod dotnet;
mod go;
mod java;
mod lane;
mod lead;
mod node;
mod pem;
mod php;
mod python;
mod ruby;
mod rust;
mod trace;

use lane::{Lane, Pass};

/// Name of the attribute that says of which language a joined record is.
pub const JOINED: &str = "log.joined";
/// Name of the attribute that numbers the pieces of a line or record that was too long.
pub const PART: &str = "log.part";
/// Name of the attribute of a piece that more follow: `line` if within the line, `record` if
/// with the next line.
pub const CONTINUES: &str = "log.continues";
/// Name of the attribute of lines that ended with carriage return and line feed: `crlf`.
pub const LINE_ENDING: &str = "log.line_ending";
/// Name of the attribute that says which output of the application a line was written to.
pub const IOSTREAM: &str = "log.iostream";
/// Name of the attribute with the name of the container that a line was written in, when
/// several share a source.
pub const CONTAINER: &str = "container.name";

/// How long lines wait for each other, and how much becomes one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long an ordinary line waits for the next of its stream. 50 ms.
    pub linger: Duration,
    /// How long an open trace waits for its next line. 500 ms.
    pub flush: Duration,
    /// Most lines of one record. A longer trace goes on in the next, marked as a part of it.
    /// 1500.
    pub lines: usize,
    /// Most bytes of one record, likewise. 256 KiB.
    pub bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(50),
            flush: Duration::from_millis(500),
            lines: 1500,
            bytes: 256 * 1024,
        }
    }
}

/// What the joiner did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines taken in.
    pub lines: u64,
    /// Records given out.
    pub records: u64,
    /// Records of more than one line.
    pub joined: u64,
    /// Records that are further parts of a trace that was too long.
    pub parts: u64,
    /// Traces that ended because no line came.
    pub timed_out: u64,
    /// Lines that were held and turned out to belong to nothing.
    pub released: u64,
    /// Lines of others that were let through in the middle of a trace.
    pub foreign: u64,
}

/// One line with what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The line itself.
    pub piece: Piece<'a>,
    /// Where it was written to.
    pub stream: Stream,
    /// The container that wrote it, or nothing.
    pub container: &'a [u8],
    /// When it was read, in nanoseconds since the Unix epoch.
    pub time: u64,
}

/// Most lanes. Beyond that the one that was quiet longest is emptied.
const LANES: usize = 32;

/// Joins the lines of one source.
#[derive(Debug)]
pub struct Joiner {
    settings: Settings,
    lanes: Vec<Lane>,
    /// The lane of the last line, which is most often that of the next.
    current: usize,
    counts: Counts,
}

impl Joiner {
    /// For one source.
    pub fn new(settings: Settings) -> Self {
        Self { settings, lanes: Vec::new(), current: 0, counts: Counts::default() }
    }

    /// Takes a line and adds the records that it completes to `out`.
    ///
    /// `now` is the time since any fixed moment.
    pub fn push(&mut self, line: Line<'_>, now: Duration, out: &mut Vec<Record>) {
        self.counts.lines += 1;
        let index = self.lane(line.stream, line.container, out);
        let mut pass = Pass { settings: &self.settings, counts: &mut self.counts, now, out };
        self.lanes[index].push(line, &mut pass);
    }

    /// Gives out what has waited long enough.
    pub fn flush(&mut self, now: Duration, out: &mut Vec<Record>) {
        let mut pass = Pass { settings: &self.settings, counts: &mut self.counts, now, out };
        for lane in &mut self.lanes {
            lane.flush(&mut pass);
        }
    }

    /// When [`Joiner::flush`] has something to do next.
    pub fn deadline(&self) -> Option<Duration> {
        self.lanes.iter().filter_map(|lane| lane.deadline(&self.settings)).min()
    }

    /// Gives out everything: no line follows.
    pub fn finish(&mut self, out: &mut Vec<Record>) {
        let now = Duration::ZERO;
        let mut pass = Pass { settings: &self.settings, counts: &mut self.counts, now, out };
        for lane in &mut self.lanes {
            lane.finish(&mut pass);
        }
    }

    /// How many lines wait inside.
    pub fn waiting(&self) -> usize {
        self.lanes.iter().map(Lane::waiting).sum()
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn lane(&mut self, stream: Stream, container: &[u8], out: &mut Vec<Record>) -> usize {
        // Most sources have no containers, and comparing nothing with nothing byte by byte
        // costs more than all else here.
        let is = |lane: &Lane| {
            lane.stream == stream
                && lane.container.len() == container.len()
                && (container.is_empty() || lane.container.as_bytes() == container)
        };
        if !self.lanes.get(self.current).is_some_and(is) {
            self.current = self.lanes.iter().position(is).unwrap_or_else(|| {
                if self.lanes.len() >= LANES {
                    let quiet = (0..self.lanes.len()).min_by_key(|&index| self.lanes[index].last);
                    let mut lane = self.lanes.swap_remove(quiet.unwrap_or_default());
                    let now = lane.last;
                    let (settings, counts) = (&self.settings, &mut self.counts);
                    lane.finish(&mut Pass { settings, counts, now, out });
                }
                self.lanes.push(Lane::new(stream, container));
                self.lanes.len() - 1
            });
        }
        self.current
    }
}

#[cfg(test)]
mod tests;
