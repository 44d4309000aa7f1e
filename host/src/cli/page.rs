//! A page of text for people, as it grows: titles, paragraphs, tables.
//!
//! Knows how wide a page is; what is on it belongs to the verbs. What did not come from this
//! program has to be made [`Printable`] by whoever puts it there.

use super::terminal::{FAINT, Printable, STRONG, WIDTH, aligned, shortened, wrapped};

/// A page.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// The text, with its colours.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// A line as it is.
    pub(super) fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.0.push('\n');
    }

    /// The title of a part, with a gap before it.
    pub(super) fn title(&mut self, title: &str) {
        self.gap();
        self.line(&format!("{STRONG}{title}{STRONG:#}"));
    }

    /// A paragraph, so many columns from the left.
    pub(super) fn text(&mut self, indent: usize, text: &str) {
        for line in wrapped(text, WIDTH - indent) {
            self.line(&format!("{:indent$}{line}", ""));
        }
    }

    /// A named text of as many lines as it needs; names take so many columns.
    pub(super) fn fact(&mut self, columns: usize, name: &str, text: &str) {
        for (at, line) in wrapped(text, WIDTH - columns - 4).iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            self.line(&format!("  {FAINT}{name:columns$}{FAINT:#}  {line}"));
        }
    }

    /// A named text of one line, cut where the page ends.
    pub(super) fn sample(&mut self, columns: usize, name: &str, text: &str) {
        let text = Printable(&shortened(text, WIDTH - columns - 3)).to_string();
        self.line(&format!("  {FAINT}{name:columns$}{FAINT:#} {text}"));
    }

    /// `title: text`, continued under the text.
    pub(super) fn hanging(&mut self, styled: &str, title: &str, text: &str) {
        let indent = title.len() + 2;
        let text = Printable(text).to_string();
        for (at, line) in wrapped(&text, WIDTH - indent).iter().enumerate() {
            match at {
                0 => self.line(&format!("{styled}: {line}")),
                _ => self.line(&format!("{:indent$}{line}", "")),
            }
        }
    }

    /// Rows below the names of their columns.
    pub(super) fn table<const N: usize>(
        &mut self,
        columns: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let head = columns.map(str::to_owned);
        let indented = |mut row: [String; N]| {
            if let Some(first) = row.first_mut() {
                first.insert_str(0, "  ");
            }
            row.to_vec()
        };
        let rows: Vec<_> = [head].into_iter().chain(rows).map(indented).collect();
        for (at, row) in aligned(&rows).iter().enumerate() {
            self.line(&if at == 0 { format!("{FAINT}{row}{FAINT:#}") } else { row.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    fn shown(make: impl FnOnce(&mut Page)) -> String {
        let mut page = Page::default();
        make(&mut page);
        strip_str(&page.into_text()).to_string()
    }

    #[test]
    fn tables_stand_below_their_names() {
        let rows = [["a".to_owned(), "10".to_owned()], ["long one".to_owned(), "2".to_owned()]];
        let text = shown(|page| page.table(["name", "number"], rows));
        assert_eq!(text, "  name      number\n  a         10\n  long one  2\n");
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        let long = "some words ".repeat(40);
        let text = shown(|page| {
            page.title("A title");
            page.text(4, &long);
            page.fact(9, "fact", &long);
            page.sample(9, "sample", &long);
            page.hanging("warning", "warning", &long);
        });
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.starts_with("\nA title\n    some words"), "{text}");
        assert!(text.contains("  fact       some words"), "{text}");
        assert!(text.contains("\nwarning: some words"), "{text}");
    }

    #[test]
    fn what_is_shown_cannot_drive_the_terminal() {
        let text = shown(|page| {
            page.sample(4, "name", "a\u{1b}[2Jb");
            page.hanging("why", "why", "a\u{1b}[2Jb");
        });
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
