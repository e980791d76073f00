//! The books of a site that sold ten million times: pages of a ledger, a debit found by its reference, pages of events.

use std::path::Path;
use std::time::Instant;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};

use crate::http::{Wire, request};
use crate::numbers::{grouped, millis, percentile};
use crate::report::Rows;
use crate::sites::{Kind, Site};
use crate::{Failure, Plan, seed};

/// Users who share nine of ten debits; the tenth is of one user.
const USERS: i64 = 100_000;
/// Events, which are kept for 90 days only.
const EVENTS: i64 = 1_000_000;
const SET: i64 = 100_000;
const ASKED: usize = 2_000;
/// Rows of a page.
const PAGE: usize = 100;

/// Debits `$1` up to `$2`, with numbers as Saoma makes them, which sort by time.
const DEBITS: &str = "INSERT INTO debits (id, reference, user_id, amount, reversed, shortfall, reason, metadata, made_by, \
    made_by_kind, balance_after, created_at) WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
    SELECT 'DB20250101000000' || printf('%016d', i), 'job-' || i, \
    CASE WHEN i % 10 = 0 THEN 'hot' ELSE printf('user-%07d', i % $3) END, 1, 0, 0, 'translation of 312 characters', '{}', \
    'bench', 'key', 0, 1735660800000 + i FROM n";
const LEDGER: &str = "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, author_kind, reason, seq, balance_after) \
    SELECT id, 'debit', user_id, -1, created_at, 'bench', 'key', reason, \
    CASE WHEN user_id = 'hot' THEN CAST(substr(reference, 5) AS INTEGER) / 10 + 1 \
    ELSE CAST(substr(reference, 5) AS INTEGER) / $3 + 1 END, 0 FROM debits WHERE id >= $1 AND id < $2";
const ACCOUNTS: &str = "INSERT INTO accounts (user_id, user_name, balance, opening, entries, updated_at) \
    SELECT user_id, '', 100000000 - COUNT(*), 100000000, MAX(seq), 1735660800000 FROM ledger GROUP BY user_id";
const TOLD: &str = "INSERT INTO outbox (id, seq, type, subject, version, at, body) \
    WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
    SELECT 'evt_' || printf('%026d', i), i + 1, 'recharge.paid', 'recharge/SM' || i, 1, 1735660800000 + i, \
    '{\"user\":{\"id\":\"hot\"}}' FROM n";

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Books");
    let site = Site::start(plan, Kind::Saoma, b"").await?;
    let key = site.key(plan, "balances:read,events:read")?;
    let began = Instant::now();
    fill(&site.database, i64::from(plan.stored)).await?;
    rows.note(format!(
        "{} debits, a tenth of them of one user, and {} events, written in {} s.",
        grouped(plan.stored.into()),
        grouped(EVENTS.unsigned_abs()),
        began.elapsed().as_secs()
    ));
    let asking = Asking { site: &site, key };
    let lookups = (0..ASKED).map(|number| {
        let number = seed::mixed(number as u64) % u64::from(plan.stored);
        format!("/api/v1/debits?reference=job-{number}")
    });
    let found = asking.each(lookups).await?;
    asking.row(&mut rows, "a debit by its reference, p50 / p99", found);
    let walked = asking.walk("/api/v1/users/hot/ledger", plan.stored as usize / 10).await?;
    asking.row(&mut rows, "a page of a ledger of a million rows, p50 / p99", walked);
    let walked = asking.walk("/api/v1/events", EVENTS.unsigned_abs() as usize).await?;
    asking.row(&mut rows, "a page of events, p50 / p99", walked);
    site.process.stop().await?;
    Ok(rows)
}

async fn fill(database: &Path, stored: i64) -> Result<(), Failure> {
    let options = SqliteConnectOptions::new().filename(database);
    let mut database =
        options.pragma("cache_size", "-2000000").pragma("synchronous", "OFF").connect().await?;
    let number = |place: i64| format!("DB20250101000000{place:016}");
    for from in (0..stored).step_by(usize::try_from(SET)?) {
        let to = stored.min(from + SET);
        sqlx::query("BEGIN IMMEDIATE").execute(&mut database).await?;
        sqlx::query(DEBITS).bind(from).bind(to).bind(USERS).execute(&mut database).await?;
        let set = sqlx::query(LEDGER).bind(number(from)).bind(number(to)).bind(USERS);
        set.execute(&mut database).await?;
        sqlx::query("COMMIT").execute(&mut database).await?;
    }
    run_each(&mut database, &[ACCOUNTS, "ANALYZE"]).await?;
    for from in (0..EVENTS).step_by(usize::try_from(SET)?) {
        sqlx::query(TOLD).bind(from).bind(from + SET).execute(&mut database).await?;
    }
    let numbered =
        "UPDATE outbox_numbering SET last_seq = (SELECT MAX(seq) FROM outbox) WHERE name = 'outbox'";
    run_each(&mut database, &[numbered, "PRAGMA wal_checkpoint(TRUNCATE)"]).await
}

async fn run_each(database: &mut SqliteConnection, statements: &[&'static str]) -> Result<(), Failure> {
    for statement in statements {
        sqlx::query(*statement).execute(&mut *database).await?;
    }
    Ok(())
}

/// One program that asks one question after another.
struct Asking<'a> {
    site: &'a Site,
    key: String,
}

impl Asking<'_> {
    async fn ask(&self, wire: &mut Wire, target: &str) -> Result<(serde_json::Value, u64), Failure> {
        let began = Instant::now();
        let answer =
            wire.ask(&request("GET", target, self.site.addr, std::slice::from_ref(&self.key), "")).await?;
        let waited = u64::try_from(began.elapsed().as_micros())?;
        match answer.status {
            200 => Ok((serde_json::from_slice(answer.body)?, waited)),
            status => Err(format!("{target}: {status} {}", String::from_utf8_lossy(answer.body)).into()),
        }
    }

    /// How long each answer took, in microseconds.
    async fn each(&self, targets: impl Iterator<Item = String>) -> Result<Vec<u64>, Failure> {
        let (mut wire, mut waits) = (Wire::open(self.site.addr, 1).await?, Vec::new());
        for target in targets {
            let (answer, waited) = self.ask(&mut wire, &target).await?;
            if answer["data"][0]["id"].is_null() {
                return Err(format!("{target} found nothing: {answer}").into());
            }
            waits.push(waited);
        }
        Ok(waits)
    }

    /// The same for the pages of a list, one after the other, of `rows` rows.
    async fn walk(&self, list: &str, rows: usize) -> Result<Vec<u64>, Failure> {
        let (mut wire, mut waits, mut after) =
            (Wire::open(self.site.addr, 1).await?, Vec::new(), String::new());
        while waits.len() < ASKED.min(rows / PAGE) {
            let (page, waited) = self.ask(&mut wire, &format!("{list}?limit={PAGE}{after}")).await?;
            waits.push(waited);
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        if waits.len() < ASKED.min(rows / PAGE) {
            return Err(format!("{list} ended after {} pages", waits.len()).into());
        }
        Ok(waits)
    }

    fn row(&self, rows: &mut Rows, measure: &str, mut waits: Vec<u64>) {
        waits.sort_unstable();
        let [p50, p99] = [500, 990].map(|per_mille| percentile(&waits, per_mille));
        rows.row(measure, format!("{} / {}", millis(p50), millis(p99)), "")
            .goal("p99 ≤ 20 ms", p99 <= 20_000);
    }
}
