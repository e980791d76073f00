//! Two years of a large site, written straight into its database for `desk`: orders with what the desk reads beside them.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, SqliteConnection};
use wxpay::UnixMillis;

use crate::Failure;

/// Over so many days the orders are spread evenly.
pub const DAYS: i64 = 730;
pub const DAY_MS: i64 = 86_400_000;
/// Rows of one statement.
const SET: i64 = 100_000;
/// The newest order is so old: nothing of it lies in the future.
const AGE_MS: i64 = 300_000;
/// From now until an open refund is asked for again: longer than this run.
const QUIET_MS: i64 = 30 * DAY_MS;

/// Orders `$1` up to `$2` of `$5`, from the moment `$3` on over `$4` milliseconds: 85 % paid, 14 % closed, 1 % pending, in three
/// channels, from 1 to 5,000 yuan, of 1,250,000 users. None is due for
/// a query, or the server would be busy with them. `a` and `b` look random and are other numbers for each order.
const ORDERS: &str = "INSERT INTO orders (out_trade_no, user_id, user_name, total_fee, bonus, body, product_id, notify_url, \
    spbill_create_ip, sign_type, created_at, time_expire, state, version, ordering_until, link_token, reusable, code_url, \
    code_version, code_issued_at, transaction_id, paid_at, credited_at, closed_at, proof, next_query_at, trade_type, reference, \
    made_by, metadata) \
    WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2), \
    mixed (i, a, b, at) AS (SELECT i, (i * 2654435761 + 97) % 4294967296, (i * 2246822519 + 374761393) % 4294967296, \
    $3 + $4 * i / $5 FROM n), \
    said (i, a, b, at, text, kind, fen, who, way, paid) AS (SELECT i, a, b, at, \
    strftime('%Y%m%d%H%M%S', at / 1000 + 28800, 'unixepoch'), \
    CASE WHEN (a >> 8) % 100 < 85 THEN 'paid' WHEN (a >> 8) % 100 < 99 THEN 'closed' ELSE 'pending' END, \
    100 + (b >> 6) % 5000 * 100, (b >> 3) % 1250000, \
    CASE WHEN (b >> 9) % 10 < 7 THEN 'NATIVE' WHEN (b >> 9) % 10 < 9 THEN 'JSAPI' ELSE 'MWEB' END, \
    (at + 20000 + (a >> 5) % 120000) / 1000 * 1000 FROM mixed) \
    SELECT 'SM' || text || printf('%08X%08X', a, b), printf('u%07d', who), '用户' || who, fen, 0, '远山云-充值', \
    'recharge-' || fen, 'https://pay.example/wxpay/notify', '203.0.113.7', \
    CASE WHEN (a >> 10) % 10 < 3 THEN 'WECHATPAY2-SHA256-RSA2048' ELSE 'HMAC-SHA256' END, at, at + 600000, kind, 4, 0, \
    printf('%026x', a), 0, \
    CASE way WHEN 'NATIVE' THEN 'weixin://wxpay/bizpayurl?pr=' || printf('%08x', b) \
    WHEN 'JSAPI' THEN 'wx' || text || printf('%020d', b) \
    ELSE 'https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx' || text || printf('%020d', b) END, 1, at, \
    CASE kind WHEN 'paid' THEN '4200002871' || substr(text, 1, 8) || printf('%010d', b) END, \
    CASE kind WHEN 'paid' THEN paid END, CASE kind WHEN 'paid' THEN paid + 700 END, \
    CASE kind WHEN 'closed' THEN at + 660000 END, \
    CASE kind WHEN 'paid' THEN CASE WHEN (a >> 12) % 100 < 97 THEN 'notice' ELSE 'query' END END, \
    NULL, way, CASE i % 10 WHEN 0 THEN 'job-' || i END, CASE i % 10 WHEN 0 THEN 'shop' END, \
    CASE i % 10 WHEN 0 THEN '{}' END FROM said";

/// The names that a site's programs gave to a tenth of the orders.
const REFERENCES: &str = "INSERT INTO order_references (reference, out_trade_no, request) \
    SELECT reference, out_trade_no, '' FROM orders WHERE rowid > $1 AND rowid <= $2 AND reference IS NOT NULL";

/// A fiftieth of the paid orders is refunded, every other of these in full. Those of the last three days are on their way.
const REFUNDS: &str = "INSERT INTO refunds (out_refund_no, out_trade_no, transaction_id, total_fee, amount, share, taken, user_id, \
    user_name, reason, made_by, made_by_kind, overdrawn, requested_at, state, refund_id, ended_at, due_at, tries, version, protocol) \
    WITH asked AS (SELECT *, MIN(paid_at + 600000, $3) AS wanted, CASE WHEN paid_at > $3 - 259200000 THEN 'submitted' \
    WHEN rowid % 33 = 0 THEN 'closed' ELSE 'succeeded' END AS became, \
    CASE rowid % 2 WHEN 0 THEN total_fee ELSE total_fee / 2 END AS back \
    FROM orders WHERE rowid > $1 AND rowid <= $2 AND state = 'paid' AND rowid * 40503 % 1000 < 20) \
    SELECT 'RF' || substr(out_trade_no, 3), out_trade_no, transaction_id, total_fee, back, back, \
    CASE became WHEN 'closed' THEN 0 ELSE back END, user_id, user_name, '不需要了', 'admin', 'operator', 0, wanted, became, \
    '5030000' || substr(transaction_id, 8), CASE became WHEN 'submitted' THEN NULL ELSE wanted + 60000 END, \
    CASE became WHEN 'submitted' THEN $4 END, 1, 2, \
    CASE sign_type WHEN 'HMAC-SHA256' THEN 'v2' ELSE 'v3' END FROM asked";

