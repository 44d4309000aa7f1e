//! Bodies on their way through filters in plain Rust.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::filter::fake::{Diary, Fake, chain, take};
use crate::filter::{FaultKind, OnFault, Phase, Splice, Stance, sample};

fn limits(unit: Unit) -> BodyLimits {
    BodyLimits {
        max_bytes: u64::MAX,
        on_overflow: Overflow::Pass,
        media_types: [].into(),
        decode: false,
        unit,
    }
}

fn fake(name: &str, body: BodyMode, diary: &Diary) -> Fake {
    let watches = matches!(body, BodyMode::Observe(_));
    let stance = if watches { Stance::Watcher } else { Stance::Guard };
    let mut fake = Fake::new(name, stance, diary);
    let phase = Phase { body, ..Phase::default() };
    fake.wants.request = Some(phase.clone());
    fake.wants.response = Some(phase);
    fake
}

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let fields = fields
        .iter()
        .map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
    fields.collect()
}

fn start(
    chain: &Arc<Chain>,
    direction: Direction,
    fields: &[(&'static str, &'static str)],
) -> Option<BodyWalk> {
    let exchange = sample::exchange("/a/b?c=d", chain.len());
    for index in 0..chain.len() {
        exchange.update_place(index, |place| place.met = true);
    }
    match direction {
        Direction::Request => chain.request_body(&exchange, &headers(fields), None),
        Direction::Response => chain.response_body(&exchange, &headers(fields), chain.len()),
    }
}

/// Takes these pieces through one filter; answers what was sent on after each.
async fn run(filter: Fake, pieces: &[&str]) -> Result<Vec<String>, BodyStop> {
    run_with(filter, &[], pieces).await
}

async fn run_with(
    filter: Fake,
    fields: &[(&'static str, &'static str)],
    pieces: &[&str],
) -> Result<Vec<String>, BodyStop> {
    let chain = chain(vec![filter]);
    let mut walk = start(&chain, Direction::Request, fields).expect("it is wanted");
    let mut out = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let last = index + 1 == pieces.len();
        let data = walk.push(Bytes::copy_from_slice(piece.as_bytes()), last).await?;
        walk.settle().await;
        out.push(String::from_utf8_lossy(&data).into_owned());
    }
    Ok(out)
}

fn splice(at: usize, len: usize, with: &str) -> ChunkAction {
    ChunkAction::Splice(vec![Splice { at, len, bytes: with.as_bytes().to_vec() }])
}

#[tokio::test]
async fn each_answer_to_a_chunk_does_what_it_says() {
    let answers: [(ChunkAction, &[&str], usize); 6] = [
        (ChunkAction::Pass, &["one", "two", "three"], 3),
        (ChunkAction::Replace(Bytes::from_static(b"x")), &["x", "x", "x"], 3),
        (ChunkAction::Replace(Bytes::new()), &["", "", ""], 3),
        (splice(1, 1, "--"), &["o--e", "t--o", "t--ree"], 3),
        (ChunkAction::Splice(Vec::new()), &["one", "two", "three"], 3),
        (ChunkAction::Done, &["one", "two", "three"], 1),
    ];
    for (action, expected, calls) in answers {
        let diary = Diary::default();
        let mut filter = fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary);
        let answer = action.clone();
        filter.chunk = Box::new(move |_| Ok(answer.clone()));
        assert_eq!(run(filter, &["one", "two", "three"]).await.unwrap(), expected, "{action:?}");
        assert_eq!(take(&diary).len(), calls, "{action:?}");
    }
    let diary = Diary::default();
    let mut filter = fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary);
    filter.chunk = Box::new(|_| Ok(ChunkAction::Abort));
    assert_eq!(run(filter, &["one"]).await, Err(BodyStop::Aborted { plugin: "a".into() }));
}

#[tokio::test]
async fn chunks_carry_their_offset_and_whether_they_are_the_last() {
    let diary = Diary::default();
    let filter = fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary);
    run(filter, &["one", "", "three", ""]).await.unwrap();
    assert_eq!(take(&diary), ["a (0, 3, false)", "a (3, 5, false)", "a (8, 0, true)"]);
}

