//! The operator's first screen: today's sums, a chart by day, what waits for a person, and the state of the calls to WeChat.

mod chart;
mod figures;

use axum::extract::State;
use axum::response::Response;
use cashier::{CallKind, OpenBreaker};
use leptos::prelude::*;
use recharge::ledger::DaySums;
use recharge::refund::Refund;

use super::difference_words::day_text;
use super::extract::OperatorRequest;
use super::frame::{failed, page};
use super::order_columns::channel_word;
use super::{exception_words, refunds, work};
use crate::access::Permission;
use crate::auth::UndeclaredProxy;
use crate::auth::may;
use crate::book::{self, Notice, Place};
use crate::components::{self, Clock, exception_word, money, pill};
use crate::icons;
use crate::layout::Tab;
use crate::links;
use crate::money::thousands;
use crate::service::Service;
use crate::service::operator::Overview;
use crate::text::{Lang, Text, bill, check, common, orders, overview, refunds as texts, webhooks};
use crate::url::address;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Days of the chart.
const CHART_DAYS: usize = 30;
/// Days that are read: those of the chart, and as many before to compare with.
const DAYS: i64 = 60;
/// Open refunds that are shown.
const SHOWN: usize = 20;
/// A day with its sums; zero for a day without orders.
#[derive(Debug, Clone)]
struct Day {
    /// `2026-11-21`
    date: String,
    sums: DaySums,
}

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let overview = match service.overview(DAYS).await {
        Ok(overview) => overview,
        Err(error) => return failed(&service, &request, Tab::Overview, &error).await,
    };
    let (lang, proxy) = (request.lang, request.undeclared_proxy);
    let plain_http = service.site.plain_http;
    page(&service, &request, Tab::Overview, lang.t(overview::TITLE).to_owned(), move || {
        let plain_http =
            plain_http.then(|| explained(lang, Some("bad"), lang.t(overview::PLAIN_HTTP), Notice::PlainHttp));
        let proxy = proxy.map(|UndeclaredProxy(peer)| {
            let text = lang.fill(overview::UNDECLARED_PROXY, &[("peer", &peer.to_string())]);
            explained(lang, Some("warn"), text, Notice::UndeclaredProxy)
        });
        let has_warning = plain_http.is_some() || proxy.is_some();
        let warning = has_warning.then(|| view! { <div class="stack before">{plain_http}{proxy}</div> });
        view! { {warning} {content(lang, &overview)} }
    })
    .await
}

/// The last [`DAYS`] days, oldest first, with gaps filled.
fn days(overview: &Overview) -> Vec<Day> {
    let ago = (0..DAYS).rev();
    ago.map(|ago| {
        let date = components::time_text(overview.now.plus_ms(-ago * DAY_MS), Clock::Full)
            .chars()
            .take(10)
            .collect::<String>();
        let key = date.replace('-', "");
        let found = overview.days.iter().find(|(day, _)| *day == key);
        let sums = found.map_or_else(DaySums::default, |(_, sums)| *sums);
        Day { date, sums }
    })
    .collect()
}

fn content(lang: Lang, overview: &Overview) -> impl IntoView + use<> {
    let days = days(overview);
    let of_chart = &days[days.len().saturating_sub(CHART_DAYS)..];
    view! {
        <div class="page-head">
            <h1>{lang.t(overview::TITLE)}</h1>
            <p class="note">{components::time(overview.now, Clock::Minute)}" "{lang.t(common::BEIJING)}</p>
        </div>
        <div class="stack">
            {figures::section(lang, &days, &overview.pace)}
            {chart::by_day(lang, of_chart)}
            {chart::by_hour(lang, &overview.hours)}
            {takings(lang, overview)}
            <div class="split" data-even="">
                <div class="stack">
                    {work::waiting(lang, &overview.work, overview.now)}
                    {exceptions(lang, overview)}
                    {open_refunds(lang, overview)}
                </div>
                {health(lang, overview)}
            </div>
        </div>
    }
}

