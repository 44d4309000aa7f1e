//! The tables of a rule file: `[[rule]]` with its vectors, `[[names]]`, `[[change]]`.
//!
//! Rules are declared first, so that the lists of names know them, and read once everything that
//! stands around them is known.

use super::config::{Reader, likely, matching, pointer};
use super::{Action, Allow, Rules};
#[cfg(not(target_family = "wasm"))]
use crate::custom::Edge;
#[cfg(not(target_family = "wasm"))]
use crate::custom::vector::Vector;
use crate::custom::{
    Automaton, Check, Custom, Customs, Pattern, SIZE_OF_ONE_MAX, Selection, Selector, WINDOW_MAX,
    WORD_MAX, Words, read, value_finder,
};
use crate::engine::{Engine, Scratch};
use crate::names::{Family, Names};
use crate::place::Kind;
use crate::rule::{self, RuleId};
use serde_json::{Map, Value};
use std::sync::Arc;

const RULE_KEYS: &[&str] = &[
    "name",
    "about",
    "match",
    "check",
    "words",
    "not-words",
    "confidence",
    "where",
    "except",
    "allow",
    "action",
    "max-length",
    "shadow",
    "severity",
    "test",
];
const WORD_KEYS: &[&str] = &["any", "before", "after", "or-key"];
const GROUP_KEYS: &[&str] = &["names", "name", "about", "action"];
const CHANGE_KEYS: &[&str] = &["rule", "about", "action", "allow"];
const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];
/// The most rules of a file.
const RULES_MAX: usize = 1000;
/// The longest name of a rule, in bytes.
const NAME_MAX: usize = 40;
/// How far before a match words may stand unless it is said, in bytes.
const BEFORE: usize = 40;

/// A rule of the file before it runs.
#[cfg_attr(target_family = "wasm", expect(dead_code, reason = "read where rules are tried"))]
pub(crate) struct Draft {
    /// JSON Pointer to it.
    pub(crate) path: String,
    pub(crate) name: String,
    /// The pattern as it is written.
    pub(crate) text: String,
    pub(crate) pattern: Pattern,
    /// How many pairs of bytes a match may begin with.
    pub(crate) beginnings: u32,
    pub(crate) custom: Custom,
    /// What it does, where it does not only report.
    pub(crate) action: Action,
    /// Whether it only reports.
    pub(crate) shadow: bool,
}

/// What was read from the tables beside the rules themselves.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) drafts: Vec<Draft>,
    /// Run by whoever tests a file; the plugin as it serves takes no notice of them.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) vectors: Vec<Vector>,
    /// What each rule passes.
    allow: Vec<(RuleId, Allow)>,
}

/// What has to be known of the tables before the lists of names are read.
#[derive(Default)]
pub(super) struct Declared {
    /// Of each `[[rule]]`, where its name is right.
    rules: Vec<Option<RuleId>>,
    /// Of each entry of `names`, where it is a group with a rule of its own.
    groups: Vec<Option<RuleId>>,
}

impl Declared {
    /// Whether a group takes pairs out.
    pub(super) fn drops(&self, actions: &[Action]) -> bool {
        let drops = |id: &RuleId| actions.get(id.index()) == Some(&Action::Drop);
        self.groups.iter().flatten().any(drops)
    }
}

impl Reader {
    /// Gives the rules and groups of the file their places in the catalogue.
    pub(super) fn declare(&mut self, config: &Map<String, Value>) -> Declared {
        let mut declared = Declared::default();
        for (index, rule) in self.tables(config.get("rule"), "/rule").into_iter().enumerate() {
            let id = rule.and_then(|rule| self.declare_rule(index, &rule));
            declared.rules.push(id);
        }
        if let Some(Value::Array(entries)) = config.get("names") {
            for (index, entry) in entries.iter().enumerate() {
                let group = entry.as_object();
                declared.groups.push(group.and_then(|group| self.declare_group(index, group)));
            }
        }
        declared
    }

