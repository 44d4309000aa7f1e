//! What the demo claims, held against the evidence.

use std::time::Duration;

use super::evidence::{Asking, Evidence, counted};
use super::sample::people::leaks;
use crate::cli::terminal::shortened;

/// Something that is said to be so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    pub(super) what: String,
    /// Why it is not so.
    pub(super) doubt: Option<String>,
}

/// Everything that the report says, held against the evidence.
pub(super) fn claims(evidence: &Evidence) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut claim = |what: &str, doubts: Vec<String>| {
        let doubt = (!doubts.is_empty()).then(|| doubts.join("; "));
        claims.push(Claim { what: what.to_owned(), doubt });
    };
    claim("every request was answered as expected", traffic(evidence));
    claim("every line is in the log, and nothing secret", log(evidence));
    claim("the answer leaves without what is secret, and otherwise as it was", answer(evidence));
    claim("every request was timed", timing(evidence));
    claim("the health pages tell of the database, and of nothing else", health(evidence));
    claim("every error was counted under its own name", errors(evidence));
    claims
}

fn traffic(evidence: &Evidence) -> Vec<String> {
    let Evidence { sum, tally, .. } = evidence;
    let mut doubts: Vec<String> = sum.odd.iter().take(3).cloned().collect();
    let exceptions = |name: &str| tally.exceptions.get(name).copied().unwrap_or(0);
    let away = exceptions("OperationalError");
    let broken = tally.exceptions.values().sum::<u64>() - away;
    for (what, seen, known) in [
        ("requests", sum.all as u64, tally.requests),
        ("answers 500", sum.broken as u64, broken),
        ("answers 503", sum.away as u64, away),
    ] {
        if seen != known || seen == 0 {
            doubts.push(format!("clients saw {seen} {what}, and the application {known}"));
        }
    }
    doubts
}

fn log(evidence: &Evidence) -> Vec<String> {
    let redaction = &evidence.redaction;
    let mut doubts = Vec::new();
    if redaction.left > 0 {
        doubts.push(format!("{} secrets are in it", redaction.left));
    }
    if redaction.written == 0 {
        doubts.push("the application leaked nothing".to_owned());
    }
    if redaction.logged != evidence.tally.requests {
        let (logged, all) = (redaction.logged, evidence.tally.requests);
        doubts.push(format!("it has {logged} lines about {all} requests"));
    }
    if redaction.lines.len() < 3 {
        doubts.push(format!("of three examples {} were found in it", redaction.lines.len()));
    }
    for (raw, record) in &redaction.lines {
        if leaks(raw) == 0 || leaks(record) > 0 || raw == record {
            doubts.push(format!("`{}` was not redacted", shortened(record, 40)));
        }
        if record.contains('\n') {
            doubts.push(format!(
                "`{}` is more than the line that was written",
                shortened(record, 40)
            ));
        }
    }
    if redaction.rules.is_empty() {
        doubts.push("no hit was counted".to_owned());
    }
    doubts
}

fn answer(evidence: &Evidence) -> Vec<String> {
    let (before, after) = &evidence.redaction.answers;
    let mut doubts = Vec::new();
    if leaks(before) < 2 {
        doubts.push("the application's own answer holds no secrets".to_owned());
    }
    if leaks(after) > 0 {
        doubts.push(format!("{} secrets are in it", leaks(after)));
    }
    let fields = |text: &str| {
        let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
        let mut fields = value?.as_object()?.clone();
        let email = fields.remove("email");
        let card = fields.remove("card");
        Some((fields, email.is_some() && card.is_some()))
    };
    match (fields(before), fields(after)) {
        (Some(before), Some(after)) if before == after && before.1 => {}
        _ => doubts.push("other fields changed, too, or it is no document any more".to_owned()),
    }
    // Numbers keep their spelling.
    if !after.ends_with("\"balance\": 12.50}") {
        doubts.push("its end is spelled differently".to_owned());
    }
    doubts
}

