//! Every answer and every state of the dialog, without a browser.

use super::*;
use crate::protocol::way::JsapiCall;
use crate::text::{Lang, dialog};

/// The top-up page of a payer with this device, who can choose between these ways.
fn offer(device: Device, ways: &[Way], balance: i64) -> Offer {
    Offer {
        lang: Lang::Zh,
        account: String::new(),
        balance: Some(balance),
        unit_price: 100,
        min: 1,
        max: 5000,
        presets: vec![],
        unit: None,
        percent: 0,
        first_bonus: 0,
        left_today: None,
        device,
        ways: ways.to_vec(),
        proposed: None,
        back: None,
    }
}

fn model(device: Device, balance: i64) -> Model {
    Model::new(&offer(device, &[Way::Native], balance))
}

fn view(state: ViewState) -> StatusView {
    StatusView {
        out_trade_no: "SM20261121094731K8QF".to_owned(),
        state,
        total_fee: 1000,
        bonus: 0,
        way: Way::Native,
        pay_page: None,
        jsapi: None,
        code_url: (state == ViewState::Pending).then(|| "weixin://wxpay/bizpayurl?pr=p4lpSuKzz".to_owned()),
        code_version: 1,
        version: 2,
        cancelled: false,
        expires_in_s: 600,
        poll_for_s: 200,
        next_ms: 1000,
        link: None,
        sandbox_scan: None,
        balance: matches!(state, ViewState::Paid | ViewState::Late).then_some(11_000),
        placed: "09:47:31".to_owned(),
        now: "09:51:00".to_owned(),
    }
}

fn error(code: ErrorCode) -> AppError {
    AppError::new(code, "")
}

/// A dialog that shows a code since 0.
fn waiting() -> Model {
    let mut model = model(Device::Computer, 10_000);
    assert_eq!(model.pressed(0, 10, 1000, 0), Command::Create);
    model.placed(0, Ok(view(ViewState::Pending)));
    model
}

/// A dialog whose 200 seconds are over, at 200 000.
fn unconfirmed() -> Model {
    let mut model = waiting();
    model.tick(200_000);
    model
}

#[test]
fn every_answer_to_a_press_leads_to_its_state() {
    let table = [
        (Ok(view(ViewState::Pending)), Phase::Waiting),
        (Ok(view(ViewState::Created)), Phase::Ordering),
        (Ok(view(ViewState::Paid)), Phase::Paid),
        (Err(error(ErrorCode::Session)), Phase::Session),
        (Err(error(ErrorCode::NotFound)), Phase::Session),
        (Err(error(ErrorCode::TooManyOpen)), Phase::TooMany),
        (Err(error(ErrorCode::TooOften)), Phase::Limit),
        (Err(error(ErrorCode::Busy)), Phase::Busy),
        (Err(error(ErrorCode::Internal)), Phase::Failed),
        (Err(error(ErrorCode::Offline)), Phase::Offline),
        (Err(error(ErrorCode::Refused)), Phase::Refused),
        (Err(error(ErrorCode::Quantity)), Phase::Changed),
        (Err(error(ErrorCode::BadRequest)), Phase::Refused),
    ];
    for (answer, phase) in table {
        let mut model = model(Device::Computer, 0);
        model.pressed(0, 10, 1000, 0);
        model.placed(100, answer.clone());
        assert_eq!(model.phase(), phase, "{answer:?}");
    }
}

#[test]
fn a_new_code_that_did_not_come_says_nothing_of_charging() {
    for code in [ErrorCode::Busy, ErrorCode::Internal] {
        let mut model = unconfirmed();
        assert_eq!(model.wants_new_code(201_000), Command::NewCode);
        model.placed(202_000, Err(error(code)));
        assert_eq!(model.words(Lang::En).1, Lang::En.t(dialog::BUSY_CODE_TEXT), "{code:?}");
    }
}

#[test]
fn every_status_leads_to_its_state() {
    let table = [
        (ViewState::Pending, Phase::Waiting, Phase::Unconfirmed),
        (ViewState::Paid, Phase::Paid, Phase::Paid),
        (ViewState::Late, Phase::Late, Phase::Late),
        (ViewState::LateRefunded, Phase::LateRefunded, Phase::LateRefunded),
        (ViewState::Closed, Phase::Closed, Phase::Closed),
    ];
    for (state, while_waiting, after_200_s) in table {
        for (mut model, phase) in [(waiting(), while_waiting), (unconfirmed(), after_200_s)] {
            model.polled(200_500, Ok(view(state)));
            assert_eq!(model.phase(), phase, "{state:?}");
        }
    }
}

