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

use std::borrow::Cow;
use std::time::Duration;

use super::layout::{self, Head};
use crate::filter::record::Record;
use crate::filter::value::Severity;
use crate::log::source::lines::{Piece, Stream};

pub(crate) mod ansi;
mod dart;
mod dotnet;
mod go;
mod java;
mod node;
mod php;
mod python;
mod ruby;
mod rust;
mod trace;

use trace::{About, Machine, Step};

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

/// Most lines that may wait for a trace to become certain, or for what a machine holds.
const HELD_LINES: usize = 32;
/// Most bytes of those.
const HELD_BYTES: usize = 64 * 1024;
/// Most lines in a row that an unfinished trace lets through.
const FOREIGN_LINES: u32 = 8;
/// Most traces of one lane that may be open at once.
const PARKED: usize = 4;
/// Most lanes. Beyond that the one that was quiet longest is emptied.
const LANES: usize = 64;

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

/// What the steps of one call share.
struct Pass<'a> {
    settings: &'a Settings,
    counts: &'a mut Counts,
    now: Duration,
    out: &'a mut Vec<Record>,
}

/// A line that waits.
#[derive(Debug)]
struct Held {
    text: Vec<u8>,
    time: u64,
    carriage_return: bool,
    part: u32,
    cut: bool,
}

impl Held {
    fn of(piece: Piece<'_>, time: u64) -> Self {
        let Piece { text, carriage_return, part, cut } = piece;
        Self { text: text.to_vec(), time, carriage_return, part, cut }
    }

    fn plain(&self) -> Cow<'_, [u8]> {
        ansi::strip(&self.text)
    }
}

/// A trace that goes on.
#[derive(Debug)]
struct Open {
    machine: Box<dyn Machine>,
    taken: Vec<Held>,
    bytes: usize,
    /// How many of the taken lines there were when the machine was started.
    opening: usize,
    /// Held by the machine.
    held: Vec<Held>,
    held_bytes: usize,
    /// The worker in the head of the first line.
    worker: Option<(Vec<u8>, Vec<u8>)>,
    /// There is a head, and this source writes hardly a line without.
    logged: bool,
    /// How many parts were given out.
    parts: u32,
    foreign: u32,
    last: Duration,
}

/// Whether the lines of a lane have heads, judged by samples.
#[derive(Debug, Default, Clone, Copy)]
struct Habit {
    lines: u32,
    seen: u32,
    headed: u32,
    timed: u32,
}

impl Habit {
    /// The first lines are looked at, then one in 64.
    fn look(&mut self, text: &[u8]) {
        self.lines = self.lines.wrapping_add(1);
        if self.lines > 32 && !self.lines.is_multiple_of(64) {
            return;
        }
        let Some(head) = layout::read(text) else {
            self.seen += 1;
            return;
        };
        self.seen += 1;
        self.headed += 1;
        self.timed += u32::from(head.time.is_some());
        if self.seen >= 1024 {
            self.seen /= 2;
            self.headed /= 2;
            self.timed /= 2;
        }
    }

    /// Hardly a line without a head.
    fn is_headed(self) -> bool {
        self.headed >= 4 && self.headed * 10 >= self.seen * 9
    }

    /// Hardly a head without a time.
    fn is_timed(self) -> bool {
        self.timed >= 4 && self.timed * 10 >= self.headed * 9
    }
}

/// One stream of one source.
#[derive(Debug)]
struct Lane {
    stream: Stream,
    container: String,
    /// The last line, and before it the line that a blank one separates from it.
    held: Vec<Held>,
    open: Option<Open>,
    /// Traces that others broke into, oldest first.
    parked: Vec<Open>,
    /// The last line that was let through; it may lead a trace of its own.
    aside: Option<Held>,
    /// The last piece of a line that was too long went into the open trace.
    joined_piece: bool,
    habit: Habit,
    last: Duration,
}

impl Lane {
    fn new(stream: Stream, container: &[u8]) -> Self {
        Self {
            stream,
            container: String::from_utf8_lossy(container).into_owned(),
            held: Vec::new(),
            open: None,
            parked: Vec::new(),
            aside: None,
            joined_piece: false,
            habit: Habit::default(),
            last: Duration::ZERO,
        }
    }

    fn push(&mut self, line: Line<'_>, pass: &mut Pass<'_>) {
        self.last = pass.now;
        let held = Held::of(line.piece, line.time);
        if line.piece.part > 1 {
            self.piece(held, pass);
            return;
        }
        self.joined_piece = false;
        self.route(held, pass);
        if line.piece.cut {
            // Where the first piece went, the others go.
            let last = self.open.as_ref().and_then(|open| open.held.last().or(open.taken.last()));
            self.joined_piece = last.is_some_and(|last| last.cut);
            if !self.joined_piece {
                self.release_waiting(pass);
            }
        }
    }

