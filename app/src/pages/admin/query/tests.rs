//! What of an address is understood, and what is refused.

use super::*;

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

fn now() -> UnixMillis {
    UnixMillis::from_beijing("20260315100000").unwrap()
}

fn at(day: &str) -> Option<UnixMillis> {
    UnixMillis::from_beijing(&format!("{day}000000"))
}

#[test]
fn every_part_of_an_address_has_its_place_in_the_filter() {
    let asked = orders(
        &pairs(
            "q=sm1&user=u_1&state=paid,closed&refunded=yes&exception=late&channel=JSAPI&protocol=v3&proof=query\
             &by=paid&from=2026-03-01&to=2026-03-15&min=10&max=1,000.50&before=&lang=en",
        ),
        now(),
    );
    assert_eq!(asked.wrong, []);
    let wanted = Filter {
        user: Some("u_1".to_owned()),
        reference: None,
        states: vec![State::Paid, State::Closed],
        exception: Some(WithException::Of(ExceptionKind::Late)),
        channel: Some(OrderChannel::Jsapi),
        protocol: Some(Protocol::V3),
        proof: Some(Proof::Query),
        is_refunded: Some(true),
        search: Search::parse("sm1").unwrap(),
        sort: Sort::Paid,
        placed: Span::default(),
        paid: Span { from: at("20260301"), to: at("20260316") },
        min: Some(Fen::new(1000)),
        max: Some(Fen::new(100_050)),
    };
    assert_eq!(asked.filter, wanted);
    assert_eq!(orders(&[], now()), Asked::default());
}

#[test]
fn what_cannot_be_meant_is_named_and_not_ignored() {
    for query in [
        "state=bogus",
        "state=paid,bogus",
        "stat=paid",
        "state=paid&state=closed",
        "exception=bogus",
        "channel=CASH",
        "protocol=v4",
        "proof=rumour",
        "refunded=maybe",
        "by=weather",
        "by=paid&state=closed",
        "from=2026-02-30",
        "from=20260301",
        "from=2026-0-301",
        "from=yesterday",
        "from=2026-03-15&to=2026-03-01",
        "period=7d&from=2026-03-01",
        "period=century",
        "min=-1",
        "min=1.234",
        "min=abc",
        "min=20&max=10",
        "max=99999999999999999999",
        "user=a\0b",
        "q=a\0b",
    ] {
        assert_eq!(orders(&pairs(query), now()).wrong.len(), 1, "{query}");
    }
    let long = orders(&[("q".to_owned(), "x".repeat(10_000))], now());
    assert_eq!(long.wrong.len(), 1);
    assert_eq!(long.wrong[0].value.len(), 40);
    for query in ["state=paid", "by=placed", "proof=query", "period=7d&to=2026-03-01"] {
        assert_eq!(refunds(&pairs(query), now()).wrong.len(), 1, "{query}");
    }
}

#[test]
fn sums_are_read_as_people_type_them() {
    for (typed, fen) in [("5,000", 500_000), ("１００", 10_000), ("¥12.30", 1230), ("１２．５", 1250)]
    {
        let asked = orders(&[("min".to_owned(), typed.to_owned())], now());
        assert_eq!((asked.filter.min, asked.wrong.len()), (Some(Fen::new(fen)), 0), "{typed}");
    }
}

#[test]
fn periods_are_whole_days_of_beijing_that_end_today() {
    for (period, from, to) in [
        (Period::Today, "20260315", "20260316"),
        (Period::Yesterday, "20260314", "20260315"),
        (Period::Days7, "20260309", "20260316"),
        (Period::Days30, "20260214", "20260316"),
        (Period::Month, "20260301", "20260316"),
        (Period::LastMonth, "20260201", "20260301"),
    ] {
        assert_eq!(period.span(now()), Span { from: at(from), to: at(to) }, "{}", period.name());
    }
    let new_year = UnixMillis::from_beijing("20260101000000").unwrap();
    assert_eq!(Period::LastMonth.span(new_year), Span { from: at("20251201"), to: at("20260101") });
}

#[test]
fn a_filter_is_kept_without_places_and_empty_values() {
    let query = pairs("before=1-SM1&state=paid&q=&min=5&lang=en");
    assert_eq!(kept(&query, &OF_ORDERS), [("state", "paid"), ("min", "5")]);
}
