//! A worker: one thread, one event loop, and all connections that were dealt to it.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::Arc,
    thread,
};

use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{Notify, mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    Counts, Drain, Phase, Service, Settings,
    accept::Accepted,
    connection::{self, State},
};

/// Connections that wait to be taken over by a worker.
const QUEUE: usize = 256;

/// The way to a worker. Dropping it ends the worker.
#[derive(Debug)]
pub(super) struct Handle {
    connections: mpsc::Sender<Accepted>,
    ended: oneshot::Receiver<()>,
}

impl Handle {
    /// Hands a connection over, unless the worker has too many waiting.
    pub(super) fn try_give(&self, accepted: Accepted) -> Result<(), Accepted> {
        self.connections.try_send(accepted).map_err(|error| error.into_inner())
    }

    /// Hands a connection over as soon as there is room. A worker that ended drops it.
    pub(super) async fn give(&self, accepted: Accepted) {
        let _ = self.connections.send(accepted).await;
    }

    /// Hands nothing over any more; resolves when the worker has finished or given up its
    /// connections. An error means that its thread is gone, which is as ended as can be.
    pub(super) fn close(self) -> oneshot::Receiver<()> {
        self.ended
    }
}

/// What the connections of a worker share.
pub(super) struct Worker<S> {
    pub(super) index: usize,
    pub(super) service: S,
    pub(super) settings: Arc<Settings>,
    pub(super) counts: Arc<Counts>,
    pub(super) phase: Cell<Phase>,
    /// When the drain started.
    pub(super) drained_since: Cell<Option<Instant>>,
    /// Connections above the limit that are being told so.
    pub(super) turned_away: Cell<usize>,
    connections: RefCell<Vec<Rc<State>>>,
    closed: Notify,
}

impl<S> Worker<S> {
    pub(super) fn new(
        index: usize,
        service: S,
        settings: Arc<Settings>,
        counts: Arc<Counts>,
        phase: Phase,
    ) -> Self {
        Self {
            index,
            service,
            settings,
            counts,
            phase: Cell::new(phase),
            drained_since: Cell::new(None),
            turned_away: Cell::new(0),
            connections: RefCell::default(),
            closed: Notify::new(),
        }
    }

    /// Clients are asked not to come back.
    pub(super) fn is_leaving(&self) -> bool {
        self.phase.get() != Phase::Serving
    }

    pub(super) fn is_draining(&self) -> bool {
        self.phase.get() > Phase::Announcing
    }

    /// Lists a connection until the guard is dropped.
    pub(super) fn enlist(self: &Rc<Self>, state: &Rc<State>) -> Enlisted<S> {
        let mut connections = self.connections.borrow_mut();
        state.place.set(connections.len());
        connections.push(Rc::clone(state));
        Enlisted { worker: Rc::clone(self), state: Rc::clone(state) }
    }

    fn strike_off(&self, state: &State) {
        let mut connections = self.connections.borrow_mut();
        let place = state.place.get();
        connections.swap_remove(place);
        if let Some(moved) = connections.get(place) {
            moved.place.set(place);
        }
        if connections.is_empty() {
            self.closed.notify_one();
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        if self.is_draining() && self.drained_since.get().is_none() {
            self.drained_since.set(Some(Instant::now()));
        }
        for state in self.connections.borrow().iter() {
            state.wake();
        }
    }

    /// Closes the connection that has been idle for longest. False when none is.
    pub(super) fn shed(&self) -> bool {
        let connections = self.connections.borrow();
        let idle = connections.iter().filter(|state| state.is_idle() && !state.shed.get());
        let Some(oldest) = idle.min_by_key(|state| state.idle_since.get()) else { return false };
        oldest.shed.set(true);
        oldest.wake();
        Counts::count(&self.counts.shed);
        true
    }
}

/// A connection's place in the list of its worker.
pub(super) struct Enlisted<S> {
    worker: Rc<Worker<S>>,
    state: Rc<State>,
}

impl<S> Drop for Enlisted<S> {
    fn drop(&mut self) {
        self.worker.strike_off(&self.state);
    }
}

/// Starts the thread of a worker.
///
/// # Errors
///
/// The thread or its event loop cannot be started.
pub(super) fn start<M, S>(
    index: usize,
    settings: &Arc<Settings>,
    counts: &Arc<Counts>,
    drain: &Drain,
    make: M,
) -> io::Result<Handle>
where
    M: Fn(usize) -> S + Send + 'static,
    S: Service,
{
    let (connections, accepted) = mpsc::channel(QUEUE);
    let (end, ended) = oneshot::channel();
    let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
    let (settings, counts) = (Arc::clone(settings), Arc::clone(counts));
    let phase = drain.follow();
    thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        // An event loop for this thread alone: what runs on it need not be `Send`.
        let runtime =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(()));
        let start = *phase.borrow();
        let worker = runtime.block_on(async {
            let worker = Worker::new(index, make(index), settings, counts, start);
            let worker = Rc::new(worker);
            run(Rc::clone(&worker), accepted, phase).await;
            worker.service.finish().await;
            worker
        });
        // Drops the tasks that are left, and with them their connections and exchanges.
        drop(runtime);
        // The same kind of loop, with nothing on it but the end of those exchanges.
        let last = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        match last {
            Ok(last) => last.block_on(worker.service.finish()),
            Err(error) => tracing::warn!(%error, "what was cut off has no record"),
        }
        let _ = end.send(());
    })?;
    is_ready.recv().map_err(io::Error::other)??;
    Ok(Handle { connections, ended })
}

/// Serves connections until the drain is over and those that were open are closed.
async fn run<S: Service>(
    worker: Rc<Worker<S>>,
    mut accepted: mpsc::Receiver<Accepted>,
    mut phase: watch::Receiver<Phase>,
) {
    let mut accepting = true;
    loop {
        let now = *phase.borrow_and_update();
        if now != worker.phase.get() {
            worker.enter(now);
        }
        let until = match now {
            Phase::Over => return,
            Phase::Draining(until) => Some(until),
            _ => None,
        };
        // When all is drained the accept loops are gone, and with them what they dealt.
        if until.is_some() && !accepting && worker.connections.borrow().is_empty() {
            return;
        }
        tokio::select! {
            biased;
            changed = phase.changed() => if changed.is_err() { return },
            given = accepted.recv(), if accepting => match given {
                Some(given) => {
                    tokio::task::spawn_local(connection::serve(Rc::clone(&worker), given));
                }
                // Without a drain nobody is left who would wait for the connections.
                None if until.is_none() => return,
                None => accepting = false,
            },
            () = worker.closed.notified(), if !accepting => {}
            () = tokio::time::sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                tracing::warn!(
                    worker = worker.index,
                    connections = worker.connections.borrow().len(),
                    "the grace of the drain is over; closing what is left"
                );
                return;
            }
        }
    }
}
