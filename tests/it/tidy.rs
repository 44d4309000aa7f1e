//! The laws of `ARCHITECTURE.md`, as far as source can be asked about them.
//!
//! The import table is read from that page, so neither can change alone. What the compiler and
//! clippy look after already (`unsafe`, `unwrap`, who dials, who reads the environment, unbounded
//! queues) is only checked for being asked of them. Lines are not counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One file of Rust: its path from the root, its text, and what it parses to.
struct Source {
    path: String,
    text: String,
    file: syn::File,
}

/// All files of Rust below a folder, in order.
fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // What was built is nobody's source, and some of it does not parse alone.
                if path.file_name().is_some_and(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    assert!(!paths.is_empty(), "{folder} holds no Rust");
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            Source { path, text, file }
        })
        .collect()
}

/// Whether an item is there in tests only.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let mut test = attribute.path().is_ident("test");
        if attribute.path().is_ident("cfg") {
            let named = attribute.parse_args::<syn::Ident>();
            test |= named.is_ok_and(|name| name == "test");
        }
        test
    })
}

/// What a file says outside of its tests.
#[derive(Default)]
struct Said {
    /// Paths, as segments: those of `use`, and those in code, types and macros' names.
    paths: BTreeSet<Vec<String>>,
    /// Names of `static` items.
    statics: BTreeSet<String>,
    /// Whether there is an `unsafe` block or function.
    is_unsafe: bool,
}

impl Said {
    fn by(source: &Source) -> Self {
        let mut said = Self::default();
        if !is_test(&source.file.attrs) {
            said.visit_file(&source.file);
        }
        said
    }

    fn mentions(&self, start: &[&str]) -> bool {
        self.paths.iter().any(|path| path.len() >= start.len() && path[..start.len()] == *start)
    }

