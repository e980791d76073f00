//! The accountant's story: the month's statement at the desk equals what the raw tables say and what WeChat's bills say, to the fen.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::net::TcpListener;
use wxpay::bill::{BillDate, BillEntry, BillType};
use wxpay::{Merchant, Protocol, UnixMillis};

use super::{
    common::Site,
    instances::with_wechat,
    money::shown,
    month::{Month, OUTSIDE},
    operators,
    recomputed::differences,
};

/// Orders of the month: five hundred, or as many as `MONTH_ORDERS` asks for.
fn orders() -> usize {
    std::env::var("MONTH_ORDERS").map_or(500, |orders| orders.parse().unwrap())
}

/// A day, in fen: what came in, what went back, and how balances moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    payments: i64,
    received: i64,
    refunds: i64,
    refunded: i64,
    credited: i64,
    taken_back: i64,
    spent: i64,
    adjusted: i64,
}

type Days = BTreeMap<String, Sums>;

/// The rows of a statement about the raw tables.
async fn rows(database: &str, sql: &str) -> Vec<(i64, i64, String)> {
    let mut connection = sqlx::AnyConnection::connect(database).await.unwrap();
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// The days as the raw tables have them, but for the ledger: that is what the statement is made of. What operators credited by hand
/// has no other row.
async fn raw(database: &str) -> Days {
    let mut days = Days::new();
    let mut add = |at: i64, change: &dyn Fn(&mut Sums)| {
        let day = BillDate::of(UnixMillis::new(at)).to_string();
        change(days.entry(day).or_default());
    };
    for (at, fee, _) in
        rows(database, "SELECT paid_at, total_fee, '' FROM orders WHERE paid_at IS NOT NULL").await
    {
        add(at, &|day| (day.payments, day.received) = (day.payments + 1, day.received + fee));
    }
    // Payments that no order counts, each once; the time of the payment stands in WeChat's own message.
    let besides = "SELECT e.first_seen_at, e.total_fee, e.evidence FROM exceptions AS e WHERE e.transaction_id <> '' \
         AND NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.transaction_id = e.transaction_id) \
         AND NOT EXISTS (SELECT 1 FROM exceptions AS f WHERE f.transaction_id = e.transaction_id AND f.id < e.id)";
    for (seen, fee, evidence) in rows(database, besides).await {
        let evidence: serde_json::Value = serde_json::from_str(&evidence).unwrap();
        let stated =
            ["time_end", "success_time", "time"].into_iter().find_map(|name| evidence[name].as_str());
        let digits: String =
            stated.unwrap_or_default().chars().filter(char::is_ascii_digit).take(14).collect();
        let at = UnixMillis::from_beijing(&digits).map_or(seen, UnixMillis::get);
        add(at, &|day| (day.payments, day.received) = (day.payments + 1, day.received + fee));
    }
    for (at, fen, _) in
        rows(database, "SELECT ended_at, amount, '' FROM refunds WHERE state = 'succeeded'").await
    {
        add(at, &|day| (day.refunds, day.refunded) = (day.refunds + 1, day.refunded + fen));
    }
    for (sql, kind) in [
        ("SELECT credited_at, total_fee + bonus, '' FROM orders WHERE credited_at IS NOT NULL", 0),
        ("SELECT at, amount, '' FROM ledger WHERE entry LIKE 'credit %'", 0),
        // A refund takes when it is asked for; one of WeChat's own when an operator takes it back.
        (
            "SELECT CASE WHEN made_by = 'wechat' THEN (SELECT MAX(settled_at) FROM exceptions WHERE id = refunds.exception_id) \
             ELSE requested_at END, -taken, '' FROM refunds WHERE taken > 0",
            1,
        ),
        ("SELECT ended_at, taken, '' FROM refunds WHERE state = 'closed' AND taken > 0", 1),
        ("SELECT created_at, -amount, '' FROM debits", 2),
        ("SELECT created_at, amount, '' FROM reversals", 2),
        ("SELECT created_at, amount, '' FROM grants", 3),
    ] {
        for (at, fen, _) in rows(database, sql).await {
            add(at, &|day| match kind {
                0 => day.credited += fen,
                1 => day.taken_back += fen,
                2 => day.spent += fen,
                _ => day.adjusted += fen,
            });
        }
    }
    days
}

/// Payments, their sum, our refunds that arrived, and theirs, by day: as WeChat's bills say, which both protocols give. What was given
/// back at the merchant platform is summed up beside it: it counts when it becomes known here, which is a day later.
async fn billed(month: &Month) -> (BTreeMap<String, [i64; 4]>, [i64; 2]) {
    let (mut days, mut outside) = (BTreeMap::new(), [0; 2]);
    let mut day = month.first;
    while day <= month.last {
        let protocol = if days.len() % 2 == 0 { Protocol::V2 } else { Protocol::V3 };
        let mut bill = month.client.download_bill(protocol, day, BillType::All, true).await.unwrap();
        let mut sums = [0; 4];
        while let Some(row) = bill.next().await.unwrap() {
            match row.entry {
                BillEntry::Payment { total_fee } => {
                    (sums[0], sums[1]) = (sums[0] + 1, sums[1] + total_fee.get())
                }
                BillEntry::Refund { refund_fee, out_refund_no, .. } if out_refund_no.starts_with(OUTSIDE) => {
                    (outside[0], outside[1]) = (outside[0] + 1, outside[1] + refund_fee.get());
                }
                BillEntry::Refund { refund_fee, status, .. } if status == "SUCCESS" => {
                    (sums[2], sums[3]) = (sums[2] + 1, sums[3] + refund_fee.get());
                }
                BillEntry::Refund { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        days.insert(day.to_string(), sums);
        day = day.next();
    }
    (days, outside)
}

/// The lines of the statement's file: the day, or the word for the whole, and the ten figures, amounts in fen.
fn lines(csv: &str) -> Vec<(String, [i64; 10])> {
    let fen = |yuan: &str| yuan.replace('.', "").parse::<i64>().unwrap();
    let line = |line: &str| {
        let mut cells = line.split(',').map(|cell| cell.trim_matches('"'));
        let head = cells.next().unwrap().replace('-', "");
        let figures = cells
            .enumerate()
            .map(|(at, cell)| if matches!(at, 0 | 2) { cell.parse().unwrap() } else { fen(cell) });
        (head, figures.collect::<Vec<_>>().try_into().unwrap())
    };
    csv.lines().skip(1).map(line).collect()
}

/// `123450` fen as the page has it.
fn yuan(fen: i64) -> String {
    let text = (fen / 100).to_string();
    let groups: Vec<_> =
        text.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
    format!("¥{}.{:02}", groups.join(","), fen % 100)
}

/// The program itself on the month's database, with the sandbox for WeChat, which is in the present by now.
async fn desk(month: &Month, database: &str, folder: tempfile::TempDir) -> Site {
    month.wechat_clock.set(UnixMillis::now());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wechat = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(month.sandbox.clone().serve(listener, std::future::pending()));
    let running = with_wechat(database, wechat.clone(), Merchant::sandbox(), &folder).await;
    Site::of(running, wechat, database.to_owned(), folder)
}

async fn story(database: String, folder: tempfile::TempDir) {
    let month = Month::of(&database, orders()).await;
    let findings = cashier::db::check::whole(month.cashier.db()).await.unwrap();
    assert_eq!((findings.named.len(), findings.violations), (0, 0), "{:?}", findings.named);
    assert_eq!(differences(&database).await.trim(), "");
    let (raw, (mut billed, outside)) = (raw(&database).await, billed(&month).await);
    let known = "SELECT ended_at, amount, '' FROM refunds WHERE state = 'succeeded' AND made_by = 'wechat'";
    let known = rows(&database, known).await;
    let sum = known.iter().map(|(_, fen, _)| fen).sum();
    assert_eq!(outside, [i64::try_from(known.len()).unwrap(), sum], "refunds at the merchant platform");
    for (at, fen, _) in known {
        if let Some(day) = billed.get_mut(&BillDate::of(UnixMillis::new(at)).to_string()) {
            (day[2], day[3]) = (day[2] + 1, day[3] + fen);
        }
    }
    let site = desk(&month, &database, folder).await;
    let cookie = operators::cookie(&site).await;
    let first = month.first.to_string();
    let name = format!("{}-{}", &first[..4], &first[4..6]);
    let file = site.get(&format!("/admin/statement.csv?month={name}")).header("cookie", &cookie);
    let mut lines = lines(&file.send().await.unwrap().text().await.unwrap());
    let (_, whole) = lines.pop().unwrap();
    assert_eq!(lines.len(), billed.len(), "a line for each day");
    let (mut balances, mut sums) = (0, [0; 10]);
    for (day, figures) in &lines {
        let ours = raw.get(day).copied().unwrap_or_default();
        let opening = balances;
        balances += ours.credited + ours.taken_back + ours.spent + ours.adjusted;
        let moved = [opening, ours.credited, ours.taken_back, ours.spent, ours.adjusted, balances];
        let wanted: Vec<_> =
            [ours.payments, ours.received, ours.refunds, ours.refunded].into_iter().chain(moved).collect();
        assert_eq!(figures[..], wanted[..], "{day}: the statement and the raw tables");
        assert_eq!(figures[..4], billed[day][..], "{day}: the statement and WeChat's bill");
        for (sum, figure) in sums.iter_mut().zip(figures) {
            *sum += figure;
        }
    }
    (sums[4], sums[9]) = (0, balances);
    assert_eq!(whole, sums, "the last line is the sum of the others");
    // What moved since, and with it what all accounts have.
    let later = raw.iter().filter(|(day, _)| **day > month.last.to_string());
    let later: i64 = later.map(|(_, day)| day.credited + day.taken_back + day.spent + day.adjusted).sum();
    let accounts =
        rows(&database, "SELECT CAST(SUM(balance) AS BIGINT), CAST(COUNT(*) AS BIGINT), '' FROM accounts")
            .await;
    assert_eq!(balances + later, accounts[0].0);
    // The page has the same totals.
    let page = shown(&site, &cookie, &format!("/admin/statement?month={name}")).await;
    for fen in [whole[1], whole[3], whole[9]] {
        assert!(page.contains(&yuan(fen)), "{} is not on the page", yuan(fen));
    }
    // All of it happened, of a thousand orders so often: a month without one of these would prove less.
    for (rows, least) in [
        ("orders WHERE sign_type = 'WECHATPAY2-SHA256-RSA2048' AND paid_at IS NOT NULL", 300),
        ("orders WHERE sign_type <> 'WECHATPAY2-SHA256-RSA2048' AND paid_at IS NOT NULL", 300),
        ("orders WHERE static_code IS NOT NULL AND paid_at IS NOT NULL", 50),
        ("orders WHERE trade_type = 'JSAPI' AND paid_at IS NOT NULL", 100),
        ("orders WHERE trade_type = 'MWEB' AND paid_at IS NOT NULL", 100),
        ("orders WHERE trade_type = 'APP' AND paid_at IS NOT NULL", 50),
        ("orders WHERE late = 1 AND credited_at IS NOT NULL", 10),
        ("orders WHERE late = 1 AND credited_at IS NULL", 10),
        ("orders WHERE state = 'closed'", 20),
        ("refunds WHERE state = 'succeeded' AND made_by = 'rule'", 10),
        ("refunds WHERE state = 'succeeded' AND made_by = 'wechat'", 10),
        ("refunds WHERE state = 'closed' AND taken > 0", 10),
        ("refunds WHERE state = 'submitted'", 10),
        ("exceptions WHERE kind = 'duplicate' AND settled_how = 'refund'", 5),
        ("exceptions WHERE kind = 'unknown_order'", 10),
        ("ledger WHERE entry LIKE 'credit %'", 3),
        ("reversals", 20),
        ("grants WHERE amount < 0", 20),
        ("holds WHERE state = 'captured'", 10),
    ] {
        let found = site.count(rows).await;
        assert!(found * 1_000 >= least * i64::try_from(orders()).unwrap(), "{rows}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_statement_of_a_month_equals_the_raw_tables_and_wechats_bills_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = testdb::sqlite(folder.path());
    story(database, folder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_statement_of_a_month_equals_the_raw_tables_and_wechats_bills_on_postgresql() {
    story(testdb::postgres().await, tempfile::tempdir().unwrap()).await;
}
