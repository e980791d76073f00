//! WeChat's silent OAuth: what a browser sees that comes back with a state that is its own, another one's, or spent.

use reqwest::{Response, StatusCode, Url};

use super::common::{Site, on_both, token};

/// A browser inside WeChat: keeps what it is told to.
struct Browser<'a> {
    site: &'a Site,
    cookies: Vec<(String, String)>,
}

impl Browser<'_> {
    async fn signed_in<'a>(site: &'a Site, user: &str) -> Browser<'a> {
        let mut browser = Browser { site, cookies: Vec::new() };
        browser.open(&format!("/?u={}", token(user, 600))).await;
        browser
    }

    async fn open(&mut self, path: &str) -> Response {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = self.site.get(path).header("cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(kept, _)| kept != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        response
    }

    fn has(&self, name: &str) -> bool {
        self.cookies.iter().any(|(kept, _)| kept == name)
    }

    /// Goes to WeChat and is sent back: our address with the code and the state.
    async fn way_back(&mut self, to: &str) -> String {
        let led = self.open(&format!("/wx/go?to={to}")).await;
        let asked = self.site.http.get(location(&led)).header("user-agent", "MicroMessenger/8.0.50");
        let back = Url::parse(&location(&asked.send().await.unwrap())).unwrap();
        assert_eq!(back.path(), "/wx/back");
        format!("/wx/back?{}", back.query().unwrap())
    }
}

fn location(response: &Response) -> String {
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// The page says so in words, leads back, and the state is gone.
async fn has_to_start_again(browser: &mut Browser<'_>, address: &str) {
    let response = browser.open(address).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let page = response.text().await.unwrap();
    assert!(page.contains("请重新打开充值页") && page.contains("<a href=\"/\" class=\"button\""), "{page}");
    assert!(!browser.has("saoma_oauth") && !browser.has("saoma_openid"), "{:?}", browser.cookies);
}

#[tokio::test]
async fn a_payer_comes_back_recognised_and_the_address_asked_for_twice_goes_on() {
    on_both(async |site| {
        let mut browser = Browser::signed_in(&site, "lin").await;
        let address = browser.way_back("/?lang=en").await;
        let back = browser.open(&address).await;
        assert_eq!((back.status(), location(&back).as_str()), (StatusCode::SEE_OTHER, "/?lang=en"));
        assert!(browser.has("saoma_openid") && !browser.has("saoma_oauth"), "{:?}", browser.cookies);
        let again = browser.open(&address).await;
        assert_eq!((again.status(), location(&again).as_str()), (StatusCode::SEE_OTHER, "/"));
    })
    .await;
}

#[tokio::test]
async fn a_state_that_is_absent_wrong_spent_or_another_users_starts_again() {
    on_both(async |site| {
        let mut browser = Browser::signed_in(&site, "lin").await;
        has_to_start_again(&mut browser, "/wx/back?code=C1").await;
        let address = browser.way_back("/").await;
        has_to_start_again(&mut browser, &format!("{address}x")).await;
        // The first return has spent the state, though it brought a wrong one.
        has_to_start_again(&mut browser, &address).await;
        // What WeChat gave one user opens nothing for another.
        let mut other = Browser::signed_in(&site, "wang").await;
        let address = browser.way_back("/").await;
        has_to_start_again(&mut other, &address).await;
        other.cookies.extend(browser.cookies.iter().filter(|(name, _)| name == "saoma_oauth").cloned());
        has_to_start_again(&mut other, &address).await;
    })
    .await;
}
