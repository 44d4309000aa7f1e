//! Walks the parsed file and collects every fault instead of stopping at the first.
//!
//! A section asks its [`Table`] for the keys it knows and says how to read each; whatever it
//! did not ask for is unknown, so there is no second list of keys to keep in step. Reading
//! never fails: what cannot be read is reported and its default is used, and a file with faults
//! is refused as a whole at the end. The keys that were asked for, here called known, are
//! remembered as patterns such as `plugins.*.memory`.
//!
//! Sections, defaults and the relations between settings are not known here.

mod value;

use std::cell::{RefCell, RefMut};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Faults, Warning};
use super::keys::{self, Unknown};
use super::origin::{Given, Origin, Source};
use super::value::Name;

pub(super) use value::Value;

/// How the variables of the environment are looked up.
pub type Environment<'e> = dyn Fn(&str) -> Option<String> + 'e;

/// What one reading has to hand, and what it found.
pub(super) struct Reader<'a> {
    pub(super) source: Arc<Source>,
    /// What relative paths are relative to.
    pub(super) directory: PathBuf,
    pub(super) environment: &'a Environment<'a>,
    findings: RefCell<Findings>,
}

/// What a reading found.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Warning>,
    pub(super) unknown: Vec<Unknown>,
    /// All keys that were asked for.
    pub(super) known: BTreeSet<String>,
    /// Those of them that the file has.
    pub(super) present: BTreeSet<String>,
}

impl Findings {
    pub(super) fn report(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(super) fn warn(&mut self, fault: Fault) {
        self.warnings.push(Warning::new(fault));
    }

    /// The verdict: the warnings if there is no fault, else everything.
    pub(super) fn conclude(mut self) -> Result<Vec<Warning>, Faults> {
        if self.faults.is_empty() {
            return Ok(Faults::new(self.faults, self.warnings).into_warnings());
        }
        self.warnings.retain(|warning| !warning.is_consequence());
        Err(Faults::new(self.faults, self.warnings))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        source: &Arc<Source>,
        directory: PathBuf,
        environment: &'a Environment<'a>,
    ) -> Self {
        let source = Arc::clone(source);
        Self { source, directory, environment, findings: RefCell::default() }
    }

    /// The whole document.
    pub(super) fn root(&'a self, document: &'a DeTable<'a>) -> Table<'a> {
        Table {
            reader: self,
            entries: Some(document),
            path: String::new(),
            shape: String::new(),
            span: 0..0,
            asked: Vec::new(),
        }
    }

    pub(super) fn report(&self, fault: Fault) {
        self.findings.borrow_mut().report(fault);
    }

    pub(super) fn warn(&self, fault: Fault) {
        self.findings.borrow_mut().warn(fault);
    }

    /// What was found so far, for checks that add to it.
    pub(super) fn findings(&self) -> RefMut<'_, Findings> {
        self.findings.borrow_mut()
    }

    pub(super) fn into_findings(self) -> Findings {
        self.findings.into_inner()
    }
}

/// A table of the file, or the absence of one, in which case all its keys are absent.
pub(super) struct Table<'a> {
    pub(super) reader: &'a Reader<'a>,
    entries: Option<&'a DeTable<'a>>,
    /// `plugins.redact`.
    pub(super) path: String,
    /// `plugins.*`.
    shape: String,
    span: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(super) fn origin(&self) -> Origin {
        Origin::new(&self.reader.source, self.span.clone())
    }

