//! Chains of filters in plain Rust.

use http::StatusCode;

use super::*;
use crate::filter::fake::{Diary, Fake, Head, chain, take};
use crate::filter::{Hooks, Paths, Value, sample};

fn set(name: &str, value: &str) -> Edit {
    Edit::SetHeader(name.parse().unwrap(), value.parse().unwrap())
}

fn append(name: &str, value: &str) -> Edit {
    Edit::AppendHeader(name.parse().unwrap(), value.parse().unwrap())
}

fn attribute(name: &str) -> Edit {
    Edit::SetAttribute((name.to_owned(), 1.into()))
}

fn proceed(edits: &[Edit]) -> Head {
    let edits = edits.to_vec();
    Box::new(move |_| Ok(HeadAction::Proceed(edits.clone())))
}

fn answer(status: u16, body: &'static str) -> Head {
    let status = StatusCode::from_u16(status).unwrap();
    let body = Bytes::from_static(body.as_bytes());
    Box::new(move |_| {
        let headers = HeaderMap::new();
        Ok(HeadAction::Respond(LocalResponse { status, headers, body: body.clone() }))
    })
}

fn failing(kind: FaultKind) -> Head {
    Box::new(move |_| Err(Fault::new(kind, "cannot")))
}

fn three(diary: &Diary, change: impl FnOnce(&mut [Fake; 3])) -> Arc<Chain> {
    let mut filters = ["a", "b", "c"].map(|name| Fake::new(name, Stance::Guard, diary));
    change(&mut filters);
    chain(filters.into())
}

#[tokio::test]
async fn requests_go_first_to_last_and_responses_last_to_first() {
    let diary = Diary::default();
    let chain = three(&diary, |_| {});
    let exchange = sample::exchange("/a/b?c=d", 3);
    let walk = chain.on_request(&exchange, &mut sample::request("/a/b?c=d")).await;
    assert!(matches!(walk, Ok(RequestWalk::Proceed(None))));
    chain.on_response(&exchange, &mut sample::response(), 3).await.unwrap();
    chain.on_done(&exchange, &sample::summary()).await;
    assert_eq!(
        take(&diary),
        [
            "a on-request",
            "b on-request",
            "c on-request",
            "c on-response",
            "b on-response",
            "a on-response",
            "c on-done completed",
            "b on-done completed",
            "a on-done completed",
        ]
    );
}

#[tokio::test]
async fn later_plugins_see_the_edits_of_earlier_ones_in_both_directions() {
    let diary = Diary::default();
    let chain = three(&diary, |[a, b, c]| {
        a.request = proceed(&[set("x-way", "a"), append("x-way", "a2"), set("accept", "text/*")]);
        b.request = Box::new(|headers| {
            let seen = headers.get_all("x-way").iter().count().to_string();
            Ok(HeadAction::Proceed(vec![
                Edit::RemoveHeader("accept".parse().unwrap()),
                set("x-seen", &seen),
            ]))
        });
        c.response = proceed(&[set("x-way", "c")]);
        b.response = Box::new(|headers| {
            let seen = headers["x-way"].to_str().unwrap().to_owned();
            Ok(HeadAction::Proceed(vec![set("x-seen", &seen)]))
        });
    });
    let exchange = sample::exchange("/a/b?c=d", 3);
    let (mut sent, mut got) = (sample::request("/a/b?c=d"), sample::response());
    chain.on_request(&exchange, &mut sent).await.unwrap();
    chain.on_response(&exchange, &mut got, 3).await.unwrap();
    assert_eq!(sent.headers["x-seen"], "2");
    assert!(!sent.headers.contains_key("accept"), "set by one, removed by the next");
    assert_eq!(got.headers["x-seen"], "c");
}

