//! `[redact]`: canaries, which show whether what should be redacted is.

use std::path::{Path, PathBuf};

use super::fault::{Fault, Faults};
use super::origin::Given;
use super::reader::{Table, Value};
use super::reference::Reference;
use super::value::{Mistake, Secret};

/// How long a canary may be, in bytes. What is shorter stands in innocent texts, too.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=256;
/// The most canaries.
const MOST: usize = 64;
/// The largest file of canaries, in bytes: more than as many as there may be, at their longest.
const LARGEST: u64 = 64 << 10;

/// What must never leave, and what happens if it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Redact {
    /// Made-up secrets, planted where real ones would be, of 8 to 256 bytes.
    pub canaries: Vec<Secret>,
    /// A file of more of them, see [`Redact::all`].
    pub canaries_file: Option<Given<PathBuf>>,
    /// What is done when one is on its way out. Default: count.
    pub on_canary: OnCanary,
    /// Whether the system may write a core of the process, with all that is in its memory.
    /// Default: no.
    pub core_dumps: bool,
}

/// What is done when a canary is on its way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCanary {
    /// It is counted and told of; that is for production.
    #[default]
    Count,
    /// What holds it is not let out, besides; that is for tests.
    Withhold,
}

impl OnCanary {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("count", Self::Count), ("withhold", Self::Withhold)];
}

impl Redact {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let canaries = table.maybe("canaries", |value| {
            let canaries = value.list(canary);
            if canaries.len() > MOST {
                return value.refuse(too_many(canaries.len()));
            }
            Some(canaries.into_iter().map(|given| given.value).collect())
        });
        let canaries_file = table.maybe("canaries-file", |value| {
            Some(Given { value: value.path("\"canaries.txt\"")?, origin: value.origin() })
        });
        let on_canary = table.or("on-canary", OnCanary::default(), |v| v.choice(OnCanary::CHOICES));
        let core_dumps = table.or("core-dumps", false, Value::flag);
        table.finish();
        Self { canaries: canaries.unwrap_or_default(), canaries_file, on_canary, core_dumps }
    }

    /// All canaries: those of the list, then those of the file, one on each line that is not
    /// empty. At most 64. They are named by their place in here, from 1.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub fn all(&self) -> Result<Vec<Secret>, Faults> {
        let mut all = self.canaries.clone();
        let Some(Given { value: path, origin }) = &self.canaries_file else { return Ok(all) };
        let refuse = |Mistake { problem, remedy }| {
            let fault = Fault::new(origin, problem).key("redact.canaries-file").remedy(remedy);
            Faults::new(vec![fault], Vec::new())
        };
        all.extend(of_file(path).map_err(refuse)?);
        if all.len() > MOST { Err(refuse(too_many(all.len()))) } else { Ok(all) }
    }
}

fn too_many(count: usize) -> Mistake {
    let problem = format!("{count} canaries are more than {MOST}");
    Mistake::new(problem, "leave those out that stand for the same")
}

/// One canary of the list, or a reference to it.
fn canary(value: &Value<'_>) -> Option<Secret> {
    let text = value.text("a string", "\"canary.7c1e@shop.example\"")?;
    let resolved = match Reference::parse(text) {
        Some(reference) => reference.resolve(value.reader),
        None => Ok(text.to_owned()),
    };
    let checked = resolved.and_then(|text| check(&text, "a canary").map(|()| Secret::new(text)));
    checked.map_or_else(|mistake| value.refuse(mistake), Some)
}

/// Whether a canary is as long as it has to be. Nothing that is said of it shows it.
fn check(text: &str, what: &str) -> Result<(), Mistake> {
    let (least, most) = (LENGTH.start(), LENGTH.end());
    if LENGTH.contains(&text.len()) {
        return Ok(());
    }
    let problem = format!("{what} has {} bytes", text.len());
    Err(Mistake::new(problem, format!("make up one of {least} to {most} bytes")))
}

