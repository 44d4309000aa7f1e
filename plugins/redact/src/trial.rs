//! Rule files on trial: their vectors, what is probably not meant, and what no vector shows.
//!
//! Natively only, for `tamis test` and `tamis check`. The component refuses files that it cannot
//! use; everything else that can be said of a file is said here, so that the component stays small.

use crate::custom::vector::Vector;
use crate::custom::{Automaton, SIZE_OF_ONE_MAX, lint, pattern};
use crate::engine::{Engine, Scratch};
use crate::place::Kind;
use crate::rules::{Action, ConfigError, Draft, Rules, Tables};
use crate::sets::Sets;
use crate::settings::Settings;
use serde_json::{Value, json};
use std::ops::Range;

/// Something that is probably not meant, or that nobody can know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The rule; empty where it is about none alone.
    pub rule: String,
    /// JSON Pointer to what it is about.
    pub path: String,
    /// What is not as it should be, and what to do about it.
    pub message: String,
}

/// What there is to say of a file.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Why it cannot be used, or does not do what it shall. With these nothing else is known.
    pub errors: Vec<ConfigError>,
    /// What is probably not meant.
    pub warnings: Vec<Warning>,
    /// The rules of the file, in its order.
    pub rules: Vec<Tried>,
}

/// What was seen of a rule of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Its name.
    pub name: String,
    /// How many vectors it has.
    pub vectors: usize,
    /// Changed values of vectors that are still found.
    pub near: Vec<Near>,
    /// Parts of the rule without which all of its vectors would become what they become.
    pub untested: Vec<Warning>,
}

/// A value of a vector, changed a little and still found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// What was changed.
    pub change: &'static str,
    /// The text with the changed value.
    pub text: String,
}

/// Tries a configuration of the plugin. `progress` is told how many vectors have been run, and of
/// how many, at most once for each.
pub fn run(config: &Value, progress: &mut dyn FnMut(usize, usize)) -> Report {
    let mut report = Report::default();
    report.errors.extend(Settings::of(config, false).err().into_iter().flatten());
    report.errors.extend(Sets::of(config).err().into_iter().flatten());
    if !report.errors.is_empty() {
        return report;
    }
    // In other modes rules do something else than their vectors say.
    let mut plain = config.clone();
    if let Some(keys) = plain.as_object_mut() {
        keys.remove("mode");
    }
    match Rules::read(&plain) {
        Ok((rules, tables)) => tables.tried(rules, config, progress, &mut report),
        Err(errors) => report.errors = errors,
    }
    report
}

impl Tables {
    fn tried(
        &self,
        mut rules: Rules,
        config: &Value,
        progress: &mut dyn FnMut(usize, usize),
        report: &mut Report,
    ) {
        // A rule that only reports is tried as if it acted.
        for draft in self.drafts.iter().filter(|draft| draft.shadow) {
            rules.actions[draft.custom.id.index()] = draft.action.clone();
        }
        let engine = Engine::new(rules);
        for (index, vector) in self.vectors.iter().enumerate() {
            report.errors.extend(vector.failing(&engine).map(|failing| {
                let how = match failing.how.as_str() {
                    "" => String::new(),
                    how => format!(", {how}"),
                };
                let (input, expected, got) = (failing.input, failing.expected, failing.got);
                ConfigError {
                    path: vector.path.clone(),
                    message: format!("a vector of `{}` fails{how}", vector.rule),
                    hint: Some(format!("in        {input}\nexpected  {expected}\ngot       {got}")),
                }
            }));
            progress(index + 1, self.vectors.len());
        }
        if !report.errors.is_empty() {
            return;
        }
        for (index, draft) in self.drafts.iter().enumerate() {
            let entry = config.pointer(&draft.path).unwrap_or(&Value::Null);
            let own: Vec<_> = self.vectors.iter().filter(|v| v.rule == draft.name).collect();
            let Some(alone) = alone(entry) else { continue };
            let looked = Looked { draft, entry, own: &own, alone: &alone };
            looked.warn(&engine, &self.drafts[..index], &mut report.warnings);
            report.rules.push(Tried {
                name: draft.name.clone(),
                vectors: own.len(),
                near: looked.near(),
                untested: looked.untested(),
            });
        }
        warn_of_places(config, &engine, &mut report.warnings);
    }
}

