//! The tests that stand beside a rule: a text, and what becomes of it.
//!
//! Each is run as it is written, cut at every place, redacted again, and, for plain text, twice in a
//! line, in the middle of another text and inside of a document. Only where a configuration is
//! tested.

use crate::engine::{Engine, Scratch};
use crate::field::Field;
use crate::place::Kind;
use crate::stream::{Answer, Stream};

/// How the text of a vector is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Scanned, and may be cut.
    Scanned(Kind),
    /// `name: value`.
    Header,
    /// The value of a `cookie` header.
    Cookie,
    /// The target of a request.
    Url,
}

impl Form {
    /// All, as they are written.
    pub(crate) const ALL: [(&str, Form); 7] = [
        ("text", Form::Scanned(Kind::Text)),
        ("json", Form::Scanned(Kind::Json)),
        ("form", Form::Scanned(Kind::Form)),
        ("header", Form::Header),
        ("cookie", Form::Cookie),
        ("url", Form::Url),
        ("logfmt", Form::Scanned(Kind::Text)),
    ];
}

/// A text, and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    /// The name of its rule.
    pub(crate) rule: String,
    /// JSON Pointer to what is expected.
    pub(crate) path: String,
    pub(crate) input: String,
    /// `None`: it stays as it is.
    pub(crate) expected: Option<String>,
    pub(crate) form: Form,
    /// Whether the pattern asks for the ends of a line, so that nothing may stand around it.
    pub(crate) whole_lines: bool,
}

/// How a vector fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failing {
    /// Under which circumstances; empty: as it is written.
    pub(crate) how: String,
    pub(crate) input: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

impl Vector {
    /// What becomes of the text.
    pub(crate) fn output(&self, engine: &Engine, input: &str, scratch: &mut Scratch) -> String {
        let field = |name: &str, value: &str, scratch: &mut Scratch| match engine
            .field(name, value, scratch)
        {
            Field::Keep => value.to_owned(),
            Field::Set(value) => value,
            Field::Remove => String::new(),
        };
        match self.form {
            Form::Scanned(kind) => {
                let out = engine.redact(kind, input.as_bytes(), scratch);
                String::from_utf8_lossy(&out).into_owned()
            }
            Form::Cookie => field("cookie", input, scratch),
            Form::Url => engine.url(input, scratch).unwrap_or_else(|| input.to_owned()),
            Form::Header => match input.split_once(": ") {
                Some((name, value)) => format!("{name}: {}", field(name, value, scratch)),
                None => field("", input, scratch),
            },
        }
    }

    /// How it is scanned, if it is.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self.form {
            Form::Scanned(kind) => Some(kind),
            _ => None,
        }
    }

    /// How it fails; `None` when all is as expected.
    pub(crate) fn failing(&self, engine: &Engine) -> Option<Failing> {
        let mut scratch = Scratch::default();
        let expected = self.expected.as_deref().unwrap_or(&self.input);
        let got = self.output(engine, &self.input, &mut scratch);
        let failing = |how: &str, input: &str, expected: &str, got: String| {
            let how = how.to_owned();
            Some(Failing { how, input: input.to_owned(), expected: expected.to_owned(), got })
        };
        if got != expected {
            return failing("", &self.input, expected, got);
        }
        let hits = self.hits(engine, &scratch.take_counts());
        if let Form::Scanned(kind) = self.form {
            for cut in 0..=self.input.len() {
                let got = in_two(engine, kind, self.input.as_bytes(), cut, &mut scratch);
                if got != expected.as_bytes() {
                    let got = String::from_utf8_lossy(&got).into_owned();
                    return failing(&format!("cut at {cut}"), &self.input, expected, got);
                }
            }
            scratch.take_counts();
        }
        let again = self.output(engine, expected, &mut scratch);
        scratch.take_counts();
        if again != expected {
            return failing("redacted again", expected, expected, again);
        }
        if self.form != Form::Scanned(Kind::Text) || self.whole_lines {
            return None;
        }
        let text = &self.input;
        let twice = format!("{text}; {text}");
        let middle = format!("it said ({text}), and so on");
        let mut around = vec![("twice in a line", Kind::Text, twice, 2)];
        around.push(("in the middle of another text", Kind::Text, middle, 1));
        if !text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
            let document = format!("{{\"n\": 1, \"q\": \"{text}\", \"m\": [2]}}");
            around.push(("in a document", Kind::Json, document, 1));
            let pairs = format!("n=1 q=\"{text}\" m=2");
            around.push(("in logfmt", Kind::Text, pairs, 1));
        }
        // What would have to be encoded is another text there.
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
            around.push(("in a form", Kind::Form, format!("n=1&q={text}&m=2"), 1));
        }
        for (how, kind, input, times) in around {
            let got = engine.redact(kind, input.as_bytes(), &mut scratch).into_owned();
            if self.hits(engine, &scratch.take_counts()) != hits * times {
                let got = String::from_utf8_lossy(&got).into_owned();
                return failing(how, &input, &input.replace(text.as_str(), expected), got);
            }
        }
        None
    }

    /// How often its rule hit.
    fn hits(&self, engine: &Engine, counts: &crate::engine::Counts) -> u64 {
        engine.named(counts).find(|(name, _)| *name == self.rule).map_or(0, |(_, hits)| hits)
    }
}

/// The output of a stream that gets a text in two pieces.
fn in_two(engine: &Engine, kind: Kind, text: &[u8], cut: usize, scratch: &mut Scratch) -> Vec<u8> {
    let mut stream = Stream::new(kind);
    let mut out = Vec::new();
    let (first, second) = text.split_at(cut);
    for (piece, last) in [(first, false), (second, true)] {
        match stream.push(engine, piece, last, scratch) {
            Answer::Pass => out.extend_from_slice(piece),
            Answer::Replace(bytes) => out.extend(bytes),
            Answer::Splice(splices) => {
                let mut at = 0;
                for splice in splices {
                    out.extend_from_slice(&piece[at..splice.at]);
                    out.extend(splice.bytes);
                    at = splice.at + splice.len;
                }
                out.extend_from_slice(&piece[at..]);
            }
        }
    }
    out
}
