//! The dialog's texts, buttons and icons in each state. Pure.

use crate::icons;
use crate::links;
use crate::money::money;
use crate::protocol::way::Way;
use crate::text::{Lang, Text, dialog, error};

use super::model::{CLOSES_AFTER_S, Model};
use super::phase::Phase;

/// One button or link of the dialog's foot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub label: &'static str,
    /// `data-kind`; empty for the default look.
    pub kind: &'static str,
    /// A path of [`icons`], or empty.
    pub icon: &'static str,
    pub does: Does,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Does {
    Close,
    Check,
    NewCode,
    Again,
    /// Takes the order back.
    Cancel,
    Retry,
    CopyLink,
    /// Places the same amount to be paid in another way.
    OtherWay(Way),
    /// A link; opens in a new tab if the flag is set.
    Open(String, bool),
}

/// The content of the dialog's left half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The order is being placed.
    Blank,
    Code,
    /// A check mark and the new balance.
    Credited,
    /// An icon, and the order's number and time.
    Badge(&'static str),
    /// The open orders that count towards the limit.
    OpenOrders,
}

/// The sign beside the amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corner {
    Empty,
    /// The seconds that are left.
    Ring,
    /// A warning icon.
    Warn(&'static str),
}

/// The words for the sum that a payment credits; amounts in fen.
pub fn credit_words(lang: Lang, total_fee: i64, bonus: i64, credited: bool) -> String {
    let text = match (bonus, credited) {
        (0, false) => dialog::CREDIT_ALONE,
        (0, true) => dialog::PAID_TITLE,
        (_, false) => dialog::CREDIT,
        (_, true) => dialog::CREDITED,
    };
    lang.fill(text, &[("amount", &money(total_fee + bonus)), ("bonus", &money(bonus))])
}

/// The words with which a payer changes to this way.
pub fn other_way(way: Way) -> Text {
    match way {
        Way::Native => dialog::OTHER_NATIVE,
        Way::Jsapi => dialog::OTHER_JSAPI,
        Way::Mweb => dialog::OTHER_MWEB,
    }
}

impl Model {
    /// The line below the amount; empty if the order has ended without a credit.
    pub fn credit(&self, lang: Lang) -> String {
        match self.phase() {
            Phase::Closed | Phase::Cancelled | Phase::LateRefunded => String::new(),
            // Nothing is promised where no order is.
            Phase::Refused | Phase::OverDay | Phase::Changed => String::new(),
            Phase::Paid | Phase::Late => credit_words(lang, self.total_fee, self.bonus, true),
            _ => credit_words(lang, self.total_fee, self.bonus, false),
        }
    }

    pub fn stage(&self) -> Stage {
        match self.phase() {
            Phase::Ordering | Phase::Slow => Stage::Blank,
            Phase::Waiting | Phase::OnPhone => Stage::Code,
            Phase::Offline if self.order.is_some() => Stage::Code,
            Phase::Offline => Stage::Badge(icons::OFFLINE),
            Phase::Paid | Phase::Late => Stage::Credited,
            Phase::InWechat => Stage::Badge(icons::SCREEN),
            Phase::Sheet | Phase::SheetClosed | Phase::Leaving => Stage::Badge(icons::PHONE),
            Phase::Confirming => Stage::Badge(icons::CLOCK),
            Phase::SheetFailed => Stage::Badge(icons::NOTE),
            Phase::LateRefunded => Stage::Badge(icons::BACK_MONEY),
            Phase::Closed | Phase::Cancelled => Stage::Badge(icons::SCAN),
            Phase::TooMany => Stage::OpenOrders,
            Phase::Expired | Phase::Unconfirmed | Phase::Busy | Phase::Failed | Phase::Limit => {
                Stage::Badge(icons::CLOCK)
            }
            Phase::Refused | Phase::OverDay | Phase::Changed | Phase::Session => Stage::Badge(icons::NOTE),
        }
    }

    pub fn corner(&self) -> Corner {
        match self.phase() {
            Phase::Paid if self.stays => Corner::Empty,
            Phase::Waiting | Phase::OnPhone | Phase::InWechat | Phase::Paid => Corner::Ring,
            Phase::Sheet | Phase::Confirming | Phase::Leaving => Corner::Ring,
            Phase::Slow => Corner::Warn(icons::CLOCK),
            Phase::Offline => Corner::Warn(icons::OFFLINE),
            _ => Corner::Empty,
        }
    }