/// An engine with this rule only, which masks what it finds.
fn alone(entry: &Value) -> Option<Engine> {
    let mut entry = entry.clone();
    let keys = entry.as_object_mut()?;
    keys.insert("action".into(), "mask".into());
    keys.remove("shadow");
    Rules::from_config(&json!({"rules": [], "rule": [entry]})).ok().map(Engine::new)
}

/// Where hits are.
fn hits(engine: &Engine, kind: Kind, text: &str) -> Vec<Range<usize>> {
    let mut scratch = Scratch::default();
    engine.scan(kind, text.as_bytes(), &mut scratch);
    scratch.edits().map(|(range, _)| range).collect()
}

/// A rule that is looked at.
struct Looked<'a> {
    draft: &'a Draft,
    /// As it is written.
    entry: &'a Value,
    /// Its vectors.
    own: &'a [&'a Vector],
    /// An engine without other rules.
    alone: &'a Engine,
}

impl Looked<'_> {
    fn positive(&self) -> impl Iterator<Item = &Vector> {
        self.own.iter().copied().filter(|vector| vector.expected.is_some())
    }

    fn warn(&self, engine: &Engine, earlier: &[Draft], warnings: &mut Vec<Warning>) {
        let draft = self.draft;
        let mut warn = |key: &str, message: String| {
            let path = format!("{}{key}", draft.path);
            warnings.push(Warning { rule: draft.name.clone(), path, message });
        };
        let positive = self.positive().count();
        let is_shape = draft.beginnings > lint::FIXED_MAX;
        let values = pattern::value_of(&draft.pattern);
        let look = lint::Look {
            text: &draft.text,
            pattern: &draft.pattern,
            beginnings: draft.beginnings,
            is_backed: draft.custom.words.is_some() || !draft.custom.checks.is_empty(),
            values: Automaton::new(&[(0, &values)], SIZE_OF_ONE_MAX).ok(),
            vectors: (positive, self.own.len() - positive),
            shows_end: matches!(draft.action, Action::Last(_) | Action::First(_)),
            speed: if is_shape { lint::speed(self.alone) } else { 0 },
            entry: self.entry,
        };
        look.warnings(&mut warn);
        let same = earlier.iter().find(|earlier| earlier.text == draft.text);
        if let Some(same) = same {
            warn("/match", format!("`{}` before it has the same pattern and wins", same.name));
        } else if let Some(winner) = self.shadowed_by(engine) {
            let what = "wins wherever a vector has a hit, so this rule never acts there";
            warn("/match", format!("`{winner}` {what}"));
        } else if let Some((other, text)) = self.overlapped_by() {
            let what = "is found by this rule and by";
            let who = "the hit that begins first wins, then the longer one";
            warn("/match", format!("`{text}` {what} `{other}`, which ships; {who}"));
        }
        if lint::is_everywhere(engine, &draft.name) {
            let what = "it hits in more than half of ordinary lines of logs";
            warn("/match", format!("{what}; make the pattern narrower"));
        }
    }

    /// The rule that has the hits in all vectors in which something is redacted.
    fn shadowed_by(&self, engine: &Engine) -> Option<String> {
        let mut scratch = Scratch::default();
        let mut winner = None;
        for vector in self.positive() {
            vector.output(engine, &vector.input, &mut scratch);
            let counts = scratch.take_counts();
            if engine.named(&counts).any(|(hit, _)| hit == self.draft.name) {
                return None;
            }
            winner = engine.named(&counts).next().map(|(hit, _)| hit.to_owned());
        }
        winner
    }

    /// A rule that ships and hits in the same place, and the text of both.
    fn overlapped_by(&self) -> Option<(String, String)> {
        let shipped = Engine::new(Rules::default());
        let mut scratch = Scratch::default();
        for vector in self.positive() {
            let kind = vector.kind()?;
            let own = hits(self.alone, kind, &vector.input);
            shipped.scan(kind, vector.input.as_bytes(), &mut scratch);
            for span in &scratch.found.spans {
                let meets = |hit: &&Range<usize>| hit.start < span.end && span.start < hit.end;
                if let Some(hit) = own.iter().find(meets) {
                    let text = vector.input.get(hit.clone()).unwrap_or_default();
                    return Some((shipped.name_of(span.rule).to_owned(), text.to_owned()));
                }
            }
        }
        None
    }

    /// Values of vectors, changed a little, that are still found. One of each change.
    fn near(&self) -> Vec<Near> {
        let checked = !self.draft.custom.checks.is_empty();
        let mut near: Vec<Near> = Vec::new();
        for vector in self.positive() {
            let Some(kind) = vector.kind() else { continue };
            for hit in hits(self.alone, kind, &vector.input) {
                let Some(value) = vector.input.get(hit.clone()) else { continue };
                for (change, value) in changed(value, checked) {
                    let (before, behind) = (&vector.input[..hit.start], &vector.input[hit.end..]);
                    let text = format!("{before}{value}{behind}");
                    let range = hit.start..hit.start + value.len();
                    let found = hits(self.alone, kind, &text);
                    let is_found =
                        found.iter().any(|hit| hit.start < range.end && range.start < hit.end);
                    if is_found && !near.iter().any(|near| near.change == change) {
                        near.push(Near { change, text });
                    }
                }
            }
        }
        near
    }

    /// Parts of the rule that no vector needs.
    fn untested(&self) -> Vec<Warning> {
        let mut untested = Vec::new();
        if self.own.is_empty() {
            return untested;
        }
        let mut scratch = Scratch::default();
        let mut outputs = |engine: &Engine| -> Vec<String> {
            self.own
                .iter()
                .map(|vector| vector.output(engine, &vector.input, &mut scratch))
                .collect()
        };
        let expected = outputs(self.alone);
        let mut check = |entry: Value, key: String, what: String| {
            // What is no rule without the part needs it.
            let Some(engine) = alone(&entry) else { return };
            if outputs(&engine) == expected {
                let path = format!("{}{key}", self.draft.path);
                let message = format!("no vector shows what {what} is for");
                untested.push(Warning { rule: self.draft.name.clone(), path, message });
            }
        };
        for list in ["check", "allow"] {
            let entries = self.entry.get(list).and_then(Value::as_array);
            for (index, part) in entries.into_iter().flatten().enumerate() {
                let mut entry = self.entry.clone();
                if let Some(entries) = entry.get_mut(list).and_then(Value::as_array_mut) {
                    entries.remove(index);
                }
                let part = part.as_str().unwrap_or_default();
                check(entry, format!("/{list}/{index}"), format!("`{part}` in `{list}`"));
            }
        }
        for key in ["words", "not-words"] {
            let mut entry = self.entry.clone();
            let parts = entry.as_object_mut();
            let has = parts.is_some_and(|parts| {
                let has = parts.remove(key).is_some();
                if key == "words" {
                    parts.remove("confidence");
                }
                has
            });
            if has {
                check(entry, format!("/{key}"), format!("`{key}`"));
            }
        }
        for (shorter, part) in pattern::without_alternatives(&self.draft.text) {
            let mut entry = self.entry.clone();
            entry["match"] = shorter.into();
            check(entry, "/match".into(), format!("the alternative `{part}`"));
        }
        untested
    }
}