/// What came by which channel. Absent while there is one only: it would repeat the figures above.
fn takings(lang: Lang, overview: &Overview) -> Option<impl IntoView + use<>> {
    if overview.takings.len() < 2 {
        return None;
    }
    let rows: Vec<_> = overview
        .takings
        .iter()
        .map(|of| {
            let query = [("state", "paid"), ("channel", of.channel.name()), ("protocol", &of.protocol.to_string())];
            view! {
                <tr>
                    <th scope="row"><a href=address(links::ORDERS, query)>{lang.t(channel_word(of.channel))}</a></th>
                    <td>"API "{of.protocol.to_string()}</td>
                    <td data-num="">{thousands(u64::try_from(of.orders).unwrap_or(0))}</td>
                    <td data-num="">{money(of.fen)}</td>
                </tr>
            }
        })
        .collect();
    Some(view! {
        <section class="card">
            <div class="card-head"><h2 id="ch-t">{lang.t(overview::CHANNELS)}</h2></div>
            <div class="table-box" role="region" aria-labelledby="ch-t" tabindex="0">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">{lang.t(orders::C_CHANNEL)}</th>
                            <th scope="col">{lang.t(orders::F_PROTOCOL)}</th>
                            <th scope="col" data-num="">{lang.t(overview::ORDERS)}</th>
                            <th scope="col" data-num="">{lang.t(overview::SUM)}</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    })
}

fn exceptions(lang: Lang, overview: &Overview) -> impl IntoView + use<> {
    let count = overview.exceptions.len();
    let items: Vec<_> = overview
        .exceptions
        .iter()
        .map(|found| view! {
            <li>
                <p><strong class="money">{exception_words::amount(found)}</strong>{pill(lang.t(exception_word(found.kind)), Some("warn"))}</p>
                <time class="note" datetime=found.first_seen_at.to_beijing_rfc3339()>
                    {components::time_text(found.first_seen_at, Clock::NoYear)}
                </time>
                <a class="mono all" href=links::order(&found.out_trade_no)>{found.out_trade_no.to_string()}</a>
            </li>
        })
        .collect();
    let body = match count {
        0 => components::empty(icons::CHECK, lang.t(overview::EXCEPTIONS_NONE), "").into_any(),
        _ => view! { <p class="note">{lang.t(overview::EXCEPTIONS_NOTE)}</p><ul class="list">{items}</ul> }
            .into_any(),
    };
    view! {
        <section class="card" aria-labelledby="ex-t">
            <div class="card-head">
                <h2 id="ex-t">{lang.t(overview::EXCEPTIONS)}" "<span class="label">{count.to_string()}</span></h2>
                <a href=address(links::WORK, [("kind", "exception")])>{lang.t(common::ALL)}</a>
            </div>
            {body}
        </section>
    }
}

/// Those that wait for a person, and those that are on their way by themselves, each counted alone.
fn open_refunds(lang: Lang, overview: &Overview) -> impl IntoView + use<> {
    let (stuck, going): (Vec<_>, Vec<_>) = overview.refunds.iter().partition(|refund| refund.needs_person());
    let stuck = refund_list(lang, texts::STUCK, "stuck-t", &stuck);
    let going = refund_list(lang, texts::WAITING, "going-t", &going);
    view! { {stuck}{going} }
}

fn refund_list(
    lang: Lang,
    title: Text,
    id: &'static str,
    refunds: &[&Refund],
) -> Option<impl IntoView + use<>> {
    if refunds.is_empty() {
        return None;
    }
    let count = refunds.len();
    let items: Vec<_> = refunds
        .iter()
        .take(SHOWN)
        .map(|waiting| {
            let (word, tone) = refunds::state_word(waiting.state);
            view! {
                <li>
                    <p><strong class="money">{money(waiting.amount)}</strong>{pill(lang.t(word), tone)}</p>
                    <time class="note" datetime=waiting.requested_at.to_beijing_rfc3339()>
                        {components::time_text(waiting.requested_at, Clock::NoYear)}
                    </time>
                    <a class="mono all" href=links::order(&waiting.out_trade_no)>{waiting.out_trade_no.to_string()}</a>
                    {refunds::trouble(lang, waiting)}
                </li>
            }
        })
        .collect();
    Some(view! {
        <section class="card" aria-labelledby=id>
            <div class="card-head"><h2 id=id>{lang.t(title)}" "<span class="label">{count.to_string()}</span></h2></div>
            <ul class="list">{items}</ul>
        </section>
    })
}

