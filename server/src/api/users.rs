//! `/api/v1/users`: what users have, and how it came about.

use std::collections::HashMap;

use app::access::{Caller, Limit, Routes};
use axum::{
    Json,
    extract::{Path, State},
};
use http::Uri;
use recharge::{
    User,
    api_key::Scope,
    ledger::{LedgerEntry, LedgerKey, Place, Subject},
    spend::Account,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use wxpay::Fen;

use super::paging::{Page, Query, whole};
use crate::{error_code::Code, operation::Operation, problem::Problem, state::Server};

const READ: Caller = Caller::Key(Some(Scope::BalancesRead));

/// Users that may be named in one address.
const NAMED: usize = 100;

pub(super) fn routes() -> Routes<Server> {
    Routes::new()
        .get("/api/v1/users", READ, Limit::Key, list)
        .get("/api/v1/users/{user}", READ, Limit::Key, show)
        .get("/api/v1/users/{user}/ledger", READ, Limit::Key, ledger)
}

pub(super) fn operations() -> Vec<Operation> {
    let ids = json!({"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/UserId"}});
    vec![
        Operation::get("/api/v1/users", "listUsers", ["List users by their ids", "用户列表，按编号"])
            .says(
                "All who ever had a balance; or those of `id`, in that order, whether they ever paid or not.",
            )
            .paged()
            .query("id", "These users, without `limit` and `after`.", ids)
            .answers_page::<Shown>("A page of them."),
        Operation::get("/api/v1/users/{user}", "getUser", ["Read what a user has", "查询用户余额"])
            .says("One who never paid has nothing.")
            .answers::<Shown>(200, "Balance, held, available.")
            .refuses(&[Code::Invalid, Code::NotFound]),
        Operation::get(
            "/api/v1/users/{user}/ledger",
            "listLedger",
            ["Read a user's ledger, the newest first", "用户流水，新的在前"],
        )
        .paged()
        .answers_page::<Row>("A page of movements.")
        .refuses(&[Code::NotFound]),
    ]
}

/// A user and what they have, in fen.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
struct Shown {
    /// The user's id on your site.
    user: String,
    /// As it was last given; empty for one who never paid.
    name: String,
    /// The sum of the ledger, with what is set aside.
    #[schema(value_type = i64)]
    balance: Fen,
    /// Set aside by open holds.
    #[schema(value_type = i64)]
    held: Fen,
    /// What can be spent: the balance without what is set aside.
    #[schema(value_type = i64)]
    available: Fen,
}

impl Shown {
    fn of((user, account): (User, Account)) -> Shown {
        let (balance, held, available) = (account.balance, account.held, account.available());
        Shown { user: user.id, name: user.name, balance, held, available }
    }
}

async fn show(State(server): State<Server>, Path(user): Path<String>) -> Result<Json<Shown>, Problem> {
    let mut users = users(&server, vec![id("user", user)?]).await?;
    users.pop().map(Json).ok_or_else(|| Problem::in_address("user", "must be a user's id"))
}

/// All users by their ids, or those that the address names.
async fn list(State(server): State<Server>, uri: Uri) -> Result<Json<Page<Shown>>, Problem> {
    let mut query = Query::of(&uri)?;
    let ids = query.all("id");
    if ids.is_empty() {
        let asked = query.page("users")?;
        query.end()?;
        let found = server.cashier.accounts(asked.after.as_deref().unwrap_or_default(), asked.rows()).await?;
        return Ok(asked.page(found, |(user, _)| user.id.clone(), Shown::of));
    }
    query.end()?;
    if ids.len() > NAMED {
        return Err(Problem::in_address("id", "may be given 100 times at most"));
    }
    let ids = ids.into_iter().map(|one| id("id", one)).collect::<Result<_, _>>()?;
    Ok(whole(users(&server, ids).await?))
}

