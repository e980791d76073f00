//! The queries of a run, paced and ended early during an outage: for payments that the books lack, and for those that the bill
//! lacks.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{Progress, Run, Step};
use crate::reconcile::books::Books;
use crate::reconcile::confirm::Confirmed;
use crate::reconcile::error::ReconcileError;
use recharge::audit::Actor;
use recharge::reconciliation::{Difference, Done, Line, reason};

/// Queries of a run per second; the schedule's own go on beside it.
const ASKED_PER_S: usize = 20;

/// Consecutive unclear answers after which the run ends.
const UNCLEAR_IN_A_ROW: usize = 20;

impl Run<'_> {
    /// Queries each payment that the books lack, credits it on the answer, and stores what is left as differences.
    pub(super) async fn ask_all(&mut self, lines: Vec<Line>) -> Result<i64, ReconcileError> {
        let (of, mut unclear, mut in_a_row) = (lines.len(), 0, 0);
        for (n, lines) in lines.chunks(ASKED_PER_S).enumerate() {
            let (clock, began) = (&self.cashier.inner.clock, self.cashier.inner.clock.steady());
            let mut asking = JoinSet::new();
            for line in lines.iter().cloned() {
                let inner = std::sync::Arc::clone(&self.cashier.inner);
                asking.spawn(async move {
                    let confirmed = inner.confirm(&line.row, &Actor::Reconciliation).await;
                    (line, confirmed)
                });
            }
            let mut answers = asking.join_all().await;
            answers.sort_by_key(|(line, _)| line.row.line);
            // Read again: each answer may have changed an order.
            let books = Books::read(self.cashier, lines).await?;
            let mut found = Vec::new();
            for (line, confirmed) in answers {
                let confirmed = confirmed.map_err(ReconcileError::Ask)?;
                in_a_row = if matches!(confirmed, Confirmed::Unclear) { in_a_row + 1 } else { 0 };
                unclear += i64::from(matches!(confirmed, Confirmed::Unclear));
                match books.after(&line, confirmed, self.cashier.now()) {
                    Some(difference) => {
                        self.figures.credited += i64::from(difference.done == Done::Credited);
                        found.push(difference);
                    }
                    None => self.figures.matched += 1,
                }
            }
            self.keep(&found).await?;
            if in_a_row >= UNCLEAR_IN_A_ROW {
                return Err(ReconcileError::Unclear { payments: unclear });
            }
            let asked = n * ASKED_PER_S + lines.len();
            (self.progress)(Progress { step: Step::Asking, done: asked as i64, of: Some(of as i64) });
            if asked < of {
                let passed = clock.steady().saturating_sub(began);
                clock.sleep(Duration::from_secs(1).saturating_sub(passed)).await;
            }
        }
        Ok(unclear)
    }

    /// Queries what the bill lacks and no later bill can have, so that the page states WeChat's answer and not an assumption.
    pub(super) async fn ask_lacking(
        &mut self,
        lacking: Vec<Difference>,
    ) -> Result<Vec<Difference>, ReconcileError> {
        let (to_ask, mut asked): (Vec<_>, Vec<_>) =
            lacking.into_iter().partition(|lacking| lacking.reason == reason::NOT_IN_BILL);
        let (of, mut in_a_row) = (to_ask.len(), 0);
        for (n, chunk) in to_ask.chunks(ASKED_PER_S).enumerate() {
            let (clock, began) = (&self.cashier.inner.clock, self.cashier.inner.clock.steady());
            let mut asking = JoinSet::new();
            for lacking in chunk.iter().cloned() {
                let inner = std::sync::Arc::clone(&self.cashier.inner);
                asking.spawn(async move {
                    let word = inner.ask_lacking(&lacking).await;
                    (lacking, word)
                });
            }
            let mut answers = asking.join_all().await;
            answers.sort_by(|(one, _), (other, _)| one.key.cmp(&other.key));
            for (lacking, word) in answers {
                let word = word.map_err(ReconcileError::Ask)?;
                let is_unclear = word == reason::NO_CLEAR_ANSWER;
                in_a_row = if is_unclear { in_a_row + 1 } else { 0 };
                self.unclear += i64::from(is_unclear);
                asked.push(lacking.because(word));
            }
            if in_a_row >= UNCLEAR_IN_A_ROW {
                return Err(ReconcileError::Unclear { payments: self.unclear });
            }
            // Renews the claim.
            self.keep(&[]).await?;
            let done = n * ASKED_PER_S + chunk.len();
            (self.progress)(Progress { step: Step::Asking, done: done as i64, of: Some(of as i64) });
            if done < of {
                let passed = clock.steady().saturating_sub(began);
                clock.sleep(Duration::from_secs(1).saturating_sub(passed)).await;
            }
        }
        Ok(asked)
    }
}
