//! Exports: the form that asks for one, its page with the progress, and the file, which is made while it is sent.

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use cashier::NewExport;
use cashier::db::desk_choices::List;
use cashier::db::exports::{Content, Export, Format, Problem, STALE_MS, State as ExportState};
use leptos::prelude::*;
use wxpay::UnixMillis;
use wxpay::bill::BillDate;

mod cell;
pub mod csv;
mod rows;
mod send;
mod wanted;
mod xlsx;

pub use self::cell::Cell;
use self::rows::Source;
use self::send::BeginError;
use self::wanted::Wanted;
use super::extract::OperatorRequest;
use super::filter_words::filter_words;
use super::frame::{absent, failed, page, way_back};
use super::list_parts::filter_query;
use super::query::{self, Wrong};
use crate::components::{self, Clock, pill};
use crate::layout::{self, Frame, Tab};
use crate::links;
use crate::money::thousands;
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, export as text, find, nav, orders};
use crate::url::address;

/// Exports that are listed.
const LISTED: i64 = 20;

/// The link from a list to the export of exactly what it shows.
pub fn link(lang: Lang, request: &PageRequest, list: List) -> impl IntoView + use<> {
    let query = filter_query(request, list);
    let href = address(links::EXPORTS, [("list", list.name()), ("filter", query.as_str())]);
    view! { <a class="button" href=href>{lang.t(text::LINK)}</a> }
}

/// The link from a day's page to the export of its differences.
pub fn link_of_day(lang: Lang, day: BillDate) -> impl IntoView + use<> {
    let filter = format!("day={day}");
    let href = address(links::EXPORTS, [("list", Content::Bill.name()), ("filter", filter.as_str())]);
    view! { <a class="button" href=href>{lang.t(text::LINK)}</a> }
}

/// The link from a list with payments that match no order to their export.
pub fn link_of_unmatched(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let filter = address("", query::kept(&request.query, &query::OF_UNMATCHED));
    let filter = filter.trim_start_matches('?');
    let href = address(links::EXPORTS, [("list", Content::Unmatched.name()), ("filter", filter)]);
    view! { <a class="button" href=href>{lang.t(text::LINK)}</a> }
}

/// The link from the exceptions to the export of all payments that match no order.
pub fn link_of_all_unmatched(lang: Lang) -> impl IntoView {
    let href = address(links::EXPORTS, [("list", Content::Unmatched.name())]);
    view! { <a href=href>{lang.t(text::UNMATCHED)}</a> }
}

