//! What people and tools see of the errors: a list of groups, and each group with its latest event.
//!
//! Pages hold no script and load nothing. Links are queries, because a page does not know where it
//! is mounted.

mod html;

use serde_json::{Map, Value, json};
use tamis_sdk::{PageRequest, Reply, respond};

use crate::desk::Desk;
use crate::event::time;
use crate::groups::Group;
use crate::outbox::Tally;
use crate::reports::Reason;

/// Answers a request to the admin listener.
pub(crate) fn answer(request: &PageRequest, desk: &Desk) -> Reply {
    if !matches!(&*request.method, "GET" | "HEAD") {
        return respond(405).header("allow", "GET, HEAD");
    }
    let in_path = request.path.trim_matches('/');
    let id =
        request.parameter("id").filter(|id| !id.is_empty()).unwrap_or_else(|| in_path.to_owned());
    let (status, page) = if id.is_empty() {
        (200, list(desk))
    } else {
        match desk.groups.find(&id) {
            Some(group) => (200, with_event(group)),
            None => (404, json!({ "error": "there is no such group" })),
        }
    };
    let reply = respond(status).header("cache-control", "no-store");
    if wants_json(request) {
        return reply.header("content-type", "application/json").body(page.to_string());
    }
    reply
        .header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")
        .header("x-content-type-options", "nosniff")
        .html(html::page(&page))
}

/// `?format=json`, or `Accept` names JSON and not HTML in front of it.
fn wants_json(request: &PageRequest) -> bool {
    match request.parameter("format").as_deref() {
        Some("json") => return true,
        Some("html") => return false,
        _ => {}
    }
    let accept = request.header("accept").unwrap_or_default();
    let place = |media_type: &str| accept.find(media_type).unwrap_or(usize::MAX);
    place("application/json") < place("text/html")
}

/// All groups, what became of the events, and how sending goes.
fn list(desk: &Desk) -> Value {
    let groups: Vec<Value> =
        desk.groups.latest_first().into_iter().map(|group| Value::Object(summary(group))).collect();
    json!({ "groups": groups, "accounting": accounting(desk), "sending": sending(desk) })
}

/// The sum of what was captured here is the sum of all that became of it.
fn accounting(desk: &Desk) -> Value {
    let Tally { delivered, refused, dropped } =
        desk.outbox.as_ref().map_or_else(Tally::default, |outbox| outbox.tally());
    let dropped: Map<String, Value> = Reason::ALL
        .iter()
        .zip(dropped)
        .map(|(reason, count)| (reason.as_str().to_owned(), count.into()))
        .collect();
    json!({
        "captured": desk.captured,
        "merged": desk.merged,
        "ignored": desk.ignored,
        "delivered": delivered,
        "too_many_requests": refused,
        "dropped": dropped,
        "waiting": desk.outbox.as_ref().map_or(0, |outbox| outbox.len()),
    })
}

fn sending(desk: &Desk) -> Value {
    match &desk.outbox {
        None => json!({ "to": null, "state": "off" }),
        Some(outbox) => match outbox.trouble() {
            None => json!({ "to": outbox.server(), "state": "ok" }),
            Some(trouble) => {
                json!({ "to": outbox.server(), "state": "trouble", "trouble": trouble })
            }
        },
    }
}

fn summary(group: &Group) -> Map<String, Value> {
    let mut out = Map::new();
    for (key, value) in [
        ("id", Value::from(group.id.clone())),
        ("title", group.title.clone().into()),
        ("kind", group.kind.clone().into()),
        ("level", group.level.clone().into()),
        ("platform", group.platform.clone().into()),
        ("transaction", group.transaction.clone().into()),
        ("count", group.count.into()),
        ("first_seen", time(group.first_seen()).into()),
        ("last_seen", time(group.last_seen()).into()),
    ] {
        out.insert(key.to_owned(), value);
    }
    out
}

fn with_event(group: &Group) -> Value {
    let mut out = summary(group);
    let event = serde_json::from_str(&group.event).unwrap_or(Value::Null);
    out.insert("event".to_owned(), event);
    Value::Object(out)
}