    /// The second or a later piece of a line.
    fn piece(&mut self, held: Held, pass: &mut Pass<'_>) {
        match &mut self.open {
            Some(open) if self.joined_piece => {
                open.last = pass.now;
                if open.held.is_empty() {
                    self.take(held, pass);
                } else {
                    open.held_bytes += held.text.len();
                    open.held.push(held);
                }
            }
            _ => {
                self.release_waiting(pass);
                self.single(held, pass);
            }
        }
    }

    fn route(&mut self, held: Held, pass: &mut Pass<'_>) {
        if self.open.is_some() {
            self.opened(held, pass);
        } else {
            self.idle(held, pass);
        }
    }

    /// A line while nothing is open.
    fn idle(&mut self, held: Held, pass: &mut Pass<'_>) {
        if !trace::may_begin(&held.text) {
            self.habit.look(&held.text);
            self.hold_alone(held, pass);
            return;
        }
        let line = held.plain();
        let (start, keep) = {
            // At most two lines are held here, and most lines get no further.
            let plain = [self.held.first(), self.held.get(1)].map(|held| held.map(Held::plain));
            let lines = plain.each_ref().map(|line| line.as_deref().unwrap_or_default());
            let before = &lines[..self.held.len().min(2)];
            let start = trace::start(before, &line).map(|start| {
                let own = before.len() - start.before.min(before.len());
                (start.machine, own - leading(&before[..own]))
            });
            let keep = match before {
                [last] if trace::is_blank(&line) => leads(last),
                [last] => python::is_between(last, &line),
                _ => false,
            };
            (start, keep)
        };
        if let Some((machine, first)) = start {
            drop(line);
            let mut lines = std::mem::take(&mut self.held);
            let others: Vec<Held> = lines.drain(..first).collect();
            for other in others {
                self.single(other, pass);
            }
            lines.push(held);
            self.begin(machine, lines, pass);
            return;
        }
        self.habit.look(&line);
        drop(line);
        if keep {
            self.held.push(held);
        } else {
            self.hold_alone(held, pass);
        }
    }

    /// Gives out what is held, and holds `held` instead.
    fn hold_alone(&mut self, held: Held, pass: &mut Pass<'_>) {
        if self.held.len() == 1 {
            let before = std::mem::replace(&mut self.held[0], held);
            self.single(before, pass);
            return;
        }
        self.release_held(pass);
        self.held.push(held);
    }

    fn begin(&mut self, machine: Box<dyn Machine>, taken: Vec<Held>, pass: &mut Pass<'_>) {
        let (headed, worker) = {
            let first = taken.first().map(Held::plain);
            let head = first.as_deref().and_then(layout::read);
            let worker = head.as_ref().and_then(Head::worker);
            (head.is_some(), worker.map(|(process, thread)| (process.to_vec(), thread.to_vec())))
        };
        let open = Open {
            machine,
            bytes: taken.iter().map(|held| held.text.len() + 1).sum(),
            worker,
            logged: headed && self.habit.is_headed(),
            opening: taken.len(),
            taken,
            held: Vec::new(),
            held_bytes: 0,
            parts: 0,
            foreign: 0,
            last: pass.now,
        };
        self.open = Some(open);
    }

    /// A line while a trace is open.
    fn opened(&mut self, held: Held, pass: &mut Pass<'_>) {
        let Some(open) = &mut self.open else { return self.idle(held, pass) };
        open.last = pass.now;
        let line = held.plain();
        let about = About { logged: open.logged };
        if !open.machine.is_certain() {
            drop(line);
            self.undecided(held, about, pass);
            return;
        }
        if let Some(head) = begins_record(&line, self.habit) {
            let other = is_foreign(open, &head);
            drop(line);
            if other {
                open.foreign += 1;
                self.let_through(held, pass);
            } else {
                self.close(pass);
                self.route(held, pass);
            }
            return;
        }
        match open.machine.next(&line, about) {
            Step::Take => {
                drop(line);
                open.foreign = 0;
                self.release_aside(pass);
                self.take(held, pass);
            }
            Step::Last => {
                drop(line);
                self.release_aside(pass);
                self.take(held, pass);
                self.close(pass);
            }
            Step::Hold => {
                drop(line);
                self.hold(held, pass);
            }
            Step::Foreign if open.foreign < FOREIGN_LINES => {
                drop(line);
                open.foreign += 1;
                self.let_through(held, pass);
            }
            Step::Foreign | Step::Refuse => {
                let breaks_in = self.aside.is_some()
                    && open.machine.is_certain()
                    && !open.machine.is_complete()
                    && self.parked.len() < PARKED;
                let start = if breaks_in {
                    let aside = self.aside.as_ref().map(Held::plain);
                    let before: Vec<&[u8]> = aside.iter().map(AsRef::as_ref).collect();
                    trace::start(&before, &line).filter(|start| start.strong)
                } else {
                    None
                };
                drop(line);
                if let Some(start) = start {
                    let lines = self.aside.take().into_iter().chain([held]).collect();
                    self.parked.extend(self.open.take());
                    self.begin(start.machine, lines, pass);
                } else {
                    self.close(pass);
                    self.route(held, pass);
                }
            }
        }
    }

