//! Times every exchange: a histogram by route, sizes of bodies, `Server-Timing` for those who may
//! see it, a record of each slow request.
//!
//! Nearly everything comes from `on_done`, which runs when the client has its answer. What costs
//! more is asked for only when the configuration wants it: paths for templates, the scheme as a
//! label, the number of requests under way, response heads for `Server-Timing`.
//!
//! This file speaks to the host; the others are plain functions. Watches only: when it fails,
//! exchanges go on without it.

mod audience;
mod labels;
mod routes;
mod server_timing;
mod settings;

use std::time::Duration;

use tamis_sdk::{
    Attribute, Config, ConfigError, Exchange, Exchanges, Fields, Next, Plugin, Request, Response,
    Severity, Subscription, Summary, Timestamp, host, metrics, next, plugin,
};

use crate::labels::Method;
use crate::routes::Routes;
use crate::server_timing::Spent;
use crate::settings::Settings;

metrics! {
    /// Under the names of OpenTelemetry's HTTP server metrics.
    struct Http {
        duration: histogram(
            "http_server_request_duration_seconds",
            "Time from the first byte of the request to the last of the response.",
            [http_request_method, http_route, http_response_status_code, error_type, url_scheme],
        ),
        active: gauge(
            "http_server_active_requests",
            "Requests under way.",
            [http_request_method],
        ),
        request_size: histogram(
            "http_server_request_body_size_bytes",
            "Bytes of request bodies on the wire; requests without one are not counted.",
            [http_request_method, http_route, http_response_status_code, url_scheme],
            settings::SIZE_BOUNDS,
        ),
        response_size: histogram(
            "http_server_response_body_size_bytes",
            "Bytes of response bodies on the wire; responses without one are not counted.",
            [http_request_method, http_route, http_response_status_code, url_scheme],
            settings::SIZE_BOUNDS,
        ),
    }
}

struct Timing {
    settings: Settings,
    routes: Routes,
    http: Http,
    /// The exchanges that `on_request` has seen; without it `on_done` would also count those which
    /// an earlier plugin answered.
    open: Exchanges<Method>,
    active: [u32; Method::COUNT],
}

#[plugin(metrics(Http), schema = include_str!("schema.json"))]
impl Plugin for Timing {
    fn configure(config: Config) -> Result<Self, Vec<ConfigError>> {
        let settings: Settings = config.parse()?;
        let routes = Routes::new(&settings.routes).map_err(|clashes| {
            let error = |clash: routes::Clash| {
                ConfigError::new(format!("/routes/{}", clash.index), clash.message)
            };
            clashes.into_iter().map(error).collect::<Vec<_>>()
        })?;
        let http = Http::register_with(|metric| match metric.name {
            "http_server_request_duration_seconds" => {
                if let Some(bounds) = &settings.buckets {
                    metric.bounds = bounds.to_vec();
                }
            }
            "http_server_active_requests" => metric.enabled = settings.active_requests,
            _ => metric.enabled = settings.body_sizes,
        })?;
        Ok(Self { settings, routes, http, open: Exchanges::new(), active: [0; Method::COUNT] })
    }

    fn subscribe(&self, subscription: &mut Subscription) {
        if !self.settings.active_requests {
            subscription.request = None;
        }
        if self.settings.server_timing.is_nobody() {
            subscription.response = None;
        }
        let mut facts = vec!["error.type"];
        if !self.routes.is_empty() {
            facts.push("url.path");
        }
        if self.settings.url_scheme {
            facts.push("url.scheme");
        }
        if let Some(done) = &mut subscription.done {
            done.fields = Fields::only(facts);
        }
    }

    /// Only with `active-requests`.
    #[fields(none)]
    fn on_request(&mut self, request: Request) {
        let method = Method::of(&request.method);
        self.open.insert(request.exchange, method);
        self.count(method, 1);
    }

