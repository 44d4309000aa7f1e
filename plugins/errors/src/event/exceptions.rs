//! Exceptions, frames and threads.
//!
//! The contract's order is the protocol's: root cause first, the one finally raised last; callers
//! first, the failing frame last. Ids count from the last, which is 0.

use serde_json::{Map, Value as Json, json};
use tamis_sdk::ErrorEvent;
use tamis_sdk::errors::{Exception, Frame};

use super::{Amount, cut, line};
use crate::place;
use crate::settings::Settings;

/// Longest name of a type or function.
const LONGEST_NAME: usize = 256;

pub(super) fn exceptions(event: &ErrorEvent, settings: &Settings, amount: Amount) -> Vec<Json> {
    let all = &event.exceptions;
    // Those at the front are the farthest from what was finally raised.
    let skipped = all.len().saturating_sub(amount.exceptions);
    let last = all.len() - 1;
    all.iter()
        .enumerate()
        .skip(skipped)
        .map(|(index, exception)| {
            let mut out = Map::new();
            let mut put = |key: &str, value: Json| {
                out.insert(key.to_owned(), value);
            };
            put("type", line(&exception.name, LONGEST_NAME).into());
            put("value", cut(&exception.message, amount.message).into());
            if let Some(module) = &exception.module {
                put("module", line(module, LONGEST_NAME).into());
            }
            if let Some(thread) = &exception.thread {
                put("thread_id", line(thread, LONGEST_NAME).into());
            }
            put("mechanism", mechanism(exception, index, last));
            if let Some(stack) = stacktrace(&exception.frames, settings, amount) {
                put("stacktrace", stack);
            }
            Json::Object(out)
        })
        .collect()
}

fn mechanism(exception: &Exception, index: usize, last: usize) -> Json {
    let chained = exception.parent.is_some();
    let kind = match &*exception.mechanism {
        _ if chained => "chained".to_owned(),
        "" => "tamis.generic".to_owned(),
        seen => format!("tamis.{}", line(seen, 64)),
    };
    let mut out = json!({ "type": kind });
    if let Some(handled) = exception.handled {
        out["handled"] = handled.into();
    }
    // Never `synthetic`, although nobody raised what stands for an answer: to servers that says that
    // the type means nothing, and without frames they call the issue `<unknown>`.
    if last > 0 {
        out["exception_id"] = (last - index).into();
    }
    if let Some(parent) = exception.parent.and_then(|parent| last.checked_sub(parent as usize)) {
        out["parent_id"] = parent.into();
    }
    if let Some(relation) = &exception.relation {
        out["source"] = line(relation, 64).into();
    }
    if exception.group {
        out["is_exception_group"] = true.into();
    }
    out
}

/// The threads that were printed along, and the one that failed, when it has a name.
pub(super) fn threads(
    event: &ErrorEvent,
    settings: &Settings,
    amount: Amount,
) -> Option<Vec<Json>> {
    let failed = event.exceptions.last().and_then(|exception| exception.thread.as_ref());
    let mut threads: Vec<Json> = failed
        .iter()
        .map(|name| {
            let name = line(name, LONGEST_NAME);
            json!({ "id": name, "name": name, "crashed": true, "current": true })
        })
        .collect();
    for (index, thread) in event.threads.iter().take(amount.exceptions).enumerate() {
        let mut out =
            json!({ "id": index, "name": line(&thread.name, LONGEST_NAME), "crashed": false });
        if let Some(stack) = stacktrace(&thread.frames, settings, amount) {
            out["stacktrace"] = stack;
        }
        threads.push(out);
    }
    (!threads.is_empty()).then_some(threads)
}

/// None without frames: servers take no empty list.
fn stacktrace(frames: &[Frame], settings: &Settings, amount: Amount) -> Option<Json> {
    if frames.is_empty() {
        return None;
    }
    // Both ends say more than the middle.
    let (head, tail) = if frames.len() > amount.frames {
        let half = amount.frames / 2;
        (&frames[..half], &frames[frames.len() - (amount.frames - half)..])
    } else {
        (frames, &[][..])
    };
    let frames: Vec<Json> =
        head.iter().chain(tail).map(|frame| self::frame(frame, settings, amount)).collect();
    Some(json!({ "frames": frames }))
}

fn frame(frame: &Frame, settings: &Settings, amount: Amount) -> Json {
    let mut frame = frame.clone();
    settings.in_app.mark(&mut frame);
    let mut out = Map::new();
    let mut put = |key: &str, value: Json| {
        out.insert(key.to_owned(), value);
    };
    if !frame.function.is_empty() {
        put("function", line(&frame.function, LONGEST_NAME).into());
    }
    if let Some(module) = &frame.module {
        put("module", line(module, LONGEST_NAME).into());
    }
    if let Some(file) = &frame.file {
        put("filename", line(place::relative(file), LONGEST_NAME).into());
        put("abs_path", line(file, 2 * LONGEST_NAME).into());
    }
    if let Some(line) = frame.line {
        put("lineno", line.into());
    }
    if let Some(column) = frame.column {
        put("colno", column.into());
    }
    if let Some(in_app) = frame.in_app {
        put("in_app", in_app.into());
    }
    if let Some(context) = frame.context {
        put("context_line", context.line.into());
        if amount.around && !context.before.is_empty() {
            put("pre_context", context.before.into());
        }
        if amount.around && !context.after.is_empty() {
            put("post_context", context.after.into());
        }
    }
    Json::Object(out)
}
