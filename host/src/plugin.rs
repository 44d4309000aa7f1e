//! Plugins: components with their configuration, run in sandboxes.
//!
//! The only room that knows WebAssembly. A [`Plugin`] is a filter for the corridors and a
//! background for the back room; behind it are instances in seats, budgets, strikes and an
//! account. Nothing that a plugin does costs more than its own instance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

pub mod account;
pub mod bindings;
pub mod cache;
pub mod componentize;
pub mod convert;
pub mod embedded;
pub mod engine;
pub mod grant;
pub mod hooks;
pub mod imports;
pub mod instance;
pub mod load;
pub mod quarantine;
pub mod sandbox;
pub mod seat;
pub mod services;
pub mod wasi;

use account::Account;
use convert::{Manifest, events};
use instance::{Blueprint, Instance};
use load::{Compiled, Loaded, Origin};
use quarantine::{Pass, Quarantine, Standing};
use sandbox::Role;
use seat::{Call, Cost, Seat, Worker};

use crate::filter::background::{Background, Check, ErrorEvent, PageRequest, Status};
use crate::filter::{
    Chunk, ChunkAction, Exchange, Fault, FaultKind, FieldFilter, Filter, HeadAction, Hook, Hooks,
    LocalResponse, LogEdit, Name, Passage, Record, RequestHead, ResponseHead, Source, Stance,
    Subscription, Summary, Value, Visit,
};

/// How long an instance serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Until it is lost or the plugin is reloaded. It may see traces of earlier exchanges of
    /// the same worker.
    Worker,
    /// For one exchange.
    Exchange,
}

/// A component with its configuration, in service.
pub struct Plugin {
    blueprint: Blueprint,
    manifest: Manifest,
    hooks: Hooks,
    wants: Subscription,
    isolation: Isolation,
    origin: Origin,
    digest: String,
    size: usize,
    /// One per worker of the request path, by its number.
    workers: Box<[Worker]>,
    /// For records and texts.
    logs: Seat,
    background: Seat,
    quarantine: Quarantine,
    account: Account,
}

/// What the admin listener shows of a plugin.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// The operator's name for it.
    pub name: String,
    /// Where its component comes from.
    pub component: String,
    /// The component's own version.
    pub version: String,
    /// What it says of itself.
    pub summary: String,
    /// The SHA-256 of the bytes that were compiled.
    pub sha256: String,
    /// The size of the component in bytes.
    pub size_bytes: usize,
    /// `watcher` or `guard`.
    pub stance: &'static str,
    /// `serving` or `quarantined`.
    pub state: &'static str,
    /// Seconds until the next trial; zero while it serves.
    pub quarantine_seconds: u64,
    /// Strikes within the last minute.
    pub strikes_recent: usize,
    /// Strikes since the start.
    pub strikes_total: u64,
    /// How often it was put aside since the start.
    pub quarantines_total: u64,
    /// The hooks that it has.
    pub hooks: Vec<&'static str>,
    /// Linear memory of its instances that are not busy, in bytes.
    pub memory_bytes: usize,
    /// The memory that one instance may have.
    pub memory_limit_bytes: usize,
    /// The time that one call on the request path may take, in milliseconds.
    pub deadline_ms: u128,
}

impl Plugin {
    /// Puts a loaded plugin into service, for so many workers of the request path.
    pub async fn serve(
        loaded: Loaded,
        compiled: &Compiled,
        isolation: Isolation,
        workers: usize,
        host: &crate::metrics::Host,
    ) -> Arc<Self> {
        let Loaded { blueprint, manifest, hooks, subscription, instances } = loaded;
        let account = Account::open(host, &blueprint.name, hooks);
        let (worker, background) = instances;
        let plugin = Self {
            manifest,
            hooks,
            wants: subscription,
            isolation,
            origin: compiled.origin.clone(),
            digest: compiled.digest.clone(),
            size: compiled.size,
            workers: (0..workers.max(1)).map(|_| Worker::default()).collect(),
            logs: Seat::default(),
            background: Seat::default(),
            quarantine: Quarantine::default(),
            account,
            blueprint,
        };
        // Those that were made to find out whether the plugin is any good begin to serve.
        let first = if plugin.hooks.contains(Hook::OnLogs) || isolation == Isolation::Exchange {
            &plugin.logs
        } else {
            &plugin.workers[0].kept()[0]
        };
        first.fill(worker).await;
        plugin.background.fill(background).await;
        Arc::new(plugin)
    }

