//! What holds for all rules: whether they act, and what stands in place of a number.

use super::{Reader, likely};
use crate::rules::{Action, Number};
use serde_json::Value;

const MODES: [&str; 3] = ["observe", "redact", "block"];
const NUMBERS: [&str; 3] = ["string", "null", "zero"];

impl Reader {
    /// The actions as they are in this mode: reports only, or no record with a hit at all.
    pub(super) fn mode(&mut self, value: Option<&Value>, mut actions: Vec<Action>) -> Vec<Action> {
        match self.one_of("mode", value, &MODES) {
            Some("observe") => actions.fill(Action::Report),
            Some("block") => {
                for action in actions.iter_mut().filter(|action| **action != Action::Report) {
                    *action = Action::DropRecord;
                }
            }
            _ => {}
        }
        actions
    }

    pub(super) fn number_of(&mut self, value: Option<&Value>) -> Number {
        match self.one_of("number", value, &NUMBERS) {
            Some("null") => Number::Null,
            Some("zero") => Number::Zero,
            _ => Number::String,
        }
    }

    fn one_of<'a>(
        &mut self,
        key: &str,
        value: Option<&'a Value>,
        known: &[&'static str],
    ) -> Option<&'a str> {
        let value = value?;
        let word = value.as_str().filter(|word| known.contains(word));
        if word.is_none() {
            let hint = value.as_str().and_then(|word| likely(word, known.iter().copied()));
            self.error(format!("/{key}"), format!("`{key}` is one of {}", known.join(", ")), hint);
        }
        word
    }
}
