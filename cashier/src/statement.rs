//! The monthly statement, out of the ledger and the sums of days.

use recharge::statement::{self, Day, Known, Overflow};
use wxpay::bill::BillDate;

use crate::core::Cashier;
use crate::db::{DbError, ledger_list};

/// Why there is no statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Overflow(#[from] Overflow),
}

impl Cashier {
    /// The days from `first` to `last`, both included, as ledger and books have them.
    ///
    /// # Errors
    /// [`StatementError`].
    pub async fn statement(&self, first: BillDate, last: BillDate) -> Result<Vec<Day>, StatementError> {
        let sums = self.days(&first.to_string(), &last.to_string()).await?;
        let opening = ledger_list::balance_before(self.db(), first.start()).await?;
        let mut known = Vec::new();
        let mut day = first;
        while day <= last {
            let name = day.to_string();
            let found = sums.iter().find(|(of, _)| *of == name);
            known.push(Known {
                day,
                sums: found.map(|(_, sums)| *sums).unwrap_or_default(),
                motions: ledger_list::of_day(self.db(), day).await?,
            });
            day = day.next();
        }
        Ok(statement::days(opening, &known)?)
    }
}