    /// What the plugin says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How it stands.
    pub fn report(&self) -> Report {
        let standing = self.quarantine.standing(Instant::now());
        let (state, remaining, strikes) = match standing {
            Standing::Serving { strikes } => ("serving", Duration::ZERO, strikes),
            Standing::Quarantined { remaining } => ("quarantined", remaining, 0),
        };
        Report {
            name: self.blueprint.name.to_string(),
            component: self.origin.to_string(),
            version: self.manifest.version.clone(),
            summary: self.manifest.summary.clone(),
            sha256: self.digest.clone(),
            size_bytes: self.size,
            stance: match self.manifest.stance {
                Stance::Watcher => "watcher",
                Stance::Guard => "guard",
            },
            state,
            quarantine_seconds: remaining.as_secs(),
            strikes_recent: strikes,
            strikes_total: self.quarantine.total(),
            quarantines_total: self.quarantine.entered(),
            hooks: self.hooks.iter().map(Hook::as_str).collect(),
            memory_bytes: self.memory(),
            memory_limit_bytes: self.blueprint.budget.memory,
            deadline_ms: self.blueprint.budget.hook.as_millis(),
        }
    }

    /// Shows its sizes in the metrics.
    pub fn publish_sizes(&self, host: &crate::metrics::Host) {
        let name = &*self.blueprint.name;
        #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
        host.plugins.memory.with([name]).set(self.memory() as f64);
        #[expect(clippy::cast_precision_loss, reason = "there are a few per worker")]
        host.plugins.instances.with([name]).set(self.instances() as f64);
        let state = self.blueprint.services.reach.local.bytes();
        #[expect(clippy::cast_precision_loss, reason = "state is far below 2^53 bytes")]
        host.plugins.state_bytes.with([name, "local"]).set(state as f64);
    }

    /// Makes its metrics visible, in place of those of an older version.
    pub fn publish_metrics(&self) {
        if let Some(metrics) = self.blueprint.services.metrics.get() {
            metrics.publish();
        }
    }

    /// Bytes of linear memory of all its instances that are not busy now.
    pub fn memory(&self) -> usize {
        let workers = self.workers.iter().flat_map(Worker::kept).map(Seat::memory);
        workers.sum::<usize>() + self.logs.memory() + self.background.memory()
    }

    /// How many instances it has, those included that are busy now.
    pub fn instances(&self) -> usize {
        let kept = self.workers.iter().flat_map(Worker::kept);
        kept.chain([&self.logs, &self.background]).filter(|seat| seat.is_taken()).count()
    }

    /// Tells every instance that it is about to be dropped, all of them within `limit`.
    pub async fn shut_down(&self, limit: Duration) {
        let until = tokio::time::Instant::now() + limit;
        let kept = self.workers.iter().flat_map(Worker::kept);
        for seat in kept.chain([&self.logs, &self.background]) {
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            let Ok(Some(instance)) = tokio::time::timeout(left, seat.leave()).await else {
                continue;
            };
            instance.shut_down(&self.blueprint, left).await;
        }
    }

    /// Lets a call begin, unless the plugin is put aside.
    fn admit(&self, hook: Hook) -> Result<bool, Fault> {
        match self.quarantine.ask(Instant::now) {
            Pass::Free => Ok(false),
            Pass::Trial => Ok(true),
            Pass::Refused => {
                let fault = Fault::new(FaultKind::Quarantined, "the plugin is in quarantine");
                self.account.faulted(hook, None, &fault);
                Err(fault)
            }
        }
    }

