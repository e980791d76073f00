//! `/api`: the contract for people, drawn from the same document that programs read.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use leptos::prelude::*;
use serde_json::Value;

use crate::layout::{self, Frame};
use crate::links;
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{Lang, contract as text};

pub async fn show(State(service): State<Service>, request: PageRequest) -> Response {
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    let document = service.contract.clone();
    let frame = Frame::DESK;
    layout::page(&service, &request, StatusCode::OK, lang.t(text::TITLE).to_owned(), frame, move || {
        layout::payer(&site, &view_request, false, draw(lang, &site.public_url, &document.document))
    })
    .await
}

fn draw(lang: Lang, base: &str, document: &Value) -> impl IntoView + use<> {
    let tags: Vec<_> = list(&document["tags"]).iter().map(|tag| words(&tag["name"])).collect();
    let contents: Vec<_> =
        tags.iter().map(|tag| view! { <a href=format!("#{tag}")>{tag.clone()}</a> }.into_any()).collect();
    let sections: Vec<_> = tags.iter().map(|tag| section(lang, base, document, tag)).collect();
    view! {
        <div class="stack">
            <div class="page-head">
                <h1>{lang.t(text::TITLE)}</h1>
                <a href=links::OPENAPI>"OpenAPI 3.1"</a>
            </div>
            <section class="card stack">
                <p>{lang.t(text::INTRO)}</p>
                <p>{lang.t(text::KEYS)}</p>
                <p>{lang.t(text::REPEATS)}</p>
                <nav class="row" aria-label=lang.t(text::CONTENTS)>{contents}<a href="#errors">{lang.t(text::ERRORS)}</a></nav>
            </section>
            {sections}
            {errors(lang, document)}
        </div>
    }
}

fn section(lang: Lang, base: &str, document: &Value, tag: &str) -> AnyView {
    let mut cards = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            if operation["tags"][0] == tag {
                cards.push(card(lang, base, document, (path, method), operation));
            }
        }
    }
    view! { <section class="stack"><h2 id=tag.to_owned()>{tag.to_owned()}</h2>{cards}</section> }.into_any()
}

