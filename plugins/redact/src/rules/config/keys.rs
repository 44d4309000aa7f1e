//! The keys of tokens: one, or several with ids, of which the first one writes.

use super::{Reader, likely};
use crate::keys::{ID_MAX, Key, Keys, SHORTEST, is_id};
use serde_json::{Map, Value};

impl Reader {
    pub(super) fn keys(&mut self, config: &Map<String, Value>) -> Keys {
        match (config.get("key"), config.get("keys")) {
            (None, None) => Keys::default(),
            (Some(key), None) => Keys::new(self.key("/key", "", key).into_iter().collect()),
            (None, Some(keys)) => self.list_of_keys(keys),
            (Some(_), Some(_)) => {
                let hint = "make `key` the last of `keys`, with an id";
                self.error("/key", "there are `keys` as well", Some(hint.into()));
                Keys::default()
            }
        }
    }

    fn list_of_keys(&mut self, value: &Value) -> Keys {
        let example = "keys = [{ id = \"k1\", key = \"env:REDACT_KEY\" }]";
        let Some(entries) = value.as_array().filter(|entries| !entries.is_empty()) else {
            self.error("/keys", "`keys` has to be a list of keys", Some(example.into()));
            return Keys::default();
        };
        let mut ids: Vec<&str> = Vec::new();
        let mut keys = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let path = format!("/keys/{index}");
            let Some(parts) = entry.as_object() else {
                self.error(path, "a key has an `id` and a `key`", Some(example.into()));
                continue;
            };
            for name in parts.keys().filter(|name| !matches!(name.as_str(), "id" | "key")) {
                let hint = likely(name, ["id", "key"].into_iter());
                self.error(format!("{path}/{name}"), format!("unknown key `{name}`"), hint);
            }
            let id = parts.get("id").and_then(Value::as_str).unwrap_or_default();
            if !is_id(id) {
                let message = format!(
                    "an id is a lower-case letter, and letters and digits behind it, at most {ID_MAX} together"
                );
                self.error(format!("{path}/id"), message, Some("k1".into()));
            } else if ids.contains(&id) {
                self.error(format!("{path}/id"), format!("there are two keys `{id}`"), None);
            }
            ids.push(id);
            match parts.get("key") {
                Some(key) => keys.extend(self.key(&format!("{path}/key"), id, key)),
                None => self.error(path, "the `key` is missing", Some(example.into())),
            }
        }
        Keys::new(keys)
    }

    fn key(&mut self, path: &str, id: &str, value: &Value) -> Option<Key> {
        let Some(key) = value.as_str() else {
            self.error(path, "the key has to be a string", None);
            return None;
        };
        let made = Key::new(id, key.as_bytes());
        if made.is_none() {
            let message = format!("the key has {} bytes, it needs at least {SHORTEST}", key.len());
            self.error(path, message, None);
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::Rules;
    use serde_json::{Value, json};

    fn check(config: Value, expected: &[&str]) {
        let paths: Vec<String> = match Rules::from_config(&config) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| error.path).collect(),
        };
        assert_eq!(paths, expected, "{config}");
    }

    #[test]
    fn keys_are_long_and_have_ids_of_their_own() {
        let long = "0123456789abcdef";
        check(json!({"key": long}), &[]);
        check(json!({"keys": [{"id": "k2", "key": long}, {"id": "k1", "key": long}]}), &[]);
        check(json!({"keys": [{"id": "k1", "key": long}], "actions": {"email": "hash"}}), &[]);
        check(json!({"key": long, "keys": [{"id": "k1", "key": long}]}), &["/key"]);
        check(json!({"keys": []}), &["/keys"]);
        check(json!({"keys": {"k1": long}}), &["/keys"]);
        check(json!({"keys": [long]}), &["/keys/0"]);
        check(json!({"keys": [{"id": "k1"}]}), &["/keys/0"]);
        check(json!({"keys": [{"key": long}]}), &["/keys/0/id"]);
        check(json!({"keys": [{"id": "K-1", "key": long}]}), &["/keys/0/id"]);
        check(json!({"keys": [{"id": "k", "key": ""}]}), &["/keys/0/key"]);
        check(json!({"keys": [{"id": "k", "key": long, "kid": 1}]}), &["/keys/0/kid"]);
        check(
            json!({"keys": [{"id": "k", "key": long}, {"id": "k", "key": long}]}),
            &["/keys/1/id"],
        );
    }
}
