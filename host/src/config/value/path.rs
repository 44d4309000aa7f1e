//! Patterns of paths: of routes, and of what a plugin acts on.
//!
//! They are compared with paths in the one form that the proxy brings every request into, so a
//! pattern in another form, which could never match, is refused here.

use std::fmt;
use std::str::FromStr;

use super::Mistake;
use crate::config::excerpt::quoted;

/// The path a route answers for: `/shop` with everything below it, or `=/shop` alone.
///
/// A prefix ends at a `/`: `/shop` is for `/shop` and `/shop/cart`, not for `/shopping`, and
/// `/shop/` only for what is below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    path: String,
    exact: bool,
}

impl PathPattern {
    /// Everything.
    pub fn root() -> Self {
        Self { path: "/".into(), exact: false }
    }

    /// Whether it is for this path, in its normal form, without the query.
    pub fn matches(&self, path: &str) -> bool {
        match path.strip_prefix(self.path.as_str()) {
            Some("") => true,
            Some(rest) => !self.exact && (self.path.ends_with('/') || rest.starts_with('/')),
            None => false,
        }
    }

    /// Whether it is for every path that `other` is for.
    pub fn covers(&self, other: &Self) -> bool {
        if self.exact { other.exact && self.path == other.path } else { self.matches(&other.path) }
    }
}

impl FromStr for PathPattern {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let (path, exact) = match text.strip_prefix('=') {
            Some(path) => (path.trim_start(), true),
            None => (text, false),
        };
        let wrong =
            |remedy: &str| Mistake::new(format!("{} is no path of a route", quoted(text)), remedy);
        if let Some(prefix) = path.strip_suffix('*') {
            let prefix = match prefix.strip_suffix('/') {
                Some("") => "/",
                Some(prefix) => prefix,
                None => prefix,
            };
            return Err(wrong(&format!("write \"{prefix}\": a path is for everything below it")));
        }
        if path.starts_with(['~', '^']) {
            return Err(wrong(
                "regular expressions are not supported; write a prefix or \"=/exact\"",
            ));
        }
        normal_path(path).map_err(|remedy| wrong(&remedy))?;
        Ok(Self { path: path.to_owned(), exact })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.exact { "=" } else { "" }, self.path)
    }
}

/// A path that a plugin acts on: `/health`, or `/health/*` for everything that begins so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGlob {
    path: String,
    prefix: bool,
}

impl PathGlob {
    /// Whether it names this path, in its normal form, without the query.
    pub fn matches(&self, path: &str) -> bool {
        if self.prefix { path.starts_with(&self.path) } else { path == self.path }
    }
}

impl FromStr for PathGlob {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let (path, prefix) = match text.strip_suffix('*') {
            Some(path) => (path, true),
            None => (text, false),
        };
        let wrong = |remedy: &str| Mistake::new(format!("{} is no path", quoted(text)), remedy);
        if path.contains('*') {
            return Err(wrong("`*` stands at the end only, such as \"/api/*\""));
        }
        normal_path(path).map_err(|remedy| wrong(&remedy))?;
        Ok(Self { path: path.to_owned(), prefix })
    }
}

impl fmt::Display for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, if self.prefix { "*" } else { "" })
    }
}

