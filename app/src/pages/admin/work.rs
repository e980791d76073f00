//! What waits for a person, of every kind in one list, by age or by money, each with who sees to it.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::db::work_owners::{Owner, WorkKind};
use cashier::work::{CertificateOf, MOST, Of, Waiting, Work};
use leptos::prelude::*;
use serde::Deserialize;
use wxpay::UnixMillis;

use super::difference_words::{KINDS, day_text, reason};
use super::exceptions::age;
use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::{failed, page};
use super::work_dismiss;
use super::{exception_words, refunds};
use crate::access::Permission;
use crate::auth::may;
use crate::components::{self, Clock, exception_word, money, pill};
use crate::icons;
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, common, work as text};
use crate::url::address;

/// The most that are shown at once; those that were done make room.
const SHOWN: usize = 200;

/// By what the list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Age,
    Money,
}

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, operator }: OperatorRequest,
) -> Response {
    let found = match service.cashier.work().await.map_err(internal) {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Work, &error).await,
    };
    let (lang, view_request, now) = (request.lang, request.clone(), service.cashier.now());
    let may_dismiss = operator.may(Permission::Finance);
    page(&service, &request, Tab::Work, lang.t(text::TITLE).to_owned(), move || {
        let order = if view_request.get("by") == Some("money") { Order::Money } else { Order::Age };
        let kind = view_request.get("kind").and_then(WorkKind::from_name);
        let mut shown: Vec<_> = found
            .iter()
            .filter(|work| kind.is_none_or(|kind| work.kind() == kind))
            .filter(|work| match view_request.get("owner") {
                Some("me") => work.owner.as_ref().is_some_and(|owner| owner.operator == operator.name),
                Some("none") => work.owner.is_none(),
                _ => true,
            })
            .collect();
        if order == Order::Money {
            shown.sort_by(|a, b| b.amount.cmp(&a.amount).then(a.since.cmp(&b.since)));
        }
        let equals = may_dismiss.then(|| work_dismiss::groups(lang, &found));
        let items: Vec<_> =
            shown.iter().take(SHOWN).map(|work| item(lang, &view_request, &operator.name, work, now)).collect();
        let list = match items.is_empty() {
            true => components::empty(icons::CHECK, lang.t(text::NONE), "").into_any(),
            false => view! { <ul class="list">{items}</ul> }.into_any(),
        };
        let more = (shown.len() > SHOWN).then(|| lang.fill(text::MOST, &[("n", &SHOWN.to_string())]));
        view! {
            <div class="page-head">
                <h1>{lang.t(text::TITLE)}" "<span class="label">{found.len().to_string()}</span></h1>
                <p class="row">
                    <a href=links::WISHES>{lang.t(text::TO_WISHES)}</a>
                    <a href=links::EXCEPTIONS>{lang.t(text::TO_EXCEPTIONS)}</a>
                </p>
            </div>
            <div class="stack">
                {flash::said(&view_request)}
                {filters(lang, &view_request)}
                {equals}
                <section class="card" aria-label=lang.t(text::TITLE)>
                    <p class="note">{lang.t(if order == Order::Money { text::BY_MONEY_NOTE } else { text::BY_AGE_NOTE })}" "{more}</p>
                    {list}
                </section>
            </div>
        }
    })
    .await
}

fn filters(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let kinds = WorkKind::ALL.map(|kind| (kind.name(), lang.t(kind_word(kind)))).to_vec();
    let owners = vec![("me", lang.t(text::MINE)), ("none", lang.t(text::NOBODYS))];
    let by = vec![("money", lang.t(text::BY_MONEY))];
    view! {
        <section class="card actions" aria-label=lang.t(text::FILTER)>
            {super::list_parts::chips(lang, request, text::KIND, "kind", kinds)}
            {super::list_parts::chips(lang, request, text::OWNER, "owner", owners)}
            {super::list_parts::choice(lang, request, text::ORDER, "by", lang.t(text::BY_AGE), by)}
        </section>
    }
}

