//! Which rules act where: on logs, on the bodies of responses, on some routes, on some sources.
//!
//! Every place has an engine of its own; places that are not configured apart share one. All of them
//! know the same rules by the same places in the catalogue, so that what they count can be added up.
//!
//! A client is the owner of what it asks for, as a rule. So on the bodies of responses, where nobody
//! said which rules he wants, only those act whose values nobody expects there: a page may show its
//! reader's address, and whoever asks for a token has to get it. The others report.

use crate::engine::Engine;
use crate::rule::Catalogue;
use crate::rules::{Action, ConfigError, Rules, Traits};
use serde_json::{Map, Value};

/// Rules that act on the bodies of responses where no rules are configured.
const ACT_ON_BODIES: [&str; 5] = ["card", "iban", "us-ssn", "private-key", "url-userinfo"];

/// The engines, by their place in a list.
pub(crate) struct Sets {
    engines: Vec<Engine>,
    /// Ends of paths may be open (`/payments/*`).
    routes: Vec<(String, usize)>,
    sources: Vec<(String, usize)>,
}

/// The engine of the bodies of responses.
const BODIES: usize = 1;

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
        let empty = Map::new();
        let global = config.as_object().unwrap_or(&empty);
        let bodies = of_bodies(Rules::from_config(config)?, global);
        let mut sets = Sets {
            engines: vec![Engine::new(everywhere), Engine::new(bodies)],
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
            let Some(rules) = rules_of(global, place, &at, &mut errors) else { continue };
            let acts = place.contains_key("rules");
            let rules = if acts { rules } else { of_bodies(rules, global) };
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
        let on_responses = config.get("responses").is_some_and(|on| *on == Value::Bool(true))
            || config.get("response-headers").is_some();
        if !sets.routes.is_empty() && !on_responses {
            let hint = "write `responses = true` to redact the bodies of responses";
            errors.push(error("/route", "nothing of a response is redacted here", Some(hint)));
        }
        for (index, place) in places(global, "source", &mut errors).into_iter().enumerate() {
            let at = format!("/source/{index}");
            check_keys(place, &at, &["name", "mode", "rules"], &mut errors);
            let name = place.get("name").and_then(Value::as_str).filter(|name| is_pattern(name));
            if name.is_none() {
                let hint = "name = \"file:audit.log\"";
                errors.push(error(&at, "a source has a `name`", Some(hint)));
            }
            let Some(rules) = rules_of(global, place, &at, &mut errors) else { continue };
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

    /// Whether engines of responses depend on the path.
    pub(crate) fn has_routes(&self) -> bool {
        !self.routes.is_empty()
    }

    /// The place of the engine of the first route that a path fits.
    pub(crate) fn route(&self, path: &str) -> Option<usize> {
        first(&self.routes, path)
    }

    /// The place of the engine of a body on this route.
    pub(crate) fn of_body(&self, route: Option<usize>) -> usize {
        route.unwrap_or(BODIES)
    }

    /// The place of the engine of headers on this route. They are redacted only where they were
    /// named, so all rules act.
    pub(crate) fn of_headers(&self, route: Option<usize>) -> usize {
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
    match Rules::from_config(&Value::Object(merged)) {
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

/// The rules as they act on the bodies of responses, where the configuration has no list of rules:
/// what it says of the action of a single rule still holds.
fn of_bodies(mut rules: Rules, global: &Map<String, Value>) -> Rules {
    if global.contains_key("rules") {
        return rules;
    }
    let actions = global.get("actions").and_then(Value::as_object);
    let is_asked_for = |name: &str| {
        let mut asked = actions.into_iter().flat_map(Map::keys).filter(|asked| *asked != "default");
        asked.any(|asked| {
            asked == name
                || name.strip_prefix(asked.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let acts = |name: &str| {
        ACT_ON_BODIES.contains(&name) || name.starts_with("secret/") || is_asked_for(name)
    };
    let names: Vec<bool> = Catalogue::names(&rules.catalogue).map(acts).collect();
    for (action, acts) in rules.actions.iter_mut().zip(names) {
        if !acts {
            *action = Action::Report;
        }
    }
    rules.traits = Traits::of(&rules.actions);
    rules
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
    fn bodies_keep_what_their_reader_owns_unless_rules_are_asked_for() {
        for (config, expected) in [
            (json!(null), "jane@example.com **********1111 password=hunter2"),
            (json!({"rules": ["default"]}), "[email] **********1111 password=[redacted]"),
            (json!({"rules": ["email"]}), "[email] 4111 1111 1111 1111 password=hunter2"),
            (json!({"actions": {"email": "mask"}}), "********** **********1111 password=hunter2"),
            (
                json!({"actions": {"default": "mask"}}),
                "jane@example.com ********** password=hunter2",
            ),
            (json!({"mode": "observe"}), TEXT),
        ] {
            let sets = sets(config.clone());
            assert_eq!(written(&sets, sets.of_body(None)), expected, "{config}");
        }
        let sets = sets(json!(null));
        assert_eq!(written(&sets, Sets::EVERYWHERE), "[email] **********1111 password=[redacted]");
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
            assert_eq!(written(&sets, sets.of_body(sets.route(path))), expected, "{path}");
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
