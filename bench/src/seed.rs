//! Orders that wait for their payment, written straight into a server's database, WeChat's notices for them, and the
//! check in SQL of what became of them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use serde::Serialize;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _, SqliteConnection};
use wxpay::v2::{Fields, sign};
use wxpay::{Merchant, Protocol, SignType, Signed, UnixMillis};

use crate::Failure;
use crate::http::request;
use crate::sites::Kind;

/// Orders of one user, so that balances are sums.
const PER_USER: usize = 4;
/// Orders in one statement.
const SET: usize = 1000;
const HOUR_MS: i64 = 3_600_000;
/// From an order's making to its end, and to its next query: longer than this run.
const LIFE_MS: i64 = 3 * HOUR_MS;

/// The version that Saoma's orders have once they are inserted.
pub const VERSION: i64 = 2;

#[derive(Debug, Serialize)]
pub struct Order {
    pub out_trade_no: String,
    pub user: String,
    pub total_fee: i64,
    pub transaction_id: String,
    /// When it was placed, in milliseconds since 1970.
    pub at: i64,
}

/// Orders of the last hour with numbers as Saoma makes them: the time, then random letters. They are paid in about the order
/// in which they were placed, as on a real site.
pub fn orders(count: usize) -> Vec<Order> {
    let now = UnixMillis::now();
    let order = |index: usize| {
        let at = now.plus_ms(HOUR_MS * index as i64 / count as i64 - HOUR_MS);
        let seconds = at.to_beijing();
        Order {
            out_trade_no: format!("SM{seconds}{:016X}", mixed(index as u64)),
            user: format!("user-{:07}", index / PER_USER),
            total_fee: 1000 + (index % PER_USER) as i64 * 100 + (index % 97) as i64,
            transaction_id: format!("42000012{seconds}{index:06}"),
            at: at.get(),
        }
    };
    (0..count).map(order).collect()
}

/// A number that looks random and is another one for each `index`. (The end of SplitMix64.)
pub fn mixed(index: u64) -> u64 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What WeChat posts by API v2 for each order, as whole requests.
pub fn notices(orders: &[Order], addr: SocketAddr) -> Vec<Vec<u8>> {
    let merchant = Merchant::sandbox();
    let time_end = UnixMillis::now().to_beijing();
    let headers = ["Content-Type: text/xml".to_owned(), "User-Agent: Mozilla/4.0".to_owned()];
    let notice = |order: &Order| {
        let fee = order.total_fee.to_string();
        let fields = Fields::new()
            .with("appid", merchant.appid.as_str())
            .with("mch_id", merchant.mch_id.as_str())
            .with("nonce_str", format!("{:016x}{:016x}", mixed(order.total_fee as u64), order.at))
            .with("return_code", "SUCCESS")
            .with("result_code", "SUCCESS")
            .with("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
            .with("is_subscribe", "N")
            .with("trade_type", "NATIVE")
            .with("bank_type", "OTHERS")
            .with("fee_type", "CNY")
            .with("total_fee", fee.as_str())
            .with("cash_fee", fee)
            .with("transaction_id", order.transaction_id.as_str())
            .with("out_trade_no", order.out_trade_no.as_str())
            .with("time_end", time_end.as_str());
        let sign = sign::sign(&fields, &merchant.key, SignType::Md5);
        request("POST", "/wxpay/notify", addr, &headers, &fields.with("sign", sign).to_xml())
    };
    orders.iter().map(notice).collect()
}

/// As an order is once its code is shown; due for a query later than any round lasts, so that its index entry has to go.
const SAOMA: &str = "INSERT INTO orders (out_trade_no, user_id, user_name, total_fee, bonus, body, product_id, notify_url, \
    spbill_create_ip, sign_type, created_at, time_expire, state, version, ordering_until, link_token, reusable, open_key, \
    code_url, code_version, code_issued_at, next_query_at) \
    SELECT value->>'out_trade_no', value->>'user', value->>'user', value->>'total_fee', 0, 'Recharge', \
    'recharge-' || (value->>'total_fee'), 'http://127.0.0.1/wxpay/notify', '127.0.0.1', $3, value->>'at', \
    value->>'at' + $2, 'pending', 2, 0, lower(hex(randomblob(13))), 1, \
    (value->>'user') || char(10) || (value->>'total_fee') || char(10) || '0', \
    'weixin://wxpay/bizpayurl?pr=' || substr(value->>'out_trade_no', 24), 1, value->>'at', value->>'at' + $2 \
    FROM json_each($1)";

const KOA2: &str = "INSERT INTO orders (out_trade_no, user_id, total_fee, state, code_url, created_at, time_expire) \
    SELECT value->>'out_trade_no', value->>'user', value->>'total_fee', 'pending', \
    'weixin://wxpay/bizpayurl?pr=' || substr(value->>'out_trade_no', 24), value->>'at', value->>'at' + $2 FROM json_each($1)";

/// Writes the orders into the database of a running server, and leaves its log empty.
pub async fn insert(database: &Path, kind: Kind, orders: &[Order]) -> Result<(), Failure> {
    let mut database = open(database).await?;
    let (statement, signed) = match kind {
        Kind::Saoma => (SAOMA, Some(Signed::Md5)),
        Kind::SaomaV3 => (SAOMA, Some(Signed::Rsa)),
        Kind::Koa2 | Kind::Bare => (KOA2, None),
    };
    sqlx::query("BEGIN IMMEDIATE").execute(&mut database).await?;
    for set in orders.chunks(SET) {
        let set = sqlx::query(statement).bind(serde_json::to_string(set)?).bind(LIFE_MS);
        let set = signed.iter().fold(set, |set, signed| set.bind(signed.as_str()));
        set.execute(&mut database).await?;
    }
    sqlx::query("COMMIT").execute(&mut database).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut database).await?;
    Ok(())
}

