//! The queues in front of the writer.

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

#[tokio::test]
async fn money_goes_first_and_what_is_spent_leaves_it_places_in_every_batch() {
    let (writer, mut of_money, mut of_spending) = stopped();
    for _ in 0..300 {
        writer.money.try_send(Job::new(money()).0).unwrap();
    }
    for _ in 0..400 {
        writer.spending.try_send(Job::new(spending()).0).unwrap();
    }
    let mut batches = Vec::new();
    for _ in 0..4 {
        batches.push(next_batch(&mut of_money, &mut of_spending).await.len());
    }
    assert_eq!(batches, [256, 44 + 192, 192, 16]);
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
    assert!(matches!(writer.write_each(more).await, Err(WriteError::Busy)), "all of them or none");
    assert_eq!(writer.waiting(), 0);
    let flooding = writer.clone();
    let flooding = tokio::spawn(async move { flooding.write_each(flood).await.is_ok() });
    while writer.waiting() < SPENDING_QUEUE {
        yield_now().await;
    }
    assert!(matches!(writer.write(spending()).await, Err(WriteError::Busy)));
    let paying = writer.clone();
    let paying = tokio::spawn(async move { paying.write(money()).await.is_ok() });
    while writer.waiting() == SPENDING_QUEUE {
        yield_now().await;
    }
    assert!(!paying.is_finished() && !flooding.is_finished(), "they wait");
    paying.abort();
    flooding.abort();
}
