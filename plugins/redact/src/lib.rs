//! Replaces personal data and secrets in bodies, headers, log records and error events.
//!
//! One engine and one set of rules for every way out: the log corridor in blocks, records with
//! fields among them as lines of JSON, texts that leave otherwise, and, where the configuration
//! asks for it, the bodies and headers of responses, in pieces cut anywhere.
//!
//! This file speaks to the host; the others are the engine, tested natively. A guard: when it
//! fails, nothing goes on.

mod action;
mod bytes;
mod candidate;
mod ending;
mod engine;
mod explain;
mod field;
mod find;
mod names;
mod pair;
mod pem;
mod place;
mod placeholder;
mod plausible;
mod rule;
mod rules;
mod settings;
mod scan;
mod span;
mod stream;
mod text;
mod value;

pub use engine::{Counts, Engine, Scratch};
pub use explain::{Explainer, Note, Reason, Verdict};
pub use field::Field;
pub use place::Kind;
pub use rules::{Action, ConfigError, Rules, SCHEMA};
pub use stream::{Answer, Splice, Stream};

use std::collections::HashMap;

use tamis_sdk::{
    Batch, Chunk, ChunkAction, Config, Edits, Exchanges, Fields, Next, Passage, Phase, Plugin,
    Response, Severity, Subscription, Summary, host, metrics, next, plugin,
};

use crate::settings::Settings;

metrics! {
    /// What was found. Never the value, only how often.
    struct Found {
        matches: counter(
            "redact_matches_total",
            "Values that a rule found, by rule and place.",
            [rule, place],
        ),
    }
}

/// Sources whose state is kept; of more than these the first is forgotten, which matters only
/// to a private key that is being written at that moment.
const SOURCES: usize = 64;

/// The plugin. Public so that it is in use where no component is built.
pub struct Redact {
    settings: Settings,
    engine: Engine,
    scratch: Scratch,
    found: Found,
    /// The bodies under way.
    bodies: Exchanges<Stream>,
    /// What goes on from one block of a source to the next.
    sources: HashMap<String, Stream>,
    /// Only with `explain`.
    explainer: Option<Explainer>,
}

#[plugin(guard, metrics(Found), schema = SCHEMA, exchanges(bodies))]
impl Plugin for Redact {
    fn configure(config: Config) -> Result<Self, Vec<tamis_sdk::ConfigError>> {
        let json: serde_json::Value = config.parse()?;
        let settings = Settings::of(&json, config.is_testing());
        let rules = Rules::from_config(&json);
        let (settings, rules) = match (settings, rules) {
            (Ok(settings), Ok(rules)) => (settings, rules),
            (settings, rules) => {
                let mistakes = settings.err().into_iter().flatten();
                return Err(mistakes
                    .chain(rules.err().into_iter().flatten())
                    .map(|mistake| {
                        let error = tamis_sdk::ConfigError::new(mistake.path, mistake.message);
                        match mistake.hint {
                            Some(hint) => error.hint(hint),
                            None => error,
                        }
                    })
                    .collect());
            }
        };
        let (engine, found) = (Engine::new(rules), Found::register()?);
        if config.is_testing() {
            // Who tries rules wants to see those that never hit, too.
            for rule in engine.rules_on() {
                found.matches.add([rule, "log"], 0.0);
            }
        }
        Ok(Self {
            explainer: settings.explain.then(|| Explainer::new(&json)),
            settings,
            engine,
            scratch: Scratch::default(),
            found,
            bodies: Exchanges::new(),
            sources: HashMap::new(),
        })
    }

    fn subscribe(&self, subscription: &mut Subscription) {
        let Settings { responses, response_headers, .. } = &self.settings;
        match (responses, response_headers.is_empty()) {
            (false, true) => {
                subscription.response = None;
                subscription.done = None;
            }
            (false, false) => {
                if let Some(Phase { fields, body }) = &mut subscription.response {
                    *fields = Fields::only(response_headers.iter().cloned());
                    *body = tamis_sdk::BodyMode::Skip;
                }
                subscription.done = None;
            }
            (true, _) => {
                if let Some(Phase { fields, .. }) = &mut subscription.response {
                    let names = response_headers.iter().map(String::as_str);
                    let names = names.chain(["content-type"]).map(str::to_owned);
                    *fields = Fields::only(names);
                }
            }
        }
    }

    /// Only with `responses` or `response-headers`.
    #[fields("content-type")]
    fn on_response(&mut self, response: Response) -> Next {
        if self.settings.responses && !response.ends {
            let kind = response.header("content-type").and_then(Kind::of_media_type);
            let stream = Stream::new(kind.unwrap_or(Kind::Text));
            self.bodies.insert(response.exchange, stream);
        }
        let mut answer = next();
        for name in &self.settings.response_headers {
            let values: Vec<_> = response.header_values(name).collect();
            let fields: Vec<_> = values
                .iter()
                .map(|value| self.engine.field(name, value, &mut self.scratch))
                .collect();
            if fields.iter().all(|field| *field == Field::Keep) {
                continue;
            }
            answer = answer.remove_header(name);
            for (value, field) in values.into_iter().zip(fields) {
                match field {
                    Field::Keep => answer = answer.append_header(name, value),
                    Field::Set(value) => answer = answer.append_header(name, value),
                    Field::Remove => {}
                }
            }
        }
        self.count("header");
        answer
    }

