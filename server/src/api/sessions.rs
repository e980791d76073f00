//! `POST /api/v1/sessions`: a link that signs a user in, for a site without a library for user tokens.

use app::access::{Caller, Limit, Routes};
use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use recharge::{User, api_key::Scope, spend::Amount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    json, return_url, schemas,
    values::{Given, SessionLife, UserId},
};
use crate::{error_code::Code, operation::Operation, problem::Problem, state::Server, user_token::Asks};

const MAKE: Caller = Caller::Key(Some(Scope::SessionsWrite));

/// How long the link can be opened, in seconds.
const LINK_S: i64 = 600;
/// How long the session lives where the call does not say, in seconds.
const SESSION_S: i64 = 3600;

pub(super) fn routes() -> Routes<Server> {
    Routes::new().post("/api/v1/sessions", MAKE, Limit::Key, make)
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            "/api/v1/sessions",
            "createSession",
            ["Make a link that signs a user in", "生成已登录的充值链接"],
        )
        .says("For a site without a library for user tokens. The link can be opened for ten minutes.")
        .takes::<Asked>()
        .answers::<Made>(201, "Made.")
        .refuses(&[Code::Seal]),
    ]
}

/// Who is signed in, and where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSession)]
struct Asked {
    #[schema(value_type = schemas::UserId)]
    user: Given<UserId>,
    /// As the page shows it; the id without one.
    #[serde(default)]
    #[schema(value_type = Option<schemas::UserName>)]
    name: Option<String>,
    /// Fen that the page proposes.
    #[serde(default)]
    #[schema(value_type = Option<schemas::Amount>)]
    amount: Option<Given<Amount>>,
    /// For a frame in a page of the site.
    #[serde(default)]
    embed: bool,
    /// Which site, where several may have frames.
    #[serde(default)]
    #[schema(value_type = Option<schemas::Origin>)]
    origin: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<schemas::ReturnUrl>)]
    return_url: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<schemas::SessionLife>)]
    expires_in_s: Option<Given<SessionLife>>,
}

/// A link.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct Made {
    /// Opens the pages signed in; it holds a secret.
    url: String,
    /// Until when the link can be opened.
    expires_at: String,
}

async fn make(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let asked: Asked = json::read(request, json::BYTES).await?;
    let id = asked.user.0.0.clone();
    let mut user = User::new(&id, asked.name.as_deref().unwrap_or_default())
        .map_err(|_| Problem::in_body("/name", "must be at most 128 bytes, such as \"小林\""))?;
    if user.name.is_empty() {
        user.name = id;
    }
    let now = server.now();
    let asks = Asks {
        ses: Some(asked.expires_in_s.as_ref().map_or(SESSION_S, |given| given.0.0)),
        return_url: asked.return_url.as_deref().map(|given| return_url::check(&server, given)).transpose()?,
        embed: parent(&server, &asked)?,
        amount: amount(&server, asked.amount.as_ref())?,
    };
    let token = server
        .tokens
        .issue_asking(&user, now, LINK_S, asks)
        .map_err(|_| Problem::new(Code::Seal, "the link could not be signed, try again").after(2))?;
    let made = Made {
        url: format!("{}/?u={token}", server.public_url),
        expires_at: now.plus_ms(LINK_S * 1000).to_beijing_rfc3339(),
    };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// The origin of the page that will hold the frame.
fn parent(server: &Server, asked: &Asked) -> Result<Option<String>, Problem> {
    let wrong = |pointer: &str, text: &str| Err(Problem::in_body(pointer, text));
    match (asked.embed, asked.origin.as_deref()) {
        (false, None) => Ok(None),
        (false, Some(_)) => wrong("/origin", "goes with \"embed\": true only"),
        (true, Some(given)) => match server.ways_back.parent(given) {
            Some(parent) => Ok(Some(parent)),
            None => {
                wrong("/origin", "must be one of SAOMA_FRAME_ANCESTORS, such as \"https://www.example.com\"")
            }
        },
        (true, None) => match server.ways_back.only_parent() {
            Some(parent) => Ok(Some(parent.to_owned())),
            None if server.is_framed => wrong(
                "/origin",
                "missing: say which of SAOMA_FRAME_ANCESTORS, such as \"https://www.example.com\"",
            ),
            None => wrong("/embed", "no site may have frames here: name it in SAOMA_FRAME_ANCESTORS"),
        },
    }
}

fn amount(server: &Server, given: Option<&Given<Amount>>) -> Result<Option<i64>, Problem> {
    let Some(Given(amount)) = given else { return Ok(None) };
    let fee = amount.fen();
    let site = server.pages.live.now();
    let unit = site.unit_price.get();
    let (least, most) = (i64::from(site.min_quantity) * unit, i64::from(site.max_quantity) * unit);
    match site.quantity(fee) {
        Some(_) => Ok(Some(fee.get())),
        None => {
            let text = format!("must be a multiple of {unit} fen from {least} to {most}, such as {least}");
            Err(Problem::in_body("/amount", text))
        }
    }
}
