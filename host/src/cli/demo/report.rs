//! What the demo claims, whether it is true, and how it is told.

use std::fmt::Write as _;
use std::time::Duration;

use super::evidence::{Asking, Evidence, Places, counted};
use super::sample::people::leaks;
use crate::cli::terminal::{
    BAD, COMMAND, DOUBTFUL, FAINT, GOOD, Printable, STRONG, WIDTH, aligned, shortened, wrapped,
};

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
    claim("nothing secret is in the log", log(evidence));
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
    if redaction.logged < evidence.tally.requests {
        let (logged, all) = (redaction.logged, evidence.tally.requests);
        doubts.push(format!("{logged} of {all} lines about requests are in it"));
    }
    if redaction.lines.len() < 3 {
        doubts.push(format!("of three examples {} were found in it", redaction.lines.len()));
    }
    for (raw, record) in &redaction.lines {
        if leaks(raw) == 0 || leaks(record) > 0 || raw == record {
            doubts.push(format!("`{}` was not redacted", shortened(record, 40)));
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

/// The report, for somebody who has never heard of any of this.
pub(super) fn shown(evidence: &Evidence, claims: &[Claim]) -> String {
    let mut page = Page::default();
    page.happened(evidence);
    page.redact(evidence);
    page.timing(evidence);
    page.health(evidence);
    page.errors(evidence);
    page.costs(evidence);
    page.verdict(claims);
    page.0
}

/// What can be tried next.
pub(super) fn next_steps(places: &Places) -> String {
    let Places { public, admin, records, .. } = places;
    let rows: Vec<_> = [
        (format!("curl http://{public}/health/"), "the health page"),
        (format!("curl http://{public}/api/customers/1017"), "an answer, redacted"),
        (format!("curl -i http://{public}/api/products"), "times and request id in its head"),
        (format!("curl http://{public}/api/reports/monthly"), "one more error"),
        (format!("curl http://{admin}/errors"), "errors, grouped"),
        (format!("curl http://{admin}/metrics"), "for Prometheus"),
        (format!("curl http://{admin}/plugins"), "what runs"),
        (format!("tail -f {}", records.display()), "the log"),
    ]
    .into_iter()
    .map(|(command, about)| {
        vec![format!("  {COMMAND}{command}{COMMAND:#}"), format!("{FAINT}{about}{FAINT:#}")]
    })
    .collect();
    let mut page = Page::default();
    page.title("Try it");
    for row in aligned(&rows) {
        page.line(&row);
    }
    page.line("");
    page.line("And in front of your own:");
    page.line(&format!("  {COMMAND}tamis run --upstream http://127.0.0.1:9000{COMMAND:#}"));
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn title(&mut self, title: &str) {
        self.line("");
        self.line(&format!("{STRONG}{title}{STRONG:#}"));
    }

    fn text(&mut self, text: &str) {
        for line in wrapped(text, WIDTH - 2) {
            self.line(&format!("  {line}"));
        }
    }

    /// What was, and what became of it, one below the other.
    fn pair(&mut self, titles: [&str; 2], texts: [&str; 2]) {
        let styles = [BAD, GOOD];
        for ((title, text), style) in titles.into_iter().zip(texts).zip(styles) {
            let text = Printable(&shortened(text, WIDTH - 14)).to_string();
            self.line(&format!("  {FAINT}{title:11}{FAINT:#} {style}{text}{style:#}"));
        }
        self.line("");
    }

    fn happened(&mut self, evidence: &Evidence) {
        let Evidence { sum, span, .. } = evidence;
        self.title("What happened");
        self.text(&format!(
            "Customers sent {} requests in {:.0} s. {} were served; in {} the application failed \
             (500); {} came while its database was away (503). The application was not changed \
             for any of what follows.",
            sum.all,
            span.as_secs_f64(),
            sum.good,
            sum.broken,
            sum.away,
        ));
    }

    fn redact(&mut self, evidence: &Evidence) {
        let redaction = &evidence.redaction;
        self.title("redact: what is nobody's business stays in");
        for (raw, record) in &redaction.lines {
            self.pair(["it wrote", "was logged"], [raw, record]);
        }
        let (before, after) = &redaction.answers;
        self.pair(["it answered", "was sent"], [before, after]);
        let rules: Vec<_> =
            redaction.rules.iter().map(|(rule, hits)| format!("{rule} {hits}")).collect();
        self.text(&format!("Redacted, by rule: {}.", rules.join(", ")));
        self.text(&format!(
            "The application wrote {} addresses, card numbers, passwords and tokens into its log; \
             {} of them are in the log that is kept.",
            redaction.written, redaction.left
        ));
    }

    fn timing(&mut self, evidence: &Evidence) {
        let timing = &evidence.timing;
        self.title("timing: how long everything takes");
        let mut rows =
            vec![["  route", "requests", "half within", "95 % within"].map(str::to_owned).to_vec()];
        for times in &timing.routes {
            rows.push(vec![
                format!("  {}", times.route),
                format!("{:>8}", times.requests),
                format!("{:>11}", time(times.p50)),
                format!("{:>11}", time(times.p95)),
            ]);
        }
        for (at, row) in aligned(&rows).iter().enumerate() {
            self.line(&if at == 0 { format!("{FAINT}{row}{FAINT:#}") } else { row.clone() });
        }
        self.line("");
        for (name, value) in
            [("Server-Timing", &timing.server_timing), ("X-Request-Id", &timing.request_id)]
        {
            if let Some(value) = value {
                let value = Printable(&shortened(value, WIDTH - 18)).to_string();
                self.line(&format!("  {FAINT}{name:14}{FAINT:#} {value}"));
            }
        }
    }

    fn health(&mut self, evidence: &Evidence) {
        self.title("health: who asks is told the truth, and at once");
        let mut rows = vec![
            ["  database", "/health/", "/health/ready/", "/health/live/", "answered in"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for asking in &evidence.health {
            let [main, ready, live] = asking.statuses;
            let phase = match asking.phase {
                "before" => "there",
                "during" => "away",
                _ => "back",
            };
            let failing = if asking.failing.is_empty() {
                String::new()
            } else {
                format!(" ({})", asking.failing.join(", "))
            };
            let status = |status: u16| {
                let style = if status == 200 { GOOD } else { BAD };
                format!("{style}{status}{style:#}")
            };
            rows.push(vec![
                format!("  {phase}"),
                format!("{} {}{failing}", status(main), Printable(&asking.word)),
                status(ready),
                status(live),
                time(asking.took),
            ]);
        }
        for (at, row) in aligned(&rows).iter().enumerate() {
            self.line(&if at == 0 { format!("{FAINT}{row}{FAINT:#}") } else { row.clone() });
        }
    }

    fn errors(&mut self, evidence: &Evidence) {
        self.title("errors: tracebacks from the log, the same ones together");
        let rows: Vec<_> = evidence
            .errors
            .iter()
            .map(|group| {
                vec![
                    format!("  {DOUBTFUL}{:>4} ×{DOUBTFUL:#}", group.count),
                    Printable(&shortened(&group.name, 34)).to_string(),
                    Printable(&shortened(&group.message, 46)).to_string(),
                ]
            })
            .collect();
        for (row, group) in aligned(&rows).iter().zip(&evidence.errors) {
            self.line(row);
            if !group.place.is_empty() {
                let place = Printable(&shortened(&group.place, WIDTH - 12)).to_string();
                self.line(&format!("          {FAINT}{place}{FAINT:#}"));
            }
        }
    }

    fn costs(&mut self, evidence: &Evidence) {
        self.title("What it cost: the time inside the sandboxes");
        let mut rows =
            vec![["  plugin", "calls", "half within", "95 % within"].map(str::to_owned).to_vec()];
        for cost in &evidence.costs {
            rows.push(vec![
                format!("  {}", Printable(&cost.plugin)),
                format!("{:>5}", cost.calls),
                format!("{:>11}", time(cost.p50)),
                format!("{:>11}", time(cost.p95)),
            ]);
        }
        for (at, row) in aligned(&rows).iter().enumerate() {
            self.line(&if at == 0 { format!("{FAINT}{row}{FAINT:#}") } else { row.clone() });
        }
    }

    fn verdict(&mut self, claims: &[Claim]) {
        self.title("Checked");
        for Claim { what, doubt } in claims {
            match doubt {
                None => self.line(&format!("  {GOOD}yes{GOOD:#}  {what}")),
                Some(doubt) => {
                    self.line(&format!("  {BAD}no{BAD:#}   {what}"));
                    for line in wrapped(&Printable(doubt).to_string(), WIDTH - 7) {
                        self.line(&format!("       {FAINT}{line}{FAINT:#}"));
                    }
                }
            }
        }
    }
}

/// A time with three digits at most: `1.2 µs`, `35 ms`.
fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = match seconds {
        1.0.. => (seconds, "s"),
        1e-3.. => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "µs"),
    };
    let mut text = String::new();
    let digits = usize::from(value < 10.0);
    let _ = write!(text, "{value:.digits$} {unit}");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use anstream::adapter::strip_str;

    use super::*;
    use crate::cli::demo::evidence::{Cost, Group, Redaction, RouteTimes, Timing};
    use crate::cli::demo::sample::people::PEOPLE;
    use crate::cli::demo::sample::shop::Tally;
    use crate::cli::demo::traffic::Sum;

    /// Evidence of a run on which everything went well.
    fn evidence() -> Evidence {
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
        let spoiled: [(Spoil, &str); 20] = [
            (|e| e.sum.odd.push("/x was answered 418".to_owned()), "answered 418"),
            (|e| e.sum.all = 19, "clients saw 19 requests, and the application 20"),
            (|e| e.sum.broken = 4, "clients saw 4 answers 500, and the application 5"),
            (|e| e.sum.away = 0, "clients saw 0 answers 503"),
            (|e| e.redaction.left = 2, "2 secrets are in it"),
            (|e| e.redaction.written = 0, "leaked nothing"),
            (|e| e.redaction.logged = 18, "18 of 20 lines"),
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

    #[test]
    fn the_report_tells_it_all_in_lines_that_fit() {
        let mut evidence = evidence();
        let long = "x".repeat(300);
        evidence.redaction.lines[1] = (long.clone(), long.clone());
        evidence.errors[0].message = format!("\u{1b}[2J{long}");
        let claims = claims(&evidence);
        let page = strip_str(&shown(&evidence, &claims)).to_string();
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
        assert!(!page.contains('\u{1b}'), "{page}");
        for fragment in [
            "Customers sent 20 requests in 1 s. 11 were served; in 5 the application failed",
            "  it wrote    a ada.lovelace@example.org\n  was logged  a [email]\n",
            "  was sent    {\"id\": 0, \"email\": \"[email]\", \"card\": \"**********1111\"",
            "Redacted, by rule: email 9.",
            "  reports         8       1.0 ms       200 ms\n",
            "  Server-Timing  total;dur=1.5\n",
            "  there     200 healthy               200             200            2.0 ms\n",
            "  away      503 unhealthy (database)  503             200            2.0 ms\n",
            "     3 ×  shop.payments.PaymentDeclined",
            "/srv/shop/a.py:3 in f\n",
            "  yes  every request was timed\n",
            "  no   nothing secret is in the log\n",
        ] {
            assert!(page.contains(fragment), "{fragment:?} in\n{page}");
        }
    }

    #[test]
    fn what_can_be_tried_next_names_the_real_ports() {
        let at = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let places = Places {
            public: at(1111),
            admin: at(2222),
            shop: at(3333),
            control: at(4444),
            records: "/tmp/x/records.log".into(),
        };
        let text = strip_str(&next_steps(&places)).to_string();
        for fragment in [
            "  curl http://127.0.0.1:1111/health/",
            "  curl http://127.0.0.1:2222/metrics",
            "  tail -f /tmp/x/records.log",
            "  tamis run --upstream ",
        ] {
            assert!(text.contains(fragment), "{fragment:?} in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn times_have_three_digits_at_most() {
        for (nanos, shown) in [
            (0, "0.0 µs"),
            (1_240, "1.2 µs"),
            (35_000, "35 µs"),
            (9_960_000, "10.0 ms"),
            (180_000_000, "180 ms"),
            (1_500_000_000, "1.5 s"),
        ] {
            assert_eq!(time(Duration::from_nanos(nanos)), shown);
        }
    }
}
