//! Backups, and what one of them and the bill are worth together after a loss.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cashier::{Clock, Db};
use recharge::reconciliation::{DifferenceKind, Done};
use sandbox::Pay;
use wxpay::Fen;

use super::past::{day, in_the_past, place, saoma};

#[tokio::test]
async fn an_older_backup_and_the_bill_find_every_payment_since_once() {
    in_the_past(|past| async move {
        let before = past.place("before", 1000).await;
        past.pay_and_credit(&before).await;
        let (open, heard) = (past.place("open", 1100).await, past.place("heard", 1200).await);
        let closed = past.place("closed", 1300).await;
        past.advance(700_000);
        past.cashier.close(&closed.out_trade_no, "test").await.unwrap();
        past.advance(-700_000);

        let file = past.folder.path().join("backup");
        let name = file.to_str().unwrap();
        let (ok, said, error) = past.saoma(&past.database, &["backup", name]).await;
        assert!(ok && said.starts_with(name), "{said}{error}");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

        // After the backup: known orders are paid, with and without us hearing of it, and new orders too.
        past.pay_and_credit(&heard).await;
        past.pay(&open, false).await;
        past.pay(&closed, true).await;
        let (new, lost) = (past.place("new", 1400).await, past.place("lost", 1500).await);
        past.place("unpaid", 1600).await;
        past.pay_and_credit(&new).await;
        past.pay(&lost, false).await;
        past.come_back();

        let restored = past.restore(&file).await;
        let date = day().to_string();
        let (ok, said, error) = past.saoma(&restored, &["reconcile", "--date", &date]).await;
        assert!(!ok && said.contains("2 differences open"), "{said}{error}");
        assert!(said.contains("1 line agreed; 3 payments credited now"), "{said}");
        let cashier = past.cashier_on(&restored, Clock::system()).await;
        let balances = async || {
            let mut all = Vec::new();
            for user in ["before", "open", "heard", "closed", "new", "lost", "unpaid"] {
                all.push(cashier.balance(user).await.unwrap().get());
            }
            all
        };
        assert_eq!(balances().await, [1000, 1100, 1200, 1300, 0, 0, 0]);
        let exceptions = cashier.open_exceptions(10).await.unwrap();
        let mut unknown: Vec<_> = exceptions.iter().map(|e| (e.kind.name(), &e.out_trade_no)).collect();
        unknown.sort();
        let mut expected = [("unknown_order", &new.out_trade_no), ("unknown_order", &lost.out_trade_no)];
        expected.sort();
        assert_eq!(unknown, expected);
        for exception in &exceptions {
            assert!(exception.evidence.contains("transaction_id"), "{}", exception.evidence);
        }
        let (_, found) = cashier.reconciliation(day()).await.unwrap().unwrap();
        let credited = found.iter().filter(|d| (d.kind, d.done) == (DifferenceKind::NotHere, Done::Credited));
        assert_eq!((credited.count(), found.len()), (3, 5));

        let (ok, said, _) = past.saoma(&restored, &["reconcile", "--date", &date]).await;
        assert!(!ok && said.contains("4 lines agreed; 0 payments credited now"), "{said}");
        assert_eq!(cashier.reconciliation(day()).await.unwrap().unwrap().1, found, "nothing new");
        assert_eq!(balances().await, [1000, 1100, 1200, 1300, 0, 0, 0]);
        let (ok, said, _) = past.saoma(&restored, &["check"]).await;
        assert!(ok && said.ends_with(" 0 violations\n"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn a_backup_taken_while_orders_are_paid_is_of_one_moment() {
    in_the_past(|past| async move {
        let stop = Arc::new(AtomicBool::new(false));
        let mut writing = tokio::task::JoinSet::new();
        for n in 0..4 {
            let (cashier, stop) = (past.cashier.clone(), Arc::clone(&stop));
            let sandbox = past.sandbox.clone();
            writing.spawn(async move {
                let mut paid = 0;
                while !stop.load(Ordering::SeqCst) {
                    paid += 1;
                    let order = place(&cashier, &format!("user{n}"), paid * 100).await;
                    sandbox.pay(order.code_url().unwrap().as_str(), Pay::default()).await.unwrap();
                    cashier.query(&order.out_trade_no, "test").await.unwrap();
                }
                paid
            });
        }
        while past.cashier.balance("user0").await.unwrap() == Fen::ZERO {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let file = past.folder.path().join("backup");
        // Parameters that only our own driver knows are no obstacle.
        let database = match past.database.as_str() {
            sqlite if sqlite.starts_with("sqlite:") => sqlite.to_owned(),
            postgres => format!("{postgres}?statement-cache-capacity=0&options[lock_timeout]=20s"),
        };
        let (ok, said, error) = past.saoma(&database, &["backup", file.to_str().unwrap()]).await;
        assert!(ok, "{said}{error}");
        stop.store(true, Ordering::SeqCst);
        let paid: i64 = writing.join_all().await.iter().sum();
        let restored = past.restore(&file).await;
        let findings = cashier::db::check::whole(&Db::open(&restored).await.unwrap()).await.unwrap();
        assert_eq!((findings.violations, findings.named), (0, vec![]));
        assert!((1..=paid as u64).contains(&findings.orders), "{} of {paid}", findings.orders);
    })
    .await;
}

/// What is in a folder, hidden or not.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_says_why_and_leaves_nothing() {
    in_the_past(|past| async move {
        let target = tempfile::tempdir().unwrap();
        let file = target.path().join("backup");
        let name = file.to_str().unwrap();
        std::fs::write(&file, "older").unwrap();
        let (ok, _, error) = past.saoma(&past.database, &["backup", name]).await;
        assert_eq!(
            (ok, error),
            (false, format!("saoma: {name} is there already, and a backup overwrites nothing\n"))
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "older");
        std::fs::remove_file(&file).unwrap();

        let nowhere = target.path().join("no/such/folder/backup");
        let (ok, _, error) = past.saoma(&past.database, &["backup", nowhere.to_str().unwrap()]).await;
        assert!(!ok && error.contains("cannot be written to"), "{error}");
        // Of SQLite's, in a folder that is there: what is not there must not be made, and then be what is copied.
        let (missing, says) = match past.database.starts_with("postgres") {
            true => (past.database.replace("/t", "/nothing_"), "cannot be copied"),
            false => (format!("sqlite://{}/other.db", target.path().display()), "there is no database"),
        };
        let (ok, _, error) = past.saoma(&missing, &["backup", name]).await;
        assert!(!ok && error.starts_with("saoma: DATABASE_URL: ") && error.contains(says), "{error}");

        if past.database.starts_with("postgres") {
            let variables = [("DATABASE_URL", past.database.as_str()), ("PATH", "/nowhere")];
            let (ok, _, error) = saoma(past.folder.path(), &["backup", name], &variables).await;
            assert!(!ok && error.starts_with("saoma: pg_dump is missing: install"), "{error}");
        } else {
            let order = past.place("lin", 1000).await;
            past.pay_and_credit(&order).await;
            // A page that a disk has lost.
            let source = past.database.trim_start_matches("sqlite://").to_owned();
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(past.cashier.db().pool()).await.unwrap();
            let mut bytes = std::fs::read(&source).unwrap();
            let torn = past.folder.path().join("torn.db");
            let middle = bytes.len() / 2;
            bytes[middle..middle + 40_000].fill(0xff);
            std::fs::write(&torn, bytes).unwrap();
            let (ok, _, error) = past.saoma(&format!("sqlite://{}", torn.display()), &["backup", name]).await;
            assert!(!ok && (error.contains("damaged") || error.contains("malformed")), "{error}");
        }
        assert_eq!(names(target.path()), [""; 0]);
    })
    .await;
}
