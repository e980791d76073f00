//! What the document says of one route, beside what its registration says already: method, path, scope and limit.

use http::Method;
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use crate::error_code::Code;

/// Named schemas, as they are collected.
type Schemas = Vec<(String, RefOr<Schema>)>;

/// One operation of the document.
pub(crate) struct Operation {
    pub method: Method,
    pub path: &'static str,
    /// Names it in generated clients.
    id: &'static str,
    /// In English and in Chinese.
    summary: [&'static str; 2],
    description: String,
    /// The group that it is shown in.
    tag: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    pub answers: Vec<(u16, &'static str, Value)>,
    pub codes: Vec<Code>,
    schemas: Schemas,
    /// Those of answers.
    answered: Schemas,
}

impl Operation {
    pub(crate) fn get(path: &'static str, id: &'static str, summary: [&'static str; 2]) -> Operation {
        Operation::of(Method::GET, path, id, summary)
    }

    pub(crate) fn post(path: &'static str, id: &'static str, summary: [&'static str; 2]) -> Operation {
        Operation::of(Method::POST, path, id, summary)
    }

    pub(crate) fn patch(path: &'static str, id: &'static str, summary: [&'static str; 2]) -> Operation {
        Operation::of(Method::PATCH, path, id, summary)
    }

    pub(crate) fn delete(path: &'static str, id: &'static str, summary: [&'static str; 2]) -> Operation {
        Operation::of(Method::DELETE, path, id, summary)
    }

    fn of(method: Method, path: &'static str, id: &'static str, summary: [&'static str; 2]) -> Operation {
        let group = path.trim_start_matches("/api/v1/").split('/').next().unwrap_or_default();
        let parameters = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters = parameters.map(|name| {
            json!({
                "name": name, "in": "path", "required": true, "description": in_path(name),
                "schema": {"type": "string", "minLength": 1},
            })
        });
        Operation {
            method,
            path,
            id,
            summary,
            description: String::new(),
            tag: if path.starts_with("/wxpay/") { "wxpay" } else { group },
            parameters: parameters.collect(),
            body: None,
            answers: Vec::new(),
            codes: Vec::new(),
            schemas: Vec::new(),
            answered: Vec::new(),
        }
    }

    /// More words, in English.
    pub(crate) fn says(self, description: &str) -> Operation {
        Operation { description: description.to_owned(), ..self }
    }

    /// A parameter in the address.
    pub(crate) fn query(mut self, name: &str, description: &str, schema: Value) -> Operation {
        self.parameters.push(
            json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema}),
        );
        self
    }

    /// The same, that must be there.
    pub(crate) fn asks(self, name: &str, description: &str, schema: Value) -> Operation {
        let mut operation = self.query(name, description, schema);
        if let Some(parameter) = operation.parameters.last_mut() {
            parameter["required"] = json!(true);
        }
        operation
    }

    /// The header that may stand in the place of a reference.
    pub(crate) fn idempotency_key(self) -> Operation {
        self.parameter("IdempotencyKey")
    }

    /// A list that is read page by page.
    pub(crate) fn paged(self) -> Operation {
        self.parameter("Limit").parameter("After")
    }

    /// A parameter that several operations have.
    pub(crate) fn parameter(mut self, name: &str) -> Operation {
        self.parameters.push(json!({"$ref": format!("#/components/parameters/{name}")}));
        self
    }

    pub(crate) fn takes<T: ToSchema>(mut self) -> Operation {
        let schema = reference::<T>(&mut self.schemas);
        self.takes_json(&["application/json"], schema)
    }

    /// The same where the body may be left out.
    pub(crate) fn may_take<T: ToSchema>(self) -> Operation {
        let mut operation = self.takes::<T>();
        if let Some(body) = &mut operation.body {
            body["required"] = json!(false);
        }
        operation
    }

    /// The same by a schema that is written out.
    pub(crate) fn takes_json(mut self, kinds: &[&str], schema: Value) -> Operation {
        let content: serde_json::Map<_, _> =
            kinds.iter().map(|kind| ((*kind).to_owned(), json!({"schema": schema}))).collect();
        self.body = Some(json!({"required": true, "content": content}));
        self
    }

    pub(crate) fn answers<T: ToSchema>(mut self, status: u16, says: &'static str) -> Operation {
        let schema = reference::<T>(&mut self.answered);
        self.answers.push((status, says, schema));
        self
    }

    /// The same by a schema that is written out.
    pub(crate) fn answers_json(mut self, status: u16, says: &'static str, schema: Value) -> Operation {
        self.answers.push((status, says, schema));
        self
    }

    /// An answer without a body.
    pub(crate) fn answers_nothing(self, status: u16, says: &'static str) -> Operation {
        self.answers_json(status, says, Value::Null)
    }

    /// A header that may be sent.
    pub(crate) fn header(mut self, name: &str, says: &str) -> Operation {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
        self.parameters.push(
            json!({"name": name, "in": "header", "required": false, "description": says, "schema": schema}),
        );
        self
    }

    /// A page of these.
    pub(crate) fn answers_page<T: ToSchema>(self, says: &'static str) -> Operation {
        let next =
            json!({"type": ["string", "null"], "description": "For `after`; `null` on the last page."});
        self.answers_list::<T>(says, next)
    }

    /// Some of these, and where the others begin.
    pub(crate) fn answers_list<T: ToSchema>(mut self, says: &'static str, next: Value) -> Operation {
        let item = reference::<T>(&mut self.answered);
        let schema = json!({
            "type": "object", "required": ["data", "next"], "additionalProperties": false,
            "properties": {"data": {"type": "array", "items": item}, "next": next},
        });
        self.answers.push((200, says, schema));
        self
    }

    /// Errors besides those that follow from the registration, the body and the parameters.
    pub(crate) fn refuses(mut self, codes: &[Code]) -> Operation {
        self.codes.extend(codes);
        self
    }

    pub(crate) fn has_body(&self) -> bool {
        self.body.is_some()
    }

    pub(crate) fn has_query(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter["in"] == "query" || parameter["$ref"].is_string())
    }

    /// Its schemas by name, and the operation without what its registration says.
    pub(crate) fn into_parts(self) -> (Vec<(String, Value)>, serde_json::Map<String, Value>) {
        let mut written = serde_json::Map::new();
        written.insert("operationId".to_owned(), json!(self.id));
        written.insert("summary".to_owned(), json!(self.summary[0]));
        written.insert("x-summary-zh".to_owned(), json!(self.summary[1]));
        written.insert("tags".to_owned(), json!([self.tag]));
        let description =
            if self.description.is_empty() { format!("{}.", self.summary[0]) } else { self.description };
        written.insert("description".to_owned(), json!(description));
        if !self.parameters.is_empty() {
            written.insert("parameters".to_owned(), json!(self.parameters));
        }
        if let Some(body) = self.body {
            written.insert("requestBody".to_owned(), body);
        }
        let json = |(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default());
        let mut schemas: Vec<_> = self.schemas.into_iter().map(json).collect();
        let first = schemas.len();
        schemas.extend(self.answered.into_iter().map(json));
        schemas[first..].iter_mut().for_each(|(_, schema)| require_nulls(schema));
        (schemas, written)
    }
}

/// What a part of a path is.
fn in_path(name: &str) -> &'static str {
    match name {
        "debit" => "The number of the debit that Saoma gave it, `DB…`.",
        "endpoint" => "The id of the webhook endpoint, `we_…`.",
        "event" => "The id of the event, `evt_…`.",
        "hold" => "The number of the hold that Saoma gave it, `HD…`.",
        "out_trade_no" => "The order number that Saoma gave the recharge, `SM…`.",
        "product_id" => "The number of the static code.",
        "user" => "The user's id at the site, percent-encoded.",
        _ => "",
    }
}

fn reference<T: ToSchema>(schemas: &mut Schemas) -> Value {
    let name = T::name().into_owned();
    schemas.push((name.clone(), <T as PartialSchema>::schema()));
    <T as ToSchema>::schemas(schemas);
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// What can be `null` in an answer is always there; what may be left out is never `null`.
fn require_nulls(schema: &mut Value) {
    if let Value::Array(all) = schema {
        all.iter_mut().for_each(require_nulls);
    }
    let Value::Object(fields) = schema else { return };
    fields.values_mut().for_each(require_nulls);
    let can_be_null = |property: &Value| {
        let is_null = |one: &Value| one == "null" || one["type"] == "null";
        ["type", "oneOf"]
            .iter()
            .any(|key| property[*key].as_array().is_some_and(|all| all.iter().any(is_null)))
    };
    let Some(Value::Object(properties)) = fields.get("properties") else { return };
    let nulls: Vec<_> =
        properties.iter().filter(|(_, one)| can_be_null(one)).map(|(name, _)| json!(name)).collect();
    if let (false, Value::Array(required)) =
        (nulls.is_empty(), fields.entry("required").or_insert_with(|| json!([])))
    {
        required.extend(nulls);
    }
}
