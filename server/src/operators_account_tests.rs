//! Accounts: added, given a role or a password, removed.

use super::*;

#[tokio::test]
async fn a_new_password_ends_every_session() {
    on_both(|desk| async move {
        let token = desk.login("chen", RIGHT, HOME).await.unwrap();
        set_password(&desk.db, "chen", "another horse battery", NOW).await.unwrap();
        assert_eq!(desk.session(&token, NOW).await, None);
        assert!(is_mismatch(&desk.login("chen", RIGHT, HOME).await));
        desk.login("chen", "another horse battery", HOME).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_removed_operator_has_no_session_left_and_the_last_one_goes_only_by_force() {
    on_both(|desk| async move {
        let token = desk.login("chen", RIGHT, HOME).await.unwrap();
        let last = remove(&desk.db, "chen", false, NOW).await;
        assert!(matches!(last, Err(OperatorError::Last(_))), "{last:?}");
        assert!(desk.session(&token, NOW).await.is_some());
        add(&desk.db, "li", RIGHT, NOW).await.unwrap();
        remove(&desk.db, "chen", false, NOW).await.unwrap();
        assert!(desk.session(&token, NOW).await.is_none());
        assert_eq!((desk.count("operator_sessions").await, desk.count("operator_blocks").await), (0, 0));
        assert!(is_mismatch(&desk.login("chen", RIGHT, HOME).await));
        let unknown = remove(&desk.db, "chen", true, NOW).await;
        assert!(matches!(unknown, Err(OperatorError::Unknown(_))), "{unknown:?}");
        remove(&desk.db, "li", true, NOW).await.unwrap();
        assert_eq!(desk.count("audit WHERE action = 'operator_removed'").await, 2);
    })
    .await;
}

#[tokio::test]
async fn of_two_owners_who_demote_or_remove_each_other_at_once_one_remains() {
    on_both(|desk| async move {
        add(&desk.db, "li", RIGHT, NOW).await.unwrap();
        let accounts = Accounts::new(desk.db.clone(), None);
        let by = Acting::operator("chen", HOME);
        for round in 0..6 {
            let demote = async |name: &str| {
                let seen = accounts.named(name, NOW).await.unwrap().unwrap().version;
                accounts.set_role(name, Role::Finance, seen, &by, NOW).await
            };
            let (one, other) = tokio::join!(demote("chen"), demote("li"));
            assert!(one.is_ok() != other.is_ok(), "{round}: {one:?} {other:?}");
            assert_eq!(desk.count("operators WHERE role = 'owner'").await, 1, "{round}");
            let demoted = if one.is_ok() { "chen" } else { "li" };
            let seen = accounts.named(demoted, NOW).await.unwrap().unwrap().version;
            accounts.set_role(demoted, Role::Owner, seen, &by, NOW).await.unwrap();
        }
        let (one, other) = tokio::join!(remove(&desk.db, "chen", false, NOW), async {
            let seen = accounts.named("li", NOW).await.unwrap().unwrap().version;
            accounts.set_role("li", Role::Viewer, seen, &by, NOW).await
        });
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        assert_eq!(desk.count("operators WHERE role = 'owner'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_role_is_changed_by_who_saw_the_present_one_and_counts_at_once() {
    on_both(|desk| async move {
        add(&desk.db, "li", RIGHT, NOW).await.unwrap();
        let (accounts, by) = (Accounts::new(desk.db.clone(), None), Acting::operator("chen", HOME));
        let token = desk.login("li", RIGHT, HOME).await.unwrap();
        let seen = accounts.named("li", NOW).await.unwrap().unwrap().version;
        accounts.set_role("li", Role::Viewer, seen, &by, NOW).await.unwrap();
        assert_eq!(desk.operators.session(&token, NOW).await.unwrap().unwrap().0.role, Role::Viewer);
        let stale = accounts.set_role("li", Role::Owner, seen, &by, NOW).await;
        assert!(matches!(stale, Err(OperatorError::Changed(_))), "{stale:?}");
        let stale = accounts.remove("li", Some(seen), false, &by, NOW).await;
        assert!(matches!(stale, Err(OperatorError::Changed(_))), "{stale:?}");
        let unknown = accounts.set_role("wu", Role::Owner, 1, &by, NOW).await;
        assert!(matches!(unknown, Err(OperatorError::Unknown(_))), "{unknown:?}");
        let told = "audit WHERE action = 'operator_role' AND operator = 'chen' AND subject = 'li' \
             AND before = '{\"role\":\"owner\"}' AND after = '{\"role\":\"viewer\"}'";
        assert_eq!(
            (desk.count(told).await, desk.count("audit WHERE action = 'operator_role'").await),
            (1, 1)
        );
    })
    .await;
}

#[tokio::test]
async fn a_password_that_was_made_is_only_good_for_choosing_another() {
    on_both(|desk| async move {
        let (accounts, by) = (Accounts::new(desk.db.clone(), None), Acting::operator("chen", HOME));
        let made = accounts.made_password();
        accounts.add("li", Role::Support, Given::Made(&made), &by, NOW).await.unwrap();
        let here = desk.login("li", &made, HOME).await.unwrap();
        let there = desk.login("li", &made, "192.0.2.9").await.unwrap();
        let (operator, session) = desk.operators.session(&here, NOW).await.unwrap().unwrap();
        assert!(operator.must_change);
        let own = Acting::operator("li", HOME);
        let common = accounts.choose_password("Qwertyqwerty", &session, &own, NOW).await;
        assert!(matches!(common, Err(OperatorError::Common)), "{common:?}");
        accounts.choose_password("another horse battery", &session, &own, NOW).await.unwrap();
        assert!(!desk.operators.session(&here, NOW).await.unwrap().unwrap().0.must_change);
        assert_eq!(desk.session(&there, NOW).await, None);
        assert!(is_mismatch(&desk.login("li", &made, HOME).await));
        // An owner's reset ends the session, and with it what is just being chosen there.
        accounts.set_password("li", Given::Made(&made), &by, NOW).await.unwrap();
        let late = accounts.choose_password("a third horse battery", &session, &own, NOW).await;
        assert!(matches!(late, Err(OperatorError::Ended)), "{late:?}");
        desk.login("li", &made, HOME).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_operator_sees_and_ends_own_sessions_and_no_others() {
    on_both(|desk| async move {
        add(&desk.db, "li", RIGHT, NOW).await.unwrap();
        let (accounts, by) = (Accounts::new(desk.db.clone(), None), Acting::operator("chen", HOME));
        let browser = Browser { token: None, agent: "Firefox/140.0\u{7}" };
        let here = session(desk.operators.login("chen", RIGHT, browser, at(HOME), NOW).await.unwrap());
        let there = desk.login_at("chen", RIGHT, "192.0.2.9", NOW.plus_ms(1)).await.unwrap();
        let lis = desk.login("li", RIGHT, HOME).await.unwrap();
        let sessions = accounts.sessions("chen", NOW.plus_ms(2)).await.unwrap();
        let shown: Vec<_> = sessions.iter().map(|one| (one.address.as_str(), one.agent.as_str())).collect();
        assert_eq!(shown, [("192.0.2.9", ""), (HOME, "Firefox/140.0")]);
        let other = accounts.end_session(&hash_of(&lis), &by, NOW).await;
        assert!(matches!(other, Err(OperatorError::Ended)), "{other:?}");
        assert!(desk.session(&lis, NOW).await.is_some());
        accounts.end_session(&hash_of(&there), &by, NOW).await.unwrap();
        assert!(desk.session(&there, NOW).await.is_none() && desk.session(&here, NOW).await.is_some());
        let again = desk.login("chen", RIGHT, "192.0.2.9").await.unwrap();
        accounts.end_other_sessions(&hash_of(&here), &by, NOW).await.unwrap();
        assert!(desk.session(&again, NOW).await.is_none() && desk.session(&here, NOW).await.is_some());
        assert!(desk.session(&lis, NOW).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn of_two_operators_removed_at_once_one_remains() {
    on_both(|desk| async move {
        add(&desk.db, "li", RIGHT, NOW).await.unwrap();
        let (one, other) =
            tokio::join!(remove(&desk.db, "chen", false, NOW), remove(&desk.db, "li", false, NOW));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        assert_eq!(desk.count("operators").await, 1);
    })
    .await;
}

#[tokio::test]
async fn names_and_passwords_have_a_form() {
    on_both(|desk| async move {
        let add = async |name, password| add(&desk.db, name, password, NOW).await;
        assert!(matches!(add("chen", RIGHT).await, Err(OperatorError::Exists(_))));
        assert!(matches!(add("li", "too short").await, Err(OperatorError::Password)));
        assert!(matches!(add("li li", RIGHT).await, Err(OperatorError::Name)));
        let unknown = set_password(&desk.db, "li", RIGHT, NOW).await;
        assert!(matches!(unknown, Err(OperatorError::Unknown(_))));
    })
    .await;
}

#[tokio::test]
async fn no_operator_has_a_name_under_which_the_program_itself_acts() {
    on_both(|desk| async move {
        for name in ["wechat", "WeChat", "rule", "schedule", "console", "reconciliation"] {
            let added = add(&desk.db, name, RIGHT, NOW).await;
            assert!(matches!(added, Err(OperatorError::Reserved(_))), "{name}: {added:?}");
        }
        assert_eq!(desk.count("operators").await, 1);
    })
    .await;
}
