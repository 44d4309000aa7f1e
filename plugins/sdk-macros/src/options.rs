//! What `#[plugin(…)]` itself says.

use proc_macro2::{Span, TokenStream};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, LitStr, Path, Token};

use crate::argument::{self, Argument, Mistakes};

/// The arguments of `#[plugin]`.
#[derive(Default)]
pub(crate) struct Options {
    /// Where `guard` stands.
    pub(crate) guard: Option<Span>,
    pub(crate) name: Option<LitStr>,
    pub(crate) summary: Option<LitStr>,
    pub(crate) schema: Option<Expr>,
    pub(crate) paths: Vec<LitStr>,
    pub(crate) metrics: Vec<Path>,
    pub(crate) exchanges: Vec<Ident>,
    pub(crate) own_allocator: bool,
}

const KNOWN: &str = "`guard`, `watcher`, `paths(\"/…\")`, `metrics(Set)`, `exchanges(field)`, \
                     `schema = …`, `own_allocator`, `name = \"…\"` and `summary = \"…\"`";

impl Options {
    pub(crate) fn parse(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut options = Self::default();
        for argument in mistakes.take(argument::parse(tokens)).unwrap_or_default() {
            options.set(argument, mistakes);
        }
        options
    }

    fn set(&mut self, argument: Argument, mistakes: &mut Mistakes) {
        match argument {
            Argument::Word(word) if word == "guard" => self.guard = Some(word.span()),
            Argument::Word(word) if word == "watcher" => {}
            Argument::Word(word) if word == "own_allocator" => self.own_allocator = true,
            Argument::Value(name, value) if name == "name" => {
                self.name = mistakes.take(argument::text(&value));
                if let Some(name) = &self.name
                    && !is_kebab(&name.value())
                {
                    mistakes.say(name.span(), "the name has to be in `kebab-case`");
                }
            }
            Argument::Value(name, value) if name == "summary" => {
                self.summary = mistakes.take(argument::text(&value));
            }
            Argument::Value(name, value) if name == "schema" => self.schema = Some(value),
            Argument::List(name, list) if name == "paths" => {
                self.paths = mistakes.take(argument::texts(list)).unwrap_or_default();
                for path in &self.paths {
                    check_path(path, mistakes);
                }
            }
            Argument::List(name, list) if name == "metrics" => {
                let parser = Punctuated::<Path, Token![,]>::parse_terminated;
                let sets = mistakes.take(parser.parse2(list));
                self.metrics = sets.into_iter().flatten().collect();
            }
            Argument::List(name, list) if name == "exchanges" => {
                let parser = Punctuated::<Ident, Token![,]>::parse_terminated;
                let fields = mistakes.take(parser.parse2(list));
                self.exchanges = fields.into_iter().flatten().collect();
            }
            other => mistakes.push(other.unknown(KNOWN)),
        }
    }
}

fn check_path(path: &LitStr, mistakes: &mut Mistakes) {
    let written = path.value();
    let stem = written.strip_suffix('*').unwrap_or(&written);
    if !written.starts_with('/') || stem.contains(['*', '?', '#']) {
        mistakes.say(
            path.span(),
            "a path is exact, such as \"/health\", or a prefix with a final `*`, such as \
             \"/health/*\"; it has no query",
        );
    }
}

fn is_kebab(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}
