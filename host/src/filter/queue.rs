//! The bounded queue that everything uses which hands work over.
//!
//! Bounded by number and by weight (bytes, as a rule). Who can wait waits for room; who
//! cannot learns at once that there is none, and the loss is counted. Nothing is lost
//! silently: what went in came out, is still inside, or is in the count of the dropped.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How much a queue may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Largest number of items; at least 1.
    pub items: usize,
    /// Largest sum of weights. An item heavier than this is taken when the queue is empty,
    /// so that nothing can wait for ever.
    pub weight: usize,
}

/// What is inside of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Items.
    pub items: usize,
    /// The sum of their weights.
    pub weight: usize,
}

impl Waiting {
    /// What is inside of `queue` now.
    pub fn in_queue<T>(queue: &Queue<T>) -> Self {
        let inner = queue.lock();
        Self { items: inner.items.len(), weight: inner.weight }
    }
}

/// One end or both of a bounded queue. Cheap to clone.
#[derive(Debug)]
pub struct Queue<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

#[derive(Debug)]
struct Shared<T> {
    bound: Bound,
    inner: Mutex<Inner<T>>,
    dropped: AtomicU64,
    filled: Notify,
    emptied: Notify,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<(usize, T)>,
    weight: usize,
    closed: bool,
    /// What has to be inside before the taker is woken, while it waits in [`Queue::ripen`].
    ripe: Option<Bound>,
}

impl<T> Inner<T> {
    fn is_ripe(&self) -> bool {
        self.closed
            || self
                .ripe
                .is_none_or(|least| self.items.len() >= least.items || self.weight >= least.weight)
    }
}

/// Why an item was not taken. The item comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<T> {
    /// There is no room.
    Full(T),
    /// Nobody takes items any more.
    Closed(T),
}

impl<T> Queue<T> {
    /// An empty queue.
    pub fn new(bound: Bound) -> Self {
        let inner = Inner { items: VecDeque::new(), weight: 0, closed: false, ripe: None };
        Self {
            shared: Arc::new(Shared {
                bound,
                inner: Mutex::new(inner),
                dropped: AtomicU64::new(0),
                filled: Notify::new(),
                emptied: Notify::new(),
            }),
        }
    }

