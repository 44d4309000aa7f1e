//! What is done with the hits of a rule, and the texts that are written for it.

use super::{Reader, likely, matching, pointer};
use crate::action::SHOWN_MAX;
use crate::cut::Cut;
use crate::engine::{Engine, Scratch};
use crate::place::Kind;
use crate::rules::{Action, Rules, shipped_actions};
use serde_json::Value;

const ACTIONS: &[&str] = &[
    "replace",
    "mask",
    "last4",
    "first",
    "hash",
    "encrypt",
    "truncate",
    "drop-field",
    "drop-record",
    "report",
    "drop",
];
/// The longest text that may be written in place of a value.
const TEXT_MAX: usize = 64;

impl Reader {
    pub(super) fn actions(&mut self, value: Option<&Value>) -> Vec<Action> {
        let mut actions = shipped_actions(&self.catalogue);
        let Some(value) = value else { return actions };
        let Value::Object(entries) = value else {
            self.error("/actions", "`actions` has to be an object of rules and actions", None);
            return actions;
        };
        // A family first, its members after it, whatever the order they are written in.
        let mut sorted: Vec<_> = entries.iter().collect();
        sorted.sort_by_key(|(name, _)| (name.contains('/'), *name != "default"));
        for (name, entry) in sorted {
            let path = pointer("/actions", name);
            let hit = matching(&self.catalogue, name);
            if hit.is_empty() {
                self.error(path, format!("unknown rule `{name}`"), self.likely_rule(name));
                continue;
            }
            let Some(action) = self.action(&path, entry) else { continue };
            for rule in hit {
                if self.fits(&path, name, rule, &action) {
                    actions[rule] = action.clone();
                }
            }
        }
        actions
    }

    pub(in crate::rules) fn action(&mut self, path: &str, value: &Value) -> Option<Action> {
        match value {
            Value::String(name) => self.named(path, name),
            Value::Object(parts) if parts.len() == 1 => {
                let (name, setting) = parts.iter().next()?;
                self.with_setting(path, name, setting)
            }
            _ => {
                let message = "an action is a name, or a name and its setting";
                self.error(path, message, Some(ACTIONS.join(", ")));
                None
            }
        }
    }

    /// An action as it is without settings.
    fn named(&mut self, path: &str, name: &str) -> Option<Action> {
        Some(match name {
            "replace" => Action::Replace(None),
            "mask" => Action::Mask,
            "last4" | "partial" => Action::Last(4),
            "first" => Action::First(SHOWN_MAX),
            "hash" => Action::Hash,
            "encrypt" => Action::Encrypt,
            "truncate" => Action::Truncate(Cut::default()),
            "drop" | "drop-field" => Action::Drop,
            "drop-record" => Action::DropRecord,
            "report" => Action::Report,
            _ => {
                let hint = likely(name, ACTIONS.iter().copied());
                self.error(path, format!("unknown action `{name}`"), hint);
                return None;
            }
        })
    }

    fn with_setting(&mut self, path: &str, name: &str, setting: &Value) -> Option<Action> {
        let at = pointer(path, name);
        match (name, setting) {
            (_, Value::Bool(true)) => self.named(path, name),
            ("replace", Value::String(text)) => {
                self.text(&at, text);
                Some(Action::Replace(Some(text.clone())))
            }
            ("replace", _) => {
                self.error(at, "the text in place of a value has to be a string", None);
                None
            }
            ("first", setting) => self.number(&at, setting, 1, SHOWN_MAX).map(Action::First),
            ("last", setting) => self.number(&at, setting, 1, SHOWN_MAX).map(Action::Last),
            ("truncate", setting) => self.cut(&at, setting).map(Action::Truncate),
            _ => {
                let settings = ["replace", "first", "last", "truncate"];
                let hint = match likely(name, settings.into_iter().chain(["last4"])) {
                    Some(likely) if likely != name => likely,
                    _ => format!("write \"{name}\" alone"),
                };
                self.error(path, format!("`{name}` takes no such setting"), Some(hint));
                None
            }
        }
    }

