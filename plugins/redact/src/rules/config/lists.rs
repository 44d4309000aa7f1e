//! Lists of names: which rules are on, further names of secrets, what passes.

use super::{DEFAULT, OPTIONAL, Reader, likely, matching};
use crate::rules::Allow;
use serde_json::Value;

/// Packs of the rule file that this version does not have.
const PACKS: &[&str] = &["names", "urls", "entropy", "sql"];

impl Reader {
    pub(super) fn rules(&mut self, value: Option<&Value>) -> Vec<bool> {
        let Some(value) = value else { return self.catalogue.on_by_default() };
        let mut on = vec![false; self.catalogue.len()];
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

    pub(super) fn names(&mut self, value: Option<&Value>) -> (Vec<String>, Vec<String>) {
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

    pub(super) fn allow(&mut self, value: Option<&Value>) -> Allow {
        let mut allow = Allow::default();
        let Some(value) = value else { return allow };
        for (index, entry) in self.strings(value, "/allow") {
            if let Err(message) = allow.add(&entry) {
                self.error(format!("/allow/{index}"), message, None);
            }
        }
        allow
    }

    pub(super) fn likely_rule(&self, name: &str) -> Option<String> {
        likely(name, [DEFAULT, OPTIONAL, "secret"].into_iter().chain(self.catalogue.names()))
    }
}
