//! All SQL on `last_notices`: when a notice of each protocol came last.

use wxpay::{Protocol, UnixMillis};

use super::{Db, DbError, column};

/// `None`: none ever came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastNotices {
    pub v2: Option<UnixMillis>,
    pub v3: Option<UnixMillis>,
}

/// One came at `at`. An earlier time than the stored one changes nothing. Must run in a task that is not dropped halfway.
pub(crate) async fn came(db: &Db, by: Protocol, at: UnixMillis) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query(
        "INSERT INTO last_notices (protocol, at) VALUES ($1, $2) \
         ON CONFLICT (protocol) DO UPDATE SET at = excluded.at WHERE last_notices.at < excluded.at",
    )
    .bind(by.to_string())
    .bind(at.get())
    .execute(transaction.connection())
    .await?;
    transaction.commit().await
}

/// When the last of each came.
///
/// # Errors
/// [`DbError`].
pub async fn read(db: &Db) -> Result<LastNotices, DbError> {
    let row = sqlx::query(
        "SELECT (SELECT at FROM last_notices WHERE protocol = 'v2') AS v2, \
         (SELECT at FROM last_notices WHERE protocol = 'v3') AS v3",
    )
    .fetch_one(&mut *db.reading().await?)
    .await?;
    let at = |name| Ok::<_, DbError>(column::<Option<i64>>(&row, name)?.map(UnixMillis::new));
    Ok(LastNotices { v2: at("v2")?, v3: at("v3")? })
}
