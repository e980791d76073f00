//! Charts of what was paid, by day and by hour, each with the same figures as a table. A bar says its value to who points at it,
//! to the keyboard and to a screen reader, and leads to its orders.

use cashier::db::pace::Hour;
use leptos::prelude::*;
use wxpay::Fen;

use super::Day;
use crate::components::money;
use crate::links;
use crate::money::{money_short, thousands};
use crate::text::{Lang, Text, overview};
use crate::url::address;

/// The chart in its own units: bars stand on `BASE` and are at most `HEIGHT` tall.
const HEIGHT: i64 = 160;
const BASE: i64 = 168;

/// One bar.
struct Bar {
    /// In full, for the table and the reader.
    when: String,
    /// Below the bar, where there is room for it.
    name: Option<String>,
    payments: i64,
    fen: i64,
    /// Where its orders are; `None` where no list has just these.
    href: Option<String>,
}

/// What was paid on each of these days.
pub fn by_day(lang: Lang, days: &[Day]) -> impl IntoView + use<> {
    let last = days.len().saturating_sub(1);
    let bars: Vec<_> = days
        .iter()
        .enumerate()
        .map(|(index, day)| {
            let query = [("by", "paid"), ("from", day.date.as_str()), ("to", day.date.as_str())];
            Bar {
                when: day.date.clone(),
                name: (index % 7 == 0 && index + 2 < last).then(|| day.date.chars().skip(5).collect()),
                payments: day.sums.paid,
                fen: day.sums.paid_fen,
                href: Some(address(links::ORDERS, query)),
            }
        })
        .collect();
    let highest = bars.iter().map(|bar| bar.fen).max().unwrap_or(0);
    let today = bars.last().map_or(0, |bar| bar.fen);
    let label = [("max", money_short(highest)), ("today", money_short(today))];
    let label =
        lang.fill(overview::CHART_LABEL, &label.each_ref().map(|(name, value)| (*name, value.as_str())));
    let range = match (days.first(), days.last()) {
        (Some(first), Some(last)) => format!("{} – {}", &first.date, &last.date),
        _ => String::new(),
    };
    chart(lang, "chart-t", overview::CHART, range, label, overview::DAY, bars, Some(lang.t(overview::TODAY)))
}

/// What was paid in each hour of today.
pub fn by_hour(lang: Lang, hours: &[Hour; 24]) -> impl IntoView + use<> {
    let bars: Vec<_> = hours
        .iter()
        .enumerate()
        .map(|(hour, sums)| Bar {
            when: format!("{hour:02}:00 – {hour:02}:59"),
            name: (hour % 6 == 0).then(|| format!("{hour:02}:00")),
            payments: sums.payments,
            fen: sums.fen.get(),
            href: None,
        })
        .collect();
    let highest = bars.iter().map(|bar| bar.fen).max().unwrap_or(0);
    let label = lang.fill(overview::CHART_HOURS_LABEL, &[("max", &money_short(highest))]);
    chart(lang, "hours-t", overview::CHART_HOURS, String::new(), label, overview::HOUR, bars, None)
}