fn health(lang: Lang, overview: &Overview) -> impl IntoView + use<> {
    let stopped = &overview.health.stopped;
    let violations = overview.health.violations.unwrap_or(0);
    let is_well = stopped.is_empty() && violations == 0 && overview.health.outages.is_empty();
    let (last, differences) = overview.reconciled;
    let (word, tone) = match (is_well, differences) {
        (false, _) => (check::BAD, Some("bad")),
        (true, 0) => (check::OK, None),
        (true, _) => (check::WARN, Some("warn")),
    };
    let unsound = (violations > 0).then(|| {
        let count = thousands(violations);
        explained(lang, Some("bad"), lang.fill(overview::VIOLATIONS, &[("n", &count)]), Notice::Ledger)
    });
    let stops = stopped.iter().map(|stopped| {
        let since = components::time_text(stopped.since, Clock::NoYear);
        let api = stopped.by.to_string();
        let values = [("api", api.as_str()), ("reason", stopped.reason.as_str()), ("time", since.as_str())];
        explained(lang, Some("bad"), lang.fill(overview::STOPPED, &values), Notice::Stopped)
    });
    let stops: Vec<_> = stops.collect();
    let outages = overview.health.outages.iter().map(|OpenBreaker { calls, by, outage }| {
        let text = match calls {
            CallKind::Orders => overview::OUTAGE_ORDERS,
            CallKind::Queries => overview::OUTAGE_QUERIES,
            CallKind::Refunds => overview::OUTAGE_REFUNDS,
            CallKind::Bills => overview::OUTAGE_BILLS,
        };
        let [since, tried] =
            [outage.since, outage.tried_at].map(|at| components::time_text(at, Clock::NoYear));
        let api = by.to_string();
        let reason = outage.reason.as_str();
        let values = [("api", api.as_str()), ("reason", reason), ("time", &*since), ("tried", &*tried)];
        explained(lang, Some("warn"), lang.fill(text, &values), Notice::Outage)
    });
    let outages: Vec<_> = outages.collect();
    let (due, since) = overview.backlog;
    let waiting = match since.map(|since| overview.now.minus(since) / 1000) {
        // A query may be due this long while others are sent under the rate limit.
        Some(lag @ 15..) => {
            lang.fill(overview::DUE_LAG, &[("n", &due.to_string()), ("seconds", &lag.to_string())])
        }
        _ => due.to_string(),
    };
    let today = overview.days.last().filter(|(day, _)| {
        let date: String = components::time_text(overview.now, Clock::Full).chars().take(10).collect();
        *day == date.replace('-', "")
    });
    let by_query = today.map_or(0, |(_, sums)| sums.by_query);
    let compared = last.map_or_else(|| "–".to_owned(), day_text);
    let differing = (differences > 0).then(|| {
        let words = lang.fill(bill::OPEN_ALL, &[("n", &differences.to_string())]);
        let link = view! { <a href=links::RECONCILIATIONS>{lang.t(common::ALL)}</a> };
        explained(lang, Some("warn"), view! { {words}" "{link} }, Notice::Differences)
    });
    let (ill, disabled) = overview.webhooks;
    let hooks = [
        (ill, Some("warn"), webhooks::ILL_ALL, Notice::WebhookIll),
        (disabled, Some("bad"), webhooks::DISABLED_ALL, Notice::WebhookDisabled),
    ];
    let hooks = hooks.into_iter().filter(|(count, ..)| *count > 0).map(|(count, tone, words, notice)| {
        let words = lang.fill(words, &[("n", &count.to_string())]);
        let link =
            may(Permission::Owner).then(|| view! { <a href=links::WEBHOOKS>{lang.t(common::ALL)}</a> });
        explained(lang, tone, view! { {words}" "{link} }, notice)
    });
    let hooks: Vec<_> = hooks.collect();
    let tile = |label: Text, value: String, href: Option<String>| {
        let value = match href {
            Some(href) => view! { <a href=href>{value}</a> }.into_any(),
            None => value.into_any(),
        };
        view! { <div><dt class="note">{lang.t(label)}</dt><dd>{value}</dd></div> }
    };
    let waiting_orders = address(links::ORDERS, [("state", "created,pending")]);
    let queried = address(links::ORDERS, [("proof", "query"), ("by", "paid"), ("period", "today")]);
    view! {
        <section class="card stack" aria-labelledby="he-t">
            <div class="card-head"><h2 id="he-t">{lang.t(overview::HEALTH)}</h2>{pill(lang.t(word), tone)}</div>
            {stops}
            {outages}
            {unsound}
            {differing}
            {hooks}
            <dl class="tiles">
                {tile(overview::HEALTH_DUE, waiting, Some(waiting_orders))}
                {tile(bill::LAST, compared, last.map(links::reconciliation))}
                {tile(overview::SILENT_TODAY, by_query.to_string(), Some(queried))}
            </dl>
            <p class="note">{lang.t(overview::SILENT_NOTE)}</p>
        </section>
    }
}

/// A notice with the way to what the book says of it.
fn explained(
    lang: Lang,
    tone: Option<&'static str>,
    text: impl IntoView + 'static,
    notice: Notice,
) -> AnyView {
    let help = book::help(lang, Place::Notice(notice));
    components::notice(tone, view! { {text}" "{help} }).into_any()
}
