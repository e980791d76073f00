//! Operators: passwords, sessions, and limits on guessing that cannot lock an operator out.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use cashier::db::{Db, DbError, operators};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use recharge::audit::AuditEntry;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use wxpay::UnixMillis;

use crate::client_addr::ClientAddr;

mod tries;

use tries::Tries;

/// The operator that the first start makes.
pub const FIRST: &str = "admin";
/// Argon2 takes 19 MiB and some 30 ms for each password: two at a time keep the server small and quick.
const AT_ONCE: usize = 2;

/// Signs operators in and out. One for the process.
#[derive(Debug)]
pub struct Operators {
    db: Db,
    hashing: Arc<Semaphore>,
    /// Ten tries at once, then one each 90 s: ten in 15 minutes.
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    /// The same for each name, from addresses that this operator never used.
    by_name: DefaultKeyedRateLimiter<String>,
    /// The same for each operator who is signed in and proves the password once more; only wrong ones count.
    proofs: Tries,
}

#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Unknown name or wrong password; nobody is told which.
    #[error("user name and password do not match")]
    Mismatch,
    #[error("too many tries, {wait_s} s to wait")]
    Slow { wait_s: u64 },
    #[error("the database does not answer")]
    Database(#[from] DbError),
}

/// A name or password that cannot be an operator's.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    #[error("the name must be 1 to 32 ASCII letters, digits or . _ -")]
    Name,
    #[error("the password must have 12 to 256 bytes")]
    Password,
    #[error("there is an operator {0} already")]
    Exists(String),
    #[error("there is no operator {0}")]
    Unknown(String),
    #[error("the database does not answer")]
    Database(#[from] DbError),
    #[error("the password could not be hashed")]
    Hash,
}

impl Operators {
    pub fn new(db: Db) -> Self {
        const TEN: NonZeroU32 = NonZeroU32::new(10).unwrap();
        let quota =
            Quota::with_period(Duration::from_secs(90)).unwrap_or(Quota::per_minute(TEN)).allow_burst(TEN);
        Operators {
            db,
            hashing: Arc::new(Semaphore::new(AT_ONCE)),
            by_address: RateLimiter::keyed(quota),
            by_name: RateLimiter::keyed(quota),
            proofs: Tries::default(),
        }
    }

    /// A new session's token, for the cookie.
    /// # Errors
    /// [`LoginError`].
    pub async fn login(
        &self,
        name: &str,
        password: &str,
        from: ClientAddr,
        now: UnixMillis,
    ) -> Result<String, LoginError> {
        let address = from.0.to_string();
        let is_name = check_name(name).is_ok();
        wait_of(&self.by_address, &from.block())?;
        let stored = if is_name { operators::password_hash(&self.db, name).await? } else { None };
        // Strangers use up the name's tries, never those of the places where this operator works.
        if stored.is_some() && !operators::knows_address(&self.db, name, &address, now).await? {
            wait_of(&self.by_name, &name.to_owned())?;
        }
        let known = stored.is_some();
        // An unknown name costs the same time as a known one.
        let matches = self.verify(password, stored.unwrap_or_else(|| NOBODY.to_owned())).await;
        if !(known && matches) {
            let name = if known { name } else { "" };
            let entry = AuditEntry::new(now, name, "login_failed", name, &address);
            operators::audit(&self.db, entry).await?;
            return Err(LoginError::Mismatch);
        }
        let token = random_hex();
        let entry = AuditEntry::new(now, name, "login", name, &address);
        operators::begin_session(&self.db, &hash_of(&token), entry).await?;
        tracing::info!("operator {name} signed in from {address}");
        Ok(token)
    }

    /// Whether an operator who is signed in still knows the password: asked again where money leaves, because a browser
    /// may stand open. Source: fault scenario 28.
    /// # Errors
    /// [`LoginError`].
    pub async fn confirm(
        &self,
        name: &str,
        password: &str,
        from: ClientAddr,
        now: UnixMillis,
    ) -> Result<(), LoginError> {
        // Taken before the password is looked at, so that many guesses at once are no way around it.
        self.proofs.take(name, now).map_err(|wait_s| LoginError::Slow { wait_s })?;
        let stored = operators::password_hash(&self.db, name).await?;
        if self.verify(password, stored.unwrap_or_else(|| NOBODY.to_owned())).await {
            self.proofs.give_back(name);
            return Ok(());
        }
        let entry = AuditEntry::new(now, name, "confirm_failed", name, &from.0.to_string());
        operators::audit(&self.db, entry).await?;
        Err(LoginError::Mismatch)
    }

