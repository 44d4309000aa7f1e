//! What one store holds: the budgets of a guest and what its imports work on.
//!
//! Budgets are per plugin. Time is checked at every tick of the epoch, and what counts is time
//! of the processor; host calls are counted at every import, memory and bytes by the engine. Whoever breaks one loses the instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;

use super::engine;
use super::services::Services;
use crate::filter::{Exchange, FaultKind, Name};

/// Entries of a guest's tables, all together.
const TABLE_ELEMENTS: usize = 10_000;
/// Handles that a guest may hold at once. Only guests of other toolchains hold any.
const HANDLES: usize = 64;

/// A call may take so many times its limit when the machine is busy with other things.
pub(super) const PATIENCE: u32 = 20;
/// What a call is taken to have used at its first tick.
const FIRST_TICK: Duration = Duration::from_millis(1);

/// Time of the processor that this thread has used, in nanoseconds. Never zero.
fn processor_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanoseconds = time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs();
    nanoseconds.max(1)
}

/// What a plugin may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// For one call on the request path. Default 10 ms.
    pub hook: Duration,
    /// For one chunk of a body. Default 10 ms.
    pub body: Duration,
    /// For one call in the background, waiting included. Default 5 s.
    pub background: Duration,
    /// For one batch of records or texts. Default 1 s: nobody waits for it, and a batch can
    /// be a hundred times longer than a head.
    pub logs: Duration,
    /// For making and configuring an instance. Default 1 s.
    pub start: Duration,
    /// Linear memory of one instance, in bytes. Default 16 MiB.
    pub memory: usize,
    /// Host calls of one call. Default 10,000.
    pub host_calls: u32,
    /// Bytes from the guest to the host in one call. Default 4 MiB.
    pub bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            hook: Duration::from_millis(10),
            body: Duration::from_millis(10),
            background: Duration::from_secs(5),
            logs: Duration::from_secs(1),
            start: Duration::from_secs(1),
            memory: 16 * 1024 * 1024,
            host_calls: 10_000,
            bytes: 4 * 1024 * 1024,
        }
    }
}

/// Which of its two kinds an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// On the request or log path; never waits.
    Worker,
    /// Behind it; does all waiting.
    Background,
}

/// In which part of its life an instance is, which decides what it may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Says who it is; may call nothing.
    Describing,
    /// Is being configured; may not wait or hand anything over.
    Starting,
    /// Does its work.
    Serving,
}

/// A guest broke a rule. Carried by a trap, so that its cause is known afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// It was still running at its deadline.
    #[error("was still running after {0:?}; `deadline` may be raised")]
    Deadline(Duration),
    /// It made more host calls than it may.
    #[error("made more than {0} host calls in one call; `host-calls` may be raised")]
    HostCalls(u32),
    /// It called an import from `describe`.
    #[error("called an import while describing itself")]
    Impure,
    /// It asked for more random bytes than may be had at once.
    #[error("asked for more than 64 KiB of random bytes at once")]
    Random,
    /// It asked about an exchange that its call is not about.
    #[error("asked about an exchange that is not its own")]
    ForeignExchange,
    /// It holds more handles of WASI than it may.
    #[error("holds more than {HANDLES} handles")]
    Handles,
    /// It wanted to wait for a clock.
    #[error("wanted to wait for time to pass, which no plugin may")]
    Wait,
    /// It ended itself, as a program does and no plugin may.
    #[error("ended itself with `exit`")]
    Exit,
}

impl Breach {
    /// The kind of fault that it is.
    pub fn kind(self) -> FaultKind {
        match self {
            Self::Deadline(_) => FaultKind::Deadline,
            Self::HostCalls(_) | Self::Handles => FaultKind::Budget,
            Self::Impure | Self::Random | Self::ForeignExchange | Self::Wait | Self::Exit => {
                FaultKind::Trap
            }
        }
    }
}

