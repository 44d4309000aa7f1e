//! Reads a configuration through serde and finds out where it is wrong.

use serde::de::DeserializeOwned;

use super::ConfigError;

/// Reads `json` as a `T`; see [`Config::parse`](super::Config::parse).
pub(super) fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Vec<ConfigError>> {
    let json = if json.trim() == "null" { "{}" } else { json };
    serde_json::from_str(json).map_err(|error| vec![ConfigError::new("", error.to_string())])
}