/// What a value becomes by a slip.
fn changed(value: &str, has_check: bool) -> Vec<(&'static str, String)> {
    let mut changed = Vec::new();
    let digits: Vec<usize> =
        value.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit()).map(|(at, _)| at).collect();
    let put = |at: usize, with: char| {
        let mut text = value.to_owned();
        text.replace_range(at..=at, with.encode_utf8(&mut [0; 4]));
        text
    };
    if has_check {
        for &at in &digits {
            let digit = value.as_bytes()[at] - b'0';
            changed.push(("one digit off", put(at, char::from(b'0' + (digit + 1) % 10))));
        }
    }
    if let Some(&at) = digits.get(digits.len() / 2) {
        changed.push(("a letter for a digit", put(at, 'x')));
    }
    if let Some(last) = value.chars().last() {
        changed.push(("one character longer", format!("{value}{last}")));
        let shorter = &value[..value.len() - last.len_utf8()];
        if !shorter.is_empty() {
            changed.push(("one character shorter", shorter.to_owned()));
        }
    }
    changed.push(("inside of a word", format!("x{value}x")));
    changed
}

/// What can be said of the whole configuration only.
fn warn_of_places(config: &Value, engine: &Engine, warnings: &mut Vec<Warning>) {
    let mut warn = |path: &str, message: String| {
        warnings.push(Warning { rule: String::new(), path: path.to_owned(), message });
    };
    for key in ["requests", "responses"] {
        if config.get(key) == Some(&Value::Bool(true)) && engine.refuses() {
            let what = "`drop-record` cuts off bodies whose head has gone out already";
            warn(&format!("/{key}"), format!("{what}; let another action hold there"));
        }
    }
    let is_on = |name: &str| engine.rules_on().any(|rule| rule == name);
    let entries = config.get("allow").and_then(Value::as_array).into_iter().flatten();
    for (index, entry) in entries.enumerate().filter_map(|(at, entry)| Some((at, entry.as_str()?)))
    {
        let rule = match entry.split_once(':') {
            Some(("cidr", _)) => "ip",
            Some(("domain", _)) => "email",
            _ if entry == "private" => "ip",
            _ => continue,
        };
        if !is_on(rule) {
            let what = format!("`{entry}` is for the rule `{rule}`, which is off");
            warn(&format!("/allow/{index}"), format!("{what}; leave it out, or turn the rule on"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rule: Value) -> Report {
        let report = run(&json!({"rule": [rule]}), &mut |_, _| ());
        assert!(report.errors.is_empty(), "{:#?}", report.errors);
        report
    }

    #[test]
    fn values_that_are_a_little_off_are_told_when_they_are_found() {
        let report = report(json!({
            "name": "badge", "match": "EMP-(?<value>[0-9]{6,7})", "check": ["not-same"],
            "test": [{"in": "EMP-123455 x", "out": "EMP-[badge] x"}],
        }));
        let near: Vec<_> =
            report.rules[0].near.iter().map(|near| (near.change, &*near.text)).collect();
        let expected =
            [("one digit off", "EMP-223455 x"), ("one character longer", "EMP-1234555 x")];
        assert_eq!(near, expected);
    }

    #[test]
    fn parts_that_no_vector_needs_are_told() {
        let report = report(json!({
            "name": "badge", "match": "(?:EMP|STF)-(?<value>[0-9]{6})", "check": ["luhn", "not-same"],
            "not-words": ["build"], "allow": ["123455"],
            "test": [
                {"in": "EMP-123455 x", "same": true},
                {"in": "EMP-123463 x", "out": "EMP-[badge] x"},
                {"in": "EMP-123464 x", "same": true},
            ],
        }));
        let paths: Vec<_> =
            report.rules[0].untested.iter().map(|one| (&*one.path, &*one.message)).collect();
        let expected = [
            ("/rule/0/check/1", "no vector shows what `not-same` in `check` is for"),
            ("/rule/0/not-words", "no vector shows what `not-words` is for"),
            ("/rule/0/match", "no vector shows what the alternative `STF` is for"),
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn vectors_hold_whatever_the_mode() {
        let rule = json!({
            "name": "badge", "match": "EMP-(?<value>[0-9]{6})", "shadow": true,
            "test": [{"in": "EMP-123455 x", "out": "EMP-[badge] x"}],
        });
        let mut told = Vec::new();
        let report = run(&json!({"mode": "observe", "rule": [rule]}), &mut |done, all| {
            told.push((done, all))
        });
        assert!(report.errors.is_empty(), "{:#?}", report.errors);
        assert_eq!(told, [(1, 1)]);
    }

    #[test]
    fn what_holds_for_the_whole_file_is_told() {
        let report = run(
            &json!({"rules": ["card"], "allow": ["private", "x"], "responses": true, "mode": "block"}),
            &mut |_, _| (),
        );
        let paths: Vec<_> = report.warnings.iter().map(|warning| &*warning.path).collect();
        assert_eq!(paths, ["/allow/0"]);
    }
}