/// The data of a store.
pub struct Sandbox {
    /// The operator's name for the plugin.
    pub plugin: Name,
    /// Which kind of instance it is.
    pub role: Role,
    /// What it may call.
    pub stage: Stage,
    /// What its imports work on.
    pub services: Arc<Services>,
    /// The exchanges that it serves, by the ids that it knows them by.
    pub exchanges: Exchanges,
    /// The exchange of the call under way, if it is about one.
    pub current: Option<u32>,
    /// The index of the plugin in the chain of that exchange.
    pub place_index: usize,
    /// Its metrics: what it registered and what it counts.
    pub metrics: super::imports::Meter,
    /// For `wasi:*` handles.
    pub handles: ResourceTable,
    /// What it printed of lines that are not complete.
    pub output: super::wasi::Output,
    budget: Budget,
    limits: Limits,
    /// What the guest said when it panicked, in the call under way.
    panic: Option<String>,
    /// The time of day and the monotonic time of the call under way, once it asked.
    times: Option<(u64, u64)>,
    limit: Duration,
    /// Time of the processor that the call under way has used, as far as ticks have seen it.
    used: Duration,
    /// When the guest last got the processor: its thread's time in nanoseconds. Zero until
    /// the first tick of a call. Shared with the pause at a tick, which cannot see the store.
    resumed: Arc<AtomicU64>,
    /// When the call ends at the latest, however little of the processor it got.
    latest: Instant,
    calls_left: u32,
    ticked: bool,
}

impl Sandbox {
    /// For a new instance.
    pub fn new(plugin: Name, role: Role, services: Arc<Services>, budget: Budget) -> Self {
        let limits = Limits { memory_limit: budget.memory, memory: 0, refused: None };
        let mut handles = ResourceTable::new();
        handles.set_max_capacity(HANDLES);
        Self {
            plugin,
            role,
            stage: Stage::Describing,
            services,
            exchanges: Exchanges::default(),
            current: None,
            place_index: 0,
            metrics: None,
            handles,
            output: super::wasi::Output::default(),
            budget,
            limits,
            panic: None,
            times: None,
            limit: Duration::ZERO,
            used: Duration::ZERO,
            resumed: Arc::default(),
            latest: Instant::now(),
            calls_left: 0,
            ticked: false,
        }
    }

    /// The limits that the engine keeps.
    pub fn limits(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.limits
    }

    /// What the guest may spend.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Bytes of linear memory that the guest has.
    pub fn memory(&self) -> usize {
        self.limits.memory
    }

    /// How much memory the guest wanted when it was last refused more, in the call under
    /// way.
    pub fn take_refused_memory(&mut self) -> Option<usize> {
        self.limits.refused.take()
    }

    /// Keeps what the guest says as it panics, for the text of the trap that follows.
    pub fn note_panic(&mut self, text: String) {
        self.panic = Some(text);
    }

    /// What the guest said when it panicked, in the call under way.
    pub fn take_panic(&mut self) -> Option<String> {
        self.panic.take()
    }

    /// The time of day and the monotonic time, both in nanoseconds. The same for all of a
    /// call, and the latter in steps of 100 µs, so that calls replay and timing channels
    /// blur.
    pub fn times(&mut self) -> (u64, u64) {
        *self.times.get_or_insert_with(|| self.services.clock.read())
    }

    /// Opens the budget of one call.
    pub fn open(&mut self, now: Instant, limit: Duration) {
        self.finish_output();
        self.limit = limit;
        self.used = Duration::ZERO;
        self.resumed.store(0, Ordering::Relaxed);
        self.latest = now + limit * PATIENCE;
        self.calls_left = self.budget.host_calls;
        self.ticked = false;
        self.limits.refused = None;
        self.panic = None;
        self.times = None;
    }

    /// Called at each tick that finds the guest running. Answers how to pause before it goes
    /// on: neighbours get their turn meanwhile.
    ///
    /// What counts is the time of the processor, so that a busy machine is not held against
    /// the plugin.
    ///
    /// # Errors
    ///
    /// [`Breach::Deadline`] when its time is used up.
    pub fn tick(&mut self) -> Result<impl Future<Output = ()> + Send + use<>, Breach> {
        self.ticked = true;
        let since = self.resumed.load(Ordering::Relaxed);
        self.used += match since {
            // From the beginning of a call to the first tick is one tick at most.
            0 => FIRST_TICK,
            since => Duration::from_nanos(processor_time().saturating_sub(since)),
        };
        if self.used >= self.limit || Instant::now() >= self.latest {
            return Err(Breach::Deadline(self.limit));
        }
        let resumed = Arc::clone(&self.resumed);
        Ok(async move {
            tokio::task::yield_now().await;
            resumed.store(processor_time(), Ordering::Relaxed);
        })
    }

