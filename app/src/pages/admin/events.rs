//! The timeline of an order, and the evidence behind its events.

use leptos::prelude::*;
use recharge::ExceptionKind;
use recharge::event::{Event, EventKind};
use serde_json::Value;
use wxpay::{Fen, UnixMillis};

use crate::components::{self, Clock, exception_word, money, pill};
use crate::icons::{self, Icon};
use crate::text::{Lang, common, order as text};

/// The details of an event: a JSON object that the cashier wrote.
struct Detail(Value);

impl Detail {
    fn of(event: &Event) -> Detail {
        Detail(serde_json::from_str(&event.detail).unwrap_or(Value::Null))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn fen(&self, name: &str) -> Option<Fen> {
        self.0.get(name).and_then(Value::as_i64).map(Fen::new)
    }

    /// What WeChat sent, name by name.
    fn fields(&self) -> Vec<(String, String)> {
        let Some(Value::Object(fields)) = self.0.get("fields") else { return Vec::new() };
        let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        fields.iter().map(|(name, found)| (name.clone(), value(found))).collect()
    }
}

/// One event as the timeline shows it.
struct Line {
    tone: Option<&'static str>,
    title: String,
    /// A word beside the title.
    verdict: Option<(&'static str, Option<&'static str>)>,
    notes: Vec<String>,
}

fn read(lang: Lang, event: &Event) -> Line {
    let detail = Detail::of(event);
    let line = |title: String| Line { tone: None, title, verdict: None, notes: Vec::new() };
    let plain = |words| line(lang.t(words).to_owned());
    let note = |name: &str| detail.text(name).map(|value| source(lang, value).to_owned());
    let sum = |name: &str| detail.fen(name).map(money);
    match event.kind {
        EventKind::Created => {
            let notes = [sum("total_fee"), note("from")];
            Line { notes: notes.into_iter().flatten().collect(), ..plain(text::E_CREATED) }
        }
        EventKind::Prepaid => {
            let again =
                detail.0.get("code_version").and_then(Value::as_i64).is_some_and(|version| version > 1);
            Line {
                notes: vec!["code_url".to_owned()],
                ..plain(if again { text::E_PREPAY_AGAIN } else { text::E_PREPAY })
            }
        }
        EventKind::PrepayFailed => {
            Line { tone: Some("warn"), notes: note("result").into_iter().collect(), ..plain(text::E_UNCLEAR) }
        }
        EventKind::Queried => {
            let result = detail.text("result").unwrap_or("–");
            let title = lang.fill(text::E_QUERY, &[("result", result)]);
            let notes = [note("by").or_else(|| note("from")), sum_of_fields(&detail), note("sign_type")];
            Line { notes: notes.into_iter().flatten().collect(), ..line(title) }
        }
        EventKind::Notice => {
            let notes = [note("from"), sum_of_fields(&detail), note("sign_type")];
            Line {
                verdict: Some((lang.t(text::EV_ACCEPT), None)),
                notes: notes.into_iter().flatten().collect(),
                ..plain(text::E_NOTICE_OK)
            }
        }
        EventKind::Repeated => {
            Line { notes: note("from").into_iter().collect(), ..plain(text::E_NOTICE_DUP) }
        }
        EventKind::NotPaid => Line { notes: note("err_code").into_iter().collect(), ..plain(text::E_NOTICE) },
        EventKind::Credited => {
            let amount = sum("amount").unwrap_or_default();
            Line { tone: Some("paid"), ..line(lang.fill(text::E_CREDIT, &[("amount", &amount)])) }
        }
        EventKind::KeptForRefund => Line { tone: Some("warn"), ..plain(text::E_LATE_REFUND) },
        EventKind::Exception => {
            let kind = detail.text("kind").and_then(ExceptionKind::from_name);
            let word = kind.map_or("–", |kind| lang.t(exception_word(kind)));
            let stated = field_fen(&detail);
            let expected = detail.fen("expected_fee").filter(|fee| stated != Some(*fee));
            let words = |words, fee: Fen| lang.fill(words, &[("amount", &money(fee))]);
            let expected = expected.map(|fee| words(text::EXPECTED, fee));
            let stated = stated.map(|fee| words(text::STATED, fee));
            Line {
                tone: Some("warn"),
                notes: [expected, stated].into_iter().flatten().collect(),
                ..line(lang.fill(text::E_EXCEPTION_OF, &[("kind", word)]))
            }
        }
        EventKind::Closed => Line { notes: note("by").into_iter().collect(), ..plain(text::E_CLOSED) },
        EventKind::CloseFailed => {
            Line { tone: Some("warn"), notes: note("result").into_iter().collect(), ..plain(text::E_UNCLEAR) }
        }
        EventKind::Note => {
            let who = detail.text("by").unwrap_or("–");
            Line {
                notes: detail.text("text").map(str::to_owned).into_iter().collect(),
                ..line(lang.fill(text::E_NOTE, &[("who", who)]))
            }
        }
        EventKind::RefundRequested
        | EventKind::RefundSubmitted
        | EventKind::RefundSucceeded
        | EventKind::RefundClosed
        | EventKind::RefundAbnormal
        | EventKind::RefundStuck
        | EventKind::RefundOutside
        | EventKind::RefundNotice => refund(lang, event.kind, &detail),
        EventKind::Settled | EventKind::Reopened => settled(lang, event.kind, &detail),
    }
}

/// What happened to a refund.
fn refund(lang: Lang, kind: EventKind, detail: &Detail) -> Line {
    let amount = detail.fen("amount").map(money).unwrap_or_default();
    let of_amount = |words| lang.fill(words, &[("amount", &amount)]);
    let moved = |name: &str, words| {
        let fen = detail.fen(name).filter(|fen| *fen > Fen::ZERO)?;
        Some(lang.fill(words, &[("amount", &money(fen))]))
    };
    let note = |name: &str| detail.text(name).map(|value| source(lang, value).to_owned());
    let number = note("out_refund_no");
    let (tone, title, notes) = match kind {
        EventKind::RefundRequested => {
            let low = detail.0.get("overdrawn").and_then(Value::as_bool).unwrap_or_default();
            let low = low.then(|| lang.t(text::E_REFUND_OVERDRAWN).to_owned());
            let notes = vec![note("by"), note("reason"), moved("taken", text::E_REFUND_TAKEN), low, number];
            (None, of_amount(text::E_REFUND_REQUESTED), notes)
        }
        EventKind::RefundSubmitted => {
            (None, lang.t(text::E_REFUND_SUBMITTED).to_owned(), vec![number, note("refund_id")])
        }
        EventKind::RefundSucceeded => (None, of_amount(text::E_REFUND_SUCCEEDED), vec![number]),
        EventKind::RefundClosed => {
            let notes = vec![moved("returned", text::E_REFUND_RETURNED), note("said"), number];
            (Some("warn"), of_amount(text::E_REFUND_CLOSED), notes)
        }
        EventKind::RefundAbnormal => (Some("warn"), of_amount(text::E_REFUND_ABNORMAL), vec![number]),
        EventKind::RefundOutside => {
            (Some("warn"), of_amount(text::E_REFUND_OUTSIDE), vec![note("state"), number])
        }
        EventKind::RefundNotice => {
            let notes = vec![note("status"), note("from"), number];
            (None, lang.t(text::E_REFUND_NOTICE).to_owned(), notes)
        }
        _ => (Some("warn"), lang.t(text::E_REFUND_STUCK).to_owned(), vec![note("said"), number]),
    };
    Line { tone, title, verdict: None, notes: notes.into_iter().flatten().collect() }
}

/// An exception that was resolved, or reopened.
fn settled(lang: Lang, kind: EventKind, detail: &Detail) -> Line {
    let of = detail.text("kind").and_then(ExceptionKind::from_name);
    let word = of.map_or("–", |kind| lang.t(exception_word(kind)));
    let note = |name: &str| detail.text(name).map(str::to_owned);
    let (title, notes) = match kind {
        EventKind::Reopened => (lang.fill(text::E_REOPENED, &[("kind", word)]), vec![note("out_refund_no")]),
        _ => {
            let who = source(lang, detail.text("by").unwrap_or("–"));
            let notes = vec![note("reason"), detail.fen("amount").map(money), note("user")];
            (lang.fill(text::E_SETTLED, &[("who", who), ("kind", word)]), notes)
        }
    };
    Line { tone: None, title, verdict: None, notes: notes.into_iter().flatten().collect() }
}

/// The actor's name; a word of the page's language for what ran without an operator.
fn source(lang: Lang, by: &str) -> &str {
    match by {
        "schedule" => lang.t(text::BY_SCHEDULE),
        "rule" => lang.t(text::BY_RULE),
        other => other,
    }
}

fn field_fen(detail: &Detail) -> Option<Fen> {
    let fee = detail.0.get("fields")?.get("total_fee")?;
    fee.as_i64().or_else(|| fee.as_str()?.parse().ok()).map(Fen::new)
}

fn sum_of_fields(detail: &Detail) -> Option<String> {
    field_fen(detail).map(|fee| format!("total_fee {}", fee.get()))
}

/// The time and the result of the last query.
pub fn last_query(line: &[Event]) -> Option<(UnixMillis, String)> {
    let last = line.iter().rev().find(|event| event.kind == EventKind::Queried)?;
    Some((last.at, Detail::of(last).text("result").unwrap_or("–").to_owned()))
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
    let evidence = (!Detail::of(event).fields().is_empty()).then(|| view! {
        <a href=format!("#evidence-{index}")>{lang.t(text::EVIDENCE)}<span class="unseen">" "{at.clone()}</span></a>
    });
    let notes: Vec<_> = notes.into_iter().map(|note| view! { <span>{note}</span> }).collect();
    view! {
        <li>
            <span class="line-dot" data-tone=tone></span>
            <div class="line-row">
                <time class="note" datetime=event.at.to_beijing_rfc3339()>{at}</time>
                <div>
                    <h3>{title}{verdict.map(|(word, tone)| pill(word, tone))}</h3>
                    <p class="note">{notes}{evidence}</p>
                </div>
            </div>
        </li>
    }
}

/// One drawer for each event with evidence; a link's `:target` opens it, without script.
pub fn drawers(lang: Lang, events: &[Event]) -> impl IntoView + use<> {
    let with_fields = events.iter().enumerate().map(|(index, event)| (index, event, Detail::of(event)));
    let drawers: Vec<_> = with_fields
        .filter(|(_, _, detail)| !detail.fields().is_empty())
        .map(|(index, event, detail)| drawer(lang, index, event, &detail))
        .collect();
    drawers
}

fn drawer(lang: Lang, index: usize, event: &Event, detail: &Detail) -> impl IntoView + use<> {
    let id = format!("evidence-{index}");
    let title_id = format!("evidence-title-{index}");
    let Line { title, tone, .. } = read(lang, event);
    let verdict = match event.kind {
        EventKind::Exception if detail.text("kind") != Some(ExceptionKind::Late.name()) => {
            pill(lang.t(text::EV_REJECT), tone)
        }
        _ => pill(lang.t(text::EV_ACCEPT), None),
    };
    let from = detail.text("from").map(|from| {
        view! {
            <dt>{lang.t(text::EV_FROM)}</dt><dd><span class="mono">{from.to_owned()}</span></dd>
        }
    });
    let sign = detail.text("sign_type").map(|sign| view! {
        <dt>{lang.t(text::EV_SIGN)}</dt><dd><span class="mono">{sign.to_owned()}</span>" · "{lang.t(text::EV_VALID)}</dd>
    });
    let expected = detail.fen("expected_fee").map(|fee| {
        view! {
            <dt>{lang.t(text::EV_OURS)}</dt><dd>{money(fee)}</dd>
        }
    });
    let rows: Vec<_> = detail
        .fields()
        .into_iter()
        .map(|(name, value)| view! { <tr><th scope="row" class="mono">{name}</th><td class="mono wrap">{value}</td></tr> })
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
                <table class="table">
                    <caption>{lang.t(text::EV_FIELDS)}</caption>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </dialog>
    }
}
