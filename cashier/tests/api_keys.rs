//! Keys of the site's programs, on a real database each, as several processes use them.
#![allow(clippy::disallowed_methods, reason = "these tests run on the machine's time")]

use std::time::Duration;

use cashier::Db;
use cashier::api_keys::{ApiKeyError, ApiKeys};
use recharge::api_key::{ApiKey, KeyMode, KeyText, NewKey, Scope};
use recharge::audit::Acting;
use sqlx::{AssertSqlSafe, Row as _};
use wxpay::{Fen, UnixMillis};

const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);
const HOUR: i64 = 60 * 60 * 1000;

/// Two processes on one database.
struct Site {
    db: Db,
    here: ApiKeys,
    there: ApiKeys,
}

/// Runs `test` on a fresh SQLite file and on a fresh PostgreSQL database.
async fn on_both<F: Future<Output = ()>>(test: impl Fn(Site) -> F) {
    let (_folder, urls) = testdb::both().await;
    for url in urls {
        let keys = async || ApiKeys::new(Db::open(&url).await.unwrap(), KeyMode::Live);
        test(Site { db: Db::open(&url).await.unwrap(), here: keys().await, there: keys().await }).await;
    }
}

fn by() -> Acting {
    Acting::operator("lin", "203.0.113.9")
}

fn new(name: &str) -> NewKey {
    NewKey {
        name: name.to_owned(),
        scopes: [Scope::SpendWrite, Scope::BalancesRead].into(),
        networks: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        max_amount: Some(Fen::new(5000)),
        expires_at: Some(NOW.plus_ms(48 * HOUR)),
    }
}

impl Site {
    async fn made(&self, name: &str) -> (ApiKey, KeyText) {
        self.here.make(new(name), &by(), NOW).await.unwrap()
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) AS n FROM {table}"));
        sqlx::query(sql).fetch_one(self.db.pool()).await.unwrap().get("n")
    }
}

async fn opens(keys: &ApiKeys, text: &KeyText, now: UnixMillis) -> bool {
    keys.find(text.expose(), now).await.unwrap().is_some()
}

#[tokio::test]
async fn a_key_is_stored_as_it_was_made_and_without_its_text() {
    on_both(async |site| {
        let (key, text) = site.made("forum").await;
        assert_eq!(site.here.named("forum").await.unwrap(), Some(key.clone()));
        let found = site.there.find(text.expose(), NOW).await.unwrap().unwrap();
        assert_eq!(*found, key);
        let secret = text.expose().rsplit_once('_').unwrap().1;
        let told = "audit WHERE operator = 'lin' AND action = 'api_key_made' AND subject = 'forum' AND address = '203.0.113.9' \
                    AND after LIKE '%\"scopes\":[\"balances:read\",\"spend:write\"]%' AND after LIKE '%\"max_amount\":5000%'";
        assert_eq!(site.count(told).await, 1);
        for place in ["audit WHERE after LIKE '%S%'", "api_keys WHERE hash LIKE '%S%' OR id LIKE '%S%'"] {
            assert_eq!(site.count(&place.replace('S', secret)).await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_is_given_once_even_after_its_key_has_ended() {
    on_both(async |site| {
        let (_, text) = site.made("forum").await;
        site.here.revoke("forum", None, &by(), NOW).await.unwrap();
        let again = site.there.make(new("forum"), &by(), NOW).await;
        assert!(matches!(again, Err(ApiKeyError::Exists(name)) if name == "forum"));
        assert_eq!((site.count("api_keys").await, site.count("audit").await), (1, 2));
        assert!(!opens(&site.here, &text, NOW).await);
        // A second revocation says nothing new.
        site.here.revoke("forum", None, &by(), NOW).await.unwrap();
        assert_eq!(site.count("audit").await, 2);
        assert!(matches!(
            site.here.revoke("shop", None, &by(), NOW).await,
            Err(ApiKeyError::Unknown(name)) if name == "shop"
        ));
    })
    .await;
}

#[tokio::test]
async fn a_new_key_is_known_everywhere_at_once_and_a_revoked_one_unknown_in_5_s() {
    on_both(async |site| {
        let (_, first) = site.made("first").await;
        assert!(opens(&site.there, &first, NOW).await);
        let nobodys = KeyText::new(KeyMode::Live, [7; 10], [7; 32]);
        assert!(!opens(&site.there, &nobodys, NOW).await, "the keys are read again for it");
        let (_, second) = site.made("second").await;
        assert!(opens(&site.there, &second, NOW).await);
        site.here.revoke("first", None, &by(), NOW).await.unwrap();
        assert!(!opens(&site.here, &first, NOW).await, "at once in the process that was told");
        tokio::time::sleep(Duration::from_millis(5_000)).await;
        assert!(!opens(&site.there, &first, NOW).await);
        assert!(opens(&site.there, &second, NOW).await);
    })
    .await;
}

#[tokio::test]
async fn of_two_rotations_at_once_one_is_done_and_both_texts_that_count_are_known() {
    on_both(async |site| {
        let (key, old) = site.made("forum").await;
        let version = Some(key.version);
        let by = by();
        let (one, other) = tokio::join!(
            site.here.rotate("forum", version, HOUR, &by, NOW),
            site.there.rotate("forum", version, HOUR, &by, NOW),
        );
        let mut done: Vec<_> = [one, other].into_iter().filter_map(Result::ok).collect();
        assert_eq!((done.len(), site.count("audit WHERE action = 'api_key_rotated'").await), (1, 1));
        let (_, new) = done.pop().unwrap();
        for keys in [&site.here, &site.there] {
            keys.forget().await;
            assert!(opens(keys, &new, NOW).await && opens(keys, &old, NOW).await);
            assert!(
                opens(keys, &new, NOW.plus_ms(HOUR)).await && !opens(keys, &old, NOW.plus_ms(HOUR)).await
            );
        }
        // A page that showed the key before does nothing.
        let stale = site.here.rotate("forum", version, 0, &by, NOW).await;
        assert!(matches!(stale, Err(ApiKeyError::Changed(_))));
        let stale = site.here.revoke("forum", version, &by, NOW).await;
        assert!(matches!(stale, Err(ApiKeyError::Changed(_))));
        assert!(opens(&site.here, &new, NOW).await);
    })
    .await;
}

#[tokio::test]
async fn a_key_of_play_money_opens_nothing_here_and_a_use_is_kept_to_the_minute() {
    on_both(async |site| {
        let (_, text) = site.made("forum").await;
        let play = ApiKeys::new(site.db.clone(), KeyMode::Test);
        assert!(!opens(&play, &text, NOW).await);
        assert!(
            !opens(&site.here, &KeyText::parse(&text.expose().replace("live", "test")).unwrap(), NOW).await
        );
        for ms in [0, 30_000, 59_999, 60_000] {
            assert!(opens(&site.here, &text, NOW.plus_ms(ms)).await);
        }
        for _ in 0..100 {
            let used = site.here.named("forum").await.unwrap().unwrap().used_at;
            if used == Some(NOW.plus_ms(60_000)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the use was not kept");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_this_version_cannot_read_opens_nothing_and_the_others_go_on() {
    on_both(async |site| {
        let ((_, odd), (_, good)) = (site.made("odd").await, site.made("good").await);
        sqlx::query("UPDATE api_keys SET scopes = 'moon:write' WHERE name = 'odd'")
            .execute(site.db.pool())
            .await
            .unwrap();
        assert!(!opens(&site.there, &odd, NOW).await);
        assert!(opens(&site.there, &good, NOW).await);
    })
    .await;
}
