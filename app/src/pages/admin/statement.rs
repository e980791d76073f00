//! The monthly statement for the accountant: what came in and went back at WeChat, and how balances moved, day by day.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use leptos::prelude::*;
use recharge::audit::AuditEntry;
use recharge::statement::Day;
use wxpay::bill::BillDate;
use wxpay::{Fen, UnixMillis};

use super::account::ledger::signed;
use super::difference_words::day_text;
use super::exports::{Cell, csv};
use super::extract::OperatorRequest;
use super::frame::{failed, page, to_orders};
use crate::components::{self, money};
use crate::layout::Tab;
use crate::links;
use crate::money::thousands;
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, common, export as text, find, statement as words};
use crate::url::address;

/// A month as an address and the field of a form have it: `2026-03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Month {
    first: BillDate,
}

impl Month {
    /// Reads `2026-03`; `None` if it is no month, or one to come.
    fn parse(text: &str, now: UnixMillis) -> Option<Month> {
        let (year, month) =
            text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2)?;
        let first = BillDate::parse(&format!("{year}{month}01")).ok()?;
        (first.start() <= now).then_some(Month { first })
    }

    fn of(now: UnixMillis) -> Month {
        let today = BillDate::of(now);
        let text = today.to_string();
        let first = BillDate::parse(&format!("{}01", text.get(..6).unwrap_or_default())).unwrap_or(today);
        Month { first }
    }

    /// Its last day, or today in the present month.
    fn last(self, now: UnixMillis) -> BillDate {
        let name = self.text();
        let (mut last, today) = (self.first, BillDate::of(now));
        while last < today && day_text(last.next()).starts_with(&name) {
            last = last.next();
        }
        last
    }

    fn text(self) -> String {
        day_text(self.first).chars().take(7).collect()
    }
}

/// The month of `?month=`: the present one where there is none; `Err` with what stands there if it is no month.
fn asked(request: &PageRequest, now: UnixMillis) -> Result<Month, String> {
    match request.get("month") {
        None => Ok(Month::of(now)),
        Some(text) => Month::parse(text, now).ok_or_else(|| text.chars().take(40).collect()),
    }
}

async fn days(service: &Service, month: Month, now: UnixMillis) -> Result<Vec<Day>, AppError> {
    service.cashier.statement(month.first, month.last(now)).await.map_err(internal)
}

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let (lang, now) = (request.lang, service.cashier.now());
    let month = asked(&request, now);
    let found = match &month {
        Ok(month) => match days(&service, *month, now).await {
            Ok(found) => found,
            Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
        },
        Err(_) => Vec::new(),
    };
    page(&service, &request, Tab::Orders, lang.t(text::STATEMENT).to_owned(), move || {
        let value = month.as_ref().map_or_else(|_| Month::of(now).text(), |month| month.text());
        let wrong = month.as_ref().err().map(|text| {
            components::notice(Some("bad"), lang.fill(words::E_MONTH, &[("value", text)]))
        });
        let table = month.as_ref().ok().map(|month| table(lang, *month, &found));
        view! {
            {to_orders(lang)}
            <div class="page-head"><h1>{lang.t(text::STATEMENT)}</h1><p class="note">{lang.t(common::BEIJING)}</p></div>
            <div class="stack">
                {wrong}
                <form class="card row" method="get" action=links::STATEMENT>
                    <label for="month">{lang.t(words::MONTH)}</label>
                    <input class="input month" id="month" name="month" type="month" value=value/>
                    <button class="button" type="submit">{lang.t(find::F_APPLY)}</button>
                </form>
                {table}
            </div>
        }
    })
    .await
}

/// The sums of the whole: opening of its first day, closing of its last.
fn whole(days: &[Day]) -> Option<Day> {
    let mut days = days.iter();
    let first = *days.next()?;
    let add = |a: Fen, b: Fen| a.checked_add(b).unwrap_or(a);
    Some(days.fold(first, |sum, day| Day {
        payments: sum.payments + day.payments,
        received: add(sum.received, day.received),
        refunds: sum.refunds + day.refunds,
        refunded: add(sum.refunded, day.refunded),
        credited: add(sum.credited, day.credited),
        taken_back: add(sum.taken_back, day.taken_back),
        spent: add(sum.spent, day.spent),
        adjusted: add(sum.adjusted, day.adjusted),
        closing: day.closing,
        ..sum
    }))
}

/// The columns behind the day, with what each is called.
const HEADS: [Text; 10] = [
    words::PAYMENTS,
    words::RECEIVED,
    words::REFUNDS,
    words::REFUNDED,
    words::OPENING,
    words::CREDITED,
    words::TAKEN_BACK,
    words::SPENT,
    words::ADJUSTED,
    words::CLOSING,
];