fn kind_word(kind: WorkKind) -> Text {
    match kind {
        WorkKind::Exception => text::K_EXCEPTION,
        WorkKind::Refund => text::K_REFUND,
        WorkKind::Wish => text::K_WISH,
        WorkKind::Difference => text::K_DIFFERENCE,
        WorkKind::Certificate => text::K_CERTIFICATE,
    }
}

/// What it is in words: the amount, a word with its tone, a sentence, the number and where it is seen to.
struct Shown {
    amount: String,
    word: &'static str,
    tone: Option<&'static str>,
    note: String,
    number: String,
    /// `None` where this operator's role does not lead.
    href: Option<String>,
}

fn shown(lang: Lang, work: &Work, now: UnixMillis) -> Shown {
    match &work.of {
        Of::Exception(found) => Shown {
            amount: exception_words::amount(found),
            word: lang.t(exception_word(found.kind)),
            tone: Some("warn"),
            note: exception_words::notes(lang, found).join(" · "),
            number: found.out_trade_no.to_string(),
            href: Some(links::order(&found.out_trade_no)),
        },
        Of::Refund(refund) => {
            let (word, tone) = refunds::state_word(refund.state);
            Shown {
                amount: money(refund.amount),
                word: lang.t(word),
                tone,
                note: refunds::trouble_words(lang, refund).unwrap_or_default(),
                number: refund.out_refund_no.to_string(),
                href: Some(links::order(&refund.out_trade_no)),
            }
        }
        Of::Difference(day, found) => {
            let word =
                KINDS.iter().find(|(kind, _)| *kind == found.kind).map_or("", |(_, word)| lang.t(*word));
            let number = [&found.out_trade_no, &found.transaction_id, &found.out_refund_no];
            let number = number.into_iter().find(|number| !number.is_empty()).cloned();
            Shown {
                amount: money(work.amount),
                word,
                tone: Some("warn"),
                note: format!("{} · {}", day_text(*day), reason(lang, &found.reason)),
                number: number.unwrap_or_default(),
                href: Some(links::reconciliation(*day)),
            }
        }
        Of::Wish(wish) => Shown {
            amount: money(work.amount),
            word: lang.t(text::K_WISH),
            tone: Some("warn"),
            note: wish.reason.clone(),
            number: wish.out_trade_no.to_string(),
            href: Some(format!("{}#wishes", links::order(&wish.out_trade_no))),
        },
        Of::Certificate { of, ends } => {
            let (word, number, soon) = match of {
                CertificateOf::WeChat => (text::OF_WECHAT, work.key.clone(), text::ENDS),
                CertificateOf::Merchant => {
                    (text::OF_MERCHANT, cashier::keys::CERT.to_owned(), text::ENDS_MERCHANT)
                }
            };
            let words = if *ends > now { soon } else { text::ENDED };
            Shown {
                amount: String::new(),
                word: lang.t(word),
                tone: Some(if *ends > now { "warn" } else { "bad" }),
                note: lang.fill(words, &[("time", &components::time_text(*ends, Clock::Minute))]),
                number,
                href: may(Permission::Owner).then(|| format!("{}#en-t", links::SETTINGS)),
            }
        }
    }
}

/// How much waits, on the first screen; nothing while nothing does.
pub(super) fn waiting(lang: Lang, work: &[Waiting], now: UnixMillis) -> Option<impl IntoView + use<>> {
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    let count = |n: usize| if n >= most { format!("{n}+") } else { n.to_string() };
    let tiles: Vec<_> = work
        .iter()
        .map(|waiting| {
            let href = address(links::WORK, [("kind", waiting.kind.name())]);
            let age = lang.fill(text::OLDEST, &[("age", &age(lang, waiting.since, now))]);
            view! {
                <div>
                    <dt class="note">{lang.t(kind_word(waiting.kind))}</dt>
                    <dd><a href=href>{count(waiting.count)}</a>" "<span class="note">{age}</span></dd>
                </div>
            }
        })
        .collect();
    (!tiles.is_empty()).then(|| {
        view! {
            <section class="card" aria-labelledby="todo-t">
                <div class="card-head">
                    <h2 id="todo-t">{lang.t(text::TITLE)}</h2>
                    <a href=links::WORK>{lang.t(common::ALL)}</a>
                </div>
                <dl class="tiles">{tiles}</dl>
            </section>
        }
    })
}

