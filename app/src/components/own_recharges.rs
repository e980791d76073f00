//! The list of the payer's own recharges: part of the top-up page, and fetched again by its island when the dialog closes.

use cashier::db::order_list::{Listed, Page};
use leptos::prelude::*;
use recharge::OrderState;
use wxpay::Fen;

use super::{Clock, money};
use crate::icons;
use crate::links;
use crate::paging::cursor_text;
use crate::refund_summary::RefundSummary;
use crate::text::{Lang, payer};
use crate::url::address;

/// One page of the list, with its pager.
pub fn list(lang: Lang, page: Page) -> impl IntoView {
    let pager = page.older.is_some() || page.newer.is_some();
    let older = page.rows.last().filter(|_| page.older.is_some()).map(|row| page_href("before", row));
    let newer = page.rows.first().filter(|_| page.newer.is_some()).map(|row| page_href("after", row));
    let pager = pager.then(|| {
        view! {
            <nav class="pager" aria-label=lang.t(payer::MINE)>
                {newer.map(|href| super::pager_end(lang.t(payer::NEWER), Some(href), true))}
                {older.map(|href| super::pager_end(lang.t(payer::MORE), Some(href), false))}
            </nav>
        }
    });
    let rows = match page.rows.is_empty() {
        true => {
            super::empty(icons::LIST, lang.t(payer::MINE_EMPTY), lang.t(payer::MINE_EMPTY_TEXT)).into_any()
        }
        false => {
            let rows: Vec<_> = page.rows.into_iter().map(|listed| row(lang, &listed)).collect();
            view! { <ul class="rows">{rows}</ul> }.into_any()
        }
    };
    view! {
        <section class="card" aria-labelledby="mine-t">
            <div class="card-head"><h2 id="mine-t">{lang.t(payer::MINE)}</h2></div>
            {rows}
            {pager}
        </section>
    }
}

fn page_href(name: &str, row: &Listed) -> String {
    address(links::HOME, [(name, cursor_text(row.order.created_at, &row.order.out_trade_no).as_str())])
}

fn row(lang: Lang, listed: &Listed) -> impl IntoView + use<> {
    let order = &listed.order;
    let remark = match &order.state {
        OrderState::Paid(paid) if paid.late && paid.credited_at.is_some() => {
            Some(lang.t(payer::MINE_LATE).to_owned())
        }
        _ if order.bonus > Fen::ZERO => {
            Some(lang.fill(payer::MINE_BONUS, &[("amount", &money(order.bonus))]))
        }
        _ => None,
    };
    let link = match &order.state {
        OrderState::Created | OrderState::Pending(_) => {
            Some((links::pay(&order.out_trade_no), payer::CONTINUE))
        }
        OrderState::Paid(_) => Some((links::receipt(&order.out_trade_no), payer::RECEIPT)),
        OrderState::Closed { .. } => None,
    };
    view! {
        <li>
            <strong><span class="money">{money(order.total_fee)}</span></strong>
            <span class="rows-more note">
                {super::time(order.created_at, Clock::Minute)}
                <span class="mono">{order.out_trade_no.to_string()}</span>
                {remark.map(|remark| view! { <span>{remark}</span> })}
            </span>
            {super::payer_pill(lang, order, RefundSummary::of(order, &listed.refunds))}
            {link.map(|(href, label)| view! { <a href=href>{lang.t(label)}</a> })}
        </li>
    }
}
