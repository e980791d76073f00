//! The message that tells people what needs them: few lines, the same words in every channel.

use std::collections::BTreeMap;

use cashier::alerts::Message;
use recharge::alert::{Alert, AlertKind, Digest};
use wxpay::Fen;

use crate::components::money;
use crate::lang::{Lang, Text};
use crate::links;
use crate::text::alert as text;

/// Alerts of one kind that get a line each; more of them share one.
const LINES: usize = 3;

/// The message. `site` is the site's name, `public_url` where its desk is.
pub fn alert_message(site: &str, public_url: &str, message: Message<'_>) -> String {
    let lang = Lang::parse(message.lang).unwrap_or_default();
    let mut kinds: BTreeMap<AlertKind, Vec<&Alert>> = BTreeMap::new();
    for alert in message.alerts {
        kinds.entry(alert.raised.kind).or_default().push(alert);
    }
    let digests = kinds.get(&AlertKind::Digest).map_or(0, Vec::len);
    let head = match message.alerts.len() - digests {
        0 if digests > 0 => lang.fill(text::HEAD_DIGEST, &[("site", site)]),
        0 => lang.fill(text::HEAD_TEST, &[("site", site)]),
        n => lang.fill(text::HEAD, &[("site", site), ("n", &n.to_string())]),
    };
    let mut lines = vec![head];
    if message.alerts.is_empty() {
        lines.push(lang.t(text::TEST).to_owned());
    }
    for (kind, alerts) in &kinds {
        match alerts.len() {
            ..=LINES => lines.extend(alerts.iter().map(|alert| format!("· {}", line(lang, alert)))),
            _ => lines.push(format!("· {}", together(lang, *kind, alerts))),
        }
    }
    if message.has_more {
        lines.push(lang.t(text::MORE).to_owned());
    }
    let desk = format!("{public_url}{}", links::ADMIN);
    lines.push(lang.fill(text::SEE, &[("url", &desk)]));
    lines.join("\n")
}

/// What a kind is called.
pub fn kind_word(kind: AlertKind) -> Text {
    match kind {
        AlertKind::Exception => text::W_EXCEPTION,
        AlertKind::Ledger => text::W_LEDGER,
        AlertKind::BillLate => text::W_BILL_LATE,
        AlertKind::Difference => text::W_DIFFERENCE,
        AlertKind::OrdersStopped => text::W_ORDERS_STOPPED,
        AlertKind::Certificate => text::W_CERTIFICATE,
        AlertKind::Refund => text::W_REFUND,
        AlertKind::SlowCredit => text::W_SLOW_CREDIT,
        AlertKind::NewAddress => text::W_NEW_ADDRESS,
        AlertKind::MerchantCertificate => text::W_MERCHANT_CERTIFICATE,
        AlertKind::RefundWish => text::W_REFUND_WISH,
        AlertKind::OperatorAdded => text::W_OPERATOR_ADDED,
        AlertKind::Digest => text::W_DIGEST,
    }
}

/// One alert in one line.
pub fn line(lang: Lang, alert: &Alert) -> String {
    let raised = &alert.raised;
    let words = match raised.kind {
        AlertKind::Exception => text::L_EXCEPTION,
        AlertKind::Ledger => text::L_LEDGER,
        AlertKind::BillLate => text::L_BILL_LATE,
        AlertKind::Difference => text::L_DIFFERENCE,
        AlertKind::OrdersStopped => text::L_ORDERS_STOPPED,
        AlertKind::Certificate => text::L_CERTIFICATE,
        AlertKind::Refund => text::L_REFUND,
        AlertKind::SlowCredit => text::L_SLOW_CREDIT,
        AlertKind::NewAddress => text::L_NEW_ADDRESS,
        AlertKind::MerchantCertificate => text::L_MERCHANT_CERTIFICATE,
        AlertKind::RefundWish => text::L_REFUND_WISH,
        AlertKind::OperatorAdded => text::L_OPERATOR_ADDED,
        AlertKind::Digest => return digest(lang, &raised.shown),
    };
    let amount = raised.amount.map(money).unwrap_or_default();
    lang.fill(words, &[("shown", &shown(alert)), ("amount", &amount)]).trim_end().to_owned()
}