    /// The tables of an array of tables; `None` for what is no table.
    pub(super) fn tables(
        &mut self,
        value: Option<&Value>,
        path: &str,
    ) -> Vec<Option<Map<String, Value>>> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let hint = Some(format!("begin each with a line `[[{name}]]`"));
        match value {
            None => Vec::new(),
            Some(Value::Array(entries)) => {
                let mut tables = Vec::new();
                for (index, entry) in entries.iter().enumerate() {
                    if !entry.is_object() {
                        self.error(format!("{path}/{index}"), "has to be a table", hint.clone());
                    }
                    tables.push(entry.as_object().cloned());
                }
                tables
            }
            Some(_) => {
                self.error(path, format!("`{name}` has to be an array of tables"), hint);
                Vec::new()
            }
        }
    }

    fn declare_rule(&mut self, index: usize, rule: &Map<String, Value>) -> Option<RuleId> {
        let path = format!("/rule/{index}");
        let Some(name) = rule.get("name") else {
            self.error(path, "the rule has no name", Some("add `name = \"…\"`".into()));
            return None;
        };
        let path = format!("{path}/name");
        let name = self.name(&path, name)?;
        if index >= RULES_MAX {
            self.error(path, format!("{RULES_MAX} rules are the most"), None);
            return None;
        }
        Some(self.catalogue.push(rule::written(&name, None)))
    }

    /// A name that no rule has yet.
    fn name(&mut self, path: &str, value: &Value) -> Option<String> {
        let plain = |name: &&str| {
            let sign = |byte: u8| byte == b'-' || byte == b'/';
            let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || sign(byte);
            name.len() <= NAME_MAX
                && name.bytes().all(good)
                && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
                && !name.bytes().last().is_some_and(sign)
        };
        let Some(name) = value.as_str().filter(plain) else {
            let hint = "write a word such as \"badge\" or \"staff/badge\"";
            let message = format!(
                "a name is at most {NAME_MAX} of `a`–`z`, `0`–`9`, `-` and `/`, and begins with a letter"
            );
            self.error(path, message, Some(hint.into()));
            return None;
        };
        let known = self.catalogue.names().position(|known| known == name);
        let shipped = known.is_some_and(|index| !self.catalogue.is_written(index));
        if shipped || matches!(name, "default" | "optional" | "secret") {
            let hint = format!(
                "take another name, or change that rule: `[[change]]`, `rule = \"{name}\"`"
            );
            self.error(path, format!("`{name}` is a rule that ships"), Some(hint));
            return None;
        }
        if known.is_some() {
            let hint = Some("give each rule a name of its own".into());
            self.error(path, format!("two rules are called `{name}`"), hint);
            return None;
        }
        Some(name.to_owned())
    }

    fn declare_group(&mut self, index: usize, group: &Map<String, Value>) -> Option<RuleId> {
        let path = format!("/names/{index}");
        let name = match group.get("name") {
            Some(name) => self.name(&format!("{path}/name"), name)?,
            None if group.contains_key("action") => {
                // By its first name, so that counts say which group it is.
                let first =
                    group.get("names").and_then(|names| names.get(0)).and_then(Value::as_str);
                let word = |byte: char| if byte.is_ascii_alphanumeric() { byte } else { '-' };
                let first: String =
                    first.unwrap_or_default().to_ascii_lowercase().chars().map(word).collect();
                let mut name = format!("names/{}", first.trim_matches('-'));
                while self.catalogue.names().any(|known| known == name) {
                    name.push_str("-2");
                }
                name
            }
            None => return None,
        };
        Some(self.catalogue.push(rule::written(&name, Some("[redacted]"))))
    }

    pub(super) fn unknown(&mut self, path: &str, table: &Map<String, Value>, keys: &[&str]) {
        for key in table.keys().filter(|key| !keys.contains(&key.as_str())) {
            let hint = likely(key, keys.iter().copied());
            self.error(pointer(path, key), format!("unknown key `{key}`"), hint);
        }
    }

    /// The names that make their value a secret, and those that do not.
    pub(super) fn read_names(
        &mut self,
        value: Option<&Value>,
        declared: &Declared,
        actions: &mut [Action],
    ) -> Names {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        match value {
            None => {}
            Some(Value::Array(entries)) => {
                for (index, entry) in entries.iter().enumerate() {
                    let path = format!("/names/{index}");
                    match entry {
                        Value::String(name) => {
                            self.one_name(&path, name, Names::STRONG, &mut with, &mut without);
                        }
                        Value::Object(group) => {
                            let id = declared.groups.get(index).copied().flatten();
                            self.group(&path, group, id, actions, (&mut with, &mut without));
                        }
                        _ => self.error(path, "has to be a string or a table", None),
                    }
                }
            }
            Some(_) => self.error("/names", "`names` has to be a list of strings", None),
        }
        Names::with_families(&with, &without)
    }

    fn group(
        &mut self,
        path: &str,
        group: &Map<String, Value>,
        id: Option<RuleId>,
        actions: &mut [Action],
        (with, without): (&mut Vec<(String, Family)>, &mut Vec<String>),
    ) {
        self.unknown(path, group, GROUP_KEYS);
        let family = id.map_or(Names::STRONG, Family::Group);
        match group.get("names") {
            Some(names) => {
                let inner = format!("{path}/names");
                for (at, name) in self.strings(names, &inner) {
                    self.one_name(&format!("{inner}/{at}"), &name, family, with, without);
                }
            }
            None => {
                let hint = Some("add `names = [\"…\"]`".into());
                self.error(path, "the group has no names", hint);
            }
        }
        let Some(id) = id else { return };
        let inner = format!("{path}/action");
        let action = match group.get("action") {
            Some(action) => self.action(&inner, action),
            None => actions.get(rule::PASSWORD.index()).cloned(),
        };
        let Some(action) = action else { return };
        if matches!(action, Action::Last(_) | Action::First(_) | Action::Truncate(_)) {
            let message = "this would show a part of what has to stay hidden";
            self.error(inner, message, Some("mask".into()));
        } else if let Some(place) = actions.get_mut(id.index()) {
            self.needs_key(&inner, &action);
            *place = action;
        }
    }

    fn one_name(
        &mut self,
        path: &str,
        entry: &str,
        family: Family,
        with: &mut Vec<(String, Family)>,
        without: &mut Vec<String>,
    ) {
        let name = entry.strip_prefix('!').unwrap_or(entry);
        let stem = name.trim_start_matches(['*', '_', '.']);
        if !stem.bytes().any(|b| b.is_ascii_alphanumeric()) {
            self.error(path, format!("`{entry}` names nothing"), None);
        } else if stem.contains('*') {
            let hint = format!("*_{}", stem.replace('*', ""));
            let message = format!("in `{entry}` a star may only stand at the beginning");
            self.error(path, message, Some(hint));
        } else if entry.starts_with('!') {
            without.push(name.to_owned());
        } else {
            with.push((name.to_owned(), family));
        }
    }

    fn needs_key(&mut self, path: &str, action: &Action) {
        let name = match action {
            Action::Hash => "hash",
            Action::Encrypt => "encrypt",
            _ => return,
        };
        if !self.has_key {
            self.misses_key = true;
            let message = format!("`{name}` needs a key; without one anybody can undo it");
            self.error(path, message, Some("set `key` to at least 16 bytes".into()));
        }
    }

    /// Changes of rules that ship.
    pub(super) fn changes(
        &mut self,
        config: &Map<String, Value>,
        actions: &mut [Action],
        tables: &mut Tables,
    ) {
        for (index, change) in self.tables(config.get("change"), "/change").into_iter().enumerate()
        {
            let Some(change) = change else { continue };
            let path = format!("/change/{index}");
            self.unknown(&path, &change, CHANGE_KEYS);
            let inner = format!("{path}/rule");
            let Some(name) = change.get("rule").and_then(Value::as_str) else {
                let hint = Some("add `rule = \"…\"`".into());
                self.error(path, "it is not said which rule is changed", hint);
                continue;
            };
            let hit = matching(&self.catalogue, name);
            if hit.is_empty() {
                self.error(inner, format!("unknown rule `{name}`"), self.likely_rule(name));
                continue;
            }
            if let Some(action) = change.get("action") {
                let inner = format!("{path}/action");
                if let Some(action) = self.action(&inner, action) {
                    self.needs_key(&inner, &action);
                    for &rule in &hit {
                        if self.fits(&inner, name, rule, &action) {
                            actions[rule] = action.clone();
                        }
                    }
                }
            }
            if let Some(value) = change.get("allow") {
                for rule in hit {
                    let allow = self.allow(Some(value), &format!("{path}/allow"));
                    tables.allow.push((RuleId(rule as u16), allow));
                }
            }
        }
    }

    /// The rules of the file.
    pub(super) fn drafts(
        &mut self,
        config: &Map<String, Value>,
        declared: &Declared,
        actions: &mut [Action],
        tables: &mut Tables,
    ) {
        let entries = config.get("rule").and_then(Value::as_array).into_iter().flatten();
        for (index, (entry, id)) in entries.zip(&declared.rules).enumerate() {
            let Some(entry) = entry.as_object() else { continue };
            let path = format!("/rule/{index}");
            self.unknown(&path, entry, RULE_KEYS);
            // Without a name the rest is read for its mistakes.
            let id = id.unwrap_or(rule::PASSWORD);
            let name = self.catalogue.rule(id).name.to_string();
            self.draft(&path, entry, id, &name, actions, tables);
        }
    }

    fn draft(
        &mut self,
        path: &str,
        entry: &Map<String, Value>,
        id: RuleId,
        name: &str,
        actions: &mut [Action],
        tables: &mut Tables,
    ) {
        let at = |key: &str| format!("{path}/{key}");
        let words = entry.get("words").and_then(|words| self.words(&at("words"), words, None));
        let not_words = entry
            .get("not-words")
            .and_then(|not| self.words(&at("not-words"), not, words.as_ref()));
        let words = self.confidence(path, entry, words);
        let checks = self.checks(&at("check"), entry.get("check"));
        let selection = self.selection(path, entry);
        if let Some(value) = entry.get("allow") {
            tables.allow.push((id, self.allow(Some(value), &at("allow"))));
        }
        let shadow = self.truth(&at("shadow"), entry.get("shadow"));
        if let Some(severity) = entry.get("severity") {
            let known = severity.as_str().is_some_and(|one| SEVERITIES.contains(&one));
            if !known {
                let message = format!("a severity is one of {}", SEVERITIES.join(", "));
                let hint =
                    severity.as_str().and_then(|one| likely(one, SEVERITIES.iter().copied()));
                self.error(at("severity"), message, hint);
            }
        }
        if entry.get("about").is_some_and(|about| !about.is_string()) {
            self.error(at("about"), "`about` has to be a string", None);
        }
        let mut action = actions[id.index()].clone();
        if let Some(value) = entry.get("action")
            && let Some(own) = self.action(&at("action"), value)
            && self.fits(&at("action"), name, id.index(), &own)
        {
            self.needs_key(&at("action"), &own);
            action = own;
        }
        let pattern = self.pattern(path, entry);
        #[cfg(not(target_family = "wasm"))]
        {
            let whole_lines = pattern.as_ref().is_some_and(|(_, pattern, _)| {
                pattern.left == Edge::Line || pattern.right == Edge::Line
            });
            self.vectors(path, entry, name, whole_lines, &mut tables.vectors);
        }
        let Some((text, pattern, beginnings)) = pattern else { return };
        actions[id.index()] = if shadow { Action::Report } else { action.clone() };
        let value = value_finder(&pattern);
        let custom = Custom { id, value, checks, words, not_words, selection };
        let (path, name) = (path.to_owned(), name.to_owned());
        tables.drafts.push(Draft { path, name, text, pattern, beginnings, custom, action, shadow });
    }

    fn pattern(
        &mut self,
        path: &str,
        entry: &Map<String, Value>,
    ) -> Option<(String, Pattern, u32)> {
        let inner = format!("{path}/match");
        let most = match entry.get("max-length") {
            None => None,
            Some(value) => match value.as_u64().filter(|most| *most > 0) {
                Some(most) => Some(usize::try_from(most).unwrap_or(usize::MAX)),
                None => {
                    let hint = Some("write a number such as 64".into());
                    self.error(format!("{path}/max-length"), "this is no number of bytes", hint);
                    None
                }
            },
        };
        let Some(text) = entry.get("match") else {
            self.error(path, "the rule has no pattern", Some("add `match = '…'`".into()));
            return None;
        };
        let Some(text) = text.as_str() else {
            self.error(inner, "a pattern is a string", Some("write it as '…'".into()));
            return None;
        };
        let pattern = match read(text, most) {
            Ok(pattern) => pattern,
            Err(flaw) => {
                self.error(inner, flaw.message, flaw.hint);
                return None;
            }
        };
        if self.shared.is_some() {
            return Some((text.to_owned(), pattern, 0));
        }
        match Automaton::new(&[(0, &pattern)], SIZE_OF_ONE_MAX) {
            Ok(automaton) => Some((text.to_owned(), pattern, automaton.beginnings())),
            Err(_) => {
                let message = format!(
                    "`{text}` makes an automaton of more than {} KiB",
                    SIZE_OF_ONE_MAX / 1024
                );
                let hint = "make repetitions shorter, and what may follow on what more definite";
                self.error(inner, message, Some(hint.into()));
                None
            }
        }
    }

    pub(super) fn truth(&mut self, path: &str, value: Option<&Value>) -> bool {
        match value {
            None => false,
            Some(Value::Bool(truth)) => *truth,
            Some(_) => {
                self.error(path, "has to be true or false", None);
                false
            }
        }
    }

    fn checks(&mut self, path: &str, value: Option<&Value>) -> Vec<Check> {
        let mut checks = Vec::new();
        let Some(value) = value else { return checks };
        for (index, name) in self.strings(value, path) {
            match Check::parse(&name) {
                Ok(check) => checks.push(check),
                Err(message) => {
                    let hint = likely(&name, Check::names()).or_else(|| {
                        Some(format!("one of {}", Check::names().collect::<Vec<_>>().join(", ")))
                    });
                    self.error(format!("{path}/{index}"), message, hint);
                }
            }
        }
        checks
    }

    /// A list of words, or a table with one. What a table does not say is as in `like`.
    fn words(&mut self, path: &str, value: &Value, like: Option<&Words>) -> Option<Words> {
        let (before, after) = like.map_or((BEFORE, 0), |like| (like.before, like.after));
        let mut words = Words { any: Vec::new(), before, after, or_key: false };
        let (list, inner) = match value {
            Value::Array(_) => (Some(value), path.to_owned()),
            Value::Object(table) => {
                self.unknown(path, table, WORD_KEYS);
                words.or_key = self.truth(&format!("{path}/or-key"), table.get("or-key"));
                for (key, place) in [("before", &mut words.before), ("after", &mut words.after)] {
                    let Some(value) = table.get(key) else { continue };
                    match value.as_u64().filter(|width| *width <= WINDOW_MAX as u64) {
                        Some(width) => *place = width as usize,
                        None => {
                            let message = format!("a window is 0 to {WINDOW_MAX} bytes");
                            self.error(format!("{path}/{key}"), message, None);
                        }
                    }
                }
                (table.get("any"), format!("{path}/any"))
            }
            _ => {
                let hint = Some("write [\"badge\", \"employee\"]".into());
                self.error(path, "this is no list of words", hint);
                return None;
            }
        };
        let Some(list) = list else {
            let hint = Some("add `any = [\"…\"]`".into());
            self.error(path, "there is no list of words", hint);
            return None;
        };
        for (index, word) in self.strings(list, &inner) {
            let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80;
            if word.is_empty() || word.len() > WORD_MAX || !word.bytes().all(is_word) {
                let message =
                    format!("`{word}` is not one word of at most {WORD_MAX} letters and digits");
                let hint = word
                    .split(|c: char| !c.is_ascii_alphanumeric())
                    .max_by_key(|part| part.len())
                    .filter(|part| !part.is_empty() && part.len() <= WORD_MAX)
                    .map(|part| format!("take its most telling part: \"{part}\""));
                self.error(format!("{inner}/{index}"), message, hint);
            } else {
                words.any.push(word.to_ascii_lowercase());
            }
        }
        Some(words)
    }

    /// The words that a match needs, by how much it says of itself.
    fn confidence(
        &mut self,
        path: &str,
        entry: &Map<String, Value>,
        words: Option<Words>,
    ) -> Option<Words> {
        let inner = format!("{path}/confidence");
        let given = entry.get("confidence").map(|value| value.as_str().unwrap_or_default());
        match (given, words) {
            (None | Some("medium"), Some(words)) => Some(words),
            (None, None) | (Some("high"), _) => None,
            (Some("low"), Some(words)) => {
                Some(Words { before: 0, after: 0, or_key: true, ..words })
            }
            (Some("medium" | "low"), None) => {
                let message = "such a rule needs `words` that stand beside the value";
                let hint = "add `words = { any = [\"…\"], or-key = true }`, or write `confidence = \"high\"`";
                if !entry.contains_key("words") {
                    self.error(inner, message, Some(hint.into()));
                }
                None
            }
            (Some(other), words) => {
                let hint = likely(other, ["high", "medium", "low"].into_iter());
                self.error(inner, "a confidence is high, medium or low", hint);
                words
            }
        }
    }

    /// The places of `where` and `except`.
    fn selection(&mut self, path: &str, entry: &Map<String, Value>) -> Selection {
        let mut read = |key: &str| -> Vec<Selector> {
            let inner = format!("{path}/{key}");
            let Some(value) = entry.get(key) else { return Vec::new() };
            let Some(text) = value.as_str() else {
                let hint = Some("write \"log | body\"".into());
                self.error(inner, "places are a string", hint);
                return Vec::new();
            };
            let mut selectors = Vec::new();
            for word in text.split('|').map(str::trim) {
                match Selector::parse(word) {
                    Ok(selector) => selectors.push(selector),
                    Err((message, hint)) => self.error(&inner, message, hint),
                }
            }
            selectors
        };
        Selection { within: read("where"), except: read("except") }
    }

    /// Texts that rules of the file write in place of values, with where they stand.
    pub(super) fn texts(config: &Map<String, Value>) -> Vec<(String, String, String)> {
        let text = |action: Option<&Value>| Some(action?.get("replace")?.as_str()?.to_owned());
        let mut texts = Vec::new();
        if let Some(Value::Object(actions)) = config.get("actions") {
            for (name, action) in actions {
                if let Some(text) = text(Some(action)) {
                    texts.push((pointer("/actions", name), name.clone(), text));
                }
            }
        }
        for (table, key) in [("rule", "name"), ("names", "name"), ("change", "rule")] {
            let entries = config.get(table).and_then(Value::as_array).into_iter().flatten();
            for (index, entry) in entries.enumerate() {
                if let Some(text) = text(entry.get("action")) {
                    let name = entry.get(key).and_then(Value::as_str).unwrap_or("redacted");
                    texts.push((format!("/{table}/{index}/action"), name.to_owned(), text));
                }
            }
        }
        texts
    }
}

