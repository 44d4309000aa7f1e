//! Which names make their value a secret: `password`, `accessToken`, `X-Api-Key`.
//!
//! A name is split into words at `_ - . [ ] blank` and at camelCase borders, in lower case, and a
//! rule is a sequence of words at its end. So `access_token`, `accessToken` and `Access-Token` hit;
//! `tokens_used`, `token_type`, `author` and `compass` do not. Behind the words of a rule a few
//! others may follow that change nothing, as in `password_hash`.
//!
//! Nearly every name in a log is harmless, so [`Names::may_end`] dismisses it by its last bytes
//! before anything is split.

mod list;
mod split;

use list::{ALONE, AT_THE_END, EXACT, GLUED, HARMLESS, STRONG, TRAILERS};
use split::{Words, without_digits};

use crate::rule::RuleId;

/// What a name says about its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    /// Replaced as a whole. `weak` names are also ordinary words (`token`, `session`): in prose
    /// their value has to look like a secret itself.
    Secret { weak: bool },
    /// Scheme and credentials; the scheme stays.
    Authorization,
    /// Pairs of names and values, all of which are replaced.
    Cookie,
    /// One pair and attributes.
    SetCookie,
    /// A signature or credential in the query of a signed URL. Compared in exact case.
    Signature,
    /// A secret with a rule, and so an action, of its own.
    Group(RuleId),
}

/// The longest name that is looked at; of a longer one its end.
pub(crate) const NAME_MAX: usize = 64;

/// The names that are configured, ready to be asked.
pub(crate) struct Names {
    /// Sorted by the joined words.
    entries: Vec<Entry>,
    harmless: Vec<Box<[u8]>>,
    /// One bit, see [`slot`], for each four bytes that may end a name that is worth a look.
    ends: Box<[u32; 1024]>,
    /// Indexed by the last two bytes, see [`bucket`]: where in `endings` to look, and how many.
    buckets: Box<[(u16, u16); 1024]>,
    endings: Vec<Ending>,
}

struct Entry {
    words: Box<[u8]>,
    family: Family,
    alone: bool,
}

/// The last bytes of a name, folded, as they lie in a little-endian number.
struct Ending {
    mask: u64,
    value: u64,
}

impl Names {
    /// What a name that is added says about its value.
    pub(crate) const STRONG: Family = STRONG;

    /// The names that ship, more of the same kind, and fewer. A name of `without` is taken out as
    /// a rule, and passes when it is the whole name.
    pub(crate) fn new(with: &[String], without: &[String]) -> Names {
        let with: Vec<_> = with.iter().map(|name| (name.clone(), STRONG)).collect();
        Names::with_families(&with, without)
    }

    /// The same with what each of the names says about its value, which counts more than what ships.
    pub(crate) fn with_families(with: &[(String, Family)], without: &[String]) -> Names {
        let mut entries: Vec<Entry> = Vec::new();
        let shipped = AT_THE_END.iter().map(|&(w, f)| (w, f, false));
        for (words, family, alone) in shipped.chain(ALONE.iter().map(|&(w, f)| (w, f, true))) {
            entries.push(Entry { words: words.as_bytes().into(), family, alone });
        }
        for (name, family) in with {
            let mut words = Words::default();
            words.split(name.trim_start_matches(['*', '_', '.']).as_bytes());
            if matches!(family, Family::Group(_)) {
                entries.retain(|entry| *entry.words != *words.joined());
            }
            entries.push(Entry { words: words.joined().into(), family: *family, alone: false });
        }
        let mut harmless: Vec<Box<[u8]>> = HARMLESS.iter().map(|h| h.as_bytes().into()).collect();
        for name in without {
            let mut words = Words::default();
            words.split(name.as_bytes());
            entries.retain(|entry| *entry.words != *words.joined());
            harmless.push(words.joined().into());
        }
        entries.sort_by(|a, b| a.words.cmp(&b.words));
        entries.dedup_by(|a, b| a.words == b.words);
        harmless.sort();
        let (buckets, endings) = prefilter(&entries);
        let mut ends = Box::new([0; 1024]);
        for ending in &endings {
            mark(&mut ends, (ending.mask >> 32) as u32, (ending.value >> 32) as u32);
        }
        Names { entries, harmless, ends, buckets, endings }
    }

    /// Whether a name that ends with these four bytes (the last one highest) may be a hit. False for
    /// nearly every name; what stands before a digit is looked at more closely.
    #[inline(always)]
    pub(crate) fn may_end_with(&self, four: u32) -> bool {
        let (word, bit) = slot(four);
        (self.ends[word] >> bit & 1 == 1) | ((four >> 24) as u8).is_ascii_digit()
    }

    /// The same by two bytes, for names of which what stands before may be written in another way.
    pub(crate) fn may_end_with_two(&self, before: u8, last: u8) -> bool {
        let digit = last.is_ascii_digit() && before.is_ascii_alphanumeric();
        digit || self.buckets[bucket(u64::from(last) << 56 | u64::from(before) << 48)].1 > 0
    }

