//! Exceptions and their resolution by an operator.

use wxpay::{Fen, OutTradeNo, UnixMillis};

use crate::core::Cashier;
use crate::db::DbError;
use crate::db::writer::WriteError;
use crate::db::{accounts, exceptions, ledger, orders, refunds};
use crate::refunds::NoCertificate;
use recharge::User;
use recharge::audit::Acting;
use recharge::command::{ResolveException, Resolved};
use recharge::exception::resolution::{self, Decision, Records, ResolutionKind, ResolutionRefusal};
use recharge::exception::{Exception, ExceptionId};
use recharge::form_version;
use recharge::refund::{Refund, Refundable};

/// Why an exception was not resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error(transparent)]
    Refused(ResolutionRefusal),
    #[error(transparent)]
    NoCertificate(#[from] NoCertificate),
    #[error("the decision could not be written")]
    Write(#[from] WriteError),
}

/// The data of a take-back form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeBackOffer {
    /// The user whose balance it would be taken from.
    pub user: User,
    pub amount: Fen,
    /// What is available of that balance.
    pub available: Fen,
}

impl From<DbError> for ResolveError {
    fn from(error: DbError) -> Self {
        ResolveError::Write(error.into())
    }
}

impl Cashier {
    /// One exception.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn exception(&self, id: &ExceptionId) -> Result<Option<Exception>, DbError> {
        exceptions::find(&self.inner.db, id).await
    }

    /// Resolved exceptions, the last one first, at most `limit`; `before` is the time and id of the last one of the page before.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn resolved_exceptions(
        &self,
        before: Option<(UnixMillis, &str)>,
        limit: i64,
    ) -> Result<Vec<Exception>, DbError> {
        exceptions::resolved(&self.inner.db, before, limit).await
    }

    /// The ways in which an operator can resolve this exception.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open_resolutions(&self, exception: &Exception) -> Result<Vec<ResolutionKind>, DbError> {
        let db = &self.inner.db;
        let order = orders::find(db, &exception.out_trade_no).await?;
        let known = refunds::of_order(db, &exception.out_trade_no).await?;
        let refunds: Vec<_> = known.iter().collect();
        let credits = ledger::credits_by_hand(db, &exception.out_trade_no).await?;
        let payment = exception.transaction_id.as_ref();
        let is_credited = credits.iter().any(|credit| Some(&credit.transaction_id) == payment);
        Ok(resolution::open_kinds(
            exception,
            Records { order: order.as_ref(), refunds: &refunds, is_credited },
        ))
    }

    /// The version of what a page shows of an order number, for the form on it.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn form_version(&self, out_trade_no: &OutTradeNo) -> Result<i64, DbError> {
        let order = orders::find(&self.inner.db, out_trade_no).await?;
        let known = refunds::of_order(&self.inner.db, out_trade_no).await?;
        Ok(form_version::of(order.as_ref(), known.iter()))
    }

    /// What [`Decision::TakeBack`] would take now; `None` if there is nothing.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn take_back_offer(&self, exception: &Exception) -> Result<Option<TakeBackOffer>, DbError> {
        let (db, number) = (&self.inner.db, &exception.out_trade_no);
        let Some(payment) = &exception.transaction_id else { return Ok(None) };
        let Some(order) = orders::find(db, number).await? else { return Ok(None) };
        let known = refunds::of_order(db, number).await?;
        let untaken: Vec<_> = resolution::untaken(payment, known.iter()).collect();
        let first = untaken.first().and_then(|refund| Some((refund.user.clone()?, refund.total_fee)));
        let Some((user, total_fee)) = first else { return Ok(None) };
        let credits = ledger::credits_by_hand(db, number).await?;
        let by_hand = credits.iter().find(|credit| credit.transaction_id == *payment);
        let others = known.iter().filter(|refund| !untaken.contains(refund));
        let credited = Refundable::credited(&order, by_hand, payment, total_fee, others);
        let shares = credited.and_then(|credited| resolution::shares(credited, untaken.into_iter()));
        let Some((_, amount)) = shares else { return Ok(None) };
        let available = accounts::of(db, &user.id).await?.available();
        Ok(Some(TakeBackOffer { user, amount, available }))
    }

    /// Resolves an exception as an operator decides; returns it with the refund, if one was requested. `seen_version` is that
    /// of what the operator's page showed; `None` where no page was read.
    ///
    /// # Errors
    /// [`ResolveError`]; nothing was written then, unless the database did not confirm.
    pub async fn resolve_exception(
        &self,
        id: &ExceptionId,
        decision: Decision,
        seen_version: Option<i64>,
        by: Acting,
    ) -> Result<(Exception, Option<Refund>), ResolveError> {
        if decision.kind() == ResolutionKind::Refund && !self.can_refund() {
            return Err(NoCertificate.into());
        }
        let command = ResolveException { id: id.clone(), decision, seen_version, by, now: self.now() };
        let reply = self.inner.writer.write(command).await?;
        let Resolved { exception, refund } = reply.map_err(ResolveError::Refused)?;
        Ok((exception, refund))
    }
}
