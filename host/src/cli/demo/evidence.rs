//! What the demo found out about the running system, asked for from outside like anybody could.
//!
//! Only gathers. What is claimed on the strength of it is the report's business.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use serde_json::Value;
use tokio::time::Instant;

use super::client::{Asked, Asker};
use super::sample::journal::Entry;
use super::sample::people::leaks;
use super::sample::shop::Tally;
use super::traffic::Sum;
use crate::cli::scrape::Scrape;

/// How long anything may take to become visible.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// The histogram of the timing plugin, and what redaction counts.
const TIMES: &str = "http_server_request_duration_seconds";
const MATCHES: &str = "redact_matches_total";

/// Everything that the report speaks of.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    pub(super) sum: Sum,
    pub(super) span: Duration,
    /// What the application says that it did.
    pub(super) tally: Tally,
    pub(super) redaction: Redaction,
    pub(super) timing: Timing,
    pub(super) health: Vec<Asking>,
    pub(super) errors: Vec<Group>,
    /// Secrets on the page of errors.
    pub(super) errors_leak: usize,
    pub(super) costs: Vec<Cost>,
}

/// What became of what the application leaks.
#[derive(Debug, Clone, Default)]
pub(super) struct Redaction {
    /// What the application wrote, and what was logged of it.
    pub(super) lines: Vec<(String, String)>,
    /// An answer of the application, and the same answer through tamis.
    pub(super) answers: (String, String),
    /// Secrets in what the application wrote, and in the log.
    pub(super) written: usize,
    pub(super) left: usize,
    /// Lines about requests in the log: one for each.
    pub(super) logged: u64,
    /// Hits per rule.
    pub(super) rules: Vec<(String, u64)>,
}

/// What is known about the time that requests take.
#[derive(Debug, Clone, Default)]
pub(super) struct Timing {
    pub(super) routes: Vec<RouteTimes>,
    /// Of one answer.
    pub(super) server_timing: Option<String>,
    pub(super) request_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct RouteTimes {
    pub(super) route: String,
    pub(super) requests: u64,
    pub(super) p50: Duration,
    pub(super) p95: Duration,
}

/// The health pages at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asking {
    pub(super) phase: &'static str,
    /// `/health/`, `/health/ready/` and `/health/live/`.
    pub(super) statuses: [u16; 3],
    /// The word on the main page, and the checks on it that are not well.
    pub(super) word: String,
    pub(super) failing: Vec<String>,
    /// The slowest of the three.
    pub(super) took: Duration,
}

/// Errors that are the same.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) count: u64,
    pub(super) name: String,
    pub(super) message: String,
    /// Where it was raised.
    pub(super) place: String,
}

/// What a plugin cost.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cost {
    pub(super) plugin: String,
    pub(super) calls: u64,
    pub(super) p50: Duration,
    pub(super) p95: Duration,
}

/// Where everything is.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) shop: SocketAddr,
    pub(super) control: SocketAddr,
    pub(super) records: PathBuf,
}

