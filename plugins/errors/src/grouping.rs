//! Which errors are the same: a key made of what does not change from one time to the next.
//!
//! For exceptions with a stack trace: types and functions, of the application's own code where there
//! is any, never line numbers, folders or messages. For others: the type and the message without
//! its numbers, names and quotes. Keys are local; servers group by rules of their own.

mod message;

use std::borrow::Cow;

use tamis_sdk::ErrorEvent;
use tamis_sdk::errors::{Exception, Frame};

pub(crate) use message::pattern;

use crate::place;

/// The key of an event: 16 hex digits.
///
/// A fingerprint that the event brings along decides; `{{ default }}` in it stands for what would
/// have been taken without.
pub(crate) fn key(event: &ErrorEvent) -> String {
    let mut hash = Hash::new();
    if event.fingerprint.is_empty() {
        add_default(event, &mut hash);
    }
    for part in &event.fingerprint {
        if matches!(part.as_str(), "{{ default }}" | "{{default}}") {
            add_default(event, &mut hash);
        } else {
            hash.add(part);
        }
    }
    format!("{:016x}", hash.0)
}

fn add_default(event: &ErrorEvent, hash: &mut Hash) {
    hash.add(&event.kind);
    if event.exceptions.is_empty() {
        for name in ["log.logger", "http.route", "error.type"] {
            if let Some(value) = event.attribute(name) {
                hash.add(&value.to_string());
            }
        }
        hash.add(&pattern(&event.message));
        return;
    }
    for exception in &event.exceptions {
        hash.add(&exception.name);
        let frames = telling(exception);
        if frames.is_empty() {
            hash.add(&pattern(&exception.message));
        }
        let mut last = None;
        for frame in frames {
            let file = frame.file.as_deref().map(place::relative).unwrap_or_default();
            let place = (file, without_noise(&frame.function));
            // A recursion is one frame, however deep it went.
            if last.as_ref() != Some(&place) {
                hash.add(frame.module.as_deref().unwrap_or(place.0));
                hash.add(&place.1);
                last = Some(place);
            }
        }
    }
}

/// The frames of the application, or all when there are none.
fn telling(exception: &Exception) -> Vec<&Frame> {
    let own = || exception.frames.iter().filter(|frame| frame.in_app == Some(true));
    if own().next().is_some() { own().collect() } else { exception.frames.iter().collect() }
}

/// A function without the numbers that compilers give to nameless ones.
fn without_noise(function: &str) -> Cow<'_, str> {
    if function.bytes().any(|byte| byte.is_ascii_digit()) {
        Cow::Owned(function.chars().filter(|c| !c.is_ascii_digit()).collect())
    } else {
        Cow::Borrowed(function)
    }
}

/// FNV-1a with 64 bits, the same everywhere and for ever.
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add(&mut self, part: &str) {
        // The end of a part counts, so that parts cannot flow into each other.
        for byte in part.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(crate) fn value(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(frames: &[(&str, &str, bool)], message: &str) -> ErrorEvent {
        let mut event = ErrorEvent::new("log.exception", message);
        let frames = frames
            .iter()
            .map(|&(file, function, own)| Frame {
                function: function.to_owned(),
                file: Some(file.to_owned()),
                line: Some(event.time().unix_nanos() as u32),
                in_app: Some(own),
                ..Frame::default()
            })
            .collect();
        event.exceptions = vec![Exception {
            name: "ValueError".to_owned(),
            message: message.to_owned(),
            frames,
            ..Exception::default()
        }];
        event
    }

    #[test]
    fn the_same_failure_has_the_same_key() {
        tamis_sdk::testing::Host::start();
        let lib = "/usr/lib/python3.11/json.py";
        let one = key(&event(&[("/srv/shop/a.py", "f", true), (lib, "load", false)], "order 1"));
        for (name, same, other) in [
            ("message", true, event(&[("/srv/shop/a.py", "f", true)], "order 2")),
            (
                "library frames",
                true,
                event(&[(lib, "x", false), ("/srv/shop/a.py", "f", true)], ""),
            ),
            ("folder", true, event(&[("/app/a.py", "f", true)], "")),
            ("recursion", true, event(&[("/srv/shop/a.py", "f", true); 7], "")),
            ("function", false, event(&[("/srv/shop/a.py", "g", true)], "order 1")),
            ("file", false, event(&[("/srv/shop/b.py", "f", true)], "order 1")),
        ] {
            assert_eq!(key(&other) == one, same, "{name}");
        }
        let mut other = event(&[("/srv/shop/a.py", "f", true)], "order 1");
        other.exceptions[0].name = "KeyError".to_owned();
        assert_ne!(key(&other), one, "the type counts");
    }

    #[test]
    fn without_frames_the_pattern_of_the_message_decides() {
        tamis_sdk::testing::Host::start();
        let message = |text: &str| key(&ErrorEvent::new("log.message", text));
        assert_eq!(message("order 17 failed"), message("order 4 failed"));
        assert_ne!(message("order 17 failed"), message("order 17 paid"));
        assert_eq!(key(&event(&[], "order 17")), key(&event(&[], "order 4")));
    }

    #[test]
    fn a_fingerprint_decides() {
        tamis_sdk::testing::Host::start();
        let mut one = ErrorEvent::new("upstream.status", "a");
        let mut other = ErrorEvent::new("upstream.refused", "b");
        one.fingerprint = vec!["shop".into(), "route".into()];
        other.fingerprint = one.fingerprint.clone();
        assert_eq!(key(&one), key(&other));
        other.fingerprint = vec!["shop".into(), "other".into()];
        assert_ne!(key(&one), key(&other));
        one.fingerprint = vec!["{{ default }}".into()];
        let plain = ErrorEvent::new("upstream.status", "a");
        assert_eq!(key(&one), key(&plain));
        one.fingerprint.push("shop".into());
        assert_ne!(key(&one), key(&plain));
    }

    #[test]
    fn keys_stay_the_same_over_versions() {
        tamis_sdk::testing::Host::start();
        let mut event = ErrorEvent::new("log.message", "x");
        event.fingerprint = vec!["a".into(), "b".into()];
        assert_eq!(key(&event), "d2b371819297f98a");
    }
}
