//! The one engine of a host, and the thread that keeps its time.
//!
//! Guests are interrupted by epochs. The thread that advances them sleeps while no guest
//! runs, ticks every millisecond while one does, and every 200 µs once a call has lasted
//! longer than a tick, so that an endless loop delays its neighbours little and an idle host
//! costs nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::{Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

pub mod settings;

/// The tick while calls are short.
const TICK: Duration = Duration::from_millis(1);
/// The tick once a call has lasted longer than one.
const SHORT_TICK: Duration = Duration::from_micros(200);
/// So many ticks without a call, and the thread goes to sleep.
const IDLE_TICKS: u32 = 20;

/// The stack of one call: the guest's share, and what host functions need on top.
const STACK: usize = 1024 * 1024;
/// Largest memory that any instance may have, in bytes. It is also the longest pause that
/// cannot be interrupted: one bulk instruction over all of it.
pub const MAX_MEMORY: usize = 64 * 1024 * 1024;
/// How much of a dropped instance's memory is kept for the next one, in bytes.
const KEEP_MEMORY: usize = 1024 * 1024;
/// The same where the kernel cannot say which pages were written.
const KEEP_MEMORY_BLIND: usize = 64 * 1024;
const KEEP_OTHER: usize = 64 * 1024;

/// How many live instances the pool has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Instances of components, all plugins together.
    pub instances: u32,
}

impl Capacity {
    /// For so many workers and plugins: a few instances per worker and plugin, one for logs
    /// and one in the background, and as many again, since a new version is made while the
    /// old one serves. `fresh` is the number of instances that live for one exchange only.
    pub fn for_plugins(workers: usize, plugins: usize, fresh: usize) -> Self {
        let kept = (workers * super::seat::MAX_SEATS + 2 * super::seat::MAX_SEATS) * plugins.max(1);
        let instances = u32::try_from(2 * kept + fresh + 8).unwrap_or(u32::MAX);
        Self { instances: instances.min(4096) }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine does not start on this machine")]
pub struct EngineError(#[source] wasmtime::Error);

/// The engine, and how to tell its clock that a guest runs. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    engine: wasmtime::Engine,
    clock: Arc<Clock>,
    _thread: Arc<Thread>,
    scans: bool,
}

impl Engine {
    /// Starts an engine with room for so many instances.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the pool cannot be reserved; mostly because of a limit on
    /// address space, of which each instance reserves 4 GiB.
    pub fn start(capacity: Capacity) -> Result<Self, EngineError> {
        let mut config = settings::compiling();
        config.async_stack_size(STACK);
        // A stack that a guest left behind is wiped before the next one gets it.
        config.async_stack_zeroing(true);
        let mut with_pool = |scans| {
            let pool = pool(capacity, scans);
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
            wasmtime::Engine::new(&config)
        };
        // Whether the kernel can do it (Linux 6.7) is found out by asking for it.
        let scanning = if pages_stay_in_memory() { with_pool(true).ok() } else { None };
        let scans = scanning.is_some();
        let engine = scanning.map_or_else(|| with_pool(false), Ok).map_err(EngineError)?;
        let clock = Arc::new(Clock::default());
        let thread = Thread::spawn(Arc::clone(&clock), engine.clone());
        Ok(Self { engine, clock, _thread: Arc::new(thread), scans })
    }

    /// The engine itself.
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.engine
    }

    /// Whether written pages of dropped instances are found by asking the kernel, which
    /// makes fresh instances several times cheaper.
    pub fn scans_pages(&self) -> bool {
        self.scans
    }

    /// Keeps the clock running until the answer is dropped. Around every call.
    pub fn running(&self) -> Running<'_> {
        if self.clock.running.fetch_add(1, Ordering::SeqCst) == 0 {
            self.clock.wake();
        }
        Running(&self.clock)
    }

    /// A call has lasted longer than a tick.
    pub fn slow_call(&self) {
        self.clock.slow.store(true, Ordering::Relaxed);
    }

    /// How many ticks there were, for tests.
    pub fn ticks(&self) -> u64 {
        self.clock.ticks.load(Ordering::Relaxed)
    }
}