/// Asks again until the answer is good enough, or for as long as there is patience; the last answer
/// counts either way.
pub(super) async fn until<T, F: Future<Output = T>>(
    mut look: impl FnMut() -> F,
    good: impl Fn(&T) -> bool,
) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        let seen = look().await;
        if good(&seen) || Instant::now() >= end {
            return seen;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The health pages, now.
pub(super) async fn health(
    asker: &Asker,
    public: SocketAddr,
    phase: &'static str,
) -> Result<Asking, String> {
    let mut asking = Asking {
        phase,
        statuses: [0; 3],
        word: String::new(),
        failing: Vec::new(),
        took: Duration::ZERO,
    };
    for (at, page) in ["", "ready/", "live/"].into_iter().enumerate() {
        let asked = asker.get(&format!("http://{public}/health/{page}")).await?;
        asking.statuses[at] = asked.status;
        asking.took = asking.took.max(asked.took);
        if at == 0 {
            let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
            body["status"].as_str().unwrap_or("no word").clone_into(&mut asking.word);
            asking.failing = crate::cli::health::failing(&body);
        }
    }
    Ok(asking)
}

/// A command for the application.
pub(super) async fn command(asker: &Asker, places: &Places, command: &str) -> Result<(), String> {
    let url = format!("http://{}{command}", places.control);
    let answer = asker.ask(&Method::POST, &url, &HeaderMap::new(), "").await?;
    if answer.status == 204 { Ok(()) } else { Err(format!("{url} answered {}", answer.status)) }
}

/// Gathers what is left to see once the traffic is over.
pub(super) async fn gather(
    asker: &Arc<Asker>,
    places: &Places,
    sum: Sum,
    span: Duration,
    health: Vec<Asking>,
) -> Result<Evidence, String> {
    // Figures first: the requests below are not to be among them.
    let control = |page: &str| format!("http://{}{page}", places.control);
    let tally: Tally = read(&asker.get(&control("/tally")).await?)?;
    let journal: Vec<Entry> = read(&asker.get(&control("/journal")).await?)?;
    let (name, all) = (format!("{TIMES}_count"), sum.all as f64);
    // Counted once the last byte is with the client, and off the way of the request.
    let scrape = until(
        || scrape(asker, places),
        |seen| seen.as_ref().is_ok_and(|scrape| scrape.sum(&name, &[]) >= all),
    );
    let scrape = scrape.await?;
    let redaction = redaction(asker, places, &journal, &tally).await?;
    let (errors, errors_leak) = errors(asker, places, &tally).await?;
    let example = asker.get(&format!("http://{}/api/products", places.public)).await?;
    let field = |name: &str| {
        let value = example.headers.get(name)?;
        Some(value.to_str().ok()?.to_owned())
    };
    Ok(Evidence {
        timing: Timing {
            routes: routes(&scrape, &sum),
            server_timing: field("server-timing"),
            request_id: field("x-request-id"),
        },
        costs: costs(&scrape),
        redaction: Redaction { rules: whole(scrape.by(MATCHES, &[], "rule")), ..redaction },
        errors,
        errors_leak,
        sum,
        span,
        tally,
        health,
    })
}

fn read<T: serde::de::DeserializeOwned>(asked: &Asked) -> Result<T, String> {
    serde_json::from_str(&asked.body).map_err(|error| format!("no answer to be read: {error}"))
}

async fn scrape(asker: &Asker, places: &Places) -> Result<Scrape, String> {
    let metrics = asker.get(&format!("http://{}/metrics", places.admin)).await?;
    Ok(Scrape::parse(&metrics.body))
}

/// What begins the examples: a sale, a link, and a dump of headers.
const EXAMPLES: [&str; 3] = ["order ", "\"GET /search?", "headers: "];

async fn redaction(
    asker: &Asker,
    places: &Places,
    journal: &[Entry],
    tally: &Tally,
) -> Result<Redaction, String> {
    // One line for each request, and the application has told of as many.
    let messages = until(
        || async { messages(&places.records) },
        |messages| logged(messages) >= tally.requests,
    );
    let messages = messages.await;
    let text = std::fs::read_to_string(&places.records)
        .map_err(|error| format!("the log cannot be read: {error}"))?;
    let lines = EXAMPLES.iter().filter_map(|start| example(start, journal, &messages));
    let customer = "/api/customers/1017";
    let before = asker.get(&format!("http://{}{customer}", places.shop)).await?;
    let after = asker.get(&format!("http://{}{customer}", places.public)).await?;
    Ok(Redaction {
        lines: lines.collect(),
        answers: (before.body, after.body),
        written: journal.iter().map(|entry| leaks(&entry.text)).sum(),
        left: leaks(&text),
        logged: logged(&messages),
        rules: Vec::new(),
    })
}

/// The messages of all records in a file of JSON lines.
fn messages(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let message = |line: &str| {
        let record: Value = serde_json::from_str(line).ok()?;
        Some(record["message"].as_str()?.to_owned())
    };
    text.lines().filter_map(message).collect()
}

/// How many of them are the application's own about a request.
fn logged(messages: &[String]) -> u64 {
    messages.iter().filter(|message| message.contains(" HTTP/1.1\" ")).count() as u64
}

/// The first line of the application that begins so, and the record that was made of it.
fn example(start: &str, journal: &[Entry], messages: &[String]) -> Option<(String, String)> {
    journal.iter().find_map(|entry| {
        let message = message_of(&entry.text)?;
        if !message.starts_with(start) || leaks(message) == 0 {
            return None;
        }
        // What is nobody's secret says which record it became.
        let key: String = match start {
            "order " => message.split(" by ").next()?.to_owned() + " by ",
            "headers: " => start.to_owned(),
            _ => message.rsplit('&').next()?.to_owned(),
        };
        let record = messages.iter().find(|record| record.contains(&key))?;
        // A sink that does not take the text apart has time and logger in front.
        let record = message_of(record).unwrap_or(record);
        Some((message.to_owned(), record.to_owned()))
    })
}

/// What stands behind `2026-11-25 10:00:00,123 INFO shop.orders: `.
fn message_of(line: &str) -> Option<&str> {
    let (_, behind) = line.split_once(" INFO ")?;
    Some(behind.split_once(": ")?.1)
}

/// The groups on the page of errors, once they hold what the application counted, and how many
/// secrets stand there.
async fn errors(
    asker: &Asker,
    places: &Places,
    tally: &Tally,
) -> Result<(Vec<Group>, usize), String> {
    let url = format!("http://{}/errors?format=json", places.admin);
    // They wait a while for the other half of the same failure.
    let complete = |page: &str| {
        let groups: Vec<_> = groups(page).into_iter().map(|(_, group)| group).collect();
        tally.exceptions.iter().all(|(name, count)| counted(&groups, name) >= *count)
    };
    let page =
        until(|| asker.get(&url), |page| page.as_ref().is_ok_and(|page| complete(&page.body)));
    let page = page.await?;
    let mut leaked = leaks(&page.body);
    let mut found = groups(&page.body);
    for (id, group) in &mut found {
        let detail = asker.get(&format!("{url}&id={id}")).await?;
        leaked += leaks(&detail.body);
        group.place = place(&detail.body).unwrap_or_default();
    }
    Ok((found.into_iter().map(|(_, group)| group).collect(), leaked))
}

/// How often an exception of this type was counted, whether its module is told or not.
pub(super) fn counted(groups: &[Group], name: &str) -> u64 {
    let short = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    groups.iter().filter(|group| short(&group.name) == short(name)).map(|group| group.count).sum()
}

/// Groups with their ids, the largest first.
fn groups(page: &str) -> Vec<(String, Group)> {
    let page: Value = serde_json::from_str(page).unwrap_or_default();
    let group = |group: &Value| {
        let title = group["title"].as_str()?;
        let (name, message) = title.split_once(": ").unwrap_or((title, ""));
        let group = Group {
            count: group["count"].as_u64()?,
            name: name.to_owned(),
            message: message.to_owned(),
            place: String::new(),
        };
        Some(group)
    };
    let groups = page["groups"].as_array().into_iter().flatten();
    let mut groups: Vec<_> =
        groups.filter_map(|one| Some((one["id"].as_str()?.to_owned(), group(one)?))).collect();
    groups.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.1.name.cmp(&b.1.name)));
    groups
}

