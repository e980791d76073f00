//! Exports of lists: asked for, begun, moved on and ended, each with its rows of the audit; and the rows that only exports read.

use recharge::audit::{Acting, AuditEntry};
use recharge::reconciliation::Difference;
use wxpay::bill::BillDate;

use crate::core::Cashier;
use crate::db::exports::{self, Begun, Content, Export, Format, Problem, State};
use crate::db::ledger_list::{self, After, LedgerRow};
use crate::db::order_filter::Span;
use crate::db::{DbError, differences};

/// What an operator wants to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExport {
    pub content: Content,
    pub format: Format,
    /// The filter, as the query of the list's address.
    pub query: String,
    /// The language of the file: `zh` or `en`.
    pub lang: &'static str,
    /// Rows that it will have, where that is known.
    pub whole: Option<i64>,
}

impl Cashier {
    /// Keeps what an operator wants to have; returns its id.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn make_export(&self, operator: &str, new: NewExport) -> Result<String, DbError> {
        let id = format!("EX{}", hex::encode(self.inner.random.bytes::<12>()));
        let now = self.now();
        let export = Export {
            id: id.clone(),
            operator: operator.to_owned(),
            content: new.content,
            format: new.format,
            query: new.query,
            lang: new.lang.to_owned(),
            state: State::Made,
            whole: new.whole,
            done: 0,
            problem: None,
            made_at: now,
            moved_at: now,
        };
        exports::make(self.db(), export).await?;
        Ok(id)
    }

    /// One export of this operator.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn export(&self, operator: &str, id: &str) -> Result<Option<Export>, DbError> {
        exports::find(self.db(), operator, id).await
    }

    /// The newest exports of all operators.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn newest_exports(&self, limit: i64) -> Result<Vec<Export>, DbError> {
        exports::newest(self.db(), limit).await
    }

    /// Begins an export, unless this operator has another one that moves, or too many are being made.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn begin_export(&self, export: &Export, by: &Acting) -> Result<Begun, DbError> {
        let now = self.now();
        let after = serde_json::json!({
            "export": export.id, "filter": export.query, "format": export.format.name(), "of": export.whole,
        });
        let entry = AuditEntry::of(now, by, "export", export.content.name());
        exports::begin(self.db(), export, now, AuditEntry { after: after.to_string(), ..entry }).await
    }

    /// Keeps how many rows of an export were sent.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn move_export(&self, export: &Export, done: i64) -> Result<(), DbError> {
        exports::moved(self.db(), &export.id, done, self.now()).await
    }

    /// Ends an export: whole, or broken off by `problem`.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn end_export(
        &self,
        export: &Export,
        done: i64,
        problem: Option<Problem>,
        by: &Acting,
    ) -> Result<(), DbError> {
        let now = self.now();
        let action = if problem.is_some() { "export_broken" } else { "export_ended" };
        let after = serde_json::json!({
            "export": export.id, "rows": done, "problem": problem.map(Problem::name),
        });
        let entry = AuditEntry::of(now, by, action, export.content.name());
        let audit = AuditEntry { after: after.to_string(), ..entry };
        exports::end(self.db(), &export.id, done, problem, now, audit).await
    }

    /// Keeps in the audit that an export was made which is small enough to be made at once.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn record_export(&self, audit: AuditEntry) -> Result<(), DbError> {
        exports::recorded(self.db(), audit).await
    }

    /// Up to `limit` rows of the whole ledger, oldest first, those behind `after`.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn ledger_rows(
        &self,
        span: Span,
        after: Option<&After>,
        limit: i64,
    ) -> Result<Vec<LedgerRow>, DbError> {
        ledger_list::rows(self.db(), span, after, limit).await
    }

    /// All differences of a day.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn differences(&self, day: BillDate) -> Result<Vec<Difference>, DbError> {
        differences::of_day(self.db(), day, i64::MAX).await
    }
}
