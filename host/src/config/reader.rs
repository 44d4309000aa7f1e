//! Walks the parsed file and collects every fault instead of stopping at the first.
//!
//! A section asks its [`Table`] for the keys it knows and says how to read each; whatever it
//! did not ask for is unknown, so there is no second list of keys to keep in step. Reading
//! never fails: what cannot be read is reported and its default is used, and a file with faults
//! is refused as a whole at the end. The keys that were asked for, here called known, are
//! remembered as patterns such as `plugins.*.memory`.
//!
//! Sections, defaults and the relations between settings are not known here.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::excerpt::quoted;
use super::fault::{Fault, Warning};
use super::keys::{self, Unknown};
use super::origin::{Given, Origin, Source};
use super::value::{ByteSize, Mistake, Name, Span};

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
        self.findings.borrow_mut().faults.push(fault);
    }

    pub(super) fn warn(&self, fault: Fault) {
        self.findings.borrow_mut().warnings.push(Warning::new(fault));
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

/// One value of the file.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) path: String,
    shape: String,
    pub(super) span: Range<usize>,
    pub(super) node: &'a DeValue<'a>,
    /// The word that may stand instead: `off`.
    word: Option<&'static str>,
}

impl<'a> Value<'a> {
    pub(super) fn origin(&self) -> Origin {
        Origin::new(&self.reader.source, self.span.clone())
    }

