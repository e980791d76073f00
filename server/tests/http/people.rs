//! Operators at the desk: what each role may do, and how people are added, changed and removed.

use app::access::{Caller, permissions};
use cashier::{
    Db,
    operators::{Accounts, Given, code_at},
};
use recharge::{audit::Acting, role::Role};
use reqwest::{Method, StatusCode};
use wxpay::{Merchant, UnixMillis};

use super::{
    closed::{address, call},
    common::{PASSWORD, Site, on_both, on_postgres},
    instances,
    money::{led_to, seen, shown},
    operators,
};

/// The first cookie that signing in sets.
pub async fn sign_in(site: &Site, url: &str, name: &str, password: &str) -> String {
    let form = [("name", name), ("password", password)];
    let request = site.http.post(format!("{url}/admin/login")).header("origin", url).form(&form);
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["location"], "/admin");
    response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

/// The cookie of a new operator with this role, called as the role is.
pub async fn cookie_of(site: &Site, role: Role) -> String {
    let accounts = Accounts::new(Db::open(&site.database).await.unwrap(), None);
    let by = Acting::operator("console", "console");
    accounts.add(role.name(), role, Given::Chosen(PASSWORD), &by, UnixMillis::now()).await.unwrap();
    sign_in(site, &site.url, role.name(), PASSWORD).await
}

/// Everything that an action of the desk could have changed.
async fn state(site: &Site) -> Vec<i64> {
    let mut state = Vec::new();
    for table in [
        "orders",
        "events",
        "ledger",
        "accounts",
        "exceptions WHERE settled_at IS NOT NULL",
        "refunds",
        "audit",
        "api_keys",
        "webhook_endpoints",
        "static_codes",
        "operators",
        "operators WHERE role = 'owner'",
        "operator_sessions",
        "orders WHERE state = 'closed'",
        "differences",
    ] {
        state.push(site.count(table).await);
    }
    state
}

#[tokio::test]
async fn every_route_refuses_a_role_that_lacks_its_permission_by_page_and_by_form() {
    on_both(async |site| {
        let (number, code) = site.placed("lin", "10").await;
        site.pay(&code, &[]).await;
        site.until("lin", &number, "paid").await;
        for role in [Role::Viewer, Role::Support, Role::Finance] {
            let cookie = cookie_of(&site, role).await;
            let before = state(&site).await;
            let (mut refused, mut admitted) = (Vec::new(), Vec::new());
            for route in server::router::register() {
                let Caller::Operator(permission) = route.caller else { continue };
                let path = address(&route.path, &number);
                if !permissions(role).contains(&permission) {
                    refused.push(path.clone());
                    let response = call(&site, &route.method, &path, &cookie).await;
                    assert_eq!(response.status(), StatusCode::FORBIDDEN, "{role:?} {} {path}", route.method);
                    let page = response.text().await.unwrap();
                    assert!(
                        page.contains("您的角色不能这样做") && page.contains("什么都没有改动"),
                        "{path}: {page}"
                    );
                } else if route.method == Method::GET {
                    admitted.push(path);
                }
            }
            assert_eq!(state(&site).await, before, "{role:?}");
            // Afterwards, because an export is written into the audit.
            for path in &admitted {
                let response = call(&site, &Method::GET, path, &cookie).await;
                assert_ne!(response.status(), StatusCode::FORBIDDEN, "{role:?} {path}");
            }
            assert!(refused.len() >= 15 && admitted.len() >= 10, "{role:?}: {refused:?} {admitted:?}");
        }
    })
    .await;
}

/// The first password that the answer to a form shows.
async fn first_password(site: &Site, cookie: &str, path: &str, form: &[(&str, &str)]) -> String {
    let response = site.post(path, form).header("cookie", cookie).send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    let page = response.text().await.unwrap();
    inside(&page, "first-password").to_owned()
}

