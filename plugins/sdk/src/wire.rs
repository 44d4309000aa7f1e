//! The types of the contract, under the names of its interfaces, for the generated bindings.
//!
//! Nearly all are the SDK's own types, read and written by the bindings field by field, so that
//! nothing is converted. The few records here are those whose public form differs: it carries the
//! exchange, or durations instead of numbers. Only built for wasm.

#![allow(unreachable_pub, reason = "named by the exported functions of a plugin's component")]

use crate::{errors, health, http, logs, page, scrub, subscription, value};

pub mod types {
    pub use super::value::{Attribute, Header, Severity, Splice, TraceContext, Value};
    pub use crate::fault::Fault;

    pub type Timestamp = u64;
    pub type Duration = u64;
    pub type ExchangeId = u32;
}

pub mod lifecycle_types {
    pub use super::subscription::{
        BodyLimits, BodyMode, DoneSubscription, Fields as FieldFilter, LogForm, Manifest, Phase,
    };
    pub use crate::config::{Config as Environment, ConfigError, Role};

    use super::value::Severity;

    pub struct Subscription {
        pub(crate) paths: Vec<String>,
        pub(crate) request: Option<Phase>,
        pub(crate) response: Option<Phase>,
        pub(crate) done: Option<DoneSubscription>,
        pub(crate) logs: Option<LogSubscription>,
        pub(crate) tick: Option<u64>,
        pub(crate) health: bool,
        pub(crate) errors: bool,
    }

    pub struct LogSubscription {
        pub(crate) form: LogForm,
        pub(crate) min_severity: Severity,
        pub(crate) max_batch: u32,
        pub(crate) max_delay: u64,
        pub(crate) access_log: bool,
    }
}

pub mod http_types {
    pub use super::http::{ChunkAction, Edit, Next as HeadAction, Outcome, Reply as LocalResponse};

    use super::value::{Attribute, Header};

    pub struct RequestHead {
        pub(crate) request_id: String,
        pub(crate) method: String,
        pub(crate) authority: String,
        pub(crate) target: String,
        pub(crate) headers: Vec<Header>,
        pub(crate) ends: bool,
        pub(crate) route: String,
        pub(crate) client_address: String,
    }

    pub struct ResponseHead {
        pub(crate) status: u16,
        pub(crate) headers: Vec<Header>,
        pub(crate) ends: bool,
        pub(crate) local: bool,
    }

    pub struct Chunk {
        pub(crate) data: Vec<u8>,
        pub(crate) offset: u64,
        pub(crate) last: bool,
    }

    pub struct Summary {
        pub(crate) exchange: u32,
        pub(crate) request_id: String,
        pub(crate) method: String,
        pub(crate) route: String,
        pub(crate) outcome: Outcome,
        pub(crate) status: u16,
        pub(crate) request_bytes: u64,
        pub(crate) response_bytes: u64,
        pub(crate) total: u64,
        pub(crate) upstream: u64,
        pub(crate) plugins: u64,
        pub(crate) attributes: Vec<Attribute>,
    }
}

pub mod log_types {
    pub use super::logs::{LogChange, LogEdit, Record as LogRecord};
}

pub mod scrub_types {
    pub use super::scrub::{Origin, Passage};
}

pub mod health_types {
    pub use super::health::{Check, Status};
}

pub mod error_types {
    pub use super::errors::{Breadcrumb, ErrorEvent, Exception, Frame, SourceContext, Thread};
}

pub mod admin_types {
    pub use super::page::PageRequest;
}