    /// Begins a call for an exchange, on the instance that serves it.
    async fn enter(&self, visit: Visit<'_>, hook: Hook) -> Result<Entered<'_>, Fault> {
        let trial = self.admit(hook)?;
        let place = visit.place();
        let worker = self.worker(visit);
        let fresh = self.isolation == Isolation::Exchange;
        let limit = match hook {
            Hook::OnRequestBody | Hook::OnResponseBody => self.blueprint.budget.body,
            _ => self.blueprint.budget.hook,
        };
        let begun = worker.begin(&self.blueprint, &place, fresh, limit).await;
        let (mut call, seat) = begun.map_err(|fault| self.judge(hook, None, fault, trial))?;
        let mut id = place.id;
        if place.seat.is_none() {
            id = call.sandbox().exchanges.enter(visit.exchange);
            visit.update(|place| {
                place.seat = Some(seat);
                place.id = id;
            });
        }
        let sandbox = call.sandbox();
        sandbox.current = Some(id);
        sandbox.place_index = visit.index;
        Ok(Entered { call, id, trial })
    }

    /// Ends a call for an exchange: what came back, checked, and the account of it.
    fn leave<T, U>(
        &self,
        visit: Visit<'_>,
        hook: Hook,
        entered: Entered<'_>,
        answer: wasmtime::Result<T>,
        check: impl FnOnce(T) -> Result<U, Fault>,
        edits: impl FnOnce(&U) -> usize,
    ) -> Result<U, Fault> {
        let Entered { mut call, trial, id: _ } = entered;
        call.sandbox().current = None;
        let (answer, cost) = call.end(answer);
        visit.update(|place| place.spent += cost.elapsed);
        self.close(hook, answer.and_then(check), cost, trial, edits)
    }

    /// Writes a call down, whatever it was for.
    fn close<U>(
        &self,
        hook: Hook,
        answer: Result<U, Fault>,
        cost: Cost,
        trial: bool,
        edits: impl FnOnce(&U) -> usize,
    ) -> Result<U, Fault> {
        match answer {
            Ok(answer) => {
                if trial {
                    self.quarantine.came_back(Instant::now());
                    self.account.came_back();
                }
                self.account.went_well(hook, cost, edits(&answer));
                Ok(answer)
            }
            Err(fault) => Err(self.judge(hook, Some(cost), fault, trial)),
        }
    }

    /// Counts a fault, and a strike if it is one.
    fn judge(&self, hook: Hook, cost: Option<Cost>, fault: Fault, trial: bool) -> Fault {
        self.account.faulted(hook, cost, &fault);
        if fault.kind.is_strike() {
            self.count_strike(hook, &fault);
        } else if trial && cost.is_some() {
            // It answered, and what it said is nothing against the plugin itself.
            self.quarantine.came_back(Instant::now());
            self.account.came_back();
        } else if trial {
            // There was no seat, or the instance of this exchange is gone: the plugin was
            // not even asked.
            self.quarantine.undecided();
        }
        fault
    }

    fn count_strike(&self, hook: Hook, fault: &Fault) {
        self.account.struck();
        if let Some(pause) = self.quarantine.strike(Instant::now()) {
            self.account.put_aside(pause);
        }
        if hook != Hook::OnErrors {
            self.blueprint.services.report_fault(&self.blueprint.name, hook, fault);
        }
    }

    /// Begins a call that no exchange is behind.
    async fn enter_seat(
        &self,
        seat: &Seat,
        role: Role,
        hook: Hook,
        limit: Duration,
    ) -> Result<(Call<'_>, bool), Fault> {
        let trial = self.admit(hook)?;
        let begun = seat.begin(&self.blueprint, role, limit).await;
        let call = begun.map_err(|fault| self.judge(hook, None, fault, trial))?;
        Ok((call, trial))
    }

    fn leave_seat<T, U>(
        &self,
        hook: Hook,
        (call, trial): (Call<'_>, bool),
        answer: Result<wasmtime::Result<T>, Late>,
        check: impl FnOnce(T) -> Result<U, Fault>,
    ) -> Result<U, Fault> {
        let (answer, cost) = match answer {
            Ok(answer) => {
                let (answer, cost) = call.end(answer);
                (answer.and_then(check), cost)
            }
            Err(Late(limit)) => {
                let cost = call.give_up();
                let why = format!(
                    "was not done after {limit:?}, waiting included; `background-deadline` may \
                     be raised"
                );
                (Err(Fault::new(FaultKind::Deadline, why)), cost)
            }
        };
        self.close(hook, answer, cost, trial, |_| 0)
    }

    /// The worker of an exchange. One that does not exist serves nothing; the first stands in.
    fn worker(&self, visit: Visit<'_>) -> &Worker {
        self.workers.get(visit.exchange.worker).unwrap_or(&self.workers[0])
    }

    fn log_limit(&self) -> Duration {
        self.blueprint.budget.logs
    }

    fn background_limit(&self) -> Duration {
        self.blueprint.budget.background
    }

    fn no_hook(&self, hook: Hook) -> Fault {
        Fault::new(FaultKind::Internal, format!("`{}` has no `{hook}`", self.blueprint.name))
    }
}

/// A call for an exchange that was begun.
struct Entered<'a> {
    call: Call<'a>,
    /// The id by which the instance knows the exchange.
    id: u32,
    trial: bool,
}

/// Whatever becomes of the last call for an exchange: what the exchange holds is given back.
struct Farewell<'a> {
    worker: &'a Worker,
    visit: Visit<'a>,
    /// The instance has its id back already.
    told: bool,
}

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        let place = self.visit.place();
        if self.told { self.worker.end_fresh(&place) } else { self.worker.end(&place) }
    }
}