impl Tables {
    /// Takes the patterns out of the drafts and makes the rules that run.
    pub(super) fn customs(&mut self, reader: &mut Reader) -> Option<Arc<Customs>> {
        if let Some(shared) = reader.shared.take() {
            self.drafts.clear();
            return shared;
        }
        if self.drafts.is_empty() {
            return None;
        }
        let mut rules = Vec::new();
        for draft in &mut self.drafts {
            // What stays behind is read for warnings only.
            let empty = Custom {
                id: draft.custom.id,
                value: None,
                checks: draft.custom.checks.clone(),
                words: draft.custom.words.clone(),
                not_words: None,
                selection: Selection::default(),
            };
            rules.push(std::mem::replace(&mut draft.custom, empty));
        }
        let patterns: Vec<_> = self.drafts.iter().map(|draft| draft.pattern.clone()).collect();
        match Customs::new(rules, &patterns) {
            Ok(customs) => Some(Arc::new(customs)),
            Err(_) => {
                let message = "all patterns together make automata of more than 2 MiB";
                let hint = "make those shorter that begin with nothing fixed, or leave some out";
                reader.error("/rule", message, Some(hint.into()));
                None
            }
        }
    }

    /// What passes for one rule only.
    pub(super) fn take_allow(&mut self) -> Vec<(RuleId, Allow)> {
        std::mem::take(&mut self.allow)
    }

    /// Refuses patterns that match what is written in place of values: such a text would be
    /// redacted over and over.
    pub(super) fn check_markers(&self, reader: &mut Reader, rules: Rules) -> Rules {
        if self.drafts.is_empty() {
            return rules;
        }
        let mut markers: Vec<String> = rules.catalogue.markers().map(str::to_owned).collect();
        markers.extend(rules.traits.texts.iter().cloned());
        markers.extend(["****", "**********", "**********1234"].map(String::from));
        let engine = Engine::new(rules);
        let mut scratch = Scratch::default();
        for draft in &self.drafts {
            let own = format!("[{}]", draft.name);
            for marker in std::iter::once(&own).chain(&markers) {
                engine.scan(Kind::Text, marker.as_bytes(), &mut scratch);
                let counts = scratch.take_counts();
                if engine.named(&counts).any(|(name, _)| name == draft.name) {
                    let message = format!(
                        "`{}` matches `{marker}`, which is written in place of values",
                        draft.text
                    );
                    let hint = "make the pattern narrower, or ask for `words` beside it";
                    reader.error(format!("{}/match", draft.path), message, Some(hint.into()));
                    break;
                }
            }
        }
        engine.into_rules()
    }
}