    /// A line while it is not certain yet that the lines taken are a trace.
    fn undecided(&mut self, held: Held, about: About, pass: &mut Pass<'_>) {
        let Some(open) = &mut self.open else { return self.idle(held, pass) };
        let line = held.plain();
        let step = open.machine.next(&line, about);
        let taken = matches!(step, Step::Take | Step::Last);
        if step == Step::Hold {
            drop(line);
            self.hold(held, pass);
            return;
        }
        if !taken || !open.machine.is_certain() {
            if !taken || begins_record(&line, self.habit).is_some() {
                drop(line);
                self.close(pass);
                self.route(held, pass);
                return;
            }
            let start = {
                let before = open.taken.iter().chain(&open.held);
                let before: Vec<Cow<'_, [u8]>> = before.map(Held::plain).collect();
                let before: Vec<&[u8]> = before.iter().map(AsRef::as_ref).collect();
                trace::start(&before, &line).filter(|start| start.strong)
            };
            if let Some(start) = start {
                drop(line);
                self.replace(start, held, pass);
                return;
            }
        }
        drop(line);
        self.take(held, pass);
        if step == Step::Last {
            self.close(pass);
        }
    }

    /// What is open was not certain, and this line shows that something else began.
    fn replace(&mut self, start: trace::Start, held: Held, pass: &mut Pass<'_>) {
        let Some(open) = self.open.take() else { return };
        let mut lines = open.taken;
        lines.extend(open.held);
        let own = lines.len() - start.before.min(lines.len());
        let leading = {
            let before: Vec<Cow<'_, [u8]>> = lines[..own].iter().map(Held::plain).collect();
            let before: Vec<&[u8]> = before.iter().map(AsRef::as_ref).collect();
            leading(&before)
        };
        let first = own - leading;
        let others: Vec<Held> = lines.drain(..first).collect();
        pass.counts.released += others.len() as u64;
        for other in others {
            self.single(other, pass);
        }
        lines.push(held);
        self.begin(start.machine, lines, pass);
    }

    /// Adds what the machine held, and `held`, to the open trace.
    fn take(&mut self, held: Held, pass: &mut Pass<'_>) {
        let Some(open) = &mut self.open else { return };
        let mut lines = std::mem::take(&mut open.held);
        open.held_bytes = 0;
        lines.push(held);
        for line in lines {
            let Some(open) = &mut self.open else { return };
            let full = open.taken.len() >= pass.settings.lines
                || open.bytes + line.text.len() > pass.settings.bytes && !open.taken.is_empty();
            if full && open.machine.is_certain() {
                let taken = std::mem::take(&mut open.taken);
                open.bytes = 0;
                open.parts += 1;
                let (parts, language) = (open.parts, open.machine.language());
                self.record(taken, Some(language), Some((parts, true)), pass);
            }
            let Some(open) = &mut self.open else { return };
            open.bytes += line.text.len() + 1;
            open.taken.push(line);
        }
        // What is not certain may not grow without bound either.
        if let Some(open) = &self.open
            && !open.machine.is_certain()
            && (open.taken.len() > HELD_LINES || open.bytes > HELD_BYTES)
        {
            self.close(pass);
        }
    }

    /// Keeps a line until the machine knows.
    fn hold(&mut self, held: Held, pass: &mut Pass<'_>) {
        let Some(open) = &mut self.open else { return };
        open.held_bytes += held.text.len() + 1;
        open.held.push(held);
        if open.held.len() > HELD_LINES || open.held_bytes > HELD_BYTES {
            self.close(pass);
        }
    }