/// A call in the background was not done in time.
struct Late(Duration);

/// Waits for a call in the background, whose imports may wait for others.
async fn in_time<T>(limit: Duration, call: impl Future<Output = T>) -> Result<T, Late> {
    tokio::time::timeout(limit, call).await.map_err(|_| Late(limit))
}

fn fields_of(phase: Option<&crate::filter::Phase>) -> &FieldFilter {
    phase.map_or(&FieldFilter::Nothing, |phase| &phase.fields)
}

/// What a hook answered: its value, or its own fault.
fn flat<T, U>(
    answer: Result<T, bindings::tamis::plugin::types::Fault>,
    check: impl FnOnce(T) -> Result<U, Fault>,
) -> Result<U, Fault> {
    answer.map_err(convert::fault).and_then(check)
}

fn edits_in(action: &HeadAction) -> usize {
    match action {
        HeadAction::Proceed(edits) => edits.len(),
        HeadAction::Respond(_) | HeadAction::Abort => 1,
    }
}

fn edits_in_chunk(action: &ChunkAction) -> usize {
    match action {
        ChunkAction::Pass | ChunkAction::Done => 0,
        ChunkAction::Splice(splices) => splices.len(),
        ChunkAction::Replace(_) | ChunkAction::Abort => 1,
    }
}

/// The attributes that `on-done` asked for, as far as they are known.
fn done_attributes(
    exchange: &Exchange,
    summary: &Summary,
    wanted: &FieldFilter,
) -> Vec<(String, Value)> {
    match wanted {
        FieldFilter::Nothing => Vec::new(),
        FieldFilter::Only(names) => names
            .iter()
            .filter_map(|name| {
                let fact = convert::fact(name, summary).or_else(|| exchange.fact(name))?;
                Some((name.clone(), fact))
            })
            .collect(),
        FieldFilter::All => {
            const KNOWN: [&str; 5] =
                ["url.scheme", "url.path", "client.address", "upstream.name", "error.type"];
            let known = KNOWN.iter().filter_map(|&name| {
                let fact = convert::fact(name, summary).or_else(|| exchange.fact(name))?;
                Some((name.to_owned(), fact))
            });
            let mut all: Vec<_> = known.collect();
            for (name, value) in exchange.attributes() {
                if !all.iter().any(|(known, _)| *known == name) {
                    all.push((name, value));
                }
            }
            all
        }
    }
}

#[async_trait]
impl Filter for Plugin {
    fn name(&self) -> &Name {
        &self.blueprint.name
    }

    fn stance(&self) -> Stance {
        self.manifest.stance
    }

    fn hooks(&self) -> Hooks {
        self.hooks
    }

    fn wants(&self) -> &Subscription {
        &self.wants
    }

    fn strike(&self, hook: Hook, fault: &Fault) {
        self.judge(hook, None, fault.clone(), false);
    }

    async fn on_request(&self, visit: Visit<'_>, head: &RequestHead) -> Result<HeadAction, Fault> {
        const HOOK: Hook = Hook::OnRequest;
        let fields = convert::fields(&head.headers, fields_of(self.wants.request.as_ref()));
        let headers = convert::borrowed(&fields);
        let exchange = visit.exchange;
        let param = convert::request_head(
            head,
            &exchange.request_id,
            &exchange.route,
            &exchange.client,
            &headers,
        );
        let mut entered = self.enter(visit, HOOK).await?;
        let id = entered.id;
        let Instance { store, guest } = entered.call.instance();
        let Some(guest) = &guest.http_request else { return Err(self.no_hook(HOOK)) };
        let answer = guest.call_on_request(store, id, param).await;
        let stance = self.manifest.stance;
        let check = |answer| flat(answer, |action| convert::head_action(action, stance));
        self.leave(visit, HOOK, entered, answer, check, edits_in)
    }

    async fn on_request_body(&self, visit: Visit<'_>, chunk: &Chunk) -> Result<ChunkAction, Fault> {
        const HOOK: Hook = Hook::OnRequestBody;
        let mut entered = self.enter(visit, HOOK).await?;
        let id = entered.id;
        let Instance { store, guest } = entered.call.instance();
        let Some(guest) = &guest.http_request_body else { return Err(self.no_hook(HOOK)) };
        let answer = guest.call_on_request_body(store, id, convert::chunk(chunk)).await;
        let stance = self.manifest.stance;
        let check = |answer| flat(answer, |action| convert::chunk_action(action, stance));
        self.leave(visit, HOOK, entered, answer, check, edits_in_chunk)
    }

