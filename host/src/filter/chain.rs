//! Runs the hooks of a chain and decides what a fault costs.
//!
//! Request hooks run first to last, response hooks last to first, so the plugin nearest the
//! upstream sees the response first. A plugin that answers a request ends the walk; those
//! after it never hear of the exchange, those before it see the answer.
//!
//! The chain knows neither WebAssembly nor sockets. It is tested with filters written in
//! plain Rust.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::body::{BodyWalk, Direction};
use super::{
    Edit, Exchange, Fault, FaultKind, Filter, HeadAction, Hook, LocalResponse, Name, RequestHead,
    ResponseHead, Stance, Subscription, Summary, Visit,
};

/// Largest number of fields that a head may have after it was edited.
pub const MAX_FIELDS: usize = 100;
/// Largest sum of the names and values of a head after it was edited, in bytes.
pub const MAX_HEAD: usize = 64 * 1024;
/// Largest number of attributes that plugins may attach to one exchange.
pub const MAX_ATTRIBUTES: usize = 64;
/// Largest number of edits in one answer. A map of fields has a bound of its own, beyond
/// which it does not refuse but panics.
pub const MAX_EDITS: usize = 1_000;

/// What a fault does to the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFault {
    /// It goes on without the plugin.
    Open,
    /// It does not go on.
    Closed,
}

impl OnFault {
    /// What a stance means unless the operator says otherwise.
    pub fn by_default(stance: Stance) -> Self {
        match stance {
            Stance::Watcher => Self::Open,
            Stance::Guard => Self::Closed,
        }
    }
}

/// A filter in its place, with what its faults do.
#[derive(Clone)]
pub struct Link {
    /// The filter.
    pub filter: Arc<dyn Filter>,
    /// What its faults do to a message.
    pub on_fault: OnFault,
}

impl Link {
    /// A filter whose faults do what its stance says.
    pub fn new(filter: Arc<dyn Filter>) -> Self {
        let on_fault = OnFault::by_default(filter.stance());
        Self { filter, on_fault }
    }
}

/// A plugin failed, and the message does not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin `{plugin}` failed in `{hook}` and is closed on faults: {fault}")]
pub struct Closed {
    /// Which plugin.
    pub plugin: Name,
    /// In which hook.
    pub hook: Hook,
    /// What happened.
    pub fault: Fault,
}

/// How the walk of a request through its chain ended.
#[derive(Debug)]
pub enum RequestWalk {
    /// It goes to the upstream, with this body instead of its own if there is one.
    Proceed(Option<NewBody>),
    /// A plugin answered. `below` is its index: only plugins before it see the answer.
    Answered {
        /// The answer.
        response: LocalResponse,
        /// The index of the plugin that gave it.
        below: usize,
    },
    /// A plugin asked to close without an answer.
    Aborted,
}

/// How the walk of a response through its chain ended.
#[derive(Debug)]
pub enum ResponseWalk {
    /// It goes to the client, with this body instead of its own if there is one.
    Proceed(Option<NewBody>),
    /// A plugin asked to close without an answer.
    Aborted,
}

/// A body that a plugin put in place of the one that was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBody {
    /// The bytes.
    pub data: Bytes,
    /// The index of the plugin; only body hooks of those behind it see these bytes.
    pub by: usize,
}

/// The plugins of a route, in the operator's order.
pub struct Chain {
    links: Box<[Link]>,
    /// Whether any plugin is told when an exchange is over.
    done: bool,
}

impl Chain {
    /// Of the plugins in the operator's order.
    pub fn new(links: Vec<Link>) -> Self {
        let done = links.iter().any(|link| link.filter.wants().done.is_some());
        Self { links: links.into(), done }
    }

    /// How many plugins there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The plugins, in order.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Runs the request hooks, first to last, and applies their edits.
    ///
    /// # Errors
    ///
    /// [`Closed`] when a plugin faulted that is closed on faults.
    pub async fn on_request(
        &self,
        exchange: &Arc<Exchange>,
        head: &mut RequestHead,
    ) -> Result<RequestWalk, Closed> {
        for (index, link) in self.links.iter().enumerate() {
            if link.filter.wants().paths.matches(&exchange.path) {
                exchange.update_place(index, |place| place.active = true);
            }
        }
        let mut body = None;
        for (index, link) in self.links.iter().enumerate() {
            if !exchange.place(index).active {
                continue;
            }
            exchange.update_place(index, |place| place.met = true);
            let filter = &link.filter;
            if filter.wants().request.is_none() || !filter.hooks().contains(Hook::OnRequest) {
                continue;
            }
            let visit = Visit { exchange, index };
            let answer = filter.on_request(visit, head).await;
            match self.settle(link, Hook::OnRequest, answer)? {
                None => {}
                Some(HeadAction::Proceed(edits)) => {
                    let RequestHead { headers, target, .. } = head;
                    let applied = apply(edits, exchange, headers, Direction::Request, |edit| {
                        if let Edit::SetTarget(new) = edit {
                            *target = new;
                        }
                    });
                    if let Some(data) = self.blame(link, Hook::OnRequest, applied)?.flatten() {
                        head.ends = data.is_empty();
                        body = Some(NewBody { data, by: index });
                    }
                }
                Some(HeadAction::Respond(response)) => {
                    let checked = check_answer(&response);
                    if self.blame(link, Hook::OnRequest, checked)?.is_some() {
                        return Ok(RequestWalk::Answered { response, below: index });
                    }
                }
                Some(HeadAction::Abort) => return Ok(RequestWalk::Aborted),
            }
        }
        Ok(RequestWalk::Proceed(body))
    }

