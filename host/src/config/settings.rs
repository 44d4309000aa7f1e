//! What a plugin is configured with: free for the operator, JSON for the plugin.
//!
//! The host does not know what is right in here; the plugin says so when it starts, with a JSON
//! Pointer to what it does not like. So every place is kept together with the line it came
//! from, and the plugin's complaint is printed like one of our own.
//!
//! Secrets: a string that is exactly `env:NAME` is replaced by the variable, and one that is
//! `file:PATH` by the file, the latter only under a key that names a secret (`key`, `token`,
//! `dsn` …), because files are named in other places for other reasons.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Number, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::excerpt::names_a_secret;
use super::fault::Fault;
use super::origin::{Origin, Source};
use super::reader::{Reader, Value};
use super::reference::Reference;
use super::syntax;
use super::value::Mistake;

/// The largest configuration of a plugin that stands in a file of its own, in bytes.
const LARGEST: u64 = 4 << 20;

/// The configuration of one plugin.
#[derive(Clone, PartialEq)]
pub struct Settings {
    json: Json,
    /// JSON Pointer → place.
    origins: BTreeMap<String, Origin>,
}

impl Settings {
    /// No configuration: `null`, said to come from `origin`.
    pub fn none(origin: &Origin) -> Self {
        Self { json: Json::Null, origins: BTreeMap::from([(String::new(), origin.clone())]) }
    }

    /// The JSON document that the plugin gets; `null` when there is no configuration. It holds
    /// secrets in the clear.
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// Sets one key of the document, in place of what the operator wrote there.
    pub fn set(&mut self, key: &str, value: Json) {
        if let Json::Object(keys) = &mut self.json {
            keys.insert(key.to_owned(), value);
        } else {
            self.json = Json::Object([(key.to_owned(), value)].into_iter().collect());
        }
    }

    /// A complaint of the plugin about the value at this JSON Pointer, or about the nearest
    /// value around it that the operator wrote.
    pub fn fault(&self, pointer: &str, message: &str, hint: Option<&str>) -> Fault {
        let mut place = pointer;
        let origin = loop {
            match (self.origins.get(place), place.rsplit_once('/')) {
                (Some(origin), _) => break origin.clone(),
                (None, Some((parent, _))) => place = parent,
                (None, None) => {
                    break self.origins.get("").map_or_else(Origin::built_in, Origin::clone);
                }
            }
        };
        let fault =
            Fault::new(&origin, message).key(format!("config{}", pointer.replace('/', ".")));
        match hint {
            Some(hint) => fault.remedy(hint),
            None => fault,
        }
    }
}

impl fmt::Debug for Settings {
    /// Only what is configured, not to what: it may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.origins.keys().filter(|pointer| !pointer.is_empty())).finish()
    }
}

impl Value<'_> {
    /// The configuration of a plugin: a table, or the path of a TOML file that holds one.
    pub(super) fn settings(&self) -> Option<Settings> {
        match self.node {
            DeValue::Table(table) => {
                let mut origins = BTreeMap::from([(String::new(), self.origin())]);
                let convert =
                    Convert { reader: self.reader, source: &self.reader.source, key: &self.path };
                let json = convert.table(table, "", &mut origins);
                Some(Settings { json, origins })
            }
            DeValue::String(_) => {
                let path = self.path("\"redact.toml\"")?;
                let source = self.open(&path)?;
                settings_in(self.reader, &source, &self.path)
            }
            _ => self.refuse(Mistake::new(
                "the configuration of a plugin is a table",
                "write config = { … }, or the path of a TOML file: config = \"redact.toml\"",
            )),
        }
    }

    fn open(&self, path: &Path) -> Option<Arc<Source>> {
        let shown = path.display().to_string();
        let read = std::fs::metadata(path).and_then(|file| match file.len() {
            0..=LARGEST => std::fs::read_to_string(path),
            _ => Err(std::io::Error::other("it is larger than 4 MiB")),
        });
        match read {
            Ok(text) => Some(Source::file(shown, text)),
            Err(error) => self.refuse(Mistake::new(
                format!("the file `{shown}` cannot be read: {error}"),
                "name a TOML file; its path is relative to the folder of this one",
            )),
        }
    }
}

/// Reads a file that holds nothing but the configuration of a plugin.
fn settings_in(reader: &Reader<'_>, source: &Arc<Source>, key: &str) -> Option<Settings> {
    let (document, errors) = DeTable::parse_recoverable(source.text());
    let faults = syntax::faults(source, &errors);
    let valid = faults.is_empty();
    faults.into_iter().for_each(|fault| reader.report(fault));
    let mut origins = BTreeMap::from([(String::new(), Origin::new(source, 0..0))]);
    let convert = Convert { reader, source, key };
    let json = convert.table(document.get_ref(), "", &mut origins);
    valid.then_some(Settings { json, origins })
}

/// TOML → JSON. The parser bounds the depth.
struct Convert<'a> {
    reader: &'a Reader<'a>,
    source: &'a Arc<Source>,
    /// The path of the setting, for faults.
    key: &'a str,
}