    async fn on_response(
        &self,
        visit: Visit<'_>,
        head: &ResponseHead,
    ) -> Result<HeadAction, Fault> {
        const HOOK: Hook = Hook::OnResponse;
        let fields = convert::fields(&head.headers, fields_of(self.wants.response.as_ref()));
        let headers = convert::borrowed(&fields);
        let param = convert::response_head(head, &headers);
        let mut entered = self.enter(visit, HOOK).await?;
        let id = entered.id;
        let Instance { store, guest } = entered.call.instance();
        let Some(guest) = &guest.http_response else { return Err(self.no_hook(HOOK)) };
        let answer = guest.call_on_response(store, id, param).await;
        let stance = self.manifest.stance;
        let check = |answer| flat(answer, |action| convert::head_action(action, stance));
        self.leave(visit, HOOK, entered, answer, check, edits_in)
    }

    async fn on_response_body(
        &self,
        visit: Visit<'_>,
        chunk: &Chunk,
    ) -> Result<ChunkAction, Fault> {
        const HOOK: Hook = Hook::OnResponseBody;
        let mut entered = self.enter(visit, HOOK).await?;
        let id = entered.id;
        let Instance { store, guest } = entered.call.instance();
        let Some(guest) = &guest.http_response_body else { return Err(self.no_hook(HOOK)) };
        let answer = guest.call_on_response_body(store, id, convert::chunk(chunk)).await;
        let stance = self.manifest.stance;
        let check = |answer| flat(answer, |action| convert::chunk_action(action, stance));
        self.leave(visit, HOOK, entered, answer, check, edits_in_chunk)
    }

    async fn on_done(&self, visit: Visit<'_>, summary: &Summary) -> Result<(), Fault> {
        const HOOK: Hook = Hook::OnDone;
        let exchange = visit.exchange;
        let wanted = self.wants.done.as_ref().map_or(&FieldFilter::Nothing, |done| &done.fields);
        let attributes = done_attributes(exchange, summary, wanted);
        let attributes = convert::attributes(&attributes);
        let mut farewell = Farewell { worker: self.worker(visit), visit, told: false };
        let mut entered = self.enter(visit, HOOK).await?;
        let id = entered.id;
        let param = convert::summary(
            summary,
            id,
            &exchange.request_id,
            exchange.method.as_str(),
            &exchange.route,
            &attributes,
        );
        let Instance { store, guest } = entered.call.instance();
        let Some(guest) = &guest.http_done else { return Err(self.no_hook(HOOK)) };
        let answer = guest.call_on_done(&mut *store, param).await;
        store.data_mut().exchanges.leave(id);
        farewell.told = true;
        self.leave(visit, HOOK, entered, answer, Ok, |()| 0)
    }

    fn forget(&self, visit: Visit<'_>) {
        self.worker(visit).end(&visit.place());
    }

    async fn on_logs(&self, source: &Source, batch: &[Record]) -> Result<Vec<LogEdit>, Fault> {
        const HOOK: Hook = Hook::OnLogs;
        let attributes = convert::record_attributes(batch);
        let records = convert::records(batch, &attributes);
        let mut entered = self.enter_seat(&self.logs, Role::Worker, HOOK, self.log_limit()).await?;
        let Instance { store, guest } = entered.0.instance();
        let Some(guest) = &guest.log_filter else { return Err(self.no_hook(HOOK)) };
        let answer = guest.call_on_logs(store, source, &records).await;
        let check = |answer| flat(answer, |edits| Ok(convert::log_edits(edits)));
        self.leave_seat(HOOK, entered, Ok(answer), check)
    }

    async fn scrub(&self, passages: &[Passage]) -> Result<Vec<Option<String>>, Fault> {
        const HOOK: Hook = Hook::Scrub;
        let passages = convert::passages(passages);
        let mut entered = self.enter_seat(&self.logs, Role::Worker, HOOK, self.log_limit()).await?;
        let Instance { store, guest } = entered.0.instance();
        let Some(guest) = &guest.scrubber else { return Err(self.no_hook(HOOK)) };
        let answer = guest.call_scrub(store, &passages).await;
        self.leave_seat(HOOK, entered, Ok(answer), |answer| flat(answer, Ok))
    }
}

