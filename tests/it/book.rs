//! The book tells the truth: its examples run, its tables know every key, hook, series and field
//! that there is, and its links lead somewhere.
//!
//! What a fenced block of a page is, its first line says:
//!
//! | | |
//! | --- | --- |
//! | `toml` | a configuration, checked as `tamis check` does it; `file=NAME` keeps it for commands |
//! | `toml,rules` | a rule file, tested as `tamis test` does it |
//! | `toml,faulty`, `toml,rules,faulty` | one that has faults |
//! | `console` | commands after `$ ` and what they print; `...` stands for anything |
//! | `rust` and others | a file of an example that these tests build, by `{{#include …}}` |
//! | any, `live=PAGE` | lines that a running tamis shows there: a path, `admin` and a path, or its `log` |
//! | any, `needs=PROGRAM+PROGRAM` | run where these programs are |
//! | any, `no-run=WHY` | not run; what is not run is listed |

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tamis_host::filter::OnFault;
use tamis_tests::room::{Journey, Room, chain_of};
use tamis_tests::{examples, guests};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn page(name: &str) -> String {
    read(&format!("docs/src/{name}.md"))
}

/// All pages by their file names, the table of contents among them.
fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("docs/src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            pages.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    assert!(pages.len() > 10, "{:?}", pages.keys());
    pages
}

/// Fails with all that was found, a line each.
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// A fenced block.
#[derive(Debug)]
struct Block {
    /// The line on which it begins, from 1.
    line: usize,
    language: String,
    /// What stands behind the language, such as `file=a.toml`.
    marks: Vec<String>,
    text: String,
}

impl Block {
    /// All of a page, in order.
    fn of(page: &str) -> Vec<Self> {
        let mut blocks = Vec::new();
        let mut lines = page.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            let Some(info) = line.trim_start().strip_prefix("```") else { continue };
            let mut marks = info.split(',').map(|mark| mark.trim().to_owned());
            let language = marks.next().unwrap_or_default();
            let inner = lines.by_ref().map(|(_, line)| line);
            let text: Vec<&str> = inner.take_while(|line| line.trim() != "```").collect();
            let text = text.join("\n") + "\n";
            blocks.push(Self { line: index + 1, language, marks: marks.collect(), text });
        }
        blocks
    }

    /// What is said by a mark; empty when it only stands there.
    fn mark(&self, name: &str) -> Option<&str> {
        self.marks.iter().find_map(|mark| match mark.split_once('=') {
            Some((key, value)) if key == name => Some(value),
            None if mark == name => Some(""),
            _ => None,
        })
    }

    /// The file that it shows, if it shows one.
    fn include(&self) -> Option<&str> {
        self.text.trim().strip_prefix("{{#include ")?.strip_suffix("}}")
    }
}

/// Where the blocks of one page are tried, one after the other.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// With the components of the examples, and `tamis` to be called.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, component) in examples::ALL {
            std::fs::write(folder.path().join(format!("{name}.wasm")), component).unwrap();
        }
        let bin = folder.path().join(".bin");
        std::fs::create_dir(&bin).unwrap();
        let program = env!("CARGO_BIN_EXE_tamis-of-the-tests");
        std::os::unix::fs::symlink(program, bin.join("tamis")).unwrap();
        Self { folder }
    }

    /// Runs a line of shell and gives all that it printed.
    fn run(&self, command: &str) -> String {
        let bin = self.folder.path().join(".bin");
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", self.folder.path())
            .env("TAMIS_CACHE", Path::new(env!("OUT_DIR")).join("code-of-the-book"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Whether all of these programs are there.
    fn has(&self, programs: &str) -> bool {
        programs.split('+').all(|name| !self.run(&format!("command -v {name}")).is_empty())
    }

    /// What is wrong with a configuration.
    fn configuration(&self, block: &Block, number: usize) -> Result<(), String> {
        let name = match block.mark("file") {
            Some(name) => name.to_owned(),
            None => format!("block-{number}.toml"),
        };
        std::fs::write(self.folder.path().join(&name), &block.text).unwrap();
        let verb = if block.mark("rules").is_some() { "test" } else { "check -c" };
        let said = self.run(&format!("tamis {verb} {name}; echo status $?"));
        let status = if block.mark("faulty").is_some() { "status 1" } else { "status 0" };
        if said.trim_end().ends_with(status) { Ok(()) } else { Err(said) }
    }

    /// What commands print other than the page says.
    fn console(&self, block: &Block) -> Result<(), String> {
        let mut lines = block.text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(command) = line.strip_prefix("$ ") else {
                return Err(format!("`{line}` belongs to no command"));
            };
            let mut command = command.to_owned();
            while command.ends_with('\\') {
                command.push('\n');
                command.push_str(lines.next().unwrap_or_default());
            }
            let mut expected = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                expected.push(line.trim_end());
            }
            let said = self.run(&command);
            let got: Vec<&str> = said.lines().map(str::trim_end).collect();
            if !fits_lines(&expected, &got) {
                let expected = expected.join("\n");
                return Err(format!("`{command}` prints\n{said}and the page says\n{expected}\n"));
            }
        }
        Ok(())
    }
}