    /// Whether a name whose last eight bytes are `end` (the last one highest, NUL before its
    /// beginning) may be a hit. False for nearly every name.
    #[inline]
    pub(crate) fn may_end(&self, end: u64) -> bool {
        let (first, count) = self.buckets[bucket(end)];
        if count == 0 {
            return false;
        }
        let folded = fold(end);
        self.endings[first as usize..][..count as usize].iter().any(|e| folded & e.mask == e.value)
    }

    /// What `name` says about its value.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Family> {
        let name = &name[name.len().saturating_sub(NAME_MAX)..];
        // A class or a module, not a field.
        if name.windows(2).any(|two| two == b"::") {
            return None;
        }
        if EXACT.iter().any(|exact| exact.as_bytes() == name) {
            return Some(Family::Signature);
        }
        let mut words = Words::default();
        words.split(name);
        if self.is_harmless(&words) {
            return None;
        }
        for _ in 0..3 {
            if let Some(family) = self.lookup(&words) {
                return Some(family);
            }
            let last = words.last();
            let stem = without_digits(last);
            if !stem.is_empty() && stem.len() < last.len() {
                words.shorten(last.len() - stem.len());
            } else if stem.is_empty() || TRAILERS.iter().any(|t| t.as_bytes() == last) {
                words.drop_last();
            } else {
                break;
            }
        }
        None
    }

    fn lookup(&self, words: &Words) -> Option<Family> {
        let joined = words.joined();
        for start in words.starts() {
            let tail = &joined[start..];
            if let Ok(found) = self.entries.binary_search_by(|entry| (*entry.words).cmp(tail)) {
                let entry = &self.entries[found];
                if start == 0 || !entry.alone {
                    return Some(entry.family);
                }
            }
        }
        let last = words.last();
        let glued = GLUED
            .iter()
            .find(|glued| last.len() > glued.len() && last.ends_with(glued.as_bytes()))?;
        let entry = self.entries.iter().find(|entry| *entry.words == *glued.as_bytes())?;
        Some(entry.family)
    }

    fn is_harmless(&self, words: &Words) -> bool {
        let joined = words.joined();
        words
            .starts()
            .any(|start| self.harmless.binary_search_by(|h| (**h).cmp(&joined[start..])).is_ok())
    }
}

/// Lower case for letters; other bytes move, but the same way on both sides of a comparison.
fn fold(bytes: u64) -> u64 {
    bytes | 0x2020_2020_2020_2020
}

/// The last two bytes without their case.
fn bucket(end: u64) -> usize {
    ((end >> 56 & 31) << 5 | end >> 48 & 31) as usize
}

/// Where the bit for four bytes is, whatever their case. Others may have the same one.
#[inline(always)]
fn slot(four: u32) -> (usize, u32) {
    let mixed = (four & 0x1f1f_1f1f).wrapping_mul(0x9e37_79b1) >> 17;
    ((mixed >> 5) as usize, mixed & 31)
}

/// Sets the bits for an end of which the bytes under `mask` are known.
fn mark(ends: &mut [u32; 1024], mask: u32, value: u32) {
    let unknown = mask.trailing_zeros().min(24);
    // Of the bytes before a short end five bits each matter.
    for others in 0..1u32 << (unknown / 8 * 5) {
        let spread = others & 31 | (others >> 5 & 31) << 8 | (others >> 10 & 31) << 16;
        let (word, bit) = slot(value | spread);
        ends[word] |= 1 << bit;
    }
}

