//! Keys and tokens that their providers made recognisable, by prefix, alphabet and length.
//!
//! Checksums are not asked: test tokens carry none, and a wrong one is no reason to let a token
//! through. Documentation values (`…EXAMPLE`, `xxxx`) pass.

mod shapes;

use super::context;
use crate::bytes::{self, ALNUM, BASE64, DIGIT, LETTER, LOWER, UPPER, WORD};
use crate::explain::Reason;
use crate::rule::{RuleId, named};
use crate::text::Text;
use shapes::{BEHIND_POINTS, KEYS, SHAPES, Shape, TWILIO, first_three, has_digit};
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

/// A word that begins at `start` with a prefix of at least four characters, and is no token: the rule
/// of the prefix, where it is, and why not.
pub(crate) fn near(
    text: &Text<'_>,
    start: usize,
) -> Option<(RuleId, Range<usize>, Reason, &'static str)> {
    const PREFIX_MIN: usize = 4;
    let shape = SHAPES
        .iter()
        .filter(|shape| shape.prefix.len() >= PREFIX_MIN && has_prefix(text, start, shape.prefix))
        .max_by_key(|shape| shape.prefix.len())?;
    let tail = start + shape.prefix.len();
    let end = run(text, tail, shape.class, PROOF);
    let range = start..end;
    if let Some(found) = find(text, start) {
        return Some((found.rule, found.range, Reason::Overlapped, ""));
    }
    let length = end - tail;
    // A prefix alone is a word of a text.
    if length * 3 < shape.least.min(PROOF) {
        return None;
    }
    let written = text.slice(tail, end);
    let (reason, why) = if length < shape.least || (shape.exact && length > shape.least) {
        (Reason::Length, "more or fewer characters than such tokens have")
    } else if is_placeholder(written) {
        (Reason::Placeholder, "nobody can have meant this as a secret")
    } else if !shape.word.is_empty() {
        (Reason::NoKey, "the word that such a token needs does not stand before it")
    } else {
        (Reason::Prefix, "characters that such tokens do not have, or none that they have")
    };
    Some((shape.rule, range, reason, why))
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
    use crate::rule::SHIPPED;

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
            Some((&*SHIPPED[found.rule.index()].name, &input[found.range]))
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