/// The canaries of a file, one on each line that is not empty.
fn of_file(path: &Path) -> Result<Vec<Secret>, Mistake> {
    use std::io::Read as _;
    let read = std::fs::File::open(path).and_then(|file| {
        let mut text = String::new();
        file.take(LARGEST + 1).read_to_string(&mut text).map(|_| text)
    });
    let text = read.map_err(|error| {
        let problem = format!("the file of canaries cannot be read: {error}");
        Mistake::new(problem, "name a file of UTF-8 text with a canary on each line")
    })?;
    if text.len() as u64 > LARGEST {
        let problem = "the file of canaries is larger than 64 KiB";
        return Err(Mistake::new(problem, format!("name one of at most {MOST} lines")));
    }
    let mut canaries = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
        check(line, &format!("the canary on line {number} of the file"))?;
        canaries.push(Secret::new(line));
    }
    if canaries.is_empty() {
        let remedy = "put a canary on each line, or leave the key out";
        return Err(Mistake::new("there is no canary in the file", remedy));
    }
    Ok(canaries)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::super::trial::{ROUTE, check_faults, config, environment, load};
    use super::*;

    #[test]
    fn mistakes_are_explained() {
        let many = |count: usize| -> String {
            let list: Vec<_> = (0..count).map(|number| format!("\"canary-{number}\"")).collect();
            format!("[redact]\ncanaries = [{}]", list.join(", "))
        };
        check_faults(&[
            (
                "[redact]\ncanaries = [\"short\", 8]",
                &[
                    ("2:13", "a canary has 5 bytes", "8 to 256 bytes"),
                    ("2:22", "wants a string, not a number", "canary"),
                ],
            ),
            (&many(65), &[("2:12", "65 canaries are more than 64", "leave those out")]),
            (
                "[redact]\ncanaries = [\"canary-1\", \"canary-1\"]",
                &[("2:25", "the same stands twice in `canaries`", "remove one")],
            ),
            (
                "[redact]\ncanaries = \"env:NOBODY\"",
                &[("2:12", "the variable `NOBODY` is not set", "set it")],
            ),
            (
                "[redact]\ncanaries = \"env:TOKEN\"",
                &[("2:12", "a canary has 7 bytes", "8 to 256 bytes")],
            ),
            ("[redact]\ncanaries-file = \"\"", &[("2:17", "`` is no path", "canaries.txt")]),
            (
                "[redact]\non-canary = \"drop\"",
                &[("2:13", "`on-canary` cannot be `drop`", "\"count\" or \"withhold\"")],
            ),
            (
                "[redact]\nrules = [\"email\"]",
                &[("2:1", "unknown key `rules` in [redact]", "[plugins.redact]")],
            ),
            ("[redact]\ncanary = \"x\"", &[("2:1", "unknown key `canary`", "write `canaries`")]),
            (
                "[redact]\ncomponent = \"builtin:redact\"",
                &[("2:1", "unknown key `component`", "[plugins.redact]")],
            ),
        ]);
    }

    #[test]
    fn canaries_come_from_a_list_and_a_file_and_count_by_default() {
        let found = config(&format!("[redact]\ncanaries = \"one canary\"\n{ROUTE}")).redact;
        assert_eq!(found.canaries, [Secret::new("one canary")]);
        assert_eq!(found.on_canary, OnCanary::Count);
        assert_eq!(config(ROUTE).redact, Redact::default());

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("canaries");
        let text = format!(
            "[redact]\ncanaries = [\"one canary\"]\ncanaries-file = \"canaries\"\non-canary = \"withhold\"\n{ROUTE}"
        );
        let path = folder.path().join("t.toml");
        let (found, _) =
            Config::load(&path, &text, &environment).unwrap_or_else(|faults| panic!("{faults}"));
        let found = found.redact;
        let missing = found.all().expect_err("it is not there yet");
        assert!(missing.to_string().contains("cannot be read"), "{missing}");
        std::fs::write(&file, "# is one, too\r\n\nanother \"one\"\n").expect("a file");
        let all = found.all().unwrap_or_else(|faults| panic!("{faults}"));
        let texts: Vec<_> = all.iter().map(Secret::expose).collect();
        assert_eq!(texts, ["one canary", "# is one, too", "another \"one\""]);
        assert_eq!(found.on_canary, OnCanary::Withhold);

        for (content, problem) in [
            ("\n\n", "there is no canary in the file"),
            ("long enough\nshort\n", "the canary on line 2 of the file has 5 bytes"),
            (&"x".repeat(70_000), "larger than 64 KiB"),
            (&"canary-1\n".repeat(64), "65 canaries are more than 64"),
        ] {
            std::fs::write(&file, content).expect("a file");
            let faults = found.all().expect_err(problem);
            assert!(faults.to_string().contains(problem), "{faults}");
            assert_eq!(faults.faults()[0].origin().line(), 3, "{faults}");
        }
    }

    #[test]
    fn no_fault_shows_a_canary() {
        // The last is too long; others stand beside it and on lines of their own.
        let long = "planted".repeat(40);
        for text in [
            format!("canaries = [\"planted-one\", \"{long}\"]"),
            format!("canaries = [\n  \"planted-one\",\n  \"{long}\", # why\n]"),
            "canaries = [\n  \"planted-one\",\n  \"planted-one\",\n]".to_owned(),
            "canaries = [\n  \"planted-one\",\n  \"planted-two,\n]".to_owned(),
            "canaries = \"planted\"".to_owned(),
            "canaries = { a = \"planted-one\" }".to_owned(),
            "canaries = [\"planted\", 'planted'".to_owned(),
        ] {
            let text = format!("[redact]\n{text}\n");
            let faults = load(&text).expect_err("it is wrong");
            let json = serde_json::to_string(&faults).expect("plain data");
            for shown in [faults.to_string(), faults.styled().to_string(), json] {
                assert!(!shown.contains("plante"), "{shown}");
            }
        }
        let found = config(&format!("[redact]\ncanaries = \"one canary\"\n{ROUTE}"));
        assert!(!format!("{found:?}").contains("one canary"));
    }
}
