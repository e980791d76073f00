//! The queries of a run, paced and ended early during an outage: for payments that the books lack, and for those that the bill
//! lacks.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Progress, Run, Step};
use crate::core::Inner;
use crate::query::QueryError;
use crate::reconcile::books::Books;
use crate::reconcile::confirm::Confirmed;
use crate::reconcile::error::ReconcileError;
use recharge::audit::Actor;
use recharge::reconciliation::{Difference, Done, Line, reason};

/// Queries of a run per second; the schedule's own go on beside it.
const ASKED_PER_S: usize = 20;

/// Consecutive unclear answers after which the run ends.
const UNCLEAR_IN_A_ROW: usize = 20;

/// What is queried, in rounds of at most [`ASKED_PER_S`], one round a second.
struct Rounds<T> {
    left: std::vec::IntoIter<T>,
    of: usize,
    /// When the last round began, by [`crate::Clock::steady`].
    began: Option<Duration>,
    unclear_in_a_row: usize,
}

impl<T> Rounds<T> {
    fn of(items: Vec<T>) -> Rounds<T> {
        Rounds { of: items.len(), left: items.into_iter(), began: None, unclear_in_a_row: 0 }
    }
}

impl Run<'_> {
    /// Queries each payment that the books lack, credits it on the answer, and stores what is left as differences.
    pub(super) async fn ask_all(&mut self, lines: Vec<Line>) -> Result<(), ReconcileError> {
        let mut rounds = Rounds::of(lines);
        let confirm = async |inner: Arc<Inner>, line: Line| {
            let confirmed = inner.confirm(&line.row, &Actor::Reconciliation).await;
            (line, confirmed)
        };
        let is_unclear = |confirmed: &Confirmed| matches!(confirmed, Confirmed::Unclear);
        while let Some(answers) = self.round(&mut rounds, confirm, is_unclear).await? {
            let (lines, answers): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
            // Read again: each answer may have changed an order.
            let books = Books::read(self.cashier, &lines).await?;
            let mut found = Vec::new();
            for (line, confirmed) in lines.iter().zip(answers) {
                match books.after(line, confirmed, self.cashier.now()) {
                    Some(difference) => {
                        self.figures.credited += i64::from(difference.done == Done::Credited);
                        found.push(difference);
                    }
                    None => self.figures.matched += 1,
                }
            }
            self.keep(&found).await?;
        }
        Ok(())
    }

    /// Queries what the bill lacks and no later bill can have, so that the page states WeChat's answer and not an assumption.
    pub(super) async fn ask_lacking(
        &mut self,
        lacking: Vec<Difference>,
    ) -> Result<Vec<Difference>, ReconcileError> {
        let (to_ask, mut asked): (Vec<_>, Vec<_>) =
            lacking.into_iter().partition(|lacking| lacking.reason == reason::NOT_IN_BILL);
        let mut rounds = Rounds::of(to_ask);
        let ask = async |inner: Arc<Inner>, lacking: Difference| {
            let word = inner.ask_lacking(&lacking).await;
            (lacking, word)
        };
        let is_unclear = |word: &String| word == reason::NO_CLEAR_ANSWER;
        while let Some(answers) = self.round(&mut rounds, ask, is_unclear).await? {
            asked.extend(answers.into_iter().map(|(lacking, word)| lacking.because(word)));
            // Renews the claim.
            self.keep(&[]).await?;
        }
        Ok(asked)
    }

    /// Queries the next round, once a second has passed since the one before began. Returns its items with WeChat's answers, in
    /// their order; `None` after the last round. Unclear answers are counted; too many in a row are an outage, and that is an error,
    /// also after the last round.
    async fn round<T, A, F>(
        &mut self,
        rounds: &mut Rounds<T>,
        ask: impl Fn(Arc<Inner>, T) -> F,
        is_unclear: impl Fn(&A) -> bool,
    ) -> Result<Option<Vec<(T, A)>>, ReconcileError>
    where
        T: Send + 'static,
        A: Send + 'static,
        F: Future<Output = (T, Result<A, QueryError>)> + Send + 'static,
    {
        let clock = &self.cashier.inner.clock;
        if let Some(began) = rounds.began {
            let done = rounds.of - rounds.left.len();
            (self.progress)(Progress { step: Step::Asking, done: done as i64, of: Some(rounds.of as i64) });
            if rounds.unclear_in_a_row >= UNCLEAR_IN_A_ROW {
                return Err(ReconcileError::Unclear { payments: self.unclear });
            }
            if rounds.left.len() > 0 {
                let passed = clock.steady().saturating_sub(began);
                clock.sleep(Duration::from_secs(1).saturating_sub(passed)).await;
            }
        }
        rounds.began = Some(clock.steady());
        let mut asking = JoinSet::new();
        for (n, item) in rounds.left.by_ref().take(ASKED_PER_S).enumerate() {
            let asked = ask(Arc::clone(&self.cashier.inner), item);
            asking.spawn(async move { (n, asked.await) });
        }
        if asking.is_empty() {
            return Ok(None);
        }
        let mut answers = asking.join_all().await;
        answers.sort_by_key(|(n, _)| *n);
        let mut round = Vec::with_capacity(answers.len());
        for (_, (item, answer)) in answers {
            let answer = answer.map_err(ReconcileError::Ask)?;
            let unclear = is_unclear(&answer);
            self.unclear += i64::from(unclear);
            rounds.unclear_in_a_row = if unclear { rounds.unclear_in_a_row + 1 } else { 0 };
            round.push((item, answer));
        }
        Ok(Some(round))
    }
}
