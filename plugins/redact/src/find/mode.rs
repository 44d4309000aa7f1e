//! Values without a bound, which put the finder into a mode until they end.
//!
//! In a mode nothing has to be kept: the marker of the value is written when it begins, the rest is
//! taken as it comes. A private key and a list of cookies are regions, whose parts are hits of
//! their own.

use super::member::Close;
use super::spelled::VIEWS;
use super::{Cookies, Finder};
use crate::bytes;
use crate::ending::Ending;
use crate::pair::Value;
use crate::pem::{self, Part, Pem};
use crate::rule::{self, RuleId};
use crate::span::{Role, Span};

/// What the finder is in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing.
    Open,
    /// A value whose marker is written.
    Swallow { ending: Ending, then: Then },
    /// Before a pair of a list of cookies.
    Cookies(Cookies),
    /// Behind a line of a private key.
    Pem(Pem),
    /// Behind the value of a member that is taken out.
    Close(Close),
}

/// What follows a value that is swallowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Text.
    Open,
    /// The rest of a member.
    Close(Close),
    /// The next cookie.
    Cookies(Cookies),
    /// The next line of a key.
    Pem(Pem),
}

impl Finder<'_> {
    /// At least five dashes: the heading of a private key, perhaps.
    pub(super) fn dashes(&mut self, start: usize) {
        // A key is read line by line, with escaped line ends, where it stands, not in a view of it.
        let elsewhere = self.depth >= VIEWS || start < self.state.settled;
        if !self.engine.is_on(rule::PRIVATE_KEY) || elsewhere {
            return;
        }
        self.text.forget();
        let heading = pem::heading(&self.text, start);
        if self.text.is_open() {
            self.hold(start);
            return;
        }
        let Some(end) = heading else { return };
        if self.engine.is_report(rule::PRIVATE_KEY) {
            self.add(rule::PRIVATE_KEY, start..end, None);
            return;
        }
        let region = self.open_region(start);
        self.push(Span { start, end, rule: rule::PRIVATE_KEY, wrap: None, role: Role::Named });
        self.state.mode = Mode::Pem(Pem { read: 0 });
        self.finish_region(region, end);
    }

    /// Begins a region whose end is not known.
    pub(super) fn open_region(&mut self, start: usize) -> usize {
        self.push(Span {
            start,
            end: usize::MAX,
            rule: rule::COOKIE,
            wrap: None,
            role: Role::Region,
        });
        self.found.spans.len() - 1
    }

    /// Runs the mode that was set from `at` on; the region ends with it.
    pub(super) fn finish_region(&mut self, region: usize, at: usize) {
        match self.drive(at) {
            Ok(end) => {
                self.found.spans[region].end = end;
                self.state.floor = end;
            }
            Err(at) => self.cut_off(self.found.spans[region].start, at),
        }
    }

    pub(super) fn cut_off(&mut self, start: usize, at: usize) {
        self.cut = Some((start, at));
        self.state.floor = usize::MAX;
    }

    /// Goes on with the mode from `at`: to its end, or as far as there is text for it.
    pub(super) fn drive(&mut self, mut at: usize) -> Result<usize, usize> {
        loop {
            self.text.forget();
            match self.state.mode {
                Mode::Open => return Ok(at),
                Mode::Swallow { mut ending, then } => {
                    let progress = ending.advance(&self.text.bytes()[at..], self.text.is_last());
                    self.rest(at, at + progress.taken);
                    at += progress.taken;
                    if !progress.ended {
                        self.state.mode = Mode::Swallow { ending, then };
                        return Err(at);
                    }
                    self.state.mode = match then {
                        Then::Open => Mode::Open,
                        Then::Close(close) => Mode::Close(close),
                        Then::Cookies(cookies) => Mode::Cookies(cookies),
                        Then::Pem(pem) => Mode::Pem(Pem { read: pem.read + progress.taken }),
                    };
                }
                Mode::Close(close) => match close.read(&self.text, at) {
                    Ok(end) => {
                        self.rest(at, end);
                        at = end;
                        self.state.mode = Mode::Open;
                    }
                    Err((end, close)) => {
                        self.rest(at, end);
                        self.state.mode = Mode::Close(close);
                        return Err(end);
                    }
                },
                Mode::Pem(_) if self.text.is_records() && at >= self.text.len() => return Ok(at),
                Mode::Pem(pem) => {
                    let part = pem::next(&self.text, pem, at);
                    if self.text.is_open() {
                        return Err(at);
                    }
                    let behind = |end: usize| Pem { read: pem.read + end - at };
                    let (mode, start, end) = match part {
                        Part::Line { start, end } => (Mode::Pem(behind(end)), start, end),
                        Part::LongLine { start, end } => {
                            let then = Then::Pem(behind(end));
                            (Mode::Swallow { ending: Ending::Run(bytes::BASE64), then }, start, end)
                        }
                        Part::Last { start, end } => (Mode::Open, start, end),
                        Part::End(end) => (Mode::Open, end, end),
                    };
                    if end > start {
                        self.push(Span {
                            start,
                            end,
                            rule: rule::PRIVATE_KEY,
                            wrap: None,
                            role: Role::Named,
                        });
                    }
                    self.state.mode = mode;
                    at = end;
                }
                Mode::Cookies(cookies) => at = self.cookie(cookies, at)?,
            }
        }
    }

    /// Bytes of a value whose marker is written: in the piece in which the value began it simply
    /// becomes longer.
    pub(super) fn rest(&mut self, start: usize, end: usize) {
        let last = self.found.spans.iter_mut().rev().find(|span| span.role != Role::Region);
        match last {
            Some(span) if span.end == start && !span.role.is_value() => span.end = end,
            _ if end > start => {
                self.push(Span { start, end, rule: rule::PASSWORD, wrap: None, role: Role::Rest });
            }
            _ => {}
        }
    }

    /// Replaces a value as far as there is. Of one that is dropped with its name the hit begins at
    /// `start`.
    pub(super) fn take(
        &mut self,
        rule: RuleId,
        start: usize,
        value: Value,
        role: Role,
        then: Then,
    ) {
        let span = self.found.spans.len();
        self.push(Span { start, end: value.start, rule, wrap: value.wrap, role });
        self.state.mode = Mode::Swallow { ending: value.ending, then };
        match self.drive(value.start) {
            Ok(end) => self.state.floor = end,
            Err(at) => {
                self.found.spans[span].end = usize::MAX;
                self.cut_off(start, at);
            }
        }
    }
}
