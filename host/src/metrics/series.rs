//! One set of label values, the cells that count for it, and the handles that touch the cells.
//!
//! A series starts with one cell. Splitting a handle adds another, of its own cache line; looking
//! at the series adds the cells up. When the last handle of a split cell is gone, its counts move
//! to the first cell and are kept; what it had set as a gauge is withdrawn.

use super::exemplar::{Exemplar, Slot, Trace};
use super::{lock, window::Window};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// What is counted, and how.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Only grows; the name ends in `_total`.
    Counter,
    /// Goes up and down. The sum of what living holders last set.
    Gauge,
    /// Always 1; the labels say what there is to say. The name ends in `_info`.
    Info,
    /// Samples in buckets with these upper bounds: ascending, finite, at most 64. `+Inf` is added.
    Histogram(Arc<[f64]>),
    /// These quantiles (0 to 1, ascending) of the last ten minutes.
    Summary(Arc<[f64]>),
}

impl Kind {
    /// The word of the exposition format.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::Info => "gauge",
            Kind::Histogram(_) => "histogram",
            Kind::Summary(_) => "summary",
        }
    }
}

/// Bits of a gauge that nobody has set: a NaN which no computation yields.
const UNSET: u64 = 0x7ff8_7461_6d69_7300;

/// A number on a cache line of its own, so that counting on one core never slows another.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct NumberCell {
    /// Whole steps, added by handles.
    whole: AtomicU64,
    /// A float: counts of plugins, or the value of a gauge.
    float: AtomicU64,
}

impl NumberCell {
    fn new(float: u64) -> NumberCell {
        NumberCell { whole: AtomicU64::new(0), float: AtomicU64::new(float) }
    }

