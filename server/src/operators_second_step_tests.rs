//! The second factor.

use cashier::{
    operators::{Factor, FactorError, code_at},
    sealing::SecretKeys,
};

use super::*;

/// Signs in with the password and answers the token of the second step.
async fn first_step(desk: &Desk, from: &str, now: UnixMillis) -> String {
    match desk.operators.login("chen", RIGHT, Browser::default(), at(from), now).await.unwrap() {
        Entered::SecondStep(token) => token,
        Entered::Session(_) => panic!("no second factor was asked for"),
    }
}

/// The desk with a second factor: its secret and the recovery codes, set up a minute ago.
async fn with_factor(desk: &mut Desk) -> (String, Vec<String>) {
    let keys = SecretKeys::new("a key of the tests that is long enough", None);
    desk.operators = Operators::new(desk.db.clone(), Some(&keys));
    let accounts = Accounts::new(desk.db.clone(), Some(&keys));
    let (by, then) = (Acting::operator("chen", HOME), NOW.plus_ms(-MINUTE));
    let secret = accounts.begin_factor(&by, then).await.unwrap();
    // It does not count before it is confirmed.
    desk.login_at("chen", RIGHT, HOME, then).await.unwrap();
    assert!(matches!(accounts.confirm_factor("000000", &by, then).await, Err(FactorError::Wrong)));
    let code = code_at(&secret, then).unwrap();
    let codes = accounts.confirm_factor(&code, &by, then).await.unwrap();
    assert!(matches!(accounts.confirm_factor(&code, &by, then).await, Err(FactorError::Changed)));
    assert!(matches!(accounts.begin_factor(&by, then).await, Err(FactorError::Changed)));
    (secret, codes)
}

#[tokio::test]
async fn a_code_lets_in_once_and_no_code_of_a_step_before_it_does() {
    on_both(|mut desk| async move {
        let (secret, _) = with_factor(&mut desk).await;
        let code = code_at(&secret, NOW).unwrap();
        let token = first_step(&desk, HOME, NOW).await;
        assert_eq!(desk.session(&token, NOW).await, None, "the first step alone is no session");
        let session = desk.operators.second_step(&token, &code, at(HOME), NOW).await.unwrap();
        assert_eq!(desk.session(&session, NOW).await.as_deref(), Some("chen"));
        // The first step is used up, and so is the code.
        assert!(matches!(
            desk.operators.second_step(&token, &code, at(HOME), NOW).await,
            Err(LoginError::Over)
        ));
        for (code, when) in [(code, NOW), (code_at(&secret, NOW.plus_ms(-30_000)).unwrap(), NOW.plus_ms(1))] {
            let token = first_step(&desk, HOME, when).await;
            let again = desk.operators.second_step(&token, &code, at(HOME), when).await;
            assert!(matches!(again, Err(LoginError::Used)), "{again:?}");
        }
        let later = NOW.plus_ms(30_000);
        let token = first_step(&desk, HOME, later).await;
        desk.operators.second_step(&token, &code_at(&secret, later).unwrap(), at(HOME), later).await.unwrap();
        let kept: String = sqlx::Row::get(
            &sqlx::query("SELECT secret FROM operator_factors").fetch_one(desk.db.pool()).await.unwrap(),
            "secret",
        );
        assert!(!kept.contains(&secret), "the secret is sealed");
    })
    .await;
}

