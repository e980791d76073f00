//! Tells sites that their orders were paid, until each says `success`: by the same waits as webhooks, three days long. What is owed was
//! written with the money, so no crash forgets it; a site may be told twice, and must take that.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use recharge::epay::{Notice, Pid, lists};
use recharge::webhook::{Next, Outcome, next_try};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Epay, EpayError};
use crate::db::epay_orders::{self, Claimed, Ended};
use crate::db::{DbError, epay_merchants};
use crate::pulse::Pulse;
use crate::webhooks::Reply;

/// Requests at once to the hosts of one merchant: one that does not answer holds up no other.
const AT_ONCE: usize = 4;
/// Time between two looks without a reason.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a try went.
struct Try {
    is_told: bool,
    problem: Option<&'static str>,
    status: Option<u16>,
    retry_after_ms: Option<i64>,
}

impl Try {
    /// Nothing was sent.
    fn not_sent(problem: &'static str) -> Try {
        Try { is_told: false, problem: Some(problem), status: None, retry_after_ms: None }
    }

    fn of(reply: &Reply) -> Try {
        let is_told = reply.outcome == Outcome::Delivered && Notice::is_taken(&reply.text);
        let problem = match reply.outcome.problem() {
            None if is_told => None,
            None => Some("answer"),
            Some(problem) => Some(problem.name()),
        };
        Try { is_told, problem, status: reply.status, retry_after_ms: reply.retry_after_ms }
    }
}

impl Epay {
    /// Tells for ever. What a process that ends has claimed goes back by its lease.
    pub async fn run(&self, pulse: &Pulse) {
        let (mut sending, mut places) = (JoinSet::new(), HashMap::new());
        loop {
            if let Err(error) = pulse.during(self.look(&mut sending, &mut places)).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "notices of 易支付 could not be looked for");
            }
            tokio::select! {
                Some(ended) = sending.join_next(), if !sending.is_empty() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a notice of 易支付 panicked");
                    }
                }
                () = pause(LOOK_EVERY) => {}
            }
        }
    }

    /// Claims what is due as far as there are places, and sends it.
    async fn look(
        &self,
        sending: &mut JoinSet<()>,
        places: &mut HashMap<Pid, Arc<Semaphore>>,
    ) -> Result<(), DbError> {
        let now = self.0.clock.now();
        for pid in epay_orders::due(&self.0.db, now).await? {
            let places = places.entry(pid).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
            let room = places.available_permits();
            if room == 0 {
                continue;
            }
            let db = self.0.db.clone();
            let claim = async move { epay_orders::claim(&db, pid, room, now).await };
            for claimed in self.0.db.run_to_completion(claim).await? {
                let (epay, place) = (self.clone(), Arc::clone(places).try_acquire_owned());
                sending.spawn(async move {
                    let _place = place;
                    epay.tell(claimed).await;
                });
            }
        }
        Ok(())
    }

    /// One try, and what is written of it.
    async fn tell(&self, claimed: Claimed) {
        let tried = match self.send(&claimed).await {
            Ok(tried) => tried,
            Err(error) => {
                // Its lease gives it back.
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "a notice of 易支付 could not be read");
                return;
            }
        };
        let (now, random) = (self.0.clock.now(), u32::from_le_bytes(self.0.random.bytes()));
        let (first_at, retry_after_ms) = (claimed.first_at, tried.retry_after_ms);
        let ended = match tried.is_told {
            true => Ended::Told,
            false => match next_try(claimed.failures + 1, first_at, Some(now), retry_after_ms, now, random) {
                Next::At(at) => Ended::Again { at },
                Next::GiveUp => Ended::GivenUp,
            },
        };
        let (reference, problem) = (claimed.wanted.reference.clone(), tried.problem.unwrap_or_default());
        let outcome = match &ended {
            Ended::Told => "told",
            Ended::Again { .. } => "failed",
            Ended::GivenUp => "given_up",
        };
        observe::EPAY_TRIES.of([outcome]).inc();
        match &ended {
            Ended::Told => tracing::info!("told the site of {reference}"),
            Ended::Again { .. } => tracing::warn!("the site of {reference} was not told: {problem}"),
            Ended::GivenUp => {
                tracing::error!("the site of {reference} was never told in 72 hours: {problem}")
            }
        }
        let db = self.0.db.clone();
        let written =
            async move { epay_orders::write(&db, &claimed, &ended, tried.problem, tried.status, now).await };
        if let Err(error) = self.0.db.run_to_completion(written).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "how {reference} was told was not written; it is told again");
        }
    }

    async fn send(&self, claimed: &Claimed) -> Result<Try, DbError> {
        let wanted = &claimed.wanted;
        let Some(merchant) = epay_merchants::find(&self.0.db, wanted.pid).await? else {
            return Ok(Try::not_sent("merchant"));
        };
        // The list may have become shorter since the order was asked for.
        if lists(&merchant.hosts, &wanted.notify_url).is_err() {
            return Ok(Try::not_sent("not_listed"));
        }
        let key = match self.key(&merchant) {
            Ok(key) => key,
            Err(EpayError::Db(error)) => return Err(error),
            Err(_) => return Ok(Try::not_sent("secret")),
        };
        let Some(notice) = self.paid(wanted).await? else { return Ok(Try::not_sent("order")) };
        let Some(address) = notice.at(&wanted.notify_url, &key) else { return Ok(Try::not_sent("address")) };
        Ok(Try::of(&self.0.sender.get(&address).await))
    }
}

/// By the machine's clock: what is due is told by the cashier's, which tests set.
#[expect(clippy::disallowed_methods, reason = "requests take real time, also where a test sets the clock")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