    fn used(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.used(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => drop(self.paths.insert(with(&name.ident))),
            syn::UseTree::Rename(name) => drop(self.paths.insert(with(&name.ident))),
            syn::UseTree::Glob(_) => drop(self.paths.insert(before.to_vec())),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.used(before, tree);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Said {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_test(&function.attrs) {
            self.is_unsafe |= matches!(function.sig.safety, syn::Safety::Unsafe(_));
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.used(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.insert(path.segments.iter().map(|one| one.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        if !is_test(&item.attrs) {
            self.statics.insert(item.ident.to_string());
            visit::visit_item_static(self, item);
        }
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.is_unsafe = true;
        visit::visit_expr_unsafe(self, block);
    }
}

/// Files that are modules of tests only, by the `#[cfg(test)] mod name;` of their parents.
fn test_files(sources: &[Source]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in sources {
        for item in &source.file.items {
            let syn::Item::Mod(module) = item else { continue };
            if module.content.is_none() && is_test(&module.attrs) {
                let stem = source.path.trim_end_matches(".rs");
                let folder = stem.strip_suffix("/lib").unwrap_or(stem);
                found.insert(format!("{folder}/{}.rs", module.ident));
            }
        }
    }
    found
}

/// The room that a file of the host belongs to; `None` for those above all rooms.
fn room(path: &str) -> Option<&str> {
    let inner = path.strip_prefix("host/src/")?;
    let first = inner.split('/').next()?;
    let name = first.trim_end_matches(".rs");
    (!matches!(name, "lib" | "main" | "bin")).then_some(name)
}

/// The host without its tests: for each file, its path and what it says.
fn host() -> Vec<(String, Said)> {
    let sources = sources("host/src");
    let tests = test_files(&sources);
    let kept = sources.iter().filter(|source| !tests.contains(&source.path));
    kept.map(|source| (source.path.clone(), Said::by(source))).collect()
}

/// The table of `ARCHITECTURE.md`: who may import whom.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let page = read("ARCHITECTURE.md");
    let rows = page.split("| room | may import |").nth(1).expect("the table of imports");
    let names = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let rows: Vec<_> = rows
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|');
            let rooms = names(cells.next().expect("rooms"));
            let may = cells.next().expect("what they may import").trim().to_owned();
            (rooms, may)
        })
        .collect();
    let all: BTreeSet<String> = rows.iter().flat_map(|(rooms, _)| rooms.clone()).collect();
    let mut table = BTreeMap::new();
    for (rooms, may) in rows {
        let named: BTreeSet<String> = names(&may).into_iter().collect();
        let allowed = match may.strip_prefix("every room") {
            Some(_) => &all - &named,
            None => named,
        };
        for room in rooms {
            let mut allowed = allowed.clone();
            allowed.insert(room.clone());
            table.insert(room, allowed);
        }
    }
    table
}

/// Fails with all that was found, a line each.
fn none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let table = table();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, said) in host() {
        let Some(room) = room(&path) else { continue };
        let allowed = table.get(room).unwrap_or_else(|| panic!("`{room}` is not in the table"));
        seen.insert(room.to_owned());
        for other in table.keys().filter(|other| !allowed.contains(*other)) {
            if said.mentions(&["crate", other]) {
                found.push(format!("{path}: `{room}` may not import `{other}`"));
            }
        }
    }
    none("imports against ARCHITECTURE.md", found);
    let rooms: BTreeSet<String> = table.into_keys().collect();
    assert_eq!(seen, rooms, "the rooms of the table and those of the host");
}

#[test]
fn what_one_room_knows_no_other_does() {
    // A path, the rooms that may say it, and the law.
    let laws: [(&[&str], &[&str], &str); 6] = [
        (&["wasmtime"], &["plugin"], "only `plugin` knows WebAssembly"),
        (&["tokio", "net", "TcpListener"], &["server"], "only `server` listens"),
        (&["std", "net", "TcpListener"], &["server"], "only `server` listens"),
        (&["tokio", "net", "lookup_host"], &["outbound"], "only `outbound` resolves names"),
        (&["anstream"], &["cli"], "only `cli` talks to the terminal"),
        (&["clap"], &["cli"], "only `cli` reads arguments"),
    ];
    // The demo brings an application along, which is the world around tamis and no room of it.
    const WORLD: &str = "host/src/cli/demo/sample.rs";
    let mut found = Vec::new();
    let mut kept = BTreeSet::new();
    for (path, said) in host() {
        for (start, rooms, law) in laws {
            if path == WORLD || !said.mentions(start) {
                continue;
            }
            match room(&path) {
                Some(room) if !rooms.contains(&room) => {
                    found.push(format!("{path} says `{}`: {law}", start.join("::")));
                }
                _ => drop(kept.insert(start)),
            }
        }
    }
    for (start, ..) in laws {
        assert!(kept.contains(start), "nobody says `{}`: the law is empty", start.join("::"));
    }
    none("knowledge in the wrong room", found);
}

#[test]
fn no_room_keeps_a_global_and_one_file_is_unsafe() {
    let mut globals = Vec::new();
    let mut unsafes = Vec::new();
    for (path, said) in host() {
        // The allocator is no state of ours.
        let own = said.statics.iter().filter(|name| *name != "ALLOCATOR");
        globals.extend(own.map(|name| format!("{path}: static {name}")));
        if said.is_unsafe {
            unsafes.push(path);
        }
    }
    none("two hosts run in one process", globals);
    assert_eq!(unsafes, ["host/src/plugin/cache.rs"]);
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut found = Vec::new();
    for folder in ["host", "plugins", "tests"] {
        for source in sources(folder) {
            if !source.text.trim_start().starts_with("//!") {
                found.push(source.path);
            }
        }
    }
    none("files without a header", found);
}

#[test]
fn lints_keep_the_other_laws() {
    let clippy = read("clippy.toml");
    for method in ["std::env::var", "tokio::spawn", "std::process::exit", "TcpStream::connect"] {
        assert!(clippy.contains(method), "clippy.toml does not speak of `{method}`");
    }
    let lints = read("Cargo.toml");
    for lint in ["unsafe_code = \"warn\"", "missing_docs = \"warn\"", "unwrap_used = \"warn\""] {
        assert!(lints.contains(lint), "Cargo.toml does not ask for `{lint}`");
    }
}

#[test]
fn plugins_speak_to_the_sdk_in_one_file() {
    // Of the layers below, those that hold data of the SDK's own.
    let mut found = Vec::new();
    for plugin in ["redact", "timing", "health", "errors"] {
        for source in sources(&format!("plugins/{plugin}/src")) {
            let said = Said::by(&source);
            let host = ["host", "plugin", "metrics"];
            let speaks = host.iter().any(|name| said.mentions(&["tamis_sdk", name]));
            if speaks && !source.path.ends_with("/lib.rs") {
                found.push(source.path);
            }
        }
    }
    none("files of plugins that call the host", found);
}

#[test]
fn every_hook_of_the_contract_is_in_the_sdk() {
    let sdk: String = sources("plugins/sdk/src").into_iter().map(|source| source.text).collect();
    let mut hooks = Vec::new();
    for file in ["admin", "events", "health", "http", "lifecycle", "logs", "scrub"] {
        let text = read(&format!("wit/{file}.wit"));
        let functions = text.lines().filter_map(|line| line.trim().split_once(": func("));
        hooks.extend(functions.map(|(name, _)| name.to_owned()));
    }
    assert!(hooks.len() >= 14, "{hooks:?}");
    let missing: Vec<_> =
        hooks.into_iter().filter(|hook| !sdk.contains(&hook.replace('-', "_"))).collect();
    none("hooks that the SDK does not know", missing);
}
