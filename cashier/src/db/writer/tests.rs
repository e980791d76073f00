//! The queues in front of the writer.

use std::future::poll_fn;
use std::task::Poll;

use recharge::audit::Actor;
use recharge::command::{ExpireHold, RecordEvent};
use recharge::event::{Event, EventDetail};
use recharge::fixtures::{PLACED, order};
use recharge::spend::HoldId;
use tokio::task::yield_now;

use super::*;

fn money() -> RecordEvent {
    let detail = EventDetail::Note { by: Actor::Rule, text: String::new() };
    RecordEvent(Event::new(&order().out_trade_no, PLACED, detail))
}

fn spending() -> ExpireHold {
    ExpireHold { hold_id: HoldId::new(PLACED, [0; 10]), now: PLACED }
}

/// A writer whose task does not take anything, and what it would take from.
fn stopped() -> (Writer, mpsc::Receiver<Job>, mpsc::Receiver<Job>) {
    let (money, of_money) = mpsc::channel(QUEUE);
    let (spending, of_spending) = mpsc::channel(SPENDING_QUEUE);
    (Writer { money, spending }, of_money, of_spending)
}

/// What it comes to without waiting; `None` if it waits.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn money_goes_first_and_what_is_spent_leaves_it_places_in_every_batch() {
    let (writer, mut of_money, mut of_spending) = stopped();
    for _ in 0..1_100 {
        writer.money.try_send(Job::new(money()).0).unwrap();
    }
    for _ in 0..1_600 {
        writer.spending.try_send(Job::new(spending()).0).unwrap();
    }
    for expected in [1_024, 76 + 768, 768, 64] {
        let batch = at_once(next_batch(&mut of_money, &mut of_spending)).await.unwrap();
        assert_eq!(batch.len(), expected);
    }
    writer.spending.try_send(Job::new(spending()).0).unwrap();
    drop(writer);
    assert_eq!(next_batch(&mut of_money, &mut of_spending).await.len(), 1, "what waits is written first");
    assert_eq!(next_batch(&mut of_money, &mut of_spending).await.len(), 0);
}

#[tokio::test]
async fn a_flood_of_what_is_spent_is_refused_at_once_while_money_finds_its_queue_empty() {
    let (writer, _of_money, _of_spending) = stopped();
    let flood = vec![spending(); SPENDING_QUEUE];
    let more = vec![spending(); SPENDING_QUEUE + 1];
    let refused = at_once(writer.write_each(more)).await;
    assert!(matches!(refused, Some(Err(WriteError::Busy))), "all of them or none");
    assert_eq!(writer.waiting(Lane::Spending), 0);
    let flooding = writer.clone();
    let flooding = tokio::spawn(async move { flooding.write_each(flood).await.is_ok() });
    while writer.spending.capacity() > 0 && writer.waiting(Lane::Spending) < SPENDING_QUEUE {
        yield_now().await;
    }
    assert!(matches!(at_once(writer.write(spending())).await, Some(Err(WriteError::Busy))));
    let paying = writer.clone();
    let paying = tokio::spawn(async move { paying.write(money()).await.is_ok() });
    while writer.waiting(Lane::Money) == 0 {
        yield_now().await;
    }
    assert!(!paying.is_finished() && !flooding.is_finished(), "they wait");
    paying.abort();
    flooding.abort();
}
