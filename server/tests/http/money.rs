//! Where an operator decides about money: what needs the password, what is refused, and what a second press does.

use reqwest::StatusCode;
use serde_json::json;

use super::common::{PASSWORD, Site, on_both, paid, signed};
use super::operators::cookie;

/// Where an operator's form leads to.
pub async fn led_to(site: &Site, cookie: &str, path: &str, form: &[(&str, &str)]) -> String {
    let response = site.post(path, form).header("cookie", cookie).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// What an operator's page shows.
pub async fn shown(site: &Site, cookie: &str, path: &str) -> String {
    let response = site.get(path).header("cookie", cookie).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.unwrap()
}

/// The version of what an operator's page shows, as its form carries it.
pub async fn seen(site: &Site, cookie: &str, path: &str) -> &'static str {
    hidden(&shown(site, cookie, path).await, "seen")
}

/// What a page's form says by itself under this name.
pub fn hidden(page: &str, name: &str) -> &'static str {
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no {name} in a form: {page}"));
    rest.split('"').next().unwrap().to_owned().leak()
}

/// A paid order, and the form that gives `amount` of it back.
async fn refundable(
    site: &Site,
    cookie: &str,
    amount: &'static str,
) -> (String, Vec<(&'static str, &'static str)>) {
    let (number, code_url) = site.placed("lin", "10").await;
    site.pay(&code_url, &[]).await;
    site.until("lin", &number, "paid").await;
    let order = format!("/admin/orders/{number}");
    let seen = seen(site, cookie, &format!("{order}/refund?amount=1&reason=x")).await;
    let form = [("no", "RF20260315A"), ("amount", amount), ("reason", "x"), ("password", PASSWORD)];
    (order, [&form[..], &[("seen", seen)]].concat())
}

#[tokio::test]
async fn money_leaves_only_with_the_operators_password_and_once_for_a_form() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (order, form) = refundable(&site, &cookie, "4.00").await;
        let path = format!("{order}/refund");
        let with = |password| {
            let mut form = form.clone();
            form.retain(|(name, _)| *name != "password");
            form.extend(password);
            form
        };
        for wrong in [None, Some(("password", "")), Some(("password", "a wrong password"))] {
            let back = led_to(&site, &cookie, &path, &with(wrong)).await;
            assert!(back.contains("error=password"), "{wrong:?}: {back}");
        }
        let shown = site.get(&format!("{path}?amount=4&reason=x")).header("cookie", &cookie);
        assert_eq!(shown.send().await.unwrap().status(), StatusCode::OK);
        assert_eq!((site.count("refunds").await, site.balance("lin").await), (0, 1000));
        for _ in 0..2 {
            assert_eq!(led_to(&site, &cookie, &path, &form).await, format!("{order}?said=refund"));
        }
        assert_eq!((site.count("refunds").await, site.balance("lin").await), (1, 600));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_refunded_is_said_and_nothing_is_written() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (order, form) = refundable(&site, &cookie, "10.01").await;
        let path = format!("{order}/refund");
        let with = |name, value| {
            let other = form.iter().filter(|(field, _)| *field != name).copied();
            other.chain([(name, value)]).collect::<Vec<_>>()
        };
        for (form, error) in [
            (form.clone(), "over"),
            (with("amount", "0"), "amount"),
            (with("amount", "-1"), "amount"),
            (with("amount", "1.001"), "amount"),
            (with("no", "a b"), "used"),
        ] {
            let back = led_to(&site, &cookie, &path, &form).await;
            assert!(back.contains(&format!("error={error}")), "{form:?}: {back}");
        }
        let mut nothing = with("amount", "1");
        nothing.retain(|(name, _)| *name != "reason");
        nothing.push(("reason", "\n"));
        assert!(led_to(&site, &cookie, &path, &nothing).await.contains("error=reason"));
        assert_eq!((site.count("refunds").await, site.balance("lin").await), (0, 1000));
    })
    .await;
}

#[tokio::test]
async fn a_balance_that_is_too_low_needs_the_operators_word() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (order, form) = refundable(&site, &cookie, "4.00").await;
        let path = format!("{order}/refund");
        // As if the site had let its user spend it.
        site.set("UPDATE accounts SET balance = 399").await;
        let shown = site.get(&format!("{path}?amount=4&reason=x")).header("cookie", &cookie).send().await;
        assert!(shown.unwrap().text().await.unwrap().contains("name=\"low\""));
        assert!(led_to(&site, &cookie, &path, &form).await.contains("error=low"));
        assert_eq!(site.count("refunds").await, 0);
        let with_low = [form.clone(), vec![("low", "1")]].concat();
        assert_eq!(led_to(&site, &cookie, &path, &with_low).await, format!("{order}?said=refund"));
        assert_eq!(site.count("refunds WHERE overdrawn = 1").await, 1);
        assert_eq!(site.balance("lin").await, -1);
    })
    .await;
}

