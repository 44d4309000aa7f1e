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
        match config.get("explain") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) if testing => settings.explain = true,
            Some(Value::Bool(true)) => errors.push(ConfigError {
                path: "/explain".into(),
                message: "`explain` writes a record for each value and is for trying rules only"
                    .into(),
                hint: Some("take it out, and use `tamis redact --explain`".into()),
            }),
            Some(_) => errors.push(ConfigError {
                path: "/explain".into(),
                message: "`explain` is neither true nor false".into(),
                hint: None,
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
        assert_eq!(Settings::of(&json!(null), false), Ok(Settings::default()));
        let asked = json!({ "responses": true, "response-headers": ["Location"] });
        let settings = Settings::of(&asked, false).expect("valid");
        assert!(settings.responses);
        assert_eq!(settings.response_headers, ["location"]);
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
        let wrong = json!({ "responses": "yes", "response-headers": ["ok", 1, "no good"] });
        let errors = Settings::of(&wrong, false).expect_err("three mistakes");
        let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["/responses", "/response-headers/1", "/response-headers/2"]);
    }
}
