//! The only place that says no: what a plugin may import and reach.
//!
//! An import without a grant is not linked, so it is found when the plugin is loaded, with
//! the line that would give it, and never by surprise while traffic runs.

use std::collections::BTreeSet;

use super::wasi;

/// The permissions that the operator gave to one plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Capabilities named by `allow`.
    pub allow: BTreeSet<Capability>,
    /// Whether it may have `outbound-http` at all; without an origin nothing can be sent.
    pub outbound: bool,
    /// Origins that it may send to: `https://sentry.example`.
    pub allow_http: Vec<String>,
    /// Targets that it may probe: `tcp://db:5432`.
    pub allow_probe: Vec<String>,
}

/// A capability that is granted by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Metrics of its own.
    Metrics,
    /// Keeping state.
    State,
    /// Reporting errors.
    Errors,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Metrics, Self::State, Self::Errors];

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::State => "state",
            Self::Errors => "errors",
        }
    }
}

/// What stands between a component and one of its imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may have it.
    Granted,
    /// It has types only, so there is nothing to grant.
    Inert,
    /// It may have it once the operator adds this line.
    Missing {
        /// The line for the plugin's table.
        line: String,
    },
    /// Nobody may have it.
    Foreign {
        /// Why, and what to do instead.
        why: String,
    },
}

/// Imports that everybody may have.
const ALWAYS: [&str; 4] = ["log", "clock", "random", "exchange"];
/// Interfaces that hold types only.
const TYPES: [&str; 9] = [
    "types",
    "lifecycle-types",
    "http-types",
    "log-types",
    "health-types",
    "error-types",
    "scrub-types",
    "admin-types",
    "metrics-types",
];
impl Grants {
    /// Decides on an import by its full name: `tamis:plugin/state@0.1.0`.
    pub fn verdict(&self, import: &str, contract: &str) -> Verdict {
        if let Some(rest) = import.strip_prefix("tamis:plugin/") {
            let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
            return self.own(interface, version, contract);
        }
        let foreign = |why: &str| Verdict::Foreign { why: why.to_owned() };
        if import.starts_with("wasi:filesystem") {
            return foreign(
                "plugins have no files; keep state through `state`, and if it is the toolchain \
                 that brings it in, build with `--backend-qjs-stub-wasi` (jco) or `--stub-wasi` \
                 (componentize-py)",
            );
        }
        if import.starts_with("wasi:sockets") {
            return foreign("plugins have no sockets; send through `outbound-http`");
        }
        if import.starts_with("wasi:http") {
            return foreign("send through `outbound-http`");
        }
        // What the runtimes of other toolchains ask for, and what does nothing here.
        if wasi::is_inert(import) {
            return Verdict::Inert;
        }
        if import.starts_with("wasi:") {
            return foreign(
                "of WASI only clocks, randomness and standard streams of 0.2 are here; build for \
                 `wasm32-wasip2` without whatever brings it in",
            );
        }
        foreign("this host knows no such interface; build without whatever brings it in")
    }

    /// The lines that would grant what is missing of these imports, one per key: together they
    /// are enough, and each takes the place of a line of its key.
    pub fn lines<'a>(
        &self,
        imports: impl IntoIterator<Item = &'a str>,
        contract: &str,
    ) -> Vec<String> {
        let mut grants = self.clone();
        let mut lines: Vec<String> = Vec::new();
        let key = |line: &str| line.split(" =").next().unwrap_or_default().to_owned();
        for import in imports {
            let Verdict::Missing { line } = grants.verdict(import, contract) else { continue };
            // What was granted before stands in the later line as well.
            lines.retain(|known| key(known) != key(&line));
            lines.push(line);
            let named =
                Capability::ALL.into_iter().find(|one| interface(import) == Some(one.as_str()));
            grants.allow.extend(named);
        }
        lines
    }

    fn own(&self, interface: &str, version: &str, contract: &str) -> Verdict {
        if !is_compatible(version, contract) {
            let why = format!(
                "built for contract {version}, this host speaks {contract}; take a host or a \
                 build of the plugin that agree"
            );
            return Verdict::Foreign { why };
        }
        if ALWAYS.contains(&interface) {
            return Verdict::Granted;
        }
        if TYPES.contains(&interface) {
            return Verdict::Inert;
        }
        let missing = |line: String| Verdict::Missing { line };
        if let Some(capability) =
            Capability::ALL.into_iter().find(|capability| capability.as_str() == interface)
        {
            if self.allow.contains(&capability) {
                return Verdict::Granted;
            }
            let mut names: Vec<_> = self.allow.iter().map(|known| known.as_str()).collect();
            names.push(capability.as_str());
            let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
            return missing(format!("allow = [{}]", names.join(", ")));
        }
        match interface {
            // A list that is there and empty grants the interface and no target: a plugin
            // may do without.
            "outbound-http" if self.outbound => Verdict::Granted,
            "outbound-http" => missing("allow-http = [\"https://HOST\"]".to_owned()),
            // The upstreams may always be probed, so the interface is never refused.
            "probe" => Verdict::Granted,
            _ => {
                Verdict::Foreign { why: format!("contract {contract} has no import `{interface}`") }
            }
        }
    }
}

