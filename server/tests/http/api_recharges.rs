//! What a site sells by key: recharges under references, what becomes of them, what goes back to payers.

use recharge::api_key::Scope;
use serde_json::{Value, json};

use super::{
    api_spend::answer,
    common::{Site, on_both, on_both_with, text},
};

/// A program with a key that may sell and give back.
pub struct Seller {
    pub site: Site,
    key: String,
}

impl Seller {
    pub async fn of(site: Site) -> Seller {
        let scopes = [
            Scope::RechargesRead,
            Scope::RechargesWrite,
            Scope::RefundsWrite,
            Scope::SpendWrite,
            Scope::BalancesRead,
        ];
        let key = site.key("forum", &scopes).await;
        Seller { site, key }
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.site.http.request(method, format!("{}/api/v1{path}", self.site.url)).bearer_auth(&self.key)
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request("POST", path).json(&body)).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request("GET", path)).await
    }

    /// A recharge of ten units under a reference.
    pub async fn placed(&self, user: &str, reference: &str) -> Value {
        let body = json!({"user": user, "quantity": 10, "reference": reference});
        let (status, placed) = self.post("/recharges", body).await;
        assert_eq!(status, 201, "{placed}");
        placed
    }

    /// The same, paid.
    pub async fn paid(&self, user: &str, reference: &str) -> String {
        let placed = self.placed(user, reference).await;
        let number = text(&placed, "out_trade_no");
        self.site.pay(&text(&placed, "code_url"), &[]).await;
        self.site.until(user, &number, "paid").await;
        number
    }
}