/// One paid order of a thousand was paid twice; those of the last three days wait for a person.
const EXCEPTIONS: &str = "INSERT INTO exceptions (id, kind, out_trade_no, transaction_id, total_fee, fee_type, expected_fee, \
    first_seen_at, evidence, settled_at, settled_by, settled_how, settled_by_kind) \
    WITH twice AS (SELECT *, '4300' || substr(transaction_id, 5) AS other, paid_at <= $3 - 259200000 AS is_over \
    FROM orders WHERE rowid > $1 AND rowid <= $2 AND state = 'paid' AND rowid * 40503 % 1000 = 500) \
    SELECT 'duplicate:' || out_trade_no || ':' || other, 'duplicate', out_trade_no, other, total_fee, 'CNY', total_fee, \
    paid_at + 5000, '{}', CASE WHEN is_over THEN paid_at + 6000 END, CASE WHEN is_over THEN 'rule' END, \
    CASE WHEN is_over THEN 'dismissed' END, CASE WHEN is_over THEN 'rule' END FROM twice";

/// Their bills agreed, or the server would ask for each payment of a month, of which WeChat's stand-in knows nothing.
const RECONCILED: &str = "INSERT INTO reconciliations (day, run, claimed_until, started_at, finished_at) \
    SELECT day, 'filled', 0, $1, $1 FROM days WHERE true ON CONFLICT (day) DO UPDATE SET run = excluded.run, \
    finished_at = excluded.finished_at, failed_at = NULL, failure = NULL, failure_text = NULL";

const DAY: &str = "strftime('%Y%m%d', {at} / 1000 + 28800, 'unixepoch')";
const PLACED_BY_DAY: &str = "INSERT INTO days (day, orders) SELECT {day}, COUNT(*) FROM orders \
    WHERE rowid > $1 AND rowid <= $2 GROUP BY 1 ON CONFLICT (day) DO UPDATE SET orders = days.orders + excluded.orders";
const PAID_BY_DAY: &str = "INSERT INTO days (day, paid, paid_fen, by_query) \
    SELECT {day}, COUNT(*), SUM(total_fee), SUM(proof = 'query') FROM orders \
    WHERE rowid > $1 AND rowid <= $2 AND state = 'paid' GROUP BY 1 ON CONFLICT (day) DO UPDATE SET paid = days.paid + excluded.paid, \
    paid_fen = days.paid_fen + excluded.paid_fen, by_query = days.by_query + excluded.by_query";
const REFUNDED_BY_DAY: &str = "INSERT INTO days (day, refunds, refunded_fen) SELECT {day}, COUNT(*), SUM(amount) \
    FROM refunds WHERE state = 'succeeded' GROUP BY 1 ON CONFLICT (day) DO UPDATE SET refunds = excluded.refunds, \
    refunded_fen = excluded.refunded_fen";

/// They are made again when all rows are there, which takes a fraction of the time. The two that stay are the ones that the running
/// server looks into without a pause.
const REMADE: &str = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'orders' AND sql IS NOT NULL \
    AND name NOT IN ('orders_due', 'orders_open')";

/// Writes `stored` orders into the database of a running server.
pub async fn fill(database: &Path, stored: i64) -> Result<(), Failure> {
    let mut database = open(database).await?;
    let now = UnixMillis::now().get();
    let (begin, quiet) = (now - DAYS * DAY_MS, now + QUIET_MS);
    let remade = sqlx::query(REMADE).fetch_all(&mut database).await?;
    for index in &remade {
        run(&mut database, format!("DROP INDEX {}", index.get::<&str, _>(0))).await?;
    }
    for from in (0..stored).step_by(usize::try_from(SET)?) {
        let to = stored.min(from + SET);
        sqlx::query("BEGIN IMMEDIATE").execute(&mut database).await?;
        let orders = sqlx::query(ORDERS).bind(from).bind(to).bind(begin).bind(DAYS * DAY_MS - AGE_MS);
        orders.bind(stored).execute(&mut database).await?;
        for set in [REFERENCES, &by_day(PLACED_BY_DAY, "created_at"), &by_day(PAID_BY_DAY, "paid_at")] {
            sqlx::query(AssertSqlSafe(set)).bind(from).bind(to).execute(&mut database).await?;
        }
        let refunds = sqlx::query(REFUNDS).bind(from).bind(to).bind(now).bind(quiet);
        refunds.execute(&mut database).await?;
        sqlx::query(EXCEPTIONS).bind(from).bind(to).bind(now).execute(&mut database).await?;
        sqlx::query("COMMIT").execute(&mut database).await?;
    }
    sqlx::query(RECONCILED).bind(now).execute(&mut database).await?;
    run(&mut database, by_day(REFUNDED_BY_DAY, "ended_at")).await?;
    for index in &remade {
        run(&mut database, index.get::<String, _>(1)).await?;
        run(&mut database, "PRAGMA wal_checkpoint(TRUNCATE)".to_owned()).await?;
    }
    Ok(())
}

pub async fn open(file: &Path) -> Result<SqliteConnection, Failure> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(std::time::Duration::from_secs(60));
    Ok(options.pragma("cache_size", "-2000000").pragma("synchronous", "OFF").connect().await?)
}

fn by_day(statement: &str, at: &str) -> String {
    statement.replace("{day}", &DAY.replace("{at}", at))
}

async fn run(database: &mut SqliteConnection, statement: String) -> Result<(), Failure> {
    sqlx::query(AssertSqlSafe(statement)).execute(database).await?;
    Ok(())
}