    /// Adds where nobody else writes: two plain moves in place of a locked one.
    pub(super) fn add_alone(&self, value: f64) {
        let sum = f64::from_bits(self.float.load(Ordering::Relaxed)) + value;
        self.float.store(sum.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: f64) {
        self.float.store(value.to_bits(), Ordering::Relaxed);
    }

    fn count(&self) -> f64 {
        self.whole.load(Ordering::Relaxed) as f64 + load(&self.float)
    }
}

/// Buckets and sum of a histogram, as one holder counts them.
#[derive(Debug)]
pub(super) struct HistogramCell {
    bounds: Arc<[f64]>,
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl HistogramCell {
    fn new(bounds: &Arc<[f64]>) -> HistogramCell {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        HistogramCell { bounds: bounds.clone(), buckets, sum: AtomicU64::new(0) }
    }

    fn bucket(&self, value: f64) -> usize {
        self.bounds.partition_point(|bound| *bound < value)
    }

    /// Counts where nobody else writes; returns the bucket.
    pub(super) fn observe_alone(&self, value: f64) -> usize {
        let index = self.bucket(value);
        let bucket = &self.buckets[index];
        bucket.store(bucket.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.sum.store((load(&self.sum) + value).to_bits(), Ordering::Relaxed);
        index
    }

    fn observe(&self, value: f64) -> usize {
        let index = self.bucket(value);
        self.buckets[index].fetch_add(1, Ordering::Relaxed);
        add(&self.sum, value);
        index
    }
}

fn load(float: &AtomicU64) -> f64 {
    f64::from_bits(float.load(Ordering::Relaxed))
}

/// Adds to a float that others may write to, too; an unset gauge counts as zero.
fn add(float: &AtomicU64, value: f64) {
    let mut present = float.load(Ordering::Relaxed);
    loop {
        let base = if present == UNSET { 0.0 } else { f64::from_bits(present) };
        let sum = (base + value).to_bits();
        match float.compare_exchange_weak(present, sum, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(other) => present = other,
        }
    }
}

/// The cells of one series: the first one lives as long as the series.
#[derive(Debug)]
struct Cells<C> {
    first: Arc<C>,
    more: Mutex<Vec<Arc<C>>>,
}

impl<C> Cells<C> {
    fn new(first: C) -> Cells<C> {
        Cells { first: Arc::new(first), more: Mutex::default() }
    }

    /// Adds a cell. Before the list grows, those which nobody holds any more are taken back, so that
    /// it stays short even if nobody ever looks.
    fn split(&self, cell: C, keep: impl Fn(&C, &C)) -> Arc<C> {
        let cell = Arc::new(cell);
        let mut more = lock(&self.more);
        if more.len() == more.capacity() {
            self.take_back(&mut more, keep);
        }
        more.push(cell.clone());
        cell
    }

    /// Takes a cell back at once; `keep` moves what it counted to the first one.
    fn give_back(&self, cell: &Arc<C>, keep: impl Fn(&C, &C)) {
        let mut more = lock(&self.more);
        if let Some(index) = more.iter().position(|other| Arc::ptr_eq(other, cell)) {
            keep(&self.first, &more.swap_remove(index));
        }
    }

    /// Looks at every cell, after those which nobody holds any more have been taken back.
    fn each(&self, keep: impl Fn(&C, &C), mut look: impl FnMut(&C)) {
        let mut more = lock(&self.more);
        self.take_back(&mut more, keep);
        look(&self.first);
        more.iter().for_each(|cell| look(cell));
    }

    fn take_back(&self, more: &mut Vec<Arc<C>>, keep: impl Fn(&C, &C)) {
        more.retain_mut(|cell| match Arc::get_mut(cell) {
            Some(lost) => {
                keep(&self.first, lost);
                false
            }
            None => true,
        });
    }
}

fn keep_count(first: &NumberCell, lost: &NumberCell) {
    first.whole.fetch_add(lost.whole.load(Ordering::Relaxed), Ordering::Relaxed);
    add(&first.float, load(&lost.float));
}

fn keep_nothing(_: &NumberCell, _: &NumberCell) {}

fn keep_buckets(first: &HistogramCell, lost: &HistogramCell) {
    for (bucket, count) in first.buckets.iter().zip(&lost.buckets) {
        bucket.fetch_add(count.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    add(&first.sum, load(&lost.sum));
}

#[derive(Debug)]
enum Data {
    Counter(Cells<NumberCell>),
    Gauge(Cells<NumberCell>),
    Histogram(Cells<HistogramCell>),
    Summary { window: Window, count: AtomicU64, sum: AtomicU64, shares: Arc<[f64]> },
}

/// One set of label values and what was counted for it.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) created: SystemTime,
    data: Data,
    /// One for a counter, one per bucket of a histogram; none for the others.
    exemplars: Box<[Slot]>,
}

/// What a series shows at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    Counter {
        count: f64,
        exemplar: Option<Exemplar>,
    },
    /// Nothing while no living holder has set it.
    Gauge(Option<f64>),
    /// Counts per bucket, not yet added up, the one up to `+Inf` included.
    Histogram {
        buckets: Vec<(f64, u64, Option<Exemplar>)>,
        sum: f64,
    },
    Summary {
        quantiles: Vec<(f64, Option<f64>)>,
        count: u64,
        sum: f64,
    },
}

/// The cell which one instance of a plugin counts in.
#[derive(Debug)]
pub(super) enum InstanceCell {
    Counter(Arc<NumberCell>),
    Gauge(Arc<NumberCell>),
    Histogram(Arc<HistogramCell>),
    Summary,
}

impl Series {
    pub(super) fn new(kind: &Kind) -> Series {
        let (data, exemplars) = match kind {
            Kind::Counter => (Data::Counter(Cells::new(NumberCell::new(0))), 1),
            Kind::Gauge | Kind::Info => (Data::Gauge(Cells::new(NumberCell::new(UNSET))), 0),
            Kind::Histogram(bounds) => {
                (Data::Histogram(Cells::new(HistogramCell::new(bounds))), bounds.len() + 1)
            }
            Kind::Summary(shares) => {
                let (count, sum) = (AtomicU64::new(0), AtomicU64::new(0));
                (Data::Summary { window: Window::new(), count, sum, shares: shares.clone() }, 0)
            }
        };
        let exemplars = (0..exemplars).map(|_| Slot::default()).collect();
        Series { created: SystemTime::now(), data, exemplars }
    }

