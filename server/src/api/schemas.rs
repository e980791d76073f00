//! Schemas of the values of bodies. What each must be is what its reader says where it refuses one.

use std::borrow::Cow;

use recharge::{
    api_key::KEEP_OLD_MOST_MS,
    event_type::EventType,
    price::MOST_FEE,
    spend::{Reason as Why, Reference as Name},
    webhook::{MOST_PER_S, interest},
};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::values::{self as given, Text};
use crate::user_token::{LONGEST_RETURN_URL, LONGEST_S, SHORTEST_SESSION_S};

/// `Name = what it must be, rest of the schema;`
macro_rules! values {
    ($($name:ident = $says:expr, $schema:tt;)*) => {
        $(
            /// Stands for the value in the schemas of bodies, which name it; [`all`] has its own.
            #[derive(Debug)]
            pub(crate) struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    RefOr::T(Schema::default())
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed(stringify!($name))
                }
            }
        )*

        /// All of them, by name.
        pub(crate) fn all() -> Vec<(&'static str, Value)> {
            vec![$((stringify!($name), described(json!($schema), $says))),*]
        }
    };
}

fn described(mut schema: Value, says: &str) -> Value {
    let mut letters = says.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    schema["description"] = json!(format!("{first}{}.", letters.as_str()));
    schema
}

values! {
    UserId = <given::UserId as Text>::MUST_BE,
        {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[^\\u0000-\\u001f\\u007f]+$", "examples": ["u-7"]};
    UserName = <given::Name as Text>::MUST_BE, {"type": "string", "maxLength": 128, "examples": ["小林"]};
    Reference = <Name as Text>::MUST_BE,
        {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$", "examples": ["vip-4711"]};
    Reason = <Why as Text>::MUST_BE,
        {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", "examples": ["VIP 30 days"]};
    RefundReason = <given::RefundReason as Text>::MUST_BE,
        {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", "examples": ["Sold out"]};
    OnShortfall = "refuse, unless it is said: 402, and nothing is taken; take_rest: what is available is taken, and shortfall says what was \
        missing (402 if there is nothing)", {"type": "string", "enum": ["refuse", "take_rest"]};
    ReturnUrl = <given::ReturnUrl as Text>::MUST_BE,
        {"type": "string", "format": "uri", "maxLength": LONGEST_RETURN_URL, "pattern": "^https?://", "examples": ["https://www.example.com/thanks"]};
    PayerIp = <given::PayerIp as Text>::MUST_BE, {"type": "string", "examples": ["203.0.113.7"],
        "anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]};
    Amount = given::AMOUNT, {"type": "integer", "minimum": 1, "maximum": 100_000_000_000_i64, "examples": [1500]};
    TotalFee = given::TOTAL_FEE, {"type": "integer", "minimum": 1, "maximum": MOST_FEE.get(), "examples": [1500]};
    Quantity = given::QUANTITY, {"type": "integer", "minimum": 1, "maximum": 4_294_967_295_i64, "examples": [50]};
    HoldLife = "seconds, from 60 to 604800; 900 unless it is said. At the end the money is free again and hold.expired is told", {"type": "integer", "minimum": 60, "maximum": 604_800, "examples": [900]};
    SessionLife = given::SESSION_LIFE, {"type": "integer", "minimum": SHORTEST_SESSION_S, "maximum": LONGEST_S, "examples": [3600]};
    Origin = "one of SAOMA_FRAME_ANCESTORS, such as https://www.example.com",
        {"type": "string", "format": "uri", "pattern": "^https?://[^@ ]+$", "examples": ["https://www.example.com"]};
    Time = "a time, such as 2026-03-15T10:00:00+08:00", {"type": "string", "format": "date-time", "examples": ["2026-03-15T10:00:00+08:00"]};
    WebhookUrl = "an https address of at most 2048 bytes that is not this server's, without user name and fragment",
        {"type": "string", "format": "uri", "maxLength": 2048, "pattern": "^https?://[^@# ]+$", "examples": ["https://hooks.example.com/saoma"]};
    WebhookTypes = "types of events; none: all but those that are told only to who names them",
        {"type": "array", "items": {"type": "string", "enum": interest::known().map(EventType::name).collect::<Vec<_>>()}, "examples": [["recharge.paid", "recharge.refund_requested"]]};
    WebhookNote = "for people: at most 200 bytes without control characters",
        {"type": "string", "maxLength": 200, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$", "examples": ["The shop"]};
    WebhookRate = "how many late events a second it gets, from each instance: 1 to 10000; 50 unless it is said",
        {"type": "integer", "minimum": 1, "maximum": MOST_PER_S, "examples": [50]};
    KeepOld = "how long the secret before signs beside the new one, in seconds: 0 to 604800; a day unless it is said",
        {"type": "integer", "minimum": 0, "maximum": KEEP_OLD_MOST_MS / 1000, "examples": [86_400]};
    Metadata = given::METADATA, {"type": "object", "maxProperties": 16, "examples": [{"job": "9"}],
        "propertyNames": {"type": "string", "minLength": 1, "maxLength": 64},
        "additionalProperties": {"type": ["string", "number", "boolean"]}};
}
