//! The configuration: in which hook to misbehave and how; and what to subscribe to.

use serde::Deserialize;

use crate::tamis::plugin::lifecycle_types::{
    DoneSubscription,
    BodyLimits, BodyMode, ConfigError, FieldFilter, LogForm, LogSubscription, Overflow, Phase,
    Subscription, Unit,
};
use crate::tamis::plugin::types::Severity;

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The hook, as the contract has it.
    pub hook: String,
    /// What to do in it.
    #[serde(rename = "do")]
    pub deed: String,
    /// Which way of several.
    pub how: String,
    /// How often, or how many.
    pub times: u64,
    /// How many bytes at once.
    pub bytes: usize,
    /// For `init`: only in this role.
    pub role: Option<String>,
    /// The mode for bodies of both directions.
    pub body: Option<String>,
    /// The paths to act on.
    pub paths: Vec<String>,
}

pub fn read(text: &str) -> Result<Config, Vec<ConfigError>> {
    serde_json::from_str(text).map_err(|error| {
        vec![ConfigError {
            path: String::new(),
            message: error.to_string(),
            hint: Some("{ \"hook\": \"on-request\", \"do\": \"loop\" }".into()),
        }]
    })
}

pub fn subscription(config: &Config) -> Subscription {
    let limits = BodyLimits {
        max_bytes: u64::MAX,
        on_overflow: Overflow::Pass,
        media_types: Vec::new(),
        decode: false,
        unit: Unit::Bytes,
    };
    let default = if cfg!(feature = "watcher") { "observe" } else { "transform" };
    let body = match config.body.as_deref().unwrap_or(default) {
        "observe" => BodyMode::Observe(limits),
        "transform" => BodyMode::Transform(limits),
        "whole" => BodyMode::Whole(limits),
        _ => BodyMode::Skip,
    };
    let phase = Phase { fields: FieldFilter::All, body };
    Subscription {
        paths: config.paths.clone(),
        request: Some(phase.clone()),
        response: Some(phase),
        done: Some(DoneSubscription { fields: FieldFilter::Nothing, min_status: 0 }),
        logs: Some(LogSubscription {
            form: LogForm::Raw,
            min_severity: Severity::Trace,
            max_batch: 512,
            max_delay: 0,
            access_log: true,
        }),
        tick: Some(3_600_000_000_000),
        health: true,
        errors: true,
    }
}