fn timing(evidence: &Evidence) -> Vec<String> {
    let Evidence { timing, sum, .. } = evidence;
    let mut doubts = Vec::new();
    for (route, times) in &sum.routes {
        let found = timing.routes.iter().find(|found| found.route == *route);
        let counted = found.map_or(0, |found| found.requests);
        if counted != times.len() as u64 {
            doubts.push(format!("{counted} of {} requests of `{route}` were timed", times.len()));
        }
    }
    let of = |route: &str| timing.routes.iter().find(|found| found.route == route);
    // Half of its requests take 180 ms, and the histogram knows that they take more than 100.
    if of("reports").is_none_or(|slow| slow.p95 < Duration::from_millis(100)) {
        doubts.push("the slow route is not seen to be slow".to_owned());
    }
    if timing.server_timing.is_none() {
        doubts.push("an answer has no Server-Timing".to_owned());
    }
    if timing.request_id.is_none() {
        doubts.push("an answer has no X-Request-Id".to_owned());
    }
    doubts
}

fn health(evidence: &Evidence) -> Vec<String> {
    let mut doubts = Vec::new();
    for (phase, statuses, failing) in [
        ("before", [200, 200, 200], &[][..]),
        ("during", [503, 503, 200], &["database"]),
        ("after", [200, 200, 200], &[]),
    ] {
        match evidence.health.iter().find(|asking| asking.phase == phase) {
            Some(asking) if asking.statuses == statuses && asking.failing == *failing => {}
            Some(Asking { statuses, failing, .. }) => {
                doubts.push(format!("{phase} the outage they said {statuses:?} {failing:?}"));
            }
            None => doubts.push(format!("{phase} the outage nobody asked")),
        }
    }
    doubts
}