    /// Whether the call under way has lasted longer than a tick.
    pub fn ticked(&self) -> bool {
        self.ticked
    }

    /// Host calls of the call under way so far.
    pub fn host_calls(&self) -> u32 {
        self.budget.host_calls - self.calls_left
    }

    /// To be called first by every import.
    ///
    /// # Errors
    ///
    /// [`Breach`] when it may not be called now, or not any more.
    pub fn enter(&mut self) -> Result<(), Breach> {
        if self.stage == Stage::Describing {
            return Err(Breach::Impure);
        }
        self.count_call()
    }

    /// Counts a host call, in whatever stage it is made.
    ///
    /// # Errors
    ///
    /// [`Breach::HostCalls`] when there were too many.
    pub fn count_call(&mut self) -> Result<(), Breach> {
        self.calls_left =
            self.calls_left.checked_sub(1).ok_or(Breach::HostCalls(self.budget.host_calls))?;
        Ok(())
    }

    /// Whether a call that waits or hands work over is refused now.
    pub fn must_not_wait(&self) -> bool {
        self.role == Role::Worker || self.stage != Stage::Serving
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.finish_output();
    }
}

/// The exchanges that an instance serves. Ids are small and used again.
#[derive(Default)]
pub struct Exchanges {
    slots: Vec<Option<Arc<Exchange>>>,
    free: Vec<u32>,
}

impl Exchanges {
    /// Gives the exchange an id.
    pub fn enter(&mut self, exchange: &Arc<Exchange>) -> u32 {
        if let Some(id) = self.free.pop() {
            self.slots[id as usize] = Some(Arc::clone(exchange));
            return id;
        }
        // An instance serves fewer exchanges at once than there are connections.
        let id = u32::try_from(self.slots.len()).expect("fewer than four billion exchanges");
        self.slots.push(Some(Arc::clone(exchange)));
        id
    }

    /// Takes the id back.
    pub fn leave(&mut self, id: u32) {
        if self.slots.get_mut(id as usize).and_then(Option::take).is_some() {
            self.free.push(id);
        }
    }

    /// The exchange of that id.
    pub fn get(&self, id: u32) -> Option<&Arc<Exchange>> {
        self.slots.get(id as usize)?.as_ref()
    }

    /// How many exchanges there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What the engine asks before a guest grows.
struct Limits {
    memory_limit: usize,
    /// Of all memories of the guest together.
    memory: usize,
    refused: Option<usize>,
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.memory_limit {
            // The guest is told so, and may go on with what it has. If it traps instead, the
            // reason is known.
            self.refused = Some(total);
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        engine::CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        engine::TABLES as usize
    }

    fn memories(&self) -> usize {
        engine::MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_refused_beyond_the_limit_and_the_reason_kept() {
        let mut limits = Limits { memory_limit: 200, memory: 0, refused: None };
        assert!(limits.memory_growing(0, 100, None).unwrap());
        assert!(limits.memory_growing(0, 50, None).unwrap(), "a second memory");
        assert!(!limits.memory_growing(100, 151, None).unwrap(), "201 in all");
        assert_eq!(limits.refused, Some(201));
        assert!(limits.memory_growing(100, 150, None).unwrap());
        assert_eq!(limits.memory, 200);
    }

    #[test]
    fn ids_of_exchanges_are_small_and_used_again() {
        let exchange = crate::filter::sample::exchange("/a/b?c=d", 0);
        let mut exchanges = Exchanges::default();
        assert_eq!([exchanges.enter(&exchange), exchanges.enter(&exchange)], [0, 1]);
        exchanges.leave(0);
        exchanges.leave(0);
        assert!(exchanges.get(0).is_none() && exchanges.get(1).is_some());
        assert_eq!(exchanges.len(), 1, "who leaves twice has left once");
        assert_eq!([exchanges.enter(&exchange), exchanges.enter(&exchange)], [0, 2]);
        exchanges.leave(7);
        assert_eq!(exchanges.len(), 3);
    }
}