#[tokio::test]
async fn pieces_longer_than_a_chunk_are_cut() {
    let diary = Diary::default();
    let filter = fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary);
    let long = "x".repeat(MAX_CHUNK + 1);
    assert_eq!(run(filter, &[&long]).await.unwrap(), [long]);
    assert_eq!(take(&diary), ["a (0, 65536, false)", "a (65536, 1, true)"]);
}

#[tokio::test]
async fn bytes_meet_the_plugins_in_the_order_of_their_direction() {
    for (direction, expected) in [
        (Direction::Request, ["a (0, 3, true)", "b (0, 3, true)"]),
        (Direction::Response, ["b (0, 3, true)", "a (0, 3, true)"]),
    ] {
        let diary = Diary::default();
        let body = || BodyMode::Transform(limits(Unit::Bytes));
        let chain = chain(vec![fake("a", body(), &diary), fake("b", body(), &diary)]);
        let mut walk = start(&chain, direction, &[]).unwrap();
        walk.push(Bytes::from_static(b"one"), true).await.unwrap();
        assert_eq!(take(&diary), expected);
    }
}

#[tokio::test]
async fn a_new_body_is_shown_to_those_behind_its_plugin_only() {
    let diary = Diary::default();
    let body = || BodyMode::Transform(limits(Unit::Bytes));
    let chain = chain(["a", "b", "c"].map(|name| fake(name, body(), &diary)).into());
    let exchange = sample::exchange("/", 3);
    for index in 0..3 {
        exchange.update_place(index, |place| place.met = true);
    }
    let fields = HeaderMap::new();
    let mut walk = chain.request_body(&exchange, &fields, Some(1)).unwrap();
    walk.push(Bytes::from_static(b"one"), true).await.unwrap();
    assert_eq!(take(&diary), ["c (0, 3, true)"]);
    let mut walk = chain.response_body(&exchange, &fields, 1).unwrap();
    walk.push(Bytes::from_static(b"one"), true).await.unwrap();
    assert_eq!(take(&diary), ["a (0, 3, true)"]);
    assert!(chain.request_body(&exchange, &fields, Some(2)).is_none(), "nobody is behind it");
}

#[tokio::test]
async fn who_did_not_meet_the_request_sees_no_body() {
    let diary = Diary::default();
    let chain = chain(vec![fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary)]);
    assert!(chain.response_body(&sample::exchange("/", 1), &HeaderMap::new(), 1).is_none());
}

#[tokio::test]
async fn media_types_decide_before_the_first_byte() {
    for (wanted, stated, expected) in [
        (&["application/json"][..], "application/json", true),
        (&["application/json"], "Application/JSON; charset=utf-8", true),
        (&["application/*"], "application/x-ndjson", true),
        (&["*/json"], "text/json", true),
        (&["*/*"], "image/png", true),
        (&["text/plain", "text/html"], "text/html", true),
        (&["application/json"], "application/jsonp", false),
        (&["text/*"], "application/json", false),
        (&["application/*+json"], "application/vnd.shop.v2+JSON; charset=utf-8", true),
        (&["*/*+xml"], "image/svg+xml", true),
        (&["application/*+json"], "application/json", false),
        (&["application/*+json"], "json", false),
        (&["text/*"], "", false),
        (&[], "image/png", true),
    ] {
        let diary = Diary::default();
        let media_types = wanted.iter().map(|&one| one.to_owned()).collect();
        let limits = BodyLimits { media_types, ..limits(Unit::Bytes) };
        let chain = chain(vec![fake("a", BodyMode::Transform(limits), &diary)]);
        let walk = start(&chain, Direction::Response, &[("content-type", stated)]);
        assert_eq!(walk.is_some(), expected, "{wanted:?} and `{stated}`");
    }
    let diary = Diary::default();
    let media_types = ["text/*".to_owned()].into();
    let limits = BodyLimits { media_types, ..limits(Unit::Bytes) };
    let chain = chain(vec![fake("a", BodyMode::Transform(limits), &diary)]);
    assert!(start(&chain, Direction::Response, &[]).is_some(), "nobody said what it is");
}

