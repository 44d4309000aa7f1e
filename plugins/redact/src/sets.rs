//! Which rules act where: on logs, on requests and responses, on some routes, on some sources.
//!
//! Every place has an engine of its own; places that are not configured apart share one. All of them
//! know the same rules by the same places in the catalogue, so that what they count can be added up.

use crate::custom::Customs;
use crate::engine::Engine;
use crate::rules::{ConfigError, Rules};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The engines, by their place in a list.
pub(crate) struct Sets {
    engines: Vec<Engine>,
    /// Ends of paths may be open (`/payments/*`).
    routes: Vec<(String, usize)>,
    sources: Vec<(String, usize)>,
}

impl Sets {
    /// The place of the engine of everything that has no path and no source.
    pub(crate) const EVERYWHERE: usize = 0;

    /// Reads the rules of all places.
    ///
    /// # Errors
    ///
    /// All mistakes. Those of the rules that hold everywhere are reported first, alone, as they
    /// would be found again in every place.
    pub(crate) fn of(config: &Value) -> Result<Sets, Vec<ConfigError>> {
        let everywhere = Rules::from_config(config)?;
        let shared = everywhere.customs.clone();
        let empty = Map::new();
        let global = config.as_object().unwrap_or(&empty);
        let mut sets = Sets {
            engines: vec![Engine::new(everywhere)],
            routes: Vec::new(),
            sources: Vec::new(),
        };
        let mut errors = Vec::new();
        for (index, place) in places(global, "route", &mut errors).into_iter().enumerate() {
            let at = format!("/route/{index}");
            check_keys(place, &at, &["paths", "mode", "rules"], &mut errors);
            let paths = match place.get("paths") {
                Some(Value::Array(paths)) if !paths.is_empty() => paths.as_slice(),
                _ => {
                    let hint = "paths = [\"/payments/*\"]";
                    errors.push(error(&at, "a route has a list of `paths`", Some(hint)));
                    &[]
                }
            };
            let Some(rules) = rules_of(&shared, global, place, &at, &mut errors) else { continue };
            sets.engines.push(Engine::new(rules));
            for (entry, path) in paths.iter().enumerate() {
                match path.as_str().filter(|path| path.starts_with('/') && is_pattern(path)) {
                    Some(path) => sets.routes.push((path.to_owned(), sets.engines.len() - 1)),
                    None => {
                        let message =
                            "a path begins with `/`, and a star may only stand at its end";
                        errors.push(error(&format!("{at}/paths/{entry}"), message, None));
                    }
                }
            }
        }
        let is_on = |key: &str| config.get(key).is_some_and(|on| *on == Value::Bool(true));
        let on_messages = ["requests", "request-target", "responses"].into_iter().any(is_on)
            || config.get("request-headers").is_some()
            || config.get("response-headers").is_some();
        if !sets.routes.is_empty() && !on_messages {
            let hint = "write `responses = true` to redact the bodies of responses";
            let message = "nothing of a request or response is redacted here";
            errors.push(error("/route", message, Some(hint)));
        }
        for (index, place) in places(global, "source", &mut errors).into_iter().enumerate() {
            let at = format!("/source/{index}");
            check_keys(place, &at, &["name", "mode", "rules"], &mut errors);
            let name = place.get("name").and_then(Value::as_str).filter(|name| is_pattern(name));
            if name.is_none() {
                let hint = "name = \"file:audit.log\"";
                errors.push(error(&at, "a source has a `name`", Some(hint)));
            }
            let Some(rules) = rules_of(&shared, global, place, &at, &mut errors) else { continue };
            sets.engines.push(Engine::new(rules));
            sets.sources.extend(name.map(|name| (name.to_owned(), sets.engines.len() - 1)));
        }
        if errors.is_empty() { Ok(sets) } else { Err(errors) }
    }

