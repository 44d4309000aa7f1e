//! Error events to and from the values of the contract. Pure.
//!
//! An event nests lists of records in lists of records, and the generated types borrow every
//! list; so what goes to a guest is built in layers, innermost first, each borrowing from
//! the one before.

use super::{attribute, attributes, severity, severity_param, trace, trace_param};
use crate::filter::background::{Breadcrumb, ErrorEvent, Exception, Frame, SourceContext, Thread};
use crate::plugin::bindings::tamis::plugin::{error_types, types};

/// An error event of a guest.
pub fn error_event(event: error_types::ErrorEventResult) -> ErrorEvent {
    let frames = |frames: Vec<error_types::FrameResult>| -> Vec<Frame> {
        frames
            .into_iter()
            .map(|frame| Frame {
                function: frame.function,
                module: frame.module,
                file: frame.file,
                line: frame.line,
                column: frame.column,
                in_app: frame.in_app,
                context: frame.context.map(|context| SourceContext {
                    before: context.before,
                    line: context.line,
                    after: context.after,
                }),
            })
            .collect()
    };
    ErrorEvent {
        id: event.id,
        time: event.time,
        severity: severity(event.severity),
        kind: event.kind,
        message: event.message,
        exceptions: event
            .exceptions
            .into_iter()
            .map(|one| Exception {
                name: one.name,
                module: one.module,
                message: one.message,
                mechanism: one.mechanism,
                handled: one.handled,
                parent: one.parent,
                relation: one.relation,
                group: one.group,
                thread: one.thread,
                frames: frames(one.frames),
            })
            .collect(),
        threads: event
            .threads
            .into_iter()
            .map(|one| Thread { name: one.name, frames: frames(one.frames) })
            .collect(),
        breadcrumbs: event
            .breadcrumbs
            .into_iter()
            .map(|one| Breadcrumb {
                time: one.time,
                severity: severity(one.severity),
                category: one.category,
                message: one.message,
                attributes: one.attributes.into_iter().map(attribute).collect(),
            })
            .collect(),
        fingerprint: event.fingerprint,
        attributes: event.attributes.into_iter().map(attribute).collect(),
        trace: event.trace.and_then(trace),
        request_id: event.request_id,
    }
}

/// The innermost layer: the lines around each frame of one event, in the order of
/// `stacks`.
pub struct Lines<'a>(Vec<(Vec<&'a str>, Vec<&'a str>)>);

fn stacks(event: &ErrorEvent) -> impl Iterator<Item = &[Frame]> {
    let exceptions = event.exceptions.iter().map(|one| one.frames.as_slice());
    exceptions.chain(event.threads.iter().map(|one| one.frames.as_slice()))
}

/// The lines around each frame.
pub fn lines(event: &ErrorEvent) -> Lines<'_> {
    fn text(lines: &[String]) -> Vec<&str> {
        lines.iter().map(String::as_str).collect()
    }
    fn around(frame: &Frame) -> (Vec<&str>, Vec<&str>) {
        match &frame.context {
            Some(context) => (text(&context.before), text(&context.after)),
            None => (Vec::new(), Vec::new()),
        }
    }
    Lines(stacks(event).flatten().map(around).collect())
}

/// The second layer: the frames of each stack, in the order of `stacks`.
pub struct Frames<'a>(Vec<Vec<error_types::FrameParam<'a>>>);

/// The frames of each stack.
pub fn frames<'a>(event: &'a ErrorEvent, lines: &'a Lines<'a>) -> Frames<'a> {
    let mut lines = lines.0.iter();
    let mut param = |frame: &'a Frame| {
        let around = lines.next();
        error_types::FrameParam {
            function: &frame.function,
            module: frame.module.as_deref(),
            file: frame.file.as_deref(),
            line: frame.line,
            column: frame.column,
            in_app: frame.in_app,
            context: frame.context.as_ref().zip(around).map(|(context, (before, after))| {
                error_types::SourceContextParam { before, line: &context.line, after }
            }),
        }
    };
    Frames(stacks(event).map(|stack| stack.iter().map(&mut param).collect()).collect())
}

/// The third layer: everything of one event that is a list.
pub struct Parts<'a> {
    exceptions: Vec<error_types::ExceptionParam<'a>>,
    threads: Vec<error_types::ThreadParam<'a>>,
    crumbs: Vec<Vec<types::AttributeParam<'a>>>,
    fingerprint: Vec<&'a str>,
    attributes: Vec<types::AttributeParam<'a>>,
}

/// Everything of an event that is a list, but for the breadcrumbs.
pub fn parts<'a>(event: &'a ErrorEvent, frames: &'a Frames<'a>) -> Parts<'a> {
    let mut stacks = frames.0.iter().map(Vec::as_slice);
    let exceptions = event
        .exceptions
        .iter()
        .map(|one| error_types::ExceptionParam {
            name: &one.name,
            module: one.module.as_deref(),
            message: &one.message,
            mechanism: &one.mechanism,
            handled: one.handled,
            parent: one.parent,
            relation: one.relation.as_deref(),
            group: one.group,
            thread: one.thread.as_deref(),
            frames: stacks.next().unwrap_or_default(),
        })
        .collect();
    let threads = event
        .threads
        .iter()
        .map(|one| error_types::ThreadParam {
            name: &one.name,
            frames: stacks.next().unwrap_or_default(),
        })
        .collect();
    Parts {
        exceptions,
        threads,
        crumbs: event.breadcrumbs.iter().map(|one| attributes(&one.attributes)).collect(),
        fingerprint: event.fingerprint.iter().map(String::as_str).collect(),
        attributes: attributes(&event.attributes),
    }
}

/// The fourth layer: the breadcrumbs of an event.
pub fn breadcrumbs<'a>(
    event: &'a ErrorEvent,
    parts: &'a Parts<'a>,
) -> Vec<error_types::BreadcrumbParam<'a>> {
    event
        .breadcrumbs
        .iter()
        .zip(&parts.crumbs)
        .map(|(one, attributes)| error_types::BreadcrumbParam {
            time: one.time,
            severity: severity_param(one.severity),
            category: &one.category,
            message: &one.message,
            attributes,
        })
        .collect()
}

/// The outermost layer: the event.
pub fn error_event_param<'a>(
    event: &'a ErrorEvent,
    parts: &'a Parts<'a>,
    breadcrumbs: &'a [error_types::BreadcrumbParam<'a>],
) -> error_types::ErrorEventParam<'a> {
    error_types::ErrorEventParam {
        id: &event.id,
        time: event.time,
        severity: severity_param(event.severity),
        kind: &event.kind,
        message: &event.message,
        exceptions: &parts.exceptions,
        threads: &parts.threads,
        breadcrumbs,
        fingerprint: &parts.fingerprint,
        attributes: &parts.attributes,
        trace: event.trace.as_ref().map(trace_param),
        request_id: event.request_id.as_deref(),
    }
}
