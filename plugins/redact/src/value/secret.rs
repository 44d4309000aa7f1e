//! Keys and tokens that their providers made recognisable, by prefix, alphabet and length.
//!
//! Checksums are not asked: test tokens carry none, and a wrong one is no reason to let a token
//! through. Documentation values (`…EXAMPLE`, `xxxx`) pass.

use super::context;
use crate::bytes::{self, ALNUM, BASE64, DIGIT, HEX, LETTER, LOWER, UPPER, WORD};
use crate::rule::{RuleId, named};
use crate::text::Text;
use std::ops::Range;

/// The most characters of a token without a fixed length that are read. More of them follow the
/// same fate unread.
pub(crate) const PROOF: usize = 512;

/// A token, and what it may go on with behind [`PROOF`] characters.
pub(crate) struct Found {
    pub(crate) rule: RuleId,
    pub(crate) range: Range<usize>,
    pub(crate) class: u16,
}

/// One way in which a provider writes a token.
struct Shape {
    rule: RuleId,
    prefix: &'static str,
    class: u16,
    least: usize,
    /// No more than `least`.
    exact: bool,
    /// A further condition on what follows the prefix.
    also: fn(&[u8]) -> bool,
    /// A word that has to stand before it.
    word: &'static [&'static str],
}

const fn shape(rule: &str, prefix: &'static str, class: u16, least: usize, exact: bool) -> Shape {
    Shape { rule: named(rule), prefix, class, least, exact, also: anything, word: &[] }
}

fn anything(_: &[u8]) -> bool {
    true
}

fn has_digit(tail: &[u8]) -> bool {
    tail.iter().any(u8::is_ascii_digit)
}

/// Prefixes that begin a word, sorted by their first three bytes; among those with the same ones the
/// first that fits wins.
const SHAPES: &[Shape] = &[
    Shape { also: is_base32, ..shape("secret/aws", "ABIA", UPPER | DIGIT, 16, true) },
    Shape { also: is_base32, ..shape("secret/aws", "ACCA", UPPER | DIGIT, 16, true) },
    Shape { also: is_bech32, ..shape("secret/age", "AGE-SECRET-KEY-1", UPPER | DIGIT, 58, true) },
    shape("secret/google", "AIza", WORD, 35, true),
    Shape { also: is_base32, ..shape("secret/aws", "AKIA", UPPER | DIGIT, 16, true) },
    Shape { also: is_base32, ..shape("secret/aws", "ASIA", UPPER | DIGIT, 16, true) },
    shape("secret/atlassian", "ATATT3", WORD, 100, false),
    shape("secret/google", "GOCSPX-", WORD, 28, true),
    Shape { also: is_postman, ..shape("secret/postman", "PMAK-", WORD, 59, true) },
    shape("secret/databricks", "dapi", HEX, 32, true),
    shape("secret/digitalocean", "doo_v1_", HEX, 64, true),
    shape("secret/digitalocean", "dop_v1_", HEX, 64, true),
    shape("secret/digitalocean", "dor_v1_", HEX, 64, true),
    shape("secret/fly", "fm1r_", BASE64 | WORD, 80, false),
    shape("secret/fly", "fm2_", BASE64 | WORD, 80, false),
    shape("secret/fly", "fo1_", WORD, 43, true),
    shape("secret/github", "gho_", ALNUM, 36, false),
    shape("secret/github", "ghp_", ALNUM, 36, false),
    shape("secret/github", "ghr_", ALNUM, 36, false),
    shape("secret/github", "ghs_", ALNUM, 36, false),
    shape("secret/github", "ghu_", ALNUM, 36, false),
    shape("secret/github", "github_pat_", ALNUM | WORD, 36, false),
    shape("secret/gitlab", "glagent-", WORD, 20, false),
    shape("secret/gitlab", "glcbt-", WORD, 20, false),
    shape("secret/grafana", "glc_", BASE64, 32, false),
    shape("secret/gitlab", "gldt-", WORD, 20, false),
    shape("secret/gitlab", "glft-", WORD, 20, false),
    shape("secret/gitlab", "glimt-", WORD, 20, false),
    shape("secret/gitlab", "gloas-", WORD, 20, false),
    shape("secret/gitlab", "glpat-", WORD, 20, false),
    shape("secret/gitlab", "glptt-", WORD, 20, false),
    shape("secret/gitlab", "glrt-", WORD, 20, false),
    shape("secret/gitlab", "glsoat-", WORD, 20, false),
    shape("secret/grafana", "glsa_", WORD, 41, true),
    shape("secret/huggingface", "hf_", ALNUM, 34, true),
    Shape { word: &["mailgun"], ..shape("secret/mailgun", "key-", HEX, 32, true) },
    shape("secret/linear", "lin_api_", ALNUM, 40, true),
    shape("secret/npm", "npm_", ALNUM, 36, true),
    shape("secret/notion", "ntn_", ALNUM, 40, false),
    shape("secret/pypi", "pypi-AgEI", WORD, 50, false),
    shape("secret/stripe", "rk_live_", ALNUM, 16, false),
    shape("secret/stripe", "rk_test_", ALNUM, 16, false),
    shape("secret/supabase", "sbp_", HEX, 40, true),
    shape("secret/notion", "secret_", ALNUM, 43, true),
    shape("secret/shopify", "shpat_", HEX, 32, true),
    shape("secret/shopify", "shpca_", HEX, 32, true),
    shape("secret/shopify", "shppa_", HEX, 32, true),
    shape("secret/shopify", "shpss_", HEX, 32, true),
    shape("secret/anthropic", "sk-ant-", WORD, 32, false),
    Shape { also: has_digit, ..shape("secret/openai", "sk-proj-", WORD, 40, false) },
    Shape { also: has_digit, ..shape("secret/openai", "sk-svcacct-", WORD, 40, false) },
    Shape { also: has_digit, ..shape("secret/openai", "sk-admin-", WORD, 40, false) },
    Shape { also: has_digit, ..shape("secret/openai", "sk-", ALNUM, 32, false) },
    shape("secret/stripe", "sk_live_", ALNUM, 16, false),
    shape("secret/stripe", "sk_test_", ALNUM, 16, false),
    shape("secret/sentry", "sntrys_", BASE64 | WORD, 40, false),
    shape("secret/sentry", "sntryu_", HEX, 64, true),
    shape("secret/stripe", "whsec_", BASE64, 24, false),
    Shape { also: has_digit, ..shape("secret/slack", "xapp-", WORD, 20, false) },
    Shape { also: has_digit, ..shape("secret/slack", "xoxb-", WORD, 20, false) },
    Shape { also: has_digit, ..shape("secret/slack", "xoxp-", WORD, 20, false) },
    Shape { also: has_digit, ..shape("secret/slack", "xoxa-", WORD, 20, false) },
    Shape { also: has_digit, ..shape("secret/slack", "xoxr-", WORD, 20, false) },
    Shape { also: has_digit, ..shape("secret/slack", "xoxs-", WORD, 20, false) },
];

