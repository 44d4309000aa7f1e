//! Selectors: the places that a rule of a file acts in, down to the name that a value stands behind.
//!
//! A name is read off the text before a match: the member of an object, the pair of a form, a query
//! or logfmt, the field that was put before its value. Only the nearest name is seen, and only when
//! it begins within [`REACH`] bytes before the match, so that what is said of a match is the same
//! however a text is cut.

use crate::place::Place;
use crate::text::Text;
use std::ops::Range;

/// How far before a match the name of its value may begin, in bytes.
pub(crate) const REACH: usize = 240;

/// A place, and what may be said of the names in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    /// Bits of [`Place`].
    pub(crate) places: u8,
    /// The name that a value has to stand behind, in lower case; any or none without one.
    pub(crate) name: Option<Box<str>>,
    /// Whether a value that stands behind no name counts, too.
    pub(crate) or_none: bool,
}

/// Where a rule acts, and where not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Everywhere, when there is none.
    pub(crate) within: Vec<Selector>,
    /// Wins over the others.
    pub(crate) except: Vec<Selector>,
}

impl Selection {
    /// Whether a match at `start` of a text in `place` is one of its places. `place` is zero where
    /// nobody said it; then only names count.
    pub(crate) fn has(&self, place: u8, text: &Text<'_>, start: usize) -> bool {
        let any = |selectors: &[Selector], past: bool| {
            let here = |selector: &&Selector| match place {
                0 => !past || selector.name.is_some(),
                place => selector.places & place != 0,
            };
            // Most have no names, and a name is looked for once.
            let mut key = None;
            selectors.iter().filter(here).any(|selector| {
                let Some(name) = &selector.name else { return true };
                match key.get_or_insert_with(|| key_before(text, start, past)) {
                    Some(key) => {
                        text.slice(key.start, key.end).eq_ignore_ascii_case(name.as_bytes())
                    }
                    None => selector.or_none,
                }
            })
        };
        (self.within.is_empty() || any(&self.within, false)) && !any(&self.except, true)
    }
}

impl Selector {
    /// Reads one; the error is what is wrong with it, and what to write instead.
    pub(crate) fn parse(word: &str) -> Result<Selector, (String, Option<String>)> {
        let (head, rest) = word.split_once('.').unwrap_or((word, ""));
        let everywhere = Place::ALL.iter().fold(0, |all, (_, place)| all | *place as u8);
        let places = match head {
            "form" => Place::Body as u8,
            "cookie" => everywhere,
            _ => match Place::ALL.iter().find(|(name, _)| *name == head) {
                Some((_, place)) => *place as u8,
                None => return Err((format!("`{word}` is no place"), likely(head))),
            },
        };
        let whole = Selector { places, name: None, or_none: false };
        let name = match (head, rest) {
            (_, "") if head == word && !matches!(head, "form" | "cookie") => return Ok(whole),
            (_, "**") => return Ok(whole),
            ("log", "message") => {
                let name = Some("message".into());
                return Ok(Selector { name, or_none: true, ..whole });
            }
            ("log", rest) => match rest.strip_prefix("attributes.") {
                Some(name) => name,
                None => {
                    let hint = "write `log.message` or `log.attributes.NAME`".into();
                    return Err((format!("`{word}` is no part of a record"), Some(hint)));
                }
            },
            ("body" | "event", rest) => match rest.strip_prefix("**.") {
                Some(name) if !name.contains('.') => name,
                _ => {
                    let last = rest.rsplit('.').next().unwrap_or(rest);
                    let message = format!("in `{word}` only the last name can be seen");
                    return Err((message, Some(format!("{head}.**.{last}"))));
                }
            },
            (_, name) => name,
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.is_empty() || !name.bytes().all(plain) {
            let message = format!("`{name}` in `{word}` is no name");
            let hint =
                "a name is letters, digits, `_`, `-` and points; stars stand for nothing here";
            return Err((message, Some(hint.into())));
        }
        Ok(Selector { name: Some(name.to_ascii_lowercase().into()), ..whole })
    }
}

/// The place that was probably meant.
fn likely(head: &str) -> Option<String> {
    let names = Place::ALL.iter().map(|(name, _)| *name).chain(["form", "cookie"]);
    let near = names.clone().find(|name| strsim::damerau_levenshtein(name, head) <= 2);
    Some(
        near.map_or_else(
            || format!("one of {}", names.collect::<Vec<_>>().join(", ")),
            str::to_owned,
        ),
    )
}

/// The name that the value around `start` stands behind. Unless it is looked `past` them, masks and
/// markers end the search: nothing comes nearer to a name because what stood between was replaced.
fn key_before(text: &Text<'_>, start: usize, past: bool) -> Option<Range<usize>> {
    let floor = start.saturating_sub(REACH);
    let (mut at, mut bare) = (start, true);
    while at > floor {
        match text.before(at, 1) {
            b'\n' | b'\r' | b'&' | b'?' | b';' | b'{' | b'}' => return None,
            b']' | b'*' if !past => return None,
            // Behind a blank a bare value begins anew.
            b' ' | b'\t' => bare = false,
            b'"' => {
                return quoted(
                    text,
                    back(text, at, floor, |byte| matches!(byte, b'"' | b'\\')),
                    floor,
                );
            }
            b'=' if bare => return word(text, at - 1, floor),
            b':' if at == start || text.at(at) == b' ' || bare => {
                if matches!(text.before(at, 2), b'"') {
                    return quoted(text, at, floor);
                }
                // A field with its name before it, and nothing before that.
                let name = word(text, at - 1, floor)?;
                let begins = matches!(text.before(name.start, 1), 0 | b'\n' | b'\r');
                if begins && text.at(at) == b' ' {
                    return Some(name);
                }
            }
            _ => {}
        }
        at -= 1;
    }
    None
}

/// Before what fits.
fn back(text: &Text<'_>, mut at: usize, floor: usize, fits: impl Fn(u8) -> bool) -> usize {
    while at > floor && fits(text.before(at, 1)) {
        at -= 1;
    }
    at
}

/// The name before `at`, which is where a value or its quote begins.
fn quoted(text: &Text<'_>, at: usize, floor: usize) -> Option<Range<usize>> {
    let at = back(text, at, floor, |byte| byte == b' ');
    match text.before(at, 1) {
        b'=' => word(text, at - 1, floor),
        b':' => {
            let at = back(text, at - 1, floor, |byte| byte == b' ');
            let end = back(text, at, floor, |byte| matches!(byte, b'"' | b'\\'));
            let start = back(text, end, floor, |byte| !matches!(byte, b'"' | b'\\' | b'\n'));
            (end < at && start < end && text.before(start, 1) == b'"').then_some(start..end)
        }
        _ => None,
    }
}

/// The word that ends at `end`.
fn word(text: &Text<'_>, end: usize, floor: usize) -> Option<Range<usize>> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let start = back(text, end, floor, is_part);
    (start < end && start > floor || start == 0 && end > 0).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let at = input.find('#').expect("the match is marked");
        let text = Text::new(input.as_bytes(), true);
        let key = key_before(&text, at, true).map(|range| &input[range]);
        assert_eq!(key, expected, "`{input}`");
    }

