//! The operator's configuration of a plugin, and how mistakes in it are reported.
//!
//! Every mistake carries a JSON Pointer, by which the host prints the operator's own line.

mod mistake;
mod node;
mod parse;

use serde::de::DeserializeOwned;

/// What an instance is told at its start.
///
/// ```
/// use tamis_sdk::{Config, ConfigError, Plugin, plugin};
///
/// #[derive(serde::Deserialize)]
/// struct Settings { words: Vec<String> }
///
/// struct Filter { settings: Settings }
///
/// #[plugin]
/// impl Plugin for Filter {
///     fn configure(config: Config) -> Result<Self, Vec<ConfigError>> {
///         let settings: Settings = config.parse()?;
///         let mut mistakes = Vec::new();
///         for (index, word) in settings.words.iter().enumerate() {
///             if word.is_empty() {
///                 mistakes.push(ConfigError::new(format!("/words/{index}"), "is empty"));
///             }
///         }
///         if mistakes.is_empty() { Ok(Self { settings }) } else { Err(mistakes) }
///     }
/// }
///
/// let error = Filter::configure(Config::new(r#"{"word":[]}"#)).err().expect("a slip");
/// assert_eq!(error[0].path, "/word");
/// assert_eq!(error[0].hint.as_deref(), Some("`words`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(crate) instance_name: String,
    pub(crate) role: Role,
    pub(crate) config: String,
    pub(crate) host_version: String,
    pub(crate) testing: bool,
}

/// Which hooks an instance will be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// Those of exchanges and log records. Never waits.
    Worker,
    /// Ticks, errors, health, admin pages.
    Background,
}

lift!(Role { Worker, Background });

impl Config {
    /// A configuration for tests: this JSON document, in a worker instance.
    pub fn new(json: impl Into<String>) -> Self {
        Self {
            instance_name: "test".into(),
            role: Role::Worker,
            config: json.into(),
            host_version: env!("CARGO_PKG_VERSION").into(),
            testing: true,
        }
    }

    /// Reads the configuration into a type of the plugin's own. No configuration at all counts as
    /// an empty table. Keys that the type does not know are mistakes, whether it says
    /// `deny_unknown_fields` or not. For durations and sizes there are [`Span`](crate::Span) and
    /// [`ByteSize`](crate::ByteSize).
    ///
    /// # Errors
    ///
    /// All mistakes that can be found by leaving out what was wrong and reading again; for an
    /// unknown key with the known one that is most like it.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Vec<ConfigError>> {
        parse::parse(&self.config)
    }

    /// The configuration as a JSON document; `null` when there is none.
    pub fn json(&self) -> &str {
        &self.config
    }

    /// The operator's name for this plugin.
    pub fn instance_name(&self) -> &str {
        &self.instance_name
    }

    /// Which hooks this instance will be asked for. Whether the configuration is accepted, and what
    /// is subscribed to, must not depend on it.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The version of the host.
    pub fn host_version(&self) -> &str {
        &self.host_version
    }

    /// Whether this runs under `tamis test` or `tamis bench`.
    pub fn is_testing(&self) -> bool {
        self.testing
    }
}

/// A mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// JSON Pointer into the configuration, such as `/rules/2/pattern`; empty for the whole.
    pub path: String,
    /// What is wrong, as a lower-case fragment.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl ConfigError {
    /// A mistake at this JSON Pointer.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), hint: None }
    }

    /// Says what to write instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; write {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Vec<ConfigError> {
    fn from(error: ConfigError) -> Self {
        vec![error]
    }
}