/// The first three bytes of the prefixes of [`SHAPES`], as numbers that sort like them.
const KEYS: [u32; SHAPES.len()] = {
    let mut keys = [0; SHAPES.len()];
    let mut index = 0;
    while index < SHAPES.len() {
        keys[index] = first_three(SHAPES[index].prefix.as_bytes());
        index += 1;
    }
    keys
};

const fn first_three(prefix: &[u8]) -> u32 {
    (prefix[0] as u32) << 16 | (prefix[1] as u32) << 8 | prefix[2] as u32
}

/// The one prefix of two bytes.
const TWILIO: Shape = Shape { word: &["twilio"], ..shape("secret/twilio", "SK", HEX, 32, true) };

/// Prefixes that end with a point, so that the long word only begins behind them.
const BEHIND_POINTS: &[Shape] = &[
    shape("secret/vault", "hvs.", WORD, 24, false),
    shape("secret/vault", "hvb.", WORD, 24, false),
    shape("secret/vault", "hvr.", WORD, 24, false),
    shape("secret/google", "ya29.", WORD, 24, false),
    shape("secret/doppler", "dp.pt.", ALNUM, 40, false),
    shape("secret/doppler", "dp.st.", ALNUM | WORD, 40, false),
    shape("secret/doppler", "dp.sa.", ALNUM, 40, false),
    shape("secret/doppler", "dp.ct.", ALNUM, 40, false),
];

const TELEGRAM: RuleId = named("secret/telegram");
const DISCORD: RuleId = named("secret/discord");
const SLACK: RuleId = named("secret/slack");
const SENDGRID: RuleId = named("secret/sendgrid");
const AZURE: RuleId = named("secret/azure");

/// The longest text before a long word that a shape asks for.
pub(crate) const LEAD: usize = 24;

/// Longer words than this are led by nothing that is known.
const LED_MAX: usize = 96;

