//! Which targets a plugin may probe, and with which credentials.

use url::Url;

/// An entry of `allow-probe`, or a configured upstream: what may be probed.
///
/// Scheme, host and port have to be the same. A path allows itself and what lies below it; none
/// allows all. User and password are lent to targets that bring none.
#[derive(Clone, PartialEq, Eq)]
pub struct Allowed(Url);

/// Why a target cannot be probed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The URL makes no sense. Its text is not repeated: it may hold a password.
    #[error("the target is no URL of a server: {0}")]
    Invalid(&'static str),
    /// There is no probe for the scheme.
    #[error("there is no probe for `{0}`; use http, https, tcp, redis, rediss or postgres")]
    Unsupported(String),
    /// Not on the list. The target with its credentials left out, as it would have to stand there.
    #[error("`{0}` may not be probed; add it to `allow-probe` of the plugin")]
    Denied(String),
}

/// Schemes, the port of each, and their other names.
const SCHEMES: [(&str, Option<u16>); 6] = [
    ("http", Some(80)),
    ("https", Some(443)),
    ("tcp", None),
    ("redis", Some(6379)),
    ("rediss", Some(6379)),
    ("postgres", Some(5432)),
];
const OTHER_NAMES: [(&str, &str); 3] =
    [("postgresql", "postgres"), ("valkey", "redis"), ("valkeys", "rediss")];

impl Allowed {
    /// Reads an entry.
    ///
    /// # Errors
    ///
    /// [`Refusal`], but never `Denied`.
    pub fn parse(text: &str) -> Result<Allowed, Refusal> {
        parse(text).map(Allowed)
    }

    fn covers(&self, target: &Url) -> bool {
        let allowed = self.0.path().trim_end_matches('/');
        let below = target.path().strip_prefix(allowed);
        self.0.scheme() == target.scheme()
            && self.0.host_str() == target.host_str()
            && self.0.port() == target.port()
            && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl std::fmt::Debug for Allowed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Allowed({})", entry(&self.0))
    }
}

/// Decides whether `target` may be probed, and lends it the credentials of the entry that allows it
/// if it has none of its own, and so the options of a database (`?sslmode=require`). Of several
/// entries the one with the longest path counts.
///
/// The result has a lower-case host and an explicit port.
///
/// # Errors
///
/// [`Refusal`].
pub fn with_credentials(target: &str, allowed: &[Allowed]) -> Result<Url, Refusal> {
    let mut url = parse(target)?;
    let by_path = |entry: &&Allowed| (entry.0.path().len(), has_credentials(&entry.0));
    let Some(entry) = allowed.iter().filter(|entry| entry.covers(&url)).max_by_key(by_path) else {
        return Err(Refusal::Denied(self::entry(&url)));
    };
    if !has_credentials(&url) && has_credentials(&entry.0) {
        // Both are encoded already, and stay so.
        let lent = url.set_username(entry.0.username()).is_ok()
            && url.set_password(entry.0.password()).is_ok();
        if !lent {
            return Err(Refusal::Invalid("it cannot take credentials"));
        }
    }
    if !url.scheme().starts_with("http") && url.query().is_none() {
        url.set_query(entry.0.query());
    }
    Ok(url)
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The entry that would allow a target: no credentials, path or query.
fn entry(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match port(url) {
        Some(port) if Some(port) != default_port(url.scheme()) => {
            format!("{}://{host}:{port}", url.scheme())
        }
        _ => format!("{}://{host}", url.scheme()),
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    SCHEMES.iter().find(|(name, _)| *name == scheme).and_then(|(_, port)| *port)
}

/// The port, also where the scheme implies it.
pub(super) fn port(url: &Url) -> Option<u16> {
    url.port().or_else(|| default_port(url.scheme()))
}

/// The scheme of a target as a label: one of a few words, whatever the target is.
pub(super) fn known_scheme(target: &str) -> &'static str {
    let scheme = target.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == scheme).map(|(_, name)| *name);
    let scheme = other.unwrap_or(&scheme);
    SCHEMES.iter().find(|(name, _)| *name == scheme).map_or("other", |(name, _)| name)
}