    /// Title and sentence of the live region. They leave out the running seconds, which a screen reader would read out.
    pub fn words(&self, lang: Lang) -> (String, String) {
        let number = |n: i64| n.to_string();
        let credited = money(self.total_fee + self.bonus);
        let paid = money(self.total_fee);
        let (title, text) = match self.phase() {
            Phase::Ordering => (dialog::ORDERING_TITLE, dialog::ORDERING_TEXT),
            Phase::Slow => (dialog::SLOW_TITLE, dialog::SLOW_TEXT),
            Phase::Waiting => (dialog::WAITING_TITLE, dialog::WAITING_TEXT),
            Phase::OnPhone => (dialog::PHONE_TITLE, dialog::PHONE_TEXT),
            Phase::InWechat => (dialog::WECHAT_TITLE, dialog::WECHAT_TEXT),
            Phase::Sheet => (dialog::SHEET_TITLE, dialog::SHEET_TEXT),
            Phase::Confirming => (dialog::CONFIRMING_TITLE, dialog::CONFIRMING_TEXT),
            Phase::SheetClosed => (dialog::SHEET_CLOSED_TITLE, dialog::SHEET_CLOSED_TEXT),
            Phase::SheetFailed => (dialog::SHEET_FAILED_TITLE, dialog::SHEET_FAILED_TEXT),
            Phase::Leaving => (dialog::LEAVING_TITLE, dialog::LEAVING_TEXT),
            Phase::Offline => {
                let title = if self.has_network { dialog::UNREACHED_TITLE } else { dialog::OFFLINE_TITLE };
                (
                    title,
                    if self.order.is_some() { dialog::UNREACHED_TEXT } else { dialog::UNREACHED_NONE_TEXT },
                )
            }
            Phase::Paid if self.stays => (dialog::PAID_TITLE, dialog::PAID_STAYS_TEXT),
            Phase::Paid => (dialog::PAID_TITLE, dialog::PAID_TEXT),
            Phase::Late => (dialog::LATE_TITLE, dialog::LATE_TEXT),
            Phase::LateRefunded => (dialog::LATE_REFUNDED_TITLE, dialog::LATE_REFUNDED_TEXT),
            Phase::Unconfirmed if self.checked_at.is_some() => {
                (dialog::UNCONFIRMED_TITLE, dialog::UNCONFIRMED_CHECKED_TEXT)
            }
            Phase::Unconfirmed => (dialog::UNCONFIRMED_TITLE, dialog::UNCONFIRMED_TEXT),
            Phase::Expired => (dialog::EXPIRED_TITLE, dialog::EXPIRED_TEXT),
            Phase::Closed if self.way != Way::Native => (dialog::ENDED_TITLE, dialog::ENDED_TEXT),
            Phase::Closed => (dialog::CLOSED_TITLE, dialog::CLOSED_TEXT),
            Phase::Cancelled => (dialog::CANCELLED_TITLE, dialog::CANCELLED_TEXT),
            Phase::TooMany => (dialog::TOOMANY_TITLE, dialog::TOOMANY_TEXT),
            Phase::OverDay => (dialog::OVER_DAY_TITLE, dialog::OVER_DAY_TEXT),
            Phase::Changed => (dialog::CHANGED_TITLE, dialog::CHANGED_TEXT),
            Phase::Refused if self.kept_order.is_none() => (dialog::STOPPED_TITLE, dialog::STOPPED_TEXT),
            Phase::Refused => (dialog::REFUSED_TITLE, dialog::REFUSED_TEXT),
            // After a request for a new code the order may have been paid.
            Phase::Busy if self.order.is_some() => (dialog::BUSY_TITLE, dialog::BUSY_CODE_TEXT),
            Phase::Busy if self.kept_order.is_some() => (dialog::BUSY_TITLE, dialog::BUSY_TEXT),
            Phase::Busy => (dialog::BUSY_TITLE, dialog::BUSY_NONE_TEXT),
            Phase::Failed if self.order.is_some() => (dialog::FAILED_TITLE, dialog::BUSY_CODE_TEXT),
            Phase::Failed => (dialog::FAILED_TITLE, dialog::FAILED_TEXT),
            Phase::Session => (dialog::SESSION_TITLE, dialog::SESSION_TEXT),
            Phase::Limit => (dialog::LIMIT_TITLE, dialog::LIMIT_TEXT),
        };
        let n = match self.phase() {
            Phase::TooMany => number(i64::try_from(self.open.len()).unwrap_or(i64::MAX)),
            _ => number(CLOSES_AFTER_S),
        };
        let seconds = self.retry_after_s.to_string();
        // A credited payment states the credit, a refunded one what was paid.
        let amount = if self.phase() == Phase::LateRefunded { paid } else { credited };
        let (left, checked_at) = (money(self.left_today), self.checked_at.clone().unwrap_or_default());
        let values = [
            ("amount", amount.as_str()),
            ("n", &n),
            ("seconds", &seconds),
            ("left", &left),
            ("time", &checked_at),
        ];
        (lang.fill(title, &values), lang.fill(text, &values))
    }

