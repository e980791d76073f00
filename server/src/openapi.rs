//! The contract as OpenAPI 3.1, made of what each route says of itself, of how it is registered, and of the types that it reads and
//! writes. `GET /api/openapi.json` serves it, `docs/openapi.json` is the same, and `GET /api` shows it to people; `?lang=zh` gives either
//! in Chinese.

use std::collections::{BTreeMap, BTreeSet};

use app::{
    Lang,
    access::{Caller, Limit, Route, Routes, Stranger},
    links,
    service::contracts::Contract,
};
use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{Method, header};
use serde_json::{Map, Value, json};

use crate::{api::schemas as values, doctor_probe, error_code::Code, operation::Operation, state::Server};

mod told;
mod wxpay;
mod zh;

pub(crate) fn routes() -> Routes<Server> {
    let anybody = Caller::Stranger(Stranger::Program);
    Routes::new().get(links::OPENAPI, anybody, Limit::Reads, json_text)
}

/// The contract of a server that has these routes.
pub fn contract(routes: &[Route], lang: Lang) -> Contract {
    let mut document = document(routes, operations());
    if lang == Lang::Zh {
        zh::translate(&mut document);
    }
    let text = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
    Contract { document, text }
}

async fn json_text(State(server): State<Server>, RawQuery(query): RawQuery) -> Response {
    let anywhere = [
        (header::CONTENT_TYPE, "application/json"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    // Programs get the same whatever their users speak, so only the address counts.
    let query = query.unwrap_or_default();
    let asked = query.split('&').find_map(|part| Lang::parse(part.strip_prefix("lang=")?));
    let text = server.pages.contracts.written_in(asked.unwrap_or(Lang::En)).text.clone();
    ([("cross-origin-resource-policy", "cross-origin")], anywhere, text).into_response()
}

fn operations() -> Vec<Operation> {
    let mut operations = crate::api::operations();
    operations.extend(wxpay::operations());
    operations
}

/// Whether the contract has this route: those of the site's programs, not of WeChat, browsers and the doctor.
pub(crate) fn is_public(route: &Route) -> bool {
    let is_for_programs = route.path.starts_with("/api/v1/") || route.path.starts_with("/wxpay/");
    is_for_programs && route.limit != Limit::Notice && route.path != doctor_probe::PATH
}

/// The document of these routes. A route that nothing is said of stands there without a word, and a test finds it.
fn document(routes: &[Route], operations: Vec<Operation>) -> Value {
    let mut said: BTreeMap<(String, String), Operation> = operations
        .into_iter()
        .map(|operation| ((operation.method.to_string(), operation.path.to_owned()), operation))
        .collect();
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    let mut tags = BTreeSet::new();
    for route in routes.iter().filter(|route| is_public(route)) {
        let Some(operation) = said.remove(&(route.method.to_string(), route.path.to_string())) else {
            continue;
        };
        let responses = responses(route, &operation);
        let (own, mut written) = operation.into_parts();
        schemas.extend(own);
        written.insert("responses".to_owned(), responses);
        written.insert("security".to_owned(), security(route));
        if let Caller::Key(Some(scope)) = route.caller {
            let text = written["description"].as_str().unwrap_or_default();
            written.insert("description".to_owned(), json!(format!("{text} Scope `{}`.", scope.name())));
            written.insert("x-scope".to_owned(), json!(scope.name()));
        }
        tags.extend(written["tags"][0].as_str().map(str::to_owned));
        let path = paths.entry(route.path.to_string()).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = Value::Object(written);
    }
    schemas.extend(values::all().into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    schemas.insert("Problem".to_owned(), problem());
    schemas.insert("WxpayError".to_owned(), wxpay::error());
    schemas.values_mut().for_each(tidy);
    if let Some(wanted) = schemas.get_mut("NewRecharge") {
        wanted["oneOf"] = json!([{"required": ["quantity"]}, {"required": ["total_fee"]}]);
    }
    let tags: Vec<_> = tags.iter().map(|name| tag(name)).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Saoma",
            "version": "1",
            "summary": "Sell credit by WeChat Pay, spend it, hear of it.",
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
            "contact": {"name": "The operator of the server that serves this document"},
        },
        "servers": [{"url": "/", "description": "The server that serves this document."}],
        "security": [{"key": []}],
        "tags": tags,
        "paths": paths,
        "webhooks": told::webhooks(),
        "x-errors": errors(),
        "components": {
            "schemas": schemas,
            "parameters": parameters(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "bearerFormat": "saoma_live_…",
                    "description": "A key of one of the site's programs: `saoma key create NAME --scopes …`, or the desk. Never in a browser."},
                "userToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "The user token `u`: HS256 with `SAOMA_USER_TOKEN_SECRET`, `sub` is the user's id."},
            },
        },
    })
}

