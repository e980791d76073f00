use super::*;

/// A real database in a folder of its own, with the operator "chen".
async fn desk() -> (Operators, Db, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}/desk.db", dir.path().display())).await.unwrap();
    add(&db, "chen", "correct horse battery", NOW).await.unwrap();
    (Operators::new(db.clone()), db, dir)
}

const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

fn at(address: &str) -> ClientAddr {
    ClientAddr(address.parse().unwrap())
}

const HOME: &str = "192.0.2.1";
const MINUTE: i64 = 60_000;

#[tokio::test]
async fn the_right_password_opens_a_session_and_logout_ends_it() {
    let (desk, _, _dir) = desk().await;
    let token = desk.login("chen", "correct horse battery", at(HOME), NOW).await.unwrap();
    assert_eq!(token.len(), 32);
    assert_eq!(desk.session(&token, NOW).await.unwrap().as_deref(), Some("chen"));
    desk.logout(&token, "chen", at(HOME), NOW).await.unwrap();
    assert_eq!(desk.session(&token, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn the_token_itself_is_not_in_the_database() {
    let (desk, db, _dir) = desk().await;
    let token = desk.login("chen", "correct horse battery", at(HOME), NOW).await.unwrap();
    assert_eq!(operators::session(&db, &token, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn an_idle_session_ends_after_half_an_hour_and_a_used_one_after_twelve_hours() {
    let (desk, _, _dir) = desk().await;
    let token = desk.login("chen", "correct horse battery", at(HOME), NOW).await.unwrap();
    let mut now = NOW;
    while now.minus(NOW) < 12 * 60 * MINUTE - 29 * MINUTE {
        now = now.plus_ms(29 * MINUTE);
        assert!(desk.session(&token, now).await.unwrap().is_some(), "{}", now.minus(NOW));
    }
    assert!(desk.session(&token, NOW.plus_ms(12 * 60 * MINUTE)).await.unwrap().is_none());

    let token = desk.login("chen", "correct horse battery", at(HOME), NOW).await.unwrap();
    assert!(desk.session(&token, NOW.plus_ms(30 * MINUTE)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let (desk, db, _dir) = desk().await;
    let token = desk.login("chen", "correct horse battery", at(HOME), NOW).await.unwrap();
    set_password(&db, "chen", "another horse battery", NOW).await.unwrap();
    assert_eq!(desk.session(&token, NOW).await.unwrap(), None);
    let old = desk.login("chen", "correct horse battery", at(HOME), NOW).await;
    assert!(matches!(old, Err(LoginError::Mismatch)));
    desk.login("chen", "another horse battery", at(HOME), NOW).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same() {
    let (desk, _, _dir) = desk().await;
    for (name, password) in
        [("chen", "wrong"), ("nobody", "correct horse battery"), ("", ""), ("a\u{0}b", "x")]
    {
        let result = desk.login(name, password, at(HOME), NOW).await;
        assert!(matches!(result, Err(LoginError::Mismatch)), "{name}: {result:?}");
    }
}

#[tokio::test]
async fn one_address_has_ten_guesses() {
    let (desk, _, _dir) = desk().await;
    for _ in 0..10 {
        assert!(matches!(
            desk.login("nobody", "x", at("198.51.100.1"), NOW).await,
            Err(LoginError::Mismatch)
        ));
    }
    let eleventh = desk.login("chen", "correct horse battery", at("198.51.100.1"), NOW).await;
    assert!(matches!(eleventh, Err(LoginError::Slow { wait_s: 1..=91 })), "{eleventh:?}");
}

#[tokio::test]
async fn many_addresses_share_ten_guesses_and_do_not_lock_out_where_the_operator_works() {
    let (desk, _, _dir) = desk().await;
    desk.login("chen", "correct horse battery", at(HOME), NOW).await.unwrap();
    let mut slowed = 0;
    for i in 0..12 {
        let stranger = at(&format!("198.51.100.{i}"));
        let result = desk.login("chen", "guess", stranger, NOW).await;
        slowed += i32::from(matches!(result, Err(LoginError::Slow { .. })));
    }
    // The operator's own first login came from an address unknown until then and took one of the ten.
    assert_eq!(slowed, 3);
    desk.login("chen", "correct horse battery", at(HOME), NOW).await.unwrap();
}

#[tokio::test]
async fn names_and_passwords_have_a_form() {
    let (_, db, _dir) = desk().await;
    assert!(matches!(add(&db, "chen", "correct horse battery", NOW).await, Err(OperatorError::Exists(_))));
    assert!(matches!(add(&db, "li", "too short", NOW).await, Err(OperatorError::Password)));
    assert!(matches!(add(&db, "li li", "correct horse battery", NOW).await, Err(OperatorError::Name)));
    let unknown = set_password(&db, "li", "correct horse battery", NOW).await;
    assert!(matches!(unknown, Err(OperatorError::Unknown(_))));
}

#[test]
fn a_generated_password_can_be_read_aloud_and_is_accepted() {
    let password = new_password();
    assert_eq!(password.len(), 23);
    assert!(password.chars().all(|c| c == '-' || c.is_ascii_lowercase() || ('2'..='9').contains(&c)));
    assert_ne!(password, new_password());
}

#[tokio::test]
async fn the_password_is_asked_again_with_ten_wrong_tries_and_no_way_to_lock_signing_in() {
    let (desk, db, _dir) = desk().await;
    for _ in 0..12 {
        desk.confirm("chen", "correct horse battery", at(HOME), NOW).await.unwrap();
    }
    for _ in 0..10 {
        let wrong = desk.confirm("chen", "a wrong password", at(HOME), NOW).await;
        assert!(matches!(wrong, Err(LoginError::Mismatch)));
    }
    let slow = desk.confirm("chen", "correct horse battery", at(HOME), NOW).await;
    assert!(matches!(slow, Err(LoginError::Slow { .. })));
    desk.login("chen", "correct horse battery", at(HOME), NOW).await.unwrap();
    let told: i64 = sqlx::Row::get(
        &sqlx::query("SELECT count(*) AS n FROM audit WHERE action = 'confirm_failed'")
            .fetch_one(db.pool())
            .await
            .unwrap(),
        "n",
    );
    assert_eq!(told, 10);
}
