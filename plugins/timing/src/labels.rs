//! Label values of low cardinality: methods that are known, and why an exchange failed.

use tamis_sdk::Outcome;

/// A method as OpenTelemetry's HTTP conventions know it; all others are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Method(u8);

const METHODS: [&str; Method::COUNT] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY",
    "_OTHER",
];

impl Method {
    /// How many there are.
    pub(crate) const COUNT: usize = 11;

    /// Methods are case-sensitive.
    pub(crate) fn of(name: &str) -> Self {
        let last = METHODS.len() - 1;
        let index = METHODS[..last].iter().position(|known| *known == name).unwrap_or(last);
        Self(index as u8)
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(crate) fn as_str(self) -> &'static str {
        METHODS[self.index()]
    }
}

/// `error.type`: what the host says, else the status when it is a server error, else the outcome
/// when there is no whole answer. Empty when all went well.
///
/// `status` is empty when the client got no answer.
pub(crate) fn error_type<'a>(said: Option<&'a str>, outcome: Outcome, status: &'a str) -> &'a str {
    if let Some(said) = said {
        return said;
    }
    if status.starts_with('5') {
        return status;
    }
    match outcome {
        Outcome::Completed | Outcome::Answered | Outcome::Refused => "",
        broken => broken.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_nobody_knows_are_one() {
        for name in ["GET", "QUERY", "TRACE"] {
            assert_eq!(Method::of(name).as_str(), name);
        }
        for name in ["get", "BREW", "", "_OTHER"] {
            assert_eq!(Method::of(name).as_str(), "_OTHER", "`{name}`");
        }
    }

    #[test]
    fn a_failure_has_one_name() {
        for (said, outcome, status, expected) in [
            (None, Outcome::Completed, "200", ""),
            (None, Outcome::Completed, "404", ""),
            (None, Outcome::Completed, "503", "503"),
            (None, Outcome::Answered, "403", ""),
            (None, Outcome::Refused, "503", "503"),
            (None, Outcome::ClientClosed, "", "client-closed"),
            (None, Outcome::ClientClosed, "200", "client-closed"),
            (None, Outcome::UpstreamTimeout, "504", "504"),
            (None, Outcome::UpstreamFailed, "200", "upstream-failed"),
            (Some("upstream.refused"), Outcome::UpstreamFailed, "502", "upstream.refused"),
        ] {
            assert_eq!(error_type(said, outcome, status), expected, "{outcome:?} {status}");
        }
    }
}