    /// Ends the open trace and takes up the one it broke into. What turned out to belong to
    /// nothing is looked at again, line by line.
    fn close(&mut self, pass: &mut Pass<'_>) {
        self.release_aside(pass);
        let Some(open) = self.open.take() else { return };
        self.joined_piece = false;
        let again = if open.machine.is_certain() {
            let parts = (open.parts > 0).then_some((open.parts + 1, false));
            self.record(open.taken, Some(open.machine.language()), parts, pass);
            self.open = self.parked.pop();
            open.held
        } else {
            // The line that opened it would open it again; those behind it may open others.
            let mut lines = open.taken.into_iter();
            let opening: Vec<Held> = lines.by_ref().take(open.opening).collect();
            pass.counts.released += opening.len() as u64;
            self.open = self.parked.pop();
            for line in opening {
                self.habit.look(&line.plain());
                if self.open.is_some() {
                    self.single(line, pass);
                } else {
                    self.hold_alone(line, pass);
                }
            }
            lines.chain(open.held).collect()
        };
        pass.counts.released += again.len() as u64;
        for line in again {
            self.route(line, pass);
        }
    }

    /// Somebody else's line in the middle of a trace.
    fn let_through(&mut self, held: Held, pass: &mut Pass<'_>) {
        pass.counts.foreign += 1;
        self.release_aside(pass);
        self.aside = Some(held);
    }

    fn release_aside(&mut self, pass: &mut Pass<'_>) {
        if let Some(held) = self.aside.take() {
            self.single(held, pass);
        }
    }

    fn release_held(&mut self, pass: &mut Pass<'_>) {
        for held in std::mem::take(&mut self.held) {
            self.single(held, pass);
        }
    }

    fn release_waiting(&mut self, pass: &mut Pass<'_>) {
        self.release_aside(pass);
        self.release_held(pass);
    }

    fn flush(&mut self, pass: &mut Pass<'_>) {
        let (flush, now) = (pass.settings.flush, pass.now);
        let is_due = |open: &Open| open.last + flush <= now;
        let (due, parked): (Vec<Open>, _) =
            std::mem::take(&mut self.parked).into_iter().partition(is_due);
        self.parked = parked;
        for open in due {
            // Only what is certain is ever parked.
            pass.counts.timed_out += 1;
            let parts = (open.parts > 0).then_some((open.parts + 1, false));
            self.record(open.taken, Some(open.machine.language()), parts, pass);
            for held in open.held {
                self.single(held, pass);
            }
        }
        if self.open.as_ref().is_some_and(is_due) {
            pass.counts.timed_out += 1;
            self.close(pass);
            // What was given back may have opened something anew; it has waited, too.
            while self
                .open
                .as_ref()
                .is_some_and(|open| open.last == pass.now || open.last + flush <= pass.now)
            {
                self.close(pass);
            }
        }
        if self.last + pass.settings.linger <= pass.now {
            self.release_waiting(pass);
        }
    }

    fn finish(&mut self, pass: &mut Pass<'_>) {
        while self.open.is_some() {
            self.close(pass);
        }
        self.release_waiting(pass);
    }

    fn deadline(&self, settings: &Settings) -> Option<Duration> {
        let held = !self.held.is_empty() || self.aside.is_some();
        let held = held.then(|| self.last + settings.linger);
        let open = self.open.iter().chain(&self.parked).map(|open| open.last + settings.flush);
        held.into_iter().chain(open).min()
    }

    fn waiting(&self) -> usize {
        let open =
            self.open.iter().chain(&self.parked).map(|open| open.taken.len() + open.held.len());
        self.held.len() + usize::from(self.aside.is_some()) + open.sum::<usize>()
    }

    /// Gives out a record of one line.
    fn single(&self, held: Held, pass: &mut Pass<'_>) {
        pass.counts.records += 1;
        let mut record = Record::of_bytes(held.time, held.text);
        self.mark(&mut record, held.carriage_return);
        if held.part > 0 {
            record.attributes.push((PART.to_owned(), i64::from(held.part).into()));
        }
        if held.cut {
            record.attributes.push((CONTINUES.to_owned(), "line".into()));
        }
        pass.out.push(record);
    }

