//! Giving money back: what an operator asks for, what is sent to WeChat, and what becomes of it.

use std::sync::Arc;

use tokio::task::JoinSet;
use wxpay::v2::{RefundNotice, RefundQuery, RefundState as Seen, Refunds};
use wxpay::{ErrClass, ErrCode, Error, Fen, OutRefundNo, OutTradeNo, UnixMillis};

use super::{Cashier, Inner};
use crate::command::{Command, Reply};
use crate::db::writer::WriteError;
use crate::db::{accounts, exceptions, orders, refunds};
use crate::event::{Event, EventKind};
use crate::exception::Exception;
use crate::order::Order;
use crate::refund::{
    self, By, News, Outside, Problem, Refund, RefundRefusal, RefundState, RefundWish, Refundable, Stuck,
};
use crate::settlement::{self, SettleRefusal, Settlement, Way};

/// Why a refund was not taken on.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error(transparent)]
    Refused(RefundRefusal),
    #[error(
        "WeChat makes no refunds without the merchant's certificate: set SAOMA_WECHAT_CERT (and \
         SAOMA_WECHAT_CERT_KEY) and start again"
    )]
    NoCertificate,
    #[error("the refund could not be written")]
    Write(#[from] WriteError),
}

/// Why an exception was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    #[error(transparent)]
    Refused(SettleRefusal),
    #[error(
        "WeChat makes no refunds without the merchant's certificate: set SAOMA_WECHAT_CERT (and \
         SAOMA_WECHAT_CERT_KEY) and start again"
    )]
    NoCertificate,
    #[error("the settlement could not be written")]
    Write(#[from] WriteError),
}

/// Why a refund was not withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    #[error("there is no such refund")]
    NotFound,
    /// Only WeChat can end what it has, or may have.
    #[error("WeChat has this refund, or may have it")]
    MayBeThere,
    #[error("it was sent a moment ago: try again in {wait_s} s")]
    TooEarly { wait_s: i64 },
    #[error("WeChat gave no clear answer")]
    WeChat(#[source] Error),
    #[error("it could not be written")]
    Write(#[from] WriteError),
}

macro_rules! from_sqlx {
    ($($error:ident)*) => {
        $(impl From<sqlx::Error> for $error {
            fn from(error: sqlx::Error) -> Self {
                $error::Write(error.into())
            }
        })*
    };
}
from_sqlx!(RefundError SettleError WithdrawError);

/// What a form for a refund needs to know of a paid order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOffer {
    pub payment: Refundable,
    /// The balance that it would be taken from.
    pub balance: Fen,
    /// For the form, so that a second press is the same refund.
    pub out_refund_no: OutRefundNo,
    /// Without the merchant's certificate nothing is refunded.
    pub can_refund: bool,
}

/// What a refund notice is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundNoticeAnswer {
    /// What it says is on its way: ours is asked about at once, another is on record.
    Success,
    /// WeChat did not confirm it just now, so it has to come again.
    Fail,
}

/// After a request was sent, its answer may still be on the way for so long.
const IN_FLIGHT_MS: i64 = 20_000;

/// WeChat has at most 50 refunds of a payment, ten in an answer.
const PAGES: u32 = 6;

impl Cashier {
    /// Whether refunds can be made: over TLS WeChat asks for the merchant's certificate.
    pub fn can_refund(&self) -> bool {
        self.inner.wechat.can_refund()
    }

    /// A number for a new refund, to be made once for a form.
    ///
    /// # Errors
    /// Never in practice: the number is made of letters and digits.
    pub fn new_out_refund_no(&self) -> Result<OutRefundNo, wxpay::InvalidValue> {
        refund::number(self.now(), self.inner.random.bytes())
    }

