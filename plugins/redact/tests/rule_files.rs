//! What a rule file may say, and what is wrong with those that cannot be used.

use serde_json::{Value, json};
use std::fmt::Write as _;
use tamis_redact::trial::{self, Report};
use tamis_redact::{Engine, Field, Kind, Place, Rules, Scratch};

fn read(text: &str) -> Value {
    toml::from_str(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn trial(config: &Value) -> Report {
    trial::run(config, &mut |_, _| ())
}

fn engine(text: &str) -> Engine {
    Engine::new(
        Rules::from_config(&read(text)).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}")),
    )
}

fn redact(engine: &Engine, kind: Kind, text: &str) -> String {
    let out = engine.redact(kind, text.as_bytes(), &mut Scratch::default()).into_owned();
    String::from_utf8(out).expect("characters stay whole")
}

/// A file, a text, what becomes of it.
fn check(rows: &[(&str, &str, &str)]) {
    for (file, input, expected) in rows {
        assert_eq!(redact(&engine(file), Kind::Text, input), *expected, "{file}");
    }
}

const BADGE: &str = "[[rule]]\nname = 'badge'\nmatch = 'EMP-(?<value>[0-9]{6})'\n";

#[test]
fn a_match_stands_for_itself() {
    check(&[
        (BADGE, "x EMP-123456 y", "x EMP-[badge] y"),
        (BADGE, "xEMP-123456", "xEMP-123456"),
        (BADGE, "EMP-1234567", "EMP-1234567"),
        (BADGE, "_EMP-123456_", "_EMP-[badge]_"),
        (BADGE, "EMP-123456.5", "EMP-123456.5"),
        (BADGE, "EMP-123456.", "EMP-[badge]."),
        (BADGE, r"line\nEMP-123456\tb", r"line\nEMP-[badge]\tb"),
        (BADGE, "EMP-123456 EMP-123457,EMP-123458", "EMP-[badge] EMP-[badge],EMP-[badge]"),
        ("[[rule]]\nname='x1'\nmatch='[0-9]{4}(?:-[0-9]{2})?'\n", "1234-5x", "[x1]-5x"),
        ("[[rule]]\nname='x1'\nmatch='[0-9]{4}(?:-[0-9]{2})?'\n", "1234-567", "[x1]-567"),
        ("[[rule]]\nname='x1'\nmatch='\\BQZ'\n", "abQZ QZ", "ab[x1] QZ"),
        ("[[rule]]\nname='x1'\nmatch='^QZ[0-9]$'\n", "QZ1\nQZ2 x\nQZ3", "[x1]\nQZ2 x\n[x1]"),
        ("[[rule]]\nname='x1'\nmatch='#[0-9]{3}'\n", "a #123 b#1234", "a [x1] b#1234"),
        ("[[rule]]\nname='x1'\nmatch='(?i)qz-é?[a-z]{2}'\n", "QZ-éab qz-AB", "[x1] [x1]"),
        ("[[rule]]\nname='x1'\nmatch='zq[^ ]{1,3}'\n", "zqéé zqaé", "[x1]é [x1]"),
    ]);
}

#[test]
fn validators_words_and_allow_lists_decide() {
    let words =
        format!("{BADGE}words = {{ any = ['badge'], before = 20, after = 8, or-key = true }}\n");
    let not = format!("{BADGE}not-words = ['build']\n");
    let allow = format!("{BADGE}allow = ['123456', 'regex:9[0-9]{{5}}']\n");
    let low = format!("{BADGE}words = ['badge']\nconfidence = 'low'\n");
    check(&[
        (&format!("{BADGE}check = ['luhn']\n"), "EMP-123455 EMP-123456", "EMP-[badge] EMP-123456"),
        (&words, "badge EMP-123456", "badge EMP-[badge]"),
        (&words, "EMP-123456 badge", "EMP-[badge] badge"),
        (&words, "EMP-123456 or so badge", "EMP-123456 or so badge"),
        (&words, "badge\nEMP-123456", "badge\nEMP-123456"),
        (&words, r#"{"a":"badge","b":"EMP-123456"}"#, r#"{"a":"badge","b":"EMP-123456"}"#),
        (&words, r#"{"badgeNumber":"EMP-123456"}"#, r#"{"badgeNumber":"EMP-[badge]"}"#),
        (&not, "build EMP-123456", "build EMP-123456"),
        (&not, "EMP-123456 build", "EMP-[badge] build"),
        (&allow, "EMP-123456 EMP-912345 EMP-212345", "EMP-123456 EMP-912345 EMP-[badge]"),
        (&low, "the badge EMP-123456", "the badge EMP-123456"),
        (&low, "badge_no: EMP-123456", "badge_no: EMP-[badge]"),
    ]);
}

#[test]
fn actions_are_those_of_every_rule() {
    let action = |action: &str| format!("key = '0123456789abcdef'\n{BADGE}action = {action}\n");
    check(&[
        (&action("'mask'"), "EMP-123456", "EMP-**********"),
        (&action("{ last4 = true }"), "EMP-123456", "EMP-**********"),
        (&action("{ replace = '(gone)' }"), "EMP-123456", "EMP-(gone)"),
        (&action("'drop'"), "a EMP-123456 b", "a EMP- b"),
        (&action("'report'"), "EMP-123456", "EMP-123456"),
        (&format!("{BADGE}shadow = true\n"), "EMP-123456", "EMP-123456"),
        (
            &format!("rules = ['email']\n{BADGE}"),
            "EMP-123456 4111111111111111",
            "EMP-[badge] 4111111111111111",
        ),
        (
            &format!("rules = ['default', '-badge']\n{BADGE}"),
            "EMP-123456 a@b.de",
            "EMP-123456 [email]",
        ),
        (&format!("actions = {{ default = 'mask' }}\n{BADGE}"), "EMP-123456", "EMP-**********"),
        (
            "[[change]]\nrule = 'email'\naction = 'mask'\nallow = ['a@b.de']\n",
            "a@b.de c@d.de",
            "a@b.de **********",
        ),
        ("names = ['kode']\n", "kode=geheim1", "kode=[redacted]"),
        (
            "[[names]]\nnames = ['kode', 'token']\naction = { replace = '(no)' }\n",
            "kode=geheim1 token=abc123 pin=1",
            "kode=(no) token=(no) pin=1",
        ),
        (
            "[[names]]\nnames = ['kode']\naction = 'drop'\n",
            r#"{"a":1,"kode":"x","b":2}"#,
            r#"{"a":1,"b":2}"#,
        ),
    ]);
    let hashed = redact(&engine(&action("'hash'")), Kind::Text, "EMP-123456");
    assert!(hashed.starts_with("EMP-badge:") && hashed.len() == 26, "{hashed}");
    let rules = engine("[[names]]\nname = 'codes'\nnames = ['kode']\naction = 'drop'\n");
    let mut scratch = Scratch::default();
    assert_eq!(rules.field("kode", "x1", &mut scratch), Field::Remove);
    assert_eq!(rules.named(scratch.counts()).collect::<Vec<_>>(), [("codes", 1)]);
}

#[test]
fn documents_stay_documents() {
    for (pattern, input, expected) in [
        (
            "[0-9]{6}",
            r#"{"a":123456,"b":[1,123456 ],"c":"123456"}"#,
            r#"{"a":"[x1]","b":[1,"[x1]" ],"c":"[x1]"}"#,
        ),
        ("[0-9]{6}", r#"{"a":-123456,"b":1E+123}"#, r#"{"a":"[x1]","b":1E+123}"#),
        (r"[0-9]{1,3}\.[0-9]{2}", r#"{"a":12.50, "b":-1.25}"#, r#"{"a":"[x1]", "b":"[x1]"}"#),
        ("[0-9]{2},[0-9]{2}", r#"{"a":[12,34]}"#, r#"{"a":["[x1]"]}"#),
        ("zz[^ ]{1,20}", r#"{"a":"zzabc","b":1}"#, r#"{"a":"[x1]","b":1}"#),
        ("(?:true|zz)", r#"{"a":true}"#, r#"{"a":true}"#),
        ("[:,][0-9]{1,3}", r#"{"a":1,"b":[1,2]}"#, r#"{"a":1,"b":[1,2]}"#),
        ("u[0-9a-f]{4}", r#"{"a":"\u00e9 u00e9"}"#, r#"{"a":"\u00e9 [x1]"}"#),
    ] {
        let file = format!("rules = []\n[[rule]]\nname = 'x1'\nmatch = '{pattern}'\n");
        let out = redact(&engine(&file), Kind::Json, input);
        assert_eq!(out, expected, "`{pattern}`");
        assert!(serde_json::from_str::<Value>(&out).is_ok(), "{out}");
    }
}

#[test]
fn rules_act_where_they_are_told_to() {
    for (key, value, acts) in [
        ("where", "log | body", [true, true, false, false, false]),
        ("except", "log|body", [false, false, true, true, true]),
        ("where", "header", [false, false, true, false, false]),
    ] {
        let engine = engine(&format!("{BADGE}{key} = '{value}'\n"));
        let places = [Place::Log, Place::Body, Place::Header, Place::Query, Place::Event];
        for (place, acts) in places.into_iter().zip(acts) {
            let mut scratch = Scratch::default();
            scratch.enter(place);
            engine.scan(Kind::Text, b"EMP-123456", &mut scratch);
            assert_eq!(!scratch.is_clean(), acts, "{key} {value} in {place:?}");
        }
    }
}

#[test]
fn rules_act_behind_the_names_they_are_told() {
    let only = |text: &str| format!("{BADGE}{text}\n");
    check(&[
        (
            &only("where = 'body.**.card | query.ref'"),
            r#"{"card":"the EMP-123456","b":"EMP-123456"}"#,
            r#"{"card":"the EMP-[badge]","b":"EMP-123456"}"#,
        ),
        (
            &only("where = 'query.ref'"),
            "/x?a=EMP-123456&ref=EMP-123456",
            "/x?a=EMP-123456&ref=EMP-[badge]",
        ),
        (
            &only("except = 'log.attributes.trace'"),
            "a=EMP-123456 trace=EMP-123456",
            "a=EMP-[badge] trace=EMP-123456",
        ),
        (&only("where = 'log.message'"), "see EMP-123456", "see EMP-[badge]"),
        (
            &only("where = 'log.message'"),
            r#"{"message":"EMP-123456","user":"EMP-123456"}"#,
            r#"{"message":"EMP-[badge]","user":"EMP-123456"}"#,
        ),
        (
            &only("where = 'cookie.theme'"),
            "theme=EMP-123456; b=EMP-123456",
            "theme=EMP-[badge]; b=EMP-123456",
        ),
    ]);
    let rule = engine(&only("where = 'header.x-ref'"));
    let mut scratch = Scratch::default();
    assert_eq!(rule.field("x-ref", "EMP-123456", &mut scratch), Field::Set("EMP-[badge]".into()));
    assert_eq!(rule.field("x-other", "EMP-123456", &mut scratch), Field::Keep);
}

/// Pointer, part of the message, part of the hint.
type Mistake = (&'static str, &'static str, &'static str);

/// Each file has these mistakes and no others.
fn check_mistakes(rows: &[(String, Vec<Mistake>)]) {
    let mut failed = String::new();
    for (file, expected) in rows {
        let errors = trial(&read(file)).errors;
        let matches = errors.len() == expected.len()
            && errors.iter().zip(expected).all(|(error, (path, message, hint))| {
                error.path == *path
                    && error.message.contains(message)
                    && error.hint.as_deref().unwrap_or_default().contains(hint)
            });
        if !matches {
            let _ = writeln!(failed, "── {file}\nexpected {expected:#?}\nfound {errors:#?}");
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn mistakes_are_told_with_their_place_and_their_remedy() {
    let rule = |more: &str| format!("[[rule]]\nname = 'x1'\n{more}\n");
    let with = |more: &str| rule(&format!("match = 'QZ[0-9]{{6}}'\n{more}"));
    let rows: Vec<(String, Vec<Mistake>)> = vec![
        ("[[rule]]\nmatch = 'x'\n".into(), vec![("/rule/0", "no name", "name =")]),
        ("rule = 1".into(), vec![("/rule", "array of tables", "[[rule]]")]),
        ("rule = [1]".into(), vec![("/rule/0", "table", "[[rule]]")]),
        (rule(""), vec![("/rule/0", "no pattern", "match =")]),
        (rule("match = 1"), vec![("/rule/0/match", "string", "'…'")]),
        (
            "[[rule]]\nname = 'X y'\nmatch = 'qz'\n".into(),
            vec![("/rule/0/name", "a name is", "badge")],
        ),
        (
            "[[rule]]\nname = 'email'\nmatch = 'qz'\n".into(),
            vec![("/rule/0/name", "ships", "[[change]]")],
        ),
        (
            format!("{}{}", with(""), with("")),
            vec![("/rule/1/name", "two rules are called `x1`", "own")],
        ),
        (
            rule("match = '[0-9]+'"),
            vec![("/rule/0/match", "`[0-9]+` has no upper bound", "{1,64}")],
        ),
        (
            rule("match = '(?<=A)x'"),
            vec![("/rule/0/match", "`(?<=A)` looks around", "`A(?<value>x)`")],
        ),
        (rule("match = '(a)\\1'"), vec![("/rule/0/match", "refers back", "write the part out")]),
        (rule("match = 'a{0,3}'"), vec![("/rule/0/match", "empty text", "at least once")]),
        (
            rule("match = '[a-z]{2,9}'"),
            vec![("/rule/0/match", "is written in place of values", "narrower")],
        ),
        (rule("match = '[*]{4}'"), vec![]),
        (
            rule("match = '[ab]{0,90}a[ab]{90}(?:c|d)'"),
            vec![("/rule/0/match", "automaton", "shorter")],
        ),
        (with("max-length = 0"), vec![("/rule/0/max-length", "no number of bytes", "64")]),
        (with("max-length = 3"), vec![("/rule/0/match", "at least 8 bytes", "`max-length = 8`")]),
        (with("mach = 'x'"), vec![("/rule/0/mach", "unknown key `mach`", "match")]),
        (with("check = ['lun']"), vec![("/rule/0/check/0", "unknown validator `lun`", "luhn")]),
        (with("check = ['date:X']"), vec![("/rule/0/check/0", "no layout", "luhn")]),
        (
            with("words = { any = ['two words'] }"),
            vec![("/rule/0/words/any/0", "not one word", "\"words\"")],
        ),
        (
            with("words = { nay = [] }"),
            vec![("/rule/0/words/nay", "unknown key", "any"), ("/rule/0/words", "no list", "any")],
        ),
        (
            with("words = { any = ['a'], before = 900 }"),
            vec![("/rule/0/words/before", "0 to 200", "")],
        ),
        (
            with("confidence = 'medium'"),
            vec![("/rule/0/confidence", "needs `words`", "confidence = \"high\"")],
        ),
        (with("confidence = 'hihg'"), vec![("/rule/0/confidence", "high, medium or low", "high")]),
        (
            with("where = 'body.user'"),
            vec![("/rule/0/where", "only the last name can be seen", "body.**.user")],
        ),
        (with("where = 'logs'"), vec![("/rule/0/where", "no place", "log")]),
        (
            with("except = 'body.**.a | log.user'"),
            vec![("/rule/0/except", "no part of a record", "log.attributes.NAME")],
        ),
        (with("allow = ['cidr:x']"), vec![("/rule/0/allow/0", "no network", "")]),
        (with("allow = ['regex:x*']"), vec![("/rule/0/allow/0", "upper bound", "")]),
        (with("action = 'makeover'"), vec![("/rule/0/action", "unknown action", "")]),
        (with("action = 'hash'"), vec![("/rule/0/action", "needs a key", "16 bytes")]),
        (with("action = 'truncate'"), vec![("/rule/0/action", "`ip` and `mac`", "mask")]),
        (
            with("action = { replace = 'no QZ123456' }"),
            vec![
                ("/rule/0/action/replace", "redacted itself", "[x1]"),
                ("/rule/0/match", "written in place", "narrower"),
            ],
        ),
        (with("shadow = 'yes'"), vec![("/rule/0/shadow", "true or false", "")]),
        (with("severity = 'hig'"), vec![("/rule/0/severity", "one of low", "high")]),
        (with("[[rule.test]]\nin = 'a'\n"), vec![("/rule/0/test/0", "either `out` or", "out =")]),
        (with("[[rule.test]]\nout = 'a'\n"), vec![("/rule/0/test/0", "no text", "in =")]),
        (
            with("[[rule.test]]\nin = 'a'\nsame = true\nas = 'jsn'\n"),
            vec![("/rule/0/test/0/as", "`jsn`", "json")],
        ),
        (
            with("[[rule.test]]\nin = 'a QZ123456'\nout = 'a [x2]'\n"),
            vec![("/rule/0/test/0/out", "a vector of `x1` fails", "got       a [x1]")],
        ),
        (
            with("[[rule.test]]\nin = 'a QZ123456'\nsame = true\n"),
            vec![("/rule/0/test/0/same", "fails", "expected  a QZ123456")],
        ),
        ("[[names]]\nnames = ['a*b']\n".into(), vec![("/names/0/names/0", "star", "*_ab")]),
        ("[[names]]\naction = 'mask'\n".into(), vec![("/names/0", "no names", "names =")]),
        (
            "[[names]]\nnames = ['kode']\naction = 'last4'\n".into(),
            vec![("/names/0/action", "hidden", "mask")],
        ),
        (
            "[[names]]\nnames = ['kode']\nactoin = 'mask'\n".into(),
            vec![("/names/0/actoin", "unknown key", "action")],
        ),
        (
            "[[change]]\nrule = 'emial'\n".into(),
            vec![("/change/0/rule", "unknown rule `emial`", "email")],
        ),
        ("[[change]]\naction = 'mask'\n".into(), vec![("/change/0", "which rule", "rule =")]),
        (
            "[[change]]\nrule = 'email'\naction = 'last4'\n".into(),
            vec![("/change/0/action", "hidden", "mask")],
        ),
        ("version = 2".into(), vec![("/version", "version = 1", "1")]),
        (
            "rules = ['bagde']\n[[rule]]\nname = 'badge'\nmatch = 'QZ'\n".into(),
            vec![("/rules/0", "unknown rule `bagde`", "badge")],
        ),
    ];
    check_mistakes(&rows);
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let vectors =
        "[[rule.test]]\nin = 'QZ123456 x'\nout = '[x1] x'\n[[rule.test]]\nin = 'x'\nsame = true\n";
    let rows: &[(&str, &[&str])] = &[
        ("match = 'QZ[0-9]{6}'\n", &[]),
        (
            "match = '^QZ[0-9]{6}$'\n[[rule.test]]\nin = 'QZ123456'\nout = '[x1]'\n",
            &["line of its own", "what stays"],
        ),
        ("match = '[A-Z]{2}[0-9]{6}'\n", &["nothing fixed", "only the shape"]),
        ("match = '[A-Z]{2}[0-9]{6}'\nwords = { any = ['x'], after = 9 }\n", &["nothing fixed"]),
        (
            "match = 'QZ[0-9]{6}'\naction = 'last4'\n[[rule.test]]\nin = 'QZ123456'\nout = '**********'\n",
            &["masks them whole", "what stays"],
        ),
        ("match = 'QZ[0-9]{6}'\n[[rule.test]]\nin = 'x'\nsame = true\n", &["what is redacted"]),
        (
            "match = '(?:INFO|GET|at|order|level|in|the|of|to|line|host)'\n[[rule.test]]\nin = 'at x'\nout = '[x1] x'\n",
            &["what stays", "more than half"],
        ),
        (
            "match = 'jane@example.com'\n[[rule.test]]\nin = 'jane@example.com'\nout = '[email]'\n",
            &["what stays", "`email` wins"],
        ),
    ];
    for (rule, expected) in rows {
        let vectors = if rule.contains("rule.test") { "" } else { vectors };
        let file = format!("[[rule]]\nname = 'x1'\n{rule}{vectors}");
        let Report { errors, warnings, .. } = trial(&read(&file));
        assert!(errors.is_empty(), "{file}\n{errors:#?}");
        let mut found = warnings.iter();
        for part in *expected {
            assert!(
                found.any(|warning| warning.message.contains(part)),
                "{part}: {file}\n{warnings:#?}"
            );
        }
        assert_eq!(warnings.len(), expected.len(), "{file}\n{warnings:#?}");
        assert!(
            warnings
                .iter()
                .all(|warning| warning.rule == "x1" && warning.path.starts_with("/rule/0"))
        );
    }
}

#[test]
fn many_rules_of_all_shapes_fit() {
    let mut file = String::new();
    for number in 0..120 {
        let letter = char::from(b'A' + (number % 26) as u8);
        let pattern = match number % 6 {
            0 => format!("{letter}{letter}X[0-9]{{{},{}}}", 4 + number % 5, 9 + number % 7),
            1 => format!("[A-Z]{{2}}[0-9]{{{}}}{letter}", 3 + number % 9),
            2 => format!("[0-9]{{{}}}-[0-9]{{2}}-{number}", 2 + number % 4),
            3 => format!("(?i)k{number}[ -]?[a-z0-9]{{8,20}}"),
            4 => format!("[a-z]{{1,20}}@corp{number}"),
            _ => format!("q{number}=(?<value>[^ ]{{1,64}})"),
        };
        let _ = write!(file, "[[rule]]\nname = 'r{number}'\nmatch = '{pattern}'\n");
    }
    let engine = engine(&file);
    assert_eq!(redact(&engine, Kind::Text, "q5=abc, AAX12345 bob@corp4"), "q5=[r5] [r0] [r4]");
    assert!(Rules::from_config(&json!({"rule": read(&file)["rule"]})).is_ok());
}
