//! What differs from channel to channel: protocol, appid, trade type, payer.

use wxpay::{AppId, H5Kind, H5Scene, Payment, PrepayId};

use super::*;
use crate::apps::Apps;
use crate::exception::ExceptionKind;
use crate::fixtures::{PLACED, new_order, payment, rules};

const MOBILE: &str = "wxapp0000000000001";

fn openid(text: &str) -> OpenId {
    OpenId::parse(text).unwrap()
}

fn product_id() -> ProductId {
    crate::static_code::new_product_id([3; 16]).unwrap()
}

fn scene() -> H5Scene {
    let (wap_url, wap_name) = ("https://pay.example.com".to_owned(), "远山云".to_owned());
    H5Scene { kind: H5Kind::Ios, wap_url, wap_name }
}

/// One of each way, of two payers where it has one.
fn ways() -> Vec<Way> {
    let payers = ["oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6p"].map(openid);
    let [jsapi, other_jsapi] = payers.clone().map(|openid| Way::Jsapi { openid });
    let [scan, other_scan] = payers.map(|openid| Way::Static { product_id: product_id(), openid });
    vec![Way::Native, jsapi, other_jsapi, Way::Mweb { scene: scene() }, Way::App, scan, other_scan]
}

fn order_in(way: Way, signed: Signed) -> Order {
    let apps = two_apps().apps;
    let app = apps.for_trade_type(way.trade_type()).unwrap();
    Order::new(NewOrder { way, app, signed, ..new_order() }, PLACED, [7; 26]).unwrap()
}

fn two_apps() -> Rules {
    let apps = Apps { mobile: Some(AppId::parse(MOBILE).unwrap()), ..rules().apps };
    Rules { apps, ..rules() }
}

fn paid_as(order: &Order, trade_type: Option<&str>, appid: &AppId) -> Payment {
    Payment {
        trade_type: trade_type.map(str::to_owned),
        appid: appid.clone(),
        signed: order.signed,
        ..payment()
    }
}

#[test]
fn a_payment_is_credited_only_in_the_name_that_its_order_was_placed_in() {
    let rules = two_apps();
    let stranger = AppId::parse("wx0000000000000000").unwrap();
    for way in ways() {
        let order = order_in(way.clone(), Signed::Rsa);
        let own = if way == Way::App { AppId::parse(MOBILE).unwrap() } else { rules.apps.main.clone() };
        let other = if way == Way::App { rules.apps.main.clone() } else { AppId::parse(MOBILE).unwrap() };
        for (appid, credited) in [(&own, true), (&other, false), (&stranger, false)] {
            let payment = paid_as(&order, Some(way.trade_type().as_str()), appid);
            for proof in Proof::ALL {
                let verdict = order.judge(&payment, proof, &rules, PLACED);
                match credited {
                    true => assert!(matches!(verdict, Verdict::Credit(_)), "{way:?}: {verdict:?}"),
                    false => assert_eq!(verdict, Verdict::Exception(ExceptionKind::OtherApp), "{way:?}"),
                }
            }
        }
    }
}

#[test]
fn a_payment_in_another_documented_way_waits_for_a_person_and_an_unknown_word_is_noted() {
    let rules = two_apps();
    for way in ways() {
        let order = order_in(way, Signed::Md5);
        let own = order.trade_type.as_str();
        let judged = |word: Option<&str>| {
            let payment = paid_as(&order, word, rules.apps.appid_of(&order.app));
            let note = order.odd_trade_type(&payment);
            (order.judge(&payment, Proof::Notice, &rules, PLACED), note)
        };
        for word in ["NATIVE", "JSAPI", "MWEB", "APP", "MICROPAY", "FACEPAY"] {
            let (verdict, note) = judged(Some(word));
            if word == own {
                assert!(matches!(verdict, Verdict::Credit(_)), "{own}: {verdict:?}");
                assert_eq!(note, None);
            } else {
                assert_eq!(verdict, Verdict::Exception(ExceptionKind::ChannelMismatch), "{word} for {own}");
            }
        }
        for (word, said) in [(Some("PALMPAY"), "trade_type = PALMPAY"), (None, "trade_type = -")] {
            let (verdict, note) = judged(word);
            assert!(matches!(verdict, Verdict::Credit(_)), "{word:?} for {own}: {verdict:?}");
            assert_eq!(note.as_deref(), Some(said));
        }
    }
}