#[tokio::test]
async fn somebody_is_added_chooses_a_password_gets_another_role_and_is_removed() {
    on_both(async |site| {
        let owner = operators::cookie(&site).await;
        let new = [("name", "chen"), ("role", "support"), ("password", PASSWORD)];
        let first = first_password(&site, &owner, "/admin/operators", &new).await;
        let back = led_to(&site, &owner, "/admin/operators", &new).await;
        assert!(back.contains("error=taken"), "{back}");
        let list = shown(&site, &owner, "/admin/operators").await;
        assert!(list.contains("chen") && list.contains("待改初始密码") && !list.contains(&first), "{list}");

        let chen = sign_in(&site, &site.url, "chen", &first).await;
        let number = site.placed("lin", "10").await.0;
        for path in ["/admin", "/admin/orders", &format!("/admin/orders/{number}")] {
            let led = site.get(path).header("cookie", &chen).send().await.unwrap();
            assert_eq!(
                (led.status(), &led.headers()["location"]),
                (StatusCode::SEE_OTHER, &"/admin/me?first=1".parse().unwrap())
            );
        }
        let note = format!("/admin/orders/{number}/note");
        assert_eq!(led_to(&site, &chen, &note, &[("text", "x")]).await, "/admin/me?first=1");
        assert!(shown(&site, &chen, "/admin/me?first=1").await.contains("现在的密码别人见过"));
        for (new, again, error) in [
            ("short", "short", "short"),
            ("qwertyqwerty", "qwertyqwerty", "common"),
            (first.as_str(), first.as_str(), "same"),
            ("a new horse battery", "a new horse batterz", "differ"),
        ] {
            let form = [("password", first.as_str()), ("new", new), ("again", again)];
            let back = led_to(&site, &chen, "/admin/me/password", &form).await;
            assert_eq!(back, format!("/admin/me?error={error}"));
            assert!(shown(&site, &chen, &back).await.contains("密码没有修改"), "{error}");
        }
        let wrong = [("password", "wrong"), ("new", "a new horse battery"), ("again", "a new horse battery")];
        assert_eq!(led_to(&site, &chen, "/admin/me/password", &wrong).await, "/admin/me?error=wrong");
        let right =
            [("password", first.as_str()), ("new", "a new horse battery"), ("again", "a new horse battery")];
        assert_eq!(led_to(&site, &chen, "/admin/me/password", &right).await, "/admin/me?said=password");
        assert!(led_to(&site, &chen, &note, &[("text", "x")]).await.contains("said=noted"));

        let version = seen(&site, &owner, "/admin/operators/chen").await;
        let role = [("seen", version), ("role", "viewer"), ("password", PASSWORD)];
        assert_eq!(
            led_to(&site, &owner, "/admin/operators/chen/role", &role).await,
            "/admin/operators/chen?said=role"
        );
        let stale = led_to(&site, &owner, "/admin/operators/chen/role", &role).await;
        assert_eq!(stale, "/admin/operators/chen?error=stale");
        assert!(shown(&site, &owner, &stale).await.contains("什么都没有做"));
        let refused = site.post(&note, &[("text", "y")]).header("cookie", &chen).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);

        let version = seen(&site, &owner, "/admin/operators/chen").await;
        let removal = [("seen", version), ("password", "wrong")];
        assert!(
            led_to(&site, &owner, "/admin/operators/chen/remove", &removal).await.contains("error=password")
        );
        let removal = [("seen", version), ("password", PASSWORD)];
        assert_eq!(
            led_to(&site, &owner, "/admin/operators/chen/remove", &removal).await,
            "/admin/operators?said=removed"
        );
        let gone = site.get("/admin/me").header("cookie", &chen).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::SEE_OTHER);
        assert_eq!(site.count("operators").await, 1);
        for action in ["operator_added", "operator_role", "operator_removed"] {
            let told = format!("audit WHERE operator = 'admin' AND action = '{action}' AND subject = 'chen'");
            assert_eq!(site.count(&told).await, 1, "{action}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_owner_is_neither_removed_nor_demoted() {
    on_both(async |site| {
        let owner = operators::cookie(&site).await;
        let version = seen(&site, &owner, "/admin/operators/admin").await;
        let form = [("seen", version), ("role", "viewer"), ("password", PASSWORD)];
        for path in ["/admin/operators/admin/role", "/admin/operators/admin/remove"] {
            let back = led_to(&site, &owner, path, &form).await;
            assert_eq!(back, "/admin/operators/admin?error=last");
            assert!(shown(&site, &owner, &back).await.contains("至少要留一位负责人"));
        }
        assert_eq!(site.count("operators WHERE role = 'owner'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_password_is_reset_and_every_session_ends() {
    on_both(async |site| {
        let owner = operators::cookie(&site).await;
        let viewer = cookie_of(&site, Role::Viewer).await;
        let form = [("password", PASSWORD)];
        let first = first_password(&site, &owner, "/admin/operators/viewer/password", &form).await;
        let gone = site.get("/admin/me").header("cookie", &viewer).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::SEE_OTHER);
        let again = sign_in(&site, &site.url, "viewer", &first).await;
        assert!(shown(&site, &again, "/admin/me").await.contains("现在的密码别人见过"));
        let moon = site.get("/admin/operators/moon").header("cookie", &owner).send().await.unwrap();
        assert_eq!(moon.status(), StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn who_is_removed_here_is_signed_out_there_at_once() {
    on_postgres(async |site| {
        let (other, _running) = instances::beside(&site, Merchant::sandbox()).await;
        let owner = operators::cookie(&site).await;
        cookie_of(&site, Role::Finance).await;
        let there = sign_in(&site, &other, "finance", PASSWORD).await;
        let open = async || {
            let page = site.http.get(format!("{other}/admin/me")).header("cookie", &there);
            page.send().await.unwrap().status()
        };
        assert_eq!(open().await, StatusCode::OK);
        let version = seen(&site, &owner, "/admin/operators/finance").await;
        led_to(
            &site,
            &owner,
            "/admin/operators/finance/remove",
            &[("seen", version), ("password", PASSWORD)],
        )
        .await;
        assert_eq!(open().await, StatusCode::SEE_OTHER);
    })
    .await;
}

/// The text of a page's element with this id.
fn inside<'a>(page: &'a str, id: &str) -> &'a str {
    let tag = page.split(&format!("id=\"{id}\"")).nth(1).unwrap_or_else(|| panic!("no {id} in {page}"));
    let (_, after) = tag.split_once('>').unwrap();
    after.trim_start_matches("<li class=\"mono\">").split('<').next().unwrap()
}

#[tokio::test]
async fn a_second_factor_is_set_up_asked_for_and_reset_by_an_owner() {
    on_both(async |site| {
        let owner = operators::cookie(&site).await;
        let chen = cookie_of(&site, Role::Finance).await;
        let answer = async |path: &str, form: &[(&str, &str)]| {
            let response = site.post(path, form).header("cookie", &chen).send().await.unwrap();
            (response.status(), response.text().await.unwrap())
        };
        assert!(
            led_to(&site, &chen, "/admin/me/factor", &[("password", "wrong")])
                .await
                .contains("error=password")
        );
        let (status, page) = answer("/admin/me/factor", &[("password", PASSWORD)]).await;
        assert!(status == StatusCode::OK && page.contains("class=\"qr\""), "{page}");
        let secret = inside(&page, "secret").replace(' ', "");
        let (_, page) = answer("/admin/me/factor/confirm", &[("code", "000000")]).await;
        assert!(page.contains("数字不对") && !page.contains(&secret), "{page}");
        let code = |at: UnixMillis| code_at(&secret, at).unwrap();
        let (_, page) =
            answer("/admin/me/factor/confirm", &[("code", &code(UnixMillis::now().plus_ms(-30_000)))]).await;
        let recovery = inside(&page, "recovery-codes").to_owned();

        let password = [("name", "finance"), ("password", PASSWORD), ("next", "/admin/orders")];
        let first = site.post("/admin/login", &password).send().await.unwrap();
        assert_eq!(first.headers()["location"], "/admin/login?step=code&next=%2Fadmin%2Forders");
        let step = first.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        assert!(step.starts_with("saoma_admin_step="), "{step}");
        assert_eq!(
            site.get("/admin").header("cookie", &step).send().await.unwrap().status(),
            StatusCode::SEE_OTHER
        );
        let page = shown(&site, &step, "/admin/login?step=code&next=%2Fadmin%2Forders").await;
        assert!(page.contains("name=\"code\"") && !page.contains("name=\"password\""), "{page}");
        let second = async |code: &str| {
            let form = [("code", code), ("next", "/admin/orders")];
            site.post("/admin/login", &form).header("cookie", &step).send().await.unwrap()
        };
        let wrong = second("000000").await;
        let back = wrong.headers()["location"].to_str().unwrap();
        assert!(back.contains("error=code") && back.contains("step=code"), "{back}");
        let in_ = second(&code(UnixMillis::now())).await;
        assert_eq!(in_.headers()["location"], "/admin/orders");
        // With the code of a moment ago nobody gets in again, and a recovery code does.
        let again = site.post("/admin/login", &password).send().await.unwrap();
        let step = again.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let third = async |code: &str| {
            let form = [("code", code), ("next", "/admin/orders")];
            site.post("/admin/login", &form).header("cookie", &step).send().await.unwrap()
        };
        let used = third(&code(UnixMillis::now().plus_ms(-30_000))).await;
        assert!(used.headers()["location"].to_str().unwrap().contains("error=used"));
        assert!(shown(&site, "", "/admin/login?step=code&error=used").await.contains("已经用过"));
        assert_eq!(third(&recovery).await.headers()["location"], "/admin/orders");

        let form = [("password", PASSWORD)];
        let reset = led_to(&site, &owner, "/admin/operators/finance/factor", &form).await;
        assert_eq!(reset, "/admin/operators/finance?said=factor_reset");
        sign_in(&site, &site.url, "finance", PASSWORD).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_typed_when_the_session_had_ended_is_back_in_its_form_after_signing_in() {
    on_both(async |site| {
        let number = site.placed("lin", "10").await.0;
        let note = format!("/admin/orders/{number}/note");
        let typed = "付款人来电：".repeat(60);
        let ended = "saoma_admin=00000000000000000000000000000000";
        let form = [("text", typed.as_str()), ("password", "never kept")];
        let led = site.post(&note, &form).header("cookie", ended).send().await.unwrap();
        let wanted = format!("/admin/login?error=expired&next=%2Fadmin%2Forders%2F{number}");
        assert_eq!(led.headers()["location"].to_str().unwrap(), wanted);
        let draft = led.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let session = operators::cookie(&site).await;
        let both = format!("{session}; {draft}");
        let get = async |path: &str, cookie: &str| {
            let response = site.get(path).header("cookie", cookie).send().await.unwrap();
            let set = response.headers().get("set-cookie").map(|set| set.to_str().unwrap().to_owned());
            (set.unwrap_or_default(), response.text().await.unwrap())
        };
        // Other pages leave it alone.
        let (set, page) = get("/admin/orders", &both).await;
        assert!(set.is_empty() && !page.contains("已经放回表单"), "{set}");
        let (set, page) = get(&format!("/admin/orders/{number}"), &both).await;
        assert!(set.starts_with("saoma_draft=; Path=/; Max-Age=0"), "{set}");
        assert!(page.contains(&format!(">{typed}</textarea>")) && page.contains("已经放回表单"), "{page}");
        assert!(!page.contains("never kept") && site.count("events WHERE kind = 'note'").await == 0);
        // A form that takes two pages comes back at the page it was sent from.
        let refund = format!("/admin/orders/{number}/refund");
        let form =
            [("amount", "4"), ("reason", "changed mind"), ("no", "RF1"), ("seen", "1"), ("password", "x")];
        let led = site.post(&refund, &form).header("cookie", ended).send().await.unwrap();
        assert!(led.headers()["location"].to_str().unwrap().ends_with("refund"));
        // Nobody but the signed-in operator is shown it.
        let (_, page) = get("/admin/login", &draft).await;
        assert!(!page.contains("来电"), "{page}");
    })
    .await;
}
