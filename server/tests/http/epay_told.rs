//! Telling sites of 易支付: until each says `success`, over restarts, and to nobody else.

use std::time::Duration;

use recharge::epay::{EpayHost, Pid};
use serde_json::json;

use super::common::{Site, on_both, on_both_with, paid, signed};
use super::epay::{Desk, Shop, console, sign};

#[tokio::test]
async fn a_site_is_told_again_until_it_says_success_and_then_no_more() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        desk.shop.answer_first(&["fail", "500", "302", "<html>success</html>", ""]);
        let (_, code) = desk.ordered(&desk.new_api("A1", "1.00")).await;
        desk.site.pay(&code, &[]).await;
        for (failures, problem) in (1..).zip(["answer", "status", "redirect", "answer", "answer"]) {
            desk.shop.until(usize::try_from(failures).unwrap()).await;
            let row = format!(
                "epay_orders WHERE state = 'waiting' AND failures = {failures} AND problem = '{problem}'"
            );
            desk.until(&row, 1).await;
            // The first wait is of 5 s, as of webhooks; later ones are longer.
            assert_eq!(desk.count("epay_orders WHERE due_at > created_at + 4000").await, 1);
            desk.hurry().await;
        }
        let got = desk.shop.until(6).await;
        desk.until("epay_orders WHERE state = 'told' AND sent = 6 AND problem IS NULL", 1).await;
        assert!(got.iter().all(|told| *told == got[0]), "always the same");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(desk.shop.got().len(), 6);
        // Unless somebody asks for it.
        let pid = Pid::parse(&desk.pid).unwrap();
        desk.epay.tell_again(pid, "A1", &console()).await.unwrap();
        desk.shop.until(7).await;
        desk.assert_no_balance_moved().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_is_told_after_a_restart_also_where_a_process_ended_in_the_middle() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        let (notify, shop) = (desk.notify_url(), Shop::default());
        // The shop is away: nobody listens where it was.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let pid = Pid::parse(&desk.pid).unwrap();
        let hosts = vec![EpayHost::parse(&free).unwrap(), EpayHost::parse(&desk.addr).unwrap()];
        desk.epay.set_hosts(pid, hosts, &console()).await.unwrap();
        let away = notify.replace(&desk.addr, &free);
        let (_, first) = desk.ordered(&desk.asked(&[("out_trade_no", "A1"), ("notify_url", &away)])).await;
        let (_, second) = desk.ordered(&desk.asked(&[("out_trade_no", "A2"), ("notify_url", &away)])).await;
        desk.site.pay(&first, &[]).await;
        desk.site.pay(&second, &[]).await;
        desk.until("epay_orders WHERE state = 'waiting' AND problem = 'connect'", 2).await;
        let Desk { site, key, .. } = desk;
        let (url, database) = (site.url.clone(), site.database.clone());
        let running = site.running;
        running.stop().await;
        // The second was being sent when the process ended: its lease is still on.
        let soon = wxpay::UnixMillis::now().plus_ms(3_000).get();
        let run = async |sql: String| {
            sqlx::any::install_default_drivers();
            let mut connection = <sqlx::AnyConnection as sqlx::Connection>::connect(&database).await.unwrap();
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        };
        run("UPDATE epay_orders SET due_at = 0 WHERE out_trade_no = 'A1'".to_owned()).await;
        run(format!("UPDATE epay_orders SET due_at = {soon}, sent = sent + 1 WHERE out_trade_no = 'A2'"))
            .await;
        shop.open(&free).await;
        let again = Site::start("", database.clone(), tempfile::tempdir().unwrap()).await;
        assert_ne!(again.url, url);
        let got = shop.until(2).await;
        let mut numbers: Vec<_> = got.iter().map(|told| told["out_trade_no"].clone()).collect();
        numbers.sort();
        assert_eq!(numbers, ["A1", "A2"]);
        assert!(got.iter().all(|told| told["sign"] == sign(told, &key)));
        for _ in 0..100 {
            if again.count("epay_orders WHERE state = 'told'").await == 2 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it was not written that both were told");
    })
    .await;
}

#[tokio::test]
async fn a_merchant_that_was_revoked_is_told_what_was_paid_and_a_host_that_left_the_list_is_not() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        let pid = Pid::parse(&desk.pid).unwrap();
        let (_, first) = desk.ordered(&desk.new_api("A1", "1.00")).await;
        let (_, second) = desk.ordered(&desk.new_api("A2", "1.00")).await;
        desk.epay
            .set_hosts(pid, vec![EpayHost::parse("shop.example.com").unwrap()], &console())
            .await
            .unwrap();
        desk.site.pay(&first, &[]).await;
        desk.until("epay_orders WHERE state = 'waiting' AND problem = 'not_listed'", 1).await;
        assert!(desk.shop.got().is_empty());
        desk.epay.set_hosts(pid, vec![EpayHost::parse(&desk.addr).unwrap()], &console()).await.unwrap();
        desk.epay.revoke(pid, &console()).await.unwrap();
        desk.hurry().await;
        desk.site.pay(&second, &[]).await;
        desk.shop.until(2).await;
        desk.until("epay_orders WHERE state = 'told'", 2).await;
        desk.assert_no_balance_moved().await;
    })
    .await;
}

#[tokio::test]
async fn a_late_payment_is_told_or_goes_back_as_the_setting_says() {
    for (settings, told) in [("late_payment = \"credit\"\n", 1), ("late_payment = \"refund\"\n", 0)] {
        on_both_with(settings, async |site| {
            let desk = Desk::of(site).await;
            desk.site.faults(json!({"notify": {"lose": true}})).await;
            let (number, _) = desk.ordered(&desk.new_api("A1", "1.00")).await;
            let past = wxpay::UnixMillis::now().plus_ms(-1_000).get() / 1000 * 1000;
            desk.site.run(&format!("UPDATE orders SET time_expire = {past}")).await;
            let notice = signed(paid(&number, "100"));
            assert_eq!(desk.site.notice(notice).await.0, 200);
            desk.until("orders WHERE state = 'paid' AND late = 1", 1).await;
            if told == 1 {
                desk.shop.until(1).await;
                desk.until("epay_orders WHERE state = 'told'", 1).await;
            } else {
                assert_eq!(desk.count("refunds").await, 1);
                assert_eq!(desk.count("epay_orders WHERE state = 'open'").await, 1);
                tokio::time::sleep(Duration::from_millis(1_500)).await;
            }
            assert_eq!(desk.shop.got().len(), told);
            desk.assert_no_balance_moved().await;
        })
        .await;
    }
}
