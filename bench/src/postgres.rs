//! Debits on PostgreSQL: one and two instances on one database, beside pgbench with one statement a debit.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection, Row as _};

use crate::drive::{Good, Job};
use crate::http::request;
use crate::numbers::{Spread, grouped, times};
use crate::process::{Process, free_addr};
use crate::report::Rows;
use crate::{Failure, Plan};

/// Set by `scripts/postgres.sh`: a server on which databases may be made.
const SERVER: &str = "SAOMA_TEST_POSTGRES";
const ACCOUNTS: i64 = 20_000;
const FEN: i64 = 10_000_000;

const OPENED: &str = "INSERT INTO accounts (user_id, user_name, balance, opening, updated_at) \
    SELECT 'user-' || lpad(i::text, 7, '0'), '', $2, $2, 0 FROM generate_series(0, $1 - 1) AS i";

/// What a server of the usual design asks of PostgreSQL for a debit, as one statement that commits by itself.
const PEER: &str = "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0)); \
    CREATE TABLE debits (reference TEXT PRIMARY KEY, user_id TEXT NOT NULL, amount BIGINT NOT NULL, \
    balance_after BIGINT NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now()); \
    CREATE INDEX debits_by_user ON debits (user_id, created_at); \
    INSERT INTO accounts SELECT 'user-' || lpad(i::text, 7, '0'), 10000000 FROM generate_series(0, 19999) AS i";
const PEER_DEBIT: &str = "\\set u random(0, 19999)\n\
    WITH taken AS (UPDATE accounts SET balance = balance - 1 WHERE user_id = 'user-' || lpad(:u::text, 7, '0') AND balance >= 1 \
    RETURNING user_id, balance) INSERT INTO debits (reference, user_id, amount, balance_after) \
    SELECT gen_random_uuid()::text, user_id, 1, balance FROM taken;\n";

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Debits on PostgreSQL");
    let server = server()?;
    let [mut one, mut two, mut peer] = [const { Vec::new() }; 3];
    for _ in 0..plan.rounds {
        one.push(instances(plan, &server, 1).await?);
        two.push(instances(plan, &server, 2).await?);
        peer.push(pgbench(plan, &server).await?);
    }
    let [one, two, peer] = [one, two, peer].map(Spread::of);
    for (measure, spread, goal) in [
        ("debits/s on PostgreSQL", one, None),
        ("debits/s on PostgreSQL, two instances", two, Some("≥ 1.0 ×")),
    ] {
        let row = rows.row(measure, grouped(spread.median), &format!("pgbench: {}", grouped(peer.median)));
        row.ratio(times(spread.median, peer.median));
        if let Some(goal) = goal {
            row.goal(goal, spread.median >= peer.median);
        }
    }
    for (name, spread) in [("One instance", one), ("Two instances", two), ("pgbench", peer)] {
        rows.spread(name, spread);
    }
    rows.note("PostgreSQL and the load share the core that the instances do not have.".to_owned());
    Ok(rows)
}

/// The address of the server that `scripts/postgres.sh` started.
pub fn server() -> Result<String, Failure> {
    std::env::var(SERVER).map_err(|_| format!("{SERVER} is not set; begin with bench/run.sh").into())
}

/// An empty database of this name; its address.
pub async fn database(server: &str, name: &str) -> Result<String, Failure> {
    let mut maintenance = PgConnection::connect(server).await?;
    for statement in
        [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")]
    {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut maintenance).await?;
    }
    let (before, _) = server.rsplit_once('/').ok_or("an address without a database")?;
    Ok(format!("{before}/{name}"))
}

