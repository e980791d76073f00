//! Two mutexes that order the writers of one process before they reach SQLite, which allows one write transaction at a time.
//! The writer of money waits for one other transaction at most, however many there are.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

#[derive(Debug, Clone, Default)]
pub(super) struct Turns {
    /// Taken first by all but the writer of money, and held until the end of the transaction: so only one of them at a time waits
    /// for `writing` or has it.
    others: Arc<Mutex<()>>,
    /// Held during a write transaction. Tokio's mutex is fair: it is granted in the order of arrival.
    writing: Arc<Mutex<()>>,
}

/// The right to write; dropping it lets the next writer in.
#[derive(Debug)]
pub(super) struct Turn {
    _writing: OwnedMutexGuard<()>,
    _others: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// For the writer of money: granted after the transaction under way and at most one that waits for `writing` already.
    pub(super) async fn money(&self) -> Turn {
        Turn { _writing: Arc::clone(&self.writing).lock_owned().await, _others: None }
    }

    /// For every other writer, in the order of arrival.
    pub(super) async fn other(&self) -> Turn {
        let others = Arc::clone(&self.others).lock_owned().await;
        Turn { _writing: Arc::clone(&self.writing).lock_owned().await, _others: Some(others) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::task::{JoinSet, yield_now};

    use super::*;

    #[tokio::test]
    async fn the_writer_of_money_waits_for_one_of_a_thousand_others_at_most() {
        let (turns, written) = (Turns::default(), Arc::new(Mutex::new(0_u32)));
        let first = turns.other().await;
        let mut waiting = JoinSet::new();
        for _ in 0..1_000 {
            let (turns, written) = (turns.clone(), Arc::clone(&written));
            waiting.spawn(async move {
                let _turn = turns.other().await;
                *written.lock().unwrap() += 1;
            });
        }
        // Each task holds one handle, and another one once it waits.
        while Arc::strong_count(&turns.others) < 2_002 {
            yield_now().await;
        }
        drop(first);
        for _ in 0..3 {
            let before = *written.lock().unwrap();
            let turn = turns.money().await;
            let went_before = *written.lock().unwrap() - before;
            assert!(went_before <= 1, "{went_before} others wrote before the money");
            drop(turn);
            // Reading and deciding the next batch, while others write.
            yield_now().await;
        }
        waiting.join_all().await;
        assert_eq!(*written.lock().unwrap(), 1_000, "and all the others get their turns");
    }
}