/// Checks that a path has the one form in which requests are compared with it; otherwise it
/// could never match. Answers with the remedy.
fn normal_path(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else {
        let likely = path.rsplit("://").next().unwrap_or(path).trim_start_matches('.');
        let likely = if path.contains("://") {
            likely.split_once('/').map_or("", |(_, p)| p)
        } else {
            likely
        };
        return Err(format!("a path begins with `/`: \"/{likely}\""));
    };
    if path.contains(['?', '#']) {
        return Err("the query is not compared: end the path before it".into());
    }
    if rest.split('/').any(|segment| segment == "." || segment == "..") {
        return Err("requests have no `.` and `..` left when they are compared: write the path they lead to".into());
    }
    if path.contains('\\') || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(
            "a path has no blanks, backslashes or control characters; `%20` is a blank".into()
        );
    }
    if !path.is_ascii() {
        return Err(format!("write the path as it is sent: \"{}\"", percent_encoded(path)));
    }
    let mut pieces = path.split('%');
    pieces.next();
    for piece in pieces {
        let code = piece.get(..2).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(code) = code else {
            return Err("`%` is followed by two hex digits; `%25` is the sign itself".into());
        };
        let byte = u8::from_str_radix(code, 16).unwrap_or_default();
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            return Err(format!("write `{}` for `%{code}`", char::from(byte)));
        }
        if code != code.to_ascii_uppercase() {
            return Err(format!("write `%{}` for `%{code}`", code.to_ascii_uppercase()));
        }
    }
    Ok(())
}

fn percent_encoded(path: &str) -> String {
    let encode = |byte: u8| match byte {
        0x80.. => format!("%{byte:02X}"),
        _ => char::from(byte).to_string(),
    };
    path.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> PathPattern {
        text.parse().unwrap_or_else(|mistake| panic!("{text}: {mistake}"))
    }

    #[test]
    fn prefixes_end_at_a_slash() {
        for (pattern, request, matches) in [
            ("/", "/", true),
            ("/", "/x/y", true),
            ("/shop", "/shop", true),
            ("/shop", "/shop/cart", true),
            ("/shop", "/shopping", false),
            ("/shop/", "/shop", false),
            ("/shop/", "/shop/cart", true),
            ("=/shop", "/shop", true),
            ("= /shop", "/shop", true),
            ("=/shop", "/shop/", false),
            ("=/", "/", true),
            ("=/", "/x", false),
        ] {
            assert_eq!(path(pattern).matches(request), matches, "{pattern} {request}");
        }
        for (one, other, covers) in [
            ("/", "=/x", true),
            ("/a", "/a/b", true),
            ("/a", "/a/", true),
            ("/a/", "/a", false),
            ("/a", "/ab", false),
            ("=/a", "=/a", true),
            ("=/a", "/a", false),
            ("/a/b", "/a", false),
        ] {
            assert_eq!(path(one).covers(&path(other)), covers, "{one} {other}");
        }
    }

    #[test]
    fn paths_that_could_never_match_are_refused() {
        for (text, remedy) in [
            ("shop", "\"/shop\""),
            ("", "begins with `/`"),
            ("http://app/x", "\"/x\""),
            ("/shop/*", "\"/shop\""),
            ("/shop*", "\"/shop\""),
            ("/*", "\"/\""),
            ("~ ^/x", "regular expressions"),
            ("/a/../b", "the path they lead to"),
            ("/a?x=1", "query"),
            ("/a b", "`%20`"),
            ("/a\\b", "backslashes"),
            ("/käse", "\"/k%C3%A4se\""),
            ("/%zz", "two hex digits"),
            ("/%4", "two hex digits"),
            ("/%41", "write `A` for `%41`"),
            ("/%c3", "write `%C3` for `%c3`"),
        ] {
            let mistake = text.parse::<PathPattern>().expect_err(text);
            assert!(mistake.remedy.contains(remedy), "{text}: {mistake}");
        }
        assert!("/a/*/b".parse::<PathGlob>().expect_err("inner").remedy.contains("at the end"));
        let glob: PathGlob = "/health/*".parse().expect("a prefix");
        assert!(glob.matches("/health/live") && !glob.matches("/health"));
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in "[=/*~%.é?a-f0-9x-]{0,20}") {
            if let Ok(path) = text.parse::<PathPattern>() {
                prop_assert!(path.covers(&path), "a path covers itself: {text}");
                prop_assert_eq!(path.to_string().parse(), Ok(path));
            }
            let _ = text.parse::<PathGlob>();
        }
    }
}
