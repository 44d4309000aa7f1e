//! One stream: what waits, what is open, and what becomes of the next line.
//!
//! Nothing is open: the last line is held, since the next one may show that it led a trace. A
//! trace is open: its machine says of each line whether it belongs. Until the machine is
//! certain, all that it took can be given back. A trace that others break into is parked.

use std::borrow::Cow;
use std::time::Duration;

use super::lead::{Habit, begins_record, leading, leads, mentions_trouble};
use super::trace::{self, About, Machine, Step};
use super::{
    CONTAINER, CONTINUES, Counts, IOSTREAM, JOINED, LINE_ENDING, Line, PART, Settings, ansi, python,
};
use crate::filter::record::Record;
use crate::log::parse::layout::{self, Head};
use crate::log::source::lines::{Piece, Stream};

/// Most lines that may wait for a trace to become certain, or for what a machine holds.
const HELD_LINES: usize = 32;
/// Most bytes of those.
const HELD_BYTES: usize = 64 * 1024;
/// Most lines of a message in front of a trace, in a log whose every record has a head.
const MESSAGE_LINES: usize = 8;
/// Most lines in a row that an unfinished trace lets through.
const FOREIGN_LINES: u32 = 8;
/// Most traces of one lane that may be open at once.
const PARKED: usize = 4;
/// What the steps of one call share.
pub(super) struct Pass<'a> {
    pub(super) settings: &'a Settings,
    pub(super) counts: &'a mut Counts,
    pub(super) now: Duration,
    pub(super) out: &'a mut Vec<Record>,
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

/// One stream of one source.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) stream: Stream,
    pub(super) container: String,
    /// The last line, or the head of a record and what may belong to it.
    held: Vec<Held>,
    open: Option<Open>,
    /// Traces that others broke into, oldest first.
    parked: Vec<Open>,
    /// The last line that was let through; it may lead a trace of its own.
    aside: Option<Held>,
    /// The last piece of a line that was too long went into the open trace.
    joined_piece: bool,
    habit: Habit,
    pub(super) last: Duration,
}

impl Lane {
    pub(super) fn new(stream: Stream, container: &[u8]) -> Self {
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

    pub(super) fn push(&mut self, line: Line<'_>, pass: &mut Pass<'_>) {
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

    /// Whether `line` may be a further line of the message that begins in `first`: a logger
    /// says that something went wrong, and in this log all else has a head. Only if a trace
    /// follows do they belong together.
    fn continues(&self, first: &[u8], line: &[u8]) -> bool {
        self.habit.is_headed()
            && mentions_trouble(first)
            && leads(first)
            && begins_record(line, self.habit).is_none()
    }

    /// A line while nothing is open.
    fn idle(&mut self, held: Held, pass: &mut Pass<'_>) {
        if !trace::may_begin(&held.text) && self.held.len() <= 1 {
            self.habit.look(&held.text);
            self.hold_alone(held, pass);
            return;
        }
        let line = held.plain();
        let (start, keep) = {
            let plain: [_; MESSAGE_LINES] =
                std::array::from_fn(|index| self.held.get(index).map(Held::plain));
            let lines = plain.each_ref().map(|line| line.as_deref().unwrap_or_default());
            let before = &lines[..self.held.len().min(MESSAGE_LINES)];
            let start = trace::start(before, &line).map(|start| {
                let own = before.len() - start.before.min(before.len());
                (start.machine, own - leading(&before[..own]))
            });
            let keep = match before {
                [last] if trace::is_blank(&line) => leads(last),
                [last] => python::is_between(last, &line) || self.continues(last, &line),
                [] => false,
                [first, ..] => self.held.len() < MESSAGE_LINES && self.continues(first, &line),
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

    pub(super) fn flush(&mut self, pass: &mut Pass<'_>) {
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

    pub(super) fn finish(&mut self, pass: &mut Pass<'_>) {
        while self.open.is_some() {
            self.close(pass);
        }
        self.release_waiting(pass);
    }

    pub(super) fn deadline(&self, settings: &Settings) -> Option<Duration> {
        let held = !self.held.is_empty() || self.aside.is_some();
        let held = held.then(|| self.last + settings.linger);
        let open = self.open.iter().chain(&self.parked).map(|open| open.last + settings.flush);
        held.into_iter().chain(open).min()
    }

    pub(super) fn waiting(&self) -> usize {
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

/// Whether the record that begins with `head` is of another worker than the open trace.
fn is_foreign(open: &Open, head: &Head<'_>) -> bool {
    if let (Some((process, thread)), Some((other_process, other_thread))) =
        (&open.worker, head.worker())
    {
        return process != other_process || thread != other_thread;
    }
    !open.machine.is_complete() && open.foreign < FOREIGN_LINES
}