#[tokio::test]
async fn lines_and_events_are_delivered_when_they_are_complete() {
    let table: [(Unit, &[&str], &[&str]); 9] = [
        (Unit::Line, &["a\nb", "c\nd", ""], &["a\n", "bc\n", "d"]),
        (Unit::Line, &["a", "b", "c"], &["", "", "abc"]),
        (Unit::Line, &["a\r", "\nb", ""], &["", "a\r\n", "b"]),
        (Unit::Event, &["data: 1\n\ndata", ": 2\n\n", ""], &["data: 1\n\n", "data: 2\n\n", ""]),
        (Unit::Event, &["data: 1\r\n\r\nda", "ta", ""], &["data: 1\r\n\r\n", "", "data"]),
        (Unit::Event, &["a\r\n\r", "\nb\r\n", "\r\n"], &["", "a\r\n\r\n", "b\r\n\r\n"]),
        (Unit::Event, &["a\n", "\nb\n", "c\n\n"], &["", "a\n\n", "b\nc\n\n"]),
        (Unit::Event, &["a\r\rb", "", ""], &["a\r\r", "", "b"]),
        (Unit::Event, &["a\n\nb\n\nc", "", ""], &["a\n\nb\n\n", "", "c"]),
    ];
    for (unit, pieces, expected) in table {
        let diary = Diary::default();
        let filter = fake("a", BodyMode::Transform(limits(unit)), &diary);
        assert_eq!(run(filter, pieces).await.unwrap(), expected, "{unit:?} {pieces:?}");
    }
}

#[tokio::test]
async fn a_unit_that_does_not_end_is_cut_all_the_same() {
    let diary = Diary::default();
    let filter = fake("a", BodyMode::Transform(limits(Unit::Line)), &diary);
    let long = "x".repeat(MAX_CHUNK);
    let out = run(filter, &[&long, "yy", "z\nlast"]).await.unwrap();
    assert_eq!(out, [String::new(), format!("{long}yy"), "z\nlast".to_owned()]);
}

#[tokio::test]
async fn what_waits_for_its_unit_is_not_lost_when_the_plugin_has_seen_enough() {
    let answers: [fn(&Chunk) -> Result<ChunkAction, Fault>; 2] =
        [|_| Ok(ChunkAction::Done), |_| Err(Fault::new(FaultKind::Trap, "gone"))];
    for answer in answers {
        let diary = Diary::default();
        let mut filter = fake("a", BodyMode::Transform(limits(Unit::Line)), &diary);
        filter.chunk = Box::new(answer);
        let link = crate::filter::Link { filter: Arc::new(filter), on_fault: OnFault::Open };
        let chain = Arc::new(Chain::new(vec![link]));
        let mut walk = start(&chain, Direction::Request, &[]).unwrap();
        let mut out = Vec::new();
        for (piece, last) in [("a\nb", false), ("c\nd", false), ("", true)] {
            out.extend_from_slice(&walk.push(piece.into(), last).await.unwrap());
        }
        assert_eq!(out, b"a\nbc\nd");
    }
}

#[tokio::test]
async fn a_whole_body_is_delivered_once() {
    let diary = Diary::default();
    let mut filter = fake("a", BodyMode::Whole(limits(Unit::Line)), &diary);
    filter.chunk = Box::new(|chunk| {
        let text = String::from_utf8_lossy(&chunk.data).to_uppercase();
        Ok(ChunkAction::Replace(text.into()))
    });
    assert_eq!(run(filter, &["a\n", "b", "c"]).await.unwrap(), ["", "", "A\nBC"]);
    assert_eq!(take(&diary), ["a (0, 4, true)"], "and in one piece, whatever its unit");
}

#[tokio::test]
async fn an_empty_body_is_a_last_chunk_in_every_mode() {
    for body in [BodyMode::Transform, BodyMode::Whole, BodyMode::Observe] {
        let diary = Diary::default();
        let filter = fake("a", body(limits(Unit::Event)), &diary);
        assert_eq!(run(filter, &[""]).await.unwrap(), [""]);
        assert_eq!(take(&diary), ["a (0, 0, true)"]);
    }
}

