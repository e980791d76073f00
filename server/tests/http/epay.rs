//! 易支付 as the programs that speak it send it: signed by their rules, with their parameters, and told as they read it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::State, http::Uri};
use cashier::{
    Clock, Db, Random,
    db::facts,
    epay::Epay,
    sealing::SecretKeys,
    webhooks::{Names, Sender, WebhookSettings},
};
use md5::{Digest as _, Md5};
use recharge::{
    audit::Acting,
    epay::{EpayHost, Pid},
};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{
    common::{Site, on_both, paid, signed, text},
    past::saoma,
};

pub type Params = BTreeMap<String, String>;

/// Calcium-Ion/go-epay, `epay/util.go`: `GenerateParams` = filter, sort, join, append the key, MD5. dujiao-next,
/// `internal/payment/epay/epay.go`: `buildSignContent` and `signMD5` are the same.
pub fn sign(params: &Params, key: &str) -> String {
    let signed = params.iter().filter(|(name, value)| {
        !(name.as_str() == "sign" || name.as_str() == "sign_type" || value.is_empty())
    });
    let joined: Vec<_> = signed.map(|(name, value)| format!("{name}={value}")).collect();
    Md5::digest(joined.join("&") + key).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn with_sign(pairs: &[(&str, &str)], key: &str) -> Params {
    let mut params: Params =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sign = sign(&params, key);
    params.insert("sign".to_owned(), sign);
    params.insert("sign_type".to_owned(), "MD5".to_owned());
    params
}

/// The site of a merchant: it takes notices, and answers each with the next of these words, at the end with `success`.
#[derive(Clone, Default)]
pub struct Shop {
    got: Arc<Mutex<Vec<Params>>>,
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

impl Shop {
    pub async fn open(&self, addr: &str) -> String {
        async fn notify(State(shop): State<Shop>, method: Method, uri: Uri) -> (StatusCode, String) {
            assert_eq!(method, Method::GET);
            let query = reqwest::Url::parse(&format!("http://shop{uri}")).unwrap();
            shop.got.lock().unwrap().push(query.query_pairs().into_owned().collect());
            match shop.answers.lock().unwrap().pop_front() {
                Some("500") => (StatusCode::INTERNAL_SERVER_ERROR, "success".to_owned()),
                Some("302") => (StatusCode::FOUND, "success".to_owned()),
                Some(word) => (StatusCode::OK, word.to_owned()),
                None => (StatusCode::OK, "success".to_owned()),
            }
        }
        let listener = tokio::net::TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let app = Router::new().fallback(notify).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        addr
    }

    pub fn answer_first(&self, words: &[&'static str]) {
        self.answers.lock().unwrap().extend(words);
    }

    pub fn got(&self) -> Vec<Params> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until so many notices came.
    pub async fn until(&self, count: usize) -> Vec<Params> {
        for _ in 0..300 {
            if self.got().len() >= count {
                return self.got();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} notices came, not {count}", self.got().len());
    }
}

/// A server, a merchant, and the merchant's shop.
pub struct Desk {
    pub site: Site,
    pub epay: Epay,
    pub pid: String,
    pub key: String,
    pub shop: Shop,
    pub addr: String,
}

pub fn console() -> Acting {
    Acting::operator("console", "console")
}

/// The merchants of a site, as another process sees them.
pub async fn merchants(site: &Site) -> Epay {
    let db = Db::open(&site.database).await.unwrap();
    let kept = facts::get(&db, "secret_key").await.unwrap().unwrap();
    let networks = vec!["127.0.0.0/8".parse().unwrap()];
    let settings = WebhookSettings { public_url: site.url.clone(), networks, names: Names::system() };
    let keys = SecretKeys::new(&kept, None);
    let sender = Sender::new(settings, Clock::system()).unwrap();
    Epay::new(db, Clock::system(), Random::system(), Some(&keys), sender)
}

impl Desk {
    pub async fn of(site: Site) -> Desk {
        let (shop, epay) = (Shop::default(), merchants(&site).await);
        let addr = shop.open("127.0.0.1:0").await;
        let hosts = [addr.as_str(), "shop.example.com", "10.0.0.1", "169.254.169.254", "8.8.8.8"];
        let hosts = hosts.iter().map(|host| EpayHost::parse(host).unwrap()).collect();
        let (merchant, key) = epay.make("new-api", hosts, &console()).await.unwrap();
        let (pid, key) = (merchant.pid.to_string(), key.expose().to_owned());
        Desk { site, epay, pid, key, shop, addr }
    }

    pub fn notify_url(&self) -> String {
        format!("http://{}/api/user/epay/notify", self.addr)
    }

    /// QuantumNous/new-api, `controller/topup.go`: `RequestEpay` with go-epay's `Purchase`.
    pub fn new_api(&self, number: &str, money: &str) -> Params {
        self.asked(&[("out_trade_no", number), ("money", money)])
    }

    /// The same with other values.
    pub fn asked(&self, other: &[(&str, &str)]) -> Params {
        let (notify, back) = (self.notify_url(), format!("http://{}/console/log", self.addr));
        let usual = [
            ("pid", self.pid.as_str()),
            ("type", "wxpay"),
            ("out_trade_no", "USR1NOabCDef1773540000"),
            ("notify_url", &notify),
            ("name", "TUC1"),
            ("money", "7.30"),
            ("device", "pc"),
            ("return_url", &back),
        ];
        let kept = usual.iter().filter(|(name, _)| other.iter().all(|(changed, _)| changed != name));
        with_sign(&kept.chain(other).copied().collect::<Vec<_>>(), &self.key)
    }

    pub async fn mapi(&self, params: &Params) -> Value {
        let response = self.site.http.post(format!("{}/epay/mapi.php", self.site.url)).form(params);
        let response = response.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    /// A browser that was sent to `submit.php` with everything in its address.
    pub async fn submit(&self, params: &Params) -> reqwest::Response {
        let address = format!("{}/epay/submit.php", self.site.url);
        let address = reqwest::Url::parse_with_params(&address, params).unwrap();
        self.site.http.get(address).send().await.unwrap()
    }

    /// An order by `mapi.php`: its number here and its code.
    pub async fn ordered(&self, params: &Params) -> (String, String) {
        let said = self.mapi(params).await;
        assert_eq!(said["code"], 1, "{said}");
        (text(&said, "trade_no"), text(&said, "qrcode"))
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.site.count(table).await
    }

    pub async fn until(&self, table: &str, count: i64) {
        for _ in 0..300 {
            if self.count(table).await == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{table}: {}", self.count(table).await);
    }

    /// Has what waits for its next try be due now.
    pub async fn hurry(&self) {
        self.site.set("UPDATE epay_orders SET due_at = 0 WHERE due_at IS NOT NULL").await;
    }

    /// What must hold after everything that happens here.
    pub async fn assert_no_balance_moved(&self) {
        assert_eq!((self.count("ledger").await, self.count("accounts").await), (0, 0));
        let findings =
            cashier::db::check::whole(&Db::open(&self.site.database).await.unwrap()).await.unwrap();
        assert_eq!(findings.violations, 0, "{:?}", findings.named);
    }
}

#[tokio::test]
async fn until_a_merchant_is_made_and_after_the_last_is_revoked_there_is_no_such_interface() {
    on_both(async |site| {
        let statuses = async |site: &Site| {
            let mut statuses = Vec::new();
            for path in ["/epay/submit.php", "/epay/mapi.php", "/epay/api.php"] {
                let url = format!("{}{path}?pid=1001", site.url);
                for request in [site.http.get(&url), site.http.post(&url)] {
                    statuses.push(request.send().await.unwrap().status().as_u16());
                }
            }
            statuses
        };
        assert_eq!(statuses(&site).await, [404, 404, 404, 404, 404, 404]);
        let desk = Desk::of(site).await;
        // `submit.php` speaks to a browser, `mapi.php` to a program, which looks at `code`.
        assert_eq!(statuses(&desk.site).await, [400, 400, 200, 200, 404, 404]);
        desk.epay.revoke(Pid::parse(&desk.pid).unwrap(), &console()).await.unwrap();
        assert_eq!(statuses(&desk.site).await, [404, 404, 404, 404, 404, 404]);
    })
    .await;
}

#[tokio::test]
async fn what_new_api_sends_is_paid_at_the_page_told_once_and_leads_back_and_no_balance_moves() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        let params = desk.new_api("USR1NOabCDef1773540000", "7.30");
        // new-api's page posts go-epay's parameters as a form, from another site.
        let form = desk.site.http.post(format!("{}/epay/submit.php", desk.site.url)).form(&params);
        let form = form.header("origin", "https://api.example.com").header("sec-fetch-site", "cross-site");
        let led = form.send().await.unwrap();
        assert_eq!(led.status(), StatusCode::SEE_OTHER);
        let page = led.headers()["location"].to_str().unwrap().to_owned();
        assert!(page.starts_with(&format!("{}/pay/SM", desk.site.url)), "{page}");
        let shown = desk.site.http.get(&page).send().await.unwrap();
        assert_eq!(shown.status(), StatusCode::OK);
        let shown = shown.text().await.unwrap();
        assert!(shown.contains("7.30") && !shown.contains("到账 ¥"), "no balance is promised");
        assert!(shown.contains("付款后自动通知商家网站") && !shown.contains("到账不受影响"));
        // A reload sends the same form, and mapi.php knows the same order.
        let again = desk.submit(&params).await;
        assert_eq!(again.headers()["location"], page.as_str());
        let (number, code) = desk.ordered(&params).await;
        assert!(page.contains(&number));
        desk.site.pay(&code, &[]).await;
        let told = desk.shop.until(1).await.remove(0);
        // new-api, `EpayNotify`: go-epay's `Verify`, then `trade_status` and the number.
        assert_eq!(told["sign"], sign(&told, &desk.key));
        for (name, value) in [
            ("pid", desk.pid.as_str()),
            ("trade_no", &number),
            ("out_trade_no", "USR1NOabCDef1773540000"),
            ("type", "wxpay"),
            ("name", "TUC1"),
            ("money", "7.30"),
            ("trade_status", "TRADE_SUCCESS"),
            ("sign_type", "MD5"),
        ] {
            assert_eq!(told[name], value, "{name}");
        }
        desk.until("epay_orders WHERE state = 'told' AND sent = 1 AND problem IS NULL", 1).await;
        let shown = desk.site.http.get(&page).send().await.unwrap().text().await.unwrap();
        assert!(shown.contains("已付款 ¥7.30"), "{shown}");
        let way = shown.split("href=\"").find(|rest| rest.contains("/epay/return?o=")).unwrap();
        let way = way.split('"').next().unwrap();
        let back = desk.site.http.get(way).send().await.unwrap();
        assert_eq!(back.status(), StatusCode::SEE_OTHER);
        let back = reqwest::Url::parse(back.headers()["location"].to_str().unwrap()).unwrap();
        assert_eq!(back.path(), "/console/log");
        let said: Params = back.query_pairs().into_owned().collect();
        assert_eq!((said["sign"].clone(), &said), (sign(&said, &desk.key), &told));
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(desk.shop.got().len(), 1, "told once");
        desk.assert_no_balance_moved().await;
        assert_eq!(desk.count("orders WHERE state = 'paid' AND credited_at IS NOT NULL").await, 1);
        assert_eq!(desk.count("events WHERE kind = 'sold'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_dujiao_next_and_dujiaoka_send_is_ordered() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        // dujiao-next, `internal/payment/epay/epay.go`: `createV1` posts these, and reads code, msg, trade_no, payurl and qrcode.
        let dujiao = desk.asked(&[
            ("out_trade_no", "DJ20260315100000123456"),
            ("money", "1.00"),
            ("name", "月卡 & 会员"),
            ("clientip", "203.0.113.7"),
            ("device", "mobile"),
            ("param", "a=1&b"),
        ]);
        let said = desk.mapi(&dujiao).await;
        assert_eq!((&said["code"], &said["msg"]), (&Value::from(1), &Value::from("success")));
        let number = text(&said, "trade_no");
        assert!(text(&said, "payurl").starts_with(&format!("{}/pay/{number}?t=", desk.site.url)));
        assert!(text(&said, "qrcode").starts_with("weixin://"));
        assert_eq!(desk.count("orders WHERE spbill_create_ip = '203.0.113.7' AND total_fee = 100").await, 1);
        // assimon/dujiaoka, `YipayController`: a form by GET, `money` as PHP writes a float, and no `device`.
        let dujiaoka = desk.asked(&[("out_trade_no", "ABCDEF0123456789"), ("money", "10.1"), ("device", "")]);
        let led = desk.submit(&dujiaoka).await;
        assert_eq!(led.status(), StatusCode::SEE_OTHER);
        assert_eq!(desk.count("orders WHERE total_fee = 1010").await, 1);
        desk.site.pay(&text(&said, "qrcode"), &[]).await;
        let told = desk.shop.until(1).await.remove(0);
        assert_eq!((told["sign"].clone(), told["param"].as_str()), (sign(&told, &desk.key), "a=1&b"));
        assert_eq!((told["name"].as_str(), told["money"].as_str()), ("月卡 & 会员", "1.00"));
        desk.assert_no_balance_moved().await;
    })
    .await;
}

#[tokio::test]
async fn one_number_is_one_order_for_the_same_figures_and_refused_for_others() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        let params = desk.new_api("A1", "1.00");
        let (number, code) = desk.ordered(&params).await;
        // What says nothing of the money may differ, and so may the way in which the same money is written.
        for other in [("device", "mobile"), ("money", "1"), ("clientip", "203.0.113.9")] {
            let params = desk.asked(&[("out_trade_no", "A1"), ("money", "1.00")]);
            let pairs: Vec<_> = params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let pairs: Vec<_> =
                pairs.into_iter().filter(|(name, _)| *name != other.0 && *name != "sign").collect();
            let same = with_sign(&[pairs, vec![other]].concat(), &desk.key);
            assert_eq!(desk.ordered(&same).await.0, number, "{other:?}");
        }
        let elsewhere = format!("http://{}/elsewhere", desk.addr);
        for other in [("money", "1.01"), ("name", "TUC2"), ("param", "x"), ("notify_url", elsewhere.as_str())]
        {
            let mut all = vec![("out_trade_no", "A1"), ("money", "1.00")];
            all.retain(|(name, _)| *name != other.0);
            let said = desk.mapi(&desk.asked(&[all, vec![other]].concat())).await;
            assert_eq!(said["code"], -1, "{other:?}");
            assert!(text(&said, "msg").contains("out_trade_no 重复"), "{said}");
        }
        assert_eq!((desk.count("orders").await, desk.count("epay_orders").await), (1, 1));
        // Another merchant's number is another order.
        let hosts = vec![EpayHost::parse(&desk.addr).unwrap()];
        let (second, key) = desk.epay.make("dujiao", hosts, &console()).await.unwrap();
        let mut theirs = params.clone();
        theirs.insert("pid".to_owned(), second.pid.to_string());
        theirs.insert("sign".to_owned(), sign(&theirs, key.expose()));
        assert_ne!(desk.ordered(&theirs).await.0, number);
        // Paid, it is still the same order.
        desk.site.pay(&code, &[]).await;
        desk.shop.until(1).await;
        let said = desk.mapi(&params).await;
        assert_eq!(
            (&said["code"], &said["trade_no"], &said["qrcode"]),
            (&1.into(), &number.into(), &"".into())
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_number_sent_many_times_at_once_is_one_order() {
    on_both(async |site| {
        let desk = Arc::new(Desk::of(site).await);
        let mut sending = tokio::task::JoinSet::new();
        for n in 0..12 {
            let desk = Arc::clone(&desk);
            let params = desk.new_api("A1", if n % 2 == 0 { "1.00" } else { "2.00" });
            sending.spawn(async move { (n % 2, desk.mapi(&params).await) });
        }
        let answers = sending.join_all().await;
        let taken: Vec<_> = answers.iter().filter(|(_, said)| said["code"] == 1).collect();
        assert!(
            !taken.is_empty()
                && taken.iter().all(|(kind, said)| {
                    *kind == taken[0].0 && said["trade_no"] == taken[0].1["trade_no"]
                }),
            "{answers:?}"
        );
        assert_eq!((desk.count("orders").await, desk.count("epay_orders").await), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_does_not_fit_is_kept_and_the_site_is_told_of_the_right_one_only() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        let (number, code) = desk.ordered(&desk.new_api("A1", "1.00")).await;
        let wrong = signed(paid(&number, "1").with("transaction_id", "4200000000000000000000000001"));
        assert_eq!(desk.site.notice(wrong).await.0, StatusCode::OK);
        assert_eq!(desk.count("exceptions WHERE kind = 'amount_mismatch' AND settled_at IS NULL").await, 1);
        assert_eq!(desk.count("epay_orders WHERE state = 'open'").await, 1);
        desk.site.pay(&code, &[]).await;
        desk.shop.until(1).await;
        // The same payment again, and a second one of the same order.
        let second = signed(paid(&number, "100").with("transaction_id", "4200000000000000000000000002"));
        assert_eq!(desk.site.notice(second).await.0, StatusCode::OK);
        assert_eq!(desk.count("exceptions WHERE kind = 'duplicate'").await, 1);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(desk.shop.got().len(), 1);
        desk.assert_no_balance_moved().await;
    })
    .await;
}

#[tokio::test]
async fn the_console_makes_lists_changes_and_revokes_merchants() {
    let folder = tempfile::tempdir().unwrap();
    for database in [testdb::sqlite(folder.path()), testdb::postgres().await] {
        let run = async |arguments: &[&str]| {
            let arguments = [&["epay"], arguments].concat();
            saoma(folder.path(), &arguments, &[("DATABASE_URL", &database)]).await
        };
        let (ok, made, said) = run(&["create", "new-api", "--hosts", "api.example.com,127.0.0.1:3001"]).await;
        assert!(ok && said.contains("shown only now"), "{said}");
        let lines: Vec<_> = made.lines().collect();
        assert!(lines[0] == "1001" && lines[1].len() == 32, "{made}");
        assert!(run(&["create", "dujiao", "--hosts", "shop.example.com"]).await.1.starts_with("1002\n"));
        for (wrong, why) in [
            (&["create", "new-api", "--hosts", "a.example.com"][..], "of that name already"),
            (&["create", "x", "--hosts", "https://a.example.com"], "without https://"),
            (&["create", "x"], "--hosts"),
            (&["rotate", "1009"], "no merchant 1009"),
            (&["rotate", "abc"], "such as 1001"),
            (&["tell", "1001", "A1"], "no paid order A1"),
        ] {
            let (ok, _, said) = run(wrong).await;
            assert!(!ok && said.contains(why), "{wrong:?}: {said}");
        }
        let (_, rotated, _) = run(&["rotate", "1001"]).await;
        assert!(rotated.starts_with("1001\n") && rotated != made);
        assert!(run(&["hosts", "1001", "b.example.com"]).await.0);
        assert!(run(&["revoke", "1002"]).await.0);
        assert!(!run(&["rotate", "1002"]).await.0, "for good");
        let (_, listed, _) = run(&["list"]).await;
        let lines: Vec<_> = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(lines[1], ["1001", "in", "use", "0", "0", "new-api", "b.example.com"]);
        assert_eq!(lines[2], ["1002", "revoked", "0", "0", "dujiao", "shop.example.com"]);
        assert!(!listed.contains(rotated.lines().nth(1).unwrap()));
    }
}
