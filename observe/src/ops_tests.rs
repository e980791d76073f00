//! The alerts and the dashboard name metrics that there are, and every alert leads to its runbook.

use std::collections::BTreeSet;

use crate::list::LIST;

/// Where the book stands in the rules as they are shipped.
const RUNBOOKS: &str = "https://saoma.example/book/en/runbooks/alerts.html";

fn file(path: &str) -> String {
    let path = format!("{}/../ops/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words of a text that are names of metrics.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("saoma_") || word.starts_with("process_")).collect()
}

/// Every name under which series are exported.
fn exported() -> BTreeSet<String> {
    let all = LIST.iter().flat_map(|group| group.metrics).map(|metric| metric.about());
    let names = all.flat_map(|about| match about.kind {
        "histogram" => ["bucket", "sum", "count"].map(|part| format!("{}_{part}", about.name)).to_vec(),
        _ => vec![about.name.to_owned()],
    });
    names.collect()
}

#[test]
fn rules_their_tests_and_the_dashboard_name_metrics_that_are_exported() {
    let exported = exported();
    for path in ["prometheus/saoma.rules.yml", "prometheus/saoma.rules.test.yml", "grafana/saoma.json"] {
        let text = file(path);
        let unknown: Vec<_> = named(&text).into_iter().filter(|name| !exported.contains(*name)).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}");
    }
}

#[test]
fn every_alert_leads_to_its_own_runbook_and_has_a_test() {
    let (rules, tests) = (file("prometheus/saoma.rules.yml"), file("prometheus/saoma.rules.test.yml"));
    let alerts: Vec<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: Saoma")).collect();
    let runbooks: Vec<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect();
    let wanted: Vec<_> = alerts.iter().map(|name| format!("{RUNBOOKS}#{}", kebab(name))).collect();
    assert_eq!(runbooks, wanted);
    for name in alerts {
        assert!(tests.contains(&format!("  - name: Saoma{name}\n")), "no test lets {name} fire");
    }
}

#[test]
fn every_metric_is_watched_by_an_alert_or_shown_by_the_dashboard() {
    let texts = file("prometheus/saoma.rules.yml") + &file("grafana/saoma.json");
    let used = named(&texts);
    for about in LIST.iter().flat_map(|group| group.metrics).map(|metric| metric.about()) {
        let is_used = used.iter().any(|name| name.starts_with(about.name));
        assert!(is_used, "nobody looks at {}", about.name);
    }
}

fn kebab(name: &str) -> String {
    let words = name.char_indices().map(|(at, letter)| match (at, letter.is_ascii_uppercase()) {
        (0, _) | (_, false) => letter.to_ascii_lowercase().to_string(),
        (_, true) => format!("-{}", letter.to_ascii_lowercase()),
    });
    words.collect()
}
