//! A metric and its series. Each is declared once as a constant of [`list`](crate::list); its series are atomics, so that
//! whoever keeps one counts without a lock or an allocation.

use std::fmt;
use std::sync::OnceLock;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    Opts, Result,
};

/// A label, and the values that it may have where they are known from the start.
pub type Label = (&'static str, &'static [&'static str]);

/// The values of a label are not known before they come.
pub const OPEN: &[&str] = &[];

/// Counts what happened since the process started.
pub type Counters<const N: usize> = Family<IntCounterVec, N>;
/// A sum of what is no whole number.
pub type Sums<const N: usize> = Family<CounterVec, N>;
/// What is the case now.
pub type Gauges<const N: usize> = Family<GaugeVec, N>;
/// How long something took, in seconds, or how large it was, in buckets.
pub type Histograms<const N: usize> = Family<HistogramVec, N>;

/// What is said of a metric.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub name: &'static str,
    /// Prometheus' word for it.
    pub kind: &'static str,
    pub labels: &'static [Label],
    pub help: &'static str,
    /// Upper ends of the buckets of a histogram.
    pub buckets: &'static [f64],
}

/// A metric with `N` labels.
pub struct Family<V, const N: usize> {
    name: &'static str,
    labels: [Label; N],
    help: &'static str,
    buckets: &'static [f64],
    series: OnceLock<V>,
}

impl<V, const N: usize> Family<V, N> {
    pub const fn new(name: &'static str, labels: [Label; N], help: &'static str) -> Self {
        Family { name, labels, help, buckets: &[], series: OnceLock::new() }
    }

    /// The same in these buckets.
    pub const fn within(mut self, buckets: &'static [f64]) -> Self {
        self.buckets = buckets;
        self
    }
}

impl<V: Series, const N: usize> Family<V, N> {
    /// The series of these values, one for each label. Looking it up takes a lock: keep it where it is needed often.
    pub fn of(&'static self, values: [&str; N]) -> V::One {
        let is_known = |(label, value): (&Label, &&str)| label.1.is_empty() || label.1.contains(value);
        debug_assert!(self.labels.iter().zip(&values).all(is_known), "{} has no {values:?}", self.name);
        self.made().one(&values)
    }

    fn made(&'static self) -> &'static V {
        self.series.get_or_init(|| {
            let made = V::make(&self.about()).unwrap_or_else(|error| unreachable!("{}: {error}", self.name));
            for values in products(&self.labels) {
                made.one(&values);
            }
            made
        })
    }
}

/// All combinations of the labels' values; none where those of one label are open.
fn products(labels: &[Label]) -> Vec<Vec<&'static str>> {
    let longer = |found: Vec<Vec<&'static str>>, label: &Label| {
        let with = |before: &Vec<&'static str>| {
            let before = before.clone();
            label.1.iter().map(move |value| [&before[..], &[value]].concat())
        };
        found.iter().flat_map(with).collect()
    };
    labels.iter().fold(vec![Vec::new()], longer)
}

/// A metric of the list, whatever its kind.
pub trait Metric: Sync {
    fn about(&'static self) -> About;
    fn collect(&'static self) -> Vec<MetricFamily>;
}

impl<V: Series, const N: usize> Metric for Family<V, N> {
    fn about(&'static self) -> About {
        let Family { name, help, buckets, .. } = *self;
        About { name, kind: V::KIND, labels: &self.labels, help, buckets }
    }

    fn collect(&'static self) -> Vec<MetricFamily> {
        self.made().collect()
    }
}

impl<V, const N: usize> fmt::Debug for Family<V, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The series of one metric, by kind.
pub trait Series: Collector + Sized {
    type One;
    const KIND: &'static str;

    /// # Errors
    /// For names that Prometheus does not take.
    fn make(about: &About) -> Result<Self>;
    fn one(&self, values: &[&str]) -> Self::One;
}

fn names(about: &About) -> Vec<&'static str> {
    about.labels.iter().map(|(name, _)| *name).collect()
}

impl Series for IntCounterVec {
    type One = IntCounter;
    const KIND: &'static str = "counter";

    fn make(about: &About) -> Result<Self> {
        IntCounterVec::new(Opts::new(about.name, about.help), &names(about))
    }

    fn one(&self, values: &[&str]) -> IntCounter {
        self.with_label_values(values)
    }
}

impl Series for CounterVec {
    type One = Counter;
    const KIND: &'static str = "counter";

    fn make(about: &About) -> Result<Self> {
        CounterVec::new(Opts::new(about.name, about.help), &names(about))
    }

    fn one(&self, values: &[&str]) -> Counter {
        self.with_label_values(values)
    }
}

impl Series for GaugeVec {
    type One = Gauge;
    const KIND: &'static str = "gauge";

    fn make(about: &About) -> Result<Self> {
        GaugeVec::new(Opts::new(about.name, about.help), &names(about))
    }

    fn one(&self, values: &[&str]) -> Gauge {
        self.with_label_values(values)
    }
}

impl Series for HistogramVec {
    type One = Histogram;
    const KIND: &'static str = "histogram";

    fn make(about: &About) -> Result<Self> {
        let opts = HistogramOpts::new(about.name, about.help).buckets(about.buckets.to_vec());
        HistogramVec::new(opts, &names(about))
    }

    fn one(&self, values: &[&str]) -> Histogram {
        self.with_label_values(values)
    }
}
