//! Which ways out are guarded beside the logs: what the configuration says of requests and responses.

use serde_json::Value;

use crate::body::Unreadable;
use crate::rules::ConfigError;

/// What is asked for on the request path. Nothing by default: the client is the owner of
/// what it asks for and a login needs its password, as a rule, and an operator who thinks otherwise
/// says so per route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Redact the bodies of requests.
    pub(crate) requests: bool,
    /// Redact these headers of requests; lower case.
    pub(crate) request_headers: Vec<String>,
    /// Redact path and query of requests.
    pub(crate) request_target: bool,
    /// Redact the bodies of responses.
    pub(crate) responses: bool,
    /// Redact these headers of responses; lower case.
    pub(crate) response_headers: Vec<String>,
    /// What becomes of bodies that are text and cannot be read.
    pub(crate) unreadable: Unreadable,
    /// Write a record for each hit and each near miss in a log. Only where rules are tried.
    pub(crate) explain: bool,
}

impl Settings {
    /// Reads its part of the configuration; the rest is that of the rules. `testing` says that rules
    /// are tried out, with nobody's logs.
    ///
    /// # Errors
    ///
    /// All mistakes in this part.
    pub(crate) fn of(config: &Value, testing: bool) -> Result<Settings, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let settings = Settings {
            requests: switch(config, "requests", "redact the bodies of requests", &mut errors),
            request_headers: fields(config, "request-headers", "referer", &mut errors),
            request_target: switch(
                config,
                "request-target",
                "redact path and query of requests",
                &mut errors,
            ),
            responses: switch(config, "responses", "redact the bodies of responses", &mut errors),
            response_headers: fields(config, "response-headers", "location", &mut errors),
            unreadable: unreadable(config, &mut errors),
            explain: switch(config, "explain", "explain each hit", &mut errors),
        };
        if settings.explain && !testing {
            errors.push(ConfigError {
                path: "/explain".into(),
                message: "`explain` writes a record for each value and is for trying rules only"
                    .into(),
                hint: Some("take it out, and use `tamis redact --explain`".into()),
            });
        }
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    /// Whether anything of a request is redacted.
    pub(crate) fn sees_requests(&self) -> bool {
        self.requests || self.request_target || !self.request_headers.is_empty()
    }

    /// Whether anything of a response is redacted.
    pub(crate) fn sees_responses(&self) -> bool {
        self.responses || !self.response_headers.is_empty()
    }
}

fn switch(config: &Value, key: &str, to: &str, errors: &mut Vec<ConfigError>) -> bool {
    match config.get(key) {
        None => false,
        Some(Value::Bool(on)) => *on,
        Some(_) => {
            errors.push(ConfigError {
                path: format!("/{key}"),
                message: format!("`{key}` is neither true nor false"),
                hint: Some(format!("write `{key} = true` to {to}")),
            });
            false
        }
    }
}

fn fields(config: &Value, key: &str, such_as: &str, errors: &mut Vec<ConfigError>) -> Vec<String> {
    let mut fields = Vec::new();
    match config.get(key) {
        None => {}
        Some(Value::Array(names)) => {
            for (index, name) in names.iter().enumerate() {
                match name.as_str().filter(|name| is_field_name(name)) {
                    Some(name) => fields.push(name.to_ascii_lowercase()),
                    None => errors.push(ConfigError {
                        path: format!("/{key}/{index}"),
                        message: "this is no name of a header".into(),
                        hint: Some(format!("write a name such as \"{such_as}\"")),
                    }),
                }
            }
        }
        Some(_) => errors.push(ConfigError {
            path: format!("/{key}"),
            message: format!("`{key}` is no list of names"),
            hint: Some(format!("write a list such as [\"{such_as}\"]")),
        }),
    }
    fields
}

fn unreadable(config: &Value, errors: &mut Vec<ConfigError>) -> Unreadable {
    let known = match config.get("unreadable") {
        None => Some(Unreadable::default()),
        Some(value) => match value.as_str() {
            Some("reject") => Some(Unreadable::Reject),
            Some("pass") => Some(Unreadable::Pass),
            Some("drop-body") => Some(Unreadable::DropBody),
            _ => None,
        },
    };
    if known.is_none() {
        errors.push(ConfigError {
            path: "/unreadable".into(),
            message: "this is nothing that can be done with a body".into(),
            hint: Some("write \"reject\", \"pass\" or \"drop-body\"".into()),
        });
    }
    known.unwrap_or_default()
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn responses_are_left_alone_unless_asked_for() {
        assert_eq!(Settings::of(&json!(null), false), Ok(Settings::default()));
        let asked = json!({ "responses": true, "response-headers": ["Location"] });
        let settings = Settings::of(&asked, false).expect("valid");
        assert!(settings.responses && settings.sees_responses() && !settings.sees_requests());
        assert_eq!(settings.response_headers, ["location"]);
    }

    #[test]
    fn requests_are_left_alone_unless_asked_for() {
        for asked in [
            json!({ "requests": true }),
            json!({ "request-headers": ["Referer"] }),
            json!({ "request-target": true }),
        ] {
            let settings = Settings::of(&asked, false).expect("valid");
            assert!(settings.sees_requests() && !settings.sees_responses(), "{asked}");
        }
    }

    #[test]
    fn rules_are_explained_only_where_they_are_tried() {
        let asked = json!({ "explain": true });
        assert!(Settings::of(&asked, true).expect("valid").explain);
        let errors = Settings::of(&asked, false).expect_err("it is no test");
        assert_eq!(errors[0].path, "/explain");
        assert!(Settings::of(&json!({ "explain": 1 }), true).is_err());
        assert_eq!(Settings::of(&json!({ "explain": false }), false), Ok(Settings::default()));
    }

    #[test]
    fn every_mistake_is_found() {
        let wrong = json!({
            "requests": 1,
            "request-headers": "referer",
            "responses": "yes",
            "response-headers": ["ok", 1, "no good"],
            "unreadable": "burn",
        });
        let errors = Settings::of(&wrong, false).expect_err("six mistakes");
        let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        let expected = [
            "/requests",
            "/request-headers",
            "/responses",
            "/response-headers/1",
            "/response-headers/2",
            "/unreadable",
        ];
        assert_eq!(paths, expected);
    }
}
