//! All SQL on `webhook_deliveries` and `webhook_attempts`: what is to be sent, who sends it, and how that went.

use recharge::audit::AuditEntry;
use recharge::event_type::EventType;
use recharge::webhook::{DeliveryState, Endpoint, EndpointId, Health, Next, Outcome, Problem, next_try};
use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;

use super::row::Row;
use super::webhook_endpoints::{lock, set_health, take_probe};
use super::{Connection, Db, DbError, audit, bulk, column, webhook_events};

/// For how long a delivery is its sender's, in milliseconds; a process that died gives it back then.
pub(crate) const LEASE_MS: i64 = 30_000;
/// Events that are put down for an endpoint in one transaction.
const FAN_OUT: i64 = 500;
/// How old an event is, in milliseconds, when it counts as late: late ones are sent at the endpoint's rate.
const LATE_MS: i64 = 60_000;

/// A delivery with its event, claimed to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub seq: i64,
    /// How often it was sent, this time included.
    pub sent: i64,
    pub was_probe: bool,
    /// Until when it is this process's.
    pub until: UnixMillis,
    pub event_id: String,
    /// What is sent.
    pub body: String,
}

/// Which deliveries are claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Of events that just happened.
    Fresh,
    Late,
    /// The one that has waited longest, of an ill endpoint; a probe that fails puts it behind all others.
    Probe,
}

/// How a try went.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    pub endpoint: EndpointId,
    pub seq: i64,
    pub sent: i64,
    pub was_probe: bool,
    pub outcome: Outcome,
    pub retry_after_ms: Option<i64>,
    pub at: UnixMillis,
    pub took_ms: i64,
    pub status: Option<u16>,
    pub address: Option<String>,
    pub reply: String,
    pub random: u32,
}

/// Puts the next events of the outbox down for an endpoint that wants them, and moves its position, at most [`FAN_OUT`] of them.
/// Returns whether there may be more. Only one instance does it: the position must still be as it was read. What was put down before,
/// when a replay has set the position back, is made due again. Must run in a task that is not dropped halfway.
pub(crate) async fn fan_out(db: &Db, endpoint: &Endpoint, now: UnixMillis) -> Result<bool, DbError> {
    const EVENTS: &str = "SELECT seq, type, subject, at FROM outbox WHERE seq > $1 ORDER BY seq LIMIT $2";
    const MOVE: &str =
        "UPDATE webhook_endpoints SET position = $1 WHERE id = $2 AND position = $3 AND disabled_at IS NULL";
    const INSERT: &str = "INSERT INTO webhook_deliveries (endpoint, seq, subject, state, due_at, sent, tries) \
         SELECT j.value->>'e', CAST(j.value->>'s' AS BIGINT), j.value->>'u', 'waiting', CAST(j.value->>'d' AS BIGINT), 0, 0 \
         FROM jsonb_each($1) AS j WHERE true ON CONFLICT (endpoint, seq) DO UPDATE SET state = 'waiting', \
         due_at = excluded.due_at, tries = 0, first_at = NULL, ended_at = NULL WHERE webhook_deliveries.due_at IS NULL";
    #[derive(Serialize)]
    struct New<'a> {
        e: &'a str,
        s: i64,
        u: String,
        d: i64,
    }
    let rows = sqlx::query(EVENTS)
        .bind(endpoint.position)
        .bind(FAN_OUT)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let Some(last) = rows.last() else { return Ok(false) };
    let last: i64 = column(last, "seq")?;
    let mut wanted = Vec::new();
    for row in &rows {
        let (event_type, subject): (String, String) = (column(row, "type")?, column(row, "subject")?);
        if endpoint.interest.wants(&endpoint.id, &event_type, &subject) {
            // Since when it is due tells whether it is late. A clock that is ahead must not hold it back.
            let due = column::<i64>(row, "at")?.min(now.get());
            wanted.push(New { e: endpoint.id.as_str(), s: column(row, "seq")?, u: subject, d: due });
        }
    }
    let mut transaction = db.begin().await?;
    let moved = sqlx::query(MOVE)
        .bind(last)
        .bind(endpoint.id.as_str())
        .bind(endpoint.position)
        .execute(transaction.connection())
        .await?;
    if moved.rows_affected() != 1 {
        transaction.rollback().await;
        return Ok(false);
    }
    bulk::write(transaction.connection(), INSERT, &wanted).await?;
    transaction.commit().await?;
    Ok(i64::try_from(rows.len()).unwrap_or(0) == FAN_OUT)
}

