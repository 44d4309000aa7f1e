//! Redaction through the sandbox: `builtin:redact` with all its default rules, over log text in
//! blocks and over JSON answers, with and without something to redact.

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tamis_host::filter::{Record, Source};
use tamis_host::plugin::embedded;

#[path = "support/room.rs"]
mod room;

use room::{Room, TARGET, request, response};
use tamis_host::filter::sample;

/// Lines of an application, so many in a hundred with a hit.
fn lines(number: usize, hits: usize) -> Vec<String> {
    let line = |number: usize| {
        let hit = number * 37 % 100 < hits;
        let what = match (hit, number % 3) {
            (false, _) => "rendered the template orders/detail.html from the cache",
            (true, 0) => "sent the receipt to jane.doe@mail.example",
            (true, 1) => "charged the card 4111 1111 1111 1111",
            (true, _) => "login with password=correct-horse-battery",
        };
        format!(
            "2026-11-03T09:30:{:02}.{:03}Z INFO [worker-{}] shop.orders.views: {what} in {} ms \
             for order {} (attempt 1 of 3, queue depth {}, no retry)",
            number / 1000 % 60,
            number % 1000,
            number % 8,
            number % 90,
            40_000 + number,
            number % 12
        )
    };
    (0..number).map(line).collect()
}

fn text(criterion: &mut Criterion) {
    if embedded::find("redact").is_none() {
        return;
    }
    let mut group = criterion.benchmark_group("redact/log text");
    let room = Room::of_standard(&["redact"], "worker", "");
    let chain = room.logs();
    let source: Source = "child".into();
    for hits in [0, 3, 30] {
        let records: Vec<_> =
            lines(2000, hits).into_iter().map(|line| Record::of_bytes(0, line.into())).collect();
        let bytes: usize = records.iter().map(|record| record.message.len() + 1).sum();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("lines with hits, %", hits), |bencher| {
            bencher.iter_custom(|times| {
                let mut total = std::time::Duration::ZERO;
                for _ in 0..times {
                    // A text that was redacted has nothing left to redact.
                    let mut batch = records.clone();
                    total += room.time(1, async || {
                        batch = chain.raw(&source, std::mem::take(&mut batch)).await;
                    });
                    assert_eq!(batch.len(), records.len(), "nothing was lost");
                }
                total
            });
        });
    }
    group.finish();
}

/// JSON of about that length, one object in so many with personal data.
fn json(length: usize, one_in: usize) -> String {
    let mut text = String::from("{\"items\":[");
    for number in 0.. {
        let personal = one_in > 0 && number % one_in == one_in / 2;
        let contact = if personal {
            "\"payment\":\"4111 1111 1111 1111\",\"contact\":\"jane.doe@mail.example\""
        } else {
            "\"payment\":\"on account net 30\",\"contact\":\"by courier today only\""
        };
        text.push_str(&format!(
            "{{\"id\":{},\"title\":\"Oak shelf {} x 80 cm\",\"tags\":[\"wood\",\"home\"],{contact}}},",
            10_000 + number,
            40 + number % 60
        ));
        if text.len() > length {
            break;
        }
    }
    text.push_str("{}]}");
    text
}

fn answers(criterion: &mut Criterion) {
    if embedded::find("redact").is_none() {
        return;
    }
    let mut group = criterion.benchmark_group("redact/answer");
    let room = Room::of_standard(&["redact"], "worker", "responses = true");
    let chain = room.chain();
    for (what, one_in) in [("clean", 0), ("one object in ten", 10)] {
        for kib in [1, 16, 64] {
            let body = Bytes::from(json(kib * 1024, one_in));
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_function(BenchmarkId::new(what, format!("{kib} KiB")), |bencher| {
                bencher.iter_custom(|times| {
                    let open = sample::exchange(TARGET, chain.len());
                    room.once(chain.on_request(&open, &mut request(0))).expect("it is well");
                    let mut head = response();
                    room.once(chain.on_response(&open, &mut head, 1)).expect("it is well");
                    let took = room.time(times, async || {
                        let walk = chain.response_body(&open, &head.headers, 1);
                        let mut walk = walk.expect("it wants JSON");
                        let out = walk.push(body.clone(), true).await;
                        std::hint::black_box(out.expect("it is well"));
                    });
                    room.once(chain.on_done(&open, &sample::summary()));
                    took
                });
            });
        }
    }
    group.finish();
}

criterion_group!(redaction, text, answers);
criterion_main!(redaction);
