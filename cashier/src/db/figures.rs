//! What an operator watches, counted in the database: each statement walks a partial index of what is open, and stops at a limit, so
//! that the metrics cost the same however many orders there are.

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;

use super::{Connection, Db, DbError, backup, column, wechat_keys};
use recharge::refund::Problem;

/// Counted, and since when the oldest of them waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    pub count: i64,
    /// `None` if there are none.
    pub since: Option<UnixMillis>,
}

/// Refunds that have not ended and are in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRefunds {
    pub state: String,
    pub waiting: Waiting,
    /// Of these, those that go on only when a person does something.
    pub stuck: i64,
}

/// Of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Orders that can still be paid by the word of their state, up to 100,000 together.
    pub orders: Vec<(String, Waiting)>,
    /// By the word of their kind.
    pub exceptions: Vec<(String, Waiting)>,
    pub refunds: Vec<OpenRefunds>,
    /// Events without a number.
    pub events: Waiting,
    /// Deliveries to endpoints that are not disabled; since when they are due, which may be later than now.
    pub deliveries: Waiting,
    /// What sites that speak 易支付 have not been told; since when it is due, which may be later than now.
    pub epay: Waiting,
    /// When the last backup was made, if one ever was.
    pub backup_at: Option<UnixMillis>,
    /// When the last of WeChat's platform certificates ends.
    pub wechat_certificate_ends: Option<UnixMillis>,
    /// When a self-check of `moved` and of `whole` ended.
    pub checked: Vec<(String, UnixMillis)>,
}

const ORDERS: &str = "SELECT state AS word, COUNT(*) AS n, MIN(created_at) AS since FROM \
     (SELECT state, created_at FROM orders WHERE state IN ('created', 'pending') LIMIT 100000) AS open GROUP BY state";

const EXCEPTIONS: &str = "SELECT kind AS word, COUNT(*) AS n, MIN(first_seen_at) AS since FROM exceptions \
     WHERE settled_at IS NULL GROUP BY kind";

/// The problems that WeChat's next answer may end; the others, and a refund that the payer's bank refused, need a person.
const PASSING: [Problem; 2] = [Problem::Unclear, Problem::Limited];

const REFUNDS: &str = "SELECT state AS word, COUNT(*) AS n, MIN(requested_at) AS since, \
     SUM(CASE WHEN state = 'abnormal' OR problem NOT IN ({passing}) THEN 1 ELSE 0 END) AS stuck \
     FROM refunds WHERE due_at IS NOT NULL GROUP BY state";

const EVENTS: &str = "SELECT COUNT(*) AS n, MIN(at) AS since FROM \
     (SELECT at FROM outbox WHERE seq IS NULL LIMIT 10000) AS waiting";

const DELIVERIES: &str = "SELECT COUNT(*) AS n, MIN(due_at) AS since FROM (SELECT d.due_at FROM webhook_deliveries AS d \
     JOIN webhook_endpoints AS e ON e.id = d.endpoint WHERE d.due_at IS NOT NULL AND e.disabled_at IS NULL \
     LIMIT 10000) AS waiting";

const EPAY: &str = "SELECT COUNT(*) AS n, MIN(due_at) AS since FROM \
     (SELECT due_at FROM epay_orders WHERE due_at IS NOT NULL LIMIT 10000) AS waiting";

const CHECKED: &str = "SELECT what AS word, ended_at AS since FROM self_checks WHERE ended_at > 0";

/// Counts everything.
///
/// # Errors
/// [`DbError`].
pub async fn read(db: &Db) -> Result<Figures, DbError> {
    let mut reading = db.reading().await?;
    let connection: &mut Connection = &mut reading;
    let mut figures = Figures {
        events: waiting(&sqlx::query(EVENTS).fetch_one(&mut *connection).await?)?,
        deliveries: waiting(&sqlx::query(DELIVERIES).fetch_one(&mut *connection).await?)?,
        epay: waiting(&sqlx::query(EPAY).fetch_one(&mut *connection).await?)?,
        ..Figures::default()
    };
    for row in sqlx::query(ORDERS).fetch_all(&mut *connection).await? {
        figures.orders.push((column(&row, "word")?, waiting(&row)?));
    }
    for row in sqlx::query(EXCEPTIONS).fetch_all(&mut *connection).await? {
        figures.exceptions.push((column(&row, "word")?, waiting(&row)?));
    }
    let passing = PASSING.map(|problem| format!("'{}'", problem.name())).join(", ");
    let refunds = REFUNDS.replace("{passing}", &passing);
    for row in sqlx::query(AssertSqlSafe(refunds)).fetch_all(&mut *connection).await? {
        let (state, stuck) = (column(&row, "word")?, column(&row, "stuck")?);
        figures.refunds.push(OpenRefunds { state, waiting: waiting(&row)?, stuck });
    }
    for row in sqlx::query(CHECKED).fetch_all(&mut *connection).await? {
        figures.checked.push((column(&row, "word")?, UnixMillis::new(column(&row, "since")?)));
    }
    drop(reading);
    figures.wechat_certificate_ends = wechat_keys::last_end(db).await?;
    figures.backup_at = backup::last(db).await?;
    Ok(figures)
}

fn waiting(row: &AnyRow) -> Result<Waiting, DbError> {
    let since = column::<Option<i64>>(row, "since")?.map(UnixMillis::new);
    Ok(Waiting { count: column(row, "n")?, since })
}

#[cfg(test)]
mod tests {
    use super::*;
    use recharge::fixtures::refund;
    use recharge::refund::Blocked;

    #[test]
    fn the_problems_that_pass_are_those_that_need_no_person() {
        for problem in Problem::ALL {
            let blocked = Some(Blocked { problem, said: String::new() });
            let needs_person = recharge::Refund { blocked, ..refund() }.needs_person();
            assert_eq!(PASSING.contains(&problem), !needs_person, "{problem:?}");
        }
    }
}