#[tokio::test]
async fn a_body_beyond_its_limit_passes_or_is_refused() {
    // Mode, pieces, what is seen of them, when it is refused.
    let table: [(fn(BodyLimits) -> BodyMode, &[&str], &[&str], usize); 3] = [
        (BodyMode::Whole, &["123", "456", "7"], &[], 1),
        (BodyMode::Transform, &["123", "456", "7"], &["a (0, 3, false)", "a (3, 2, true)"], 1),
        (BodyMode::Observe, &["123", "456", "7"], &["a (0, 3, false)", "a (3, 2, true)"], 9),
    ];
    for (mode, pieces, seen, refused) in table {
        let small = BodyLimits { max_bytes: 5, ..limits(Unit::Bytes) };
        let diary = Diary::default();
        let out = run(fake("a", mode(small.clone()), &diary), pieces).await.unwrap();
        assert_eq!(out.concat(), "1234567", "the rest passes by");
        assert_eq!(take(&diary), seen);

        let reject = BodyLimits { on_overflow: Overflow::Reject, ..small };
        let outcome = run(fake("a", mode(reject), &diary), pieces).await;
        if refused < pieces.len() {
            let expected = BodyStop::TooLong { plugin: "a".into(), limit: 5 };
            assert_eq!(outcome.unwrap_err(), expected);
        } else {
            assert_eq!(outcome.unwrap().concat(), "1234567", "an observer holds nothing up");
        }
    }
}

#[tokio::test]
async fn a_body_of_just_its_limit_is_delivered() {
    for mode in [BodyMode::Whole, BodyMode::Transform] {
        let diary = Diary::default();
        let limits =
            BodyLimits { max_bytes: 6, on_overflow: Overflow::Reject, ..limits(Unit::Bytes) };
        assert_eq!(
            run(fake("a", mode(limits), &diary), &["123", "456"]).await.unwrap().concat(),
            "123456"
        );
    }
}

#[tokio::test]
async fn a_plugin_that_keeps_a_tail_gives_it_out_at_its_limit() {
    let small = BodyLimits { max_bytes: 5, ..limits(Unit::Bytes) };
    let diary = Diary::default();
    let mut filter = fake("a", BodyMode::Transform(small), &diary);
    let kept = std::sync::Mutex::new(Vec::<u8>::new());
    // Keeps the last two bytes back, as one does who looks across the end of a chunk.
    filter.chunk = Box::new(move |chunk| {
        let mut kept = kept.lock().unwrap();
        kept.extend_from_slice(&chunk.data);
        let keep = if chunk.last { 0 } else { kept.len().min(2) };
        let until = kept.len() - keep;
        let out: Vec<u8> = kept.drain(..until).collect();
        Ok(ChunkAction::Replace(out.into()))
    });
    let out = run(filter, &["123", "456", "789"]).await.unwrap();
    assert_eq!(out, ["1", "23456", "789"]);
}

#[tokio::test]
async fn a_whole_body_that_is_too_long_from_the_start_is_not_waited_for() {
    for field in [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("content-length", "18446744073709551615"),
        ("content-length", "16777217"),
    ] {
        let diary = Diary::default();
        let filter = fake("a", BodyMode::Whole(limits(Unit::Bytes)), &diary);
        let out = run_with(filter, &[field], &["data: 1\n\n", "data: 2\n\n", ""]).await;
        assert_eq!(out.unwrap(), ["data: 1\n\n", "data: 2\n\n", ""], "{field:?}");
        assert!(take(&diary).is_empty(), "{field:?}");

        let reject = BodyLimits { on_overflow: Overflow::Reject, ..limits(Unit::Bytes) };
        let filter = fake("a", BodyMode::Whole(reject), &diary);
        let stop = run_with(filter, &[field], &["data: 1\n\n"]).await.unwrap_err();
        assert_eq!(stop, BodyStop::TooLong { plugin: "a".into(), limit: MAX_WHOLE });
    }
}

#[tokio::test]
async fn the_host_holds_no_more_than_its_own_limit() {
    let diary = Diary::default();
    let filter = fake("a", BodyMode::Whole(limits(Unit::Bytes)), &diary);
    let piece = "x".repeat(1024 * 1024);
    let mut pieces = vec![piece.as_str(); 17];
    pieces.push("end");
    let out = run(filter, &pieces).await.unwrap();
    assert!(out[..16].iter().all(String::is_empty));
    assert_eq!(out[16].len(), 17 * piece.len(), "and lets go of it then");
    assert!(take(&diary).is_empty());
}

