//! Names of users in paths: `/home/NAME/`, `/Users/NAME/`, `C:\Users\NAME\`.

use crate::rule::RuleId;
use crate::text::Text;
use memchr::memmem::Finder;
use std::ops::Range;

/// The rule.
pub(super) const NAME: &str = "paths/user";
/// The longest name, in bytes.
const NAME_MAX: usize = 64;
/// The most backslashes that stand for one.
const ESCAPED: usize = 8;
/// Accounts that belong to nobody.
const NOBODY: &[&[u8]] =
    &[b"shared", b"public", b"default", b"all users", b"default user", b"user", b"users", b"$home"];

/// What looks for the folders.
pub(crate) struct Paths {
    pub(crate) rule: RuleId,
    folders: [Finder<'static>; 2],
}

impl Paths {
    pub(super) fn new(rule: RuleId) -> Paths {
        Paths { rule, folders: [Finder::new("/home/"), Finder::new("Users")] }
    }

    /// Where the separator before a folder of users may be.
    pub(crate) fn candidates(&self, bytes: &[u8], from: usize) -> impl Iterator<Item = usize> {
        let bytes = bytes.get(from..).unwrap_or_default();
        let [home, users] = &self.folders;
        let users = users.find_iter(bytes).filter_map(|at| at.checked_sub(1));
        home.find_iter(bytes).chain(users).map(move |at| from + at)
    }
}

/// The name behind the separator at `at`, where one of the folders of users begins.
pub(crate) fn find(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let sign = text.at(at);
    let folder: &[u8] = match sign {
        b'/' if text.has_word(at + 1, b"home/") && text.at(at + 1) == b'h' => b"home",
        b'/' | b'\\' if text.has_word(at + 1, b"Users") && text.at(at + 1) == b'U' => b"Users",
        _ => return None,
    };
    // A folder of this name further down is no home, nor is the path of a request.
    let before = text.before(at, 1);
    let drive = before == b':' && text.before(at, 2).is_ascii_alphabetic();
    let escaped = sign == b'\\' && before == b'\\';
    let root = !before.is_ascii_alphanumeric()
        && before < 0x80
        && !matches!(
            before,
            b'.' | b'~' | b'-' | b'_' | b'}' | b')' | b']' | b'*' | b'%' | b':' | b'/'
        );
    let request = ["GET ", "POST ", "PUT ", "HEAD ", "PATCH ", "DELETE ", "OPTIONS "];
    let requested = request.iter().any(|method| text.ends_with_word(at, method.as_bytes()));
    let scheme = sign == b'/' && text.ends_with_word(at, b"file://");
    if !(root || drive || scheme || (escaped && is_drive(text, at))) || requested {
        return None;
    }
    let mut start = at + 1 + folder.len();
    let from = start;
    while text.at(start) == sign && start - from < ESCAPED {
        start += 1;
    }
    // As many as before the folder, so that no name is found where one was taken out.
    let written = start - from;
    let is_same = match sign {
        b'/' => written == 1,
        _ => {
            (1..=written).all(|distance| text.before(at + 1, distance) == sign)
                && text.before(at + 1, written + 1) != sign
        }
    };
    if written == 0 || !is_same {
        return None;
    }
    let is_of_name = |byte: u8| {
        byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'_' | b'-')
    };
    let mut end = start;
    while end - start <= NAME_MAX && is_of_name(text.at(end)) {
        end += 1;
    }
    let closed = !matches!(text.at(end), b'[' | b'*' | b'$' | b'%' | b'{' | b'<');
    let name = text.slice(start, end);
    let nobody = NOBODY.iter().any(|known| name.eq_ignore_ascii_case(known));
    let token = text.at(end) == b'/' && name == b"paths" && text.has_word(end, b"/user:");
    (end > start
        && end - start <= NAME_MAX
        && closed
        && !nobody
        && !token
        && text.at(start) != b'.')
        .then_some(start..end)
}

/// Whether a letter and a colon stand before the backslashes before `at`.
fn is_drive(text: &Text<'_>, at: usize) -> bool {
    let mut first = at;
    while at - first < ESCAPED && text.before(first, 1) == b'\\' {
        first -= 1;
    }
    text.before(first, 1) == b':' && text.before(first, 2).is_ascii_alphabetic()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let found = (0..input.len()).find_map(|at| find(&text, at));
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    #[test]
    fn names_in_home_folders() {
        check("open /home/amy/.ssh: no", Some("amy"));
        check("/Users/amy.b/Library", Some("amy.b"));
        check("cwd=/home/amy", Some("amy"));
        check("C:\\Users\\amy\\x", Some("amy"));
        check("{\"p\":\"C:\\\\Users\\\\amy\\\\x\"}", Some("amy"));
        check("file:///home/amy/x", Some("amy"));
        check("/home/", None);
        check("/home/$USER/x", None);
        check("C:\\Users\\%USERNAME%\\x", None);
        check("/Users/Shared/x", None);
        check("https://example.com/home/settings/x", None);
        check("GET /home/settings/x HTTP/1.1", None);
        check("/srv/home/amy", None);
        check("/home/[user]/x", None);
        check("/home/paths/user:9f86d081884c7d65/x", None);
    }
}
