//! The session that takes the place of a link's token: its ends, its way back, and what a link may not bring about.

use recharge::User;
use reqwest::{Response, StatusCode};
use server::user_token::{Asks, UserTokens};
use wxpay::UnixMillis;

use super::common::{SECRET, Site, on_both, on_both_with, token};

const SETTINGS: &str = "site_url = \"https://www.example.com/me\"\npublic_url = \"https://localhost:3000\"\n\
     frame_ancestors = [\"https://shop.example.com\"]\n";

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

/// The link of a user that asks for this.
fn link(asks: Asks) -> String {
    let user = User::new("lin-7", "小林").unwrap();
    let token = UserTokens::new(SECRET.as_bytes()).issue_asking(&user, UnixMillis::now(), 600, asks).unwrap();
    format!("/?u={token}")
}

fn cookie_of(response: &Response) -> String {
    header(response, "set-cookie").split(';').next().unwrap().to_owned()
}

async fn page(site: &Site, cookie: &str) -> (StatusCode, String) {
    let response = site.get("/").header("cookie", cookie).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_cookie_is_no_token_and_the_database_has_only_its_hash() {
    on_both(async |site| {
        let cookie = site.cookie("lin-7").await;
        let (_, text) = cookie.split_once('=').unwrap();
        assert!(text.len() == 43 && !text.contains('.'), "{text}");
        assert_eq!(site.count(&format!("payer_sessions WHERE token_hash = '{text}'")).await, 0);
        assert_eq!(site.count("payer_sessions WHERE length(token_hash) = 64 AND user_id = 'lin-7'").await, 1);
        // The link's own token opens nothing as a cookie, and neither does a text that nobody was given.
        for other in [token("lin-7", 600), "A".repeat(43), String::new()] {
            let (_, html) = page(&site, &format!("saoma_user={other}")).await;
            assert!(!html.contains("lin-7"), "{other}");
        }
    })
    .await;
}

#[tokio::test]
async fn signing_out_ends_the_session_for_whoever_has_kept_its_cookie() {
    on_both(async |site| {
        let cookie = site.cookie("lin-7").await;
        assert!(page(&site, &cookie).await.1.contains("lin-7"));
        site.post("/logout", &[]).header("cookie", &cookie).send().await.unwrap();
        assert!(!page(&site, &cookie).await.1.contains("lin-7"));
        assert_eq!(site.count("payer_sessions").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_at_its_own_end() {
    on_both(async |site| {
        for ended in ["seen_at = seen_at - 7200000", "ends_at = created_at"] {
            let cookie = site.cookie("lin-7").await;
            // Nothing has asked for it since it began, so nobody remembers it.
            site.run(&format!("UPDATE payer_sessions SET {ended}")).await;
            assert!(!page(&site, &cookie).await.1.contains("lin-7"), "{ended}");
        }
        let cookie = site.cookie("lin-7").await;
        site.run("UPDATE payer_sessions SET seen_at = seen_at - 7100000").await;
        assert!(page(&site, &cookie).await.1.contains("lin-7"));
        // That use counts.
        assert_eq!(site.count("payer_sessions WHERE seen_at >= created_at").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_link_says_how_long_its_session_lives_and_where_it_leads_back_to() {
    on_both_with(SETTINGS, async |site| {
        let return_url = Some("https://shop.example.com/cart".to_owned());
        let asks = Asks { ses: Some(7200), return_url, amount: Some(700), embed: None };
        let led = site.get(&link(asks)).send().await.unwrap();
        assert_eq!(header(&led, "location"), "/");
        let set = header(&led, "set-cookie");
        assert!(set.contains("; Max-Age=7200; HttpOnly; SameSite=None; Partitioned; Secure"), "{set}");
        let (_, html) = page(&site, &cookie_of(&led)).await;
        assert!(
            html.contains("href=\"https://shop.example.com/cart\"") && html.contains("充值到 小林"),
            "{html}"
        );
        assert!(html.contains("value=\"7\""), "{html}");
        // Without `ses` it ends with the token; a way back that is not the site's is left out.
        let return_url = Some("https://evil.example/".to_owned());
        let led = site.get(&link(Asks { return_url, ..Asks::default() })).send().await.unwrap();
        let age = header(&led, "set-cookie")
            .split("Max-Age=")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        assert!((590..=600).contains(&age.parse::<i64>().unwrap()), "{age}");
        let (_, html) = page(&site, &cookie_of(&led)).await;
        assert!(
            !html.contains("evil.example") && html.contains("href=\"https://www.example.com/me\""),
            "{html}"
        );
    })
    .await;
}

#[tokio::test]
async fn links_that_are_opened_without_end_leave_few_rows_and_are_slowed_down() {
    on_both(async |site| {
        let mut statuses = Vec::new();
        for _ in 0..45 {
            let led = site.get(&format!("/?u={}", site.token("lin-7"))).send().await.unwrap();
            statuses.push(led.status());
        }
        assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
        assert_eq!(site.count("payer_sessions").await, 20);
        // Somebody else is not held up by that.
        assert!(page(&site, &site.cookie("wang-8").await).await.1.contains("wang-8"));
    })
    .await;
}

#[tokio::test]
async fn pages_for_a_frame_say_so_and_no_others() {
    on_both_with(SETTINGS, async |site| {
        let embed = Some("https://shop.example.com".to_owned());
        let address = link(Asks { embed, ..Asks::default() });
        let led = site.get(&address).header("sec-fetch-dest", "iframe").send().await.unwrap();
        let second = header(&led, "location");
        assert!(second.starts_with("/framed?u="), "{second}");
        let isolation = |response: &Response| {
            ["cross-origin-resource-policy", "cross-origin-embedder-policy"]
                .map(|name| header(response, name))
        };
        let framed = ["cross-origin".to_owned(), "require-corp".to_owned()];
        assert_eq!(isolation(&led), framed);
        let cookie = cookie_of(&led);
        let home = site.get(&second).header("cookie", &cookie).send().await.unwrap();
        assert_eq!((header(&home, "location"), isolation(&home)), ("/".to_owned(), framed.clone()));
        let inside =
            site.get("/").header("cookie", &cookie).header("sec-fetch-dest", "iframe").send().await.unwrap();
        assert_eq!(isolation(&inside), framed);
        let html = inside.text().await.unwrap();
        assert!(
            html.contains("content=\"https://shop.example.com\"") && html.contains("/framed.js"),
            "{html}"
        );
        // Where the browser has kept no cookie the page offers a tab of its own.
        let lost = site.get(&second).send().await.unwrap();
        assert_eq!(isolation(&lost), framed);
        let html = lost.text().await.unwrap();
        assert!(html.contains("target=\"_blank\"") && html.contains("/?u="), "{html}");
        // In a tab it is a page like any other, and tells nobody anything.
        let tab = site.get(&address).header("sec-fetch-dest", "document").send().await.unwrap();
        assert_eq!(header(&tab, "location"), "/");
        let tab = site
            .get("/")
            .header("cookie", &cookie)
            .header("sec-fetch-dest", "document")
            .send()
            .await
            .unwrap();
        assert!(!tab.text().await.unwrap().contains("saoma-parent"));
        // A site that may not have frames gets none, and other sessions are for no frame.
        let embed = Some("https://evil.example".to_owned());
        let led = site.get(&link(Asks { embed, ..Asks::default() })).send().await.unwrap();
        let plain = ["same-origin".to_owned(), String::new()];
        assert_eq!((header(&led, "location"), isolation(&led)), ("/".to_owned(), plain.clone()));
        let page = site.get("/").header("cookie", cookie_of(&led)).send().await.unwrap();
        assert_eq!(isolation(&page), plain);
        assert!(!page.text().await.unwrap().contains("evil.example"));
    })
    .await;
}

#[tokio::test]
async fn in_a_frame_the_account_follows_the_site_around_it() {
    on_both_with(SETTINGS, async |site| {
        let wang = site.get(&format!("/?u={}", token("wang-8", 600))).send().await.unwrap();
        let cookie = cookie_of(&wang);
        let embed = Some("https://shop.example.com".to_owned());
        let address = link(Asks { embed, ..Asks::default() });
        let led = async |place: &str| {
            let request = site.get(&address).header("cookie", &cookie).header("sec-fetch-dest", place);
            header(&request.send().await.unwrap(), "location")
        };
        // A tab could have been opened by anybody.
        assert_eq!(led("document").await, "/switch");
        assert!(led("iframe").await.starts_with("/framed?u="));
    })
    .await;
}
