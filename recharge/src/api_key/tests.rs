use super::*;

const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);
const HOUR: i64 = 60 * 60 * 1000;

fn text(secret: u8) -> KeyText {
    KeyText::new(KeyMode::Test, [7; 10], [secret; 32])
}

fn new() -> NewKey {
    NewKey {
        name: "forum".to_owned(),
        scopes: [Scope::BalancesRead].into(),
        networks: Vec::new(),
        max_amount: None,
        expires_at: None,
    }
}

fn key() -> ApiKey {
    ApiKey::new(new(), &text(1), "lin", NOW).unwrap()
}

#[test]
fn a_text_reads_back_and_what_differs_by_a_letter_is_none_or_another() {
    let whole = "saoma_test_0W3GE1R70W3GE1R7_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    assert_eq!(text(1).expose(), whole);
    assert_eq!(KeyText::parse(whole), Some(text(1)));
    assert_eq!((text(1).id().as_str(), text(1).mode()), ("0W3GE1R70W3GE1R7", KeyMode::Test));
    for wrong in [
        "",
        "saoma_test_",
        &whole[1..],
        &whole[..whole.len() - 1],
        &format!("{whole}A"),
        &format!(" {whole}"),
        &whole.replace("test", "dev"),
        &whole.replace("AQE", "A+E"),
        &whole.to_lowercase(),
    ] {
        assert_eq!(KeyText::parse(wrong), None, "{wrong}");
    }
    let live = KeyText::parse(&whole.replace("test", "live")).unwrap();
    assert!(key().opens(&text(1), NOW) && !key().opens(&live, NOW) && !key().opens(&text(2), NOW));
}

#[test]
fn no_output_shows_a_text() {
    let shown = format!("{:?} {:?}", text(1), key());
    assert!(!shown.contains("AQEB"), "{shown}");
    assert_eq!(KeyHash::parse(text(1).hash().to_string()).unwrap(), text(1).hash());
}

#[test]
fn a_key_that_was_revoked_or_has_expired_opens_nothing() {
    let ends = ApiKey::new(NewKey { expires_at: Some(NOW.plus_ms(HOUR)), ..new() }, &text(1), "lin", NOW);
    let ends = ends.unwrap();
    assert!(ends.opens(&text(1), NOW.plus_ms(HOUR - 1)) && !ends.opens(&text(1), NOW.plus_ms(HOUR)));
    let revoked = key().revoked(NOW).unwrap();
    assert!(!revoked.opens(&text(1), NOW) && revoked.version == 2);
    assert_eq!(revoked.revoked(NOW.plus_ms(1)), None);
    assert_eq!(revoked.rotated(&text(2), HOUR, NOW), Err(RotationRefusal::Ended));
    assert_eq!(ends.rotated(&text(2), HOUR, NOW.plus_ms(HOUR)), Err(RotationRefusal::Ended));
}

#[test]
fn the_old_text_counts_until_its_time_is_over_and_a_third_waits_for_that() {
    let rotated = key().rotated(&text(2), HOUR, NOW).unwrap();
    let last = NOW.plus_ms(HOUR - 1);
    assert!(rotated.opens(&text(2), NOW) && rotated.opens(&text(1), last));
    let over = NOW.plus_ms(HOUR);
    assert!(rotated.opens(&text(2), over) && !rotated.opens(&text(1), over));
    assert_eq!(rotated.rotated(&text(3), HOUR, last), Err(RotationRefusal::Open { until: over }));
    let third = rotated.rotated(&text(3), HOUR, over).unwrap();
    assert!(third.opens(&text(2), over) && !third.opens(&text(1), over));
    // After a leak everything before ends at once.
    let alone = rotated.rotated(&text(3), 0, NOW).unwrap();
    let open = [1, 2, 3].map(|secret| alone.opens(&text(secret), NOW));
    assert_eq!(open, [false, false, true]);
    for keep in [-1, KEEP_OLD_MOST_MS + 1] {
        assert_eq!(key().rotated(&text(2), keep, NOW), Err(RotationRefusal::TooLong));
    }
    assert!(rotated.revoked(NOW).is_some_and(|revoked| !revoked.opens(&text(1), NOW)));
}

#[test]
fn a_key_with_networks_is_used_from_these_alone() {
    let networks = vec!["10.1.0.0/16".parse().unwrap()];
    let key = ApiKey::new(NewKey { networks, ..new() }, &text(1), "lin", NOW).unwrap();
    assert!(key.comes_from(Some([10, 1, 2, 3].into())));
    assert!(!key.comes_from(Some([10, 2, 0, 1].into())) && !key.comes_from(None));
    assert!(self::key().comes_from(None));
    assert_eq!(network("203.0.113.7").unwrap(), "203.0.113.7/32".parse().unwrap());
    assert_eq!(network("2001:db8::/32").unwrap(), "2001:db8::/32".parse().unwrap());
    assert!(["", "localhost", "10.0.0.0/33", "10.0.0.0/8,"].iter().all(|text| network(text).is_err()));
}

#[test]
fn a_key_for_wechats_token_is_used_on_this_machine_alone_unless_networks_are_named() {
    let scopes = BTreeSet::from([Scope::WechatTokenRead, Scope::BalancesRead]);
    let key = ApiKey::new(NewKey { scopes: scopes.clone(), ..new() }, &text(1), "lin", NOW).unwrap();
    assert!(key.comes_from(Some([127, 0, 0, 9].into())) && key.comes_from(Some(Ipv6Addr::LOCALHOST.into())));
    assert!(!key.comes_from(Some([10, 1, 2, 3].into())) && !key.comes_from(None));
    let networks = vec![network("10.0.0.0/8").unwrap()];
    let key = ApiKey::new(NewKey { scopes, networks, ..new() }, &text(1), "lin", NOW).unwrap();
    assert!(key.comes_from(Some([10, 1, 2, 3].into())));
}

#[test]
fn what_no_key_can_be_is_refused() {
    let refused = |new| ApiKey::new(new, &text(1), "lin", NOW).is_err();
    for name in ["", "a b", "key:forum", "名", &"x".repeat(33)] {
        assert!(refused(NewKey { name: name.to_owned(), ..new() }), "{name}");
    }
    assert!(refused(NewKey { scopes: BTreeSet::new(), ..new() }));
    for most in [0, -1, 100_000_000_001] {
        assert!(refused(NewKey { max_amount: Some(Fen::new(most)), ..new() }), "{most}");
    }
    assert!(refused(NewKey { expires_at: Some(NOW), ..new() }));
}
