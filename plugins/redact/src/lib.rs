//! Replaces personal data and secrets in bodies, headers, log records and error events.
//!
//! One engine and one set of rules for every way out: the log corridor in blocks, records with
//! fields among them as lines of JSON, texts that leave otherwise, and, where the configuration
//! asks for it, the bodies and heads of requests and responses, in pieces cut anywhere.
//!
//! This file speaks to the host; the others are the engine, tested natively. A guard: when it
//! fails, nothing goes on.

mod action;
mod body;
mod bytes;
mod candidate;
mod cipher;
mod custom;
mod cut;
mod ending;
mod engine;
mod explain;
mod field;
mod find;
mod keys;
mod names;
mod pack;
mod pair;
mod parts;
mod pem;
mod place;
mod placeholder;
mod plausible;
mod rule;
mod rules;
mod settings;
mod scan;
mod sets;
mod span;
mod stream;
mod text;
/// Rule files on trial. Not part of the component.
#[cfg(not(target_family = "wasm"))]
pub mod trial;
mod value;
mod view;

pub use cipher::decrypt;
pub use cut::Cut;
pub use engine::{Counts, Engine, Scratch};
pub use explain::{Explainer, Note, Reason, Verdict};
pub use field::Field;
pub use place::{Kind, Place};
pub use rules::{Action, ConfigError, Number, Rules, SCHEMA};
pub use stream::{Answer, Splice, Stream};

use std::collections::HashMap;

use tamis_sdk::{
    Batch, Chunk, ChunkAction, Config, Edits, Exchange, Exchanges, Fields, Header, LogForm, Next,
    Passage, Phase, Plugin, Record, Request, Response, Severity, Subscription, Summary, Value,
    host, metrics, next, plugin, respond,
};

use crate::body::{Body, Reading, Unreadable};
use crate::place::MEDIA_TYPES;
use crate::sets::Sets;
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
    sets: Sets,
    scratch: Scratch,
    found: Found,
    /// The bodies under way; both of an exchange may be at once.
    bodies: Exchanges<Bodies>,
    /// What goes on from one block of a source to the next.
    sources: HashMap<String, Stream>,
    /// Only with `explain`.
    explainer: Option<Explainer>,
}

/// The bodies of one exchange.
#[derive(Default)]
struct Bodies {
    request: Option<Body>,
    response: Option<Body>,
}

/// One way through the plugin: what differs between requests and responses.
struct Way {
    /// Whether bodies are redacted.
    bodies: bool,
    /// The attribute with the receipt for a body, for the access record.
    receipt: &'static str,
    /// The answer instead of a message that must not go on: it holds what may not be sent.
    refused: u16,
    /// The answer instead of a message that cannot be read.
    unreadable: u16,
}

