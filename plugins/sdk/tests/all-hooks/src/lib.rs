//! Writes every hook and makes every call to the host, to see that both cross the boundary.

use std::time::Duration;

use serde::Deserialize;
use tamis_sdk::metrics::digits;
use tamis_sdk::outbound::SendError;
use tamis_sdk::{
    Background, Batch, Check, Chunk, ChunkAction, Config, ConfigError, Edits, ErrorEvent,
    Exchanges, Fault, Instant, Next, PageRequest, Passage, Plugin, Reply, Request, Response,
    Severity, Splice, Status, Subscription, Summary, Tick, Timestamp, Value, host, metrics, next,
    outbound, plugin, probe, respond,
};

metrics! {
    /// One of each kind.
    struct Counts {
        requests: counter("all_requests_total", "Requests.", [method, status]),
        open: gauge("all_open", "Open exchanges.", []),
        seconds: histogram("all_seconds", "Time.", [method], [0.1, 1.0]),
        quantiles: summary("all_quantiles_seconds", "Time.", []),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    tick_seconds: Option<u64>,
    #[serde(default)]
    panic: bool,
}

struct Everything {
    settings: Settings,
    counts: Counts,
    open: Exchanges<Instant>,
}

#[plugin(
    guard,
    paths("/api/*", "/health"),
    metrics(Counts),
    exchanges(open),
    schema = r#"{"type":"object"}"#
)]
impl Plugin for Everything {
    fn configure(config: Config) -> Result<Self, Vec<ConfigError>> {
        Ok(Self { settings: config.parse()?, counts: Counts::register()?, open: Exchanges::new() })
    }

    fn subscribe(&self, subscription: &mut Subscription) {
        if let Some(seconds) = self.settings.tick_seconds {
            subscription.tick = Some(Duration::from_secs(seconds));
        }
    }

    #[fields("accept", "cookie")]
    fn on_request(&mut self, request: Request) -> Result<Next, Fault> {
        assert!(!self.settings.panic, "told to");
        self.open.insert(request.exchange, Instant::now());
        self.counts.open.set([], self.open.len() as f64);
        let scheme = request.exchange.fact("url.scheme");
        let trace = request.exchange.trace().map_or_else(String::new, |trace| trace.trace_id);
        let count = host::state().increment("requests", 1)?;
        if request.path() == "/health" {
            return Ok(respond(200).text(format!("{count} {scheme:?} {trace}")).into());
        }
        Ok(next()
            .set_header("x-count", count.to_string())
            .append_header("via", "all")
            .remove_header("cookie")
            .set_target("/elsewhere")
            .set_body("body")
            .set_attribute("count", count)
            .set_attribute("accept", request.header("accept").unwrap_or_default()))
    }

    #[body(transform, max = "1 MiB", types("application/json", "text/*"), decode, unit = "line")]
    fn on_request_body(&mut self, chunk: Chunk) -> ChunkAction {
        ChunkAction::Replace(chunk.data.to_ascii_uppercase())
    }

    #[fields(none)]
    fn on_response(&mut self, response: Response) -> Next {
        let timing = response.exchange.timing();
        next().set_status(204).set_header("server-timing", format!("{:?}", timing.this_plugin))
    }

    #[body(observe, max = "64 KiB", unit = "event", overflow = "reject")]
    fn on_response_body(&mut self, chunk: Chunk) -> ChunkAction {
        if chunk.last {
            ChunkAction::Pass
        } else {
            ChunkAction::Splice(vec![Splice::new(0..1, "X")])
        }
    }

    #[done("url.path", "error.type", min = 400)]
    fn on_done(&mut self, summary: Summary) {
        let took = self.open.get(summary.exchange).map(|start| start.elapsed());
        let status = digits(summary.status);
        self.counts.requests.increment([&summary.method, &status]);
        self.counts.seconds.observe_duration([&summary.method], took.unwrap_or(summary.total));
        self.counts.quantiles.observe([], summary.total.as_secs_f64());
    }

    #[logs(raw, min = "info", batch = 128, delay = "20ms", access_log)]
    fn on_logs(&mut self, batch: Batch) -> Edits {
        let mut edits = Edits::new();
        for (index, record) in batch.records.iter().enumerate() {
            match &*record.message {
                "drop" => edits.drop(index),
                "set" => edits.set_message(index, format!("{} {}", batch.source, record.time())),
                "splice" => edits.splice(index, vec![Splice::new(1..3, "…")]),
                "attribute" => edits.set_attribute(index, "a", 1.5),
                "remove" => edits.remove_attribute(index, "b"),
                "severity" => edits.set_severity(index, Severity::Fatal),
                _ => {}
            }
        }
        edits
    }

    fn scrub(&mut self, passages: Vec<Passage>) -> Result<Vec<Option<String>>, Fault> {
        let clean = |passage: &Passage| {
            passage
                .text
                .contains("secret")
                .then(|| format!("{:?} {}", passage.origin, passage.name))
        };
        Ok(passages.iter().map(clean).collect())
    }

    #[tick("10s")]
    fn on_tick(&mut self, tick: Tick, background: &Background) -> Result<(), SendError> {
        let tasks = [probe::Task::new("tcp://db:5432"), probe::Task::new("https://a.example")];
        for outcome in background.probe(&tasks) {
            match outcome {
                Ok(success) => host::log::info(format_args!("{:?}", success.latency())),
                Err(failure) => host::log::warn(format_args!("{:?}", failure.reason)),
            }
        }
        let request = outbound::Request::post("https://a.example/", tick.now.to_string())
            .header("x-missed", tick.missed.to_string());
        host::enqueue(&request)?;
        background.send(&request)?;
        Ok(())
    }

    fn on_errors(&mut self, batch: Vec<ErrorEvent>, background: &Background) -> Result<(), Fault> {
        for event in batch {
            background.state().set_for(&event.id, &event.message, Duration::from_secs(60))?;
        }
        Ok(())
    }

    fn checks(&mut self) -> Vec<Check> {
        let mut random = [0; 4];
        host::random_bytes(&mut random);
        vec![
            Check::new("database", Status::Degraded)
                .at_worst(Status::Degraded)
                .reason(format!("{random:?} {}", host::random_u64()))
                .latency(Duration::from_millis(3))
                .since(Timestamp::now()),
        ]
    }

    fn on_health(&mut self, checks: Vec<Check>, _: &Background) -> Status {
        match checks.iter().find(|check| check.status == Status::Unhealthy) {
            Some(check) => check.at_worst,
            None => Status::Healthy,
        }
    }

    fn on_page(&mut self, request: PageRequest, _: &Background) -> Result<Reply, Fault> {
        match request.parameter("fail") {
            Some(why) => Err(Fault::unprocessable(why)),
            None => Ok(respond(200).html("<p>all</p>")),
        }
    }

    fn shutdown(&mut self, deadline: Duration) {
        let mut event = ErrorEvent::new("all.shutdown", format!("{deadline:?} left"));
        event.set_attribute("left", Value::Blob(vec![1, 2]));
        host::capture(&event);
    }
}