#[tokio::test]
async fn who_answers_ends_the_walk_and_those_before_see_the_answer() {
    let diary = Diary::default();
    let chain = three(&diary, |[_, b, _]| b.request = answer(403, "no"));
    let exchange = sample::exchange("/a/b?c=d", 3);
    let walk = chain.on_request(&exchange, &mut sample::request("/a/b?c=d")).await;
    let Ok(RequestWalk::Answered { response, below }) = walk else { panic!("{walk:?}") };
    assert_eq!((response.status.as_u16(), &*response.body, below), (403, &b"no"[..], 1));
    let LocalResponse { status, headers, .. } = response;
    let mut head = ResponseHead { status, headers, ends: false, local: true };
    chain.on_response(&exchange, &mut head, below).await.unwrap();
    chain.on_done(&exchange, &sample::summary()).await;
    assert_eq!(
        take(&diary),
        [
            "a on-request",
            "b on-request",
            "a on-response (local)",
            "c on-done completed",
            "b on-done completed",
            "a on-done completed",
        ],
        "those after it are told in the end only"
    );
}

#[tokio::test]
async fn an_answer_on_the_response_replaces_it_and_the_rest_sees_that() {
    let diary = Diary::default();
    let chain = three(&diary, |[_, b, _]| b.response = answer(418, "tea"));
    let exchange = sample::exchange("/a/b?c=d", 3);
    chain.on_request(&exchange, &mut sample::request("/a/b?c=d")).await.unwrap();
    let mut head = sample::response();
    head.headers.insert("x-from", HeaderValue::from_static("upstream"));
    let walk = chain.on_response(&exchange, &mut head, 3).await.unwrap();
    let ResponseWalk::Proceed(Some(body)) = walk else { panic!("{walk:?}") };
    assert_eq!(body, NewBody { data: Bytes::from_static(b"tea"), by: 1 });
    assert_eq!((head.status.as_u16(), head.local, head.headers.len()), (418, true, 0));
    assert_eq!(take(&diary)[3..], ["c on-response", "b on-response", "a on-response (local)"]);
}

#[tokio::test]
async fn to_abort_ends_both_walks() {
    let diary = Diary::default();
    let chain = three(&diary, |[_, b, _]| {
        b.request = Box::new(|_| Ok(HeadAction::Abort));
        b.response = Box::new(|_| Ok(HeadAction::Abort));
    });
    let walk =
        chain.on_request(&sample::exchange("/a/b?c=d", 3), &mut sample::request("/a/b?c=d")).await;
    assert!(matches!(walk, Ok(RequestWalk::Aborted)));
    assert_eq!(take(&diary), ["a on-request", "b on-request"]);
    let exchange = sample::exchange("/a/b?c=d", 3);
    for index in 0..3 {
        exchange.update_place(index, |place| place.met = true);
    }
    let walk = chain.on_response(&exchange, &mut sample::response(), 3).await;
    assert!(matches!(walk, Ok(ResponseWalk::Aborted)));
    assert_eq!(take(&diary), ["c on-response", "b on-response"]);
}

#[tokio::test]
async fn the_last_body_that_is_set_counts_and_names_its_plugin() {
    let diary = Diary::default();
    let chain = three(&diary, |[a, _, c]| {
        a.request = proceed(&[Edit::SetBody(Bytes::from_static(b"first"))]);
        c.request = proceed(&[Edit::SetBody(Bytes::from_static(b"second"))]);
    });
    let mut head = sample::request("/a/b?c=d");
    let walk = chain.on_request(&sample::exchange("/a/b?c=d", 3), &mut head).await.unwrap();
    let RequestWalk::Proceed(Some(body)) = walk else { panic!("{walk:?}") };
    assert_eq!((body.data, body.by), (Bytes::from_static(b"second"), 2));
    assert!(!head.ends, "a message that had no body has one now");
    let chain = three(&diary, |[a, ..]| a.request = proceed(&[Edit::SetBody(Bytes::new())]));
    let mut head = RequestHead { ends: false, ..sample::request("/a/b?c=d") };
    chain.on_request(&sample::exchange("/a/b?c=d", 3), &mut head).await.unwrap();
    assert!(head.ends, "an empty body is none");
}

#[tokio::test]
async fn a_new_target_and_a_new_status_change_neither_route_nor_paths() {
    let diary = Diary::default();
    let chain = three(&diary, |[a, b, _]| {
        a.request = proceed(&[Edit::SetTarget("/other?x".parse().unwrap())]);
        b.wants.paths = Paths::new(vec!["/a/*".into()]);
        b.response = proceed(&[Edit::SetStatus(StatusCode::ACCEPTED)]);
    });
    let exchange = sample::exchange("/a/b?c=d", 3);
    let (mut sent, mut got) = (sample::request("/a/b?c=d"), sample::response());
    chain.on_request(&exchange, &mut sent).await.unwrap();
    chain.on_response(&exchange, &mut got, 3).await.unwrap();
    assert_eq!(sent.target.as_str(), "/other?x");
    assert_eq!(got.status, StatusCode::ACCEPTED);
    assert!(take(&diary).contains(&"b on-request".to_owned()), "by the path as it was");
}

