use confique::{Config as _, Layer as _};

use super::*;

fn defaults() -> Settings {
    Settings::from_layer(<Settings as confique::Config>::Layer::default_values()).unwrap()
}

/// A merchant of invented numbers with everything it needs.
fn merchant() -> Settings {
    let mut s = defaults();
    s.addr = "0.0.0.0:3000".to_owned();
    s.public_url = Some("https://pay.example.com".to_owned());
    s.wechat_appid = Some("wx2421b1c4370ec43b".to_owned());
    s.wechat_mch_id = Some("1900009851".to_owned());
    s.wechat_api_key = Some("0123456789abcdef0123456789ABCDEF".to_owned());
    s.user_token_secret = Some("a secret of more than 32 bytes, long".to_owned());
    s
}

/// The setting that a change of good settings makes unusable, and that nothing secret is in the complaint.
fn refused(start: Settings, change: impl FnOnce(&mut Settings)) -> String {
    let mut s = start;
    change(&mut s);
    let secrets = [s.wechat_api_key.clone(), s.user_token_secret.clone(), s.admin_password.clone()];
    let error = Config::check(s).unwrap_err();
    let line = error.to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    for secret in secrets.into_iter().flatten().filter(|s| s.len() > 3) {
        assert!(!line.contains(&secret), "{line}");
    }
    error.setting
}

#[test]
fn without_a_merchant_it_is_the_sandbox_on_loopback() {
    let config = Config::check(defaults()).unwrap();
    assert!(matches!(config.mode, Mode::Sandbox { addr } if addr.to_string() == "127.0.0.1:3080"));
    assert_eq!(config.identity(), "sandbox");
    assert_eq!(config.database_url.expose(), "sqlite://data/sandbox.db");
}

#[test]
fn a_whole_merchant_is_accepted_and_names_its_database() {
    let config = Config::check(merchant()).unwrap();
    assert!(!config.is_sandbox());
    assert_eq!(config.identity(), "mch_id 1900009851 appid wx2421b1c4370ec43b");
    assert_eq!(config.database_url.expose(), "sqlite://data/saoma.db");
}

#[test]
fn part_of_a_merchant_is_refused_by_the_part_that_is_missing() {
    assert_eq!(refused(merchant(), |s| s.wechat_appid = None), "SAOMA_WECHAT_APPID");
    assert_eq!(refused(merchant(), |s| s.wechat_mch_id = None), "SAOMA_WECHAT_MCH_ID");
    assert_eq!(refused(merchant(), |s| s.wechat_api_key = None), "SAOMA_WECHAT_API_KEY");
    assert_eq!(refused(merchant(), |s| s.user_token_secret = None), "SAOMA_USER_TOKEN_SECRET");
    assert_eq!(refused(merchant(), |s| s.public_url = None), "SAOMA_PUBLIC_URL");
}

#[test]
fn a_key_is_exactly_32_ascii_letters_and_digits() {
    for key in [
        "",
        "0123456789abcdef0123456789ABCDE",
        "0123456789abcdef0123456789ABCDEF0",
        " 123456789abcdef0123456789ABCDEF",
        "0123456789abcdef0123456789ABCDE-",
        "０123456789abcdef0123456789ABCD",
    ] {
        assert_eq!(
            refused(merchant(), |s| s.wechat_api_key = Some(key.to_owned())),
            "SAOMA_WECHAT_API_KEY",
            "{key}"
        );
    }
}

#[test]
fn a_short_or_empty_secret_is_refused() {
    for secret in ["", "0123456789012345678901234567890"] {
        let setting = refused(merchant(), |s| s.user_token_secret = Some(secret.to_owned()));
        assert_eq!(setting, "SAOMA_USER_TOKEN_SECRET");
        let setting = refused(defaults(), |s| s.user_token_secret = Some(secret.to_owned()));
        assert_eq!(setting, "SAOMA_USER_TOKEN_SECRET");
    }
    assert_eq!(refused(merchant(), |s| s.admin_password = Some("short".to_owned())), "SAOMA_ADMIN_PASSWORD");
}

