//! Refunds: requests of operators, offers for their forms, and the operations on open refunds.

use std::sync::Arc;

use tokio::task::JoinSet;
use wxpay::{Error, Fen, OutRefundNo, OutTradeNo, Protocol, RefundNotice, Verified};

use crate::core::Cashier;
use crate::db::DbError;
use crate::db::writer::WriteError;
use crate::db::{accounts, ledger, orders, refunds};
use crate::throttle::CallKind;
use recharge::User;
use recharge::audit::Acting;
use recharge::command::{RefundReply, RequestRefund};
use recharge::exception::Exception;
use recharge::exception::resolution;
use recharge::form_version;
use recharge::refund::{self, Refund, RefundRefusal, RefundRequest, Refundable};

mod external;
mod send;

/// WeChat's refund endpoint of v2 requires the merchant's TLS certificate, and every call of v3 names it; without one that is
/// valid nothing is refunded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "WeChat makes no refunds without a valid certificate of the merchant: set SAOMA_WECHAT_CERT (and \
     SAOMA_WECHAT_CERT_KEY) and start again"
)]
pub struct NoCertificate;

/// Why a refund was not accepted.
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
    /// WeChat has the refund, or may have it, so only WeChat can end it.
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

/// The data of a refund form for one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOffer {
    pub payment: Refundable,
    /// The user who was credited, or would have been.
    pub user: User,
    /// What is available of the user's balance, from which it would be taken.
    pub available: Fen,
    /// A number for the form, so that a repeated submission is the same refund.
    pub out_refund_no: OutRefundNo,
    /// Whether the merchant's certificate is there.
    pub can_refund: bool,
    /// For the form: what it was made from.
    pub seen_version: i64,
}

/// The answer to a refund notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundNoticeAnswer {
    /// Accepted: a refund in the books is queried at once, any other is stored.
    Success,
    /// WeChat did not confirm it, so it must repeat the notice.
    Fail,
}

impl Cashier {
    /// Whether refunds can be made: v2's require the merchant's TLS certificate, and v3's no more than its credentials.
    pub fn can_refund(&self) -> bool {
        let can = |protocol| self.inner.wechat.can_refund(protocol);
        can(Protocol::V2) || can(Protocol::V3)
    }

    /// A number for a new refund, made once per form.
    ///
    /// # Errors
    /// Never in practice: the number consists of letters and digits.
    pub fn new_out_refund_no(&self) -> Result<OutRefundNo, wxpay::InvalidValue> {
        refund::number(self.now(), self.inner.random.bytes())
    }

