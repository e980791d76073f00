//! Whether a pooler in transaction mode stands between this program and PostgreSQL. Through one, `LISTEN` hears nothing, and the lock
//! that a migration takes stays with whatever session of the server it happened to be in.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::DbError;

/// Looks at most, while a pooler that is in use gives its sessions to others too.
const LOOKS: usize = 3;
const WITHIN: Duration = Duration::from_secs(10);

/// Two connections that are open at once are two sessions of the server, unless a pooler lends them one in turn.
///
/// # Errors
/// [`DbError`].
#[expect(clippy::disallowed_methods, reason = "real servers only: the simulation has no pooler")]
pub(super) async fn is_between(url: &str) -> Result<bool, DbError> {
    let looking = async {
        let (mut one, mut other) = (PgConnection::connect(url).await?, PgConnection::connect(url).await?);
        let mut is_between = false;
        for _ in 0..LOOKS {
            is_between |= session(&mut one).await? == session(&mut other).await?;
        }
        Ok(is_between)
    };
    tokio::time::timeout(WITHIN, looking).await.unwrap_or(Err(DbError::TimedOut))
}

/// In the simple protocol, whose statements a pooler lets pass.
async fn session(connection: &mut PgConnection) -> Result<i32, DbError> {
    let row = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?;
    Ok(row.try_get(0)?)
}
