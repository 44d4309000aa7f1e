//! Refuses what is malformed, and brings a request into the one form all others work with.
//!
//! Of an HTTP/1 request the raw head was already judged before it was parsed (`wire::head`), since a
//! parsed one no longer shows how it was framed. Here comes what can be seen in the parsed request,
//! of either version: its authority, its path, its method, what it expects, and what it wants to
//! become. Nothing is repaired. Which answer fits a [`Refusal`] is decided elsewhere.

use http::{
    HeaderMap, Method, Version,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE},
    request,
};

use super::path::{NormalizedPath, PathRules};
use crate::wire::{Authority, HeadLimits, Refusal};

/// Protocols that a connection may change to.
const PROTOCOLS: [&str; 1] = ["websocket"];

/// What was made of a request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The one effective authority, in normal form. `None` for HTTP/1.0 without a host.
    pub authority: Option<Authority>,
    /// Path and query, in normal form.
    pub path: NormalizedPath,
    /// The protocol that the client wants to change to, when it asked in the proper form. The upgrade
    /// fields of any other request are to be ignored.
    pub upgrade: Option<&'static str>,
}

/// Checks the head of a request.
///
/// `secure` says whether it came over TLS, which decides which port goes without saying.
///
/// # Errors
///
/// The first [`Refusal`] that applies.
pub fn check(
    head: &request::Parts,
    has_body: bool,
    secure: bool,
    limits: &HeadLimits,
    rules: PathRules,
) -> Result<Checked, Refusal> {
    if head.method == Method::CONNECT || head.method == Method::TRACE {
        return Err(Refusal::Method);
    }
    if head.version == Version::HTTP_2 {
        check_http2(head, limits)?;
    }
    check_expectation(&head.headers)?;
    let path = head.uri.path_and_query().ok_or(Refusal::Target)?;
    let path = match path.path() {
        "*" if head.method != Method::OPTIONS => return Err(Refusal::Target),
        _ => NormalizedPath::new(path, rules)?,
    };
    Ok(Checked {
        authority: effective_authority(head, secure)?,
        path,
        upgrade: wanted_protocol(head, has_body),
    })
}

/// One authority out of target and `Host`; both must mean the same.
fn effective_authority(head: &request::Parts, secure: bool) -> Result<Option<Authority>, Refusal> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Refusal::HostRepeated);
    }
    // What goes without saying depends on the scheme of whoever said it.
    let port = |secure: bool| if secure { 443 } else { 80 };
    let target = match (head.uri.scheme_str(), head.uri.authority()) {
        (_, None) => None,
        (Some("http"), Some(authority)) => Some((authority, port(false))),
        (Some("https"), Some(authority)) => Some((authority, port(true))),
        (None, Some(authority)) => Some((authority, port(secure))),
        (Some(_), Some(_)) => return Err(Refusal::Target),
    };
    match (target, host) {
        (None, None) if head.version == Version::HTTP_10 => Ok(None),
        (None, None) => Err(Refusal::HostMissing),
        (None, Some(host)) => Authority::parse(host.as_bytes(), port(secure)).map(Some),
        (Some((target, port)), None) => {
            Authority::parse(target.as_str().as_bytes(), port).map(Some)
        }
        (Some((target, port)), Some(host)) => {
            let target = Authority::parse(target.as_str().as_bytes(), port)?;
            let host = Authority::parse(host.as_bytes(), port)?;
            if target == host { Ok(Some(target)) } else { Err(Refusal::HostDisagrees) }
        }
    }
}

/// What the raw head showed in HTTP/1 has to be seen in the fields of HTTP/2.
fn check_http2(head: &request::Parts, limits: &HeadLimits) -> Result<(), Refusal> {
    if head.headers.len() > limits.fields {
        return Err(Refusal::TooManyFields);
    }
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > limits.target {
        return Err(Refusal::TargetTooLong);
    }
    for value in head.headers.values() {
        let bytes = value.as_bytes();
        let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        if blank(bytes.first()) || blank(bytes.last()) {
            return Err(Refusal::FieldValue);
        }
    }
    if head.headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refusal::CodingInvalid);
    }
    let mut lengths = head.headers.get_all(CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next() {
        let digits = length.as_bytes();
        if lengths.next().is_some() {
            return Err(Refusal::LengthRepeated);
        }
        if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::LengthInvalid);
        }
    }
    Ok(())
}

/// `100-continue`, once, or nothing.
fn check_expectation(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut expectations = headers.get_all(EXPECT).iter();
    let met = match (expectations.next(), expectations.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().eq_ignore_ascii_case(b"100-continue"),
        (Some(_), Some(_)) => false,
    };
    if met { Ok(()) } else { Err(Refusal::Expectation) }
}

