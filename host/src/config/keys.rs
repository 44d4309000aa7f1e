//! What an unknown key was meant to be.
//!
//! In this order: the same key spelled otherwise (`keep_alive`), a word of another tool, a
//! slip of the finger, a key of another section, and at last the list of keys to choose from.

mod elsewhere;

use std::collections::BTreeSet;

use elsewhere::ELSEWHERE;

use super::excerpt::quoted;
use super::fault::Fault;
use super::origin::Origin;

/// A key that no section asked for.
pub(super) struct Unknown {
    pub(super) key: String,
    pub(super) origin: Origin,
    /// `plugins.redact.deadlin`.
    pub(super) path: String,
    /// The table it stands in: `plugins.*`.
    pub(super) shape: String,
    /// The keys that the table has.
    pub(super) siblings: Vec<&'static str>,
}

impl Unknown {
    /// The fault, with what was probably meant; `known` are all keys there are.
    pub(super) fn fault(&self, known: &BTreeSet<String>) -> Fault {
        let place = if self.shape.is_empty() {
            String::new()
        } else {
            format!(
                " in {}",
                section(&self.shape, self.path.rsplit_once('.').map_or("", |(s, _)| s))
            )
        };
        Fault::new(&self.origin, format!("unknown key {}{place}", quoted(&self.key)))
            .key(&self.path)
            .remedy(self.remedy(known))
    }

    /// Whether it stands for a key that its table is said to lack, so that saying both would be
    /// saying the same twice.
    pub(super) fn stands_for(&self, table: &str, key: &str) -> bool {
        let own = self.path.strip_suffix(&self.key).unwrap_or_default();
        let remedy = || self.remedy(&BTreeSet::new());
        own.trim_end_matches('.') == table
            && [format!("write `{key}`"), format!("write {key} =")]
                .iter()
                .any(|w| remedy().starts_with(w))
    }

    fn remedy(&self, known: &BTreeSet<String>) -> String {
        let key = dashed(&self.key);
        // Comparing takes time in proportion to both lengths, and nobody means this one.
        let near = |word: &str| key.len() < 60 && strsim::damerau_levenshtein(word, &key) == 1;
        let siblings = || self.siblings.iter().copied();
        if siblings().any(|sibling| sibling == key) {
            return format!("write `{key}`");
        }
        if let Some(remedy) = elsewhere_called(&self.shape, &key) {
            return remedy.to_owned();
        }
        if let Some(near) = siblings().find(|sibling| near(sibling)) {
            return format!("write `{near}`");
        }
        let homes: Vec<String> = known
            .iter()
            .filter_map(|path| path.rsplit_once('.'))
            .filter(|(shape, name)| *name == key && *shape != self.shape)
            .map(|(shape, _)| section(shape, ""))
            .collect();
        if !homes.is_empty() {
            return format!("`{key}` is a key of {}", homes.join(" and of "));
        }
        if let Some(near) = likely(&key, siblings()) {
            return format!("write `{near}`");
        }
        let here = |(place, words, _): &&(&str, &[&str], _)| {
            *place == self.shape && words.iter().any(|word| near(word))
        };
        if let Some((_, _, remedy)) = ELSEWHERE.iter().find(here) {
            return (*remedy).to_owned();
        }
        let keys: Vec<String> = siblings().map(|key| format!("`{key}`")).collect();
        format!("the keys here are {}", keys.join(" "))
    }
}

/// The table of this shape as the operator writes it: `[server.limits]`, `[[routes]]`,
/// `[plugins.redact]`. Without a path, `NAME` stands for the name.
pub(super) fn section(shape: &str, path: &str) -> String {
    if shape.is_empty() {
        return "the file".into();
    }
    if let Some(list) = shape.strip_suffix(".*").filter(|list| *list == "routes") {
        return format!("[[{list}]]");
    }
    let path = if path.is_empty() { shape.replace('*', "NAME") } else { path.to_owned() };
    if quoted(&path).len() == path.len() + 2 { format!("[{path}]") } else { "this table".into() }
}

