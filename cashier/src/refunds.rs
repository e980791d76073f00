//! Giving money back: what an operator asks for, and what is told of it.

use std::sync::Arc;

use tokio::task::JoinSet;
use wxpay::{Error, Fen, OutRefundNo, OutTradeNo, RefundNotice};

use crate::core::Cashier;
use crate::db::DbError;
use crate::db::writer::WriteError;
use crate::db::{accounts, ledger, orders, refunds};
use recharge::User;
use recharge::command::{RefundReply, RequestRefund};
use recharge::exception::Exception;
use recharge::exception::resolution;
use recharge::form_version;
use recharge::refund::{self, ActingOperator, Refund, RefundRefusal, RefundRequest, Refundable};

mod external;
mod send;

/// Over TLS WeChat asks for the merchant's certificate; without one nothing is refunded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "WeChat makes no refunds without the merchant's certificate: set SAOMA_WECHAT_CERT (and \
     SAOMA_WECHAT_CERT_KEY) and start again"
)]
pub struct NoCertificate;

/// Why a refund was not taken on.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error(transparent)]
    Refused(RefundRefusal),
    #[error(transparent)]
    NoCertificate(#[from] NoCertificate),
    #[error("the refund could not be written")]
    Write(#[from] WriteError),
}

/// Why a refund was not withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    #[error("there is no such refund")]
    NotFound,
    /// It has moved or was sent again since the page was made.
    #[error("the page is out of date: the refund has changed since")]
    Stale,
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

impl From<DbError> for RefundError {
    fn from(error: DbError) -> Self {
        RefundError::Write(error.into())
    }
}

impl From<DbError> for WithdrawError {
    fn from(error: DbError) -> Self {
        WithdrawError::Write(error.into())
    }
}

/// What a form for a refund needs to know of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOffer {
    pub payment: Refundable,
    /// Who was credited, or would have been.
    pub user: User,
    /// The balance that it would be taken from.
    pub balance: Fen,
    /// For the form, so that a second press is the same refund.
    pub out_refund_no: OutRefundNo,
    /// Without the merchant's certificate nothing is refunded.
    pub can_refund: bool,
    /// For the form: what it was made from.
    pub seen_version: i64,
}