/// One delivery of a subject at a time: none while an earlier one is not over.
const IN_LINE: &str = "NOT EXISTS (SELECT 1 FROM webhook_deliveries AS e WHERE e.endpoint = d.endpoint \
     AND e.subject = d.subject AND e.seq < d.seq AND e.due_at IS NOT NULL)";

/// Claims up to `limit` deliveries for sending. Must run in a task that is not dropped halfway.
pub(crate) async fn claim(
    db: &Db,
    endpoint: &Endpoint,
    which: Which,
    limit: usize,
    now: UnixMillis,
) -> Result<Vec<Claimed>, DbError> {
    let due = match which {
        Which::Fresh => "d.due_at > $3 AND d.due_at <= $2",
        Which::Late => "d.due_at <= $3",
        // What waits for its next try is due as well; what is being tried is not.
        Which::Probe => "(d.due_at <= $2 OR d.due_at > $3)",
    };
    let until = now.plus_ms(LEASE_MS);
    let bound = match which {
        Which::Fresh | Which::Late => now.plus_ms(-LATE_MS),
        Which::Probe => until,
    };
    // The condition on `due_at` stands outside as well: PostgreSQL looks at it again when another instance was faster.
    let outside = due.replace("d.due_at", "webhook_deliveries.due_at");
    let found = format!(
        "SELECT d.seq FROM webhook_deliveries AS d WHERE d.endpoint = $1 AND d.due_at IS NOT NULL AND {due} \
         AND {IN_LINE} ORDER BY d.due_at, d.seq LIMIT $4"
    );
    // A reading that finds nothing costs no writing transaction.
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let look = sqlx::query(AssertSqlSafe(
        found
            .replace("LIMIT $4", "LIMIT 1")
            .replace("SELECT d.seq FROM", "SELECT d.seq, CAST($2 AS BIGINT) AS n FROM"),
    ))
    .bind(endpoint.id.as_str())
    .bind(now.get())
    .bind(bound.get());
    if look.fetch_optional(&mut *db.reading().await?).await?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "UPDATE webhook_deliveries SET due_at = $5, sent = sent + 1, first_at = COALESCE(first_at, $2) \
         WHERE endpoint = $1 AND webhook_deliveries.due_at IS NOT NULL AND {outside} AND seq IN ({found}) \
         RETURNING seq, sent"
    );
    let mut transaction = db.begin().await?;
    if which == Which::Probe && !take_probe(transaction.connection(), endpoint, until).await? {
        transaction.rollback().await;
        return Ok(Vec::new());
    }
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(endpoint.id.as_str())
        .bind(now.get())
        .bind(bound.get())
        .bind(limit)
        .bind(until.get())
        .fetch_all(transaction.connection())
        .await?;
    transaction.commit().await?;
    let mut sent = rows
        .iter()
        .map(|row| Ok((column(row, "seq")?, column(row, "sent")?)))
        .collect::<Result<Vec<(i64, i64)>, DbError>>()?;
    sent.sort_unstable();
    with_events(db, sent, which == Which::Probe, until).await
}

async fn with_events(
    db: &Db,
    sent: Vec<(i64, i64)>,
    was_probe: bool,
    until: UnixMillis,
) -> Result<Vec<Claimed>, DbError> {
    #[derive(Serialize)]
    struct Seq {
        s: i64,
    }
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    let seqs: Vec<_> = sent.iter().map(|(s, _)| Seq { s: *s }).collect();
    let events = webhook_events::numbered(db, &bulk::json(&seqs)?).await?;
    // One whose event is not kept any more is not sent: the row is deleted soon.
    let claimed = sent.into_iter().filter_map(|(seq, sent)| {
        let event = events.iter().find(|event| event.seq == seq)?;
        let (event_id, body) = (event.id.clone(), event.envelope());
        Some(Claimed { seq, sent, was_probe, until, event_id, body })
    });
    Ok(claimed.collect())
}

