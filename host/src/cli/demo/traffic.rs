//! The customers of the demo: some two hundred requests at an even pace, always the same, and what
//! became of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::client::Asker;
use super::sample::people::{PASSWORD, PEOPLE, TOKEN};

/// How many requests there are, and the pause between them.
pub(super) const REQUESTS: usize = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// The name of the route that it takes.
    pub(super) route: &'static str,
    method: Method,
    pub(super) target: String,
    header: Option<(&'static str, String)>,
    form: String,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) route: &'static str,
    pub(super) target: String,
    /// Nothing when there was no answer, and why.
    pub(super) status: Result<u16, String>,
    pub(super) took: Duration,
}

/// What customers do, twenty steps at a time.
pub(super) fn plan() -> Vec<Step> {
    (0..REQUESTS).map(step).collect()
}

fn step(number: usize) -> Step {
    let get = |route, target: String| Step {
        route,
        method: Method::GET,
        target,
        header: None,
        form: String::new(),
    };
    let shop = |target: &str| get("shop", target.to_owned());
    let order =
        |number: usize| Step { method: Method::POST, ..shop(&format!("/api/orders/{number}")) };
    let person = PEOPLE[number % PEOPLE.len()];
    // Orders have a number of their own, and every fifth is declined.
    let sold = 1000 + number * 5;
    match number % 20 {
        0 | 11 => shop("/"),
        1 | 7 | 14 => shop("/api/products"),
        2 | 12 => Step {
            method: Method::POST,
            header: Some(("content-type", "application/x-www-form-urlencoded".to_owned())),
            form: format!("email={}&password={PASSWORD}", person.email.replace('@', "%40")),
            ..shop("/login")
        },
        3 | 16 => get("customers", format!("/api/customers/{number}")),
        4 | 13 => order(sold + 1),
        5 => order(sold),
        6 => shop(&format!("/search?q=tea&password={PASSWORD}&n={number}")),
        8 | 15 | 19 => shop("/api/stock"),
        9 => Step {
            header: Some(("authorization", format!("Bearer {TOKEN}"))),
            ..shop("/api/account")
        },
        10 => get("reports", "/api/reports/monthly".to_owned()),
        17 => get("reports", "/api/reports/yearly".to_owned()),
        18 => get("events", "/api/events".to_owned()),
        _ => unreachable!("the remainder is below twenty"),
    }
}

/// Sends steps one after the other without waiting for answers, in the course of their pauses.
pub(super) struct Traffic {
    asker: Arc<Asker>,
    base: String,
    open: JoinSet<Outcome>,
    done: Vec<Outcome>,
}

impl Traffic {
    /// Towards `base`, such as `http://127.0.0.1:8080`.
    pub(super) fn new(asker: &Arc<Asker>, base: String) -> Self {
        Self { asker: Arc::clone(asker), base, open: JoinSet::new(), done: Vec::new() }
    }

    /// Sends these steps; tells after each how many there were in all.
    pub(super) async fn send(&mut self, steps: &[Step], mut told: impl FnMut(usize)) {
        let mut pace = tokio::time::interval(PAUSE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for step in steps {
            pace.tick().await;
            let (asker, base, step) = (Arc::clone(&self.asker), self.base.clone(), step.clone());
            self.open.spawn(async move { perform(&asker, &base, step).await });
            while let Some(outcome) = self.open.try_join_next() {
                self.done.extend(outcome.ok());
            }
            told(self.done.len() + self.open.len());
        }
    }

    /// Waits for the answers that are still out.
    pub(super) async fn finish(mut self) -> Vec<Outcome> {
        while let Some(outcome) = self.open.join_next().await {
            self.done.extend(outcome.ok());
        }
        self.done
    }
}

async fn perform(asker: &Asker, base: &str, step: Step) -> Outcome {
    let Step { route, method, target, header, form } = step;
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = header
        && let Ok(value) = HeaderValue::from_str(&value)
    {
        headers.insert(HeaderName::from_static(name), value);
    }
    let begun = std::time::Instant::now();
    let answer = asker.ask(&method, &format!("{base}{target}"), &headers, &form).await;
    let status = answer.map(|answer| answer.status);
    Outcome { route, target, status, took: begun.elapsed() }
}

/// What became of all requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) all: usize,
    /// Below 500.
    pub(super) good: usize,
    /// 500: the application failed.
    pub(super) broken: usize,
    /// 503: its database was away.
    pub(super) away: usize,
    /// Anything else, and why.
    pub(super) odd: Vec<String>,
    /// Requests of each route, and the times that they took in order.
    pub(super) routes: BTreeMap<&'static str, Vec<Duration>>,
}

impl Sum {
    pub(super) fn of(outcomes: &[Outcome]) -> Self {
        let mut sum = Self { all: outcomes.len(), ..Self::default() };
        for Outcome { route, target, status, took } in outcomes {
            match status {
                Ok(200..=499) => sum.good += 1,
                Ok(500) => sum.broken += 1,
                Ok(503) if target == "/api/stock" => sum.away += 1,
                Ok(status) => sum.odd.push(format!("{target} was answered {status}")),
                Err(why) => sum.odd.push(why.clone()),
            }
            sum.routes.entry(route).or_default().push(*took);
        }
        for times in sum.routes.values_mut() {
            times.sort_unstable();
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_does_a_little_of_everything() {
        let plan = plan();
        assert_eq!(plan.len(), REQUESTS);
        let count =
            |target: &str| plan.iter().filter(|step| step.target.starts_with(target)).count();
        for (target, expected) in [
            ("/login", 20),
            ("/search", 10),
            ("/api/account", 10),
            ("/api/stock", 30),
            ("/api/orders/", 30),
            ("/api/customers/", 20),
            ("/api/reports/monthly", 10),
            ("/api/reports/yearly", 10),
            ("/api/events", 10),
        ] {
            assert_eq!(count(target), expected, "{target}");
        }
        let mut orders: Vec<_> = plan
            .iter()
            .filter(|step| step.target.contains("/orders/"))
            .map(|s| &s.target)
            .collect();
        let all = orders.len();
        orders.sort();
        orders.dedup();
        assert_eq!(orders.len(), all, "an order is found by its number");
    }

    #[test]
    fn outcomes_add_up() {
        let outcome = |target: &str, status: Result<u16, String>, took| Outcome {
            route: "shop",
            target: target.to_owned(),
            status,
            took: Duration::from_millis(took),
        };
        let sum = Sum::of(&[
            outcome("/", Ok(200), 3),
            outcome("/login", Ok(303), 1),
            outcome("/api/reports/monthly", Ok(500), 2),
            outcome("/api/stock", Ok(503), 5),
            outcome("/api/products", Ok(503), 4),
            outcome("/x", Err("refused".to_owned()), 6),
        ]);
        assert_eq!((sum.all, sum.good, sum.broken, sum.away), (6, 2, 1, 1));
        assert_eq!(sum.odd, ["/api/products was answered 503", "refused"]);
        let times: Vec<_> = sum.routes["shop"].iter().map(Duration::as_millis).collect();
        assert_eq!(times, [1, 2, 3, 4, 5, 6]);
    }
}
