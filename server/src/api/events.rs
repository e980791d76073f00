//! `GET /api/v1/events`: what happened, oldest first, for programs that ask instead of being called.

use std::time::Duration;

use app::access::{Caller, Limit, Routes};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use cashier::outbox::{EventPage, ReadError};
use http::{HeaderValue, Uri, header};
use recharge::{
    api_key::Scope,
    event_type::EventType,
    outbox::{Cursor, Envelope},
};
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use wxpay::UnixMillis;

use super::paging::Query;
use crate::{error_code::Code, operation::Operation, problem::Problem, state::Server};

/// Longest wait for an event, in seconds; proxies end what says nothing for longer.
const LONGEST_WAIT_S: u64 = 25;

pub(super) fn routes() -> Routes<Server> {
    Routes::new().get("/api/v1/events", Caller::Key(Some(Scope::EventsRead)), Limit::Key, list)
}

pub(super) fn operations() -> Vec<Operation> {
    let after = json!({"type": "string", "pattern": "^(latest|[0-9]{1,18}-[0-9A-Za-z]{6})$"});
    let types = json!({"type": "array", "items": {"$ref": "#/components/schemas/EventType"}});
    let wait =
        json!({"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT_S, "default": 0, "examples": [25]});
    vec![
        Operation::get(
            "/api/v1/events",
            "listEvents",
            ["Read what happened, oldest first", "读取事件，旧的在前"],
        )
        .says("Keep `next` in the transaction that keeps what the events led to, and ask with it again at once. Each event comes at \
               least once: credit by `out_trade_no`.")
        .query(
            "after",
            "The `next` of the answer before; `latest`: only what happens from now on. Without it: from the oldest that is kept.",
            after,
        )
        .query("wait_s", "How long the answer waits for an event where there is none, in seconds.", wait)
        .query("type", "Only these types; commas may stand between them too.", types)
        .parameter("Limit")
        .answers_list::<Envelope>(
            "As many as there are by now.",
            json!({"type": "string", "description": "For `after`: always there.", "examples": ["124-0XK9QD"]}),
        )
        .refuses(&[Code::CursorLost]),
    ]
}

/// Where to begin.
enum After {
    /// Whatever is kept.
    Nothing,
    /// All that there is: only what happens from now on.
    Everything,
    Event(Cursor),
}

/// What is asked for.
struct Asked {
    after: After,
    types: Vec<String>,
    wait: Duration,
    limit: usize,
}

impl Asked {
    fn of(uri: &Uri) -> Result<Asked, Problem> {
        let mut query = Query::of(uri)?;
        let none = || Problem::new(Code::BadRequest, "after is no cursor of events: take the one in next");
        let after = match query.one("after")?.as_deref() {
            None => After::Nothing,
            Some("latest") => After::Everything,
            Some(text) => After::Event(Cursor::parse(text).ok_or_else(none)?),
        };
        let mut types = Vec::new();
        for word in query.all("type").iter().flat_map(|words| words.split(',')) {
            let must_be = "must be types of events, such as recharge.paid";
            let kind = EventType::from_name(word).ok_or_else(|| Problem::in_address("type", must_be))?;
            types.push(kind.name().to_owned());
        }
        let wait_s = query.one("wait_s")?.map_or(Ok(0), |text| {
            let number = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let number = number.and_then(|text| text.parse().ok()).filter(|wait_s| *wait_s <= LONGEST_WAIT_S);
            number.ok_or_else(|| Problem::in_address("wait_s", "must be a whole number from 0 to 25"))
        })?;
        let limit = query.limit()?;
        query.end()?;
        Ok(Asked { after, types, wait: Duration::from_secs(wait_s), limit })
    }
}

async fn list(State(server): State<Server>, uri: Uri) -> Result<Response, Problem> {
    let Asked { after, types, wait, limit } = Asked::of(&uri)?;
    let (mut numbered, until) = (server.cashier.numbered(), Instant::now() + wait);
    let mut after = match after {
        After::Nothing => None,
        After::Everything => Some(server.cashier.latest_event().await?),
        After::Event(cursor) => Some(cursor),
    };
    loop {
        // What gets its number from here on ends the wait below.
        numbered.borrow_and_update();
        let page = server.cashier.events(after.as_ref(), &types, limit).await.map_err(not_read)?;
        let is_over = !page.events.is_empty() || page.has_more || Instant::now() >= until;
        if is_over || !matches!(timeout_at(until, numbered.changed()).await, Ok(Ok(()))) {
            return Ok(answer(&page));
        }
        after = Some(page.next);
    }
}

/// Each event is written as a delivery has it, byte for byte.
fn answer(page: &EventPage) -> Response {
    let events: Vec<_> = page.events.iter().map(recharge::outbox::StoredEvent::envelope).collect();
    let text = format!("{{\"data\":[{}],\"next\":\"{}\"}}", events.join(","), page.next);
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}

fn not_read(error: ReadError) -> Problem {
    match error {
        ReadError::CursorLost { oldest_at } => {
            let since =
                oldest_at.map_or("the last event you have".to_owned(), UnixMillis::to_beijing_rfc3339);
            let text = format!(
                "the event of this cursor was deleted for its age, or the database was restored from a backup: go on without \
                 after, at the oldest event that is kept, and list the recharges paid until {since} and those since the last \
                 event you have; an id that you have seen is the same event"
            );
            Problem::new(Code::CursorLost, text)
        }
        ReadError::Db(error) => error.into(),
    }
}
