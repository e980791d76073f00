//! Turns for comparing passwords: a bounded number at a time.

use std::{sync::Arc, time::Duration};

use cashier::operators::verify;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How long a comparison may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

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
            verify(&password, &hash)
        });
        verified.await.unwrap_or(false)
    }
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
}