impl Drop for Desk {
    /// Ends what a page leaves behind when it does not hold.
    fn drop(&mut self) {
        self.run("for file in *.pid; do [ -f $file ] && kill $(cat $file); done");
    }
}

/// Whether lines are what was expected, where `...` alone stands for any lines.
fn fits_lines(expected: &[&str], got: &[&str]) -> bool {
    match (expected.split_first(), got.split_first()) {
        (None, None) => true,
        (Some((&"...", rest)), _) => {
            (0..=got.len()).any(|skipped| fits_lines(rest, &got[skipped..]))
        }
        (Some((expected, more)), Some((line, rest))) => {
            fits(expected, line) && fits_lines(more, rest)
        }
        _ => false,
    }
}

/// Whether a line is what was expected, where `...` stands for any text.
fn fits(expected: &str, line: &str) -> bool {
    let mut parts = expected.split("...");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn dots_stand_for_anything_and_nothing_else_does() {
    for (expected, line, result) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a...c", "abc", true),
        ("a...c", "ac", true),
        ("a...c", "abd", false),
        ("...b...", "abc", true),
        ("a...bc", "ac", false),
    ] {
        assert_eq!(fits(expected, line), result, "{expected} {line}");
    }
    assert!(fits_lines(&["a", "...", "d"], &["a", "b", "c", "d"]));
    assert!(fits_lines(&["..."], &[]));
    assert!(!fits_lines(&["a"], &["a", "b"]));
    assert!(!fits_lines(&["a", "b"], &["a"]));
}

#[test]
fn every_example_of_the_book_runs() {
    let (mut wrong, mut left, mut ran) = (Vec::new(), Vec::new(), 0);
    for (name, page) in pages() {
        let desk = Desk::new();
        for (number, block) in Block::of(&page).iter().enumerate() {
            let place = format!("docs/src/{name}:{}", block.line);
            if let Some(why) = block.mark("no-run") {
                if why.is_empty() {
                    wrong
                        .push(format!("{place}: `no-run` needs a reason: `no-run=needs-a-server`"));
                }
                left.push(format!("{place}: {} ({why})", block.language));
                continue;
            }
            if let Some(programs) = block.mark("needs")
                && !desk.has(programs)
            {
                left.push(format!("{place}: {} (needs {programs})", block.language));
                continue;
            }
            ran += 1;
            if block.mark("live").is_some() {
                continue;
            }
            let result = match (&*block.language, block.include()) {
                (_, Some(include)) => included(include),
                ("toml", None) => desk.configuration(block, number),
                ("console", None) => desk.console(block),
                (language, None) => {
                    Err(format!("nobody knows how to run `{language}`; say `no-run=WHY`"))
                }
            };
            if let Err(why) = result {
                wrong.push(format!("{place}: {}", why.replace('\n', "\n    ")));
            }
        }
    }
    println!("{ran} blocks were run, {} were not:", left.len());
    for block in &left {
        println!("  {block}");
    }
    assert!(ran > 40, "most of the book is gone: {ran}");
    none("examples that do not hold", &wrong);
}

