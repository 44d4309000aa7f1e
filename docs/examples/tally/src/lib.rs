//! Counts exchanges by tenant, and names the tenant in log records that begin with it.

use tamis_sdk::{
    Batch, Config, ConfigError, Edits, Exchanges, Plugin, Request, Summary, metrics, plugin,
};

metrics! {
    /// What this plugin counts.
    struct Counts {
        requests: counter("tally_requests_total", "Requests by tenant.", [tenant, status]),
        seconds: histogram("tally_request_seconds", "Time to the last byte.", [tenant]),
    }
}

struct Tally {
    counts: Counts,
    /// The tenant of each open exchange.
    tenants: Exchanges<String>,
}

#[plugin(metrics(Counts), exchanges(tenants), paths("/api/*"))]
impl Plugin for Tally {
    fn configure(_: Config) -> Result<Self, Vec<ConfigError>> {
        Ok(Self { counts: Counts::register()?, tenants: Exchanges::new() })
    }

    #[fields("x-tenant")]
    fn on_request(&mut self, request: Request) {
        let tenant = request.header("x-tenant").unwrap_or("none");
        self.tenants.insert(request.exchange, tenant.to_owned());
    }

    fn on_done(&mut self, summary: Summary) {
        let Some(tenant) = self.tenants.remove(summary.exchange) else { return };
        let status = metrics::digits(summary.status);
        self.counts.requests.increment([&tenant, &status]);
        self.counts.seconds.observe_duration([&tenant], summary.total);
    }

    #[logs(parsed, min = "info")]
    fn on_logs(&mut self, batch: Batch) -> Edits {
        let mut edits = Edits::new();
        for (index, record) in batch.records.iter().enumerate() {
            let tenant = record.message.strip_prefix("tenant ");
            if let Some((tenant, _)) = tenant.and_then(|rest| rest.split_once(':')) {
                edits.set_attribute(index, "tenant", tenant);
            }
        }
        edits
    }
}

#[cfg(test)]
mod tests {
    use tamis_sdk::testing::{self, Host};
    use tamis_sdk::{Batch, Plugin, Request, Summary};

    use super::Tally;

    #[test]
    fn requests_are_counted_by_tenant() {
        let host = Host::start();
        let (mut tally, _) = testing::start::<Tally>("null").expect("valid");
        tally.on_request(Request::new("GET", "/api/a").with_header("x-tenant", "blue"));
        tally.on_done(Summary::new("GET", "app", 200));
        assert_eq!(host.metric("tally_requests_total", &["blue", "200"]), Some(1.0));
        assert_eq!(host.samples("tally_request_seconds", &["blue"]), [0.0]);
    }

    #[test]
    fn records_are_told_apart_by_tenant() {
        Host::start();
        let (mut tally, _) = testing::start::<Tally>("null").expect("valid");
        let edits = tally.on_logs(Batch::new("child", ["started", "tenant blue: order 1841"]));
        assert_eq!(edits.changes.len(), 1);
        assert_eq!(edits.changes[0].index, 1);
    }
}
