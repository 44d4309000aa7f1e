//! From a JSON Schema to an example in TOML: every key, its default or a value of its kind, and
//! what the schema says about it as a comment.
//!
//! What may be left out is commented out. The schema comes from a component, so nothing about it
//! is believed: depth and length are bounded, and what cannot be shown as a table is no example.

use serde_json::Value;

use crate::cli::terminal::{Printable, wrapped};

/// How deep tables in tables are followed.
const DEPTH: usize = 6;
/// The most lines of an example.
const LINES: usize = 400;
/// Columns of a comment.
const COLUMNS: usize = 92;

/// An example of what fits `schema`, under the header `[table]`, as lines. Nothing when the schema
/// is not that of a table with named keys.
pub(super) fn example(schema: &Value, table: &str) -> Option<Vec<String>> {
    let mut writer = Writer { root: schema, lines: Vec::new() };
    let schema = writer.resolved(schema);
    if !is_table(schema) {
        return None;
    }
    writer.table(schema, table, false, 0, false);
    writer.lines.truncate(LINES);
    (writer.lines.len() > 1).then_some(writer.lines)
}

struct Writer<'a> {
    root: &'a Value,
    lines: Vec<String>,
}

impl<'a> Writer<'a> {
    /// The schema that a reference stands for, or of several choices the first that says more
    /// than null.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..DEPTH {
            let referred = schema["$ref"]
                .as_str()
                .and_then(|reference| reference.strip_prefix('#'))
                .and_then(|pointer| self.root.pointer(pointer));
            let chosen = ["oneOf", "anyOf", "allOf"].iter().find_map(|key| {
                let says_more = |choice: &&Value| choice["type"] != "null";
                schema[*key].as_array()?.iter().find(says_more)
            });
            match referred.or(chosen) {
                // A default stands beside the choice, not in it.
                Some(other) if schema.get("default").is_none() || is_table(other) => schema = other,
                _ => break,
            }
        }
        schema
    }

    /// Writes a table: the values first, then the tables in it, as TOML wants it.
    fn table(
        &mut self,
        schema: &'a Value,
        name: &str,
        is_list: bool,
        depth: usize,
        optional: bool,
    ) {
        if depth > DEPTH || self.lines.len() > LINES {
            return;
        }
        let hide = if optional { "#" } else { "" };
        let named = self.resolved(&schema["additionalProperties"]);
        // A table that only holds tables needs no header of its own.
        let has_header = depth == 0 || schema["properties"].is_object() || !is_table(named);
        if has_header {
            // Tables below one of a list are named without its second pair of brackets.
            let (open, close) = if is_list { ("[[", "]]") } else { ("[", "]") };
            self.lines.push(format!("{hide}{open}{name}{close}"));
        }
        let required = |key: &str| {
            let all = schema["required"].as_array();
            all.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(key)))
        };
        let mut tables = Vec::new();
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let inner = self.resolved(property);
            let below = !optional && required(key);
            if is_table(inner) {
                tables.push((key.as_str(), property, inner, below));
                continue;
            }
            let items = self.resolved(&inner["items"]);
            if inner["type"] == "array" && is_table(items) {
                tables.push((key.as_str(), property, items, below));
                continue;
            }
            self.comment(property, inner, required(key));
            let hide = if below { "" } else { "#" };
            let value = self.value(property, inner);
            self.lines.push(format!("{hide}{} = {value}", bare(key)));
        }
        // Keys that the operator names.
        if is_table(named) {
            if has_header {
                self.gap();
            }
            self.comment(&schema["additionalProperties"], named, false);
            self.table(named, &format!("{name}.NAME"), false, depth + 1, true);
        } else if named.is_object() {
            self.comment(&schema["additionalProperties"], named, false);
            let value = self.value(named, named);
            self.lines.push(format!("#NAME = {value}"));
        }
        for (key, property, inner, shown) in tables {
            self.gap();
            self.comment(property, inner, required(key));
            let name = format!("{name}.{}", bare(key));
            let is_list = self.resolved(property)["type"] == "array";
            self.table(inner, &name, is_list, depth + 1, !shown);
        }
    }

    fn gap(&mut self) {
        self.lines.push(String::new());
    }

    /// What the schema says about a value.
    fn comment(&mut self, property: &Value, inner: &Value, required: bool) {
        let said = |key: &str| property[key].as_str().or_else(|| inner[key].as_str());
        let description = said("description").or_else(|| said("title")).unwrap_or_default();
        let mut text = description.trim().to_owned();
        for more in [limits(inner), required.then(|| "Has to be there.".to_owned())] {
            let Some(more) = more else { continue };
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&more);
        }
        if text.is_empty() {
            return;
        }
        for line in wrapped(&text, COLUMNS) {
            self.lines.push(format!("# {}", Printable(&line)));
        }
    }

    /// The default, an example, or a value of the right kind.
    fn value(&self, property: &'a Value, inner: &'a Value) -> String {
        let given = [property, inner].into_iter().find_map(|schema| {
            let example = schema["examples"].get(0).or_else(|| schema.get("example"));
            let choice =
                schema["enum"].as_array().and_then(|all| all.iter().find(|one| !one.is_null()));
            let all = [schema.get("default"), schema.get("const"), example, choice];
            all.into_iter().flatten().find_map(|value| inline(value, 0))
        });
        given.unwrap_or_else(|| self.of_kind(inner))
    }

    fn of_kind(&self, schema: &'a Value) -> String {
        let kind = match &schema["type"] {
            Value::Array(kinds) => {
                kinds.iter().find_map(|kind| kind.as_str().filter(|kind| *kind != "null"))
            }
            kind => kind.as_str(),
        };
        match kind {
            Some("integer") => match schema["minimum"].as_i64() {
                Some(least) => least.to_string(),
                None => "0".to_owned(),
            },
            Some("number") => "0.0".to_owned(),
            Some("boolean") => "false".to_owned(),
            Some("array") => {
                let items = self.resolved(&schema["items"]);
                // Without a word on its items there is nothing to show.
                if items.is_object() && !is_table(items) {
                    format!("[{}]", self.value(items, items))
                } else {
                    "[]".to_owned()
                }
            }
            Some("object") => "{}".to_owned(),
            _ => "\"\"".to_owned(),
        }
    }
}

