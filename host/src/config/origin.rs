//! Where a setting stands: a text, and a range in it.
//!
//! Every setting that a later room may have to complain about keeps its [`Origin`], so that
//! the complaint can show the operator's own line long after the file was read. A text is
//! shared by all origins in it and lives as long as the last of them.
//!
//! Origins know no settings and print nothing by themselves; that is `fault`.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that settings were read from: a file, or an argument of the command line.
pub struct Source {
    /// The path as the operator wrote it, or the name of the argument.
    label: String,
    text: String,
    /// Where each line begins, in bytes. Empty for what has no lines worth naming.
    lines: Vec<usize>,
}

impl Source {
    /// A file, under the path that messages shall show.
    pub fn file(label: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Arc::new(Self { label: label.into(), lines: lines.collect(), text })
    }

    /// The path or argument that messages show.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Source {
    /// Only the label: the text may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.label).finish()
    }
}

/// A range in a [`Source`]. Cheap to clone.
///
/// Any two origins are equal: a setting that moved to another line is still the same setting,
/// which is what a reload has to know when it compares two configurations.
#[derive(Clone)]
pub struct Origin {
    source: Arc<Source>,
    start: usize,
    end: usize,
}

impl Origin {
    /// The given bytes of `source`; ranges beyond its end are cut.
    pub fn new(source: &Arc<Source>, range: Range<usize>) -> Self {
        let start = floor(&source.text, range.start);
        let end = floor(&source.text, range.end).max(start);
        Self { source: Arc::clone(source), start, end }
    }

    /// A setting that came from the command line, such as `--listen`.
    pub fn argument(name: &str) -> Self {
        let source = Source { label: name.to_owned(), text: String::new(), lines: Vec::new() };
        Self { source: Arc::new(source), start: 0, end: 0 }
    }

    /// A setting that nobody wrote: the default.
    pub fn built_in() -> Self {
        Self::argument("the built-in default")
    }

    /// The text it stands in.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The path of the file, or the name of the argument.
    pub fn file(&self) -> &str {
        &self.source.label
    }

    /// The line, from 1; 0 when it stands in no file.
    pub fn line(&self) -> usize {
        self.source.lines.partition_point(|start| *start <= self.start)
    }

    /// The column, from 1, in characters; 0 when it stands in no file.
    pub fn column(&self) -> usize {
        match self.line() {
            0 => 0,
            line => self.source.text[self.source.lines[line - 1]..self.start].chars().count() + 1,
        }
    }

    /// The text of the line without its ending; empty when it stands in no file.
    pub fn line_text(&self) -> &str {
        let Some(line) = self.line().checked_sub(1) else { return "" };
        let rest = &self.source.text[self.source.lines[line]..];
        let line = rest.split('\n').next().unwrap_or(rest);
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// How many characters of its line it covers, at least one.
    pub fn width(&self) -> usize {
        let covered = &self.source.text[self.start..self.end];
        covered.split(['\r', '\n']).next().unwrap_or(covered).chars().count().max(1)
    }

    /// For sorting: by file, then by place.
    pub(super) fn place(&self) -> (&str, usize, usize) {
        (&self.source.label, self.start, self.end)
    }
}

/// The nearest place at or before `at` that does not cut a character in two.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl fmt::Display for Origin {
    /// `tamis.toml:12:3`, or the name of the argument.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line() {
            0 => f.write_str(self.file()),
            line => write!(f, "{}:{}:{}", self.file(), line, self.column()),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A setting together with the place where the operator gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<T> {
    /// What was given.
    pub value: T,
    /// Where.
    pub origin: Origin,
}

impl<T> Given<T> {
    /// A value that nobody wrote down.
    pub fn built_in(value: T) -> Self {
        Self { value, origin: Origin::built_in() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, range: Range<usize>) -> Origin {
        Origin::new(&Source::file("t.toml", text), range)
    }

    #[test]
    fn places_are_counted_from_one_in_characters() {
        let text = "a = 1\r\nmüll = 2\n\nlast";
        for (range, line, column, shown, width) in [
            (0..1, 1, 1, "a = 1", 1),
            (7..12, 2, 1, "müll = 2", 4),
            (15..16, 2, 8, "müll = 2", 1),
            (17..17, 3, 1, "", 1),
            (18..22, 4, 1, "last", 4),
            (22..99, 4, 5, "last", 1),
            // A range over several lines covers the rest of its first.
            (4..20, 1, 5, "a = 1", 1),
            // In the middle of the umlaut: its beginning.
            (9..10, 2, 2, "müll = 2", 1),
        ] {
            let origin = at(text, range.clone());
            assert_eq!((origin.line(), origin.column()), (line, column), "place of {range:?}");
            assert_eq!(origin.line_text(), shown, "line of {range:?}");
            assert_eq!(origin.width(), width, "width of {range:?}");
        }
    }

    #[test]
    fn arguments_have_a_name_and_no_line() {
        let origin = Origin::argument("--listen");
        assert_eq!(origin.to_string(), "--listen");
        assert_eq!((origin.line(), origin.column(), origin.line_text()), (0, 0, ""));
    }

    #[test]
    fn debug_shows_the_place_and_never_the_text() {
        let origin = at("token = \"hunter2\"", 0..5);
        assert_eq!(format!("{origin:?}"), "t.toml:1:1");
        assert_eq!(format!("{:?}", origin.source()), "Source(\"t.toml\")");
    }
}