const SAOMA_ACCOUNTS: &str = "INSERT INTO accounts (user_id, user_name, balance, opening, updated_at) \
    SELECT value, value, $2, $2, $3 FROM json_each($1)";

const KOA2_ACCOUNTS: &str = "INSERT INTO accounts (user_id, balance) SELECT value, $2 FROM json_each($1)";

/// Gives each of these users an account with so much in it.
pub async fn accounts(database: &Path, kind: Kind, users: &[String], fen: i64) -> Result<(), Failure> {
    let mut database = open(database).await?;
    let statement = if kind == Kind::Koa2 { KOA2_ACCOUNTS } else { SAOMA_ACCOUNTS };
    let mut statement = sqlx::query(statement).bind(serde_json::to_string(users)?).bind(fen);
    if kind != Kind::Koa2 {
        statement = statement.bind(UnixMillis::now().get());
    }
    statement.execute(&mut database).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut database).await?;
    Ok(())
}

/// Holds the database against what was acknowledged: so many debits of a fen each, in their own table, in the ledger and in the
/// accounts, which had `before` fen in all.
pub async fn check_debits(database: &Path, before: i64, good: usize) -> Result<(), Failure> {
    let mut database = open(database).await?;
    let good = i64::try_from(good)?;
    for (what, sql, due) in [
        ("debits", "SELECT COUNT(*) FROM debits", good),
        ("the ledger", "SELECT CAST(-SUM(amount) AS INTEGER) FROM ledger WHERE amount < 0", good),
        ("accounts", "SELECT SUM(balance) FROM accounts", before - good),
    ] {
        let found: i64 = sqlx::query(sql).fetch_one(&mut database).await?.get(0);
        if found != due {
            return Err(format!("{what}: {found}, and {due} follow from the answers").into());
        }
    }
    Ok(())
}

/// Holds the database against what was acknowledged: the orders `good` are paid and no others, and each user's balance is
/// the sum of them, in the ledger and in the account. The names are the same with Saoma and with the peer.
pub async fn check(database: &Path, orders: &[Order], good: &[usize]) -> Result<(), Failure> {
    let mut database = open(database).await?;
    let mut expected: HashMap<&str, i64> = HashMap::new();
    for number in good {
        *expected.entry(&orders[*number].user).or_default() += orders[*number].total_fee;
    }
    for (table, sums) in [
        ("accounts", "SELECT user_id, balance FROM accounts"),
        ("ledger", "SELECT user_id, SUM(amount) FROM ledger GROUP BY user_id"),
    ] {
        let rows = sqlx::query(sums).fetch_all(&mut database).await?;
        let right =
            rows.iter().filter(|row| expected.get(row.get::<&str, _>(0)) == Some(&row.get(1))).count();
        if (right, rows.len()) != (expected.len(), expected.len()) {
            let found = rows.len();
            return Err(format!(
                "{table}: {right} of {found} balances are right, {} were due",
                expected.len()
            )
            .into());
        }
    }
    let mut paid = HashMap::new();
    for row in sqlx::query("SELECT out_trade_no, transaction_id FROM orders WHERE state = 'paid'")
        .fetch_all(&mut database)
        .await?
    {
        paid.insert(row.get::<String, _>(0), row.get::<String, _>(1));
    }
    let known =
        |number: &&usize| paid.get(&orders[**number].out_trade_no) == Some(&orders[**number].transaction_id);
    if paid.len() != good.len() || good.iter().filter(known).count() != good.len() {
        return Err(format!("{} orders are paid, {} were acknowledged", paid.len(), good.len()).into());
    }
    Ok(())
}

