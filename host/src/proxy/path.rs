//! One form of a path, for plugins, routes and the upstream alike.
//!
//! Two spellings of a path that some server reads as the same path must not be two paths to a rule.
//! So escapes of unreserved characters are undone, the others are written in upper case, and dot
//! segments are resolved. What servers are known to disagree about is not resolved but refused: an
//! escaped slash, backslash or NUL, a raw backslash, `..;`, a climb above the root, an escape that is
//! none. Two slashes in a row are kept, because their meaning differs between applications. The query
//! is not touched.

use bytes::Bytes;
use http::uri::PathAndQuery;

use crate::wire::Refusal;

/// What a route allows beyond the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathRules {
    /// Several slashes in a row become one.
    pub merge_slashes: bool,
    /// `%2F` and `%5C` pass, and stay as they are.
    pub encoded_slashes: bool,
    /// `%00` passes, and stays as it is.
    pub encoded_nul: bool,
}

/// Path and query, the path in its one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalizedPath {
    whole: PathAndQuery,
}

impl NormalizedPath {
    /// Brings the path into its form. Nothing is copied when it has it already.
    ///
    /// # Errors
    ///
    /// [`Refusal::Path`], [`Refusal::Target`].
    pub fn new(whole: &PathAndQuery, rules: PathRules) -> Result<Self, Refusal> {
        let path = whole.path();
        let plain = |byte: u8| byte.is_ascii_graphic();
        if !whole.as_str().bytes().all(plain) || path.is_empty() {
            return Err(Refusal::Target);
        }
        if path == "*" {
            return Ok(Self { whole: whole.clone() });
        }
        let Some(path) = normalize(path.as_bytes(), rules)? else {
            return Ok(Self { whole: whole.clone() });
        };
        let mut text = path;
        if let Some(query) = whole.query() {
            text.push(b'?');
            text.extend_from_slice(query.as_bytes());
        }
        let whole = PathAndQuery::from_maybe_shared(Bytes::from(text));
        Ok(Self { whole: whole.map_err(|_| Refusal::Target)? })
    }

    /// The path, which starts with `/`, or is `*`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.whole.path()
    }

    /// What follows the first `?`, as it came.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.whole.query()
    }

    /// Path and query: what the upstream gets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.whole.as_str()
    }
}

impl From<NormalizedPath> for PathAndQuery {
    fn from(path: NormalizedPath) -> Self {
        path.whole
    }
}

/// The normal form of a path, or `None` when `path` is it.
fn normalize(path: &[u8], rules: PathRules) -> Result<Option<Vec<u8>>, Refusal> {
    if path.first() != Some(&b'/') {
        return Err(Refusal::Target);
    }
    if is_normal(path) {
        return Ok(None);
    }
    let decoded = unescape(path, rules)?;
    let mut normal = Vec::with_capacity(decoded.len());
    let mut segments = decoded[1..].split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            b"." => {}
            b".." => {
                let parent = normal.iter().rposition(|byte| *byte == b'/');
                normal.truncate(parent.ok_or(Refusal::Path)?);
            }
            // Some servers cut parameters off before they look at the segment.
            _ if is_dots_with_parameters(segment) => return Err(Refusal::Path),
            b"" if rules.merge_slashes && !last => continue,
            b"" if rules.merge_slashes && normal.last() == Some(&b'/') => continue,
            segment => {
                normal.push(b'/');
                normal.extend_from_slice(segment);
                continue;
            }
        }
        // A dot segment at the end names the directory itself.
        if last {
            normal.push(b'/');
        }
    }
    if normal.is_empty() {
        normal.push(b'/');
    }
    Ok((normal != path).then_some(normal))
}

/// True for nearly all paths: nothing in them needs a second look.
fn is_normal(path: &[u8]) -> bool {
    let mut before = 0;
    for byte in path {
        let suspicious = match byte {
            b'%' | b'\\' => true,
            b'.' | b'/' => before == b'/',
            _ => false,
        };
        if suspicious {
            return false;
        }
        before = *byte;
    }
    true
}

