//! `GET /api/v1/me`: which key this is and what it allows. The first call that anybody makes.

use app::access::{Caller, Limit, Routes};
use axum::{Extension, Json, extract::State};
use recharge::api_key::Scope;
use serde::Serialize;
use utoipa::ToSchema;
use wxpay::{Fen, UnixMillis};

use crate::{key_call::KeyCall, operation::Operation, state::Server};

pub(crate) fn routes() -> Routes<Server> {
    Routes::new().get("/api/v1/me", Caller::Key(None), Limit::Key, show)
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            "/api/v1/me",
            "me",
            ["Which key this is, and what it allows", "这是哪个密钥，能做什么"],
        )
        .says("The first call that anybody makes. Any key.")
        .answers::<Me>(200, "The key, the server's mode and its time."),
    ]
}

#[derive(Serialize, ToSchema)]
struct Me {
    /// What the key may do.
    key: Key,
    /// `live`, or `sandbox`: no real money moves.
    mode: &'static str,
    /// The server's time.
    now: String,
}

#[derive(Serialize, ToSchema)]
struct Key {
    /// The part of it that may be seen, after `saoma_live_` or `saoma_test_`.
    id: String,
    /// As it was named when it was made.
    name: String,
    /// What it allows.
    scopes: Vec<Scope>,
    /// Empty: from everywhere.
    networks: Vec<String>,
    /// Fen a call.
    #[schema(value_type = Option<i64>)]
    max_amount: Option<Fen>,
    /// Until when it counts.
    expires_at: Option<String>,
}

async fn show(State(server): State<Server>, Extension(call): Extension<KeyCall>) -> Json<Me> {
    let key = call.key;
    Json(Me {
        key: Key {
            id: key.id.to_string(),
            name: key.name.clone(),
            scopes: key.scopes.iter().copied().collect(),
            networks: key.networks.iter().map(ToString::to_string).collect(),
            max_amount: key.max_amount,
            expires_at: key.expires_at.map(UnixMillis::to_beijing_rfc3339),
        },
        mode: if server.pages.site.sandbox { "sandbox" } else { "live" },
        now: server.now().to_beijing_rfc3339(),
    })
}