#[tokio::test]
async fn only_plugins_on_their_paths_are_called_and_only_what_they_asked_for() {
    let diary = Diary::default();
    let chain = three(&diary, |[a, b, c]| {
        a.wants.paths = Paths::new(vec!["/elsewhere".into()]);
        b.wants.request = None;
        b.wants.done = None;
        c.hooks = Hooks::default().with(Hook::OnResponse);
    });
    let exchange = sample::exchange("/a/b?c=d", 3);
    chain.on_request(&exchange, &mut sample::request("/a/b?c=d")).await.unwrap();
    exchange.update_place(1, |place| place.seat = Some((0, 0)));
    chain.on_response(&exchange, &mut sample::response(), 3).await.unwrap();
    chain.on_done(&exchange, &sample::summary()).await;
    assert_eq!(
        take(&diary),
        ["c on-response", "b on-response", "b forget"],
        "who holds a seat and wants no farewell is made to forget"
    );
}

/// Every edit that the chain itself finds wrong, beside one that is right.
#[tokio::test]
async fn edits_are_applied_all_or_none() {
    let many = |number: usize| -> Vec<Edit> {
        (0..number).map(|one| append(&format!("x-{one}"), "v")).collect()
    };
    let long = "v".repeat(MAX_HEAD);
    let attributes: Vec<_> =
        (0..=MAX_ATTRIBUTES).map(|one| attribute(&format!("a.{one}"))).collect();
    let wrong: Vec<(&str, bool, Vec<Edit>)> = vec![
        ("a status in a request", true, vec![Edit::SetStatus(StatusCode::OK)]),
        ("a target in a response", false, vec![Edit::SetTarget("/".parse().unwrap())]),
        ("too many fields", true, many(MAX_FIELDS)),
        ("too many fields", false, many(MAX_FIELDS + 1)),
        ("more than a map of fields can hold", true, many(40_000)),
        ("a head too long", true, vec![set("x-long", &long)]),
        ("a head too long in all", false, vec![set("a", &long[9..]), set("b", "1234567890")]),
        ("too many attributes", true, attributes),
    ];
    for (what, in_request, mut edits) in wrong {
        edits.insert(0, set("x-good", "1"));
        edits.insert(0, attribute("good"));
        for on_fault in [OnFault::Closed, OnFault::Open] {
            let diary = Diary::default();
            let mut filter = Fake::new("a", Stance::Guard, &diary);
            filter.request = if in_request { proceed(&edits) } else { proceed(&[]) };
            filter.response = proceed(&edits);
            let link = Link { filter: Arc::new(filter), on_fault };
            let (chain, exchange) = (Chain::new(vec![link]), sample::exchange("/a/b", 1));
            let (mut sent, mut got) = (sample::request("/a/b?c=d"), sample::response());
            let asked = chain.on_request(&exchange, &mut sent).await;
            let closed = if in_request {
                asked.err()
            } else {
                chain.on_response(&exchange, &mut got, 1).await.err()
            };
            assert_eq!(closed.is_some(), on_fault == OnFault::Closed, "{what}");
            assert!(closed.is_none_or(|one| one.fault.kind == FaultKind::Internal), "{what}");
            assert_eq!((sent.headers.len(), got.headers.len()), (1, 0), "{what}: half applied");
            assert!(exchange.attributes().is_empty(), "{what}: half applied");
            let hook = if in_request { "on-request" } else { "on-response" };
            assert_eq!(take(&diary).last().unwrap(), &format!("a struck in {hook}"), "{what}");
        }
    }
}