    /// The engine of everything that has no path and no source.
    pub(crate) fn everywhere(&self) -> &Engine {
        &self.engines[Sets::EVERYWHERE]
    }

    /// The engine at a place of the list.
    pub(crate) fn engine(&self, place: usize) -> &Engine {
        &self.engines[place]
    }

    /// Whether engines of requests and responses depend on the path.
    pub(crate) fn has_routes(&self) -> bool {
        !self.routes.is_empty()
    }

    /// The place of the engine of the first route that a path fits.
    pub(crate) fn route(&self, path: &str) -> Option<usize> {
        first(&self.routes, path)
    }

    /// The place of the engine of what is on this route.
    pub(crate) fn of_exchange(&self, route: Option<usize>) -> usize {
        route.unwrap_or(Sets::EVERYWHERE)
    }

    /// The place of the engine of this source of logs.
    pub(crate) fn of_source(&self, source: &str) -> usize {
        first(&self.sources, source).unwrap_or(Sets::EVERYWHERE)
    }

    /// Whether any rule on logs wants to keep whole records from going on.
    pub(crate) fn drops_records(&self) -> bool {
        self.engines[Sets::EVERYWHERE].refuses()
            || self.sources.iter().any(|&(_, place)| self.engines[place].refuses())
    }
}

fn first(patterns: &[(String, usize)], text: &str) -> Option<usize> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => text.starts_with(beginning),
        None => text == pattern,
    };
    patterns.iter().find(|(pattern, _)| fits(pattern)).map(|&(_, place)| place)
}

/// Whether a star stands nowhere but at the end.
fn is_pattern(text: &str) -> bool {
    let beginning = text.strip_suffix('*').unwrap_or(text);
    !text.is_empty() && !beginning.contains('*')
}

fn error(path: &str, message: impl Into<String>, hint: Option<&str>) -> ConfigError {
    ConfigError { path: path.into(), message: message.into(), hint: hint.map(str::to_owned) }
}

fn places<'a>(
    global: &'a Map<String, Value>,
    key: &str,
    errors: &mut Vec<ConfigError>,
) -> Vec<&'a Map<String, Value>> {
    let Some(value) = global.get(key) else { return Vec::new() };
    let tables: Option<Vec<_>> =
        value.as_array().and_then(|places| places.iter().map(Value::as_object).collect());
    if tables.is_none() {
        let message = format!("`{key}` has to be a list of tables");
        errors.push(error(&format!("/{key}"), message, Some(&format!("[[{key}]]"))));
    }
    tables.unwrap_or_default()
}

fn check_keys(place: &Map<String, Value>, at: &str, known: &[&str], errors: &mut Vec<ConfigError>) {
    for key in place.keys().filter(|key| !known.contains(&key.as_str())) {
        let path = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        let near = known.iter().find(|known| strsim::damerau_levenshtein(key, known) <= 2);
        errors.push(error(&path, format!("unknown key `{key}`"), near.copied()));
    }
}