    /// What can be refunded of an order; `None` if there is no such order or it is not paid.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn refund_offer(&self, out_trade_no: &OutTradeNo) -> Result<Option<RefundOffer>, sqlx::Error> {
        let db = &self.inner.db;
        let Some(order) = orders::find(db, out_trade_no).await? else { return Ok(None) };
        let known = refunds::of_order(db, out_trade_no).await?;
        let Some(payment) = Refundable::of_order(&order, known.iter()) else { return Ok(None) };
        let out_refund_no = self.new_out_refund_no().map_err(|error| sqlx::Error::Encode(error.into()))?;
        let balance = accounts::balance(db, &order.user.id).await?;
        Ok(Some(RefundOffer { payment, balance, out_refund_no, can_refund: self.can_refund() }))
    }

    /// Takes a refund on: the balance is taken with it, and WeChat is asked in the background. The same number again is
    /// the same refund.
    ///
    /// # Errors
    /// [`RefundError`]; nothing was written then, unless the database did not confirm.
    pub async fn refund(&self, wish: RefundWish, by: By) -> Result<Refund, RefundError> {
        if !self.can_refund() {
            return Err(RefundError::NoCertificate);
        }
        let notify_url = refund::notify_url(&self.inner.settings.notify_url);
        let command = Command::Refund { wish: Box::new(wish), notify_url, by, now: self.now() };
        match self.inner.writer.write(command).await? {
            Reply::Refund { refund, changed } => {
                if changed {
                    let (number, amount) = (&refund.out_trade_no, refund.amount);
                    tracing::info!(out_trade_no = %number, "{} refunds {amount} of {number}", refund.by);
                }
                Ok(*refund)
            }
            Reply::RefundRefused(refusal) => Err(RefundError::Refused(refusal)),
            _ => Err(sqlx::Error::WorkerCrashed.into()),
        }
    }

    /// The refunds of an order number, of whichever payment and whoever made them, oldest first.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn refunds(&self, out_trade_no: &OutTradeNo) -> Result<Vec<Refund>, sqlx::Error> {
        refunds::of_order(&self.inner.db, out_trade_no).await
    }

    /// Refunds that are not over, oldest first, at most `limit`; those with `stuck` need somebody.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn open_refunds(&self, limit: i64) -> Result<Vec<Refund>, sqlx::Error> {
        refunds::open(&self.inner.db, limit).await
    }

    /// Has WeChat asked about a refund at once; `false` if it is over or there is none.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn hurry_refund(&self, out_refund_no: &OutRefundNo) -> Result<bool, sqlx::Error> {
        let (db, number, now) = (self.inner.db.clone(), out_refund_no.clone(), self.now());
        self.inner.db.settled(async move { refunds::hurry(&db, &number, now).await }).await
    }

    /// Ends a refund that WeChat clearly refused and does not know: the balance gets back what was taken.
    ///
    /// # Errors
    /// [`WithdrawError`].
    pub async fn withdraw_refund(
        &self,
        out_refund_no: &OutRefundNo,
        by: By,
    ) -> Result<Refund, WithdrawError> {
        let (inner, number) = (Arc::clone(&self.inner), out_refund_no.clone());
        let withdrawn = tokio::spawn(async move { inner.withdraw(&number, by).await });
        withdrawn.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
    }

    /// # Errors
    /// Whatever the database says.
    pub async fn exception(&self, id: &str) -> Result<Option<Exception>, sqlx::Error> {
        exceptions::find(&self.inner.db, id).await
    }

    /// How this exception can be settled by a person.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn ways(&self, exception: &Exception) -> Result<Vec<Way>, sqlx::Error> {
        let db = &self.inner.db;
        let order = orders::find(db, &exception.out_trade_no).await?;
        let known = refunds::of_order(db, &exception.out_trade_no).await?;
        let known: Vec<_> = known.iter().collect();
        Ok(settlement::ways(exception, order.as_ref(), &known))
    }

    /// Settles an exception as an operator decides; answers it with the refund, if one was asked for.
    ///
    /// # Errors
    /// [`SettleError`]; nothing was written then, unless the database did not confirm.
    pub async fn settle_exception(
        &self,
        id: &str,
        settlement: Settlement,
        by: By,
    ) -> Result<(Exception, Option<Refund>), SettleError> {
        if settlement.way() == Way::Refund && !self.can_refund() {
            return Err(SettleError::NoCertificate);
        }
        let Some(exception) = self.exception(id).await? else {
            return Err(SettleError::Refused(SettleRefusal::NotFound));
        };
        let command = Command::SettleException {
            id: id.to_owned(),
            out_trade_no: exception.out_trade_no,
            settlement: Box::new(settlement),
            notify_url: refund::notify_url(&self.inner.settings.notify_url),
            by,
            now: self.now(),
        };
        match self.inner.writer.write(command).await? {
            Reply::ExceptionSettled { exception, refund } => Ok((*exception, refund.map(|refund| *refund))),
            Reply::SettleRefused(refusal) => Err(SettleError::Refused(refusal)),
            _ => Err(sqlx::Error::WorkerCrashed.into()),
        }
    }

    /// Sends and asks about up to `limit` refunds that are due, all at once. Answers how many.
    ///
    /// # Errors
    /// Whatever the database says; a single refund's failure is on its row and does not stop the others.
    pub async fn drive_refunds(&self, limit: usize) -> Result<usize, sqlx::Error> {
        let inner = &self.inner;
        let (db, now) = (inner.db.clone(), self.now());
        let claimed = inner.db.settled(async move { refunds::claim(&db, now, limit).await }).await?;
        let (mut driving, driven) = (JoinSet::new(), claimed.len());
        for number in claimed {
            let inner = Arc::clone(inner);
            driving.spawn(async move {
                if let Err(error) = inner.drive(&number).await {
                    // Its claim ends by itself, and then it is due again.
                    tracing::warn!(%error, "refund {number} could not be moved on");
                }
            });
        }
        while driving.join_next().await.is_some() {}
        Ok(driven)
    }

    /// Takes what a notice says of a refund. Nothing signs it, so it decides nothing by itself: a refund of ours is asked
    /// about at once, and one that is not ours is on record only as WeChat confirms it. `from` is the address that it
    /// came from.
    ///
    /// # Errors
    /// [`WriteError`]: WeChat must repeat the notice.
    pub async fn take_refund_notice(
        &self,
        notice: RefundNotice,
        from: &str,
    ) -> Result<RefundNoticeAnswer, WriteError> {
        let (inner, from) = (Arc::clone(&self.inner), from.to_owned());
        let taken = tokio::spawn(async move { inner.take_refund_notice(notice, &from).await });
        taken.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
    }
}

