//! What moved since a time: the accounts, the rows of the ledger that they got, and what stands behind these.

use recharge::ledger::LedgerKey;
use recharge::spend::{DebitId, GrantId, HoldId, ReversalId};
use serde::Serialize;
use wxpay::UnixMillis;

use super::super::{DbError, bulk, column};
use super::look::{Finder, Look, WINDOW, among, between};
use super::{Violation, payments, spending};

/// Accounts looked at together.
const ACCOUNTS_AT_ONCE: i64 = 500;

/// The next accounts, by when they moved. One that moves meanwhile comes again behind the end, and is left to the next time.
const MOVED: &str = "SELECT user_id, updated_at FROM accounts WHERE (updated_at, user_id) > ($1, $2) \
     AND updated_at <= $3 ORDER BY updated_at, user_id LIMIT $4";

/// The rows of these accounts since `$2`: walks back from an account's last row to the first that is older.
const RANGES: &str = "SELECT a.user_id AS user_id, a.entries AS last, COALESCE((SELECT o.seq FROM ledger AS o \
     WHERE o.user_id = a.user_id AND o.seq IS NOT NULL AND o.at < $2 ORDER BY o.seq DESC LIMIT 1), 0) AS before \
     FROM accounts AS a WHERE a.user_id IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)";

/// The rows of some ranges, and whether each follows from the row before it.
const ROWS: &str = "SELECT l.user_id AS user_id, l.seq AS seq, l.out_trade_no AS number, l.entry AS entry, \
     CASE WHEN l.balance_after = l.amount + CASE WHEN l.seq = 1 THEN a.opening ELSE p.balance_after END \
     THEN 1 ELSE 0 END AS follows \
     FROM jsonb_each($1) AS j JOIN ledger AS l ON l.user_id = j.value->>'n' \
     AND l.seq > CAST(j.value->>'f' AS BIGINT) AND l.seq <= CAST(j.value->>'t' AS BIGINT) \
     JOIN accounts AS a ON a.user_id = l.user_id \
     LEFT JOIN ledger AS p ON p.user_id = l.user_id AND p.seq = l.seq - 1";

/// Rows of the ledger with a user's number after `f` up to `t`.
#[derive(Debug, Clone, Serialize)]
struct Range {
    #[serde(rename = "n")]
    user: String,
    f: i64,
    t: i64,
}

/// Accounts whose last row does not say their balance, or is not their last.
fn ends() -> Finder {
    let sql = format!(
        "SELECT a.user_id AS k FROM accounts AS a LEFT JOIN ledger AS l ON l.user_id = a.user_id AND l.seq = a.entries \
     WHERE {} AND (a.balance <> CASE WHEN a.entries = 0 THEN a.opening ELSE COALESCE(l.balance_after, a.balance + 1) END \
     OR EXISTS (SELECT 1 FROM ledger AS n WHERE n.user_id = a.user_id AND n.seq > a.entries))",
        among("a.user_id")
    );
    Finder { sql, named: |row| Ok(Violation::Chain { user_id: column(row, "k")? }) }
}

/// Looks at the accounts that moved.
pub(super) async fn accounts(look: &mut Look<'_>, since: UnixMillis) -> Result<(), DbError> {
    let (mut at, mut user) = (since.get(), String::new());
    let until: i64 = {
        let last = sqlx::query("SELECT COALESCE(MAX(updated_at), 0) AS last FROM accounts");
        column(&last.fetch_one(&mut *look.db.reading().await?).await?, "last")?
    };
    loop {
        let next = sqlx::query(MOVED).bind(at).bind(&user).bind(until).bind(ACCOUNTS_AT_ONCE);
        let rows = next.fetch_all(&mut *look.db.reading().await?).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        (at, user) = (column(last, "updated_at")?, column(last, "user_id")?);
        let users: Vec<String> = rows.iter().map(|row| column(row, "user_id")).collect::<Result<_, _>>()?;
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        look.findings.accounts += users.len() as u64;
        look.at(&users, ends()).await?;
        look.at(&users, spending::held(&among("a.user_id"))).await?;
        for ranges in ranges(look, &users, since).await? {
            rows_of(look, &ranges).await?;
        }
    }
}

