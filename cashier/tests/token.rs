//! The access token: one for all instances, on a real database each, from the sandbox.
#![allow(clippy::disallowed_methods, reason = "these tests run on the machine's time")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::map_request;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cashier::sealing::SecretKeys;
use cashier::token::{AccessTokens, TokenApi, TokenError};
use cashier::{Clock, Db};
use sandbox::{APP_SECRET, Deliver, Faults, Options, Sandbox, TokenFault, WeixinFaults};
use sqlx::Row;
use tokio::task::JoinSet;
use tower::ServiceExt;
use wxpay::weixin::{AppSecret, Weixin};
use wxpay::{AppId, Merchant, UnixMillis};

const BEGIN: UnixMillis = UnixMillis::new(1_773_540_000_000); // 2026-03-15 10:00:00 in Beijing
const APPID: &str = "wxd930ea5d5a258f4f";
const KEY: &str = "a secret of 32 bytes, for a test";
const HOURS_14: i64 = 14 * 60 * 60 * 1000;

/// WeChat and some instances of one installation.
struct Site {
    url: String,
    clock: Clock,
    wechat_clock: sandbox::Clock,
    sandbox: Sandbox,
    calls: Arc<AtomicUsize>,
}

/// Runs `test` on a fresh SQLite file and on a fresh PostgreSQL database.
async fn on_both<F: Future<Output = ()>>(test: impl Fn(Site) -> F) {
    let (_folder, urls) = testdb::both().await;
    for url in urls {
        let wechat_clock = sandbox::Clock::manual(BEGIN);
        let options = Options {
            merchant: Merchant::sandbox(),
            store: None,
            clock: wechat_clock.clone(),
            deliver: Deliver::InProcess(Router::new()),
        };
        let sandbox = Sandbox::open(options).await.unwrap();
        test(Site { url, clock: Clock::manual(BEGIN), wechat_clock, sandbox, calls: Arc::default() }).await;
    }
}

impl Site {
    async fn instance(&self, api: TokenApi, most_a_day: i64) -> AccessTokens {
        self.instance_with(api, most_a_day, &SecretKeys::new(KEY, None)).await
    }

    async fn instance_with(&self, api: TokenApi, most_a_day: i64, keys: &SecretKeys) -> AccessTokens {
        let calls = Arc::clone(&self.calls);
        let router = self.sandbox.router().layer(map_request(move |request: Request| {
            calls.fetch_add(1, Ordering::SeqCst);
            std::future::ready(request)
        }));
        let appid = AppId::parse(APPID).unwrap();
        let secret = AppSecret::parse(APP_SECRET).unwrap();
        let weixin = Weixin::in_process(appid, secret, router);
        let db = Db::open(&self.url).await.unwrap();
        AccessTokens::new(db, self.clock.clone(), weixin, api, most_a_day, keys)
    }

    fn advance(&self, ms: i64) {
        self.clock.advance(ms);
        self.wechat_clock.advance(ms);
    }

    /// How often WeChat was asked since this was asked last.
    fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }

    fn fault(&self, token: Option<TokenFault>) {
        let weixin = WeixinFaults { token, ..WeixinFaults::default() };
        self.sandbox.set_faults(Faults { weixin, ..Faults::default() });
    }

    /// Whether a call with this token would be taken.
    async fn works(&self, token: &str) -> bool {
        let request = Request::get(format!("/__check?access_token={token}")).body(Body::empty()).unwrap();
        let Ok(answer) = self.sandbox.router().oneshot(request).await;
        let body = to_bytes(answer.into_body(), 4096).await.unwrap();
        String::from_utf8_lossy(&body).contains("\"errcode\":0")
    }
}

async fn given(tokens: &AccessTokens) -> String {
    tokens.get().await.unwrap().token
}