    /// Runs the response hooks of the plugins before `below` that saw the request, last to
    /// first, and applies their edits.
    ///
    /// # Errors
    ///
    /// [`Closed`] when a plugin faulted that is closed on faults.
    pub async fn on_response(
        &self,
        exchange: &Arc<Exchange>,
        head: &mut ResponseHead,
        below: usize,
    ) -> Result<ResponseWalk, Closed> {
        let mut body = None;
        for (index, link) in self.links.iter().enumerate().take(below).rev() {
            let filter = &link.filter;
            if filter.wants().response.is_none()
                || !filter.hooks().contains(Hook::OnResponse)
                || !exchange.place(index).met
            {
                continue;
            }
            let answer = filter.on_response(Visit { exchange, index }, head).await;
            match self.settle(link, Hook::OnResponse, answer)? {
                None => {}
                Some(HeadAction::Proceed(edits)) => {
                    let ResponseHead { headers, status, .. } = head;
                    let applied = apply(edits, exchange, headers, Direction::Response, |edit| {
                        if let Edit::SetStatus(new) = edit {
                            *status = new;
                        }
                    });
                    if let Some(data) = self.blame(link, Hook::OnResponse, applied)?.flatten() {
                        head.ends = data.is_empty();
                        body = Some(NewBody { data, by: index });
                    }
                }
                Some(HeadAction::Respond(response)) => {
                    let checked = check_answer(&response);
                    if self.blame(link, Hook::OnResponse, checked)?.is_none() {
                        continue;
                    }
                    let LocalResponse { status, headers, body: data } = response;
                    *head = ResponseHead { status, headers, ends: data.is_empty(), local: true };
                    body = Some(NewBody { data, by: index });
                }
                Some(HeadAction::Abort) => return Ok(ResponseWalk::Aborted),
            }
        }
        Ok(ResponseWalk::Proceed(body))
    }

    /// The walk of a request body, if any plugin wants to see it. `behind` is the plugin
    /// that put a new body in place; only those after it see that.
    pub fn request_body(
        self: &Arc<Self>,
        exchange: &Arc<Exchange>,
        headers: &HeaderMap,
        behind: Option<usize>,
    ) -> Option<BodyWalk> {
        let from = behind.map_or(0, |index| index + 1);
        BodyWalk::start(self, exchange, Direction::Request, headers, from..self.links.len())
    }

    /// The walk of a response body, if any plugin before `below` wants to see it.
    pub fn response_body(
        self: &Arc<Self>,
        exchange: &Arc<Exchange>,
        headers: &HeaderMap,
        below: usize,
    ) -> Option<BodyWalk> {
        BodyWalk::start(self, exchange, Direction::Response, headers, 0..below)
    }

    /// Whether any plugin may change bodies, in either direction.
    pub fn changes_bodies(&self) -> bool {
        self.links.iter().any(|link| {
            let Subscription { request, response, .. } = link.filter.wants();
            [request, response].into_iter().flatten().any(|phase| phase.body.changes())
        })
    }

    /// Whether any plugin that met the request may change the body of its answer.
    pub fn changes_responses(&self, exchange: &Exchange) -> bool {
        self.links.iter().enumerate().any(|(index, link)| {
            let response = link.filter.wants().response.as_ref();
            response.is_some_and(|phase| phase.body.changes())
                && link.filter.hooks().contains(Hook::OnResponseBody)
                && exchange.place(index).met
        })
    }

    /// Tells the plugins that the exchange is over, last to first. Faults change nothing
    /// any more; the plugin's own account has them.
    pub async fn on_done(&self, exchange: &Arc<Exchange>, summary: &Summary) {
        for (index, link) in self.links.iter().enumerate().rev() {
            let visit = Visit { exchange, index };
            let place = visit.place();
            let filter = &link.filter;
            let told = self.done
                && place.active
                && filter.wants().done.as_ref().is_some_and(|done| done.wants(summary))
                && filter.hooks().contains(Hook::OnDone);
            if told {
                // The outcome of the call is in the plugin's account; there is nothing left
                // here that it could change.
                let _ = filter.on_done(visit, summary).await;
            } else if place.seat.is_some() {
                filter.forget(visit);
            }
        }
    }

