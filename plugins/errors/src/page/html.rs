//! The same in HTML, from the same values.

use std::fmt::Write;

use serde_json::Value;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8882}\
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line)}\
td.n{text-align:right;font-variant-numeric:tabular-nums}\
code,pre{font:13px/1.45 ui-monospace,monospace}\
pre{overflow:auto;padding:.6rem;background:var(--soft)}\
ol.frames{list-style:none;padding:0}\
ol.frames li{padding:.3rem .6rem;border-left:3px solid transparent}\
ol.frames li.own{border-color:#d33;background:var(--soft)}\
small,.soft{opacity:.7}h2{margin-top:2rem}";

/// A page for the list, a group or an error.
pub(super) fn page(value: &Value) -> String {
    let mut body = String::new();
    let title = if value["groups"].is_array() {
        list(&mut body, value);
        "errors".to_owned()
    } else if value["event"].is_null() {
        out(
            &mut body,
            format_args!("<h1>{}</h1><p><a href=\"?\">all errors</a>", text(&value["error"])),
        );
        "no such group".to_owned()
    } else {
        group(&mut body, value);
        escape(value["title"].as_str().unwrap_or_default())
    };
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><body>{body}"
    )
}

fn list(body: &mut String, value: &Value) {
    body.push_str("<h1>Errors</h1>");
    let sending = &value["sending"];
    match sending["state"].as_str() {
        Some("off") => body.push_str("<p class=\"soft\">Kept here; no DSN is configured."),
        Some("ok") => {
            out(body, format_args!("<p class=\"soft\">Sent to {}.", text(&sending["to"])))
        }
        _ => out(body, format_args!("<p><strong>{}</strong>", text(&sending["trouble"]))),
    }
    let groups = value["groups"].as_array().map_or(&[][..], Vec::as_slice);
    if groups.is_empty() {
        body.push_str("<p>Nothing went wrong so far.");
    } else {
        body.push_str(
            "<table><thead><tr><th>Error<th>Where<th>Count<th>First seen<th>Last seen</thead><tbody>",
        );
        for group in groups {
            out(
                body,
                format_args!(
                    "<tr><td><a href=\"?id={id}\">{title}</a><br><small>{kind} · {level}</small>\
                     <td>{place}<td class=\"n\">{count}<td>{first}<td>{last}",
                    id = text(&group["id"]),
                    title = text(&group["title"]),
                    kind = text(&group["kind"]),
                    level = text(&group["level"]),
                    place = text(&group["transaction"]),
                    count = text(&group["count"]),
                    first = moment(&group["first_seen"]),
                    last = moment(&group["last_seen"]),
                ),
            );
        }
        body.push_str("</tbody></table>");
    }
    body.push_str(
        "<h2>What became of them</h2><p class=\"soft\">Since the plugin was started.<table>",
    );
    rows(body, "", &value["accounting"]);
    body.push_str("</table>");
}

fn group(body: &mut String, value: &Value) {
    let event = &value["event"];
    out(body, format_args!("<p><a href=\"?\">all errors</a><h1>{}</h1>", text(&value["title"])));
    out(
        body,
        format_args!(
            "<p>{} times, first {}, last {}. <a href=\"?id={}&amp;format=json\">JSON</a>",
            text(&value["count"]),
            moment(&value["first_seen"]),
            moment(&value["last_seen"]),
            text(&value["id"]),
        ),
    );
    if let Some(said) = event["logentry"]["formatted"].as_str() {
        out(body, format_args!("<pre>{}</pre>", escape(said)));
    }
    // People read from what was finally raised to its cause.
    for exception in event["exception"]["values"].as_array().into_iter().flatten().rev() {
        self::exception(body, exception);
    }
    for (title, part) in
        [("Request", &event["request"]), ("Tags", &event["tags"]), ("Context", &event["contexts"])]
    {
        if part.as_object().is_some_and(|part| !part.is_empty()) {
            out(body, format_args!("<h2>{title}</h2><table>"));
            rows(body, "", part);
            body.push_str("</table>");
        }
    }
    let crumbs = event["breadcrumbs"]["values"].as_array().map_or(&[][..], Vec::as_slice);
    if !crumbs.is_empty() {
        body.push_str("<h2>Before</h2><table>");
        for crumb in crumbs {
            out(
                body,
                format_args!(
                    "<tr><td>{}<td>{}<td>{}<td>{}",
                    moment(&crumb["timestamp"]),
                    text(&crumb["level"]),
                    text(&crumb["category"]),
                    text(&crumb["message"]),
                ),
            );
        }
        body.push_str("</table>");
    }
}

fn exception(body: &mut String, exception: &Value) {
    out(body, format_args!("<h2>{}</h2>", text(&exception["type"])));
    if let Some(relation) = exception["mechanism"]["source"].as_str() {
        out(body, format_args!("<p class=\"soft\">{}", escape(relation)));
    }
    out(body, format_args!("<pre>{}</pre><ol class=\"frames\">", text(&exception["value"])));
    // The failing frame first.
    for frame in exception["stacktrace"]["frames"].as_array().into_iter().flatten().rev() {
        let class = if frame["in_app"] == true { " class=\"own\"" } else { "" };
        out(
            body,
            format_args!(
                "<li{class}><code>{}:{}</code> <small>in {}</small><br><code>{}</code>",
                text(&frame["filename"]),
                text(&frame["lineno"]),
                text(&frame["function"]),
                text(&frame["context_line"]),
            ),
        );
    }
    body.push_str("</ol>");
}

/// A row for each value, with the names of the tables it is in.
fn rows(body: &mut String, above: &str, value: &Value) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                let name = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
                rows(body, &name, value);
            }
        }
        value => out(body, format_args!("<tr><th>{}<td>{}", escape(above), text(value))),
    }
}

fn moment(value: &Value) -> String {
    let text = text(value);
    let shown = text.get(..19).unwrap_or(&text).replace('T', " ");
    format!("<time datetime=\"{text}\">{shown}</time>")
}

/// A value as text that cannot be anything else.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escape(text),
        value => escape(&value.to_string()),
    }
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

fn out(body: &mut String, what: std::fmt::Arguments<'_>) {
    body.write_fmt(what).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_errors_say_is_text_and_nothing_else() {
        let evil = "<script>alert(1)</script>\"'&";
        let list = page(&json!({
            "groups": [{ "id": evil, "title": evil, "transaction": evil, "last_seen": evil }],
            "sending": { "state": "trouble", "trouble": evil },
            "accounting": { evil: evil },
        }));
        let group = page(&json!({
            "id": evil, "title": evil, "count": 1,
            "event": {
                "logentry": { "formatted": evil },
                "request": { evil: { evil: evil } },
                "tags": { evil: evil },
                "exception": { "values": [{ "type": evil, "value": evil, "mechanism": { "source": evil },
                    "stacktrace": { "frames": [{ "filename": evil, "function": evil, "context_line": evil }] } }] },
                "breadcrumbs": { "values": [{ "message": evil, "category": evil, "timestamp": evil }] },
            },
        }));
        for page in [list, group, page(&json!({ "error": evil }))] {
            assert!(!page.contains("<script"), "{page}");
            assert!(!page.contains("\"'&"), "{page}");
        }
    }
}