/// The form that asks for an export, and the exports of late.
pub async fn form(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let newest = match service.cashier.newest_exports(LISTED).await.map_err(internal) {
        Ok(newest) => newest,
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    let now = service.cashier.now();
    let listed = request.get("list").unwrap_or_default();
    let wanted = Wanted::read(listed, request.get("filter").unwrap_or_default(), now);
    let (lang, error) = (request.lang, request.get("error").map(str::to_owned));
    page(&service, &request, Tab::Orders, lang.t(text::TITLE).to_owned(), move || {
        let refused = error.as_deref().map(|code| {
            components::notice(Some("bad"), lang.t(if code == "cut" { text::E_CUT } else { text::E_FAILED }))
        });
        let wrong = wrong_list(lang, &wanted.wrong);
        let is_ready = wanted.wrong.is_empty();
        let form = is_ready.then(|| asking(lang, &wanted));
        view! {
            {way_back(lang.t(nav::ORDERS), links::ORDERS.to_owned())}
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <div class="stack">
                {refused}
                {wrong}
                {form}
                {ledger_form(lang)}
                {list(lang, &newest, now)}
            </div>
        }
    })
    .await
}

fn wrong_list(lang: Lang, wrong: &[Wrong]) -> Option<impl IntoView + use<>> {
    if wrong.is_empty() {
        return None;
    }
    let items: Vec<_> = wrong
        .iter()
        .map(|wrong| view! { <li>{lang.fill(wrong.why, &[("value", &wrong.value)])}</li> })
        .collect();
    Some(view! {
        <section class="card stack">
            {components::notice(Some("bad"), lang.t(text::WRONG))}
            <ul class="plain">{items}</ul>
        </section>
    })
}

fn asking(lang: Lang, wanted: &Wanted) -> impl IntoView + use<> {
    let name = content_word(wanted.content);
    let filter = filter_words(lang, &wanted.query);
    view! {
        <section class="card stack" aria-labelledby="ask-t">
            <h2 id="ask-t">{lang.t(name)}</h2>
            <p class="note">{lang.t(text::EXACTLY)}" "{filter}</p>
            <form method="post" action=links::EXPORTS class="row">
                <input type="hidden" name="list" value=wanted.content.name()/>
                <input type="hidden" name="filter" value=wanted.query.clone()/>
                <button class="button" data-kind="solid" type="submit" name="format" value="csv">{lang.t(text::CSV)}</button>
                <button class="button" type="submit" name="format" value="xlsx">{lang.t(text::XLSX)}</button>
            </form>
            <p class="note">{lang.t(text::RECORDED)}</p>
        </section>
    }
}

fn ledger_form(lang: Lang) -> impl IntoView {
    view! {
        <section class="card stack" aria-labelledby="ledger-t">
            <h2 id="ledger-t">{lang.t(text::LEDGER)}</h2>
            <form method="post" action=links::EXPORTS class="tiles">
                <input type="hidden" name="list" value=Content::Ledger.name()/>
                <div class="field"><label for="ledger-from">{lang.t(find::F_FROM)}</label><input class="input" id="ledger-from" name="from" type="date"/></div>
                <div class="field"><label for="ledger-to">{lang.t(find::F_TO)}</label><input class="input" id="ledger-to" name="to" type="date"/></div>
                <button class="button" type="submit" name="format" value="csv">{lang.t(text::CSV)}</button>
                <button class="button" type="submit" name="format" value="xlsx">{lang.t(text::XLSX)}</button>
            </form>
            <p><a href=links::STATEMENT>{lang.t(text::STATEMENT)}</a></p>
        </section>
    }
}

fn content_word(content: Content) -> Text {
    match content {
        Content::Orders => orders::TITLE,
        Content::Refunds => find::REFUNDS_TITLE,
        Content::Ledger => text::LEDGER,
        Content::Bill => text::BILL,
        Content::Unmatched => orders::STRAYS,
    }
}

fn list(lang: Lang, newest: &[Export], now: UnixMillis) -> Option<impl IntoView + use<>> {
    if newest.is_empty() {
        return None;
    }
    let rows: Vec<_> = newest
        .iter()
        .map(|export| {
            let (word, tone) = state_word(export, now);
            view! {
                <tr>
                    <th scope="row">{components::time(export.made_at, Clock::NoYear)}</th>
                    <td class="user">{export.operator.clone()}</td>
                    <td>{lang.t(content_word(export.content))}" "{export.format.name()}</td>
                    <td class="wrap" data-wide="">{filter_words(lang, &export.query)}</td>
                    <td data-num="">{thousands(u64::try_from(export.done).unwrap_or(0))}</td>
                    <td>{pill(lang.t(word), tone)}</td>
                </tr>
            }
        })
        .collect();
    Some(view! {
        <div class="card">
            <h2 id="late-t">{lang.t(text::LATELY)}</h2>
            <div class="table-box" role="region" aria-labelledby="late-t" tabindex="0">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">{lang.t(orders::C_TIME)}</th>
                            <th scope="col">{lang.t(find::C_WHO)}</th>
                            <th scope="col">{lang.t(text::WHAT)}</th>
                            <th scope="col" data-wide="">{lang.t(text::FILTER)}</th>
                            <th scope="col" data-num="">{lang.t(text::ROWS)}</th>
                            <th scope="col">{lang.t(orders::C_STATE)}</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </div>
    })
}

/// The word for how far an export is. One that does not move any more ended with its process.
fn state_word(export: &Export, now: UnixMillis) -> (Text, Option<&'static str>) {
    match export.state {
        ExportState::Made => (text::S_MADE, None),
        ExportState::Running if now.minus(export.moved_at) > STALE_MS => (text::S_BROKEN, Some("bad")),
        ExportState::Running => (text::S_RUNNING, Some("open")),
        ExportState::Ended => (text::S_ENDED, None),
        ExportState::Broken => (text::S_BROKEN, Some("bad")),
    }
}

/// The fields of a form, in their order.
type Fields = Vec<(String, String)>;

/// How many rows it will have, where that is known without counting without end.
async fn rows_of(service: &Service, wanted: &Wanted) -> Result<Option<i64>, AppError> {
    let (pairs, now) = (crate::url::pairs(&wanted.query), service.cashier.now());
    let figure = match wanted.content {
        Content::Orders => {
            service.cashier.totals(&query::orders(&pairs, now).filter).await.map_err(internal)?.orders
        }
        Content::Refunds => {
            let filter = query::refunds(&pairs, now).filter;
            service.cashier.refund_totals(&filter).await.map_err(internal)?.refunds
        }
        Content::Ledger | Content::Bill | Content::Unmatched => return Ok(None),
    };
    Ok((!figure.is_least).then_some(figure.value))
}

/// Keeps what was asked for and leads to its page.
pub async fn make(
    State(service): State<Service>,
    OperatorRequest { request, operator }: OperatorRequest,
    Form(fields): Form<Fields>,
) -> Response {
    let get = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let format = Format::from_name(get("format")).unwrap_or(Format::Csv);
    let filter = match get("list") == Content::Ledger.name() {
        true => address("", [("from", get("from")), ("to", get("to"))]).trim_start_matches('?').to_owned(),
        false => get("filter").to_owned(),
    };
    let wanted = Wanted::read(get("list"), &filter, service.cashier.now());
    let again = |error: &str| {
        let query = [("list", wanted.content.name()), ("filter", filter.as_str()), ("error", error)];
        Redirect::to(&address(links::EXPORTS, query)).into_response()
    };
    if !wanted.wrong.is_empty() || filter.len() > 2_000 {
        return again("");
    }
    let whole = match rows_of(&service, &wanted).await {
        Ok(whole) => whole,
        Err(_) => return again("failed"),
    };
    let new = NewExport {
        content: wanted.content,
        format,
        query: wanted.query.clone(),
        lang: request.lang.short(),
        whole,
    };
    match service.cashier.make_export(&operator.name, new).await.map_err(internal) {
        Ok(id) => Redirect::to(&links::export(id)).into_response(),
        Err(_) => again("failed"),
    }
}

/// One export with its progress.
pub async fn show(
    State(service): State<Service>,
    Path(id): Path<String>,
    OperatorRequest { request, operator }: OperatorRequest,
) -> Response {
    let export = match service.cashier.export(&operator.name, &id).await.map_err(internal) {
        Ok(Some(export)) => export,
        Ok(None) => return absent(&service, &request).await,
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    answer(&service, &request, export, StatusCode::OK, None).await
}

async fn answer(
    service: &Service,
    request: &PageRequest,
    export: Export,
    status: StatusCode,
    refused: Option<Text>,
) -> Response {
    let (site, view_request, lang, now) =
        (service.site.clone(), request.clone(), request.lang, service.cashier.now());
    let moves = export.state == ExportState::Running && now.minus(export.moved_at) <= STALE_MS;
    let frame = Frame { refresh: moves && refused.is_none(), ..Frame::DESK };
    layout::page(service, request, status, lang.t(text::TITLE).to_owned(), frame, move || {
        let refused = refused.map(|text| components::notice(Some("bad"), lang.t(text)));
        let content = view! {
            {way_back(lang.t(text::BACK), links::EXPORTS.to_owned())}
            <div class="page-head"><h1>{lang.t(text::TITLE)}" · "{lang.t(content_word(export.content))}</h1></div>
            <div class="stack slim">
                {refused}
                {progress(lang, &export, moves, now)}
            </div>
        };
        layout::operator(&site, &view_request, Tab::Orders, content)
    })
    .await
}

fn progress(lang: Lang, export: &Export, moves: bool, now: UnixMillis) -> impl IntoView + use<> {
    let (word, tone) = state_word(export, now);
    let done = thousands(u64::try_from(export.done).unwrap_or(0));
    let so_far = match export.whole {
        Some(whole) => {
            let whole = thousands(u64::try_from(whole).unwrap_or(0));
            lang.fill(text::SO_FAR_OF, &[("done", &done), ("whole", &whole)])
        }
        None => lang.fill(text::SO_FAR, &[("done", &done)]),
    };
    let bar = export.whole.filter(|_| moves).map(|whole| {
        view! { <progress class="progress" max=whole.max(1).to_string() value=export.done.to_string()>{so_far.clone()}</progress> }
    });
    let problem = export.problem.map(|problem| {
        components::notice(
            Some("bad"),
            lang.t(match problem {
                Problem::Reader => text::P_READER,
                Problem::Database => text::P_DATABASE,
                Problem::File => text::P_FILE,
            }),
        )
    });
    let fetch = (!moves).then(|| {
        let label = if export.state == ExportState::Made { text::DOWNLOAD } else { text::AGAIN };
        view! { <p><a class="button" data-kind="solid" href=links::export_file(&export.id) download="">{lang.t(label)}</a></p> }
    });
    // With script the page follows the download that the button begins.
    let follows = export.state != ExportState::Ended;
    view! {
        <section class="card stack" id="progress" data-refresh=follows.then_some("") aria-live="polite">
            <p class="row">{pill(lang.t(word), tone)}<span>{so_far}</span></p>
            {bar}
            <p class="note">{lang.t(text::EXACTLY)}" "{filter_words(lang, &export.query)}</p>
            {problem}
            {fetch}
            <p class="note">{lang.t(text::WHOLE_NOTE)}</p>
        </section>
    }
}

/// The file. What keeps it from being made is said on the export's page.
pub async fn file(State(service): State<Service>, Path(id): Path<String>, from: OperatorRequest) -> Response {
    let export = match service.cashier.export(&from.operator.name, &id).await.map_err(internal) {
        Ok(Some(export)) => export,
        Ok(None) => return absent(&service, &from.request).await,
        Err(error) => return failed(&service, &from.request, Tab::Orders, &error).await,
    };
    let lang = Lang::parse(&export.lang).unwrap_or_default();
    let Some(source) = Source::of(&export, service.cashier.now()) else {
        return answer(&service, &from.request, export, StatusCode::BAD_REQUEST, Some(text::WRONG)).await;
    };
    let refused = match send::begin(&service.cashier, export.clone(), source, from.by(), lang).await {
        Ok(response) => return response,
        Err(refused) => refused,
    };
    let (status, words) = match refused {
        BeginError::Busy => (StatusCode::SERVICE_UNAVAILABLE, text::E_BUSY),
        BeginError::Another => (StatusCode::CONFLICT, text::E_ANOTHER),
        BeginError::Cut => (StatusCode::BAD_REQUEST, text::E_CUT),
        BeginError::Database(error) => {
            internal(error);
            (StatusCode::SERVICE_UNAVAILABLE, text::E_FAILED)
        }
    };
    answer(&service, &from.request, export, status, Some(words)).await
}