#[test]
fn a_public_url_has_a_host_and_nothing_behind_it() {
    for url in [
        "",
        "pay.example.com",
        "ftp://pay.example.com",
        "https://",
        "https://pay.example.com/path",
        "https://pay.example.com?a=1",
        "https://pay.example.com/?a=1",
        "https://pay.example.com#x",
        "https://user@pay.example.com",
        "https://pay.example.com:port",
        "https://pay.example.com:99999",
        "https://pay example.com",
    ] {
        assert_eq!(refused(merchant(), |s| s.public_url = Some(url.to_owned())), "SAOMA_PUBLIC_URL", "{url}");
    }
    let mut s = merchant();
    s.public_url = Some("https://Pay.example.com:8443/".to_owned());
    let url = Config::check(s).unwrap().public_url.unwrap();
    assert_eq!((url.as_str(), url.authority()), ("https://Pay.example.com:8443", "Pay.example.com:8443"));
}

#[test]
fn the_sandbox_is_never_reachable_from_elsewhere() {
    assert_eq!(refused(defaults(), |s| s.addr = "0.0.0.0:3000".to_owned()), "SAOMA_ADDR");
    assert_eq!(refused(defaults(), |s| s.sandbox_addr = Some("0.0.0.0:1".to_owned())), "SAOMA_SANDBOX_ADDR");
    assert_eq!(
        refused(defaults(), |s| s.public_url = Some("https://pay.example.com".to_owned())),
        "SAOMA_PUBLIC_URL"
    );
    for url in ["http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000"] {
        let mut s = defaults();
        s.public_url = Some(url.to_owned());
        assert!(Config::check(s).is_ok(), "{url}");
    }
}

#[test]
fn a_merchant_and_the_sandbox_do_not_mix() {
    let setting = refused(merchant(), |s| s.sandbox_addr = Some("127.0.0.1:3080".to_owned()));
    assert_eq!(setting, "SAOMA_SANDBOX_ADDR");
    let setting = refused(defaults(), |s| s.wechat_base_url = Some("http://127.0.0.1:1".to_owned()));
    assert_eq!(setting, "SAOMA_WECHAT_BASE_URL");
}

#[test]
fn the_public_test_identity_is_play_money_only() {
    let test = |base_url: Option<&str>| {
        let mut s = merchant();
        s.wechat_appid = Some("wxd930ea5d5a258f4f".to_owned());
        s.wechat_mch_id = Some("10000100".to_owned());
        s.wechat_api_key = Some("192006250b4c09247ec02edce69f6a2d".to_owned());
        s.wechat_base_url = base_url.map(str::to_owned);
        s
    };
    let at_wechat = [
        "https://api.mch.weixin.qq.com",
        "https://api2.mch.weixin.qq.com/",
        // The backup host of WeChat's own Java library.
        "https://api2.wechatpay.cn",
        "https://apihk.mch.weixin.qq.com.",
    ];
    for base_url in [None].into_iter().chain(at_wechat.map(Some)) {
        assert_eq!(refused(test(base_url), |_| {}), "SAOMA_WECHAT_MCH_ID", "{base_url:?}");
    }
    let here = |s: &mut Settings| {
        s.addr = "127.0.0.1:3000".to_owned();
        s.public_url = Some("http://127.0.0.1:3000".to_owned());
    };
    let mut local = test(Some("http://127.0.0.1:3080"));
    here(&mut local);
    let config = Config::check(local).unwrap();
    assert_eq!((config.is_sandbox(), config.identity().as_str()), (true, "sandbox"));
    // Others could forge its payments.
    let setting = refused(test(Some("http://127.0.0.1:3080")), |s| {
        here(s);
        s.public_url = Some("https://pay.example.com".to_owned());
    });
    assert_eq!(setting, "SAOMA_PUBLIC_URL");
    let setting = refused(test(Some("http://127.0.0.1:3080")), |s| {
        here(s);
        s.addr = "0.0.0.0:3000".to_owned();
    });
    assert_eq!(setting, "SAOMA_ADDR");
    let mut public = test(Some("http://127.0.0.1:3080"));
    (public.addr, public.allow_public_sandbox) = ("0.0.0.0:3000".to_owned(), true);
    assert!(Config::check(public).unwrap().is_sandbox());
}

#[test]
fn a_real_merchant_is_not_served_by_plain_http_off_this_machine() {
    let plain = |s: &mut Settings| s.public_url = Some("http://pay.example.com".to_owned());
    assert_eq!(refused(merchant(), plain), "SAOMA_PUBLIC_URL");
    let setting = refused(merchant(), |s| s.wechat_base_url = Some("http://gateway.example.com".to_owned()));
    assert_eq!(setting, "SAOMA_WECHAT_BASE_URL");
    let mut allowed = merchant();
    plain(&mut allowed);
    allowed.allow_plain_http = true;
    assert!(Config::check(allowed).unwrap().site.plain_http);
    for url in ["https://pay.example.com", "http://127.0.0.1:3000", "http://localhost:3000"] {
        let mut s = merchant();
        s.public_url = Some(url.to_owned());
        s.wechat_base_url = Some("http://127.0.0.1:8000".to_owned());
        assert!(!Config::check(s).unwrap().site.plain_http, "{url}");
    }
}

