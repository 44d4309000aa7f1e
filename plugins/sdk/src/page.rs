//! Pages that a plugin shows on the admin listener.

use crate::value::Header;

/// A request to the admin listener, below the place where the plugin is mounted.
///
/// ```
/// use tamis_sdk::PageRequest;
///
/// let request = PageRequest::new("GET", "/list?limit=10&kind=a%20b");
/// assert_eq!(request.path, "/list");
/// assert_eq!(request.parameter("kind").as_deref(), Some("a b"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Such as `GET`.
    pub method: String,
    /// Begins with `/`.
    pub path: String,
    /// Without the question mark; empty when there is none.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<Header>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl PageRequest {
    /// A request without headers and body, for tests.
    pub fn new(method: impl Into<String>, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The first value of this header. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        crate::http::first(&self.headers, name)
    }

    /// The first value of this parameter of the query, decoded (`+` is a space).
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key) == name).then(|| decoded(value))
        })
    }
}

/// Undoes percent encoding; what is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parameters_are_decoded() {
        let check = |query: &str, name: &str, expected: Option<&str>| {
            let request = PageRequest::new("GET", &format!("/?{query}"));
            assert_eq!(request.parameter(name).as_deref(), expected, "{query}");
        };
        check("a=1&b=2", "b", Some("2"));
        check("a=1&a=2", "a", Some("1"));
        check("a", "a", Some(""));
        check("", "a", None);
        check("a=x+y%21", "a", Some("x y!"));
        check("a=%zz%2", "a", Some("%zz%2"));
        check("a=%C3%A9%FF", "a", Some("é\u{fffd}"));
        check("%61=1", "a", Some("1"));
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_a_panic(query in any::<String>(), name in any::<String>()) {
            let _ = PageRequest::new("GET", &format!("/?{query}")).parameter(&name);
        }

        #[test]
        fn what_is_encoded_is_decoded(value in any::<String>()) {
            let encoded: String =
                value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let request = PageRequest::new("GET", &format!("/?a={encoded}"));
            prop_assert_eq!(request.parameter("a"), Some(value));
        }
    }
}