fn item(lang: Lang, request: &PageRequest, me: &str, work: &Work, now: UnixMillis) -> impl IntoView + use<> {
    let Shown { amount, word, tone, note, number, href } = shown(lang, work, now);
    let open = href.map(|href| view! { <a class="button" href=href>{lang.t(text::OPEN)}</a> });
    view! {
        <li>
            <p><strong class="money">{amount}</strong>{pill(word, tone)}</p>
            <div class="row">{owner(lang, request, me, work)}{open}</div>
            <p class="note all">
                <span>{lang.t(kind_word(work.kind()))}</span>
                <span>{age(lang, work.since, now)}" · "{components::time(work.since, Clock::NoYear)}</span>
                <span class="mono">{number}</span>
                <span>{note}</span>
            </p>
        </li>
    }
}

/// Who sees to it, with the button that changes it.
fn owner(lang: Lang, request: &PageRequest, me: &str, work: &Work) -> impl IntoView + use<> {
    let (who, label) = match &work.owner {
        None => (String::new(), text::TAKE),
        Some(Owner { operator, .. }) if operator == me => (lang.t(text::YOURS).to_owned(), text::LEAVE),
        Some(Owner { operator, .. }) => (lang.fill(text::TAKEN_BY, &[("who", operator)]), text::LEAVE),
    };
    let owner = work.owner.as_ref().map(|owner| owner.operator.clone()).unwrap_or_default();
    let who = (!who.is_empty()).then(|| view! { <span class="note">{who}</span> });
    let form = may(Permission::Support).then(|| {
        view! {
            <form method="post" action=links::WORK>
                <input type="hidden" name="kind" value=work.kind().name()/>
                <input type="hidden" name="key" value=work.key.clone()/>
                <input type="hidden" name="owner" value=owner/>
                <input type="hidden" name="back" value=back_query(request)/>
                <button class="button" data-kind="plain" type="submit">{lang.t(label)}</button>
            </form>
        }
    });
    view! { {who}{form} }
}

/// The chips of this page, to come back to.
fn back_query(request: &PageRequest) -> String {
    let kept = super::query::kept(&request.query, &["kind", "owner", "by"]);
    address("", kept).trim_start_matches('?').to_owned()
}

#[derive(Debug, Deserialize)]
pub struct OwnerForm {
    kind: String,
    key: String,
    /// As the page showed it; empty where it showed nobody.
    owner: String,
    #[serde(default)]
    back: String,
}

/// Takes something on, or leaves it.
pub async fn own(
    State(service): State<Service>,
    OperatorRequest { operator, .. }: OperatorRequest,
    Form(form): Form<OwnerForm>,
) -> Response {
    let kept = crate::url::pairs(&form.back);
    let back = |said: Outcome| {
        let kept = super::query::kept(&kept, &["kind", "owner", "by"]);
        let query = kept.into_iter().chain([("said", said.code())]);
        Redirect::to(&address(links::WORK, query)).into_response()
    };
    let Some(kind) = WorkKind::from_name(&form.kind) else { return back(Outcome::WorkMoved) };
    if form.key.len() > 300 || form.key.contains(char::is_control) {
        return back(Outcome::WorkMoved);
    }
    let done = match form.owner.is_empty() {
        true => service
            .cashier
            .take_work(kind, &form.key, &operator.name)
            .await
            .map(|ok| (ok, Outcome::WorkTaken)),
        false => {
            service.cashier.leave_work(kind, &form.key, &form.owner).await.map(|ok| (ok, Outcome::WorkLeft))
        }
    };
    match done.map_err(internal) {
        Ok((true, said)) => back(said),
        Ok((false, _)) => back(Outcome::WorkMoved),
        Err(_) => back(Outcome::ChoiceNotSaved),
    }
}