/// The interface of the contract that an import or export names.
pub fn interface(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("tamis:plugin/")?;
    Some(rest.split('@').next().unwrap_or(rest))
}

/// Whether a component built for `version` of the contract runs on a host of `contract`:
/// the same, but for the last number.
pub fn is_compatible(version: &str, contract: &str) -> bool {
    let minor = |version: &str| {
        let mut parts = version.split('.');
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    minor(version).is_some() && minor(version) == minor(contract)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_are_missing_are_one_per_key() {
        let imports = ["metrics", "outbound-http", "log", "state", "errors"]
            .map(|name| format!("tamis:plugin/{name}@0.1.0"));
        let lines = |grants: Grants| grants.lines(imports.iter().map(String::as_str), "0.1.0");
        assert_eq!(
            lines(grants(&[Capability::Metrics], &[])),
            ["allow-http = [\"https://HOST\"]", "allow = [\"metrics\", \"state\", \"errors\"]"]
        );
        assert_eq!(lines(grants(&Capability::ALL, &["https://a"])), Vec::<String>::new());
    }

    fn grants(allow: &[Capability], http: &[&str]) -> Grants {
        Grants {
            allow: allow.iter().copied().collect(),
            outbound: !http.is_empty(),
            allow_http: http.iter().map(|&origin| origin.to_owned()).collect(),
            allow_probe: Vec::new(),
        }
    }

    fn check(grants: &Grants, import: &str, expected: Verdict) {
        assert_eq!(grants.verdict(import, "0.1.0"), expected, "{import}");
    }

    #[test]
    fn what_is_always_granted_and_what_holds_types_only() {
        let none = Grants::default();
        for import in ["log", "clock", "random", "exchange", "probe"] {
            check(&none, &format!("tamis:plugin/{import}@0.1.0"), Verdict::Granted);
        }
        for import in ["tamis:plugin/types@0.1.0", "wasi:io/streams@0.2.6", "wasi:cli/stdout@0.2.0"]
        {
            check(&none, import, Verdict::Inert);
        }
    }

    #[test]
    fn a_missing_grant_names_the_line_that_gives_it() {
        let some = grants(&[Capability::Metrics], &[]);
        check(&some, "tamis:plugin/metrics@0.1.0", Verdict::Granted);
        check(
            &some,
            "tamis:plugin/state@0.1.0",
            Verdict::Missing { line: r#"allow = ["metrics", "state"]"#.to_owned() },
        );
        check(
            &some,
            "tamis:plugin/outbound-http@0.1.0",
            Verdict::Missing { line: r#"allow-http = ["https://HOST"]"#.to_owned() },
        );
        check(
            &grants(&[], &["https://a.example"]),
            "tamis:plugin/outbound-http@0.1.0",
            Verdict::Granted,
        );
    }

    #[test]
    fn what_nobody_may_have_says_what_to_do_instead() {
        let all = grants(&Capability::ALL, &["https://a.example"]);
        for (import, fragment) in [
            ("wasi:filesystem/types@0.2.0", "no files"),
            ("wasi:sockets/tcp@0.2.0", "no sockets"),
            ("wasi:http/outgoing-handler@0.2.0", "outbound-http"),
            ("wasi:cli/stdout@0.3.0", "wasm32-wasip2"),
            ("wasi:clocks/timezone@0.2.6", "of WASI only"),
            ("acme:db/sql@1.0.0", "no such interface"),
            ("tamis:plugin/state@0.2.0", "contract 0.2.0"),
            ("tamis:plugin/telepathy@0.1.0", "no import `telepathy`"),
        ] {
            match all.verdict(import, "0.1.0") {
                Verdict::Foreign { why } => assert!(why.contains(fragment), "{import}: {why}"),
                other => panic!("{import}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_last_number_of_the_contract_may_differ() {
        assert!(is_compatible("0.1.7", "0.1.0"));
        assert!(!is_compatible("0.2.0", "0.1.0"));
        assert!(!is_compatible("1.1.0", "0.1.0"));
        assert!(!is_compatible("", "0.1.0"));
    }
}