#[test]
fn an_order_lives_longer_than_wechat_refuses_to_close() {
    assert_eq!(refused(merchant(), |s| s.time_expire_s = 359), "SAOMA_TIME_EXPIRE_S");
    assert_eq!(refused(merchant(), |s| s.time_expire_s = 7201), "SAOMA_TIME_EXPIRE_S");
    let mut s = defaults();
    s.time_expire_s = 5;
    assert_eq!(Config::check(s).unwrap().cashier.time_expire_ms, 5000);
}

#[test]
fn amounts_are_bounded_and_different() {
    assert_eq!(refused(defaults(), |s| s.unit_price = 0), "SAOMA_UNIT_PRICE");
    assert_eq!(refused(defaults(), |s| s.min_quantity = 5001), "SAOMA_MIN_QUANTITY");
    assert_eq!(refused(defaults(), |s| s.max_quantity = 1_000_001), "SAOMA_MAX_QUANTITY");
    assert_eq!(refused(defaults(), |s| s.presets[0].quantity = 30), "SAOMA_PRESETS");
    assert_eq!(refused(defaults(), |s| s.presets[0].quantity = 5001), "SAOMA_PRESETS");
}

#[test]
fn a_limit_a_first_bonus_and_a_promotion_are_whole_or_refused() {
    assert_eq!(refused(defaults(), |s| s.max_per_day = 99), "SAOMA_MAX_PER_DAY");
    assert_eq!(refused(defaults(), |s| s.max_per_day = u64::MAX), "SAOMA_MAX_PER_DAY");
    assert_eq!(refused(defaults(), |s| s.first_bonus = 100_000_001), "SAOMA_FIRST_BONUS");
    assert_eq!(refused(defaults(), |s| s.unit_name = Some(String::new())), "SAOMA_UNIT_NAME");
    assert_eq!(refused(defaults(), |s| s.tax_line = Some("税\n号".to_owned())), "SAOMA_TAX_LINE");
    let promotion = |s: &mut Settings| {
        s.promotion_percent = 10;
        s.promotion_name = Some("双十一".to_owned());
        s.promotion_from = Some("2026-11-11 00:00".to_owned());
        s.promotion_until = Some("2026-11-12 00:00".to_owned());
    };
    let changed = |change: fn(&mut Settings)| {
        refused(defaults(), |s| {
            promotion(s);
            change(s);
        })
    };
    assert_eq!(changed(|s| s.promotion_percent = 101), "SAOMA_PROMOTION_PERCENT");
    assert_eq!(changed(|s| s.promotion_percent = 0), "SAOMA_PROMOTION_NAME");
    assert_eq!(changed(|s| s.promotion_until = None), "SAOMA_PROMOTION_UNTIL");
    assert_eq!(changed(|s| s.promotion_until = Some("2026-11-11 00:00".to_owned())), "SAOMA_PROMOTION_UNTIL");
    for text in ["2026-11-11", "2026-11-11 0:00", "2026-02-30 00:00", "11.11.", "2026-11-11T00:00"] {
        let setting = refused(defaults(), |s| {
            promotion(s);
            s.promotion_from = Some(text.to_owned());
        });
        assert_eq!(setting, "SAOMA_PROMOTION_FROM", "{text}");
    }
    let mut s = defaults();
    promotion(&mut s);
    (s.max_per_day, s.first_bonus) = (100_000, 300);
    let site = Config::check(s).unwrap().site;
    let held = site.promotion.unwrap();
    assert_eq!(held.until.minus(held.from), 24 * 60 * 60 * 1000);
    assert_eq!((site.most_per_day, site.first_bonus), (Some(wxpay::Fen::new(100_000)), wxpay::Fen::new(300)));
}