/// Where the error was raised: `/srv/shop/reports.py:31 in summary`.
fn place(detail: &str) -> Option<String> {
    let detail: Value = serde_json::from_str(detail).ok()?;
    let raised = detail["event"]["exception"]["values"].as_array()?.last()?;
    let frame = raised["stacktrace"]["frames"].as_array()?.last()?;
    let file = frame["abs_path"].as_str().or_else(|| frame["filename"].as_str())?;
    let line = frame["lineno"].as_u64().map(|line| format!(":{line}")).unwrap_or_default();
    let function = frame["function"].as_str().map(|name| format!(" in {name}"));
    Some(format!("{file}{line}{}", function.unwrap_or_default()))
}

fn routes(scrape: &Scrape, sum: &Sum) -> Vec<RouteTimes> {
    let seconds = |value: Option<f64>| Duration::from_secs_f64(value.unwrap_or(0.0).max(0.0));
    let times = |route: &str| {
        let labels = [("http_route", route)];
        RouteTimes {
            route: route.to_owned(),
            requests: scrape.sum(&format!("{TIMES}_count"), &labels) as u64,
            p50: seconds(scrape.quantile(TIMES, &labels, 0.5)),
            p95: seconds(scrape.quantile(TIMES, &labels, 0.95)),
        }
    };
    sum.routes.keys().map(|route| times(route)).collect()
}

fn costs(scrape: &Scrape) -> Vec<Cost> {
    const TIME: &str = "tamis_plugin_duration_seconds";
    let calls = whole(scrape.by("tamis_plugin_calls_total", &[], "plugin"));
    let cost = |(plugin, calls): (String, u64)| {
        let quantile = |share| {
            let seconds = scrape.quantile(TIME, &[("plugin", &plugin)], share).unwrap_or(0.0);
            Duration::from_secs_f64(seconds.max(0.0))
        };
        let (p50, p95) = (quantile(0.5), quantile(0.95));
        Cost { calls, p50, p95, plugin }
    };
    calls.into_iter().map(cost).collect()
}

