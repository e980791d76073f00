use cashier::operators::{Accounts, Given, OperatorError};
use recharge::{audit::Acting, role::Role};

use super::*;

#[path = "operators_account_tests.rs"]
mod accounts;
#[path = "operators_second_step_tests.rs"]
mod second_step;

const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);
const HOME: &str = "192.0.2.1";
const RIGHT: &str = "correct horse battery";
const MINUTE: i64 = 60_000;

/// Operators on a database of their own, with the operator "chen".
struct Desk {
    operators: Operators,
    db: Db,
}

/// As the console adds an owner.
async fn add(db: &Db, name: &str, password: &str, now: UnixMillis) -> Result<(), OperatorError> {
    let by = Acting::operator(name, "console");
    Accounts::new(db.clone(), None).add(name, Role::Owner, Given::Chosen(password), &by, now).await
}

async fn set_password(db: &Db, name: &str, password: &str, now: UnixMillis) -> Result<(), OperatorError> {
    let by = Acting::operator(name, "console");
    Accounts::new(db.clone(), None).set_password(name, Given::Chosen(password), &by, now).await
}

async fn remove(db: &Db, name: &str, force: bool, now: UnixMillis) -> Result<(), OperatorError> {
    let by = Acting::operator(name, "console");
    Accounts::new(db.clone(), None).remove(name, None, force, &by, now).await
}

impl Desk {
    async fn open(database: &str) -> Desk {
        let db = Db::open(database).await.unwrap();
        add(&db, "chen", RIGHT, NOW).await.unwrap();
        Desk { operators: Operators::new(db.clone(), None), db }
    }

    async fn login(&self, name: &str, password: &str, from: &str) -> Result<String, LoginError> {
        self.login_at(name, password, from, NOW).await
    }

    async fn login_at(
        &self,
        name: &str,
        password: &str,
        from: &str,
        now: UnixMillis,
    ) -> Result<String, LoginError> {
        self.operators.login(name, password, Browser::default(), at(from), now).await.map(session)
    }

    async fn session(&self, token: &str, now: UnixMillis) -> Option<String> {
        self.operators.session(token, now).await.unwrap().map(|(operator, _)| operator.name)
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) AS n FROM {table}"));
        sqlx::Row::get(&sqlx::query(sql).fetch_one(self.db.pool()).await.unwrap(), "n")
    }
}

/// Runs `test` on a fresh SQLite file and on a fresh PostgreSQL database.
async fn on_both<F: Future<Output = ()>>(test: impl Fn(Desk) -> F) {
    let folder = tempfile::tempdir().unwrap();
    test(Desk::open(&testdb::sqlite(folder.path())).await).await;
    test(Desk::open(&testdb::postgres().await).await).await;
}

/// The token of the session that a sign-in began.
fn session(entered: Entered) -> String {
    match entered {
        Entered::Session(token) => token,
        Entered::SecondStep(_) => panic!("a second factor was asked for"),
    }
}

fn at(address: &str) -> ClientAddr {
    ClientAddr(address.parse().unwrap())
}

fn is_mismatch<T>(result: &Result<T, LoginError>) -> bool {
    matches!(result, Err(LoginError::Mismatch))
}

fn is_slow<T>(result: &Result<T, LoginError>) -> bool {
    matches!(result, Err(LoginError::Slow { .. }))
}

#[tokio::test]
async fn the_right_password_opens_a_session_and_logout_ends_it() {
    on_both(|desk| async move {
        let token = desk.login("chen", RIGHT, HOME).await.unwrap();
        assert_eq!(token.len(), 32);
        assert_eq!(desk.session(&token, NOW).await.as_deref(), Some("chen"));
        desk.operators.logout(&token, "chen", at(HOME), NOW).await.unwrap();
        assert_eq!(desk.session(&token, NOW).await, None);
    })
    .await;
}

#[tokio::test]
async fn signing_in_again_ends_the_session_that_the_browser_had() {
    on_both(|desk| async move {
        let other = desk.login("chen", RIGHT, HOME).await.unwrap();
        let old = desk.login("chen", RIGHT, HOME).await.unwrap();
        let new = desk
            .operators
            .login("chen", RIGHT, Browser { token: Some(&old), agent: "" }, at(HOME), NOW)
            .await;
        let new = session(new.unwrap());
        let goes_on = async |token: &str| desk.session(token, NOW).await.is_some();
        assert!(!goes_on(&old).await && goes_on(&new).await && goes_on(&other).await);
    })
    .await;
}