    /// A fault of this value.
    pub(super) fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault::new(&self.origin(), problem).key(&self.path)
    }

    /// Reports that the text is not what it should be.
    pub(super) fn refuse<T>(&self, mistake: Mistake) -> Option<T> {
        let Mistake { problem, remedy } = mistake;
        self.reader.report(self.fault(problem).remedy(self.or_the_word(remedy)));
        None
    }

    /// Reports that it is of another type.
    fn wants<T>(&self, what: &str, remedy: &str) -> Option<T> {
        let found = found(self.node);
        let problem = format!("`{}` wants {what}, not {found}", self.key());
        self.reader.report(self.fault(problem).remedy(self.or_the_word(format!("write {remedy}"))));
        None
    }

    fn or_the_word(&self, remedy: String) -> String {
        match self.word {
            Some(word) => format!("{remedy}; or \"{word}\""),
            None => remedy,
        }
    }

    /// The last part of its path, without the index in a list.
    fn key(&self) -> &str {
        let last = self.path.rsplit('.').next().unwrap_or(&self.path);
        last.split('[').next().unwrap_or(last)
    }

    fn item(&self, index: usize, item: &'a Spanned<DeValue<'a>>) -> Self {
        let (path, shape) = (format!("{}[{index}]", self.path), joined(&self.shape, "*"));
        Self { path, shape, span: item.span(), node: item.get_ref(), ..self.clone() }
    }

    /// Its items if it is a list, else itself.
    fn items(&self) -> Vec<Self> {
        match self.node {
            DeValue::Array(items) => {
                items.iter().enumerate().map(|(index, item)| self.item(index, item)).collect()
            }
            _ => vec![self.clone()],
        }
    }

    /// See [`Table::list`].
    pub(super) fn list<T: PartialEq>(&self, read: impl Fn(&Self) -> Option<T>) -> Vec<Given<T>> {
        let mut list: Vec<Given<T>> = Vec::new();
        for item in self.items() {
            let Some(value) = read(&item) else { continue };
            let given = Given { value, origin: item.origin() };
            match list.iter().find(|first| first.value == given.value) {
                None => list.push(given),
                Some(first) => self.reader.report(
                    item.fault(format!("the same stands twice in `{}`", self.key()))
                        .note("first given", &first.origin)
                        .remedy("remove one of the two"),
                ),
            }
        }
        list
    }

    /// The same, and reports a list with nothing in it.
    pub(super) fn some<T: PartialEq>(
        &self,
        example: &str,
        read: impl Fn(&Self) -> Option<T>,
    ) -> Option<Vec<Given<T>>> {
        if matches!(self.node, DeValue::Array(items) if items.is_empty()) {
            let fault = self.fault(format!("`{}` is empty", self.key()));
            self.reader.report(fault.remedy(format!("write at least one: [{example}]")));
        }
        Some(self.list(read)).filter(|list| !list.is_empty())
    }

    pub(super) fn table(&self) -> Option<Table<'a>> {
        let DeValue::Table(entries) = self.node else {
            let remedy = match self.node {
                DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_table()) => {
                    format!("[{}] with one bracket", self.path)
                }
                _ => format!("a table: {} = {{ … }}", self.key()),
            };
            return self.wants("a table", &remedy);
        };
        let Self { reader, path, shape, span, .. } = self.clone();
        Some(Table { reader, entries: Some(entries), path, shape, span, asked: Vec::new() })
    }

    /// The text of a string; `what` and `example` are for the complaint that it is none.
    pub(super) fn text(&self, what: &str, example: &str) -> Option<&'a str> {
        match self.node {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.wants(what, example),
        }
    }

    /// A string that is parsed by the type it becomes.
    pub(super) fn parse<T: FromStr<Err = Mistake>>(&self, what: &str, example: &str) -> Option<T> {
        self.parse_with(what, example, str::parse)
    }

    /// A string that is parsed by a function.
    pub(super) fn parse_with<T>(
        &self,
        what: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, Mistake>,
    ) -> Option<T> {
        let text = self.text(what, example)?;
        parse(text).map_or_else(|mistake| self.refuse(mistake), Some)
    }

    pub(super) fn name(&self) -> Option<Name> {
        self.parse("a name", "\"app\"")
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match self.node {
            DeValue::Boolean(flag) => Some(*flag),
            DeValue::String(text) if matches!(text.as_ref(), "true" | "false") => {
                self.wants("true or false", &format!("{text} without quotes"))
            }
            _ => self.wants("true or false", "`true` or `false`"),
        }
    }

    /// A whole number.
    pub(super) fn count(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let DeValue::Integer(integer) = self.node else {
            return match self.node {
                DeValue::String(text) if text.parse::<u32>().is_ok() => {
                    self.wants("a whole number", &format!("{text} without quotes"))
                }
                _ => self.wants(
                    "a whole number",
                    &format!("a number, such as {}", range.start().max(&1)),
                ),
            };
        };
        let count = i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX);
        let range = i128::from(*range.start())..=i128::from(*range.end());
        self.within(count, range, i128::to_string).and_then(|count| u32::try_from(count).ok())
    }

    /// A span of time.
    pub(super) fn span(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let span: Span = match self.node {
            DeValue::Integer(number) => {
                let number = number.as_str();
                return self.wants(
                    "a span of time with its unit",
                    &format!("\"{number}s\" for seconds or \"{number}ms\" for milliseconds"),
                );
            }
            _ => self.parse("a span of time", "a string such as \"10ms\", \"30s\" or \"5m\"")?,
        };
        self.within(span.0, range, |span| Span(*span).to_string())
    }

    /// A number of bytes.
    pub(super) fn size(&self, range: RangeInclusive<ByteSize>) -> Option<ByteSize> {
        let size: ByteSize = match self.node {
            DeValue::Integer(number) => {
                let number = number.as_str();
                let size = number.parse().map(ByteSize);
                let size = size.map_or_else(|_| format!("{number} B"), |size| size.to_string());
                return self.wants("a size with its unit", &format!("\"{size}\""));
            }
            _ => self.parse("a size", "a string such as \"16 MiB\" or \"10 MB\"")?,
        };
        self.within(size, range, ByteSize::to_string)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let allowed = words.join(" or ");
        let text = self.text("a word", &allowed)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let problem = format!("`{}` cannot be {}", self.key(), quoted(text));
        let likely = keys::likely(text, choices.iter().map(|(word, _)| *word));
        let remedy = match likely {
            Some(likely) => format!("write \"{likely}\"; allowed: {allowed}"),
            None => format!("write {allowed}"),
        };
        self.reader.report(self.fault(problem).remedy(self.or_the_word(remedy)));
        None
    }

    /// A path, relative to the folder of the file.
    pub(super) fn path(&self, example: &str) -> Option<PathBuf> {
        let text = self.text("a path", example)?;
        if text.is_empty() || text.contains('\0') {
            return self.refuse(Mistake::new(
                format!("{} is no path", quoted(text)),
                format!("write {example}"),
            ));
        }
        Some(self.reader.directory.join(text))
    }

    fn within<T: PartialOrd>(
        &self,
        value: T,
        range: RangeInclusive<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        if range.contains(&value) {
            return Some(value);
        }
        let (least, most) = (show(range.start()), show(range.end()));
        let problem = if value < *range.start() {
            format!("`{}` is below {least}", self.key())
        } else {
            format!("`{}` is above {most}", self.key())
        };
        let remedy = format!("write a value from {least} to {most}");
        self.reader.report(self.fault(problem).remedy(self.or_the_word(remedy)));
        None
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What a value is, for messages.
fn found(node: &DeValue<'_>) -> &'static str {
    match node {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(true) => "`true`",
        DeValue::Boolean(false) => "`false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
