//! The register of routes against the running server: what strangers get of the desk, and what is not registered.

use app::access::Limit;
use reqwest::{Method, StatusCode};

use super::common::{PASSWORD, Site, on_both, on_both_with};
use super::operators;

/// An address of a registered path, with an order and a day that exist.
pub fn address(path: &str, number: &str) -> String {
    path.replace("{out_trade_no}", number)
        .replace("{date}", "20260315")
        .replace("{out_refund_no}", "RF1")
        .replace("{name}", "chen")
        .replace("{endpoint}", "we_AAAAAAAAAAAAAAAA")
        .replace("{event}", "evt_1")
        .replace("{n}", "1")
}

pub async fn call(site: &Site, method: &Method, path: &str, cookie: &str) -> reqwest::Response {
    let request = site.http.request(method.clone(), format!("{}{path}", site.url));
    let request = request.header("origin", &site.url).header("cookie", cookie);
    let request =
        if method == Method::GET { request } else { request.form(&[("text", "x"), ("password", "x")]) };
    request.send().await.unwrap()
}

#[tokio::test]
async fn every_route_of_the_desk_leads_a_stranger_to_the_sign_in_page() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        site.set(
            "INSERT INTO reconciliations (day, run, claimed_until, started_at, finished_at) \
             VALUES ('20260315', 'r', 0, 0, 1)",
        )
        .await;
        let strangers = ["", "saoma_admin=00000000000000000000000000000000", "saoma_admin=admin"];
        let mut desk = 0;
        for route in server::router::register() {
            if !route.path.starts_with("/admin") || route.path == "/admin/login" {
                continue;
            }
            desk += 1;
            let path = address(&route.path, &number);
            for cookie in strangers {
                let response = call(&site, &route.method, &path, cookie).await;
                let led_to = response.headers().get("location").map_or("", |place| place.to_str().unwrap());
                let is_sign_in = response.status() == StatusCode::SEE_OTHER
                    && (led_to == "/admin/login" || led_to.starts_with("/admin/login?"));
                assert!(is_sign_in, "{} {path} {cookie}: {} {led_to}", route.method, response.status());
                assert!(!response.text().await.unwrap().contains("lin"), "{path}");
            }
        }
        assert!(desk >= 18, "{desk}");
        // An address that the desk does not have is no different.
        for path in ["/admin/", "/admin/moon", "/admin/orders/"] {
            assert_eq!(call(&site, &Method::GET, path, "").await.status(), StatusCode::SEE_OTHER, "{path}");
        }
        let cookie = operators::cookie(&site).await;
        let day = call(&site, &Method::GET, "/admin/reconciliations/20260315", &cookie).await;
        assert_eq!(day.status(), StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_server_function_that_is_not_registered_is_refused() {
    on_both(async |site| {
        let response = call(&site, &Method::POST, "/api/unknown", "").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(!response.text().await.unwrap().contains("server function"));
    })
    .await;
}

#[tokio::test]
async fn every_route_that_works_for_a_payer_slows_down_who_calls_without_end() {
    on_both(async |site| {
        let (number, _) = site.placed("demo", "10").await;
        for route in server::router::register().into_iter().filter(|route| route.limit == Limit::Payer) {
            let path = address(&route.path, &number);
            let mut slowed = false;
            for _ in 0..40 {
                let response = call(&site, &route.method, &path, "").await;
                let led_to = response.headers().get("location").map_or("", |place| place.to_str().unwrap());
                slowed = response.status() == StatusCode::TOO_MANY_REQUESTS || led_to == "/?error=too_often";
                if slowed {
                    break;
                }
            }
            assert!(slowed, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_operator_who_acts_without_end_is_slowed_down() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let cookie = operators::cookie(&site).await;
        let path = format!("/admin/orders/{number}/note");
        let mut slowed = None;
        for _ in 0..200 {
            let request = site.post(&path, &[("text", "")]).header("cookie", &cookie);
            let response = request.send().await.unwrap();
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                slowed = Some(response);
                break;
            }
        }
        assert!(slowed.expect("two hundred actions were all taken").headers().contains_key("retry-after"));
    })
    .await;
}

const FRAMED: &str =
    "public_url = \"https://localhost:3000\"\nframe_ancestors = [\"https://www.example.com\"]\n";

#[tokio::test]
async fn only_payers_pages_stand_in_another_sites_frame() {
    on_both_with(FRAMED, async |site| {
        let (number, _) = site.placed("demo", "10").await;
        let form = [("name", "admin"), ("password", PASSWORD)];
        let signed_in = site.post("/admin/login", &form).send().await.unwrap();
        let cookie =
            signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let framing = async |path: &str, cookie: &str| {
            let response = call(&site, &Method::GET, path, cookie).await;
            let header = |name: &str| {
                response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
            };
            let policy = header("content-security-policy");
            let ancestors = policy.split("frame-ancestors ").nth(1).unwrap_or_default().to_owned();
            (response.status().as_u16(), ancestors, header("x-frame-options"))
        };
        let mut desk = 0;
        for route in server::router::register() {
            if route.method == Method::GET && route.path.starts_with("/admin") {
                desk += 1;
                let path = address(&route.path, &number);
                for cookie in ["", cookie.as_str()] {
                    let (_, ancestors, option) = framing(&path, cookie).await;
                    assert_eq!((ancestors.as_str(), option.as_str()), ("'none'", "DENY"), "{path}");
                }
            }
        }
        assert!(desk >= 10, "{desk}");
        for (path, status) in [("/", 200), (&*format!("/pay/{number}"), 200), ("/pay/SM1", 404)] {
            let wanted = (status, "https://www.example.com".to_owned(), String::new());
            assert_eq!(framing(path, "").await, wanted, "{path}");
        }
    })
    .await;
}
