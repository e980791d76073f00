//! The self-check: invariants over all data, or over what moved since a time. It reads in windows of keys, so that ten million
//! orders block nothing.

use wxpay::UnixMillis;

use super::{Db, DbError};
use look::{Keys, Look, between};

mod look;
mod moved;
mod payments;
mod spending;

/// The result of a self-check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    pub orders: u64,
    pub accounts: u64,
    pub refunds: u64,
    pub debits: u64,
    pub holds: u64,
    /// Number of violations.
    pub violations: u64,
    /// The first of them.
    pub named: Vec<Violation>,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("order {out_trade_no} and its credit do not fit each other")]
    Credit { out_trade_no: String },
    #[error("the ledger has a credit for {out_trade_no}, which is no order")]
    NoOrder { out_trade_no: String },
    #[error("the balance of {user_id} is {balance} fen, its ledger sums to {ledger} fen")]
    Balance { user_id: String, balance: i64, ledger: i64 },
    #[error("the ledger has \"{entry}\" of {out_trade_no}, and nothing that stands behind it")]
    NoReason { out_trade_no: String, entry: String },
    #[error("refund {out_refund_no} and what it took from the balance do not fit each other")]
    Refund { out_refund_no: String },
    #[error("a payment of {out_trade_no} has refunds of more than was paid")]
    OverRefunded { out_trade_no: String },
    #[error("the rows of {user_id} in the ledger have a gap, or do not lead to its balance")]
    Chain { user_id: String },
    #[error("row {seq} of {user_id} in the ledger has another balance than the rows up to it")]
    BalanceAfter { user_id: String, seq: i64 },
    #[error("{held} fen of {user_id} are held, its open holds sum to {holds} fen")]
    Held { user_id: String, held: i64, holds: i64 },
    #[error("debit {id} does not fit its row in the ledger, its reversals or its hold")]
    Debit { id: String },
    #[error("hold {id} does not fit its debit or its account")]
    Hold { id: String },
    #[error("reversal {id} does not fit its row in the ledger")]
    Reversal { id: String },
    #[error("grant {id} does not fit its row in the ledger")]
    Grant { id: String },
}

/// Checks all data once.
///
/// # Errors
/// [`DbError`]; findings made until then are not reported.
pub async fn whole(db: &Db) -> Result<Findings, DbError> {
    let mut look = Look::new(db);
    let number = between("o.out_trade_no");
    look.findings.orders = look.through(payments::ORDERS, String::new(), payments::credits(&number)).await?;
    let number = between("l.out_trade_no");
    look.through(payments::LEDGER, String::new(), payments::no_reason(&number)).await?;
    let number = between("r.out_trade_no");
    look.findings.refunds =
        look.through(payments::REFUNDS, String::new(), payments::refunds(&number)).await?;
    look.through(payments::REFUNDS, String::new(), payments::over_refunded(&number)).await?;
    look.findings.accounts = look.through(ACCOUNTS, String::new(), payments::balances()).await?;
    look.through(payments::USERS, String::new(), payments::no_account()).await?;
    look.through(ACCOUNTS, String::new(), spending::chains()).await?;
    look.through(ACCOUNTS, String::new(), spending::balances_after()).await?;
    look.through(ACCOUNTS, String::new(), spending::held(&between("a.user_id"))).await?;
    let debits = spending::debits(&between("d.id"));
    look.findings.debits = look.through(spending::DEBITS, String::new(), debits).await?;
    let holds = spending::holds(&between("h.id"));
    look.findings.holds = look.through(spending::HOLDS, String::new(), holds).await?;
    look.through(spending::REVERSALS, String::new(), spending::reversals(&between("r.id"))).await?;
    look.through(spending::GRANTS, String::new(), spending::grants(&between("g.id"))).await?;
    Ok(look.findings)
}

/// Checks what moved since a time: accounts, the rows that the ledger got for them and what stands behind these rows; and what
/// was paid, refunded or spent since then without a row. A payment that WeChat dates earlier and that got no row is left to
/// [`whole`].
///
/// # Errors
/// As [`whole`].
pub async fn moved(db: &Db, since: UnixMillis) -> Result<Findings, DbError> {
    let mut look = Look::new(db);
    moved::accounts(&mut look, since).await?;
    moved::without_a_row(&mut look, since).await?;
    Ok(look.findings)
}

/// Accounts by their users.
const ACCOUNTS: Keys = Keys { table: "accounts", column: "user_id" };
