//! Who sees to what waits for a person. All SQL on `work_owners`.

use std::collections::BTreeMap;

use wxpay::UnixMillis;

use super::{Db, DbError, column};

/// What can wait for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkKind {
    Exception,
    Refund,
    /// Between bill and books.
    Difference,
    /// A refund that a payer asks for.
    Wish,
    Certificate,
}

impl WorkKind {
    pub const ALL: [WorkKind; 5] =
        [WorkKind::Exception, WorkKind::Refund, WorkKind::Wish, WorkKind::Difference, WorkKind::Certificate];

    pub fn name(self) -> &'static str {
        match self {
            WorkKind::Exception => "exception",
            WorkKind::Refund => "refund",
            WorkKind::Difference => "difference",
            WorkKind::Wish => "wish",
            WorkKind::Certificate => "certificate",
        }
    }

    pub fn from_name(name: &str) -> Option<WorkKind> {
        WorkKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Who took it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub operator: String,
    pub taken_at: UnixMillis,
}

/// The owners of all that has one; of what is over, too.
///
/// # Errors
/// [`DbError`].
pub async fn all(db: &Db) -> Result<BTreeMap<(WorkKind, String), Owner>, DbError> {
    let rows = sqlx::query("SELECT kind, key, operator, taken_at FROM work_owners")
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let mut owners = BTreeMap::new();
    for row in &rows {
        // A kind of a later version is not listed here, so nobody misses its owner.
        let Some(kind) = WorkKind::from_name(&column::<String>(row, "kind")?) else { continue };
        let owner =
            Owner { operator: column(row, "operator")?, taken_at: UnixMillis::new(column(row, "taken_at")?) };
        owners.insert((kind, column(row, "key")?), owner);
    }
    Ok(owners)
}

/// Gives something an owner if it has none; `false`, and nothing changed, if somebody was first.
///
/// # Errors
/// [`DbError`].
pub async fn take(
    db: &Db,
    kind: WorkKind,
    key: &str,
    operator: &str,
    now: UnixMillis,
) -> Result<bool, DbError> {
    const TAKE: &str = "INSERT INTO work_owners (kind, key, operator, taken_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (kind, key) DO NOTHING";
    let (db, key, operator) = (db.clone(), key.to_owned(), operator.to_owned());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            let taken = sqlx::query(TAKE)
                .bind(kind.name())
                .bind(key)
                .bind(operator)
                .bind(now.get())
                .execute(transaction.connection())
                .await?;
            transaction.commit().await?;
            Ok(taken.rows_affected() == 1)
        })
        .await
}

/// Takes the owner away, if it is `owner` as the page showed; `false` if it is another by now.
///
/// # Errors
/// [`DbError`].
pub async fn leave(db: &Db, kind: WorkKind, key: &str, owner: &str) -> Result<bool, DbError> {
    let (db, key, owner) = (db.clone(), key.to_owned(), owner.to_owned());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            let left = sqlx::query("DELETE FROM work_owners WHERE kind = $1 AND key = $2 AND operator = $3")
                .bind(kind.name())
                .bind(key)
                .bind(owner)
                .execute(transaction.connection())
                .await?;
            transaction.commit().await?;
            Ok(left.rows_affected() == 1)
        })
        .await
}
