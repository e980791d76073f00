//! A user's account at the desk: found, read, adjusted, and a debit given back, each with the operator's password.

use serde_json::json;

use super::{
    api_spend::Program,
    common::{PASSWORD, Site, on_both, text},
    money::{hidden, led_to, shown},
    operators::cookie,
};

/// What the form of a page says without being asked.
struct Hidden {
    no: &'static str,
    seen: &'static str,
}

fn sent(page: &str) -> Hidden {
    Hidden { no: hidden(page, "no"), seen: hidden(page, "seen") }
}

async fn confirm(site: &Site, cookie: &str, user: &str, amount: &str) -> String {
    shown(site, cookie, &format!("/admin/account/grant?user={user}&amount={amount}&reason=sorry")).await
}

fn form<'a>(
    user: &'a str,
    amount: &'a str,
    hidden: &'a Hidden,
    password: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let Hidden { no, seen } = hidden;
    vec![
        ("user", user),
        ("amount", amount),
        ("reason", "sorry"),
        ("no", no),
        ("seen", seen),
        ("password", password),
    ]
}

#[tokio::test]
async fn an_adjustment_is_confirmed_made_once_and_in_the_audit() {
    on_both(async |site| {
        let program = Program::of(site).await;
        let site = &program.site;
        let cookie = cookie(site).await;
        program.paid("lin", "10").await;
        let page = confirm(site, &cookie, "lin", "-3.50").await;
        assert!(page.contains("¥10.00") && page.contains("¥6.50"), "{page}");
        let no = sent(&page);
        let post = async |form: Vec<(&str, &str)>| led_to(site, &cookie, "/admin/account/grant", &form).await;
        for password in ["", "wrong"] {
            assert!(post(form("lin", "-3.50", &no, password)).await.contains("error=password"));
        }
        assert_eq!(site.balance("lin").await, 1000);
        // A second press of the form is the same adjustment.
        for _ in 0..2 {
            let back = post(form("lin", "-3.50", &no, PASSWORD)).await;
            assert_eq!(back, "/admin/account?user=lin&said=granted");
        }
        assert_eq!(site.balance("lin").await, 650);
        assert_eq!(
            site.count("audit WHERE action = 'grant' AND subject = 'lin' AND operator = 'admin'").await,
            1
        );
        // Another amount by the same form is refused, and so is more than there is without the tick.
        assert!(post(form("lin", "1", &no, PASSWORD)).await.contains("error=used"));
        let no = sent(&confirm(site, &cookie, "lin", "-100").await);
        assert!(post(form("lin", "-100", &no, PASSWORD)).await.contains("error=low"));
        let ticked = [form("lin", "-100", &no, PASSWORD), vec![("low", "1")]].concat();
        assert!(post(ticked).await.contains("said=granted"));
        assert_eq!(site.balance("lin").await, 650 - 10_000);
        let page = shown(site, &cookie, "/admin/account?user=lin").await;
        for seen in ["−¥3.50", "−¥100.00", "+¥10.00", "sorry"] {
            assert!(page.contains(seen), "{seen}: {page}");
        }
        for (amount, error) in [("0", "¥"), ("1.234", "¥"), ("abc", "¥")] {
            let page = confirm(site, &cookie, "lin", amount).await;
            assert!(page.contains("12.50") && !page.contains("name=\"password\""), "{error} {page}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_adjustment_on_a_page_from_before_another_one_does_nothing_and_shows_the_new_balance() {
    on_both(async |site| {
        let program = Program::of(site).await;
        let site = &program.site;
        let cookie = cookie(site).await;
        program.paid("lin", "10").await;
        let tabs = [confirm(site, &cookie, "lin", "8").await, confirm(site, &cookie, "lin", "8").await]
            .map(|page| sent(&page));
        let post = async |form: Vec<(&str, &str)>| led_to(site, &cookie, "/admin/account/grant", &form).await;
        assert!(post(form("lin", "8", &tabs[0], PASSWORD)).await.contains("said=granted"));
        let back = post(form("lin", "8", &tabs[1], PASSWORD)).await;
        assert!(back.contains("error=moved"), "{back}");
        assert_eq!(site.balance("lin").await, 1800);
        let page = shown(site, &cookie, &back).await;
        assert!(page.contains("余额有了变化") && page.contains("¥26.00"), "{page}");
        assert!(post(form("lin", "8", &sent(&page), PASSWORD)).await.contains("said=granted"));
        assert_eq!(site.balance("lin").await, 2600);
    })
    .await;
}

#[tokio::test]
async fn a_mistyped_user_gets_nothing_without_a_tick() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let page = confirm(&site, &cookie, "nobody", "5").await;
        assert!(page.contains("name=\"new_account\""), "{page}");
        let no = sent(&page);
        let path = "/admin/account/grant";
        let back = led_to(&site, &cookie, path, &form("nobody", "5", &no, PASSWORD)).await;
        assert!(back.contains("error=new_account"), "{back}");
        assert_eq!(site.count("accounts").await, 0);
        let ticked = [form("nobody", "5", &no, PASSWORD), vec![("new_account", "1")]].concat();
        assert!(led_to(&site, &cookie, path, &ticked).await.contains("said=granted"));
        assert_eq!(site.balance("nobody").await, 500);
    })
    .await;
}

#[tokio::test]
async fn a_debit_is_found_by_its_reference_and_given_back_in_parts() {
    on_both(async |site| {
        let program = Program::of(site).await;
        let site = &program.site;
        let cookie = cookie(site).await;
        program.paid("lin", "10").await;
        let body = json!({"user": "lin", "amount": 700, "reference": "vip-4711", "reason": "VIP 30 days"});
        let (_, debit) = program.post("/debits", body).await;
        let id = text(&debit, "id");
        let hold = json!({"user": "lin", "amount": 200, "reference": "job-9", "reason": "a job"});
        program.post("/holds", hold).await;
        let found = async |searched: &str| {
            let response = site
                .get(&format!("/admin/users?q={searched}"))
                .header("cookie", &cookie)
                .send()
                .await
                .unwrap();
            response.headers().get("location").map(|place| place.to_str().unwrap().to_owned())
        };
        let page = format!("/admin/account/debit?id={id}");
        for searched in ["vip-4711", &id, &id.to_lowercase()] {
            assert_eq!(found(searched).await.as_ref(), Some(&page), "{searched}");
        }
        for searched in ["lin", "job-9"] {
            assert_eq!(found(searched).await.as_deref(), Some("/admin/account?user=lin"), "{searched}");
        }
        assert_eq!(found("moon").await, None);
        assert!(shown(site, &cookie, "/admin/users?q=li").await.contains("/admin/account?user=lin"));
        let account = shown(site, &cookie, "/admin/account?user=lin").await;
        assert!(account.contains("job-9") && account.contains(&page), "{account}");
        let no = hidden(&shown(site, &cookie, &page).await, "no");
        let form = |amount: &'static str, password: &'static str| {
            let fields = [("amount", amount), ("reason", "sorry"), ("password", password)];
            [&[("id", id.as_str()), ("no", no)], &fields[..]].concat()
        };
        let post = async |form: Vec<(&str, &str)>| led_to(site, &cookie, "/admin/account/debit", &form).await;
        assert!(post(form("2", "wrong")).await.contains("error=password"));
        assert!(post(form("7.01", PASSWORD)).await.contains("error=over"));
        for _ in 0..2 {
            assert!(post(form("2", PASSWORD)).await.ends_with("&said=reversed"));
        }
        assert_eq!(site.balance("lin").await, 500);
        let told =
            format!("audit WHERE action = 'debit_reversed' AND subject = '{id}' AND operator = 'admin'");
        assert_eq!(site.count(&told).await, 1);
        let (_, after) = program.get(&format!("/debits/{id}")).await;
        assert_eq!(after["reversed"], 200);
    })
    .await;
}

#[tokio::test]
async fn ids_of_all_kinds_lead_to_their_own_account() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        for user in ["..", "a/b", "100%", "用户-1", "a b&c=d", "\"><b>"] {
            site.order(user, "10").await;
            let path = reqwest::Url::parse_with_params("http://x/admin/account", [("user", user)]).unwrap();
            let page = shown(&site, &cookie, &format!("{}?{}", path.path(), path.query().unwrap())).await;
            let escaped = user.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            assert!(page.contains(&escaped), "{user}: {page}");
        }
        for path in
            ["/admin/account", "/admin/account?user=", "/admin/account/debit?id=x", "/admin/account/grant"]
        {
            let response = site.get(path).header("cookie", &cookie).send().await.unwrap();
            assert_eq!(response.status().as_u16(), 404, "{path}");
        }
    })
    .await;
}