#[plugin(guard, metrics(Found), schema = SCHEMA, exchanges(bodies))]
impl Plugin for Redact {
    fn configure(config: Config) -> Result<Self, Vec<tamis_sdk::ConfigError>> {
        let json: serde_json::Value = config.parse()?;
        let settings = Settings::of(&json, config.is_testing());
        let sets = Sets::of(&json);
        let (settings, sets) = match (settings, sets) {
            (Ok(settings), Ok(sets)) => (settings, sets),
            (settings, sets) => {
                let mistakes = settings.err().into_iter().flatten();
                return Err(mistakes
                    .chain(sets.err().into_iter().flatten())
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
        let found = Found::register()?;
        if config.is_testing() {
            // Who tries rules wants to see those that never hit, too.
            for rule in sets.everywhere().rules_on() {
                found.matches.add([rule, "log"], 0.0);
            }
        }
        Ok(Self {
            explainer: settings.explain.then(|| Explainer::new(&json)),
            settings,
            sets,
            scratch: Scratch::default(),
            found,
            bodies: Exchanges::new(),
            sources: HashMap::new(),
        })
    }

    fn subscribe(&self, subscription: &mut Subscription) {
        if let Some(logs) = &mut subscription.logs
            && self.sets.drops_records()
        {
            // A block can be changed, but no record of it can be kept from going on.
            logs.form = LogForm::Raw;
        }
        let settings = &self.settings;
        narrow(
            &mut subscription.request,
            settings.sees_requests(),
            settings.requests,
            &settings.request_headers,
        );
        narrow(
            &mut subscription.response,
            settings.sees_responses(),
            settings.responses,
            &settings.response_headers,
        );
        if !settings.requests && !settings.responses {
            subscription.done = None;
        }
    }

    /// Only with `requests`, `request-headers` or `request-target`.
    #[fields("content-type")]
    fn on_request(&mut self, request: Request) -> Next {
        let set = self.sets.of_exchange(self.route(request.exchange));
        let mut answer = next();
        if self.settings.request_target {
            self.scratch.enter(Place::Query);
            let target = self.sets.engine(set).url(&request.target, &mut self.scratch);
            if let Some(target) = target {
                answer = answer.set_target(target);
            }
            self.count("request-target");
        }
        self.scratch.enter(Place::Header);
        let engine = self.sets.engine(set);
        let names = &self.settings.request_headers;
        answer = headers(engine, names, &request.headers, &mut self.scratch, answer);
        self.count("request-header");
        let way = Way {
            bodies: self.settings.requests && !request.ends,
            receipt: "tamis.redact.request",
            refused: 422,
            unreadable: 415,
        };
        let (body, answer) = self.head(set, &way, request.header("content-type"), answer);
        if let Some(body) = body {
            self.bodies.get_or_insert_with(request.exchange, Bodies::default).request = Some(body);
        }
        answer
    }

    /// Only with `requests`. What holds a value that blocks is cut off: its head has gone on.
    #[body(transform, max = "1024 GiB", decode)]
    fn on_request_body(&mut self, chunk: Chunk) -> ChunkAction {
        let bodies = self.bodies.get_or_insert_with(chunk.exchange, Bodies::default);
        let body = bodies.request.get_or_insert_with(|| Body::new(Kind::Text, Sets::EVERYWHERE));
        self.scratch.enter(Place::Body);
        let engine = self.sets.engine(body.set());
        let unreadable = self.settings.unreadable;
        let answer = body.push(engine, &chunk.data, chunk.last, unreadable, &mut self.scratch);
        self.chunk("request-body", answer)
    }

    /// Only with `responses` or `response-headers`.
    #[fields("content-type")]
    fn on_response(&mut self, response: Response) -> Next {
        let set = self.sets.of_exchange(self.route(response.exchange));
        let engine = self.sets.engine(set);
        self.scratch.enter(Place::Header);
        let names = &self.settings.response_headers;
        let answer = headers(engine, names, &response.headers, &mut self.scratch, next());
        self.count("header");
        let way = Way {
            bodies: self.settings.responses && !response.ends,
            receipt: "tamis.redact",
            refused: 502,
            unreadable: 502,
        };
        let (body, answer) = self.head(set, &way, response.header("content-type"), answer);
        if let Some(body) = body {
            self.bodies.get_or_insert_with(response.exchange, Bodies::default).response =
                Some(body);
        }
        answer
    }

    /// Only with `responses`.
    #[body(transform, max = "1024 GiB", decode)]
    fn on_response_body(&mut self, chunk: Chunk) -> ChunkAction {
        let bodies = self.bodies.get_or_insert_with(chunk.exchange, Bodies::default);
        let body = bodies.response.get_or_insert_with(|| Body::new(Kind::Text, Sets::EVERYWHERE));
        self.scratch.enter(Place::Body);
        let engine = self.sets.engine(body.set());
        let unreadable = self.settings.unreadable;
        let answer = body.push(engine, &chunk.data, chunk.last, unreadable, &mut self.scratch);
        self.chunk("body", answer)
    }

    /// Only with `requests` or `responses`: frees what is kept of bodies.
    fn on_done(&mut self, _: Summary) {}

    #[logs(block, access_log)]
    fn on_logs(&mut self, batch: Batch) -> Edits {
        let mut edits = Edits::default();
        let set = self.sets.of_source(&batch.source);
        for (index, record) in batch.records.iter().enumerate() {
            let mut own = Edits::default();
            self.block(&batch.source, set, index, &record.message, &mut own);
            self.attributes(set, index, record, &mut own);
            if self.scratch.take_refusal() {
                edits.drop(index);
            } else {
                edits.changes.append(&mut own.changes);
            }
        }
        self.count("log");
        edits
    }

    fn scrub(&mut self, passages: Vec<Passage>) -> Vec<Option<String>> {
        let clean = passages.iter().map(|passage| self.passage(passage)).collect();
        self.count("scrub");
        // What goes out here goes out without the values.
        self.scratch.take_refusal();
        clean
    }
}

impl Redact {
    /// The route that an exchange is on, if there are any.
    fn route(&self, exchange: Exchange) -> Option<usize> {
        if !self.sets.has_routes() {
            return None;
        }
        match exchange.fact("url.path") {
            Some(Value::Text(path)) => self.sets.route(&path),
            _ => None,
        }
    }

    /// What becomes of a message by its head, and its body if that is to be read.
    fn head(
        &mut self,
        set: usize,
        way: &Way,
        media_type: Option<&str>,
        answer: Next,
    ) -> (Option<Body>, Next) {
        if self.scratch.take_refusal() {
            return (None, respond(way.refused).into());
        }
        if !way.bodies {
            return (None, answer);
        }
        let reading = Reading::of(media_type);
        let answer = answer.set_attribute(way.receipt, reading.receipt());
        match (reading, self.settings.unreadable) {
            (Reading::Text(kind), _) => (Some(Body::new(kind, set)), answer),
            // The host does not hand these over.
            (Reading::NoText, _) => (None, answer),
            (Reading::Unreadable, Unreadable::Reject) => (None, respond(way.unreadable).into()),
            (Reading::Unreadable, Unreadable::DropBody) => (None, answer.set_body(Vec::new())),
            (Reading::Unreadable, Unreadable::Pass) => (Some(Body::passing(set)), answer),
        }
    }

    fn chunk(&mut self, place: &str, answer: Option<Answer>) -> ChunkAction {
        self.count(place);
        if self.scratch.take_refusal() {
            return ChunkAction::Abort;
        }
        match answer {
            None => ChunkAction::Abort,
            Some(Answer::Pass) => ChunkAction::Pass,
            Some(Answer::Splice(splices)) => {
                ChunkAction::Splice(splices.into_iter().map(splice).collect())
            }
            Some(Answer::Replace(bytes)) => ChunkAction::Replace(bytes),
        }
    }

    /// A run of records, a line each, or one record.
    fn block(&mut self, source: &str, set: usize, index: usize, text: &str, edits: &mut Edits) {
        if !self.sources.contains_key(source) {
            if self.sources.len() >= SOURCES {
                self.sources.clear();
            }
            self.sources.insert(source.to_owned(), Stream::new(Kind::Text));
        }
        let Some(stream) = self.sources.get_mut(source) else { return };
        self.scratch.enter(Place::Log);
        let engine = self.sets.engine(set);
        let splices = stream.block(engine, text.as_bytes(), &mut self.scratch);
        if let Some(explainer) = &self.explainer {
            for note in explainer.notes(engine, Kind::Text, text.as_bytes(), &self.scratch) {
                write_note(index, &note);
            }
        }
        if !splices.is_empty() {
            edits.splice(index, splices.into_iter().map(splice).collect());
        }
    }

    /// The fields of a record that came with some. In blocks they are part of the text.
    fn attributes(&mut self, set: usize, index: usize, record: &Record, edits: &mut Edits) {
        for (name, value) in &record.attributes {
            let written = match value {
                Value::Text(text) | Value::Json(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Boolean(_) | Value::Blob(_) => continue,
            };
            self.scratch.enter(Place::Log);
            match self.field(set, name, &written) {
                Field::Keep => {}
                Field::Set(text) => {
                    let is_json = matches!(value, Value::Json(_))
                        && serde_json::from_str::<serde_json::Value>(&text).is_ok();
                    let value = if is_json { Value::Json(text) } else { Value::Text(text) };
                    edits.set_attribute(index, name.as_str(), value);
                }
                Field::Remove => edits.remove_attribute(index, name.as_str()),
            }
        }
    }

    fn passage(&mut self, passage: &Passage) -> Option<String> {
        self.scratch.enter(Place::Event);
        if passage.name.is_empty() {
            return self.text(Kind::Text, &passage.text);
        }
        match self.field(Sets::EVERYWHERE, &passage.name, &passage.text) {
            Field::Keep => None,
            Field::Set(text) => Some(text),
            // There is no field to take out here, so its value goes.
            Field::Remove => Some(String::new()),
        }
    }

    /// A value with its name. Addresses are read as such, whatever else their name says.
    fn field(&mut self, set: usize, name: &str, value: &str) -> Field {
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
        let engine = self.sets.engine(set);
        if ADDRESSES.contains(&name) {
            self.scratch.enter(Place::Query);
            return engine.url(value, &mut self.scratch).map_or(Field::Keep, Field::Set);
        }
        engine.field(name, value, &mut self.scratch)
    }

    fn text(&mut self, kind: Kind, text: &str) -> Option<String> {
        match self.sets.everywhere().redact(kind, text.as_bytes(), &mut self.scratch) {
            std::borrow::Cow::Borrowed(_) => None,
            // The engine replaces whole characters by ASCII.
            std::borrow::Cow::Owned(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    fn count(&mut self, place: &str) {
        let counts = self.scratch.take_counts();
        for (rule, count) in self.sets.everywhere().named(&counts) {
            self.found.matches.add([rule, place], count as f64);
        }
    }
}

/// Redacts the headers of these names.
fn headers(
    engine: &Engine,
    names: &[String],
    headers: &[Header],
    scratch: &mut Scratch,
    mut answer: Next,
) -> Next {
    for name in names {
        let values = headers.iter().filter(|(known, _)| known == name);
        let fields: Vec<_> =
            values.map(|(_, value)| (value, engine.field(name, value, scratch))).collect();
        if fields.iter().all(|(_, field)| *field == Field::Keep) {
            continue;
        }
        answer = answer.remove_header(name);
        for (value, field) in fields {
            match field {
                Field::Keep => answer = answer.append_header(name, value),
                Field::Set(value) => answer = answer.append_header(name, value),
                Field::Remove => {}
            }
        }
    }
    answer
}

/// Asks of one phase for no more than what is needed: nothing, only some headers, or bodies as well.
fn narrow(phase: &mut Option<Phase>, is_seen: bool, with_bodies: bool, headers: &[String]) {
    if !is_seen {
        *phase = None;
    }
    let Some(Phase { fields, body }) = phase else { return };
    let mut names = headers.to_vec();
    if with_bodies {
        names.push("content-type".into());
        if let Some(limits) = body.limits_mut() {
            limits.media_types = MEDIA_TYPES.map(str::to_owned).into();
        }
    } else {
        *body = tamis_sdk::BodyMode::Skip;
    }
    *fields = Fields::only(names);
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

#[cfg(test)]
mod tests;
