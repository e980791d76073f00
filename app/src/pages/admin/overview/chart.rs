//! The chart of what was paid by day, with the same figures as a table.

use leptos::prelude::*;
use wxpay::Fen;

use super::Day;
use crate::components::money;
use crate::money::{money_short, thousands};
use crate::text::{Lang, overview};

/// The chart in its own units: bars stand on `BASE` and are at most `HEIGHT` tall.
const HEIGHT: i64 = 160;
const BASE: i64 = 168;

pub fn chart(lang: Lang, days: &[Day]) -> impl IntoView + use<> {
    let highest = days.iter().map(|day| day.sums.paid_fen).max().unwrap_or(0);
    let top = round_up(highest);
    let today = days.last().map_or(0, |day| day.sums.paid_fen);
    let label = [("max", money_short(highest)), ("today", money_short(today))];
    let label = label.each_ref().map(|(name, value)| (*name, value.as_str()));
    let label = lang.fill(overview::CHART_LABEL, &label);
    // Places are in hundredths of a percent, so that no floating point is needed.
    let count = i64::try_from(days.len()).unwrap_or(1).max(1);
    let percent = |hundredths: i64| format!("{}.{:02}%", hundredths / 100, hundredths % 100);
    let left = |index: i64| percent(index * 10_000 / count);
    let width = percent(10_000 * 2 / (count * 3));
    let last = count - 1;
    let bars: Vec<_> = (0..)
        .zip(days)
        .map(|(index, day)| {
            let height = (day.sums.paid_fen * HEIGHT).checked_div(top).unwrap_or(0);
            let height = if day.sums.paid_fen > 0 { height.max(2) } else { 0 };
            view! {
                <rect
                    x=left(index) y=(BASE - height).to_string() width=width.clone() height=height.to_string() rx="2"
                    data-today=(index == last).then_some("")
                ></rect>
            }
        })
        .collect();
    let line = |y: i64, fen: Option<i64>| {
        let text = fen.map(|fen| view! { <text x="-44" y=(y + 4).to_string()>{money_short(fen)}</text> });
        view! { <line x1="0" x2="100%" y1=y.to_string() y2=y.to_string()></line>{text} }
    };
    let names: Vec<_> = (0..)
        .zip(days)
        .filter(|(index, _)| index % 7 == 0 && *index < last - 2)
        .map(|(index, day)| view! { <text x=left(index) y="190">{day.date.chars().skip(5).collect::<String>()}</text> })
        .collect();
    let table: Vec<_> = days
        .iter()
        .rev()
        .filter(|day| day.sums.orders > 0 || day.sums.paid > 0)
        .map(|day| {
            view! {
                <tr>
                    <th scope="row"><time datetime=day.date.clone()>{day.date.clone()}</time></th>
                    <td data-num="">{thousands(u64::try_from(day.sums.paid).unwrap_or(0))}</td>
                    <td data-num="">{money(Fen::new(day.sums.paid_fen))}</td>
                </tr>
            }
        })
        .collect();
    let ends = (days.first(), days.last());
    let range = match ends {
        (Some(first), Some(last)) => format!("{} – {}", &first.date, &last.date),
        _ => String::new(),
    };
    view! {
        <section class="card" aria-labelledby="chart-t">
            <div class="card-head"><h2 id="chart-t">{lang.t(overview::CHART)}</h2><p class="note">{range}</p></div>
            <figure>
                <svg class="chart" role="img" aria-label=label>
                    {line(BASE - HEIGHT, Some(top))}
                    {line(BASE - HEIGHT / 2, Some(top / 2))}
                    {line(BASE, None)}
                    {bars}
                    {names}
                    <text x="100%" y="190" text-anchor="end">{lang.t(overview::TODAY)}</text>
                </svg>
            </figure>
            <details class="fold">
                <summary>{lang.t(overview::CHART_TABLE)}</summary>
                <div class="table-box" role="region" aria-label=lang.t(overview::CHART_TABLE) tabindex="0">
                    <table class="table">
                        <caption class="unseen">{lang.t(overview::CHART)}</caption>
                        <thead>
                            <tr>
                                <th scope="col">{lang.t(overview::DAY)}</th>
                                <th scope="col" data-num="">{lang.t(overview::ORDERS)}</th>
                                <th scope="col" data-num="">{lang.t(overview::SUM)}</th>
                            </tr>
                        </thead>
                        <tbody>{table}</tbody>
                    </table>
                </div>
            </details>
        </section>
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