    pub(super) fn read(&self) -> Reading {
        match &self.data {
            Data::Counter(cells) => {
                let mut count = 0.0;
                cells.each(keep_count, |cell| count += cell.count());
                Reading::Counter { count, exemplar: self.exemplars[0].get() }
            }
            Data::Gauge(cells) => {
                let mut sum = None;
                cells.each(keep_nothing, |cell| {
                    let bits = cell.float.load(Ordering::Relaxed);
                    if bits != UNSET {
                        sum = Some(sum.unwrap_or(0.0) + f64::from_bits(bits));
                    }
                });
                Reading::Gauge(sum)
            }
            Data::Histogram(cells) => {
                let bounds = cells.first.bounds.iter().copied().chain([f64::INFINITY]);
                let exemplars = self.exemplars.iter().map(Slot::get);
                let mut buckets: Vec<(f64, u64, Option<Exemplar>)> =
                    bounds.zip(exemplars).map(|(bound, exemplar)| (bound, 0, exemplar)).collect();
                let mut sum = 0.0;
                cells.each(keep_buckets, |cell| {
                    for (bucket, count) in buckets.iter_mut().zip(&cell.buckets) {
                        bucket.1 += count.load(Ordering::Relaxed);
                    }
                    sum += load(&cell.sum);
                });
                Reading::Histogram { buckets, sum }
            }
            Data::Summary { window, count, sum, shares } => {
                let values = window.quantiles(shares);
                Reading::Summary {
                    quantiles: shares.iter().copied().zip(values).collect(),
                    count: count.load(Ordering::Relaxed),
                    sum: load(sum),
                }
            }
        }
    }

    /// A cell for an instance, which alone will write to it.
    pub(super) fn instance_cell(&self) -> InstanceCell {
        match &self.data {
            Data::Counter(cells) => {
                InstanceCell::Counter(cells.split(NumberCell::new(0), keep_count))
            }
            Data::Gauge(cells) => {
                InstanceCell::Gauge(cells.split(NumberCell::new(UNSET), keep_nothing))
            }
            Data::Histogram(cells) => {
                let cell = HistogramCell::new(&cells.first.bounds);
                InstanceCell::Histogram(cells.split(cell, keep_buckets))
            }
            Data::Summary { .. } => InstanceCell::Summary,
        }
    }

    /// Keeps the counts of an instance that is gone, and withdraws its gauges.
    pub(super) fn give_back(&self, cell: &InstanceCell) {
        match (&self.data, cell) {
            (Data::Counter(cells), InstanceCell::Counter(cell)) => {
                cells.give_back(cell, keep_count);
            }
            (Data::Gauge(cells), InstanceCell::Gauge(cell)) => {
                cells.give_back(cell, keep_nothing);
            }
            (Data::Histogram(cells), InstanceCell::Histogram(cell)) => {
                cells.give_back(cell, keep_buckets);
            }
            _ => {}
        }
    }

    /// Keeps the trace of a sample; counters have one bucket.
    pub(super) fn exemplar(&self, bucket: usize, value: f64, trace: &Trace) {
        if let Some(slot) = self.exemplars.get(bucket) {
            slot.put(value, trace);
        }
    }

    /// Counts a sample of a summary, finite and not negative; nothing for the other kinds.
    pub(super) fn summarise(&self, value: f64) {
        if let Data::Summary { window, count, sum, .. } = &self.data {
            window.observe(value);
            count.fetch_add(1, Ordering::Relaxed);
            add(sum, value);
        }
    }
}

/// Counts up, in 4 ns. Clones share a cell; [`split`](Counter::split) makes a new one.
#[derive(Debug, Clone)]
pub struct Counter {
    cell: Arc<NumberCell>,
    series: Arc<Series>,
}

impl Counter {
    pub(super) fn of(series: Arc<Series>) -> Counter {
        let cell = match &series.data {
            Data::Counter(cells) => cells.first.clone(),
            // A family only hands out handles of its own kind; this cell would never show.
            _ => Arc::new(NumberCell::new(0)),
        };
        Counter { cell, series }
    }

    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.cell.whole.fetch_add(count, Ordering::Relaxed);
    }