const ATTEMPTS: &str = "INSERT INTO webhook_attempts (endpoint, seq, n, at, took_ms, status, problem, address, reply) \
     SELECT j.value->>'e', CAST(j.value->>'s' AS BIGINT), CAST(j.value->>'n' AS BIGINT), CAST(j.value->>'t' AS BIGINT), \
     CAST(j.value->>'m' AS BIGINT), CAST(j.value->>'c' AS BIGINT), j.value->>'p', j.value->>'a', j.value->>'r' \
     FROM jsonb_each($1) AS j WHERE true ON CONFLICT (endpoint, seq, n) DO NOTHING";

// A try that was overtaken, because its lease ran out, changes nothing.
const ENDED: &str = "UPDATE webhook_deliveries SET state = j.value->>'w', due_at = CAST(j.value->>'d' AS BIGINT), \
     tries = CAST(j.value->>'f' AS BIGINT), ended_at = CAST(j.value->>'o' AS BIGINT) FROM jsonb_each($1) AS j \
     WHERE webhook_deliveries.endpoint = j.value->>'e' AND webhook_deliveries.seq = CAST(j.value->>'s' AS BIGINT) \
     AND webhook_deliveries.sent = CAST(j.value->>'n' AS BIGINT) AND webhook_deliveries.due_at IS NOT NULL";

#[derive(Serialize)]
struct Attempt<'a> {
    e: &'a str,
    s: i64,
    n: i64,
    t: i64,
    m: i64,
    c: Option<u16>,
    p: Option<Problem>,
    a: Option<&'a str>,
    r: &'a str,
}

#[derive(Serialize)]
struct Ended<'a> {
    e: &'a str,
    s: i64,
    n: i64,
    w: DeliveryState,
    d: Option<i64>,
    f: i64,
    o: Option<i64>,
}

/// What the results of tries changed of their endpoints.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub disabled: Vec<EndpointId>,
    pub is_ill: Vec<EndpointId>,
    pub is_well: Vec<EndpointId>,
    pub given_up: usize,
}

/// Writes how tries went. Must run in a task that is not dropped halfway.
pub(crate) async fn write(db: &Db, tried: &[Tried], now: UnixMillis) -> Result<Written, DbError> {
    let mut transaction = db.begin().await?;
    let mut ids: Vec<_> = tried.iter().map(|one| one.endpoint.clone()).collect();
    // In one order, so that two instances cannot wait for each other.
    ids.sort();
    ids.dedup();
    let (mut written, mut ended, mut attempts) = (Written::default(), Vec::new(), Vec::new());
    for id in &ids {
        let Some(endpoint) = lock(transaction.connection(), db.engine(), id.as_str()).await? else {
            continue;
        };
        let before = endpoint.health;
        let of_it: Vec<_> = tried.iter().filter(|one| one.endpoint == *id).collect();
        let found = tries(transaction.connection(), id, &of_it).await?;
        let mut health = before;
        for one in of_it {
            attempts.push(Attempt {
                e: one.endpoint.as_str(),
                s: one.seq,
                n: one.sent,
                t: one.at.get(),
                m: one.took_ms,
                c: one.status,
                p: one.outcome.problem(),
                a: one.address.as_deref(),
                r: &one.reply,
            });
            health = health.after(one.outcome, one.was_probe, now, one.random);
            let (failures, first_at) =
                found.iter().find(|row| row.0 == one.seq).map_or((0, now), |row| (row.1, row.2));
            let end = ended_row(one, failures, first_at, &health, now);
            written.given_up += usize::from(end.w == DeliveryState::GivenUp);
            ended.push(end);
        }
        if health != before {
            set_health(transaction.connection(), id, &health).await?;
        }
        if before.disabled.is_none() && health.disabled.is_some() {
            webhook_events::tell(
                transaction.connection(),
                db,
                EventType::WebhookDisabled,
                &endpoint,
                &health,
                now,
            )
            .await?;
            written.disabled.push(id.clone());
        }
        match (before.is_ill(), health.is_ill()) {
            (false, true) => written.is_ill.push(id.clone()),
            (true, false) => {
                written.is_well.push(id.clone());
                hurry(transaction.connection(), id, now).await?;
            }
            _ => {}
        }
    }
    bulk::write(transaction.connection(), ATTEMPTS, &attempts).await?;
    bulk::write(transaction.connection(), ENDED, &ended).await?;
    transaction.commit().await?;
    Ok(written)
}

