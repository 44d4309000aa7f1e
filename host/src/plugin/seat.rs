//! Who serves whom: the seats of a plugin and the instances that sit in them.
//!
//! Each worker has a seat of its own, so that in the usual case nobody waits for anybody. A
//! seat is busy while a call is under way; when one has lasted long enough for another
//! exchange to want it, the worker opens a further seat, up to a few. An exchange keeps to
//! the seat that it began with. If the instance in it was replaced meanwhile, the rest of the
//! exchange is faults: a fresh instance never gets the second half of a body.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as Lock, OwnedMutexGuard};

use super::engine::Running;
use super::instance::{Blueprint, Instance, StartError, fault_of};
use super::sandbox::{PATIENCE, Role, Sandbox};
use crate::filter::{Fault, FaultKind, Place};

/// So many seats a worker opens at most for one plugin.
pub const MAX_SEATS: usize = 4;
/// So many instances that live for one exchange a worker makes at most at a time.
pub const MAX_FRESH: usize = 64;

/// One place to serve from. Holds an instance, or will when it is next needed. Cheap to
/// clone.
#[derive(Clone, Default)]
pub struct Seat {
    slot: Arc<Lock<Slot>>,
    /// Ids of exchanges that ended while the seat was busy with another, with the generation
    /// that knows them.
    forgotten: Arc<Mutex<Vec<(u64, u32)>>>,
}

#[derive(Default)]
struct Slot {
    instance: Option<Box<Instance>>,
    /// Rises whenever an instance leaves the seat.
    generation: u64,
}

impl Seat {
    /// Puts an instance in, before anybody asks for it.
    pub async fn fill(&self, instance: Instance) {
        self.slot.lock().await.instance = Some(Box::new(instance));
    }

    /// Takes the instance out, once no call is under way.
    pub async fn leave(&self) -> Option<Box<Instance>> {
        let mut slot = self.slot.lock().await;
        slot.generation += 1;
        slot.instance.take()
    }

    /// Bytes of linear memory of the instance in it; zero when it is busy or empty.
    pub fn memory(&self) -> usize {
        let Ok(slot) = self.slot.try_lock() else { return 0 };
        slot.instance.as_ref().map_or(0, |instance| instance.memory())
    }

    /// Whether an instance is in it; who is busy is.
    pub fn is_taken(&self) -> bool {
        self.slot.try_lock().map_or(true, |slot| slot.instance.is_some())
    }

    /// Begins a call, waiting for the seat as long as `limit` allows.
    ///
    /// # Errors
    ///
    /// A fault when the seat is busy for too long or there is no instance to be had.
    pub async fn begin<'a>(
        &self,
        blueprint: &'a Blueprint,
        role: Role,
        limit: Duration,
    ) -> Result<Call<'a>, Fault> {
        let slot = self.wait(limit).await?;
        Call::begin(slot, blueprint, role, limit).await
    }

    /// Takes back the id of an exchange, now or before the next call.
    fn forget(&self, generation: u64, id: u32) {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).push((generation, id));
        drop(self.try_take());
    }

    fn try_take(&self) -> Option<OwnedMutexGuard<Slot>> {
        let mut slot = Arc::clone(&self.slot).try_lock_owned().ok()?;
        self.clean(&mut slot);
        Some(slot)
    }

    fn clean(&self, slot: &mut Slot) {
        let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        let Slot { instance, generation } = slot;
        for (of, id) in forgotten.drain(..) {
            if let Some(instance) = instance.as_mut().filter(|_| of == *generation) {
                instance.store.data_mut().exchanges.leave(id);
            }
        }
    }

    async fn wait(&self, limit: Duration) -> Result<OwnedMutexGuard<Slot>, Fault> {
        if let Some(slot) = self.try_take() {
            return Ok(slot);
        }
        let waiting = Arc::clone(&self.slot).lock_owned();
        let mut slot = tokio::time::timeout(limit, waiting).await.map_err(|_| {
            let why = format!("its instance was busy with another call for {limit:?}");
            Fault::new(FaultKind::Unavailable, why)
        })?;
        self.clean(&mut slot);
        Ok(slot)
    }
}