    /// The operator of a session's token; `None` when it ended.
    /// # Errors
    /// Whatever the database says.
    pub async fn session(&self, token: &str, now: UnixMillis) -> Result<Option<String>, DbError> {
        if token.len() != 32 {
            return Ok(None);
        }
        operators::session(&self.db, &hash_of(token), now).await
    }

    /// # Errors
    /// Whatever the database says.
    pub async fn logout(
        &self,
        token: &str,
        name: &str,
        from: ClientAddr,
        now: UnixMillis,
    ) -> Result<(), DbError> {
        let entry = AuditEntry::new(now, name, "logout", name, &from.0.to_string());
        operators::end_session(&self.db, &hash_of(token), entry).await
    }

    /// Forgets the addresses and names that may try freely again.
    pub fn forget_old_tries(&self) {
        self.by_address.retain_recent();
        self.by_name.retain_recent();
    }

    async fn verify(&self, password: &str, stored: String) -> bool {
        // It is never closed.
        let Ok(_turn) = self.hashing.acquire().await else { return false };
        let password = password.to_owned();
        let verified = tokio::task::spawn_blocking(move || {
            PasswordHash::new(&stored)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        verified.await.unwrap_or(false)
    }
}

/// A hash of nothing that anybody knows, for names that are nobody's.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FvbWEtbm9ib2R5LTAx$F4JdAUiEQ1mXoy1sUWNwYfZ9bTq9l1zJxkqTtvwvyoM";

/// Takes one try; how long to wait where there is none left.
fn wait_of<K: std::hash::Hash + Eq + Clone>(
    limit: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<(), LoginError> {
    limit.check_key(key).map_err(|not_yet| {
        let wait = not_yet.wait_time_from(limit.clock().now());
        LoginError::Slow { wait_s: wait.as_secs() + 1 }
    })
}

/// Adds an operator from the console.
/// # Errors
/// [`OperatorError`].
pub async fn add(db: &Db, name: &str, password: &str, now: UnixMillis) -> Result<(), OperatorError> {
    check_name(name)?;
    let entry = AuditEntry::new(now, name, "operator_added", name, "console");
    match operators::add(db, name, &hashed(password)?, entry).await? {
        true => Ok(()),
        false => Err(OperatorError::Exists(name.to_owned())),
    }
}

/// Sets a password from the console and ends the operator's sessions.
/// # Errors
/// [`OperatorError`].
pub async fn set_password(db: &Db, name: &str, password: &str, now: UnixMillis) -> Result<(), OperatorError> {
    check_name(name)?;
    let entry = AuditEntry::new(now, name, "password", name, "console");
    match operators::set_password(db, name, &hashed(password)?, entry).await? {
        true => Ok(()),
        false => Err(OperatorError::Unknown(name.to_owned())),
    }
}

fn check_name(name: &str) -> Result<(), OperatorError> {
    let ok = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if ok { Ok(()) } else { Err(OperatorError::Name) }
}

fn hashed(password: &str) -> Result<String, OperatorError> {
    if !(12..=256).contains(&password.len()) {
        return Err(OperatorError::Password);
    }
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|_| OperatorError::Hash)?;
    Ok(hash.to_string())
}

/// A password that can be read aloud: 20 letters and digits without look-alikes, 100 bits.
pub fn new_password() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes: [u8; 20] = rand::random();
    let letters: Vec<u8> = bytes.iter().map(|byte| ALPHABET[usize::from(byte % 32)]).collect();
    let groups: Vec<_> = letters.chunks(5).map(String::from_utf8_lossy).collect();
    groups.join("-")
}

/// 128 random bits.
pub fn random_hex() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn hash_of(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "operators_tests.rs"]
mod tests;
