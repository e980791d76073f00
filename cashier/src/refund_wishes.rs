//! Payers ask for refunds of their own orders; operators decide.

use recharge::audit::Acting;
use recharge::command::{AskRefund, DeclineRefund};
use recharge::order::Order;
use recharge::refund_wish::{self, AskRefusal, DeclineRefusal, RefundWish};
use wxpay::{Fen, OutTradeNo};

use crate::core::Cashier;
use crate::db::writer::WriteError;
use crate::db::{DbError, orders, refund_wishes, refunds};

/// Why a payer's wish was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AskRefundError {
    #[error(transparent)]
    Refused(AskRefusal),
    #[error("the wish could not be written")]
    Write(#[from] WriteError),
}

/// Why a wish was not declined.
#[derive(Debug, thiserror::Error)]
pub enum DeclineRefundError {
    #[error(transparent)]
    Refused(DeclineRefusal),
    #[error("the answer could not be written")]
    Write(#[from] WriteError),
}

impl Cashier {
    /// Keeps a payer's wish to have an own order's payment back.
    ///
    /// # Errors
    /// [`AskRefundError`].
    pub async fn ask_refund(
        &self,
        out_trade_no: &OutTradeNo,
        user_id: &str,
        reason: &str,
    ) -> Result<RefundWish, AskRefundError> {
        let (out_trade_no, user_id) = (out_trade_no.clone(), user_id.to_owned());
        let command = AskRefund { out_trade_no, user_id, reason: reason.to_owned(), now: self.now() };
        self.inner.writer.write(command).await?.map_err(AskRefundError::Refused)
    }

    /// Declines it, with words that the payer reads. `seen_version` is [`crate::RefundOffer::seen_version`] of the page.
    ///
    /// # Errors
    /// [`DeclineRefundError`].
    pub async fn decline_refund(
        &self,
        (out_trade_no, n): (&OutTradeNo, i64),
        words: &str,
        seen_version: i64,
        by: Acting,
    ) -> Result<RefundWish, DeclineRefundError> {
        let (out_trade_no, words, now) = (out_trade_no.clone(), words.to_owned(), self.now());
        let command = DeclineRefund { out_trade_no, n, words, seen_version, by, now };
        self.inner.writer.write(command).await?.map_err(DeclineRefundError::Refused)
    }

    /// The wishes about these orders, in the order in which they were asked.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn refund_wishes(&self, numbers: &[&str]) -> Result<Vec<RefundWish>, DbError> {
        refund_wishes::of_orders(&self.inner.db, numbers).await
    }

    /// The wishes about an order, and what its payer could ask for now.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn may_ask_refund(
        &self,
        order: &Order,
    ) -> Result<(Vec<RefundWish>, Result<Fen, AskRefusal>), DbError> {
        let known = self.refund_wishes(&[order.out_trade_no.as_str()]).await?;
        let of_order = refunds::of_order(&self.inner.db, &order.out_trade_no).await?;
        let wishes: Vec<_> = known.iter().collect();
        let left = refund_wish::may_ask(order, of_order.iter(), &wishes, self.now());
        Ok((known, left))
    }

    /// The wishes that wait, oldest first, with their orders; at most `limit`.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open_refund_wishes(&self, limit: i64) -> Result<Vec<(RefundWish, Order)>, DbError> {
        let open = refund_wishes::open(&self.inner.db, limit).await?;
        let numbers: Vec<_> = open.iter().map(|wish| wish.out_trade_no.clone()).collect();
        let orders = orders::find_all(&self.inner.db, &numbers).await?;
        let of =
            |wish: &RefundWish| orders.iter().find(|order| order.out_trade_no == wish.out_trade_no).cloned();
        Ok(open.into_iter().filter_map(|wish| of(&wish).map(|order| (wish, order))).collect())
    }
}