#[test]
fn the_device_decides_how_the_code_is_shown() {
    let table = [
        (Device::Phone, Phase::OnPhone),
        (Device::WebView, Phase::OnPhone),
        (Device::Wechat, Phase::InWechat),
    ];
    for (device, phase) in table {
        let mut model = model(device, 0);
        model.pressed(0, 10, 1000, 0);
        model.placed(0, Ok(view(ViewState::Pending)));
        assert_eq!(model.phase(), phase);
    }
}

#[test]
fn ordering_that_takes_long_is_called_slow() {
    let mut model = model(Device::Computer, 0);
    model.pressed(0, 10, 1000, 0);
    model.tick(2_999);
    assert_eq!(model.phase(), Phase::Ordering);
    model.tick(3_000);
    assert_eq!(model.phase(), Phase::Slow);
}

#[test]
fn a_paid_order_raises_the_balance_and_closes_the_dialog_after_three_seconds() {
    let mut model = waiting();
    model.polled(5_000, Ok(view(ViewState::Paid)));
    assert_eq!(model.balance, Some(11_000));
    assert_eq!(model.tick(7_999), Command::Nothing);
    assert_eq!(model.left_s, 1);
    assert_eq!(model.tick(8_000), Command::CloseDialog);
}

#[test]
fn a_late_payment_stays_on_the_screen() {
    let mut model = waiting();
    model.polled(5_000, Ok(view(ViewState::Late)));
    assert_eq!(model.tick(60_000), Command::Nothing);
}

#[test]
fn after_200_seconds_the_payment_is_unconfirmed_and_nothing_is_asked() {
    let mut model = unconfirmed();
    assert_eq!(model.phase(), Phase::Unconfirmed);
    assert_eq!(model.tick(300_000), Command::Nothing);
}

/// A dialog whose order can be paid until 100 000.
fn short() -> Model {
    let mut model = model(Device::Computer, 10_000);
    model.pressed(0, 10, 1000, 0);
    model.placed(0, Ok(StatusView { expires_in_s: 100, poll_for_s: 100, ..view(ViewState::Pending) }));
    model
}

#[test]
fn an_order_whose_time_is_over_is_followed_to_its_end() {
    for (state, phase) in [(ViewState::Closed, Phase::Closed), (ViewState::Paid, Phase::Paid)] {
        let mut model = short();
        model.tick(99_999);
        model.polled(99_999, Ok(view(ViewState::Pending)));
        assert_eq!(model.phase(), Phase::Waiting);
        assert_eq!(model.tick(100_000), Command::AskStatus(25));
        model.polled(100_100, Ok(StatusView { expires_in_s: 0, ..view(ViewState::Pending) }));
        assert_eq!(model.phase(), Phase::Expired);
        assert_eq!(model.tick(102_000), Command::AskStatus(25));
        model.polled(102_100, Ok(view(state)));
        assert_eq!(model.phase(), phase, "{state:?}");
    }
}

#[test]
fn an_unconfirmed_order_is_asked_about_again_when_its_time_is_over() {
    let mut model = unconfirmed();
    assert_eq!(model.tick(599_999), Command::Nothing);
    assert_eq!(model.tick(600_000), Command::AskStatus(25));
    assert_eq!(model.phase(), Phase::Expired);
}

#[test]
fn an_end_that_does_not_come_is_not_waited_for_for_ever() {
    let mut model = short();
    model.tick(100_000);
    model.polled(100_100, Ok(view(ViewState::Pending)));
    model.tick(300_000);
    assert_eq!(model.phase(), Phase::Unconfirmed);
    assert_eq!(model.tick(301_000), Command::Nothing);
}

#[test]
fn checking_again_asks_for_fifteen_seconds() {
    let mut model = unconfirmed();
    assert_eq!(model.check(201_000), Command::CheckAgain);
    assert!(model.is_checking());
    assert_eq!(model.tick(201_000), Command::Nothing, "the answer to the check says as much");
    model.polled(201_100, Ok(view(ViewState::Pending)));
    assert_eq!(model.tick(202_100), Command::AskStatus(13));
    model.tick(216_000);
    assert!(!model.is_checking());
    assert_eq!(model.phase(), Phase::Unconfirmed);
}

#[test]
fn a_new_code_keeps_the_order_where_there_is_one() {
    let mut model = unconfirmed();
    assert_eq!(model.wants_new_code(201_000), Command::NewCode);
    assert!(model.order.is_some());
    model.placed(202_000, Ok(view(ViewState::Pending)));
    assert_eq!((model.phase(), model.left_s), (Phase::Waiting, 200));
}

#[test]
fn a_closed_order_is_followed_by_a_new_one() {
    let mut model = waiting();
    model.polled(5_000, Ok(view(ViewState::Closed)));
    assert_eq!(model.wants_new_code(6_000), Command::Create);
    assert_eq!((model.order.is_none(), model.quantity), (true, 10));
}

