//! What can be answered that no plugin may answer.

use crate::config::Config;
use crate::tamis::plugin::http_types::{Chunk, ChunkAction, Edit, HeadAction, LocalResponse};
use crate::tamis::plugin::log_types::{LogChange, LogEdit};
use crate::tamis::plugin::types::{Splice, Value};

fn set(name: &str, value: &str) -> Edit {
    Edit::SetHeader((name.to_owned(), value.to_owned()))
}

fn many(number: u64) -> Vec<(String, String)> {
    (0..number).map(|one| (format!("x-{one}"), "v".to_owned())).collect()
}

/// A wrong answer of a head hook; the first edit is right, so that it shows when it is
/// applied although the others are not.
pub fn head(config: &Config) -> HeadAction {
    let answer =
        |status, headers, body| HeadAction::Respond(LocalResponse { status, headers, body });
    let field = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let mut edits = vec![set("x-half", "applied")];
    match config.how.as_str() {
        "abort" => return HeadAction::Abort,
        "respond" => return answer(200, field("x-a", "v"), b"answer".to_vec()),
        "respond-crlf" => return answer(200, field("x-a", "one\r\nx-b: two"), Vec::new()),
        "respond-host" => return answer(200, field("content-length", "1"), Vec::new()),
        "respond-status" => return answer(99, Vec::new(), Vec::new()),
        "respond-many" => return answer(200, many(config.times), Vec::new()),
        "respond-bytes" => return answer(200, Vec::new(), vec![b'x'; config.bytes]),
        "crlf" => edits.push(set("x-a", "one\r\nx-b: two")),
        "lf" => edits.push(set("x-a", "one\nx-b: two")),
        "nul" => edits.push(set("x-a", "one\0two")),
        "above-latin" => edits.push(set("x-a", "\u{100}")),
        "bad-name" => edits.push(set("x a", "v")),
        "no-name" => edits.push(set("", "v")),
        "pseudo" => edits.push(set(":path", "/")),
        "host" => edits.push(set("host", "elsewhere.example")),
        "content-length" => edits.push(set("content-length", "0")),
        "transfer-encoding" => edits.push(set("Transfer-Encoding", "chunked")),
        "connection" => edits.push(Edit::AppendHeader(("connection".into(), "x-a".into()))),
        "remove-upgrade" => edits.push(Edit::RemoveHeader("upgrade".into())),
        "many" => edits.extend(many(config.times).into_iter().map(Edit::AppendHeader)),
        "long" => edits.push(set("x-a", &"v".repeat(config.bytes))),
        "set-status" => edits.push(Edit::SetStatus(204)),
        "bad-status" => edits.push(Edit::SetStatus(99)),
        "set-target" => edits.push(Edit::SetTarget("/elsewhere".into())),
        "bad-target" => edits.push(Edit::SetTarget("http://elsewhere.example/".into())),
        "split-target" => edits.push(Edit::SetTarget("/ HTTP/1.1\r\nx-b: two".into())),
        "set-body" => edits.push(Edit::SetBody(b"body".to_vec())),
        "attributes" => edits.extend(
            (0..config.times)
                .map(|one| Edit::SetAttribute((format!("a.{one}"), Value::Integer(1)))),
        ),
        _ => {}
    }
    HeadAction::Proceed(edits)
}

pub fn chunk(config: &Config, part: &Chunk) -> ChunkAction {
    let len = u32::try_from(part.data.len()).unwrap_or(u32::MAX);
    let splice = |at, len| Splice { at, len, bytes: Vec::new() };
    match config.how.as_str() {
        "beyond" => ChunkAction::Splice(vec![splice(len, 1)]),
        "overflow" => ChunkAction::Splice(vec![splice(u32::MAX, u32::MAX)]),
        "overlap" => ChunkAction::Splice(vec![splice(0, 2), splice(1, 1)]),
        "backwards" => ChunkAction::Splice(vec![splice(1, 1), splice(0, 1)]),
        "replace" => ChunkAction::Replace(b"other".to_vec()),
        "bytes" => ChunkAction::Replace(vec![b'x'; config.bytes]),
        "abort" => ChunkAction::Abort,
        _ => ChunkAction::Done,
    }
}

pub fn logs(config: &Config) -> Vec<LogEdit> {
    let edit = |index, change| LogEdit { index, change };
    let splice = |at, len| LogChange::SpliceMessage(vec![Splice { at, len, bytes: Vec::new() }]);
    match config.how.as_str() {
        "index" => vec![edit(u32::MAX, LogChange::Drop)],
        "two-messages" => vec![
            edit(0, LogChange::SetMessage("one".into())),
            edit(0, LogChange::SetMessage("two".into())),
        ],
        "beyond" => vec![edit(0, splice(1_000_000, 1))],
        "half-a-character" => vec![edit(0, splice(1, 1))],
        "drop" => vec![edit(0, LogChange::Drop)],
        _ => vec![edit(0, LogChange::SetMessage("other".into()))],
    }
}
