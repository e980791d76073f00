//! The timeline of an order.

use leptos::prelude::*;
use recharge::audit::Actor;
use recharge::event::{Event, EventDetail};
use wxpay::{Evidence, Fen, Signed, UnixMillis};

use crate::components::{self, Clock, exception_word, money, pill};
use crate::text::{Lang, answer as answer_text, common, order as text, wishes};

/// One event as the timeline shows it.
struct Line {
    tone: Option<&'static str>,
    title: String,
    /// A word beside the title.
    verdict: Option<(&'static str, Option<&'static str>)>,
    notes: Vec<String>,
}

impl Line {
    fn new(title: String) -> Line {
        Line { tone: None, title, verdict: None, notes: Vec::new() }
    }

    fn warn(self) -> Line {
        Line { tone: Some("warn"), ..self }
    }

    fn notes<const N: usize>(self, notes: [Option<String>; N]) -> Line {
        Line { notes: notes.into_iter().flatten().filter(|note| !note.is_empty()).collect(), ..self }
    }
}

/// The title of an event with its tone.
pub(super) fn title(lang: Lang, event: &Event) -> (String, Option<&'static str>) {
    let line = read(lang, event);
    (line.title, line.tone)
}

fn read(lang: Lang, event: &Event) -> Line {
    let plain = |words| Line::new(lang.t(words).to_owned());
    let of = |words, amount: Fen| lang.fill(words, &[("amount", &money(amount))]);
    let who = |by: &Actor| Some(actor(lang, by));
    match &event.detail {
        EventDetail::Created { total_fee, from, trade_type, .. } => {
            let trade_type = trade_type.map(|kind| kind.as_str().to_owned());
            plain(text::E_CREATED).notes([Some(money(*total_fee)), trade_type, from.clone()])
        }
        EventDetail::Prepaid { code_version } => {
            let words = if *code_version > 1 { text::E_PREPAY_AGAIN } else { text::E_PREPAY };
            plain(words)
        }
        EventDetail::PrepayFailed { result } | EventDetail::CloseFailed { result, .. } => {
            plain(text::E_UNCLEAR).warn().notes([Some(result.clone())])
        }
        EventDetail::Queried { result, by, sign_type, fields } => {
            let by = by.as_ref().and_then(who);
            Line::new(lang.fill(text::E_QUERY, &[("result", &answer(lang, result))])).notes([
                by,
                amount_note(lang, fields.as_ref()),
                signed(*sign_type),
            ])
        }
        EventDetail::QueryFailed { result, by } => {
            plain(text::E_QUERY_FAILED).warn().notes([who(by), Some(result.clone())])
        }
        EventDetail::Notice { from, sign_type, fields } => {
            let notes = [Some(from.clone()), amount_note(lang, Some(fields)), signed(*sign_type)];
            Line { verdict: Some((lang.t(text::EV_ACCEPT), None)), ..plain(text::E_NOTICE_OK).notes(notes) }
        }
        EventDetail::Repeated { from } => plain(text::E_NOTICE_DUP).notes([Some(from.clone())]),
        EventDetail::NotPaid { err_code } => plain(text::E_NOTICE).notes([Some(err_code.clone())]),
        EventDetail::Credited { amount } => {
            Line { tone: Some("paid"), ..Line::new(of(text::E_CREDIT, *amount)) }
        }
        EventDetail::Sold { total_fee } => {
            Line { tone: Some("paid"), ..Line::new(of(text::E_SOLD, *total_fee)) }
        }
        EventDetail::KeptForRefund { .. } => plain(text::E_LATE_REFUND).warn(),
        EventDetail::Exception { kind, expected_fee, fields, .. } => {
            let stated = total_fee(fields.as_ref());
            let expected = expected_fee.filter(|fee| stated != Some(*fee));
            let notes = [
                expected.map(|fee| of(text::EXPECTED, fee)),
                stated_amount(fields.as_ref()).map(|amount| lang.fill(text::STATED, &[("amount", &amount)])),
            ];
            let word = lang.t(exception_word(*kind));
            Line::new(lang.fill(text::E_EXCEPTION_OF, &[("kind", word)])).warn().notes(notes)
        }
        EventDetail::Cancelled { by } => plain(text::E_CANCELLED).notes([who(by)]),
        EventDetail::Closed { by } => plain(text::E_CLOSED).notes([who(by)]),
        EventDetail::Note { by, text: said } => {
            Line::new(lang.fill(text::E_NOTE, &[("who", &*actor(lang, by))])).notes([Some(said.clone())])
        }
        EventDetail::ExceptionResolved { kind, by, reason, amount, user, .. } => {
            let who = actor(lang, by);
            let words = [("who", &*who), ("kind", lang.t(exception_word(*kind)))];
            Line::new(lang.fill(text::E_SETTLED, &words)).notes([
                Some(reason.clone()),
                amount.map(money),
                user.clone(),
            ])
        }
        EventDetail::Reopened { kind, out_refund_no } => {
            let word = lang.t(exception_word(*kind));
            Line::new(lang.fill(text::E_REOPENED, &[("kind", word)])).notes([Some(out_refund_no.to_string())])
        }
        detail => refund(lang, detail),
    }
}