fn card(
    lang: Lang,
    base: &str,
    document: &Value,
    (path, method): (&str, &str),
    operation: &Value,
) -> AnyView {
    let summary = match lang {
        Lang::Zh => words(&operation["x-summary-zh"]),
        Lang::En => words(&operation["summary"]),
    };
    let scope = operation["x-scope"].as_str().map(|scope| {
        view! { <p class="note">{lang.t(text::SCOPE)}" "<span class="mono">{scope.to_owned()}</span></p> }
    });
    // Its scope stands above, in the page's language.
    let description = words(&operation["description"]);
    let description = description.split(" Scope `").next().unwrap_or_default().to_owned();
    let parameters = list(&operation["parameters"]).iter().map(|parameter| {
        let parameter = resolve(document, parameter);
        let is_needed = parameter["required"] == true;
        field(lang, &words(&parameter["name"]), parameter, is_needed)
    });
    let content = &operation["requestBody"]["content"]["application/json"]["schema"];
    let body = resolve(document, content);
    let needed: Vec<_> = list(&body["required"]).iter().map(words).collect();
    let properties = body["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| field(lang, name, resolve(document, property), needed.contains(name)));
    let fields: Vec<_> = parameters.chain(properties).collect();
    let fields = (!fields.is_empty()).then(|| view! { <dl class="facts">{fields}</dl> });
    let answers = operation["responses"].as_object().into_iter().flatten().map(|(status, answer)| {
        view! { <li><strong>{status.clone()}</strong>" "{codes(&words(&answer["description"]))}</li> }
    });
    let curl = curl(base, document, (path, method), operation, body);
    view! {
        <article class="card stack" id=words(&operation["operationId"])>
            <div><h3>{summary}</h3><p class="mono">{format!("{} {path}", method.to_uppercase())}</p></div>
            {scope}
            <p class="note" lang="en">{codes(&description)}</p>
            {fields}
            <ul class="note" lang="en">{answers.collect::<Vec<_>>()}</ul>
            <pre class="code" tabindex="0">{curl}</pre>
        </article>
    }
    .into_any()
}

fn field(lang: Lang, name: &str, field: &Value, is_needed: bool) -> AnyView {
    let needed = is_needed.then(|| view! { <span class="note">" "{lang.t(text::NEEDED)}</span> });
    let description = words(&field["description"]);
    view! {
        <dt><span class="mono">{name.to_owned()}</span>{needed}</dt>
        <dd lang="en">{codes(&description)}</dd>
    }
    .into_any()
}

/// A line that a shell runs, with the key in a variable.
fn curl(
    base: &str,
    document: &Value,
    (path, method): (&str, &str),
    operation: &Value,
    body: &Value,
) -> String {
    let path = path.replace("{out_trade_no}", "SM…").replace("{user}", "u-7").replace("{debit}", "DB…");
    let path = path.replace("{hold}", "HD…").replace("{endpoint}", "we_…").replace("{event}", "evt_…");
    let path = path.replace(['{', '}'], "");
    let bearer = match list(&operation["security"]).first() {
        Some(security) if security["userToken"].is_array() => " -H \"Authorization: Bearer $USER_TOKEN\"",
        Some(_) => " -H \"Authorization: Bearer $SAOMA_KEY\"",
        None => "",
    };
    let json = match body["properties"].is_object() {
        true => format!(" \\\n  --json '{}'", example(document, body)),
        false => String::new(),
    };
    // A body makes it a POST.
    let how = match (method, json.is_empty()) {
        ("get", _) | ("post", false) => String::new(),
        _ => format!(" -X {}", method.to_uppercase()),
    };
    let needed = list(&operation["parameters"]).iter().map(|parameter| resolve(document, parameter));
    let needed = needed.filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
    let query: Vec<_> = needed
        .map(|parameter| {
            let example = &resolve(document, &parameter["schema"])["examples"][0];
            format!("{}={}", words(&parameter["name"]), words(example))
        })
        .collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    format!("curl{how}{bearer} {base}{path}{query}{json}")
}

/// A body with what must be there, of the examples of the document.
fn example(document: &Value, schema: &Value) -> Value {
    let mut needed: Vec<_> = list(&schema["required"]).iter().map(words).collect();
    needed.extend(list(&schema["oneOf"][0]["required"]).iter().map(words));
    // One without a reference is not what anybody wants.
    needed.extend(schema["properties"].get("reference").map(|_| "reference".to_owned()));
    let one = |name: String| {
        let property = resolve(document, &schema["properties"][&name]);
        let value = match (&property["examples"][0], property["type"].as_str()) {
            (Value::Null, Some("array")) => {
                Value::Array(vec![example(document, resolve(document, &property["items"]))])
            }
            (Value::Null, Some("integer")) => Value::from(50),
            (Value::Null, _) => Value::from("…"),
            (value, _) => value.clone(),
        };
        (name, value)
    };
    Value::Object(needed.into_iter().map(one).collect())
}

fn errors(lang: Lang, document: &Value) -> impl IntoView + use<> {
    let rows = list(&document["x-errors"]).iter().map(|error| {
        let code = words(&error["code"]);
        let title = match lang {
            Lang::Zh => words(&error["title-zh"]),
            Lang::En => words(&error["title"]),
        };
        view! {
            <tr id=code.clone()><th scope="row" class="mono">{code.clone()}</th><td>{error["status"].to_string()}</td><td class="wrap">{title}</td></tr>
        }
    });
    view! {
        <section class="card" aria-labelledby="errors">
            <h2 id="errors">{lang.t(text::ERRORS)}</h2>
            <p class="note">{lang.t(text::ERRORS_TEXT)}</p>
            <div class="table-box">
                <table class="table">
                    <thead><tr><th scope="col">"code"</th><th scope="col">{lang.t(text::STATUS)}</th><th scope="col">{lang.t(text::MEANING)}</th></tr></thead>
                    <tbody>{rows.collect::<Vec<_>>()}</tbody>
                </table>
            </div>
        </section>
    }
}

/// The text with what stands between backticks as code.
fn codes(text: &str) -> Vec<AnyView> {
    let parts = text.split('`').enumerate().map(|(n, part)| {
        let part = part.to_owned();
        match n % 2 {
            0 => part.into_any(),
            _ => view! { <span class="mono">{part}</span> }.into_any(),
        }
    });
    parts.collect()
}

/// The value itself, or what it refers to; of one that may be `null` the other.
fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let one = list(&value["oneOf"]).iter().find(|one| one["type"] != "null");
    let value = one.filter(|_| value["properties"].is_null()).unwrap_or(value);
    let path = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    path.and_then(|path| document.pointer(path)).unwrap_or(value)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
