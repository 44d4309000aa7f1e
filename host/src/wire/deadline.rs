//! A timer that is moved far more often than it fires.
//!
//! Each message on a connection moves its deadline, nearly always to a later moment. Moving it costs
//! a store: the timer below is touched only when it has to ring earlier, or rang too early.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep};

/// The latest moment of something, or none.
#[derive(Debug, Default)]
pub struct Deadline {
    at: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Moves the deadline. It is only watched by [`Deadline::poll`].
    pub fn set(&mut self, at: Instant) {
        self.at = Some(at);
    }

    /// Takes the deadline away.
    pub fn clear(&mut self) {
        self.at = None;
    }

    /// The moment that was set.
    #[must_use]
    pub fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Ready, once, when the moment has passed; the deadline is taken away with that.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= at {
                self.at = None;
                // A timer that rang stays rung until it is set again.
                self.sleep = None;
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_moment_set_last() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut deadline = Deadline::default();
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(deadline.poll(&mut context).is_pending(), "none is set");
        for moves in [&[5][..], &[5, 9], &[9, 5], &[1, 30, 2]] {
            let mut last = 0;
            let start = Instant::now();
            for seconds in moves {
                deadline.set(start + second * *seconds);
                last = *seconds;
                let _ = deadline.poll(&mut context);
            }
            poll_fn(|context| deadline.poll(context)).await;
            assert_eq!(start.elapsed(), second * last, "moved to {moves:?}");
            assert!(deadline.at().is_none());
        }
        deadline.set(start);
        poll_fn(|context| deadline.poll(context)).await;
        deadline.set(Instant::now() + second);
        deadline.clear();
        tokio::time::advance(second * 2).await;
        assert!(deadline.poll(&mut context).is_pending(), "it was taken away");
    }
}
