//! A bill that is being downloaded, row by row, with limits on time.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout, timeout_at};

use super::error::BillError;
use super::reader::BillReader;
use super::row::{BillRow, BillSummary};
use crate::error::Error;
use crate::transport::{Answer, Budget};

/// Limit until the answer begins: a bill of millions of rows may take WeChat a while.
const BEGIN: Duration = Duration::from_secs(30);

/// Limit of silence between two pieces.
const IDLE: Duration = Duration::from_secs(30);

/// Limit from beginning to end: 3 GB at 5 MB/s.
const WHOLE: Duration = Duration::from_secs(600);

/// Bytes that are read before their rows are handed out: a piece of gzip may hold a thousand times as much.
const PIECE: usize = 4096;

/// Gives rows with [`Bill::next`]; only its `None` says that the bill was complete. [`Bill::finish`] has the sums.
#[derive(Debug)]
pub struct Bill {
    answer: Answer,
    reader: BillReader,
    /// What was received and is not read yet.
    pending: Bytes,
    /// The bill's last line, once all has come.
    summary: Option<BillSummary>,
    idle: Duration,
    until: Instant,
}

impl Bill {
    /// The limits until an answer begins.
    pub(crate) fn begin(budget: Budget) -> Budget {
        Budget { first: budget.first.max(BEGIN / 2), total: budget.total.max(BEGIN) }
    }

    pub(crate) fn new(answer: Answer) -> Bill {
        Bill {
            answer,
            reader: BillReader::new(),
            pending: Bytes::new(),
            summary: None,
            idle: IDLE,
            until: Instant::now() + WHOLE,
        }
    }

    /// The same bill, whose end is its end only if SHA-1 of the unpacked file is `sha1`.
    pub(crate) fn with_sha1(self, sha1: [u8; 20]) -> Bill {
        Bill { reader: self.reader.with_sha1(sha1), ..self }
    }

    /// The same with other limits: on the silence between two pieces, and on all of it from now on.
    #[must_use]
    pub fn with_limits(self, idle_ms: u64, whole_ms: u64) -> Self {
        let until = Instant::now() + Duration::from_millis(whole_ms);
        Bill { idle: Duration::from_millis(idle_ms), until, ..self }
    }

    /// The next row, `None` after the last one.
    /// # Errors
    /// [`BillError`]: WeChat's message in place of a bill, a line that cannot be read, a bill that was cut off, or a
    /// call that broke off. Call it no more then.
    pub async fn next(&mut self) -> Result<Option<BillRow>, BillError> {
        loop {
            if let Some(row) = self.reader.pop() {
                return Ok(Some(row));
            }
            if self.summary.is_some() {
                return Ok(None);
            }
            if self.pending.is_empty() {
                let chunk = timeout_at(self.until, timeout(self.idle, self.answer.chunk())).await;
                self.pending = match chunk {
                    Ok(Ok(chunk)) => match chunk? {
                        Some(chunk) => chunk,
                        None => {
                            self.summary = Some(self.reader.finish()?);
                            continue;
                        }
                    },
                    _ => return Err(self.too_slow()),
                };
            }
            let piece = self.pending.split_to(self.pending.len().min(PIECE));
            self.reader.push(&piece)?;
        }
    }

    /// What the bill's last line says; reads on to the end if [`Bill::next`] has not.
    /// # Errors
    /// As [`Bill::next`].
    pub async fn finish(mut self) -> Result<BillSummary, BillError> {
        loop {
            match self.summary.take() {
                Some(summary) => return Ok(summary),
                None => drop(self.next().await?),
            }
        }
    }

    fn too_slow(&self) -> BillError {
        let limit = if Instant::now() >= self.until { WHOLE } else { self.idle };
        let budget_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        BillError::Call(Error::Timeout { budget_ms })
    }
}
