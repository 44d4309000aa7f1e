//! Private keys in PEM (RFC 7468), which somebody has logged.
//!
//! They are no traces, and are joined for the guards: a key whose lines arrive one by one, with those
//! of the other stream between them, could not be told from any other text by who sees only its
//! middle.

use super::trace::{About, Machine, Start, Step, contains, is_blank};

/// How many lines a key may have. One of 16,384 bits has 205.
const LINES: u16 = 400;

/// Follows a key.
#[derive(Debug)]
pub(super) struct Key {
    lines: u16,
}

/// `-----BEGIN … PRIVATE KEY-----`, also of OpenSSH and of PGP, alone or behind what a logger wrote.
pub(super) fn start(line: &[u8]) -> Option<Start> {
    let begins = contains(line, b"-----BEGIN ")
        && line.ends_with(b"-----")
        && contains(line, b"PRIVATE KEY");
    begins.then(|| Start::strong(Key { lines: 0 }, 0))
}

/// A line of base64, or one of the fields before it, such as `Proc-Type: 4,ENCRYPTED`.
fn is_of_key(line: &[u8]) -> bool {
    let text = line.trim_ascii_end();
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let name = text.iter().position(|byte| *byte == b':').unwrap_or(0);
    let is_field = (1..=24).contains(&name)
        && text[..name].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && text.get(name + 1) == Some(&b' ');
    is_blank(line) || is_field || (text.len() <= 80 && text.iter().all(base64))
}

impl Machine for Key {
    fn next(&mut self, line: &[u8], _: About) -> Step {
        if line.starts_with(b"-----END ") {
            return Step::Last;
        }
        self.lines += 1;
        if self.lines <= LINES && is_of_key(line) { Step::Take } else { Step::Refuse }
    }

    fn is_certain(&self) -> bool {
        true
    }

    fn language(&self) -> &'static str {
        "pem"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn a_key_is_one_record() {
        let dashes = "-----";
        check(&format!(
            "\
             - before\n\
             = {dashes}BEGIN RSA PRIVATE KEY{dashes}\n\
             = Proc-Type: 4,ENCRYPTED\n\
             = DEK-Info: AES-256-CBC,F00D\n\
             = \n\
             = MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n\
             = ab==\n\
             = {dashes}END RSA PRIVATE KEY{dashes}\n\
             - behind\n"
        ));
    }

    #[test]
    fn a_key_may_begin_behind_what_a_logger_wrote() {
        let dashes = "-----";
        check(&format!(
            "\
             = 2026-11-25 WARN cannot read {dashes}BEGIN PRIVATE KEY{dashes}\n\
             = MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n\
             = {dashes}END PRIVATE KEY{dashes}\n\
             - behind\n"
        ));
    }

    #[test]
    fn what_is_no_line_of_a_key_ends_it() {
        let dashes = "-----";
        check(&format!(
            "\
             = {dashes}BEGIN PRIVATE KEY{dashes}\n\
             = MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n\
             - 2026-11-25 INFO: something else\n\
             - {dashes}BEGIN CERTIFICATE{dashes}\n\
             - MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
        ));
    }
}
