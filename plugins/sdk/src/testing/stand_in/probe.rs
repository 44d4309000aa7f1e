//! Probes whose outcome a test sets up.

use super::{origin, with};
use crate::probe::{Failure, Reason, Success, Task};

pub(crate) fn run(tasks: &[Task]) -> Vec<Result<Success, Failure>> {
    let outcome = |task: &Task| {
        with(|host| {
            let found = host.probes.iter().rev().find(|known| task.url.starts_with(&known.0));
            found.map(|known| known.1.clone())
        })
        .unwrap_or_else(|| {
            let reason = Reason::Denied(origin(&task.url));
            Err(Failure::new(reason, "the test set up no outcome for this probe"))
        })
    };
    tasks.iter().map(outcome).collect()
}
