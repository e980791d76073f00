//! Small components that several pages share.

use leptos::prelude::*;
use recharge::exception::{Exception, ExceptionKind};
use recharge::{Order, OrderState};
use wxpay::{Fen, UnixMillis};

use crate::icons::{self, Icon};
use crate::money::{minus, parts as money_parts};
use crate::refund_summary::RefundSummary;
use crate::text::{Lang, Text, exception, state};

pub mod own_recharges;
pub mod table;

/// A sum in large type: `¥` and cents are smaller. `size` is `m` or `l`.
pub fn big_money(fen: Fen, size: &'static str) -> impl IntoView {
    let (whole, cents) = money_parts(fen.get());
    let sign = minus(fen.get());
    view! {
        <span class="money" data-size=size>{sign}<small>"¥"</small>{whole}<small>{format!(".{cents:02}")}</small></span>
    }
}

/// A sum among text.
pub fn money(fen: Fen) -> String {
    crate::money::money(fen.get())
}

/// A state's word with its colour; no tone is grey.
pub fn pill(label: &'static str, tone: Option<&'static str>) -> impl IntoView {
    view! { <span class="pill" data-tone=tone>{label}</span> }
}

/// The state of the refunds of an order's payment, if it has any.
fn refund_pill(lang: Lang, refunds: RefundSummary) -> Option<impl IntoView> {
    refunds.word().map(|(word, tone)| pill(lang.t(word), tone))
}

/// The payer's word for an order's state.
pub fn payer_pill(
    lang: Lang,
    order: &Order,
    returned: RefundSummary,
    now: UnixMillis,
) -> impl IntoView + use<> {
    let (word, tone) = match &order.state {
        _ if returned.is_any() => returned.word().unwrap_or((state::REFUNDED, None)),
        OrderState::Created | OrderState::Pending(_) if !order.is_offered() => (state::CANCELLED, None),
        OrderState::Created | OrderState::Pending(_) if now >= order.time_expire => (state::EXPIRED, None),
        OrderState::Created => (state::CREATED, None),
        OrderState::Pending(_) => (state::PENDING, Some("open")),
        OrderState::Closed { .. } => (state::CLOSED, None),
        OrderState::Paid(paid) if paid.credited_at.is_none() => (state::REFUNDING, Some("open")),
        OrderState::Paid(_) if !order.raises_balance() => (state::PAID, Some("paid")),
        OrderState::Paid(_) => (state::CREDITED, Some("paid")),
    };
    pill(lang.t(word), tone)
}

/// The operator's words: the order's state, its refunds', and each kind of exception once, in colour while one of its kind is
/// unresolved.
pub fn operator_pills(
    lang: Lang,
    order: &Order,
    found: &[&Exception],
    returned: RefundSummary,
) -> impl IntoView + use<> {
    let (word, tone) = match &order.state {
        OrderState::Created => (state::CREATED, None),
        OrderState::Pending(_) => (state::PENDING, Some("open")),
        OrderState::Closed { .. } => (state::CLOSED, None),
        OrderState::Paid(_) => (state::PAID, Some("paid")),
    };
    let mut kinds: Vec<(ExceptionKind, bool)> = Vec::new();
    for exception in found {
        let is_open = exception.resolution.is_none();
        match kinds.iter_mut().find(|(kind, _)| *kind == exception.kind) {
            Some((_, any_open)) => *any_open |= is_open,
            None => kinds.push((exception.kind, is_open)),
        }
    }
    let exceptions: Vec<_> = kinds
        .into_iter()
        .map(|(kind, is_open)| pill(lang.t(exception_word(kind)), is_open.then_some("warn")))
        .collect();
    view! { <span class="pills">{pill(lang.t(word), tone)}{refund_pill(lang, returned)}{exceptions}</span> }
}

pub fn exception_word(kind: ExceptionKind) -> Text {
    match kind {
        ExceptionKind::Late => exception::LATE,
        ExceptionKind::Duplicate => exception::DUPLICATE,
        ExceptionKind::AmountMismatch => exception::AMOUNT_MISMATCH,
        ExceptionKind::CurrencyMismatch => exception::CURRENCY_MISMATCH,
        ExceptionKind::ChannelMismatch => exception::CHANNEL_MISMATCH,
        ExceptionKind::UnknownOrder => exception::UNKNOWN_ORDER,
        ExceptionKind::OtherApp => exception::OTHER_APP,
        ExceptionKind::RefundedOutside => exception::REFUNDED_OUTSIDE,
    }
}

