//! Whether what stands behind the name of a secret can be one at all.
//!
//! In a document or a query it is, whatever it looks like. In free text the same name may begin a
//! sentence (`password: must be longer`), a state (`token=expired`) or a line of code in a stack
//! trace (`password = config["password"]`); a redactor that touches those is switched off.

use crate::ending::Ending;
use crate::names::{Family, Names};
use crate::pair::{Name, Value};
use crate::text::Text;
use crate::value::token::is_random;
use std::ops::Range;

/// Words that stand behind a name in prose, in states and in declarations, never as a secret.
const STATES: &[&str] = &[
    "a",
    "accepted",
    "active",
    "an",
    "and",
    "any",
    "are",
    "at",
    "available",
    "basic",
    "bearer",
    "been",
    "bool",
    "boolean",
    "buffer",
    "by",
    "bytes",
    "can",
    "cannot",
    "changed",
    "char",
    "closed",
    "created",
    "deleted",
    "denied",
    "did",
    "disabled",
    "do",
    "does",
    "empty",
    "enabled",
    "ended",
    "error",
    "expired",
    "expires",
    "failed",
    "failure",
    "falsch",
    "false",
    "for",
    "from",
    "had",
    "has",
    "have",
    "inactive",
    "incorrect",
    "int",
    "integer",
    "invalid",
    "is",
    "loaded",
    "match",
    "matched",
    "matches",
    "mismatch",
    "missing",
    "must",
    "nil",
    "no",
    "none",
    "not",
    "null",
    "number",
    "object",
    "of",
    "off",
    "ok",
    "on",
    "opened",
    "optional",
    "or",
    "please",
    "ready",
    "refresh",
    "refreshed",
    "rejected",
    "required",
    "reset",
    "revoked",
    "set",
    "should",
    "started",
    "stored",
    "str",
    "string",
    "success",
    "successful",
    "successfully",
    "text",
    "the",
    "to",
    "too",
    "true",
    "unavailable",
    "undefined",
    "unknown",
    "unset",
    "updated",
    "use",
    "user",
    "valid",
    "varchar",
    "verified",
    "was",
    "with",
    "wrong",
    "yes",
];

/// What a line of code begins a value with.
const CODE: &[&str] = &[
    "self.",
    "this.",
    "cls.",
    "os.",
    "config.",
    "settings.",
    "args.",
    "options.",
    "opts.",
    "params.",
    "request.",
    "req.",
    "ctx.",
    "env.",
    "process.env",
    "typing.",
    "std::",
    "&self",
    "await ",
    "new ",
    "lambda ",
];

/// Whether the value of a name may be a secret. `judged` is the beginning of the value, as much of
/// it as any rule here wants.
pub(crate) fn may_be_secret(
    text: &Text<'_>,
    names: &Names,
    name: &Name,
    value: &Value,
    sign: usize,
    judged: Range<usize>,
) -> bool {
    let written = text.slice(judged.start, judged.end);
    let weak = matches!(name.family, Family::Secret { weak: true } | Family::Authorization);
    if name.family == Family::Signature {
        // Short names that mean something else outside of an address.
        return name.in_query
            || (matches!(value.ending, Ending::Bare(_))
                && written.len() >= 16
                && is_random(written));
    }
    if !matches!(value.ending, Ending::Bare(_)) || name.in_query {
        return !(weak && is_state(written));
    }
    if name.family == Family::Authorization && is_behind_scheme(text, sign, judged.start) {
        return true;
    }
    if value.wrapped && !written.iter().any(u8::is_ascii_digit) {
        return false;
    }
    let own_name = text.slice(name.start, name.end);
    if is_state(written) || is_directory(own_name, written) || is_code(names, own_name, written) {
        return false;
    }
    if name.quote.is_some() {
        // No document has words without quotes, but a script has.
        return !is_identifier(written);
    }
    if weak {
        let digit = written.len() >= 3 && written.iter().any(u8::is_ascii_digit);
        return digit || (written.len() >= 12 && is_random(written));
    }
    !(text.at(sign) == b':' && is_words(written) && is_prose(text, judged.end))
}

/// Whether a word stands between the sign and the value.
fn is_behind_scheme(text: &Text<'_>, sign: usize, start: usize) -> bool {
    text.slice(sign + 1, start).iter().any(u8::is_ascii_alphabetic)
}

/// A word of [`STATES`], with the sign of a sentence or a declaration behind it.
fn is_state(written: &[u8]) -> bool {
    let end = written.iter().rposition(|b| b.is_ascii_alphanumeric()).map_or(0, |last| last + 1);
    let word = &written[..end];
    word.is_empty()
        || (word.len() <= 12
            && STATES.iter().any(|state| word.eq_ignore_ascii_case(state.as_bytes())))
}

/// `PWD=/home/amy`: the working directory of a shell.
fn is_directory(name: &[u8], written: &[u8]) -> bool {
    let path =
        matches!(written, [b'/' | b'~' | b'.', ..]) || matches!(written, [_, b':', b'\\', ..]);
    path && name.len() <= 6 && name.to_ascii_lowercase().ends_with(b"pwd")
}