fn table(lang: Lang, month: Month, days: &[Day]) -> impl IntoView + use<> {
    let count = |count: i64| thousands(u64::try_from(count).unwrap_or(0));
    let moved = |fen: Fen| if fen == Fen::ZERO { "–".to_owned() } else { signed(fen) };
    let row = |head: String, day: &Day| {
        view! {
            <tr>
                <th scope="row">{head}</th>
                <td data-num="">{count(day.payments)}</td>
                <td data-num="">{money(day.received)}</td>
                <td data-num="">{count(day.refunds)}</td>
                <td data-num="">{money(day.refunded)}</td>
                <td data-num="">{money(day.opening)}</td>
                <td data-num="">{moved(day.credited)}</td>
                <td data-num="">{moved(day.taken_back)}</td>
                <td data-num="">{moved(day.spent)}</td>
                <td data-num="">{moved(day.adjusted)}</td>
                <td data-num=""><strong>{money(day.closing)}</strong></td>
            </tr>
        }
    };
    let rows: Vec<_> = days.iter().map(|day| row(day_text(day.day), day)).collect();
    let sum = whole(days).map(|sum| row(lang.t(words::WHOLE).to_owned(), &sum));
    let heads: Vec<_> =
        HEADS.iter().map(|head| view! { <th scope="col" data-num="">{lang.t(*head)}</th> }).collect();
    let file = address(links::STATEMENT_FILE, [("month", month.text().as_str())]);
    view! {
        <section class="card">
            <div class="card-head">
                <p class="note">{lang.t(words::NOTE)}</p>
                <a class="button" href=file download="">{lang.t(text::CSV)}</a>
            </div>
            <div class="table-box" role="region" aria-labelledby="list-c" tabindex="0" data-tall="">
                <table class="table">
                    <caption id="list-c">{month.text()}</caption>
                    <thead><tr><th scope="col">{lang.t(words::DAY)}</th>{heads}</tr></thead>
                    <tbody>{rows}</tbody>
                    <tfoot>{sum}</tfoot>
                </table>
            </div>
        </section>
    }
}

fn cells(head: String, day: &Day) -> Vec<Cell> {
    vec![
        Cell::Text(head),
        Cell::Count(day.payments),
        Cell::Fen(day.received),
        Cell::Count(day.refunds),
        Cell::Fen(day.refunded),
        Cell::Fen(day.opening),
        Cell::Fen(day.credited),
        Cell::Fen(day.taken_back),
        Cell::Fen(day.spent),
        Cell::Fen(day.adjusted),
        Cell::Fen(day.closing),
    ]
}

/// The same as CSV, at most 32 lines, audited.
pub async fn file(State(service): State<Service>, from: OperatorRequest) -> Response {
    let (request, now) = (&from.request, service.cashier.now());
    let lang = request.lang;
    let Ok(month) = asked(request, now) else {
        return show(State(service), from).await;
    };
    let found = match days(&service, month, now).await {
        Ok(found) => found,
        Err(error) => return failed(&service, request, Tab::Orders, &error).await,
    };
    let entry = AuditEntry::of(now, &from.by(), "export", "statement");
    let after = serde_json::json!({ "filter": month.text(), "format": "csv", "rows": found.len() });
    let entry = AuditEntry { after: after.to_string(), ..entry };
    if let Err(error) = service.cashier.record_export(entry).await.map_err(internal) {
        return failed(&service, request, Tab::Orders, &error).await;
    }
    let heads = std::iter::once(words::DAY).chain(HEADS);
    let heads: Vec<_> = heads.map(|head| Cell::Text(lang.t(head).to_owned())).collect();
    let mut file = format!("{}{}", csv::MARK, csv::line(&heads));
    for day in &found {
        file.push_str(&csv::line(&cells(day_text(day.day), day)));
    }
    if let Some(sum) = whole(&found) {
        file.push_str(&csv::line(&cells(lang.t(words::WHOLE).to_owned(), &sum)));
    }
    let name = format!("attachment; filename=\"statement-{}.csv\"", month.text());
    let mut response = file.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Ok(name) = HeaderValue::try_from(name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_with_its_last_day_or_today() {
        let now = UnixMillis::from_beijing("20260315100000").unwrap();
        let last = |text| Month::parse(text, now).map(|month| month.last(now).to_string());
        assert_eq!(last("2026-02"), Some("20260228".to_owned()));
        assert_eq!(last("2024-02"), Some("20240229".to_owned()));
        assert_eq!(last("2026-03"), Some("20260315".to_owned()));
        for wrong in ["2026-04", "2026-13", "2026", "202602", "abcd-ef", "2026-2"] {
            assert_eq!(last(wrong), None, "{wrong}");
        }
        assert_eq!(Month::of(now).text(), "2026-03");
    }
}