/// Debits a second of so many instances on one database, each with its share of the connections.
async fn instances(plan: &Plan, server: &str, count: usize) -> Result<u64, Failure> {
    let url = database(server, "bench_saoma").await?;
    let mut sites = Vec::new();
    for number in 0..count {
        sites.push(start(plan, &url, number).await?);
    }
    let mut sql = PgConnection::connect(&url).await?;
    sqlx::query(OPENED).bind(ACCOUNTS).bind(FEN).execute(&mut sql).await?;
    sqlx::raw_sql("ANALYZE").execute(&mut sql).await?;
    let key = key(plan, &url)?;
    let jobs = sites.iter().enumerate().map(|(number, (_, addr))| Job {
        addr: *addr,
        requests: Arc::new(
            (number..plan.debits as usize).step_by(count).map(|n| debit(*addr, &key, n)).collect(),
        ),
        connections: plan.connections as usize / count,
        from: 0,
        to: plan.debits as usize / count,
        limit: Duration::from_secs(plan.seconds),
        good: Good::Created,
        awake: false,
        per_second: None,
    });
    let runs: Vec<_> = jobs.map(|job| tokio::spawn(async move { job.run().await?.checked() })).collect();
    let (mut good, mut longest) = (0, Duration::ZERO);
    for run in runs {
        let driven = run.await??;
        good += driven.good.len();
        longest = longest.max(driven.elapsed);
    }
    let sums = "SELECT (SELECT COUNT(*) FROM debits), (SELECT CAST(-SUM(amount) AS BIGINT) FROM ledger), \
        (SELECT CAST($1 - SUM(balance) AS BIGINT) FROM accounts)";
    let row = sqlx::query(sums).bind(ACCOUNTS * FEN).fetch_one(&mut sql).await?;
    let due = i64::try_from(good)?;
    if [0, 1, 2].map(|place| row.get::<i64, _>(place)) != [due; 3] {
        return Err(format!("{due} debits follow from the answers, and the tables say otherwise").into());
    }
    for (process, _) in sites {
        process.stop().await?;
    }
    Ok(good as u64 * 1_000_000 / u64::try_from(longest.as_micros())?.max(1))
}

/// An instance on this database.
pub async fn start(plan: &Plan, url: &str, number: usize) -> Result<(Process, SocketAddr), Failure> {
    let folder = plan.work.join(format!("postgres-{number}"));
    std::fs::create_dir_all(&folder)?;
    let (addr, sandbox) = (free_addr()?, free_addr()?);
    let set = |command: &mut Command| {
        command
            .arg("serve")
            .current_dir(&folder)
            .env("SAOMA_ADDR", addr.to_string())
            .env("SAOMA_SANDBOX_ADDR", sandbox.to_string())
            .env("DATABASE_URL", url)
            .env("SAOMA_USER_TOKEN_SECRET", "only for measuring, on this machine")
            .env("SAOMA_ADMIN_PASSWORD", "only for measuring")
            .env("SAOMA_ORDER_LIMIT_PER_S", "1000");
    };
    let mut process = Process::start(plan.core, &plan.saoma, set, &folder.join("log"))?;
    process.listening(addr).await?;
    Ok((process, addr))
}

fn key(plan: &Plan, url: &str) -> Result<String, Failure> {
    let made = Command::new(&plan.saoma)
        .args(["key", "create", "bench", "--scopes", "spend:write"])
        .env_clear()
        .env("DATABASE_URL", url)
        .current_dir(&plan.work)
        .output()?;
    match made.status.success() {
        true => Ok(format!("Authorization: Bearer {}", String::from_utf8(made.stdout)?.trim())),
        false => Err(String::from_utf8_lossy(&made.stderr).into_owned().into()),
    }
}

fn debit(addr: SocketAddr, key: &str, number: usize) -> Vec<u8> {
    let headers = ["Content-Type: application/json".to_owned(), key.to_owned()];
    let user = number * 7919 % ACCOUNTS as usize;
    let body = serde_json::json!({
        "user": format!("user-{user:07}"), "amount": 1, "reference": format!("job-{number}"), "reason": "a job",
    });
    request("POST", "/api/v1/debits", addr, &headers, &body.to_string())
}

/// Transactions a second of PostgreSQL's own program. (Nothing else is done meanwhile.)
async fn pgbench(plan: &Plan, server: &str) -> Result<u64, Failure> {
    let url = database(server, "bench_peer").await?;
    let mut sql = PgConnection::connect(&url).await?;
    sqlx::raw_sql(PEER).execute(&mut sql).await?;
    sqlx::raw_sql("ANALYZE").execute(&mut sql).await?;
    let script = plan.work.join("debit.sql");
    std::fs::write(&script, PEER_DEBIT)?;
    let seconds = plan.seconds.to_string();
    let done = Command::new("pgbench")
        .args(["-n", "-M", "prepared", "-c", "64", "-j", "1", "-T", &seconds, "-f"])
        .arg(&script)
        .arg(&url)
        .output()?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let tps =
        said.lines().find_map(|line| line.strip_prefix("tps = ")).and_then(|rest| rest.split('.').next());
    let tps = tps.ok_or_else(|| format!("pgbench: {said} {}", String::from_utf8_lossy(&done.stderr)))?;
    let row = sqlx::query(
        "SELECT COUNT(*), (SELECT CAST(200000000000 - SUM(balance) AS BIGINT) FROM accounts) FROM debits",
    )
    .fetch_one(&mut sql)
    .await?;
    if row.get::<i64, _>(0) != row.get::<i64, _>(1) {
        return Err("pgbench's debits are not what its accounts lost".into());
    }
    Ok(tps.parse()?)
}
