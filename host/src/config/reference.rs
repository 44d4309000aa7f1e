//! Secrets that stand elsewhere: `env:NAME` and `file:PATH`.
//!
//! A secret written into the file works, too, with a warning: the file is copied, shown and
//! committed more easily than the others. A reference that leads nowhere, or to nothing, is a
//! fault; what it led to never appears in a message.

use std::fs::File;
use std::io::Read as _;

use super::excerpt::quoted;
use super::fault::Fault;
use super::origin::Origin;
use super::reader::{Reader, Value};
use super::value::{Mistake, Secret, ServiceUrl};

/// The largest file that is taken for a secret, in bytes.
const LARGEST: u64 = 64 << 10;

/// Where a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference<'t> {
    /// In a variable of the environment.
    Variable(&'t str),
    /// In a file, relative to the folder of the configuration.
    File(&'t str),
}

impl<'t> Reference<'t> {
    /// The reference that a text is, if it is one.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("env:") {
            let letter = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
            let valid = name.bytes().all(letter) && !name.starts_with(|c: char| c.is_ascii_digit());
            return (valid && !name.is_empty()).then_some(Self::Variable(name));
        }
        text.strip_prefix("file:").filter(|path| !path.is_empty()).map(Self::File)
    }

    /// What it leads to, without the line ending that editors put at the end of a file.
    pub(super) fn resolve(self, reader: &Reader<'_>) -> Result<String, Mistake> {
        match self {
            Self::Variable(name) => match (reader.environment)(name) {
                Some(text) if !text.is_empty() => Ok(text),
                Some(_) => Err(Mistake::new(
                    format!("the variable `{name}` is empty"),
                    "give it a value, or leave the key out",
                )),
                None => Err(Mistake::new(
                    format!("the variable `{name}` is not set"),
                    format!("set it where tamis is started: {name}=… tamis run"),
                )),
            },
            Self::File(path) => {
                let shown = quoted(path);
                let read = File::open(reader.directory.join(path)).and_then(|file| {
                    let mut text = String::new();
                    file.take(LARGEST + 1).read_to_string(&mut text).map(|_| text)
                });
                let text = read.map_err(|error| {
                    let problem = format!("the file {shown} cannot be read: {error}");
                    Mistake::new(problem, "name a file of UTF-8 text that tamis may read")
                })?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                match text.len() as u64 {
                    0 => Err(Mistake::new(
                        format!("the file {shown} is empty"),
                        "put the secret into it, or leave the key out",
                    )),
                    length if length > LARGEST => Err(Mistake::new(
                        format!("the file {shown} is too large for a secret"),
                        "name a file of at most 64 KiB",
                    )),
                    _ => Ok(text.to_owned()),
                }
            }
        }
    }
}

impl Value<'_> {
    /// A secret, or a reference to one.
    pub(super) fn secret(&self) -> Option<Secret> {
        let example = "\"env:NAME\" for a variable or \"file:PATH\" for a file";
        let text = self.text("a string", example)?;
        if let Some(reference) = self.reference(text) {
            return reference.map(Secret::new);
        }
        if text.is_empty() {
            let mistake =
                Mistake::new("an empty secret", format!("write {example}, or leave the key out"));
            return self.refuse(mistake);
        }
        self.warn_of_secret();
        Some(Secret::new(text))
    }

    /// The URL of a service, or a reference to one, since it may hold a password.
    pub(super) fn service(&self) -> Option<ServiceUrl> {
        let text =
            self.text("a URL", "\"redis://cache:6379/0\", or \"env:NAME\" for a variable")?;
        if let Some(reference) = self.reference(text) {
            return match reference?.parse() {
                Ok(url) => Some(url),
                // The problem would quote what the reference led to.
                Err(Mistake { remedy, .. }) => self.refuse(Mistake::new(
                    format!("what {} leads to is no URL of a service", quoted(text)),
                    remedy,
                )),
            };
        }
        let url: ServiceUrl = text.parse().map_or_else(|mistake| self.refuse(mistake), Some)?;
        if url.password.is_some() {
            self.warn_of_secret();
        }
        Some(url)
    }

    /// The text behind a reference: nothing if it is none, nothing within if it leads nowhere.
    fn reference(&self, text: &str) -> Option<Option<String>> {
        let resolved = Reference::parse(text)?.resolve(self.reader);
        Some(resolved.map_or_else(|mistake| self.refuse(mistake), Some))
    }

    fn warn_of_secret(&self) {
        warn_of_secret(self.reader, &self.origin(), &self.path);
    }
}

/// Says that a secret stands in the file itself.
fn warn_of_secret(reader: &Reader<'_>, origin: &Origin, path: &str) {
    reader.warn(Fault::new(origin, "a secret stands in the file").key(path).remedy(
        "write \"env:NAME\" for a variable of the environment or \"file:PATH\" for a file",
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_exact() {
        for (text, reference) in [
            ("env:TOKEN", Some(Reference::Variable("TOKEN"))),
            ("env:_a1", Some(Reference::Variable("_a1"))),
            ("file:/run/secrets/token", Some(Reference::File("/run/secrets/token"))),
            ("file:token", Some(Reference::File("token"))),
            ("env:", None),
            ("env:1A", None),
            ("env:A B", None),
            ("env:A-B", None),
            ("file:", None),
            ("token", None),
            ("ENV:TOKEN", None),
        ] {
            assert_eq!(Reference::parse(text), reference, "{text}");
        }
    }
}