/// The ends by which names are dismissed: of the last word of each rule, and of what may follow it.
fn prefilter(entries: &[Entry]) -> (Box<[(u16, u16); 1024]>, Vec<Ending>) {
    let mut ends: Vec<Vec<u8>> =
        TRAILERS.iter().map(|trailer| trailer.as_bytes().to_vec()).collect();
    ends.extend(EXACT.iter().map(|exact| exact.to_ascii_lowercase().into_bytes()));
    for entry in entries {
        let words: Vec<&[u8]> = entry.words.split(|&b| b == b'_').collect();
        match words[..] {
            // `id` ends too many names, so what stands before it is asked, too.
            [.., before, b"id"] => {
                ends.extend(
                    ["_", "-", ".", " ", ""].map(|sign| [before, sign.as_bytes(), b"id"].concat()),
                );
            }
            [.., last] => ends.push(last.to_vec()),
            [] => {}
        }
    }
    let mut all: Vec<(usize, Ending)> = Vec::new();
    for end in &ends {
        let tail = &end[end.len().saturating_sub(8)..];
        let mut bytes = [0; 8];
        bytes[8 - tail.len()..].copy_from_slice(tail);
        let mask = u64::MAX << (8 * (8 - tail.len()));
        // Before a word of one letter anything may stand.
        let befores = if tail.len() > 1 { bytes[6]..=bytes[6] } else { 0..=31 };
        for before in befores {
            bytes[6] = before;
            let end = u64::from_le_bytes(bytes);
            all.push((bucket(end), Ending { mask, value: fold(end) & mask }));
        }
    }
    all.sort_by_key(|(bucket, ending)| (*bucket, ending.mask, ending.value));
    all.dedup_by(|a, b| a.0 == b.0 && a.1.mask == b.1.mask && a.1.value == b.1.value);
    let mut buckets = Box::new([(0u16, 0u16); 1024]);
    for (index, (bucket, _)) in all.iter().enumerate() {
        let slot = &mut buckets[*bucket];
        if slot.1 == 0 {
            slot.0 = index as u16;
        }
        slot.1 += 1;
    }
    (buckets, all.into_iter().map(|(_, ending)| ending).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(name: &str) -> u64 {
        let mut bytes = [0; 8];
        let tail = &name.as_bytes()[name.len().saturating_sub(8)..];
        bytes[8 - tail.len()..].copy_from_slice(tail);
        u64::from_le_bytes(bytes)
    }

    fn hits(names: &Names, name: &str) -> bool {
        let found = names.find(name.as_bytes()).is_some();
        // Whoever asks leaves out what closes a bracket, and digits.
        let stem = name
            .trim_end_matches("%5D")
            .trim_end_matches(']')
            .trim_end_matches(|c: char| c.is_ascii_digit());
        let looked_at = |name| {
            let end = end(name);
            names.may_end_with((end >> 32) as u32) && names.may_end(end)
        };
        assert!(!found || looked_at(name) || looked_at(stem), "`{name}` is dismissed too early");
        found
    }

    #[test]
    fn secrets_are_known_by_whole_words() {
        let names = Names::new(&[], &[]);
        for name in [
            "password",
            "Password",
            "PASSWORD",
            "userPassword",
            "db_passwd",
            "pwd",
            "password_hash",
            "password1",
            "new-password",
            "user[password]",
            "user%5Bpassword%5D",
            "login.pass_phrase.passphrase",
            "token",
            "access_token",
            "accessToken",
            "Access-Token",
            "csrfmiddlewaretoken",
            "refreshToken",
            "client_secret",
            "clientSecret",
            "SecretAccessKey",
            "aws_secret_access_key",
            "x-api-key",
            "X-Api-Key",
            "apikey",
            "APIKey",
            "session",
            "session_id",
            "sessionId",
            "sessionID",
            "PHPSESSID",
            "JSESSIONID",
            "sid",
            "otp",
            "two_factor",
            "mfaCode",
            "pin",
            "PIN",
            "cvv",
            "cvv2",
            "ssn",
            "credit_card_number",
            "cardNumber",
            "authorization",
            "Proxy-Authorization",
            "cookie",
            "Set-Cookie",
            "credentials",
            "dbpassword",
            "X-Amz-Signature",
            "sig",
            "AccountKey",
            "http.request.header.authorization",
        ] {
            assert!(hits(&names, name), "`{name}` should hit");
        }
    }

    #[test]
    fn names_that_only_look_like_secrets_pass() {
        let names = Names::new(&[], &[]);
        for name in [
            "tokens_used",
            "token_count",
            "token_type",
            "max_tokens",
            "author",
            "authenticated",
            "postcode",
            "compass",
            "passenger",
            "secretary",
            "key",
            "public_key",
            "primary_key",
            "trace_id",
            "span_id",
            "user_id",
            "request_id",
            "path",
            "status",
            "mapping",
            "spinning",
            "company",
            "accesskey",
            "TAP::Session",
            "pin_code_area",
            "shipping",
            "kingpin_x",
            "user_pin_x",
            "next_page_token",
            "signature",
            "SIG",
            "password_changed_at",
            "session_count",
            "hash",
            "value",
            "text",
            "version",
            "number",
            "",
            "_",
            "2",
            "id",
            "authorization_endpoint",
            "japan",
        ] {
            assert!(!hits(&names, name), "`{name}` should pass");
        }
    }

    #[test]
    fn names_can_be_added_and_taken_away() {
        let with = ["kode_rahasia", "*_badge", "staff_id", "x"].map(String::from);
        let names = Names::new(&with, &["session".into(), "id_token".into()]);
        for name in ["staff_id", "staffId", "STAFF-ID", "x", "point.x"] {
            assert!(hits(&names, name), "`{name}` should hit");
        }
        assert!(hits(&names, "kodeRahasia"));
        assert!(hits(&names, "my_kode_rahasia"));
        assert!(hits(&names, "staff_badge"));
        assert!(!hits(&names, "session"));
        assert!(!hits(&names, "id_token"));
        assert!(hits(&names, "access_token"));
    }

    #[test]
    fn ordinary_names_of_logs_are_dismissed_early() {
        let names = Names::new(&[], &[]);
        for name in [
            "level",
            "msg",
            "time",
            "ts",
            "method",
            "path",
            "duration_ms",
            "trace_id",
            "span_id",
            "user_id",
            "host",
        ] {
            let end = end(name);
            let looked_at = names.may_end_with((end >> 32) as u32) && names.may_end(end);
            assert!(!looked_at, "`{name}` is worth a look only if a rule says so");
        }
    }
}
