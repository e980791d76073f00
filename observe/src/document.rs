//! The list as a page.

use std::fmt::Write as _;

use crate::family::Label;
use crate::list::LIST;

const HEAD: &str = "\
# Metrics

<!-- Made of observe/src/list.rs by `make metrics`; a test holds them equal. -->

`GET /metrics` answers in Prometheus' text format, to the networks of `metrics_from` only (this machine, by default). Each instance
answers for itself. What stands in the database, such as open exceptions, is the same at all instances: take `max`, not `sum`. Counters
begin at 0 when a process starts.

`ops/prometheus/saoma.rules.yml` has alerts on them, `ops/grafana/saoma.json` a dashboard; `ops/README.md` says how to use both.
Times are seconds, money is fen (1 yuan = 100 fen), and what ends in `_timestamp_seconds` is Unix time.
";

/// docs/metrics.md.
pub fn document() -> String {
    let mut text = HEAD.to_owned();
    for group in LIST {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n## {}\n\n| metric | type | labels | what it says |\n|---|---|---|---|\n",
            group.title
        );
        for metric in group.metrics {
            let about = metric.about();
            let labels: Vec<_> = about.labels.iter().map(label).collect();
            let labels = labels.join("; ");
            let _ = writeln!(text, "| `{}` | {} | {labels} | {} |", about.name, about.kind, about.help);
        }
    }
    text
}

fn label((name, values): &Label) -> String {
    match values {
        [] => format!("`{name}`"),
        values => format!("`{name}`: {}", values.join(", ")),
    }
}