    /// Gives out a record of `lines`; `part` is its number and whether more follow.
    fn record(
        &self,
        mut lines: Vec<Held>,
        language: Option<&'static str>,
        part: Option<(u32, bool)>,
        pass: &mut Pass<'_>,
    ) {
        if part.is_none() && lines.len() <= 1 {
            if let Some(line) = lines.pop() {
                self.single(line, pass);
            }
            return;
        }
        let Some(first) = lines.first() else { return };
        let time = first.time;
        // Carriage returns that all lines have are stated once; else they stay in the text.
        let returns = lines.iter().all(|line| line.carriage_return || line.cut);
        let bytes = lines.iter().map(|line| line.text.len() + 2).sum();
        let mut text = Vec::with_capacity(bytes);
        let last = lines.len() - 1;
        for (index, line) in lines.iter().enumerate() {
            text.extend_from_slice(&line.text);
            if line.carriage_return && !returns {
                text.push(b'\r');
            }
            if index < last && !line.cut {
                text.push(b'\n');
            }
        }
        pass.counts.records += 1;
        pass.counts.joined += u64::from(part.is_none_or(|(part, _)| part == 1));
        pass.counts.parts += u64::from(part.is_some_and(|(part, _)| part > 1));
        let mut record = Record::of_bytes(time, text);
        self.mark(&mut record, returns);
        if let Some(language) = language {
            record.attributes.push((JOINED.to_owned(), language.into()));
        }
        if let Some((part, more)) = part {
            record.attributes.push((PART.to_owned(), i64::from(part).into()));
            if more {
                let within = lines[last].cut;
                let text = if within { "line" } else { "record" };
                record.attributes.push((CONTINUES.to_owned(), text.into()));
            }
        }
        pass.out.push(record);
    }

    fn mark(&self, record: &mut Record, carriage_return: bool) {
        if let Some(name) = self.stream.name() {
            record.attributes.push((IOSTREAM.to_owned(), name.into()));
        }
        if !self.container.is_empty() {
            record.attributes.push((CONTAINER.to_owned(), self.container.clone().into()));
        }
        if carriage_return {
            record.attributes.push((LINE_ENDING.to_owned(), "crlf".into()));
        }
    }
}

/// How many of the last lines of `before` lead a trace: the line of a logger or a word of the
/// runtime, perhaps with a blank line or one more behind it.
fn leading(before: &[&[u8]]) -> usize {
    match before {
        [.., first, second] if trace::is_blank(second) && leads(first) => 2,
        [.., first, second] if python::is_between(first, second) => 2,
        [.., last] if leads(last) => 1,
        _ => 0,
    }
}

/// Whether `line` announces a trace: a logger says that something went wrong, or the words
/// are those of a runtime.
fn leads(line: &[u8]) -> bool {
    if trace::is_blank(line) {
        return false;
    }
    match layout::read(line) {
        Some(head) if head.access => false,
        Some(head) => match head.severity {
            Some(severity) => {
                severity >= Severity::Warn || speaks_of_failure(&line[head.message..])
            }
            None => speaks_of_failure(&line[head.message..]),
        },
        None => python::leads(line),
    }
}

fn speaks_of_failure(message: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [b"xception", b"raceback", b"panic", b"rror", b"failed", b"Failed"];
    let message = &message[..message.len().min(1024)];
    WORDS.iter().any(|word| trace::contains(message, word))
}

/// The head of `line`, if with it a new record begins.
fn begins_record(line: &[u8], habit: Habit) -> Option<Head<'_>> {
    match line.first()? {
        b'0'..=b'9' | b'[' | b'<' | b'A'..=b'Z' | b'a'..=b'z' | b':' => {
            let head = layout::read(line)?;
            let counts = head.time.is_some() || !habit.is_timed();
            counts.then_some(head)
        }
        // Records of JSON have one line each.
        b'{' if line.starts_with(b"{\"") && line.ends_with(b"}") => Some(Head::default()),
        _ => None,
    }
}

