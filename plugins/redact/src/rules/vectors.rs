//! The vectors of a rule file as they are read. Only where rules are tried: the plugin as it serves
//! takes no notice of them.

use super::config::{Reader, likely};
use crate::custom::vector::{Form, Vector};
use crate::place::Kind;
use serde_json::{Map, Value};

const KEYS: &[&str] = &["in", "out", "same", "as"];

impl Reader {
    /// Reads `[[rule.test]]` of the rule at `path`.
    pub(super) fn vectors(
        &mut self,
        path: &str,
        entry: &Map<String, Value>,
        name: &str,
        whole_lines: bool,
        vectors: &mut Vec<Vector>,
    ) {
        let tests = format!("{path}/test");
        for (index, test) in self.tables(entry.get("test"), &tests).into_iter().enumerate() {
            let Some(test) = test else { continue };
            let path = format!("{tests}/{index}");
            self.unknown(&path, &test, KEYS);
            let Some(input) = test.get("in").and_then(Value::as_str) else {
                let hint = Some("add `in = '…'`".into());
                self.error(path, "the vector has no text", hint);
                continue;
            };
            let form = match test.get("as").map(|form| form.as_str().unwrap_or_default()) {
                None => Form::Scanned(Kind::Text),
                Some(form) => match Form::ALL.iter().find(|(known, _)| *known == form) {
                    Some((_, form)) => *form,
                    None => {
                        let names = Form::ALL.iter().map(|(name, _)| *name);
                        let hint = likely(form, names.clone()).or_else(|| {
                            Some(format!("one of {}", names.collect::<Vec<_>>().join(", ")))
                        });
                        self.error(format!("{path}/as"), format!("`{form}` is no form"), hint);
                        continue;
                    }
                },
            };
            let same = self.truth(&format!("{path}/same"), test.get("same"));
            let (expected, key) = match (test.get("out").map(Value::as_str), same) {
                (Some(Some(out)), false) => (Some(out.to_owned()), "out"),
                (None, true) => (None, "same"),
                (Some(None), _) => {
                    self.error(format!("{path}/out"), "has to be a string", None);
                    continue;
                }
                _ => {
                    let message = "a vector says either `out` or `same = true`";
                    let hint = Some("`out = '…'` is what the text becomes".into());
                    self.error(path, message, hint);
                    continue;
                }
            };
            vectors.push(Vector {
                rule: name.to_owned(),
                path: format!("{path}/{key}"),
                input: input.to_owned(),
                expected: expected.filter(|expected| expected != input),
                form,
                whole_lines,
            });
        }
    }
}
