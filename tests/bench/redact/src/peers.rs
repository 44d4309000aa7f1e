//! Native engines that redact log lines, each with twenty rules for about what the plugin's default
//! list finds, one thread, one line at a time as their hosts use them.
//!
//! None of them has a key rule, decodes anything or proves anything about pieces; what is compared
//! is the price of a line.

use std::sync::Arc;

use dd_sds::{MatchAction, RegexRuleConfig, RootRuleConfig, Scanner, SecondaryValidator};
use regex::RegexSet;
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Context, Program, TargetValue, TimeZone};
use vrl::value::{Secrets, Value};

/// Name, pattern, and whether a checksum is asked for.
const RULES: [(&str, &str, bool); 20] = [
    ("email", r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}\b", false),
    ("visa", r"\b4\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b", true),
    ("mastercard", r"\b5[1-5]\d{2}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b", true),
    ("amex", r"\b3[47]\d{2}[ -]?\d{6}[ -]?\d{5}\b", true),
    ("iban", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", false),
    ("ssn", r"\b\d{3}-\d{2}-\d{4}\b", false),
    ("phone", r"\+\d{1,3}[ .-]?\d{2,4}[ .-]?\d{3,4}[ .-]?\d{3,4}\b", false),
    ("nanp", r"\(\d{3}\) ?\d{3}-\d{4}\b", false),
    ("ipv4", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", false),
    ("ipv6", r"\b(?:[0-9a-fA-F]{1,4}:){2,7}:?[0-9a-fA-F]{1,4}\b", false),
    ("mac", r"\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b", false),
    ("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", false),
    ("bearer", r"\bBearer [A-Za-z0-9._~+/-]{12,}", false),
    ("basic", r"\bBasic [A-Za-z0-9+/=]{8,}", false),
    ("github", r"\bgh[pousr]_[A-Za-z0-9]{36}\b", false),
    ("aws", r"\bA(?:KIA|SIA)[A-Z2-7]{16}\b", false),
    ("google", r"\bAIza[A-Za-z0-9_-]{35}\b", false),
    ("slack", r"\bxox[abprs]-[A-Za-z0-9-]{10,}", false),
    ("userinfo", r"\b[a-z][a-z0-9+.-]{1,10}://[^/\s:@]{1,64}:[^/\s@]{1,64}@", false),
    ("password", r"\b(?:password|passwd|pwd|secret|token)[=:] ?[^\s&,;]{1,200}", false),
];

/// Those that redact; the speed of the plugin is held against the fastest of them.
pub(crate) const ENGINES: [&str; 3] = [DATADOG, VECTOR, ONE_BY_ONE];

const DATADOG: &str = "dd-sensitive-data-scanner";
const VECTOR: &str = "VRL, redact()";
const ONE_BY_ONE: &str = "regex, one after the other";

/// An engine.
pub(crate) trait Peer {
    /// As in the table.
    fn name(&self) -> &'static str;
    /// Goes through the lines; answers how many it changed, or would have.
    fn redact(&mut self, lines: &[&str]) -> usize;
}

/// All that are built in.
///
/// # Errors
///
/// What one of them does not take.
pub(crate) fn all() -> Result<Vec<Box<dyn Peer>>, String> {
    Ok(vec![
        Box::new(DataDog::new()?),
        Box::new(Vector::new()?),
        Box::new(OneByOne::new()?),
        Box::new(Gate(RegexSet::new(patterns()).map_err(|error| error.to_string())?)),
    ])
}

fn patterns() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.1)
}

/// dd-sensitive-data-scanner, with a line as its event.
struct DataDog(Scanner);

impl DataDog {
    fn new() -> Result<Self, String> {
        let rules: Vec<_> = RULES
            .iter()
            .map(|(name, pattern, has_checksum)| {
                let checksum = has_checksum.then_some(SecondaryValidator::LuhnChecksum);
                let rule = RegexRuleConfig::new(pattern).with_validator(checksum).build();
                let replacement = format!("[{name}]");
                RootRuleConfig::new(Arc::clone(&rule))
                    .match_action(MatchAction::Redact { replacement })
            })
            .collect();
        let scanner = dd_sds::ScannerBuilder::new(&rules).build();
        scanner.map(Self).map_err(|error| format!("dd-sensitive-data-scanner: {error:?}"))
    }
}

impl Peer for DataDog {
    fn name(&self) -> &'static str {
        DATADOG
    }

    fn redact(&mut self, lines: &[&str]) -> usize {
        let mut changed = 0;
        for line in lines {
            let mut event = (*line).to_owned();
            changed += usize::from(self.0.scan(&mut event).is_ok_and(|found| !found.is_empty()));
            std::hint::black_box(&event);
        }
        changed
    }
}

/// Vector's language, with its function `redact` over the message.
struct Vector(Program);

impl Vector {
    fn new() -> Result<Self, String> {
        let filters: Vec<_> =
            patterns().map(|pattern| format!("r'{}'", pattern.replace('\'', "\\'"))).collect();
        let source =
            format!(".message = redact(string!(.message), filters: [{}])", filters.join(", "));
        let compiled = vrl::compiler::compile(&source, &vrl::stdlib::all());
        let compiled = compiled.map_err(|why| format!("vrl: {why:?}"))?;
        Ok(Self(compiled.program))
    }
}

impl Peer for Vector {
    fn name(&self) -> &'static str {
        VECTOR
    }

    fn redact(&mut self, lines: &[&str]) -> usize {
        let timezone = TimeZone::default();
        let mut changed = 0;
        for line in lines {
            let mut fields = std::collections::BTreeMap::new();
            fields.insert("message".into(), Value::from(*line));
            let mut target = TargetValue {
                value: Value::Object(fields),
                metadata: Value::Object(std::collections::BTreeMap::new()),
                secrets: Secrets::default(),
            };
            let mut state = RuntimeState::default();
            let mut context = Context::new(&mut target, &mut state, &timezone);
            let out = self.0.resolve(&mut context);
            let same =
                out.is_ok_and(|value| value.as_bytes().is_some_and(|out| out == line.as_bytes()));
            changed += usize::from(!same);
        }
        changed
    }
}

/// The obvious way: one pattern of the regex crate after the other.
struct OneByOne(Vec<regex::Regex>);

impl OneByOne {
    fn new() -> Result<Self, String> {
        let compiled: Result<_, _> = patterns().map(regex::Regex::new).collect();
        compiled.map(Self).map_err(|error| error.to_string())
    }
}

impl Peer for OneByOne {
    fn name(&self) -> &'static str {
        ONE_BY_ONE
    }

    fn redact(&mut self, lines: &[&str]) -> usize {
        let mut changed = 0;
        for line in lines {
            let mut text = std::borrow::Cow::Borrowed(*line);
            for rule in &self.0 {
                if let std::borrow::Cow::Owned(new) = rule.replace_all(&text, "[x]") {
                    text = std::borrow::Cow::Owned(new);
                }
            }
            changed += usize::from(matches!(text, std::borrow::Cow::Owned(_)));
            std::hint::black_box(&text);
        }
        changed
    }
}

/// A set of patterns that only says whether there is anything: no engine, but what a better one
/// would begin with.
struct Gate(RegexSet);

impl Peer for Gate {
    fn name(&self) -> &'static str {
        "RegexSet, as a gate only"
    }

    fn redact(&mut self, lines: &[&str]) -> usize {
        lines.iter().filter(|line| self.0.is_match(line)).count()
    }
}