/// Counters, which are whole numbers below 2^53; those that counted nothing are left out.
fn whole(sums: Vec<(String, f64)>) -> Vec<(String, u64)> {
    let sums = sums.into_iter().map(|(name, sum)| (name, sum as u64));
    sums.filter(|(_, sum)| *sum > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        Entry { stream: "stdout".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn an_example_is_a_line_and_what_became_of_it() {
        let journal = [
            entry("2026-11-25 10:00:00,001 INFO shop: listening on 127.0.0.1:9000"),
            entry("2026-11-25 10:00:00,002 INFO shop.orders: order 4 by nobody paid with nothing"),
            entry(
                "2026-11-25 10:00:00,003 INFO shop.orders: order 6 by ada.lovelace@example.org paid with 4111 1111 1111 1111",
            ),
            entry(
                "2026-11-25 10:00:00,004 INFO shop.access: \"GET /search?q=tea&password=Tr0ub4dor-and-3&n=26 HTTP/1.1\" 200",
            ),
        ];
        let messages = [
            "order 16 by [email] paid with [card]".to_owned(),
            "order 6 by [email] paid with [card]".to_owned(),
            // As a sink shows it that does not take lines apart.
            "2026-11-25 10:00:00,004 INFO shop.access: \"GET /search?q=tea&password=[redacted]&n=26 HTTP/1.1\" 200".to_owned(),
        ];
        let (raw, record) = example("order ", &journal, &messages).expect("it is there");
        assert!(raw.starts_with("order 6 by ada"), "{raw}");
        assert_eq!(record, messages[1]);
        let (raw, record) = example("\"GET /search?", &journal, &messages).expect("it is there");
        assert!(raw.contains("password=Tr0ub4dor"), "{raw}");
        assert_eq!(record, "\"GET /search?q=tea&password=[redacted]&n=26 HTTP/1.1\" 200");
        assert_eq!(example("headers: ", &journal, &messages), None);
        assert_eq!(example("order ", &journal, &[]), None, "it was not logged");
        assert_eq!(logged(&messages), 1);
    }

    #[test]
    fn groups_are_read_from_their_page() {
        let page = r#"{"groups": [
            {"id": "a", "title": "KeyError: 'x'", "count": 2},
            {"id": "b", "title": "OutOfMemory", "count": 7},
            {"id": "c", "title": "no count"}
        ]}"#;
        let groups = groups(page);
        let shown: Vec<_> =
            groups.iter().map(|(id, one)| (id.as_str(), one.count, one.name.as_str())).collect();
        assert_eq!(shown, [("b", 7, "OutOfMemory"), ("a", 2, "KeyError")]);
        assert_eq!(groups[1].1.message, "'x'");
        assert!(super::groups("<html>").is_empty());
        let groups: Vec<_> = groups.into_iter().map(|(_, group)| group).collect();
        assert_eq!(counted(&groups, "shop.KeyError"), 2);
        assert_eq!(counted(&groups, "Error"), 0, "not the end of another word");

        let detail = r#"{"event": {"exception": {"values": [{"stacktrace": {"frames": [
            {"filename": "a.py", "lineno": 1},
            {"abs_path": "/srv/a.py", "filename": "a.py", "lineno": 31, "function": "summary"}
        ]}}]}}}"#;
        assert_eq!(place(detail).as_deref(), Some("/srv/a.py:31 in summary"));
        assert_eq!(place("{}"), None);
    }

    #[test]
    fn figures_come_from_the_metrics() {
        let text = "http_server_request_duration_seconds_bucket{http_route=\"shop\",le=\"0.1\"} 3\n\
            http_server_request_duration_seconds_bucket{http_route=\"shop\",le=\"+Inf\"} 3\n\
            http_server_request_duration_seconds_count{http_route=\"shop\",http_request_method=\"GET\"} 2\n\
            http_server_request_duration_seconds_count{http_route=\"shop\",http_request_method=\"POST\"} 1\n\
            tamis_plugin_calls_total{plugin=\"redact\",hook=\"on-logs\",outcome=\"ok\"} 5\n\
            tamis_plugin_calls_total{plugin=\"redact\",hook=\"scrub\",outcome=\"ok\"} 1\n\
            tamis_plugin_duration_seconds_bucket{plugin=\"redact\",hook=\"on-logs\",le=\"1e-05\"} 6\n\
            tamis_plugin_duration_seconds_bucket{plugin=\"redact\",hook=\"on-logs\",le=\"+Inf\"} 6\n";
        let scrape = Scrape::parse(text);
        let mut sum = Sum::default();
        sum.routes.insert("shop", vec![Duration::from_millis(1); 3]);
        let routes = routes(&scrape, &sum);
        assert_eq!((routes[0].requests, routes[0].p50), (3, Duration::from_millis(50)));
        let costs = costs(&scrape);
        assert_eq!((costs.len(), costs[0].calls), (1, 6));
        assert_eq!(costs[0].p50, Duration::from_micros(5));
    }

    #[tokio::test(start_paused = true)]
    async fn looking_ends_with_the_first_good_sight_or_with_patience() {
        let mut looks = 0;
        let mut look = || {
            looks += 1;
            let now = looks;
            async move { now }
        };
        assert_eq!(until(&mut look, |seen| *seen == 3).await, 3);
        let begun = Instant::now();
        let last = until(&mut look, |_| false).await;
        assert!(last > 50 && begun.elapsed() <= PATIENCE + LOOK, "{last}");
    }
}
