//! The pattern of a rule: read, judged, and ready to become part of an automaton.
//!
//! Patterns are regular expressions over bytes, ASCII only in classes and in what ignores case, and
//! without anything that would need to go back: every one of them has a longest match. Line ends,
//! quotes, backslashes and control characters are in no match, so that lines stay lines and strings
//! stay strings; whatever stands at the edges (`^`, `$`, `\b`, `\B`) is taken off and checked apart.

use regex_syntax::ast::{self, Ast, parse::ParserBuilder};
use regex_syntax::hir::{Class, Hir, HirKind, translate::TranslatorBuilder};

/// The longest match that a pattern may have, in bytes. So much of a text is kept back at most, and
/// so much is read at most from each place where a match could begin.
pub(crate) const LENGTH_MAX: usize = 512;
/// The most bytes that may stand before the group `value`: as far as hits are looked for again
/// before what is settled.
const LEAD_MAX: usize = 120;
/// How deep groups may be nested.
const NEST_MAX: u32 = 40;

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Flaw {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Flaw {
        Flaw { message: message.into(), hint: Some(hint.into()) }
    }
}

/// What has to hold at one end of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Nothing that goes on: no letter or digit beside one, no point between digits.
    Border,
    /// In the middle of a word: `\B`.
    Inside,
    /// The end of a line: `^`, `$`.
    Line,
}

/// A pattern that can be used.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) hir: Hir,
    pub(crate) left: Edge,
    pub(crate) right: Edge,
    /// The length of its longest match, in bytes.
    pub(crate) longest: usize,
    /// Whether only a part of the match is the value.
    pub(crate) has_value: bool,
}

/// Reads a pattern. `most` is the longest match that the operator asked for.
pub(crate) fn read(text: &str, most: Option<usize>) -> Result<Pattern, Flaw> {
    let parsed = ParserBuilder::new().nest_limit(NEST_MAX).build().parse(text);
    let mut ast = parsed.map_err(|error| refused(text, error.kind(), error.span()))?;
    let (left, right) = edges(&mut ast, text)?;
    if let Some(part) = assertion(&ast) {
        return Err(Flaw::new(
            format!("`{}` stands in the middle of the pattern", part_of(text, part)),
            "it may stand at the beginning or the end only; borders of words are checked anyway",
        ));
    }
    if let (None, Some(part)) = (most, unbounded(&ast)) {
        let inner = part_of(text, part.ast.span());
        let least = match part.op.kind {
            ast::RepetitionKind::ZeroOrMore => 0,
            ast::RepetitionKind::Range(ast::RepetitionRange::AtLeast(least)) => least,
            _ => 1,
        };
        let hint = format!(
            "write `{inner}{{{least},64}}`, or `max-length = 64` beside the pattern, with the length that fits"
        );
        return Err(Flaw::new(format!("`{}` has no upper bound", part_of(text, &part.span)), hint));
    }
    let mut translator = TranslatorBuilder::new().unicode(false).utf8(false).build();
    let hir = translator.translate(text, &ast).map_err(|error| {
        Flaw::new(
            format!("`{}` needs Unicode tables", part_of(text, error.span())),
            "classes are of ASCII: write the letters out in a group, as in `(?:é|è)`",
        )
    })?;
    let properties = hir.properties();
    let shortest = properties.minimum_len().unwrap_or(0);
    if shortest == 0 {
        let hint = "let one part of it stand at least once, as in `{1,9}` instead of `{0,9}`";
        return Err(Flaw::new(format!("`{text}` matches an empty text"), hint));
    }
    let longest = match (properties.maximum_len(), most) {
        (Some(longest), Some(most)) => longest.min(most),
        (Some(bound), None) | (None, Some(bound)) => bound,
        (None, None) => {
            return Err(Flaw::new(
                format!("`{text}` has no upper bound"),
                "give `max-length`, the bytes of the longest match",
            ));
        }
    };
    if longest < shortest {
        return Err(Flaw::new(
            format!("a match has at least {shortest} bytes, and `max-length` allows {longest}"),
            format!("write `max-length = {shortest}` or more"),
        ));
    }
    if longest > LENGTH_MAX {
        return Err(Flaw::new(
            format!("a match may have {longest} bytes; {LENGTH_MAX} is the most"),
            "make the repetitions shorter, or bound the whole with `max-length`",
        ));
    }
    if let Some(byte) = never(&hir) {
        let shown = char::from(byte).escape_default();
        return Err(Flaw::new(
            format!("`{shown}` is in no match"),
            "a match ends at quotes, backslashes, line ends and control characters; leave it out",
        ));
    }
    let lead = lead(&hir);
    if let Some(lead) = lead {
        let lead = lead.unwrap_or(longest);
        if lead > LEAD_MAX {
            return Err(Flaw::new(
                format!("{lead} bytes may stand before the group `value`; {LEAD_MAX} is the most"),
                "leave out what need not be there, or ask for it with `words`",
            ));
        }
    }
    if let Some(name) = foreign_group(&hir) {
        return Err(Flaw::new(
            format!("the group `{name}` means nothing"),
            "the group whose text is replaced is called `value`; others need no name: `(?:…)`",
        ));
    }
    if value_may_be_empty(&hir) {
        return Err(Flaw::new(
            "the group `value` may be empty",
            "let one part of it stand at least once",
        ));
    }
    Ok(Pattern { left, right, longest, has_value: lead.is_some(), hir })
}

