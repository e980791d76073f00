//! A program in another language recomputes every balance from the raw tables, after money moved in every way.

use std::{path::Path, process::Command};

use recharge::api_key::Scope;
use serde_json::json;

use super::{
    api_spend::{Program, answer},
    common::{on_both, text},
};

/// What `server/judges/balances.py` finds.
pub async fn differences(database: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges/balances.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(database);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.ends_with("accounts\n"), "it did not come to its end: {errors}");
    assert_eq!(output.status.success(), said.trim().is_empty(), "{said}{errors}");
    said
}

#[tokio::test]
async fn every_balance_follows_from_the_raw_tables_and_a_changed_one_is_found() {
    on_both(async |site| {
        let refunds = site.key("refunds", &[Scope::RefundsWrite]).await;
        let program = Program::of(site).await;
        for user in ["lin", "ma", "wu"] {
            program.paid(user, "50").await;
        }
        let (number, code_url) = program.site.placed("lin", "10").await;
        program.site.pay(&code_url, &[]).await;
        program.site.until("lin", &number, "paid").await;
        let body = |user: &str, amount: i64, reference: &str| json!({"user": user, "amount": amount, "reference": reference, "reason": "a job"});
        let (_, debit) = program.post("/debits", body("ma", 700, "d1")).await;
        program.post("/debits", body("ma", 300, "d2")).await;
        let reversal = json!({"reference": "r1", "amount": 200, "reason": "too much"});
        let (status, _) = program.post(&format!("/debits/{}/reversals", text(&debit, "id")), reversal).await;
        assert_eq!(status, 201);
        for (reference, end) in [("h1", Some(("capture", json!({"amount": 450})))), ("h2", Some(("void", json!({})))), ("h3", None)] {
            let (_, hold) = program.post("/holds", body("lin", 500, reference)).await;
            if let Some((how, asked)) = end {
                let (status, said) = program.post(&format!("/holds/{}/{how}", text(&hold, "id")), asked).await;
                assert!(status < 300, "{said}");
            }
        }
        let refund = json!({"reference": "back", "amount": 400, "reason": "not used"});
        let address = format!("{}/api/v1/recharges/{number}/refunds", program.site.url);
        let (status, said) =
            answer(program.site.http.post(address).bearer_auth(&refunds).json(&refund)).await;
        assert_eq!(status, 201, "{said}");
        assert_eq!(differences(&program.site.database).await.trim(), "");
        program.site.set("UPDATE accounts SET balance = balance + 1 WHERE user_id = 'ma'").await;
        let found = differences(&program.site.database).await;
        assert!(found.contains("balance of ma is"), "{found}");
    })
    .await;
}
