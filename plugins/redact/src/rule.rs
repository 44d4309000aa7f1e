//! The rules that ship: their names, what they answer with, and what may be done to their hits.
//!
//! A rule is known by its place in the [`Catalogue`] of a configuration, which begins with those
//! of [`SHIPPED`], so everything else only ever holds a [`RuleId`].

use crate::pack;
use std::borrow::Cow;

/// The place of a rule in the list of rules.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RuleId(pub(crate) u16);

impl RuleId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known of a rule besides how its hits are found.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// As in `rules = [...]`, in metrics and in reports.
    pub(crate) name: Cow<'static, str>,
    /// What `replace` writes.
    pub(crate) marker: Cow<'static, str>,
    /// What is done when nothing is configured.
    pub(crate) default: Default,
    /// Whether `last4` shows the end of the value. Otherwise it masks.
    pub(crate) may_show_end: bool,
    /// Whether `truncate` has a meaning.
    pub(crate) may_truncate: bool,
}

/// The action of a rule when nothing is configured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Default {
    Replace,
    Last4,
    Truncate,
}

const fn value(name: &'static str, marker: &'static str) -> Rule {
    of(name, marker, Default::Replace, true, false)
}

const fn closed(name: &'static str, marker: &'static str) -> Rule {
    of(name, marker, Default::Replace, false, false)
}

const fn of(
    name: &'static str,
    marker: &'static str,
    default: Default,
    may_show_end: bool,
    may_truncate: bool,
) -> Rule {
    let (name, marker) = (Cow::Borrowed(name), Cow::Borrowed(marker));
    Rule { name, marker, default, may_show_end, may_truncate }
}

/// One that an operator wrote; its marker is its name in brackets unless it is given.
pub(crate) fn written(name: &str, marker: Option<&str>) -> Rule {
    let marker = marker.map_or_else(|| format!("[{name}]"), str::to_owned);
    Rule {
        name: Cow::Owned(name.to_owned()),
        marker: Cow::Owned(marker),
        default: Default::Replace,
        may_show_end: true,
        may_truncate: false,
    }
}

/// All rules that ship, in the order in which they win over each other.
pub(crate) const SHIPPED: &[Rule] = &[
    closed("email", "[email]"),
    of("card", "[card]", Default::Last4, true, false),
    value("iban", "[iban]"),
    value("us-ssn", "[ssn]"),
    value("phone", "[phone]"),
    of("ip", "[ip]", Default::Truncate, true, true),
    of("mac", "[mac]", Default::Truncate, true, true),
    value("jwt", "[jwt]"),
    value("bearer", "[redacted]"),
    value("basic", "[redacted]"),
    value("cookie", "[redacted]"),
    closed("url-userinfo", "[redacted]"),
    value("url-signature", "REDACTED"),
    closed("private-key", "[private-key]"),
    closed("password", "[redacted]"),
    value("secret/aws", "[secret/aws]"),
    value("secret/github", "[secret/github]"),
    value("secret/gitlab", "[secret/gitlab]"),
    value("secret/google", "[secret/google]"),
    value("secret/stripe", "[secret/stripe]"),
    value("secret/slack", "[secret/slack]"),
    value("secret/twilio", "[secret/twilio]"),
    value("secret/sendgrid", "[secret/sendgrid]"),
    value("secret/mailgun", "[secret/mailgun]"),
    value("secret/npm", "[secret/npm]"),
    value("secret/pypi", "[secret/pypi]"),
    value("secret/openai", "[secret/openai]"),
    value("secret/anthropic", "[secret/anthropic]"),
    value("secret/huggingface", "[secret/huggingface]"),
    value("secret/vault", "[secret/vault]"),
    value("secret/digitalocean", "[secret/digitalocean]"),
    value("secret/shopify", "[secret/shopify]"),
    value("secret/telegram", "[secret/telegram]"),
    value("secret/discord", "[secret/discord]"),
    value("secret/databricks", "[secret/databricks]"),
    value("secret/linear", "[secret/linear]"),
    value("secret/notion", "[secret/notion]"),
    value("secret/grafana", "[secret/grafana]"),
    value("secret/postman", "[secret/postman]"),
    value("secret/doppler", "[secret/doppler]"),
    value("secret/supabase", "[secret/supabase]"),
    value("secret/atlassian", "[secret/atlassian]"),
    value("secret/sentry", "[secret/sentry]"),
    value("secret/fly", "[secret/fly]"),
    value("secret/age", "[secret/age]"),
    value("secret/azure", "[secret/azure]"),
];

