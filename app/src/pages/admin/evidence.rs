//! The evidence behind the events of an order: what WeChat sent, beside what the order says.

use leptos::prelude::*;
use recharge::event::{Event, EventDetail};
use recharge::{ExceptionKind, Order};
use wxpay::{AppId, Evidence, UnixMillis};

use super::events::{actor, fields, title, total_fee};
use crate::components::{self, Clock, money, pill};
use crate::icons::{self, Icon};
use crate::text::{Lang, Text, common, order as text, orders};

/// What the order says of itself.
#[derive(Debug, Clone, Copy)]
pub struct OurSide<'a> {
    pub order: &'a Order,
    /// In whose name it was placed.
    pub appid: &'a AppId,
}

/// The order beside the message, item by item, as far as the message names them.
fn comparison(lang: Lang, ours: &OurSide<'_>, fields: &Evidence) -> Option<impl IntoView + use<>> {
    let order = ours.order;
    let theirs = |name: &str| fields.get(name).map(str::to_owned);
    let currency = total_fee(Some(fields)).map(|_| theirs("fee_type").unwrap_or_else(|| "CNY".to_owned()));
    let sum = total_fee(Some(fields))
        .map(|fee| crate::money::amount(fee.get(), currency.as_deref().unwrap_or("CNY")));
    let rows: [(Text, String, Option<String>); 5] = [
        (text::EV_NUMBER, order.out_trade_no.to_string(), theirs("out_trade_no")),
        (text::EV_SUM, money(order.total_fee), sum),
        (text::EV_CURRENCY, "CNY".to_owned(), currency),
        (text::APPID, ours.appid.to_string(), theirs("appid")),
        (text::EV_WAY, order.trade_type.as_str().to_owned(), theirs("trade_type")),
    ];
    let rows: Vec<_> = rows
        .into_iter()
        .filter_map(|(item, ours, theirs)| {
            let theirs = theirs?;
            let (word, tone) =
                if ours == theirs { (text::EV_SAME, None) } else { (text::EV_DIFFERS, Some("bad")) };
            Some(view! {
                <tr>
                    <th scope="row">{lang.t(item)}</th>
                    <td class="mono wrap">{ours}</td>
                    <td class="mono wrap">{theirs}</td>
                    <td>{pill(lang.t(word), tone)}</td>
                </tr>
            })
        })
        .collect();
    (!rows.is_empty()).then(|| {
        view! {
            <table class="table">
                <caption>{lang.t(text::EV_CHECKS)}</caption>
                <thead>
                    <tr>
                        <th scope="col">{lang.t(text::EV_CHECK)}</th>
                        <th scope="col">{lang.t(text::EV_OURS)}</th>
                        <th scope="col">{lang.t(text::EV_THEIRS)}</th>
                        <th scope="col">{lang.t(text::EV_RESULT)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
    })
}

/// Where a message came from, or who asked for it.
fn source(lang: Lang, event: &Event) -> Option<String> {
    match &event.detail {
        EventDetail::Notice { from, .. } => Some(from.clone()),
        EventDetail::Queried { by, .. } => by.as_ref().map(|by| actor(lang, by)),
        _ => None,
    }
}

/// Every message that is kept as evidence: when, from where, what. Its drawer has all of it.
pub fn list(lang: Lang, events: &[Event]) -> Option<impl IntoView + use<>> {
    let rows: Vec<_> = events
        .iter()
        .enumerate()
        .filter_map(|(index, event)| Some(row(lang, index, event, fields(event)?)))
        .collect();
    (!rows.is_empty()).then(|| {
        view! {
            <div class="card">
                <div class="table-box" role="region" aria-labelledby="ev-t" tabindex="0">
                    <table class="table">
                        <caption><strong id="ev-t">{lang.t(text::EV_LIST)}</strong>{lang.t(text::EV_HIDDEN)}</caption>
                        <thead>
                            <tr>
                                <th scope="col">{lang.t(orders::C_TIME)}</th>
                                <th scope="col" data-wide="">{lang.t(text::EV_FROM)}</th>
                                <th scope="col">{lang.t(text::EV_WHAT)}</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            </div>
        }
    })
}

fn row(lang: Lang, index: usize, event: &Event, fields: &Evidence) -> impl IntoView + use<> {
    let from = source(lang, event).unwrap_or_else(|| "–".to_owned());
    let title = title(lang, event).0;
    let sum = ["total_fee", "amount.total"].into_iter().find_map(|name| {
        let fee = fields.get(name)?;
        Some(readable(fields, name, fee))
    });
    let number = fields.get("transaction_id").map(str::to_owned);
    view! {
        <tr>
            <th scope="row">
                {components::time(event.at, Clock::NoYear)}
                <span class="note only-phone wrap">{from.clone()}</span>
            </th>
            <td data-wide="" class="wrap">{from}</td>
            <td class="wrap">
                <a href=format!("#evidence-{index}")>{title}</a>
                <span class="note line-of">{sum}" "<span class="mono">{number}</span></span>
            </td>
        </tr>
    }
}

/// What a field of a message of either protocol is, in words, where that is known.
fn field_word(name: &str) -> Option<Text> {
    Some(match name {
        "out_trade_no" => text::EV_NUMBER,
        "transaction_id" => text::TRANSACTION,
        "total_fee" | "amount.total" => text::EV_SUM,
        "cash_fee" => text::EV_CASH,
        "fee_type" | "amount.currency" => text::EV_CURRENCY,
        "appid" => text::APPID,
        "mch_id" | "mchid" => text::EV_MERCHANT,
        "time_end" | "success_time" => text::PAID_AT,
        "trade_type" => text::EV_WAY,
        "trade_state" => text::EV_STATE,
        "bank_type" => text::EV_BANK,
        _ => return None,
    })
}

/// A value as people write it: sums in their currency, times with their separators. Others stay as they are.
fn readable(fields: &Evidence, name: &str, value: &str) -> String {
    let read = match name {
        "total_fee" | "cash_fee" | "amount.total" => {
            let fee_type = fields.get("fee_type").or_else(|| fields.get("amount.currency")).unwrap_or("CNY");
            value.parse().ok().map(|fen| crate::money::amount(fen, fee_type))
        }
        "time_end" => UnixMillis::from_beijing(value).map(UnixMillis::to_beijing_text),
        _ => None,
    };
    read.unwrap_or_else(|| value.to_owned())
}

/// One field: its word above its name, and its value as people write it above what was sent.
fn field(lang: Lang, fields: &Evidence, name: &str, value: &str) -> impl IntoView + use<> {
    let shown = readable(fields, name, value);
    let raw = (shown != value).then(|| view! { <span class="note mono line-of">{value.to_owned()}</span> });
    let (name, word) = (name.to_owned(), field_word(name));
    let head = match word {
        Some(word) => view! { {lang.t(word)}<span class="note mono line-of">{name}</span> }.into_any(),
        None => view! { <span class="mono">{name}</span> }.into_any(),
    };
    view! { <tr><th scope="row" class="wrap">{head}</th><td class="wrap"><span class="mono">{shown}</span>{raw}</td></tr> }
}

/// One drawer for each event with evidence; a link's `:target` opens it, without script.
pub fn drawers(lang: Lang, events: &[Event], ours: Option<&OurSide<'_>>) -> impl IntoView + use<> {
    let drawers: Vec<_> = events
        .iter()
        .enumerate()
        .filter_map(|(index, event)| Some(drawer(lang, index, event, fields(event)?, ours)))
        .collect();
    drawers
}

fn drawer(
    lang: Lang,
    index: usize,
    event: &Event,
    fields: &Evidence,
    ours: Option<&OurSide<'_>>,
) -> impl IntoView + use<> {
    let id = format!("evidence-{index}");
    let title_id = format!("evidence-title-{index}");
    let (title, tone) = title(lang, event);
    let (sign_type, expected_fee) = match &event.detail {
        EventDetail::Notice { sign_type, .. } | EventDetail::Queried { sign_type, .. } => (*sign_type, None),
        EventDetail::Exception { sign_type, expected_fee, .. } => (*sign_type, *expected_fee),
        _ => (None, None),
    };
    let verdict = match &event.detail {
        EventDetail::Exception { kind, .. } if *kind != ExceptionKind::Late => {
            pill(lang.t(text::EV_REJECT), tone)
        }
        _ => pill(lang.t(text::EV_ACCEPT), None),
    };
    let from = source(lang, event).map(|from| {
        view! {
            <dt>{lang.t(text::EV_FROM)}</dt><dd><span class="mono">{from}</span></dd>
        }
    });
    let sign = sign_type.map(|sign| view! {
        <dt>{lang.t(text::EV_SIGN)}</dt><dd><span class="mono">{sign.as_str()}</span>" · "{lang.t(text::EV_VALID)}</dd>
    });
    let expected = expected_fee.map(|fee| {
        view! {
            <dt>{lang.t(text::EV_OURS)}</dt><dd>{money(fee)}</dd>
        }
    });
    let rows: Vec<_> = fields.iter().map(|(name, value)| field(lang, fields, name, value)).collect();
    let heading = view! { <h2 id=title_id.clone()>{title}</h2> };
    view! {
        <dialog class="drawer" id=id aria-labelledby=title_id>
            <div class="drawer-in">
                <header class="card-head">
                    {heading}
                    <a class="tool" href="#main" aria-label=lang.t(common::CLOSE)><Icon d=icons::CLOSE/></a>
                </header>
                <dl class="facts">
                    <dt>{lang.t(text::EV_VERDICT)}</dt><dd>{verdict}</dd>
                    <dt>{lang.t(text::EV_RECEIVED)}</dt><dd>{components::time(event.at, Clock::Full)}</dd>
                    {from}
                    {sign}
                    {expected}
                </dl>
                {ours.and_then(|ours| comparison(lang, ours, fields))}
                <table class="table">
                    <caption>{lang.t(text::EV_FIELDS)}</caption>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </dialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_times_are_written_as_people_do_and_all_else_as_it_was_sent() {
        let of = |fee_type: &str| {
            let fields = [("total_fee", "123456"), ("time_end", "20260315100000"), ("fee_type", fee_type)];
            let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Evidence::from(std::collections::BTreeMap::from(fields))
        };
        for (fee_type, name, value, shown) in [
            ("CNY", "total_fee", "123456", "¥1,234.56"),
            ("USD", "total_fee", "123456", "USD 1,234.56"),
            ("USD", "amount.total", "5", "USD 0.05"),
            ("CNY", "total_fee", "many", "many"),
            ("CNY", "time_end", "20260315100000", "2026-03-15 10:00:00"),
            ("CNY", "time_end", "soon", "soon"),
            ("CNY", "bank_type", "OTHERS", "OTHERS"),
        ] {
            assert_eq!(readable(&of(fee_type), name, value), shown, "{name} {value}");
        }
    }
}