    /// What can be refunded of an order; `None` if there is no such order or it is not paid.
    ///
    /// # Errors
    /// [`DbError`].
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
    /// [`DbError`].
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
        let available = accounts::of(&self.inner.db, &user.id).await?.available();
        let can_refund = self.can_refund();
        Ok(RefundOffer { payment, user, available, out_refund_no, can_refund, seen_version })
    }

    /// Accepts a refund and debits the balance; the request to WeChat is sent in the background. Idempotent by
    /// `out_refund_no`.
    ///
    /// # Errors
    /// [`RefundError`]; nothing was written then, unless the database did not confirm.
    pub async fn refund(&self, request: RefundRequest, by: Acting) -> Result<Refund, RefundError> {
        Ok(self.request_refund(request, by).await?.refund)
    }

    /// The same, and whether this call made the refund.
    ///
    /// # Errors
    /// As [`Cashier::refund`].
    pub async fn request_refund(
        &self,
        request: RefundRequest,
        by: Acting,
    ) -> Result<RefundReply, RefundError> {
        if !self.can_refund() {
            return Err(NoCertificate.into());
        }
        let command = RequestRefund { request, by, now: self.now() };
        let reply = self.inner.writer.write(command).await?;
        let reply = reply.map_err(RefundError::Refused)?;
        let RefundReply { refund, changed } = &reply;
        if *changed {
            let (number, amount) = (&refund.out_trade_no, refund.amount);
            tracing::info!(out_trade_no = %number, "{} refunds {amount} of {number}", refund.by);
        }
        Ok(reply)
    }

    /// The refunds of an order number, of all its payments and whether made here or in the merchant platform, oldest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn refunds(&self, out_trade_no: &OutTradeNo) -> Result<Vec<Refund>, DbError> {
        refunds::of_order(&self.inner.db, out_trade_no).await
    }

    /// Refunds that are not over, oldest first, at most `limit`; those with `blocked` need somebody.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open_refunds(&self, limit: i64) -> Result<Vec<Refund>, DbError> {
        refunds::open(&self.inner.db, limit).await
    }

    /// Makes a refund due at once; `false` if it is over or there is none.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn hurry_refund(&self, out_refund_no: &OutRefundNo) -> Result<bool, DbError> {
        let (db, number, now) = (self.inner.db.clone(), out_refund_no.clone(), self.now());
        self.inner.db.run_to_completion(async move { refunds::hurry(&db, &number, now).await }).await
    }

    /// Ends a refund that WeChat clearly refused and does not know, and restores the balance. `seen_version` is the
    /// refund's on the operator's page; `None` where no page was read.
    ///
    /// # Errors
    /// [`WithdrawError`].
    pub async fn withdraw_refund(
        &self,
        out_refund_no: &OutRefundNo,
        seen_version: Option<i64>,
        by: Acting,
    ) -> Result<Refund, WithdrawError> {
        let (inner, number) = (Arc::clone(&self.inner), out_refund_no.clone());
        let withdrawn =
            observe::request::spawn(async move { inner.withdraw(&number, seen_version, by).await });
        withdrawn.await.unwrap_or_else(|_| Err(DbError::TaskEnded.into()))
    }

    /// Sends or queries up to `limit` refunds that are due, all at once. Returns how many; during an outage only a probe.
    ///
    /// # Errors
    /// [`DbError`]; the failure of a single refund is stored with it and does not stop the others.
    pub async fn advance_refunds(&self, limit: usize) -> Result<usize, DbError> {
        let (inner, now) = (&self.inner, self.now());
        let (mut tasks, mut advanced) = (JoinSet::new(), Ok(0));
        for round in inner.throttle.rounds(CallKind::Refunds, &inner.wechat, limit, now) {
            let (db, only, limit) = (inner.db.clone(), round.only, round.limit);
            let claimed = async move { refunds::claim(&db, only, now, limit).await };
            let claimed = inner.db.run_to_completion(claimed).await;
            for number in inner.throttle.claimed(CallKind::Refunds, &round, claimed, &mut advanced) {
                let (inner, round) = (Arc::clone(inner), round.clone());
                tasks.spawn(async move {
                    if let Err(error) = inner.advance(&number, &round).await {
                        // Its lease expires, and then it is due again.
                        tracing::warn!(%error, "refund {number} could not be moved on");
                    }
                });
            }
        }
        while tasks.join_next().await.is_some() {}
        advanced
    }

    /// Handles a refund notice of v3, which is signed: it moves a refund in the books. Another one is stored only as a query
    /// confirms it. `from` is the address that it came from.
    ///
    /// # Errors
    /// [`WriteError`]: WeChat must repeat the notice.
    pub async fn take_signed_refund_notice(
        &self,
        notice: Verified<RefundNotice>,
        from: &str,
    ) -> Result<RefundNoticeAnswer, WriteError> {
        let (inner, from) = (Arc::clone(&self.inner), from.to_owned());
        let taken =
            observe::request::spawn(async move { inner.take_signed_refund_notice(notice, &from).await });
        taken.await.unwrap_or_else(|_| Err(DbError::TaskEnded.into()))
    }

    /// Handles a refund notice of v2. It is encrypted but not signed, so it decides nothing by itself: a refund in the books is queried at
    /// once, and another one is stored only as a query confirms it. `from` is the address that it came from.
    ///
    /// # Errors
    /// [`WriteError`]: WeChat must repeat the notice.
    pub async fn take_refund_notice(
        &self,
        notice: RefundNotice,
        from: &str,
    ) -> Result<RefundNoticeAnswer, WriteError> {
        let (inner, from) = (Arc::clone(&self.inner), from.to_owned());
        let taken = observe::request::spawn(async move { inner.take_refund_notice(notice, &from).await });
        taken.await.unwrap_or_else(|_| Err(DbError::TaskEnded.into()))
    }
}
