//! Yesterday's backup is restored, and the site's own books are of today: it repeats its debits of that day, and goes on with events.

use std::collections::HashSet;

use cashier::{Cashier, Clock, outbox::ReadError};
use recharge::{
    audit::Actor,
    outbox::{Cursor, StoredEvent},
    spend::{Amount, DebitRequest, HoldLife, HoldRequest, Metadata, OnShortfall, Reason, Reference},
};

use super::past::{day, in_the_past};

fn site() -> Actor {
    Actor::Key("forum".to_owned())
}

/// The id of the debit under this reference, and whether this call took it.
async fn debit(cashier: &Cashier, fen: i64, reference: &str) -> (String, bool) {
    let request = DebitRequest {
        user_id: "lin".to_owned(),
        amount: Amount::new(fen).unwrap(),
        reference: Reference::parse(reference).unwrap(),
        reason: Reason::parse("VIP 30 days").unwrap(),
        metadata: Metadata::default(),
        on_shortfall: OnShortfall::Refuse,
    };
    let reply = cashier.debit(request, site()).await.unwrap();
    (reply.debit.id.to_string(), reply.changed)
}

/// The hold under a reference, captured: the id of its debit, and whether this call took it.
async fn hold_and_capture(cashier: &Cashier, reference: &str) -> (String, bool) {
    let request = HoldRequest {
        user_id: "lin".to_owned(),
        amount: Amount::new(200).unwrap(),
        reference: Reference::parse(reference).unwrap(),
        reason: Reason::parse("job").unwrap(),
        metadata: Metadata::default(),
        life: HoldLife::seconds(604_800).unwrap(),
    };
    let hold = cashier.hold(request, site()).await.unwrap().hold;
    let fen = Amount::new(150).unwrap();
    let reply = cashier.capture_hold(hold.id, fen, OnShortfall::Refuse, site()).await.unwrap();
    (reply.debit.id.to_string(), reply.changed)
}

/// All events after a cursor, numbered, and the next cursor.
async fn events(cashier: &Cashier, after: Option<&Cursor>) -> (Vec<StoredEvent>, Cursor) {
    cashier.number_events(false).await.unwrap();
    let page = cashier.events(after, &[], 1000).await.unwrap();
    (page.events, page.next)
}

#[tokio::test]
async fn after_yesterdays_backup_repeated_debits_are_taken_once_and_payments_come_as_new_events() {
    in_the_past(|past| async move {
        let first = past.place("lin", 2000).await;
        past.pay_and_credit(&first).await;
        let (heard, open) = (past.place("heard", 1200).await, past.place("open", 1100).await);
        let kept = debit(&past.cashier, 100, "vip-1").await;
        let (told, yesterday) = events(&past.cashier, None).await;
        assert_eq!(told.len(), 1);
        let file = past.folder.path().join("backup");
        let (ok, said, error) = past.saoma(&past.database, &["backup", file.to_str().unwrap()]).await;
        assert!(ok, "{said}{error}");

        // All of this is lost, but not at WeChat and not at the site.
        past.pay_and_credit(&heard).await;
        past.pay(&open, false).await;
        let new = past.place("new", 1400).await;
        past.pay_and_credit(&new).await;
        let lost = [debit(&past.cashier, 300, "vip-2").await, debit(&past.cashier, 50, "vip-3").await];
        let captured = hold_and_capture(&past.cashier, "job-1").await;
        let balance = past.cashier.balance("lin").await.unwrap();
        let (told_since, today) = events(&past.cashier, Some(&yesterday)).await;
        assert_eq!(told_since.len(), 2);
        past.come_back();

        let restored = past.restore(&file).await;
        let (ok, said, _) = past.saoma(&restored, &["check"]).await;
        assert!(ok && said.ends_with(" 0 violations\n"), "{said}");
        let cashier = past.cashier_on(&restored, Clock::system()).await;
        let is_lost = async || match cashier.events(Some(&today), &[], 1000).await {
            Err(ReadError::CursorLost { oldest_at }) => oldest_at,
            other => panic!("{other:?}"),
        };
        assert_eq!(is_lost().await, Some(told[0].at), "where to go on");
        assert_eq!(events(&cashier, Some(&yesterday)).await.0, []);

        // The site repeats the debits of its last days: what was kept is there, what was lost is taken once more, once.
        assert_eq!(debit(&cashier, 100, "vip-1").await, (kept.0, false));
        let again = [debit(&cashier, 300, "vip-2").await, debit(&cashier, 50, "vip-3").await];
        assert!(again.iter().zip(&lost).all(|(again, lost)| again.1 && again.0 != lost.0), "{again:?}");
        let captured_again = hold_and_capture(&cashier, "job-1").await;
        assert!(captured_again.1 && captured_again.0 != captured.0);
        for _ in 0..2 {
            assert_eq!(debit(&cashier, 300, "vip-2").await, (again[0].0.clone(), false));
            assert_eq!(debit(&cashier, 50, "vip-3").await, (again[1].0.clone(), false));
            assert_eq!(hold_and_capture(&cashier, "job-1").await, (captured_again.0.clone(), false));
        }
        assert_eq!(cashier.balance("lin").await.unwrap(), balance, "as before the loss");

        // Payments that the bill has come as new events: under ids that nobody has, though their numbers were given before.
        let date = day().to_string();
        let (_, said, error) = past.saoma(&restored, &["reconcile", "--date", &date]).await;
        assert!(said.contains("2 payments credited now"), "{said}{error}");
        let (found, _) = events(&cashier, Some(&yesterday)).await;
        let known: HashSet<_> = told.iter().chain(&told_since).map(|event| event.id.as_str()).collect();
        assert!(found.iter().all(|event| !known.contains(event.id.as_str())), "{found:?}");
        assert!(found.iter().any(|event| told_since.iter().any(|lost| lost.seq == event.seq)));
        let about = |kind: &str| {
            let mut about: Vec<_> =
                found.iter().filter(|event| event.kind == kind).map(|event| event.body.clone()).collect();
            about.sort();
            about
        };
        for order in [&heard, &open] {
            let number = order.out_trade_no.as_str();
            let paid = about("recharge.paid").into_iter().chain(about("recharge.paid_late"));
            assert_eq!(paid.filter(|body| body.contains(number)).count(), 1, "{number}: {found:?}");
        }
        let unknown = about("exception.opened");
        assert!(unknown.len() == 1 && unknown[0].contains(new.out_trade_no.as_str()), "{unknown:?}");
        // A cursor from after the backup names a number that is another event's by now, and is lost all the same.
        is_lost().await;
        assert_eq!(events(&cashier, None).await.0.len(), told.len() + found.len());
        let (ok, said, _) = past.saoma(&restored, &["check"]).await;
        assert!(ok && said.ends_with(" 0 violations\n"), "{said}");
    })
    .await;
}
