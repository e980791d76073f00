//! Bad input to `/api/v1`: refused with the place of the value and an example, and nothing is done.

use serde_json::json;

use super::{
    api_spend::{Program, answer},
    common::on_both,
};

const JSON: &str = "application/json";

#[tokio::test]
async fn each_bad_body_is_refused_by_its_status_and_leaves_nothing() {
    on_both(async |site| {
        let program = Program::of(site).await;
        program.paid("lin", "10").await;
        let with = |field: &str, value: &str| {
            let fields =
                [("user", "\"lin\""), ("amount", "100"), ("reference", "\"r\""), ("reason", "\"x\"")];
            let mut fields: Vec<_> = fields.into_iter().filter(|(name, _)| *name != field).collect();
            fields.push((field, value));
            let pairs: Vec<_> = fields
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("\"{name}\":{value}"))
                .collect();
            format!("{{{}}}", pairs.join(","))
        };
        let long = |letters: usize| format!("\"{}\"", "x".repeat(letters));
        let keys: Vec<_> = (0..17).map(|n| format!("\"k{n}\":1")).collect();
        let (keys, big) = (format!("{{{}}}", keys.join(",")), format!("{{\"k\":{}}}", long(2048)));
        let mut cases: Vec<(String, u16, &str)> = Vec::new();
        for amount in ["0", "-1", "1.0", "\"100\"", "1e3", "9007199254740992", "1e30", "", "null"] {
            cases.push((with("amount", amount), 422, "/amount"));
        }
        for user in ["\"\"", &long(65), "\"a\\u0000b\"", "7", ""] {
            cases.push((with("user", user), 422, "/user"));
        }
        for reference in ["\"\"", &long(65), "\"a\\nb\"", "\"a b\"", ""] {
            cases.push((with("reference", reference), 422, "/reference"));
        }
        for metadata in [&*keys, &big, "{\"a\":{\"b\":1}}", "[1]", "\"x\""] {
            cases.push((with("metadata", metadata), 422, "/metadata"));
        }
        cases.push((with("on_shortfall", "\"maybe\""), 422, "/on_shortfall"));
        cases.push((with("currency", "\"CNY\""), 422, "/currency"));
        for (body, status, pointer) in cases {
            let request = program.request("POST", "/debits").header("content-type", JSON).body(body.clone());
            let (found, problem) = answer(request).await;
            assert_eq!(
                (found, problem["errors"][0]["pointer"].as_str()),
                (status, Some(pointer)),
                "{body}: {problem}"
            );
            let detail = problem["errors"][0]["detail"].as_str().unwrap();
            assert!(
                pointer != "/amount" || detail.contains("1500") || detail.contains("missing"),
                "{detail}"
            );
        }
        let good = with("", "");
        let twice = good.replace("\"amount\":100", "\"amount\":100,\"amount\":100");
        for (kind, body, status) in [
            (JSON, twice.as_str(), 400),
            (JSON, "", 400),
            (JSON, "{", 400),
            (JSON, "amount=100", 400),
            ("text/plain", &good, 415),
            ("application/x-www-form-urlencoded", &good, 415),
            (JSON, &format!("{}{good}", " ".repeat(65 * 1024)), 413),
        ] {
            let request =
                program.request("POST", "/debits").header("content-type", kind).body(body.to_owned());
            assert_eq!(answer(request).await.0, status, "{kind} {}", &body[..body.len().min(80)]);
        }
        let bare = program.request("POST", "/debits").body(good.clone());
        assert_eq!(answer(bare).await.0, 415);
        let gzip = program
            .request("POST", "/debits")
            .header("content-type", JSON)
            .header("content-encoding", "gzip");
        assert_eq!(answer(gzip.body(good.clone())).await.0, 415);
        let other = program
            .request("POST", "/debits")
            .header("content-type", JSON)
            .header("idempotency-key", "other");
        assert_eq!(answer(other.body(good.clone())).await.0, 400);
        assert_eq!((program.site.count("debits").await, program.site.balance("lin").await), (0, 1000));
        // An id may be nearly anything, and is the same everywhere.
        for user in ["../", "a b", "💰", "用户/1"] {
            let body = json!({"user": user, "amount": 1, "reference": "r2", "reason": "x"});
            let (status, problem) = program.post("/debits", body).await;
            assert_eq!((status, &problem["available"]), (402, &json!(0)), "{user}: {problem}");
        }
    })
    .await;
}