#[tokio::test]
async fn observers_see_what_was_forwarded_before() {
    let diary = Diary::default();
    let transform = BodyMode::Transform(limits(Unit::Bytes));
    let chain = chain(vec![
        fake("watch", BodyMode::Observe(limits(Unit::Bytes)), &diary),
        fake("change", transform, &diary),
    ]);
    let mut walk = start(&chain, Direction::Request, &[]).unwrap();
    assert!(walk.changes());
    walk.push(Bytes::from_static(b"one"), false).await.unwrap();
    assert_eq!(take(&diary), ["change (0, 3, false)"], "nothing is held up by who watches");
    walk.settle().await;
    assert_eq!(take(&diary), ["watch (0, 3, false)"]);
    walk.push(Bytes::from_static(b"two"), true).await.unwrap();
    walk.settle().await;
    assert_eq!(take(&diary), ["change (3, 3, true)", "watch (3, 3, true)"]);
}

#[tokio::test]
async fn an_observer_changes_nothing_whatever_it_answers() {
    let answers: [(ChunkAction, bool); 5] = [
        (ChunkAction::Pass, false),
        (ChunkAction::Done, false),
        (ChunkAction::Replace(Bytes::from_static(b"x")), true),
        (splice(0, 1, "x"), true),
        (ChunkAction::Abort, true),
    ];
    for (action, strikes) in answers {
        let diary = Diary::default();
        let mut filter = fake("a", BodyMode::Observe(limits(Unit::Bytes)), &diary);
        let answer = action.clone();
        filter.chunk = Box::new(move |_| Ok(answer.clone()));
        assert_eq!(run(filter, &["one", "two"]).await.unwrap(), ["one", "two"], "{action:?}");
        let struck = take(&diary).iter().any(|line| line.contains("struck"));
        assert_eq!(struck, strikes, "{action:?}");
    }
    let diary = Diary::default();
    let mut filter = fake("a", BodyMode::Observe(limits(Unit::Bytes)), &diary);
    filter.chunk = Box::new(|_| Err(Fault::new(FaultKind::Trap, "gone")));
    assert_eq!(run(filter, &["one", "two"]).await.unwrap(), ["one", "two"]);
    assert_eq!(take(&diary).len(), 1, "it is not asked again");
}

#[tokio::test]
async fn a_fault_in_the_middle_of_a_body_is_open_or_closed() {
    let wrong: [fn(&Chunk) -> Result<ChunkAction, Fault>; 3] = [
        |_| Err(Fault::new(FaultKind::Unprocessable, "cannot")),
        |chunk| Ok(splice(chunk.data.len(), 1, "")),
        |_| {
            let one = |at| Splice { at, len: 1, bytes: Vec::new() };
            Ok(ChunkAction::Splice(vec![one(1), one(0)]))
        },
    ];
    for answer in wrong {
        for on_fault in [OnFault::Open, OnFault::Closed] {
            let diary = Diary::default();
            let mut filter = fake("a", BodyMode::Transform(limits(Unit::Bytes)), &diary);
            filter.chunk = Box::new(answer);
            let link = crate::filter::Link { filter: Arc::new(filter), on_fault };
            let chain = Arc::new(Chain::new(vec![link]));
            let mut walk = start(&chain, Direction::Response, &[]).unwrap();
            let first = walk.push(Bytes::from_static(b"one"), false).await;
            match on_fault {
                OnFault::Closed => {
                    let Err(BodyStop::Closed(closed)) = first else { panic!("{first:?}") };
                    assert_eq!(closed.hook, Hook::OnResponseBody);
                }
                OnFault::Open => {
                    assert_eq!(first.unwrap(), "one", "as it came");
                    let rest = walk.push(Bytes::from_static(b"two"), true).await;
                    assert_eq!(rest.unwrap(), "two");
                    let calls = take(&diary);
                    let calls = calls.iter().filter(|line| line.contains('(')).count();
                    assert_eq!(calls, 1, "the rest goes without it");
                }
            }
        }
    }
}