/// One bit for each pair of first bytes.
const PAIRS: [u64; 1024] = {
    let mut pairs = [0u64; 1024];
    let mut index = 0;
    while index < SHAPES.len() + 2 {
        let prefix = if index < SHAPES.len() {
            SHAPES[index].prefix.as_bytes()
        } else if index == SHAPES.len() {
            TWILIO.prefix.as_bytes()
        } else {
            b"ey"
        };
        let pair = (prefix[0] as usize) << 8 | prefix[1] as usize;
        pairs[pair >> 6] |= 1 << (pair & 63);
        index += 1;
    }
    pairs
};

/// Whether a word with these first bytes may be a token by its own prefix.
#[inline(always)]
pub(crate) fn may_begin(first: u8, second: u8) -> bool {
    let pair = usize::from(first) << 8 | usize::from(second);
    PAIRS[pair >> 6] >> (pair & 63) & 1 == 1
}

/// Finds a token in the word that begins at `start`.
pub(crate) fn find(text: &Text<'_>, start: usize) -> Option<Found> {
    let first = [text.at(start), text.at(start + 1), text.at(start + 2)];
    let key = first_three(&first);
    let from = KEYS.partition_point(|other| *other < key);
    for (shape, _) in SHAPES.iter().zip(KEYS).skip(from).take_while(|(_, other)| *other == key) {
        if has_prefix(text, start, shape.prefix)
            && let Some(found) = judge(text, shape, start, start + shape.prefix.len())
        {
            return Some(found);
        }
    }
    if first[..2] == *TWILIO.prefix.as_bytes() {
        return judge(text, &TWILIO, start, start + 2);
    }
    if !is_led(text, start) {
        return None;
    }
    let begin = behind_signs(text, start);
    let word_end = run(text, start, WORD, LED_MAX);
    match text.before(begin, 1) {
        b'.' => behind_point(text, begin, word_end),
        b':' => telegram(text, start, word_end),
        b'/' => webhook(text, begin, word_end),
        b'~' => azure(text, begin),
        _ => None,
    }
    .or_else(|| discord_bot(text, start, word_end))
}

/// A random text may begin with `-` or `_`, behind which the word only begins.
fn behind_signs(text: &Text<'_>, start: usize) -> usize {
    let mut begin = start;
    while start - begin < 4 && matches!(text.before(begin, 1), b'-' | b'_') {
        begin -= 1;
    }
    begin
}

/// Whether anything before or behind a word asks for a look at it although its first bytes do not.
#[inline]
pub(crate) fn is_led(text: &Text<'_>, start: usize) -> bool {
    let mut lead = text.before(start, 1);
    if matches!(lead, b'-' | b'_') {
        if bytes::is(text.before(start, 2), ALNUM) {
            return false;
        }
        lead = text.before(behind_signs(text, start), 1);
    }
    matches!(lead, b'.' | b':' | b'/' | b'~') || matches!(text.at(start), b'M' | b'N' | b'O')
}

/// The earliest position at which a token around the word at `start` may begin.
pub(crate) fn earliest(text: &Text<'_>, start: usize) -> usize {
    let begin = behind_signs(text, start);
    if matches!(text.before(begin, 1), b'.' | b':' | b'~') {
        begin.saturating_sub(LEAD)
    } else {
        begin
    }
}

fn judge(text: &Text<'_>, shape: &Shape, start: usize, tail: usize) -> Option<Found> {
    let limit = if shape.exact { tail + shape.least } else { tail + PROOF };
    let mut end = tail;
    while end < limit && bytes::is(text.at(end), shape.class) {
        end += 1;
    }
    if end - tail < shape.least || (shape.exact && bytes::is(text.at(end), ALNUM)) {
        return None;
    }
    if !shape.exact && shape.class & BASE64 == BASE64 {
        while end < limit && text.at(end) == b'=' {
            end += 1;
        }
    }
    let written = text.slice(tail, end);
    if is_placeholder(written) || !(shape.also)(written) {
        return None;
    }
    if !shape.word.is_empty() && !context::has_word_before(text, start, shape.word) {
        return None;
    }
    Some(Found {
        rule: shape.rule,
        range: start..end,
        class: if shape.exact { 0 } else { shape.class },
    })
}

fn has_prefix(text: &Text<'_>, start: usize, prefix: &str) -> bool {
    prefix.bytes().enumerate().all(|(index, byte)| text.at(start + index) == byte)
}

/// Whether `prefix` stands right before `start` and begins a word there.
fn has_lead(text: &Text<'_>, start: usize, prefix: &str) -> Option<usize> {
    let lead = start.checked_sub(prefix.len())?;
    (has_prefix(text, lead, prefix) && !text.before(lead, 1).is_ascii_alphanumeric())
        .then_some(lead)
}

