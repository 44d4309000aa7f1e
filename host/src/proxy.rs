//! One exchange from start to finish, as a list.
//!
//! A request is checked and opened, walks the hooks of its route, goes to an upstream, and
//! its answer walks back. Whatever fails on the way becomes an answer in one table, which
//! the plugins that saw the request see as well. An exchange keeps to one version of
//! configuration and plugins from its first hook to its last.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, request};

pub mod access;
pub mod body;
pub mod encoding;
pub mod framing;
pub mod headers;
pub mod ids;
pub mod path;
pub mod reply;
pub mod route;
pub mod upstream;

use access::{After, Ending, Last};
use body::Counted;
use headers::Peer;
use ids::{Identified, Ids, RequestId};
use reply::Failure;
use route::{Route, Routes};
use upstream::Upstream;

use crate::filter::exchange::{Exchange, Moment, Opening, Outcome, RequestHead, ResponseHead};
use crate::filter::{LocalResponse, RequestWalk, ResponseWalk};
use crate::outbound::Dialer;
use crate::outbound::client::{self, Pool};
use crate::wire::{Abort, Authority, Body, HeadLimits, Refusal, Tunnel};

/// One configuration with its plugins, as requests see it.
pub struct Version {
    /// Rises with each version, so that workers notice.
    pub number: u64,
    /// Where requests go.
    pub routes: Routes,
    /// The upstreams, by the index that routes name them by.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Who is believed, and what the upstream is told of who asked.
    pub forwarding: headers::Forwarding,
    /// Limits of a head.
    pub head: HeadLimits,
    /// What paths may hold.
    pub paths: path::PathRules,
    /// Limits of codings that are undone for plugins.
    pub coding: encoding::DecodeLimits,
}

/// The proxy on one worker.
pub struct Proxy {
    worker: usize,
    version: Arc<ArcSwap<Version>>,
    dialer: Arc<Dialer>,
    after: After,
    ids: RefCell<Ids>,
    pools: RefCell<Pools>,
}

/// The connection that a request came over, and what was found out about its peer.
#[derive(Debug)]
pub struct Connection {
    peer: SocketAddr,
    local: SocketAddr,
    secure: bool,
    known: RefCell<Option<Known>>,
}

/// What one version of the configuration makes of a peer.
#[derive(Debug, Clone)]
struct Known {
    version: u64,
    peer: Peer,
    /// The address of the peer, as text.
    address: Arc<str>,
}

impl Connection {
    /// Between these two ends.
    pub fn new(peer: SocketAddr, local: SocketAddr, secure: bool) -> Self {
        Self { peer, local, secure, known: RefCell::default() }
    }

    fn known(&self, version: &Version) -> Known {
        if let Some(known) = &*self.known.borrow()
            && known.version == version.number
        {
            return known.clone();
        }
        let peer = version.forwarding.peer(self.peer, self.local, self.secure);
        let address = peer.address().to_string().into();
        let known = Known { version: version.number, peer, address };
        *self.known.borrow_mut() = Some(known.clone());
        known
    }
}

/// The connections of a worker to the servers of a version.
#[derive(Default)]
struct Pools {
    version: u64,
    /// By upstream and server.
    pools: Vec<Vec<Arc<Pool>>>,
}

impl Proxy {
    /// For one worker, by its number.
    pub fn new(
        worker: usize,
        version: Arc<ArcSwap<Version>>,
        dialer: Arc<Dialer>,
        after: After,
    ) -> Self {
        let ids = RefCell::default();
        Self { worker, version, dialer, after, ids, pools: RefCell::default() }
    }

    /// What is done after exchanges.
    pub fn after(&self) -> &After {
        &self.after
    }