/// The protocol asked for: one token that is known, named by `Connection`, in a `GET` without body.
fn wanted_protocol(head: &request::Parts, has_body: bool) -> Option<&'static str> {
    let mut tokens = head.headers.get_all(UPGRADE).iter();
    let token = tokens.next()?;
    if tokens.next().is_some()
        || has_body
        || head.method != Method::GET
        || head.version != Version::HTTP_11
    {
        return None;
    }
    let named = head.headers.get_all(CONNECTION).iter().any(|value| {
        let mut names = value.as_bytes().split(|byte| *byte == b',');
        names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    });
    let known = |protocol: &&str| token.as_bytes().eq_ignore_ascii_case(protocol.as_bytes());
    if named { PROTOCOLS.into_iter().find(|protocol| known(protocol)) } else { None }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(
        version: Version,
        method: &str,
        uri: &str,
        fields: &[(&str, &str)],
    ) -> Option<request::Parts> {
        let mut request = Request::builder().version(version).method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        Some(request.body(()).ok()?.into_parts().0)
    }

    fn judge(head: &request::Parts) -> Result<Checked, Refusal> {
        check(head, false, false, &HeadLimits::default(), PathRules::default())
    }

    #[track_caller]
    fn authority(version: Version, uri: &str, hosts: &[&str], want: Result<Option<&str>, Refusal>) {
        let fields: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
        let head = head(version, "GET", uri, &fields).expect("a request");
        let have = judge(&head).map(|checked| checked.authority.map(|have| have.to_string()));
        assert_eq!(have, want.map(|want| want.map(str::to_owned)), "{uri} {hosts:?}");
    }

    #[test]
    fn there_is_one_authority() {
        let (old, one, two) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        authority(one, "/", &["A.example.:80"], Ok(Some("a.example")));
        authority(one, "/", &["a:8080"], Ok(Some("a:8080")));
        authority(one, "/", &[], Err(Refusal::HostMissing));
        authority(old, "/", &[], Ok(None));
        authority(old, "/", &["a"], Ok(Some("a")));
        authority(one, "/", &["a", "a"], Err(Refusal::HostRepeated));
        authority(one, "/", &["a", "b"], Err(Refusal::HostRepeated));
        authority(one, "/", &[""], Err(Refusal::HostInvalid));
        authority(one, "/", &["a b"], Err(Refusal::HostInvalid));
        authority(one, "/", &["u@a"], Err(Refusal::HostInvalid));
        authority(one, "/", &["a:0"], Err(Refusal::HostInvalid));
        authority(one, "/", &["a:65536"], Err(Refusal::HostInvalid));
        authority(one, "http://a/", &["a"], Ok(Some("a")));
        authority(one, "http://A:80/", &["a."], Ok(Some("a")));
        authority(one, "http://a/", &["a:80"], Ok(Some("a")));
        authority(one, "https://a:443/", &["a"], Ok(Some("a")));
        authority(one, "http://a/", &["b"], Err(Refusal::HostDisagrees));
        authority(one, "http://a/", &["a:8080"], Err(Refusal::HostDisagrees));
        authority(one, "http://u@a/", &["a"], Err(Refusal::HostInvalid));
        authority(one, "ftp://a/", &["a"], Err(Refusal::Target));
        authority(two, "http://a/", &[], Ok(Some("a")));
        authority(two, "http://a/", &["a"], Ok(Some("a")));
        authority(two, "http://a/", &["b"], Err(Refusal::HostDisagrees));
        authority(two, "http://a/", &["a", "a"], Err(Refusal::HostRepeated));
        authority(two, "/", &[], Err(Refusal::HostMissing));
    }

    #[test]
    fn over_tls_another_port_goes_without_saying() {
        let head = head(Version::HTTP_11, "GET", "/", &[("host", "a:443")]).expect("a request");
        for (secure, want) in [(true, "a"), (false, "a:443")] {
            let checked = check(&head, false, secure, &HeadLimits::default(), PathRules::default());
            assert_eq!(checked.expect("fine").authority.expect("one").as_str(), want);
        }
    }

    #[test]
    fn methods_that_are_no_requests_to_a_server_are_refused() {
        for (method, uri, want) in [
            ("CONNECT", "a:22", Err(Refusal::Method)),
            ("TRACE", "/", Err(Refusal::Method)),
            ("OPTIONS", "*", Ok(())),
            ("GET", "*", Err(Refusal::Target)),
            ("PROPFIND", "/", Ok(())),
            ("BREW", "/", Ok(())),
        ] {
            for version in [Version::HTTP_11, Version::HTTP_2] {
                let uri = match (version, uri) {
                    (Version::HTTP_2, "/") => "http://a/",
                    _ => uri,
                };
                let head = head(version, method, uri, &[("host", "a")]).expect("a request");
                assert_eq!(judge(&head).map(|_| ()), want, "{method} {version:?}");
            }
        }
    }

    #[test]
    fn only_one_expectation_can_be_met() {
        for (values, met) in [
            (&[][..], true),
            (&["100-continue"], true),
            (&["100-Continue"], true),
            (&["200-maybe"], false),
            (&[""], false),
            (&["100-continue", "100-continue"], false),
            (&["100-continue, 100-continue"], false),
        ] {
            let mut fields = vec![("host", "a")];
            fields.extend(values.iter().map(|value| ("expect", *value)));
            let head = head(Version::HTTP_11, "POST", "/", &fields).expect("a request");
            let want = if met { Ok(()) } else { Err(Refusal::Expectation) };
            assert_eq!(judge(&head).map(|_| ()), want, "{values:?}");
        }
    }

    #[test]
    fn an_upgrade_is_a_lone_websocket_get() {
        let wanted = |method: &str, upgrade: &[&str], connection: &str, has_body: bool| {
            let mut fields = vec![("host", "a"), ("connection", connection)];
            fields.extend(upgrade.iter().map(|value| ("upgrade", *value)));
            let head = head(Version::HTTP_11, method, "/", &fields).expect("a request");
            let checked =
                check(&head, has_body, false, &HeadLimits::default(), PathRules::default());
            checked.expect("not refused").upgrade
        };
        assert_eq!(wanted("GET", &["websocket"], "upgrade", false), Some("websocket"));
        assert_eq!(wanted("GET", &["WebSocket"], "keep-alive, Upgrade", false), Some("websocket"));
        assert_eq!(wanted("GET", &["websocket"], "keep-alive", false), None);
        assert_eq!(wanted("GET", &["foo"], "upgrade", false), None);
        assert_eq!(wanted("GET", &["h2c"], "upgrade", false), None);
        assert_eq!(wanted("GET", &["websocket, h2c"], "upgrade", false), None);
        assert_eq!(wanted("GET", &["websocket", "websocket"], "upgrade", false), None);
        assert_eq!(wanted("POST", &["websocket"], "upgrade", false), None);
        assert_eq!(wanted("GET", &["websocket"], "upgrade", true), None);
        assert_eq!(wanted("GET", &[], "upgrade", false), None);
        let old = [("host", "a"), ("connection", "upgrade"), ("upgrade", "websocket")];
        let old = head(Version::HTTP_10, "GET", "/", &old).expect("a request");
        assert_eq!(judge(&old).expect("not refused").upgrade, None);
    }

    #[test]
    fn http2_fields_are_held_to_the_same_form() {
        let judge = |fields: &[(&str, &str)]| {
            judge(&head(Version::HTTP_2, "POST", "http://a/", fields).expect("a request"))
                .map(|_| ())
        };
        assert_eq!(judge(&[("x", "a b")]), Ok(()));
        assert_eq!(judge(&[("x", "")]), Ok(()));
        assert_eq!(judge(&[("x", " a")]), Err(Refusal::FieldValue));
        assert_eq!(judge(&[("x", "a\t")]), Err(Refusal::FieldValue));
        assert_eq!(judge(&[("content-length", "5")]), Ok(()));
        assert_eq!(judge(&[("content-length", "+5")]), Err(Refusal::LengthInvalid));
        assert_eq!(judge(&[("content-length", "5"); 2]), Err(Refusal::LengthRepeated));
        assert_eq!(judge(&[("transfer-encoding", "chunked")]), Err(Refusal::CodingInvalid));
        assert_eq!(judge(&[("x", "y"); 100]), Ok(()));
        assert_eq!(judge(&[("x", "y"); 101]), Err(Refusal::TooManyFields));
        let target = |length: usize| {
            let uri = format!("http://a/{}", "x".repeat(length - 1));
            super::tests::judge(&head(Version::HTTP_2, "GET", &uri, &[]).expect("a request"))
                .map(|_| ())
        };
        assert_eq!(target(8192), Ok(()));
        assert_eq!(target(8193), Err(Refusal::TargetTooLong));
    }

    #[test]
    fn the_path_that_is_checked_is_the_path_that_is_sent() {
        let checked = |uri: &str| {
            judge(&head(Version::HTTP_11, "GET", uri, &[("host", "a")]).expect("a request")).ok()
        };
        assert_eq!(checked("/a/../b?c").expect("fine").path.as_str(), "/b?c");
        assert_eq!(checked("http://a").expect("fine").path.as_str(), "/");
        assert!(checked("/pub/..%2f..%2fadmin").is_none());
    }
}