/// The rules of one place: those that hold everywhere, with what the place says of its own. A list
/// in which every entry begins with `+` or `-` changes the list that holds everywhere.
fn rules_of(
    shared: &Option<Arc<Customs>>,
    global: &Map<String, Value>,
    place: &Map<String, Value>,
    at: &str,
    errors: &mut Vec<ConfigError>,
) -> Option<Rules> {
    let mut merged = global.clone();
    if let Some(mode) = place.get("mode") {
        merged.insert("mode".into(), mode.clone());
    }
    let mut before = 0;
    if let Some(rules) = place.get("rules") {
        let entries = rules.as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |entry: &Value| entry.as_str().map(str::to_owned);
        let changes = |entry: &Value| text(entry).is_some_and(|text| text.starts_with(['+', '-']));
        if !entries.is_empty() && entries.iter().all(changes) {
            let mut all = match global.get("rules") {
                Some(Value::Array(rules)) => rules.clone(),
                _ => vec![Value::from("default")],
            };
            before = all.len();
            let plain = |entry: &Value| match text(entry) {
                Some(text) => Value::from(text.strip_prefix('+').unwrap_or(&text)),
                None => Value::Null,
            };
            all.extend(entries.iter().map(plain));
            merged.insert("rules".into(), all.into());
        } else {
            merged.insert("rules".into(), rules.clone());
        }
    }
    match Rules::beside(&Value::Object(merged), shared.clone()) {
        Ok(rules) => Some(rules),
        Err(found) => {
            errors.extend(found.into_iter().map(|mut error| {
                if let Some(index) = error.path.strip_prefix("/rules/")
                    && let Ok(index) = index.parse::<usize>()
                {
                    error.path = format!("/rules/{}", index.saturating_sub(before));
                }
                error.path = format!("{at}{}", error.path);
                error
            }));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Scratch;
    use crate::place::Kind;
    use serde_json::json;

    fn errors(config: Value) -> Vec<String> {
        match Sets::of(&config) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| error.path).collect(),
        }
    }

    fn sets(config: Value) -> Sets {
        Sets::of(&config).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    const TEXT: &str = "jane@example.com 4111 1111 1111 1111 password=hunter2";

    fn written(sets: &Sets, place: usize) -> String {
        let out = sets.engine(place).redact(Kind::Text, TEXT.as_bytes(), &mut Scratch::default());
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn routes_and_sources_have_rules_of_their_own() {
        let sets = sets(json!({
            "responses": true,
            "rules": ["email", "card"],
            "route": [
                {"paths": ["/payments/*", "/pay"], "rules": ["+password", "-email"]},
                {"paths": ["/open/*"], "mode": "observe"},
                {"paths": ["/*"], "rules": ["email"]},
            ],
            "source": [{"name": "file:*", "rules": ["default"]}, {"name": "child", "mode": "block"}],
        }));
        for (path, expected) in [
            ("/payments/1", "jane@example.com **********1111 password=[redacted]"),
            ("/pay", "jane@example.com **********1111 password=[redacted]"),
            ("/pay/1", "[email] 4111 1111 1111 1111 password=hunter2"),
            ("/open/x", TEXT),
        ] {
            assert_eq!(written(&sets, sets.of_exchange(sets.route(path))), expected, "{path}");
        }
        let of = |source: &str| written(&sets, sets.of_source(source));
        assert_eq!(of("file:a.log"), "[email] **********1111 password=[redacted]");
        assert_eq!(of("access"), "[email] **********1111 password=hunter2");
        assert!(sets.engine(sets.of_source("child")).refuses() && sets.drops_records());
        assert!(!sets.everywhere().refuses());
    }

    #[test]
    fn mistakes_are_reported_where_they_are() {
        let found = errors(json!({
            "route": [
                {"paths": ["/a*b", "x", 1], "rules": ["emial"]},
                {"path": ["/a"]},
                {"paths": ["/a"], "rules": ["+card", "-emial"], "mode": "dry"},
            ],
            "source": [{"rules": []}, {"name": "child", "rules": "default"}],
        }));
        assert_eq!(
            found,
            [
                "/route/0/rules/0",
                "/route/1/path",
                "/route/1",
                "/route/2/rules/1",
                "/route/2/mode",
                "/source/0",
                "/source/0/rules",
                "/source/1/rules",
            ]
        );
        assert_eq!(errors(json!({"route": [{"paths": ["/a"]}]})), ["/route"]);
        assert_eq!(
            errors(json!({"responses": true, "route": [{"paths": ["/a*b", "x", 1]}]})),
            ["/route/0/paths/0", "/route/0/paths/1", "/route/0/paths/2"]
        );
        assert_eq!(errors(json!({"source": {"name": "child"}})), ["/source"]);
        assert_eq!(errors(json!({"rules": ["emial"], "source": 1})), ["/rules/0"]);
    }
}