    /// What stays of a value that is cut.
    fn cut(&mut self, path: &str, value: &Value) -> Option<Cut> {
        const KEYS: [&str; 5] = ["v4", "v6", "to", "decimals", "characters"];
        let example =
            "{ v4 = 16, v6 = 32 }, { to = \"month\" }, { decimals = 1 } or { characters = 8 }";
        let parts = match value {
            Value::String(to) => return self.cut_to(path, to),
            Value::Object(parts) if !parts.is_empty() => parts,
            _ => {
                self.error(path, "this says not what stays", Some(example.into()));
                return None;
            }
        };
        for name in parts.keys().filter(|name| !KEYS.contains(&name.as_str())) {
            let hint = likely(name, KEYS.into_iter());
            self.error(pointer(path, name), format!("unknown key `{name}`"), hint);
        }
        if parts.keys().all(|name| matches!(name.as_str(), "v4" | "v6")) {
            let mut bits = |name: &str, shipped: u8, most: u8| match parts.get(name) {
                Some(bits) => self.number(&pointer(path, name), bits, 1, most),
                None => Some(shipped),
            };
            let (v4, v6) = (bits("v4", 24, 31), bits("v6", 48, 127));
            return Some(Cut::Network { v4: v4?, v6: v6? });
        }
        if parts.len() > 1 {
            self.error(path, "these do not go together", Some(example.into()));
            return None;
        }
        let (name, value) = parts.iter().next()?;
        let path = pointer(path, name);
        match (name.as_str(), value) {
            ("to", Value::String(to)) => self.cut_to(&path, to),
            ("to", _) => self.cut_to(&path, ""),
            ("decimals", value) => self.number(&path, value, 0, 6).map(Cut::Decimals),
            ("characters", value) => self.number(&path, value, 1, 64).map(Cut::Characters),
            _ => None,
        }
    }

    fn cut_to(&mut self, path: &str, to: &str) -> Option<Cut> {
        match to {
            "month" => Some(Cut::Month),
            "year" => Some(Cut::Year),
            _ => {
                let message = "a date is cut to its `month` or its `year`";
                self.error(path, message, likely(to, ["month", "year"].into_iter()));
                None
            }
        }
    }

    fn number(&mut self, path: &str, value: &Value, least: u8, most: u8) -> Option<u8> {
        let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.error(path, format!("has to be a number from {least} to {most}"), None);
        }
        number
    }

    /// Whether the action has a meaning for the rule. A mistake is reported only where the rule was
    /// named itself.
    pub(in crate::rules) fn fits(
        &mut self,
        path: &str,
        name: &str,
        rule: usize,
        action: &Action,
    ) -> bool {
        let rule = self.catalogue.iter().nth(rule).map(|(_, rule)| rule.clone());
        let Some(rule) = rule else { return false };
        let is_address = matches!(&*rule.name, "ip" | "mac");
        let problem = match action {
            Action::Last(_) | Action::First(_) if !rule.may_show_end => {
                "would show a part of what has to stay hidden"
            }
            Action::Truncate(Cut::Network { .. }) if !is_address => {
                "has a meaning for `ip` and `mac` only"
            }
            Action::Truncate(Cut::Network { .. }) => return true,
            Action::Truncate(_) if is_address || !rule.may_truncate => {
                "would show a part of what is no date, place or text"
            }
            Action::Hash | Action::Encrypt if rule.name == "private-key" => {
                "makes no sense line by line"
            }
            _ => return true,
        };
        if rule.name == name {
            let action = match action {
                Action::Last(4) => "last4",
                Action::Last(_) => "last",
                Action::First(_) => "first",
                Action::Hash => "hash",
                Action::Encrypt => "encrypt",
                _ => "truncate",
            };
            self.error(path, format!("`{action}` on `{name}` {problem}"), Some("mask".into()));
        }
        false
    }

    fn text(&mut self, path: &str, text: &str) {
        let plain = text
            .bytes()
            .all(|b| (0x20..0x7f).contains(&b) && !matches!(b, b'"' | b'\'' | b'\\' | b'`'));
        if !plain || text.len() > TEXT_MAX {
            let message = format!(
                "a text in place of a value is at most {TEXT_MAX} characters of ASCII without quotes and backslashes"
            );
            self.error(path, message, None);
        }
    }

    /// A text that a rule would hit again is refused: it would be replaced over and over.
    pub(super) fn check_texts(
        &mut self,
        rules: Rules,
        texts: Vec<(String, String, String)>,
    ) -> Rules {
        if texts.is_empty() {
            return rules;
        }
        let engine = Engine::new(rules);
        let mut scratch = Scratch::default();
        for (path, name, text) in texts {
            if self.errors.iter().any(|error| error.path.starts_with(&path)) {
                continue;
            }
            let near = format!("{text} 490 75 40 81, {text} 536904399, {text} 4222222222222");
            for written in [
                text.clone(),
                format!("password={text}"),
                format!("{{\"password\":\"{text}\"}}"),
                near,
            ] {
                engine.scan(Kind::Text, written.as_bytes(), &mut scratch);
                if scratch.take_counts().total() > 0 {
                    let path = format!("{path}/replace");
                    self.error(
                        path,
                        format!("`{text}` would be redacted itself"),
                        Some(format!("[{name}]")),
                    );
                    break;
                }
            }
        }
        engine.into_rules()
    }
}