pub(crate) const EMAIL: RuleId = named("email");
pub(crate) const CARD: RuleId = named("card");
pub(crate) const IBAN: RuleId = named("iban");
pub(crate) const US_SSN: RuleId = named("us-ssn");
pub(crate) const PHONE: RuleId = named("phone");
pub(crate) const IP: RuleId = named("ip");
pub(crate) const MAC: RuleId = named("mac");
pub(crate) const JWT: RuleId = named("jwt");
pub(crate) const BEARER: RuleId = named("bearer");
pub(crate) const BASIC: RuleId = named("basic");
pub(crate) const COOKIE: RuleId = named("cookie");
pub(crate) const URL_USERINFO: RuleId = named("url-userinfo");
pub(crate) const URL_SIGNATURE: RuleId = named("url-signature");
pub(crate) const PRIVATE_KEY: RuleId = named("private-key");
pub(crate) const PASSWORD: RuleId = named("password");

/// The rule of this name; a name that is not in the list does not compile.
pub(crate) const fn named(name: &str) -> RuleId {
    let mut index = 0;
    while index < SHIPPED.len() {
        if let Cow::Borrowed(known) = &SHIPPED[index].name
            && equal(known.as_bytes(), name.as_bytes())
        {
            return RuleId(index as u16);
        }
        index += 1;
    }
    panic!("no rule has this name")
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The rules of a configuration: those that ship, those of the packs, and its own behind them.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue {
    rules: Vec<Rule>,
    /// What `replace` may write, each once: with more rules than markers it is these that a text is
    /// held against.
    markers: Vec<Cow<'static, str>>,
}

/// What an entity of a pack is as a rule.
fn of_pack(row: &pack::Row) -> Rule {
    let marker = Cow::Owned(pack::marker(row.name));
    Rule { marker, ..value(row.name, "") }
}

impl std::default::Default for Catalogue {
    fn default() -> Catalogue {
        let mut rules = SHIPPED.to_vec();
        rules.extend(pack::rows().map(of_pack));
        let mut markers: Vec<_> = rules.iter().map(|rule| rule.marker.clone()).collect();
        markers.sort_unstable();
        markers.dedup();
        Catalogue { rules, markers }
    }
}

impl Catalogue {
    /// The rule with this id, which is one of this catalogue.
    pub(crate) fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id.index()]
    }

    /// Adds one behind the others, of which there are fewer than 65,536.
    pub(crate) fn push(&mut self, rule: Rule) -> RuleId {
        self.markers.push(rule.marker.clone());
        self.markers.sort_unstable();
        self.markers.dedup();
        self.rules.push(rule);
        RuleId((self.rules.len() - 1) as u16)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// Which are on when nothing is configured.
    pub(crate) fn on_by_default(&self) -> Vec<bool> {
        (0..self.len()).map(|index| !self.is_optional(index)).collect()
    }

    /// Whether this is the place of an entity of a pack.
    pub(crate) fn is_optional(&self, index: usize) -> bool {
        (SHIPPED.len()..SHIPPED.len() + pack::rows().count()).contains(&index)
    }

    /// Whether this is the place of one that an operator wrote.
    pub(crate) fn is_written(&self, index: usize) -> bool {
        index >= SHIPPED.len() + pack::rows().count()
    }

    /// All, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RuleId, &Rule)> {
        (0..).map(RuleId).zip(&self.rules)
    }

    /// The texts that `replace` writes unless it is told otherwise.
    pub(crate) fn markers(&self) -> impl Iterator<Item = &str> {
        self.markers.iter().map(|marker| &**marker)
    }

    /// The names, in the order of the rules.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| &*rule.name)
    }
}
