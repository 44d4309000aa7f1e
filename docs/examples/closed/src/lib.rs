//! Answers 503 for the application while a page elsewhere says that it is closed.
//!
//! The background instance asks that page and leaves what it said in `state`; the worker
//! instances only read it.

use std::time::Duration;

use tamis_sdk::{
    Background, Config, ConfigError, Fault, Next, PageRequest, Plugin, Reply, Request, Span,
    Subscription, Tick, host, next, outbound, plugin, respond,
};

const KEY: &str = "closed";

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Settings {
    /// Answers 200 while the application is open, and anything else while it is closed.
    ask: String,
    every: Option<Span>,
}

struct Closed {
    settings: Settings,
}

#[plugin(guard)]
impl Plugin for Closed {
    fn configure(config: Config) -> Result<Self, Vec<ConfigError>> {
        let settings: Settings = config.parse()?;
        if settings.every.is_some_and(|every| every.0 < Duration::from_secs(1)) {
            return Err(ConfigError::new("/every", "is less than a second").hint("\"1s\"").into());
        }
        Ok(Self { settings })
    }

    /// The same for all instances: it follows from the configuration alone.
    fn subscribe(&self, subscription: &mut Subscription) {
        if let Some(every) = self.settings.every {
            subscription.tick = Some(every.0);
        }
    }

    /// In a worker: one read of state, and no wait.
    #[fields(none)]
    fn on_request(&mut self, _: Request) -> Result<Next, Fault> {
        match host::state().get(KEY)? {
            Some(_) => Ok(respond(503).header("retry-after", "60").text("closed\n").into()),
            None => Ok(next()),
        }
    }

    /// In the background instance, which may wait.
    #[tick("10s")]
    fn on_tick(&mut self, _: Tick, background: &Background) -> Result<(), Fault> {
        let request = outbound::Request::get(&self.settings.ask).timeout(Duration::from_secs(2));
        let answer = background.send(&request)?;
        if answer.status == 200 {
            host::state().remove(KEY)?;
        } else {
            // Open again by itself if nobody asks any more.
            host::state().set_for(KEY, "yes", Duration::from_secs(60))?;
        }
        Ok(())
    }

    /// `/plugins/closed/` of the admin listener.
    fn on_page(&mut self, _: PageRequest, _: &Background) -> Result<Reply, Fault> {
        let is_closed = host::state().get(KEY)?.is_some();
        Ok(respond(200).text(if is_closed { "closed\n" } else { "open\n" }))
    }
}

#[cfg(test)]
mod tests {
    use tamis_sdk::outbound::{Response, SendError};
    use tamis_sdk::testing::{self, Host};
    use tamis_sdk::{Plugin, Request, Tick, Timestamp, next};

    use super::Closed;

    const ASK: &str = "https://status.example/shop";

    #[test]
    fn it_is_closed_while_the_page_says_so() {
        let host = Host::start();
        let config = format!(r#"{{ "ask": "{ASK}" }}"#);
        let (mut closed, _) = testing::start::<Closed>(&config).expect("valid");
        let tick = || Tick { now: Timestamp::now(), missed: 0 };
        for (status, is_closed) in [(200, false), (503, true), (200, false)] {
            let (headers, body) = Default::default();
            host.answer(ASK, Ok(Response { status, headers, body }));
            closed.on_tick(tick(), &testing::background()).expect("it was answered");
            let answer = closed.on_request(Request::new("GET", "/")).expect("state is there");
            assert_eq!(answer != next(), is_closed, "{status}");
        }
    }

    #[test]
    fn no_answer_is_a_fault_and_changes_nothing() {
        let host = Host::start();
        let config = format!(r#"{{ "ask": "{ASK}", "every": "5s" }}"#);
        let (mut closed, subscription) = testing::start::<Closed>(&config).expect("valid");
        assert_eq!(subscription.tick.expect("it ticks").as_secs(), 5);
        host.answer(ASK, Err(SendError::Timeout));
        let tick = Tick { now: Timestamp::now(), missed: 0 };
        closed.on_tick(tick, &testing::background()).expect_err("nobody answered");
        assert_eq!(closed.on_request(Request::new("GET", "/")), Ok(next()));
    }
}