fn ended_row<'a>(
    one: &'a Tried,
    failures: i64,
    first_at: UnixMillis,
    health: &Health,
    now: UnixMillis,
) -> Ended<'a> {
    let row = |w, d: Option<UnixMillis>, f, o: Option<UnixMillis>| Ended {
        e: one.endpoint.as_str(),
        s: one.seq,
        n: one.sent,
        w,
        d: d.map(UnixMillis::get),
        f,
        o: o.map(UnixMillis::get),
    };
    if one.outcome == Outcome::Delivered {
        return row(DeliveryState::Delivered, None, failures, Some(now));
    }
    if one.was_probe {
        // It uses up no try: it said something about the endpoint only.
        return row(DeliveryState::Waiting, Some(now), failures, None);
    }
    let failures = failures + 1;
    match next_try(failures, first_at, health.succeeded_at, one.retry_after_ms, now, one.random) {
        Next::At(at) => row(DeliveryState::Waiting, Some(at), failures, None),
        Next::GiveUp => row(DeliveryState::GivenUp, None, failures, Some(now)),
    }
}

/// Number, failures and first try of these deliveries.
async fn tries(
    connection: &mut Connection,
    id: &EndpointId,
    tried: &[&Tried],
) -> Result<Vec<(i64, i64, UnixMillis)>, DbError> {
    const TRIES: &str = "SELECT seq, tries, first_at FROM webhook_deliveries WHERE endpoint = $1 \
         AND seq IN (SELECT CAST(j.value->>'s' AS BIGINT) FROM jsonb_each($2) AS j)";
    #[derive(Serialize)]
    struct Seq {
        s: i64,
    }
    let seqs: Vec<_> = tried.iter().map(|one| Seq { s: one.seq }).collect();
    let rows = sqlx::query(TRIES).bind(id.as_str()).bind(bulk::json(&seqs)?).fetch_all(connection).await?;
    let one = |row: &AnyRow| {
        let row = Row::of("webhook_deliveries", &["seq"], row);
        Ok((row.get("seq")?, row.get("tries")?, row.time_optional("first_at")?.unwrap_or_default()))
    };
    rows.iter().map(one).collect()
}

/// Makes what waits for its next try due at once: the endpoint answers again.
async fn hurry(connection: &mut Connection, id: &EndpointId, now: UnixMillis) -> Result<(), DbError> {
    sqlx::query("UPDATE webhook_deliveries SET due_at = $1 WHERE endpoint = $2 AND due_at > $3")
        .bind(now.get())
        .bind(id.as_str())
        .bind(now.plus_ms(LEASE_MS).get())
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes one delivery due now, whatever became of it; `false` if the endpoint was never to get it. Must run in a task that is not
/// dropped halfway.
pub(crate) async fn redeliver(
    db: &Db,
    id: &EndpointId,
    seq: i64,
    now: UnixMillis,
    audit: &AuditEntry,
) -> Result<bool, DbError> {
    const AGAIN: &str = "UPDATE webhook_deliveries SET state = 'waiting', tries = 0, first_at = NULL, ended_at = NULL, \
         due_at = CASE WHEN due_at > $1 AND due_at <= $2 THEN due_at ELSE $1 END WHERE endpoint = $3 AND seq = $4";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(AGAIN)
        .bind(now.get())
        .bind(now.plus_ms(LEASE_MS).get())
        .bind(id.as_str())
        .bind(seq)
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}
