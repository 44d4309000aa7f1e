//! How the demo tells what it saw, to somebody who has never heard of any of this.

use std::fmt::Write as _;
use std::time::Duration;

use super::claims::Claim;
use super::evidence::{Evidence, Places};
use crate::cli::page::Page;
use crate::cli::terminal::{
    BAD, COMMAND, DOUBTFUL, FAINT, GOOD, Printable, WIDTH, aligned, shortened, wrapped,
};

/// The report.
pub(super) fn shown(evidence: &Evidence, claims: &[Claim]) -> String {
    let mut page = Page::default();
    happened(&mut page, evidence);
    redact(&mut page, evidence);
    timing(&mut page, evidence);
    health(&mut page, evidence);
    errors(&mut page, evidence);
    costs(&mut page, evidence);
    verdict(&mut page, claims);
    page.into_text()
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
    page.gap();
    page.line("And in front of your own:");
    page.line(&format!("  {COMMAND}tamis run --upstream http://127.0.0.1:9000{COMMAND:#}"));
    page.into_text()
}

/// What was, and what became of it, one below the other.
fn pair(page: &mut Page, titles: [&str; 2], texts: [&str; 2]) {
    let styles = [BAD, GOOD];
    for ((title, text), style) in titles.into_iter().zip(texts).zip(styles) {
        let text = Printable(&shortened(text, WIDTH - 14)).to_string();
        page.line(&format!("  {FAINT}{title:11}{FAINT:#} {style}{text}{style:#}"));
    }
    page.gap();
}

fn happened(page: &mut Page, evidence: &Evidence) {
    let Evidence { sum, span, .. } = evidence;
    page.title("What happened");
    page.text(
        2,
        &format!(
            "Customers sent {} requests in {:.0} s. {} were served; in {} the application failed \
         (500); {} came while its database was away (503). The application was not changed \
         for any of what follows.",
            sum.all,
            span.as_secs_f64(),
            sum.good,
            sum.broken,
            sum.away,
        ),
    );
}

fn redact(page: &mut Page, evidence: &Evidence) {
    let redaction = &evidence.redaction;
    page.title("redact: what is nobody's business stays in");
    for (raw, record) in &redaction.lines {
        pair(page, ["it wrote", "was logged"], [raw, record]);
    }
    let (before, after) = &redaction.answers;
    pair(page, ["it answered", "was sent"], [before, after]);
    let rules: Vec<_> =
        redaction.rules.iter().map(|(rule, hits)| format!("{rule} {hits}")).collect();
    page.text(2, &format!("Redacted, by rule: {}.", rules.join(", ")));
    page.text(
        2,
        &format!(
            "The application wrote {} addresses, card numbers, passwords and tokens into its log; \
         {} of them are in the log that is kept.",
            redaction.written, redaction.left
        ),
    );
}

fn timing(page: &mut Page, evidence: &Evidence) {
    let timing = &evidence.timing;
    page.title("timing: how long everything takes");
    let rows = timing.routes.iter().map(|times| {
        [
            times.route.clone(),
            format!("{:>8}", times.requests),
            format!("{:>11}", time(times.p50)),
            format!("{:>11}", time(times.p95)),
        ]
    });
    page.table(["route", "requests", "half within", "95 % within"], rows);
    page.gap();
    for (name, value) in
        [("Server-Timing", &timing.server_timing), ("X-Request-Id", &timing.request_id)]
    {
        if let Some(value) = value {
            page.sample(14, name, value);
        }
    }
}

fn health(page: &mut Page, evidence: &Evidence) {
    page.title("health: who asks is told the truth, and at once");
    let rows = evidence.health.iter().map(|asking| {
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
        [
            phase.to_owned(),
            format!("{} {}{failing}", status(main), Printable(&asking.word)),
            status(ready),
            status(live),
            time(asking.took),
        ]
    });
    page.table(["database", "/health/", "/health/ready/", "/health/live/", "answered in"], rows);
}

fn errors(page: &mut Page, evidence: &Evidence) {
    page.title("errors: tracebacks from the log, the same ones together");
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
        page.line(row);
        if !group.place.is_empty() {
            let place = Printable(&shortened(&group.place, WIDTH - 12)).to_string();
            page.line(&format!("          {FAINT}{place}{FAINT:#}"));
        }
    }
}

fn costs(page: &mut Page, evidence: &Evidence) {
    page.title("What it cost: the time inside the sandboxes");
    let rows = evidence.costs.iter().map(|cost| {
        [
            Printable(&cost.plugin).to_string(),
            format!("{:>5}", cost.calls),
            format!("{:>11}", time(cost.p50)),
            format!("{:>11}", time(cost.p95)),
        ]
    });
    page.table(["plugin", "calls", "half within", "95 % within"], rows);
}

fn verdict(page: &mut Page, claims: &[Claim]) {
    page.title("Checked");
    for Claim { what, doubt } in claims {
        match doubt {
            None => page.line(&format!("  {GOOD}yes{GOOD:#}  {what}")),
            Some(doubt) => {
                page.line(&format!("  {BAD}no{BAD:#}   {what}"));
                for line in wrapped(&Printable(doubt).to_string(), WIDTH - 7) {
                    page.line(&format!("       {FAINT}{line}{FAINT:#}"));
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
    use anstream::adapter::strip_str;

    use super::*;
    use crate::cli::demo::claims::{claims, tests::evidence};

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
            "  it wrote    a ada@example.org\n  was logged  a [email]\n",
            "  was sent    {\"id\": 0, \"email\": \"[email]\", \"card\": \"**********1111\"",
            "Redacted, by rule: email 9.",
            "  reports         8       1.0 ms       200 ms\n",
            "  Server-Timing  total;dur=1.5\n",
            "  there     200 healthy               200             200            2.0 ms\n",
            "  away      503 unhealthy (database)  503             200            2.0 ms\n",
            "     3 ×  shop.payments.PaymentDeclined",
            "/srv/shop/a.py:3 in f\n",
            "  yes  every request was timed\n",
            "  no   every line is in the log, and nothing secret\n",
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