impl Inner {
    /// One step of one refund: sent if WeChat is not known to have it, else asked about.
    async fn drive(&self, number: &OutRefundNo) -> Result<(), WriteError> {
        let Some(refund) = refunds::find(&self.db, number).await? else { return Ok(()) };
        let news = match refund.state {
            RefundState::Requested => self.send(&refund).await,
            _ => self.query_refund(&refund).await,
        };
        if let News::Stuck(stuck) = &news {
            tracing::warn!(out_trade_no = %refund.out_trade_no, "refund {number}: {}", stuck.said);
        }
        self.hear(number, news, None).await.map(drop)
    }

    async fn hear(&self, number: &OutRefundNo, news: News, by: Option<By>) -> Result<Reply, WriteError> {
        let now = self.clock.now();
        let reply =
            self.writer.write(Command::Heard { out_refund_no: number.clone(), news, by, now }).await?;
        if let Reply::Refund { refund, changed: true } = &reply
            && refund.state.is_over()
        {
            let (order, state) = (&refund.out_trade_no, refund.state.name());
            tracing::info!(out_trade_no = %order, "refund {number} of {order} has ended: {state}");
        }
        Ok(reply)
    }

    async fn send(&self, refund: &Refund) -> News {
        if !self.wechat.can_refund() {
            return News::Stuck(Stuck::by(&Error::NoCertificate));
        }
        let error = match self.wechat.refund(&as_sent(refund)).await {
            Ok(accepted) => {
                let refund_id = accepted.refund_id.clone();
                return News::Status { status: wxpay::v2::RefundStatus::Processing, refund_id };
            }
            Err(error) => error,
        };
        let stuck = Stuck::by(&error);
        let is_verdict =
            error.code().is_some_and(|code| matches!(code.class(), ErrClass::Final | ErrClass::Query));
        if !is_verdict {
            return News::Stuck(stuck);
        }
        // An earlier request may have arrived although its answer did not: only if WeChat knows no such refund it is over.
        match self.query_refund(refund).await {
            News::NotTaken(_) if stuck.problem == Problem::Final => News::NotTaken(stuck),
            News::NotTaken(_) => News::Stuck(stuck),
            news => news,
        }
    }

