//! One value of the file, and the ways to read it.
//!
//! Every way takes what is allowed and answers with the value, or with nothing after it
//! reported why not and what to write.

use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::{Reader, Table, joined};
use crate::config::excerpt::quoted;
use crate::config::fault::Fault;
use crate::config::keys;
use crate::config::origin::{Given, Origin};
use crate::config::value::{ByteSize, Mistake, Name, Span};

/// One value of the file.
#[derive(Clone)]
pub(in crate::config) struct Value<'a> {
    pub(in crate::config) reader: &'a Reader<'a>,
    pub(in crate::config) path: String,
    pub(super) shape: String,
    pub(in crate::config) span: Range<usize>,
    pub(in crate::config) node: &'a DeValue<'a>,
    /// The word that may stand instead: `off`.
    pub(super) word: Option<&'static str>,
}

impl<'a> Value<'a> {
    pub(in crate::config) fn origin(&self) -> Origin {
        Origin::new(&self.reader.source, self.span.clone())
    }

    /// A fault of this value.
    pub(in crate::config) fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault::new(&self.origin(), problem).key(&self.path)
    }

    /// Reports that the text is not what it should be.
    pub(in crate::config) fn refuse<T>(&self, mistake: Mistake) -> Option<T> {
        let Mistake { problem, remedy } = mistake;
        self.reader.report(self.fault(problem).remedy(self.or_the_word(remedy)));
        None
    }

    /// Reports that it is of another type.
    pub(super) fn wants<T>(&self, what: &str, remedy: &str) -> Option<T> {
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

    pub(super) fn item(&self, index: usize, item: &'a Spanned<DeValue<'a>>) -> Self {
        let (path, shape) = (format!("{}[{index}]", self.path), joined(&self.shape, "*"));
        Self { path, shape, span: item.span(), node: item.get_ref(), ..self.clone() }
    }

    /// Its items if it is a list, else itself.
    pub(super) fn items(&self) -> Vec<Self> {
        match self.node {
            DeValue::Array(items) => {
                items.iter().enumerate().map(|(index, item)| self.item(index, item)).collect()
            }
            _ => vec![self.clone()],
        }
    }

    /// See [`Table::list`].
    pub(in crate::config) fn list<T: PartialEq>(
        &self,
        read: impl Fn(&Self) -> Option<T>,
    ) -> Vec<Given<T>> {
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
    pub(in crate::config) fn some<T: PartialEq>(
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

    pub(in crate::config) fn table(&self) -> Option<Table<'a>> {
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
    pub(in crate::config) fn text(&self, what: &str, example: &str) -> Option<&'a str> {
        match self.node {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.wants(what, example),
        }
    }

    /// A string that is parsed by the type it becomes.
    pub(in crate::config) fn parse<T: FromStr<Err = Mistake>>(
        &self,
        what: &str,
        example: &str,
    ) -> Option<T> {
        self.parse_with(what, example, str::parse)
    }

    /// A string that is parsed by a function.
    pub(in crate::config) fn parse_with<T>(
        &self,
        what: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, Mistake>,
    ) -> Option<T> {
        let text = self.text(what, example)?;
        parse(text).map_or_else(|mistake| self.refuse(mistake), Some)
    }

    pub(in crate::config) fn name(&self) -> Option<Name> {
        self.parse("a name", "\"app\"")
    }

    pub(in crate::config) fn flag(&self) -> Option<bool> {
        match self.node {
            DeValue::Boolean(flag) => Some(*flag),
            DeValue::String(text) if matches!(text.as_ref(), "true" | "false") => {
                self.wants("true or false", &format!("{text} without quotes"))
            }
            _ => self.wants("true or false", "`true` or `false`"),
        }
    }

    /// A whole number.
    pub(in crate::config) fn count(&self, range: RangeInclusive<u32>) -> Option<u32> {
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
    pub(in crate::config) fn span(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
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
    pub(in crate::config) fn size(&self, range: RangeInclusive<ByteSize>) -> Option<ByteSize> {
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
    pub(in crate::config) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
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
    pub(in crate::config) fn path(&self, example: &str) -> Option<PathBuf> {
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
