//! Mistakes in the configuration, and how they are shown.
//!
//! A [`Fault`] names the place, the cause and the remedy. [`Faults`] are all faults of one
//! reading together with the warnings; they print in the way the Rust compiler does, plain
//! through `Display`, in colour through [`Faults::styled`], and as data through `Serialize`.
//! Other rooms make faults too, for what only they can find out (a component that does not
//! load, a rule that a plugin refuses), and have them printed the same way.
//!
//! Promised: no rendering shows a secret, see `excerpt`. Not known here: what is a fault.

use std::fmt;

use anstyle::{AnsiColor, Style};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::excerpt::{self, Excerpt};
use super::origin::Origin;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Error,
    Warning,
}

/// One mistake: where it stands, what is wrong, and what to write instead. Printed, it takes
/// several lines, the last with its line ending.
#[derive(Clone, Debug)]
pub struct Fault {
    severity: Severity,
    origin: Origin,
    key: String,
    problem: String,
    remedy: Option<String>,
    note: Option<(String, Origin)>,
    /// Whether a fault elsewhere may have caused it, such as a name that could not be read.
    consequence: bool,
    /// The key that it misses.
    missing: Option<&'static str>,
}

impl Fault {
    /// A fault at this place. `problem` is a lower-case fragment without a full stop.
    pub fn new(origin: &Origin, problem: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            origin: origin.clone(),
            key: String::new(),
            problem: problem.into(),
            remedy: None,
            note: None,
            consequence: false,
            missing: None,
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Names the setting, as a dotted path: `server.limits.head`.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Points at a second place that has to do with it: `first given`.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>, origin: &Origin) -> Self {
        self.note = Some((note.into(), origin.clone()));
        self
    }

    /// Marks a fault that is not told when there are syntax errors, and a warning that is not
    /// told when there are faults, because those may be the reason for it.
    pub(super) fn consequence(mut self) -> Self {
        self.consequence = true;
        self
    }

    pub(super) fn is_consequence(&self) -> bool {
        self.consequence
    }

    /// Marks a fault that says that the table `self.key` lacks this key.
    pub(super) fn missing(mut self, key: &'static str) -> Self {
        self.missing = Some(key);
        self.consequence()
    }

    /// The table, and the key that it lacks.
    pub(super) fn what_is_missing(&self) -> Option<(&str, &'static str)> {
        self.missing.map(|key| (self.key.as_str(), key))
    }

    /// Where it stands.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What is wrong.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to do, if there is something to say.
    pub fn help(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, colours: &Colours) -> fmt::Result {
        let Colours { error, warning, frame, strong, .. } = *colours;
        let (title, style) = match self.severity {
            Severity::Error => ("error", error),
            Severity::Warning => ("warning", warning),
        };
        writeln!(f, "{style}{title}{style:#}{strong}: {}{strong:#}", self.problem)?;
        let line = self.origin.line();
        let margin = if line == 0 { 1 } else { line.to_string().len() };
        writeln!(f, "{:margin$}{frame}-->{frame:#} {}", "", self.origin)?;
        if let Some(excerpt) = Excerpt::of(&self.origin) {
            writeln!(f, "{:margin$} {frame}|{frame:#}", "")?;
            writeln!(f, "{frame}{line} |{frame:#} {}", excerpt.text)?;
            let (indent, carets) = (excerpt.indent, "^".repeat(excerpt.width));
            writeln!(f, "{:margin$} {frame}|{frame:#} {:indent$}{style}{carets}{style:#}", "", "")?;
        }
        if let Some((note, origin)) = &self.note {
            self.write_line(f, colours, margin, "note", &format!("{note} at {origin}"))?;
        }
        if let Some(remedy) = &self.remedy {
            self.write_line(f, colours, margin, "help", remedy)?;
        }
        Ok(())
    }

    fn write_line(
        &self,
        f: &mut fmt::Formatter<'_>,
        colours: &Colours,
        margin: usize,
        title: &str,
        text: &str,
    ) -> fmt::Result {
        let Colours { frame, strong, .. } = *colours;
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        writeln!(f, "{:margin$} {frame}={frame:#} {strong}{title}{strong:#}: {first}", "")?;
        // Continued under the first word, so that an example of several lines can be copied.
        lines.try_for_each(|line| writeln!(f, "{:margin$}         {line}", ""))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &Colours::NONE)
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Fault", 8)?;
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        fields.serialize_field("severity", severity)?;
        fields.serialize_field("file", self.origin.file())?;
        fields.serialize_field("line", &self.origin.line())?;
        fields.serialize_field("column", &self.origin.column())?;
        fields.serialize_field("key", &self.key)?;
        fields.serialize_field("problem", &self.problem)?;
        fields.serialize_field("remedy", &self.remedy)?;
        fields.serialize_field("text", &excerpt::line(&self.origin))?;
        fields.end()
    }
}

/// Something that works but is probably not meant. Printed like a fault.
#[derive(Clone, Debug)]
pub struct Warning(Fault);

