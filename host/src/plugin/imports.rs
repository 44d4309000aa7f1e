//! The imports of the contract that never wait, on the host's side.
//!
//! Every function asks the sandbox first whether it may be called: not while the plugin
//! describes itself, and not more often than its budget allows. Those that wait are in
//! `waiting`.

mod waiting;

use wasmtime::component::{HasSelf, Linker};

use super::bindings::tamis::plugin as wit;
use super::convert;
use super::sandbox::{Breach, Sandbox};
use crate::filter::exchange::Timings;
use crate::filter::{Attribute, Record, Severity, TraceContext};
use crate::metrics::{self, InstanceMetrics, Trace};

/// Longest message of a record that a plugin writes, in bytes; longer ones are cut.
pub(super) const MAX_MESSAGE: usize = 8 * 1024;
/// Most attributes of a record that a plugin writes; further ones are left out.
const MAX_ATTRIBUTES: usize = 32;
/// Most random bytes at once.
pub(super) const MAX_RANDOM: u32 = 64 * 1024;

/// Links one interface of the contract. Those that hold only types need nothing.
///
/// # Errors
///
/// What the engine says, which would be a mistake of this program.
pub fn link(linker: &mut Linker<Sandbox>, interface: &str) -> wasmtime::Result<()> {
    type Own = HasSelf<Sandbox>;
    match interface {
        "log" => wit::log::add_to_linker::<_, Own>(linker, |sandbox| sandbox),
        "clock" => wit::clock::add_to_linker::<_, Own>(linker, |sandbox| sandbox),
        "random" => wit::random::add_to_linker::<_, Own>(linker, |sandbox| sandbox),
        "metrics" => wit::metrics::add_to_linker::<_, Own>(linker, |sandbox| sandbox),
        "errors" => wit::errors::add_to_linker::<_, Own>(linker, |sandbox| sandbox),
        "exchange" => wit::exchange::add_to_linker::<_, Own>(linker, |sandbox| sandbox),
        "state" => wit::state::add_to_linker::<_, Own>(linker, |sandbox| sandbox),
        "outbound-http" => wit::outbound_http::add_to_linker::<_, Own>(linker, |sandbox| sandbox),
        "probe" => wit::probe::add_to_linker::<_, Own>(linker, |sandbox| sandbox),
        _ => Ok(()),
    }
}

impl wit::log::Host for Sandbox {
    fn write(
        &mut self,
        severity: wit::types::Severity,
        message: String,
        attributes: Vec<wit::types::AttributeResult>,
    ) -> wasmtime::Result<()> {
        self.enter()?;
        let severity = convert::severity(severity);
        if severity >= Severity::Error && message.starts_with("panicked at") {
            self.note_panic(message.clone());
        }
        let attributes = attributes.into_iter().take(MAX_ATTRIBUTES);
        self.record(severity, message, attributes.map(convert::attribute).collect());
        Ok(())
    }
}

impl Sandbox {
    /// Writes a record in the name of the plugin, about the exchange of the call under way if
    /// it is about one.
    pub(super) fn record(
        &mut self,
        severity: Severity,
        message: String,
        attributes: Vec<Attribute>,
    ) {
        let (now, _) = self.times();
        let mut record = Record::structured(now, Some(severity), cut(message, MAX_MESSAGE));
        record.attributes = attributes;
        if let Some(exchange) = self.current.and_then(|id| self.exchanges.get(id)) {
            record.request_id = Some(exchange.request_id.clone());
            record.trace = Some(exchange.trace.clone());
        }
        self.services.write(record);
    }

    /// So many random bytes.
    pub(super) fn random_bytes(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        if len > MAX_RANDOM {
            return Err(Breach::Random.into());
        }
        let mut bytes = vec![0; len as usize];
        self.services.random.fill(&mut bytes).map_err(no_randomness)?;
        Ok(bytes)
    }

    /// A random number.
    pub(super) fn random_number(&mut self) -> wasmtime::Result<u64> {
        let mut bytes = [0; 8];
        self.services.random.fill(&mut bytes).map_err(no_randomness)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

/// The beginning of a text, cut between characters.
fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let at = (0..=limit).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(at);
    }
    text
}

impl wit::clock::Host for Sandbox {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.enter()?;
        Ok(self.times().0)
    }

    fn monotonic(&mut self) -> wasmtime::Result<u64> {
        self.enter()?;
        Ok(self.times().1)
    }
}

impl wit::random::Host for Sandbox {
    fn bytes(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        self.enter()?;
        self.random_bytes(len)
    }

    fn next_u64(&mut self) -> wasmtime::Result<u64> {
        self.enter()?;
        self.random_number()
    }
}

fn no_randomness(error: getrandom::Error) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the operating system has no randomness to give: {error}"))
}