/// The seats of one plugin on one worker.
#[derive(Default)]
pub struct Worker {
    kept: [Seat; MAX_SEATS],
    /// How many of the kept seats are open beside the first.
    more: AtomicUsize,
    /// Seats of instances that live for one exchange; those of the free numbers are empty.
    fresh: Mutex<Fresh>,
}

#[derive(Default)]
struct Fresh {
    seats: Vec<Seat>,
    free: Vec<usize>,
}

impl Worker {
    /// The kept seats, open or not.
    pub fn kept(&self) -> &[Seat] {
        &self.kept
    }

    /// How many of the kept seats are open.
    pub fn open(&self) -> usize {
        1 + self.more.load(Ordering::Relaxed)
    }

    /// Begins a call for the exchange that has this place. One without a seat gets one, and
    /// the number and generation to be written into its place.
    ///
    /// # Errors
    ///
    /// A fault: no seat in time, no instance to be had, or the instance that the exchange
    /// began with is gone.
    pub async fn begin<'a>(
        &self,
        blueprint: &'a Blueprint,
        place: &Place,
        fresh: bool,
        limit: Duration,
    ) -> Result<(Call<'a>, (u32, u64)), Fault> {
        let Some((number, generation)) = place.seat else {
            let (number, slot, room) = if fresh {
                let (number, slot) = self.make_room()?;
                (number, slot, Some(Room { worker: self, number, taken: false }))
            } else {
                let (number, slot) = self.choose(limit * PATIENCE).await?;
                (number, slot, None)
            };
            let seat = (number, slot.generation);
            let call = Call::begin(slot, blueprint, Role::Worker, limit).await?;
            if let Some(mut room) = room {
                room.taken = true;
            }
            // Making an instance does not change the generation, losing one does.
            return Ok((call, seat));
        };
        let lost = || Fault::new(FaultKind::Lost, "the instance that began this exchange is gone");
        let seat = self.seat(number).ok_or_else(lost)?;
        // Who is there before has its own limit, and as much patience as this one.
        let slot = seat.wait(limit * PATIENCE).await?;
        if slot.generation != generation || slot.instance.is_none() {
            return Err(lost());
        }
        let call = Call::begin(slot, blueprint, Role::Worker, limit).await?;
        Ok((call, (number, generation)))
    }

    /// The exchange that has this place is over, and its instance was not told: its id is
    /// free again, and an instance that was made for it goes.
    pub fn end(&self, place: &Place) {
        self.end_fresh(place);
        let Some((number, generation)) = place.seat else { return };
        let Some(seat) = self.kept.get(number as usize) else { return };
        seat.forget(generation, place.id);
    }

    /// The exchange that has this place is over: an instance that was made for it goes.
    pub fn end_fresh(&self, place: &Place) {
        if let Some((number, _)) = place.seat {
            self.vacate(number);
        }
    }

    fn vacate(&self, number: u32) {
        let Some(number) = (number as usize).checked_sub(MAX_SEATS) else { return };
        let mut fresh = self.fresh();
        if let Some(seat) = fresh.seats.get_mut(number) {
            *seat = Seat::default();
            fresh.free.push(number);
        }
    }

    fn seat(&self, number: u32) -> Option<Seat> {
        let number = number as usize;
        match number.checked_sub(MAX_SEATS) {
            None => self.kept.get(number).cloned(),
            Some(number) => self.fresh().seats.get(number).cloned(),
        }
    }

    async fn choose(&self, limit: Duration) -> Result<(u32, OwnedMutexGuard<Slot>), Fault> {
        let open = self.open();
        for (number, seat) in (0..).zip(&self.kept[..open]) {
            if let Some(slot) = seat.try_take() {
                return Ok((number, slot));
            }
        }
        // All are busy, and on this worker that means: with calls that have lasted longer
        // than a tick.
        if let (Some(seat), Ok(number)) = (self.kept.get(open), u32::try_from(open)) {
            self.more.fetch_max(open, Ordering::Relaxed);
            if let Some(slot) = seat.try_take() {
                return Ok((number, slot));
            }
        }
        Ok((0, self.kept[0].wait(limit).await?))
    }

    fn make_room(&self) -> Result<(u32, OwnedMutexGuard<Slot>), Fault> {
        let mut fresh = self.fresh();
        let number = fresh.free.pop().unwrap_or(fresh.seats.len());
        if number >= MAX_FRESH {
            let why = format!("all {MAX_FRESH} instances that a worker may make are in use");
            return Err(Fault::new(FaultKind::Unavailable, why));
        }
        if number == fresh.seats.len() {
            fresh.seats.push(Seat::default());
        }
        let slot = fresh.seats[number].try_take();
        // A free number has a seat of its own that nobody else knows of.
        let slot = slot.ok_or_else(|| Fault::new(FaultKind::Unavailable, "the seat is busy"))?;
        Ok((u32::try_from(MAX_SEATS + number).unwrap_or(u32::MAX), slot))
    }

    fn fresh(&self) -> std::sync::MutexGuard<'_, Fresh> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat for one exchange that was made and in which nobody sits yet. Dropped before
