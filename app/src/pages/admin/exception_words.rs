//! What the pages say of an exception: its amount, what was stated and expected, and how far its resolution has come.

use std::collections::BTreeMap;

use leptos::prelude::*;
use recharge::Exception;
use recharge::exception::ResolutionKind;
use recharge::refund::{Refund, RefundState};
use serde_json::Value;
use wxpay::{Evidence, Fen};

use super::refunds::state_word;
use crate::components::{money, pill};
use crate::text::{Lang, Text, exception, order, refund, resolve, state};

/// What WeChat's message states, in its own currency.
pub fn stated(found: &Exception) -> String {
    crate::money::amount(found.total_fee.get(), &found.fee_type)
}

/// The amount that stands for the exception: what was credited after all, else what the message states.
pub fn amount(found: &Exception) -> String {
    found.credited_by_rule().map_or_else(|| stated(found), money)
}

/// What its order asks for and what the message states, as far as [`amount`] does not say it.
pub fn notes(lang: Lang, found: &Exception) -> Vec<String> {
    let differs = |fee: &Fen| *fee != found.total_fee || found.fee_type != "CNY";
    let Some(expected) = found.expected_fee.filter(differs) else { return Vec::new() };
    vec![match found.credited_by_rule() {
        Some(_) => lang.fill(order::STATED, &[("amount", &stated(found))]),
        None => lang.fill(order::EXPECTED, &[("amount", &money(expected))]),
    }]
}

/// The fields that WeChat sent.
pub fn evidence_of(payment: &Exception) -> Evidence {
    let fields: BTreeMap<String, Value> = serde_json::from_str(&payment.evidence).unwrap_or_default();
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields: BTreeMap<_, _> = fields.into_iter().map(|(name, value)| (name, text(value))).collect();
    Evidence::from(fields)
}

/// The refund with which an exception was resolved.
pub fn refund_of<'r>(found: &Exception, refunds: &'r [Refund]) -> Option<&'r Refund> {
    let id = found.id();
    refunds
        .iter()
        .rev()
        .find(|refund| refund.exception.as_ref() == Some(&id) && refund.state != RefundState::Closed)
}

/// How far the resolution has come, with its tone. `refund` is that of [`refund_of`]: a payment that is to go back is no payment
/// that went back.
pub fn state_of(found: &Exception, refund: Option<&Refund>) -> (Text, Option<&'static str>) {
    let Some(resolution) = &found.resolution else { return (exception::OPEN, Some("warn")) };
    match (resolution.how, refund) {
        (ResolutionKind::Credit, _) => (resolve::CREDITED, None),
        (ResolutionKind::TakeBack, _) => (resolve::TAKEN_BACK, None),
        (ResolutionKind::Dismiss, _) => (resolve::DISMISSED, None),
        (ResolutionKind::Refund, None) => (refund::REQUESTED, Some("open")),
        (ResolutionKind::Refund, Some(refund)) if refund.state == RefundState::Succeeded => {
            (resolve::REFUNDED, None)
        }
        (ResolutionKind::Refund, Some(refund)) if refund.needs_person() => (refund::ABNORMAL, Some("bad")),
        (ResolutionKind::Refund, Some(refund)) => match refund.state {
            RefundState::Requested | RefundState::Submitted => (state::REFUNDING, Some("open")),
            other => state_word(other),
        },
    }
}

/// The same on a page.
pub fn state_pill(lang: Lang, found: &Exception, refund: Option<&Refund>) -> impl IntoView + use<> {
    let (word, tone) = state_of(found, refund);
    pill(lang.t(word), tone)
}

#[cfg(test)]
mod tests {
    use recharge::ExceptionKind;
    use recharge::audit::Actor;
    use recharge::exception::Resolution;
    use recharge::fixtures::{NOW, exception, refund};
    use recharge::refund::{Blocked, Problem};

    use super::*;

    fn words(found: &Exception, refund: Option<&Refund>) -> String {
        state_pill(Lang::Zh, found, refund).to_html()
    }

    #[test]
    fn a_payment_went_back_only_when_its_refund_has_arrived() {
        let by = Actor::Operator("lin".to_owned());
        let resolution = Resolution { by, ..Resolution::by_rule(ResolutionKind::Refund, NOW) };
        let found = Exception { resolution: Some(resolution), ..exception(ExceptionKind::Duplicate) };
        let of = |state| Refund { state, exception: Some(found.id()), ..refund() };
        let low = Blocked { problem: Problem::NotEnough, said: "NOTENOUGH".to_owned() };
        let stuck = Refund { blocked: Some(low), ..of(RefundState::Requested) };
        for (refund, word) in [
            (of(RefundState::Requested), "退款中"),
            (of(RefundState::Submitted), "退款中"),
            (of(RefundState::Abnormal), "退款需人工处理"),
            (stuck, "退款需人工处理"),
            (of(RefundState::Succeeded), "已退回"),
        ] {
            let shown = words(&found, refund_of(&found, std::slice::from_ref(&refund)));
            assert!(shown.contains(word), "{:?}: {shown}", refund.state);
        }
        assert!(!words(&found, None).contains("已退"), "nothing is known of it");
    }

    #[test]
    fn a_wrong_amount_that_a_query_healed_names_what_was_credited() {
        let open = Exception {
            total_fee: Fen::new(1),
            expected_fee: Some(Fen::new(10_000)),
            ..exception(ExceptionKind::AmountMismatch)
        };
        assert_eq!(
            (amount(&open), notes(Lang::Zh, &open)),
            ("¥0.01".to_owned(), vec!["应付 ¥100.00".to_owned()])
        );
        let healed = Exception { resolution: Some(Resolution::by_rule(ResolutionKind::Credit, NOW)), ..open };
        assert_eq!(
            (amount(&healed), notes(Lang::Zh, &healed)),
            ("¥100.00".to_owned(), vec!["微信通知金额 ¥0.01".to_owned()])
        );
        assert!(words(&healed, None).contains("已入账"), "the sum stands beside it");
    }

    #[test]
    fn another_currency_is_named_even_where_the_figures_agree() {
        let dollars = Exception { fee_type: "USD".to_owned(), ..exception(ExceptionKind::CurrencyMismatch) };
        assert_eq!(amount(&dollars), "USD 19.90");
        assert_eq!(notes(Lang::Zh, &dollars), ["应付 ¥19.90"]);
    }
}
