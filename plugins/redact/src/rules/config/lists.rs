//! Lists of names: which rules are on, what passes.

use super::{DEFAULT, OPTIONAL, Reader, likely, matching};
use crate::rules::Allow;
use serde_json::Value;

/// Packs of the rule file that this version does not have.
const PACKS: &[&str] = &["names", "urls", "entropy", "sql"];

impl Reader {
    pub(super) fn rules(&mut self, value: Option<&Value>) -> Vec<bool> {
        let Some(value) = value else { return self.catalogue.on_by_default() };
        // What a file adds is on unless it is taken away.
        let mut on: Vec<bool> =
            (0..self.catalogue.len()).map(|rule| self.catalogue.is_written(rule)).collect();
        for (index, entry) in self.strings(value, "/rules") {
            let path = format!("/rules/{index}");
            let (name, wanted) = match entry.strip_prefix('-') {
                Some(name) => (name, false),
                None => (entry.as_str(), true),
            };
            let mut hit = matching(&self.catalogue, name);
            if name == DEFAULT {
                hit.retain(|&index| !self.catalogue.is_optional(index));
            }
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

    pub(in crate::rules) fn allow(&mut self, value: Option<&Value>, path: &str) -> Allow {
        let mut allow = Allow::default();
        let Some(value) = value else { return allow };
        for (index, entry) in self.strings(value, path) {
            if let Err(message) = allow.add(&entry) {
                self.error(format!("{path}/{index}"), message, None);
            }
        }
        allow
    }

    pub(in crate::rules) fn likely_rule(&self, name: &str) -> Option<String> {
        likely(name, [DEFAULT, OPTIONAL, "secret"].into_iter().chain(self.catalogue.names()))
    }
}