#[tokio::test]
async fn the_token_itself_is_not_in_the_database() {
    on_both(|desk| async move {
        let token = desk.login("chen", RIGHT, HOME).await.unwrap();
        assert_eq!(operator_sessions::find(&desk.db, &token, NOW).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_idle_session_ends_after_half_an_hour_and_a_used_one_after_twelve_hours() {
    on_both(|desk| async move {
        let token = desk.login("chen", RIGHT, HOME).await.unwrap();
        let mut now = NOW;
        while now.minus(NOW) < 12 * 60 * MINUTE - 29 * MINUTE {
            now = now.plus_ms(29 * MINUTE);
            assert!(desk.session(&token, now).await.is_some(), "{}", now.minus(NOW));
        }
        assert!(desk.session(&token, NOW.plus_ms(12 * 60 * MINUTE)).await.is_none());

        let token = desk.login("chen", RIGHT, HOME).await.unwrap();
        assert!(desk.session(&token, NOW.plus_ms(30 * MINUTE)).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn no_session_begins_with_a_password_that_was_changed_while_it_was_compared() {
    on_both(|desk| async move {
        let account = sign_in::account(&desk.db, "chen", HOME, NOW).await.unwrap().unwrap();
        let new = |password_hash: &str| NewSession {
            token_hash: hash_of("token"),
            password_hash: password_hash.to_owned(),
            replaces: None,
            block: HOME.to_owned(),
            agent: String::new(),
            tried: vec![("stranger 1".to_owned(), TEN)],
            entry: AuditEntry::new(NOW, "chen", "login", "chen", HOME),
        };
        set_password(&desk.db, "chen", "another horse battery", NOW).await.unwrap();
        assert!(!operator_sessions::begin(&desk.db, new(&account.password_hash)).await.unwrap());
        assert_eq!((desk.count("operator_sessions").await, desk.count("operator_blocks").await), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same() {
    on_both(|desk| async move {
        for (name, password) in [("chen", "wrong"), ("nobody", RIGHT), ("", ""), ("a\u{0}b", "x")] {
            let result = desk.login(name, password, HOME).await;
            assert!(is_mismatch(&result), "{name}: {result:?}");
        }
        // And from there on, too: how often a name was tried tells nothing about it.
        let mut answers = Vec::new();
        for name in ["chen", "nobody"] {
            let mut slow = Vec::new();
            for host in 10..25 {
                slow.push(is_slow(&desk.login(name, "wrong", &format!("198.51.100.{host}")).await));
            }
            answers.push(slow);
        }
        assert_eq!(answers[0], answers[1]);
        assert!(answers[0].contains(&true));
    })
    .await;
}

#[tokio::test]
async fn one_address_has_ten_failed_tries() {
    on_both(|desk| async move {
        for n in 0..10 {
            assert!(is_mismatch(&desk.login(&format!("nobody{n}"), "x", "198.51.100.1").await));
        }
        let eleventh = desk.login("chen", RIGHT, "198.51.100.1").await;
        assert!(matches!(eleventh, Err(LoginError::Slow { wait_s: 1..=90 })), "{eleventh:?}");
        desk.login_at("chen", RIGHT, "198.51.100.1", NOW.plus_ms(90_000)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_addresses_of_one_ipv6_site_have_twenty_failed_tries_together() {
    on_both(|desk| async move {
        desk.login("chen", RIGHT, "2001:db8:1:ffff::1").await.unwrap();
        let mut refused = 0;
        for n in 0..24 {
            let result = desk.login(&format!("nobody{n}"), "x", &format!("2001:db8:1:{n:x}::1")).await;
            refused += i32::from(is_slow(&result));
        }
        assert_eq!(refused, 4);
        // Not for another site, nor where the operator is known.
        assert!(is_mismatch(&desk.login("someone", "x", "2001:db8:2::1").await));
        desk.login("chen", RIGHT, "2001:db8:1:ffff::1").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn right_sign_ins_are_not_rationed() {
    on_both(|desk| async move {
        for n in 0..25 {
            desk.login("chen", RIGHT, HOME).await.unwrap();
            desk.login("chen", RIGHT, &format!("2001:db8:1:{n:x}::1")).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn strangers_share_ten_guesses_at_a_name_and_do_not_lock_out_where_the_operator_works() {
    on_both(|desk| async move {
        desk.login("chen", RIGHT, HOME).await.unwrap();
        desk.login("chen", RIGHT, "2001:db8:1:2:3::4").await.unwrap();
        let mut slowed = 0;
        for i in 0..12 {
            slowed += i32::from(is_slow(&desk.login("chen", "guess", &format!("198.51.100.{i}")).await));
        }
        assert_eq!(slowed, 2);
        assert!(is_slow(&desk.login("chen", RIGHT, "198.51.100.50").await));
        desk.login("chen", RIGHT, HOME).await.unwrap();
        // Another address of the same block, as privacy extensions give one each day.
        desk.login("chen", RIGHT, "2001:db8:1:2:aaaa:bbbb::c").await.unwrap();
        let later = NOW.plus_ms(31 * 24 * 60 * MINUTE);
        desk.login_at("chen", RIGHT, HOME, later).await.unwrap();
        assert_eq!(desk.count("operator_blocks").await, 1, "older ones are forgotten");
    })
    .await;
}

#[tokio::test]
async fn instances_share_the_guesses_at_a_name_and_at_a_confirmation() {
    on_both(|desk| async move {
        desk.login("chen", RIGHT, HOME).await.unwrap();
        for what in ["a name", "a known address", "a confirmation"] {
            let mut looked_at = 0;
            for n in 0..14 {
                // Each on an instance that has just started.
                let one = Operators::new(desk.db.clone(), None);
                let result = match what {
                    "a name" => {
                        let from = at(&format!("198.51.100.{n}"));
                        one.login("chen", "guess", Browser::default(), from, NOW).await.map(session)
                    }
                    "a known address" => {
                        one.login("chen", "guess", Browser::default(), at(HOME), NOW).await.map(session)
                    }
                    _ => one.confirm("chen", "guess", at(HOME), NOW).await.map(|()| String::new()),
                };
                looked_at += i32::from(is_mismatch(&result));
            }
            assert_eq!(looked_at, 10, "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn guesses_at_once_are_looked_at_no_more_often_than_ten_times() {
    on_both(|desk| async move {
        let mut guesses = Vec::new();
        for n in 0..20 {
            let one = Operators::new(desk.db.clone(), None);
            guesses.push(tokio::spawn(async move {
                one.login("chen", "guess", Browser::default(), at(&format!("198.51.100.{n}")), NOW).await
            }));
        }
        let mut looked_at = 0;
        for guess in guesses {
            looked_at += i32::from(is_mismatch(&guess.await.unwrap()));
        }
        assert_eq!(looked_at, 10);
    })
    .await;
}

#[tokio::test]
async fn failed_tries_are_counted_by_minute_beside_the_audit_and_forgotten_in_time() {
    on_both(|desk| async move {
        for n in 0..3 {
            desk.login_at("chen", "guess", "198.51.100.1", NOW.plus_ms(n)).await.unwrap_err();
        }
        desk.login_at("chen", "guess", "198.51.100.1", NOW.plus_ms(MINUTE)).await.unwrap_err();
        desk.login("nobody", "guess", "198.51.100.1").await.unwrap_err();
        desk.operators.confirm("chen", "guess", at(HOME), NOW).await.unwrap_err();
        assert_eq!(desk.count("sign_in_failures").await, 4);
        let three = "sign_in_failures WHERE action = 'login' AND name = 'chen' AND tries = 3";
        assert_eq!(desk.count(three).await, 1);
        assert_eq!(desk.count("audit").await, 1, "the operator that was added");
        let listed = cashier::db::operators::list(&desk.db, NOW.plus_ms(MINUTE)).await.unwrap();
        assert_eq!((listed.len(), listed[0].failures, listed[0].sessions), (1, 5, 0));
        desk.operators.prune(NOW.plus_ms(89 * 24 * 60 * MINUTE)).await.unwrap();
        assert_eq!((desk.count("sign_in_failures").await, desk.count("sign_in_limits").await), (4, 0));
        desk.operators.prune(NOW.plus_ms(91 * 24 * 60 * MINUTE)).await.unwrap();
        assert_eq!(desk.count("sign_in_failures").await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_password_is_asked_again_with_ten_wrong_tries_and_no_way_to_lock_signing_in() {
    on_both(|desk| async move {
        for _ in 0..12 {
            desk.operators.confirm("chen", RIGHT, at(HOME), NOW).await.unwrap();
        }
        for _ in 0..10 {
            assert!(is_mismatch(&desk.operators.confirm("chen", "a wrong password", at(HOME), NOW).await));
        }
        assert!(is_slow(&desk.operators.confirm("chen", RIGHT, at(HOME), NOW).await));
        desk.login("chen", RIGHT, HOME).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_audit_refuses_changes_on_both_engines() {
    on_both(|desk| async move {
        for change in ["UPDATE audit SET operator = 'li'", "DELETE FROM audit"] {
            let refused = sqlx::query(change).execute(desk.db.pool()).await.unwrap_err();
            assert!(refused.to_string().contains("the audit is append-only"), "{change}: {refused}");
        }
        assert_eq!(desk.count("audit WHERE operator = 'chen'").await, 1);
    })
    .await;
}
