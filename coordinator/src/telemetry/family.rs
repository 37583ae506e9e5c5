//! Families of metrics: one name, one meaning, a fixed list of labels.

use std::sync::Arc;

use metrics::{Counter, Gauge, Key, KeyName, Label, Level, Metadata, with_recorder};

use super::histogram::{self, Histogram};

static METADATA: Metadata<'static> = Metadata::new("baton", Level::INFO, None);

/// Prometheus' types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; starts at 0 with the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by their size.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// What there is to know of a family.
#[derive(Debug)]
pub struct Description {
    /// Its name, with the unit in it.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub help: &'static str,
    /// Metrics of CloudWatch that it stands for.
    pub cloudwatch: &'static [&'static str],
}

impl Description {
    /// Tells the exporter what the family says. Histograms are rendered [by themselves](super::render).
    pub(super) fn describe(&self) {
        let (name, help) = (KeyName::from_const_str(self.name), self.help.into());
        match self.kind {
            Kind::Counter => with_recorder(|recorder| recorder.describe_counter(name, None, help)),
            Kind::Gauge => with_recorder(|recorder| recorder.describe_gauge(name, None, help)),
            Kind::Histogram => {}
        }
    }

    /// A line of the page.
    pub(super) fn row(&self) -> String {
        let code = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        format!("| `{}` | {} | {} | {} | {} |\n", self.name, self.kind.name(), code(self.labels), self.help, code(self.cloudwatch))
    }

    fn key(&self, values: &[&str]) -> Key {
        assert_eq!(self.labels.len(), values.len(), "{} has the labels {:?}", self.name, self.labels);
        let labels = self.labels.iter().zip(values).map(|(name, value)| Label::new(*name, (*value).to_owned()));
        Key::from_parts(KeyName::from_const_str(self.name), labels.collect::<Vec<_>>())
    }
}

/// A family of counters.
#[derive(Debug)]
pub struct CounterFamily(pub(super) Description);

impl CounterFamily {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// The counter with these values of the family's labels, in their order. To be made once and kept.
    pub fn counter<const N: usize>(&self, values: [&str; N]) -> Counter {
        with_recorder(|recorder| recorder.register_counter(&self.0.key(&values), &METADATA))
    }
}

/// A family of gauges.
#[derive(Debug)]
pub struct GaugeFamily(pub(super) Description);

impl GaugeFamily {
    /// The gauge with these values of the family's labels, in their order.
    pub fn gauge<const N: usize>(&self, values: [&str; N]) -> Gauge {
        with_recorder(|recorder| recorder.register_gauge(&self.0.key(&values), &METADATA))
    }
}

/// A family of histograms.
#[derive(Debug)]
pub struct HistogramFamily {
    pub(super) description: Description,
    /// Upper bounds of its buckets, microseconds.
    pub(super) bounds: &'static [u64],
}

impl HistogramFamily {
    /// The histogram with these values of the family's labels, in their order. To be made once and kept.
    pub fn histogram<const N: usize>(&'static self, values: [&str; N]) -> Arc<Histogram> {
        assert_eq!(self.description.labels.len(), N, "{} has the labels {:?}", self.description.name, self.description.labels);
        histogram::register(self, &values)
    }
}