/// somebody does, its number is free again.
struct Room<'a> {
    worker: &'a Worker,
    number: u32,
    taken: bool,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if !self.taken {
            self.worker.vacate(self.number);
        }
    }
}

/// A call that was begun. Dropped before it is ended, it costs the instance: what a guest
/// does in the middle of a call cannot be undone.
pub struct Call<'a> {
    slot: OwnedMutexGuard<Slot>,
    started: Instant,
    ended: bool,
    _running: Running<'a>,
}

/// What a call cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// How long it took.
    pub elapsed: Duration,
    /// How many host calls it made.
    pub host_calls: u32,
}

impl<'a> Call<'a> {
    async fn begin(
        mut slot: OwnedMutexGuard<Slot>,
        blueprint: &'a Blueprint,
        role: Role,
        limit: Duration,
    ) -> Result<Self, Fault> {
        if slot.instance.is_none() {
            let (instance, _) = Instance::start(blueprint, role).await.map_err(no_instance)?;
            slot.instance = Some(Box::new(instance));
        }
        let running = blueprint.engine.running();
        let mut call = Self { slot, started: Instant::now(), ended: false, _running: running };
        call.started = call.instance().open(limit);
        Ok(call)
    }

    /// The instance.
    pub fn instance(&mut self) -> &mut Instance {
        // There is one from `begin` until `end`, which takes the call.
        self.slot.instance.as_mut().expect("a call that was begun has an instance")
    }

    /// The data of its store.
    pub fn sandbox(&mut self) -> &mut Sandbox {
        self.instance().store.data_mut()
    }

    /// Ends the call with what came back. An error costs the instance.
    ///
    /// # Errors
    ///
    /// The fault that the error stands for.
    pub fn end<T>(mut self, answer: wasmtime::Result<T>) -> (Result<T, Fault>, Cost) {
        let elapsed = self.started.elapsed();
        let instance = self.instance();
        let cost = Cost { elapsed, host_calls: instance.store.data().host_calls() };
        match answer {
            Ok(answer) => {
                self.ended = true;
                (Ok(answer), cost)
            }
            // `ended` stays false, so dropping the call throws the instance away.
            Err(error) => (Err(fault_of(&mut instance.store, &error)), cost),
        }
    }
}

impl Call<'_> {
    /// Ends a call whose answer nobody waits for any more. Costs the instance.
    pub fn give_up(mut self) -> Cost {
        let elapsed = self.started.elapsed();
        Cost { elapsed, host_calls: self.instance().store.data().host_calls() }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.slot.instance = None;
            self.slot.generation += 1;
        }
    }
}

fn no_instance(error: StartError) -> Fault {
    match error {
        StartError::Hook { fault, .. } => fault,
        // The pool may be exhausted for a moment; that is nobody's bug.
        StartError::Instantiate(why) => Fault::new(FaultKind::Unavailable, why),
        StartError::Bind(error) => Fault::new(FaultKind::Internal, error.to_string()),
        StartError::Config(_) => {
            let why = "an instance does not accept the configuration that others accepted";
            Fault::new(FaultKind::Internal, why)
        }
    }
}