    #[test]
    fn the_nearest_name_is_found_in_every_format() {
        check(r##"{"user":"#"}"##, Some("user"));
        check(r##"{"user" : "the # of"}"##, Some("user"));
        check(r##"{"a":"b","ref":#}"##, Some("ref"));
        check(r##"{"in":"{\"deep\":\"#\"}"}"##, Some("deep"));
        check(r##"{"a":["x","#"]}"##, None);
        check("a=1&ref=#&b=2", Some("ref"));
        check("/x?ref=a%20#", Some("ref"));
        check("/x/#?a=1", None);
        check("level=info user=# b=1", Some("user"));
        check("msg=\"a b #\"", Some("msg"));
        check("level=info the #", None);
        check("x-ref: at 12:30 #", Some("x-ref"));
        check("see x-ref: #", None);
        check("theme=dark; sid=#", Some("sid"));
        check("#", None);
    }

    #[test]
    fn selectors_are_read_or_refused_with_what_to_write() {
        for (word, name) in [
            ("body", None),
            ("body.**", None),
            ("body.**.email", Some("email")),
            ("log.message", Some("message")),
            ("log.attributes.http.Route", Some("http.route")),
            ("header.x-ref", Some("x-ref")),
            ("query.ref", Some("ref")),
            ("form.ref", Some("ref")),
            ("cookie.theme", Some("theme")),
        ] {
            let selector = Selector::parse(word).unwrap_or_else(|why| panic!("{word}: {why:?}"));
            assert_eq!(selector.name.as_deref(), name, "{word}");
        }
        for (word, hint) in [
            ("bdy.**", "body"),
            ("nowhere", "one of log"),
            ("body.user.email", "body.**.email"),
            ("body.**.user.email", "body.**.email"),
            ("log.user", "log.attributes.NAME"),
            ("query.r*f", "letters"),
            ("cookie", "letters"),
            ("header.", "letters"),
        ] {
            let (_, found) = Selector::parse(word).expect_err(word);
            assert!(found.as_deref().unwrap_or_default().contains(hint), "{word}: {found:?}");
        }
    }
}