/// What a refund notice is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundNoticeAnswer {
    /// What it says is on its way: ours is asked about at once, another is on record.
    Success,
    /// WeChat did not confirm it just now, so it has to come again.
    Fail,
}

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
    pub async fn refund_offer(&self, out_trade_no: &OutTradeNo) -> Result<Option<RefundOffer>, DbError> {
        let db = &self.inner.db;
        let Some(order) = orders::find(db, out_trade_no).await? else { return Ok(None) };
        let known = refunds::of_order(db, out_trade_no).await?;
        let Some(payment) = Refundable::of_order(&order, known.iter()) else { return Ok(None) };
        let version = form_version::of(Some(&order), known.iter());
        self.offer(payment, order.user, version).await.map(Some)
    }

    /// What can be refunded of the payment of an exception; `None` if no operator credited it as a payment of its own.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn refund_offer_by_hand(&self, exception: &Exception) -> Result<Option<RefundOffer>, DbError> {
        let (db, number) = (&self.inner.db, &exception.out_trade_no);
        let Some(payment) = resolution::credited(exception) else { return Ok(None) };
        let credits = ledger::credits_by_hand(db, number).await?;
        let Some(credit) = credits.into_iter().find(|credit| credit.transaction_id == *payment) else {
            return Ok(None);
        };
        let order = orders::find(db, number).await?;
        let known = refunds::of_order(db, number).await?;
        let version = form_version::of(order.as_ref(), known.iter());
        let payment = Refundable::by_hand(exception, &credit, known.iter());
        self.offer(payment, credit.user, version).await.map(Some)
    }

    async fn offer(
        &self,
        payment: Refundable,
        user: User,
        seen_version: i64,
    ) -> Result<RefundOffer, DbError> {
        let out_refund_no =
            self.new_out_refund_no().map_err(|error| DbError::Sql(sqlx::Error::Encode(error.into())))?;
        let balance = accounts::balance(&self.inner.db, &user.id).await?;
        let can_refund = self.can_refund();
        Ok(RefundOffer { payment, user, balance, out_refund_no, can_refund, seen_version })
    }

    /// Takes a refund on: the balance is taken with it, and WeChat is asked in the background. The same number again is
    /// the same refund.
    ///
    /// # Errors
    /// [`RefundError`]; nothing was written then, unless the database did not confirm.
    pub async fn refund(&self, request: RefundRequest, by: ActingOperator) -> Result<Refund, RefundError> {
        if !self.can_refund() {
            return Err(NoCertificate.into());
        }
        let notify_url = refund::notify_url(&self.inner.settings.notify_base);
        let command = RequestRefund { request, notify_url, by, now: self.now() };
        let reply = self.inner.writer.write(command).await?;
        let RefundReply { refund, changed } = reply.map_err(RefundError::Refused)?;
        if changed {
            let (number, amount) = (&refund.out_trade_no, refund.amount);
            tracing::info!(out_trade_no = %number, "{} refunds {amount} of {number}", refund.by);
        }
        Ok(refund)
    }

    /// The refunds of an order number, of whichever payment and whoever made them, oldest first.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn refunds(&self, out_trade_no: &OutTradeNo) -> Result<Vec<Refund>, DbError> {
        refunds::of_order(&self.inner.db, out_trade_no).await
    }

    /// Refunds that are not over, oldest first, at most `limit`; those with `blocked` need somebody.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn open_refunds(&self, limit: i64) -> Result<Vec<Refund>, DbError> {
        refunds::open(&self.inner.db, limit).await
    }

    /// Has WeChat asked about a refund at once; `false` if it is over or there is none.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn hurry_refund(&self, out_refund_no: &OutRefundNo) -> Result<bool, DbError> {
        let (db, number, now) = (self.inner.db.clone(), out_refund_no.clone(), self.now());
        self.inner.db.run_to_completion(async move { refunds::hurry(&db, &number, now).await }).await
    }

    /// Ends a refund that WeChat clearly refused and does not know: the balance gets back what was taken. `seen_version` is the
    /// refund's on the operator's page; `None` where no page was read.
    ///
    /// # Errors
    /// [`WithdrawError`].
    pub async fn withdraw_refund(
        &self,
        out_refund_no: &OutRefundNo,
        seen_version: Option<i64>,
        by: ActingOperator,
    ) -> Result<Refund, WithdrawError> {
        let (inner, number) = (Arc::clone(&self.inner), out_refund_no.clone());
        let withdrawn = tokio::spawn(async move { inner.withdraw(&number, seen_version, by).await });
        withdrawn.await.unwrap_or_else(|_| Err(DbError::TaskEnded.into()))
    }

    /// Sends and asks about up to `limit` refunds that are due, all at once. Answers how many; while WeChat does not answer
    /// only one now and then.
    ///
    /// # Errors
    /// Whatever the database says; a single refund's failure is on its row and does not stop the others.
    pub async fn advance_refunds(&self, limit: usize) -> Result<usize, DbError> {
        let inner = &self.inner;
        let (db, now) = (inner.db.clone(), self.now());
        let Some((call, limit)) = inner.throttle.refunds.admit_round(limit, now) else { return Ok(0) };
        let claimed =
            match inner.db.run_to_completion(async move { refunds::claim(&db, now, limit).await }).await {
                Ok(claimed) if !claimed.is_empty() => claimed,
                nothing => {
                    inner.throttle.refunds.release(call);
                    return nothing.map(|_| 0);
                }
            };
        let (mut driving, driven) = (JoinSet::new(), claimed.len());
        for number in claimed {
            let inner = Arc::clone(inner);
            driving.spawn(async move {
                if let Err(error) = inner.drive(&number, call).await {
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
        taken.await.unwrap_or_else(|_| Err(DbError::TaskEnded.into()))
    }
}
