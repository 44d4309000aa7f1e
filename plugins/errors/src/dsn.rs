//! Data source names: where events go, and the key that goes with them.

use serde::Deserialize;

/// `https://KEY@HOST/PROJECT`, taken apart. Never shown as a whole: the key is one.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Dsn {
    /// Scheme, host and port: what an operator allows.
    origin: String,
    /// Folder of the server, without a last slash.
    path: String,
    project: String,
    key: String,
    /// Deprecated, sent along when there is one.
    secret: Option<String>,
}

const REMEDY: &str = "write one such as \"https://KEY@sentry.example/42\"";

impl TryFrom<String> for Dsn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |what: &str| format!("the DSN {what}; {REMEDY}");
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
        if !matches!(scheme, "http" | "https") {
            return Err(wrong("is neither `http` nor `https`"));
        }
        if text.contains(['?', '#']) || text.contains(char::is_whitespace) {
            return Err(wrong("has a query, a fragment or a blank"));
        }
        let (authority, path) = rest.split_once('/').ok_or_else(|| wrong("names no project"))?;
        let (user, host) = authority.rsplit_once('@').ok_or_else(|| wrong("has no key"))?;
        let (key, secret) = match user.split_once(':') {
            Some((key, secret)) => {
                (key, Some(secret.to_owned()).filter(|secret| !secret.is_empty()))
            }
            None => (user, None),
        };
        if key.is_empty()
            || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        {
            return Err(wrong("has no key"));
        }
        if host.is_empty() || host.starts_with(':') {
            return Err(wrong("names no host"));
        }
        let path = path.trim_end_matches('/');
        let (path, project) = match path.rsplit_once('/') {
            Some((path, project)) => (format!("/{path}"), project),
            None => (String::new(), path),
        };
        if project.is_empty() {
            return Err(wrong("names no project"));
        }
        Ok(Self {
            origin: format!("{scheme}://{host}"),
            path,
            project: project.to_owned(),
            key: key.to_owned(),
            secret,
        })
    }
}

impl Dsn {
    /// Where envelopes go.
    pub(crate) fn envelope_url(&self) -> String {
        format!("{}{}/api/{}/envelope/", self.origin, self.path, self.project)
    }

    /// The value of `x-sentry-auth` for this client.
    pub(crate) fn authentication(&self, client: &str) -> String {
        let mut value =
            format!("Sentry sentry_version=7, sentry_client={client}, sentry_key={}", self.key);
        if let Some(secret) = &self.secret {
            value.push_str(", sentry_secret=");
            value.push_str(secret);
        }
        value
    }

    /// The key, which is not secret but nobody's business.
    pub(crate) fn public_key(&self) -> &str {
        &self.key
    }

    /// For people: without the key.
    pub(crate) fn shown(&self) -> String {
        format!("{}{}/{}", self.origin, self.path, self.project)
    }
}

impl std::fmt::Debug for Dsn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Dsn, String> {
        Dsn::try_from(text.to_owned())
    }

    #[test]
    fn the_parts_go_where_they_belong() {
        for (text, url, authentication) in [
            (
                "https://abc123@sentry.example/42",
                "https://sentry.example/api/42/envelope/",
                "Sentry sentry_version=7, sentry_client=c/1, sentry_key=abc123",
            ),
            (
                "http://abc:s3cret@127.0.0.1:8000/1",
                "http://127.0.0.1:8000/api/1/envelope/",
                "Sentry sentry_version=7, sentry_client=c/1, sentry_key=abc, sentry_secret=s3cret",
            ),
            (
                "https://abc:@errors.example/deep/er/shop/",
                "https://errors.example/deep/er/api/shop/envelope/",
                "Sentry sentry_version=7, sentry_client=c/1, sentry_key=abc",
            ),
            (
                "https://abc@[2001:db8::1]:9000/7",
                "https://[2001:db8::1]:9000/api/7/envelope/",
                "Sentry sentry_version=7, sentry_client=c/1, sentry_key=abc",
            ),
        ] {
            let dsn = read(text).expect("a DSN");
            assert_eq!(dsn.envelope_url(), url);
            assert_eq!(dsn.authentication("c/1"), authentication);
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        for (text, word) in [
            ("", "scheme"),
            ("sentry.example/42", "scheme"),
            ("ftp://s3cret@sentry.example/42", "neither"),
            ("https://sentry.example/42", "key"),
            ("https://@sentry.example/42", "key"),
            ("https://s3 cret@sentry.example/42", "blank"),
            ("https://s3cret@sentry.example", "project"),
            ("https://s3cret@sentry.example/", "project"),
            ("https://s3cret@/42", "host"),
            ("https://s3cret@sentry.example/42?x=1", "query"),
        ] {
            let error = read(text).expect_err("no DSN");
            assert!(error.contains(word), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let dsn = read("https://abc:s3cret@sentry.example/42").expect("a DSN");
        assert_eq!(format!("{dsn:?}"), "https://sentry.example/42");
    }
}
