//! Passwords: hashing and comparing with argon2id, a bounded number at a time.

use std::{sync::Arc, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::OperatorError;

/// How long a comparison may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// A hash of no known password. It is compared with where no operator has the name, so that the time of an answer does not tell
/// which names exist.
pub const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FvbWEtbm9ib2R5LTAx$F4JdAUiEQ1mXoy1sUWNwYfZ9bTq9l1zJxkqTtvwvyoM";

/// Whose comparison it is. Each kind has turns of its own, so that a flood of strangers' sign-ins delays no operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// An operator who is signed in, or a sign-in from an address block that this operator is known at.
    Known,
    Stranger,
}

/// Semaphores that bound how many passwords are compared at once: argon2id takes 19 MiB and about 30 ms of a processor for each.
#[derive(Debug)]
pub struct Turns {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// The right to compare one password.
#[derive(Debug)]
pub struct Turn(OwnedSemaphorePermit);

impl Default for Turns {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Notices need a core too.
        let strangers = (cores / 2).clamp(1, 2);
        Turns { known: Arc::new(Semaphore::new(1)), strangers: Arc::new(Semaphore::new(strangers)) }
    }
}

impl Turns {
    /// Waits for a turn; `None` if there is none in 2 s.
    pub async fn take(&self, asker: Asker) -> Option<Turn> {
        let turns = match asker {
            Asker::Known => &self.known,
            Asker::Stranger => &self.strangers,
        };
        timeout(PATIENCE, Arc::clone(turns).acquire_owned()).await.ok()?.ok().map(Turn)
    }
}

impl Turn {
    /// Whether this is the password of the hash.
    pub async fn verify(self, password: &str, hash: &str) -> bool {
        let (password, hash) = (password.to_owned(), hash.to_owned());
        let verified = tokio::task::spawn_blocking(move || {
            // Until it is done, even if the client is gone.
            let _turn = self.0;
            PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        verified.await.unwrap_or(false)
    }
}

/// # Errors
/// [`OperatorError::Password`], [`OperatorError::Hash`].
pub fn hashed(password: &str) -> Result<String, OperatorError> {
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_flood_of_strangers_waits_two_seconds_and_holds_up_no_operator() {
        let turns = Turns::default();
        let cores = std::thread::available_parallelism().unwrap().get();
        let mut taken = Vec::new();
        let began = Instant::now();
        while let Some(turn) = turns.take(Asker::Stranger).await {
            taken.push(turn);
            assert!(taken.len() == 1 || taken.len() < cores, "{} of {cores} cores", taken.len());
        }
        assert!((PATIENCE..PATIENCE * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
        let began = Instant::now();
        assert!(turns.take(Asker::Known).await.is_some());
        assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
        taken.pop();
        assert!(turns.take(Asker::Stranger).await.is_some());
    }

    #[test]
    fn a_generated_password_can_be_read_aloud_and_is_accepted() {
        let password = new_password();
        assert_eq!(password.len(), 23);
        assert!(password.chars().all(|c| c == '-' || c.is_ascii_lowercase() || ('2'..='9').contains(&c)));
        assert_ne!(password, new_password());
        assert!(hashed(&password).is_ok());
    }
}
