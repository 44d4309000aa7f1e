//! Reads a configuration through serde and finds out where it is wrong, everywhere.
//!
//! Serde stops at the first mistake. So what was wrong is taken out and the rest is read again,
//! until it is right or nothing new turns up.

use std::fmt::Write;

use serde::de::DeserializeOwned;

use super::ConfigError;
use super::mistake::{Mistake, Step};
use super::node::Node;

/// So many mistakes are looked for; more than anyone reads at once.
const MOST: usize = 50;

/// Reads `json` as a `T`; see [`Config::parse`](super::Config::parse).
pub(super) fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Vec<ConfigError>> {
    let mut node = match serde_json::from_str(json) {
        Ok(Node::Null) => Node::Table(Vec::new()),
        Ok(node) => node,
        Err(error) => return Err(ConfigError::new("", format!("not JSON: {error}")).into()),
    };
    let mut errors = Vec::new();
    let mut taken_out: Vec<Vec<Step>> = Vec::new();
    loop {
        let mut mistake = match T::deserialize(&node) {
            Ok(value) if errors.is_empty() => return Ok(value),
            Ok(_) => return Err(errors),
            Err(mistake) => mistake,
        };
        mistake.path.reverse();
        if mistake.missing.is_some_and(|key| is_consequence(&mistake.path, key, &taken_out)) {
            return Err(errors);
        }
        errors.push(error(&mistake));
        mistake.path.truncate(mistake.path.len() - mistake.inside);
        if !node.take_out(&mistake.path) || errors.len() == MOST {
            return Err(errors);
        }
        taken_out.push(mistake.path);
    }
}

/// Whether a key is only missing because it was taken out for its own mistake.
fn is_consequence(table: &[Step], key: &str, taken_out: &[Vec<Step>]) -> bool {
    taken_out.iter().any(|path| match path.split_last() {
        Some((Step::Key(last), above)) => last == key && above == table,
        _ => false,
    })
}

