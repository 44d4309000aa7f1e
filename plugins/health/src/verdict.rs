//! From the state of each thing to one verdict: the worst wins.
//!
//! Statuses are ordered healthy < degraded < unknown < unhealthy. A check counts as its status, but
//! never as worse than it may make the whole; the verdict is the worst that counts. So neither the
//! order of the checks matters, nor can a lesser failure hide a greater one, and what was not looked
//! at yet is not healthy.

use tamis_sdk::Status;

/// What one check contributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// How it is.
    pub(crate) status: Status,
    /// The worst that it can make of the whole: healthy for what is only shown.
    pub(crate) at_worst: Status,
    /// Whether traffic may only come while it works.
    pub(crate) ready: bool,
}

/// What all checks come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) health: Status,
    pub(crate) ready: bool,
}

impl Verdict {
    /// Of these statements. Without any it is unknown: nobody looked.
    pub(crate) fn of(statements: impl IntoIterator<Item = Statement>) -> Self {
        let mut verdict: Option<Self> = None;
        for statement in statements {
            let counts = better(statement.status, statement.at_worst);
            let works = matches!(statement.status, Status::Healthy | Status::Degraded);
            let verdict = verdict.get_or_insert(Self { health: Status::Healthy, ready: true });
            verdict.health = worse(verdict.health, counts);
            verdict.ready &= works || !statement.ready;
        }
        verdict.unwrap_or(Self { health: Status::Unknown, ready: false })
    }
}

fn rank(status: Status) -> u8 {
    match status {
        Status::Healthy => 0,
        Status::Degraded => 1,
        Status::Unknown => 2,
        Status::Unhealthy => 3,
    }
}

fn worse(one: Status, other: Status) -> Status {
    if rank(other) > rank(one) { other } else { one }
}

fn better(one: Status, other: Status) -> Status {
    if rank(other) < rank(one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUSES: [Status; 4] =
        [Status::Healthy, Status::Degraded, Status::Unhealthy, Status::Unknown];
    const LIMITS: [Status; 3] = [Status::Healthy, Status::Degraded, Status::Unhealthy];

    /// The rules in words, one after the other, without any order of statuses.
    fn expected(statements: &[Statement]) -> Verdict {
        let is = |status: Status, limits: &[Status]| {
            statements.iter().any(|one| one.status == status && limits.contains(&one.at_worst))
        };
        let critical = [Status::Unhealthy];
        let counting = [Status::Unhealthy, Status::Degraded];
        let health = if statements.is_empty() {
            Status::Unknown
        } else if is(Status::Unhealthy, &critical) {
            Status::Unhealthy
        } else if is(Status::Unknown, &critical) {
            Status::Unknown
        } else if is(Status::Unhealthy, &counting)
            || is(Status::Unknown, &counting)
            || is(Status::Degraded, &counting)
        {
            Status::Degraded
        } else {
            Status::Healthy
        };
        let stopped = statements
            .iter()
            .any(|one| one.ready && matches!(one.status, Status::Unhealthy | Status::Unknown));
        Verdict { health, ready: !statements.is_empty() && !stopped }
    }

    #[test]
    fn the_worst_wins_in_every_combination_and_every_order() {
        let all: Vec<Statement> = STATUSES
            .iter()
            .flat_map(|&status| LIMITS.map(|at_worst| (status, at_worst)))
            .map(|(status, at_worst)| {
                // What nothing works without stops the traffic, as by default.
                Statement { status, at_worst, ready: at_worst == Status::Unhealthy }
            })
            .collect();
        assert_eq!(all.len(), 12);
        let orders = permutations(&[0, 1, 2, 3]);
        assert_eq!(orders.len(), 24);
        let mut combinations = 0;
        for database in &all {
            for cache in &all {
                for worker in &all {
                    for external in &all {
                        let four = [*database, *cache, *worker, *external];
                        let right = expected(&four);
                        combinations += 1;
                        for order in &orders {
                            let turned = order.iter().map(|&at| four[at]);
                            assert_eq!(Verdict::of(turned), right, "{four:?} in order {order:?}");
                        }
                    }
                }
            }
        }
        assert_eq!(combinations, 20_736);
    }

    #[test]
    fn readiness_is_a_group_of_its_own() {
        for status in STATUSES {
            for at_worst in LIMITS {
                for ready in [false, true] {
                    let one = [Statement { status, at_worst, ready }];
                    assert_eq!(Verdict::of(one), expected(&one), "{one:?}");
                }
            }
        }
        let draining =
            Statement { status: Status::Unhealthy, at_worst: Status::Healthy, ready: true };
        assert_eq!(Verdict::of([draining]), Verdict { health: Status::Healthy, ready: false });
    }

    #[test]
    fn nobody_said_anything_is_not_healthy() {
        assert_eq!(Verdict::of([]), Verdict { health: Status::Unknown, ready: false });
    }

    fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
        if items.is_empty() {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for (at, &first) in items.iter().enumerate() {
            let mut rest = items.to_vec();
            rest.remove(at);
            for mut tail in permutations(&rest) {
                tail.insert(0, first);
                all.push(tail);
            }
        }
        all
    }
}