/// Whether the record that begins with `head` is of another worker than the open trace.
fn is_foreign(open: &Open, head: &Head<'_>) -> bool {
    if let (Some((process, thread)), Some((other_process, other_thread))) =
        (&open.worker, head.worker())
    {
        return process != other_process || thread != other_thread;
    }
    !open.machine.is_complete() && open.foreign < FOREIGN_LINES
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::source::lines::{Chunk, Lines};

    const LINE: Duration = Duration::from_millis(1);

    /// The records that `input` becomes, read at once from one stream.
    fn join(input: &[u8]) -> (Vec<Record>, Counts) {
        join_streams(&[(Stream::Only, input)])
    }

    /// The same for reads from several streams, one after the other.
    fn join_streams(reads: &[(Stream, &[u8])]) -> (Vec<Record>, Counts) {
        let mut joiner = Joiner::new(Settings::default());
        let mut out = Vec::new();
        let mut chunks: Vec<Chunk> = Vec::new();
        for &(stream, bytes) in reads {
            let mut lines = Lines::new(stream);
            lines.push(bytes, 7, |chunk| chunks.push(chunk));
            lines.finish(7, |chunk| chunks.push(chunk));
        }
        for chunk in &chunks {
            feed(&mut joiner, chunk, LINE, &mut out);
        }
        joiner.finish(&mut out);
        assert_eq!(joiner.waiting(), 0);
        (out, joiner.counts())
    }

    fn feed(joiner: &mut Joiner, chunk: &Chunk, now: Duration, out: &mut Vec<Record>) {
        for piece in chunk.lines() {
            let line = Line { piece, stream: chunk.stream, container: b"", time: chunk.time };
            joiner.push(line, now, out);
        }
    }

    /// Each line of `case` begins with a mark: all lines with `=` are one record, all with `+`
    /// another, each with `-` is one of its own.
    pub(super) fn check(case: &str) {
        let mut input = String::new();
        let mut expected = Vec::new();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for line in case.lines() {
            let (mark, text) = line.split_at(2);
            input.push_str(text);
            input.push('\n');
            match mark {
                "= " => first.push(text),
                "+ " => second.push(text),
                _ => expected.push(text.to_owned()),
            }
        }
        for joined in [first, second] {
            if !joined.is_empty() {
                expected.push(joined.join("\n"));
            }
        }
        let (records, counts) = join(input.as_bytes());
        let mut texts: Vec<String> = records.iter().map(|record| record.message.clone()).collect();
        texts.sort();
        expected.sort();
        assert_eq!(texts, expected, "the records of\n{input}");
        assert_eq!(counts.lines, input.lines().count() as u64);
    }

    #[test]
    fn ordinary_lines_are_records_of_their_own() {
        let (records, counts) = join(b"one\n\ntwo\r\n  three\nfour");
        let texts: Vec<&str> = records.iter().map(|record| record.message.as_str()).collect();
        assert_eq!(texts, ["one", "", "two", "  three", "four"]);
        assert_eq!(records[2].attribute(LINE_ENDING), Some(&"crlf".into()));
        assert_eq!((counts.lines, counts.records, counts.joined), (5, 5, 0));
    }

    /// The text that `records` were read from, if all came from one stream.
    fn restore(records: &[Record]) -> Vec<u8> {
        let mut out = Vec::new();
        for record in records {
            let crlf = record.attribute(LINE_ENDING).is_some();
            let within = record.attribute(CONTINUES) == Some(&"line".into());
            let end: &[u8] = if crlf { b"\r\n" } else { b"\n" };
            for (index, line) in
                record.clone().into_bytes().split(|&byte| byte == b'\n').enumerate()
            {
                if index > 0 {
                    out.extend_from_slice(end);
                }
                out.extend_from_slice(line);
            }
            if !within {
                out.extend_from_slice(end);
            }
        }
        out
    }

    /// Every directory of samples is optional; who reads one says so when it is absent.
    fn samples() -> Option<std::path::PathBuf> {
        let path = std::path::PathBuf::from(SAMPLES);
        path.is_dir().then_some(path)
    }

    const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/stacktraces");

    #[test]
    fn streams_do_not_mix() {
        let trace = b"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: bad\n";
        let java =
            b"java.lang.IllegalStateException: no\n\tat a.B.c(B.java:5)\n\tat a.B.d(B.java:6)\n";
        let one: Vec<&[u8]> = trace.split_inclusive(|&byte| byte == b'\n').collect();
        let two: Vec<&[u8]> = java.split_inclusive(|&byte| byte == b'\n').collect();
        let mut reads = Vec::new();
        for index in 0..4 {
            reads.extend(one.get(index).map(|line| (Stream::Stderr, *line)));
            reads.extend(two.get(index).map(|line| (Stream::Stdout, *line)));
        }
        let (records, _) = join_streams(&reads);
        let mut texts: Vec<Vec<u8>> = records.into_iter().map(Record::into_bytes).collect();
        texts.sort();
        assert_eq!(texts, [trace[..trace.len() - 1].to_vec(), java[..java.len() - 1].to_vec()]);
    }

    #[test]
    fn workers_that_their_heads_tell_apart_do_not_mix() {
        check(
            "\
             = [2026-11-22 07:34:46 +0000] [11] [ERROR] Error handling request /a\n\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             - [2026-11-22 07:34:46 +0000] [12] [INFO] from another worker\n\
             =     g()\n\
             + [2026-11-22 07:34:46 +0000] [12] [ERROR] Error handling request /b\n\
             + Traceback (most recent call last):\n\
             +   File \"b.py\", line 1, in h\n\
             + KeyError: 'b'\n\
             =   File \"a.py\", line 2, in g\n\
             = ValueError: bad\n\
             - [2026-11-22 07:34:46 +0000] [11] [INFO] done\n",
        );
    }

    #[test]
    fn the_head_of_the_same_worker_ends_a_trace() {
        check(
            "\
             = [2026-11-22 07:34:46 +0000] [11] [ERROR] Error handling request /a\n\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             - [2026-11-22 07:34:46 +0000] [11] [INFO] done\n\
             -     g()\n\
             - ValueError: bad\n",
        );
    }

    #[test]
    fn colours_are_seen_through_and_kept() {
        let text = "\u{1b}[31mTraceback (most recent call last):\u{1b}[0m\n  \
                    File \u{1b}[35m\"a.py\"\u{1b}[0m, line \u{1b}[35m1\u{1b}[0m, in f\n\
                    \u{1b}[1;35mValueError\u{1b}[0m: \u{1b}[35mbad\u{1b}[0m";
        let (records, _) = join(text.as_bytes());
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].message, text);
    }

    #[test]
    fn an_ordinary_line_waits_for_the_next_one_and_a_trace_for_its_end() {
        let mut joiner = Joiner::new(Settings::default());
        let mut out = Vec::new();
        let chunk = |text: &str| {
            let bytes = text.as_bytes().to_vec();
            Chunk { bytes, stream: Stream::Only, time: 1, part: 0, cut: false }
        };
        let at = Duration::from_millis;
        feed(&mut joiner, &chunk("one\n"), at(0), &mut out);
        assert_eq!((out.len(), joiner.deadline()), (0, Some(at(50))));
        joiner.flush(at(49), &mut out);
        assert_eq!(out.len(), 0);
        joiner.flush(at(50), &mut out);
        assert_eq!((out.len(), joiner.deadline()), (1, None));

        feed(
            &mut joiner,
            &chunk("Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n"),
            at(100),
            &mut out,
        );
        joiner.flush(at(599), &mut out);
        assert_eq!((out.len(), joiner.deadline()), (1, Some(at(600))), "it is not at its end");
        feed(&mut joiner, &chunk("ValueError: bad\n"), at(590), &mut out);
        joiner.flush(at(1090), &mut out);
        assert_eq!((out.len(), joiner.waiting()), (2, 0));
        assert_eq!(joiner.counts().timed_out, 1);

        // What only might have been one comes back line by line.
        feed(&mut joiner, &chunk("TypeError: no\nTypeError: no\nnext\n"), at(2000), &mut out);
        assert_eq!((out.len(), joiner.waiting()), (2, 3));
        joiner.flush(at(2500), &mut out);
        joiner.flush(at(2550), &mut out);
        assert_eq!((out.len(), joiner.waiting()), (5, 0));
    }

    #[test]
    fn a_trace_that_is_too_long_goes_on_in_the_next_record() {
        let mut text = String::from("java.lang.StackOverflowError\n");
        for line in 0..40 {
            text.push_str(&format!("\tat a.B.c(B.java:{line})\n"));
        }
        text.push_str("next\n");
        let mut joiner = Joiner::new(Settings { lines: 16, ..Settings::default() });
        let chunk = Chunk {
            bytes: text.clone().into_bytes(),
            stream: Stream::Only,
            time: 1,
            part: 0,
            cut: false,
        };
        let mut out = Vec::new();
        feed(&mut joiner, &chunk, LINE, &mut out);
        joiner.finish(&mut out);
        let parts: Vec<_> = out
            .iter()
            .map(|record| (record.attribute(PART).cloned(), record.attribute(CONTINUES).cloned()))
            .collect();
        let part = |number: i64, more: bool| (Some(number.into()), more.then(|| "record".into()));
        assert_eq!(parts, [part(1, true), part(2, true), part(3, false), (None, None)]);
        assert_eq!(restore(&out), text.as_bytes());
        assert_eq!((joiner.counts().joined, joiner.counts().parts), (1, 2), "it is one trace");
    }

    #[test]
    fn a_line_that_came_in_pieces_stays_where_its_first_piece_went() {
        let long = "x".repeat(Lines::LONGEST + 10);
        let text = format!(
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: {long}\nnext\n{long}\n"
        );
        let (records, _) = join(text.as_bytes());
        assert_eq!(restore(&records), text.as_bytes());
        assert_eq!(records.len(), 4);
        assert!(records[0].message.ends_with('x') && records[0].message.contains("ValueError"));
        assert_eq!(records[2].attribute(PART), Some(&1.into()));
        assert_eq!(records[2].attribute(CONTINUES), Some(&"line".into()));
        assert_eq!(records[3].attribute(PART), Some(&2.into()));
    }

    /// Lines of all kinds, to be put together at random.
    fn lines() -> impl Strategy<Value = Vec<String>> {
        let known = proptest::sample::select(vec![
            "Traceback (most recent call last):",
            "  File \"a.py\", line 1, in f",
            "    g()",
            "    ^^^",
            "ValueError: bad",
            "",
            " ",
            "The above exception was the direct cause of the following exception:",
            "  + Exception Group Traceback (most recent call last):",
            "  | x",
            "\"\"\"",
            "java.lang.IllegalStateException: no",
            "\tat a.B.c(B.java:5)",
            "Caused by: java.io.IOException: x",
            "\t... 2 more",
            "TypeError: no",
            "    at f (/a.js:1:2)",
            "    at /a.js:1:2 {",
            "}",
            "  code: 1",
            "/srv/a.js:12",
            "  ^",
            "Node.js v20.1.0",
            "panic: no",
            "goroutine 1 [running]:",
            "main.main()",
            "\t/a.go:1 +0x1",
            "exit status 2",
            "thread 'main' panicked at a.rs:1:2:",
            "stack backtrace:",
            "   0: f",
            "note: x",
            "Error: x",
            "Caused by:",
            "    0: y",
            "t.rb:8:in `f': no (E)",
            "\tfrom t.rb:5:in `g'",
            "t.rb:5:in `g'",
            "PHP Fatal error:  Uncaught E: x in /a:1",
            "Stack trace:",
            "#0 /a.php(5): f()",
            "#1 {main}",
            "  thrown in /a on line 1",
            "Unhandled exception:",
            "#0      f (a.dart:1:2)",
            "System.X.YException: no",
            "   at A.B.C(String s) in /a.cs:line 5",
            "info: A.B[1]",
            "      inside",
            "2026-11-22 07:34:03,305 ERROR app: failed",
            "[2026-11-22 07:34:46 +0000] [11] [ERROR] x",
            "[2026-11-22 07:34:46 +0000] [12] [INFO] x",
            "{\"level\":\"info\"}",
            "plain text",
            "Jul 09, 2015 3:23:29 PM a.B c",
            "SEVERE: no",
            "\u{1b}[31mred\u{1b}[0m",
            "Fatal Python error: x",
            "a.py:1: UserWarning: x",
        ]);
        proptest::collection::vec(
            prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[ -~]{0,40}"],
            0..60,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn every_line_comes_out_once_and_unchanged(lines in lines()) {
            let text = lines.concat_lines();
            let (records, counts) = join(text.as_bytes());
            let mut out: Vec<String> = records
                .iter()
                .flat_map(|record| record.message.split('\n').map(str::to_owned).collect::<Vec<_>>())
                .collect();
            let mut expected = lines;
            out.sort();
            expected.sort();
            prop_assert_eq!(out, expected);
            prop_assert_eq!(counts.records, records.len() as u64);
        }

        #[test]
        fn bytes_of_any_kind_come_out_as_they_went_in(
            bytes in proptest::collection::vec(prop_oneof![3 => Just(b'\n'), 1 => Just(b'\r'), 2 => Just(b' '), 4 => any::<u8>()], 0..400),
        ) {
            let (records, _) = join(&bytes);
            let mut expected = bytes;
            if expected.last().is_some_and(|&last| last != b'\n') {
                expected.push(b'\n');
            }
            prop_assert_eq!(restore(&records), expected);
        }

        #[test]
        fn the_records_do_not_depend_on_the_reads(lines in lines(), mut cuts in proptest::collection::vec(0usize..2000, 0..8)) {
            let text = lines.concat_lines();
            let (whole, _) = join(text.as_bytes());
            cuts.sort_unstable();
            let mut joiner = Joiner::new(Settings::default());
            let mut reader = Lines::new(Stream::Only);
            let mut out = Vec::new();
            let mut from = 0;
            for to in cuts.into_iter().chain([text.len()]) {
                let to = to.clamp(from, text.len());
                reader.push(&text.as_bytes()[from..to], 7, |chunk| feed(&mut joiner, &chunk, LINE, &mut out));
                from = to;
            }
            reader.finish(7, |chunk| feed(&mut joiner, &chunk, LINE, &mut out));
            joiner.finish(&mut out);
            prop_assert_eq!(out, whole);
        }
    }

    trait ConcatLines {
        fn concat_lines(&self) -> String;
    }

    impl ConcatLines for Vec<String> {
        fn concat_lines(&self) -> String {
            self.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
        }
    }
}