/// What is shown of it: days with hyphens, all else as it is.
fn shown(alert: &Alert) -> String {
    let text = &alert.raised.shown;
    match alert.raised.kind {
        AlertKind::BillLate | AlertKind::Difference => day(text),
        _ => text.clone(),
    }
}

fn together(lang: Lang, kind: AlertKind, alerts: &[&Alert]) -> String {
    let (what, n) = (lang.t(kind_word(kind)), alerts.len().to_string());
    let some: Vec<_> = alerts.iter().take(LINES).map(|alert| shown(alert)).collect();
    let some = some.join(if lang == Lang::Zh { "、" } else { ", " });
    let sum: i64 = alerts.iter().filter_map(|alert| alert.raised.amount).map(Fen::get).sum();
    let amount = money(Fen::new(sum));
    let words = if sum > 0 { text::MANY_SUM } else { text::MANY };
    lang.fill(words, &[("what", what), ("n", &n), ("some", &some), ("amount", &amount)])
}

fn digest(lang: Lang, figures: &str) -> String {
    let figures: Digest = serde_json::from_str(figures).unwrap_or_default();
    let yuan = |fen| money(Fen::new(fen));
    let values = [
        ("day", day(&figures.day)),
        ("orders", figures.orders.to_string()),
        ("paid", figures.paid.to_string()),
        ("paid_fen", yuan(figures.paid_fen)),
        ("refunds", figures.refunds.to_string()),
        ("refunded_fen", yuan(figures.refunded_fen)),
        ("open", figures.open.to_string()),
    ];
    lang.fill(text::L_DIGEST, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// `20261201` as `2026-12-01`.
fn day(text: &str) -> String {
    match (text.get(..4), text.get(4..6), text.get(6..8)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use recharge::alert::Raised;
    use wxpay::UnixMillis;

    use super::*;

    fn alert(kind: AlertKind, shown: &str, fen: i64) -> Alert {
        let (subject, amount) = (shown.to_owned(), (fen > 0).then_some(Fen::new(fen)));
        let raised = Raised { kind, subject, shown: shown.to_owned(), amount, at: UnixMillis::default() };
        Alert { seq: 1, raised }
    }

    fn written(lang: &str, alerts: &[&Alert]) -> String {
        let message = Message { lang, alerts, has_more: false };
        alert_message("小店", "https://pay.example.com", message)
    }

    #[test]
    fn few_things_get_a_line_each() {
        let alerts = [alert(AlertKind::Exception, "SM1", 1000), alert(AlertKind::Difference, "20261201", 5)];
        let alerts: Vec<_> = alerts.iter().collect();
        assert_eq!(
            written("zh", &alerts),
            "【小店】2 件事需要留意\n· 异常付款，要人决定：SM1 ¥10.00\n· 2026-12-01 的账单与账本不一致：¥0.05\n\
             查看：https://pay.example.com/admin"
        );
        assert!(written("en", &alerts).contains("A payment needs a decision: SM1 ¥10.00"));
    }

    #[test]
    fn many_things_of_a_kind_share_a_line_with_their_sum() {
        let alerts: Vec<_> = (0..100).map(|n| alert(AlertKind::Exception, &format!("SM{n}"), 100)).collect();
        let text = written("zh", &alerts.iter().collect::<Vec<_>>());
        assert_eq!(text.lines().nth(1), Some("· 异常付款 100 件，合计 ¥100.00：SM0、SM1、SM2 等"));
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn yesterday_is_told_with_its_figures_and_a_test_says_that_it_is_one() {
        let figures =
            Digest { day: "20261201".to_owned(), orders: 3, paid: 2, paid_fen: 2500, ..Digest::default() };
        let digest = alert(AlertKind::Digest, &serde_json::to_string(&figures).unwrap(), 0);
        let text = written("zh", &[&digest]);
        assert!(text.contains("日报") && text.contains("2026-12-01：下单 3 笔，付款 2 笔 ¥25.00"), "{text}");
        assert!(written("zh", &[]).contains("测试"));
        for kind in AlertKind::ALL {
            for lang in ["zh", "en"] {
                let text = written(lang, &[&alert(kind, "20261201", 1)]);
                assert!(!text.contains('{') && text.lines().count() == 3, "{text}");
            }
        }
    }
}
