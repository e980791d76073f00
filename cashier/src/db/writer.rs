//! Group commit: the one task of a process that writes money commits all queued commands in one transaction and answers after
//! the commit, so that many notices share one flush to disk. There are two queues, because what a site spends may come in floods
//! and must not make a notice wait.

use std::sync::LazyLock;
use std::time::Instant;

use observe::{Histogram, float};
use tokio::sync::mpsc;

use super::DbError;
pub use super::error::WriteError;
use super::job::{Answer, Job};
use recharge::batch::Apply;
use recharge::command::Lane;

mod committer;

pub use committer::Committer;

/// Commands in one transaction at most. Accounts of many debits share pages, and a page is written once in a transaction: sets of
/// debits were 1.2 to 1.4 times as fast with 1,024 as with 256, for 25 % less processor time each.
const MOST: usize = 1024;

/// Of these, commands of [`Lane::Spending`] at most, so that money that comes in meanwhile finds a place in the next batch.
const MOST_SPENDING: usize = 768;

/// Capacity of the queue; commands beyond it are refused at once instead of answered too late.
const QUEUE: usize = 16_384;

/// Capacity of the queue of [`Lane::Spending`]; its callers are programs, which try again.
const SPENDING_QUEUE: usize = 4_096;

/// The queues in front of the writing task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer {
    money: mpsc::Sender<Job>,
    spending: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the task. It ends when the last `Writer` is dropped and the queues are empty.
    pub fn start(committer: Committer) -> Writer {
        let (money, mut of_money) = mpsc::channel::<Job>(QUEUE);
        let (spending, mut of_spending) = mpsc::channel::<Job>(SPENDING_QUEUE);
        tokio::spawn(async move {
            loop {
                let mut jobs = next_batch(&mut of_money, &mut of_spending).await;
                if jobs.is_empty() {
                    return;
                }
                measure(&jobs);
                let committer = committer.clone();
                // In a task of its own: a panic in one batch must not end the writer.
                let committing = tokio::spawn(async move { committer.commit(&mut jobs).await });
                if let Err(error) = committing.await {
                    tracing::error!(%error, "a batch of writes ended without an answer");
                }
            }
        });
        Writer { money, spending }
    }

    /// Writes one command and answers once it is on disk. Dropping the future does not undo it.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn write<C>(&self, command: C) -> Result<C::Reply, WriteError>
    where
        C: Apply + Send + Sync + 'static,
        C::Reply: Send + Sync + 'static,
    {
        let (job, answer) = Job::new(command);
        self.lane(C::LANE).try_send(job).map_err(|_| busy(C::LANE))?;
        answered(answer).await
    }

    /// Writes commands in their order, each for itself: one may be refused or fail without the others. There is a place in the
    /// queue for all of them or for none.
    ///
    /// # Errors
    /// [`WriteError::Busy`]: nothing of it was written.
    pub async fn write_each<C>(
        &self,
        commands: Vec<C>,
    ) -> Result<Vec<Result<C::Reply, WriteError>>, WriteError>
    where
        C: Apply + Send + Sync + 'static,
        C::Reply: Send + Sync + 'static,
    {
        let places = self.lane(C::LANE).try_reserve_many(commands.len()).map_err(|_| busy(C::LANE))?;
        let (jobs, answers): (Vec<_>, Vec<_>) = commands.into_iter().map(Job::new).unzip();
        places.zip(jobs).for_each(|(place, job)| place.send(job));
        let mut replies = Vec::with_capacity(answers.len());
        for answer in answers {
            replies.push(answered(answer).await);
        }
        Ok(replies)
    }

    fn lane(&self, lane: Lane) -> &mpsc::Sender<Job> {
        match lane {
            Lane::Money => &self.money,
            Lane::Spending => &self.spending,
        }
    }

    /// How many commands wait in each queue.
    pub fn waiting(&self, lane: Lane) -> usize {
        let queue = self.lane(lane);
        queue.max_capacity() - queue.capacity()
    }
}

fn busy(lane: Lane) -> WriteError {
    observe::WRITER_REFUSED.of([lane.name()]).inc();
    WriteError::Busy
}

/// The series of the queues: commands of a batch, and how long those of each lane waited.
static MEASURED: LazyLock<[Histogram; 3]> = LazyLock::new(|| {
    let wait = |lane: Lane| observe::WRITER_WAIT.of([lane.name()]);
    [observe::WRITER_BATCH.of([]), wait(Lane::Money), wait(Lane::Spending)]
});

fn measure(jobs: &[Job]) {
    let ([batch, money, spending], now) = (&*MEASURED, Instant::now());
    batch.observe(float(jobs.len()));
    for job in jobs {
        let (lane, waited) = job.waited(now);
        let wait = match lane {
            Lane::Money => money,
            Lane::Spending => spending,
        };
        wait.observe(waited.as_secs_f64());
    }
}

async fn answered<R>(answer: Answer<R>) -> Result<R, WriteError> {
    answer.await.unwrap_or_else(|_| Err(DbError::TaskEnded.into()))
}

/// Waits for commands and takes what fits into one transaction: money first. Empty once there will be no more.
async fn next_batch(money: &mut mpsc::Receiver<Job>, spending: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let (mut jobs, mut spent) = (Vec::with_capacity(MOST), Vec::new());
    tokio::select! {
        biased;
        _ = money.recv_many(&mut jobs, MOST) => {}
        _ = spending.recv_many(&mut spent, MOST_SPENDING) => {}
    }
    // What came in the meantime, or waited in the other queue.
    while jobs.len() + spent.len() < MOST
        && let Ok(job) = money.try_recv()
    {
        jobs.push(job);
    }
    while jobs.len() + spent.len() < MOST
        && spent.len() < MOST_SPENDING
        && let Ok(job) = spending.try_recv()
    {
        spent.push(job);
    }
    jobs.append(&mut spent);
    jobs
}

#[cfg(test)]
mod tests;
