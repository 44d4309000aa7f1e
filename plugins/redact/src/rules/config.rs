//! From a configuration to rules: every key is checked, every mistake reported.
//!
//! The configuration is one JSON document. Its keys are a part of those of the rule file; what a
//! later version adds are further keys beside them.

use super::{Action, Allow, Rules, Traits, shipped_actions};
use crate::action::Key;
use crate::engine::{Engine, Scratch};
use crate::names::Names;
use crate::place::Kind;
use crate::rule::Catalogue;
use serde_json::Value;

/// A mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// JSON Pointer to what is wrong, such as `/rules/2`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// JSON Schema (2020-12) of the configuration.
pub const SCHEMA: &str = include_str!("schema.json");

const KEYS: &[&str] =
    &["rules", "actions", "names", "key", "allow", "responses", "response-headers", "explain"];
const ACTIONS: &[&str] = &["replace", "mask", "last4", "hash", "truncate", "drop", "report"];
/// Packs of the rule file that this version does not have.
const PACKS: &[&str] = &[
    "names", "devices", "paths", "crypto", "vehicles", "dates", "urls", "entropy", "sql",
    "optional",
];
/// The longest text that may be written in place of a value.
const TEXT_MAX: usize = 64;

impl Rules {
    /// Reads a configuration; `null` stands for the default one.
    ///
    /// # Errors
    ///
    /// All mistakes, each with its place and, where there is one, the likely spelling.
    pub fn from_config(config: &Value) -> Result<Rules, Vec<ConfigError>> {
        let mut reader = Reader { errors: Vec::new(), catalogue: Catalogue::default() };
        let rules = reader.read(config);
        match rules {
            Some(rules) if reader.errors.is_empty() => Ok(rules),
            _ => Err(reader.errors),
        }
    }
}

struct Reader {
    errors: Vec<ConfigError>,
    catalogue: Catalogue,
}

impl Reader {
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>, hint: Option<String>) {
        self.errors.push(ConfigError { path: path.into(), message: message.into(), hint });
    }

    fn read(&mut self, config: &Value) -> Option<Rules> {
        let empty = serde_json::Map::new();
        let config = match config {
            Value::Null => &empty,
            Value::Object(config) => config,
            _ => {
                self.error("", "the configuration has to be an object", None);
                return None;
            }
        };
        for key in config.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            self.error(
                pointer("", key),
                format!("unknown key `{key}`"),
                likely(key, KEYS.iter().copied()),
            );
        }
        let on = self.rules(config.get("rules"));
        let key = self.key(config.get("key"));
        let actions = self.actions(config.get("actions"));
        let (with, without) = self.names(config.get("names"));
        let allow = self.allow(config.get("allow"));
        let hashes = on.iter().zip(&actions).any(|(&on, action)| on && *action == Action::Hash);
        if hashes && config.get("key").is_none() {
            let message = "`hash` needs a key; without one anybody can try out the values";
            self.error("/actions", message, Some("set `key` to at least 16 bytes".into()));
        }
        let traits = Traits::of(&actions);
        let (catalogue, names) = (self.catalogue.clone(), Names::new(&with, &without));
        let rules = Rules { catalogue, on, actions, names, allow, key, traits };
        Some(self.check_texts(rules, config.get("actions")))
    }

    fn rules(&mut self, value: Option<&Value>) -> Vec<bool> {
        let Some(value) = value else { return vec![true; self.catalogue.len()] };
        let mut on = vec![false; self.catalogue.len()];
        for (index, entry) in self.strings(value, "/rules") {
            let path = format!("/rules/{index}");
            let (name, wanted) = match entry.strip_prefix('-') {
                Some(name) => (name, false),
                None => (entry.as_str(), true),
            };
            let hit = matching(&self.catalogue, name);
            if hit.is_empty() {
                if PACKS.contains(&name) || name.starts_with("country/") {
                    self.error(
                        path,
                        format!("the pack `{name}` is not part of this version"),
                        None,
                    );
                } else {
                    let hint = self
                        .likely_rule(name)
                        .map(|hint| if wanted { hint } else { format!("-{hint}") });
                    self.error(path, format!("unknown rule `{name}`"), hint);
                }
            }
            for rule in hit {
                on[rule] = wanted;
            }
        }
        if !on.contains(&true) && self.errors.is_empty() {
            self.error("/rules", "no rule is on", Some("begin the list with `default`".into()));
        }
        on
    }

    fn actions(&mut self, value: Option<&Value>) -> Vec<Action> {
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
    fn check_texts(&mut self, rules: Rules, actions: Option<&Value>) -> Rules {
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

    fn key(&mut self, value: Option<&Value>) -> Option<Key> {
        match value? {
            Value::String(key) => {
                let made = Key::new(key.as_bytes());
                if made.is_none() {
                    let message = format!("the key has {} bytes, it needs at least 16", key.len());
                    self.error("/key", message, None);
                }
                made
            }
            _ => {
                self.error("/key", "the key has to be a string", None);
                None
            }
        }
    }

    fn names(&mut self, value: Option<&Value>) -> (Vec<String>, Vec<String>) {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        let Some(value) = value else { return (with, without) };
        for (index, entry) in self.strings(value, "/names") {
            let path = format!("/names/{index}");
            let name = entry.strip_prefix('!').unwrap_or(&entry);
            let stem = name.trim_start_matches(['*', '_', '.']);
            if !stem.bytes().any(|b| b.is_ascii_alphanumeric()) {
                self.error(path, format!("`{entry}` names nothing"), None);
            } else if stem.contains('*') {
                let hint = format!("*_{}", stem.replace('*', ""));
                self.error(
                    path,
                    format!("in `{entry}` a star may only stand at the beginning"),
                    Some(hint),
                );
            } else if entry.starts_with('!') {
                without.push(name.to_owned());
            } else {
                with.push(name.to_owned());
            }
        }
        (with, without)
    }

    fn allow(&mut self, value: Option<&Value>) -> Allow {
        let mut allow = Allow::default();
        let Some(value) = value else { return allow };
        for (index, entry) in self.strings(value, "/allow") {
            if let Err(message) = allow.add(&entry) {
                self.error(format!("/allow/{index}"), message, None);
            }
        }
        allow
    }

    fn likely_rule(&self, name: &str) -> Option<String> {
        likely(name, ["default", "secret"].into_iter().chain(self.catalogue.names()))
    }

    /// The strings of a list; whatever else is in it is a mistake.
    fn strings(&mut self, value: &Value, path: &str) -> Vec<(usize, String)> {
        let Value::Array(entries) = value else {
            let name = path.trim_start_matches('/');
            self.error(path, format!("`{name}` has to be a list of strings"), None);
            return Vec::new();
        };
        let mut strings = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match entry {
                Value::String(text) => strings.push((index, text.clone())),
                _ => self.error(format!("{path}/{index}"), "has to be a string", None),
            }
        }
        strings
    }
}

