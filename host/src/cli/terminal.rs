//! What a verb prints to: results on standard output, talk on standard error.
//!
//! Texts carry their colours as ANSI sequences; a stream that is no terminal, or a user who set
//! `NO_COLOR`, gets them without. Bytes that are a result (a filter's output) pass untouched.
//! Nothing else in the host prints, and nothing in here knows what is printed.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal as _, Write};

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};

use crate::filter::canary::{Output, Watch};

/// Titles, and what shall be found at a glance.
pub(super) const STRONG: Style = Style::new().bold();
/// What may be skipped.
pub(super) const FAINT: Style = Style::new().dimmed();
/// It is as it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// It is not.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// It may not be meant.
pub(super) const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
/// What can be typed or opened.
pub(super) const COMMAND: Style = AnsiColor::Cyan.on_default();

/// The widest line that is printed, in columns.
pub(super) const WIDTH: usize = 100;

/// Both streams, and how much is said.
pub struct Terminal<'a> {
    /// Results.
    pub out: Stream<'a>,
    /// Everything else.
    pub talk: Stream<'a>,
    /// Positive for `-v`, negative for `-q`.
    pub volume: i8,
    /// What looks for canaries in what is said, but not in results.
    pub watch: Watch,
}

impl Terminal<'static> {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self {
            out: Stream::of_stdout(),
            talk: Stream::of_stderr(),
            volume: 0,
            watch: Watch::default(),
        }
    }
}

impl Terminal<'_> {
    /// Says something on standard error, unless `-q` was given. That nobody listens is no
    /// failure.
    pub fn say(&mut self, text: impl Display) {
        if self.volume >= 0 {
            self.complain(text);
        }
    }

    /// Says something on standard error whatever was asked for: why it does not go on.
    pub fn complain(&mut self, text: impl Display) {
        let text = text.to_string();
        let plain = strip_str(&text).to_string();
        let _ = if self.watch.is_idle() || self.watch.passes(Output::Terminal, [plain.as_bytes()]) {
            self.talk.print(format_args!("{text}\n"))
        } else {
            self.talk.print("what is to be said here is withheld, because it holds a canary\n")
        };
    }
}

/// One stream.
pub struct Stream<'a> {
    raw: Box<dyn Write + Send + 'a>,
    is_terminal: bool,
    is_styled: bool,
}

impl Stream<'static> {
    fn of_stdout() -> Self {
        let is_styled = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        let raw = Box::new(io::stdout());
        Self { raw, is_terminal: io::stdout().is_terminal(), is_styled }
    }

    fn of_stderr() -> Self {
        let is_styled = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
        let raw = Box::new(io::stderr());
        Self { raw, is_terminal: io::stderr().is_terminal(), is_styled }
    }
}

impl<'a> Stream<'a> {
    /// One that is no terminal, such as a buffer.
    pub fn plain(raw: impl Write + Send + 'a) -> Self {
        Self { raw: Box::new(raw), is_terminal: false, is_styled: false }
    }

    /// Whether a person is likely to look at it.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether texts keep their colours.
    pub fn is_styled(&self) -> bool {
        self.is_styled
    }

    /// Prints a text, with or without its colours, at once.
    ///
    /// # Errors
    ///
    /// The stream's own; [`io::ErrorKind::BrokenPipe`] when nobody reads it any more.
    pub fn print(&mut self, text: impl Display) -> io::Result<()> {
        let text = text.to_string();
        if self.is_styled {
            self.raw.write_all(text.as_bytes())?;
        } else {
            self.raw.write_all(strip_str(&text).to_string().as_bytes())?;
        }
        self.raw.flush()
    }

    /// The stream for bytes that are a result. Nothing is taken out of them.
    pub fn bytes(&mut self) -> &mut (dyn Write + Send + 'a) {
        &mut *self.raw
    }
}

/// A text from outside, such as what a component says of itself, that cannot drive the terminal:
/// control characters are shown, not sent.
pub(super) struct Printable<'a>(pub(super) &'a str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in self.0.chars() {
            match one {
                // Those that turn the direction of writing, too.
                '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    write!(f, "{}", one.escape_unicode())?;
                }
                one if one.is_control() => write!(f, "{}", one.escape_default())?,
                one => fmt::Write::write_char(f, one)?,
            }
        }
        Ok(())
    }
}

/// The beginning of a text, so that it takes at most so many columns; what was cut off is `…`.
pub(super) fn shortened(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// Breaks a text at blanks into lines of at most so many columns. Longer words stay whole.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is at least one line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= columns {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Rows whose columns begin at the same place, two blanks apart. The last column is not padded.
pub(super) fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width_of = |column: usize| {
        rows.iter()
            // What ends a row needs no room for what follows.
            .filter(|row| column + 1 < row.len())
            .map(|row| width(&row[column]))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width_of).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if at + 1 < row.len() {
                let gap = widths[at].saturating_sub(width(cell)) + 2;
                line.extend(std::iter::repeat_n(' ', gap));
            }
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// The columns that a text takes, its colours not counted.
pub(super) fn width(text: &str) -> usize {
    strip_str(text).to_string().chars().count()
}

/// `1 plugin`, `2 plugins`.
pub(super) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_to_those_who_can_see_them() {
        let text = format!("{GOOD}fine{GOOD:#}");
        let mut plain = Vec::new();
        Stream::plain(&mut plain).print(&text).unwrap();
        assert_eq!(plain, b"fine");

        let mut styled = Vec::new();
        let mut stream = Stream { is_styled: true, ..Stream::plain(&mut styled) };
        stream.print(&text).unwrap();
        drop(stream);
        assert_eq!(styled, text.as_bytes());
    }

    #[test]
    fn bytes_pass_untouched() {
        let mut bytes = Vec::new();
        Stream::plain(&mut bytes).bytes().write_all(b"\x1b[31mred\xff\0").unwrap();
        assert_eq!(bytes, b"\x1b[31mred\xff\0");
    }

    #[test]
    fn quiet_keeps_quiet_and_still_complains() {
        let (mut out, mut talk) = (Vec::new(), Vec::new());
        let mut terminal = Terminal {
            out: Stream::plain(&mut out),
            talk: Stream::plain(&mut talk),
            volume: -1,
            watch: Watch::default(),
        };
        terminal.say("all is well");
        terminal.complain("it is not");
        drop(terminal);
        assert_eq!(String::from_utf8(talk).unwrap(), "it is not\n");
    }

    #[test]
    fn what_comes_from_outside_cannot_drive_the_terminal() {
        let text = Printable("a\u{1b}[2Jb\n\u{202e}c é").to_string();
        assert_eq!(text, "a\\u{1b}[2Jb\\n\\u{202e}c é");
    }

    #[test]
    fn columns_begin_at_the_same_place() {
        let row = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
        let bold = format!("{STRONG}ab{STRONG:#}");
        let lines = aligned(&[
            row(&[&bold, "x", "last"]),
            row(&["abcd", "", "z"]),
            row(&["only a long one"]),
        ]);
        assert_eq!(strip_str(&lines[0]).to_string(), "ab    x  last");
        assert_eq!(lines[1..], ["abcd     z", "only a long one"]);
        assert!(aligned(&[]).is_empty());
    }

    #[test]
    fn long_texts_are_broken_or_cut() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("", 7), [""]);
        assert_eq!(wrapped("extraordinary", 4), ["extraordinary"]);
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
        assert_eq!((count(1, "route"), count(2, "route")), ("1 route".into(), "2 routes".into()));
    }
}
