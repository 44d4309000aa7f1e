//! What is done with the hits of a rule, and the texts that are written for it.

use super::{Reader, likely, matching, pointer};
use crate::engine::{Engine, Scratch};
use crate::place::Kind;
use crate::rules::{Action, Rules, shipped_actions};
use serde_json::Value;

const ACTIONS: &[&str] = &["replace", "mask", "last4", "hash", "truncate", "drop", "report"];
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

    fn action(&mut self, path: &str, value: &Value) -> Option<Action> {
        match value {
            Value::String(name) => match name.as_str() {
                "replace" => Some(Action::Replace(None)),
                "mask" => Some(Action::Mask),
                "last4" | "partial" => Some(Action::Last4),
                "hash" => Some(Action::Hash),
                "truncate" => Some(Action::Truncate),
                "drop" | "drop-field" => Some(Action::Drop),
                "report" => Some(Action::Report),
                _ => {
                    self.error(
                        path,
                        format!("unknown action `{name}`"),
                        likely(name, ACTIONS.iter().copied()),
                    );
                    None
                }
            },
            Value::Object(parts) if parts.len() == 1 => match parts.iter().next() {
                Some((key, Value::String(text))) if key == "replace" => {
                    self.text(&format!("{path}/replace"), text);
                    Some(Action::Replace(Some(text.clone())))
                }
                Some((key, _)) if key == "replace" => {
                    self.error(
                        format!("{path}/replace"),
                        "the text in place of a value has to be a string",
                        None,
                    );
                    None
                }
                Some((key, _)) => {
                    let message = format!("`{key}` takes no settings in this version");
                    self.error(
                        path,
                        message,
                        Some("write the name of the action, or { \"replace\": \"text\" }".into()),
                    );
                    None
                }
                None => None,
            },
            _ => {
                self.error(
                    path,
                    "an action is a name or { \"replace\": \"text\" }",
                    Some(ACTIONS.join(", ")),
                );
                None
            }
        }
    }

    /// Whether the action has a meaning for the rule. A mistake is reported only where the rule was
    /// named itself.
    fn fits(&mut self, path: &str, name: &str, rule: usize, action: &Action) -> bool {
        let rule = self.catalogue.iter().nth(rule).map(|(_, rule)| rule.clone());
        let Some(rule) = rule else { return false };
        let problem = match action {
            Action::Last4 if !rule.may_show_end => "would show a part of what has to stay hidden",
            Action::Truncate if !rule.may_truncate => "has a meaning for `ip` and `mac` only",
            Action::Hash if rule.name == "private-key" => "makes no sense line by line",
            _ => return true,
        };
        if rule.name == name {
            let action = if *action == Action::Last4 {
                "last4"
            } else if *action == Action::Hash {
                "hash"
            } else {
                "truncate"
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
    pub(super) fn check_texts(&mut self, rules: Rules, actions: Option<&Value>) -> Rules {
        let texts: Vec<(String, String)> = actions
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(name, action)| {
                Some((name.clone(), action.get("replace")?.as_str()?.to_owned()))
            })
            .collect();
        if texts.is_empty() {
            return rules;
        }
        let engine = Engine::new(rules);
        let mut scratch = Scratch::default();
        for (name, text) in texts {
            if self.errors.iter().any(|error| error.path.starts_with(&pointer("/actions", &name))) {
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
                    let path = format!("{}/replace", pointer("/actions", &name));
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