/// A notice. `tone` is `warn`, `bad`, or none for information.
pub fn notice(tone: Option<&'static str>, text: impl IntoView + 'static) -> impl IntoView {
    let icon = if tone == Some("paid") { icons::CHECK } else { icons::NOTE };
    view! { <p class="notice" data-tone=tone role="status"><Icon d=icon/><span>{text.into_any()}</span></p> }
}

/// The part of a time that is shown, in Beijing time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// `2026-11-21 09:47:31`
    Full,
    /// `2026-11-21 09:47`
    Minute,
    /// `11-21 09:47:31`
    NoYear,
    /// `09:47:31`
    TimeOnly,
}

pub fn time_text(at: UnixMillis, clock: Clock) -> String {
    let text = at.to_beijing_text();
    let range = match clock {
        Clock::Full => 0..text.len(),
        Clock::Minute => 0..16.min(text.len()),
        Clock::NoYear => 5.min(text.len())..text.len(),
        Clock::TimeOnly => 11.min(text.len())..text.len(),
    };
    text.get(range).unwrap_or_default().to_owned()
}

pub fn time(at: UnixMillis, clock: Clock) -> impl IntoView {
    view! { <time datetime=at.to_beijing_rfc3339()>{time_text(at, clock)}</time> }
}

/// One end of a pager: a link, or plain text at the end of the list.
pub fn pager_end(label: &'static str, href: Option<String>, newer: bool) -> impl IntoView {
    let face = move || match newer {
        true => view! { <Icon d=icons::NEWER/>{label} }.into_any(),
        false => view! { {label}<Icon d=icons::OLDER/> }.into_any(),
    };
    match href {
        Some(href) => view! { <a class="button" data-kind="plain" href=href>{face()}</a> }.into_any(),
        None => {
            view! { <span class="button" data-kind="plain" aria-disabled="true">{face()}</span> }.into_any()
        }
    }
}

/// Stands in for a whole page: as [`empty`], with a heading.
pub fn instead(icon: &'static str, title: &'static str, text: &'static str) -> impl IntoView {
    let text = (!text.is_empty()).then(|| view! { <p class="note">{text}</p> });
    view! {
        <div class="empty">
            <span class="badge" aria-hidden="true"><Icon d=icon/></span>
            <h1>{title}</h1>
            {text}
        </div>
    }
}

/// Stands in for an empty list.
pub fn empty(icon: &'static str, title: &'static str, text: &'static str) -> impl IntoView {
    let text = (!text.is_empty()).then(|| view! { <p class="note">{text}</p> });
    view! {
        <div class="empty">
            <span class="badge" aria-hidden="true"><Icon d=icon/></span>
            <p><strong>{title}</strong></p>
            {text}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use recharge::audit::Actor;
    use recharge::exception::{Resolution, ResolutionKind};
    use recharge::fixtures::{NOW, exception, order};

    use super::*;

    #[test]
    fn a_kind_of_exception_is_amber_while_one_of_its_kind_is_unresolved() {
        let open = exception(ExceptionKind::Duplicate);
        let resolution = Resolution {
            by: Actor::Operator("lin".to_owned()),
            ..Resolution::by_rule(ResolutionKind::Dismiss, NOW)
        };
        let resolved = Exception { resolution: Some(resolution), ..open.clone() };
        let pills = |found: &[&Exception]| {
            let pills = operator_pills(Lang::Zh, &order(), found, RefundSummary::default()).to_html();
            (pills.matches("重复付款").count(), pills.contains("warn"))
        };
        assert_eq!(pills(&[&open]), (1, true));
        assert_eq!(pills(&[&resolved]), (1, false));
        assert_eq!(pills(&[&resolved, &open]), (1, true));
    }

    #[test]
    fn times_are_cut_from_beijing_time() {
        let at = UnixMillis::from_beijing("20261121094731").expect("a time");
        assert_eq!(time_text(at, Clock::Full), "2026-11-21 09:47:31");
        assert_eq!(time_text(at, Clock::Minute), "2026-11-21 09:47");
        assert_eq!(time_text(at, Clock::NoYear), "11-21 09:47:31");
        assert_eq!(time_text(at, Clock::TimeOnly), "09:47:31");
    }
}
