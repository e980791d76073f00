//! The list of the payer's own recharges: part of the top-up page, and fetched again by its script when the dialog closes.

use cashier::db::order_list::{Listed, Page};
use leptos::prelude::*;
use recharge::{Order, OrderState};
use wxpay::{Fen, UnixMillis};

use super::{Clock, money};
use crate::icons;
use crate::links;
use crate::month::Month;
use crate::paging::cursor_text;
use crate::refund_summary::RefundSummary;
use crate::text::{Lang, payer};
use crate::url::address;

/// The value of `from` in what is pressed here.
pub const FROM_LIST: &str = "list";

/// One page of the list, with its pager and the choice of a month. `month` is the one that is chosen.
pub fn list(lang: Lang, page: Page, month: Option<Month>, now: UnixMillis) -> impl IntoView {
    let pager = page.older.is_some() || page.newer.is_some();
    let older = page.rows.last().filter(|_| page.older.is_some()).map(|row| page_href("before", row, month));
    let newer = page.rows.first().filter(|_| page.newer.is_some()).map(|row| page_href("after", row, month));
    let is_new = month.is_none() && page.rows.is_empty() && !pager;
    let pager = pager.then(|| {
        view! {
            <nav class="pager" aria-label=lang.t(payer::MINE)>
                {newer.map(|href| super::pager_end(lang.t(payer::NEWER), Some(href), true))}
                {older.map(|href| super::pager_end(lang.t(payer::MORE), Some(href), false))}
            </nav>
        }
    });
    let rows = match page.rows.is_empty() {
        true if is_new => {
            super::empty(icons::LIST, lang.t(payer::MINE_EMPTY), lang.t(payer::MINE_EMPTY_TEXT)).into_any()
        }
        true => super::empty(icons::LIST, lang.t(payer::MONTH_EMPTY), "").into_any(),
        false => {
            let rows: Vec<_> = page.rows.into_iter().map(|listed| row(lang, &listed, now)).collect();
            view! { <ul class="rows">{rows}</ul> }.into_any()
        }
    };
    // Nothing to choose from where there is nothing.
    let choice = (!is_new).then(|| months(lang, month, now));
    view! {
        <section class="card" aria-labelledby="mine-t">
            <div class="card-head"><h2 id="mine-t">{lang.t(payer::MINE)}</h2>{choice}</div>
            {rows}
            {pager}
        </section>
    }
}

fn months(lang: Lang, chosen: Option<Month>, now: UnixMillis) -> impl IntoView + use<> {
    let option = |month: Month| {
        view! { <option value=month.to_string() selected=chosen == Some(month)>{month.to_string()}</option> }
    };
    let latest: Vec<_> = Month::of(now).into_iter().flat_map(Month::latest).collect();
    let other = chosen.filter(|month| !latest.contains(month));
    let options: Vec<_> = other.into_iter().chain(latest).map(option).collect();
    view! {
        <form class="months" method="get" action=links::HOME>
            <label class="unseen" for="month">{lang.t(payer::MONTH)}</label>
            <select class="input" id="month" name="month">
                <option value="">{lang.t(payer::MONTH_ALL)}</option>
                {options}
            </select>
            <button class="button" type="submit">{lang.t(payer::MONTH_SHOW)}</button>
        </form>
    }
}

fn page_href(name: &str, row: &Listed, month: Option<Month>) -> String {
    let month = month.map(|month| month.to_string()).unwrap_or_default();
    let place = cursor_text(row.order.created_at, &row.order.out_trade_no);
    address(links::HOME, [("month", month.as_str()), (name, place.as_str())])
}

fn row(lang: Lang, listed: &Listed, now: UnixMillis) -> impl IntoView + use<> {
    let order = &listed.order;
    let returned = RefundSummary::of(order, &listed.refunds);
    let remark = match &order.state {
        OrderState::Paid(paid) if paid.late && paid.credited_at.is_some() => {
            Some(lang.t(payer::MINE_LATE).to_owned())
        }
        // What ended without a credit, or went back, had no bonus.
        _ if order.bonus > Fen::ZERO && has_bonus(order, returned, now) => {
            Some(lang.fill(payer::MINE_BONUS, &[("amount", &money(order.bonus))]))
        }
        _ => None,
    };
    let link = match &order.state {
        OrderState::Created | OrderState::Pending(_) => {
            let label = if now < order.time_expire { payer::CONTINUE } else { payer::LOOK };
            order.is_offered().then(|| (links::pay(&order.out_trade_no), label))
        }
        OrderState::Paid(_) => Some((links::receipt(&order.out_trade_no), payer::RECEIPT)),
        OrderState::Closed { .. } => None,
    };
    let can_be_paid = order.is_offered() && now < order.time_expire;
    let cancel = can_be_paid.then(|| {
        view! {
            <form method="post" action=links::pay_cancel(&order.out_trade_no)>
                <input type="hidden" name="from" value=FROM_LIST/>
                <button class="link" type="submit">{lang.t(payer::CANCEL)}</button>
            </form>
        }
    });
    view! {
        <li>
            <strong><span class="money">{money(order.total_fee)}</span></strong>
            <span class="rows-more note">
                {super::time(order.created_at, Clock::Minute)}
                <span class="mono">{order.out_trade_no.to_string()}</span>
                {remark.map(|remark| view! { <span>{remark}</span> })}
            </span>
            {super::payer_pill(lang, order, returned, now)}
            <span class="rows-end">
                {link.map(|(href, label)| view! { <a href=href>{lang.t(label)}</a> })}
                {cancel}
            </span>
        </li>
    }
}

/// Whether the bonus was credited, or will be with the payment that the order waits for.
fn has_bonus(order: &Order, returned: RefundSummary, now: UnixMillis) -> bool {
    match &order.state {
        OrderState::Created => false,
        OrderState::Pending(_) => order.is_offered() && now < order.time_expire,
        OrderState::Closed { .. } => false,
        OrderState::Paid(paid) => paid.credited_at.is_some() && !returned.is_whole,
    }
}
