//! Which exchanges failed, and how that is called.

use tamis_sdk::{Outcome, Severity};

use crate::settings::Settings;

/// How an exchange failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure<'a> {
    /// Stable and machine-readable.
    pub(crate) kind: &'a str,
    /// The type of the exception that stands for it.
    pub(crate) name: &'static str,
    /// In one sentence, the same for the same failure.
    pub(crate) message: String,
    pub(crate) severity: Severity,
}

/// Kind, type, sentence, and who has to act.
const KINDS: [(&str, &str, &str, &str); 20] = [
    (
        "upstream.refused",
        "UpstreamConnectRefused",
        "the upstream refused the connection",
        "upstream",
    ),
    (
        "upstream.dns",
        "UpstreamDnsError",
        "the name of the upstream could not be resolved",
        "network",
    ),
    ("upstream.unreachable", "UpstreamUnreachable", "the upstream could not be reached", "network"),
    (
        "upstream.tls",
        "UpstreamTlsError",
        "the upstream offered no TLS that can be trusted",
        "upstream",
    ),
    (
        "upstream.timeout.connect",
        "UpstreamConnectTimeout",
        "the upstream did not accept the connection in time",
        "network",
    ),
    (
        "upstream.timeout.header",
        "UpstreamHeaderTimeout",
        "the upstream did not begin to answer in time",
        "upstream",
    ),
    (
        "upstream.timeout.body",
        "UpstreamBodyTimeout",
        "the upstream stopped in its answer",
        "upstream",
    ),
    ("upstream.timeout", "UpstreamTimeout", "the upstream took too long", "upstream"),
    ("upstream.reset", "UpstreamReset", "the upstream broke the connection off", "upstream"),
    (
        "upstream.bad-response",
        "UpstreamBadResponse",
        "the answer of the upstream was malformed",
        "upstream",
    ),
    ("upstream.status", "UpstreamStatus5xx", "", "upstream"),
    (
        "upstream.none-healthy",
        "NoHealthyUpstream",
        "no server of the upstream is healthy",
        "upstream",
    ),
    ("upstream.failed", "UpstreamFailed", "the upstream failed", "upstream"),
    ("client.aborted", "ClientAborted", "the client went away", "client"),
    ("client.timeout", "ClientTimeout", "the client took too long", "client"),
    ("plugin.fault", "PluginFault", "a plugin failed and stops what it cannot check", "proxy"),
    ("plugin.trap", "PluginTrap", "a plugin trapped", "proxy"),
    ("plugin.deadline", "PluginDeadline", "a plugin took too long", "proxy"),
    ("plugin.memory", "PluginMemory", "a plugin ran out of memory", "proxy"),
    ("upstream.url", "UpstreamUrl", "the address of the upstream cannot be used", "proxy"),
];

/// What an exchange that ended so failed of; `None` when it did not.
///
/// `said` is the host's own word, `error.type`.
pub(crate) fn of<'a>(
    outcome: Outcome,
    status: u16,
    said: Option<&'a str>,
    settings: &Settings,
) -> Option<Failure<'a>> {
    let fallback = match outcome {
        Outcome::Completed if settings.is_failure(status) => "upstream.status",
        Outcome::UpstreamFailed => "upstream.failed",
        Outcome::UpstreamTimeout => "upstream.timeout",
        Outcome::Fault => "plugin.fault",
        Outcome::ClientClosed if settings.client_aborts => "client.aborted",
        Outcome::Completed | Outcome::Answered | Outcome::Refused | Outcome::ClientClosed => {
            return None;
        }
    };
    let said = said.filter(|_| outcome != Outcome::Completed);
    let kind = said.filter(|said| group(said) == group(fallback)).unwrap_or(fallback);
    let (name, sentence) = match known(kind) {
        Some(known) => (known.1, known.2),
        None => known(fallback).map_or(("UpstreamFailed", ""), |known| (known.1, known.2)),
    };
    let message = if kind == "upstream.status" {
        format!("HTTP Client Error with status code: {status}")
    } else {
        sentence.to_owned()
    };
    let severity = if outcome == Outcome::ClientClosed { Severity::Warn } else { Severity::Error };
    Some(Failure { kind, name, message, severity })
}

