//! URLs: origins of HTTP servers, and services with their credentials.
//!
//! Only the parts that tamis acts on are accepted; what would be ignored is refused. Host
//! names are kept in lower case and not resolved here.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use super::Mistake;
use super::address::Scheme;
use super::secret::Secret;
use crate::config::excerpt::quoted;

/// A server reached by HTTP: scheme, host and port, and nothing behind them.
///
/// Shown as `http://127.0.0.1:9000`; a port that goes without saying is left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpOrigin {
    /// Plain or encrypted.
    pub scheme: Scheme,
    /// Name or address in lower case; IPv6 without its brackets.
    pub host: String,
    /// The port, filled in from the scheme.
    pub port: u16,
}

impl HttpOrigin {
    /// Host and port as they appear in a URL or in a `host` field: `app:9000`, `[::1]:9000`.
    pub fn authority(&self) -> String {
        let host = bracketed(&self.host);
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl FromStr for HttpOrigin {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let wrong =
            |remedy: String| Mistake::new(format!("{} is no HTTP origin", quoted(text)), remedy);
        let example =
            || wrong("write scheme, host and port, such as \"http://127.0.0.1:9000\"".into());
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(match text.strip_prefix("unix:") {
                Some(_) => wrong(
                    "Unix sockets are not supported; let the application listen on 127.0.0.1"
                        .into(),
                ),
                None if split_host(text).is_some() => wrong(format!("write \"http://{text}\"")),
                None => example(),
            });
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "ws" | "wss" => {
                return Err(wrong("write `http` or `https`; WebSockets begin as HTTP".into()));
            }
            _ => return Err(example()),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(wrong("leave the credentials out; the client's are passed on".into()));
        }
        let (host, port) = split_host(authority).ok_or_else(example)?;
        let origin = Self { scheme, host, port: port.unwrap_or(scheme.port()) };
        if path.is_empty() || path == "/" {
            return Ok(origin);
        }
        Err(wrong(format!("write \"{origin}\": paths are passed on as they come in")))
    }
}

impl fmt::Display for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

/// A service that is reached by URL, with credentials: `redis://:pw@cache:6379/0`.
///
/// `Debug` and `Display` leave the credentials out.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    /// `http`, `https`, `tcp`, `redis` or `postgres`.
    pub scheme: String,
    /// Name or address in lower case; IPv6 without its brackets.
    pub host: String,
    /// The port, filled in from the scheme.
    pub port: u16,
    /// What follows the first `/` behind the port: a database, or nothing.
    pub path: String,
    /// What follows the question mark, undecoded, or nothing.
    pub query: String,
    /// User, decoded.
    pub user: Option<Secret>,
    /// Password, decoded.
    pub password: Option<Secret>,
}

impl ServiceUrl {
    /// Schemes, and their ports unless one has to be given.
    const SCHEMES: [(&'static str, Option<u16>); 6] = [
        ("http", Some(80)),
        ("https", Some(443)),
        ("tcp", None),
        ("redis", Some(6379)),
        ("postgres", Some(5432)),
        ("postgresql", Some(5432)),
    ];

    /// Host and port as they appear in a URL: `db:5432`, `[::1]:6379`.
    pub fn authority(&self) -> String {
        format!("{}:{}", bracketed(&self.host), self.port)
    }
}

impl From<&HttpOrigin> for ServiceUrl {
    /// The same server, as something that can be probed.
    fn from(origin: &HttpOrigin) -> Self {
        Self {
            scheme: origin.scheme.as_str().to_owned(),
            host: origin.host.clone(),
            port: origin.port,
            path: String::new(),
            query: String::new(),
            user: None,
            password: None,
        }
    }
}

impl FromStr for ServiceUrl {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let wrong =
            |remedy: &str| Mistake::new(format!("{} is no URL of a service", quoted(text)), remedy);
        let example = "write a URL, such as \"tcp://db:5432\", \"redis://cache:6379/0\", \"postgres://db/app\" or \"https://api.example\"";
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong(example))?;
        let scheme = scheme.to_ascii_lowercase();
        let Some((_, default)) = Self::SCHEMES.iter().find(|(known, _)| *known == scheme) else {
            return Err(wrong("the scheme is one of `http` `https` `tcp` `redis` `postgres`"));
        };
        let scheme = if scheme == "postgresql" { "postgres".to_owned() } else { scheme };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A user part may hold a `/` that should have been encoded: the last `@` ends it.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_host(authority).ok_or_else(|| wrong(example))?;
        let Some(port) = port.or(*default) else {
            return Err(wrong("a `tcp` URL needs a port, such as \"tcp://db:5432\""));
        };
        if path.contains('#') || query.contains('#') {
            return Err(wrong("leave out what begins with `#`"));
        }
        if matches!(scheme.as_str(), "http" | "https" | "tcp") {
            if user.is_some() {
                return Err(wrong("leave the credentials out; this scheme has no use for them"));
            }
            if !path.is_empty() || !query.is_empty() {
                return Err(wrong("end the URL behind host and port; the whole server is meant"));
            }
        }
        let decoded = |part: &str| match percent_decoded(part) {
            Some(text) => Ok((!text.is_empty()).then(|| Secret::new(text))),
            None => {
                Err(wrong("`%` in the credentials is followed by two hex digits: `%25` for itself"))
            }
        };
        let (user, password) =
            user.unwrap_or_default().split_once(':').unwrap_or((user.unwrap_or_default(), ""));
        let (user, password) = (decoded(user)?, decoded(password)?);
        let (path, query) = (path.to_owned(), query.to_owned());
        Ok(Self { scheme, host, port, path, query, user, password })
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())?;
        if self.path.is_empty() { Ok(()) } else { write!(f, "/{}", self.path) }
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Splits `host:port`; nothing when the host is empty or cannot be one.
fn split_host(authority: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        let port = if port.is_empty() { None } else { Some(port_number(port.strip_prefix(':')?)?) };
        return Some((host.to_ascii_lowercase(), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port_number(port)?)),
        None => (authority, None),
    };
    let host = host.to_ascii_lowercase();
    is_host(&host).then_some((host, port))
}