/// Whether a byte ends every match.
pub(crate) fn stops(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || matches!(byte, b'"' | b'\\')
}

fn part_of<'t>(text: &'t str, span: &ast::Span) -> &'t str {
    text.get(span.start.offset..span.end.offset).unwrap_or(text)
}

/// A pattern that could not be parsed.
fn refused(text: &str, kind: &ast::ErrorKind, span: &ast::Span) -> Flaw {
    let part = part_of(text, span);
    match kind {
        ast::ErrorKind::UnsupportedLookAround => look_around(text, span.start.offset),
        ast::ErrorKind::UnsupportedBackreference => Flaw::new(
            format!("`{part}` refers back to what was matched, which takes more than one pass"),
            "write the part out again; what its copy has to be is for `check` or a narrower class",
        ),
        _ => Flaw {
            message: format!("`{part}` is no regular expression: {kind}"),
            hint: Some("literal strings '…' of TOML need no doubled backslashes".into()),
        },
    }
}

/// Look-around, with what to write instead.
fn look_around(text: &str, start: usize) -> Flaw {
    let end = closing(text, start);
    let group = &text[start..end];
    let inner = |sign: &str| group.strip_prefix(sign).and_then(|rest| rest.strip_suffix(')'));
    let message = format!("`{group}` looks around, which takes more than one pass");
    let hint = if let Some(before) = inner("(?<=") {
        let rest = &text[end..];
        format!(
            "write `{}{before}(?<value>{rest})`: only the group `value` is replaced",
            &text[..start]
        )
    } else if let Some(behind) = inner("(?=") {
        let rest = &text[..start];
        format!(
            "write `(?<value>{rest}){behind}{}`: only the group `value` is replaced",
            &text[end..]
        )
    } else {
        "take it out, and name what must not stand there in `not-words`, or the values in `allow`"
            .into()
    };
    Flaw::new(message, hint)
}

