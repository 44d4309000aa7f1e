//! Heads that are right, those that are not, and generated ones.

use proptest::prelude::*;

use super::*;

fn scan(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    Scanner::requests(HeadLimits::default()).advance(bytes)
}

#[track_caller]
fn check(fields: &str, want: Result<Framing, Refusal>) {
    let request = format!("POST /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let have = scan(request.as_bytes())
        .map(|head| head.expect("the head is complete"))
        .map(|head| (head.framing, head.length));
    assert_eq!(have, want.map(|framing| (framing, request.len())), "{fields:?}");
}

#[track_caller]
fn check_raw(request: &[u8], want: Refusal) {
    assert_eq!(scan(request), Err(want), "{}", request.escape_ascii());
}

#[test]
fn a_body_is_framed_in_exactly_one_way() {
    check("", Ok(Framing::None));
    check("Content-Length: 0\r\n", Ok(Framing::None));
    check("Content-Length: 42\r\n", Ok(Framing::Length(42)));
    check("content-length:\t42 \r\n", Ok(Framing::Length(42)));
    check("Transfer-Encoding: chunked\r\n", Ok(Framing::Chunked));
    check("TRANSFER-ENCODING: ChunkeD\r\n", Ok(Framing::Chunked));
    check(
        "Content-Length: 9999999999999999999\r\n",
        Ok(Framing::Length(9_999_999_999_999_999_999)),
    );
    check("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Err(Refusal::LengthAndCoding));
    check("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", Err(Refusal::LengthAndCoding));
    check("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", Err(Refusal::LengthAndCoding));
}

#[test]
fn a_content_length_is_one_plain_number() {
    for value in [
        "",
        "+1",
        "-1",
        "0x1",
        "1,1",
        "1, 1",
        "1 1",
        "1.0",
        "1e3",
        "١",
        "\"1\"",
        "1;",
        "a",
        "12345678901234567890",
    ] {
        check(&format!("Content-Length: {value}\r\n"), Err(Refusal::LengthInvalid));
    }
    check("Content-Length: 1\r\nContent-Length: 1\r\n", Err(Refusal::LengthRepeated));
    check("Content-Length: 1\r\nContent-Length: 2\r\n", Err(Refusal::LengthRepeated));
    check("Content-Length: 0\r\nContent-Length: 0\r\n", Err(Refusal::LengthRepeated));
}

#[test]
fn a_transfer_coding_is_exactly_chunked() {
    for value in [
        "",
        ",",
        "chunked,",
        ",chunked",
        "chunked, chunked",
        "identity, chunked",
        "gzip, chunked",
        "chunked, gzip",
        "chunked;q=1",
        "chunked; x",
        "\"chunked\"",
        "'chunked'",
        "xchunked",
        "chunkedx",
        "chunked chunked",
        "chun ked",
        "cow",
        "cow,chunked",
        "chunked\u{a0}",
        "\u{a0}chunked",
        "ch\u{fc}nked",
        "(chunked)",
        "chunked/1",
        "chunke",
        "hunked",
        "{chunked}",
        "chunked=",
        "chunked\\",
    ] {
        check(&format!("Transfer-Encoding: {value}\r\n"), Err(Refusal::CodingInvalid));
    }
    for value in ["gzip", "deflate", "identity", "compress", "X-GZIP"] {
        check(&format!("Transfer-Encoding: {value}\r\n"), Err(Refusal::CodingUnknown));
    }
    check(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        Err(Refusal::CodingInvalid),
    );
    check("Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n", Err(Refusal::CodingInvalid));
    check_raw(
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        Refusal::CodingInOldVersion,
    );
}

#[test]
fn every_line_ends_in_crlf_and_none_is_folded() {
    check_raw(b"GET / HTTP/1.1\nHost: a\n\n", Refusal::LineEnd);
    check_raw(b"GET / HTTP/1.1\r\nHost: a\n\r\n", Refusal::LineEnd);
    check_raw(b"GET / HTTP/1.1\r\nHost: a\r\n\n", Refusal::LineEnd);
    check_raw(b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", Refusal::LineEnd);
    check_raw(b"GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", Refusal::FieldName);
    check_raw(b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Refusal::Folded);
    check_raw(b"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n", Refusal::Folded);
    check_raw(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Refusal::Folded);
    check_raw(b"GET / HTTP/1.1\rHost: a\r\n\r\n", Refusal::RequestLine);
}

#[test]
fn every_byte_is_judged_in_a_name_and_in_a_value() {
    for byte in 0..=255u8 {
        let mut request = b"GET / HTTP/1.1\r\nHost: a\r\nx".to_vec();
        request.push(byte);
        request.extend_from_slice(b"y: v\r\n\r\n");
        let passes = is_token(byte) || byte == b':';
        assert_eq!(scan(&request).is_ok(), passes, "byte {byte:#x} in a name");

        for text in [["", "v"], ["v", "v"], ["v", ""], ["long enough", "for eight at once"]] {
            let mut request = b"GET / HTTP/1.1\r\nHost: a\r\nx:".to_vec();
            request.extend_from_slice(text[0].as_bytes());
            request.push(byte);
            request.extend_from_slice(text[1].as_bytes());
            request.extend_from_slice(b"\r\n\r\n");
            let passes = matches!(byte, b'\t' | 0x20..=0x7e | 0x80..);
            assert_eq!(scan(&request).is_ok(), passes, "byte {byte:#x} in a value");
        }
    }
    check("x : v\r\n", Err(Refusal::FieldName));
    check("x\t: v\r\n", Err(Refusal::FieldName));
    check(": v\r\n", Err(Refusal::FieldName));
    check("no colon\r\n", Err(Refusal::FieldName));
}

#[test]
fn a_request_names_one_host() {
    check_raw(b"GET / HTTP/1.1\r\n\r\n", Refusal::HostMissing);
    check_raw(b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Refusal::HostRepeated);
    check_raw(b"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", Refusal::HostRepeated);
    check_raw(b"GET / HTTP/1.1\r\nHost:\r\n\r\n", Refusal::HostInvalid);
    check_raw(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Refusal::HostInvalid);
    check_raw(b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", Refusal::HostInvalid);
    check_raw(b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Refusal::HostInvalid);
    check_raw(b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", Refusal::HostInvalid);
    assert!(scan(b"GET / HTTP/1.0\r\n\r\n").is_ok(), "HTTP/1.0 knows no host");
    check_raw(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", Refusal::HostRepeated);
}

#[test]
fn a_request_line_has_three_parts_and_a_known_version() {
    for line in [
        "GET /",
        "GET / ",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.1x",
        "GET / HTTP/1,1",
        "G@T / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET / ICE/1.0",
        "",
        "AMETHODTHATISLONGERTHANTHIRTYTWOLETTERS / HTTP/1.1",
    ] {
        check_raw(format!("\r\n{line}\r\nHost: a\r\n\r\n").as_bytes(), Refusal::RequestLine);
    }
    check_raw(b"GET / HTTP/5.6\r\nHost: a\r\n\r\n", Refusal::Version);
    check_raw(b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", Refusal::Version);
    check_raw(b"CONNECT a:22 HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Method);
    assert!(scan(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").is_ok(), "one empty line");
    check_raw(b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::RequestLine);
}

#[test]
fn a_target_has_a_form_that_fits() {
    let target = |target: &str| {
        scan(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).map(|_| ())
    };
    for passes in [
        "/",
        "/a?b=c?d",
        "/{|}^",
        "http://a",
        "http://a/",
        "HTTP://a:80/x?y",
        "https://[::1]:8/",
        "http://a?x",
    ] {
        assert_eq!(target(passes), Ok(()), "{passes}");
    }
    for refused in [
        "/a#b",
        "/\u{7f}",
        "/\u{fc}",
        "/\u{1}",
        "/<",
        "/\"",
        "*",
        "a",
        "a:80",
        "//",
        "http:/a",
        "http://",
        "http:///x",
        "http://u@a/",
        "http://u:p@a/",
        "ftp://a/",
        "javascript:1",
        "http://a#b",
        "http://a:0/",
        "http://a:65536/",
        "http://a b/",
    ] {
        if refused == "//" {
            assert_eq!(target(refused), Ok(()), "two slashes are a path");
        } else {
            assert!(target(refused).is_err(), "{refused}");
        }
    }
    assert!(scan(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").is_ok());
}

#[test]
fn what_passes_as_a_target_is_a_target_for_the_parser_behind() {
    for byte in (0..=255u8).filter(|byte| is_target(*byte)) {
        for text in [format!("/a{}b", byte as char), format!("/?a{}b", byte as char)] {
            assert!(text.parse::<http::Uri>().is_ok(), "{text:?}");
        }
    }
}

#[test]
fn limits_hold_at_the_byte() {
    let limits = HeadLimits { bytes: 200, fields: 5, target: 20 };
    let scan = |text: &str| Scanner::requests(limits).advance(text.as_bytes());
    let target = |length: usize| {
        scan(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length - 1)))
    };
    assert!(target(20).is_ok());
    assert_eq!(target(21), Err(Refusal::TargetTooLong));
    let start = "GET / HTTP/1.1\r\nHost: a\r\nx: ";
    let head =
        |length: usize| scan(&format!("{start}{}\r\n\r\n", "v".repeat(length - start.len() - 4)));
    assert!(head(200).is_ok());
    assert_eq!(head(201), Err(Refusal::HeadTooLarge));
    let fields = |count: usize| {
        scan(&format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(count - 1)))
    };
    assert!(fields(5).is_ok());
    assert_eq!(fields(6), Err(Refusal::TooManyFields));
    assert_eq!(scan(&"x".repeat(33)), Err(Refusal::RequestLine), "no need to wait");
    assert_eq!(scan(&format!("GET /{}", "x".repeat(300))), Err(Refusal::TargetTooLong));
    assert_eq!(
        scan(&format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(300))),
        Err(Refusal::HeadTooLarge)
    );
}

#[test]
fn an_answer_is_held_to_the_same_form() {
    let answer = |text: &str| Scanner::answers(HeadLimits::default()).advance(text.as_bytes());
    let framing = |fields: &str| {
        answer(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"))
            .map(|head| head.expect("complete").framing)
    };
    assert_eq!(framing(""), Ok(Framing::UntilClose));
    assert_eq!(framing("Content-Length: 3\r\n"), Ok(Framing::Length(3)));
    assert_eq!(framing("Transfer-Encoding: chunked\r\n"), Ok(Framing::Chunked));
    assert_eq!(framing("Content-Length: 3\r\nContent-Length: 3\r\n"), Ok(Framing::Length(3)));
    for (fields, refusal) in [
        ("Content-Length: 3\r\nContent-Length: 4\r\n", Refusal::LengthRepeated),
        ("Content-Length: -1\r\n", Refusal::LengthInvalid),
        ("Content-Length: +2\r\n", Refusal::LengthInvalid),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", Refusal::LengthAndCoding),
        ("Transfer-Encoding: ,chunked\r\n", Refusal::CodingInvalid),
        ("Transfer-Encoding: gzip\r\n", Refusal::CodingUnknown),
        ("Transfer-Encoding: identity\r\nContent-Length: 3\r\n", Refusal::CodingUnknown),
        ("x: a\0b\r\n", Refusal::FieldValue),
        ("x: a\rb\r\n", Refusal::LineEnd),
        ("x: a\r\n b\r\n", Refusal::Folded),
        ("x : a\r\n", Refusal::FieldName),
    ] {
        assert_eq!(framing(fields), Err(refusal), "{fields:?}");
    }
    for line in [
        "HTTP/1.1 99 x",
        "HTTP/1.1 999 x",
        "HTTP/1.1 2000",
        "HTTP/1.1 20 ",
        "HTTP/2 200",
        "HTTP/1.1  200",
        "ICY 200 OK",
        "hello",
        "HTTP/1.1 200 a\u{1}b",
    ] {
        assert_eq!(answer(&format!("{line}\r\n\r\n")), Err(Refusal::StatusLine), "{line}");
    }
    assert_eq!(answer("<html>"), Err(Refusal::StatusLine), "no line end is waited for");
    assert_eq!(answer("HTTP/1.1 200 OK\nx: y\n\n"), Err(Refusal::LineEnd));
    assert_eq!(
        answer("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Err(Refusal::CodingInOldVersion)
    );
}

#[test]
fn fields_of_an_answer_are_found() {
    let text = b"HTTP/1.1 204\r\na:1\r\nb-c: \t x y \t\r\nd:\r\n\r\nrest";
    let mut scanner = Scanner::answers(HeadLimits::default());
    let head = scanner.advance(text).expect("well-formed").expect("complete");
    assert_eq!((head.status, head.length), (204, text.len() - 4));
    let fields: Vec<_> = scanner
        .spans()
        .iter()
        .map(|span| {
            let cut = |from: u32, to: u32| text[from as usize..to as usize].escape_ascii();
            format!("{}={}", cut(span.name, span.name_end), cut(span.value, span.value_end))
        })
        .collect();
    assert_eq!(fields, ["a=1", "b-c=x y", "d="]);
}

#[test]
fn persistence_and_upgrade_are_read_from_the_connection_field() {
    let read = |version: &str, fields: &str| {
        let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        let head = scan(text.as_bytes()).expect("well-formed").expect("complete");
        (head.persistent, head.upgrade)
    };
    assert_eq!(read("1.1", ""), (true, false));
    assert_eq!(read("1.1", "Connection: x, CLOSE\r\n"), (false, false));
    assert_eq!(read("1.0", ""), (false, false));
    assert_eq!(read("1.0", "Connection: keep-alive\r\n"), (true, false));
    assert_eq!(read("1.1", "Upgrade: websocket\r\n"), (true, false));
    assert_eq!(read("1.1", "Upgrade: w\r\nConnection: keep-alive, Upgrade\r\n"), (true, true));
}

/// Third-party payloads and what nine proxies made of them, kept outside of the repository.
fn corpus() -> Option<(serde_json::Value, serde_json::Value)> {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder =
        here.ancestors().map(|above| above.join("shared/cases/http1")).find(|f| f.exists())?;
    let read = |file: &str| {
        let text = std::fs::read_to_string(folder.join(file)).ok()?;
        serde_json::from_str(&text).ok()
    };
    Some((read("corpus.json")?, read("peers.json")?))
}

/// Reads what came with a head, as the reader in front of the server does.
fn begin_body(payload: &[u8], head: Head) -> Result<Head, Refusal> {
    let mut follower = crate::wire::chunked::Chunked::default();
    let mut rest = &payload[head.length..];
    while head.framing == Framing::Chunked && !rest.is_empty() {
        use crate::wire::chunked::Part;
        match follower.next(rest)? {
            Part::Overhead(length) | Part::Content(length) => rest = &rest[length..],
            Part::End(_) => break,
        }
    }
    Ok(head)
}

#[test]
fn what_most_proxies_refuse_is_refused_and_nothing_ambiguous_passes() {
    let Some((corpus, peers)) = corpus() else { return };
    let (mut refused, mut by_most) = (0, 0);
    for entry in corpus.as_array().expect("a list") {
        let text = |key: &str| entry[key].as_str().expect("a text");
        // Each character stands for one byte.
        let payload: Vec<u8> =
            text("payload").chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
        let verdicts = peers["verdicts"][text("name")].as_object().expect("verdicts");
        let majority = verdicts.values().filter(|verdict| *verdict == "REJECT").count() >= 5;
        by_most += usize::from(majority);
        match scan(&payload)
            .and_then(|head| head.map(|head| begin_body(&payload, head)).transpose())
        {
            Ok(Some(head)) => {
                assert!(!majority, "{} passes", text("name"));
                let head = &payload[..head.length];
                assert!(is_unambiguous(head), "{} is ambiguous", text("name"));
            }
            Ok(None) | Err(_) => refused += 1,
        }
    }
    assert_eq!(by_most, 194, "the majority as it was measured");
    assert!(refused >= by_most);
}

/// Pieces from which ambiguous heads are made.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("\r\n"),
        Just("\n"),
        Just("\r"),
        Just(" "),
        Just("\t"),
        Just(":"),
        Just("0"),
        Just("Content-Length: 3\r\n"),
        Just("Content-Length: 4\r\n"),
        Just("chunked"),
        Just("Transfer-Encoding: chunked\r\n"),
        Just("Transfer-Encoding:"),
        Just("Host: a\r\n"),
        Just("x: y\r\n"),
        Just(","),
        Just("\0"),
        Just("Host"),
        Just("GET / HTTP/1.1\r\n"),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

/// The plain-minded reader the scanner is judged by: splits at CRLF and looks at every line.
fn is_unambiguous(head: &[u8]) -> bool {
    let text: String = head.iter().map(|byte| *byte as char).collect();
    let Some(text) = text.strip_suffix("\r\n\r\n") else { return false };
    let lines: Vec<_> = text.strip_prefix("\r\n").unwrap_or(text).split("\r\n").collect();
    let value = |name: &str| -> Vec<String> {
        let names = lines[1..].iter().filter_map(|line| line.split_once(':'));
        let named = names.filter(|(have, _)| have.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim_matches([' ', '\t']).to_lowercase()).collect()
    };
    let (lengths, codings) = (value("content-length"), value("transfer-encoding"));
    let plain = |text: &str| !text.chars().any(|c| (c < ' ' && c != '\t') || c == '\u{7f}');
    lines.iter().all(|line| plain(line))
        && lines[1..].iter().all(|line| {
            line.split_once(':')
                .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(is_token))
        })
        && lengths.len() + codings.len() <= 1
        && lengths.iter().all(|length| length.bytes().all(|byte| byte.is_ascii_digit()))
        && codings.iter().all(|coding| coding == "chunked")
        && (value("host").len() == 1 || (value("host").is_empty() && lines[0].ends_with("1.0")))
}

proptest! {
    #[test]
    fn no_ambiguous_head_passes(
        fields in pieces(), noise in proptest::collection::vec(any::<u8>(), 0..4), at in any::<prop::sample::Index>(),
    ) {
        let mut bytes = b"POST / HTTP/1.1\r\nHost: a\r\n".to_vec();
        bytes.extend_from_slice(&fields);
        bytes.extend_from_slice(b"\r\n\r\n");
        let at = at.index(bytes.len());
        bytes.splice(at..at, noise);
        if let Ok(Some(head)) = scan(&bytes) {
            prop_assert!(is_unambiguous(&bytes[..head.length]), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = scan(&bytes);
        let _ = Scanner::answers(HeadLimits::default()).advance(&bytes);
    }

    #[test]
    fn a_head_that_drips_in_is_judged_as_if_it_came_at_once(
        fields in pieces(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut bytes = b"POST / HTTP/1.1\r\nHost: a\r\n".to_vec();
        bytes.extend_from_slice(&fields);
        bytes.extend_from_slice(b"\r\n\r\n");
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        let mut scanner = Scanner::requests(HeadLimits::default());
        let mut last = Ok(None);
        for cut in cuts.into_iter().chain([bytes.len()]) {
            last = scanner.advance(&bytes[..cut]);
            if last != Ok(None) {
                break;
            }
        }
        prop_assert_eq!(last, scan(&bytes));
    }
}