    /// Only with `responses`.
    #[body(
        transform,
        max = "1024 GiB",
        types(
            "text/*",
            "application/json",
            "application/problem+json",
            "application/ld+json",
            "application/hal+json",
            "application/vnd.api+json",
            "application/x-ndjson",
            "application/xml",
            "application/x-www-form-urlencoded"
        ),
        decode
    )]
    fn on_response_body(&mut self, chunk: Chunk) -> ChunkAction {
        let stream = self.bodies.get_or_insert_with(chunk.exchange, || Stream::new(Kind::Text));
        let answer = stream.push(&self.engine, &chunk.data, chunk.last, &mut self.scratch);
        self.count("body");
        match answer {
            Answer::Pass => ChunkAction::Pass,
            Answer::Splice(splices) => {
                ChunkAction::Splice(splices.into_iter().map(splice).collect())
            }
            Answer::Replace(bytes) => ChunkAction::Replace(bytes),
        }
    }

    /// Only with `responses`: frees what is kept of a body.
    fn on_done(&mut self, _: Summary) {}

    #[logs(block, access_log)]
    fn on_logs(&mut self, batch: Batch) -> Edits {
        let mut edits = Edits::default();
        for (index, record) in batch.records.iter().enumerate() {
            self.block(&batch.source, index, &record.message, &mut edits);
        }
        self.count("log");
        edits
    }

    fn scrub(&mut self, passages: Vec<Passage>) -> Vec<Option<String>> {
        let clean = passages.iter().map(|passage| self.passage(passage)).collect();
        self.count("scrub");
        clean
    }
}

impl Redact {
    /// A run of records, a line each.
    fn block(&mut self, source: &str, index: usize, text: &str, edits: &mut Edits) {
        if !self.sources.contains_key(source) {
            if self.sources.len() >= SOURCES {
                self.sources.clear();
            }
            self.sources.insert(source.to_owned(), Stream::new(Kind::Text));
        }
        let Some(stream) = self.sources.get_mut(source) else { return };
        let splices = stream.block(&self.engine, text.as_bytes(), &mut self.scratch);
        if let Some(explainer) = &self.explainer {
            let text = text.as_bytes();
            for note in explainer.notes(&self.engine, Kind::Text, text, &self.scratch) {
                write_note(index, &note);
            }
        }
        if !splices.is_empty() {
            edits.splice(index, splices.into_iter().map(splice).collect());
        }
    }

    fn passage(&mut self, passage: &Passage) -> Option<String> {
        if passage.name.is_empty() {
            return self.text(Kind::Text, &passage.text);
        }
        match self.field(&passage.name, &passage.text) {
            Field::Keep => None,
            Field::Set(text) => Some(text),
            // There is no field to take out here, so its value goes.
            Field::Remove => Some(String::new()),
        }
    }

    /// A value with its name. Addresses are read as such, whatever else their name says.
    fn field(&mut self, name: &str, value: &str) -> Field {
        const ADDRESSES: [&str; 8] = [
            "query",
            "url.query",
            "url.full",
            "url.original",
            "http.target",
            "http.url",
            "http.request.header.referer",
            "http.response.header.location",
        ];
        if ADDRESSES.contains(&name) {
            return self.engine.url(value, &mut self.scratch).map_or(Field::Keep, Field::Set);
        }
        self.engine.field(name, value, &mut self.scratch)
    }

    fn text(&mut self, kind: Kind, text: &str) -> Option<String> {
        match self.engine.redact(kind, text.as_bytes(), &mut self.scratch) {
            std::borrow::Cow::Borrowed(_) => None,
            // The engine replaces whole characters by ASCII.
            std::borrow::Cow::Owned(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    fn count(&mut self, place: &str) {
        let counts = self.scratch.take_counts();
        for (rule, count) in self.engine.named(&counts) {
            self.found.matches.add([rule, place], count as f64);
        }
    }
}

/// Writes a note as a record of the plugin's own: `hit` or `miss`, and what there is to say as
/// attributes.
fn write_note(record: usize, note: &Note) {
    let (message, key, what) = match note.verdict {
        Verdict::Hit(action) => ("hit", "action", action),
        Verdict::Miss(reason) => ("miss", "reason", reason.name()),
    };
    let number = |number: usize| (number as u64).into();
    let attributes = [
        ("record".to_owned(), number(record)),
        ("start".to_owned(), number(note.range.start)),
        ("end".to_owned(), number(note.range.end)),
        ("rule".to_owned(), note.rule.as_str().into()),
        (key.to_owned(), what.into()),
        ("why".to_owned(), note.why.as_str().into()),
        ("shape".to_owned(), note.shape.as_str().into()),
    ];
    host::log::write(Severity::Debug, message, &attributes);
}

fn splice(splice: Splice) -> tamis_sdk::Splice {
    tamis_sdk::Splice::new(splice.at..splice.at + splice.len, splice.bytes)
}