    /// Answers a request, whatever happens.
    pub async fn handle(&self, request: Request<Body>, connection: &Connection) -> Response<Body> {
        let version = self.version.load_full();
        let (parts, body) = request.into_parts();
        let opened = match self.open(&version, parts, &body, connection) {
            Ok(opened) => opened,
            Err(stranger) => return self.turn_away(*stranger),
        };
        let Opened { exchange, route, head, id, upgrade } = opened;
        let ending = Ending::of(&exchange, &route.chain, &self.after);
        let mut run = Run { proxy: self, version: &version, exchange, route, ending, id };
        let answer = match run.route.total_timeout {
            None => run.answer(head, body, upgrade).await,
            Some(limit) => {
                let answer = run.answer(head, body, upgrade);
                match tokio::time::timeout(limit, answer).await {
                    Ok(answer) => answer,
                    Err(_) => Err(Failure::Overdue),
                }
            }
        };
        match answer {
            Ok(response) => run.finish(response),
            Err(failure) => run.fail(failure).await,
        }
    }

    /// Checks a request, settles who asked and where it goes, before any hook runs.
    fn open(
        &self,
        version: &Version,
        mut parts: request::Parts,
        body: &Body,
        connection: &Connection,
    ) -> Result<Opened, Box<Stranger>> {
        let secure = connection.secure;
        let Known { peer, address, .. } = connection.known(version);
        let (Identified { id, foreign }, trace) = {
            let mut ids = self.ids.borrow_mut();
            let trusted = peer.is_trusted();
            (ids.identify(&parts.headers, trusted), ids.trace(&parts.headers, trusted))
        };
        let has_body = !body.is_empty();
        let checked = match framing::check(&parts, has_body, secure, &version.head, version.paths) {
            Ok(checked) => checked,
            Err(refusal) => {
                let failure = refusal.into();
                return Err(Box::new(Stranger {
                    failure,
                    id,
                    parts,
                    address,
                    trace: trace.context,
                }));
            }
        };
        let host = checked.authority.as_ref().map_or("", Authority::host);
        let Some(route) = version.routes.find(host, checked.path.path()) else {
            let failure = Failure::NoRoute;
            return Err(Box::new(Stranger { failure, id, parts, address, trace: trace.context }));
        };
        let authority = checked.authority.as_ref().map(Authority::as_str);
        headers::strip_request(&mut parts.headers);
        headers::strip_expectation(&mut parts.headers);
        let client = version.forwarding.apply(&mut parts.headers, &peer, authority);
        headers::set_request_id(&mut parts.headers, &id);
        trace.context.write(&mut parts.headers);
        let opening = Opening {
            worker: self.worker,
            request_id: id.as_str().into(),
            route: Arc::clone(&route.name),
            method: parts.method.clone(),
            original: parts.uri.path_and_query().map_or("", PathAndQuery::as_str).into(),
            path: checked.path.path().into(),
            scheme: if client.secure { "https" } else { "http" },
            version: parts.version,
            client: if client.address == peer.address() {
                address
            } else {
                client.address.to_string().into()
            },
            trace: trace.context.to_filter(),
            received: Moment::now(),
            plugins: route.chain.len(),
        };
        let exchange = Arc::new(Exchange::open(opening));
        if let Some(foreign) = foreign.as_ref().and_then(RequestId::accept) {
            // A stranger's id is of use to whoever compares logs, and to nobody else.
            let value = foreign.as_str().into();
            exchange.set_attribute(("request.id.client".to_owned(), value));
        }
        let head = RequestHead {
            authority: authority.unwrap_or_default().into(),
            method: parts.method,
            target: checked.path.into(),
            headers: parts.headers,
            ends: !has_body,
        };
        let upgrade = checked.upgrade.filter(|_| route.websocket);
        Ok(Opened { exchange, route: Arc::clone(route), head, id, upgrade })
    }

