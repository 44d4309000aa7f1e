//! Stopping in good order: announce, stop accepting, finish, give up at a deadline.
//!
//! A [`Drain`] is a handle that only moves forward. Whoever serves looks at it and is woken by it;
//! who decides when to move it (signals, a reload, a test) is not known here.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

/// How far a drain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Phase {
    /// All is as usual.
    Serving,
    /// Connections are still accepted; each answer asks its client to use another one next time.
    Announcing,
    /// Nothing is accepted; what is being answered is finished until this moment.
    Draining(Instant),
    /// It is over.
    Over,
}

/// Starts, and follows, a drain. Clones are the same drain.
#[derive(Debug, Clone)]
pub struct Drain {
    phase: Arc<watch::Sender<Phase>>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Serving)) }
    }
}

impl Drain {
    /// Asks clients not to come back, so that they have moved on when [`Drain::start`] is called.
    ///
    /// To be called together with readiness going down. Has no effect once a drain was started.
    pub fn announce(&self) {
        self.forward(Phase::Announcing);
    }

    /// Stops accepting, and gives what is being answered `grace` to be finished.
    ///
    /// Connections on which nothing is asked are closed at once, after the short quiet interval of
    /// the server's settings. Has no effect once a drain was started.
    pub fn start(&self, grace: Duration) {
        self.forward(Phase::Draining(Instant::now() + grace));
    }

    /// Gives up now, whatever is unfinished. For the second signal.
    pub fn now(&self) {
        self.forward(Phase::Over);
    }

    /// How far it is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the phase is not `Serving` any more.
    ///
    /// Cancel safe.
    pub async fn announced(&self) {
        let mut phase = self.phase.subscribe();
        let announced = phase.wait_for(|phase| *phase > Phase::Serving).await;
        // `self` holds the sender, so that it cannot be gone.
        debug_assert!(announced.is_ok());
    }

    /// Waits until a drain was started and everything that was under way then is finished, at
    /// the latest until `longest` after its start.
    ///
    /// Whoever serves says that it is finished by `done`. Cancel safe.
    pub async fn finished(&self, longest: Duration) {
        self.started().await;
        let mut phase = self.phase.subscribe();
        let over = phase.wait_for(|phase| *phase == Phase::Over);
        // Too late is as good as done.
        let _ = tokio::time::timeout(longest, over).await;
    }

    /// Everything that was under way is finished.
    pub(super) fn done(&self) {
        self.forward(Phase::Over);
    }

    /// Waits until the phase is not `Serving` or `Announcing` any more.
    ///
    /// Cancel safe.
    pub async fn started(&self) {
        let mut phase = self.phase.subscribe();
        let started = phase.wait_for(|phase| *phase > Phase::Announcing).await;
        // `self` holds the sender, so that it cannot be gone.
        debug_assert!(started.is_ok());
    }

    /// A receiver that has seen the present phase.
    pub(super) fn follow(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    fn forward(&self, next: Phase) {
        self.phase.send_if_modified(|phase| {
            // A second start does not prolong the first.
            let forward = match (*phase, next) {
                (Phase::Draining(_), Phase::Draining(_)) => false,
                (now, next) => next > now,
            };
            if forward {
                *phase = next;
            }
            forward
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_drain_only_moves_forward() {
        let drain = Drain::default();
        assert_eq!(drain.phase(), Phase::Serving);
        drain.announce();
        assert_eq!(drain.phase(), Phase::Announcing);
        let until = Instant::now() + Duration::from_secs(5);
        drain.start(Duration::from_secs(5));
        assert_eq!(drain.phase(), Phase::Draining(until));
        drain.start(Duration::from_secs(50));
        drain.announce();
        assert_eq!(drain.phase(), Phase::Draining(until), "neither prolonged nor taken back");
        drain.started().await;
        drain.now();
        drain.start(Duration::from_secs(5));
        assert_eq!(drain.phase(), Phase::Over);
    }

    #[tokio::test]
    async fn who_follows_is_woken() {
        let drain = Drain::default();
        let mut follower = drain.follow();
        assert!(!follower.has_changed().expect("the sender lives"));
        drain.now();
        assert!(follower.has_changed().expect("the sender lives"));
        assert_eq!(*follower.borrow_and_update(), Phase::Over);
    }
}
