//! What `tamis run` made of its configuration, for those who look on.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::cli::VERSION;
use crate::cli::terminal::{
    COMMAND, FAINT, Printable, STRONG, WIDTH, aligned, count, shortened, width, wrapped,
};
use crate::config::{Config, LogSourceKind, Scheme};
use crate::plugin::Report;

/// Where the columns behind the titles begin.
const INDENT: usize = 14;

/// The parts of a configuration that are told at the start.
pub(super) struct Summary {
    /// Of each listener.
    schemes: Vec<Scheme>,
    /// Name, upstream with its servers, plugins.
    routes: Vec<[String; 3]>,
    /// Sources, plugins, sinks.
    logs: [Vec<String>; 3],
    command: Option<String>,
    errors: bool,
}

impl Summary {
    pub(super) fn of(config: &Config, command: Option<&[OsString]>) -> Self {
        let routes = config.routes.iter().map(|route| {
            let servers = config.upstream(&route.upstream).map_or(&[][..], |one| &one.servers);
            let servers: Vec<_> = servers.iter().map(|given| given.value.to_string()).collect();
            let plugins = route.plugins.iter().map(|given| given.value.as_str());
            [route.name.to_string(), servers.join(" "), plugins.collect::<Vec<_>>().join(" ")]
        });
        let sources = config.logs.sources.iter();
        // Without a command nothing comes from the application.
        let sources =
            sources.filter(|source| source.kind != LogSourceKind::App || command.is_some());
        let mut sources: Vec<_> = sources.map(|source| source.name.to_string()).collect();
        if config.logs.access {
            sources.push("access".to_owned());
        }
        let plugins = config.logs.plugins.iter().map(|given| given.value.to_string()).collect();
        let sinks = config.logs.sinks.iter().map(|sink| sink.name.to_string()).collect();
        Self {
            schemes: config.server.listen.iter().map(|given| given.value.scheme).collect(),
            routes: routes.collect(),
            logs: [sources, plugins, sinks],
            command: command.map(shell),
            errors: config.admin.errors.is_some(),
        }
    }

    fn urls<'a>(&'a self, addresses: &'a [SocketAddr]) -> impl Iterator<Item = String> + 'a {
        addresses
            .iter()
            .zip(&self.schemes)
            .map(|(at, scheme)| format!("{}://{at}", scheme.as_str()))
    }

    /// One line, for a log.
    pub(super) fn line(
        &self,
        addresses: &[SocketAddr],
        admin: Option<SocketAddr>,
        plugins: &[Report],
    ) -> String {
        let mut line = format!("tamis {VERSION} serves");
        for url in self.urls(addresses) {
            let _ = write!(line, " {url}");
        }
        if let Some(admin) = admin {
            let _ = write!(line, ", metrics at http://{admin}/metrics");
        }
        let _ = write!(line, ", {}", count(self.routes.len() as u64, "route"));
        let names: Vec<_> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        let _ = write!(line, ", plugins: {}", joined(&names));
        line
    }

    /// A block, for a person.
    pub(super) fn block(
        &self,
        addresses: &[SocketAddr],
        admin: Option<SocketAddr>,
        plugins: &[Report],
    ) -> String {
        let mut block = format!("{STRONG}tamis {VERSION}{STRONG:#}\n\n");
        for (at, url) in self.urls(addresses).enumerate() {
            let title = if at == 0 { "listening" } else { "" };
            line(&mut block, title, &format!("{COMMAND}{url}{COMMAND:#}"));
        }
        match admin {
            Some(admin) => {
                let errors = if self.errors { "  /errors" } else { "" };
                let pages = format!("/metrics  /plugins  /health{errors}");
                line(&mut block, "admin", &format!("{COMMAND}http://{admin}{COMMAND:#}  {pages}"));
            }
            None => line(&mut block, "admin", "off"),
        }
        self.routes(&mut block);
        self::plugins(&mut block, plugins);
        let [sources, through, sinks] = &self.logs;
        if !sources.is_empty() {
            let logs = [sources, through, sinks].map(|names| names.join(" "));
            let logs = logs.iter().filter(|names| !names.is_empty());
            line(&mut block, "logs", &logs.map(String::as_str).collect::<Vec<_>>().join(" → "));
        }
        if let Some(command) = &self.command {
            line(&mut block, "command", &shortened(command, WIDTH - INDENT));
        }
        block
    }

    fn routes(&self, block: &mut String) {
        if self.routes.is_empty() {
            line(block, "routes", "none");
        }
        let rows: Vec<_> = self
            .routes
            .iter()
            .map(|[name, servers, plugins]| {
                // A name that the operator did not choose is host and path.
                vec![
                    shortened(name, 30),
                    format!("→ {}", shortened(servers, 40)),
                    format!("{FAINT}{plugins}{FAINT:#}"),
                ]
            })
            .collect();
        for (at, row) in aligned(&rows).iter().enumerate() {
            let title = if at == 0 { "routes" } else { "" };
            if width(row) <= WIDTH - INDENT {
                line(block, title, row);
                continue;
            }
            // The plugins go below.
            line(block, title, &aligned(&[rows[at][..2].to_vec()])[0]);
            line(block, "", &format!("  {}", rows[at][2]));
        }
    }
}