    /// An answer to what never became an exchange.
    fn turn_away(&self, stranger: Stranger) -> Response<Body> {
        let Stranger { failure, id, parts, address, trace } = stranger;
        let reply = failure.reply();
        tracing::debug!(request_id = id.as_str(), "a request was turned away: {failure}");
        self.after.turned_away(reply.status, reply.error_type);
        self.after.record(|| {
            let target = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
            let refused =
                access::Refused { method: &parts.method, target, client: &address, reply };
            let mut record = refused.record();
            record.request_id = Some(id.as_str().into());
            record.trace = Some(trace.to_filter());
            record
        });
        let mut response = local_response(reply.response(Some(id.as_str())));
        headers::set_request_id(response.headers_mut(), &id);
        response
    }

    fn pool(&self, version: &Version, upstream: usize, server: usize) -> Arc<Pool> {
        let mut pools = self.pools.borrow_mut();
        if pools.version != version.number || pools.pools.is_empty() {
            pools.version = version.number;
            pools.pools = version
                .upstreams
                .iter()
                .map(|upstream| {
                    let pool = |origin: &crate::outbound::Origin| {
                        Pool::new(origin.clone(), Arc::clone(&self.dialer), upstream.client.clone())
                    };
                    upstream.origins().map(pool).collect()
                })
                .collect();
        }
        Arc::clone(&pools.pools[upstream][server])
    }
}

/// A request that never became an exchange.
struct Stranger {
    failure: Failure,
    id: RequestId,
    parts: request::Parts,
    /// Where it came from.
    address: Arc<str>,
    trace: ids::TraceContext,
}

struct Opened {
    exchange: Arc<Exchange>,
    route: Arc<Route>,
    head: RequestHead,
    id: RequestId,
    /// The protocol that the connection is to change to.
    upgrade: Option<&'static str>,
}

/// An exchange under way.
struct Run<'a> {
    proxy: &'a Proxy,
    version: &'a Version,
    exchange: Arc<Exchange>,
    route: Arc<Route>,
    ending: Ending,
    id: RequestId,
}

/// An answer before it goes to the client, with the index of the plugin it came from, if it
/// came from one: only those before it see it.
struct Answer {
    head: ResponseHead,
    body: Body,
    below: usize,
    tunnel: Option<Upgraded>,
}

/// A connection that changed its protocol.
struct Upgraded {
    protocol: &'static str,
    tunnel: Box<Tunnel>,
}