    pub fn actions(&self, lang: Lang) -> Vec<Action> {
        let act = |label, kind, icon, does| Action { label: lang.t(label), kind, icon, does };
        let page = || {
            let number =
                self.order.as_ref().map(|order| order.out_trade_no.clone()).or(self.kept_order.clone());
            number.map(|number| act(dialog::PAGE, "plain", "", Does::Open(links::pay(number), false)))
        };
        let scan = || {
            let url = self.order.as_ref().and_then(|order| order.sandbox_scan.clone());
            url.map(|url| act(dialog::SANDBOX_SCAN, "", icons::PHONE, Does::Open(url, true)))
        };
        let copy = |label, kind| act(label, kind, icons::COPY, Does::CopyLink);
        let copied = |label| if self.copied { crate::text::common::COPIED } else { label };
        // The payer came to pay: who can go back to the site wants that first.
        let back = || {
            let page = self.back.clone();
            page.map(|page| act(dialog::PAID_BACK, "solid", "", Does::Open(page, false)))
        };
        let done = || {
            let kind = if self.back.is_some() { "" } else { "solid" };
            act(dialog::PAID_DONE, kind, "", Does::Close)
        };
        let receipt = || {
            let number = self.order.as_ref().map(|order| order.out_trade_no.clone());
            let open = |number| Does::Open(links::receipt(number), false);
            number.map(|number| act(dialog::PAID_RECEIPT, "plain", "", open(number)))
        };
        let reload =
            |kind| act(dialog::SESSION_RELOAD, kind, icons::RENEW, Does::Open(links::HOME.to_owned(), false));
        let again = |kind| act(error::RETRY, kind, icons::RENEW, Does::Again);
        let others =
            || self.other_ways().map(|way| Some(act(other_way(way), "plain", "", Does::OtherWay(way))));
        let open = || {
            let page = self.order.as_ref().and_then(|order| order.pay_page.clone());
            page.map(|page| act(dialog::LEAVING_OPEN, "pay", icons::PHONE, Does::Open(page, false)))
        };
        let sheet = || Some(act(dialog::SHEET_OPEN, "pay", "", Does::Again));
        let cancel = || Some(act(dialog::CANCEL, "plain", "", Does::Cancel));
        let all = match self.phase() {
            Phase::Ordering => vec![],
            Phase::Sheet | Phase::SheetClosed | Phase::SheetFailed => {
                [sheet()].into_iter().chain(others()).chain([cancel()]).collect()
            }
            Phase::Confirming => vec![page()],
            Phase::Leaving => {
                let check = act(dialog::UNCONFIRMED_CHECK, "", "", Does::Check);
                [open(), Some(check)].into_iter().chain(others()).chain([cancel()]).collect()
            }
            Phase::Slow | Phase::LateRefunded => vec![page()],
            Phase::Refused => vec![Some(again("")), page()],
            Phase::OverDay => vec![Some(act(dialog::OTHER_AMOUNT, "solid", "", Does::Close))],
            Phase::Waiting => [scan(), page()].into_iter().chain(others()).chain([cancel()]).collect(),
            Phase::OnPhone => {
                let copy = copy(copied(dialog::PHONE_COPY), "");
                [scan(), Some(copy), page()].into_iter().chain(others()).chain([cancel()]).collect()
            }
            Phase::InWechat => {
                let copy = copy(copied(dialog::WECHAT_COPY), "solid");
                [scan(), Some(copy)].into_iter().chain(others()).chain([cancel()]).collect()
            }
            Phase::Offline => vec![Some(act(dialog::OFFLINE_RETRY, "", icons::RENEW, Does::Retry))],
            Phase::Paid | Phase::Late => vec![back(), Some(done()), receipt()],
            Phase::Unconfirmed => vec![
                Some(act(dialog::UNCONFIRMED_CHECK, "solid", "", Does::Check)),
                Some(act(dialog::UNCONFIRMED_NEW, "", "", Does::NewCode)),
                Some(act(dialog::UNCONFIRMED_CLOSE, "plain", "", Does::Close)),
            ],
            Phase::Expired => vec![Some(act(dialog::UNCONFIRMED_CLOSE, "", "", Does::Close)), page()],
            Phase::Closed if self.way != Way::Native => {
                vec![Some(act(dialog::ENDED_NEW, "solid", icons::RENEW, Does::NewCode))]
            }
            Phase::Cancelled => {
                vec![Some(act(dialog::ENDED_NEW, "", icons::RENEW, Does::NewCode)), Some(done())]
            }
            Phase::Closed => vec![Some(act(dialog::CLOSED_NEW, "solid", icons::RENEW, Does::NewCode))],
            Phase::Busy | Phase::Failed => vec![Some(again("solid")), page()],
            Phase::Limit | Phase::TooMany => vec![Some(again(""))],
            Phase::Changed => vec![Some(reload("solid"))],
            // The top-up page works again if a session exists by then; else it says how to get one.
            Phase::Session => vec![Some(reload(""))],
        };
        all.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::{AppError, ErrorCode};
    use crate::protocol::offer::{Device, Offer};

    fn refused(code: ErrorCode) -> Model {
        let offer = Offer {
            lang: Lang::Zh,
            account: String::new(),
            balance: Some(0),
            unit_price: 100,
            min: 1,
            max: 5000,
            presets: vec![],
            unit: None,
            percent: 0,
            first_bonus: 0,
            left_today: None,
            device: Device::Computer,
            ways: vec![Way::Native],
            proposed: None,
            back: None,
        };
        let mut model = Model::new(&offer);
        model.pressed(0, 10, 1000, 0);
        let number = Some("SM1".to_owned());
        model.placed(
            0,
            Err(AppError { retry_after_s: Some(7), out_trade_no: number, ..AppError::new(code, "") }),
        );
        model
    }

    #[test]
    fn texts_are_filled_in_both_languages() {
        let codes = [
            ErrorCode::Session,
            ErrorCode::TooManyOpen,
            ErrorCode::TooOften,
            ErrorCode::Busy,
            ErrorCode::Internal,
            ErrorCode::Refused,
            ErrorCode::Quantity,
        ];
        for code in codes {
            for lang in [Lang::Zh, Lang::En] {
                let (title, text) = refused(code).words(lang);
                assert!(!title.is_empty() && !text.is_empty(), "{code:?}");
                assert!(!title.contains('{') && !text.contains('{'), "{title} {text}");
            }
        }
        assert!(refused(ErrorCode::TooOften).words(Lang::En).1.contains('7'));
    }

    #[test]
    fn an_order_that_wechat_did_not_answer_for_can_be_tried_again_and_looked_at() {
        let actions = refused(ErrorCode::Busy).actions(Lang::En);
        let does: Vec<_> = actions.into_iter().map(|action| action.does).collect();
        assert_eq!(does, [Does::Again, Does::Open("/pay/SM1".to_owned(), false)]);
    }

    #[test]
    fn an_order_is_called_kept_only_where_there_is_one() {
        let words = |model: &Model| [Lang::Zh, Lang::En].map(|lang| model.words(lang).1);
        let kept = refused(ErrorCode::Busy);
        assert_eq!(words(&kept), [Lang::Zh, Lang::En].map(|lang| lang.t(dialog::BUSY_TEXT)));
        let mut none = kept;
        none.kept_order = None;
        assert_eq!(words(&none), [Lang::Zh, Lang::En].map(|lang| lang.t(dialog::BUSY_NONE_TEXT)));
        let page = |model: &Model| model.actions(Lang::Zh).len() > 1;
        assert!(!page(&none), "there is no order to look at");
    }

    #[test]
    fn every_refusal_offers_a_way_on_and_a_lost_session_not_the_order() {
        let codes = [
            ErrorCode::Session,
            ErrorCode::TooManyOpen,
            ErrorCode::TooOften,
            ErrorCode::Busy,
            ErrorCode::Internal,
            ErrorCode::Refused,
            ErrorCode::Quantity,
            ErrorCode::Offline,
        ];
        for code in codes {
            assert!(!refused(code).actions(Lang::Zh).is_empty(), "{code:?}");
        }
        let does: Vec<_> =
            refused(ErrorCode::Session).actions(Lang::Zh).into_iter().map(|a| a.does).collect();
        assert_eq!(does, [Does::Open("/".to_owned(), false)]);
    }

    #[test]
    fn nothing_is_called_credited_before_it_is() {
        let table = [
            (0, false, "¥50.00 will be credited"),
            (200, false, "¥52.00 will be credited (bonus ¥2.00)"),
            (0, true, "¥50.00 credited"),
            (200, true, "¥52.00 credited (bonus ¥2.00)"),
        ];
        for (bonus, credited, words) in table {
            assert_eq!(credit_words(Lang::En, 5000, bonus, credited), words);
        }
    }
}
