//! Test seam: a scheduler of database steps for deterministic simulation; open in production.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::error::DbError;

/// Every step to the database passes it: the reads on one connection, a transaction, the opening of a connection. It is open
/// unless a simulation closes it, to admit the steps one at a time. Clones are the same turnstile.
#[derive(Debug, Clone, Default)]
pub struct Turnstile {
    closed: Option<Arc<Closed>>,
}

#[derive(Debug, Default)]
struct Closed {
    waiting: Mutex<Waiting>,
    inside: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Steps that arrived so far: the number of the next one.
    came: usize,
    steps: Vec<(Step, oneshot::Sender<Passage>)>,
}

/// A step that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its number in the order of arrival.
    pub number: usize,
    /// Whether it is a transaction that may write.
    pub writes: bool,
}

/// The outcome of a step, as the simulation decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fate {
    #[default]
    Done,
    /// Nothing of it is done, and the caller gets an error.
    Refused,
    /// It is done, and the caller gets an error.
    Unheard,
}

/// A step under way; dropping it ends the step.
#[derive(Debug, Default)]
pub(super) struct Passage {
    through: Option<Arc<Closed>>,
    pub fate: Fate,
}

impl Passage {
    /// # Errors
    /// A lost connection, if the step is not to succeed.
    pub(super) fn answer(&self) -> Result<(), DbError> {
        match self.fate {
            Fate::Done => Ok(()),
            Fate::Refused | Fate::Unheard => {
                Err(sqlx::Error::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset)).into())
            }
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if let Some(through) = &self.through {
            through.inside.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Turnstile {
    /// A turnstile at which every step waits until it is let in: for simulations only.
    pub fn closed() -> Turnstile {
        Turnstile { closed: Some(Arc::default()) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Waits for its turn to read.
    pub(super) async fn to_read(&self) -> Passage {
        self.pass(false).await
    }

    /// Waits for its turn to write.
    pub(super) async fn to_write(&self) -> Passage {
        self.pass(true).await
    }

    async fn pass(&self, writes: bool) -> Passage {
        let Some(closed) = &self.closed else { return Passage::default() };
        let (let_in, turn) = oneshot::channel();
        closed.waiting().came(let_in, writes);
        turn.await.unwrap_or_default()
    }

    /// The waiting steps in the order of arrival, without those that were cancelled.
    pub fn waiting(&self) -> Vec<Step> {
        self.closed.as_ref().map_or_else(Vec::new, |closed| {
            let mut waiting = closed.waiting();
            waiting.steps.retain(|(_, step)| !step.is_closed());
            waiting.steps.iter().map(|(step, _)| *step).collect()
        })
    }

    /// Steps at the database.
    pub fn inside(&self) -> usize {
        self.closed.as_ref().map_or(0, |closed| closed.inside.load(Ordering::SeqCst))
    }

    /// Lets the step of this number in, if it waits.
    pub fn let_in(&self, number: usize, fate: Fate) {
        let Some(closed) = &self.closed else { return };
        let mut waiting = closed.waiting();
        let Some(index) = waiting.steps.iter().position(|(step, _)| step.number == number) else { return };
        let (_, step) = waiting.steps.remove(index);
        drop(waiting);
        closed.inside.fetch_add(1, Ordering::SeqCst);
        // If it was cancelled meanwhile, its passage comes back and ends at once.
        let _ = step.send(Passage { through: Some(Arc::clone(closed)), fate });
    }
}

impl Waiting {
    fn came(&mut self, let_in: oneshot::Sender<Passage>, writes: bool) {
        self.steps.push((Step { number: self.came, writes }, let_in));
        self.came += 1;
    }
}

impl Closed {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_turnstile_lets_in_whom_it_is_told_to_and_an_open_one_everybody() {
        let turnstile = Turnstile::closed();
        let steps: Vec<_> = (0..2)
            .map(|n| {
                let turnstile = turnstile.clone();
                tokio::spawn(async move { turnstile.pass(n == 1).await })
            })
            .collect();
        tokio::task::yield_now().await;
        let (reads, writes) = (Step { number: 0, writes: false }, Step { number: 1, writes: true });
        assert_eq!((turnstile.waiting(), turnstile.inside()), (vec![reads, writes], 0));
        turnstile.let_in(1, Fate::Done);
        let [first, second] = <[_; 2]>::try_from(steps).unwrap();
        let inside = second.await.unwrap();
        assert_eq!((turnstile.waiting(), turnstile.inside()), (vec![reads], 1));
        drop(inside);
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert_eq!((turnstile.waiting(), turnstile.inside()), (vec![], 0));
        Turnstile::default().to_read().await;
    }
}