    /// What WeChat knows of a refund; `NotTaken` if it knows no such refund, which ends only one that was never taken on.
    async fn query_refund(&self, refund: &Refund) -> News {
        let asked = self.wechat.refund_query(&RefundQuery::OutRefundNo(refund.out_refund_no.clone())).await;
        let found = match asked {
            Ok(found) => found,
            Err(Error::Refused { code: ErrCode::RefundNotExist, .. }) => {
                let stuck = Stuck { problem: Problem::Mismatch, said: "REFUNDNOTEXIST".to_owned() };
                return match refund.state {
                    RefundState::Requested => News::NotTaken(stuck),
                    _ => News::Stuck(stuck),
                };
            }
            Err(error) => return News::Stuck(Stuck::by(&error)),
        };
        match found.refunds.first() {
            Some(seen) if is_ours(refund, &found, seen) => {
                News::Status { status: seen.status.clone(), refund_id: seen.refund_id.clone() }
            }
            _ => {
                let said = "WeChat has another refund under this number".to_owned();
                News::Stuck(Stuck { problem: Problem::Mismatch, said })
            }
        }
    }

    async fn withdraw(&self, number: &OutRefundNo, by: By) -> Result<Refund, WithdrawError> {
        let refund = refunds::find(&self.db, number).await?.ok_or(WithdrawError::NotFound)?;
        let clear = refund.stuck.as_ref().is_some_and(|stuck| stuck.problem.is_clear());
        if refund.state != RefundState::Requested || !clear {
            return Err(WithdrawError::MayBeThere);
        }
        let now = self.clock.now();
        if !refunds::hold(&self.db, number, IN_FLIGHT_MS, now).await? {
            let wait = IN_FLIGHT_MS - now.minus(refund.tried_at);
            return Err(WithdrawError::TooEarly { wait_s: wait.max(0) / 1000 + 1 });
        }
        let asked = self.wechat.refund_query(&RefundQuery::OutRefundNo(number.clone())).await;
        let news = match asked {
            Err(Error::Refused { code: ErrCode::RefundNotExist, .. }) => {
                let said = format!("withdrawn by {}", by.operator);
                News::NotTaken(Stuck { problem: Problem::Withdrawn, said })
            }
            Ok(_) => return Err(WithdrawError::MayBeThere),
            Err(error) => return Err(WithdrawError::WeChat(error)),
        };
        match self.hear(number, news, Some(by)).await? {
            Reply::Refund { refund, .. } if refund.state == RefundState::Closed => Ok(*refund),
            Reply::Refund { .. } => Err(WithdrawError::MayBeThere),
            _ => Err(WithdrawError::NotFound),
        }
    }

    async fn take_refund_notice(
        &self,
        notice: RefundNotice,
        from: &str,
    ) -> Result<RefundNoticeAnswer, WriteError> {
        let (number, now) = (&notice.out_refund_no, self.clock.now());
        if let Some(known) = refunds::find(&self.db, number).await? {
            if !known.state.is_over() {
                self.record_notice(&notice, from, now).await?;
                refunds::hurry(&self.db, number, now).await?;
            }
            return Ok(RefundNoticeAnswer::Success);
        }
        match orders::find(&self.db, &notice.out_trade_no).await? {
            Some(order) => {
                self.record_notice(&notice, from, now).await?;
                self.ask_refunds_of(&order, None).await
            }
            None => self.refund_of_no_order(&notice).await,
        }
    }

