//! The rows of what the site did with balances.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebitRow {
    pub reference: Option<String>,
    pub hold_id: Option<String>,
    pub user_id: String,
    pub amount: i64,
    pub reversed: i64,
    pub shortfall: i64,
    pub balance_after: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReversalRow {
    pub reference: String,
    pub debit_id: String,
    pub amount: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    pub reference: String,
    pub user_id: String,
    pub amount: i64,
    pub state: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    pub reference: String,
    pub user_id: String,
    pub amount: i64,
}

/// All by their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpendRows {
    pub debits: BTreeMap<String, DebitRow>,
    pub reversals: BTreeMap<String, ReversalRow>,
    pub holds: BTreeMap<String, HoldRow>,
    pub grants: BTreeMap<String, GrantRow>,
}

impl DebitRow {
    /// Without what may change.
    pub fn fixed(&self) -> DebitRow {
        DebitRow { reversed: 0, ..self.clone() }
    }
}

impl HoldRow {
    /// Without what may change.
    pub fn fixed(&self) -> HoldRow {
        HoldRow { state: String::new(), version: 0, ..self.clone() }
    }
}

impl SpendRows {
    pub async fn read(db: &mut AnyConnection) -> Result<SpendRows, sqlx::Error> {
        let mut rows = SpendRows::default();
        let debits =
            "SELECT id, reference, hold_id, user_id, amount, reversed, shortfall, balance_after FROM debits";
        for row in sqlx::query(debits).fetch_all(&mut *db).await? {
            let debit = DebitRow {
                reference: row.try_get("reference")?,
                hold_id: row.try_get("hold_id")?,
                user_id: row.try_get("user_id")?,
                amount: row.try_get("amount")?,
                reversed: row.try_get("reversed")?,
                shortfall: row.try_get("shortfall")?,
                balance_after: row.try_get("balance_after")?,
            };
            rows.debits.insert(row.try_get("id")?, debit);
        }
        let reversals = "SELECT id, reference, debit_id, amount FROM reversals";
        for row in sqlx::query(reversals).fetch_all(&mut *db).await? {
            let reversal = ReversalRow {
                reference: row.try_get("reference")?,
                debit_id: row.try_get("debit_id")?,
                amount: row.try_get("amount")?,
            };
            rows.reversals.insert(row.try_get("id")?, reversal);
        }
        let holds =
            "SELECT id, reference, user_id, amount, state, created_at, expires_at, version FROM holds";
        for row in sqlx::query(holds).fetch_all(&mut *db).await? {
            let hold = HoldRow {
                reference: row.try_get("reference")?,
                user_id: row.try_get("user_id")?,
                amount: row.try_get("amount")?,
                state: row.try_get("state")?,
                created_at: row.try_get("created_at")?,
                expires_at: row.try_get("expires_at")?,
                version: row.try_get("version")?,
            };
            rows.holds.insert(row.try_get("id")?, hold);
        }
        for row in
            sqlx::query("SELECT id, reference, user_id, amount FROM grants").fetch_all(&mut *db).await?
        {
            let grant = GrantRow {
                reference: row.try_get("reference")?,
                user_id: row.try_get("user_id")?,
                amount: row.try_get("amount")?,
            };
            rows.grants.insert(row.try_get("id")?, grant);
        }
        Ok(rows)
    }
}