fn is_table(schema: &Value) -> bool {
    schema["properties"].as_object().is_some_and(|keys| !keys.is_empty())
        || schema["additionalProperties"].is_object()
}

/// What a value may be, as a sentence.
fn limits(schema: &Value) -> Option<String> {
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<_> = choices.iter().filter_map(|one| inline(one, 0)).collect();
        return (choices.len() > 1).then(|| format!("One of {}.", choices.join(", ")));
    }
    let number = |key: &str| schema[key].as_number().map(ToString::to_string);
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => Some(format!("From {least} to {most}.")),
        (Some(least), None) => Some(format!("At least {least}.")),
        (None, Some(most)) => Some(format!("At most {most}.")),
        (None, None) => None,
    }
}

/// A key as TOML wants it.
fn bare(key: &str) -> String {
    let plain = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
    if !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        Value::from(key).to_string().replace('\u{7f}', "\\u007f")
    }
}

/// A JSON value in one line of TOML, which knows no null.
fn inline(value: &Value, depth: usize) -> Option<String> {
    if depth > DEPTH {
        return None;
    }
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        // JSON's escapes are a part of TOML's, but for one character that JSON need not escape.
        Value::String(_) => value.to_string().replace('\u{7f}', "\\u007f"),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(|item| inline(item, depth + 1)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(keys) if keys.is_empty() => "{}".to_owned(),
        Value::Object(keys) => {
            let pair = |(key, value): (&String, &Value)| {
                Some(format!("{} = {}", bare(key), inline(value, depth + 1)?))
            };
            format!("{{ {} }}", keys.iter().filter_map(pair).collect::<Vec<_>>().join(", "))
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_example_shows_every_key_with_its_default() {
        let schema = json!({
            "type": "object",
            "required": ["dsn", "check"],
            "properties": {
                "dsn": { "type": "string", "description": "Where events go.", "examples": ["https://k@host/1"] },
                "rate": { "type": "number", "minimum": 0, "maximum": 1, "default": 0.5 },
                "level": { "enum": ["info", "error"], "default": "error", "description": "From which on." },
                "tags": { "type": "array", "items": { "type": "string" } },
                "depth": { "type": ["integer", "null"], "minimum": 3 },
                "check": {
                    "description": "How it is asked.",
                    "properties": { "path": { "type": "string", "default": "/" } },
                },
                "rule": { "type": "array", "items": { "$ref": "#/$defs/rule" } },
                "checks": { "additionalProperties": { "properties": { "url": { "type": "string" } } } },
                "words": { "additionalProperties": { "type": "string", "description": "One." } },
            },
            "$defs": { "rule": { "required": ["name"], "properties": {
                "name": { "type": "string" },
                "headers": { "additionalProperties": { "type": "string" } },
            } } },
        });
        let lines = example(&schema, "plugins.x.config").expect("a table");
        let text = lines.join("\n");
        for fragment in [
            "[plugins.x.config]\n",
            "# Where events go. Has to be there.\ndsn = \"https://k@host/1\"\n",
            "# From 0 to 1.\n#rate = 0.5\n",
            "# From which on. One of \"info\", \"error\".\n#level = \"error\"\n",
            "#tags = [\"\"]\n",
            "#depth = 3\n",
            "\n# How it is asked. Has to be there.\n[plugins.x.config.check]\n#path = \"/\"\n",
            "\n#[[plugins.x.config.rule]]\n# Has to be there.\n#name = \"\"\n\n\
             #[plugins.x.config.rule.headers]\n#NAME = \"\"",
            "\n\n#[plugins.x.config.words]\n# One.\n#NAME = \"\"",
            "\n\n#[plugins.x.config.checks.NAME]\n#url = \"\"",
        ] {
            assert!(text.contains(fragment), "{fragment:?} in\n{text}");
        }
        parse(&lines);
    }

    #[test]
    fn what_is_no_table_is_no_example() {
        for schema in
            [json!(true), json!({}), json!({ "type": "string" }), json!("text"), json!(null)]
        {
            assert_eq!(example(&schema, "x"), None, "{schema}");
        }
    }

    #[test]
    fn references_in_a_circle_end() {
        let schema = json!({
            "properties": { "a": { "$ref": "#" }, "b": { "$ref": "#/properties/b" }, "é": {} },
        });
        let lines = example(&schema, "x").expect("a table");
        assert!(lines.len() <= LINES);
        parse(&lines);
    }

    /// As written, and with every key that may be left out.
    fn parse(lines: &[String]) {
        let written = lines.join("\n");
        let shown = |line: &String| {
            let line = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
            line.to_owned()
        };
        let all: Vec<_> = lines.iter().map(shown).collect();
        for text in [written, all.join("\n")] {
            let parsed = text.parse::<toml::Table>();
            assert!(parsed.is_ok(), "{text}\n{parsed:?}");
        }
    }

    fn any_schema() -> impl Strategy<Value = Value> {
        let value = prop_oneof![
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            Just(json!([1, "a\n\u{7f}", { "k\"": null, "l": [true] }])),
        ];
        let leaf =
            (value, "[a-z \n#]{0,12}", any::<bool>()).prop_map(|(value, about, bare)| match bare {
                true => json!({ "type": "integer", "description": about }),
                false => json!({ "default": value, "description": about, "enum": [1, "x"] }),
            });
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::btree_map(".{0,6}", inner.clone(), 1..4)
                    .prop_map(|keys| json!({ "properties": keys, "required": ["a"] })),
                inner.clone().prop_map(|items| json!({ "type": "array", "items": items })),
                inner.prop_map(|inner| json!({ "additionalProperties": inner })),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_example_is_toml(keys in prop::collection::btree_map(".{0,6}", any_schema(), 1..5)) {
            let schema = json!({ "type": "object", "properties": keys });
            if let Some(lines) = example(&schema, "plugins.x.config") {
                let written = lines.join("\n");
                prop_assert!(written.parse::<toml::Table>().is_ok(), "{}", written);
            }
        }
    }
}
