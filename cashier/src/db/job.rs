//! A command in the writer's queue, together with the caller who waits for its own kind of reply.

use std::any::Any;
use std::fmt;
use std::time::{Duration, Instant};

use observe::request::{Request, RequestId};
use recharge::batch::{Apply, Batch};
use recharge::command::{Lane, Outcome, Reads};
use recharge::exception::ExceptionId;
use recharge::spend::Shifts;
use tokio::sync::oneshot;
use wxpay::UnixMillis;

use super::error::WriteError;

/// A queued command. A job that is dropped unanswered tells its caller that the outcome is unknown.
pub struct Job {
    command: Box<dyn Queued>,
    lane: Lane,
    came: Instant,
    /// The request that it was made for, if any.
    request: Option<RequestId>,
}

/// The reply of a job, as its caller gets it.
pub type Answer<R> = oneshot::Receiver<Result<R, WriteError>>;

impl Job {
    /// A job for `command`, and where its reply arrives.
    pub fn new<C>(command: C) -> (Job, Answer<C::Reply>)
    where
        C: Apply + Send + Sync + 'static,
        C::Reply: Any + Send + Sync,
    {
        let (caller, answer) = oneshot::channel();
        let command = Box::new(Waiting { command, reply: None, caller: Some(caller) });
        let request = Request::current().map(|request| request.id);
        (Job { command, lane: C::LANE, came: Instant::now(), request }, answer)
    }

    /// Its queue, and how long it has waited there.
    pub(super) fn waited(&self, now: Instant) -> (Lane, Duration) {
        (self.lane, now.saturating_duration_since(self.came))
    }

    /// What has to be read before it can be decided.
    pub(super) fn reads<'j>(&'j self, reads: &mut Reads<'j>) {
        self.command.reads(reads);
    }

    /// Decides it; the reply is kept until it is known whether it was written. What it puts on time lines names its request.
    pub(super) fn apply(&mut self, batch: &mut Batch<'_>) {
        let before = batch.events.len();
        self.command.apply(batch);
        if let Some(request) = self.request {
            batch.events[before..].iter_mut().for_each(|event| event.request = Some(request.to_string()));
        }
    }

    /// Dates an exception that was on record already back to when it was seen first.
    pub(super) fn date(&mut self, seen: &[(ExceptionId, UnixMillis)]) {
        if let Some(Outcome::Exception { id, first_seen_at }) = self.command.outcome()
            && let Some((_, at)) = seen.iter().find(|(known, _)| known == id)
        {
            *first_seen_at = *at;
        }
    }

    /// Puts right what the reply says of accounts that others moved since they were read.
    pub(super) fn shift(&mut self, shifts: &Shifts) {
        self.command.shift(shifts);
    }

    /// Gives the caller the reply, or the error if nothing of it was written.
    pub(super) fn answer(&mut self, written: Result<(), WriteError>) {
        self.command.answer(written);
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

/// [`Waiting`] without the types of command and reply.
trait Queued: Send + Sync {
    fn reads<'j>(&'j self, reads: &mut Reads<'j>);
    fn apply(&mut self, batch: &mut Batch<'_>);
    fn shift(&mut self, shifts: &Shifts);
    fn outcome(&mut self) -> Option<&mut Outcome>;
    fn answer(&mut self, written: Result<(), WriteError>);
}

struct Waiting<C: Apply> {
    command: C,
    reply: Option<C::Reply>,
    caller: Option<oneshot::Sender<Result<C::Reply, WriteError>>>,
}

impl<C> Queued for Waiting<C>
where
    C: Apply + Send + Sync,
    C::Reply: Any + Send + Sync,
{
    fn reads<'j>(&'j self, reads: &mut Reads<'j>) {
        self.command.reads(reads);
    }

    fn apply(&mut self, batch: &mut Batch<'_>) {
        self.reply = Some(self.command.apply(batch));
    }

    fn shift(&mut self, shifts: &Shifts) {
        if let Some(reply) = &mut self.reply {
            C::shift(reply, shifts);
        }
    }

    fn outcome(&mut self) -> Option<&mut Outcome> {
        let reply: &mut dyn Any = self.reply.as_mut()?;
        reply.downcast_mut()
    }

    fn answer(&mut self, written: Result<(), WriteError>) {
        let Some(caller) = self.caller.take() else { return };
        let reply = match (written, self.reply.take()) {
            (Ok(()), Some(reply)) => Ok(reply),
            (Err(error), _) => Err(error),
            // Not decided: the sender is dropped, and the caller learns that nothing is known.
            (Ok(()), None) => return,
        };
        // The caller may be gone; what was written stands all the same.
        let _ = caller.send(reply);
    }
}
