//! Patterns of hosts, of names of loggers, and of statuses.
//!
//! There is one wildcard, `*`, and no regular expressions: what a route or a sink sees should be
//! read off its line.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::Mistake;
use super::url::is_host;
use crate::config::excerpt::quoted;

/// The host a route answers for: `shop.example`, or `*.shop.example` for all names below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// In lower case, without the asterisk and its dot.
    name: String,
    below: bool,
}

impl HostPattern {
    /// Whether it names this host; `host` is in lower case, without port and final dot.
    pub fn matches(&self, host: &str) -> bool {
        if !self.below {
            return host == self.name;
        }
        host.strip_suffix(self.name.as_str())
            .is_some_and(|front| front.len() > 1 && front.ends_with('.'))
    }

    /// Whether every host that `other` names is named by this one, too.
    pub fn covers(&self, other: &Self) -> bool {
        match (self.below, other.below) {
            (_, false) => self.matches(&other.name),
            (true, true) => self.name == other.name || self.matches(&other.name),
            (false, true) => false,
        }
    }
}

impl FromStr for HostPattern {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let lower = text.to_ascii_lowercase();
        let (name, below) = match lower.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        if is_host(name) {
            return Ok(Self { name: name.to_owned(), below });
        }
        let bare = name.rsplit("://").next().unwrap_or(name);
        let bare = bare.split(['/', ':']).next().unwrap_or(bare).trim_end_matches('.');
        let remedy = match bare {
            _ if text == "*" => "leave `host` out to answer for every host".to_owned(),
            _ if is_host(bare) => format!("write \"{bare}\", without scheme, port and path"),
            _ if !text.is_ascii() => {
                "write the name as DNS has it, beginning with `xn--`".to_owned()
            }
            _ => "write a name such as \"shop.example\" or \"*.shop.example\"".to_owned(),
        };
        Err(Mistake::new(format!("{} is no host", quoted(text)), remedy))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

/// A text with any number of `*`, each for any run of characters: `django.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Whether the whole text fits. Takes time in proportion to both lengths at worst.
    pub fn matches(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last)
    }
}

impl FromStr for Glob {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        if text.is_empty() || text.len() > 200 {
            return Err(Mistake::new(
                format!("{} is no pattern", quoted(text)),
                "write a name, with `*` for any characters, such as \"django.*\"",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// HTTP statuses: `200`, `200-299` or `2xx`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(RangeInclusive<u16>);

impl Statuses {
    /// 200 to 299.
    pub fn success() -> Self {
        Self(200..=299)
    }

    /// Whether it is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.contains(&status)
    }
}

impl FromStr for Statuses {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let status =
            |text: &str| text.trim().parse::<u16>().ok().filter(|s| (100..=599).contains(s));
        let range = match (text.split_once('-'), text.to_ascii_lowercase().strip_suffix("xx")) {
            (Some((first, last)), _) => status(first).zip(status(last)),
            (None, Some(class)) => status(&format!("{class}00"))
                .filter(|_| class.len() == 1)
                .map(|first| (first, first + 99)),
            (None, None) => status(text).map(|status| (status, status)),
        };
        match range {
            Some((first, last)) if first <= last => Ok(Self(first..=last)),
            _ => Err(Mistake::new(
                format!("{} is no status", quoted(text)),
                "write statuses from 100 to 599, such as \"200\", \"200-299\" or \"2xx\"",
            )),
        }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.start(), self.0.end());
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> HostPattern {
        text.parse().unwrap_or_else(|mistake| panic!("{text}: {mistake}"))
    }

    #[test]
    fn hosts_match_whole_labels() {
        for (pattern, name, matches) in [
            ("Shop.Example", "shop.example", true),
            ("shop.example", "a.shop.example", false),
            ("*.shop.example", "a.shop.example", true),
            ("*.shop.example", "a.b.shop.example", true),
            ("*.shop.example", "shop.example", false),
            ("*.shop.example", ".shop.example", false),
            ("*.shop.example", "ashop.example", false),
            ("127.0.0.1", "127.0.0.1", true),
        ] {
            assert_eq!(host(pattern).matches(name), matches, "{pattern} {name}");
        }
        for (one, other, covers) in [
            ("a.b", "a.b", true),
            ("*.b", "a.b", true),
            ("*.b", "*.a.b", true),
            ("*.b", "*.b", true),
            ("a.b", "*.b", false),
            ("*.a.b", "*.b", false),
        ] {
            assert_eq!(host(one).covers(&host(other)), covers, "{one} {other}");
        }
        for (text, remedy) in [
            ("https://shop.example:8443/x", "\"shop.example\""),
            ("shop.example.", "\"shop.example\""),
            ("*", "leave `host` out"),
            ("a.*.example", "such as"),
            ("käse.example", "xn--"),
            ("", "such as"),
        ] {
            let mistake = text.parse::<HostPattern>().expect_err(text);
            assert!(mistake.remedy.contains(remedy), "{text}: {mistake}");
        }
    }

    #[test]
    fn globs_fit_the_whole_text() {
        for (glob, text, fits) in [
            ("django", "django", true),
            ("django", "django.request", false),
            ("django.*", "django.request", true),
            ("django.*", "django", false),
            ("*", "", true),
            ("*.sql", "django.db.sql", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*ab*ab", "ab", false),
        ] {
            let parsed: Glob = glob.parse().expect(glob);
            assert_eq!(parsed.matches(text), fits, "{glob} {text}");
        }
        assert!("".parse::<Glob>().is_err());
    }

    #[test]
    fn statuses_are_single_ranges_or_classes() {
        for (text, shown) in
            [("200", "200"), ("200-399", "200-399"), ("2xx", "200-299"), ("5XX", "500-599")]
        {
            assert_eq!(text.parse::<Statuses>().expect(text).to_string(), shown);
        }
        assert!(Statuses::success().contains(204) && !Statuses::success().contains(301));
        for text in ["", "99", "600", "299-200", "20xx", "xx", "ok", "9xx", "200-", "2xx-3xx"] {
            assert!(text.parse::<Statuses>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_glob_of_a_text_with_stars_put_in_fits_it(text in "[a-c.]{0,12}", cuts in prop::collection::vec(0..13_usize, 0..4)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pattern = text.clone();
            for cut in cuts.iter().rev() {
                pattern.insert(*cut, '*');
            }
            if let Ok(glob) = pattern.parse::<Glob>() {
                prop_assert!(glob.matches(&text), "{pattern} {text}");
            }
        }

        #[test]
        fn no_text_makes_them_panic(text in "[=/*~%.é?a-f0-9x-]{0,20}") {
            let _ = (text.parse::<HostPattern>(), text.parse::<Statuses>(), text.parse::<Glob>());
        }
    }
}
