//! What was found, and what is left of it where hits overlap.
//!
//! A value behind a name wins over values that overlap it, and takes them in. Of two others the
//! first is replaced, and then what is left of the second, so that nothing is left of either and no
//! chain of overlaps grows together.

use crate::ending::Quote;
use crate::rule::RuleId;

/// Spans that begin within so many bytes behind the beginning of a value behind a name may make it
/// longer; later ones are part of it or nothing. It is the length after which such a value is
/// condemned without having been seen whole.
pub(crate) const NEAR: usize = 64;

/// A hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    /// `usize::MAX` while the end is not in sight.
    pub(crate) end: usize,
    pub(crate) rule: RuleId,
    /// Quotes that the marker needs.
    pub(crate) wrap: Option<Quote>,
    pub(crate) role: Role,
}

/// How a hit stands towards others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Covers a list whose parts are hits of their own. Values in it are void; nothing is replaced.
    Region,
    /// The rest of a value whose marker is written already.
    Rest,
    /// The value behind a name, replaced whatever it is.
    Named,
    /// As `Named`, taken out with its name.
    Dropped,
    /// A value that shows what it is.
    Value,
    /// A value of either kind that is counted and left alone. It is in nobody's way.
    Reported,
}

impl Role {
    /// Whether hits beside or in this one are hits of their own.
    pub(crate) fn is_value(self) -> bool {
        matches!(self, Role::Value | Role::Reported)
    }
}

impl Span {
    /// Whether a hit that begins at `start` is no hit because of this one.
    pub(crate) fn voids(&self, start: usize) -> bool {
        match self.role {
            Role::Value | Role::Reported => false,
            Role::Region => (self.start..self.end).contains(&start),
            _ => start > self.start.saturating_add(NEAR) && start < self.end,
        }
    }
}

/// Sorts hits and resolves overlaps. Regions stay in the list, before what begins with them.
pub(crate) fn resolve(spans: &mut Vec<Span>) {
    spans.sort_by_key(|span| (span.start, span.role, std::cmp::Reverse(span.end), span.rule));
    let mut kept = 0;
    let mut region: Option<Span> = None;
    // Behind what was reported last.
    let mut reported = 0;
    for index in 0..spans.len() {
        let next = spans[index];
        if next.role == Role::Region {
            region = Some(next);
            spans[kept] = next;
            kept += 1;
            continue;
        }
        if next.role.is_value() && region.is_some_and(|region| region.voids(next.start)) {
            continue;
        }
        let mut acting = spans[..kept].iter_mut().rev();
        let last = acting.find(|span| !matches!(span.role, Role::Region | Role::Reported));
        if next.role == Role::Reported {
            if next.start >= reported && last.is_none_or(|last| next.start >= last.end) {
                reported = next.end;
                spans[kept] = next;
                kept += 1;
            }
            continue;
        }
        match last {
            Some(last) if next.start < last.end => {
                if last.voids(next.start) || (next.end <= last.end && next.role >= last.role) {
                    continue;
                }
                if last.role == Role::Value && next.role == Role::Value {
                    let start = last.end;
                    spans[kept] = Span { start, ..next };
                    kept += 1;
                } else {
                    let start = last.start;
                    let named = if next.role < last.role { next } else { *last };
                    *last = Span { start, end: last.end.max(next.end), ..named };
                }
            }
            _ => {
                spans[kept] = next;
                kept += 1;
            }
        }
    }
    spans.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{CARD, EMAIL, IBAN, PASSWORD};

    fn span(start: usize, end: usize, rule: RuleId, role: Role) -> Span {
        Span { start, end, rule, wrap: None, role }
    }

    fn check(spans: &[Span], expected: &[(usize, usize, RuleId)]) {
        for order in [false, true] {
            let mut all = spans.to_vec();
            if order {
                all.reverse();
            }
            resolve(&mut all);
            let got: Vec<_> = all.iter().map(|s| (s.start, s.end, s.rule)).collect();
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn nothing_is_left_of_overlapping_values() {
        check(
            &[
                span(0, 10, EMAIL, Role::Value),
                span(5, 20, CARD, Role::Value),
                span(20, 30, IBAN, Role::Value),
            ],
            &[(0, 10, EMAIL), (10, 20, CARD), (20, 30, IBAN)],
        );
        check(&[span(0, 10, CARD, Role::Value), span(0, 20, IBAN, Role::Value)], &[(0, 20, IBAN)]);
    }

    #[test]
    fn names_win() {
        check(
            &[span(6, 10, PASSWORD, Role::Named), span(6, 30, IBAN, Role::Value)],
            &[(6, 30, PASSWORD)],
        );
        check(
            &[span(0, 10, EMAIL, Role::Value), span(6, 30, PASSWORD, Role::Named)],
            &[(0, 30, PASSWORD)],
        );
        check(
            &[span(0, 100, PASSWORD, Role::Named), span(90, 120, EMAIL, Role::Value)],
            &[(0, 100, PASSWORD)],
        );
    }

    #[test]
    fn what_is_only_reported_is_in_nobodys_way() {
        check(
            &[
                span(0, 40, PASSWORD, Role::Reported),
                span(5, 20, CARD, Role::Value),
                span(6, 30, EMAIL, Role::Reported),
                span(40, 50, IBAN, Role::Reported),
            ],
            &[(0, 40, PASSWORD), (5, 20, CARD), (40, 50, IBAN)],
        );
    }

    #[test]
    fn lists_void_the_values_in_them() {
        check(
            &[
                span(0, 50, PASSWORD, Role::Region),
                span(3, 9, PASSWORD, Role::Named),
                span(20, 60, EMAIL, Role::Value),
            ],
            &[(0, 50, PASSWORD), (3, 9, PASSWORD)],
        );
    }
}