fn plugins(block: &mut String, plugins: &[Report]) {
    if plugins.is_empty() {
        line(block, "plugins", "none");
    }
    let columns = |of: fn(&Report) -> &str| {
        plugins.iter().map(|plugin| of(plugin).chars().count()).max().unwrap_or(0)
    };
    let (names, stances) = (columns(|one| &one.name), columns(|one| one.stance));
    for (at, plugin) in plugins.iter().enumerate() {
        let title = if at == 0 { "plugins" } else { "" };
        let room = WIDTH - INDENT - names - stances - 4;
        let mut hooks = wrapped(&plugin.hooks.join(" "), room).into_iter();
        let (name, stance) = (Printable(&plugin.name).to_string(), plugin.stance);
        let first = hooks.next().unwrap_or_default();
        line(block, title, &format!("{name:names$}  {stance:stances$}  {FAINT}{first}{FAINT:#}"));
        for more in hooks {
            let gap = names + stances + 4;
            line(block, "", &format!("{:gap$}{FAINT}{more}{FAINT:#}", ""));
        }
    }
}

fn line(block: &mut String, title: &str, text: &str) {
    let _ = writeln!(block, "  {FAINT}{title:10}{FAINT:#}  {text}");
}

fn joined(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

/// A command as it could be typed.
fn shell(command: &[OsString]) -> String {
    let plain = |one: char| one.is_ascii_alphanumeric() || "_-./:=@%+,".contains(one);
    let quoted = command.iter().map(|word| {
        let word = word.to_string_lossy();
        if !word.is_empty() && word.chars().all(plain) {
            return word.into_owned();
        }
        format!("'{}'", word.replace('\'', "'\\''"))
    });
    Printable(&quoted.collect::<Vec<_>>().join(" ")).to_string()
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::config::Overrides;

    fn report(name: &str, stance: &'static str, hooks: &[&'static str]) -> Report {
        Report {
            name: name.to_owned(),
            component: format!("builtin:{name}"),
            version: "0.1.0".to_owned(),
            summary: String::new(),
            sha256: String::new(),
            size_bytes: 0,
            stance,
            state: "serving",
            quarantine_seconds: 0,
            strikes_recent: 0,
            strikes_total: 0,
            quarantines_total: 0,
            hooks: hooks.to_vec(),
            memory_bytes: 0,
            memory_limit_bytes: 0,
            deadline_ms: 10,
        }
    }

    fn summary(command: Option<&[&str]>) -> Summary {
        let server = "http://127.0.0.1:9000".parse().expect("an origin");
        let config = Config::for_upstream(&[server], &Overrides::default());
        let (config, _) = config.expect("valid");
        let command: Option<Vec<OsString>> =
            command.map(|words| words.iter().map(OsString::from).collect());
        Summary::of(&config, command.as_deref())
    }

    fn plain(text: &str) -> String {
        strip_str(text).to_string()
    }

    #[test]
    fn the_block_says_where_everything_is() {
        let plugins = [
            report("timing", "watcher", &["on-request", "on-response", "on-done"]),
            report("redact", "guard", &["on-response-body", "on-logs", "scrub"]),
        ];
        let at = "127.0.0.1:8080".parse().expect("an address");
        let admin = "127.0.0.1:9901".parse().ok();
        let block = summary(Some(&["sh", "-c", "exit 3"])).block(&[at], admin, &plugins);
        let expected = format!(
            "tamis {VERSION}\n\n\
             \x20 listening   http://127.0.0.1:8080\n\
             \x20 admin       http://127.0.0.1:9901  /metrics  /plugins  /health  /errors\n\
             \x20 routes      /  → http://127.0.0.1:9000  timing health errors redact\n\
             \x20 plugins     timing  watcher  on-request on-response on-done\n\
             \x20             redact  guard    on-response-body on-logs scrub\n\
             \x20 logs        app access → redact errors → stdout\n\
             \x20 command     sh -c 'exit 3'\n"
        );
        assert_eq!(plain(&block), expected);
    }

    #[test]
    fn without_a_command_only_requests_are_logged() {
        let block = plain(&summary(None).block(&[], None, &[]));
        assert!(block.contains("  logs        access → redact errors → stdout\n"), "{block}");
        assert!(block.contains("  admin       off\n"), "{block}");
        assert!(!block.contains("command"), "{block}");
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        let hooks = ["on-request-body"; 30];
        let mut summary = summary(Some(&["x"; 90]));
        summary.routes = vec![
            [
                "shop.example/a/very/long/path/that/goes/on".to_owned(),
                "http://one.example http://two.example http://three.example".to_owned(),
                "timing health errors redact and-some-more-of-them".to_owned(),
            ];
            2
        ];
        let block = plain(&summary.block(&[], None, &[report("a", "guard", &hooks)]));
        for line in block.lines() {
            assert!(width(line) <= WIDTH, "{line}");
        }
    }

    #[test]
    fn the_line_is_one_line() {
        let at = "[::1]:8080".parse().expect("an address");
        let line = summary(None).line(&[at], None, &[]);
        assert_eq!(
            line,
            format!("tamis {VERSION} serves http://[::1]:8080, 1 route, plugins: none")
        );
    }

    #[test]
    fn a_command_is_shown_as_it_could_be_typed() {
        let words = ["a b", "it's", "", "-x=1", "\u{1b}[2J"].map(OsString::from);
        assert_eq!(shell(&words), "'a b' 'it'\\''s' '' -x=1 '\\u{1b}[2J'");
    }
}