    /// A fault of the table as a whole.
    pub(super) fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault::new(&self.origin(), problem).key(&self.path)
    }

    /// The value of a key, if the file has it.
    pub(super) fn value(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        let shape = joined(&self.shape, key);
        let found = self.entries.and_then(|entries| entries.get(key));
        let mut findings = self.reader.findings.borrow_mut();
        if found.is_some() {
            findings.present.insert(shape.clone());
        }
        findings.known.insert(shape.clone());
        let (reader, path) = (self.reader, joined(&self.path, key));
        Some(Value { reader, path, shape, span: found?.span(), node: found?.get_ref(), word: None })
    }

    /// Whether the file has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.is_some_and(|entries| entries.contains_key(key))
    }

    /// Reports keys that are known, but not for a table like this one.
    pub(super) fn has_no(&mut self, keys: &[&'static str], why: &str, remedy: &str) {
        for key in keys {
            if let Some(value) = self.value(key) {
                let fault = value.fault(format!("`{key}` has no use here: {why}"));
                self.reader.report(fault.remedy(remedy));
            }
        }
    }

    /// A setting with a default.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> T {
        self.maybe(key, read).unwrap_or(default)
    }

    /// A setting that may be absent.
    pub(super) fn maybe<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        self.value(key).and_then(|value| read(&value))
    }

    /// A setting that may be a word instead, `off` or `auto`, which reads as nothing.
    pub(super) fn or_word<T>(
        &mut self,
        key: &'static str,
        word: &'static str,
        default: Option<T>,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.value(key) {
            None => default,
            Some(value) if matches!(value.node, DeValue::String(text) if text == word) => None,
            Some(value) => read(&Value { word: Some(word), ..value }).or(default),
        }
    }

    /// A setting without which the table makes no sense.
    pub(super) fn need<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key);
        if value.is_none() {
            let fault = self.fault(format!("`{key}` is missing in {}", self.title()));
            self.reader.report(fault.remedy(format!("add {key} = {example}")).missing(key));
        }
        value.and_then(|value| read(&value))
    }

    /// A list of settings; a single one may stand without brackets. None may stand twice.
    pub(super) fn list<T: PartialEq>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Value<'a>) -> Option<T>,
    ) -> Option<Vec<Given<T>>> {
        self.value(key).map(|value| value.list(read))
    }

    /// A table within; all its keys are absent when it is.
    pub(super) fn table(&mut self, key: &'static str) -> Table<'a> {
        let absent = Table {
            reader: self.reader,
            entries: None,
            path: joined(&self.path, key),
            shape: joined(&self.shape, key),
            span: self.span.clone(),
            asked: Vec::new(),
        };
        self.value(key).and_then(|value| value.table()).unwrap_or(absent)
    }

    /// The tables of a list: `[[routes]]`.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.node else {
            value.wants::<()>("a list of tables", &format!("[[{}]] with two brackets", value.path));
            return Vec::new();
        };
        let item =
            |(index, item): (usize, &'a Spanned<DeValue<'a>>)| value.item(index, item).table();
        items.iter().enumerate().filter_map(item).collect()
    }

    /// The tables under names that the operator chose: `[plugins.redact]`. Names of tables
    /// that cannot be read are in the first list, too, because something may refer to them.
    pub(super) fn named(
        &mut self,
        key: &'static str,
    ) -> (Vec<Given<Name>>, Vec<(Name, Table<'a>)>) {
        let (mut names, mut tables) = (Vec::new(), Vec::new());
        let Some(value) = self.value(key) else { return (names, tables) };
        let DeValue::Table(entries) = value.node else {
            value.wants::<()>("tables with names", &format!("[{}.NAME]", value.path));
            return (names, tables);
        };
        for (key, entry) in entries {
            let origin = Origin::new(&self.reader.source, key.span());
            let path = joined(&value.path, key.get_ref());
            let name = match key.get_ref().parse::<Name>() {
                Ok(name) => name,
                Err(mistake) => {
                    let fault = Fault::new(&origin, mistake.problem).remedy(mistake.remedy);
                    self.reader.report(fault.key(path));
                    continue;
                }
            };
            names.push(Given { value: name.clone(), origin });
            let shape = joined(&value.shape, "*");
            let (reader, node, span) = (self.reader, entry.get_ref(), entry.span());
            let table = Value { reader, path, shape, span, node, word: None }.table();
            tables.extend(table.map(|table| (name, table)));
        }
        (names, tables)
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.entries.into_iter().flatten() {
            if !self.asked.contains(&key.get_ref().as_ref()) {
                self.reader.findings.borrow_mut().unknown.push(Unknown {
                    key: key.get_ref().to_string(),
                    origin: Origin::new(&self.reader.source, key.span()),
                    path: joined(&self.path, key.get_ref()),
                    shape: self.shape.clone(),
                    siblings: self.asked.clone(),
                });
            }
        }
    }

    /// The table as it is called in messages.
    fn title(&self) -> String {
        keys::section(&self.shape, &self.path)
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
