//! What a head hook answers: go on with edits, answer, or cut off.

use crate::fault::{Answer, Fault};
use crate::value::{Attribute, Header, Value};

/// Go on, changing nothing. Edits are added with the methods of [`Next`].
///
/// ```
/// use tamis_sdk::next;
///
/// let answer = next().set_header("x-tamis", "1").remove_header("server");
/// # assert_eq!(answer.edits().len(), 2);
/// ```
pub fn next() -> Next {
    Next::Proceed(Vec::new())
}

/// Answer with this status. Headers and body are added with the methods of [`Reply`].
///
/// ```
/// use tamis_sdk::{Next, Request, next, respond};
///
/// fn on_request(request: Request) -> Next {
///     match request.path() {
///         "/ping" => respond(200).text("pong").into(),
///         _ => next(),
///     }
/// }
/// # assert!(matches!(on_request(Request::new("GET", "/ping")), Next::Respond(_)));
/// ```
pub fn respond(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Vec::new() }
}

/// What to do after a request or response head was seen.
///
/// Edits are applied in order, all or none: one that makes no sense in its phase, is malformed, or
/// touches a field of the host is a fault of the plugin.
///
/// On an answer of its own ([`Next::Respond`]) the methods for headers, status and body change that
/// answer; the others do nothing there.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "the edits are lost unless the hook returns them"]
pub enum Next {
    /// Go on with these edits. An empty list changes nothing.
    Proceed(Vec<Edit>),
    /// Answer now (or, on a response, instead of it). The upstream and the plugins further down are
    /// not asked. Only for guards.
    Respond(Reply),
    /// Close without an answer. Only for guards.
    Abort,
}

/// One change to a head.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Set a field, replacing all values of that name.
    SetHeader(Header),
    /// Add a value, keeping those present.
    AppendHeader(Header),
    /// Remove all values of that name.
    RemoveHeader(String),
    /// Requests only: replace path and query. Never routes again.
    SetTarget(String),
    /// Responses only.
    SetStatus(u16),
    /// Replace the whole body, or give one to a message that had none.
    SetBody(Vec<u8>),
    /// Attach to the exchange for later phases, plugins and the access log.
    SetAttribute(Attribute),
}

impl Next {
    /// Sets a header, replacing all values of that name. `name` is in lower case.
    pub fn set_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        match &mut self {
            Self::Proceed(edits) => edits.push(Edit::SetHeader((name.into(), value.into()))),
            Self::Respond(reply) => {
                let name = name.into();
                reply.headers.retain(|header| header.0 != name);
                reply.headers.push((name, value.into()));
            }
            Self::Abort => {}
        }
        self
    }

    /// Adds a header, keeping those of that name. `name` is in lower case.
    pub fn append_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        match &mut self {
            Self::Proceed(edits) => edits.push(Edit::AppendHeader((name.into(), value.into()))),
            Self::Respond(reply) => reply.headers.push((name.into(), value.into())),
            Self::Abort => {}
        }
        self
    }

    /// Removes all values of that name. `name` is in lower case.
    pub fn remove_header(mut self, name: impl Into<String>) -> Self {
        match &mut self {
            Self::Proceed(edits) => edits.push(Edit::RemoveHeader(name.into())),
            Self::Respond(reply) => {
                let name = name.into();
                reply.headers.retain(|header| header.0 != name);
            }
            Self::Abort => {}
        }
        self
    }

    /// Replaces path and query of a request. Guards only; never routes again.
    pub fn set_target(self, target: impl Into<String>) -> Self {
        self.edit(Edit::SetTarget(target.into()))
    }

    /// Replaces the status of a response. Guards only.
    pub fn set_status(mut self, status: u16) -> Self {
        match &mut self {
            Self::Proceed(edits) => edits.push(Edit::SetStatus(status)),
            Self::Respond(reply) => reply.status = status,
            Self::Abort => {}
        }
        self
    }

    /// Replaces the whole body, or gives one to a message that had none. Guards only. The plugin's
    /// own body hook is not called for it.
    pub fn set_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        match &mut self {
            Self::Proceed(edits) => edits.push(Edit::SetBody(body.into())),
            Self::Respond(reply) => reply.body = body.into(),
            Self::Abort => {}
        }
        self
    }

    /// Attaches an attribute to the exchange, for later phases, plugins and the access log.
    pub fn set_attribute(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.edit(Edit::SetAttribute((name.into(), value.into())))
    }

    /// Adds an edit.
    pub fn edit(mut self, edit: Edit) -> Self {
        if let Self::Proceed(edits) = &mut self {
            edits.push(edit);
        }
        self
    }

    /// The edits so far; none when the exchange does not go on.
    pub fn edits(&self) -> &[Edit] {
        match self {
            Self::Proceed(edits) => edits,
            _ => &[],
        }
    }
}

impl From<Reply> for Next {
    fn from(reply: Reply) -> Self {
        Self::Respond(reply)
    }
}

impl Answer<Next> for () {
    fn answer(self) -> Result<Next, Fault> {
        Ok(next())
    }
}

impl Answer<Next> for Reply {
    fn answer(self) -> Result<Next, Fault> {
        Ok(Next::Respond(self))
    }
}

/// An answer made by a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the answer is lost unless the hook returns it"]
pub struct Reply {
    /// Three digits.
    pub status: u16,
    /// Names in lower case. The host adds those which frame the message.
    pub headers: Vec<Header>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Adds a header. `name` is in lower case.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body, whatever it is.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a plain text as body, and its `content-type`.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    /// Sets a page as body, and its `content-type`.
    pub fn html(self, page: impl Into<String>) -> Self {
        self.header("content-type", "text/html; charset=utf-8").body(page.into())
    }

    /// Sets a JSON document as body, and its `content-type`.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON, such as a map whose keys are no strings.
    pub fn json(self, value: &impl serde::Serialize) -> Result<Self, Fault> {
        let body = serde_json::to_vec(value)
            .map_err(|error| Fault::internal(format!("the answer is not JSON: {error}")))?;
        Ok(self.header("content-type", "application/json").body(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_keep_their_order() {
        let answer = next().set_header("a", "1").remove_header("b").set_attribute("c", 2_u32);
        assert_eq!(
            answer,
            Next::Proceed(vec![
                Edit::SetHeader(("a".into(), "1".into())),
                Edit::RemoveHeader("b".into()),
                Edit::SetAttribute(("c".into(), Value::Integer(2))),
            ])
        );
    }

    #[test]
    fn edits_of_an_answer_change_the_answer() {
        let answer = Next::from(respond(200).text("hello"))
            .set_header("content-type", "text/html")
            .append_header("via", "tamis")
            .remove_header("absent")
            .set_status(404)
            .set_target("/elsewhere");
        let expected =
            respond(404).header("content-type", "text/html").header("via", "tamis").body("hello");
        assert_eq!(answer, Next::Respond(expected));
        assert_eq!(Next::Abort.set_header("a", "1"), Next::Abort);
    }

    #[test]
    fn json_answers_say_what_they_are() {
        let reply = respond(200).json(&[1, 2]).expect("numbers are JSON");
        assert_eq!(reply.body, b"[1,2]");
        assert_eq!(reply.headers[0].1, "application/json");
    }
}
