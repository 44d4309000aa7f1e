//! Single lines of a traceback: places, source, exceptions.

use tamis_sdk::errors::{Frame, SourceContext};

/// Longest line of source that is kept, in bytes.
const LONGEST_SOURCE: usize = 500;
/// Lines of source behind the first that are kept.
const MOST_AFTER: usize = 5;

/// `  File "path", line 12, in name`; loguru marks the place that caught it with `>`.
pub(super) fn place(text: &str) -> Option<Frame> {
    let line = text.trim_start();
    if line.len() == text.len() && !line.starts_with("> File") {
        return None;
    }
    let line = line.strip_prefix("> ").unwrap_or(line).strip_prefix("File \"")?;
    let (file, rest) = line.rsplit_once("\", line ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(digits);
    let number: u32 = number.parse().ok()?;
    let function = match rest.trim_end() {
        "" => "",
        rest => rest.strip_prefix(", in ")?,
    };
    Some(Frame {
        function: function.to_owned(),
        file: Some(file.to_owned()),
        line: Some(number),
        in_app: Some(is_of_application(file)),
        ..Frame::default()
    })
}

/// Takes in a line below a place.
pub(super) fn source(frame: &mut Frame, text: &str) {
    let line = text.trim();
    let drawn = line.chars().all(|c| matches!(c, '~' | '^' | ' '))
        // loguru's dumps of variables, which hold values.
        || line.starts_with(['│', '└', '├'])
        || line.starts_with("[Previous line repeated ")
        // Lines left out of a long expression.
        || line.starts_with("...<") && line.ends_with(">...");
    if drawn {
        return;
    }
    let line = cut(line, LONGEST_SOURCE).to_owned();
    match &mut frame.context {
        None => frame.context = Some(SourceContext { line, ..SourceContext::default() }),
        Some(context) if context.after.len() < MOST_AFTER => context.after.push(line),
        Some(_) => {}
    }
}

/// `module.Name: message` or `Name`, at the begin of a line: module, name, message.
pub(super) fn exception(text: &str) -> Option<(Option<&str>, &str, &str)> {
    let end = name_len(text);
    let (path, rest) = text.trim_end().split_at_checked(end)?;
    let message = match rest {
        "" => "",
        _ => rest
            .strip_prefix(": ")
            .or_else(|| rest.strip_prefix(':').filter(|rest| rest.is_empty()))?,
    };
    let (module, name) = match path.rsplit_once('.') {
        Some((module, name)) => (Some(module), name),
        None => (None, path),
    };
    let named = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && module.is_none_or(|module| !module.is_empty());
    named.then_some((module, name, message))
}

/// Length of a dotted name; classes made in functions have `<locals>` in theirs.
fn name_len(text: &str) -> usize {
    let mut len = 0;
    loop {
        let rest = &text[len..];
        len += rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.')))
            .unwrap_or(rest.len());
        match text[len..].strip_prefix("<locals>.") {
            Some(_) => len += "<locals>.".len(),
            None => return len,
        }
    }
}

/// Code of the application: neither of a package nor of Python itself.
pub(super) fn is_of_application(file: &str) -> bool {
    let library = file.contains("site-packages")
        || file.contains("dist-packages")
        || file.starts_with('<')
        || library_of_python(file).is_some();
    !library
}

/// What is behind `lib/python3.12/` in the path of a module of Python itself.
pub(crate) fn library_of_python(file: &str) -> Option<&str> {
    let mut from = 0;
    while let Some(at) = file[from..].find("/python") {
        let rest = &file[from + at + "/python".len()..];
        let version = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        if version > 0 && file[..from + at].ends_with("lib") {
            return rest[version..].strip_prefix('/');
        }
        from += at + "/python".len();
    }
    None
}

/// The begin of a text, at a character.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
