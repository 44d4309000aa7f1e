//! The plugin whose calls are measured: every hook of the corridors, and in each as little as
//! can be, so that what is seen is the boundary.

use serde::Deserialize;
use tamis_sdk::{
    Batch, BodyMode, Chunk, ChunkAction, Edits, Fields, LogForm, Next, Plugin, Request, Response,
    Splice, Subscription, Summary, next, plugin,
};

/// What is wanted; nothing unless it is said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Measured {
    /// The fields of requests; an empty list calls the hook without any.
    request: Option<Vec<String>>,
    /// The fields of responses.
    response: Option<Vec<String>>,
    /// Whether to be told in the end.
    done: bool,
    /// How many fields the head hooks set.
    set: usize,
    /// Whether to see the bodies of responses.
    body: bool,
    /// How many replacements each chunk or batch gets.
    splices: usize,
    /// In which form to see log records: `raw`, `block` or `parsed`.
    logs: Option<String>,
}

const NAMES: [&str; 4] = ["x-measured-a", "x-measured-b", "x-measured-c", "x-measured-d"];

#[plugin(guard)]
impl Plugin for Measured {
    fn subscribe(&self, subscription: &mut Subscription) {
        let wanted = |phase: &mut Option<tamis_sdk::Phase>, fields: &Option<Vec<String>>, body| {
            let Some(known) = phase else { return };
            known.fields = fields.as_ref().map_or(Fields::Nothing, Fields::only);
            match body {
                // A body that is measured again and again has no end.
                true => {
                    if let Some(limits) = known.body.limits_mut() {
                        limits.max_bytes = u64::MAX;
                    }
                }
                false => known.body = BodyMode::Skip,
            }
            if fields.is_none() && !body {
                *phase = None;
            }
        };
        wanted(&mut subscription.request, &self.request, false);
        wanted(&mut subscription.response, &self.response, self.body);
        if !self.done {
            subscription.done = None;
        }
        match (&self.logs, &mut subscription.logs) {
            (Some(form), Some(logs)) => {
                logs.form = match &**form {
                    "block" => LogForm::Block,
                    "parsed" => LogForm::Parsed,
                    _ => LogForm::Raw,
                }
            }
            (None, logs) => *logs = None,
            (Some(_), None) => {}
        }
    }

    fn on_request(&mut self, _: Request) -> Next {
        self.edits()
    }

    fn on_response(&mut self, _: Response) -> Next {
        self.edits()
    }

    #[body(transform, max = "1 MiB")]
    fn on_response_body(&mut self, chunk: Chunk) -> ChunkAction {
        match self.splices {
            0 => ChunkAction::Pass,
            many => ChunkAction::Splice(splices(many, &chunk.data)),
        }
    }

    fn on_done(&mut self, _: Summary) {}

    #[logs(raw, batch = 4096)]
    fn on_logs(&mut self, batch: Batch) -> Edits {
        let mut edits = Edits::new();
        if self.splices > 0 {
            for (index, record) in batch.records.iter().enumerate() {
                edits.splice(index, splices(self.splices, record.message.as_bytes()));
            }
        }
        edits
    }
}

impl Measured {
    fn edits(&self) -> Next {
        NAMES.iter().take(self.set).fold(next(), |next, name| next.set_header(*name, "1"))
    }
}

/// So many replacements of four bytes by four others, evenly spread and none of them across the
/// end of a line, so that what comes out has the shape of what went in.
fn splices(many: usize, text: &[u8]) -> Vec<Splice> {
    let step = text.len() / many.max(1);
    if step < 16 {
        return Vec::new();
    }
    let splice = |number: usize| {
        let at = number * step;
        let crossed = text[at..at + 4].iter().position(|&byte| byte == b'\n');
        let at = at + crossed.map_or(0, |end| end + 1);
        Splice::new(at..at + 4, "[xx]")
    };
    (0..many).map(splice).collect()
}