/// What all live blocks are about: one tamis with the standard plugins before a service that
/// answers, an upstream that is down, and a plugin that traps.
const LIVE: &str = r#"
[server]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[[routes]]
path = "/down/"
upstream = "http://127.0.0.1:1"
[[routes]]
path = "/bad/"
upstream = "app"
plugins = ["broken"]
[[routes]]
path = "/"
upstream = "app"
plugins = ["timing", "health", "errors", "redact"]
[upstreams.app]
servers = ["http://UPSTREAM"]
[logs]
plugins = ["redact", "errors"]
[plugins.timing]
component = "builtin:timing"
allow = "metrics"
[plugins.health]
component = "builtin:health"
allow = "state"
config.checks = [{ name = "app", probe = "http://UPSTREAM/" }]
[plugins.errors]
component = "builtin:errors"
allow = ["metrics", "state", "errors"]
allow-http = []
[plugins.redact]
component = "builtin:redact"
allow = "metrics"
[plugins.broken]
component = "broken.wasm"
allow = ["metrics", "state", "errors"]
config = { hook = "on-request", do = "trap" }
"#;

/// Families that begin with what they count, and [`LIVE`] does not make it happen.
const RARE: [&str; 5] = [
    "tamis_canary_hits_total",
    "tamis_delivery_queue_bytes",
    "tamis_delivery_queue_length",
    "tamis_metrics_collection_duration_seconds",
    "tamis_state_errors_total",
];

/// A service that answers everything with 200, as long as the test lasts.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = BufReader::new(client.try_clone().unwrap()).lines();
            while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            // One that is gone has had its answer.
            let _ = client.write_all(answer.as_bytes());
        }
    });
    address
}

/// All that is answered to a GET, head and body.
fn get(address: &str, path: &str) -> String {
    ask(address, "GET", path)
}

