//! What somebody asks to export, read once.

use cashier::db::desk_choices::List;
use cashier::db::exports::Content;
use cashier::db::order_filter::Span;
use wxpay::UnixMillis;
use wxpay::bill::BillDate;

use crate::pages::admin::difference_words::day_text;
use crate::pages::admin::list_parts::names_of;
use crate::pages::admin::query::{self, OF_DAYS, OF_UNMATCHED, Period, Wrong};
use crate::text::find;
use crate::url::address;

/// What somebody asks to have: the list and the part of its address that is the filter, with days in place of words such as
/// "today", so that the record says which they were.
#[derive(Clone)]
pub struct Wanted {
    pub content: Content,
    pub query: String,
    pub wrong: Vec<Wrong>,
}

impl Wanted {
    pub fn read(content: &str, filter: &str, now: UnixMillis) -> Wanted {
        let content = Content::from_name(content).unwrap_or(Content::Orders);
        let pairs = fixed(crate::url::pairs(filter), now);
        let (names, wrong): (&'static [&'static str], _) = match content {
            Content::Orders => (names_of(List::Orders), query::orders(&pairs, now).wrong),
            Content::Refunds => (names_of(List::Refunds), query::refunds(&pairs, now).wrong),
            Content::Ledger => (&OF_DAYS, query::days(&pairs, now).wrong),
            Content::Bill => (&["day"], Vec::new()),
            Content::Unmatched => (&OF_UNMATCHED, query::unmatched(&pairs, now).wrong),
        };
        let query = address("", query::kept(&pairs, names)).trim_start_matches('?').to_owned();
        let is_day = pairs.iter().any(|(name, day)| name == "day" && BillDate::parse(day).is_ok());
        let wrong = match content == Content::Bill && !is_day {
            true => vec![Wrong { value: query.clone(), why: find::E_DAY }],
            false => wrong,
        };
        Wanted { content, query, wrong }
    }
}

/// The same filter with the days of its period.
fn fixed(pairs: Vec<(String, String)>, now: UnixMillis) -> Vec<(String, String)> {
    let named = |name: &str| pairs.iter().any(|(key, value)| key == name && !value.is_empty());
    let period = pairs.iter().find(|(key, _)| key == "period").map(|(_, name)| name.as_str());
    let period = period.and_then(|name| Period::ALL.into_iter().find(|period| period.name() == name));
    let (Some(period), false) = (period, named("from") || named("to")) else { return pairs };
    let Span { from: Some(from), to: Some(to) } = period.span(now) else { return pairs };
    let day = |day| day_text(BillDate::of(day));
    let days = [("from".to_owned(), day(from)), ("to".to_owned(), day(to.plus_ms(-1)))];
    pairs.into_iter().filter(|(key, _)| key != "period").chain(days).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_kept_as_the_days_that_it_was() {
        let now = UnixMillis::from_beijing("20260315100000").unwrap();
        let wanted = Wanted::read("orders", "state=paid&period=7d&before=1-SM1", now);
        assert_eq!(
            (wanted.query.as_str(), wanted.wrong.len()),
            ("state=paid&from=2026-03-09&to=2026-03-15", 0)
        );
        assert_eq!(Wanted::read("orders", "period=7d&from=2026-03-01", now).wrong.len(), 1);
        assert_eq!(Wanted::read("orders", "state=bogus", now).wrong.len(), 1);
        let wanted = Wanted::read("unmatched", "q=SM2&exception=other_app&state=paid&period=today", now);
        assert_eq!(wanted.query, "q=SM2&exception=other_app&from=2026-03-15&to=2026-03-15");
        assert_eq!(wanted.wrong.len(), 1, "no state chooses them");
        assert_eq!(Wanted::read("bill", "day=20260315", now).wrong.len(), 0);
        assert_eq!(Wanted::read("bill", "day=yesterday", now).wrong.len(), 1);
        assert_eq!(
            Wanted::read("ledger", "from=2026-03-01&to=2026-03-31", now).query,
            "from=2026-03-01&to=2026-03-31"
        );
    }
}
