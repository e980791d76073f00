//! What answers hold: each object once, with its fields, and the links that lead to it.

use std::collections::BTreeMap;

use leptos::prelude::*;
use serde_json::Value;

use super::{codes, describe, list, not_null, resolve, words};
use crate::links;
use crate::text::{Lang, contract as text};

const SCHEMAS: &str = "#/components/schemas/";

/// Where an answer's content is described, by a link or by its fields; nothing for an answer without content.
pub(super) fn content(lang: Lang, document: &Value, answer: &Value) -> Option<AnyView> {
    let schema = &answer["content"]["application/json"]["schema"];
    if name(schema).is_some() {
        return Some(view! { " "{shape(schema)} }.into_any());
    }
    let fields = fields(lang, document, schema);
    let summary = lang.t(text::FIELDS);
    (!fields.is_empty()).then(|| {
        view! { <details class="fold"><summary>{summary}</summary><dl class="facts">{fields}</dl></details> }
            .into_any()
    })
}

/// All objects that answers of `/api/v1` hold, in the order of their names.
pub(super) fn section(lang: Lang, document: &Value) -> impl IntoView + use<> {
    let mut objects = BTreeMap::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (_, methods) in paths.filter(|(path, _)| path.starts_with(links::API)) {
        for (_, operation) in methods.as_object().into_iter().flatten() {
            for (_, answer) in operation["responses"].as_object().into_iter().flatten() {
                gather(document, &answer["content"]["application/json"], &mut objects);
            }
        }
    }
    let cards = objects.into_iter().map(|(name, schema)| {
        let (id, description) = (id(&name), words(&schema["description"]));
        view! {
            <article class="card stack" id=id>
                <div><h3 class="mono">{name}</h3><p class="note">{codes(&description)}</p></div>
                <dl class="facts">{fields(lang, document, schema)}</dl>
            </article>
        }
    });
    view! {
        <section class="stack">
            <div><h2 id="objects">{lang.t(text::OBJECTS)}</h2><p class="note">{lang.t(text::OBJECTS_TEXT)}</p></div>
            {cards.collect::<Vec<_>>()}
        </section>
    }
}

/// Those objects that a value names, and that they name in turn.
fn gather<'d>(document: &'d Value, value: &'d Value, found: &mut BTreeMap<String, &'d Value>) {
    if let Some(name) = name(value) {
        let schema = resolve(document, value);
        let is_object = schema["properties"].is_object() || schema["allOf"].is_array();
        if is_object && found.insert(name.to_owned(), schema).is_none() {
            gather(document, schema, found);
        }
        return;
    }
    match value {
        Value::Array(all) => all.iter().for_each(|one| gather(document, one, found)),
        Value::Object(all) => all.values().for_each(|one| gather(document, one, found)),
        _ => {}
    }
}

/// The fields of an object, its parts' first.
fn fields(lang: Lang, document: &Value, schema: &Value) -> Vec<AnyView> {
    let parts = list(&schema["allOf"]).iter().map(|part| resolve(document, part));
    let mut all: Vec<_> = parts.flat_map(|part| fields(lang, document, part)).collect();
    let needed = list(&schema["required"]);
    let own = schema["properties"].as_object().into_iter().flatten().map(|(name, field)| {
        let can_be_null = field["type"].as_array().is_some_and(|types| types.contains(&Value::from("null")))
            || list(&field["oneOf"]).iter().any(|one| one["type"] == "null");
        let missing = !needed.iter().any(|needed| needed == name.as_str());
        let note = match (can_be_null, missing) {
            (true, _) => Some(lang.t(text::OR_NULL)),
            (_, true) => Some(lang.t(text::MAY_BE_MISSING)),
            _ => None,
        };
        let words = list(&resolve(document, field)["enum"]).iter().map(words).collect::<Vec<_>>();
        let words = (!words.is_empty()).then(|| codes(&format!(" `{}`", words.join("`, `"))));
        view! {
            <dt><span class="mono">{name.clone()}</span></dt>
            <dd>
                <span class="note">{shape(field)}{note.map(|note| format!(", {note}"))}" · "</span>
                {codes(&describe(lang, document, field))}{words}
            </dd>
        }
        .into_any()
    });
    all.extend(own);
    all
}

/// What kind of value it is: the name of an object leads to it.
fn shape(field: &Value) -> AnyView {
    let field = not_null(field);
    if let Some(name) = name(field) {
        return view! { <a class="mono" href=format!("#{}", id(name))>{name.to_owned()}</a> }.into_any();
    }
    let kind = match &field["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").map(words).unwrap_or_default(),
        kind => words(kind),
    };
    match kind.as_str() {
        "array" => view! { "["{shape(&field["items"])}"]" }.into_any(),
        _ => kind.into_any(),
    }
}

fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(SCHEMAS)
}

fn id(name: &str) -> String {
    format!("object-{name}")
}