impl From<Fault> for Warning {
    /// For what other rooms find once they have looked closer.
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl Warning {
    /// The same finding with less weight.
    pub fn new(fault: Fault) -> Self {
        Self(Fault { severity: Severity::Warning, ..fault })
    }

    /// In colour, for a terminal.
    pub fn styled(&self) -> impl fmt::Display + '_ {
        Styled(|f: &mut fmt::Formatter<'_>| self.0.write(f, &Colours::TERMINAL))
    }
}

impl std::ops::Deref for Warning {
    type Target = Fault;

    fn deref(&self) -> &Fault {
        &self.0
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Why a configuration cannot be used: every fault, in the order of the file, and what was
/// warned about besides.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Faults {
    faults: Vec<Fault>,
    warnings: Vec<Warning>,
}

impl Faults {
    /// Puts them in the order of the text.
    pub fn new(mut faults: Vec<Fault>, mut warnings: Vec<Warning>) -> Self {
        faults.sort_by(|a, b| a.origin.place().cmp(&b.origin.place()));
        warnings.sort_by(|a, b| a.origin.place().cmp(&b.origin.place()));
        Self { faults, warnings }
    }

    /// The faults; not empty when it came out of a failed reading.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What was warned about besides.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The warnings alone, in the order of the file.
    pub(super) fn into_warnings(self) -> Vec<Warning> {
        self.warnings
    }

    /// In colour, for a terminal.
    pub fn styled(&self) -> impl fmt::Display + '_ {
        Styled(|f: &mut fmt::Formatter<'_>| self.write(f, &Colours::TERMINAL))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, colours: &Colours) -> fmt::Result {
        for fault in self.warnings.iter().map(|warning| &warning.0).chain(&self.faults) {
            fault.write(f, colours)?;
            writeln!(f)?;
        }
        let count = |count: usize, what: &str| {
            format!("{count} {what}{}", if count == 1 { "" } else { "s" })
        };
        let Colours { error, strong, .. } = *colours;
        write!(f, "{error}error{error:#}{strong}: {}", count(self.faults.len(), "fault"))?;
        if !self.warnings.is_empty() {
            write!(f, ", {}", count(self.warnings.len(), "warning"))?;
        }
        write!(f, " in the configuration{strong:#}")
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &Colours::NONE)
    }
}

impl std::error::Error for Faults {}

/// A rendering that is chosen by the caller.
struct Styled<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Styled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

struct Colours {
    error: Style,
    warning: Style,
    frame: Style,
    strong: Style,
}

impl Colours {
    const NONE: Self = Self {
        error: Style::new(),
        warning: Style::new(),
        frame: Style::new(),
        strong: Style::new(),
    };
    const TERMINAL: Self = Self {
        error: AnsiColor::BrightRed.on_default().bold(),
        warning: AnsiColor::Yellow.on_default().bold(),
        frame: AnsiColor::BrightBlue.on_default().bold(),
        strong: Style::new().bold(),
    };
}

#[cfg(test)]
mod tests {
    use super::super::origin::Source;
    use super::*;

    fn faults() -> Faults {
        let text = "[server]\ntimout = \"3s\"\n\n[admin]\ntoken = 7\n";
        let source = Source::file("tamis.toml", text);
        let at = |range| Origin::new(&source, range);
        let second = Fault::new(&at(40..41), "`token` wants a string").key("admin.token");
        let first = Fault::new(&at(9..15), "unknown key `timout`")
            .note("first given", &at(0..8))
            .remedy("write this:\nb = 1");
        let warning = Warning::new(Fault::new(&Origin::argument("--listen"), "a warning"));
        Faults::new(vec![second, first], vec![warning])
    }

    #[test]
    fn faults_print_like_those_of_the_compiler() {
        let expected = r#"warning: a warning
 --> --listen

error: unknown key `timout`
 --> tamis.toml:2:1
  |
2 | timout = "3s"
  | ^^^^^^
  = note: first given at tamis.toml:1:1
  = help: write this:
          b = 1

error: `token` wants a string
 --> tamis.toml:5:9
  |
5 | token = *
  |         ^

error: 2 faults, 1 warning in the configuration"#;
        assert_eq!(faults().to_string(), expected);
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let faults = faults();
        let styled = faults.styled().to_string();
        assert!(styled.contains("\u{1b}[1m\u{1b}[91merror\u{1b}[0m"), "{styled:?}");
        let mut plain = String::new();
        for (at, piece) in styled.split('\u{1b}').enumerate() {
            let rest = if at == 0 { piece } else { piece.split_once('m').expect("a colour").1 };
            plain.push_str(rest);
        }
        assert_eq!(plain, faults.to_string());
    }

    #[test]
    fn faults_serialize_with_place_and_without_secrets() {
        let json = serde_json::to_value(faults()).expect("plain data");
        assert_eq!(
            json["faults"][1],
            serde_json::json!({
                "severity": "error", "file": "tamis.toml", "line": 5, "column": 9,
                "key": "admin.token", "problem": "`token` wants a string", "remedy": null,
                "text": "token = *",
            })
        );
        assert_eq!(json["warnings"][0]["severity"], "warning");
    }
}