impl Run<'_> {
    /// The list of what happens.
    async fn answer(
        &mut self,
        mut head: RequestHead,
        body: Body,
        upgrade: Option<&'static str>,
    ) -> Result<Response<Body>, Failure> {
        let is_head = head.method == Method::HEAD;
        self.check_length(&body)?;
        let answer = match self.route.chain.on_request(&self.exchange, &mut head).await? {
            RequestWalk::Proceed(new) => {
                if self.route.chain.changes_responses(&self.exchange) {
                    body::whole_answer(&mut head.headers);
                }
                let body = self.request_body(&mut head, body, new)?;
                self.ask(&head, body, upgrade).await?
            }
            RequestWalk::Answered { response, below } => {
                // Whoever answers has the body to itself: what was not read closes the
                // connection or is drained by the server.
                drop(body);
                self.ending.ends(Outcome::Answered, None);
                Answer::local(response, below)
            }
            RequestWalk::Aborted => return Err(Failure::Aborted),
        };
        self.respond(answer, is_head).await
    }

    /// A stated length that is too long need not be waited for.
    fn check_length(&self, body: &Body) -> Result<(), Failure> {
        match (self.route.body_limit, body.exact_length()) {
            (Some(limit), Some(length)) if length > limit => Err(Failure::BodyTooLong(limit)),
            _ => Ok(()),
        }
    }

    /// The body for the upstream: counted, limited, and with the plugins in its way that
    /// want to see it.
    fn request_body(
        &self,
        head: &mut RequestHead,
        body: Body,
        new: Option<crate::filter::chain::NewBody>,
    ) -> Result<Body, Failure> {
        let behind = new.as_ref().map(|new| new.by);
        let body = match new {
            Some(new) => {
                body::replaced(&mut head.headers);
                Body::from(new.data)
            }
            None if body.is_empty() => return Ok(Body::Empty),
            None => {
                let bytes = Rc::clone(self.ending.request_bytes());
                match body {
                    Body::Full(data) => {
                        bytes.set(data.len() as u64);
                        Body::Full(data)
                    }
                    body => Body::boxed(Counted::new(body, self.route.body_limit, bytes)),
                }
            }
        };
        let chain = &self.route.chain;
        match chain.request_body(&self.exchange, &head.headers, behind) {
            None => Ok(body),
            Some(walk) => Ok(body::walked(body, walk, &mut head.headers, self.version.coding)?),
        }
    }

    /// Asks the upstream, another server of it when one cannot be reached and nothing of the
    /// request is lost.
    async fn ask(
        &mut self,
        head: &RequestHead,
        body: Body,
        upgrade: Option<&'static str>,
    ) -> Result<Answer, Failure> {
        let upstream = &self.version.upstreams[self.route.upstream];
        let replayable = body.is_empty();
        let mut body = Some(body);
        let mut tried = Vec::new();
        self.ending.ask_upstream(Instant::now());
        loop {
            let began = Instant::now();
            let choice = upstream
                .choose(began, &tried)
                .map_err(|_| Failure::NoneHealthy(Arc::clone(&upstream.name)))?;
            let index = choice.index;
            let pool = self.proxy.pool(self.version, self.route.upstream, index);
            let request = client::Request {
                method: &head.method,
                target: head.target.as_str(),
                authority: (!head.authority.is_empty()).then_some(&*head.authority),
                headers: &head.headers,
                upgrade,
            };
            let sent = pool.send(request, body.take().unwrap_or_default()).await;
            let failure = match sent {
                Ok(answer) => {
                    let connect = answer.connect;
                    let first_byte = began.elapsed();
                    upstream.did_well(choice, connect, first_byte);
                    self.exchange.update_timings(|timings| {
                        timings.upstream_connect = Some(connect);
                        timings.upstream_first_byte = Some(first_byte);
                    });
                    let name = upstream.authority(index).into();
                    self.exchange.set_attribute(("upstream.name".to_owned(), name));
                    return Ok(Answer::of_upstream(answer, upgrade, &self.route));
                }
                Err(failure) => failure,
            };
            upstream.failed(choice, failure.kind(), Instant::now());
            tried.push(index);
            let unsent = matches!(failure, client::Failure::Dial(_));
            if !(unsent && replayable && tried.len() <= upstream.retries as usize) {
                let name = upstream.authority(index).into();
                self.exchange.set_attribute(("upstream.name".to_owned(), name));
                return Err(failure.into());
            }
        }
    }

    /// Takes an answer back through the plugins that saw the request.
    async fn respond(&mut self, answer: Answer, is_head: bool) -> Result<Response<Body>, Failure> {
        let Answer { mut head, mut body, mut below, tunnel } = answer;
        headers::strip_response(&mut head.headers);
        let chain = Arc::clone(&self.route.chain);
        match chain.on_response(&self.exchange, &mut head, below).await? {
            ResponseWalk::Proceed(None) => {}
            ResponseWalk::Proceed(Some(new)) => {
                body::replaced(&mut head.headers);
                body = Body::from(new.data);
                below = new.by;
            }
            ResponseWalk::Aborted => return Err(Failure::Aborted),
        }
        self.ending.answered(head.status);
        let tunnel = tunnel.filter(|_| head.status == StatusCode::SWITCHING_PROTOCOLS);
        if let Some(Upgraded { protocol, tunnel }) = tunnel {
            // What upstream and proxy agreed on ends at the proxy; this is its own word (RFC 9110,
            // section 7.8).
            head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            head.headers.insert(UPGRADE, HeaderValue::from_static(protocol));
            return Ok(self.head_of(head, Body::Tunnel(tunnel)));
        }
        if !body::has_body(is_head, head.status) {
            body = Body::Empty;
        } else if !body.is_empty()
            && let Some(walk) = chain.response_body(&self.exchange, &head.headers, below)
        {
            body = body::walked(body, walk, &mut head.headers, self.version.coding)?;
            body = body::begun(body).await.map_err(Failure::Answer)?;
        }
        Ok(self.head_of(head, body))
    }

    fn head_of(&self, head: ResponseHead, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        headers::set_request_id(response.headers_mut(), &self.id);
        response
    }

    /// Hands the answer on; the exchange ends with its body.
    fn finish(self, response: Response<Body>) -> Response<Body> {
        let mut ending = self.ending;
        let (parts, body) = response.into_parts();
        let body = match body {
            Body::Empty => {
                ending.upstream_done();
                ending.complete();
                Body::Empty
            }
            Body::Full(data) => {
                // It goes out with the head, in one piece.
                ending.upstream_done();
                ending.response(data.len());
                ending.complete();
                Body::Full(data)
            }
            Body::Tunnel(mut tunnel) => {
                tunnel.on_end = Some(Box::new(move |end| {
                    let mut ending = ending;
                    ending.tunnelled(end);
                }));
                Body::Tunnel(tunnel)
            }
            body => Body::boxed(Last::new(body, ending)),
        };
        Response::from_parts(parts, body)
    }

    /// Turns a failure into an answer, and takes that through the plugins as any other. When
    /// they fail on it, the client gets it bare.
    async fn fail(mut self, failure: Failure) -> Response<Body> {
        let reply = failure.reply();
        self.ending.ends(reply.outcome, Some(reply.error_type));
        self.exchange.set_attribute(("error.message".to_owned(), failure.to_string().into()));
        tracing::debug!(request_id = &*self.exchange.request_id, "exchange failed: {failure}");
        if failure.is_abort() {
            let mut response = Response::new(Body::Empty);
            response.extensions_mut().insert(Abort);
            return response;
        }
        let local = reply.response(Some(&self.exchange.request_id));
        let below = self.route.chain.len();
        let response = match self.respond(Answer::local(local.clone(), below), false).await {
            Ok(response) => response,
            // A guard that fails on the response would have failed on any; what is sent now
            // holds nothing but the host's own words.
            Err(_) => {
                self.ending.answered(local.status);
                let mut response = local_response(local);
                headers::set_request_id(response.headers_mut(), &self.id);
                response
            }
        };
        self.finish(response)
    }
}