fn parse(text: &str) -> Result<Url, Refusal> {
    let mut url = Url::parse(text).map_err(|_| Refusal::Invalid("write SCHEME://HOST[:PORT]"))?;
    if let Some((_, name)) = OTHER_NAMES.iter().find(|(other, _)| *other == url.scheme()) {
        url.set_scheme(name).map_err(|()| Refusal::Invalid("the scheme does not fit"))?;
    }
    if !SCHEMES.iter().any(|(name, _)| *name == url.scheme()) {
        return Err(Refusal::Unsupported(url.scheme().into()));
    }
    // Only for web addresses does the parser bring the host into one form.
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(Refusal::Invalid("the host is missing or not a name or address"));
    }
    url.set_host(Some(&host)).map_err(|_| Refusal::Invalid("the host is not a name or address"))?;
    let Some(port) = port(&url) else {
        return Err(Refusal::Invalid("the port is missing"));
    };
    if port == 0 {
        return Err(Refusal::Invalid("the port is 0"));
    }
    // The port of a web address is left out where it is the usual one; elsewhere it is written.
    let _ = url.set_port(Some(port));
    if url.scheme() == "tcp" && !matches!(url.path(), "" | "/") {
        return Err(Refusal::Invalid("a tcp target has no path"));
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(entries: &[&str]) -> Vec<Allowed> {
        entries.iter().map(|entry| Allowed::parse(entry).expect("a valid entry")).collect()
    }

    #[test]
    fn scheme_host_port_and_path_decide() {
        let list = allowed(&[
            "tcp://db:5432",
            "redis://cache",
            "https://api.example/health",
            "http://[::1]:9000",
            "postgres://db/app",
        ]);
        for target in [
            "tcp://db:5432",
            "tcp://DB.:5432",
            "redis://cache:6379",
            "redis://cache/3",
            "valkey://cache",
            "https://api.example/health",
            "https://API.example:443/health/deep?x=1",
            "http://[::1]:9000/anything",
            "http://[0:0:0:0:0:0:0:1]:9000/",
            "postgresql://db:5432/app",
        ] {
            assert!(with_credentials(target, &list).is_ok(), "{target}");
        }
        let denied = [
            ("tcp://db:5433", "tcp://db:5433"),
            ("tcp://db2:5432", "tcp://db2:5432"),
            ("rediss://cache", "rediss://cache"),
            ("redis://cache:6380/1", "redis://cache:6380"),
            ("http://api.example/health", "http://api.example"),
            ("https://api.example/", "https://api.example"),
            ("https://api.example/healthy", "https://api.example"),
            ("https://api.example/health/../admin", "https://api.example"),
            ("https://api.example/health/%2e%2e/admin", "https://api.example"),
            ("https://user:secret@api.example.evil/health", "https://api.example.evil"),
            ("https://api.example@evil/health", "https://evil"),
            ("postgres://db/other", "postgres://db"),
        ];
        for (target, entry) in denied {
            let found = with_credentials(target, &list);
            assert_eq!(found, Err(Refusal::Denied(entry.into())), "{target}");
            let list = allowed(&[entry]);
            assert!(with_credentials(target, &list).is_ok(), "{entry} would allow {target}");
        }
    }

    #[test]
    fn credentials_are_lent_to_those_who_bring_none() {
        let list = allowed(&[
            "postgres://me:p%40ss@db?sslmode=require",
            "postgres://db/app",
            "redis://:secret@c",
        ]);
        let lent = |target: &str| with_credentials(target, &list).expect("allowed").to_string();
        assert_eq!(lent("postgres://db/x"), "postgres://me:p%40ss@db:5432/x?sslmode=require");
        let own = "postgres://you@db/x?sslmode=disable";
        assert_eq!(lent(own), "postgres://you@db:5432/x?sslmode=disable");
        assert_eq!(lent("postgres://db/app"), "postgres://db:5432/app", "the longest path counts");
        assert_eq!(lent("redis://c/1"), "redis://:secret@c:6379/1");
        assert!(!format!("{list:?}").contains("secret"), "{list:?}");
    }

    #[test]
    fn what_makes_no_sense_is_told_apart() {
        let table = [
            ("gopher://x", Err(Refusal::Unsupported("gopher".into()))),
            ("mailto:a@b", Err(Refusal::Unsupported("mailto".into()))),
            ("tcp://db", Err(Refusal::Invalid("the port is missing"))),
            ("tcp://db:0", Err(Refusal::Invalid("the port is 0"))),
            ("tcp://db:1/x", Err(Refusal::Invalid("a tcp target has no path"))),
            ("redis:cache", Err(Refusal::Invalid("the host is missing or not a name or address"))),
        ];
        for (target, expected) in table {
            assert_eq!(parse(target).map(|_| ()), expected, "{target}");
        }
        for target in ["", "db:5432", "http://", "http://a b", "redis://a%00b", "tcp://a:99999"] {
            let found = parse(target);
            let refused = matches!(found, Err(Refusal::Invalid(_) | Refusal::Unsupported(_)));
            assert!(refused, "{target}: {found:?}");
        }
    }
}
