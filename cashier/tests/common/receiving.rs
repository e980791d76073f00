//! WeChat's notices, taken as the server takes them: verified, committed, and only then acknowledged.

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use cashier::{Cashier, NoticeAnswer, RefundNoticeAnswer};
use recharge::notify_url;
use wxpay::client::Client;
use wxpay::v2::{notify, refund_notice};
use wxpay::v3::notice::{self, NoticeError};
use wxpay::{Merchant, Payment, Verified};

/// Whom notices come from.
const FROM: &str = "203.0.113.41";

/// A notice as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

/// The process that it came to.
#[derive(Debug, Clone)]
pub struct Receiver {
    pub cashier: Cashier,
    /// What the cashier asks WeChat with: its credentials check the notices.
    pub wechat: Client,
}

/// What a notice is answered with.
pub type Answer = (StatusCode, String);

impl Receiver {
    pub async fn take(&self, posted: &Posted) -> Answer {
        match (posted.path.as_str(), self.wechat.v2_merchant()) {
            (notify_url::PAYMENT_V2 | notify_url::REFUND_V2, Err(_)) => failure("签名失败"),
            (notify_url::PAYMENT_V2, Ok(merchant)) => {
                self.payment_v2(&merchant, posted.body.as_bytes()).await
            }
            (notify_url::REFUND_V2, Ok(merchant)) => self.refund_v2(&merchant, posted.body.as_bytes()).await,
            _ => self.by_v3(posted).await,
        }
    }

    async fn payment_v2(&self, merchant: &Merchant, body: &[u8]) -> Answer {
        let written = match notify::read(body, merchant) {
            Ok(notify::Notice::Paid(payment)) => self.credit(payment).await,
            Ok(notify::Notice::NotPaid { out_trade_no: Some(number), err_code, .. }) => {
                let written = self.cashier.not_paid(&number, &err_code.unwrap_or_default()).await;
                written.ok().map(|()| true)
            }
            Ok(notify::Notice::NotPaid { .. }) => Some(true),
            Err(error) => {
                if let notify::NoticeError::BadField { out_trade_no: Some(number), .. } = &error {
                    self.cashier.query_soon(number);
                }
                return failure(error.return_msg());
            }
        };
        answer_v2(written)
    }

    async fn refund_v2(&self, merchant: &Merchant, body: &[u8]) -> Answer {
        let Ok(notice) = refund_notice::read(body, merchant) else {
            return failure("参数格式校验错误");
        };
        let taken = self.cashier.take_refund_notice(notice, FROM).await;
        answer_v2(taken.ok().map(|answer| answer == RefundNoticeAnswer::Success))
    }

    async fn by_v3(&self, posted: &Posted) -> Answer {
        let Ok(v3) = self.wechat.v3_credentials() else { return again() };
        let get = |name: &'static str| posted.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let now = || self.cashier.now();
        let read = || notice::read(get, posted.body.as_bytes(), &v3.merchant, &v3.keys, now());
        let mut notice = read();
        if let Err(NoticeError::BadSignature(error)) = &notice
            && let Some(serial) = error.unknown_certificate()
        {
            match self.cashier.learn_wechat_key(&serial).await {
                Ok(true) => notice = read(),
                Ok(false) => {}
                Err(_) => return again(),
            }
        }
        let written = match notice {
            Ok(notice::Notice::Paid(payment)) => self.credit(payment).await,
            Ok(notice::Notice::NotPaid { out_trade_no, state, .. }) => {
                self.cashier.not_paid(&out_trade_no, state.as_str()).await.ok().map(|()| true)
            }
            Ok(notice::Notice::Refund(notice)) => {
                let taken = self.cashier.take_signed_refund_notice(notice, FROM).await;
                taken.ok().map(|answer| answer == RefundNoticeAnswer::Success)
            }
            Ok(notice::Notice::Other { .. }) => Some(true),
            Err(error) => {
                if let NoticeError::BadField { out_trade_no: Some(number), .. } = &error {
                    self.cashier.query_soon(number);
                }
                return (StatusCode::from_u16(error.status()).unwrap(), error.body().to_owned());
            }
        };
        if written == Some(true) { (StatusCode::NO_CONTENT, String::new()) } else { again() }
    }

    /// Whether WeChat need not repeat it; `None` where it is not known to be written.
    async fn credit(&self, payment: Verified<Payment>) -> Option<bool> {
        let answer = self.cashier.credit_payment(payment, FROM).await.ok()?;
        Some(matches!(answer, NoticeAnswer::Success(_)))
    }
}

fn answer_v2(written: Option<bool>) -> Answer {
    match written {
        Some(true) => (StatusCode::OK, notify::success()),
        Some(false) => failure("稍后再试"),
        None => (StatusCode::SERVICE_UNAVAILABLE, notify::fail("稍后再试")),
    }
}

fn failure(reason: &str) -> Answer {
    (StatusCode::OK, notify::fail(reason))
}

fn again() -> Answer {
    (StatusCode::INTERNAL_SERVER_ERROR, notice::FAIL.to_owned())
}