const ABOUT: &str = "Amounts are whole fen (100 fen are 1 yuan), times RFC 3339. Bodies are JSON; unknown fields are refused. What \
    moves money has a `reference` of your own, kept for ever: the same call again gets what the first one made. Errors are problems \
    (RFC 9457) whose `code` never changes its meaning. This version only grows: new optional fields, new words, new routes.";

/// A group of operations, with its heading in both languages.
fn tag(name: &str) -> Value {
    let (heading, chinese, description) = match name {
        "recharges" => ("Recharges", "充值", "What is sold, and what goes back to payers."),
        "users" => ("Users", "用户", "What users have, and how it came about."),
        "debits" => ("Debits", "扣款", "What is spent of balances."),
        "holds" => ("Holds", "冻结", "Money set aside for work whose price is not known yet."),
        "me" => ("This key", "当前密钥", "The key of the call."),
        "events" => ("Events", "事件", "What happened, oldest first."),
        "webhook_endpoints" => ("Webhook endpoints", "推送地址", "Who is told of what happens."),
        "sessions" => ("Sessions", "充值链接", "Links that sign payers in."),
        "wxpay" => (
            "By user token",
            "用户令牌接口",
            "The older addresses, by user token; their errors have a form of their own.",
        ),
        _ => (name, name, ""),
    };
    json!({"name": name, "x-displayName": heading, "x-displayName-zh": chinese, "description": description})
}

fn security(route: &Route) -> Value {
    match route.caller {
        Caller::Key(_) => json!([{"key": []}]),
        _ if route.method == Method::GET || route.path.ends_with("/check") => json!([{"userToken": []}]),
        // The token is in the body.
        _ => json!([]),
    }
}

/// The answers that it says itself, and the errors that follow from its registration, its body and its parameters.
fn responses(route: &Route, operation: &Operation) -> Value {
    let is_wxpay = route.path.starts_with("/wxpay/");
    let mut codes = operation.codes.clone();
    if matches!(route.caller, Caller::Key(_)) {
        codes.extend([Code::ApiKey, Code::Scope, Code::Network, Code::KeyInBrowser]);
    }
    if route.limit == Limit::Key {
        codes.push(Code::TooOften);
    }
    if operation.has_body() {
        codes.extend([Code::BadRequest, Code::TooLarge, Code::ContentType, Code::Invalid]);
    }
    if operation.has_query() {
        codes.extend([Code::BadRequest, Code::Invalid]);
    }
    if route.path.contains('{') && !route.path.contains("{user}") {
        codes.push(Code::NotFound);
    }
    codes.push(Code::Busy);
    let mut by_status: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status().as_u16()).or_default().insert(code.word());
    }
    let mut responses = Map::new();
    for (status, says, schema) in &operation.answers {
        let mut answer = json!({"description": says});
        if !schema.is_null() {
            answer["content"] = json!({"application/json": {"schema": schema}});
        }
        responses.insert(status.to_string(), answer);
    }
    let (kind, schema) = match is_wxpay {
        true => ("application/json", "#/components/schemas/WxpayError"),
        false => ("application/problem+json", "#/components/schemas/Problem"),
    };
    for (status, words) in by_status {
        let words = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let content = json!({kind: {"schema": {"$ref": schema}}});
        responses.insert(status.to_string(), json!({"description": words, "content": content}));
    }
    Value::Object(responses)
}