#[async_trait]
impl Background for Plugin {
    fn name(&self) -> &Name {
        &self.blueprint.name
    }

    fn hooks(&self) -> Hooks {
        self.hooks
    }

    fn wants(&self) -> &Subscription {
        &self.wants
    }

    async fn on_tick(&self, now: u64, missed: u32) -> Result<(), Fault> {
        const HOOK: Hook = Hook::OnTick;
        let limit = self.background_limit();
        let mut entered = self.enter_seat(&self.background, Role::Background, HOOK, limit).await?;
        let Instance { store, guest } = entered.0.instance();
        let Some(guest) = &guest.ticker else { return Err(self.no_hook(HOOK)) };
        let answer = in_time(limit, guest.call_on_tick(store, now, missed)).await;
        self.leave_seat(HOOK, entered, answer, |answer| flat(answer, Ok))
    }

    async fn on_errors(&self, batch: &[Arc<ErrorEvent>]) -> Result<(), Fault> {
        const HOOK: Hook = Hook::OnErrors;
        // Layer by layer, see `convert::events`.
        let lines: Vec<_> = batch.iter().map(|event| events::lines(event)).collect();
        let frames: Vec<_> =
            batch.iter().zip(&lines).map(|(event, lines)| events::frames(event, lines)).collect();
        let parts: Vec<_> =
            batch.iter().zip(&frames).map(|(event, frames)| events::parts(event, frames)).collect();
        let crumbs: Vec<_> = batch
            .iter()
            .zip(&parts)
            .map(|(event, parts)| events::breadcrumbs(event, parts))
            .collect();
        let params: Vec<_> = batch
            .iter()
            .zip(parts.iter().zip(&crumbs))
            .map(|(event, (parts, crumbs))| events::error_event_param(event, parts, crumbs))
            .collect();
        let limit = self.background_limit();
        let mut entered = self.enter_seat(&self.background, Role::Background, HOOK, limit).await?;
        let Instance { store, guest } = entered.0.instance();
        let Some(guest) = &guest.error_sink else { return Err(self.no_hook(HOOK)) };
        let answer = in_time(limit, guest.call_on_errors(store, &params)).await;
        self.leave_seat(HOOK, entered, answer, |answer| flat(answer, Ok))
    }

    async fn checks(&self) -> Result<Vec<Check>, Fault> {
        const HOOK: Hook = Hook::Checks;
        let limit = self.background_limit();
        let mut entered = self.enter_seat(&self.background, Role::Background, HOOK, limit).await?;
        let Instance { store, guest } = entered.0.instance();
        let Some(guest) = &guest.health_source else { return Err(self.no_hook(HOOK)) };
        let answer = in_time(limit, guest.call_checks(store)).await;
        self.leave_seat(HOOK, entered, answer, |checks| {
            Ok(checks.into_iter().map(convert::check).collect())
        })
    }

    async fn on_health(&self, all: &[Check]) -> Result<Status, Fault> {
        const HOOK: Hook = Hook::OnHealth;
        let checks: Vec<_> = all.iter().map(convert::check_param).collect();
        let limit = self.background_limit();
        let mut entered = self.enter_seat(&self.background, Role::Background, HOOK, limit).await?;
        let Instance { store, guest } = entered.0.instance();
        let Some(guest) = &guest.health_observer else { return Err(self.no_hook(HOOK)) };
        let answer = in_time(limit, guest.call_on_health(store, &checks)).await;
        let check = |answer| flat(answer, |status| Ok(convert::health(status)));
        self.leave_seat(HOOK, entered, answer, check)
    }

    async fn on_page(&self, request: &PageRequest) -> Result<LocalResponse, Fault> {
        const HOOK: Hook = Hook::OnPage;
        if !self.hooks.contains(HOOK) {
            return Err(self.no_hook(HOOK));
        }
        let fields = convert::fields(&request.headers, &FieldFilter::All);
        let headers = convert::borrowed(&fields);
        let param = convert::page_request(request, &headers);
        let limit = self.background_limit();
        let mut entered = self.enter_seat(&self.background, Role::Background, HOOK, limit).await?;
        let Instance { store, guest } = entered.0.instance();
        let Some(guest) = &guest.admin_pages else { return Err(self.no_hook(HOOK)) };
        let answer = in_time(limit, guest.call_on_page(store, param)).await;
        self.leave_seat(HOOK, entered, answer, |answer| flat(answer, convert::page))
    }
}