fn port_number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// Whether it may be the name of a host, or an IPv4 address; in lower case.
pub(super) fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    (1..=253).contains(&text.len()) && text.split('.').all(label)
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// `p%40ss` → `p@ss`; nothing when a `%` is not followed by two hex digits, or when the bytes
/// are not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        let hex = std::str::from_utf8(digits)
            .ok()
            .filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn origins_end_behind_the_port() {
        for (text, shown) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("HTTP://App.Example/", "http://app.example"),
            ("https://api.example:443", "https://api.example"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("http://my_app:80", "http://my_app"),
        ] {
            assert_eq!(text.parse::<HttpOrigin>().expect(text).to_string(), shown);
        }
    }

    #[test]
    fn wrong_origins_name_the_right_one() {
        for (text, remedy) in [
            ("127.0.0.1:9000", "\"http://127.0.0.1:9000\""),
            ("app", "\"http://app\""),
            ("http://app:9000/api/v1?x=1", "\"http://app:9000\""),
            ("http://u:p@app", "credentials"),
            ("ftp://app", "such as"),
            ("ws://app", "begin as HTTP"),
            ("unix:/run/app.sock", "listen on 127.0.0.1"),
            ("http://", "such as"),
            ("http://app:0", "such as"),
            ("http://app:+80", "such as"),
            ("http://app:99999", "such as"),
            ("http://[::1", "such as"),
            ("http://a b", "such as"),
            ("http://-a", "such as"),
            ("", "such as"),
        ] {
            let mistake = text.parse::<HttpOrigin>().expect_err(text);
            assert!(mistake.remedy.contains(remedy), "{text}: {mistake}");
            assert!(!mistake.to_string().contains("u:p"), "{text}: credentials are not shown");
        }
    }

    #[test]
    fn services_keep_their_credentials_to_themselves() {
        let url: ServiceUrl =
            "postgresql://jane:p%40s%2Fs@DB/app?sslmode=require".parse().expect("a URL");
        assert_eq!(format!("{url} {url:?}"), "postgres://db:5432/app postgres://db:5432/app");
        assert_eq!(url.user.as_ref().map(Secret::expose), Some("jane"));
        assert_eq!(url.password.as_ref().map(Secret::expose), Some("p@s/s"));
        assert_eq!(url.query, "sslmode=require");

        let url: ServiceUrl = "redis://:a/b@[::1]:6380/2".parse().expect("a URL");
        assert_eq!(url.to_string(), "redis://[::1]:6380/2");
        assert_eq!((url.user, url.password.as_ref().map(Secret::expose)), (None, Some("a/b")));
    }

    #[test]
    fn wrong_services_say_what_is_missing() {
        for (text, remedy) in [
            ("db:5432", "such as"),
            ("tcp://db", "needs a port"),
            ("mysql://db", "scheme is one of"),
            ("redis://", "such as"),
            ("https://k@api.example", "no use for them"),
            ("https://api.example/v1", "behind host and port"),
            ("tcp://db:1/x", "behind host and port"),
            ("redis://:%zz@h", "`%25`"),
            ("redis://:%+1@h", "`%25`"),
            ("redis://:%ff@h", "`%25`"),
            ("redis://h/0#x", "`#`"),
        ] {
            let mistake = text.parse::<ServiceUrl>().expect_err(text);
            assert!(mistake.remedy.contains(remedy), "{text}: {mistake}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in "(http|redis|tcp)?(://)?[ -~é]{0,30}") {
            if let Ok(origin) = text.parse::<HttpOrigin>() {
                prop_assert_eq!(origin.to_string().parse(), Ok(origin));
            }
            let _ = text.parse::<ServiceUrl>();
        }
    }
}