fn ask(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The first line of the block that is not there, the lines before it being in order.
fn missing<'a>(block: &'a str, text: &str) -> Option<&'a str> {
    let mut lines = text.lines();
    block.lines().find(|expected| {
        let mut fitting = lines
            .by_ref()
            .filter(|line| fits(expected, line) || fits(&format!("{expected},"), line));
        fitting.next().is_none()
    })
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_running_tamis_shows_what_the_book_says() {
    let desk = Desk::new();
    let folder = desk.folder.path();
    let upstream = service().to_string();
    std::fs::write(folder.join("live.toml"), LIVE.replace("UPSTREAM", &upstream)).unwrap();
    std::fs::write(folder.join("broken.wasm"), guests::HOSTILE).unwrap();
    let tamis = Command::new(env!("CARGO_BIN_EXE_tamis-of-the-tests"))
        .args(["run", "-c", "live.toml"])
        .current_dir(folder)
        .env("TAMIS_CACHE", Path::new(env!("OUT_DIR")).join("code-of-the-book"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut tamis = Running(tamis);
    let talk = BufReader::new(tamis.0.stderr.take().unwrap());
    let mut said = String::new();
    let serves = |line: &String| {
        said += line;
        line.contains(" serves http://")
    };
    let serving = talk.lines().map(Result::unwrap).find(serves);
    let said = serving.unwrap_or_else(|| panic!("it does not serve: {said}"));
    let addresses = said.split("http://").skip(1);
    let mut addresses = addresses.filter_map(|rest| rest.split([',', '/']).next());
    let client = addresses.next().expect("an address for clients");
    let admin = addresses.next().expect("an address for operators");
    get(client, "/a?x=1");
    get(client, "/bad/");
    ask(client, "TRACE", "/");

    let (mut wrong, mut logs, mut seen) = (Vec::new(), Vec::new(), 0);
    for (name, page) in pages() {
        for block in Block::of(&page) {
            let Some(place) = block.mark("live").map(str::to_owned) else { continue };
            seen += 1;
            let at = format!("docs/src/{name}:{}", block.line);
            let (address, path) = match place.strip_prefix("admin") {
                Some(path) => (admin, path),
                None if place == "log" => {
                    logs.push((at, block.text));
                    continue;
                }
                None => (client, &*place),
            };
            // Health and counts take their second.
            let begun = Instant::now();
            loop {
                let answer = get(address, path);
                let Some(line) = missing(&block.text, &answer) else { break };
                if begun.elapsed() > Duration::from_secs(20) {
                    wrong.push(format!("{at}: `{line}` is not in\n{answer}"));
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
    assert!(seen > 5, "the live blocks are gone");
    let shown = get(admin, "/metrics");
    for name in families().keys().filter(|name| !RARE.contains(&name.as_str())) {
        if !shown.contains(&format!("# TYPE {name} ")) {
            wrong.push(format!("`{name}` is never counted"));
        }
    }
    let number = tamis.0.id().to_string();
    let stopped = Command::new("kill").args(["-TERM", &number]).status().unwrap();
    assert!(stopped.success(), "nobody can stop it");
    let mut written = String::new();
    tamis.0.stdout.take().unwrap().read_to_string(&mut written).unwrap();
    let status = tamis.0.wait().unwrap();
    assert!(status.success(), "{status}");
    for (at, text) in logs {
        if let Some(line) = missing(&text, &written) {
            wrong.push(format!("{at}: `{line}` is not in\n{written}"));
        }
    }
    none("pages of a running tamis that the book shows otherwise", &wrong);
}

/// What is shown exists, and is built by these tests.
fn included(include: &str) -> Result<(), String> {
    const BUILT: [&str; 3] = ["docs/examples/", "tests/guests/", "host/tamis.toml"];
    let (path, anchor) = match include.split_once(':') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (include, None),
    };
    let mut parts = vec!["docs", "src"];
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    if !BUILT.iter().any(|built| path.starts_with(built)) {
        return Err(format!("`{path}` is nothing that these tests build"));
    }
    let text = std::fs::read_to_string(root().join(&path))
        .map_err(|error| format!("`{path}`: {error}"))?;
    match anchor {
        Some(anchor) if !text.contains(&format!("ANCHOR: {anchor}")) => {
            Err(format!("`{path}` has no `{anchor}`"))
        }
        _ => Ok(()),
    }
}

#[test]
fn the_native_tests_of_the_examples_pass() {
    let output = Command::new(env!("CARGO"))
        .current_dir(root().join("docs/examples"))
        .args(["test", "--workspace", "--locked", "--offline", "--target-dir"])
        .arg(Path::new(env!("OUT_DIR")).join("examples"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{talk}");
    assert!(said.contains("2 passed"), "nothing was tested: {said}{talk}");
}

fn example(name: &str) -> &'static [u8] {
    examples::ALL.iter().find(|(known, _)| *known == name).expect("an example").1
}

#[tokio::test]
async fn the_stamp_works_however_it_was_built() {
    let room = Room::default();
    for name in ["stamp", "stamp-wasi"] {
        let make = room.plugin(example(name)).config(r#"{ "text": "seen" }"#);
        let chain = chain_of(&make.serve().await, OnFault::Closed);
        let mut journey = Journey::new(&chain, "/");
        journey.all().await.unwrap();
        assert_eq!(journey.response.headers["x-stamp"], "seen", "{name}");
    }
}

#[tokio::test]
async fn the_other_examples_serve() {
    let room = Room::default();
    let ask = r#"{ "ask": "https://status.example/shop" }"#;
    // They are kept, since a plugin takes its series along.
    let mut chains = Vec::new();
    for (name, config) in [("closed", ask), ("tally", "{}"), ("veil", r#"{ "word": "one" }"#)] {
        let mut make = room.plugin(example(name)).named(name).config(config);
        make.grants.outbound = true;
        let chain = chain_of(&make.serve().await, OnFault::Closed);
        let mut journey = Journey::new(&chain, "/api/orders");
        journey.request.headers.insert("x-tenant", "blue".parse().unwrap());
        journey.response.headers.insert("content-type", "text/plain".parse().unwrap());
        let (_, body) = journey.all().await.unwrap();
        assert_eq!(body.starts_with('…'), name == "veil", "{name}: {body:?}");
        chains.push(chain);
    }
    assert_eq!(room.counted("tally_requests_total", &["blue", "200"]), 1.0);
}

/// The rows of all tables of a text that begin with this name in backticks.
fn rows<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("| `{name}`");
    text.lines().filter(|line| line.starts_with(&begin)).collect()
}

/// The part of a page below the heading that names this, up to the next heading of its level.
fn below<'a>(page: &'a str, what: &str) -> Option<&'a str> {
    let heading = |line: &str| line.starts_with('#') && line.contains(&format!("`{what}`"));
    let start = page.lines().position(heading)?;
    let offset = page.lines().take(start + 1).map(|line| line.len() + 1).sum::<usize>();
    let rest = &page[offset.min(page.len())..];
    Some(rest.find("\n#").map_or(rest, |end| &rest[..end]))
}

#[test]
fn every_key_of_the_sample_is_in_the_configuration_page_with_its_default() {
    // What stands in the sample for these is an example and no default.
    const NO_DEFAULT: [&str; 11] = [
        "[[routes]] upstream",
        "[[routes]] plugins",
        "[upstreams.NAME] servers",
        "[upstreams.NAME.check] path",
        "[plugins.NAME] component",
        "[plugins.NAME] allow",
        "[plugins.NAME] allow-http",
        "[logs] plugins",
        "[sources.NAME] type",
        "[sinks.NAME] type",
        "[admin] errors",
    ];
    let page = page("configuration");
    let mut section = String::new();
    let (mut seen, mut found) = (0, Vec::new());
    for line in read("host/tamis.toml").lines() {
        let off = line.starts_with('#');
        let line = line.trim_start_matches('#');
        if line.starts_with('[') {
            let name = line.trim_start_matches('[').split(']').next().unwrap_or_default();
            let mut parts: Vec<&str> = name.split('.').collect();
            if parts.len() > 1 && ["upstreams", "plugins", "sources", "sinks"].contains(&parts[0]) {
                parts[1] = "NAME";
            }
            // A table of a list has two brackets.
            section = line.replace(name, &parts.join(".")).trim_end().to_owned();
            continue;
        }
        let Some((key, value)) = line.split_once(" = ") else { continue };
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
            continue;
        }
        seen += 1;
        let Some(part) = below(&page, &section) else {
            found.push(format!("no heading names {section}"));
            continue;
        };
        let rows = rows(part, key);
        if rows.is_empty() {
            found.push(format!("`{key}` is not in the table of {section}"));
        }
        let is_default = !off && !NO_DEFAULT.contains(&&*format!("{section} {key}"));
        if is_default && !rows.iter().any(|row| row.contains(&format!("`{value}`"))) {
            found.push(format!("`{key}` of {section} is not said to be `{value}`"));
        }
    }
    assert!(seen > 80, "the sample was not read: {seen}");
    found.dedup();
    none("keys that the page does not know", &found);
}

#[test]
fn every_setting_of_a_standard_plugin_is_in_its_page_with_its_default() {
    let mut found = Vec::new();
    for (plugin, schema) in [
        ("timing", "plugins/timing/src/schema.json"),
        ("health", "plugins/health/src/schema.json"),
        ("errors", "plugins/errors/src/schema.json"),
        ("redact", "plugins/redact/src/rules/schema.json"),
    ] {
        let mut page = page(&format!("plugin-{plugin}"));
        if plugin == "redact" {
            page += &self::page("rules");
        }
        let schema: serde_json::Value = serde_json::from_str(&read(schema)).unwrap();
        let mut tables = vec![&schema];
        while let Some(table) = tables.pop() {
            let Some(properties) = table["properties"].as_object() else { continue };
            for (key, property) in properties {
                let rows = rows(&page, key);
                if rows.is_empty() {
                    found.push(format!("plugin-{plugin}.md has no row for `{key}`"));
                }
                if let Some(default) = property.get("default") {
                    let default = format!("`{default}`");
                    if !rows.iter().any(|row| row.contains(&default)) {
                        found.push(format!("plugin-{plugin}.md: `{key}` is {default} by default"));
                    }
                }
                tables.push(property);
                tables.push(&property["items"]);
            }
        }
    }
    none("settings that the pages do not know", &found);
}

#[test]
fn every_entity_of_a_pack_is_in_the_table_of_packs() {
    let page = page("redaction");
    let mut names = vec!["paths/user".to_owned()];
    for file in ["africa", "america", "asia", "europe", "things"] {
        let text = read(&format!("plugins/redact/src/pack/{file}.rs"));
        let rows = text.split("row(").skip(1).filter_map(|row| row.trim().strip_prefix('"'));
        let known = rows.filter_map(|row| row.split('"').next()).filter(|name| name.contains('/'));
        names.extend(known.map(str::to_owned));
    }
    assert!(names.len() > 100, "{names:?}");
    let mut found = Vec::new();
    for name in names {
        let (pack, entity) = name.rsplit_once('/').unwrap();
        if !rows(&page, pack).iter().any(|row| row.contains(&format!("`{entity}`"))) {
            found.push(name);
        }
    }
    none("entities that the page does not know", &found);
}

#[test]
fn every_hook_of_the_contract_is_in_the_table_of_hooks() {
    let page = page("author-hooks");
    let mut found = Vec::new();
    for file in ["admin", "events", "health", "http", "lifecycle", "logs", "scrub"] {
        let text = read(&format!("wit/{file}.wit"));
        for (name, _) in text.lines().filter_map(|line| line.trim().split_once(": func(")) {
            if rows(&page, name).is_empty() {
                found.push(format!("`{name}` of wit/{file}.wit"));
            }
        }
    }
    none("hooks without a row", &found);
}

/// The names of the host's families, with their labels, as the source has them.
fn families() -> BTreeMap<String, Vec<String>> {
    let text = read("host/src/metrics/families.rs");
    let mut families = BTreeMap::new();
    for (at, _) in text.match_indices("registry, \"").chain(text.match_indices("registry,\n")) {
        let rest = &text[at..];
        let mut quoted = rest.split('"').skip(1).step_by(2);
        let name = quoted.next().expect("a name").to_owned();
        let labels = rest
            .find('[')
            .and_then(|start| rest[start..].find(']').map(|end| &rest[start..start + end]));
        let labels = labels.unwrap_or_default().split('"').skip(1).step_by(2);
        families.insert(name, labels.map(str::to_owned).collect());
    }
    families
}

#[test]
fn every_family_of_the_host_is_in_the_metrics_page_with_its_labels() {
    let page = page("metrics");
    let families = families();
    assert!(families.len() > 50, "the source was not read: {families:?}");
    let mut found = Vec::new();
    for (name, labels) in &families {
        let rows = rows(&page, name);
        let [row] = rows[..] else {
            found.push(format!("`{name}` has {} rows", rows.len()));
            continue;
        };
        for label in labels.iter().filter(|label| !row.contains(&format!("`{label}`"))) {
            found.push(format!("`{name}` has the label `{label}`"));
        }
    }
    for (name, page) in pages() {
        let is_part = |one: char| one.is_ascii_lowercase() || one == '_';
        for word in page.split(|one: char| !is_part(one)).filter(|word| word.starts_with("tamis_"))
        {
            let is_crate = word.starts_with("tamis_sdk") || word.starts_with("tamis_host");
            if !is_crate && word != "tamis_" && !families.contains_key(word) {
                found.push(format!("{name} speaks of `{word}`, which the host does not have"));
            }
        }
    }
    none("families that the page does not know", &found);
}

#[test]
fn every_field_of_the_access_record_and_every_kind_of_failure_has_a_row() {
    let mut found = Vec::new();
    let access = read("host/src/proxy/access.rs");
    let logs = page("logs");
    let fields: BTreeSet<&str> =
        access.split("put(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(fields.len() > 10, "{fields:?}");
    for field in fields {
        if rows(&logs, field).is_empty() {
            found.push(format!("`{field}` is not in logs.md"));
        }
    }
    let failures = page("failures");
    for file in ["proxy/reply.rs", "proxy/access.rs", "outbound/client.rs", "outbound.rs"] {
        for word in read(&format!("host/src/{file}")).split('"').skip(1).step_by(2) {
            let mut parts = word.split('.');
            let kinds = ["plugin", "upstream", "request", "response", "client"];
            let is_kind = kinds.contains(&parts.next().unwrap_or_default())
                && word.contains('.')
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || b".-".contains(&byte));
            if is_kind && !["upstream.name", "client.address"].contains(&word) {
                let named = failures.contains(&format!("`{word}`"));
                if !named {
                    found.push(format!("`{word}` of {file} is not in failures.md"));
                }
            }
        }
    }
    found.dedup();
    none("words of records that the pages do not know", &found);
}

/// The text of all string literals of the host that go over several lines, put together again.
fn words_of_the_host() -> String {
    let mut words = String::new();
    let mut folders = vec![root().join("host/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                words += &std::fs::read_to_string(&path).unwrap();
            }
        }
    }
    let mut joined = String::new();
    for part in words.split("\\\n") {
        joined += if joined.is_empty() { part } else { part.trim_start() };
    }
    joined
}

#[test]
fn every_message_of_the_page_is_said_by_the_host() {
    let (page, host) = (page("messages"), words_of_the_host());
    let (mut seen, mut found) = (0, Vec::new());
    for section in ["## Before it runs", "## While it runs", "## What clients see"] {
        let part = page.split(section).nth(1).expect("the section").split("\n## ").next();
        let rows = prose(part.unwrap_or_default()).into_iter().map(|(_, line)| line);
        for row in rows.filter(|row| row.starts_with("| ")).skip(2) {
            let message = row.trim_start_matches("| ").split(" | ").next().unwrap_or_default();
            let message = message.split(" (source ").next().unwrap_or_default();
            let message = message.trim_start_matches(|one: char| one.is_ascii_digit());
            // Names and figures are different each time.
            for fragment in message.split(['`', '…', '[']).map(str::trim) {
                if fragment.len() < 6 || fragment == "slow request" {
                    continue;
                }
                seen += 1;
                if !host.contains(fragment) {
                    found.push(format!("`{fragment}` of `{message}`"));
                }
            }
        }
    }
    assert!(seen > 20, "the page was not read: {seen}");
    none("messages that nobody says", &found);
}

#[test]
fn links_lead_somewhere_and_every_page_is_in_the_contents() {
    let pages = pages();
    let mut found = Vec::new();
    for (name, page) in &pages {
        for target in links(page) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() { name } else { file };
            match pages.get(file) {
                None => found.push(format!("{name}: there is no page `{file}`")),
                Some(page) if !anchor.is_empty() && !anchors(page).contains(anchor) => {
                    found.push(format!("{name}: `{file}` has no heading `#{anchor}`"));
                }
                Some(_) => {}
            }
        }
    }
    let listed: BTreeSet<String> = links(&pages["SUMMARY.md"]).into_iter().collect();
    for name in pages.keys().filter(|name| *name != "SUMMARY.md" && !listed.contains(*name)) {
        found.push(format!("{name} is not in SUMMARY.md"));
    }
    none("links that lead nowhere", &found);
}

/// The targets of all links outside of fenced blocks.
fn links(page: &str) -> Vec<String> {
    prose(page)
        .iter()
        .flat_map(|(_, line)| line.split("](").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .map(str::to_owned)
        .collect()
}

/// What mdBook makes of the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page).into_iter().filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, line)| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|one| one.is_alphanumeric() || " -_".contains(*one));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

/// The lines outside of fenced blocks, with their numbers.
fn prose(page: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((index + 1, line));
        }
    }
    lines
}

#[test]
fn pages_open_with_a_title_and_keep_to_their_width_and_words() {
    const NOT_USED: [&str; 4] = ["middleware", "interceptor", "handler", "failure mode"];
    let mut found = Vec::new();
    for (name, page) in pages() {
        if !page.starts_with("# ") {
            found.push(format!("{name} has no title"));
        }
        for (line, text) in prose(&page) {
            // A row of a table cannot be broken.
            if !text.starts_with('|') && text.chars().count() > 120 {
                found.push(format!("{name}:{line} is longer than 120 characters"));
            }
            for word in NOT_USED.iter().filter(|word| text.to_lowercase().contains(**word)) {
                found.push(format!("{name}:{line} says `{word}`"));
            }
        }
    }
    none("pages that are not like the others", &found);
}