#[tokio::test]
async fn limits_are_of_the_head_as_it_is_after_the_edits() {
    let diary = Diary::default();
    let full: Vec<_> = (0..MAX_FIELDS - 1).map(|one| set(&format!("x-{one}"), "v")).collect();
    let again: Vec<_> = (0..MAX_FIELDS - 1).map(|one| set(&format!("x-{one}"), "w")).collect();
    let chain = three(&diary, |[a, b, c]| {
        a.request = proceed(&full);
        b.request = proceed(&again);
        c.request = proceed(&[Edit::RemoveHeader("x-0".parse().unwrap()), set("x-new", "v")]);
    });
    let mut head = sample::request("/a/b?c=d");
    chain
        .on_request(&sample::exchange("/a/b?c=d", 3), &mut head)
        .await
        .expect("100 fields all the way");
    assert_eq!((head.headers.len(), &head.headers["x-1"]), (MAX_FIELDS, &"w".parse().unwrap()));

    let named: Vec<_> = (0..MAX_ATTRIBUTES).map(|one| attribute(&format!("a.{one}"))).collect();
    let chain = three(&diary, |[a, b, _]| {
        a.request = proceed(&named);
        b.request = proceed(&[Edit::SetAttribute(("a.3".into(), Value::Boolean(true)))]);
    });
    let exchange = sample::exchange("/a/b?c=d", 3);
    chain
        .on_request(&exchange, &mut sample::request("/a/b?c=d"))
        .await
        .expect("64 attributes, one set twice");
    assert_eq!(exchange.attribute("a.3"), Some(Value::Boolean(true)));
}

#[tokio::test]
async fn an_answer_has_the_limits_of_any_head() {
    let diary = Diary::default();
    let too_many = || -> Head {
        Box::new(|_| {
            let mut headers = HeaderMap::new();
            for one in 0..=MAX_FIELDS {
                headers.append("x-many", HeaderValue::from(one));
            }
            let (status, body) = (StatusCode::OK, Bytes::new());
            Ok(HeadAction::Respond(LocalResponse { status, headers, body }))
        })
    };
    let chain = three(&diary, |[a, b, _]| {
        a.request = too_many();
        b.response = too_many();
    });
    let closed = chain
        .on_request(&sample::exchange("/a/b?c=d", 3), &mut sample::request("/a/b?c=d"))
        .await
        .unwrap_err();
    assert_eq!((closed.hook, closed.fault.kind), (Hook::OnRequest, FaultKind::Internal));
    let exchange = sample::exchange("/a/b?c=d", 3);
    exchange.update_place(1, |place| place.met = true);
    let closed = chain.on_response(&exchange, &mut sample::response(), 3).await.unwrap_err();
    assert_eq!((closed.hook, closed.fault.kind), (Hook::OnResponse, FaultKind::Internal));
}

#[tokio::test]
async fn a_fault_is_open_or_closed_by_stance_unless_the_operator_says_otherwise() {
    for kind in FaultKind::ALL {
        for (stance, on_fault, closes) in [
            (Stance::Guard, None, true),
            (Stance::Watcher, None, false),
            (Stance::Guard, Some(OnFault::Open), false),
            (Stance::Watcher, Some(OnFault::Closed), true),
        ] {
            let diary = Diary::default();
            let mut filters = [Fake::new("a", stance, &diary), Fake::new("b", stance, &diary)];
            filters[0].request = failing(kind);
            filters[1].response = failing(kind);
            let links = filters.map(|filter| {
                let link = Link::new(Arc::new(filter));
                Link { on_fault: on_fault.unwrap_or(link.on_fault), ..link }
            });
            let (chain, exchange) = (Chain::new(links.into()), sample::exchange("/a/b", 2));
            let walk = chain.on_request(&exchange, &mut sample::request("/a/b?c=d")).await;
            if closes {
                let closed = walk.unwrap_err();
                assert_eq!((&*closed.plugin, closed.hook), ("a", Hook::OnRequest));
                assert_eq!(closed.fault.kind, kind);
                assert_eq!(take(&diary), ["a on-request"], "{kind:?}: the walk ends here");
                continue;
            }
            assert!(matches!(walk, Ok(RequestWalk::Proceed(None))), "{kind:?}");
            chain.on_response(&exchange, &mut sample::response(), 2).await.unwrap();
            assert_eq!(
                take(&diary),
                ["a on-request", "b on-request", "b on-response", "a on-response"],
                "{kind:?}: the others go on as if nothing had happened"
            );
        }
    }
}
