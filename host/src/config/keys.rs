//! What an unknown key was meant to be.
//!
//! In this order: the same key spelled otherwise (`keep_alive`), a word of another tool, a
//! slip of the finger, a key of another section, and at last the list of keys to choose from.

use std::collections::BTreeSet;

use super::excerpt::quoted;
use super::fault::Fault;
use super::origin::Origin;

/// A key that no section asked for.
pub(super) struct Unknown {
    pub(super) key: String,
    pub(super) origin: Origin,
    /// `plugins.redact.deadlin`.
    pub(super) path: String,
    /// The table it stands in: `plugins.*`.
    pub(super) shape: String,
    /// The keys that the table has.
    pub(super) siblings: Vec<&'static str>,
}

impl Unknown {
    /// The fault, with what was probably meant; `known` are all keys there are.
    pub(super) fn fault(&self, known: &BTreeSet<String>) -> Fault {
        let place = if self.shape.is_empty() {
            String::new()
        } else {
            format!(
                " in {}",
                section(&self.shape, self.path.rsplit_once('.').map_or("", |(s, _)| s))
            )
        };
        Fault::new(&self.origin, format!("unknown key {}{place}", quoted(&self.key)))
            .key(&self.path)
            .remedy(self.remedy(known))
    }

    /// Whether it stands for a key that its table is said to lack, so that saying both would be
    /// saying the same twice.
    pub(super) fn stands_for(&self, table: &str, key: &str) -> bool {
        let own = self.path.strip_suffix(&self.key).unwrap_or_default();
        let remedy = || self.remedy(&BTreeSet::new());
        own.trim_end_matches('.') == table
            && [format!("write `{key}`"), format!("write {key} =")]
                .iter()
                .any(|w| remedy().starts_with(w))
    }

    fn remedy(&self, known: &BTreeSet<String>) -> String {
        let key = dashed(&self.key);
        // Comparing takes time in proportion to both lengths, and nobody means this one.
        let near = |word: &str| key.len() < 60 && strsim::damerau_levenshtein(word, &key) == 1;
        let siblings = || self.siblings.iter().copied();
        if siblings().any(|sibling| sibling == key) {
            return format!("write `{key}`");
        }
        if let Some(remedy) = elsewhere_called(&self.shape, &key) {
            return remedy.to_owned();
        }
        if let Some(near) = siblings().find(|sibling| near(sibling)) {
            return format!("write `{near}`");
        }
        let homes: Vec<String> = known
            .iter()
            .filter_map(|path| path.rsplit_once('.'))
            .filter(|(shape, name)| *name == key && *shape != self.shape)
            .map(|(shape, _)| section(shape, ""))
            .collect();
        if !homes.is_empty() {
            return format!("`{key}` is a key of {}", homes.join(" and of "));
        }
        if let Some(near) = likely(&key, siblings()) {
            return format!("write `{near}`");
        }
        let here = |(place, words, _): &&(&str, &[&str], _)| {
            *place == self.shape && words.iter().any(|word| near(word))
        };
        if let Some((_, _, remedy)) = ELSEWHERE.iter().find(here) {
            return (*remedy).to_owned();
        }
        let keys: Vec<String> = siblings().map(|key| format!("`{key}`")).collect();
        format!("the keys here are {}", keys.join(" "))
    }
}

/// The table of this shape as the operator writes it: `[server.limits]`, `[[routes]]`,
/// `[plugins.redact]`. Without a path, `NAME` stands for the name.
pub(super) fn section(shape: &str, path: &str) -> String {
    if shape.is_empty() {
        return "the file".into();
    }
    if let Some(list) = shape.strip_suffix(".*").filter(|list| *list == "routes") {
        return format!("[[{list}]]");
    }
    let path = if path.is_empty() { shape.replace('*', "NAME") } else { path.to_owned() };
    if quoted(&path).len() == path.len() + 2 { format!("[{path}]") } else { "this table".into() }
}

/// The one among `known` that was probably meant by `given`.
pub(super) fn likely<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let given = dashed(given);
    // Comparing takes time in proportion to both lengths.
    if given.len() > 60 {
        return None;
    }
    let distance = |known: &'k str| (strsim::damerau_levenshtein(known, &given), known);
    let (distance, known) =
        known.into_iter().map(distance).min_by_key(|(distance, _)| *distance)?;
    let allowed = (known.chars().count().max(given.chars().count()) / 3).max(1);
    (distance <= allowed).then_some(known)
}