/// The new rows of these users, in sets of a window's size.
async fn ranges(look: &Look<'_>, users: &[&str], since: UnixMillis) -> Result<Vec<Vec<Range>>, DbError> {
    let keys: Vec<_> = users.iter().map(|n| bulk::Key { n }).collect();
    let query = sqlx::query(RANGES).bind(bulk::json(&keys)?).bind(since.get());
    let (mut sets, mut set, mut room) = (Vec::new(), Vec::new(), WINDOW);
    for row in query.fetch_all(&mut *look.db.reading().await?).await? {
        let (user, mut f, last): (String, i64, i64) =
            (column(&row, "user_id")?, column(&row, "before")?, column(&row, "last")?);
        while f < last {
            let t = last.min(f + room);
            room -= t - f;
            set.push(Range { user: user.clone(), f, t });
            f = t;
            if room == 0 {
                sets.push(std::mem::take(&mut set));
                room = WINDOW;
            }
        }
    }
    sets.push(set);
    Ok(sets)
}

/// Looks at rows of the ledger, and at what they are of.
async fn rows_of(look: &mut Look<'_>, ranges: &[Range]) -> Result<(), DbError> {
    let rows = sqlx::query(ROWS).bind(bulk::json(ranges)?).fetch_all(&mut *look.db.reading().await?).await?;
    let (mut numbers, mut reversed) = (Vec::new(), Vec::new());
    let mut broken = Vec::new();
    for row in rows {
        let (number, entry): (String, String) = (column(&row, "number")?, column(&row, "entry")?);
        if matches!(LedgerKey::parse(&entry), Some(LedgerKey::Reversal(_))) {
            reversed.push(number.clone());
        }
        numbers.push(number);
        if column::<i64>(&row, "follows")? == 0 {
            broken.push(row);
        }
    }
    look.found(&broken, |row| {
        Ok(Violation::BalanceAfter { user_id: column(row, "user_id")?, seq: column(row, "seq")? })
    })?;
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let reversed: Vec<&str> = reversed.iter().map(String::as_str).collect();
    look.at(&numbers, payments::no_reason(&among("l.out_trade_no"))).await?;
    look.at(&numbers, payments::credits(&among("o.out_trade_no"))).await?;
    look.at(&numbers, payments::refunds(&among("r.out_trade_no"))).await?;
    look.at(&numbers, payments::over_refunded(&among("r.out_trade_no"))).await?;
    look.at(&reversed, spending::debits(&among("d.id"))).await
}

/// Looks at what was paid, refunded or spent since then, whether the ledger knows of it or not.
pub(super) async fn without_a_row(look: &mut Look<'_>, since: UnixMillis) -> Result<(), DbError> {
    // What sorts before all of that time.
    let (before, first) = (since.get() - 1, [0; 10]);
    let paid = payments::credits(&between("o.paid_at"));
    look.findings.orders = look.through(payments::PAID, before, paid).await?;
    let requested = payments::refunds(&between("r.requested_at"));
    look.findings.refunds = look.through(payments::REQUESTED, before, requested).await?;
    let (debit, hold) = (DebitId::new(since, first).to_string(), HoldId::new(since, first).to_string());
    look.findings.debits = look.through(spending::DEBITS, debit, spending::debits(&between("d.id"))).await?;
    look.findings.holds = look.through(spending::HOLDS, hold, spending::holds(&between("h.id"))).await?;
    let (reversal, grant) =
        (ReversalId::new(since, first).to_string(), GrantId::new(since, first).to_string());
    look.through(spending::REVERSALS, reversal, spending::reversals(&between("r.id"))).await?;
    look.through(spending::GRANTS, grant, spending::grants(&between("g.id"))).await?;
    Ok(())
}