    /// What a hook answered, or `None` when it faulted and the message goes on without it.
    pub(super) fn settle<T>(
        &self,
        link: &Link,
        hook: Hook,
        answer: Result<T, Fault>,
    ) -> Result<Option<T>, Closed> {
        match answer {
            Ok(action) => Ok(Some(action)),
            Err(_) if link.on_fault == OnFault::Open => Ok(None),
            Err(fault) => Err(Closed { plugin: Arc::clone(link.filter.name()), hook, fault }),
        }
    }

    /// As [`Chain::settle`], for an answer that the chain itself found to be wrong.
    pub(super) fn blame<T>(
        &self,
        link: &Link,
        hook: Hook,
        applied: Result<T, &'static str>,
    ) -> Result<Option<T>, Closed> {
        let applied = applied.map_err(|why| {
            let fault = Fault::new(FaultKind::Internal, why);
            link.filter.strike(hook, &fault);
            fault
        });
        self.settle(link, hook, applied)
    }
}

/// Says what is wrong with an answer that a plugin made.
fn check_answer(response: &LocalResponse) -> Result<(), &'static str> {
    if response.headers.len() > MAX_FIELDS || head_size(&response.headers) > MAX_HEAD {
        return Err("the answer has more than 100 fields or 64 KiB of them");
    }
    Ok(())
}

/// Applies edits, all or none. `special` takes those that only one direction knows.
/// Answers the new body, if there is one.
fn apply(
    edits: Vec<Edit>,
    exchange: &Exchange,
    headers: &mut HeaderMap,
    direction: Direction,
    mut special: impl FnMut(Edit),
) -> Result<Option<Bytes>, &'static str> {
    if edits.is_empty() {
        return Ok(None);
    }
    check(&edits, exchange, headers, direction)?;
    let mut body = None;
    for edit in edits {
        match edit {
            Edit::SetBody(data) => body = Some(data),
            Edit::SetAttribute(attribute) => exchange.set_attribute(attribute),
            Edit::SetTarget(_) | Edit::SetStatus(_) => special(edit),
            field => edit_field(field, headers),
        }
    }
    Ok(body)
}

/// Says what is wrong with the edits, before any of them is applied.
fn check(
    edits: &[Edit],
    exchange: &Exchange,
    headers: &HeaderMap,
    direction: Direction,
) -> Result<(), &'static str> {
    if edits.len() > MAX_EDITS {
        return Err("there are more than 1,000 edits");
    }
    let (mut fields, mut attributes, mut bytes) = (headers.len(), 0, 0);
    for edit in edits {
        match (edit, direction) {
            (Edit::SetStatus(_), Direction::Request) => return Err("a request has no status"),
            (Edit::SetTarget(_), Direction::Response) => return Err("a response has no target"),
            (Edit::SetHeader(name, value) | Edit::AppendHeader(name, value), _) => {
                fields += 1;
                bytes += field_size(name, value);
            }
            (Edit::SetAttribute(_), _) => attributes += 1,
            _ => {}
        }
    }
    if attributes > 0 && attributes_after(edits, exchange) > MAX_ATTRIBUTES {
        return Err("the exchange would have more than 64 attributes");
    }
    // The sums so far take every field for a new one. Only when they are over the limit is
    // it worth a copy to find out.
    let within = |fields: usize, bytes: usize| fields <= MAX_FIELDS && bytes <= MAX_HEAD;
    if bytes == 0 || within(fields, bytes + head_size(headers)) {
        return Ok(());
    }
    let mut edited = headers.clone();
    for edit in edits {
        edit_field(edit.clone(), &mut edited);
    }
    if within(edited.len(), head_size(&edited)) {
        Ok(())
    } else {
        Err("the edited head has more than 100 fields or 64 KiB")
    }
}

/// How many attributes the exchange has once these edits are applied.
fn attributes_after(edits: &[Edit], exchange: &Exchange) -> usize {
    let known = exchange.attributes();
    let mut names: BTreeSet<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    names.extend(edits.iter().filter_map(|edit| match edit {
        Edit::SetAttribute((name, _)) => Some(name.as_str()),
        _ => None,
    }));
    names.len()
}

fn edit_field(edit: Edit, headers: &mut HeaderMap) {
    match edit {
        Edit::SetHeader(name, value) => {
            headers.insert(name, value);
        }
        Edit::AppendHeader(name, value) => {
            headers.append(name, value);
        }
        Edit::RemoveHeader(name) => {
            headers.remove(name);
        }
        Edit::SetTarget(_) | Edit::SetStatus(_) | Edit::SetBody(_) | Edit::SetAttribute(_) => {}
    }
}

fn field_size(name: &HeaderName, value: &HeaderValue) -> usize {
    // A colon, a blank and a line end go with every field.
    name.as_str().len() + value.len() + 4
}

fn head_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| field_size(name, value)).sum()
}

#[cfg(test)]
mod tests;
