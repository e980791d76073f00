//! What the site is told of: events, written by the transaction that does what they tell, numbered once it is committed, and read
//! by the site's programs or sent to them. The body of an event is fixed when it is written.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use wxpay::{Fen, UnixMillis};

use crate::base32::base32;
use crate::event_type::EventType;
use crate::objects::{
    BalanceObject, DebitObject, ExceptionObject, GrantObject, HoldObject, RechargeObject, RefundObject,
    ReversalObject, WebhookEndpointObject,
};

mod cursor;
mod numbering;

pub use cursor::Cursor;
pub use numbering::{Unnumbered, in_order};

/// Size of a body at most, in bytes; what it is made of is limited so that it always fits.
pub const MOST_BYTES: usize = 8 * 1024;

/// Which of [`EventType::BY_NAME`] an endpoint asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked(u8);

impl Asked {
    /// Those of `types` that are written by name only.
    pub fn of(types: impl IntoIterator<Item = EventType>) -> Asked {
        let bit = |kind| EventType::BY_NAME.iter().position(|one| *one == kind).map_or(0, |place| 1 << place);
        Asked(types.into_iter().fold(0, |bits, kind| bits | bit(kind)))
    }

    /// Whether this type is to be written.
    pub fn wants(self, kind: EventType) -> bool {
        !EventType::BY_NAME.contains(&kind) || Asked::of([kind]).0 & self.0 != 0
    }

    /// As a number, and back.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// From [`Asked::bits`].
    pub fn from_bits(bits: u8) -> Asked {
        Asked(bits)
    }
}

/// `evt_`, the time to the millisecond and 80 random bits: ids sort by time. Never made of the event's number, which a restored
/// backup gives again to another event.
pub fn new_id(now: UnixMillis, random: [u8; 10]) -> String {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&now.get().to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random);
    format!("evt_{}", base32(&bytes))
}

/// An event that is about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// What it tells.
    pub kind: EventType,
    /// What it is about, such as `recharge/SM…`: events of one subject are read one after another.
    pub subject: String,
    /// Which state of that: they are read in this order.
    pub version: i64,
    /// When it happened.
    pub at: UnixMillis,
    /// What is told.
    pub data: EventData,
}

impl NewEvent {
    /// The body, as it is kept.
    pub fn body(&self) -> String {
        serde_json::to_string(&self.data).unwrap_or_else(|_| "{}".to_owned())
    }
}

/// What an event tells; each type has its own of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventData {
    /// As it is by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RechargeObject, required = false)]
    pub recharge: Option<RechargeObject>,
    /// The refund that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RefundObject, required = false)]
    pub refund: Option<RefundObject>,
    /// What of the recharge's payment the payer has again, in fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i64, required = false)]
    pub refunded_total: Option<Fen>,
    /// What the balance has back of a refund that failed, in fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i64, required = false)]
    pub returned: Option<Fen>,
    /// The exception as it is by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ExceptionObject, required = false)]
    pub exception: Option<ExceptionObject>,
    /// What an operator credited of an exception's payment beside its recharge.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MovedObject, required = false)]
    pub credited: Option<MovedObject>,
    /// What an operator took back of a balance for a refund that was made outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MovedObject, required = false)]
    pub taken_back: Option<MovedObject>,
    /// The debit as it is by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = DebitObject, required = false)]
    pub debit: Option<DebitObject>,
    /// What was given back of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ReversalObject, required = false)]
    pub reversal: Option<ReversalObject>,
    /// The hold as it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = HoldObject, required = false)]
    pub hold: Option<HoldObject>,
    /// The grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = GrantObject, required = false)]
    pub grant: Option<GrantObject>,
    /// What the user has by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = BalanceObject, required = false)]
    pub balance: Option<BalanceObject>,
    /// The setting that the balance fell below, in fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i64, required = false)]
    pub low_balance: Option<Fen>,
    /// The endpoint that is tried, or gets no more events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = WebhookEndpointObject, required = false)]
    pub webhook_endpoint: Option<WebhookEndpointObject>,
}

/// What moved on whose balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MovedObject {
    /// The user's id.
    pub user: String,
    /// In fen.
    #[schema(value_type = i64)]
    pub amount: Fen,
}

/// A numbered event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The same for ever, in whatever way it is read.
    pub id: String,
    /// 1, 2, 3 … without a gap.
    pub seq: i64,
    /// A newer version of this program may have written one that this version does not know.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Which state of that.
    pub version: i64,
    /// When it happened.
    pub at: UnixMillis,
    /// What is told: a JSON object.
    pub body: String,
}

/// An event as programs get it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct Envelope<'a> {
    /// The same for ever, in whatever way it comes.
    id: &'a str,
    /// What it tells.
    #[serde(rename = "type")]
    #[schema(value_type = EventType)]
    kind: &'a str,
    /// When it happened.
    timestamp: String,
    /// What it is about, such as `recharge/SM…`: events of one subject come one after another.
    subject: &'a str,
    /// 1, 2, 3 … without a gap.
    seq: i64,
    /// Which of these it has follows from its type.
    #[schema(value_type = EventData)]
    data: &'a RawValue,
}

impl StoredEvent {
    /// The event as programs get it, in an answer or as the body of a delivery: always the same text.
    pub fn envelope(&self) -> String {
        let data = serde_json::from_str(&self.body).unwrap_or(RawValue::NULL);
        let envelope = Envelope {
            id: &self.id,
            kind: &self.kind,
            timestamp: self.at.to_beijing_rfc3339(),
            subject: &self.subject,
            seq: self.seq,
            data,
        };
        serde_json::to_string(&envelope).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{PLACED, order};

    #[test]
    fn ids_sort_by_time_and_differ_within_a_millisecond() {
        let early = new_id(PLACED, [0xff; 10]);
        let late = new_id(PLACED.plus_ms(1), [0; 10]);
        assert!(early < late && early != new_id(PLACED, [0xfe; 10]));
        assert_eq!((early.len(), &early[..4]), (30, "evt_"));
    }

    #[test]
    fn types_that_are_written_by_name_are_wanted_only_where_they_are_asked_for() {
        let asked = Asked::of([EventType::DebitCreated, EventType::RechargePaid]);
        assert!(asked.wants(EventType::DebitCreated) && asked.wants(EventType::RechargeClosed));
        assert!(!asked.wants(EventType::BalanceChanged) && !Asked::default().wants(EventType::DebitCreated));
        assert_eq!(Asked::from_bits(asked.bits()), asked);
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let recharge = Some(RechargeObject::new(&order(), std::iter::empty()));
        let data = EventData { recharge, ..EventData::default() };
        let new = NewEvent {
            kind: EventType::RechargeClosed,
            subject: "recharge/SM1".into(),
            version: 2,
            at: PLACED,
            data,
        };
        let stored = StoredEvent {
            id: "evt_1".into(),
            seq: 7,
            kind: new.kind.name().into(),
            subject: new.subject.clone(),
            version: new.version,
            at: new.at,
            body: new.body(),
        };
        let text = stored.envelope();
        assert!(text.starts_with(
            r#"{"id":"evt_1","type":"recharge.closed","timestamp":"2026-03-15T10:00:00+08:00","subject":"recharge/SM1","seq":7,"data":{"recharge":{"#
        ), "{text}");
        assert!(!text.contains(r#""refund":"#), "what a type does not have is left out");
    }
}