    /// Replaces a count that somebody else keeps, such as the processor time of the process.
    pub fn set_to(&self, count: f64) {
        self.cell.set(count);
    }

    /// Adds one and keeps the trace of the exchange as exemplar.
    pub fn increment_traced(&self, trace: &Trace) {
        self.add(1);
        self.series.exemplar(0, 1.0, trace);
    }

    /// The same series with a cell of its own, for another thread. Its counts stay when it goes.
    pub fn split(&self) -> Counter {
        let Data::Counter(cells) = &self.series.data else { return self.clone() };
        Counter { cell: cells.split(NumberCell::new(0), keep_count), series: self.series.clone() }
    }
}

/// A value that goes up and down. Clones share a cell; [`split`](Gauge::split) makes a new one.
#[derive(Debug, Clone)]
pub struct Gauge {
    cell: Arc<NumberCell>,
    series: Arc<Series>,
}

impl Gauge {
    pub(super) fn of(series: Arc<Series>) -> Gauge {
        let cell = match &series.data {
            Data::Gauge(cells) => cells.first.clone(),
            // A family only hands out handles of its own kind; this cell would never show.
            _ => Arc::new(NumberCell::new(UNSET)),
        };
        Gauge { cell, series }
    }

    /// Replaces the value of this handle and its clones.
    pub fn set(&self, value: f64) {
        self.cell.set(value);
    }

    /// Adds, or subtracts what is negative.
    pub fn add(&self, value: f64) {
        add(&self.cell.float, value);
    }

    /// The same series with a cell of its own; shown is the sum. When the last handle of the new
    /// cell goes, so does its part of the sum.
    pub fn split(&self) -> Gauge {
        let Data::Gauge(cells) = &self.series.data else { return self.clone() };
        Gauge {
            cell: cells.split(NumberCell::new(UNSET), keep_nothing),
            series: self.series.clone(),
        }
    }
}

/// Counts samples in buckets. Clones share a cell; [`split`](Histogram::split) makes a new one.
#[derive(Debug, Clone)]
pub struct Histogram {
    cell: Arc<HistogramCell>,
    series: Arc<Series>,
}

impl Histogram {
    pub(super) fn of(series: Arc<Series>) -> Histogram {
        let cell = match &series.data {
            Data::Histogram(cells) => cells.first.clone(),
            // A family only hands out handles of its own kind; this cell would never show.
            _ => Arc::new(HistogramCell::new(&Arc::from([]))),
        };
        Histogram { cell, series }
    }

    /// Counts a sample in the base unit of the family. What is not finite is left out.
    pub fn observe(&self, value: f64) {
        if value.is_finite() {
            self.cell.observe(value);
        }
    }

    /// Counts a duration, in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.cell.observe(duration.as_secs_f64());
    }

    /// Counts a sample and keeps the trace of its exchange as exemplar of the bucket.
    pub fn observe_traced(&self, value: f64, trace: &Trace) {
        if value.is_finite() {
            let bucket = self.cell.observe(value);
            self.series.exemplar(bucket, value, trace);
        }
    }