#[test]
fn calls_that_do_not_get_through_are_shown_with_the_code_still_there() {
    let mut model = waiting();
    for now in [1_000, 3_000, 6_000] {
        model.tick(now);
        model.polled(now, Err(error(ErrorCode::Offline)));
    }
    assert_eq!(model.phase(), Phase::Offline);
    assert!(model.order.is_some());
    assert_eq!(model.woke(7_000), Command::AskStatus(0));
    model.polled(7_100, Ok(view(ViewState::Pending)));
    assert_eq!(model.phase(), Phase::Waiting);
}

#[test]
fn a_tab_that_becomes_visible_asks_at_once() {
    let mut model = waiting();
    model.tick(1_000);
    model.polled(1_100, Ok(StatusView { next_ms: 60_000, ..view(ViewState::Pending) }));
    assert_eq!(model.tick(5_000), Command::Nothing);
    assert_eq!(model.woke(5_000), Command::AskStatus(25));
}

#[test]
fn an_older_answer_is_known_by_its_run() {
    let mut model = waiting();
    let run = model.run;
    model.closed();
    assert_ne!(model.run, run);
    assert_eq!(model.tick(10_000), Command::Nothing);
}

/// WeChat's payment window is open since 0, inside WeChat on a phone.
fn sheet() -> Model {
    let mut model = Model::new(&offer(Device::Wechat, &[Way::Jsapi, Way::Native], 0));
    assert_eq!(model.pressed(0, 10, 1000, 0), Command::Create);
    assert_eq!(model.placed(0, Ok(by_jsapi())), Command::OpenSheet);
    model
}

fn by_jsapi() -> StatusView {
    let text = String::new;
    let call = JsapiCall {
        app_id: text(),
        time_stamp: text(),
        nonce_str: text(),
        package: text(),
        sign_type: text(),
        pay_sign: text(),
    };
    StatusView { way: Way::Jsapi, code_url: None, jsapi: Some(call), ..view(ViewState::Pending) }
}

#[test]
fn what_wechats_browser_says_moves_nothing_but_the_words() {
    let table = [
        (Answer::Ok, Phase::Confirming, Command::CheckAgain),
        (Answer::Cancel, Phase::SheetClosed, Command::Nothing),
        (Answer::Fail, Phase::SheetFailed, Command::Nothing),
    ];
    for (answer, phase, command) in table {
        let mut model = sheet();
        assert_eq!(model.bridged(1_000, answer), command);
        assert_eq!(model.phase(), phase);
        model.polled(2_000, Ok(StatusView { jsapi: None, ..by_jsapi() }));
        assert_eq!(model.phase(), phase, "a pending order changes nothing");
        model.polled(3_000, Ok(StatusView { way: Way::Jsapi, ..view(ViewState::Paid) }));
        assert_eq!(model.phase(), Phase::Paid, "only the server's word credits");
    }
}

#[test]
fn a_payment_that_wechats_browser_claims_alone_is_unconfirmed_in_the_end() {
    let mut model = sheet();
    model.bridged(1_000, Answer::Ok);
    model.tick(201_000);
    assert_eq!(model.phase(), Phase::Unconfirmed);
}

#[test]
fn another_way_is_another_order_and_the_button_repeats_the_same() {
    let mut model = sheet();
    model.bridged(1_000, Answer::Cancel);
    assert_eq!(model.again(2_000), Command::Create);
    assert_eq!(model.way, Way::Jsapi);
    model.placed(2_100, Ok(by_jsapi()));
    assert_eq!(model.wants_way(3_000, Way::Native), Command::Create);
    assert_eq!((model.way, model.order.is_none()), (Way::Native, true));
    assert_eq!(model.placed(3_100, Ok(view(ViewState::Pending))), Command::Nothing);
    assert_eq!(model.phase(), Phase::InWechat);
    assert_eq!(model.other_ways().collect::<Vec<_>>(), [Way::Jsapi]);
    model.pressed(4_000, 10, 1000, 0);
    assert_eq!(model.way, Way::Jsapi, "the next press is advised anew");
}

#[test]
fn a_phone_is_sent_to_wechats_page_and_waits_for_the_payer_to_come_back() {
    let mut model = Model::new(&offer(Device::Phone, &[Way::Mweb, Way::Native], 0));
    model.pressed(0, 10, 1000, 0);
    let page = Some("https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2".to_owned());
    let placed = StatusView { way: Way::Mweb, code_url: None, pay_page: page, ..view(ViewState::Pending) };
    assert_eq!(model.placed(0, Ok(placed)), Command::Leave);
    assert_eq!(model.phase(), Phase::Leaving);
    assert_eq!(model.woke(60_000), Command::AskStatus(25));
    model.polled(60_100, Ok(view(ViewState::Paid)));
    assert_eq!(model.phase(), Phase::Paid);
}
