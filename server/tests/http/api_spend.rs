//! What a site does with its users' balances by key: debits, reversals, holds, and what it reads of them.

use recharge::api_key::{NewKey, Scope};
use serde_json::{Value, json};
use wxpay::Fen;

use super::common::{Site, on_both, text};

/// A program with a key that may spend and read.
pub struct Program {
    pub site: Site,
    key: String,
}

impl Program {
    pub async fn of(site: Site) -> Program {
        let key = site.key("forum", &[Scope::SpendWrite, Scope::BalancesRead]).await;
        Program { site, key }
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

    /// Has the user pay so many yuan.
    pub async fn paid(&self, user: &str, yuan: &str) {
        let before = self.site.balance(user).await;
        let (number, code_url) = self.site.placed(user, yuan).await;
        self.site.pay(&code_url, &[]).await;
        self.site.until(user, &number, "paid").await;
        assert!(self.site.balance(user).await > before);
    }
}

pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn debit(amount: i64, reference: &str) -> Value {
    json!({"user": "lin", "amount": amount, "reference": reference, "reason": "VIP 30 days"})
}

#[tokio::test]
async fn a_debit_is_taken_once_however_often_it_is_asked_for() {
    on_both(async |site| {
        let program = Program::of(site).await;
        program.paid("lin", "10").await;
        let (status, first) = program.post("/debits", debit(300, "vip-1")).await;
        assert_eq!(
            (status, &first["amount"], &first["available"]),
            (201, &json!(300), &json!(700)),
            "{first}"
        );
        assert_eq!((&first["balance_after"], &first["made_by"]), (&json!(700), &json!("key:forum")));
        let (status, again) = program.post("/debits", debit(300, "vip-1")).await;
        assert_eq!((status, &again["id"], &again["available"]), (200, &first["id"], &json!(700)));
        // The header is the other place for a reference.
        let mut bare = debit(300, "vip-1");
        bare.as_object_mut().unwrap().remove("reference");
        let by_header = program.request("POST", "/debits").header("idempotency-key", "vip-1").json(&bare);
        assert_eq!(answer(by_header).await.1["id"], first["id"]);
        let (status, other) = program.post("/debits", debit(301, "vip-1")).await;
        assert_eq!(
            (status, &other["code"], &other["existing"]),
            (409, &json!("reference_reused"), &first["id"])
        );
        assert_eq!(other["reference"], "vip-1");
        let (status, over) = program.post("/debits", debit(701, "vip-2")).await;
        assert_eq!((status, &over["code"]), (402, &json!("insufficient_balance")), "{over}");
        assert_eq!((&over["available"], &over["needed"]), (&json!(700), &json!(701)));
        // A refusal keeps nothing: after a top-up the same reference works.
        program.paid("lin", "10").await;
        assert_eq!(program.post("/debits", debit(701, "vip-2")).await.0, 201);
        let id = text(&first, "id");
        assert_eq!(program.get(&format!("/debits/{id}")).await.1["reference"], "vip-1");
        let (_, list) = program.get("/debits?reference=vip-1").await;
        assert_eq!((&list["data"][0]["id"], &list["next"]), (&json!(id), &Value::Null));
        assert_eq!(program.get("/debits?reference=vip-3").await.1["data"], json!([]));
        let (_, user) = program.get("/users/lin").await;
        let wanted = json!({"user": "lin", "name": "lin", "balance": 999, "held": 0, "available": 999});
        assert_eq!(user, wanted);
    })
    .await;
}

#[tokio::test]
async fn many_calls_at_once_never_take_more_than_there_is() {
    on_both(async |site| {
        let program = Program::of(site).await;
        program.paid("lin", "10").await;
        let mut calls = tokio::task::JoinSet::new();
        // 20 references, each three times; ten of them fit.
        for n in 0..60 {
            let request = program.request("POST", "/debits").json(&debit(100, &format!("job-{}", n % 20)));
            calls.spawn(async move {
                loop {
                    let (status, body) = answer(request.try_clone().unwrap()).await;
                    if status != 503 {
                        return (status, body["id"].as_str().map(str::to_owned));
                    }
                }
            });
        }
        let answers = calls.join_all().await;
        let made = answers.iter().filter(|(status, _)| *status == 201).count();
        assert!(answers.iter().all(|(status, _)| matches!(status, 200 | 201 | 402)), "{answers:?}");
        assert_eq!((made, program.site.balance("lin").await), (10, 0));
        assert_eq!(program.site.count("debits").await, 10);
    })
    .await;
}

#[tokio::test]
async fn a_batch_takes_each_for_itself_and_in_order() {
    on_both(async |site| {
        let program = Program::of(site).await;
        program.paid("lin", "10").await;
        let debits =
            json!([debit(600, "a"), debit(600, "b"), debit(400, "c"), debit(600, "a"), debit(1, "a")]);
        let (status, batch) = program.post("/debits/batch", json!({"debits": debits})).await;
        let results = batch["results"].as_array().unwrap();
        let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
        assert_eq!((status, statuses), (200, vec![201, 402, 201, 200, 409]), "{batch}");
        assert_eq!(results[1]["error"]["needed"], 600);
        assert_eq!(
            (&results[3]["debit"]["id"], &results[2]["debit"]["available"]),
            (&results[0]["debit"]["id"], &json!(0))
        );
        assert_eq!(program.site.balance("lin").await, 0);
        // One value that is not right, and nothing is taken.
        let bad = json!({"debits": [debit(1, "d"), debit(0, "e")]});
        let (status, problem) = program.post("/debits/batch", bad).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (422, &json!("/debits/1/amount")),
            "{problem}"
        );
        for count in [0, 501] {
            let many: Vec<_> = (0..count).map(|n| debit(1, &format!("m{n}"))).collect();
            assert_eq!(program.post("/debits/batch", json!({"debits": many})).await.0, 422, "{count}");
        }
        assert_eq!(program.site.count("debits").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_debit_is_given_back_in_parts_up_to_what_it_took() {
    on_both(async |site| {
        let program = Program::of(site).await;
        program.paid("lin", "10").await;
        let (_, taken) = program.post("/debits", debit(500, "vip-1")).await;
        let path = format!("/debits/{}/reversals", text(&taken, "id"));
        let back = |amount: i64, reference: &str| json!({"reference": reference, "amount": amount, "reason": "cancelled"});
        let (status, first) = program.post(&path, back(200, "rv-1")).await;
        assert_eq!((status, &first["debit"]["reversed"], &first["available"]), (201, &json!(200), &json!(700)), "{first}");
        assert_eq!(program.post(&path, back(200, "rv-1")).await.0, 200);
        assert_eq!(program.post(&path, back(201, "rv-1")).await.1["code"], "reference_reused");
        let (status, over) = program.post(&path, back(301, "rv-2")).await;
        assert_eq!((status, &over["errors"][0]["pointer"]), (422, &json!("/amount")), "{over}");
        // Without an amount the rest.
        let (status, rest) = program.post(&path, json!({"reference": "rv-3", "reason": "cancelled"})).await;
        assert_eq!((status, &rest["amount"], &rest["available"]), (201, &json!(300), &json!(1000)));
        let none = program.post("/debits/DB202603151000000000000000000000/reversals", back(1, "rv-4")).await;
        assert_eq!(none.0, 404);
        let (_, ledger) = program.get("/users/lin/ledger?limit=2").await;
        let kinds: Vec<_> = ledger["data"].as_array().unwrap().iter().map(|row| text(row, "kind")).collect();
        assert_eq!(kinds, ["reversal", "reversal"]);
        assert_eq!(ledger["data"][0]["balance_after"], 1000);
        let next = text(&ledger, "next");
        let (_, ledger) = program.get(&format!("/users/lin/ledger?limit=2&after={next}")).await;
        let rows = ledger["data"].as_array().unwrap();
        assert_eq!((&rows[0]["kind"], &rows[0]["debit"]), (&json!("debit"), &taken["id"]), "{ledger}");
        assert_eq!((&rows[1]["kind"], &rows[1]["seq"], &rows[1]["amount"]), (&json!("credit"), &json!(1), &json!(1000)));
        assert!(rows[1]["out_trade_no"].is_string() && ledger["next"].is_null(), "{ledger}");
        // A cursor of one user's ledger is none of another's.
        assert_eq!(program.get(&format!("/users/chen/ledger?after={next}")).await.0, 400);
    })
    .await;
}

#[tokio::test]
async fn a_hold_sets_aside_and_is_captured_or_given_up_once() {
    on_both(async |site| {
        let program = Program::of(site).await;
        program.paid("lin", "10").await;
        let hold = |amount: i64, reference: &str| json!({"user": "lin", "amount": amount, "reference": reference, "reason": "job"});
        let (status, first) = program.post("/holds", hold(800, "job-1")).await;
        assert_eq!((status, &first["state"], &first["available"]), (201, &json!("open"), &json!(200)), "{first}");
        assert_eq!(program.post("/holds", hold(800, "job-1")).await.0, 200);
        assert_eq!(program.post("/debits", debit(201, "vip-1")).await.0, 402);
        let (_, user) = program.get("/users/lin").await;
        assert_eq!((&user["balance"], &user["held"], &user["available"]), (&json!(1000), &json!(800), &json!(200)));
        let (_, open) = program.get("/users/lin/holds").await;
        assert_eq!(open["data"][0]["id"], first["id"]);
        let capture = format!("/holds/{}/capture", text(&first, "id"));
        let (status, over) = program.post(&capture, json!({"amount": 1001})).await;
        assert_eq!((status, &over["code"]), (402, &json!("insufficient_balance")), "{over}");
        let (status, taken) = program.post(&capture, json!({"amount": 312})).await;
        assert_eq!((status, &taken["amount"], &taken["available"]), (201, &json!(312), &json!(688)), "{taken}");
        assert_eq!((&taken["hold"], &taken["reference"]), (&first["id"], &Value::Null));
        let (status, again) = program.post(&capture, json!({"amount": 500})).await;
        assert_eq!((status, &again["id"], &again["amount"]), (200, &taken["id"], &json!(312)));
        let void = format!("/holds/{}/void", text(&first, "id"));
        let (status, late) = answer(program.request("POST", &void)).await;
        assert_eq!((status, &late["code"]), (409, &json!("hold_ended")), "{late}");
        let (_, second) = program.post("/holds", hold(100, "job-2")).await;
        let void = format!("/holds/{}/void", text(&second, "id"));
        for _ in 0..2 {
            let (status, voided) = answer(program.request("POST", &void)).await;
            assert_eq!((status, &voided["state"], &voided["available"]), (200, &json!("voided"), &json!(688)));
        }
        let capture = format!("/holds/{}/capture", text(&second, "id"));
        assert_eq!(program.post(&capture, json!({"amount": 1})).await.1["code"], "hold_ended");
        assert_eq!(program.get("/holds/HD202603151000000000000000000000").await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn users_are_listed_by_page_or_by_name_and_who_never_paid_has_nothing() {
    on_both(async |site| {
        let program = Program::of(site).await;
        for user in ["a/b", "chen", "lin"] {
            program.paid(user, "10").await;
        }
        let (mut seen, mut path) = (Vec::new(), "/users?limit=2".to_owned());
        loop {
            let (status, page) = program.get(&path).await;
            assert_eq!(status, 200, "{page}");
            seen.extend(page["data"].as_array().unwrap().iter().map(|user| text(user, "user")));
            match page["next"].as_str() {
                Some(next) => path = format!("/users?limit=2&after={next}"),
                None => break,
            }
        }
        assert_eq!(seen, ["a/b", "chen", "lin"]);
        let (_, named) = program.get("/users?id=lin&id=nobody&id=a%2Fb").await;
        let balances: Vec<_> =
            named["data"].as_array().unwrap().iter().map(|user| user["balance"].clone()).collect();
        assert_eq!(balances, [json!(1000), json!(0), json!(1000)]);
        assert_eq!(program.get("/users/a%2Fb").await.1["balance"], 1000);
        assert_eq!(program.get("/users/nobody").await.1["available"], 0);
        let many: String = (0..101).map(|n| format!("&id=u{n}")).collect();
        for (path, status) in [
            ("/users?id=lin&limit=5".to_owned(), 422),
            (format!("/users?{}", &many[1..]), 422),
            ("/users?after=x".to_owned(), 400),
            ("/users?limit=0".to_owned(), 422),
            ("/users?page=2".to_owned(), 422),
            ("/users/%00".to_owned(), 422),
            (format!("/users/{}", "x".repeat(65)), 422),
        ] {
            assert_eq!(program.get(&path).await.0, status, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_with_a_bound_moves_no_more_in_one_call() {
    on_both(async |site| {
        let new = NewKey {
            name: "small".to_owned(),
            scopes: [Scope::SpendWrite].into(),
            networks: Vec::new(),
            max_amount: Some(Fen::new(100)),
            expires_at: None,
        };
        let key = site.key_of(new).await;
        let program = Program { site, key };
        program.paid("lin", "10").await;
        assert_eq!(program.post("/debits", debit(100, "a")).await.0, 201);
        let (status, over) = program.post("/debits", debit(101, "b")).await;
        assert_eq!((status, &over["code"]), (403, &json!("max_amount")), "{over}");
        let hold = json!({"user": "lin", "amount": 101, "reference": "h", "reason": "job"});
        assert_eq!(program.post("/holds", hold).await.0, 403);
        let batch = json!({"debits": [debit(1, "c"), debit(101, "d")]});
        assert_eq!(program.post("/debits/batch", batch).await.0, 403);
        assert_eq!(program.site.balance("lin").await, 900);
    })
    .await;
}
