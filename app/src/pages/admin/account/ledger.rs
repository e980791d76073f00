//! The rows of one user's ledger, the newest first.

use leptos::prelude::*;
use recharge::ledger::{LedgerEntry, LedgerKey, Subject};
use wxpay::Fen;

use crate::components::{self, Clock, money};
use crate::icons;
use crate::links;
use crate::pages::admin::events::actor;
use crate::pages::admin::ledger_words::{kind_word, reason_words};
use crate::request::PageRequest;
use crate::text::{Lang, Text, accounts as text};

/// Rows of a page.
pub const ROWS: usize = 20;

/// `found` has one row more than a page, where there are more.
pub fn section(lang: Lang, request: &PageRequest, found: &[LedgerEntry]) -> impl IntoView + use<> {
    let shown = found.get(..ROWS).unwrap_or(found);
    let seq = |entry: &LedgerEntry| entry.place.map(|place| place.seq);
    let older = shown.last().filter(|_| found.len() > ROWS).and_then(seq);
    let older = older.map(|seq| request.with(&[("before", &seq.to_string()), ("said", "")]));
    let newest = request.get("before").map(|_| request.with(&[("before", ""), ("said", "")]));
    let pager = (older.is_some() || newest.is_some()).then(|| {
        view! {
            <nav class="pager" aria-label=lang.t(text::LEDGER)>
                {components::pager_end(lang.t(text::NEWEST), newest, true)}
                {components::pager_end(lang.t(text::OLDER), older, false)}
            </nav>
        }
    });
    let rows: Vec<_> = shown.iter().map(|entry| row(lang, entry)).collect();
    let opening = shown.last().and_then(opening).map(|fen| {
        view! { <p class="note">{lang.fill(text::OPENING, &[("amount", &money(fen))])}</p> }
    });
    let table = match rows.is_empty() {
        true => components::empty(icons::LIST, lang.t(text::LEDGER_NONE), "").into_any(),
        false => view! {
            <div class="table-box" role="region" aria-labelledby="ledger-c" tabindex="0">
                <table class="table">
                    <caption id="ledger-c"><strong>{lang.t(text::LEDGER)}</strong>{lang.t(text::LEDGER_CAPTION)}</caption>
                    <thead>
                        <tr>
                            <th scope="col" data-wide="">{lang.t(text::SEQ)}</th>
                            <th scope="col" data-wide="">{lang.t(text::TIME)}</th>
                            <th scope="col">{lang.t(text::KIND)}</th>
                            <th scope="col" data-num="">{lang.t(text::AMOUNT)}</th>
                            <th scope="col" data-num="">{lang.t(text::AFTER)}</th>
                            <th scope="col" data-wide="">{lang.t(text::WHY)}</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {opening}
        }
        .into_any(),
    };
    view! { <section class="card" aria-label=lang.t(text::LEDGER)>{table}{pager}</section> }
}

/// What the account had before its first numbered row, where that is seen and is not nothing.
fn opening(entry: &LedgerEntry) -> Option<Fen> {
    let place = entry.place.filter(|place| place.seq == 1)?;
    place.balance_after.checked_sub(entry.amount).filter(|fen| *fen != Fen::ZERO)
}

fn row(lang: Lang, entry: &LedgerEntry) -> impl IntoView + use<> {
    let kind = kind_word(&entry.key);
    // That a payment was credited by rule needs no word.
    let is_plain = matches!(entry.key, LedgerKey::Credit) && entry.reason == "payment";
    let why = (!is_plain).then(|| reason_words(lang, Some(&entry.key), &entry.reason));
    let by = (!is_plain).then(|| view! { <span class="note">" "{actor(lang, &entry.author)}</span> });
    let at = entry.at;
    view! {
        <tr>
            <td data-wide="">{entry.place.map(|place| place.seq.to_string())}</td>
            <td data-wide="">{components::time(at, Clock::NoYear)}</td>
            <th scope="row">
                {of(lang, entry, kind)}
                <span class="note only-phone">{components::time_text(at, Clock::NoYear)}</span>
                <span class="note only-phone wrap">{why.clone()}</span>
            </th>
            <td data-num="">{signed(entry.amount)}</td>
            <td data-num="">{entry.place.map(|place| money(place.balance_after))}</td>
            <td data-wide="" class="wrap">{why}{by}</td>
        </tr>
    }
}

/// The kind, which leads to what moved the balance.
fn of(lang: Lang, entry: &LedgerEntry, kind: Text) -> impl IntoView + use<> {
    let href = match &entry.subject {
        Subject::Order(number) => Some(links::order(number)),
        Subject::Debit(id) => Some(links::debit(id)),
        Subject::Grant(_) => None,
    };
    match href {
        Some(href) => view! { <a href=href>{lang.t(kind)}</a> }.into_any(),
        None => lang.t(kind).into_any(),
    }
}

/// With its sign in front.
pub fn signed(fen: Fen) -> String {
    match fen.get() {
        fen if fen < 0 => crate::money::money(fen),
        fen => format!("+{}", crate::money::money(fen)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_its_sign_in_front() {
        for (fen, shown) in [(1000, "+¥10.00"), (-312, "−¥3.12"), (0, "+¥0.00")] {
            assert_eq!(signed(Fen::new(fen)), shown);
        }
    }
}