/// What happened to a refund.
fn refund(lang: Lang, detail: &EventDetail) -> Line {
    let plain = |words| Line::new(lang.t(words).to_owned());
    let words_of = |words, amount: Fen| lang.fill(words, &[("amount", &money(amount))]);
    let of = |words, amount: &Fen| Line::new(words_of(words, *amount));
    let moved = |words, fen: &Fen| (*fen > Fen::ZERO).then(|| words_of(words, *fen));
    match detail {
        EventDetail::RefundAsked { reason } => plain(wishes::E_ASKED).warn().notes([Some(reason.clone())]),
        EventDetail::RefundDeclined { by, words } => {
            plain(wishes::E_DECLINED).notes([Some(actor(lang, by)), Some(words.clone())])
        }
        EventDetail::RefundRequested { out_refund_no, amount, taken, by, reason, overdrawn } => {
            let low = overdrawn.then(|| lang.t(text::E_REFUND_OVERDRAWN).to_owned());
            of(text::E_REFUND_REQUESTED, amount).notes([
                Some(actor(lang, by)),
                Some(reason.clone()),
                moved(text::E_REFUND_TAKEN, taken),
                low,
                Some(out_refund_no.to_string()),
            ])
        }
        EventDetail::RefundSubmitted { out_refund_no, refund_id } => plain(text::E_REFUND_SUBMITTED)
            .notes([Some(out_refund_no.to_string()), refund_id.as_ref().map(ToString::to_string)]),
        EventDetail::RefundSucceeded { out_refund_no, amount } => {
            of(text::E_REFUND_SUCCEEDED, amount).notes([Some(out_refund_no.to_string())])
        }
        EventDetail::RefundClosed { out_refund_no, amount, returned, said } => {
            of(text::E_REFUND_CLOSED, amount).warn().notes([
                moved(text::E_REFUND_RETURNED, returned),
                Some(said.clone()),
                Some(out_refund_no.to_string()),
            ])
        }
        EventDetail::RefundAbnormal { out_refund_no, amount } => {
            of(text::E_REFUND_ABNORMAL, amount).warn().notes([Some(out_refund_no.to_string())])
        }
        EventDetail::RefundOutside { out_refund_no, amount, state } => of(text::E_REFUND_OUTSIDE, amount)
            .warn()
            .notes([Some(state.clone()), Some(out_refund_no.to_string())]),
        EventDetail::RefundNotice { out_refund_no, status, from } => plain(text::E_REFUND_NOTICE).notes([
            Some(status.clone()),
            Some(from.clone()),
            Some(out_refund_no.to_string()),
        ]),
        EventDetail::RefundBlocked { out_refund_no, said, .. } => {
            plain(text::E_REFUND_STUCK).warn().notes([Some(said.clone()), Some(out_refund_no.to_string())])
        }
        // All others are read above.
        other => Line::new(other.kind().name().to_owned()),
    }
}

/// The word for who did something: an operator's name, a key's, or what of the program it was.
pub fn actor(lang: Lang, by: &Actor) -> String {
    let program = match by {
        Actor::Operator(name) => return name.clone(),
        Actor::Key(name) => return lang.fill(text::BY_KEY, &[("name", name)]),
        Actor::Rule => lang.t(text::BY_RULE),
        Actor::WeChat => lang.t(text::BY_WECHAT),
        Actor::Schedule => lang.t(text::BY_SCHEDULE),
        Actor::Reconciliation => lang.t(text::BY_RECONCILIATION),
        Actor::Placement => lang.t(text::BY_PLACEMENT),
        Actor::Payer => lang.t(text::BY_PAYER),
    };
    program.to_owned()
}

fn signed(sign_type: Option<Signed>) -> Option<String> {
    sign_type.map(|signed| signed.as_str().to_owned())
}

/// What the message says was paid.
pub(super) fn total_fee(fields: Option<&Evidence>) -> Option<Fen> {
    fields?.get("total_fee")?.parse().ok().map(Fen::new)
}