fn problem() -> Value {
    let codes: Vec<_> = Code::all().iter().map(|code| code.word()).collect();
    let fen = |says: &str| json!({"type": "integer", "description": says});
    json!({
        "type": "object",
        "description": "Why a call was not done (RFC 9457). Where it was refused nothing was written.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string", "description": "An address that tells about errors of this code."},
            "title": {"type": "string", "description": "The same for every error of this code."},
            "status": {"type": "integer", "description": "The status of the answer."},
            "detail": {"type": "string", "description": "What is wrong with this call, for people."},
            "code": {"type": "string", "description": "The word for programs.", "enum": codes},
            "errors": {
                "type": "array", "description": "The values that are not right.",
                "items": {
                    "type": "object", "required": ["detail"],
                    "properties": {
                        "pointer": {"type": "string", "description": "Where in the body it is (RFC 6901)."},
                        "parameter": {"type": "string", "description": "Its name in the address."},
                        "detail": {"type": "string", "description": "What it must be, with an example."},
                    },
                },
            },
            "out_trade_no": {"type": "string", "description": "The recharge that there is: the same call goes on with it."},
            "available": fen("What can be spent, in fen."),
            "needed": fen("What would be needed, in fen; for a capture, beyond its hold."),
            "reference": {"type": "string", "description": "The reference that was used before."},
            "existing": {"type": "string", "description": "The number of what has that reference."},
        },
    })
}

/// Every error, in both languages.
fn errors() -> Value {
    let one = |code: &Code| json!({"code": code.word(), "status": code.status().as_u16(), "title": code.title(), "title-zh": code.title_zh()});
    Code::all().iter().map(one).collect()
}

fn parameters() -> Value {
    json!({
        "Limit": {"name": "limit", "in": "query", "required": false, "description": "Rows of a page.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}},
        "After": {"name": "after", "in": "query", "required": false,
            "description": "The `next` of the page before.", "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}},
        "IdempotencyKey": {"name": "Idempotency-Key", "in": "header", "required": false,
            "description": "May stand in the place of `reference`; both given must be equal.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"}},
    })
}

/// One line for each description: Rust's are broken where a line of code ends.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(all) => all.iter_mut().for_each(tidy),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::register;

    #[test]
    fn every_route_for_programs_is_in_the_document_and_nothing_else_is() {
        let document = document(&register(), operations());
        let known: BTreeSet<_> = register()
            .iter()
            .filter(|route| is_public(route))
            .map(|route| (route.path.to_string(), route.method.as_str().to_ascii_lowercase()))
            .collect();
        let paths = document["paths"].as_object().unwrap();
        let written: BTreeSet<_> = paths
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(|method| (path.clone(), method.clone()))
            })
            .collect();
        assert_eq!(written, known, "say in `operations()` beside its registration what a route is");
        let said: BTreeSet<_> = operations()
            .iter()
            .map(|one| (one.path.to_owned(), one.method.as_str().to_ascii_lowercase()))
            .collect();
        assert_eq!(said, known, "a route that is gone");
        let has_words = |one: &Value| one["description"].as_str().is_some_and(|text| !text.is_empty());
        let is_described = |one: &Value| one["$ref"].is_string() || has_words(one);
        assert!(document["tags"].as_array().unwrap().iter().all(is_described), "{}", document["tags"]);
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().unwrap() {
                let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
                assert!(
                    parameters.iter().all(is_described),
                    "{method} {path} has a parameter without a word"
                );
                let chinese = operation["x-summary-zh"].as_str().unwrap();
                assert!(
                    !chinese.is_ascii() && operation["responses"].as_object().unwrap().len() > 1,
                    "{method} {path}"
                );
            }
        }
    }

    #[test]
    fn every_field_of_what_programs_get_is_described() {
        let document = document(&register(), operations());
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let is_described = |field: &Value| {
            let names =
                |one: &Value| one["$ref"].as_str().map(|path| path.rsplit('/').next().unwrap().to_owned());
            let has_words = |one: &Value| {
                one["description"].is_string()
                    || names(one).is_some_and(|name| schemas[&name]["description"].is_string())
            };
            has_words(field) || field["oneOf"].as_array().is_some_and(|all| all.iter().any(has_words))
        };
        let mut wordless = Vec::new();
        for (name, schema) in schemas {
            let parts = schema["allOf"].as_array().map_or(&[][..], Vec::as_slice);
            for object in parts.iter().chain([schema]) {
                let fields = object["properties"].as_object().into_iter().flatten();
                let bare = fields.filter(|(_, value)| !is_described(value));
                wordless.extend(bare.map(|(field, _)| format!("{name}.{field}")));
            }
        }
        assert!(wordless.is_empty(), "say what these are for: {wordless:?}");
    }

    #[test]
    fn the_document_in_docs_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        let text = contract(&register(), Lang::En).text;
        if std::env::var_os("SAOMA_WRITE_OPENAPI").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == text, "the contract has changed: see `git diff` after `make openapi`");
    }
}