#[tokio::test]
async fn of_two_sign_ins_at_once_with_one_code_one_gets_in() {
    on_both(|mut desk| async move {
        let (secret, codes) = with_factor(&mut desk).await;
        for code in [code_at(&secret, NOW).unwrap(), codes[0].clone()] {
            let (one, other) = (first_step(&desk, HOME, NOW).await, first_step(&desk, HOME, NOW).await);
            let (one, other) = tokio::join!(
                desk.operators.second_step(&one, &code, at(HOME), NOW),
                desk.operators.second_step(&other, &code, at(HOME), NOW)
            );
            assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_recovery_code_stands_in_once_and_new_ones_end_the_old() {
    on_both(|mut desk| async move {
        let (_, codes) = with_factor(&mut desk).await;
        let accounts = Accounts::new(desk.db.clone(), None);
        let by = Acting::operator("chen", HOME);
        let typed = codes[3].replace('-', " ").to_uppercase();
        let token = first_step(&desk, HOME, NOW).await;
        desk.operators.second_step(&token, &typed, at(HOME), NOW).await.unwrap();
        let token = first_step(&desk, HOME, NOW).await;
        let again = desk.operators.second_step(&token, &codes[3], at(HOME), NOW).await;
        assert!(matches!(again, Err(LoginError::Used)), "{again:?}");
        assert!(matches!(accounts.factor("chen").await.unwrap(), Factor::On { codes_left: 9, .. }));
        let new = accounts.renew_recovery_codes(&by, NOW).await.unwrap();
        let old = desk.operators.second_step(&token, &codes[4], at(HOME), NOW).await;
        assert!(matches!(old, Err(LoginError::Used)), "{old:?}");
        desk.operators.second_step(&token, &new[4], at(HOME), NOW).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn codes_are_guessed_ten_times_at_most_from_wherever_and_not_where_the_operator_works() {
    on_both(|mut desk| async move {
        let (secret, _) = with_factor(&mut desk).await;
        let token = first_step(&desk, HOME, NOW).await;
        desk.operators.second_step(&token, &code_at(&secret, NOW).unwrap(), at(HOME), NOW).await.unwrap();
        let mut looked_at = 0;
        for n in 0..14 {
            let from = format!("198.51.100.{n}");
            let token = first_step(&desk, &from, NOW).await;
            let guess = desk.operators.second_step(&token, "000000", at(&from), NOW).await;
            looked_at += i32::from(is_mismatch(&guess));
        }
        assert_eq!(looked_at, 10);
        let later = NOW.plus_ms(30_000);
        let token = first_step(&desk, HOME, later).await;
        desk.operators.second_step(&token, &code_at(&secret, later).unwrap(), at(HOME), later).await.unwrap();
        assert_eq!(desk.count("sign_in_failures WHERE action = 'factor'").await, 10);
    })
    .await;
}

#[tokio::test]
async fn a_first_step_ends_with_its_time_a_new_password_and_the_operator() {
    on_both(|mut desk| async move {
        let (secret, _) = with_factor(&mut desk).await;
        add(&desk.db, "li", RIGHT, NOW).await.unwrap();
        let late = NOW.plus_ms(5 * MINUTE);
        let token = first_step(&desk, HOME, NOW).await;
        let over = desk.operators.second_step(&token, &code_at(&secret, late).unwrap(), at(HOME), late).await;
        assert!(matches!(over, Err(LoginError::Over)), "{over:?}");
        set_password(&desk.db, "chen", "another horse battery", NOW).await.unwrap();
        let code = code_at(&secret, NOW).unwrap();
        let over = desk.operators.second_step(&token, &code, at(HOME), NOW).await;
        assert!(matches!(over, Err(LoginError::Over)), "{over:?}");
        assert_eq!(desk.count("operator_factors WHERE last_step > 0").await, 1);
        remove(&desk.db, "chen", false, NOW).await.unwrap();
        for table in ["operator_factors", "operator_recovery_codes", "operator_sign_ins", "operator_sessions"]
        {
            assert_eq!(desk.count(table).await, 0, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_phone_is_taken_off_and_a_changed_key_leaves_the_recovery_codes() {
    on_both(|mut desk| async move {
        let (secret, codes) = with_factor(&mut desk).await;
        let other = SecretKeys::new("another key of the tests, long enough", None);
        desk.operators = Operators::new(desk.db.clone(), Some(&other));
        let token = first_step(&desk, HOME, NOW).await;
        let no_key = desk.operators.second_step(&token, &code_at(&secret, NOW).unwrap(), at(HOME), NOW).await;
        assert!(matches!(no_key, Err(LoginError::NoKey)), "{no_key:?}");
        desk.operators.second_step(&token, &codes[0], at(HOME), NOW).await.unwrap();
        let accounts = Accounts::new(desk.db.clone(), None);
        let by = Acting::operator("li", HOME);
        accounts.remove_factor("chen", &by, NOW).await.unwrap();
        assert!(matches!(accounts.remove_factor("chen", &by, NOW).await, Err(FactorError::Changed)));
        desk.login("chen", RIGHT, HOME).await.unwrap();
        assert_eq!(desk.count("audit WHERE action = 'second_factor_off' AND operator = 'li'").await, 1);
    })
    .await;
}