/// These users in this order. Who never paid has nothing.
async fn users(server: &Server, ids: Vec<String>) -> Result<Vec<Shown>, Problem> {
    let named: Vec<_> = ids.iter().map(String::as_str).collect();
    let found = server.cashier.accounts_of(&named).await?;
    let found: HashMap<_, _> =
        found.into_iter().map(|(user, account)| (user.id.clone(), (user, account))).collect();
    let one = |id: String| {
        let none = || (User { id: id.clone(), name: String::new() }, Account::default());
        Shown::of(found.get(&id).cloned().unwrap_or_else(none))
    };
    Ok(ids.into_iter().map(one).collect())
}

/// A user's id as an address names it.
pub(super) fn id(parameter: &str, id: String) -> Result<String, Problem> {
    let must_be = "must be a user's id: 1 to 64 bytes without control or invisible characters";
    User::new(id, "").map(|user| user.id).map_err(|_| Problem::in_address(parameter, must_be))
}

/// A movement of a balance, in fen.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerRow)]
struct Row {
    /// 1, 2, 3 … per user, without a gap.
    seq: i64,
    /// `credit`, `refund`, `refund_returned`, `debit`, `reversal` or `grant`.
    kind: &'static str,
    /// Below zero where the balance falls.
    #[schema(value_type = i64)]
    amount: Fen,
    /// The balance right after it.
    #[schema(value_type = i64)]
    balance_after: Fen,
    /// When it was written.
    at: String,
    /// Of a credit, a refund, a refund that returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    out_trade_no: Option<String>,
    /// Of a refund, and of one that returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    out_refund_no: Option<String>,
    /// Of a debit and of its reversals. Reading the debit tells its reference, or the hold that it captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    debit: Option<String>,
    /// Of a reversal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    reversal: Option<String>,
    /// Of a grant at the desk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    grant: Option<String>,
    /// Why, as the call or the operator gave it; empty where nobody did.
    reason: String,
}

impl Row {
    fn of((entry, place): (LedgerEntry, Place)) -> Row {
        let (kind, out_refund_no, reversal) = match entry.key {
            LedgerKey::Credit | LedgerKey::CreditOf(_) => ("credit", None, None),
            LedgerKey::Refund(number) => ("refund", Some(number.to_string()), None),
            LedgerKey::RefundReturned(number) => ("refund_returned", Some(number.to_string()), None),
            LedgerKey::Debit => ("debit", None, None),
            LedgerKey::Reversal(id) => ("reversal", None, Some(id.to_string())),
            LedgerKey::Grant => ("grant", None, None),
        };
        let number = entry.subject.as_str().to_owned();
        let (out_trade_no, debit, grant) = match entry.subject {
            Subject::Order(_) => (Some(number), None, None),
            Subject::Debit(_) => (None, Some(number), None),
            Subject::Grant(_) => (None, None, Some(number)),
        };
        Row {
            seq: place.seq,
            kind,
            amount: entry.amount,
            balance_after: place.balance_after,
            at: entry.at.to_beijing_rfc3339(),
            out_trade_no,
            out_refund_no,
            debit,
            reversal,
            grant,
            reason: entry.reason,
        }
    }
}

/// The newest first. Rows from before they were numbered are not listed.
async fn ledger(
    State(server): State<Server>,
    Path(user): Path<String>,
    uri: Uri,
) -> Result<Json<Page<Row>>, Problem> {
    let user = id("user", user)?;
    let mut query = Query::of(&uri)?;
    let asked = query.page(format!("ledger {user}"))?;
    query.end()?;
    let before = asked.after.as_ref().and_then(|seq| seq.parse().ok());
    let rows = server.cashier.ledger(&user, before, asked.rows()).await?;
    let numbered = rows.into_iter().filter_map(|entry| entry.place.map(|place| (entry, place))).collect();
    Ok(asked.page(numbered, |(_, place)| place.seq.to_string(), Row::of))
}