fn behind_point(text: &Text<'_>, start: usize, word_end: usize) -> Option<Found> {
    for shape in BEHIND_POINTS {
        if let Some(lead) = has_lead(text, start, shape.prefix) {
            return judge(text, shape, lead, start);
        }
    }
    let lead = has_lead(text, start, "SG.")?;
    if word_end - start != 22 || text.at(word_end) != b'.' {
        return None;
    }
    let end = run(text, word_end + 1, WORD, 43);
    (end - word_end == 44 && !bytes::is(text.at(end), ALNUM)).then_some(Found {
        rule: SENDGRID,
        range: lead..end,
        class: 0,
    })
}

/// `digits:AA…`, 35 characters behind the colon.
fn telegram(text: &Text<'_>, start: usize, word_end: usize) -> Option<Found> {
    if word_end - start != 35 || text.at(start) != b'A' || text.at(start + 1) != b'A' {
        return None;
    }
    let mut lead = start - 1;
    while start - lead < 12 && text.before(lead, 1).is_ascii_digit() {
        lead -= 1;
    }
    let digits = start - 1 - lead;
    let border = !text.before(lead, 1).is_ascii_alphanumeric();
    ((8..=10).contains(&digits) && border).then_some(Found {
        rule: TELEGRAM,
        range: lead..word_end,
        class: 0,
    })
}

/// The last part of the address of an incoming webhook.
fn webhook(text: &Text<'_>, start: usize, word_end: usize) -> Option<Found> {
    let length = word_end - start;
    let mut lead = start - 1;
    let part = |lead: &mut usize, class: u16, most: usize| {
        let end = *lead;
        while end - *lead < most && bytes::is(text.before(*lead, 1), class) {
            *lead -= 1;
        }
        let long = end - *lead >= 8;
        let slash = text.before(*lead, 1) == b'/';
        *lead = lead.saturating_sub(1);
        long && slash
    };
    if length == 24 {
        let parts = part(&mut lead, UPPER | DIGIT, 14) && part(&mut lead, UPPER | DIGIT, 14);
        let slack = parts && text.ends_with_word(lead, b"hooks.slack.com/services");
        return slack.then_some(Found { rule: SLACK, range: start..word_end, class: 0 });
    }
    if (60..=80).contains(&length) {
        let discord = part(&mut lead, DIGIT, 20)
            && (text.ends_with_word(lead, b"discord.com/api/webhooks")
                || text.ends_with_word(lead, b"discordapp.com/api/webhooks"));
        return discord.then_some(Found { rule: DISCORD, range: start..word_end, class: 0 });
    }
    None
}

/// A client secret: three characters, a digit, `Q~`, and 31 to 34 more.
fn azure(text: &Text<'_>, start: usize) -> Option<Found> {
    let lead = start.checked_sub(6)?;
    let shaped = text.at(start - 2) == b'Q'
        && !bytes::is(text.before(lead, 1), ALNUM)
        && text.at(start - 3).is_ascii_digit()
        && (lead..start - 3)
            .all(|at| bytes::is(text.at(at), ALNUM) || b"~._-".contains(&text.at(at)));
    let mut end = start;
    while end < start + 35 && (bytes::is(text.at(end), ALNUM) || b"~._-".contains(&text.at(end))) {
        end += 1;
    }
    (shaped && (31..=34).contains(&(end - start))).then_some(Found {
        rule: AZURE,
        range: lead..end,
        class: 0,
    })
}

/// Three parts: the number of a user in base64, a time, a code.
fn discord_bot(text: &Text<'_>, start: usize, word_end: usize) -> Option<Found> {
    if !matches!(text.at(start), b'M' | b'N' | b'O')
        || !(23..=28).contains(&(word_end - start))
        || text.at(word_end) != b'.'
    {
        return None;
    }
    let second = run(text, word_end + 1, WORD, 7);
    if second - word_end != 7 || text.at(second) != b'.' {
        return None;
    }
    let end = run(text, second + 1, WORD, 40);
    let length = end - second - 1;
    let written = text.slice(start, word_end);
    ((27..=39).contains(&length)
        && has_digit(written)
        && written.iter().any(u8::is_ascii_lowercase))
    .then_some(Found { rule: DISCORD, range: start..end, class: 0 })
}

/// Behind the characters of a class from `start` on, at most `most` of them.
fn run(text: &Text<'_>, start: usize, class: u16, most: usize) -> usize {
    let mut end = start;
    while end < start + most && bytes::is(text.at(end), class) {
        end += 1;
    }
    end
}