impl Answer {
    fn local(response: LocalResponse, below: usize) -> Self {
        let LocalResponse { status, headers, body } = response;
        let head = ResponseHead { status, headers, ends: body.is_empty(), local: true };
        Self { head, body: Body::from(body), below, tunnel: None }
    }

    /// Of an upstream that was asked to change to the protocol `upgrade`, if any.
    fn of_upstream(
        answer: client::Answer<Body>,
        upgrade: Option<&'static str>,
        route: &Route,
    ) -> Self {
        let client::Answer { head, body, upgraded, .. } = answer;
        let body = Body::from(body);
        let tunnel = upgraded.zip(upgrade).map(|((stream, early), protocol)| {
            let idle = route.body_timeout;
            let tunnel = Box::new(Tunnel { stream, early, idle, on_end: None });
            Upgraded { protocol, tunnel }
        });
        let head = ResponseHead {
            status: head.status,
            headers: head.headers,
            ends: body.is_empty(),
            local: false,
        };
        Self { head, body, below: route.chain.len(), tunnel }
    }
}

/// An answer of the host's own.
fn local_response(local: LocalResponse) -> Response<Body> {
    let mut response = Response::new(Body::from(local.body));
    *response.status_mut() = local.status;
    *response.headers_mut() = local.headers;
    response
}

/// An answer to bytes that never became a request.
pub fn refuse(refusal: Refusal) -> Response<Bytes> {
    let local = reply::refused(refusal).response(None);
    let mut response = Response::new(local.body);
    *response.status_mut() = local.status;
    *response.headers_mut() = local.headers;
    response
}