/// Real money for a number that is no order of ours; its exception's id.
pub async fn stray(site: &Site) -> String {
    let (_, answer) = site.notice(signed(paid("SM20200101000000AAAAAAAAAAAAAAAA", "1000"))).await;
    assert!(answer.contains("FAIL"), "WeChat is to repeat it: {answer}");
    "unknown_order:SM20200101000000AAAAAAAAAAAAAAAA:4200001234202603151234567890".to_owned()
}

pub const STRAY: &str = "/admin/orders/SM20200101000000AAAAAAAAAAAAAAAA";

#[tokio::test]
async fn no_exception_is_settled_without_the_operators_password() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let id = stray(&site).await;
        let path = format!("{STRAY}/settle");
        let seen = seen(&site, &cookie, &format!("{path}?id={id}&way=dismissed")).await;
        for way in ["credited", "refund", "dismissed"] {
            for password in [None, Some("a wrong password")] {
                let mut form = vec![("id", id.as_str()), ("way", way), ("reason", "x"), ("user", "lin")];
                form.push(("no", "RF20260315A"));
                form.extend(password.map(|password| ("password", password)));
                let back = led_to(&site, &cookie, &path, &form).await;
                assert!(back.contains("error=password"), "{way}: {back}");
            }
        }
        assert_eq!(site.count("exceptions WHERE settled_at IS NOT NULL").await, 0);
        assert_eq!((site.count("ledger").await, site.count("refunds").await), (0, 0));
        let form = [
            ("id", id.as_str()),
            ("way", "dismissed"),
            ("reason", "not ours"),
            ("seen", seen),
            ("password", PASSWORD),
        ];
        assert_eq!(led_to(&site, &cookie, &path, &form).await, format!("{STRAY}?said=settled"));
        // The same press once more finds it done.
        assert_eq!(led_to(&site, &cookie, &path, &form).await, format!("{STRAY}?said=settled_over"));
        let list = shown(&site, &cookie, "/admin/exceptions?show=settled").await;
        for words in ["not ours", "admin", "SM20200101000000AAAAAAAAAAAAAAAA"] {
            assert!(list.contains(words), "{words}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refund_is_withdrawn_only_with_the_operators_password() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (order, form) = refundable(&site, &cookie, "4.00").await;
        assert_eq!(
            led_to(&site, &cookie, &format!("{order}/refund"), &form).await,
            format!("{order}?said=refund")
        );
        let path = format!("{order}/refunds/RF20260315A/withdraw");
        for form in [&[][..], &[("password", "a wrong password")]] {
            let back = led_to(&site, &cookie, &path, form).await;
            assert!(back.contains("/withdraw?error=password"), "{back}");
        }
        assert_eq!(
            (site.count("refunds WHERE state <> 'closed'").await, site.balance("lin").await),
            (1, 600)
        );
    })
    .await;
}

