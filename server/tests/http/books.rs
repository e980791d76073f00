//! The day against WeChat's bill: by the program itself, beside a running server or alone, and by the server.

use std::time::Duration;

use server::{
    config::{self, Config, Credentials, Mode, Secret},
    start,
};
use wxpay::{Fen, Merchant, UnixMillis, bill::BillDate};

use super::common::{SECRET, Site, on_both};
use super::past::{HOUR_MS, day, in_the_past, saoma};

#[tokio::test]
async fn reconcile_credits_what_is_lacking_and_succeeds_only_when_nothing_is_open() {
    in_the_past(|past| async move {
        let (one, two) = (past.place("lin", 1000).await, past.place("lin", 3000).await);
        past.pay_and_credit(&one).await;
        past.pay(&two, false).await;
        past.come_back();
        let date = format!("{}", day());
        let dashed = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
        let (ok, said, progress) = past.saoma(&past.database, &["reconcile", "--date", &dashed]).await;
        assert!(ok, "{said}{progress}");
        assert!(said.contains("WeChat's bill: 2 payments, 40.00 yuan, and 0 refunds, 0.00 yuan"), "{said}");
        assert!(said.contains("our books:     2 payments, 40.00 yuan"), "{said}");
        assert!(said.contains("1 line agreed; 1 payment credited now\n0 differences open"), "{said}");
        // Not on a terminal: plain lines.
        assert!(progress.contains("reading the bill, lines: 2\n") && !progress.contains('\r'), "{progress}");
        let (ok, said, _) = past.saoma(&past.database, &["reconcile", "--date", &date]).await;
        assert!(ok && said.contains("2 lines agreed; 0 payments credited now"), "{said}");
        assert_eq!(past.cashier.balance("lin").await.unwrap(), Fen::new(4000));

        sqlx::query("DELETE FROM orders").execute(past.cashier.db().pool()).await.unwrap();
        let (ok, said, error) = past.saoma(&past.database, &["reconcile", "--date", &date]).await;
        assert!(!ok && said.contains("2 differences open"), "{said}{error}");
        for order in [&one, &two] {
            let fee = order.total_fee;
            let line = said.lines().find(|line| line.contains(order.out_trade_no.as_str())).unwrap();
            let rest = format!(
                "bill {fee}, books -: the bill has a payment that our books lack; kept as the exception unknown_order"
            );
            assert!(line.starts_with("line ") && line.ends_with(&rest), "{line}");
        }
        let last = error.lines().last().unwrap();
        assert_eq!(last, format!("saoma: 2 differences of {date} wait for a person; see above"));
    })
    .await;
}

#[tokio::test]
async fn a_day_that_has_no_bill_is_refused_before_anything_is_done() {
    in_the_past(|past| async move {
        past.come_back();
        let today = BillDate::of(UnixMillis::now());
        for date in [today, today.next()] {
            let (ok, said, error) =
                past.saoma(&past.database, &["reconcile", "--date", &date.to_string()]).await;
            let from = date.next().start().plus_ms(10 * HOUR_MS).to_beijing_text();
            let refusal = format!(
                "saoma: the bill of {date} does not exist yet: WeChat has it from {from} on (Beijing time)\n"
            );
            assert_eq!((ok, said.as_str(), error), (false, "", refusal));
        }
        let (ok, _, error) = past.saoma(&past.database, &["reconcile", "--date", "yesterday"]).await;
        assert!(!ok && error.contains("2026-03-15 or 20260315"), "{error}");
        assert_eq!(past.cashier.reconciliations(9).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn in_sandbox_mode_reconcile_asks_the_sandbox_of_the_running_server() {
    on_both(async |site| {
        let (number, code_url) = site.placed("lin", "10").await;
        site.pay(&code_url, &[]).await;
        site.until("lin", &number, "paid").await;
        let folder = tempfile::tempdir().unwrap();
        let at = site.sandbox.trim_start_matches("http://").to_owned();
        let variables = [("DATABASE_URL", site.database.as_str()), ("SAOMA_SANDBOX_ADDR", &at)];
        // Nothing was paid the day before yesterday, which the sandbox says in WeChat's words.
        let date = day().to_string();
        let (ok, said, error) = saoma(folder.path(), &["reconcile", "--date", &date], &variables).await;
        assert!(ok && said.contains("WeChat's bill: 0 payments"), "{said}{error}");
        let Site { running, database, .. } = site;
        running.stop().await;
        let variables = [("DATABASE_URL", database.as_str()), ("SAOMA_SANDBOX_ADDR", &at)];
        let (ok, _, error) = saoma(folder.path(), &["reconcile", "--date", &date], &variables).await;
        assert!(!ok && error.contains("runs within saoma serve") && error.contains(&at), "{error}");
        let variables = [("DATABASE_URL", database.as_str()), ("SAOMA_SANDBOX_ADDR", "127.0.0.1:0")];
        let (ok, _, error) = saoma(folder.path(), &["reconcile", "--date", &date], &variables).await;
        assert!(!ok && error.contains("SAOMA_SANDBOX_ADDR must name the port"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_server_reconciles_by_itself_and_tells_its_metrics() {
    in_the_past(|past| async move {
        let (known, unknown) = (past.place("lin", 1000).await, past.place("lin", 3000).await);
        past.pay_and_credit(&known).await;
        past.pay(&unknown, false).await;
        let forget = "DELETE FROM orders WHERE total_fee = 3000";
        sqlx::query(forget).execute(past.cashier.db().pool()).await.unwrap();
        past.come_back();
        let file = past.folder.path().join("saoma.toml");
        let text = format!("addr = \"127.0.0.1:0\"\nuser_token_secret = \"{SECRET}\"\n");
        std::fs::write(&file, text).unwrap();
        let mut config: Config = config::load(Some(&file)).unwrap();
        config.database_url = Secret::new(&past.database);
        let (merchant, base_url) = (Merchant::sandbox(), Some(past.wechat.clone()));
        config.mode = Mode::Merchant(Box::new(Credentials::of_v2(merchant, base_url)));
        let running = start::start(config).await.unwrap();
        let mut tries = 0;
        let result = loop {
            match past.cashier.reconciliation(day()).await.unwrap() {
                Some((result, _)) if result.finished_at.is_some() => break result,
                _ if tries < 150 => tries += 1,
                other => panic!("not reconciled: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!((result.figures.matched, result.open), (1, 1));
        let metrics = super::common::client().get(format!("http://{}/metrics", running.addr));
        let metrics = metrics.send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("saoma_open_differences 1\n"), "{metrics}");
        // Yesterday too, if it is past ten by now.
        let days = [day(), day().next()]
            .map(|day| format!("saoma_reconciled_day_timestamp_seconds {}\n", day.start().get() / 1000));
        assert!(days.iter().any(|line| metrics.contains(line)), "{metrics}");
        running.stop().await;
    })
    .await;
}