    async fn record_notice(
        &self,
        notice: &RefundNotice,
        from: &str,
        now: UnixMillis,
    ) -> Result<(), WriteError> {
        let (number, status) = (&notice.out_refund_no, notice.status.as_str());
        let detail = serde_json::json!({ "out_refund_no": number, "status": status, "from": from });
        let mut event = Event::new(&notice.out_trade_no, now, EventKind::RefundNotice, &detail);
        // A recorded notice that is played again and again adds a row in ten minutes at most.
        event.once = Some(format!("refund notice {number} {status} {}", now.get() / 600_000));
        self.writer.write(Command::Record(event)).await.map(drop)
    }

    /// Asks WeChat for all refunds of an order, and writes down which are not ours.
    async fn ask_refunds_of(
        &self,
        order: &Order,
        payment: Option<Box<wxpay::v2::notify::Payment>>,
    ) -> Result<RefundNoticeAnswer, WriteError> {
        match self.refunds_at_wechat(&order.out_trade_no).await {
            Ok(refunds) if refunds.is_empty() => Ok(RefundNoticeAnswer::Fail),
            Ok(refunds) => {
                let (out_trade_no, now) = (order.out_trade_no.clone(), self.clock.now());
                self.writer.write(Command::RefundedOutside { out_trade_no, payment, refunds, now }).await?;
                Ok(RefundNoticeAnswer::Success)
            }
            Err(error) => {
                tracing::warn!(out_trade_no = %order.out_trade_no, "refund query for {}: {error}", order.out_trade_no);
                Ok(RefundNoticeAnswer::Fail)
            }
        }
    }

    /// All refunds of an order number that WeChat knows.
    pub(super) async fn refunds_at_wechat(&self, out_trade_no: &OutTradeNo) -> Result<Vec<Outside>, Error> {
        let mut all = Vec::new();
        for page in 0..PAGES {
            let query = RefundQuery::OutTradeNo(out_trade_no.clone(), page * wxpay::v2::refund_query::PAGE);
            let found = match self.wechat.refund_query(&query).await {
                Ok(found) => found,
                Err(Error::Refused { code: ErrCode::RefundNotExist, .. }) => break,
                Err(error) => return Err(error),
            };
            let count = found.refunds.len();
            all.extend(found.refunds.iter().map(|seen| outside(&found, seen)));
            if count < wxpay::v2::refund_query::PAGE as usize {
                break;
            }
        }
        Ok(all)
    }

    /// A refund of a number that is no order of ours: on record as WeChat confirms it.
    async fn refund_of_no_order(&self, notice: &RefundNotice) -> Result<RefundNoticeAnswer, WriteError> {
        let query = RefundQuery::OutRefundNo(notice.out_refund_no.clone());
        let Ok(found) = self.wechat.refund_query(&query).await else { return Ok(RefundNoticeAnswer::Fail) };
        let refunds: Vec<_> = found.refunds.iter().map(|seen| outside(&found, seen)).collect();
        let (out_trade_no, now) = (found.out_trade_no.clone(), self.clock.now());
        let command = Command::RefundedOutside { out_trade_no, payment: None, refunds, now };
        self.writer.write(command).await?;
        Ok(RefundNoticeAnswer::Success)
    }
}

/// The stored fields, as they were sent the first time: WeChat refuses the same number with others.
fn as_sent(refund: &Refund) -> wxpay::v2::Refund {
    wxpay::v2::Refund {
        transaction_id: refund.transaction_id.clone(),
        out_trade_no: refund.out_trade_no.clone(),
        out_refund_no: refund.out_refund_no.clone(),
        total_fee: refund.total_fee,
        refund_fee: refund.amount,
        refund_desc: Some(refund.reason.clone()),
        notify_url: refund.notify_url.clone(),
    }
}

fn is_ours(refund: &Refund, found: &Refunds, seen: &Seen) -> bool {
    found.out_trade_no == refund.out_trade_no
        && found.transaction_id == refund.transaction_id
        && found.total_fee == refund.total_fee
        && seen.refund_fee == refund.amount
}

fn outside(found: &Refunds, seen: &Seen) -> Outside {
    Outside {
        out_refund_no: seen.out_refund_no.clone(),
        refund_id: seen.refund_id.clone(),
        transaction_id: found.transaction_id.clone(),
        total_fee: found.total_fee,
        amount: seen.refund_fee,
        status: seen.status.clone(),
    }
}