fn unescape(path: &[u8], rules: PathRules) -> Result<Vec<u8>, Refusal> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte == b'\\' {
            return Err(Refusal::Path);
        }
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let ([high, low], behind) = rest.split_first_chunk::<2>().ok_or(Refusal::Path)?;
        rest = behind;
        let digit = |byte: &u8| (*byte as char).to_digit(16).ok_or(Refusal::Path);
        // Two digits of base 16 fit.
        let value = u8::try_from(digit(high)? << 4 | digit(low)?).map_err(|_| Refusal::Path)?;
        match value {
            b'/' | b'\\' if !rules.encoded_slashes => return Err(Refusal::Path),
            0 if !rules.encoded_nul => return Err(Refusal::Path),
            b'-' | b'.' | b'_' | b'~' => decoded.push(value),
            _ if value.is_ascii_alphanumeric() => decoded.push(value),
            _ => {
                decoded.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
            }
        }
    }
    Ok(decoded)
}

/// `..;x`, `.;x`, and the same with the semicolon escaped.
fn is_dots_with_parameters(segment: &[u8]) -> bool {
    let ([b'.', b'.', rest @ ..] | [b'.', rest @ ..]) = segment else { return false };
    rest.starts_with(b";") || rest.starts_with(b"%3B")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(rules: PathRules, target: &str) -> Result<String, Refusal> {
        let whole = target.parse::<PathAndQuery>().map_err(|_| Refusal::Target)?;
        NormalizedPath::new(&whole, rules).map(|path| path.as_str().to_owned())
    }

    #[track_caller]
    fn check(target: &str, want: &str) {
        assert_eq!(with(PathRules::default(), target).as_deref(), Ok(want), "{target}");
    }

    #[track_caller]
    fn refused(target: &str) {
        let have = with(PathRules::default(), target);
        assert!(have.is_err(), "{target} became {have:?}");
    }

    #[test]
    fn a_path_has_one_form() {
        for same in [
            "/",
            "/a",
            "/a/",
            "/a/b.c",
            "/a//b",
            "//",
            "//a",
            "/a/b?x=../y",
            "/?%2f",
            "/a?b?c",
            "/a.b",
            "/...",
            "/a..b",
            "/.a",
            "/a;b=c",
            "/;",
            "/a:b@c!$&'()*+,=",
            "/~u",
            "/a%20b",
            "/%C3%BC",
            "/a%3Bb",
            "/a%25b",
            "/%252e%252e/x",
            "/{a}",
            "/a|b",
            "/..a",
            "/a..",
            "/.../..b",
            "/%3F",
            "/%23",
            "/%0A",
            "*",
            "/a%2Bb",
        ] {
            check(same, same);
        }
        for (target, want) in [
            ("/./a", "/a"),
            ("/a/.", "/a/"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../", "/a/"),
            ("/a/b/../../c", "/c"),
            ("/.", "/"),
            ("/./", "/"),
            ("/%61", "/a"),
            ("/%41%5a%7a%30%2D%2e%5F%7E", "/AZz0-._~"),
            ("/a%2fb?x".replace("%2f", "%3b").as_str(), "/a%3Bb?x"),
            ("/%c3%bc", "/%C3%BC"),
            ("/%2e/a", "/a"),
            ("/a/%2E%2e/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/a//../b", "/a/b"),
            ("/a/..//b", "//b"),
            ("/a/b/../?q=..", "/a/?q=.."),
            ("/%7e%75", "/~u"),
            ("/a%7Cb", "/a%7Cb"),
            ("/x/%2e%2e%2e", "/x/..."),
        ] {
            check(target, want);
        }
    }

    #[test]
    fn what_servers_disagree_about_is_refused() {
        for target in [
            "/..",
            "/../",
            "/../a",
            "/a/../..",
            "/a/../../b",
            "/%2e%2e",
            "/%2e%2e/a",
            "/a/%2e./../..",
            "/a%2fb",
            "/a%2Fb",
            "/%2f",
            "/..%2f..%2fadmin",
            "/pub/..%2f..%2fadmin/./../x//y",
            "/a%5cb",
            "/a%5Cb",
            "/a\\b",
            "/..\\a",
            "/a%00",
            "/%00",
            "/%",
            "/a%",
            "/a%2",
            "/a%zz",
            "/%u002f",
            "/a%2x",
            "/a/..;/b",
            "/..;/",
            "/a/..;x=y/b",
            "/a/.;/b",
            "/a/..%3b/b",
            "/a/%2e%2e;/b",
            "/a/%2e%2e%3B",
            "/%c0%ae%2",
            "/a/%5c..%5c",
            "/\u{e9}",
            "/a?\u{e9}",
        ] {
            refused(target);
        }
    }

    #[test]
    fn a_route_may_allow_more() {
        let slashes = PathRules { encoded_slashes: true, ..PathRules::default() };
        assert_eq!(with(slashes, "/a%2fb%5c").as_deref(), Ok("/a%2Fb%5C"));
        assert_eq!(with(slashes, "/a%00"), Err(Refusal::Path));
        assert_eq!(with(slashes, "/a\\b"), Err(Refusal::Path));
        let nul = PathRules { encoded_nul: true, ..PathRules::default() };
        assert_eq!(with(nul, "/a%00").as_deref(), Ok("/a%00"));
        let merge = PathRules { merge_slashes: true, ..PathRules::default() };
        for (target, want) in [
            ("//", "/"),
            ("//a", "/a"),
            ("/a//b", "/a/b"),
            ("/a///b//", "/a/b/"),
            ("/a//../b", "/b"),
            ("/a/./", "/a/"),
            ("///", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a//.", "/a/"),
        ] {
            assert_eq!(with(merge, target).as_deref(), Ok(want), "{target}");
        }
        assert_eq!(with(merge, "//.."), Err(Refusal::Path));
    }

    /// Undoes every escape once and resolves what it sees, as simple servers do.
    fn naive(path: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = path.as_bytes();
        while let Some((byte, behind)) = rest.split_first() {
            rest = behind;
            let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            match digits.map(|digits| u8::from_str_radix(digits, 16)) {
                Some(Ok(value)) if *byte == b'%' => {
                    bytes.push(value);
                    rest = &rest[2..];
                }
                _ => bytes.push(*byte),
            }
        }
        let text: String = bytes.iter().map(|byte| *byte as char).collect();
        let text = text.replace('\\', "/");
        let mut segments: Vec<&str> = Vec::new();
        for segment in text.split('/').filter(|segment| !segment.is_empty()) {
            match segment.split(';').next().unwrap_or_default() {
                "." => {}
                ".." => drop(segments.pop()),
                _ => segments.push(segment),
            }
        }
        format!("/{}", segments.join("/"))
    }

    fn paths() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("/"),
            Just("."),
            Just(".."),
            Just("%2e"),
            Just("%2E"),
            Just("%2f"),
            Just("%5c"),
            Just(";"),
            Just("%3b"),
            Just("admin"),
            Just("%61dmin"),
            Just("a"),
            Just("%25"),
            Just("2e"),
            Just("\\"),
            Just("%00"),
            Just("%"),
            Just("~"),
            Just("%7e"),
            Just("//"),
            Just("/../"),
        ];
        proptest::collection::vec(piece, 0..10).prop_map(|pieces| format!("/{}", pieces.concat()))
    }

    fn any_rules() -> impl Strategy<Value = PathRules> {
        (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
            |(merge_slashes, encoded_slashes, encoded_nul)| PathRules {
                merge_slashes,
                encoded_slashes,
                encoded_nul,
            },
        )
    }

    proptest! {
        #[test]
        fn the_normal_form_is_its_own_normal_form(path in paths(), rules in any_rules()) {
            if let Ok(normal) = with(rules, &path) {
                prop_assert_eq!(with(rules, &normal), Ok(normal));
            }
        }

        #[test]
        fn no_server_reads_another_path_out_of_it(path in paths()) {
            let merge = PathRules { merge_slashes: true, ..PathRules::default() };
            if let Ok(normal) = with(merge, &path) {
                // Whoever decodes and resolves it once more ends up where we are.
                prop_assert_eq!(
                    naive(&normal).starts_with("/admin"),
                    normal.starts_with("/admin"),
                    "{} became {}", path, normal
                );
            }
        }

        #[test]
        fn anything_is_judged_without_panic(path in "\\PC{0,40}") {
            let _ = with(PathRules::default(), &format!("/{path}"));
            let _ = normalize(path.as_bytes(), PathRules::default());
        }
    }
}
