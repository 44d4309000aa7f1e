//! Names whose values are nobody's business: `Authorization`, `access_token`, `sessionid`.
//!
//! A second line behind the redaction of texts, which knows values but not names. Names stay, so
//! that people see what was there. Compared by words, so `author` and `monkey` are not meant.

/// Stands for a value that was taken out.
pub(crate) const FILTERED: &str = "[Filtered]";

/// Words that mean a secret wherever they stand in a name.
const ANYWHERE: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "bearer",
    "session",
    "cookie",
    "csrf",
    "xsrf",
    "apikey",
    "authorization",
    "authentication",
    "privatekey",
    "signature",
];
/// Words that mean one when they stand alone.
const ALONE: [&str; 12] =
    ["auth", "pwd", "pass", "key", "jwt", "sso", "saml", "sid", "pin", "otp", "identity", "sig"];

/// Whether the value of this name is a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    words(name)
        .any(|word| ALONE.contains(&&*word) || ANYWHERE.iter().any(|secret| word.contains(secret)))
        || {
            // `api-key` and `private_key` are one word to some.
            let joined: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            ANYWHERE.iter().any(|secret| joined.to_ascii_lowercase().contains(secret))
        }
}

/// The words of `accessToken`, `access_token` and `Access-Token`, in lower case.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut small = false;
    for c in name.chars() {
        let begins = c.is_ascii_uppercase() && small;
        if (begins || !c.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        small = c.is_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words.into_iter()
}

/// A query with the values of secret names taken out.
pub(crate) fn query(query: &str) -> String {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={FILTERED}"),
        _ => pair.to_owned(),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_secrets() {
        for name in [
            "Authorization",
            "x-api-key",
            "X_Api_Key",
            "apiKey",
            "access_token",
            "accessToken",
            "PASSWORD",
            "user_password",
            "sessionid",
            "PHPSESSID_session",
            "csrftoken",
            "Set-Cookie",
            "private-key",
            "client_secret",
            "auth",
            "x-auth",
            "pwd",
            "sid",
            "jwt",
            "otp",
            "http.request.header.cookie",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "author",
            "authored-by",
            "monkey",
            "keyboard",
            "resident",
            "inside",
            "pinned",
            "http.route",
            "coupon",
            "log.logger",
            "process.pid",
            "url.path",
            "compass",
            "passenger",
            "",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn queries_keep_what_is_no_secret() {
        for (text, expected) in [
            ("coupon=X&token=abc", "coupon=X&token=[Filtered]"),
            ("token", "token"),
            ("author=jane", "author=jane"),
            ("a=1&api_key=2=3&b", "a=1&api_key=[Filtered]&b"),
            ("", ""),
        ] {
            assert_eq!(query(text), expected);
        }
    }
}