    /// Puts `item` in if there is room, without waiting. Does not count what it refuses.
    ///
    /// # Errors
    ///
    /// [`Refused`], with the item.
    pub fn try_push(&self, weight: usize, item: T) -> Result<(), Refused<T>> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Refused::Closed(item));
        }
        let full = inner.items.len() >= self.shared.bound.items
            || (!inner.items.is_empty()
                && inner.weight.saturating_add(weight) > self.shared.bound.weight);
        if full {
            return Err(Refused::Full(item));
        }
        inner.weight += weight;
        inner.items.push_back((weight, item));
        let ripe = inner.is_ripe();
        drop(inner);
        if ripe {
            self.shared.filled.notify_one();
        }
        Ok(())
    }

    /// Puts `item` in, or drops and counts it. Answers whether it went in.
    pub fn push_or_drop(&self, weight: usize, item: T) -> bool {
        let taken = self.try_push(weight, item).is_ok();
        if !taken {
            self.count_dropped(1);
        }
        taken
    }

    /// Waits for room, then puts `item` in.
    ///
    /// Dropping the future before it is done leaves the queue as it was and drops the item
    /// uncounted.
    ///
    /// # Errors
    ///
    /// The item, when the queue was closed.
    pub async fn push(&self, weight: usize, item: T) -> Result<(), T> {
        let mut item = item;
        loop {
            // Registered before the attempt, so that no room made in between is missed.
            let emptied = self.shared.emptied.notified();
            match self.try_push(weight, item) {
                Ok(()) => return Ok(()),
                Err(Refused::Closed(back)) => return Err(back),
                Err(Refused::Full(back)) => item = back,
            }
            emptied.await;
        }
    }

    /// Waits for the oldest item. `None` when the queue is closed and empty.
    ///
    /// Cancel safe: an item is either returned or still inside. With several takers each
    /// item goes to one of them.
    pub async fn pop(&self) -> Option<T> {
        loop {
            let filled = self.shared.filled.notified();
            {
                let mut inner = self.lock();
                if let Some(item) = self.take(&mut inner) {
                    let more = !inner.items.is_empty();
                    drop(inner);
                    self.shared.emptied.notify_waiters();
                    if more {
                        self.shared.filled.notify_one();
                    }
                    return Some(item);
                }
                if inner.closed {
                    return None;
                }
            }
            filled.await;
        }
    }

    /// Waits until that much is inside, or the queue is closed. Takes nothing out.
    ///
    /// For a taker that works in batches: waking it for each item would cost those who put
    /// them in more than the items themselves. Cancel safe. Only for a single taker; it bounds
    /// the wait itself.
    pub async fn ripen(&self, least: Bound) {
        /// Has items wake the taker again, also when the wait is cancelled.
        struct Waiting<'a, T>(&'a Queue<T>);
        impl<T> Drop for Waiting<'_, T> {
            fn drop(&mut self) {
                self.0.lock().ripe = None;
            }
        }
        let waiting = Waiting(self);
        loop {
            let filled = self.shared.filled.notified();
            {
                let mut inner = self.lock();
                inner.ripe = Some(least);
                if inner.is_ripe() {
                    break;
                }
            }
            filled.await;
        }
        drop(waiting);
    }

    /// The oldest item, if there is one now.
    pub fn try_pop(&self) -> Option<T> {
        let item = self.take(&mut self.lock());
        if item.is_some() {
            self.shared.emptied.notify_waiters();
        }
        item
    }

    /// Takes nothing more in; what is inside can still be taken out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.shared.emptied.notify_waiters();
        self.shared.filled.notify_waiters();
        self.shared.filled.notify_one();
    }

    /// How many items are inside.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Whether nothing is inside.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sum of the weights inside.
    pub fn weight(&self) -> usize {
        self.lock().weight
    }

    /// How many items were dropped for want of room, since the start.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Adds to the count of the dropped, for whoever gives items up after [`Queue::try_push`].
    pub fn count_dropped(&self, items: u64) {
        self.shared.dropped.fetch_add(items, Ordering::Relaxed);
    }

    fn take(&self, inner: &mut Inner<T>) -> Option<T> {
        let (weight, item) = inner.items.pop_front()?;
        inner.weight -= weight;
        Some(item)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // Nothing below the lock can panic half-way, so a poisoned lock is still sound.
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(items: usize, weight: usize) -> Queue<&'static str> {
        Queue::new(Bound { items, weight })
    }

    #[tokio::test]
    async fn items_come_out_in_order_and_the_rest_is_counted() {
        let queue = queue(2, 100);
        assert!(queue.push_or_drop(1, "a"));
        assert!(queue.push_or_drop(1, "b"));
        assert!(!queue.push_or_drop(1, "c"), "it holds two");
        assert_eq!((queue.len(), queue.dropped()), (2, 1));
        assert_eq!((queue.pop().await, queue.pop().await), (Some("a"), Some("b")));
    }

    #[tokio::test]
    async fn weight_bounds_too_but_one_item_always_fits() {
        let queue = queue(10, 8);
        assert!(queue.push_or_drop(100, "heavy"), "or it would wait for ever");
        assert_eq!(queue.try_push(1, "light"), Err(Refused::Full("light")));
        assert_eq!(queue.try_pop(), Some("heavy"));
        assert_eq!(queue.weight(), 0);
        assert!(queue.push_or_drop(8, "fits"));
    }

    #[tokio::test]
    async fn who_waits_for_room_gets_it() {
        let queue = queue(1, 100);
        queue.push(1, "a").await.unwrap();
        let other = queue.clone();
        let waiting = tokio::spawn(async move { other.push(1, "b").await });
        tokio::task::yield_now().await;
        assert_eq!(queue.pop().await, Some("a"));
        assert_eq!(queue.pop().await, Some("b"));
        waiting.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_closed_queue_gives_out_what_it_holds_and_ends() {
        let queue = queue(4, 100);
        assert!(queue.push_or_drop(1, "a"));
        queue.close();
        assert_eq!(queue.try_push(1, "b"), Err(Refused::Closed("b")));
        assert_eq!(queue.push(1, "c").await, Err("c"));
        assert_eq!((queue.pop().await, queue.pop().await), (Some("a"), None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_taker_of_batches_sleeps_until_there_is_enough() {
        use tokio::time::timeout;
        let moment = std::time::Duration::from_millis(1);
        let queue = queue(10, 100);
        let least = Bound { items: 3, weight: 50 };
        for item in ["a", "b"] {
            assert!(queue.push_or_drop(1, item));
            assert!(timeout(moment, queue.ripen(least)).await.is_err(), "not yet at {item}");
        }
        let other = queue.clone();
        let waiting = tokio::spawn(async move { other.ripen(least).await });
        tokio::task::yield_now().await;
        assert!(queue.push_or_drop(1, "c"));
        waiting.await.unwrap();
        // One who gave up waiting for more is woken by the next item again.
        while queue.try_pop().is_some() {}
        assert!(timeout(moment, queue.ripen(least)).await.is_err());
        let other = queue.clone();
        let waiting = tokio::spawn(async move { other.pop().await });
        tokio::task::yield_now().await;
        assert!(queue.push_or_drop(60, "heavy"));
        assert_eq!(waiting.await.unwrap(), Some("heavy"));
        let other = queue.clone();
        let waiting = tokio::spawn(async move { other.ripen(least).await });
        tokio::task::yield_now().await;
        queue.close();
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn closing_wakes_whoever_waits() {
        let queue = queue(1, 1);
        let other = queue.clone();
        let waiting = tokio::spawn(async move { other.pop().await });
        tokio::task::yield_now().await;
        queue.close();
        assert_eq!(waiting.await.unwrap(), None);
    }
}