    /// Only when somebody may see `Server-Timing`.
    #[fields(none)]
    fn on_response(&mut self, response: Response) -> Next {
        if !self.may_see(response.exchange) {
            return next();
        }
        let timings = response.exchange.timing();
        let spent = Spent {
            total: Timestamp::now().since(timings.received_at),
            plugins: timings.plugins,
            upstream: timings
                .upstream_first_byte
                .map(|answered| answered + timings.upstream_connect.unwrap_or_default()),
        };
        let trace =
            if self.settings.server_timing_trace { response.exchange.trace() } else { None };
        // Added, not set: what the application measured itself stays.
        next().append_header("server-timing", server_timing::value(&spent, trace.as_ref()))
    }

    #[done("error.type")]
    fn on_done(&mut self, summary: Summary) {
        if let Some(method) = self.open.remove(summary.exchange) {
            self.count(method, -1);
        }
        self.measure(&summary);
        if let Some(limit) = self.settings.slow.0
            && summary.total >= limit
        {
            self.report_slow(&summary, limit);
        }
    }
}

impl Timing {
    fn count(&mut self, method: Method, by: i32) {
        let active = &mut self.active[method.index()];
        *active = active.saturating_add_signed(by);
        self.http.active.set([method.as_str()], f64::from(*active));
    }

    fn may_see(&self, exchange: Exchange) -> bool {
        let audience = &self.settings.server_timing;
        audience.is_everybody()
            || exchange
                .fact("client.address")
                .is_some_and(|address| address.as_text().is_some_and(|text| audience.has(text)))
    }

    fn measure(&self, summary: &Summary) {
        let method = Method::of(&summary.method).as_str();
        let route = self.route(summary);
        let digits = metrics::digits(summary.status);
        let status = if summary.status == 0 { "" } else { &*digits };
        let error = labels::error_type(text(summary, "error.type"), summary.outcome, status);
        let scheme =
            if self.settings.url_scheme { text(summary, "url.scheme") } else { None }.unwrap_or("");
        let labels = [method, route, status, error, scheme];
        self.http.duration.observe_duration(labels, summary.total);
        let labels = [method, route, status, scheme];
        if summary.request_bytes > 0 {
            self.http.request_size.observe(labels, summary.request_bytes as f64);
        }
        if summary.response_bytes > 0 {
            self.http.response_size.observe(labels, summary.response_bytes as f64);
        }
    }

    /// The template that the path fits, else the operator's name of the route.
    fn route<'a>(&'a self, summary: &'a Summary) -> &'a str {
        let template = match text(summary, "url.path") {
            Some(path) => self.routes.find(path),
            None => None,
        };
        template.unwrap_or(&summary.route)
    }

    #[cold]
    fn report_slow(&self, summary: &Summary, limit: Duration) {
        // Protocols that took over a connection last as long as they like.
        if summary.status == 101 {
            return;
        }
        // A stream or a large download takes its time; slow is an answer that began late.
        let timings = summary.exchange.timing();
        let began = timings
            .upstream_first_byte
            .map(|answered| answered + timings.upstream_connect.unwrap_or_default());
        if began.is_some_and(|began| began < limit) {
            return;
        }
        let mut attributes: Vec<Attribute> = vec![
            ("http.request.method".to_owned(), (&*summary.method).into()),
            ("http.route".to_owned(), self.route(summary).into()),
            ("http.response.status_code".to_owned(), summary.status.into()),
            ("duration_ms".to_owned(), milliseconds(summary.total).into()),
        ];
        if let Some(upstream) = summary.upstream {
            attributes.push(("upstream_ms".to_owned(), milliseconds(upstream).into()));
        }
        if let Some(began) = began {
            attributes.push(("first_byte_ms".to_owned(), milliseconds(began).into()));
        }
        if let Some(path) = summary.exchange.fact("url.path") {
            attributes.push(("url.path".to_owned(), path));
        }
        attributes.push(("request.id".to_owned(), (&*summary.request_id).into()));
        host::log::write(Severity::Warn, "slow request", &attributes);
    }
}

fn text<'a>(summary: &'a Summary, name: &str) -> Option<&'a str> {
    summary.attribute(name).and_then(|value| value.as_text())
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
