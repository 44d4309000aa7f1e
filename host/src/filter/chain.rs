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
pub(crate) mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use http::{Method, StatusCode, Version};

    use super::*;
    use crate::filter::exchange::{Moment, Opening, Outcome};
    use crate::filter::{
        Chunk, ChunkAction, DoneSubscription, FieldFilter, Hooks, Paths, Phase, Subscription,
        TraceContext, Value,
    };

    type Head = Box<dyn Fn(&HeaderMap) -> Result<HeadAction, Fault> + Send + Sync>;
    type Body = Box<dyn Fn(&Chunk) -> Result<ChunkAction, Fault> + Send + Sync>;

    /// What happened, in order; shared by the filters of a chain.
    pub(in crate::filter) type Diary = Arc<Mutex<Vec<String>>>;

    /// A filter in plain Rust: closures for its hooks, and a diary.
    pub(in crate::filter) struct Fake {
        name: Name,
        stance: Stance,
        hooks: Hooks,
        pub(in crate::filter) wants: Subscription,
        pub(in crate::filter) request: Head,
        pub(in crate::filter) response: Head,
        pub(in crate::filter) chunk: Body,
        diary: Diary,
    }

    impl Fake {
        pub(in crate::filter) fn new(name: &str, stance: Stance, diary: &Diary) -> Self {
            let phase = Phase { fields: FieldFilter::All, ..Phase::default() };
            let wants = Subscription {
                request: Some(phase.clone()),
                response: Some(phase),
                done: Some(DoneSubscription::default()),
                ..Subscription::default()
            };
            Self {
                name: name.into(),
                stance,
                hooks: Hook::ALL.into_iter().collect(),
                wants,
                request: Box::new(|_| Ok(HeadAction::pass())),
                response: Box::new(|_| Ok(HeadAction::pass())),
                chunk: Box::new(|_| Ok(ChunkAction::Pass)),
                diary: Arc::clone(diary),
            }
        }

        fn note(&self, what: impl std::fmt::Display) {
            self.diary.lock().unwrap().push(format!("{} {what}", self.name));
        }
    }

    #[async_trait]
    impl Filter for Fake {
        fn name(&self) -> &Name {
            &self.name
        }

        fn stance(&self) -> Stance {
            self.stance
        }

        fn hooks(&self) -> Hooks {
            self.hooks
        }

        fn wants(&self) -> &Subscription {
            &self.wants
        }

        fn strike(&self, hook: Hook, _: &Fault) {
            self.note(format_args!("struck in {hook}"));
        }

        async fn on_request(&self, _: Visit<'_>, head: &RequestHead) -> Result<HeadAction, Fault> {
            self.note("on-request");
            (self.request)(&head.headers)
        }

        async fn on_request_body(&self, _: Visit<'_>, chunk: &Chunk) -> Result<ChunkAction, Fault> {
            self.note(format_args!("{:?}", (chunk.offset, chunk.data.len(), chunk.last)));
            (self.chunk)(chunk)
        }

        async fn on_response(
            &self,
            _: Visit<'_>,
            head: &ResponseHead,
        ) -> Result<HeadAction, Fault> {
            self.note(if head.local { "on-response (local)" } else { "on-response" });
            (self.response)(&head.headers)
        }

        async fn on_response_body(
            &self,
            v: Visit<'_>,
            chunk: &Chunk,
        ) -> Result<ChunkAction, Fault> {
            self.on_request_body(v, chunk).await
        }

        async fn on_done(&self, _: Visit<'_>, summary: &Summary) -> Result<(), Fault> {
            self.note(format_args!("on-done {}", summary.outcome.as_str()));
            Ok(())
        }

        fn forget(&self, _: Visit<'_>) {
            self.note("forget");
        }
    }

    pub(crate) fn exchange(plugins: usize) -> Arc<Exchange> {
        Arc::new(Exchange::open(Opening {
            worker: 0,
            request_id: "0198c2f4-1111".into(),
            route: "app".into(),
            method: Method::GET,
            original: "/a/b?c=d".into(),
            path: "/a/b".into(),
            scheme: "http",
            version: Version::HTTP_11,
            client: "192.0.2.1".into(),
            trace: TraceContext {
                trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
                span_id: "b7ad6b7169203331".into(),
                sampled: true,
            },
            received: Moment::now(),
            plugins,
        }))
    }

    fn request() -> RequestHead {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("*/*"));
        RequestHead {
            method: Method::GET,
            authority: "app.example".into(),
            target: "/a/b?c=d".parse().unwrap(),
            headers,
            ends: true,
        }
    }

    fn response() -> ResponseHead {
        let headers = HeaderMap::new();
        ResponseHead { status: StatusCode::OK, headers, ends: false, local: false }
    }

    fn summary() -> Summary {
        Summary {
            outcome: Outcome::Completed,
            status: Some(StatusCode::OK),
            request_bytes: 0,
            response_bytes: 0,
            total: std::time::Duration::ZERO,
            upstream: std::time::Duration::ZERO,
            plugins: std::time::Duration::ZERO,
            error_type: None,
        }
    }

    fn set(name: &str, value: &str) -> Edit {
        Edit::SetHeader(name.parse().unwrap(), value.parse().unwrap())
    }

    fn append(name: &str, value: &str) -> Edit {
        Edit::AppendHeader(name.parse().unwrap(), value.parse().unwrap())
    }

    fn attribute(name: &str) -> Edit {
        Edit::SetAttribute((name.to_owned(), 1.into()))
    }

    fn proceed(edits: &[Edit]) -> Head {
        let edits = edits.to_vec();
        Box::new(move |_| Ok(HeadAction::Proceed(edits.clone())))
    }

    fn answer(status: u16, body: &'static str) -> Head {
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::from_static(body.as_bytes());
        Box::new(move |_| {
            let headers = HeaderMap::new();
            Ok(HeadAction::Respond(LocalResponse { status, headers, body: body.clone() }))
        })
    }

    fn failing(kind: FaultKind) -> Head {
        Box::new(move |_| Err(Fault::new(kind, "cannot")))
    }

    pub(in crate::filter) fn chain(filters: Vec<Fake>) -> Arc<Chain> {
        let links = filters.into_iter().map(|filter| Link::new(Arc::new(filter)));
        Arc::new(Chain::new(links.collect()))
    }

    fn three(diary: &Diary, change: impl FnOnce(&mut [Fake; 3])) -> Arc<Chain> {
        let mut filters = ["a", "b", "c"].map(|name| Fake::new(name, Stance::Guard, diary));
        change(&mut filters);
        chain(filters.into())
    }

    fn take(diary: &Diary) -> Vec<String> {
        std::mem::take(&mut *diary.lock().unwrap())
    }

    #[tokio::test]
    async fn requests_go_first_to_last_and_responses_last_to_first() {
        let diary = Diary::default();
        let chain = three(&diary, |_| {});
        let exchange = exchange(3);
        let walk = chain.on_request(&exchange, &mut request()).await;
        assert!(matches!(walk, Ok(RequestWalk::Proceed(None))));
        chain.on_response(&exchange, &mut response(), 3).await.unwrap();
        chain.on_done(&exchange, &summary()).await;
        assert_eq!(
            take(&diary),
            [
                "a on-request",
                "b on-request",
                "c on-request",
                "c on-response",
                "b on-response",
                "a on-response",
                "c on-done completed",
                "b on-done completed",
                "a on-done completed",
            ]
        );
    }

    #[tokio::test]
    async fn later_plugins_see_the_edits_of_earlier_ones_in_both_directions() {
        let diary = Diary::default();
        let chain = three(&diary, |[a, b, c]| {
            a.request =
                proceed(&[set("x-way", "a"), append("x-way", "a2"), set("accept", "text/*")]);
            b.request = Box::new(|headers| {
                let seen = headers.get_all("x-way").iter().count().to_string();
                Ok(HeadAction::Proceed(vec![
                    Edit::RemoveHeader("accept".parse().unwrap()),
                    set("x-seen", &seen),
                ]))
            });
            c.response = proceed(&[set("x-way", "c")]);
            b.response = Box::new(|headers| {
                let seen = headers["x-way"].to_str().unwrap().to_owned();
                Ok(HeadAction::Proceed(vec![set("x-seen", &seen)]))
            });
        });
        let exchange = exchange(3);
        let (mut sent, mut got) = (request(), response());
        chain.on_request(&exchange, &mut sent).await.unwrap();
        chain.on_response(&exchange, &mut got, 3).await.unwrap();
        assert_eq!(sent.headers["x-seen"], "2");
        assert!(!sent.headers.contains_key("accept"), "set by one, removed by the next");
        assert_eq!(got.headers["x-seen"], "c");
    }

    #[tokio::test]
    async fn who_answers_ends_the_walk_and_those_before_see_the_answer() {
        let diary = Diary::default();
        let chain = three(&diary, |[_, b, _]| b.request = answer(403, "no"));
        let exchange = exchange(3);
        let walk = chain.on_request(&exchange, &mut request()).await;
        let Ok(RequestWalk::Answered { response, below }) = walk else { panic!("{walk:?}") };
        assert_eq!((response.status.as_u16(), &*response.body, below), (403, &b"no"[..], 1));
        let LocalResponse { status, headers, .. } = response;
        let mut head = ResponseHead { status, headers, ends: false, local: true };
        chain.on_response(&exchange, &mut head, below).await.unwrap();
        chain.on_done(&exchange, &summary()).await;
        assert_eq!(
            take(&diary),
            [
                "a on-request",
                "b on-request",
                "a on-response (local)",
                "c on-done completed",
                "b on-done completed",
                "a on-done completed",
            ],
            "those after it are told in the end only"
        );
    }

    #[tokio::test]
    async fn an_answer_on_the_response_replaces_it_and_the_rest_sees_that() {
        let diary = Diary::default();
        let chain = three(&diary, |[_, b, _]| b.response = answer(418, "tea"));
        let exchange = exchange(3);
        chain.on_request(&exchange, &mut request()).await.unwrap();
        let mut head = response();
        head.headers.insert("x-from", HeaderValue::from_static("upstream"));
        let walk = chain.on_response(&exchange, &mut head, 3).await.unwrap();
        let ResponseWalk::Proceed(Some(body)) = walk else { panic!("{walk:?}") };
        assert_eq!(body, NewBody { data: Bytes::from_static(b"tea"), by: 1 });
        assert_eq!((head.status.as_u16(), head.local, head.headers.len()), (418, true, 0));
        assert_eq!(take(&diary)[3..], ["c on-response", "b on-response", "a on-response (local)"]);
    }

    #[tokio::test]
    async fn to_abort_ends_both_walks() {
        let diary = Diary::default();
        let chain = three(&diary, |[_, b, _]| {
            b.request = Box::new(|_| Ok(HeadAction::Abort));
            b.response = Box::new(|_| Ok(HeadAction::Abort));
        });
        let walk = chain.on_request(&exchange(3), &mut request()).await;
        assert!(matches!(walk, Ok(RequestWalk::Aborted)));
        assert_eq!(take(&diary), ["a on-request", "b on-request"]);
        let exchange = exchange(3);
        for index in 0..3 {
            exchange.update_place(index, |place| place.met = true);
        }
        let walk = chain.on_response(&exchange, &mut response(), 3).await;
        assert!(matches!(walk, Ok(ResponseWalk::Aborted)));
        assert_eq!(take(&diary), ["c on-response", "b on-response"]);
    }

    #[tokio::test]
    async fn the_last_body_that_is_set_counts_and_names_its_plugin() {
        let diary = Diary::default();
        let chain = three(&diary, |[a, _, c]| {
            a.request = proceed(&[Edit::SetBody(Bytes::from_static(b"first"))]);
            c.request = proceed(&[Edit::SetBody(Bytes::from_static(b"second"))]);
        });
        let mut head = request();
        let walk = chain.on_request(&exchange(3), &mut head).await.unwrap();
        let RequestWalk::Proceed(Some(body)) = walk else { panic!("{walk:?}") };
        assert_eq!((body.data, body.by), (Bytes::from_static(b"second"), 2));
        assert!(!head.ends, "a message that had no body has one now");
        let chain = three(&diary, |[a, ..]| a.request = proceed(&[Edit::SetBody(Bytes::new())]));
        let mut head = RequestHead { ends: false, ..request() };
        chain.on_request(&exchange(3), &mut head).await.unwrap();
        assert!(head.ends, "an empty body is none");
    }

    #[tokio::test]
    async fn a_new_target_and_a_new_status_change_neither_route_nor_paths() {
        let diary = Diary::default();
        let chain = three(&diary, |[a, b, _]| {
            a.request = proceed(&[Edit::SetTarget("/other?x".parse().unwrap())]);
            b.wants.paths = Paths::new(vec!["/a/*".into()]);
            b.response = proceed(&[Edit::SetStatus(StatusCode::ACCEPTED)]);
        });
        let exchange = exchange(3);
        let (mut sent, mut got) = (request(), response());
        chain.on_request(&exchange, &mut sent).await.unwrap();
        chain.on_response(&exchange, &mut got, 3).await.unwrap();
        assert_eq!(sent.target.as_str(), "/other?x");
        assert_eq!(got.status, StatusCode::ACCEPTED);
        assert!(take(&diary).contains(&"b on-request".to_owned()), "by the path as it was");
    }

    #[tokio::test]
    async fn only_plugins_on_their_paths_are_called_and_only_what_they_asked_for() {
        let diary = Diary::default();
        let chain = three(&diary, |[a, b, c]| {
            a.wants.paths = Paths::new(vec!["/elsewhere".into()]);
            b.wants.request = None;
            b.wants.done = None;
            c.hooks = Hooks::default().with(Hook::OnResponse);
        });
        let exchange = exchange(3);
        chain.on_request(&exchange, &mut request()).await.unwrap();
        exchange.update_place(1, |place| place.seat = Some((0, 0)));
        chain.on_response(&exchange, &mut response(), 3).await.unwrap();
        chain.on_done(&exchange, &summary()).await;
        assert_eq!(
            take(&diary),
            ["c on-response", "b on-response", "b forget"],
            "who holds a seat and wants no farewell is made to forget"
        );
    }

    /// Every edit that the chain itself finds wrong, beside one that is right.
    #[tokio::test]
    async fn edits_are_applied_all_or_none() {
        let many = |number: usize| -> Vec<Edit> {
            (0..number).map(|one| append(&format!("x-{one}"), "v")).collect()
        };
        let long = "v".repeat(MAX_HEAD);
        let attributes: Vec<_> =
            (0..=MAX_ATTRIBUTES).map(|one| attribute(&format!("a.{one}"))).collect();
        let wrong: Vec<(&str, bool, Vec<Edit>)> = vec![
            ("a status in a request", true, vec![Edit::SetStatus(StatusCode::OK)]),
            ("a target in a response", false, vec![Edit::SetTarget("/".parse().unwrap())]),
            ("too many fields", true, many(MAX_FIELDS)),
            ("too many fields", false, many(MAX_FIELDS + 1)),
            ("more than a map of fields can hold", true, many(40_000)),
            ("a head too long", true, vec![set("x-long", &long)]),
            ("a head too long in all", false, vec![set("a", &long[9..]), set("b", "1234567890")]),
            ("too many attributes", true, attributes),
        ];
        for (what, in_request, mut edits) in wrong {
            edits.insert(0, set("x-good", "1"));
            edits.insert(0, attribute("good"));
            for on_fault in [OnFault::Closed, OnFault::Open] {
                let diary = Diary::default();
                let mut filter = Fake::new("a", Stance::Guard, &diary);
                filter.request = if in_request { proceed(&edits) } else { proceed(&[]) };
                filter.response = proceed(&edits);
                let link = Link { filter: Arc::new(filter), on_fault };
                let (chain, exchange) = (Chain::new(vec![link]), exchange(1));
                let (mut sent, mut got) = (request(), response());
                let asked = chain.on_request(&exchange, &mut sent).await;
                let closed = if in_request {
                    asked.err()
                } else {
                    chain.on_response(&exchange, &mut got, 1).await.err()
                };
                assert_eq!(closed.is_some(), on_fault == OnFault::Closed, "{what}");
                assert!(closed.is_none_or(|one| one.fault.kind == FaultKind::Internal), "{what}");
                assert_eq!((sent.headers.len(), got.headers.len()), (1, 0), "{what}: half applied");
                assert!(exchange.attributes().is_empty(), "{what}: half applied");
                let hook = if in_request { "on-request" } else { "on-response" };
                assert_eq!(take(&diary).last().unwrap(), &format!("a struck in {hook}"), "{what}");
            }
        }
    }

    #[tokio::test]
    async fn limits_are_of_the_head_as_it_is_after_the_edits() {
        let diary = Diary::default();
        let full: Vec<_> = (0..MAX_FIELDS - 1).map(|one| set(&format!("x-{one}"), "v")).collect();
        let again: Vec<_> = (0..MAX_FIELDS - 1).map(|one| set(&format!("x-{one}"), "w")).collect();
        let chain = three(&diary, |[a, b, c]| {
            a.request = proceed(&full);
            b.request = proceed(&again);
            c.request = proceed(&[Edit::RemoveHeader("x-0".parse().unwrap()), set("x-new", "v")]);
        });
        let mut head = request();
        chain.on_request(&exchange(3), &mut head).await.expect("100 fields all the way");
        assert_eq!((head.headers.len(), &head.headers["x-1"]), (MAX_FIELDS, &"w".parse().unwrap()));

        let named: Vec<_> = (0..MAX_ATTRIBUTES).map(|one| attribute(&format!("a.{one}"))).collect();
        let chain = three(&diary, |[a, b, _]| {
            a.request = proceed(&named);
            b.request = proceed(&[Edit::SetAttribute(("a.3".into(), Value::Boolean(true)))]);
        });
        let exchange = exchange(3);
        chain.on_request(&exchange, &mut request()).await.expect("64 attributes, one set twice");
        assert_eq!(exchange.attribute("a.3"), Some(Value::Boolean(true)));
    }

    #[tokio::test]
    async fn an_answer_has_the_limits_of_any_head() {
        let diary = Diary::default();
        let too_many = || -> Head {
            Box::new(|_| {
                let mut headers = HeaderMap::new();
                for one in 0..=MAX_FIELDS {
                    headers.append("x-many", HeaderValue::from(one));
                }
                let (status, body) = (StatusCode::OK, Bytes::new());
                Ok(HeadAction::Respond(LocalResponse { status, headers, body }))
            })
        };
        let chain = three(&diary, |[a, b, _]| {
            a.request = too_many();
            b.response = too_many();
        });
        let closed = chain.on_request(&exchange(3), &mut request()).await.unwrap_err();
        assert_eq!((closed.hook, closed.fault.kind), (Hook::OnRequest, FaultKind::Internal));
        let exchange = exchange(3);
        exchange.update_place(1, |place| place.met = true);
        let closed = chain.on_response(&exchange, &mut response(), 3).await.unwrap_err();
        assert_eq!((closed.hook, closed.fault.kind), (Hook::OnResponse, FaultKind::Internal));
    }

    #[tokio::test]
    async fn a_fault_is_open_or_closed_by_stance_unless_the_operator_says_otherwise() {
        for kind in FaultKind::ALL {
            for (stance, on_fault, closes) in [
                (Stance::Guard, None, true),
                (Stance::Watcher, None, false),
                (Stance::Guard, Some(OnFault::Open), false),
                (Stance::Watcher, Some(OnFault::Closed), true),
            ] {
                let diary = Diary::default();
                let mut filters = [Fake::new("a", stance, &diary), Fake::new("b", stance, &diary)];
                filters[0].request = failing(kind);
                filters[1].response = failing(kind);
                let links = filters.map(|filter| {
                    let link = Link::new(Arc::new(filter));
                    Link { on_fault: on_fault.unwrap_or(link.on_fault), ..link }
                });
                let (chain, exchange) = (Chain::new(links.into()), exchange(2));
                let walk = chain.on_request(&exchange, &mut request()).await;
                if closes {
                    let closed = walk.unwrap_err();
                    assert_eq!((&*closed.plugin, closed.hook), ("a", Hook::OnRequest));
                    assert_eq!(closed.fault.kind, kind);
                    assert_eq!(take(&diary), ["a on-request"], "{kind:?}: the walk ends here");
                    continue;
                }
                assert!(matches!(walk, Ok(RequestWalk::Proceed(None))), "{kind:?}");
                chain.on_response(&exchange, &mut response(), 2).await.unwrap();
                assert_eq!(
                    take(&diary),
                    ["a on-request", "b on-request", "b on-response", "a on-response"],
                    "{kind:?}: the others go on as if nothing had happened"
                );
            }
        }
    }
}
