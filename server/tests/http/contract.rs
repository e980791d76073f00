//! The contract as it is served, and what outside judges say of it and of a server that should keep it. `judges/README.md` names them.

use std::{path::Path, process::Command};

use recharge::api_key::Scope;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    api_recharges::Seller,
    common::{Site, on_both, on_both_with},
};

/// How a judge ended, and what it said.
async fn judged(name: &'static str, with: Vec<(&'static str, String)>) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges/run.sh");
    let run = move || Command::new("bash").arg(script).arg(name).envs(with).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

fn kept() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json").to_owned()
}

#[tokio::test]
async fn outside_judges_find_no_error_in_the_document() {
    for name in ["validator", "redocly", "spectral"] {
        let (is_well, said) = judged(name, vec![("DOCUMENT", kept())]).await;
        assert!(is_well, "{name}: {said}");
    }
}

/// openapi-typescript makes types of the document, and tsc, strictly, compiles the example against them.
#[tokio::test]
async fn types_made_from_the_document_fit_the_example_and_no_misspelt_field_does() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/pay-per-use");
    let compiled = async |folder: &Path| {
        let folder = folder.to_str().unwrap().to_owned();
        judged("types", vec![("DOCUMENT", kept()), ("EXAMPLE", folder)]).await
    };
    let (is_well, said) = compiled(&example).await;
    assert!(is_well, "{said}");
    let copy = tempfile::tempdir().unwrap();
    for name in ["book.mjs", "saoma.mjs"] {
        std::fs::copy(example.join(name), copy.path().join(name)).unwrap();
    }
    // What is sent, what is read of an answer, and what is read of an event.
    let program = std::fs::read_to_string(example.join("server.mjs")).unwrap();
    let misspelt = [
        ("amount: estimate,", "amout: estimate,", "'amout'"),
        ("hold.id}/void", "hold.ident}/void", "'ident'"),
        ("recharge.credited]", "recharge.creditted]", "'creditted'"),
    ];
    for (right, wrong, named) in misspelt {
        let changed = program.replace(right, wrong);
        assert_ne!(changed, program, "{right}");
        std::fs::write(copy.path().join("server.mjs"), changed).unwrap();
        let (is_well, said) = compiled(copy.path()).await;
        assert!(!is_well && said.contains(named), "{wrong}: {said}");
    }
}

#[tokio::test]
async fn the_document_is_served_to_everybody_and_is_the_one_in_docs() {
    on_both(async |site| {
        let served = site.get("/api/openapi.json").header("origin", "https://editor.example.com").send();
        let served = served.await.unwrap();
        assert_eq!(
            (served.status(), &served.headers()["access-control-allow-origin"]),
            (StatusCode::OK, &"*".parse().unwrap())
        );
        assert_eq!(served.text().await.unwrap(), std::fs::read_to_string(kept()).unwrap());
        let served =
            site.get("/api/openapi.json?lang=zh").header("accept-language", "en").send().await.unwrap();
        let chinese: Value = served.json().await.unwrap();
        let make = &chinese["paths"]["/api/v1/recharges"]["post"];
        assert_eq!(
            (&make["summary"], &make["responses"]["201"]["description"]),
            (&json!("创建充值"), &json!("已创建。"))
        );
    })
    .await;
}

#[tokio::test]
async fn the_page_shows_every_route_and_every_error_without_script_in_both_languages() {
    let document: Value = serde_json::from_str(&std::fs::read_to_string(kept()).unwrap()).unwrap();
    on_both(async |site| {
        for (lang, title) in [("zh", "创建充值"), ("en", "Make a recharge")] {
            let page = site.get(&format!("/api?lang={lang}")).send().await.unwrap();
            assert_eq!(page.status(), StatusCode::OK);
            let page = page.text().await.unwrap();
            assert!(page.contains(title) && !page.contains("type=\"module\""), "{lang}");
            let english: Vec<_> =
                descriptions(&document).into_iter().filter(|text| page.contains(text)).collect();
            match lang {
                "en" => assert!(english.len() > 50, "{english:#?}"),
                _ => assert!(english.is_empty(), "{english:#?}"),
            }
            for error in document["x-errors"].as_array().unwrap() {
                let anchor = format!("id=\"{}\"", error["code"].as_str().unwrap());
                assert!(page.contains(&anchor), "{anchor}");
            }
            for (path, methods) in document["paths"].as_object().unwrap() {
                for method in methods.as_object().unwrap().keys() {
                    let shown = format!("{} {path}", method.to_uppercase());
                    assert!(page.contains(&shown), "{shown}");
                }
            }
        }
    })
    .await;
}

/// Those of more than one word that stand in a page as they are.
fn descriptions(value: &Value) -> Vec<&str> {
    let own = value["description"]
        .as_str()
        .filter(|text| text.contains(' ') && !text.contains(['`', '"', '\'', '&']));
    let parts: Vec<_> = match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(all) => all.iter().collect(),
        _ => Vec::new(),
    };
    own.into_iter().chain(parts.into_iter().flat_map(descriptions)).collect()
}

/// A minute by default; `make contract` says more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_keeps_the_contract_whatever_it_is_sent() {
    on_both_with("order_limit_per_s = 1000\nmax_open_orders = 1000\n", async |site| {
        let seller = Seller::of(site).await;
        seller.paid("lin", "seed").await;
        for path in ["/debits", "/holds"] {
            let body = json!({"user": "lin", "amount": 100, "reference": "seed", "reason": "seed"});
            assert_eq!(seller.post(path, body).await.0, 201);
        }
        let key = seller.site.key("judge", &Scope::ALL).await;
        let seconds = std::env::var("CONTRACT_S").unwrap_or_else(|_| "60".to_owned());
        let with = vec![("SERVER", seller.site.url.clone()), ("KEY", key.clone()), ("SECONDS_MOST", seconds)];
        let (is_well, said) = judged("schemathesis", with).await;
        assert!(is_well, "{said}");
        tell_as_written(&seller.site, &key).await;
    })
    .await;
}

/// Every event that there is has what the document says of its type.
async fn tell_as_written(site: &Site, key: &str) {
    let document: Value = serde_json::from_str(&std::fs::read_to_string(kept()).unwrap()).unwrap();
    let page = site.get("/api/v1/events?limit=100").bearer_auth(key).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let page: Value = page.json().await.unwrap();
    let events = page["data"].as_array().unwrap();
    assert!(!events.is_empty());
    for event in events {
        let webhook = &document["webhooks"][event["type"].as_str().unwrap()]["post"];
        let schema = &webhook["requestBody"]["content"]["application/json"]["schema"]["allOf"][1]["properties"]
            ["data"];
        let told = event["data"].as_object().unwrap();
        assert!(told.keys().all(|name| schema["properties"][name].is_object()), "{event}");
        let needed = schema["required"].as_array().unwrap();
        assert!(needed.iter().all(|name| told.contains_key(name.as_str().unwrap())), "{event}");
    }
}