fn errors(evidence: &Evidence) -> Vec<String> {
    let mut doubts = Vec::new();
    for (name, count) in &evidence.tally.exceptions {
        let counted = counted(&evidence.errors, name);
        if counted != *count {
            doubts.push(format!("{counted} of {count} `{name}` were counted"));
        }
    }
    if evidence.errors_leak > 0 {
        doubts.push(format!("{} secrets are on their page", evidence.errors_leak));
    }
    doubts
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cli::demo::evidence::{Cost, Group, Redaction, RouteTimes, Timing};
    use crate::cli::demo::sample::people::PEOPLE;
    use crate::cli::demo::sample::shop::Tally;
    use crate::cli::demo::traffic::Sum;

    /// Evidence of a run on which everything went well.
    pub(in crate::cli::demo) fn evidence() -> Evidence {
        let ms = Duration::from_millis;
        let (email, card) = (PEOPLE[0].email, PEOPLE[0].card);
        let answer = |email: &str, card: &str| {
            format!(
                "{{\"id\": 0, \"email\": \"{email}\", \"card\": \"{card}\", \"balance\": 12.50}}"
            )
        };
        let line = |text: &str| (format!("{text} {email}"), format!("{text} [email]"));
        let asking = |phase, statuses, word: &str, failing: &[&str]| Asking {
            phase,
            statuses,
            word: word.to_owned(),
            failing: failing.iter().map(|&name| name.to_owned()).collect(),
            took: ms(2),
        };
        let group = |count, name: &str| Group {
            count,
            name: name.to_owned(),
            message: "it was [email]".to_owned(),
            place: "/srv/shop/a.py:3 in f".to_owned(),
        };
        let exceptions =
            [("KeyError", 2), ("shop.payments.PaymentDeclined", 3), ("OperationalError", 4)];
        Evidence {
            sum: Sum {
                all: 20,
                good: 11,
                broken: 5,
                away: 4,
                odd: Vec::new(),
                routes: BTreeMap::from([("reports", vec![ms(1); 8]), ("shop", vec![ms(1); 12])]),
            },
            span: ms(1000),
            tally: Tally {
                requests: 20,
                exceptions: exceptions.map(|(name, count)| (name.to_owned(), count)).into(),
            },
            redaction: Redaction {
                lines: vec![line("a"), line("b"), line("c")],
                answers: (answer(email, card), answer("[email]", "**********1111")),
                written: 9,
                left: 0,
                logged: 20,
                rules: vec![("email".to_owned(), 9)],
            },
            timing: Timing {
                routes: [("reports", 8, 200), ("shop", 12, 3)]
                    .map(|(route, requests, p95)| RouteTimes {
                        route: route.to_owned(),
                        requests,
                        p50: ms(1),
                        p95: ms(p95),
                    })
                    .to_vec(),
                server_timing: Some("total;dur=1.5".to_owned()),
                request_id: Some("019a".to_owned()),
            },
            health: vec![
                asking("before", [200, 200, 200], "healthy", &[]),
                asking("during", [503, 503, 200], "unhealthy", &["database"]),
                asking("after", [200, 200, 200], "healthy", &[]),
            ],
            errors: vec![
                group(4, "OperationalError"),
                group(3, "shop.payments.PaymentDeclined"),
                group(2, "KeyError"),
            ],
            errors_leak: 0,
            costs: vec![Cost { plugin: "redact".to_owned(), calls: 60, p50: ms(0), p95: ms(1) }],
        }
    }

    fn doubts(evidence: &Evidence) -> Vec<String> {
        claims(evidence).into_iter().filter_map(|claim| claim.doubt).collect()
    }

    #[test]
    fn a_good_run_leaves_no_doubt() {
        assert_eq!(doubts(&evidence()), [""; 0]);
    }

    type Spoil = fn(&mut Evidence);

    #[test]
    fn whatever_is_not_so_is_said() {
        let spoiled: [(Spoil, &str); 22] = [
            (|e| e.sum.odd.push("/x was answered 418".to_owned()), "answered 418"),
            (|e| e.sum.all = 19, "clients saw 19 requests, and the application 20"),
            (|e| e.sum.broken = 4, "clients saw 4 answers 500, and the application 5"),
            (|e| e.sum.away = 0, "clients saw 0 answers 503"),
            (|e| e.redaction.left = 2, "2 secrets are in it"),
            (|e| e.redaction.written = 0, "leaked nothing"),
            (|e| e.redaction.logged = 18, "18 lines about 20 requests"),
            (|e| e.redaction.logged = 22, "22 lines about 20 requests"),
            (|e| e.redaction.lines[0].1.push_str("\nmore"), "more than the line"),
            (|e| e.redaction.lines.truncate(2), "of three examples 2"),
            (|e| e.redaction.lines[0].1 = e.redaction.lines[0].0.clone(), "was not redacted"),
            (|e| e.redaction.rules.clear(), "no hit was counted"),
            (|e| e.redaction.answers.1 = e.redaction.answers.0.clone(), "2 secrets are in it"),
            (|e| e.redaction.answers.1 = "{}".to_owned(), "other fields changed"),
            (
                |e| e.redaction.answers.1 = e.redaction.answers.1.replace("12.50", "12.5"),
                "spelled differently",
            ),
            (|e| e.timing.routes[0].requests = 7, "7 of 8 requests of `reports` were timed"),
            (|e| e.timing.routes[0].p95 = Duration::ZERO, "not seen to be slow"),
            (|e| e.timing.server_timing = None, "no Server-Timing"),
            (|e| e.health[1].statuses = [200, 200, 200], "during the outage they said [200"),
            (|e| e.health[1].failing.clear(), "during the outage"),
            (|e| e.errors[0].count = 3, "3 of 4 `OperationalError` were counted"),
            (|e| e.errors_leak = 1, "1 secrets are on their page"),
        ];
        for (spoil, doubt) in spoiled {
            let mut evidence = evidence();
            spoil(&mut evidence);
            let doubts = doubts(&evidence);
            assert_eq!(doubts.len(), 1, "{doubt}: {doubts:?}");
            assert!(doubts[0].contains(doubt), "{doubt}: {doubts:?}");
        }
    }
}
