//! Which ways out are guarded beside the logs: what the configuration says of responses.

use serde_json::Value;

use crate::rules::ConfigError;

/// What is asked for on the request path. Nothing by default: the client is the owner of
/// what it asks for, as a rule, and an operator who thinks otherwise says so per route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Redact the bodies of responses.
    pub(crate) responses: bool,
    /// Redact these headers of responses; lower case.
    pub(crate) response_headers: Vec<String>,
}

impl Settings {
    /// Reads its part of the configuration; the rest is that of the rules.
    ///
    /// # Errors
    ///
    /// All mistakes in this part.
    pub(crate) fn of(config: &Value) -> Result<Settings, Vec<ConfigError>> {
        let mut settings = Settings::default();
        let mut errors = Vec::new();
        match config.get("responses") {
            None => {}
            Some(Value::Bool(responses)) => settings.responses = *responses,
            Some(_) => errors.push(ConfigError {
                path: "/responses".into(),
                message: "`responses` is neither true nor false".into(),
                hint: Some("write `responses = true` to redact the bodies of responses".into()),
            }),
        }
        match config.get("response-headers") {
            None => {}
            Some(Value::Array(names)) => {
                for (index, name) in names.iter().enumerate() {
                    match name.as_str().filter(|name| is_field_name(name)) {
                        Some(name) => settings.response_headers.push(name.to_ascii_lowercase()),
                        None => errors.push(ConfigError {
                            path: format!("/response-headers/{index}"),
                            message: "this is no name of a header".into(),
                            hint: Some("write a name such as \"location\"".into()),
                        }),
                    }
                }
            }
            Some(_) => errors.push(ConfigError {
                path: "/response-headers".into(),
                message: "`response-headers` is no list of names".into(),
                hint: Some("write a list such as [\"location\"]".into()),
            }),
        }
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }
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
        assert_eq!(Settings::of(&json!(null)), Ok(Settings::default()));
        let asked = json!({ "responses": true, "response-headers": ["Location"] });
        let settings = Settings::of(&asked).expect("valid");
        assert!(settings.responses);
        assert_eq!(settings.response_headers, ["location"]);
    }

    #[test]
    fn every_mistake_is_found() {
        let wrong = json!({ "responses": "yes", "response-headers": ["ok", 1, "no good"] });
        let errors = Settings::of(&wrong).expect_err("three mistakes");
        let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["/responses", "/response-headers/1", "/response-headers/2"]);
    }
}
