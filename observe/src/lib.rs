//! What can be seen of a running server from outside: every metric, once, with its name, labels and help text, of which `/metrics`
//! and docs/metrics.md are made ([`list::LIST`]); which request the work at hand is for ([`request`]); and the spans of requests and calls ([`spans`]).

mod document;
pub mod family;
pub mod list;
pub mod request;
pub mod spans;

pub use document::document;
pub use list::*;
use prometheus::TextEncoder;
pub use prometheus::{Counter, Gauge, Histogram, IntCounter};

/// All metrics as Prometheus reads them.
pub fn text() -> String {
    let families: Vec<_> = LIST
        .iter()
        .flat_map(|group| group.metrics)
        .flat_map(|metric| metric.collect())
        // One that has no series yet would be a header without a line.
        .filter(|family| !family.get_metric().is_empty())
        .collect();
    // It fails for names that Prometheus does not take only, and a test writes all of them.
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

/// A count as Prometheus keeps it.
pub fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod ops_tests;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_say_what_prometheus_expects_of_them() {
        let all: Vec<_> = LIST.iter().flat_map(|group| group.metrics).map(|metric| metric.about()).collect();
        for about in &all {
            let name = about.name;
            assert_eq!(all.iter().filter(|other| other.name == name).count(), 1, "{name}");
            assert!(name.starts_with("saoma_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), about.kind == "counter", "{name}");
            assert!(about.help.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn series_whose_labels_are_known_are_there_before_anything_happened() {
        // Else the first failure would be the first value of its series, and no rate would see it.
        SHED.of([]);
        NOTICES.of(["v2", "credited"]).inc();
        let text = text();
        assert!(text.contains("\nsaoma_shed_total 0\n"), "{text}");
        assert!(
            text.contains("\nsaoma_notices_total{protocol=\"v3\",verdict=\"not_written\"} 0\n"),
            "{text}"
        );
    }

    #[test]
    fn the_document_in_docs_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
        if std::env::var_os("SAOMA_WRITE_METRICS").is_some() {
            std::fs::write(path, document()).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == document(), "the list of metrics has changed: see `git diff` after `make metrics`");
    }
}
