//! The sample file: every key, its default, a line of why.
//!
//! It is documentation that is held to the truth. The tests below insist that it has every key,
//! that what it sets is the default, and that every key in it has an effect.

/// The text of `host/tamis.toml`, for whoever wants to print it or to start from it.
pub const SAMPLE: &str = include_str!("../../tamis.toml");

#[cfg(test)]
mod tests {
    use std::path::Path;

    use toml::de::DeTable;

    use super::super::origin::Source;
    use super::super::reader::{Findings, Reader};
    use super::super::{Config, Faults, Overrides, Warning, file};
    use super::*;

    /// Settings that say what the sample is about, and so have no default.
    const SUBJECT: [(&str, &str); 9] = [
        ("[[routes]]", "upstream"),
        ("[[routes]]", "plugins"),
        ("[upstreams.app]", "servers"),
        ("[upstreams.app.check]", "path"),
        ("[plugins.timing]", "component"),
        ("[plugins.health]", "component"),
        ("[plugins.errors]", "component"),
        ("[plugins.redact]", "component"),
        ("[logs]", "plugins"),
    ];

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "DATABASE_URL" => "postgres://app:secret@db/app",
            "SENTRY_DSN" => "https://k@sentry.example/1",
            "REDIS_URL" => "redis://:secret@cache/0",
            "TAMIS_ADMIN_TOKEN" => "secret",
            _ => return None,
        };
        Some(value.into())
    }

    fn load(text: &str) -> Result<(Config, Vec<Warning>), Faults> {
        Config::load(Path::new("tamis.toml"), text, &environment)
    }

    fn config(text: &str) -> Config {
        load(text).unwrap_or_else(|faults| panic!("{faults}")).0
    }

    /// A line of the sample that sets something, whether it is in force or not.
    struct Setting {
        at: usize,
        section: &'static str,
        key: &'static str,
        line: &'static str,
        in_force: bool,
    }

    fn settings() -> Vec<Setting> {
        let (mut settings, mut section) = (Vec::new(), "");
        for (at, line) in SAMPLE.lines().enumerate() {
            let bare = line.strip_prefix('#').unwrap_or(line);
            if bare.starts_with('[') {
                section = bare;
            } else if bare.starts_with(|c: char| c.is_ascii_lowercase()) {
                let (key, _) = bare.split_once(" = ").unwrap_or_else(|| panic!("{line}"));
                settings.push(Setting { at, section, key, line: bare, in_force: bare == line });
            }
        }
        settings
    }

    /// The sample with one line put in the place of another.
    fn with(at: usize, line: &str) -> String {
        let lines = SAMPLE.lines().enumerate();
        lines.map(|(n, old)| if n == at { line } else { old }.to_owned() + "\n").collect()
    }

    /// The sample with every setting in force.
    fn in_full() -> String {
        let line = |line: &str| {
            let setting = line
                .strip_prefix('#')
                .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['));
            setting.unwrap_or(line).to_owned() + "\n"
        };
        SAMPLE.lines().map(line).collect()
    }

    #[test]
    fn it_loads_without_a_warning() {
        let (_, warnings) = load(SAMPLE).unwrap_or_else(|faults| panic!("{faults}"));
        assert!(warnings.is_empty(), "{}", warnings[0]);
    }

    #[test]
    fn it_has_every_key_there_is_and_each_makes_sense() {
        let text = in_full();
        let source = Source::file("tamis.toml", text.as_str());
        let (document, errors) = DeTable::parse_recoverable(source.text());
        assert!(errors.is_empty(), "{errors:?}");
        let reader = Reader::new(&source, "".into(), &environment);
        file::walk(&reader, document.get_ref(), &Overrides::default());
        let Findings { present, known, unknown, .. } = reader.into_findings();
        assert!(unknown.is_empty(), "{}", unknown[0].fault(&known));
        let missing: Vec<_> = file::known().difference(&present).cloned().collect();
        assert!(missing.is_empty(), "not in the sample: {missing:?}");
        assert_eq!(known, file::known(), "explaining unknown keys needs every key, too");

        let faults = load(&text).expect_err("it contradicts itself in one place");
        let problems: Vec<_> = faults.faults().iter().map(|fault| fault.problem()).collect();
        assert_eq!(problems, ["`path` and `tcp` exclude each other"]);
        config(&text.replace("tcp = true\n", "\n"));
    }

    #[test]
    fn what_it_sets_is_the_default() {
        let whole = config(SAMPLE);
        let mut bare: Vec<&str> = SAMPLE.lines().collect();
        for setting in settings().iter().filter(|setting| setting.in_force) {
            let Setting { section, key, at, .. } = *setting;
            if SUBJECT.contains(&(section, key)) || matches!(key, "allow" | "allow-http") {
                let without = load(&with(at, ""));
                let same = without.is_ok_and(|(config, _)| config == whole);
                assert!(!same, "{section} {key} is a default after all");
                continue;
            }
            assert_eq!(config(&with(at, "")), whole, "{section} {key} is not the default");
            bare[at] = "";
        }
        assert_eq!(config(&bare.join("\n")), whole, "all of them at once");
        for table in ["keep-alive", "ejection"] {
            let setting = settings().into_iter().find(|setting| setting.key == table);
            let at = setting.expect("it is in the sample").at;
            assert_eq!(config(&with(at, &format!("{table} = {{}}"))), whole, "within {table}");
        }
    }

    #[test]
    fn every_key_in_it_has_an_effect() {
        let whole = config(SAMPLE);
        let differs = |text: &str, setting: &Setting| {
            let changed = config(text);
            assert_ne!(changed, whole, "{} {} has no effect", setting.section, setting.key);
        };
        for setting in &settings() {
            let absent_table =
                ["[server.tls]", "[sinks.file]", "[plugins.stamp]"].contains(&setting.section);
            match (setting.in_force, setting.key) {
                _ if absent_table => {}
                // It stands in the way of `path`, see above.
                (false, "tcp") => {}
                // The default, for a guard.
                (false, _) => differs(&with(setting.at, setting.line), setting),
                (true, "component") => {}
                (true, _) => {
                    for other in others(setting) {
                        differs(&with(setting.at, &other), setting);
                    }
                }
            }
        }
    }

    /// The line with another value in it; one for each value within.
    fn others(setting: &Setting) -> Vec<String> {
        let Setting { section, key, line, .. } = *setting;
        let value = line.split_once(" = ").expect("it is a setting").1;
        let other = match (key, value) {
            ("path", _) => "\"/other\"",
            ("upstream", _) => "[\"http://127.0.0.1:9001\"]",
            ("servers", _) => "[\"http://127.0.0.1:9001\"]",
            ("plugins", _) => "[\"timing\"]",
            ("allow", _) => "[]",
            ("allow-http", _) => "[\"https://sentry.example\"]",
            ("statuses", _) => "[200]",
            ("sources", _) => "[\"app\", \"stdin\"]",
            ("sinks", _) => "[\"stdout\", \"stderr\"]",
            ("trusted-proxies", _) => "[\"10.0.0.0/8\"]",
            ("errors", _) => "\"health\"",
            ("prefix", _) => "\"other\"",
            ("body", _) => "\"1 MiB\"",
            ("total", _) => "\"1m\"",
            ("listen", _) => &value.replace("80", "81").replace("990", "991"),
            ("max-connections" | "workers", _) => "7",
            (_, "true") => "false",
            (_, "false") => "true",
            ("isolation", _) => "\"exchange\"",
            ("level" | "min-level", _) => "\"error\"",
            ("type", "\"app\"") => "\"stdin\"",
            ("type", "\"stdout\"") => "\"stderr\"",
            ("format", "\"auto\"") => "\"raw\"",
            ("when-full", _) => "\"drop\"",
            ("on-canary", _) => "\"withhold\"",
            ("format", "\"text\"") => "\"json\"",
            _ => "",
        };
        if !other.is_empty() {
            return vec![format!("{key} = {other}")];
        }
        // Every number in it, one after the other, plus one.
        let numbers: Vec<(usize, &str)> = value
            .match_indices(|c: char| c.is_ascii_digit())
            .filter(|(at, _)| !value[..*at].ends_with(|c: char| c.is_ascii_digit()))
            .map(|(at, _)| {
                (at, value[at..].split(|c: char| !c.is_ascii_digit()).next().unwrap_or(""))
            })
            .collect();
        assert!(!numbers.is_empty(), "another value is needed for {section} {key}");
        let plus_one = |(at, number): (usize, &str)| {
            let next = number.parse::<u64>().expect("digits") + 1;
            format!("{key} = {}{next}{}", &value[..at], &value[at + number.len()..])
        };
        numbers.into_iter().map(plus_one).collect()
    }

    #[test]
    fn tables_that_are_not_in_force_have_an_effect_when_they_are() {
        let text = in_full().replace("tcp = true\n", "\n");
        let text = text.replace("sinks = [\"stdout\"]", "sinks = [\"stdout\", \"file\"]");
        let whole = config(&text);
        assert_eq!(whole.logs.sinks.len(), 2);
        for line in ["max-size = \"10 MiB\"\n", "keep = 10\n", "format = \"json\"\n"] {
            assert_eq!(text.matches(line).count(), 1, "{line}");
            assert_eq!(config(&text.replace(line, "")), whole, "{line} is not the default");
        }
        for (line, other) in [
            ("max-size = \"10 MiB\"", "max-size = \"11 MiB\""),
            ("keep = 10", "keep = 0"),
            ("format = \"json\"", "format = \"text\""),
            ("path = \"app.log\"", "path = \"other.log\""),
        ] {
            assert_ne!(config(&text.replace(line, other)), whole, "{line} has no effect");
        }
        assert!(whole.server.tls.is_some(), "[server.tls] has an effect");
        let stamp = whole.plugin("stamp").expect("[plugins.stamp] has an effect");
        assert!(stamp.sha256.is_some(), "so has its hash");
    }
}