/// Modules of one component. One in JavaScript, which is composed of the interpreter and of stubs for
/// WASI, has thirteen.
pub const CORE_INSTANCES: u32 = 24;
/// Memories of one component; one in JavaScript has three. What they hold is limited together.
pub const MEMORIES: u32 = 4;
/// Tables of one component.
pub const TABLES: u32 = 8;

fn pool(capacity: Capacity, scans: bool) -> PoolingAllocationConfig {
    let Capacity { instances } = capacity;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances);
    // A component of another toolchain has an adapter or two beside its main module.
    pool.total_core_instances(instances.saturating_mul(4));
    pool.total_memories(instances);
    pool.total_tables(instances.saturating_mul(2));
    pool.total_stacks(instances);
    pool.max_core_instances_per_component(CORE_INSTANCES);
    pool.max_memories_per_component(MEMORIES);
    pool.max_tables_per_component(TABLES);
    pool.max_memory_size(MAX_MEMORY);
    pool.table_elements(20_000);
    pool.max_component_instance_size(1024 * 1024);
    pool.max_core_instance_size(1024 * 1024);
    pool.linear_memory_keep_resident(if scans { KEEP_MEMORY } else { KEEP_MEMORY_BLIND });
    pool.table_keep_resident(KEEP_OTHER);
    pool.async_stack_keep_resident(KEEP_OTHER);
    pool.pagemap_scan(if scans { Enabled::Yes } else { Enabled::No });
    pool
}

/// Whether no page of this process can be swapped out.
///
/// A written page that was swapped out is not found by the scan, so the next instance could
/// read it: wasmtime issue 14357. Without a swap device this cannot happen.
fn pages_stay_in_memory() -> bool {
    let Ok(swaps) = std::fs::read_to_string("/proc/swaps") else { return false };
    // The first line is the heading.
    swaps.lines().skip(1).all(|line| line.trim().is_empty())
}

/// As long as one of these lives, the epoch advances.
pub struct Running<'a>(&'a Clock);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Clock {
    /// How many calls are under way.
    running: AtomicUsize,
    /// Whether one of them has lasted longer than a tick.
    slow: AtomicBool,
    /// Whether the thread sleeps until it is woken.
    asleep: AtomicBool,
    stop: AtomicBool,
    ticks: AtomicU64,
    sleep: Mutex<()>,
    woken: Condvar,
}

impl Clock {
    fn wake(&self) {
        // Both sides use sequential consistency: either this sees that the thread is asleep,
        // or the thread sees that a call runs before it falls asleep.
        if self.asleep.load(Ordering::SeqCst) {
            let _guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
            self.woken.notify_one();
        }
    }

    fn run(&self, engine: &wasmtime::Engine) {
        let mut idle = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let slow = self.slow.swap(false, Ordering::Relaxed);
            std::thread::park_timeout(if slow { SHORT_TICK } else { TICK });
            engine.increment_epoch();
            self.ticks.fetch_add(1, Ordering::Relaxed);
            if self.running.load(Ordering::SeqCst) > 0 {
                idle = 0;
                continue;
            }
            idle += 1;
            if idle >= IDLE_TICKS {
                self.sleep_until_woken();
                idle = 0;
            }
        }
    }

    fn sleep_until_woken(&self) {
        let mut guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.asleep.store(true, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::SeqCst) {
            guard = self.woken.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}

struct Thread {
    clock: Arc<Clock>,
    handle: Option<std::thread::JoinHandle<()>>,
}

impl Thread {
    fn spawn(clock: Arc<Clock>, engine: wasmtime::Engine) -> Self {
        let ticking = Arc::clone(&clock);
        let handle = std::thread::Builder::new()
            .name("tamis-epochs".into())
            .stack_size(128 * 1024)
            .spawn(move || ticking.run(&engine))
            .ok();
        Self { clock, handle }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.clock.stop.store(true, Ordering::SeqCst);
        self.clock.wake();
        if let Some(handle) = self.handle.take() {
            handle.thread().unpark();
            // The thread never panics, and there would be nothing to do about it here.
            let _ = handle.join();
        }
    }
}