#[allow(clippy::too_many_arguments, reason = "the parts of one picture")]
fn chart(
    lang: Lang,
    id: &'static str,
    title: Text,
    range: String,
    label: String,
    head: Text,
    bars: Vec<Bar>,
    now: Option<&'static str>,
) -> impl IntoView + use<> {
    let top = round_up(bars.iter().map(|bar| bar.fen).max().unwrap_or(0));
    // Places are in hundredths of a percent, so that no floating point is needed.
    let count = i64::try_from(bars.len()).unwrap_or(1).max(1);
    let percent = |hundredths: i64| format!("{}.{:02}%", hundredths / 100, hundredths % 100);
    let left = |index: i64| percent(index * 10_000 / count);
    let width = percent(10_000 * 2 / (count * 3));
    let whole = percent(10_000 / count);
    let said = |bar: &Bar| {
        let (sum, n) = (money(Fen::new(bar.fen)), thousands(u64::try_from(bar.payments).unwrap_or(0)));
        lang.fill(overview::BAR, &[("when", &bar.when), ("sum", &sum), ("n", &n)])
    };
    let marks: Vec<_> = (0..)
        .zip(&bars)
        .map(|(index, bar)| {
            let height = i128::from(bar.fen) * i128::from(HEIGHT) / i128::from(top.max(1));
            let height = i64::try_from(height).unwrap_or(HEIGHT);
            let height = if bar.fen > 0 { height.max(2) } else { 0 };
            let is_now = now.is_some() && index == count - 1;
            let words = said(bar);
            // The whole height can be pointed at, however low the bar is.
            let mark = view! {
                <title>{words.clone()}</title>
                <rect class="reach" x=left(index) y=(BASE - HEIGHT).to_string() width=whole.clone() height=HEIGHT.to_string()></rect>
                <rect
                    x=left(index) y=(BASE - height).to_string() width=width.clone() height=height.to_string() rx="2"
                    data-today=is_now.then_some("")
                ></rect>
            };
            match bar.href.clone() {
                Some(href) => view! { <a href=href aria-label=words>{mark}</a> }.into_any(),
                None => view! { <g tabindex="0" role="img" aria-label=words>{mark}</g> }.into_any(),
            }
        })
        .collect();
    let line = |y: i64, fen: Option<i64>| {
        let text = fen.map(|fen| view! { <text x="-44" y=(y + 4).to_string()>{money_short(fen)}</text> });
        view! { <line x1="0" x2="100%" y1=y.to_string() y2=y.to_string()></line>{text} }
    };
    let names: Vec<_> = (0..)
        .zip(&bars)
        .filter_map(|(index, bar)| Some(view! { <text x=left(index) y="190">{bar.name.clone()?}</text> }))
        .collect();
    let now = now.map(|now| view! { <text x="100%" y="190" text-anchor="end">{now}</text> });
    view! {
        <section class="card" aria-labelledby=id>
            <div class="card-head"><h2 id=id>{lang.t(title)}</h2><p class="note">{range}</p></div>
            <figure>
                <svg class="chart" role="group" aria-label=label>
                    {line(BASE - HEIGHT, Some(top))}
                    {line(BASE - HEIGHT / 2, Some(top / 2))}
                    {line(BASE, None)}
                    {marks}
                    {names}
                    {now}
                </svg>
            </figure>
            {table(lang, title, head, &bars)}
        </section>
    }
}

/// The same figures as a table, without the bars that have none.
fn table(lang: Lang, title: Text, head: Text, bars: &[Bar]) -> impl IntoView + use<> {
    let rows: Vec<_> = bars
        .iter()
        .rev()
        .filter(|bar| bar.payments > 0)
        .map(|bar| {
            let when = match bar.href.clone() {
                Some(href) => view! { <a href=href>{bar.when.clone()}</a> }.into_any(),
                None => bar.when.clone().into_any(),
            };
            view! {
                <tr>
                    <th scope="row">{when}</th>
                    <td data-num="">{thousands(u64::try_from(bar.payments).unwrap_or(0))}</td>
                    <td data-num="">{money(Fen::new(bar.fen))}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <details class="fold">
            <summary>{lang.t(overview::CHART_TABLE)}</summary>
            <div class="table-box" role="region" aria-label=lang.t(overview::CHART_TABLE) tabindex="0">
                <table class="table">
                    <caption class="unseen">{lang.t(title)}</caption>
                    <thead>
                        <tr>
                            <th scope="col">{lang.t(head)}</th>
                            <th scope="col" data-num="">{lang.t(overview::ORDERS)}</th>
                            <th scope="col" data-num="">{lang.t(overview::SUM)}</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
}

/// The next of 1, 2, 5, 10, 20, … yuan that is not below `fen`.
fn round_up(fen: i64) -> i64 {
    let mut step = 100_i64;
    loop {
        for factor in [1, 2, 5] {
            if step.saturating_mul(factor) >= fen {
                return step.saturating_mul(factor);
            }
        }
        step = step.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_ends_at_a_round_sum() {
        let table = [(0, 100), (100, 100), (101, 200), (960_000, 1_000_000), (1_000_001, 2_000_000)];
        for (fen, top) in table {
            assert_eq!(round_up(fen), top, "{fen}");
        }
    }
}