#[tokio::test]
async fn who_was_signed_out_meanwhile_comes_back_to_a_page_that_opens() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (number, code_url) = site.placed("lin", "10").await;
        site.pay(&code_url, &[]).await;
        site.until("lin", &number, "paid").await;
        let order = format!("/admin/orders/{number}");
        for (path, page) in [("ask", ""), ("note", ""), ("refund", "/refund")] {
            let to = led_to(&site, "", &format!("{order}/{path}"), &[("text", "x")]).await;
            let next = to.strip_prefix("/admin/login?error=expired&next=").unwrap().replace("%2F", "/");
            assert_eq!(next, format!("{order}{page}"));
            shown(&site, &cookie, &next).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_an_operator_credited_goes_back_and_no_more_than_was_paid() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let id = stray(&site).await;
        let press = async |what: &str, form: &[(&str, &str)]| {
            let seen = site.count("refunds").await.to_string();
            let form = [form, &[("reason", "x"), ("seen", &seen), ("password", PASSWORD)]].concat();
            led_to(&site, &cookie, &format!("{STRAY}/{what}"), &form).await
        };
        let refund = |no, amount| [("no", no), ("amount", amount), ("exception", id.as_str())];
        // Not before it is credited.
        let refused = format!("{STRAY}?said=refused");
        assert_eq!(press("refund", &refund("RF1", "4.00")).await, refused);
        let credit = [("id", id.as_str()), ("way", "credited"), ("user", "lin"), ("new_account", "1")];
        assert_eq!(press("settle", &credit).await, format!("{STRAY}?said=settled"));
        assert_eq!(site.balance("lin").await, 1000);
        // The sandbox knows no such payment, and its answer would end each refund while this test looks at it.
        site.faults(json!({"answer": "500"})).await;
        let page = shown(&site, &cookie, STRAY).await;
        let link = page.split('"').find(|part| part.contains("/refund?exception=")).unwrap().to_owned();
        assert!(shown(&site, &cookie, &link).await.contains("name=\"amount\""));
        let second = shown(&site, &cookie, &format!("{link}&amount=4&reason=x")).await;
        assert!(
            second.contains("name=\"password\"") && second.contains("¥6.00"),
            "what the balance would be"
        );
        let done = format!("{STRAY}?said=refund");
        for _ in 0..2 {
            assert_eq!(press("refund", &refund("RF1", "4.00")).await, done);
        }
        assert_eq!((site.count("refunds").await, site.balance("lin").await), (1, 600));
        assert!(press("refund", &refund("RF2", "6.01")).await.contains("error=over"));
        assert_eq!(press("refund", &refund("RF2", "6.00")).await, done);
        assert_eq!((site.count("refunds").await, site.balance("lin").await), (2, 0));
        assert!(!shown(&site, &cookie, STRAY).await.contains("/refund?exception="), "nothing is left");
        // Without naming the exception it would be the order's own payment, and there is no order.
        let own = [("no", "RF3"), ("amount", "1.00")];
        assert_eq!(press("refund", &own).await, refused);
        assert_eq!(site.count("refunds").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_difference_is_dismissed_with_a_reason_and_the_password_and_the_red_figure_goes() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        // As a run of that day would have left it.
        site.set(
            "INSERT INTO reconciliations (day, run, claimed_until, started_at, finished_at) \
             VALUES ('20260315', 'r', 0, 0, 1)",
        )
        .await;
        site.set(
            "INSERT INTO differences (day, kind, key, run, out_trade_no, transaction_id, out_refund_no, ours, \
             done, reason, first_seen_at) VALUES ('20260315', 'not_there', 'pay 42', 'r', 'SM1', '42', '', 1000, \
             'listed', 'NOTPAY', 1)",
        )
        .await;
        let day = "/admin/reconciliations/20260315";
        let open = "对账有 1 处差异待处理";
        assert!(shown(&site, &cookie, "/admin").await.contains(open));
        let page = shown(&site, &cookie, day).await;
        let path = page.split('"').find(|part| part.contains("/dismiss?")).unwrap().replace("&amp;", "&");
        let confirm = shown(&site, &cookie, &path).await;
        assert!(confirm.contains("name=\"stated\"") && confirm.contains("¥10.00"), "{confirm}");
        let form = |stated, reason, password| [("stated", stated), ("reason", reason), ("password", password)];
        let stated = " 1000 NOTPAY";
        for (stated, reason, password, to) in [
            (stated, "x", "a wrong password", "error=password"),
            (stated, "\n", PASSWORD, "error=reason"),
            (" 999 NOTPAY", "x", PASSWORD, "said=over"),
        ] {
            let back = led_to(&site, &cookie, &path, &form(stated, reason, password)).await;
            assert!(back.contains(to), "{back}");
            assert_eq!(site.count("differences WHERE done = 'dismissed'").await, 0);
        }
        let kept = form(stated, "bank statement checked", PASSWORD);
        assert_eq!(led_to(&site, &cookie, &path, &kept).await, format!("{day}?said=dismissed"));
        assert_eq!(led_to(&site, &cookie, &path, &kept).await, format!("{day}?said=over"));
        let page = shown(&site, &cookie, day).await;
        assert!(page.contains("bank statement checked") && page.contains("admin") && !page.contains("/dismiss?"));
        assert!(!shown(&site, &cookie, "/admin").await.contains(open));
        assert_eq!(site.count("audit WHERE action = 'dismiss_difference' AND operator = 'admin'").await, 1);
    })
    .await;
}
