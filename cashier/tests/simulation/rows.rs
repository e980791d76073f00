//! The rows of the database, read with SQL of the test's own.

mod payers;
mod spending;
mod told;

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection, Executor, Row};
use wxpay::Signed;

pub use payers::WishRow;
pub use spending::{DebitRow, HoldRow, SpendRows};
pub use told::ToldRow;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    pub user_id: String,
    pub total_fee: i64,
    pub bonus: i64,
    /// What of the bonus is for the first order of an account.
    pub first_bonus: i64,
    pub created_at: i64,
    pub time_expire: i64,
    pub state: String,
    pub version: i64,
    pub transaction_id: Option<String>,
    pub paid_at: Option<i64>,
    pub credited_at: Option<i64>,
    pub closed_at: Option<i64>,
    pub late: bool,
    pub refunded_outside: bool,
    pub next_query_at: Option<i64>,
    pub by_hand: Option<String>,
    pub cancelled_at: Option<i64>,
    /// Whether the next press for the same amount would find it.
    pub reusable: bool,
    pub sign_type: String,
    pub trade_type: String,
}

impl OrderRow {
    pub fn is_v3(&self) -> bool {
        self.sign_type == Signed::Rsa.as_str()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRow {
    pub out_trade_no: String,
    pub transaction_id: String,
    pub total_fee: i64,
    pub amount: i64,
    pub share: i64,
    pub taken: i64,
    pub user_id: String,
    pub made_by_kind: String,
    pub state: String,
    pub due_at: Option<i64>,
    pub problem: Option<String>,
    /// The exception that was settled by it.
    pub exception_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    pub user_id: String,
    pub amount: i64,
    pub seq: Option<i64>,
    pub balance_after: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountRow {
    pub balance: i64,
    pub held: i64,
    pub entries: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionRow {
    pub kind: String,
    pub out_trade_no: String,
    pub transaction_id: String,
    pub total_fee: i64,
    pub settled_how: Option<String>,
}

/// All money, at one moment. Orders by number, ledger by number and entry, exceptions by id, refunds by
/// number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    pub orders: BTreeMap<String, OrderRow>,
    pub ledger: BTreeMap<(String, String), LedgerRow>,
    pub accounts: BTreeMap<String, AccountRow>,
    pub exceptions: BTreeMap<String, ExceptionRow>,
    pub refunds: BTreeMap<String, RefundRow>,
    pub spending: SpendRows,
    pub wishes: BTreeMap<String, WishRow>,
    /// By user: the order that carries the bonus for the first.
    pub first_bonuses: BTreeMap<String, String>,
    /// In the order of their numbers.
    pub told: Vec<ToldRow>,
}

impl Rows {
    pub async fn read(db: &mut AnyConnection) -> Result<Rows, sqlx::Error> {
        let mut rows = Rows::default();
        let orders = "SELECT out_trade_no, user_id, total_fee, bonus, first_bonus, cancelled_at, reusable, created_at, \
             time_expire, state, version, transaction_id, paid_at, credited_at, closed_at, late, refunded_outside, next_query_at, by_hand, \
             sign_type, trade_type FROM orders";
        for row in sqlx::query(orders).fetch_all(&mut *db).await? {
            rows.orders.insert(row.try_get("out_trade_no")?, order(&row)?);
        }
        let ledger = "SELECT out_trade_no, entry, user_id, amount, seq, balance_after FROM ledger";
        for row in sqlx::query(ledger).fetch_all(&mut *db).await? {
            let key = (row.try_get("out_trade_no")?, row.try_get("entry")?);
            let entry = LedgerRow {
                user_id: row.try_get("user_id")?,
                amount: row.try_get("amount")?,
                seq: row.try_get("seq")?,
                balance_after: row.try_get("balance_after")?,
            };
            // A table without its key might hold a second one.
            if rows.ledger.insert(key.clone(), entry).is_some() {
                let nothing = LedgerRow { user_id: String::new(), amount: 0, seq: None, balance_after: None };
                rows.ledger.insert((key.0, format!("{} again", key.1)), nothing);
            }
        }
        for row in
            sqlx::query("SELECT user_id, balance, held, entries FROM accounts").fetch_all(&mut *db).await?
        {
            let account = AccountRow {
                balance: row.try_get("balance")?,
                held: row.try_get("held")?,
                entries: row.try_get("entries")?,
            };
            rows.accounts.insert(row.try_get("user_id")?, account);
        }
        let exceptions =
            "SELECT id, kind, out_trade_no, transaction_id, total_fee, settled_how FROM exceptions";
        for row in sqlx::query(exceptions).fetch_all(&mut *db).await? {
            let exception = ExceptionRow {
                kind: row.try_get("kind")?,
                out_trade_no: row.try_get("out_trade_no")?,
                transaction_id: row.try_get("transaction_id")?,
                total_fee: row.try_get("total_fee")?,
                settled_how: row.try_get("settled_how")?,
            };
            rows.exceptions.insert(row.try_get("id")?, exception);
        }
        let refunds = "SELECT out_refund_no, out_trade_no, transaction_id, total_fee, amount, share, taken, \
             user_id, made_by_kind, state, due_at, problem, exception_id FROM refunds";
        for row in sqlx::query(refunds).fetch_all(&mut *db).await? {
            let refund = RefundRow {
                out_trade_no: row.try_get("out_trade_no")?,
                transaction_id: row.try_get("transaction_id")?,
                total_fee: row.try_get("total_fee")?,
                amount: row.try_get("amount")?,
                share: row.try_get("share")?,
                taken: row.try_get("taken")?,
                user_id: row.try_get("user_id")?,
                made_by_kind: row.try_get("made_by_kind")?,
                state: row.try_get("state")?,
                due_at: row.try_get("due_at")?,
                problem: row.try_get("problem")?,
                exception_id: row.try_get("exception_id")?,
            };
            rows.refunds.insert(row.try_get("out_refund_no")?, refund);
        }
        rows.spending = SpendRows::read(db).await?;
        rows.wishes = payers::wishes(db).await?;
        rows.first_bonuses = payers::first_bonuses(db).await?;
        rows.told = told::read(db).await?;
        Ok(rows)
    }

    /// Whether this payment is on record, on its order or as an exception.
    pub fn knows(&self, out_trade_no: &str, transaction_id: &str) -> bool {
        let paid = self.orders.get(out_trade_no).and_then(|order| order.transaction_id.as_deref());
        paid == Some(transaction_id)
            || self.exceptions.values().any(|exception| {
                exception.out_trade_no == out_trade_no && exception.transaction_id == transaction_id
            })
    }
}

/// Reads the rows on a connection of its own, and only when somebody has written since.
#[derive(Debug)]
pub struct Reader {
    db: AnyConnection,
    read: Option<(i64, Rows)>,
    is_sqlite: bool,
}

impl Reader {
    pub async fn open(url: &str) -> Reader {
        let db = AnyConnection::connect(url).await.unwrap();
        Reader { db, read: None, is_sqlite: url.starts_with("sqlite:") }
    }

    pub async fn rows(&mut self) -> Result<Rows, sqlx::Error> {
        let version = if self.is_sqlite {
            // SQLite's own count of what other connections committed.
            sqlx::query("PRAGMA data_version").fetch_one(&mut self.db).await?.try_get(0)?
        } else {
            self.read.as_ref().map_or(0, |(version, _)| version + 1)
        };
        if let Some((read, rows)) = &self.read
            && *read == version
        {
            return Ok(rows.clone());
        }
        // All tables at one moment: a process that died may still have a commit on its way.
        let begin = if self.is_sqlite { "BEGIN" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ" };
        self.db.execute(begin).await?;
        let rows = Rows::read(&mut self.db).await?;
        self.db.execute("COMMIT").await?;
        self.read = Some((version, rows.clone()));
        Ok(rows)
    }

    /// Whether the ledger refuses an entry that it has already.
    pub async fn refuses_again(&mut self, number: &str, entry: &str) -> bool {
        let again = sqlx::query(
            "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason) \
             VALUES ($1, $2, 'u_0', 1, 0, 'simulation', 'simulation')",
        );
        again.bind(number.to_owned()).bind(entry.to_owned()).execute(&mut self.db).await.is_err()
    }
}

fn order(row: &AnyRow) -> Result<OrderRow, sqlx::Error> {
    Ok(OrderRow {
        user_id: row.try_get("user_id")?,
        total_fee: row.try_get("total_fee")?,
        bonus: row.try_get("bonus")?,
        first_bonus: row.try_get("first_bonus")?,
        created_at: row.try_get("created_at")?,
        time_expire: row.try_get("time_expire")?,
        state: row.try_get("state")?,
        version: row.try_get("version")?,
        transaction_id: row.try_get("transaction_id")?,
        paid_at: row.try_get("paid_at")?,
        credited_at: row.try_get("credited_at")?,
        closed_at: row.try_get("closed_at")?,
        late: row.try_get::<i64, _>("late")? == 1,
        refunded_outside: row.try_get::<i64, _>("refunded_outside")? == 1,
        next_query_at: row.try_get("next_query_at")?,
        by_hand: row.try_get("by_hand")?,
        cancelled_at: row.try_get("cancelled_at")?,
        reusable: row.try_get::<i64, _>("reusable")? == 1,
        sign_type: row.try_get("sign_type")?,
        trade_type: row.try_get("trade_type")?,
    })
}