/// Who has to act, by the kind of an event: `client`, `proxy`, `network` or `upstream`.
pub(crate) fn caused_by(kind: &str) -> Option<&'static str> {
    known(kind).map(|known| known.3).or_else(|| match group(kind) {
        "upstream" => Some("upstream"),
        "client" => Some("client"),
        "plugin" => Some("proxy"),
        _ => None,
    })
}

/// Whether an event of this kind tells how an exchange ended, and not why.
pub(crate) fn is_of_exchange(kind: &str) -> bool {
    matches!(group(kind), "upstream" | "client") || kind == "plugin.fault"
}

/// Whether the application itself may have said more about a failure of this kind.
pub(crate) fn may_be_logged(kind: &str) -> bool {
    matches!(
        kind,
        "upstream.status" | "upstream.reset" | "upstream.bad-response" | "upstream.failed"
    )
}

fn known(kind: &str) -> Option<&'static (&'static str, &'static str, &'static str, &'static str)> {
    KINDS.iter().find(|known| known.0 == kind)
}

fn group(kind: &str) -> &str {
    kind.split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_and_statuses_make_failures() {
        let settings = Settings::default();
        let eager = Settings { client_aborts: true, ..Settings::default() };
        for (outcome, status, said, expected) in [
            (Outcome::Completed, 200, None, None),
            (Outcome::Completed, 404, None, None),
            (Outcome::Completed, 500, None, Some(("upstream.status", "UpstreamStatus5xx"))),
            (Outcome::Completed, 503, Some("503"), Some(("upstream.status", "UpstreamStatus5xx"))),
            (Outcome::Refused, 503, None, None),
            (Outcome::ClientClosed, 200, Some("client.aborted"), None),
            (Outcome::UpstreamFailed, 502, None, Some(("upstream.failed", "UpstreamFailed"))),
            (
                Outcome::UpstreamFailed,
                502,
                Some("upstream.refused"),
                Some(("upstream.refused", "UpstreamConnectRefused")),
            ),
            (
                Outcome::UpstreamFailed,
                502,
                Some("upstream.odd"),
                Some(("upstream.odd", "UpstreamFailed")),
            ),
            (
                Outcome::UpstreamFailed,
                502,
                Some("502"),
                Some(("upstream.failed", "UpstreamFailed")),
            ),
            (
                Outcome::UpstreamTimeout,
                504,
                Some("upstream.timeout.header"),
                Some(("upstream.timeout.header", "UpstreamHeaderTimeout")),
            ),
            (Outcome::Fault, 500, Some("plugin.trap"), Some(("plugin.trap", "PluginTrap"))),
            (Outcome::Fault, 500, None, Some(("plugin.fault", "PluginFault"))),
        ] {
            let failure = of(outcome, status, said, &settings);
            assert_eq!(
                failure.map(|failure| (failure.kind, failure.name)),
                expected,
                "{outcome:?} {status} {said:?}"
            );
        }
        let aborted = of(Outcome::ClientClosed, 0, None, &eager).expect("it was asked for");
        assert_eq!((aborted.kind, aborted.severity), ("client.aborted", Severity::Warn));
        let status = of(Outcome::Completed, 502, None, &settings).expect("it failed");
        assert_eq!(status.message, "HTTP Client Error with status code: 502");
    }

    #[test]
    fn every_kind_has_a_name_and_somebody_to_act() {
        for (kind, name, sentence, by) in KINDS {
            assert!(!name.is_empty() && (kind == "upstream.status" || !sentence.is_empty()));
            assert!(["client", "proxy", "network", "upstream"].contains(&by), "{kind}");
            assert_eq!(caused_by(kind), Some(by));
        }
        assert_eq!(caused_by("upstream.odd"), Some("upstream"));
        assert_eq!(caused_by("log.exception"), None);
        assert!(is_of_exchange("upstream.odd") && !is_of_exchange("log.message"));
        assert!(!is_of_exchange("plugin.trap"), "the host says more about it");
    }
}
