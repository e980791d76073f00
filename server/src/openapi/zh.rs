//! The document in Chinese. `zh.json` has what each of its English texts is in Chinese; summaries, headings and errors say theirs themselves.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Sorted by the English text.
const TEXTS: &str = include_str!("zh.json");

/// Puts the Chinese text in the place of each English one. One that `zh.json` does not have stays, and a test finds it.
pub(super) fn translate(document: &mut Value) {
    let texts: BTreeMap<String, String> = serde_json::from_str(TEXTS).unwrap_or_default();
    replace(document, &mut |english| texts.get(english).cloned());
}

/// What a text is in Chinese.
type Find<'f> = &'f mut dyn FnMut(&str) -> Option<String>;

fn replace(document: &mut Value, find: Find<'_>) {
    for pointer in ["/info/summary", "/info/contact/name"] {
        if let Some(Value::String(text)) = document.pointer_mut(pointer) {
            *text = find(text).unwrap_or_default();
        }
    }
    walk(document, find);
}

fn walk(value: &mut Value, find: Find<'_>) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| walk(one, find)),
        Value::Object(fields) => {
            if let Some(chinese) = description(fields, find) {
                fields.insert("description".to_owned(), Value::String(chinese));
            }
            let twice =
                [("x-summary-zh", "summary"), ("title-zh", "title"), ("x-displayName-zh", "x-displayName")];
            for (chinese, english) in twice {
                if let Some(text) = fields.get(chinese).cloned() {
                    fields.insert(english.to_owned(), text);
                }
            }
            fields.values_mut().for_each(|one| walk(one, find));
        }
        _ => {}
    }
}

/// The description of these fields. That of an operation may begin with its summary, and end with its scope.
fn description(fields: &Map<String, Value>, find: Find<'_>) -> Option<String> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let english = text("description")?;
    let scoped = english.strip_suffix("`.").and_then(|english| english.rsplit_once(" Scope `"));
    let (english, scope) = match scoped {
        Some((english, scope)) => (english, format!("权限 `{scope}`。")),
        None => (english, String::new()),
    };
    let begins = text("summary").and_then(|summary| english.strip_prefix(summary)?.strip_prefix('.'));
    let (summary, rest) = match (begins, text("x-summary-zh")) {
        (Some(rest), Some(chinese)) => (format!("{chinese}。"), rest.trim_start()),
        _ => (String::new(), english),
    };
    let rest = match is_code(rest) {
        true => rest.replace(", ", "、"),
        false => find(rest)?,
    };
    Some(summary + &rest + &scope)
}

/// Nothing but words for programs, such as the errors of a status.
fn is_code(text: &str) -> bool {
    text.split('`').step_by(2).all(|between| matches!(between, "" | ", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{openapi, router::register};

    fn english() -> Value {
        openapi::document(&register(), openapi::operations())
    }

    fn texts() -> BTreeMap<String, String> {
        serde_json::from_str(TEXTS).unwrap()
    }

    #[test]
    fn every_text_of_the_document_has_a_chinese_one_and_no_other_has() {
        let mut asked = BTreeSet::new();
        replace(&mut english(), &mut |text| {
            asked.insert(text.to_owned());
            None
        });
        let known: BTreeSet<_> = texts().into_keys().collect();
        let missing: Vec<_> = asked.difference(&known).collect();
        let gone: Vec<_> = known.difference(&asked).collect();
        assert!(
            missing.is_empty() && gone.is_empty(),
            "zh.json lacks {missing:#?} and need not have {gone:#?}"
        );
    }

    #[test]
    fn the_texts_are_sorted_and_each_stands_once() {
        assert!(
            TEXTS == serde_json::to_string_pretty(&texts()).unwrap() + "\n",
            "sort zh.json by its English texts"
        );
    }

    #[test]
    fn chinese_texts_keep_the_words_for_programs_and_have_chinese_marks() {
        let words =
            |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
        for (english, chinese) in texts() {
            assert!(words(&chinese).is_superset(&words(&english)), "{english}: {chinese}");
            assert!(chinese.ends_with('。') || !english.ends_with(['.', ')', '…']), "{chinese}");
            let prose: String = chinese.split('`').step_by(2).collect();
            assert!(
                !prose.is_ascii() && !prose.contains([',', ';', ':', '(', ')', '!', '?', '"']),
                "{chinese}"
            );
        }
    }

    #[test]
    fn the_chinese_document_is_the_english_one_in_other_words() {
        let (english, mut chinese) = (english(), english());
        translate(&mut chinese);
        let read = chinese.pointer("/paths/~1api~1v1~1debits~1{debit}/get/description").unwrap();
        assert_eq!(read, "查询扣款。权限 `balances:read`。");
        let paid = chinese.pointer("/webhooks/recharge.paid/post/description").unwrap();
        assert_eq!(paid, "充值已支付并入账。至少推送一次，送达之前会一直重试。");
        let answer =
            |status: &str| &chinese["paths"]["/api/v1/me"]["get"]["responses"][status]["description"];
        assert_eq!(
            (answer("401"), answer("403")),
            (&"`api_key`".into(), &"`key_in_browser`、`network`、`scope`".into())
        );
        assert_eq!(chinese["x-errors"][0]["title"], chinese["x-errors"][0]["title-zh"]);
        assert_eq!(wordless(chinese), wordless(english));
    }

    /// Without what people read.
    fn wordless(mut value: Value) -> Value {
        match &mut value {
            Value::Array(all) => all.iter_mut().for_each(|one| *one = wordless(one.take())),
            Value::Object(fields) => {
                fields.retain(|name, one| {
                    !(one.is_string()
                        && matches!(&**name, "description" | "summary" | "title" | "x-displayName"))
                });
                fields.values_mut().for_each(|one| *one = wordless(one.take()));
            }
            _ => {}
        }
        if value["contact"].is_object() {
            value["contact"]["name"].take();
        }
        value
    }
}