#[test]
fn a_notice_by_the_other_protocol_decides_nothing_and_a_query_by_either_does() {
    use Signed::{HmacSha256, Md5, Rsa};
    for (placed, noticed) in [(Md5, Rsa), (HmacSha256, Rsa), (Rsa, Md5), (Rsa, HmacSha256)] {
        let order = order_in(Way::Native, placed);
        let payment = Payment { signed: noticed, ..payment() };
        let judged = |proof| order.judge(&payment, proof, &rules(), PLACED);
        assert_eq!(judged(Proof::Notice), Verdict::AskWeChat, "{noticed} for {placed}");
        assert!(matches!(judged(Proof::Query), Verdict::Credit(_)), "{noticed} for {placed}");
    }
}

#[test]
fn two_phones_of_one_account_and_two_ways_never_share_an_order() {
    let keys: Vec<_> = ways().into_iter().map(|way| order_in(way, Signed::Rsa).open_key().unwrap()).collect();
    assert_eq!(keys[0], "u_1\n1990\n100", "as older versions wrote it");
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len(), "{keys:?}");
    // SHA-256 of the first openid, by sha256sum.
    let digest = "ac5d5b279f33406efe06dae33feaac157693f2d6f210cc61a381515fbe5bc47c";
    assert_eq!(keys[1], format!("u_1\n1990\n100\nJSAPI {digest}"));
    assert!(keys.iter().all(|key| !key.contains("oUpF")), "{keys:?}");
}

#[test]
fn a_payer_is_known_while_the_order_is_open_and_forgotten_when_it_ends() {
    for way in ways() {
        let order = order_in(way.clone(), Signed::Rsa);
        let has_payer = matches!(way, Way::Jsapi { .. } | Way::Static { .. });
        let ticket = Ticket::Prepay(PrepayId::parse("wx2").unwrap());
        let pending = order.prepaid(ticket, PLACED).unwrap();
        assert_eq!(pending.openid.is_some(), has_payer, "{way:?}");
        let payment = paid_as(&order, None, two_apps().apps.appid_of(&order.app));
        let Verdict::Credit(paid) = pending.judge(&payment, Proof::Notice, &two_apps(), PLACED) else {
            panic!("the payment fits {way:?}")
        };
        let ended = [
            pending.paid(paid),
            pending.closed(PLACED),
            pending.refunded_outside(PLACED),
            pending.resolved_by_hand(&payment.transaction_id, PLACED),
        ];
        for order in ended {
            assert_eq!(order.unwrap().openid, None, "{way:?}");
        }
    }
}

#[test]
fn a_page_for_a_phones_browser_is_shown_four_and_a_half_minutes_and_the_rest_nearly_two_hours() {
    for way in ways() {
        let order = order_in(way.clone(), Signed::Rsa);
        let ticket = Ticket::Prepay(PrepayId::parse("wx2").unwrap());
        let pending = order.prepaid(ticket, PLACED).unwrap();
        let life_ms = if way.trade_type() == TradeType::Mweb { 270_000 } else { 6_900_000 };
        assert!(pending.has_live_ticket(PLACED.plus_ms(life_ms - 1)), "{way:?}");
        assert!(!pending.has_live_ticket(PLACED.plus_ms(life_ms)), "{way:?}");
    }
}

#[test]
fn an_order_is_told_of_its_payment_at_its_own_protocols_address() {
    for (signed, url) in [
        (Signed::Md5, "https://pay.example.com/wxpay/notify"),
        (Signed::HmacSha256, "https://pay.example.com/wxpay/notify"),
        (Signed::Rsa, "https://pay.example.com/wxpay/v3/notify"),
    ] {
        assert_eq!(order_in(Way::Native, signed).notify_url, url);
    }
}

#[test]
fn an_order_of_a_static_code_sells_that_codes_product() {
    let [order, other] = [&ways()[5], &ways()[0]].map(|way| order_in(way.clone(), Signed::Md5));
    assert_eq!((order.product_id.as_str(), &order.static_code), (product_id().as_str(), &Some(product_id())));
    assert_eq!((other.product_id.as_str(), &other.static_code), ("recharge-1990", &None));
}
