//! Filters in plain Rust, for the tests of what walks a chain of them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::HeaderMap;

use super::{
    Chain, Chunk, ChunkAction, DoneSubscription, Fault, FieldFilter, Filter, HeadAction, Hook,
    Hooks, Link, Name, Phase, RequestHead, ResponseHead, Stance, Subscription, Summary, Visit,
};

pub(super) type Head = Box<dyn Fn(&HeaderMap) -> Result<HeadAction, Fault> + Send + Sync>;
pub(super) type Body = Box<dyn Fn(&Chunk) -> Result<ChunkAction, Fault> + Send + Sync>;

/// What happened, in order; shared by the filters of a chain.
pub(super) type Diary = Arc<Mutex<Vec<String>>>;

/// A filter in plain Rust: closures for its hooks, and a diary.
pub(super) struct Fake {
    name: Name,
    stance: Stance,
    pub(super) hooks: Hooks,
    pub(super) wants: Subscription,
    pub(super) request: Head,
    pub(super) response: Head,
    pub(super) chunk: Body,
    diary: Diary,
}

impl Fake {
    pub(super) fn new(name: &str, stance: Stance, diary: &Diary) -> Self {
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

    async fn on_response(&self, _: Visit<'_>, head: &ResponseHead) -> Result<HeadAction, Fault> {
        self.note(if head.local { "on-response (local)" } else { "on-response" });
        (self.response)(&head.headers)
    }

    async fn on_response_body(&self, v: Visit<'_>, chunk: &Chunk) -> Result<ChunkAction, Fault> {
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

pub(super) fn chain(filters: Vec<Fake>) -> Arc<Chain> {
    let links = filters.into_iter().map(|filter| Link::new(Arc::new(filter)));
    Arc::new(Chain::new(links.collect()))
}

/// What was written into a diary since the last time.
pub(super) fn take(diary: &Diary) -> Vec<String> {
    std::mem::take(&mut *diary.lock().unwrap())
}