fn is_base32(tail: &[u8]) -> bool {
    tail.iter().all(|b| bytes::is(*b, UPPER) || (b'2'..=b'7').contains(b))
}

fn is_bech32(tail: &[u8]) -> bool {
    tail.iter().all(|b| !matches!(b, b'1' | b'B' | b'I' | b'O'))
}

fn is_postman(tail: &[u8]) -> bool {
    tail.iter()
        .enumerate()
        .all(|(index, &b)| if index == 24 { b == b'-' } else { bytes::is(b, HEX) })
}

/// Whether nobody can have meant this as a secret.
fn is_placeholder(tail: &[u8]) -> bool {
    let mut seen = 0u64;
    let mut different = 0;
    for &byte in tail {
        let bit = 1u64 << (byte & 63);
        different += u32::from(seen & bit == 0);
        seen |= bit;
    }
    different < 4
        || bytes::contains_ignoring_case(tail, b"example")
        || tail.iter().all(|b| bytes::is(*b, LETTER | LOWER))
            && bytes::contains_ignoring_case(tail, b"xxxx")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RULES;

    /// Text that looks random, the same on every run.
    fn noise(alphabet: &str, length: usize) -> String {
        let alphabet = alphabet.as_bytes();
        let mut state = 12345u64;
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                alphabet[(state >> 33) as usize % alphabet.len()] as char
            })
            .collect()
    }

    fn finds(input: &str) -> Option<(&'static str, &str)> {
        let text = Text::new(input.as_bytes(), true);
        (0..input.len()).find_map(|start| {
            let begins = text.at(start).is_ascii_alphanumeric()
                && !text.before(start, 1).is_ascii_alphanumeric();
            if !begins || !(may_begin(text.at(start), text.at(start + 1)) || is_led(&text, start)) {
                return None;
            }
            let found = find(&text, start)?;
            assert!(found.range.start >= earliest(&text, start));
            Some((RULES[found.rule.index()].name, &input[found.range]))
        })
    }

    #[test]
    fn shapes_are_sorted_for_the_search() {
        assert!(KEYS.is_sorted());
    }

    #[test]
    fn shapes_hold_with_any_random_tail() {
        const HEXES: &str = "0123456789abcdef";
        const WORDS: &str = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
        for (name, value) in [
            ("secret/aws", format!("AK{}{}", "IA", noise("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16))),
            ("secret/github", format!("gh{}{}", "p_", noise(WORDS, 36))),
            ("secret/gitlab", format!("gl{}{}", "pat-", noise(WORDS, 20))),
            ("secret/google", format!("AI{}{}", "za", noise(WORDS, 35))),
            ("secret/stripe", format!("sk{}{}", "_live_", noise(WORDS, 24))),
            ("secret/sendgrid", format!("SG{}{}.{}", ".", noise(WORDS, 22), noise(WORDS, 43))),
            ("secret/vault", format!("hv{}{}", "s.", noise(WORDS, 95))),
            ("secret/vault", format!("hv{}{}", "b.-_", noise(WORDS, 95))),
            ("secret/doppler", format!("dp.{}{}", "pt.", noise(WORDS, 43))),
            ("secret/telegram", format!("123456789:A{}{}", "A", noise(WORDS, 33))),
            ("secret/linear", format!("lin_{}{}", "api_", noise(WORDS, 40))),
            ("secret/postman", format!("PM{}{}-{}", "AK-", noise(HEXES, 24), noise(HEXES, 34))),
            ("secret/databricks", format!("da{}{}", "pi", noise(HEXES, 32))),
            ("secret/openai", format!("s{}{}", "k-", noise(WORDS, 48))),
            ("secret/azure", format!("abc8{}{}", "Q~", noise(WORDS, 33))),
        ] {
            assert_eq!(finds(&format!("a {value}, b")), Some((name, &*value)));
            assert_eq!(
                finds(&format!("KEY_{value}")),
                Some((name, &*value)),
                "an underscore is a border"
            );
            assert_eq!(
                finds(&format!("x{value}")).filter(|(n, _)| *n == name),
                None,
                "`{name}` glued to a letter"
            );
        }
    }

    #[test]
    fn short_glued_and_documented_ones_pass() {
        for input in [
            format!("glpat{}", "-abc12"),
            format!("AK{}", "IAIOSFODNN7EXAMPLE"),
            format!("ghp{}", "_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            "use an sk_live_ key in production".into(),
            "session-affinity-cookie-name".into(),
            "shipping-department".into(),
        ] {
            assert_eq!(finds(&input), None, "in `{input}`");
        }
    }
}
