//! The service's part for refunds that payers ask for.

use cashier::AskRefundError;
use recharge::refund_wish::{self, RefundWish};
use recharge::{Order, OrderState};
use wxpay::{Fen, OutTradeNo};

use super::{Service, internal};
use crate::auth::CurrentUser;
use crate::protocol::error::AppError;

impl Service {
    /// The refunds that the payer of an order asked for, and what could be asked for now; `None` where there is nothing of
    /// either.
    ///
    /// # Errors
    /// [`AppError`] when the database does not answer.
    pub async fn refund_wishes(
        &self,
        order: &Order,
    ) -> Result<Option<(Vec<RefundWish>, Option<Fen>)>, AppError> {
        if !matches!(order.state, OrderState::Paid(_)) {
            return Ok(None);
        }
        let (known, left) = self.cashier.may_ask_refund(order).await.map_err(internal)?;
        let left = left.ok().filter(|_| self.site.refund_wishes);
        Ok((!known.is_empty() || left.is_some()).then_some((known, left)))
    }

    /// Keeps a payer's wish to have the payment of an own order back.
    ///
    /// # Errors
    /// [`AskRefundError`].
    pub async fn ask_refund(
        &self,
        user: &CurrentUser,
        number: &OutTradeNo,
        reason: &str,
    ) -> Result<RefundWish, AskRefundError> {
        self.cashier.ask_refund(number, &user.id, &refund_wish::tidy(reason)).await
    }
}