/// In the spelling of this file: `keepAlive`, `keep_alive` → `keep-alive`.
fn dashed(key: &str) -> String {
    let mut dashed = String::with_capacity(key.len());
    let mut after_lower = false;
    for character in key.chars() {
        if character.is_ascii_uppercase() && after_lower {
            dashed.push('-');
        }
        after_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
        dashed.push(if matches!(character, '_' | ' ') {
            '-'
        } else {
            character.to_ascii_lowercase()
        });
    }
    dashed
}

/// What a word of another tool, or of common sense, is called here.
fn elsewhere_called(shape: &str, key: &str) -> Option<&'static str> {
    let row = ELSEWHERE.iter().find(|(place, words, _)| *place == shape && words.contains(&key))?;
    Some(row.2)
}

/// Table, words, remedy.
const ELSEWHERE: &[(&str, &[&str], &str)] = &[
    // The whole file.
    (
        "",
        &[
            "listen",
            "bind",
            "port",
            "address",
            "addr",
            "http",
            "https",
            "listener",
            "listeners",
            "entry-points",
            "frontend",
            "frontends",
        ],
        "write [server] with listen = \"127.0.0.1:8080\"",
    ),
    (
        "",
        &["events", "http-filters", "middlewares", "filters", "middleware"],
        "write [plugins.NAME], and its name in `plugins` of [[routes]]",
    ),
    (
        "",
        &["location", "locations", "routers", "rules", "paths", "handle", "ingress"],
        "write [[routes]] with path = \"/\"",
    ),
    (
        "",
        &[
            "backend",
            "backends",
            "cluster",
            "clusters",
            "services",
            "service",
            "proxy-pass",
            "reverse-proxy",
            "upstream-url",
            "target",
            "targets",
        ],
        "write [[routes]] with upstream = \"http://127.0.0.1:9000\"",
    ),
    ("", &["worker-processes", "workers", "threads"], "write [server] with workers = \"auto\""),
    (
        "",
        &["ssl", "tls", "certificates", "certs"],
        "write [server.tls] with certificate = \"cert.pem\" and key = \"key.pem\"",
    ),
    ("", &["limits"], "write [server.limits]"),
    (
        "",
        &["timeouts", "timeout", "defaults"],
        "write [server.timeouts]; those of an upstream stand in [upstreams.NAME]",
    ),
    ("", &["logging", "access-log", "error-log"], "write [logs]"),
    (
        "",
        &["health", "healthcheck", "health-check", "checks"],
        "write [plugins.health] for the endpoints and [upstreams.NAME] check = { … } for the checks of an upstream",
    ),
    ("", &["redis"], "write [state] with url = \"env:REDIS_URL\""),
    ("", &["sentry", "errors"], "write [plugins.errors] with component = \"builtin:errors\""),
    ("", &["redact", "redaction"], "write [plugins.redact] with component = \"builtin:redact\""),
    (
        "",
        &["prometheus", "telemetry"],
        "the admin listener serves `/metrics`: write [admin] with listen = \"127.0.0.1:9901\"",
    ),
    // [server]
    (
        "server",
        &["port", "address", "addr", "bind", "host", "http-port"],
        "write listen = \"127.0.0.1:8080\"",
    ),
    (
        "server",
        &["admin", "admin-listen", "admin-address"],
        "write [admin] with listen = \"127.0.0.1:9901\"",
    ),
    (
        "server",
        &["worker-processes", "threads", "worker-threads"],
        "write workers = \"auto\" or a number",
    ),
    ("server", &["worker-connections", "maxconn"], "write `max-connections`"),
    (
        "server",
        &["set-real-ip-from", "trusted-ips", "forwarded-allow-ips", "trust-proxy"],
        "write trusted-proxies = [\"10.0.0.0/8\"]",
    ),
    (
        "server",
        &[
            "shutdown-timeout",
            "graceful-timeout",
            "grace-period",
            "graceful-shutdown-timeout",
            "drain-timeout",
        ],
        "write grace = \"30s\"",
    ),
    (
        "server",
        &["ssl", "certificate", "cert", "ssl-certificate", "certificates", "ssl-certificate-key"],
        "write [server.tls] with certificate = \"cert.pem\" and key = \"key.pem\"",
    ),
    (
        "server",
        &["server-name", "location", "proxy-pass", "upstream"],
        "write [[routes]] with host = \"shop.example\", path = \"/\" and upstream = \"http://127.0.0.1:9000\"",
    ),
    (
        "server",
        &[
            "timeout",
            "client-header-timeout",
            "client-body-timeout",
            "read-timeout",
            "write-timeout",
            "idle-timeout",
            "send-timeout",
            "keepalive-timeout",
            "request-timeout",
        ],
        "each phase has its own in [server.timeouts]: `first-byte` `head` `body-idle` `keep-alive` `write` `total`",
    ),
    (
        "server",
        &["client-max-body-size", "max-body-size", "body-limit", "max-body"],
        "write [server.limits] with body = \"10 MiB\"",
    ),
    (
        "server.tls",
        &["cert", "certificate-file", "cert-file", "ssl-certificate", "fullchain", "chain"],
        "write `certificate`",
    ),
    ("server.tls", &["key-file", "private-key", "ssl-certificate-key"], "write `key`"),
    (
        "server.limits",
        &["client-max-body-size", "max-body-size", "max-body", "request-body"],
        "write body = \"10 MiB\"",
    ),
    (
        "server.limits",
        &["header-size", "max-header-size", "large-client-header-buffers", "request-head"],
        "write head = \"64 KiB\"",
    ),
    (
        "server.limits",
        &["max-headers", "header-count", "fields", "max-header-count"],
        "write headers = 100",
    ),
    ("server.limits", &["uri", "url", "request-line", "path"], "write target = \"8 KiB\""),
    ("server.limits", &["connections"], "write [server] with `max-connections`"),
    ("server.limits", &["keepalive-requests", "max-requests"], "write `requests-per-connection`"),
    (
        "server.timeouts",
        &[
            "header",
            "headers",
            "client-header-timeout",
            "read-header-timeout",
            "read-header",
            "http-request",
        ],
        "write head = \"10s\"",
    ),
    (
        "server.timeouts",
        &["body", "client-body-timeout", "read", "read-timeout"],
        "write body-idle = \"30s\"",
    ),
    (
        "server.timeouts",
        &["idle", "idle-timeout", "keepalive-timeout", "http-keep-alive"],
        "write keep-alive = \"30s\"",
    ),
    ("server.timeouts", &["send", "send-timeout", "write-timeout"], "write write = \"30s\""),
    ("server.timeouts", &["request", "timeout", "request-timeout"], "write total = \"60s\""),
    (
        "server.timeouts",
        &["connect", "upstream", "proxy-read-timeout", "proxy-connect-timeout", "server"],
        "those of an upstream stand in [upstreams.NAME]: `connect-timeout` `head-timeout` `body-idle-timeout`",
    ),
    // [upstreams.NAME]
    (
        "upstreams.*",
        &[
            "url",
            "urls",
            "address",
            "addresses",
            "server",
            "target",
            "targets",
            "endpoints",
            "hosts",
            "host",
            "backend",
        ],
        "write servers = [\"http://127.0.0.1:9000\"]",
    ),
    (
        "upstreams.*",
        &[
            "timeout",
            "read-timeout",
            "proxy-read-timeout",
            "response-timeout",
            "request-timeout",
            "timeouts",
        ],
        "each phase has its own: `connect-timeout` `head-timeout` `body-idle-timeout`",
    ),
    (
        "upstreams.*",
        &["proxy-connect-timeout", "connection-timeout"],
        "write connect-timeout = \"5s\"",
    ),
    (
        "upstreams.*",
        &[
            "health-check",
            "healthcheck",
            "health",
            "checks",
            "active-health-check",
            "health-checks",
        ],
        "write check = { path = \"/health\" }",
    ),
    (
        "upstreams.*",
        &[
            "outlier-detection",
            "circuit-breaker",
            "passive-health-check",
            "max-fails",
            "fail-timeout",
            "breaker",
        ],
        "write ejection = { failures = 5, base = \"1s\", max = \"1m\" }",
    ),
    (
        "upstreams.*",
        &["keepalive", "pool", "pool-size"],
        "write keep-alive = { connections = 64, idle = \"4s\" }",
    ),
    ("upstreams.*", &["retry", "tries", "max-retries"], "write retries = 1"),
    (
        "upstreams.*.check",
        &["uri", "url", "endpoint", "http", "target"],
        "write path = \"/health\"",
    ),
    (
        "upstreams.*.check",
        &["retries", "unhealthy-threshold", "failure-threshold", "failures", "fails"],
        "write fall = 3: so many failures in a row take a server out",
    ),
    (
        "upstreams.*.check",
        &["healthy-threshold", "success-threshold", "passes", "successes"],
        "write rise = 2: so many successes in a row bring a server back",
    ),
    (
        "upstreams.*.check",
        &["inter", "period", "period-seconds", "every"],
        "write interval = \"10s\"",
    ),
    (
        "upstreams.*.check",
        &["initial-delay", "initial-delay-seconds", "grace", "delay"],
        "write start-period = \"40s\"",
    ),
    (
        "upstreams.*.check",
        &["status", "expected-statuses", "expected-codes", "codes"],
        "write statuses = [\"2xx\"]",
    ),
    ("upstreams.*.keep-alive", &["size", "max", "count", "max-idle"], "write connections = 64"),
    ("upstreams.*.keep-alive", &["timeout", "idle-timeout"], "write idle = \"4s\""),
    ("upstreams.*.ejection", &["base-ejection-time", "min"], "write base = \"1s\""),
    ("upstreams.*.ejection", &["max-ejection-time"], "write max = \"1m\""),
    (
        "upstreams.*.ejection",
        &["consecutive-failures", "consecutive-5xx", "max-fails", "max-failures"],
        "write failures = 5",
    ),
    // [[routes]]
    (
        "routes.*",
        &[
            "proxy-pass",
            "upstream-url",
            "backend",
            "target",
            "url",
            "to",
            "service",
            "cluster",
            "server",
            "servers",
            "upstreams",
            "destination",
        ],
        "write upstream = \"http://127.0.0.1:9000\", or the name of an upstream",
    ),
    (
        "routes.*",
        &["location", "prefix", "path-prefix", "match", "uri", "from"],
        "write path = \"/shop\" for a prefix or path = \"=/shop\" for this path alone",
    ),
    (
        "routes.*",
        &["server-name", "domain", "domains", "authority", "virtual-host"],
        "write host = \"shop.example\"",
    ),
    (
        "routes.*",
        &["timeout", "timeouts", "request-timeout"],
        "write `head-timeout`, `body-idle-timeout` or `total-timeout`",
    ),
    (
        "routes.*",
        &["client-max-body-size", "max-body-size", "limit", "limits"],
        "write body-limit = \"10 MiB\"",
    ),
    ("routes.*", &["middlewares", "middleware", "filters", "use"], "write plugins = [\"redact\"]"),
    (
        "routes.*",
        &["sse", "streaming", "long-poll", "long-polling", "buffering", "proxy-buffering"],
        "write stream = true",
    ),
    ("routes.*", &["ws", "upgrade"], "write websocket = true"),
    ("routes.*", &["methods", "method"], "routes are told apart by `host` and `path` only"),
    ("routes.*", &["rewrite", "strip-prefix", "strip-path"], "paths are passed on as they come in"),
    // [plugins.NAME]
    (
        "plugins.*",
        &["wasm", "path", "file", "module", "source", "src", "type", "uses", "plugin"],
        "write component = \"builtin:redact\", or the path of a component",
    ),
    (
        "plugins.*",
        &["settings", "options", "configuration", "cfg", "with", "params", "args"],
        "write config = { … }",
    ),
    (
        "plugins.*",
        &["permissions", "grants", "capabilities", "imports"],
        "write allow = [\"metrics\"], `allow-http` and `allow-probe`",
    ),
    (
        "plugins.*",
        &[
            "fail-open",
            "failure-policy",
            "failure-mode",
            "fail-policy",
            "on-error",
            "failure-mode-allow",
        ],
        "write on-fault = \"open\" or on-fault = \"closed\"",
    ),
    (
        "plugins.*",
        &["http", "allowed-hosts", "allow-hosts", "network", "origins", "hosts"],
        "write allow-http = [\"https://api.example\"]",
    ),
    ("plugins.*", &["probe", "probes"], "write allow-probe = [\"tcp://db:5432\"]"),
    (
        "plugins.*",
        &["rules"],
        "write config = { rules = […] }: what a plugin is configured with stands in `config`",
    ),
    (
        "plugins.*",
        &["dsn"],
        "write config = { dsn = \"env:SENTRY_DSN\" }: what a plugin is configured with stands in `config`",
    ),
    (
        "plugins.*",
        &["timeout", "max-time"],
        "write deadline = \"10ms\"; for the background instance `background-deadline`",
    ),
    ("plugins.*", &["max-memory", "memory-limit"], "write memory = \"16 MiB\""),
    (
        "plugins.*",
        &["fuel", "instructions"],
        "plugins are bounded by time: write deadline = \"10ms\"",
    ),
    ("plugins.*", &["sha", "digest", "checksum", "hash", "integrity"], "write `sha256`"),
    (
        "plugins.*",
        &["env", "environment", "secrets"],
        "plugins have no environment; a string \"env:NAME\" within `config` is replaced by the host",
    ),
    (
        "plugins.*",
        &["routes"],
        "write the plugin's name in `plugins` of [[routes]]; `paths` narrows what it sees",
    ),
    ("plugins.*", &["mounts", "dirs", "preopens", "directories"], "plugins have no file system"),
    // [logs] and what it refers to.
    ("logs", &["inputs", "input", "source"], "write sources = [\"app\"]"),
    ("logs", &["outputs", "output", "sink", "handlers"], "write sinks = [\"stdout\"]"),
    (
        "logs",
        &["file", "path", "files"],
        "write [sinks.NAME] with type = \"file\" and path = \"app.log\", and its name in `sinks`",
    ),
    ("logs", &["access-log"], "write access = true"),
    (
        "logs",
        &["format"],
        "write [sinks.NAME] with `format` for what is written, [sources.NAME] with `format` for what is read",
    ),
    (
        "logs",
        &["min-level", "log-level", "verbosity"],
        "write level = \"info\" for what tamis itself says, [sinks.NAME] with `min-level` for what is written",
    ),
    ("logs", &["buffer", "buffer-size", "queue-size"], "write queue = \"8 MiB\""),
    ("sinks.*", &["max-bytes", "rotate-size", "size"], "write max-size = \"10 MiB\""),
    (
        "sinks.*",
        &["backups", "backup-count", "rotate", "max-files", "max-backups"],
        "write keep = 10",
    ),
    ("sinks.*", &["level", "severity"], "write min-level = \"info\""),
    ("sinks.*", &["file", "filename", "file-name"], "write path = \"app.log\""),
    ("sinks.*", &["logger", "names"], "write loggers = [\"django.*\"]"),
    ("sinks.*", &["kind"], "write type = \"file\""),
    ("sources.*", &["kind"], "write type = \"app\""),
    ("sources.*", &["parser", "codec", "parse"], "write format = \"json\""),
    // The rest.
    (
        "state",
        &["redis", "redis-url", "dsn", "address", "store", "backend"],
        "write url = \"env:REDIS_URL\"",
    ),
    ("state", &["max-size", "size", "memory"], "write limit = \"1 MiB\""),
    ("admin", &["address", "bind", "port", "addr"], "write listen = \"127.0.0.1:9901\""),
    (
        "admin",
        &["password", "auth", "bearer", "api-key", "secret"],
        "write token = \"env:TAMIS_ADMIN_TOKEN\"",
    ),
    (
        "metrics",
        &["path", "listen", "port", "address"],
        "the admin listener serves `/metrics`: write [admin] with listen = \"127.0.0.1:9901\"",
    ),
    ("metrics", &["max-series", "series-limit", "cardinality"], "write series = 200"),
    ("metrics", &["max-labels"], "write labels = 10"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likely_word_is_near() {
        let words = ["redact", "timing", "health", "errors", "keep-alive"];
        for (given, expected) in [
            ("redakt", Some("redact")),
            ("Redact", Some("redact")),
            ("heatlh", Some("health")),
            ("error", Some("errors")),
            ("keepAlive", Some("keep-alive")),
            ("KEEP_ALIVE", Some("keep-alive")),
            ("keepalive", Some("keep-alive")),
            ("cache", None),
            ("x", None),
            ("", None),
            (&"redact".repeat(20), None),
        ] {
            assert_eq!(likely(given, words), expected, "{given}");
        }
    }

    #[test]
    fn words_of_other_tools_are_in_the_spelling_they_are_compared_in() {
        let mut seen = BTreeSet::new();
        for (place, words, remedy) in ELSEWHERE {
            for word in *words {
                assert_eq!(dashed(word), *word, "{place}");
                assert!(seen.insert((place, word)), "`{word}` stands twice for `{place}`");
            }
            assert!(!remedy.is_empty(), "{place}");
        }
    }

    #[test]
    fn sections_are_written_as_in_the_file() {
        for (shape, path, text) in [
            ("", "", "the file"),
            ("server.limits", "server.limits", "[server.limits]"),
            ("plugins.*", "plugins.redact", "[plugins.redact]"),
            ("plugins.*", "", "[plugins.NAME]"),
            ("routes.*", "routes[3]", "[[routes]]"),
            ("upstreams.*.check", "", "[upstreams.NAME.check]"),
        ] {
            assert_eq!(section(shape, path), text);
        }
    }
}