fn cut(text: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.sort_unstable();
    let mut from = 0;
    let mut pieces = Vec::new();
    for to in cuts.into_iter().chain([text.len()]) {
        pieces.push(Bytes::copy_from_slice(&text[from..to]));
        from = to;
    }
    pieces
}

proptest! {
    /// Whatever the unit, the limit and the cuts: nothing is lost, doubled or reordered,
    /// units are never cut by the way the bytes arrived, and the last chunk is the last.
    #[test]
    fn what_passes_comes_out_as_it_went_in(
        text in "[ab\r\n]{0,80}",
        cuts in proptest::collection::vec(0usize..100, 0..8),
        unit in proptest::sample::select(vec![Unit::Bytes, Unit::Line, Unit::Event]),
        whole in any::<bool>(),
        max_bytes in proptest::sample::select(vec![0, 7, 30, u64::MAX]),
        stop_after in proptest::sample::select(vec![1, 2, usize::MAX]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let diary = Diary::default();
        let limits = BodyLimits { max_bytes, ..limits(unit) };
        let mode = if whole { BodyMode::Whole } else { BodyMode::Transform };
        let mut filter = fake("a", mode(limits), &diary);
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        filter.chunk = Box::new(move |chunk| {
            let mut noted = noted.lock().unwrap();
            noted.push((chunk.data.clone(), chunk.last));
            let enough = noted.len() >= stop_after;
            Ok(if enough { ChunkAction::Done } else { ChunkAction::Pass })
        });
        let chain = chain(vec![filter]);
        let mut walk = start(&chain, Direction::Request, &[]).unwrap();
        let pieces = cut(text.as_bytes(), &cuts);
        let mut out = Vec::new();
        runtime.block_on(async {
            for (index, piece) in pieces.iter().enumerate() {
                let last = index + 1 == pieces.len();
                out.extend_from_slice(&walk.push(piece.clone(), last).await.unwrap());
                walk.settle().await;
            }
        });
        prop_assert_eq!(&out, text.as_bytes());
        let seen = seen.lock().unwrap();
        let chunks: Vec<_> = seen.iter().map(|(data, _)| data.clone()).collect();
        prop_assert!(text.as_bytes().starts_with(&chunks.concat()));
        let last = seen.iter().position(|(_, last)| *last);
        prop_assert!(last.is_none_or(|at| at + 1 == seen.len()), "nothing follows the last");
        for (data, last) in seen.iter().filter(|_| !whole) {
            // A CR ends a line once it is clear that no LF follows.
            let followed = [data, &b"x"[..]].concat();
            let ends = match unit {
                Unit::Bytes => true,
                Unit::Line => data.ends_with(b"\n"),
                Unit::Event => end_of_events(&followed) == Some(data.len()),
            };
            prop_assert!(ends || *last, "{:?} is not {:?}", data, unit);
        }
    }

    /// A plugin that changes whole units gives the same, however the bytes arrived.
    #[test]
    fn the_way_the_bytes_arrive_does_not_show(
        text in "[ab\r\n]{0,80}",
        cuts in proptest::collection::vec(0usize..100, 0..8),
        unit in proptest::sample::select(vec![Unit::Line, Unit::Event]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let run = |pieces: Vec<Bytes>| runtime.block_on(async {
            let diary = Diary::default();
            let mut filter = fake("a", BodyMode::Transform(limits(unit)), &diary);
            filter.chunk = Box::new(|chunk| {
                let text = String::from_utf8_lossy(&chunk.data).replace("ab", "[x]");
                Ok(ChunkAction::Replace(text.into()))
            });
            let chain = chain(vec![filter]);
            let mut walk = start(&chain, Direction::Response, &[]).unwrap();
            let mut out = Vec::new();
            for (index, piece) in pieces.iter().enumerate() {
                let last = index + 1 == pieces.len();
                out.extend_from_slice(&walk.push(piece.clone(), last).await.unwrap());
            }
            out
        });
        let whole = run(vec![Bytes::copy_from_slice(text.as_bytes())]);
        prop_assert_eq!(run(cut(text.as_bytes(), &cuts)), whole);
    }
}