/// The same with its currency.
fn stated_amount(fields: Option<&Evidence>) -> Option<String> {
    let fee_type = fields.and_then(|fields| fields.get("fee_type")).unwrap_or("CNY");
    total_fee(fields).map(|fee| crate::money::amount(fee.get(), fee_type))
}

fn amount_note(lang: Lang, fields: Option<&Evidence>) -> Option<String> {
    stated_amount(fields).map(|amount| lang.fill(text::EV_AMOUNT, &[("amount", &amount)]))
}

/// What WeChat sent, where an event has it.
pub(super) fn fields(event: &Event) -> Option<&Evidence> {
    let fields = match &event.detail {
        EventDetail::Notice { fields, .. } => Some(fields),
        EventDetail::Queried { fields, .. } | EventDetail::Exception { fields, .. } => fields.as_ref(),
        _ => None,
    };
    fields.filter(|fields| fields.iter().next().is_some())
}

/// WeChat's answer to a query in words; an unknown one as it is.
pub fn answer(lang: Lang, word: &str) -> String {
    let words = match word {
        "SUCCESS" => answer_text::SUCCESS,
        "REFUND" => answer_text::REFUND,
        "NOTPAY" => answer_text::NOTPAY,
        "CLOSED" => answer_text::CLOSED,
        "USERPAYING" => answer_text::USERPAYING,
        "PAYERROR" => answer_text::PAYERROR,
        "ORDERNOTEXIST" => answer_text::ORDERNOTEXIST,
        "REFUNDNOTEXIST" => answer_text::REFUNDNOTEXIST,
        other => return other.to_owned(),
    };
    lang.t(words).to_owned()
}

/// The time and the result of the last query, in words; one that failed is one, too.
pub fn last_query(lang: Lang, line: &[Event]) -> Option<(UnixMillis, String)> {
    line.iter().rev().find_map(|event| match &event.detail {
        EventDetail::Queried { result, .. } => Some((event.at, answer(lang, result))),
        EventDetail::QueryFailed { .. } => Some((event.at, lang.t(answer_text::FAILED).to_owned())),
        _ => None,
    })
}

/// What changed last, in one line: when, what, and by whom or why. Notes, and messages that decide nothing, are no changes.
pub fn latest_change(lang: Lang, events: &[Event]) -> Option<String> {
    let is_change = |event: &&Event| {
        !matches!(
            event.detail,
            EventDetail::Note { .. }
                | EventDetail::Notice { .. }
                | EventDetail::Repeated { .. }
                | EventDetail::NotPaid { .. }
                | EventDetail::Queried { .. }
                | EventDetail::QueryFailed { .. }
                | EventDetail::RefundNotice { .. }
        )
    };
    let last = events.iter().rev().find(is_change)?;
    let Line { title, notes, .. } = read(lang, last);
    let words =
        [components::time_text(last.at, Clock::NoYear), title].into_iter().chain(notes.into_iter().take(2));
    Some(words.collect::<Vec<_>>().join(" · "))
}

/// The timeline, oldest event first.
pub fn line(lang: Lang, events: &[Event]) -> impl IntoView + use<> {
    let items: Vec<_> = events.iter().enumerate().map(|(index, event)| item(lang, index, event)).collect();
    view! {
        <section class="card" aria-labelledby="li-t">
            <div class="card-head"><h2 id="li-t">{lang.t(text::LINE)}</h2><p class="note">{lang.t(common::BEIJING)}</p></div>
            <ol class="line">{items}</ol>
        </section>
    }
}

fn item(lang: Lang, index: usize, event: &Event) -> impl IntoView + use<> {
    let Line { tone, title, verdict, notes } = read(lang, event);
    let at = components::time_text(event.at, Clock::NoYear);
    let evidence = fields(event).map(|_| view! {
        <a href=format!("#evidence-{index}")>{lang.t(text::EVIDENCE)}<span class="unseen">" "{at.clone()}</span></a>
    });
    let request = event.request.clone().map(|id| {
        view! { <span title=lang.t(text::REQUEST)><span class="unseen">{lang.t(text::REQUEST)}" "</span><span class="mono">{id}</span></span> }
    });
    let notes: Vec<_> = notes.into_iter().map(|note| view! { <span>{note}</span> }).collect();
    view! {
        <li>
            <span class="line-dot" data-tone=tone></span>
            <div class="line-row">
                <time class="note" datetime=event.at.to_beijing_rfc3339()>{at}</time>
                <div>
                    <h3>{title}{verdict.map(|(word, tone)| pill(word, tone))}</h3>
                    <p class="note">{notes}{request}{evidence}</p>
                </div>
            </div>
        </li>
    }
}
