//! What was asked for, and by whom.

use serde_json::{Map, Value as Json, json};
use tamis_sdk::ErrorEvent;

use super::text;
use crate::secrets::{self, FILTERED, is_secret};
use crate::settings::Settings;

/// The request, as far as it is known.
pub(super) fn request(event: &ErrorEvent, settings: &Settings) -> Option<Json> {
    let mut request = Map::new();
    if let Some(method) = text(event, "http.request.method") {
        request.insert("method".to_owned(), method.into());
    }
    let path = text(event, "url.path");
    let url = match (text(event, "url.full"), path, text(event, "server.address")) {
        (Some(full), _, _) => Some(full.split(['?', '#']).next().unwrap_or_default().to_owned()),
        (None, Some(path), Some(server)) => {
            Some(format!("{}://{server}{path}", text(event, "url.scheme").unwrap_or("http")))
        }
        (None, Some(path), None) => Some(path.to_owned()),
        (None, None, _) => None,
    };
    let has_url = url.is_some();
    if let Some(url) = url {
        request.insert("url".to_owned(), url.into());
    }
    let query = text(event, "url.query").or_else(|| {
        text(event, "url.full").and_then(|full| full.split_once('?')).map(|split| split.1)
    });
    if let Some(query) = query {
        request.insert("query_string".to_owned(), secrets::query(query).into());
    }
    let headers = headers(event, settings);
    if !headers.is_empty() {
        request.insert("headers".to_owned(), headers.into());
    }
    if settings.send_default_pii
        && has_url
        && let Some(address) = text(event, "client.address")
    {
        request.insert("env".to_owned(), json!({ "REMOTE_ADDR": address }));
    }
    (!request.is_empty()).then_some(Json::Object(request))
}

fn headers(event: &ErrorEvent, settings: &Settings) -> Map<String, Json> {
    let mut headers = Map::new();
    for (name, value) in &event.attributes {
        let Some(name) = name.strip_prefix("http.request.header.") else { continue };
        let of_client = matches!(name, "forwarded" | "x-forwarded-for" | "x-real-ip" | "via")
            || name.ends_with("-ip");
        let hidden = is_secret(name) || of_client && !settings.send_default_pii;
        let value = if hidden { FILTERED.to_owned() } else { value.to_string() };
        headers.insert(name.to_owned(), value.into());
    }
    headers
}

/// Who asked; only when the operator wants it sent.
pub(super) fn user(event: &ErrorEvent, settings: &Settings) -> Option<Json> {
    if !settings.send_default_pii {
        return None;
    }
    let mut user = Map::new();
    for (key, name) in [
        ("id", "user.id"),
        ("email", "user.email"),
        ("username", "user.name"),
        ("ip_address", "client.address"),
    ] {
        if let Some(value) = event.attribute(name) {
            user.insert(key.to_owned(), value.to_string().into());
        }
    }
    (!user.is_empty()).then_some(Json::Object(user))
}
