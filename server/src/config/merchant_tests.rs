//! Settings of API v3, of channels, of the WeChat account and of the site's own programs.

use confique::{Config as _, Layer as _};
use wxpay::{Protocol, TradeType, UnixMillis};

use cashier::token::TokenApi;

use super::{
    super::{Config, Mode, VerifyFile, settings::Settings},
    is_in_sandbox,
};

/// Keys and certificates that were made for these tests.
fn fixture(name: &str) -> String {
    format!("{}/src/config/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn defaults() -> Settings {
    Settings::from_layer(<Settings as confique::Config>::Layer::default_values()).unwrap()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A merchant of invented numbers with a complete set for API v3, and none for v2.
fn v3() -> Settings {
    let mut s = defaults();
    s.addr = "0.0.0.0:3000".to_owned();
    s.public_url = some("https://pay.example.com");
    s.wechat_appid = some("wx2421b1c4370ec43b");
    s.wechat_mch_id = some("1900009851");
    s.wechat_apiv3_key = some("abcdefghijABCDEFGHIJ012345678901");
    s.wechat_cert = Some(fixture("cert.pem"));
    s.wechat_cert_key = Some(fixture("key.pem"));
    s.user_token_secret = some("a secret of more than 32 bytes, long");
    s
}

fn both() -> Settings {
    let mut s = v3();
    s.wechat_api_key = some("0123456789abcdef0123456789ABCDEF");
    s
}

#[test]
fn commands_find_the_database_that_the_server_uses() {
    let sandbox_elsewhere = |mut s: Settings, change: fn(&mut Settings)| {
        s.addr = "127.0.0.1:3000".to_owned();
        s.public_url = some("http://127.0.0.1:3000");
        s.wechat_base_url = some("http://127.0.0.1:3080");
        change(&mut s);
        s
    };
    let known_number = sandbox_elsewhere(both(), |s| s.wechat_mch_id = some("10000100"));
    let known_key =
        sandbox_elsewhere(both(), |s| s.wechat_api_key = some("192006250b4c09247ec02edce69f6a2d"));
    for (settings, expected) in
        [(defaults(), true), (v3(), false), (both(), false), (known_number, true), (known_key, true)]
    {
        assert_eq!(is_in_sandbox(&settings), expected, "{:?}", settings.wechat_mch_id);
        // One whose certificate is another merchant's is not started, and keeps its database.
        if let Ok(config) = Config::check(settings) {
            assert_eq!(config.is_sandbox(), expected);
        }
    }
    let unreadable = Settings { wechat_cert: some("/nowhere"), ..v3() };
    assert!(!is_in_sandbox(&unreadable));
}

/// The line of a refusal: which setting, and what to do. No secret stands in it.
fn line(start: Settings, change: impl FnOnce(&mut Settings)) -> String {
    let mut s = start;
    change(&mut s);
    let secrets = [
        s.wechat_api_key.clone(),
        s.wechat_apiv3_key.clone(),
        s.wechat_app_secret.clone(),
        s.secret_key.clone(),
    ];
    let line = Config::check(s).unwrap_err().to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    for secret in secrets.into_iter().flatten().filter(|secret| secret.len() > 4) {
        assert!(!line.contains(&secret), "{line}");
    }
    line
}

#[track_caller]
fn refused(start: Settings, change: impl FnOnce(&mut Settings), setting: &str, says: &str) {
    let line = line(start, change);
    assert!(line.starts_with(&format!("{setting} ")), "{setting}: {line}");
    assert!(line.contains(says), "{says}: {line}");
}

fn credentials(config: &Config) -> &super::Credentials {
    match &config.mode {
        Mode::Merchant(credentials) => credentials,
        Mode::Sandbox { .. } => panic!("a merchant"),
    }
}

#[test]
fn v3_alone_v2_alone_and_both_are_whole_merchants_of_one_identity() {
    let only_v3 = Config::check(v3()).unwrap();
    let with_both = Config::check(both()).unwrap();
    let mut s = both();
    (s.wechat_apiv3_key, s.wechat_cert, s.wechat_cert_key) = (None, None, None);
    let only_v2 = Config::check(s).unwrap();
    for (config, has, first) in [
        (&only_v3, (false, true), Protocol::V3),
        (&with_both, (true, true), Protocol::V2),
        (&only_v2, (true, false), Protocol::V2),
    ] {
        assert_eq!((credentials(config).v2.is_some(), credentials(config).v3.is_some()), has);
        assert_eq!((config.first, config.is_sandbox()), (first, false));
        assert_eq!(config.identity(), "mch_id 1900009851 appid wx2421b1c4370ec43b");
    }
    let v3 = credentials(&only_v3).v3.as_ref().unwrap();
    assert_eq!(v3.merchant.serial.as_str(), "5157F09EFDC096DE15EBE81A47057A7232F1B8E1");
    assert!(v3.platform_certs && v3.public_keys.is_empty());
}

#[test]
fn new_orders_go_by_the_protocol_that_is_named_and_has_its_keys() {
    let with = |start: Settings, word: &str| {
        let mut s = start;
        s.wechat_protocol = some(word);
        Config::check(s)
    };
    assert_eq!(with(both(), "v3").unwrap().first, Protocol::V3);
    assert_eq!(with(both(), "v2").unwrap().first, Protocol::V2);
    assert_eq!(with(defaults(), "v3").unwrap().first, Protocol::V3);
    let word = |word: &'static str| move |s: &mut Settings| s.wechat_protocol = some(word);
    let setting = "SAOMA_WECHAT_PROTOCOL";
    refused(v3(), word("v2"), setting, "is v2, but SAOMA_WECHAT_API_KEY is not set");
    refused(both(), word("V3"), setting, "must be \"v2\" or \"v3\"");
    let v2_only = |s: &mut Settings| {
        (s.wechat_apiv3_key, s.wechat_cert, s.wechat_cert_key) = (None, None, None);
        s.wechat_protocol = some("v3");
    };
    refused(both(), v2_only, setting, "is v3, but SAOMA_WECHAT_APIV3_KEY is not set");
}

#[test]
fn half_a_set_of_v3_names_what_is_missing() {
    refused(v3(), |s| s.wechat_cert_key = None, "SAOMA_WECHAT_CERT_KEY", "must be set");
    refused(v3(), |s| s.wechat_cert = None, "SAOMA_WECHAT_CERT", "SAOMA_WECHAT_CERT_SERIAL");
    let no_pair = |s: &mut Settings| (s.wechat_cert, s.wechat_cert_key) = (None, None);
    refused(v3(), no_pair, "SAOMA_WECHAT_CERT_KEY", "API v3");
    refused(v3(), |s| s.wechat_apiv3_key = None, "SAOMA_WECHAT_API_KEY", "SAOMA_WECHAT_APIV3_KEY");
    // With v2 complete the half set is still a mistake.
    let begun = |s: &mut Settings| {
        s.wechat_apiv3_key = None;
        s.wechat_public_key = Some(fixture("pub_key.pem"));
    };
    refused(both(), begun, "SAOMA_WECHAT_APIV3_KEY", "as SAOMA_WECHAT_PUBLIC_KEY is");
    refused(v3(), |s| s.wechat_mch_id = None, "SAOMA_WECHAT_MCH_ID", "must be set");
    let alone = |s: &mut Settings| s.wechat_apiv3_key = some("abcdefghijABCDEFGHIJ012345678901");
    refused(defaults(), alone, "SAOMA_WECHAT_APPID", "must be set");
}

#[test]
fn the_apiv3_key_is_32_letters_and_digits_and_not_the_v2_key() {
    for key in
        ["", "testAPIv3Key0000", "abcdefghijABCDEFGHIJ01234567890-", "abcdefghijABCDEFGHIJ0123456789012"]
    {
        let set = |s: &mut Settings| s.wechat_apiv3_key = some(key);
        refused(v3(), set, "SAOMA_WECHAT_APIV3_KEY", "exactly 32 ASCII letters and digits");
        let set = |s: &mut Settings| s.wechat_apiv3_key_old = some(key);
        refused(v3(), set, "SAOMA_WECHAT_APIV3_KEY_OLD", "exactly 32 ASCII letters and digits");
    }
    let same = |s: &mut Settings| s.wechat_apiv3_key = s.wechat_api_key.clone();
    refused(both(), same, "SAOMA_WECHAT_APIV3_KEY", "must not be the v2 key");
}

#[test]
fn the_private_key_is_of_2048_bits_and_belongs_to_this_merchants_certificate() {
    let pair = |cert: &'static str, key: &'static str| {
        move |s: &mut Settings| (s.wechat_cert, s.wechat_cert_key) = (Some(fixture(cert)), Some(fixture(key)))
    };
    refused(v3(), pair("cert_3072.pem", "key_3072.pem"), "SAOMA_WECHAT_CERT_KEY", "2048");
    refused(v3(), pair("cert.pem", "other_key.pem"), "SAOMA_WECHAT_CERT_KEY", "of the certificate");
    let says = "is the certificate of merchant 1900009852, and SAOMA_WECHAT_MCH_ID is 1900009851";
    refused(v3(), pair("other_cert.pem", "other_key.pem"), "SAOMA_WECHAT_CERT", says);
    refused(v3(), pair("cert.pem", "pub_key.pem"), "SAOMA_WECHAT_CERT_KEY", "private key");
    refused(v3(), pair("pub_key.pem", "key.pem"), "SAOMA_WECHAT_CERT", "certificate");
    refused(v3(), pair("nowhere.pem", "key.pem"), "SAOMA_WECHAT_CERT", "can read");
    // The same for v2, which shows it for refunds.
    let v2 = |s: &mut Settings| {
        s.wechat_apiv3_key = None;
        pair("other_cert.pem", "other_key.pem")(s);
    };
    refused(both(), v2, "SAOMA_WECHAT_CERT", says);
}

#[test]
fn a_p12_file_has_certificate_and_key() {
    let mut s = v3();
    (s.wechat_cert, s.wechat_cert_key) = (Some(fixture("cert.p12")), None);
    let config = Config::check(s).unwrap();
    let v3 = credentials(&config).v3.as_ref().unwrap();
    assert_eq!(v3.merchant.serial.as_str(), "5157F09EFDC096DE15EBE81A47057A7232F1B8E1");
    assert!(config.certificate().is_some());
}

#[test]
fn an_expired_certificate_is_read_so_that_credits_go_on() {
    let mut s = v3();
    s.wechat_cert = Some(fixture("expired_cert.pem"));
    let config = Config::check(s).unwrap();
    let v3 = credentials(&config).v3.as_ref().unwrap();
    let end = v3.expires_at.unwrap();
    assert_eq!(end.to_beijing_text(), "2026-01-01 07:59:59");
    assert!(v3.has_expired(end) && !v3.has_expired(end.plus_ms(-1)));
    assert!(
        !credentials(&Config::check(self::v3()).unwrap()).v3.as_ref().unwrap().has_expired(UnixMillis::now())
    );
}

#[test]
fn a_key_alone_needs_the_certificates_number_and_a_number_must_be_the_certificates() {
    let number = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
    let mut s = v3();
    (s.wechat_cert, s.wechat_cert_serial) = (None, Some(number.to_lowercase()));
    let config = Config::check(s).unwrap();
    let v3 = credentials(&config).v3.as_ref().unwrap();
    assert_eq!((v3.merchant.serial.as_str(), v3.expires_at), (number, None));
    for bad in ["", "5157F09E", "PUB_KEY_ID_01190000985120260315", &number.replace('5', "g")] {
        let set = |s: &mut Settings| s.wechat_cert_serial = some(bad);
        refused(self::v3(), set, "SAOMA_WECHAT_CERT_SERIAL", "40 hex digits");
    }
    let other = |s: &mut Settings| s.wechat_cert_serial = Some(number.replace('5', "6"));
    refused(self::v3(), other, "SAOMA_WECHAT_CERT_SERIAL", number);
}

const ID: &str = "PUB_KEY_ID_0119000098512026031500000000000001";

#[test]
fn wechats_public_keys_are_pairs_of_file_and_id() {
    let mut s = v3();
    (s.wechat_public_key, s.wechat_public_key_id) = (Some(fixture("pub_key.pem")), some(ID));
    let config = Config::check(s).unwrap();
    let v3 = credentials(&config).v3.as_ref().unwrap();
    assert_eq!((v3.public_keys.len(), v3.platform_certs), (1, false));
    assert_eq!(v3.credentials().keys.newest_serial(UnixMillis::now()).unwrap().as_str(), ID);
    let keys = |files: &'static [&str], ids: &'static str| {
        move |s: &mut Settings| {
            let files: Vec<_> = files.iter().map(|file| fixture(file)).collect();
            (s.wechat_public_key, s.wechat_public_key_id) = (Some(files.join(",")), some(ids));
        }
    };
    let (key, id) = ("SAOMA_WECHAT_PUBLIC_KEY", "SAOMA_WECHAT_PUBLIC_KEY_ID");
    refused(self::v3(), keys(&["pub_key.pem"], ""), id, "together");
    refused(self::v3(), keys(&["pub_key.pem"], "PUB_KEY_ID_1,PUB_KEY_ID_2"), key, "together");
    refused(self::v3(), keys(&["pub_key.pem"], "0119000098512026031500000000000001"), id, "PUB_KEY_ID_");
    refused(self::v3(), keys(&["own_pub_key.pem"], "PUB_KEY_ID_1"), key, "is your own certificate's key");
    refused(self::v3(), keys(&["cert.pem"], "PUB_KEY_ID_1"), key, "BEGIN PUBLIC KEY");
    refused(self::v3(), keys(&["pub_key.pem", "pub_key.pem"], "PUB_KEY_ID_1,PUB_KEY_ID_1"), id, "twice");
    let three =
        keys(&["pub_key.pem", "pub_key.pem", "pub_key.pem"], "PUB_KEY_ID_1,PUB_KEY_ID_2,PUB_KEY_ID_3");
    refused(self::v3(), three, key, "at most two");
}

#[test]
fn something_must_say_what_wechats_answers_are_checked_with() {
    let certs = |word: &'static str| move |s: &mut Settings| s.wechat_platform_certs = some(word);
    let setting = "SAOMA_WECHAT_PLATFORM_CERTS";
    refused(v3(), certs("off"), setting, "no answer can be believed");
    refused(v3(), certs("yes"), setting, "must be \"on\" or \"off\"");
    let mut s = v3();
    (s.wechat_public_key, s.wechat_public_key_id) = (Some(fixture("pub_key.pem")), some(ID));
    certs("on")(&mut s);
    assert!(credentials(&Config::check(s).unwrap()).v3.as_ref().unwrap().platform_certs);
}

#[test]
fn v3s_public_test_identity_is_refused_at_wechats_hosts() {
    let number = |s: &mut Settings| {
        (s.wechat_mch_id, s.wechat_cert) = (some("1900007291"), None);
        s.wechat_cert_serial = some("5157F09EFDC096DE15EBE81A47057A7232F1B8E1");
    };
    refused(v3(), number, "SAOMA_WECHAT_MCH_ID", "must be your own");
    let key = |s: &mut Settings| s.wechat_apiv3_key = some("TestOnlyApiV3Key0123456789abcdef");
    refused(v3(), key, "SAOMA_WECHAT_APIV3_KEY", "must be your own");
    let java = |s: &mut Settings| {
        key(s);
        s.wechat_base_url = some("https://api2.wechatpay.cn");
    };
    refused(v3(), java, "SAOMA_WECHAT_APIV3_KEY", "must be your own");
    let mut local = v3();
    key(&mut local);
    local.wechat_base_url = some("http://127.0.0.1:3080");
    local.addr = "127.0.0.1:3000".to_owned();
    local.public_url = some("http://127.0.0.1:3000");
    let config = Config::check(local).unwrap();
    assert_eq!((config.is_sandbox(), config.identity().as_str()), (true, "sandbox"));
}

#[test]
fn each_channel_needs_its_own_settings() {
    let on = |channels: &'static [&str]| {
        move |s: &mut Settings| {
            s.wechat_channels = Some(channels.iter().map(|word| (*word).to_owned()).collect());
            s.secret_key = some("a secret key of more than 32 bytes, long");
        }
    };
    refused(v3(), on(&["JSAPI"]), "SAOMA_WECHAT_APP_SECRET", "JSAPI");
    refused(v3(), on(&["APP"]), "SAOMA_WECHAT_APP_APPID", "APP");
    refused(v3(), on(&["STATIC"]), "SAOMA_WECHAT_API_KEY", "STATIC");
    refused(v3(), on(&["QUICKPAY"]), "SAOMA_WECHAT_CHANNELS", "NATIVE, JSAPI, MWEB, APP, STATIC");
    let plain = |s: &mut Settings| {
        on(&["MWEB"])(s);
        (s.public_url, s.allow_plain_http) = (some("http://pay.example.com"), true);
    };
    refused(v3(), plain, "SAOMA_PUBLIC_URL", "MWEB");
    let mut s = both();
    on(&["NATIVE", "JSAPI", "MWEB", "APP", "STATIC"])(&mut s);
    s.wechat_app_secret = some("0123456789abcdef0123456789abcdef");
    s.wechat_app_appid = some("wx0000000000000002");
    assert_eq!(Config::check(s).unwrap().channels.to_string(), "NATIVE, JSAPI, MWEB, APP");
}

#[test]
fn only_native_is_on_until_more_is_named_and_the_sandbox_has_all() {
    let offered = |s: Settings| Config::check(s).unwrap().channels;
    for trade_type in [TradeType::Jsapi, TradeType::Mweb, TradeType::App] {
        assert!(!offered(both()).offers(trade_type) && offered(defaults()).offers(trade_type));
    }
    assert!(offered(both()).offers(TradeType::Native));
    assert!(!offered(both()).static_codes && offered(defaults()).static_codes);
}

#[test]
fn the_accounts_settings_are_checked() {
    for secret in ["", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef"] {
        let set = |s: &mut Settings| s.wechat_app_secret = some(secret);
        refused(v3(), set, "SAOMA_WECHAT_APP_SECRET", "32 lower-case hex digits");
    }
    let same = |s: &mut Settings| s.wechat_app_appid = s.wechat_appid.clone();
    refused(v3(), same, "SAOMA_WECHAT_APP_APPID", "must differ from SAOMA_WECHAT_APPID");
    refused(v3(), |s| s.wechat_token_api = "both".to_owned(), "SAOMA_WECHAT_TOKEN_API", "stable");
    refused(v3(), |s| s.wechat_token_daily = 0, "SAOMA_WECHAT_TOKEN_DAILY", "from");
    refused(v3(), |s| s.weixin_base_url = some("api.weixin.qq.com"), "SAOMA_WEIXIN_BASE_URL", "https://");
    refused(v3(), |s| s.weixin_open_url = some("http://x.example"), "SAOMA_WEIXIN_OPEN_URL", "must be https");
    for file in
        ["MP_verify_a.txt", "=a", "a.html=a", "../a.txt=a", "a/b.txt=a", "MP_verify_a.txt=<b>", ".txt=a"]
    {
        let set = |s: &mut Settings| s.wechat_verify = vec![file.to_owned()];
        refused(v3(), set, "SAOMA_WECHAT_VERIFY", "name and content");
    }
    let mut s = v3();
    s.wechat_verify = vec!["MP_verify_Ab1.txt=Ab1".to_owned()];
    let weixin = Config::check(s).unwrap().weixin;
    let wanted = VerifyFile { name: "MP_verify_Ab1.txt".to_owned(), content: "Ab1".to_owned() };
    assert_eq!((weixin.verify, weixin.token_api, weixin.token_daily), (vec![wanted], TokenApi::Stable, 200));
    let alone = |s: &mut Settings| s.wechat_app_secret = some("0123456789abcdef0123456789abcdef");
    refused(defaults(), alone, "SAOMA_WECHAT_APP_SECRET", "must not be set without a merchant");
}

#[test]
fn what_seals_is_long_enough() {
    let good = "0123456789012345678901234567890123456789";
    refused(v3(), |s| s.secret_key = some("short"), "SAOMA_SECRET_KEY", "at least 32 bytes");
    refused(v3(), |s| s.secret_key_old = some(good), "SAOMA_SECRET_KEY", "together");
    let net = |s: &mut Settings| s.metrics_from = vec!["localhost".to_owned()];
    refused(v3(), net, "SAOMA_METRICS_FROM", "networks");
    let jsapi = |s: &mut Settings| {
        s.wechat_channels = Some(vec!["JSAPI".to_owned()]);
        s.wechat_app_secret = some("0123456789abcdef0123456789abcdef");
    };
    refused(v3(), jsapi, "SAOMA_SECRET_KEY", "names JSAPI");
    let mut s = v3();
    s.secret_key = some(good);
    assert!(Config::check(s).unwrap().secret_keys.is_some());
}

#[test]
fn debug_shows_no_secret_of_v3_or_of_the_account() {
    let mut s = both();
    s.secret_key = some("secret-key-0123456789012345678901234567");
    s.wechat_app_secret = some("0123456789abcdef0123456789abcdef");
    let secrets = [&s.wechat_apiv3_key, &s.secret_key, &s.wechat_app_secret];
    let secrets = secrets.map(|secret| secret.clone().unwrap());
    let shown = format!("{:?}", Config::check(s).unwrap());
    for secret in secrets {
        assert!(!shown.contains(&secret), "{shown}");
    }
}