#[tokio::test]
async fn a_thousand_calls_at_once_at_three_instances_fetch_one_token_at_the_start_and_after_its_end() {
    on_both(async |site| {
        for api in [TokenApi::Stable, TokenApi::Token] {
            let instances = [
                Arc::new(site.instance(api, 200).await),
                Arc::new(site.instance(api, 200).await),
                Arc::new(site.instance(api, 200).await),
            ];
            for present in ["none", "ended"] {
                let mut all = JoinSet::new();
                for call in 0..1000 {
                    let tokens = Arc::clone(&instances[call % 3]);
                    all.spawn(async move { given(&tokens).await });
                }
                let given: BTreeSet<String> = all.join_all().await.into_iter().collect();
                assert_eq!((given.len(), site.calls()), (1, 1), "{api:?}, {present}");
                assert!(site.works(given.first().unwrap()).await);
                site.advance(7_200_000);
            }
            // The other interface starts with the next day's token.
            site.advance(24 * 60 * 60 * 1000);
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_is_replaced_five_minutes_before_its_end_and_never_ended_for_who_has_it() {
    on_both(async |site| {
        let [one, other] =
            [site.instance(TokenApi::Token, 200).await, site.instance(TokenApi::Token, 200).await];
        let first = given(&one).await;
        site.advance(6_899_000);
        assert_eq!(given(&other).await, first);
        assert_eq!(site.calls(), 1);
        site.advance(1_000);
        let second = given(&other).await;
        assert_ne!(second, first);
        // From memory, for five seconds at most.
        assert!(site.works(&first).await && site.works(&second).await);
        site.advance(5_000);
        assert_eq!(given(&one).await, second);
        assert_eq!(site.calls(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_slow_older_answer_never_takes_the_place_of_a_newer_token() {
    on_both(async |site| {
        let [slow, fast] =
            [site.instance(TokenApi::Token, 200).await, site.instance(TokenApi::Token, 200).await];
        site.fault(Some(TokenFault::Slow));
        let slow = Arc::new(slow);
        let asking = tokio::spawn({
            let slow = Arc::clone(&slow);
            async move { slow.get().await.unwrap().token }
        });
        while site.calls.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The claim has ended, and another instance is faster with a newer token.
        site.advance(11_000);
        site.fault(None);
        let newer = given(&fast).await;
        let older = asking.await.unwrap();
        assert_ne!(older, newer);
        let third = site.instance(TokenApi::Token, 200).await;
        for tokens in [slow.as_ref(), &fast, &third] {
            assert_eq!(given(tokens).await, newer);
        }
        assert_eq!(site.calls(), 2);
    })
    .await;
}

#[tokio::test]
async fn the_old_token_is_given_while_another_instance_fetches() {
    on_both(async |site| {
        let [slow, other] =
            [site.instance(TokenApi::Token, 200).await, site.instance(TokenApi::Token, 200).await];
        let first = given(&slow).await;
        site.advance(6_900_000);
        site.fault(Some(TokenFault::Slow));
        let asking = tokio::spawn(async move { slow.get().await.unwrap().token });
        while site.calls.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(given(&other).await, first);
        assert_ne!(asking.await.unwrap(), first);
    })
    .await;
}

#[tokio::test]
async fn the_daily_limit_is_one_for_all_instances_and_begins_again_at_midnight_in_beijing() {
    on_both(async |site| {
        let [one, other] =
            [site.instance(TokenApi::Stable, 2).await, site.instance(TokenApi::Stable, 2).await];
        given(&one).await;
        site.advance(7_200_000);
        let last = given(&other).await;
        assert_eq!(site.calls(), 2);
        // The last one is given to its very end.
        site.advance(7_100_000);
        assert_eq!(given(&one).await, last);
        site.advance(100_000);
        for tokens in [&one, &other] {
            let refused = tokens.get().await.unwrap_err();
            assert!(matches!(refused, TokenError::DailyLimit { fetched: 2 }), "{refused:?}");
        }
        assert_eq!(site.calls(), 0);
        // From 10:00 on four hours have passed.
        site.advance(HOURS_14 - 14_400_000 - 1);
        assert!(one.get().await.is_err());
        site.advance(1);
        given(&other).await;
        assert_eq!(site.calls(), 1);
    })
    .await;
}

#[tokio::test]
async fn only_the_present_token_is_replaced_half_a_minute_apart_and_ten_times_a_day() {
    on_both(async |site| {
        let [one, other] =
            [site.instance(TokenApi::Stable, 200).await, site.instance(TokenApi::Stable, 200).await];
        let mut present = given(&one).await;
        assert_eq!(site.calls(), 1);
        one.replace("98_of_somebody").await.unwrap();
        assert_eq!(site.calls(), 0, "nobody has that one");
        for n in 1..=10 {
            site.advance(30_000);
            // Two services say so at once, each to its own instance: one new token.
            let (a, b) = tokio::join!(one.replace(&present), other.replace(&present));
            a.unwrap();
            b.unwrap();
            assert_eq!(site.calls(), 1, "time {n}");
            let bad = std::mem::replace(&mut present, given(&one).await);
            assert_ne!(present, bad);
            site.advance(5_000);
            assert_eq!(given(&other).await, present);
            // Within half a minute nothing happens, not even for the present one.
            one.replace(&present).await.unwrap();
            assert_eq!(site.calls(), 0, "too soon after time {n}");
        }
        site.advance(30_000);
        one.replace(&present).await.unwrap();
        assert_eq!((site.calls(), given(&one).await), (0, present), "ten times are enough");
    })
    .await;
}

#[tokio::test]
async fn the_token_is_sealed_and_of_no_use_with_another_secret() {
    on_both(async |site| {
        let tokens = site.instance(TokenApi::Token, 200).await;
        let token = given(&tokens).await;
        let db = Db::open(&site.url).await.unwrap();
        let row = sqlx::query("SELECT sealed FROM access_tokens").fetch_one(db.pool()).await.unwrap();
        let sealed: String = row.get(0);
        let plain = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        assert!(!sealed.contains(&token) && !String::from_utf8_lossy(&plain).contains(&token[..8]));
        assert!(!format!("{tokens:?} {:?}", tokens.get().await).contains(&token));
        let other = SecretKeys::new("another secret of 32 bytes, too!", None);
        let changed = site.instance_with(TokenApi::Token, 200, &other).await;
        assert_ne!(given(&changed).await, token);
        assert_eq!(site.calls(), 2);
    })
    .await;
}

#[tokio::test]
async fn after_a_change_of_the_key_the_token_that_the_old_one_sealed_is_still_given_and_the_next_is_under_the_new_one()
 {
    on_both(async |site| {
        let token = given(&site.instance(TokenApi::Stable, 200).await).await;
        let new = "another secret of 32 bytes, too!";
        let changed = site.instance_with(TokenApi::Stable, 200, &SecretKeys::new(new, Some(KEY))).await;
        assert_eq!((given(&changed).await, site.calls()), (token.clone(), 1), "nothing was fetched again");
        changed.replace(&token).await.unwrap();
        let next = given(&changed).await;
        let later = site.instance_with(TokenApi::Stable, 200, &SecretKeys::new(new, None)).await;
        assert_eq!((given(&later).await, site.calls()), (next, 1), "the old key is needed no more");
    })
    .await;
}

#[tokio::test]
async fn a_refused_call_is_not_repeated_for_ten_seconds() {
    on_both(async |site| {
        let tokens = site.instance(TokenApi::Stable, 200).await;
        site.fault(Some(TokenFault::Quota));
        let refused = tokens.get().await.unwrap_err();
        assert!(
            matches!(&refused, TokenError::WeChat(error) if error.errcode() == Some(45009)),
            "{refused:?}"
        );
        assert!(matches!(tokens.get().await, Err(TokenError::Busy { .. })));
        assert_eq!(site.calls(), 1);
        site.fault(None);
        site.advance(10_001);
        given(&tokens).await;
    })
    .await;
}
