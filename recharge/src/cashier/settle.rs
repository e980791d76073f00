//! Exceptions that a person settles.

use wxpay::UnixMillis;

use super::Cashier;
use super::refund::NoCertificate;
use crate::command::{Command, Reply};
use crate::db::writer::WriteError;
use crate::db::{exceptions, orders, refunds};
use crate::exception::Exception;
use crate::refund::{self, By, Refund};
use crate::settlement::{self, SettleRefusal, Settlement, Way};

/// Why an exception was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    #[error(transparent)]
    Refused(SettleRefusal),
    #[error(transparent)]
    NoCertificate(#[from] NoCertificate),
    #[error("the settlement could not be written")]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for SettleError {
    fn from(error: sqlx::Error) -> Self {
        SettleError::Write(error.into())
    }
}

impl Cashier {
    /// # Errors
    /// Whatever the database says.
    pub async fn exception(&self, id: &str) -> Result<Option<Exception>, sqlx::Error> {
        exceptions::find(&self.inner.db, id).await
    }

    /// Exceptions that a rule or a person settled, the last one first, at most `limit`; `before` is when and which the last
    /// one was that is known already.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn settled_exceptions(
        &self,
        before: Option<(UnixMillis, &str)>,
        limit: i64,
    ) -> Result<Vec<Exception>, sqlx::Error> {
        exceptions::settled(&self.inner.db, before, limit).await
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
            return Err(NoCertificate.into());
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
}
