//! The figures of the first screen: today, 7 and 30 days beside the time before, and how well payments go. Each leads to its rows.

use cashier::db::pace::{Pace, Took};
use leptos::prelude::*;
use recharge::ledger::DaySums;
use wxpay::Fen;

use super::Day;
use crate::components::{big_money, money};
use crate::links;
use crate::money::thousands;
use crate::text::{Lang, Text, overview as text};
use crate::url::address;

/// The sums of some days together.
fn sums(days: &[Day]) -> DaySums {
    days.iter().fold(DaySums::default(), |sum, day| DaySums {
        orders: sum.orders + day.sums.orders,
        paid: sum.paid + day.sums.paid,
        paid_fen: sum.paid_fen.saturating_add(day.sums.paid_fen),
        by_query: sum.by_query + day.sums.by_query,
        refunds: sum.refunds + day.sums.refunds,
        refunded_fen: sum.refunded_fen.saturating_add(day.sums.refunded_fen),
        ..sum
    })
}

/// By how much it is more than before, in tenths of a percent: `+12.3%`. `None` where there was nothing before.
pub fn change(now: i64, before: i64) -> Option<String> {
    let tenths = (i128::from(now) - i128::from(before)) * 1000 / i128::from((before > 0).then_some(before)?);
    let sign = match tenths {
        0 => "±",
        ..0 => "−",
        _ => "+",
    };
    let tenths = tenths.unsigned_abs();
    Some(format!("{sign}{}.{}%", tenths / 10, tenths % 10))
}

/// What part it is of the whole: `87.5%`. `None` of nothing.
pub fn share(part: i64, whole: i64) -> Option<String> {
    let whole = i128::from((whole > 0).then_some(whole)?);
    let tenths = (i128::from(part) * 2000 + whole) / (2 * whole);
    Some(format!("{}.{}%", tenths / 10, tenths % 10))
}

/// A time as people say it: `48.3 s`, `3 min 20 s`, `5 h`, `2 d`.
fn took(lang: Lang, ms: i64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..=59 => lang.fill(text::SECONDS, &[("s", &format!("{seconds}.{}", ms % 1000 / 100))]),
        60..=7199 => lang
            .fill(text::MINUTES, &[("m", &(seconds / 60).to_string()), ("s", &(seconds % 60).to_string())]),
        7200..=172_799 => lang.fill(text::HOURS, &[("n", &(seconds / 3600).to_string())]),
        _ => lang.fill(text::DAYS, &[("n", &(seconds / 86_400).to_string())]),
    }
}

/// The three times, `days` ending today and reaching back twice as far as the longest.
pub fn section(lang: Lang, days: &[Day], pace: &Pace) -> impl IntoView + use<> {
    let span = |last: usize| {
        let end = days.len().saturating_sub(last);
        let before = &days[end.saturating_sub(last)..end];
        (sums(&days[end..]), sums(before))
    };
    let figures: Vec<_> = [
        (text::TODAY, "today", span(1), text::THAN_YESTERDAY),
        (text::DAYS_7, "7d", span(7), text::THAN_7),
        (text::DAYS_30, "30d", span(30), text::THAN_30),
    ]
    .into_iter()
    .map(|(label, period, (now, before), than)| figure(lang, label, period, &now, &before, than))
    .collect();
    let (of_month, _) = span(30);
    view! {
        <section class="card stack" aria-label=lang.t(text::TITLE)>
            <div>
                <dl class="figures">{figures}</dl>
                <p class="note part">{lang.t(text::INCLUDES)}</p>
            </div>
            {quality(lang, &of_month, pace)}
        </section>
    }
}

fn figure(
    lang: Lang,
    label: Text,
    period: &'static str,
    now: &DaySums,
    before: &DaySums,
    than: Text,
) -> impl IntoView + use<> {
    let count = lang.fill(text::COUNT_PAID, &[("n", &thousands(u64::try_from(now.paid).unwrap_or(0)))]);
    let paid = address(links::ORDERS, [("by", "paid"), ("period", period)]);
    let refunded = (now.refunded_fen > 0).then(|| {
        let href = address(links::REFUNDS, [("state", "succeeded"), ("by", "ended"), ("period", period)]);
        let words = lang.fill(text::REFUNDED, &[("amount", &money(Fen::new(now.refunded_fen)))]);
        view! { " · "<a href=href>{words}</a> }
    });
    let change = match change(now.paid_fen, before.paid_fen) {
        Some(change) => lang.fill(than, &[("change", &change)]),
        None => lang.t(text::NOTHING_BEFORE).to_owned(),
    };
    view! {
        <div class="figure">
            <dt>{lang.t(label)}</dt>
            <dd><a class="quiet" href=paid.clone()>{big_money(Fen::new(now.paid_fen), "l")}</a></dd>
            <dd class="note"><a href=paid>{count}</a>{refunded}</dd>
            <dd class="note">{change}</dd>
        </div>
    }
}

/// How well it goes, of the last 30 days; the times of the last seven.
fn quality(lang: Lang, sums: &DaySums, pace: &Pace) -> impl IntoView + use<> {
    let none = || "–".to_owned();
    let placed = address(links::ORDERS, [("period", "30d")]);
    let queried = address(links::ORDERS, [("proof", "query"), ("by", "paid"), ("period", "30d")]);
    let of_pace = |took_by: Option<Took>| match took_by {
        Some(took_by) => {
            let values = [("half", took(lang, took_by.half_ms)), ("most", took(lang, took_by.most_ms))];
            lang.fill(text::TOOK, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
        }
        None => none(),
    };
    view! {
        <dl class="tiles">
            <div>
                <dt class="note">{lang.t(text::SUCCESS)}</dt>
                <dd><a href=placed>{share(sums.paid, sums.orders.max(sums.paid)).unwrap_or_else(none)}</a></dd>
            </div>
            <div>
                <dt class="note">{lang.t(text::BY_QUERY)}</dt>
                <dd><a href=queried>{share(sums.by_query, sums.paid).unwrap_or_else(none)}</a></dd>
            </div>
            <div><dt class="note">{lang.t(text::TO_PAY)}</dt><dd>{of_pace(pace.to_pay)}</dd></div>
            <div><dt class="note">{lang.t(text::TO_CREDIT)}</dt><dd>{of_pace(pace.to_credit)}</dd></div>
        </dl>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_beside_the_time_before_and_none_beside_nothing() {
        for (now, before, shown) in [
            (112, 100, Some("+12.0%")),
            (50, 100, Some("−50.0%")),
            (100, 100, Some("±0.0%")),
            (1, 3, Some("−66.6%")),
            (5, 0, None),
            (i64::MAX, 1, Some("+922337203685477580600.0%")),
        ] {
            assert_eq!(change(now, before).as_deref(), shown, "{now} {before}");
        }
        assert_eq!(share(7, 8).as_deref(), Some("87.5%"));
        assert_eq!(share(2, 3).as_deref(), Some("66.7%"));
        assert_eq!(share(1, 0), None);
    }

    #[test]
    fn times_are_said_in_the_largest_unit_that_fits() {
        assert_eq!(took(Lang::En, 600), "0.6 s");
        assert_eq!(took(Lang::En, 48_321), "48.3 s");
        assert_eq!(took(Lang::En, 200_000), "3 min 20 s");
        assert_eq!(took(Lang::Zh, 7_200_000), "2 小时");
        assert_eq!(took(Lang::En, 172_800_000), "2 d");
    }
}