/// The one among `known` that was probably meant by `given`.
pub(super) fn likely<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let given = dashed(given);
    // Comparing takes time in proportion to both lengths.
    if given.len() > 60 {
        return None;
    }
    let distance = |known: &'k str| (strsim::damerau_levenshtein(known, &given), known);
    let (distance, known) =
        known.into_iter().map(distance).min_by_key(|(distance, _)| *distance)?;
    let allowed = (known.chars().count().max(given.chars().count()) / 3).max(1);
    (distance <= allowed).then_some(known)
}

/// In the spelling of this file: `keepAlive`, `keep_alive` → `keep-alive`.
fn dashed(key: &str) -> String {
    let mut dashed = String::with_capacity(key.len());
    let mut after_lower = false;
    for character in key.chars() {
        if character.is_ascii_uppercase() && after_lower {
            dashed.push('-');
        }
        after_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
        dashed.push(if matches!(character, '_' | ' ') {
            '-'
        } else {
            character.to_ascii_lowercase()
        });
    }
    dashed
}

/// What a word of another tool, or of common sense, is called here.
fn elsewhere_called(shape: &str, key: &str) -> Option<&'static str> {
    let row = ELSEWHERE.iter().find(|(place, words, _)| *place == shape && words.contains(&key))?;
    Some(row.2)
}

#[cfg(test)]
mod tests {
    use super::super::trial::check_faults;
    use super::*;

    #[test]
    fn the_likely_word_is_near() {
        let words = ["redact", "timing", "health", "errors", "keep-alive"];
        for (given, expected) in [
            ("redakt", Some("redact")),
            ("Redact", Some("redact")),
            ("heatlh", Some("health")),
            ("error", Some("errors")),
            ("keepAlive", Some("keep-alive")),
            ("KEEP_ALIVE", Some("keep-alive")),
            ("keepalive", Some("keep-alive")),
            ("cache", None),
            ("x", None),
            ("", None),
            (&"redact".repeat(20), None),
        ] {
            assert_eq!(likely(given, words), expected, "{given}");
        }
    }

    #[test]
    fn words_of_other_tools_are_in_the_spelling_they_are_compared_in() {
        let mut seen = BTreeSet::new();
        for (place, words, remedy) in ELSEWHERE {
            for word in *words {
                assert_eq!(dashed(word), *word, "{place}");
                assert!(seen.insert((place, word)), "`{word}` stands twice for `{place}`");
            }
            assert!(!remedy.is_empty(), "{place}");
        }
    }

    #[test]
    fn sections_are_written_as_in_the_file() {
        for (shape, path, text) in [
            ("", "", "the file"),
            ("server.limits", "server.limits", "[server.limits]"),
            ("plugins.*", "plugins.redact", "[plugins.redact]"),
            ("plugins.*", "", "[plugins.NAME]"),
            ("routes.*", "routes[3]", "[[routes]]"),
            ("upstreams.*.check", "", "[upstreams.NAME.check]"),
        ] {
            assert_eq!(section(shape, path), text);
        }
    }

    #[test]
    fn unknown_sections_are_explained() {
        check_faults(&[
            ("[health]", &[("1:2", "unknown key `health`", "[plugins.health]")]),
            ("[helth]", &[("1:2", "unknown key `helth`", "[plugins.health]")]),
            ("[gadgets]", &[("1:2", "unknown key `gadgets`", "the keys here are `server`")]),
            ("listen = \"127.0.0.1:1\"", &[("1:1", "unknown key `listen`", "[server]")]),
            ("[logging]\nlevel = \"info\"", &[("1:2", "unknown key `logging`", "[logs]")]),
            ("\"a b\\u001b\" = 1", &[("1:1", "unknown key `a b\\u{1b}`", "the keys here are")]),
        ]);
    }
}