/// A name, a call or an index in a piece of code.
fn is_code(names: &Names, name: &[u8], written: &[u8]) -> bool {
    if CODE.iter().any(|code| written.starts_with(code.as_bytes())) || written[0] == b'(' {
        return true;
    }
    let letters = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.' | b':' | b'&');
    let head = written.iter().position(|b| !letters(b)).unwrap_or(written.len());
    let begins_word = written[0].is_ascii_alphabetic() || matches!(written[0], b'_' | b'&');
    if begins_word && matches!(written.get(head), Some(b'(' | b'[')) {
        return true;
    }
    if begins_word && written.windows(2).any(|two| two == b"::" || two == b"->") {
        return true;
    }
    let word = &written
        [..written.iter().rposition(|b| b.is_ascii_alphanumeric()).map_or(0, |last| last + 1)];
    let last_word = name.rsplit(|b| matches!(b, b'.' | b'-')).next().unwrap_or_default();
    if word == last_word || word == name {
        return true;
    }
    let compound = word.iter().any(|b| matches!(b, b'_' | b'.')) && is_identifier(word);
    let constant = compound && word.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    constant || (compound && names.find(word).is_some())
}

fn is_identifier(written: &[u8]) -> bool {
    written.iter().all(|b| {
        b.is_ascii_alphabetic()
            || matches!(b, b'_' | b'.' | b'(' | b')' | b'[' | b']' | b'{' | b'}')
    })
}

fn is_words(written: &[u8]) -> bool {
    written.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'.' | b':' | b'!' | b'?' | b'-'))
}

/// Whether lower-case words follow, as in a sentence.
fn is_prose(text: &Text<'_>, end: usize) -> bool {
    if text.at(end) != b' ' {
        return false;
    }
    let mut at = end + 1;
    while at < end + 24 && text.at(at).is_ascii_lowercase() {
        at += 1;
    }
    at > end + 1 && matches!(text.at(at), b' ' | b',' | b'.' | b'\n' | b'\r' | b'"' | b'!' | 0)
}

#[cfg(test)]
mod tests {
    use crate::engine::{Engine, Scratch};
    use crate::place::Kind;
    use crate::rules::Rules;

    fn is_redacted(input: &str) -> bool {
        let engine = Engine::new(Rules::default());
        engine.redact(Kind::Text, input.as_bytes(), &mut Scratch::default()) != input.as_bytes()
    }

    #[test]
    fn states_are_sorted_for_the_reader() {
        assert!(super::STATES.is_sorted());
    }

    #[test]
    fn secrets_in_free_text() {
        for input in [
            "password=hunter2",
            "password: hunter2",
            "pwd: letmein, user: bob",
            "password=correct-horse",
            "passwd = geheim",
            "token=abc123def",
            "token: 3f9a0c",
            "session=8f14e45f",
            "Authorization: Bearer abc",
            "authorization: Basic YTpi",
            "api_key=AbCdEfGhIjKlMnOp",
            "otp: 123456",
            "cvv=123",
            "password='must'",
            "'password': 'x'",
            "\"password\": hunter2",
            "password: Some(\"hunter2\"),",
            "token=Token[abc123]",
            "secret: Secret(Some('x1'))",
            "DB_PASSWORD=s3cr3t",
            "--password=abc",
            "export TOKEN=abc123",
            "secret=MyVerySecretKeyMaterialXX",
            "Passwort: hunter2",
            "mot de passe : hunter2",
            "contraseña: hunter2",
            "пароль: hunter2",
            "密码: hunter2",
            "{\"contraseña\":\"x\"}",
        ] {
            assert!(is_redacted(input), "`{input}`");
        }
    }

    #[test]
    fn prose_states_and_code_pass() {
        for input in [
            "password: must be at least 8 characters",
            "password: incorrect",
            "Passwort: falsch",
            "Passwort: muss mindestens acht Zeichen lang sein",
            "invalid token: expected identifier",
            "token=expired",
            "session: started",
            "authorization: failed",
            "secret: not found",
            "password=required",
            "PWD=/home/amy",
            "OLDPWD=/",
            "password = password",
            "password=self.password",
            "    password = config[\"password\"]",
            "token = Token(1)",
            "let token = cpuid::init()",
            "password: str,",
            "password: Optional[bytes] = None",
            "def f(user: str, password: str) -> None",
            "connect(user=user, password=password)",
            "PASSWORD = DEFAULT_PASSWORD",
            "{'password': password}",
            "'token': self.make()",
            "Unexpected token: punc (})",
            "pin: connected",
            "\"session\":\"active\"",
            "{\"token\":\"bearer\"}",
            "sig = self._mock",
            "password: the one you chose",
            "SyntaxError: Unexpected token } in JSON at position 4",
        ] {
            assert!(!is_redacted(input), "`{input}`");
        }
    }
}
