//! The part `webhooks` of the document: what a site's own address gets, one entry for each type of event.

use recharge::event_type::EventType;
use recharge::outbox::EventData;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

/// One entry for each type, by its word.
pub(super) fn webhooks() -> Map<String, Value> {
    let data = serde_json::to_value(EventData::schema()).unwrap_or_default();
    EventType::ALL.iter().map(|kind| (kind.name().to_owned(), entry(*kind, &data["properties"]))).collect()
}

/// What is said of a type, in English and Chinese, what its `data` always has, and what it has sometimes.
struct Told(&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

fn told(kind: EventType) -> Told {
    match kind {
        EventType::RechargePaid => {
            Told("A recharge was paid and credited", "充值已支付并入账", &["recharge", "balance"], &[])
        }
        EventType::RechargePaidLate => Told(
            "A recharge was paid after it was closed or had expired",
            "充值关闭或过期后才支付",
            &["recharge"],
            &["balance"],
        ),
        EventType::RechargeClosed => {
            Told("A recharge cannot be paid any more", "充值已关闭", &["recharge"], &[])
        }
        EventType::RefundRequested => {
            Told("A payment is to go back", "已申请退款", &["recharge", "refund"], &["balance"])
        }
        EventType::Refunded => {
            Told("The payer has the money", "退款已到账", &["recharge", "refund", "refunded_total"], &[])
        }
        EventType::RefundFailed => Told(
            "A refund ended without money",
            "退款失败",
            &["recharge", "refund", "returned"],
            &["balance"],
        ),
        EventType::ExceptionOpened => Told(
            "Real money that does not fit waits for a person",
            "有款项对不上，等待人工处理",
            &["exception"],
            &["recharge"],
        ),
        EventType::ExceptionSettled => Told(
            "Money that did not fit was dealt with",
            "对不上的款项已处理",
            &["exception"],
            &["recharge", "credited", "taken_back"],
        ),
        EventType::BalanceLow => Told(
            "A balance fell below the setting `low_balance`",
            "余额低于设定值",
            &["balance", "low_balance"],
            &[],
        ),
        EventType::BalanceChanged => Told("A balance moved", "余额变动", &["balance"], &[]),
        EventType::DebitCreated => {
            Told("Something was taken from a balance", "余额已扣减", &["debit", "balance"], &[])
        }
        EventType::DebitReversed => {
            Told("Something of a debit was given back", "扣款已冲正", &["debit", "reversal", "balance"], &[])
        }
        EventType::HoldCaptured => {
            Told("A debit took what was needed of a hold", "冻结已结算", &["hold", "debit", "balance"], &[])
        }
        EventType::HoldExpired => {
            Told("Nobody came back for a hold in time", "冻结未结算，到期自动解冻", &["hold", "balance"], &[])
        }
        EventType::GrantCreated => Told(
            "An operator added to a balance or took from it",
            "操作员调整了余额",
            &["grant", "balance"],
            &[],
        ),
        EventType::WebhookDisabled => {
            Told("An endpoint gets no more events", "推送地址已停用", &["webhook_endpoint"], &[])
        }
        EventType::TestPing => Told("A test that was asked for", "测试事件", &["webhook_endpoint"], &[]),
    }
}

fn entry(kind: EventType, all: &Value) -> Value {
    let Told(summary, chinese, always, sometimes) = told(kind);
    let properties: Map<_, _> =
        always.iter().chain(sometimes).map(|name| ((*name).to_owned(), all[*name].clone())).collect();
    let data = json!({"type": "object", "required": always, "properties": properties});
    let own = json!({"type": "object", "properties": {"type": {"type": "string", "const": kind.name()}, "data": data}});
    let by_name = match EventType::BY_NAME.contains(&kind) {
        true => " Told only while an endpoint asks for it by name.",
        false => "",
    };
    let header = |name: &str, says: &str| json!({"name": name, "in": "header", "required": true, "description": says, "schema": {"type": "string"}});
    json!({"post": {
        "operationId": format!("told_{}", kind.name().replace('.', "_")),
        "summary": summary,
        "x-summary-zh": chinese,
        "description": format!("{summary}.{by_name} Comes at least once, and is tried again until it is taken."),
        "tags": ["events"],
        "security": [],
        "parameters": [
            header("webhook-id", "The event's id: drop repeats by it."),
            header("webhook-timestamp", "When it was sent, in seconds since 1970: refuse what is five minutes off."),
            header("webhook-signature", "`v1,` and the signature in base64, once for each secret that counts (Standard Webhooks)."),
        ],
        "requestBody": {"required": true, "content": {"application/json": {
            "schema": {"allOf": [{"$ref": "#/components/schemas/Event"}, own]},
            "example": example(kind, always),
        }}},
        "responses": {
            "204": {"description": "Taken. Any 2xx within 15 s is."},
            "410": {"description": "The endpoint is disabled at once. Whatever else comes, it is sent again later."},
        },
    }})
}

fn example(kind: EventType, fields: &[&str]) -> Value {
    let all = examples();
    let mut data: Map<_, _> = fields.iter().map(|name| ((*name).to_owned(), all[*name].clone())).collect();
    for (name, differs) in own(kind).as_object().into_iter().flatten() {
        if let (Some(Value::Object(object)), Value::Object(differs)) = (data.get_mut(name), differs) {
            object.extend(differs.clone());
        }
    }
    let subject = match fields.first() {
        Some(&"balance") => "user/u-7",
        Some(&"debit") => "debit/DB06FBKXTGW0AB",
        Some(&"hold") => "hold/HD06FBKXTGW0AB",
        Some(&"grant") => "grant/GR06FBKXTGW0AB",
        Some(&"exception") => "exception/EX06FBKXTGW0AB",
        Some(&"webhook_endpoint") => "webhook_endpoint/we_06FBKXTGW0ABCDEF",
        _ => "recharge/SM20260315100000ABCDEFGH",
    };
    json!({"id": "evt_06FBKXTGW0ABCDEFGHJKMNPQRS", "type": kind.name(), "timestamp": AT, "subject": subject, "seq": 123, "data": data})
}

/// What of an example is different where this type is told.
fn own(kind: EventType) -> Value {
    match kind {
        EventType::RechargePaidLate => json!({"recharge": {"late": true}}),
        EventType::RechargeClosed => json!({"recharge": {
            "state": "closed", "credited": 0, "closed_at": AT, "paid_at": null, "credited_at": null, "transaction_id": null,
        }}),
        EventType::RefundRequested => json!({"recharge": {"refunding": 1990}}),
        EventType::Refunded => {
            json!({"recharge": {"refunded": 1990}, "refund": {"state": "succeeded", "ended_at": AT}})
        }
        EventType::RefundFailed => json!({"refund": {"state": "closed", "ended_at": AT}}),
        EventType::ExceptionSettled => json!({"exception": {
            "version": 2, "settled": {"at": AT, "by": "anna", "how": "refund", "reason": "Paid twice"},
        }}),
        EventType::DebitReversed => json!({"debit": {"reversed": 1500}}),
        EventType::HoldCaptured => json!({
            "hold": {"state": "captured"}, "debit": {"reference": null, "hold": "HD06FBKXTGW0AB"},
        }),
        EventType::WebhookDisabled => {
            json!({"webhook_endpoint": {"disabled_at": AT, "disabled_why": "failing"}})
        }
        _ => json!({}),
    }
}

const AT: &str = "2026-03-15T10:01:40+08:00";

/// An example of each field of `data`.
fn examples() -> Value {
    let (number, key, payment) = ("SM20260315100000ABCDEFGH", "key:shop", "4200001234202603151234567890");
    json!({
        "recharge": {
            "out_trade_no": number, "version": 3, "reference": "vip-4711", "user": "u-7", "state": "paid", "type": "NATIVE",
            "total_fee": 1990, "bonus": 100, "credited": 2090, "refunded": 0, "refunding": 0, "late": false, "metadata": {"job": "9"},
            "created_at": "2026-03-15T10:00:00+08:00", "expires_at": "2026-03-15T10:10:00+08:00", "cancelled_at": null,
            "closed_at": null, "paid_at": "2026-03-15T10:01:39+08:00", "credited_at": AT, "transaction_id": payment,
        },
        "refund": {
            "out_refund_no": "RF20260315100000ABCDEFGH", "reference": "return-81", "out_trade_no": number, "transaction_id": payment,
            "state": "requested", "amount": 1990, "taken": 2090, "user": "u-7", "reason": "Sold out", "made_by": key,
            "requested_at": AT, "ended_at": null,
        },
        "refunded_total": 1990,
        "returned": 2090,
        "exception": {
            "id": "EX06FBKXTGW0AB", "version": 1, "kind": "duplicate", "out_trade_no": number, "transaction_id": payment,
            "total_fee": 1990, "fee_type": "CNY", "expected_fee": 1990, "first_seen_at": AT, "settled": null,
        },
        "balance": {"user": "u-7", "balance": 2090, "held": 0, "available": 2090, "entries": 4},
        "low_balance": 5000,
        "debit": {
            "id": "DB06FBKXTGW0AB", "user": "u-7", "amount": 1500, "reversed": 0, "shortfall": 0, "reference": "job-9", "hold": null,
            "reason": "VIP 30 days", "metadata": {}, "made_by": key, "balance_after": 590, "created_at": AT,
        },
        "reversal": {
            "id": "RV06FBKXTGW0AB", "reference": "job-9-back", "debit": "DB06FBKXTGW0AB", "amount": 1500, "reason": "It failed",
            "made_by": key, "created_at": AT,
        },
        "hold": {
            "id": "HD06FBKXTGW0AB", "version": 2, "user": "u-7", "amount": 1500, "state": "expired", "reference": "job-9",
            "reason": "VIP 30 days", "metadata": {}, "made_by": key, "created_at": "2026-03-15T09:46:40+08:00", "expires_at": AT, "ended_at": AT,
        },
        "grant": {"id": "GR06FBKXTGW0AB", "user": "u-7", "amount": 500, "reason": "Sorry", "made_by": "operator:anna", "created_at": AT},
        "webhook_endpoint": {
            "id": "we_06FBKXTGW0ABCDEF", "url": "https://hooks.example.com/saoma", "disabled_at": null, "disabled_why": null,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_type_tells_what_there_is_to_tell_and_has_an_example() {
        let data = serde_json::to_value(EventData::schema()).unwrap();
        let mut used = BTreeSet::new();
        for kind in EventType::ALL {
            let Told(_, chinese, always, sometimes) = told(kind);
            assert!(!chinese.is_ascii() && !always.is_empty(), "{kind:?}");
            for name in always.iter().chain(sometimes) {
                assert!(data["properties"][name].is_object(), "{kind:?} {name}");
                used.insert(*name);
            }
        }
        let all: BTreeSet<_> = data["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(used, all);
        assert_eq!(data.get("required"), None);
    }
}
