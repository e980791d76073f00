//! Reading by a cursor, and what is deleted.

use cashier::outbox::ReadError;
use recharge::outbox::Cursor;

use super::*;
use crate::common::on_both;

const DAY_MS: i64 = 86_400_000;

async fn read(harness: &Harness, after: Option<&Cursor>, types: &[&str], limit: usize) -> (Vec<i64>, Cursor) {
    let types: Vec<_> = types.iter().map(|kind| (*kind).to_owned()).collect();
    let page = harness.cashier.events(after, &types, limit).await.unwrap();
    (page.events.iter().map(|event| event.seq).collect(), page.next)
}

async fn is_lost(harness: &Harness, cursor: &Cursor) -> bool {
    let read = harness.cashier.events(Some(cursor), &[], 10).await;
    assert!(matches!(read, Ok(_) | Err(ReadError::CursorLost { .. })));
    read.is_err()
}

#[tokio::test]
async fn pages_follow_each_other_and_a_type_leads_past_the_others() {
    on_both(|harness| async move {
        assert_eq!(read(&harness, None, &[], 2).await, (vec![], Cursor::start()));
        for n in 1..=3 {
            grant(&harness.cashier, "u_1", 100, &format!("g{n}")).await;
            harness.advance(1);
        }
        harness.paid(1000, 0).await;
        harness.advance(1);
        grant(&harness.cashier, "u_1", 100, "g5").await;
        let all = numbered(&harness).await;
        assert_eq!(all.len(), 5);
        let (first, next) = read(&harness, None, &[], 2).await;
        let (second, next) = read(&harness, Some(&next), &[], 2).await;
        let (third, end) = read(&harness, Some(&next), &[], 2).await;
        assert_eq!((first, second, third), (vec![1, 2], vec![3, 4], vec![5]));
        assert_eq!(end, Cursor::after(&all[4]));
        assert_eq!(read(&harness, Some(&end), &[], 2).await, (vec![], end.clone()));
        assert_eq!(read(&harness, None, &["recharge.paid"], 2).await, (vec![4], end.clone()));
        assert_eq!(read(&harness, None, &["recharge.paid", "grant.created"], 4).await.0, [1, 2, 3, 4]);
        assert_eq!(read(&harness, None, &["hold.expired"], 2).await, (vec![], end));
    })
    .await;
}

#[tokio::test]
async fn a_cursor_of_another_event_is_lost_and_so_is_one_whose_event_was_deleted() {
    on_both(|harness| async move {
        for n in 1..=3 {
            grant(&harness.cashier, "u_1", 100, &format!("g{n}")).await;
        }
        let events = numbered(&harness).await;
        let [first, second, third] = [0, 1, 2].map(|n| Cursor::after(&events[n]));
        // After a restored backup another event has the number.
        assert!(is_lost(&harness, &Cursor::at(2, &events[0].id)).await);
        assert!(is_lost(&harness, &Cursor::at(4, &events[2].id)).await, "one that the backup did not have");
        for cursor in [&Cursor::start(), &first, &second, &third] {
            assert!(!is_lost(&harness, cursor).await);
        }
        harness.advance(90 * DAY_MS);
        assert_eq!(harness.cashier.forget_events().await.unwrap(), 0);
        harness.advance(1);
        assert_eq!(harness.cashier.forget_events().await.unwrap(), 2);
        assert_eq!(harness.cashier.forget_events().await.unwrap(), 0);
        for (cursor, lost) in [(&Cursor::start(), true), (&first, true), (&second, true), (&third, false)] {
            assert_eq!(is_lost(&harness, cursor).await, lost, "{cursor}");
        }
        // The last one that a quiet site has is kept for those who have read it, until the next one is as old.
        grant(&harness.cashier, "u_1", 100, "g4").await;
        assert_eq!(numbered(&harness).await.len(), 2);
        assert_eq!(harness.cashier.forget_events().await.unwrap(), 0);
        assert_eq!(read(&harness, Some(&third), &[], 10).await.0, [4]);
    })
    .await;
}

#[tokio::test]
async fn old_events_are_deleted_a_thousand_at_a_time_and_those_without_a_number_stay() {
    on_both(|harness| async move {
        let rows: Vec<_> = (1..=2_500)
            .map(|n| {
                format!(
                    "('evt_{n}', {}, 'test.ping', 'x', 1, 0, '{{}}')",
                    if n > 2_400 { "NULL".to_owned() } else { n.to_string() }
                )
            })
            .collect();
        let sql = format!(
            "INSERT INTO outbox (id, seq, type, subject, version, at, body) VALUES {}",
            rows.join(",")
        );
        harness.execute(&sql).await;
        let mut deleted = Vec::new();
        while let Ok(count @ 1..) = harness.cashier.forget_events().await {
            deleted.push(count);
        }
        assert_eq!(deleted, [1_000, 1_000, 399]);
        assert_eq!(harness.count("SELECT COUNT(*) FROM outbox").await, 101);
    })
    .await;
}
