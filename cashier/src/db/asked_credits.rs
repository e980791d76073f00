//! All SQL on `asked_credits`.

use recharge::audit::AuditEntry;
use recharge::second_person::{AskedCredit, AskedState, CreditWish};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;

use super::row::Row;
use super::{Db, DbError, audit};

const SELECT: &str = "SELECT id, body, asked_by, asked_at, state, decided_by FROM asked_credits";

/// Keeps a wish; `false` if it is kept already. One that was withdrawn or refused can be asked for again.
pub(crate) async fn ask(db: &Db, wish: &CreditWish, entry: AuditEntry) -> Result<bool, DbError> {
    const ASK: &str = "INSERT INTO asked_credits (id, user_id, number, amount, body, asked_by, asked_at, state) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'open') \
         ON CONFLICT (id) DO UPDATE SET user_id = $2, number = $3, amount = $4, body = $5, asked_by = $6, asked_at = $7, \
         state = 'open', decided_by = NULL, decided_at = NULL WHERE asked_credits.state IN ('withdrawn', 'refused')";
    let (write, wish, body) = (db.clone(), wish.clone(), serde_json::to_string(wish)?);
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let asked = sqlx::query(ASK)
            .bind(wish.id())
            .bind(wish.user_id())
            .bind(wish.number())
            .bind(wish.amount().get())
            .bind(&body)
            .bind(&entry.operator)
            .bind(entry.at.get())
            .execute(transaction.connection())
            .await?;
        audit::commit_change(&write, transaction, &asked, &entry).await
    })
    .await
}

/// Takes the wish of the entry's subject for doing it; `false` if it is over, or this operator asked for it.
pub(crate) async fn confirm(db: &Db, entry: AuditEntry) -> Result<bool, DbError> {
    const CONFIRM: &str = "UPDATE asked_credits SET state = 'confirmed', decided_by = $1, decided_at = $2 \
         WHERE id = $3 AND state IN ('open', 'confirmed') AND asked_by <> $1";
    decide(db, CONFIRM, entry).await
}

/// Takes the wish of the entry's subject back; `false` if it is over or being done.
pub(crate) async fn withdraw(db: &Db, entry: AuditEntry) -> Result<bool, DbError> {
    const WITHDRAW: &str = "UPDATE asked_credits SET state = 'withdrawn', decided_by = $1, decided_at = $2 \
         WHERE id = $3 AND state = 'open'";
    decide(db, WITHDRAW, entry).await
}

async fn decide(db: &Db, statement: &'static str, entry: AuditEntry) -> Result<bool, DbError> {
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let decided = sqlx::query(statement)
            .bind(&entry.operator)
            .bind(entry.at.get())
            .bind(&entry.subject)
            .execute(transaction.connection())
            .await?;
        audit::commit_change(&write, transaction, &decided, &entry).await
    })
    .await
}

/// Keeps how a confirmed wish ended.
pub(crate) async fn end(db: &Db, id: &str, state: AskedState) -> Result<(), DbError> {
    let (write, id) = (db.clone(), id.to_owned());
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        sqlx::query("UPDATE asked_credits SET state = $1 WHERE id = $2 AND state = 'confirmed'")
            .bind(state.name())
            .bind(&id)
            .execute(transaction.connection())
            .await?;
        transaction.commit().await
    })
    .await
}

/// Those that wait, the oldest first.
pub(crate) async fn open(db: &Db, limit: i64) -> Result<Vec<AskedCredit>, DbError> {
    let sql = format!("{SELECT} WHERE state IN ('open', 'confirmed') ORDER BY asked_at, id LIMIT $1");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(asked).collect()
}

pub(crate) async fn find(db: &Db, id: &str) -> Result<Option<AskedCredit>, DbError> {
    let sql = format!("{SELECT} WHERE id = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *db.reading().await?).await?;
    row.as_ref().map(asked).transpose()
}

fn asked(row: &AnyRow) -> Result<AskedCredit, DbError> {
    let row = Row::of("asked_credits", &["id"], row);
    Ok(AskedCredit {
        wish: row.parse("body", |body| serde_json::from_str::<CreditWish>(&body))?,
        asked_by: row.get("asked_by")?,
        asked_at: UnixMillis::new(row.get("asked_at")?),
        state: row.word("state", AskedState::from_name)?,
        decided_by: row.get("decided_by")?,
    })
}