/// Behind the bracket that closes the group at `start`.
fn closing(text: &str, start: usize) -> usize {
    let (mut depth, mut escaped) = (0usize, false);
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' if depth == 1 => return at + 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}

/// Takes what is asked of the edges off the pattern.
fn edges(ast: &mut Ast, text: &str) -> Result<(Edge, Edge), Flaw> {
    let (mut left, mut right) = (Edge::Border, Edge::Border);
    match ast {
        Ast::Assertion(_) => {
            return Err(Flaw::new(format!("`{text}` matches an empty text"), "name what is found"));
        }
        Ast::Concat(concat) => {
            let first = concat.asts.iter().position(|part| !matches!(part, Ast::Flags(_)));
            if let Some(first) = first
                && let Some(edge) = concat.asts.get(first).and_then(edge)
            {
                left = edge;
                concat.asts.remove(first);
            }
            if let Some(edge) = concat.asts.last().and_then(edge) {
                right = edge;
                concat.asts.pop();
            }
        }
        _ => {}
    }
    Ok((left, right))
}

fn edge(ast: &Ast) -> Option<Edge> {
    let Ast::Assertion(assertion) = ast else { return None };
    match assertion.kind {
        ast::AssertionKind::StartLine
        | ast::AssertionKind::EndLine
        | ast::AssertionKind::StartText
        | ast::AssertionKind::EndText => Some(Edge::Line),
        ast::AssertionKind::NotWordBoundary => Some(Edge::Inside),
        _ => Some(Edge::Border),
    }
}

/// The first of what `find` finds, the pattern itself first.
fn search<'a, T>(ast: &'a Ast, find: &mut impl FnMut(&'a Ast) -> Option<T>) -> Option<T> {
    if let Some(found) = find(ast) {
        return Some(found);
    }
    match ast {
        Ast::Repetition(repetition) => search(&repetition.ast, find),
        Ast::Group(group) => search(&group.ast, find),
        Ast::Alternation(parts) => parts.asts.iter().find_map(|part| search(part, find)),
        Ast::Concat(parts) => parts.asts.iter().find_map(|part| search(part, find)),
        _ => None,
    }
}

fn assertion(ast: &Ast) -> Option<&ast::Span> {
    search(ast, &mut |part| matches!(part, Ast::Assertion(_)).then(|| part.span()))
}

fn unbounded(ast: &Ast) -> Option<&ast::Repetition> {
    search(ast, &mut |part| match part {
        Ast::Repetition(repetition) => match repetition.op.kind {
            ast::RepetitionKind::ZeroOrMore
            | ast::RepetitionKind::OneOrMore
            | ast::RepetitionKind::Range(ast::RepetitionRange::AtLeast(_)) => Some(&**repetition),
            _ => None,
        },
        _ => None,
    })
}

/// The parts of an expression.
fn parts(hir: &Hir) -> &[Hir] {
    match hir.kind() {
        HirKind::Repetition(repetition) => std::slice::from_ref(&repetition.sub),
        HirKind::Capture(capture) => std::slice::from_ref(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts,
        _ => &[],
    }
}

/// A byte that the pattern asks for and no match may hold.
fn never(hir: &Hir) -> Option<u8> {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().copied().find(|byte| stops(*byte)),
        HirKind::Class(Class::Bytes(class)) => {
            let mut bytes = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            let first = bytes.next();
            (first.is_some_and(stops) && bytes.all(stops)).then_some(first).flatten()
        }
        _ => parts(hir).iter().find_map(never),
    }
}

fn is_value(hir: &Hir) -> bool {
    matches!(hir.kind(), HirKind::Capture(capture) if capture.name.as_deref() == Some("value"))
}

/// The most bytes before the group `value`, if there is one; `Some(None)` when they have no bound
/// of their own.
fn lead(hir: &Hir) -> Option<Option<usize>> {
    if is_value(hir) {
        return Some(Some(0));
    }
    match hir.kind() {
        HirKind::Concat(parts) => {
            let mut before = Some(0usize);
            for part in parts {
                if let Some(lead) = lead(part) {
                    return Some(before.zip(lead).map(|(before, lead)| before + lead));
                }
                before = before.zip(part.properties().maximum_len()).map(|(all, one)| all + one);
            }
            None
        }
        HirKind::Repetition(repetition) => lead(&repetition.sub).map(|_| None),
        _ => parts(hir).iter().filter_map(lead).reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b))),
    }
}

/// Whether it asks for letters and takes them in one case only.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn has_letters_of_one_case(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().any(u8::is_ascii_alphabetic),
        _ => parts(hir).iter().any(has_letters_of_one_case),
    }
}

/// The part of a pattern that is the value, as a pattern of its own.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn value_of(pattern: &Pattern) -> Pattern {
    fn group(hir: &Hir) -> Option<&Hir> {
        if is_value(hir) { Some(hir) } else { parts(hir).iter().find_map(group) }
    }
    let hir = group(&pattern.hir).unwrap_or(&pattern.hir).clone();
    Pattern { hir, has_value: false, ..pattern.clone() }
}