    /// The same series with cells of its own, for another thread. Its counts stay when it goes.
    pub fn split(&self) -> Histogram {
        let Data::Histogram(cells) = &self.series.data else { return self.clone() };
        let cell = HistogramCell::new(&self.cell.bounds);
        Histogram { cell: cells.split(cell, keep_buckets), series: self.series.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(series: &Arc<Series>) -> Counter {
        Counter::of(series.clone())
    }

    fn count(series: &Series) -> f64 {
        match series.read() {
            Reading::Counter { count, .. } => count,
            other => panic!("not a counter: {other:?}"),
        }
    }

    #[test]
    fn split_counters_add_up_and_keep_their_counts() {
        let series = Arc::new(Series::new(&Kind::Counter));
        let here = counter(&series);
        let there = here.split();
        here.increment();
        there.add(41);
        assert_eq!(count(&series), 42.0);
        drop(there);
        assert_eq!(count(&series), 42.0, "a handle that is gone keeps its counts");
        assert_eq!(count(&series), 42.0, "and is counted once");
    }

    #[test]
    fn handles_that_come_and_go_unseen_take_no_room() {
        let series = Arc::new(Series::new(&Kind::Counter));
        for _ in 0..10_000 {
            counter(&series).split().increment();
        }
        let Data::Counter(cells) = &series.data else { panic!("a counter") };
        assert!(lock(&cells.more).len() < 10);
        assert_eq!(count(&series), 10_000.0);
    }

    #[test]
    fn counts_never_go_back_while_threads_come_and_go() {
        let series = Arc::new(Series::new(&Kind::Counter));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let series = series.clone();
                scope.spawn(move || {
                    for _ in 0..200 {
                        let handle = counter(&series).split();
                        (0..50).for_each(|_| handle.increment());
                    }
                });
            }
            let mut last = 0.0;
            while last < 40_000.0 {
                let present = count(&series);
                assert!(present >= last, "{present} after {last}");
                last = present;
            }
        });
        assert_eq!(count(&series), 40_000.0);
    }

    #[test]
    fn a_gauge_is_the_sum_of_what_living_holders_set() {
        let series = Arc::new(Series::new(&Kind::Gauge));
        assert_eq!(series.read(), Reading::Gauge(None), "nobody has set it");
        let here = Gauge::of(series.clone());
        let there = here.split();
        there.set(5.0);
        here.add(2.0);
        here.add(-1.0);
        assert_eq!(series.read(), Reading::Gauge(Some(6.0)));
        drop(there);
        assert_eq!(series.read(), Reading::Gauge(Some(1.0)), "what is gone is withdrawn");
    }

    #[test]
    fn buckets_include_their_upper_bound() {
        let series = Arc::new(Series::new(&Kind::Histogram([1.0, 2.0].into())));
        let histogram = Histogram::of(series.clone());
        [0.5, 1.0, 1.5, 2.0, 3.0].iter().for_each(|value| histogram.observe(*value));
        histogram.observe(f64::NAN);
        let other = histogram.split();
        other.observe_duration(Duration::from_millis(2_500));
        drop(other);
        let Reading::Histogram { buckets, sum } = series.read() else { panic!("a histogram") };
        let counts: Vec<(f64, u64)> = buckets.iter().map(|(le, count, _)| (*le, *count)).collect();
        assert_eq!(counts, [(1.0, 2), (2.0, 2), (f64::INFINITY, 2)]);
        assert_eq!(sum, 10.5);
    }

    #[test]
    fn an_exemplar_stays_with_its_bucket() {
        let series = Arc::new(Series::new(&Kind::Histogram([1.0].into())));
        let trace = Trace { trace_id: 7, span_id: 8, at: SystemTime::UNIX_EPOCH };
        Histogram::of(series.clone()).observe_traced(3.0, &trace);
        let Reading::Histogram { buckets, .. } = series.read() else { panic!("a histogram") };
        assert_eq!(buckets[0].2, None);
        assert_eq!(buckets[1].2, Some(Exemplar { trace, value: 3.0 }));
    }

    #[test]
    fn a_summary_counts_exactly_and_sketches_quantiles() {
        let series = Arc::new(Series::new(&Kind::Summary([0.5, 0.9].into())));
        (1..=100).for_each(|value| series.summarise(f64::from(value)));
        let Reading::Summary { quantiles, count, sum } = series.read() else { panic!("a summary") };
        assert_eq!((count, sum), (100, 5050.0));
        for ((share, value), exact) in quantiles.into_iter().zip([50.0, 90.0]) {
            let value = value.expect("there are samples");
            assert!((value / exact - 1.0).abs() < 0.016, "{share}: {value}");
        }
    }
}
