//! The shapes of tokens: prefix, alphabet, length.

use crate::bytes::{self, ALNUM, BASE64, DIGIT, HEX, UPPER, WORD};
use crate::rule::{RuleId, named};

/// One way in which a provider writes a token.
pub(super) struct Shape {
    pub(super) rule: RuleId,
    pub(super) prefix: &'static str,
    pub(super) class: u16,
    pub(super) least: usize,
    /// No more than `least`.
    pub(super) exact: bool,
    /// A further condition on what follows the prefix.
    pub(super) also: fn(&[u8]) -> bool,
    /// A word that has to stand before it.
    pub(super) word: &'static [&'static str],
}

const fn shape(rule: &str, prefix: &'static str, class: u16, least: usize, exact: bool) -> Shape {
    Shape { rule: named(rule), prefix, class, least, exact, also: anything, word: &[] }
}

fn anything(_: &[u8]) -> bool {
    true
}

pub(super) fn has_digit(tail: &[u8]) -> bool {
    tail.iter().any(u8::is_ascii_digit)
}

/// Prefixes that begin a word, sorted by their first three bytes; among those with the same ones the
/// first that fits wins.
pub(super) const SHAPES: &[Shape] = &[
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
pub(super) const KEYS: [u32; SHAPES.len()] = {
    let mut keys = [0; SHAPES.len()];
    let mut index = 0;
    while index < SHAPES.len() {
        keys[index] = first_three(SHAPES[index].prefix.as_bytes());
        index += 1;
    }
    keys
};

pub(super) const fn first_three(prefix: &[u8]) -> u32 {
    (prefix[0] as u32) << 16 | (prefix[1] as u32) << 8 | prefix[2] as u32
}

/// The one prefix of two bytes.
pub(super) const TWILIO: Shape =
    Shape { word: &["twilio"], ..shape("secret/twilio", "SK", HEX, 32, true) };

/// Prefixes that end with a point, so that the long word only begins behind them.
pub(super) const BEHIND_POINTS: &[Shape] = &[
    shape("secret/vault", "hvs.", WORD, 24, false),
    shape("secret/vault", "hvb.", WORD, 24, false),
    shape("secret/vault", "hvr.", WORD, 24, false),
    shape("secret/google", "ya29.", WORD, 24, false),
    shape("secret/doppler", "dp.pt.", ALNUM, 40, false),
    shape("secret/doppler", "dp.st.", ALNUM | WORD, 40, false),
    shape("secret/doppler", "dp.sa.", ALNUM, 40, false),
    shape("secret/doppler", "dp.ct.", ALNUM, 40, false),
];

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
