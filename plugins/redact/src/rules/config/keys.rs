//! The key of tokens.

use super::Reader;
use crate::action::Key;
use serde_json::Value;

impl Reader {
    pub(super) fn key(&mut self, value: Option<&Value>) -> Option<Key> {
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
}
