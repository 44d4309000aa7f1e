//! Which events are nobody's concern.

use serde::Deserialize;
use tamis_sdk::ErrorEvent;

use super::StatusRange;
use crate::glob::Glob;

/// Describes events to leave out. All that is written has to fit; `*` stands for anything.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct Ignore(Written);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Written {
    /// Such as `upstream.timeout.*` or `log.message`.
    kind: Option<Glob>,
    /// Type of an exception of the chain, with or without its module.
    r#type: Option<Glob>,
    /// The message of the event or of an exception.
    message: Option<Glob>,
    logger: Option<Glob>,
    route: Option<Glob>,
    path: Option<Glob>,
    status: Option<StatusRange>,
}

impl TryFrom<Written> for Ignore {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { kind, r#type, message, logger, route, path, status } = &written;
        let says_something =
            [kind, r#type, message, logger, route, path].iter().any(|glob| glob.is_some());
        if says_something || status.is_some() {
            Ok(Self(written))
        } else {
            Err("fits everything; say what to ignore, such as { kind = \"client.*\" }")
        }
    }
}

impl Ignore {
    /// Whether the event is one to leave out.
    pub(crate) fn fits(&self, event: &ErrorEvent) -> bool {
        let rule = &self.0;
        let attribute = |glob: &Option<Glob>, name: &str| {
            glob.as_ref().is_none_or(|glob| {
                event
                    .attribute(name)
                    .and_then(|value| value.as_text())
                    .is_some_and(|text| glob.fits(text))
            })
        };
        rule.kind.as_ref().is_none_or(|glob| glob.fits(&event.kind))
            && rule.r#type.as_ref().is_none_or(|glob| {
                event.exceptions.iter().any(|exception| {
                    let module = exception.module.as_deref().unwrap_or_default();
                    glob.fits(&exception.name) || glob.fits(&format!("{module}.{}", exception.name))
                })
            })
            && rule.message.as_ref().is_none_or(|glob| {
                glob.fits(&event.message)
                    || event.exceptions.iter().any(|exception| glob.fits(&exception.message))
            })
            && attribute(&rule.logger, "log.logger")
            && attribute(&rule.route, "http.route")
            && attribute(&rule.path, "url.path")
            && rule.status.is_none_or(|range| {
                event
                    .attribute("http.response.status_code")
                    .and_then(|value| value.as_integer())
                    .and_then(|status| u16::try_from(status).ok())
                    .is_some_and(|status| range.has(status))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_sdk::errors::Exception;

    #[test]
    fn all_that_is_written_has_to_fit() {
        tamis_sdk::testing::Host::start();
        let mut event = ErrorEvent::new("log.exception", "charge failed");
        event.exceptions = vec![
            Exception { name: "OSError".into(), ..Exception::default() },
            Exception {
                name: "PaymentError".into(),
                module: Some("shop.pay".into()),
                message: "order 1841".into(),
                ..Exception::default()
            },
        ];
        event.set_attribute("log.logger", "shop.orders");
        event.set_attribute("http.response.status_code", 500_u16);
        event.set_attribute("url.path", "/pay");
        for (rule, expected) in [
            (r#"{"kind": "log.*"}"#, true),
            (r#"{"kind": "upstream.*"}"#, false),
            (r#"{"type": "OSError"}"#, true),
            (r#"{"type": "shop.*"}"#, true),
            (r#"{"type": "PaymentError", "kind": "upstream.*"}"#, false),
            (r#"{"message": "*1841"}"#, true),
            (r#"{"message": "charge*"}"#, true),
            (r#"{"message": "charge"}"#, false),
            (r#"{"logger": "shop.*", "status": "5xx", "path": "/pay"}"#, true),
            (r#"{"status": "404"}"#, false),
            (r#"{"route": "*"}"#, false),
        ] {
            let rule: Ignore = serde_json::from_str(rule).expect("it is right");
            assert_eq!(rule.fits(&event), expected, "{rule:?}");
        }
    }
}
