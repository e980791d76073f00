//! What a restart finds: a hundred thousand notices that WeChat has queued, three in ten of them repeats.

use std::sync::Arc;
use std::time::Duration;

use crate::drive::Job;
use crate::notices::TAKEN;
use crate::numbers::{grouped, millis};
use crate::report::{Rows, Share};
use crate::sites::{Kind, Site};
use crate::{Failure, Plan, seed};

const QUEUED: usize = 100_000;
/// Of ten notices so many are new; the rest repeat what came some time before.
const NEW_OF_TEN: usize = 7;
const LIMIT: Duration = Duration::from_secs(300);

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Drain of queued notices");
    let site = Site::start(plan, Kind::Saoma, b"").await?;
    let orders = seed::orders(QUEUED * NEW_OF_TEN / 10);
    seed::insert(&site.database, Kind::Saoma, &orders).await?;
    let notices = seed::notices(&orders, site.addr);
    let job = Job {
        addr: site.addr,
        requests: Arc::new((0..QUEUED).map(|place| notices[order_at(place)].clone()).collect()),
        connections: plan.connections as usize,
        from: 0,
        to: QUEUED,
        limit: LIMIT,
        good: TAKEN,
        awake: plan.core.is_some(),
        per_second: None,
    };
    let share = Share::begin(&site)?;
    let driven = job.run().await?.checked()?;
    rows.round("Saoma", 1, &driven, &share.end(&site, &driven)?);
    if driven.good.len() != QUEUED {
        return Err(format!("only {} of {QUEUED} were answered in time", driven.good.len()).into());
    }
    seed::check(&site.database, &orders, &(0..orders.len()).collect::<Vec<_>>()).await?;
    let took = millis(u64::try_from(driven.elapsed.as_micros())?);
    rows.row("100,000 queued notices, 30 % repeats", took, "");
    rows.note(format!("{} orders, each credited once.", grouped(orders.len() as u64)));
    site.process.stop().await?;
    Ok(rows)
}

/// Which order the notice at this place of the queue is about. Every order is new once, and repeats look back.
fn order_at(place: usize) -> usize {
    let (tens, of_ten) = (place / 10, place % 10);
    let new = tens * NEW_OF_TEN + of_ten.min(NEW_OF_TEN - 1);
    if of_ten < NEW_OF_TEN { new } else { new / 2 + of_ten - NEW_OF_TEN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_new_once_and_three_in_ten_repeat() {
        let mut seen = vec![0; QUEUED * NEW_OF_TEN / 10];
        let mut repeats = 0;
        for place in 0..QUEUED {
            let order = order_at(place);
            repeats += usize::from(seen[order] > 0);
            seen[order] += 1;
        }
        assert!(seen.iter().all(|times| *times > 0));
        assert_eq!(repeats, QUEUED * 3 / 10);
    }
}