/// How many orders lie in a server's database.
///
/// # Errors
/// If one of them was not placed by `protocol`: then the figures are another protocol's.
pub async fn placed_by(database: &Path, protocol: Protocol) -> Result<i64, Failure> {
    let mut database = open(database).await?;
    let mut placed = 0;
    let counts = "SELECT sign_type, COUNT(*) FROM orders GROUP BY sign_type";
    for row in sqlx::query(counts).fetch_all(&mut database).await? {
        let (signed, orders) = (row.get::<&str, _>(0), row.get::<i64, _>(1));
        if Signed::parse(signed)?.protocol() != protocol {
            return Err(format!("{orders} orders were placed with {signed}, not by API {protocol}").into());
        }
        placed += orders;
    }
    Ok(placed)
}

async fn open(file: &Path) -> Result<SqliteConnection, Failure> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(std::time::Duration::from_secs(10));
    Ok(options.connect().await?)
}

/// The events of a server, each with when its notice was judged, in milliseconds since 1970: a little before the commit.
pub async fn events(database: &Path) -> Result<Vec<(String, i64)>, Failure> {
    let rows = sqlx::query("SELECT id, at FROM outbox").fetch_all(&mut open(database).await?).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDIT: &str = "UPDATE orders SET state = 'paid', transaction_id = $1 WHERE out_trade_no = $2; \
        INSERT INTO ledger SELECT out_trade_no, user_id, total_fee, 0 FROM orders WHERE out_trade_no = $2; \
        INSERT INTO accounts SELECT user_id, total_fee FROM orders WHERE out_trade_no = $2 \
        ON CONFLICT (user_id) DO UPDATE SET balance = balance + excluded.balance";

    async fn run(database: &mut SqliteConnection, statement: &'static str) {
        sqlx::raw_sql(statement).execute(database).await.unwrap();
    }

    /// Ten orders, the first six of them credited as the peer does.
    async fn six_of_ten(name: &str) -> (std::path::PathBuf, Vec<Order>, SqliteConnection) {
        let file = std::env::temp_dir().join(format!("saoma-bench-{}-{name}.db", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut database = options.connect().await.unwrap();
        run(&mut database, include_str!("../peers/koa2/schema.sql")).await;
        let orders = orders(10);
        insert(&file, Kind::Koa2, &orders).await.unwrap();
        for order in &orders[..6] {
            for statement in CREDIT.split(';') {
                let first = statement.starts_with("UPDATE");
                let statement = sqlx::query(statement).bind(first.then_some(&order.transaction_id));
                statement.bind(&order.out_trade_no).execute(&mut database).await.unwrap();
            }
        }
        (file, orders, database)
    }

    #[tokio::test]
    async fn the_check_passes_only_what_was_acknowledged() {
        let (file, orders, _database) = six_of_ten("passes").await;
        check(&file, &orders, &[5, 4, 3, 2, 1, 0]).await.unwrap();
        assert!(check(&file, &orders, &[0, 1, 2, 3, 4]).await.is_err());
        assert!(check(&file, &orders, &[0, 1, 2, 3, 4, 5, 6]).await.is_err());
        assert!(check(&file, &orders, &[0, 1, 2, 3, 4, 6]).await.is_err());
        std::fs::remove_file(file).unwrap();
    }

    #[tokio::test]
    async fn the_check_sees_a_wrong_balance_a_wrong_entry_and_a_wrong_transaction() {
        for (name, harm) in [
            ("balance", "UPDATE accounts SET balance = balance + 1 WHERE user_id = 'user-0000001'"),
            ("entry", "UPDATE ledger SET amount = amount - 1 WHERE user_id = 'user-0000000'"),
            (
                "transaction",
                "UPDATE orders SET transaction_id = 'x' WHERE user_id = 'user-0000001' AND state = 'paid'",
            ),
        ] {
            let (file, orders, mut database) = six_of_ten(name).await;
            run(&mut database, harm).await;
            assert!(check(&file, &orders, &[0, 1, 2, 3, 4, 5]).await.is_err(), "{name}");
            std::fs::remove_file(file).unwrap();
        }
    }
}
