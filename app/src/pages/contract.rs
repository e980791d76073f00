//! `/api`: the contract for people, drawn from the same document that programs read, in the page's language.

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

mod objects;

pub async fn show(State(service): State<Service>, request: PageRequest) -> Response {
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    let contracts = service.contracts.clone();
    let frame = Frame::DESK;
    layout::page(&service, &request, StatusCode::OK, lang.t(text::TITLE).to_owned(), frame, move || {
        layout::payer(
            &site,
            &view_request,
            false,
            draw(lang, &site.public_url, &contracts.written_in(lang).document),
        )
    })
    .await
}

fn draw(lang: Lang, base: &str, document: &Value) -> impl IntoView + use<> {
    let tags = list(&document["tags"]);
    let link = |tag: &Value| view! { <a href=format!("#{}", words(&tag["name"]))>{words(&tag["x-displayName"])}</a> };
    let contents: Vec<_> = tags.iter().map(|tag| link(tag).into_any()).collect();
    let sections: Vec<_> = tags.iter().map(|tag| section(lang, base, document, tag)).collect();
    view! {
        <div class="stack">
            <div class="page-head">
                <h1>{lang.t(text::TITLE)}</h1>
                <a href=format!("{}?lang={}", links::OPENAPI, lang.short())>"OpenAPI 3.1"</a>
            </div>
            <section class="card stack">
                <p>{lang.t(text::INTRO)}</p>
                <p>{lang.t(text::KEYS)}</p>
                <p>{lang.t(text::REPEATS)}</p>
                <nav class="row" aria-label=lang.t(text::CONTENTS)>{contents}<a href="#objects">{lang.t(text::OBJECTS)}</a><a href="#errors">{lang.t(text::ERRORS)}</a></nav>
            </section>
            {sections}
            {objects::section(lang, document)}
            {errors(lang, document)}
        </div>
    }
}

fn section(lang: Lang, base: &str, document: &Value, tag: &Value) -> AnyView {
    let mut cards = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            if operation["tags"][0] == tag["name"] {
                cards.push(card(lang, base, document, (path, method), operation));
            }
        }
    }
    view! {
        <section class="stack">
            <div><h2 id=words(&tag["name"])>{words(&tag["x-displayName"])}</h2><p class="note">{words(&tag["description"])}</p></div>
            {cards}
        </section>
    }
    .into_any()
}

fn card(
    lang: Lang,
    base: &str,
    document: &Value,
    (path, method): (&str, &str),
    operation: &Value,
) -> AnyView {
    let summary = words(&operation["summary"]);
    let scope = operation["x-scope"].as_str().map(|scope| {
        view! { <p class="note">{lang.t(text::SCOPE)}" "<span class="mono">{scope.to_owned()}</span></p> }
    });
    // Its scope and its summary stand above.
    let description = words(&operation["description"]);
    let description =
        description.split(&format!("{} `", lang.t(text::SCOPE))).next().unwrap_or_default().trim_end();
    let is_more = description.trim_end_matches(['.', '。']) != summary;
    let description = is_more.then(|| view! { <p class="note">{codes(description)}</p> });
    let parameters = list(&operation["parameters"]).iter().map(|parameter| {
        let parameter = resolve(document, parameter);
        let is_needed = parameter["required"] == true;
        field(lang, document, &words(&parameter["name"]), parameter, is_needed)
    });
    let content = &operation["requestBody"]["content"]["application/json"]["schema"];
    let body = resolve(document, content);
    let needed: Vec<_> = list(&body["required"]).iter().map(words).collect();
    let properties = body["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| field(lang, document, name, property, needed.contains(name)));
    let fields: Vec<_> = parameters.chain(properties).collect();
    let fields = (!fields.is_empty()).then(|| view! { <dl class="facts">{fields}</dl> });
    let answers = operation["responses"].as_object().into_iter().flatten().map(|(status, answer)| {
        let description = codes(&words(&answer["description"]));
        view! { <li><strong>{status.clone()}</strong>" "{description}{objects::content(lang, document, answer)}</li> }
    });
    let curl = curl(base, document, (path, method), operation, body);
    view! {
        <article class="card stack" id=words(&operation["operationId"])>
            <div><h3>{summary}</h3><p class="mono">{format!("{} {path}", method.to_uppercase())}</p></div>
            {scope}
            {description}
            {fields}
            <ul class="note">{answers.collect::<Vec<_>>()}</ul>
            <pre class="code" tabindex="0">{curl}</pre>
        </article>
    }
    .into_any()
}

fn field(lang: Lang, document: &Value, name: &str, field: &Value, is_needed: bool) -> AnyView {
    let needed = is_needed.then(|| view! { <span class="note">" "{lang.t(text::NEEDED)}</span> });
    let description = describe(lang, document, field);
    view! {
        <dt><span class="mono">{name.to_owned()}</span>{needed}</dt>
        <dd>{codes(&description)}</dd>
    }
    .into_any()
}

/// What the field is for, then what its values must be.
fn describe(lang: Lang, document: &Value, field: &Value) -> String {
    let own = not_null(field);
    let mut all: Vec<_> = [own, resolve(document, own), resolve(document, &field["schema"])]
        .into_iter()
        .filter_map(|one| one["description"].as_str())
        .collect();
    all.dedup();
    all.join(match lang {
        Lang::Zh => "",
        Lang::En => " ",
    })
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
    // A shell takes the ? of a query for a letter of a file's name.
    let address = format!("{base}{path}{query}");
    let address = if query.is_empty() { address } else { format!("'{address}'") };
    format!("curl{how}{bearer} {address}{json}")
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
        let title = words(&error["title"]);
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
    let value = not_null(value);
    let path = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    path.and_then(|path| document.pointer(path)).unwrap_or(value)
}

fn not_null(value: &Value) -> &Value {
    let one = list(&value["oneOf"]).iter().find(|one| one["type"] != "null");
    one.filter(|_| value["properties"].is_null()).unwrap_or(value)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
