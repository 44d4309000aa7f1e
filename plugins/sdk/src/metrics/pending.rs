//! Samples that were taken during a hook and wait for its end.

use std::cell::{Cell, RefCell};

use super::SeriesId;
use crate::backend;

/// So many samples wait at most for the end of a hook; more are handed over at once.
const MOST_PENDING: usize = 1024;

thread_local! {
    static PENDING: RefCell<Vec<(SeriesId, f64)>> = const { RefCell::new(Vec::new()) };
    /// What is left to do when the hook is over. A pointer, so that a plugin without metrics does
    /// not import them.
    static AFTER_HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// Keeps a sample until the hook is over.
pub(super) fn sample(series: SeriesId, value: f64) {
    let full = PENDING.with_borrow_mut(|pending| {
        pending.push((series, value));
        pending.len() >= MOST_PENDING
    });
    AFTER_HOOK.set(Some(flush));
    if full {
        after_hook();
    }
}

fn flush() {
    PENDING.with_borrow_mut(|pending| {
        backend::metrics::update(pending);
        pending.clear();
    });
}

/// Hands over what was counted during the hook that is over.
#[inline]
pub(crate) fn after_hook() {
    if let Some(flush) = AFTER_HOOK.take() {
        flush();
    }
}