/// The pattern without each of its alternatives, and that alternative as it is written.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn without_alternatives(text: &str) -> Vec<(String, String)> {
    let mut without = Vec::new();
    let Ok(ast) = ParserBuilder::new().nest_limit(NEST_MAX).build().parse(text) else {
        return without;
    };
    search::<()>(&ast, &mut |part| {
        if let Ast::Alternation(alternation) = part {
            let parts: Vec<_> =
                alternation.asts.iter().map(|part| part_of(text, part.span())).collect();
            for left_out in 0..parts.len() {
                let rest: Vec<_> = (0..parts.len()).filter(|at| *at != left_out).collect();
                let rest: Vec<_> = rest.into_iter().map(|at| parts[at]).collect();
                let (from, to) = (alternation.span.start.offset, alternation.span.end.offset);
                let shorter = format!("{}{}{}", &text[..from], rest.join("|"), &text[to..]);
                without.push((shorter, parts[left_out].to_owned()));
            }
        }
        None
    });
    without
}

fn foreign_group(hir: &Hir) -> Option<&str> {
    if let HirKind::Capture(capture) = hir.kind()
        && let Some(name) = capture.name.as_deref()
        && name != "value"
    {
        return Some(name);
    }
    parts(hir).iter().find_map(foreign_group)
}

fn value_may_be_empty(hir: &Hir) -> bool {
    (is_value(hir) && hir.properties().minimum_len() == Some(0))
        || parts(hir).iter().any(value_may_be_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_a_length_and_edges() {
        for (text, longest, left, right, has_value) in [
            ("EMP-(?<value>[0-9]{6})", 10, Edge::Border, Edge::Border, true),
            ("(?i)ab{1,3}", 4, Edge::Border, Edge::Border, false),
            (r"^x[0-9]{2}$", 3, Edge::Line, Edge::Line, false),
            (r"\Bx\b", 1, Edge::Inside, Edge::Border, false),
            ("a|bcd", 3, Edge::Border, Edge::Border, false),
            ("é{2}", 4, Edge::Border, Edge::Border, false),
        ] {
            let pattern = read(text, None).unwrap_or_else(|flaw| panic!("`{text}`: {flaw:?}"));
            let got = (pattern.longest, pattern.left, pattern.right);
            assert_eq!(got, (longest, left, right), "`{text}`");
            assert_eq!(pattern.has_value, has_value, "`{text}`");
        }
        assert_eq!(read("x[0-9]+", Some(9)).map(|pattern| pattern.longest), Ok(9));
    }

    #[test]
    fn flaws_name_the_part_and_what_to_write() {
        for (text, message, hint) in [
            ("[0-9]*", "`[0-9]*` has no upper bound", "`[0-9]{0,64}`"),
            ("x(ab)+", "`(ab)+` has no upper bound", "`(ab){1,64}`"),
            ("a{3,}", "`a{3,}` has no upper bound", "`a{3,64}`"),
            ("(a{0,3})?", "matches an empty text", "at least once"),
            ("^$", "matches an empty text", ""),
            ("(?<=EMP-)[0-9]{6}", "`(?<=EMP-)` looks", "`EMP-(?<value>[0-9]{6})`"),
            ("[0-9]{6}(?= EUR)", "`(?= EUR)` looks", "`(?<value>[0-9]{6}) EUR`"),
            ("x(?!y)", "`(?!y)` looks", "`not-words`"),
            (r"([a-z])\1", r"`\1` refers back", "`check`"),
            (r"a\bc", r"`\b` stands in the middle", "beginning or the end"),
            ("(", "`(` is no regular expression", "literal strings"),
            ("[é]x", "needs Unicode", "(?:é|è)"),
            (r"\p{Greek}", "needs Unicode", "ASCII"),
            ("a\"b", "`\\\"` is in no match", "quotes"),
            (r"a\\b", r"`\\` is in no match", "backslashes"),
            (r"a\nb", r"`\n` is in no match", "line ends"),
            ("x{600}", "600 bytes; 512 is the most", "shorter"),
            ("x{200}(?<value>y)", "200 bytes may stand before", "`words`"),
            ("(?<valeu>y)", "`valeu` means nothing", "`value`"),
            ("x(?<value>y?)", "`value` may be empty", "at least once"),
        ] {
            let flaw = read(text, None).expect_err(text);
            assert!(flaw.message.contains(message), "`{text}`: {flaw:?}");
            assert!(flaw.hint.as_deref().unwrap_or_default().contains(hint), "`{text}`: {flaw:?}");
        }
        assert!(read("abc", Some(2)).is_err());
    }
}