impl Convert<'_> {
    fn table(
        &self,
        table: &DeTable<'_>,
        pointer: &str,
        origins: &mut BTreeMap<String, Origin>,
    ) -> Json {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &str = std::borrow::Cow::as_ref(key.get_ref());
            let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            // From the key on, so that a complaint about either underlines both.
            let (key, span) = (key.span(), value.span());
            let range = if span.start >= key.start { key.start..span.end } else { key };
            origins.insert(pointer.clone(), Origin::new(self.source, range));
            (name.to_owned(), self.value(value, &pointer, names_a_secret(name), origins))
        };
        Json::Object(table.iter().map(entry).collect())
    }

    fn value(
        &self,
        value: &Spanned<DeValue<'_>>,
        pointer: &str,
        secret: bool,
        origins: &mut BTreeMap<String, Origin>,
    ) -> Json {
        let refuse = |mistake: Mistake| {
            let origin = Origin::new(self.source, value.span());
            let fault = Fault::new(&origin, mistake.problem).remedy(mistake.remedy);
            self.reader.report(fault.key(format!("{}{}", self.key, pointer.replace('/', "."))));
            Json::Null
        };
        match value.get_ref() {
            DeValue::String(text) => match Reference::parse(text) {
                Some(Reference::File(_)) if !secret => Json::String(text.to_string()),
                Some(reference) => reference.resolve(self.reader).map_or_else(refuse, Json::String),
                None => Json::String(text.to_string()),
            },
            DeValue::Integer(integer) => {
                let (text, radix) = (integer.as_str(), integer.radix());
                let unsigned = u64::from_str_radix(text, radix).map(Number::from);
                let number =
                    unsigned.or_else(|_| i64::from_str_radix(text, radix).map(Number::from));
                number.map_or_else(
                    |_| {
                        refuse(Mistake::new(
                            "the number does not fit into 64 bits",
                            "write a smaller number, or a string",
                        ))
                    },
                    Json::Number,
                )
            }
            DeValue::Float(float) => {
                let number = float.as_str().parse().ok().and_then(Number::from_f64);
                number.map_or_else(
                    || {
                        refuse(Mistake::new(
                            "JSON has no such number",
                            "write a finite number, or a string",
                        ))
                    },
                    Json::Number,
                )
            }
            DeValue::Boolean(flag) => Json::Bool(*flag),
            DeValue::Datetime(date) => Json::String(date.to_string()),
            DeValue::Array(items) => {
                let item = |(index, item): (usize, &Spanned<DeValue<'_>>)| {
                    let pointer = format!("{pointer}/{index}");
                    origins.insert(pointer.clone(), Origin::new(self.source, item.span()));
                    self.value(item, &pointer, secret, origins)
                };
                Json::Array(items.iter().enumerate().map(item).collect())
            }
            DeValue::Table(table) => self.table(table, pointer, origins),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::origin::Source;
    use super::*;

    fn read(text: &str) -> (Settings, Vec<Fault>) {
        let source = Source::file("t.toml", text);
        let environment = |name: &str| (name == "DSN").then(|| "https://k@host/1".to_owned());
        let reader = Reader::new(&source, "/nowhere".into(), &environment);
        let settings = settings_in(&reader, &source, "plugins.x.config");
        let faults = reader.into_findings().faults;
        (settings.unwrap_or_else(|| Settings::none(&Origin::built_in())), faults)
    }

    #[test]
    fn every_kind_of_value_becomes_json() {
        let (settings, faults) = read(concat!(
            "text = 'a\\b'\nbig = 18446744073709551615\nsmall = -3\nhex = 0xFF\nfraction = 1.5\n",
            "flag = true\nday = 2024-02-29\nlist = [1, [2]]\nempty = []\n",
            "dsn = 'env:DSN'\n\"a/b~c\" = { d = 'file:audit.log' }\n[[rule]]\nname = 'one'\n",
        ));
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(
            *settings.json(),
            serde_json::json!({
                "text": "a\\b", "big": u64::MAX, "small": -3, "hex": 255, "fraction": 1.5,
                "flag": true, "day": "2024-02-29", "list": [1, [2]], "empty": [],
                "dsn": "https://k@host/1", "a/b~c": { "d": "file:audit.log" },
                "rule": [{ "name": "one" }],
            })
        );
        assert!(!format!("{settings:?}").contains("host"), "values are not shown");
    }

    #[test]
    fn a_complaint_of_the_plugin_finds_the_line() {
        let (settings, _) = read("rules = ['a', 'b']\n\n[[rule]]\nname = 'x'\n\"a/b\" = 1\n");
        for (pointer, place) in [
            ("/rules/1", "t.toml:1:15"),
            ("/rules", "t.toml:1:1"),
            ("/rule/0/name", "t.toml:4:1"),
            ("/rule/0/a~1b", "t.toml:5:1"),
            // Not written: the nearest that is.
            ("/rule/0/match", "t.toml:3:1"),
            ("/rules/7/x", "t.toml:1:1"),
            ("/nothing", "t.toml:1:1"),
            ("", "t.toml:1:1"),
            ("no pointer", "t.toml:1:1"),
        ] {
            let fault = settings.fault(pointer, "is wrong", Some("write it right"));
            assert_eq!(fault.origin().to_string(), place, "{pointer}");
            assert_eq!((fault.problem(), fault.help()), ("is wrong", Some("write it right")));
        }
    }

    #[test]
    fn what_json_cannot_hold_is_a_fault() {
        for (text, place, problem) in [
            ("a = nan", "t.toml:1:5", "no such number"),
            ("a = [-inf]", "t.toml:1:6", "no such number"),
            ("a = 99999999999999999999", "t.toml:1:5", "64 bits"),
            ("a = 'env:GONE'", "t.toml:1:5", "`GONE` is not set"),
            ("key = 'file:gone'", "t.toml:1:7", "`gone` cannot be read"),
            ("a = ", "t.toml:1:5", "value is missing"),
        ] {
            let (_, faults) = read(text);
            assert_eq!(faults.len(), 1, "{text}: {faults:?}");
            assert_eq!(faults[0].origin().to_string(), place, "{text}");
            assert!(faults[0].problem().contains(problem), "{text}: {}", faults[0]);
        }
    }
}