impl wit::errors::Host for Sandbox {
    fn capture(&mut self, event: wit::error_types::ErrorEventResult) -> wasmtime::Result<()> {
        self.enter()?;
        if self.stage != super::sandbox::Stage::Serving {
            return Ok(());
        }
        self.services.capture(convert::events::error_event(event));
        Ok(())
    }
}

impl wit::exchange::Host for Sandbox {
    fn get(&mut self, id: u32, name: String) -> wasmtime::Result<Option<wit::types::ValueResult>> {
        let exchange = self.own_exchange(id)?;
        Ok(exchange.fact(&name).map(convert::value_result))
    }

    fn trace(&mut self, id: u32) -> wasmtime::Result<Option<wit::types::TraceContextResult>> {
        let exchange = self.own_exchange(id)?;
        Ok(Some(convert::trace_result(&exchange.trace)))
    }

    fn timing(&mut self, id: u32) -> wasmtime::Result<wit::exchange::Timings> {
        let plugin_index = self.place_index;
        let exchange = self.own_exchange(id)?;
        let Timings { upstream_connect, upstream_first_byte, upstream_last_byte } =
            exchange.timings();
        Ok(wit::exchange::Timings {
            received_at: exchange.received.wall,
            upstream_connect: upstream_connect.map(convert::nanoseconds),
            upstream_first_byte: upstream_first_byte.map(convert::nanoseconds),
            upstream_last_byte: upstream_last_byte.map(convert::nanoseconds),
            plugins: convert::nanoseconds(exchange.spent()),
            this_plugin: convert::nanoseconds(exchange.place(plugin_index).spent),
        })
    }
}

impl wit::metrics::Host for Sandbox {
    fn register(
        &mut self,
        name: String,
        help: String,
        kind: wit::metrics::Kind,
        labels: Vec<String>,
    ) -> wasmtime::Result<Result<u32, wit::metrics::RegisterError>> {
        self.enter()?;
        let kind = match kind {
            wit::metrics::Kind::Counter => metrics::Kind::Counter,
            wit::metrics::Kind::Gauge => metrics::Kind::Gauge,
            wit::metrics::Kind::Histogram(bounds) => metrics::Kind::Histogram(bounds.into()),
            wit::metrics::Kind::Summary(quantiles) => metrics::Kind::Summary(quantiles.into()),
        };
        let Some(meter) = self.metrics.as_mut() else {
            return Ok(Err(wit::metrics::RegisterError::TooLate));
        };
        Ok(meter.register(name, help, kind, labels).map_err(|error| {
            // The code says little; whoever writes the plugin wants to know which and why.
            tracing::warn!(plugin = &*self.plugin, "metric refused: {error}");
            match error {
                metrics::RegisterError::Undeclared(_) => wit::metrics::RegisterError::Undeclared,
                metrics::RegisterError::TooLate(_) => wit::metrics::RegisterError::TooLate,
                metrics::RegisterError::Invalid { .. } => wit::metrics::RegisterError::Invalid,
                _ => wit::metrics::RegisterError::Conflict,
            }
        }))
    }

    fn series(
        &mut self,
        metric: u32,
        label_values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, wit::metrics::SeriesError>> {
        self.enter()?;
        let Some(meter) = self.metrics.as_mut() else {
            return Ok(Err(wit::metrics::SeriesError::Invalid));
        };
        Ok(meter.series(metric, label_values).map_err(|error| match error {
            metrics::SeriesError::Full(id) => wit::metrics::SeriesError::Full(id),
            metrics::SeriesError::Invalid => wit::metrics::SeriesError::Invalid,
        }))
    }

    fn update(&mut self, samples: Vec<(u32, f64)>) -> wasmtime::Result<()> {
        self.enter()?;
        let current = self.current.and_then(|id| self.exchanges.get(id));
        let trace = current.and_then(|exchange| exemplar(&exchange.trace));
        if let Some(meter) = self.metrics.as_mut() {
            meter.update(&samples, trace.as_ref());
        }
        Ok(())
    }
}

/// The trace of an exchange as an exemplar has it; only one that is recorded leads anywhere.
fn exemplar(trace: &TraceContext) -> Option<Trace> {
    if !trace.sampled {
        return None;
    }
    Some(Trace {
        trace_id: u128::from_str_radix(&trace.trace_id, 16).ok()?,
        span_id: u64::from_str_radix(&trace.span_id, 16).ok()?,
        at: std::time::SystemTime::now(),
    })
}

/// What an instance registered and counts.
pub type Meter = Option<InstanceMetrics>;

impl Sandbox {
    /// The exchange of that id, if the call under way is about it.
    fn own_exchange(
        &mut self,
        id: u32,
    ) -> wasmtime::Result<std::sync::Arc<crate::filter::Exchange>> {
        self.enter()?;
        if self.current != Some(id) {
            return Err(Breach::ForeignExchange.into());
        }
        let exchange = self.exchanges.get(id).cloned();
        exchange.ok_or_else(|| Breach::ForeignExchange.into())
    }
}