/// The rules that a name stands for: one, those of a family, or all.
fn matching(catalogue: &Catalogue, name: &str) -> Vec<usize> {
    catalogue
        .names()
        .enumerate()
        .filter(|(_, known)| {
            name == "default"
                || *known == name
                || known.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
        })
        .map(|(index, _)| index)
        .collect()
}

/// The known word that was probably meant.
fn likely<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

fn pointer(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn errors(config: Value) -> Vec<(String, Option<String>)> {
        match Rules::from_config(&config) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| (error.path, error.hint)).collect(),
        }
    }

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let found = errors(json!({
            "rules": ["default", "emial", "-pone", 3, "country/id"],
            "actions": {"card": "last5", "email": "last4", "ip": {"replace": 1}, "secret/github": {"mask": true}},
            "names": ["*", "a*b"],
            "key": "short",
            "allow": ["cidr:x"],
            "rulez": [],
        }));
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "/rulez",
                "/rules/3",
                "/rules/1",
                "/rules/2",
                "/rules/4",
                "/key",
                "/actions/card",
                "/actions/email",
                "/actions/ip/replace",
                "/actions/secret~1github",
                "/names/0",
                "/names/1",
                "/allow/0"
            ]
        );
        let hint =
            |path: &str| found.iter().find(|(p, _)| p == path).and_then(|(_, hint)| hint.clone());
        assert_eq!(hint("/rulez").as_deref(), Some("rules"));
        assert_eq!(hint("/rules/1").as_deref(), Some("email"));
        assert_eq!(hint("/rules/2").as_deref(), Some("-phone"));
        assert_eq!(hint("/actions/card").as_deref(), Some("last4"));
    }

    #[test]
    fn wrong_shapes() {
        assert_eq!(errors(json!([])).len(), 1);
        assert_eq!(errors(json!({"rules": "default"})).len(), 1);
        assert_eq!(errors(json!({"rules": []})).len(), 1);
        assert_eq!(errors(json!({"actions": []})).len(), 1);
        assert_eq!(errors(json!({"key": 1})).len(), 1);
        assert_eq!(errors(json!({"actions": {"email": "hash"}})).len(), 1, "no key");
        assert_eq!(errors(json!({"actions": {"email": "hash"}, "key": ""})).len(), 1, "empty key");
        assert_eq!(
            errors(json!({"actions": {"email": {"replace": "a@example.com"}}})).len(),
            1,
            "hits itself"
        );
        assert_eq!(errors(json!({"actions": {"email": {"replace": "a\nb"}}})).len(), 1);
        assert_eq!(
            errors(json!({"actions": {"phone": {"replace": "a phone"}}})).len(),
            1,
            "makes others hit"
        );
    }

    #[test]
    fn what_is_right_is_taken() {
        assert!(errors(Value::Null).is_empty());
        let rules = Rules::from_config(&json!({
            "rules": ["default", "-phone", "-secret", "secret/github"],
            "actions": {"email": {"replace": "(gone)"}, "secret": "hash", "default": "mask", "card": "drop"},
            "key": "0123456789abcdef",
            "names": ["kode_rahasia", "!session"],
            "allow": ["private", "domain:shop.example"],
        }));
        let rules = rules.unwrap_or_else(|errors| panic!("{errors:?}"));
        let index = |name: &str| {
            rules.catalogue.names().position(|rule| rule == name).expect("there is such a rule")
        };
        assert!(!rules.on[index("phone")]);
        assert!(!rules.on[index("secret/aws")]);
        assert!(rules.on[index("secret/github")]);
        assert_eq!(rules.actions[index("email")], Action::Replace(Some("(gone)".into())));
        assert_eq!(rules.actions[index("secret/github")], Action::Hash);
        assert_eq!(rules.actions[index("card")], Action::Drop);
        assert_eq!(rules.actions[index("iban")], Action::Mask);
    }

    #[test]
    fn the_schema_is_json_and_names_every_key() {
        let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
        let keys: Vec<&String> =
            schema["properties"].as_object().expect("it has properties").keys().collect();
        let mut known = KEYS.to_vec();
        known.sort_unstable();
        assert_eq!(keys, known);
    }
}
