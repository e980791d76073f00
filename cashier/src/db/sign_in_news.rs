//! What the audit says of operators that others should hear: new ones, and sign-ins from addresses that were not seen for a while.

use std::collections::BTreeSet;

use recharge::address_block;
use recharge::alert::{AlertKind, Raised};
use wxpay::UnixMillis;

use super::{Db, DbError, column};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long an address counts as known, in milliseconds.
const KNOWN_MS: i64 = 30 * DAY_MS;
/// Rows of the last day that are looked at, the newest.
const MOST: i64 = 200;

/// New operators and sign-ins from new addresses in the last day. An operator's first sign-in is none: nothing is known yet.
pub(crate) async fn read(db: &Db, now: UnixMillis) -> Result<Vec<Raised>, DbError> {
    const LATELY: &str = "SELECT id, at, operator, subject, address FROM audit WHERE action = $1 AND at > $2 AND at <= $3 \
         ORDER BY at DESC, id DESC LIMIT $4";
    let mut found = Vec::new();
    for (action, kind) in [("operator_added", AlertKind::OperatorAdded), ("login", AlertKind::NewAddress)] {
        let rows = sqlx::query(LATELY)
            .bind(action)
            .bind(now.plus_ms(-DAY_MS).get())
            .bind(now.get())
            .bind(MOST)
            .fetch_all(&mut *db.reading().await?)
            .await?;
        for row in &rows {
            let at = UnixMillis::new(column(row, "at")?);
            let operator: String = column(row, "operator")?;
            if kind == AlertKind::NewAddress
                && !is_new(db, &operator, &column::<String>(row, "address")?, at).await?
            {
                continue;
            }
            let shown = if kind == AlertKind::OperatorAdded { column(row, "subject")? } else { operator };
            found.push(Raised { kind, subject: column(row, "id")?, shown, amount: None, at });
        }
    }
    Ok(found)
}

/// Whether the operator signed in before, but not from this address block in the time before `at`.
async fn is_new(db: &Db, operator: &str, address: &str, at: UnixMillis) -> Result<bool, DbError> {
    const BEFORE: &str = "SELECT DISTINCT address FROM audit WHERE operator = $1 AND action = 'login' AND at >= $2 AND at < $3";
    let rows = sqlx::query(BEFORE)
        .bind(operator)
        .bind(at.plus_ms(-KNOWN_MS).get())
        .bind(at.get())
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let known: Result<BTreeSet<String>, _> =
        rows.iter().map(|row| column::<String>(row, "address").map(|address| block(&address))).collect();
    let known = known?;
    Ok(!known.is_empty() && !known.contains(&block(address)))
}

/// As limits count it; what is no address, such as the console, is its own block.
fn block(address: &str) -> String {
    address.parse().map_or_else(|_| address.to_owned(), |ip| address_block::block(ip).to_string())
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn addresses_of_one_household_are_one_block() {
        assert_eq!(block("2001:db8:1:2::1"), block("2001:db8:1:2:ffff::9"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:1:3::1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
        assert_eq!(block("?"), "?");
    }
}
