//! From a configuration to rules: every key is checked, every mistake reported.
//!
//! The configuration is one JSON document. Its keys are a part of those of the rule file; what a
//! later version adds are further keys beside them.

use super::table::Tables;
use super::{Action, Rules, Traits};
use crate::custom::Customs;
use crate::rule::Catalogue;
use serde_json::Value;
use std::sync::Arc;

mod actions;
mod keys;
mod lists;
mod modes;

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

const KEYS: &[&str] = &[
    "rules",
    "actions",
    "names",
    "key",
    "keys",
    "allow",
    "mode",
    "number",
    "route",
    "source",
    "requests",
    "request-headers",
    "request-target",
    "responses",
    "response-headers",
    "unreadable",
    "explain",
    "version",
    "rule",
    "change",
];

/// The name of the rules that are on when nothing is configured.
const DEFAULT: &str = "default";
/// The name of all packs together.
const OPTIONAL: &str = "optional";

impl Rules {
    /// Reads a configuration; `null` stands for the default one.
    ///
    /// # Errors
    ///
    /// All mistakes, each with its place and, where there is one, the likely spelling.
    pub fn from_config(config: &Value) -> Result<Rules, Vec<ConfigError>> {
        Rules::read(config).map(|(rules, _)| rules)
    }

    /// The same, with what is left of the tables of a rule file for whoever tests it.
    pub(crate) fn read(config: &Value) -> Result<(Rules, Tables), Vec<ConfigError>> {
        Rules::read_beside(config, None)
    }

    /// The rules of another place of the same configuration: those of the file are shared.
    pub(crate) fn beside(
        config: &Value,
        shared: Option<Arc<Customs>>,
    ) -> Result<Rules, Vec<ConfigError>> {
        Rules::read_beside(config, Some(shared)).map(|(rules, _)| rules)
    }

    fn read_beside(
        config: &Value,
        shared: Option<Option<Arc<Customs>>>,
    ) -> Result<(Rules, Tables), Vec<ConfigError>> {
        let mut reader = Reader {
            errors: Vec::new(),
            shared,
            catalogue: Catalogue::default(),
            misses_key: false,
            has_key: config.get("key").or(config.get("keys")).is_some(),
        };
        match reader.read(config) {
            Some(read) if reader.errors.is_empty() => Ok(read),
            _ => Err(reader.errors),
        }
    }
}

pub(super) struct Reader {
    errors: Vec<ConfigError>,
    pub(super) catalogue: Catalogue,
    /// Whether tokens can be written.
    pub(super) has_key: bool,
    /// Whether it was told that they cannot, where they are asked for.
    pub(super) misses_key: bool,
    /// The rules of the file, where they were read before.
    pub(super) shared: Option<Option<Arc<Customs>>>,
}

impl Reader {
    pub(super) fn error(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.note(path.into(), message.into(), hint);
    }

    // There are more than a hundred mistakes, and each would hold a copy.
    #[cold]
    #[inline(never)]
    fn note(&mut self, path: String, message: String, hint: Option<String>) {
        self.errors.push(ConfigError { path, message, hint });
    }

    fn read(&mut self, config: &Value) -> Option<(Rules, Tables)> {
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
        match config.get("version") {
            None => {}
            Some(version) if version.as_u64() == Some(1) => {}
            Some(_) => {
                self.error("/version", "this version reads `version = 1`", Some("1".into()));
            }
        }
        let declared = self.declare(config);
        let on = self.rules(config.get("rules"));
        let keys = self.keys(config);
        let mut actions = self.actions(config.get("actions"));
        let mut tables = Tables::default();
        let names = self.read_names(config.get("names"), &declared, &mut actions);
        let allow = self.allow(config.get("allow"), "/allow");
        self.changes(config, &mut actions, &mut tables);
        self.drafts(config, &declared, &mut actions, &mut tables);
        let customs = tables.customs(self);
        let number = self.number_of(config.get("number"));
        let actions = self.mode(config.get("mode"), actions);
        let in_use = |wanted: &Action| on.iter().zip(&actions).any(|(&on, a)| on && a == wanted);
        for (action, name) in [(Action::Hash, "hash"), (Action::Encrypt, "encrypt")] {
            if in_use(&action) && keys.is_empty() && !self.misses_key {
                let message = format!("`{name}` needs a key; without one anybody can undo it");
                self.error("/actions", message, Some("set `key` to at least 16 bytes".into()));
            }
        }
        let mut traits = Traits::of(&actions);
        traits.drops_groups = declared.drops(&actions);
        let (catalogue, own_allow) = (self.catalogue.clone(), tables.take_allow());
        let rules = Rules {
            catalogue,
            on,
            actions,
            names,
            allow,
            own_allow,
            customs,
            keys,
            number,
            traits,
        };
        let rules = self.check_texts(rules, Reader::texts(config));
        let rules = tables.check_markers(self, rules);
        Some((rules, tables))
    }

    /// The strings of a list; whatever else is in it is a mistake.
    pub(super) fn strings(&mut self, value: &Value, path: &str) -> Vec<(usize, String)> {
        let Value::Array(entries) = value else {
            let name = path.rsplit('/').next().unwrap_or(path);
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

/// The rules that a name stands for: one, those of a family, those of all packs, or all.
pub(super) fn matching(catalogue: &Catalogue, name: &str) -> Vec<usize> {
    catalogue
        .names()
        .enumerate()
        .filter(|(index, known)| {
            name == DEFAULT
                || (name == OPTIONAL && catalogue.is_optional(*index))
                || *known == name
                || known.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
        })
        .map(|(index, _)| index)
        .collect()
}

/// The known word that was probably meant.
pub(super) fn likely<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

pub(super) fn pointer(parent: &str, key: &str) -> String {
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
            "rules": ["default", "emial", "-pone", 3, "country/xx"],
            "actions": {"card": "last5", "email": "last4", "ip": {"replace": 1}, "secret/github": {"mask": 3}},
            "names": ["*", "a*b"],
            "key": "short",
            "allow": ["cidr:x"],
            "rues": [],
        }));
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "/rues",
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
        assert_eq!(hint("/rues").as_deref(), Some("rules"));
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
        assert_eq!(errors(json!({"actions": {"email": "hash"}, "key": ""})).len(), 2, "empty key");
        assert_eq!(errors(json!({"mode": "dry-run"})).len(), 1);
        assert_eq!(errors(json!({"number": 0})).len(), 1);
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