#[test]
fn words_lists_and_addresses_are_checked() {
    assert_eq!(refused(defaults(), |s| s.addr = "localhost:3000".to_owned()), "SAOMA_ADDR");
    assert_eq!(refused(defaults(), |s| s.late_payment = "keep".to_owned()), "SAOMA_LATE_PAYMENT");
    assert_eq!(refused(defaults(), |s| s.duplicate_payment = "keep".to_owned()), "SAOMA_DUPLICATE_PAYMENT");
    assert_eq!(refused(defaults(), |s| s.mismatched_payment = String::new()), "SAOMA_MISMATCHED_PAYMENT");
    assert_eq!(refused(defaults(), |s| s.log_format = "xml".to_owned()), "SAOMA_LOG_FORMAT");
    assert_eq!(refused(defaults(), |s| s.database_url = Some("mysql://x".to_owned())), "DATABASE_URL");
    assert_eq!(
        refused(merchant(), |s| s.wechat_sign_type = Some("md5".to_owned())),
        "SAOMA_WECHAT_SIGN_TYPE"
    );
    assert_eq!(
        refused(merchant(), |s| s.trusted_proxies = vec!["10.0.0.0/33".to_owned()]),
        "SAOMA_TRUSTED_PROXIES"
    );
    let framed = |s: &mut Settings| s.frame_ancestors = vec!["https://www.example.com".to_owned()];
    assert_eq!(refused(defaults(), framed), "SAOMA_FRAME_ANCESTORS");
    for site_url in ["www.example.com", "javascript:alert(1)", "https://lin:pw@www.example.com/", ""] {
        assert_eq!(refused(defaults(), |s| s.site_url = Some(site_url.to_owned())), "SAOMA_SITE_URL");
        assert_eq!(refused(defaults(), |s| s.docs_url = Some(site_url.to_owned())), "SAOMA_DOCS_URL");
    }
    for docs_url in ["https://docs.example.com/?page=", "https://docs.example.com/#"] {
        assert_eq!(refused(defaults(), |s| s.docs_url = Some(docs_url.to_owned())), "SAOMA_DOCS_URL");
    }
}

#[test]
fn on_one_machine_a_frame_needs_no_certificate() {
    let framed = |mut s: Settings, site: &str, public_url: Option<&str>| {
        s.frame_ancestors = vec![site.to_owned()];
        s.public_url = public_url.map(str::to_owned).or(s.public_url);
        Config::check(s).map(|config| config.site.frame_ancestors)
    };
    for site in ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"] {
        assert_eq!(framed(defaults(), site, None), Ok(vec![site.to_owned()]));
    }
    assert_eq!(
        framed(merchant(), "https://WWW.example.com:443", None),
        Ok(vec!["https://www.example.com".to_owned()])
    );
    assert!(framed(defaults(), "http://www.example.com", None).is_err());
    assert!(framed(defaults(), "http://localhost:8080", Some("http://pay.example.com")).is_err());
    assert!(framed(merchant(), "http://localhost:8080", Some("http://127.0.0.1:3000")).is_err());
}

#[test]
fn debug_shows_no_secret() {
    let mut s = merchant();
    s.admin_password = Some("correct horse battery".to_owned());
    let shown = format!("{:?}", Config::check(s).unwrap());
    for secret in ["0123456789abcdef0123456789ABCDEF", "a secret of more than", "correct horse"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn mail_has_a_server_and_a_sender_and_no_password_goes_out_in_the_clear() {
    let set = |url: Option<&str>, from: Option<&str>| {
        let (url, from) = (url.map(str::to_owned), from.map(str::to_owned));
        move |s: &mut Settings| (s.smtp_url, s.mail_from) = (url, from)
    };
    let from = Some("Saoma <saoma@example.com>");
    for (url, from, setting) in [
        (Some("smtps://mail.example.com"), None, "SAOMA_MAIL_FROM"),
        (None, from, "SAOMA_SMTP_URL"),
        (Some("mail.example.com"), from, "SAOMA_SMTP_URL"),
        (Some("smtp://saoma:secret@mail.example.com"), from, "SAOMA_SMTP_URL"),
        (Some("smtps://mail.example.com"), Some("nobody"), "SAOMA_MAIL_FROM"),
    ] {
        let said = refused(merchant(), set(url, from));
        assert!(said.contains(setting) && !said.contains("secret"), "{said}");
    }
    for url in [
        "smtps://saoma:secret@mail.example.com:465",
        "smtp://u:p@mail.example.com:587?tls=required",
        "smtp://127.0.0.1:25",
    ] {
        let mut settings = merchant();
        set(Some(url), from)(&mut settings);
        assert!(Config::check(settings).unwrap().mailer.is_some(), "{url}");
    }
}
