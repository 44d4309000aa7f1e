//! What a hook costs, from the chain to the guest and back: with the plugin of
//! `tests/bench/guest`, which does nothing, and with the standard ones.
//!
//! Heads and exchanges are made outside of what is measured, except where the name says
//! `exchange`: those open one, walk it and end it.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tamis_host::filter::{Chain, Record, Source};
use tamis_host::plugin::embedded;

#[path = "support/measured.rs"]
mod measured;
#[path = "support/room.rs"]
mod room;

use measured::measured;
use room::{FIELDS, Room, TARGET, request, response};
use tamis_host::filter::sample;

/// The names of the first so many fields, as a setting.
fn names(many: usize) -> String {
    let names: Vec<_> = FIELDS.iter().take(many).map(|(name, _)| format!("\"{name}\"")).collect();
    format!("[{}]", names.join(", "))
}

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    let mut on_request = |id: BenchmarkId, settings: &str| {
        let room = measured(settings, "worker");
        let chain = room.chain();
        let open = sample::exchange(TARGET, chain.len());
        let mut head = request(FIELDS.len());
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|times| {
                room.time(times, async || {
                    chain.on_request(&open, &mut head).await.expect("the plugin is well");
                })
            });
        });
    };
    for fields in [0, 2, 12] {
        let id = BenchmarkId::new("request, fields delivered", fields);
        on_request(id, &format!("request = {}", names(fields)));
    }
    for set in [1, 4] {
        let id = BenchmarkId::new("request, fields set", set);
        on_request(id, &format!("request = [], set = {set}"));
    }
    let room = measured("request = [], response = [\"content-type\"]", "worker");
    let chain = room.chain();
    let open = sample::exchange(TARGET, chain.len());
    room.once(chain.on_request(&open, &mut request(0))).expect("the plugin is well");
    let mut head = response();
    group.bench_function("response, one field delivered", |bencher| {
        bencher.iter_custom(|times| {
            room.time(times, async || {
                chain.on_response(&open, &mut head, 1).await.expect("the plugin is well");
            })
        });
    });
    group.finish();
}

fn bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("body");
    for (what, splices) in [("pass", 0), ("splice, one per KiB", 1)] {
        for kib in [0, 1, 16, 64] {
            let settings = format!("response = [], body = true, splices = {}", splices * kib);
            let room = measured(&settings, "worker");
            let chain = room.chain();
            let open = sample::exchange(TARGET, chain.len());
            room.once(chain.on_request(&open, &mut request(0))).expect("the plugin is well");
            let chunk = Bytes::from(vec![b'a'; kib * 1024]);
            let headers = response().headers;
            if kib > 0 {
                group.throughput(Throughput::Bytes(chunk.len() as u64));
            }
            group.bench_function(BenchmarkId::new(what, format!("{kib} KiB")), |bencher| {
                bencher.iter_custom(|times| {
                    // An empty chunk is delivered as the last of its body only.
                    let walk = || chain.response_body(&open, &headers, 1).expect("it wants it");
                    let mut one = walk();
                    room.time(times, async || {
                        if kib == 0 {
                            one = walk();
                        }
                        let out = one.push(chunk.clone(), kib == 0).await;
                        black_box(out.expect("the plugin is well"));
                    })
                });
            });
        }
    }
    group.finish();
}

/// One exchange from its opening to its end, with empty bodies.
async fn whole(chain: &Arc<Chain>, fields: usize) {
    let open = sample::exchange(TARGET, chain.len());
    let mut head = request(fields);
    black_box(chain.on_request(&open, &mut head).await.expect("the plugins are well"));
    let mut head = response();
    black_box(chain.on_response(&open, &mut head, chain.len()).await.expect("they are"));
    chain.on_done(&open, &sample::summary()).await;
}

fn exchanges(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exchange");
    let mut bench = |what: &str, room: Room| {
        let chain = room.chain();
        room.once(whole(&chain, FIELDS.len()));
        group.bench_function(what, |bencher| {
            bencher
                .iter_custom(|times| room.time(times, async || whole(&chain, FIELDS.len()).await));
        });
    };
    let two = "request = [\"accept\", \"user-agent\"], response = [\"content-type\"], done = true";
    bench("no hook wanted", measured("", "worker"));
    bench("done", measured("done = true", "worker"));
    bench("request, response, done", measured(two, "worker"));
    bench("fresh: done", measured("done = true", "exchange"));
    bench("fresh: request, response, done", measured(two, "exchange"));
    for name in standard() {
        bench(name, Room::of_standard(&[name], "worker", ""));
        bench(&format!("fresh: {name}"), Room::of_standard(&[name], "exchange", ""));
    }
    let all = standard();
    bench(&format!("{} standard plugins", all.len()), Room::of_standard(&all, "worker", ""));
    bench(
        &format!("fresh: {} standard plugins", all.len()),
        Room::of_standard(&all, "exchange", ""),
    );
    group.finish();
}

/// The standard plugins that this build has, in the order of the sample configuration.
fn standard() -> Vec<&'static str> {
    let order = ["timing", "health", "errors", "redact"];
    order.into_iter().filter(|name| embedded::find(name).is_some()).collect()
}

fn logs(criterion: &mut Criterion) {
    const LINES: usize = 512;
    let mut group = criterion.benchmark_group("logs, per batch of 512");
    group.throughput(Throughput::Elements(LINES as u64));
    let line = "2026-11-03T09:30:00.123Z INFO [worker-3] shop.orders.views: rendered the template \
                orders/detail.html from the cache in 12 ms for order 40017 (attempt 1 of 3)";
    let source: Source = "child".into();
    for (form, splices) in [("raw", 0), ("raw", 1), ("block", 0), ("block", 16), ("parsed", 0)] {
        let room = measured(&format!("logs = \"{form}\", splices = {splices}"), "worker");
        let chain = room.logs();
        let mut batch: Vec<_> = (0..LINES)
            .map(|_| match form {
                "parsed" => Record::structured(0, None, line)
                    .with("logger", "shop.orders.views")
                    .with("thread", "worker-3"),
                _ => Record::of_bytes(0, line.into()),
            })
            .collect();
        let what = match splices {
            0 => "pass".to_owned(),
            many => format!("{many} splices per text"),
        };
        group.bench_function(BenchmarkId::new(form, what), |bencher| {
            bencher.iter_custom(|times| {
                room.time(times, async || {
                    // What passed is as good as new, and moving it costs nothing.
                    let taken = std::mem::take(&mut batch);
                    batch = match form {
                        "parsed" => chain.parsed(&source, taken).await,
                        _ => chain.raw(&source, taken).await,
                    };
                })
            });
        });
        assert_eq!(batch.len(), LINES, "nothing was lost");
    }
    group.finish();
}

criterion_group!(hooks, heads, bodies, exchanges, logs);
criterion_main!(hooks);
