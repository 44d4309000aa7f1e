//! Versions of four numbers, which are written like addresses of version 4.
//!
//! Nothing in the numbers tells them apart, so it is what stands around them: the name of a package
//! glued to them, a word that says it, what a packager hangs behind a version. Versions count from
//! zero, so a number with a large part is an address whatever stands around it.

use crate::bytes::{self, ALNUM, LETTER};
use crate::text::Text;

/// No part of a version is larger. Of all addresses one in 256 has only such parts.
const PART_MAX: u8 = 63;
/// The longest name before a version, in bytes.
const NAME_MAX: usize = 48;
/// The longest name of a package in a path, in bytes.
const FILE_MAX: usize = 64;

/// Names of what has an address; behind them it is one after all.
const HOSTS: &[&str] = &[
    "addr",
    "address",
    "client",
    "dns",
    "dst",
    "from",
    "gateway",
    "host",
    "ip",
    "ipaddr",
    "ipv4",
    "local",
    "nameserver",
    "net",
    "network",
    "node",
    "peer",
    "proxy",
    "range",
    "remote",
    "router",
    "server",
    "src",
    "subnet",
    "to",
    "user",
];

/// What a version stands right behind.
const PRODUCTS: &[&str] = &[
    "build", "chart", "firmware", "gem", "java", "jdk", "jre", "kernel", "openjdk", "package",
    "patch", "php", "python", "rails", "rev", "revision", "ruby", "tag",
];

/// What stands before the name of a package and its version.
const INSTALLING: &[&str] = &[
    "bump",
    "bumped",
    "bumping",
    "downloading",
    "fetching",
    "installed",
    "installing",
    "removing",
    "requires",
    "unpacking",
    "updating",
    "using",
];

/// How what is hung behind a version begins.
const SUFFIXES: &[&str] = &[
    "alpha", "beta", "cp3", "dev", "final", "ga", "jre", "lts", "pre", "py2", "py3", "rc",
    "release", "snapshot",
];

/// Whether the four numbers of `text` from `start` to `end` are a version.
pub(crate) fn is_version(text: &Text<'_>, start: usize, end: usize, octets: [u8; 4]) -> bool {
    if octets.iter().any(|octet| *octet > PART_MAX) {
        return false;
    }
    // In a form a plus is a blank.
    let is_form = text.at(end) == b'+' && matches!(text.before(start, 1), b'=' | b'+');
    if !is_form && has_suffix(text, end) {
        return true;
    }
    match text.before(start, 1) {
        b'-' | b'_' | b'=' => is_glued(text, start),
        b':' => is_tag(text, start),
        b'/' => octets[0] != 10 && is_folder(text, start, end),
        b' ' | b'(' | b'"' => octets[0] != 10 && is_said(text, start, end),
        _ => false,
    }
}

/// `+build`, `~rc1`, `-1ubuntu2`, `-SNAPSHOT`.
fn has_suffix(text: &Text<'_>, end: usize) -> bool {
    let sign = text.at(end);
    if matches!(sign, b'+' | b'~') {
        return bytes::is(text.at(end + 1), ALNUM);
    }
    if sign != b'-' {
        return false;
    }
    let begin = end + 1;
    if SUFFIXES.iter().any(|suffix| text.has_word(begin, suffix.as_bytes())) {
        return true;
    }
    // The number of a package, with what its makers add.
    let mut at = begin;
    while at < begin + 4 && text.at(at).is_ascii_digit() {
        at += 1;
    }
    at > begin && (bytes::is(text.at(at), LETTER) || matches!(text.at(at), b'+' | b'~' | b'_'))
}

/// `rails-7.0.8.4`, `rails==7.0.8.4`.
fn is_glued(text: &Text<'_>, start: usize) -> bool {
    let mut end = start;
    while start - end < 3 && matches!(text.before(end, 1), b'-' | b'_' | b'=' | b'>' | b'~') {
        end -= 1;
    }
    // `key=10.1.2.3` is a pair.
    let is_pair = start - end == 1 && text.before(start, 1) == b'=';
    let word = word_before(text, end);
    !is_pair && bytes::is(text.before(end, 1), ALNUM) && !is_one_of(text, word, end, HOSTS)
}

/// `registry.local/shop:2.11.20.5`, `org.example:shop:jar:7.4.2.7`.
fn is_tag(text: &Text<'_>, start: usize) -> bool {
    let name = start - 1;
    let word = word_before(text, name);
    if ["jar", "war", "pom", "aar"].iter().any(|kind| text.slice(word, name) == kind.as_bytes()) {
        return true;
    }
    let mut path = word;
    while name - path < NAME_MAX
        && (bytes::is(text.before(path, 1), ALNUM)
            || matches!(text.before(path, 1), b'-' | b'_' | b'.'))
    {
        path -= 1;
    }
    path < name
        && text.before(path, 1) == b'/'
        && text.before(path, 2) != b'/'
        && !is_one_of(text, word, name, HOSTS)
}