fn error(mistake: &Mistake) -> ConfigError {
    let mut pointer = String::new();
    for step in &mistake.path {
        pointer.push('/');
        match step {
            Step::Key(key) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => {
                write!(pointer, "{index}").expect("a string takes everything");
            }
        }
    }
    ConfigError { path: pointer, message: mistake.message.clone(), hint: mistake.hint.clone() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only read by serde")]
    struct Settings {
        #[serde(default)]
        rules: Vec<Rule>,
        #[serde(default)]
        limit: u16,
        #[serde(default)]
        ratio: f64,
        mode: Option<Mode>,
        #[serde(default)]
        labels: BTreeMap<String, u8>,
        wrapped: Option<Wrapped>,
        choice: Option<Choice>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Rule {
        name: String,
        #[serde(default)]
        weight: i8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        FailOpen,
        FailClosed,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read by serde")]
    enum Choice {
        Number(u8),
        Pair(u8, u8),
        Named { a: bool },
    }

    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Wrapped;

    impl TryFrom<String> for Wrapped {
        type Error = &'static str;

        fn try_from(text: String) -> Result<Self, Self::Error> {
            if text == "right" { Ok(Self) } else { Err("has to be right") }
        }
    }

    #[track_caller]
    fn check(json: &str, expected: &[(&str, &str)]) {
        let errors = parse::<Settings>(json).err().unwrap_or_default();
        let found: Vec<_> = errors.iter().map(|error| (&*error.path, &*error.message)).collect();
        assert_eq!(found, expected, "{json}");
    }

    #[test]
    fn what_is_right_is_read() {
        for json in [
            "null",
            "{}",
            r#"{"rules":[{"name":"a"},{"name":"b","weight":-3}],"limit":7,"ratio":1}"#,
            r#"{"ratio":0.5,"mode":"fail-open","labels":{"a":1},"wrapped":"right"}"#,
            r#"{"mode":null,"choice":{"Number":1}}"#,
            r#"{"choice":{"Pair":[1,2]}}"#,
            r#"{"choice":{"Named":{"a":true}}}"#,
        ] {
            check(json, &[]);
        }
    }

    #[test]
    fn mistakes_are_located() {
        check("[]", &[("", "expected a table, found an array")]);
        check(
            r#"{"limit":"x"}"#,
            &[("/limit", "expected a whole number from 0 to 65535, found a string")],
        );
        check(
            r#"{"limit":70000}"#,
            &[("/limit", "expected a whole number from 0 to 65535, found 70000")],
        );
        check(
            r#"{"limit":-1}"#,
            &[("/limit", "expected a whole number from 0 to 65535, found -1")],
        );
        check(
            r#"{"limit":1.5}"#,
            &[("/limit", "expected a whole number from 0 to 65535, found a number")],
        );
        check(
            r#"{"limit":null}"#,
            &[("/limit", "expected a whole number from 0 to 65535, found nothing")],
        );
        check(r#"{"rules":[{"name":"a"},{}]}"#, &[("/rules/1", "`name` is missing")]);
        check(
            r#"{"labels":{"a/b~c":-1}}"#,
            &[("/labels/a~1b~0c", "expected a whole number from 0 to 255, found -1")],
        );
        check(r#"{"wrapped":"left"}"#, &[("/wrapped", "has to be right")]);
        check(
            r#"{"mode":"fail-opened"}"#,
            &[("/mode", "`fail-opened` is none of `fail-open`, `fail-closed`")],
        );
        check(
            r#"{"choice":{"Number":300}}"#,
            &[("/choice/Number", "expected a whole number from 0 to 255, found 300")],
        );
        check(
            r#"{"choice":{"Pair":[1,true]}}"#,
            &[("/choice/Pair/1", "expected a whole number from 0 to 255, found a boolean")],
        );
        check(
            r#"{"choice":{"Named":{"a":1}}}"#,
            &[("/choice/Named/a", "expected a boolean, found 1")],
        );
        check(
            r#"{"choice":"Number"}"#,
            &[("/choice", "expected a value for the case, found no value")],
        );
        check(
            r#"{"choice":{}}"#,
            &[("/choice", "expected a string, or a table with one key, found a table")],
        );
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        check(
            r#"{"rules":[{"nam":"a"},{"name":3},{"name":"c","weight":"x"}],"limit":"x","moed":1}"#,
            &[
                ("/rules/0/nam", "unknown key; known are `name`, `weight`"),
                ("/rules/0", "`name` is missing"),
                ("/rules/1/name", "expected a string, found 3"),
            ],
        );
        check(
            r#"{"limit":"x","ratio":"y","moed":1,"labels":{"a":999,"b":1,"c":"z"}}"#,
            &[
                ("/limit", "expected a whole number from 0 to 65535, found a string"),
                ("/ratio", "expected a number, found a string"),
                (
                    "/moed",
                    "unknown key; known are `rules`, `limit`, `ratio`, `mode`, `labels`, \
                     `wrapped`, `choice`",
                ),
                ("/labels/a", "expected a whole number from 0 to 255, found 999"),
                ("/labels/c", "expected a whole number from 0 to 255, found a string"),
            ],
        );
    }

    #[test]
    fn keys_that_nobody_knows_are_mistakes_without_being_denied() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read by serde")]
        struct Lenient {
            limit: u8,
            inner: Option<Box<Lenient>>,
        }
        let errors = parse::<Lenient>(r#"{"limit":1,"lim":2,"inner":{"limit":1,"outer":{}}}"#)
            .expect_err("two keys are unknown");
        let places: Vec<_> = errors.iter().map(|error| &*error.path).collect();
        assert_eq!(places, ["/lim", "/inner/outer"]);
        assert_eq!(errors[0].message, "unknown key; known are `limit`, `inner`");
    }

    #[test]
    fn a_plugin_may_take_no_configuration() {
        #[derive(Debug, Deserialize)]
        struct Nothing;
        assert!(parse::<Nothing>("null").is_ok());
        assert!(parse::<Nothing>("{}").is_ok());
        let errors = parse::<Nothing>(r#"{"a":1,"b":2}"#).expect_err("there are keys");
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn values_are_not_repeated() {
        let errors = parse::<Settings>(r#"{"limit":"hunter2"}"#).expect_err("a text is no number");
        assert!(!format!("{errors:?}").contains("hunter2"));
    }

    #[test]
    fn the_likely_key_is_named() {
        let check = |json: &str, expected: Option<&str>| {
            let errors = parse::<Settings>(json).expect_err("the key is unknown");
            assert_eq!(errors[0].hint.as_deref(), expected, "{json}");
        };
        check(r#"{"limt":1}"#, Some("`limit`"));
        check(r#"{"label":{}}"#, Some("`labels`"));
        check(r#"{"mode":"fail-close"}"#, Some("`fail-closed`"));
        check(r#"{"something-else":1}"#, None);
    }

    /// Documents that are made of what the settings are made of, in the wrong places.
    fn documents() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;

        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop_oneof![Just("fail-open"), Just("right"), Just("Number")].prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("rules"),
            Just("limit"),
            Just("ratio"),
            Just("mode"),
            Just("labels"),
            Just("wrapped"),
            Just("choice"),
            Just("name"),
            Just("weight"),
            Just("Pair"),
            Just("Number"),
            Just("Named"),
            Just("a"),
            Just("~/"),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(key.clone().prop_map(String::from), inner, 0..6)
                    .prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        /// Every mistake is at a place that is there, or is a key that is there; and there are none
        /// exactly when serde_json reads the document, too.
        #[test]
        fn mistakes_are_where_something_is(document in documents()) {
            let json = document.to_string();
            let by_serde_json = serde_json::from_str::<Settings>(&json);
            match parse::<Settings>(&json) {
                Ok(_) => prop_assert!(by_serde_json.is_ok() || document.is_null(), "{}", json),
                Err(errors) => {
                    prop_assert!(!errors.is_empty());
                    for error in errors {
                        prop_assert!(document.pointer(&error.path).is_some(), "{error} in {json}");
                    }
                    // Lists in place of tables are taken by serde_json, but not here.
                    prop_assert!(by_serde_json.is_err() || json.contains('['), "{}", json);
                }
            }
        }
    }
}