#[tokio::test]
async fn a_recharge_is_made_once_for_its_reference_and_says_what_became_of_it() {
    on_both(async |site| {
        let seller = Seller::of(site).await;
        let body = json!({"user": "lin", "name": "小林", "quantity": 50, "reference": "cart-7",
            "metadata": {"cart": 7}, "client_ip": "203.0.113.7"});
        let (status, first) = seller.post("/recharges", body.clone()).await;
        assert_eq!(status, 201, "{first}");
        let number = text(&first, "out_trade_no");
        for (name, value) in [
            ("user", json!("lin")),
            ("reference", json!("cart-7")),
            ("state", json!("pending")),
            ("total_fee", json!(5000)),
            ("bonus", json!(200)),
            ("credited", json!(0)),
            ("late", json!(false)),
            ("exceptions", json!([])),
            ("metadata", json!({"cart": 7})),
            ("paid_at", json!(null)),
        ] {
            assert_eq!(first[name], value, "{name}");
        }
        assert!(text(&first, "code_url").starts_with("weixin://"));
        assert!(text(&first, "pay_url").starts_with(&format!("{}/pay/{number}?t=", seller.site.url)));
        assert_eq!(seller.post("/recharges", body.clone()).await, (200, first.clone()));
        // The header may stand in the field's place.
        let mut bare = body.clone();
        bare.as_object_mut().unwrap().remove("reference");
        let by_header = seller.request("POST", "/recharges").header("idempotency-key", "cart-7").json(&bare);
        assert_eq!(answer(by_header).await, (200, first.clone()));
        for (name, other) in [("quantity", json!(51)), ("user", json!("wang")), ("metadata", json!({}))] {
            let mut body = body.clone();
            body[name] = other;
            let (status, problem) = seller.post("/recharges", body).await;
            assert_eq!((status, text(&problem, "code")), (409, "reference_reused".to_owned()), "{name}");
            assert_eq!((&problem["existing"], &problem["reference"]), (&json!(number), &json!("cart-7")));
        }
        seller.site.pay(&text(&first, "code_url"), &[]).await;
        seller.site.until("lin", &number, "paid").await;
        let (status, paid) = seller.get(&format!("/recharges/{number}")).await;
        assert_eq!((status, &paid["state"], &paid["credited"]), (200, &json!("paid"), &json!(5200)));
        assert!(paid["version"].as_i64() > first["version"].as_i64());
        for gone in ["code_url", "pay_url", "qr_url"] {
            assert_eq!(paid[gone], json!(null), "{gone}");
        }
        assert_eq!(seller.post("/recharges", body).await, (200, paid), "for ever");
        assert_eq!(seller.get("/recharges/SM00000000").await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn without_a_reference_the_open_recharge_is_gone_on_with() {
    on_both(async |site| {
        let seller = Seller::of(site).await;
        let (number, _) = seller.site.placed("lin", "10").await;
        let (status, same) = seller.post("/recharges", json!({"user": "lin", "quantity": 10})).await;
        assert_eq!((status, text(&same, "out_trade_no"), &same["reference"]), (200, number, &json!(null)));
        let by_fee = json!({"user": "lin", "total_fee": 1234});
        let (status, fee) = seller.post("/recharges", by_fee).await;
        assert_eq!((status, &fee["total_fee"], &fee["bonus"]), (201, &json!(1234), &json!(0)));
    })
    .await;
}

#[tokio::test]
async fn lists_of_recharges_are_filtered_and_read_page_by_page() {
    on_both(async |site| {
        let seller = Seller::of(site).await;
        let paid = seller.paid("lin", "r0").await;
        let mut made = vec![paid.clone()];
        for n in 1..5 {
            made.push(text(&seller.placed("wang", &format!("r{n}")).await, "out_trade_no"));
        }
        let (mut seen, mut path) = (Vec::new(), "/recharges?limit=2".to_owned());
        loop {
            let (status, page) = seller.get(&path).await;
            assert_eq!(status, 200, "{page}");
            seen.extend(page["data"].as_array().unwrap().iter().map(|one| text(one, "out_trade_no")));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/recharges?limit=2&after={next}");
        }
        assert_eq!(seen.len(), 5);
        seen.sort();
        made.sort();
        assert_eq!(seen, made);
        for (query, count) in [
            ("user=lin", 1),
            ("user=wang", 4),
            ("state=paid", 1),
            ("state=pending&user=wang", 4),
            ("exception=any", 0),
            ("exception=late", 0),
            ("reference=r0", 1),
            ("reference=r9", 0),
            ("paid_from=2020-01-01T00:00:00%2B08:00", 1),
            ("paid_to=2020-01-01T00:00:00Z", 0),
        ] {
            let (status, page) = seller.get(&format!("/recharges?{query}")).await;
            assert_eq!(
                (status, page["data"].as_array().map(Vec::len)),
                (200, Some(count)),
                "{query}: {page}"
            );
        }
        for (query, parameter) in [
            ("state=open", "state"),
            ("exception=odd", "exception"),
            ("reference=a%20b", "reference"),
            ("paid_from=yesterday", "paid_from"),
            ("user=", "user"),
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("page=2", "page"),
        ] {
            let (status, problem) = seller.get(&format!("/recharges?{query}")).await;
            assert_eq!((status, &problem["errors"][0]["parameter"]), (422, &json!(parameter)), "{problem}");
        }
        assert_eq!(seller.get("/recharges?after=x").await.0, 400);
    })
    .await;
}

#[tokio::test]
async fn a_recharge_that_was_taken_back_is_offered_nowhere_and_a_payment_of_it_counts() {
    on_both(async |site| {
        let seller = Seller::of(site).await;
        let placed = seller.placed("lin", "r").await;
        let (number, code_url) = (text(&placed, "out_trade_no"), text(&placed, "code_url"));
        let (page, picture) = (text(&placed, "pay_url"), text(&placed, "qr_url"));
        let path = format!("/recharges/{number}/cancel");
        let (status, cancelled) = answer(seller.request("POST", &path)).await;
        assert_eq!(
            (status, &cancelled["code_url"], &cancelled["pay_url"]),
            (202, &json!(null), &json!(null))
        );
        assert!(cancelled["cancelled_at"].is_string(), "{cancelled}");
        assert_eq!(answer(seller.request("POST", &path)).await, (202, cancelled));
        let shown = seller.site.http.get(&page).send().await.unwrap().text().await.unwrap();
        assert!(shown.contains("data-state=\"cancelled\"") && !shown.contains("<svg class=\"qr"), "{shown}");
        assert_eq!(seller.site.http.get(&picture).send().await.unwrap().status(), 404);
        let other = seller.post("/recharges", json!({"user": "lin", "quantity": 10})).await.1;
        assert_ne!(text(&other, "out_trade_no"), number);
        seller.site.pay(&code_url, &[]).await;
        seller.site.until("lin", &number, "paid").await;
        assert_eq!(seller.site.balance("lin").await, 1000);
        assert_eq!(answer(seller.request("POST", "/recharges/SM000000/cancel")).await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn the_code_is_a_picture_for_whoever_has_the_link_while_it_can_be_paid() {
    on_both(async |site| {
        let seller = Seller::of(site).await;
        let placed = seller.placed("lin", "r").await;
        let svg = text(&placed, "qr_url");
        let get = async |url: &str| {
            seller.site.http.get(url).header("origin", "https://shop.example.com").send().await.unwrap()
        };
        for (url, kind, begin) in [
            (svg.clone(), "image/svg+xml", b"<svg xmlns".as_slice()),
            (svg.replace(".svg?", ".png?"), "image/png", b"\x89PNG\r\n\x1a\n".as_slice()),
        ] {
            let response = get(&url).await;
            assert_eq!(response.status(), 200, "{url}");
            let headers = response.headers();
            assert_eq!(headers["content-type"], kind);
            assert_eq!(headers["cache-control"], "no-store");
            assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
            assert!(response.bytes().await.unwrap().starts_with(begin));
            let (bare, _) = url.split_once('?').unwrap();
            for wrong in [bare.to_owned(), format!("{bare}?t=AAAA"), url.replace("/SM", "/SX")] {
                assert_eq!(get(&wrong).await.status(), 404, "{wrong}");
            }
        }
        seller.site.pay(&text(&placed, "code_url"), &[]).await;
        seller.site.until("lin", &text(&placed, "out_trade_no"), "paid").await;
        assert_eq!(get(&svg).await.status(), 404);
    })
    .await;
}

#[tokio::test]
async fn a_refund_is_made_once_for_its_reference_and_refused_with_the_figures() {
    on_both(async |site| {
        let seller = Seller::of(site).await;
        let open = text(&seller.placed("lin", "open").await, "out_trade_no");
        let wish = |amount: i64, reference: &str| json!({"reference": reference, "amount": amount, "reason": "退货"});
        let (status, problem) = seller.post(&format!("/recharges/{open}/refunds"), wish(100, "b")).await;
        assert_eq!((status, text(&problem, "code")), (409, "not_paid".to_owned()));
        let number = seller.paid("lin", "r").await;
        let path = format!("/recharges/{number}/refunds");
        let (status, first) = seller.post(&path, wish(400, "back-1")).await;
        assert_eq!((status, &first["amount"], &first["taken"]), (201, &json!(400), &json!(400)), "{first}");
        assert_eq!((&first["reference"], &first["made_by"]), (&json!("back-1"), &json!("key:forum")));
        let (status, again) = seller.post(&path, wish(400, "back-1")).await;
        assert_eq!((status, &again["out_refund_no"]), (200, &first["out_refund_no"]));
        for (path, body) in [(&path, wish(401, "back-1")), (&format!("/recharges/{open}/refunds"), wish(400, "back-1"))] {
            let (status, problem) = seller.post(path, body).await;
            assert_eq!((status, &problem["existing"]), (409, &first["out_refund_no"]), "{problem}");
        }
        let (status, over) = seller.post(&path, wish(601, "back-2")).await;
        assert_eq!((status, &over["errors"][0]["pointer"]), (422, &json!("/amount")), "{over}");
        let debit = json!({"user": "lin", "amount": 500, "reference": "d", "reason": "VIP"});
        assert_eq!(seller.post("/debits", debit).await.0, 201);
        let (status, low) = seller.post(&path, wish(200, "back-3")).await;
        assert_eq!(
            (status, text(&low, "code"), &low["available"], &low["needed"]),
            (409, "balance_low".to_owned(), &json!(100), &json!(200))
        );
        let mut all_the_same = wish(200, "back-3");
        all_the_same["even_if_balance_low"] = json!(true);
        assert_eq!(seller.post(&path, all_the_same).await.0, 201, "a refusal took no reference");
        let (status, list) = seller.get(&path).await;
        assert_eq!((status, list["data"].as_array().map(Vec::len)), (200, Some(2)), "{list}");
        assert_eq!(seller.site.balance("lin").await, -100);
        let (_, shown) = seller.get(&format!("/recharges/{number}")).await;
        let back = [&shown["refunded"], &shown["refunding"]].map(|fen| fen.as_i64().unwrap());
        assert_eq!(back.iter().sum::<i64>(), 600, "{shown}");
        let unknown = seller.post("/recharges/SM00000000/refunds", wish(1, "x")).await;
        assert_eq!((unknown.0, seller.get("/recharges/SM00000000/refunds").await.0), (404, 404));
    })
    .await;
}

#[tokio::test]
async fn where_the_site_keeps_the_balances_nothing_is_spent_here_and_no_page_shows_one() {
    on_both_with("balance_kept_by = \"site\"\n", async |site| {
        let seller = Seller::of(site).await;
        let number = seller.paid("lin", "r").await;
        let debit = json!({"user": "lin", "amount": 500, "reference": "d", "reason": "VIP"});
        for path in ["/debits", "/debits/batch", "/holds", "/holds/HD1/capture", "/debits/DB1/reversals"] {
            let (status, problem) = seller.post(path, debit.clone()).await;
            assert_eq!((status, text(&problem, "code")), (409, "balance_kept_by_site".to_owned()), "{path}");
        }
        assert_eq!(seller.get("/users/lin/holds").await.0, 409);
        assert_eq!(seller.get("/users/lin").await.1["balance"], 1000, "the ledger is the same");
        let cookie = format!("/?u={}", seller.site.token("lin"));
        let page = seller.site.get(&cookie).send().await.unwrap();
        let cookies: Vec<_> = page.headers().get_all("set-cookie").iter().cloned().collect();
        let cookies: Vec<_> =
            cookies.iter().map(|one| one.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
        for path in ["/", &format!("/pay/{number}")] {
            let page = seller.site.get(path).header("cookie", cookies.join("; ")).send().await.unwrap();
            let page = page.text().await.unwrap();
            assert!(page.contains("lin") && !page.contains("余额"), "{path}: {page}");
        }
    })
    .await;
}

#[tokio::test]
async fn each_bad_recharge_and_refund_is_refused_by_its_place_with_an_example() {
    on_both(async |site| {
        let seller = Seller::of(site).await;
        let long = |letters: usize| json!("x".repeat(letters));
        let keys: serde_json::Map<String, Value> = (0..17).map(|n| (format!("k{n}"), json!(n))).collect();
        let good = json!({"user": "lin", "quantity": 10});
        let mut cases: Vec<(&str, Value, &str)> = Vec::new();
        for quantity in [json!(0), json!(-1), json!(1.0), json!("10"), json!(5001), json!(1e30), json!(null)]
        {
            cases.push(("quantity", quantity, "/quantity"));
        }
        for fee in [json!(0), json!("100"), json!(1.5), json!(1_000_000_001), json!(1_i64 << 53), json!(100)]
        {
            cases.push(("total_fee", fee, "/total_fee"));
        }
        for user in [json!(""), long(65), json!("a\u{0}b"), json!(7)] {
            cases.push(("user", user, "/user"));
        }
        for reference in [json!(""), long(65), json!("a\nb"), json!(7)] {
            cases.push(("reference", reference, "/reference"));
        }
        for metadata in [json!(keys), json!({"k": "x".repeat(2048)}), json!({"a": {"b": 1}}), json!([1])] {
            cases.push(("metadata", metadata, "/metadata"));
        }
        for url in [
            json!("shop"),
            json!("https://other.example.com/"),
            json!("javascript:alert(1)"),
            json!("https://a:b@c/"),
        ] {
            cases.push(("return_url", url, "/return_url"));
        }
        for ip in [json!("localhost"), json!("203.0.113.7:80")] {
            cases.push(("client_ip", ip, "/client_ip"));
        }
        cases.extend([("name", long(129), "/name"), ("currency", json!("CNY"), "/currency")]);
        for (field, value, pointer) in cases {
            let mut body = good.clone();
            body[field] = value;
            let (status, problem) = seller.post("/recharges", body.clone()).await;
            let wrong = &problem["errors"][0];
            assert_eq!((status, &wrong["pointer"]), (422, &json!(pointer)), "{body}: {problem}");
            let detail = wrong["detail"].as_str().unwrap();
            let helps =
                ["such as", "missing", "unknown", "left out"].iter().any(|word| detail.contains(word));
            assert!(helps, "{field}: {detail}");
        }
        let twice = "{\"user\":\"lin\",\"quantity\":10,\"quantity\":10}";
        let twice =
            seller.request("POST", "/recharges").header("content-type", "application/json").body(twice);
        assert_eq!(answer(twice).await.0, 400);
        let two = seller.request("POST", "/recharges").header("idempotency-key", "a");
        let two = two.json(&json!({"user": "lin", "quantity": 10, "reference": "b"}));
        assert_eq!(answer(two).await.0, 400);
        assert_eq!(seller.site.count("orders").await, 0);
        let number = seller.paid("lin", "r").await;
        let path = format!("/recharges/{number}/refunds");
        for (field, value, pointer) in [
            ("amount", json!(0), "/amount"),
            ("amount", json!("100"), "/amount"),
            ("amount", json!(1001), "/amount"),
            ("reason", json!(""), "/reason"),
            ("reason", long(81), "/reason"),
            ("reference", json!(null), "/reference"),
            ("even_if_balance_low", json!("yes"), "/even_if_balance_low"),
        ] {
            let mut body = json!({"reference": "back", "amount": 100, "reason": "x"});
            body[field] = value;
            let (status, problem) = seller.post(&path, body.clone()).await;
            assert_eq!(
                (status, &problem["errors"][0]["pointer"]),
                (422, &json!(pointer)),
                "{body}: {problem}"
            );
        }
        assert_eq!(seller.site.count("refunds").await, 0);
    })
    .await;
}
