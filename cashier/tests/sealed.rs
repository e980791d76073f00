//! After a change of `SAOMA_SECRET_KEY` stored secrets are sealed anew, so that the old key can go.

use cashier::Db;
use cashier::db::sealed;
use cashier::sealing::{Purpose, SecretKeys};
use sqlx::{AssertSqlSafe, Row as _};

const OLD: &str = "the key before, of at least 32 bytes";
const NEW: &str = "the present key, of at least 32 bytes";

#[tokio::test]
async fn what_only_the_old_key_opens_is_sealed_anew_and_nothing_else_is_touched() {
    let (_folder, urls) = testdb::both().await;
    for url in urls {
        let db = Db::open(&url).await.unwrap();
        let (old, new) = (SecretKeys::new(OLD, None), SecretKeys::new(NEW, Some(OLD)));
        let seal = |keys: &SecretKeys, purpose, context: &str| {
            keys.sealer(purpose).seal(context, &format!("secret of {context}")).unwrap()
        };
        let factor = "INSERT INTO operator_factors (operator, secret, begun_at, last_step) VALUES";
        let foreign = SecretKeys::new("a key that nobody has any more, 32 bytes", None);
        for (operator, keys) in [("chen", &old), ("lin", &new), ("wang", &foreign)] {
            let sealed = seal(keys, Purpose::SecondFactor, operator);
            let sql = format!("{factor} ('{operator}', '{sealed}', 0, 0)");
            sqlx::query(AssertSqlSafe(sql)).execute(db.pool()).await.unwrap();
        }
        let merchant = seal(&old, Purpose::EpayKey, "epay:1001");
        let sql = format!(
            "INSERT INTO epay_merchants (pid, name, secret, hosts, made_by, created_at, version) \
             VALUES (1001, 'shop', '{merchant}', '', 'lin', 0, 1)"
        );
        sqlx::query(AssertSqlSafe(sql)).execute(db.pool()).await.unwrap();
        let [first, second] = [(); 2].map(|()| seal(&old, Purpose::WebhookSecret, "we_1"));
        let sql = format!(
            "INSERT INTO webhook_endpoints (id, url, types, description, per_s, secret, old_secret, old_until, position, \
             failures, probes, made_by, created_at, version) \
             VALUES ('we_1', 'https://a.example', '', '', 1, '{first}', '{second}', 5, 0, 0, 0, 'lin', 0, 1)"
        );
        sqlx::query(AssertSqlSafe(sql)).execute(db.pool()).await.unwrap();

        let [url, secret] = [(); 2].map(|()| seal(&old, Purpose::AlertChannel, "ac_1"));
        let sql = format!(
            "INSERT INTO alert_channels (id, kind, name, host, url, secret, kinds, lang, position, due_at, failures, made_by, \
             created_at) VALUES ('ac_1', 'feishu', 'ops', 'a.example', '{url}', '{secret}', '', 'zh', 0, 0, 0, 'lin', 0)"
        );
        sqlx::query(AssertSqlSafe(sql)).execute(db.pool()).await.unwrap();

        assert_eq!(sealed::renew(&db, &new).await.unwrap(), 6);
        assert_eq!(sealed::renew(&db, &new).await.unwrap(), 0, "once is enough");
        let alone = SecretKeys::new(NEW, None);
        let opened = async |purpose, context: &str, sql: &'static str| {
            let sealed: String = sqlx::query(sql).fetch_one(db.pool()).await.unwrap().get(0);
            alone.sealer(purpose).open(context, &sealed)
        };
        for (purpose, context, sql) in [
            (Purpose::SecondFactor, "chen", "SELECT secret FROM operator_factors WHERE operator = 'chen'"),
            (Purpose::SecondFactor, "lin", "SELECT secret FROM operator_factors WHERE operator = 'lin'"),
            (Purpose::EpayKey, "epay:1001", "SELECT secret FROM epay_merchants"),
            (Purpose::WebhookSecret, "we_1", "SELECT secret FROM webhook_endpoints"),
            (Purpose::WebhookSecret, "we_1", "SELECT old_secret FROM webhook_endpoints"),
            (Purpose::AlertChannel, "ac_1", "SELECT url FROM alert_channels"),
            (Purpose::AlertChannel, "ac_1", "SELECT secret FROM alert_channels"),
        ] {
            let wanted = format!("secret of {context}");
            assert_eq!(opened(purpose, context, sql).await, Some(wanted), "{sql}");
        }
    }
}
