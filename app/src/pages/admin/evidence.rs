//! The evidence behind the events of an order: what WeChat sent, beside what the order says.

use leptos::prelude::*;
use recharge::event::{Event, EventDetail};
use recharge::{ExceptionKind, Order};
use wxpay::{AppId, Evidence};

use super::events::{actor, fields, title, total_fee};
use crate::components::{self, Clock, money, pill};
use crate::icons::{self, Icon};
use crate::text::{Lang, Text, common, order as text};

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
    let (from, sign_type, expected_fee) = match &event.detail {
        EventDetail::Notice { from, sign_type, .. } => (Some(from.clone()), *sign_type, None),
        EventDetail::Queried { by, sign_type, .. } => {
            (by.as_ref().map(|by| actor(lang, by)), *sign_type, None)
        }
        EventDetail::Exception { sign_type, expected_fee, .. } => (None, *sign_type, *expected_fee),
        _ => (None, None, None),
    };
    let verdict = match &event.detail {
        EventDetail::Exception { kind, .. } if *kind != ExceptionKind::Late => {
            pill(lang.t(text::EV_REJECT), tone)
        }
        _ => pill(lang.t(text::EV_ACCEPT), None),
    };
    let from = from.map(|from| {
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
    let rows: Vec<_> = fields
        .iter()
        .map(|(name, value)| view! { <tr><th scope="row" class="mono">{name.to_owned()}</th><td class="mono wrap">{value.to_owned()}</td></tr> })
        .collect();
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
