//! Turns at writing to SQLite, within this process. The writer of money waits for one transaction at most.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

#[derive(Debug, Clone, Default)]
pub(super) struct Turns {
    /// All but the writer of money queue here first, so that only one of them waits at `writing`, or writes.
    others: Arc<Mutex<()>>,
    /// Whoever holds it writes. Fair, so that of two that wait the first comes first.
    writing: Arc<Mutex<()>>,
}

/// A turn at writing. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _writing: OwnedMutexGuard<()>,
    _others: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// For the writer of money: after the transaction that is under way, and before all others that wait.
    pub(super) async fn money(&self) -> Turn {
        Turn { _writing: Arc::clone(&self.writing).lock_owned().await, _others: None }
    }

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
    async fn the_writer_of_money_goes_before_a_thousand_others_that_wait() {
        let (turns, order) = (Turns::default(), Arc::new(Mutex::new(Vec::new())));
        let first = turns.other().await;
        let mut waiting = JoinSet::new();
        for _ in 0..1_000 {
            let (turns, order) = (turns.clone(), Arc::clone(&order));
            waiting.spawn(async move {
                let _turn = turns.other().await;
                order.lock().unwrap().push("other");
            });
        }
        yield_now().await;
        let (money, seen) = (turns.clone(), Arc::clone(&order));
        waiting.spawn(async move {
            for _ in 0..2 {
                let turn = money.money().await;
                seen.lock().unwrap().push("money");
                drop(turn);
                // Reading and deciding the next batch.
                yield_now().await;
            }
        });
        yield_now().await;
        drop(first);
        waiting.join_all().await;
        let order = order.lock().unwrap();
        let at: Vec<_> = (0..order.len()).filter(|at| order[*at] == "money").collect();
        assert_eq!((at, order.len()), (vec![0, 2], 1_002), "and the others get their turns in between");
    }
}