/// `/order/1.16.1.9/order-1.16.1.9.jar`: the folder of a version has it in its files, too.
fn is_folder(text: &Text<'_>, start: usize, end: usize) -> bool {
    if text.at(end) != b'/' {
        return false;
    }
    let written = text.slice(start, end);
    let file = end + 1;
    let mut at = file;
    while at < file + FILE_MAX
        && (bytes::is(text.at(at), ALNUM) || matches!(text.at(at), b'-' | b'_' | b'.'))
    {
        if text.at(at) == b'-' && text.slice(at + 1, at + 1 + written.len()) == written {
            return true;
        }
        at += 1;
    }
    false
}

/// A word before it says so.
fn is_said(text: &Text<'_>, start: usize, end: usize) -> bool {
    let bracket = text.before(start, 1) == b'(';
    let mut name = start;
    while start - name < 3 && matches!(text.before(name, 1), b' ' | b'(' | b'"' | b':' | b'=') {
        name -= 1;
    }
    let word = word_before(text, name);
    if word == name || is_one_of(text, word, name, HOSTS) {
        return false;
    }
    if is_one_of(text, word, name, PRODUCTS) {
        return true;
    }
    // `name (7.0.8.4)`, as lists of packages have it.
    if bracket && text.before(start, 2) == b' ' && text.at(end) == b')' {
        return true;
    }
    // `(was 7.0.8.4)`.
    if text.before(word, 1) == b'(' && text.slice(word, name) == b"was" && text.at(end) == b')' {
        return true;
    }
    let verb = word.saturating_sub(1);
    text.before(word, 1) == b' '
        && text.before(start, 1) == b' '
        && is_one_of(text, word_before(text, verb), verb, INSTALLING)
}

/// Where the word that ends before `end` begins.
fn word_before(text: &Text<'_>, end: usize) -> usize {
    let mut start = end;
    while start > 0 && end - start < NAME_MAX && bytes::is(text.before(start, 1), ALNUM) {
        start -= 1;
    }
    start
}

fn is_one_of(text: &Text<'_>, start: usize, end: usize, words: &[&str]) -> bool {
    let written = text.slice(start, end);
    words.iter().any(|word| written.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use crate::text::Text;
    use crate::value::ip;

    fn check(input: &str, is_address: bool) {
        let text = Text::new(input.as_bytes(), true);
        let found = (0..input.len())
            .filter(|&at| {
                input.as_bytes()[at].is_ascii_digit() && !text.before(at, 1).is_ascii_alphanumeric()
            })
            .find_map(|at| ip::find_v4(&text, at));
        assert_eq!(found.is_some(), is_address, "in `{input}`");
    }

    #[test]
    fn versions_of_four_numbers_pass() {
        for input in [
            "/gems/actionpack-7.0.8.4/lib/x.rb:12",
            "activerecord (7.0.8.4) lib/active_record",
            "Rails 7.0.8.4 application starting",
            "Using nokogiri 1.15.4.1",
            "Fetching rails 7.0.8.4 (was 7.0.8.1)",
            "Successfully installed rack-2.2.8.1",
            "libshop5:amd64 (1.2.3.4-5ubuntu7)",
            "shop_17.2.5.3-2_amd64.deb",
            "build 17.0.8.8+7-LTS",
            "pandas==2.1.1.3 in /usr/lib",
            "org.example:shop:jar:7.4.2.7:compile",
            "registry.local/shop:2.11.20.5",
            "/org/example/shop/1.16.1.9/shop-1.16.1.9.jar",
            "shop-1.2.3.4-SNAPSHOT.jar",
            "shop-1.8.19.6-cp312-manylinux",
        ] {
            check(input, false);
        }
    }

    #[test]
    fn addresses_stay_addresses() {
        for input in [
            "from 1.2.3.4",
            "client-1.2.3.4",
            "ip=1.2.3.4",
            "src==1.2.3.4",
            "proxy (1.2.3.4)",
            "example.com (93.184.216.34)",
            "peer:1.2.3.4",
            "http://1.2.3.4/x",
            "/hosts/1.2.3.4/metrics",
            "using 1.2.3.4",
            "Using proxy 1.2.3.4",
            "10.0.0.1-10.0.0.9",
            "10.1.2.3-5",
            "worker-203.0.113.7",
            "Using eth0 10.1.2.3",
            "root@1.2.3.4:/srv",
            "ip=10.1.2.3+and+more",
        ] {
            check(input, true);
        }
    }
}
