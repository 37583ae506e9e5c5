//! Histograms of durations with fixed buckets. An observation is two additions and keeps nothing, however seldom somebody asks.
//!
//! Hot paths collect in a [`LocalHistogram`] without any synchronisation and hand over from time to time.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::HistogramFamily;

/// Bounds for what a computer does: 50 µs to a minute.
pub(super) const QUICK: &[u64] = &[
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 30_000_000, 60_000_000,
];

/// Bounds for what executions and tasks do: a millisecond to a month.
pub(super) const LONG: &[u64] = &[
    1_000,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
    21_600_000_000,
    86_400_000_000,
    604_800_000_000,
    2_592_000_000_000,
];

/// Bounds for single decisions: a microsecond to a second.
pub(super) const TINY: &[u64] = &[1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 25_000, 100_000, 1_000_000];

/// A histogram that everybody may observe.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// By bucket; the last one has what is beyond all bounds.
    counts: Box<[AtomicU64]>,
    sum_us: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum_us: AtomicU64::new(0) }
    }

    /// Counts one more.
    pub fn observe(&self, duration: Duration) {
        self.observe_micros(micros(duration));
    }

    /// Counts one more, of so many microseconds.
    pub fn observe_micros(&self, micros: u64) {
        self.counts[bucket(self.bounds, micros)].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(micros, Ordering::Relaxed);
    }

    /// An empty one to collect in.
    pub fn local(self: &Arc<Self>) -> LocalHistogram {
        LocalHistogram { counts: vec![0; self.counts.len()].into(), sum_us: 0, is_empty: true, shared: self.clone() }
    }

    fn render(&self, name: &str, labels: &str, text: &mut String) {
        let separator = if labels.is_empty() { "" } else { "," };
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let mut count = 0;
        for (place, in_bucket) in self.counts.iter().enumerate() {
            count += in_bucket.load(Ordering::Relaxed);
            let bound = self.bounds.get(place).map_or("+Inf".to_owned(), |bound| seconds(*bound));
            let _ = writeln!(text, "{name}_bucket{{{labels}{separator}le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(text, "{name}_sum{braces} {}\n{name}_count{braces} {count}", seconds(self.sum_us.load(Ordering::Relaxed)));
    }
}

/// What one thread has observed and not handed over yet.
#[derive(Debug)]
pub struct LocalHistogram {
    counts: Box<[u64]>,
    sum_us: u64,
    is_empty: bool,
    shared: Arc<Histogram>,
}

impl LocalHistogram {
    /// Counts `count` more, of so many microseconds each.
    pub fn observe_micros(&mut self, micros: u64, count: u64) {
        self.counts[bucket(self.shared.bounds, micros)] += count;
        self.sum_us = self.sum_us.wrapping_add(micros.wrapping_mul(count));
        self.is_empty = false;
    }

    /// Hands over what has come together.
    pub fn flush(&mut self) {
        if std::mem::replace(&mut self.is_empty, true) {
            return;
        }
        for (shared, local) in self.shared.counts.iter().zip(&mut self.counts) {
            if *local > 0 {
                shared.fetch_add(std::mem::take(local), Ordering::Relaxed);
            }
        }
        self.shared.sum_us.fetch_add(std::mem::take(&mut self.sum_us), Ordering::Relaxed);
    }
}

fn bucket(bounds: &[u64], micros: u64) -> usize {
    bounds.partition_point(|bound| *bound < micros)
}

/// Microseconds of a duration.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// In seconds, without rounding.
fn seconds(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    format!("{whole}.{rest:06}").trim_end_matches('0').to_owned()
}

/// By name, then by labels as they are rendered.
type Registry = BTreeMap<&'static str, (&'static HistogramFamily, BTreeMap<String, Arc<Histogram>>)>;

static REGISTRY: Mutex<Registry> = Mutex::new(BTreeMap::new());

pub(super) fn register(family: &'static HistogramFamily, values: &[&str]) -> Arc<Histogram> {
    let labels = family.description.labels.iter().zip(values);
    let labels: Vec<_> = labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let mut registry = REGISTRY.lock();
    let (_, members) = registry.entry(family.description.name).or_insert_with(|| (family, BTreeMap::new()));
    members.entry(labels.join(",")).or_insert_with(|| Arc::new(Histogram::new(family.bounds))).clone()
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

pub(super) fn render(text: &mut String) {
    for (name, (family, members)) in &*REGISTRY.lock() {
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} histogram", family.description.help);
        members.iter().for_each(|(labels, histogram)| histogram.render(name, labels, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_local_ones_are_handed_over_once() {
        let shared = Arc::new(Histogram::new(&[1_000, 1_500_000]));
        let mut local = shared.local();
        local.observe_micros(1_000, 3);
        local.observe_micros(1_001, 1);
        local.flush();
        local.flush();
        shared.observe(Duration::from_secs(2));
        let mut text = String::new();
        shared.render("n", "a=\"b\"", &mut text);
        let buckets = "n_bucket{a=\"b\",le=\"0.001\"} 3\nn_bucket{a=\"b\",le=\"1.5\"} 4\nn_bucket{a=\"b\",le=\"+Inf\"} 5\n";
        assert_eq!(text, format!("{buckets}n_sum{{a=\"b\"}} 2.004001\nn_count{{a=\"b\"}} 5\n"));
    }

    #[test]
    fn without_labels_there_are_no_empty_braces() {
        let mut text = String::new();
        Histogram::new(&[]).render("n", "", &mut text);
        assert_eq!(text, "n_bucket{le=\"+Inf\"} 0\nn_sum 0\nn_count 0\n");
    }
}
