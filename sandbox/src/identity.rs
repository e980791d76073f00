//! What the merchant has of its keys and WeChat's: files, ids, and their replacement.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path as Name, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use wxpay::{ApiKey, Merchant};

use crate::store::Change;
use crate::v3::keys::pairs::Owner;
use crate::v3::keys::{Keys, KeysError};
use crate::{APP_APPID, Sandbox};

pub fn router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route("/keys/{name}", get(key))
        .route("/control/identity", get(identity))
        .route("/control/rotate", post(rotate))
        .with_state(sandbox.clone())
}

/// The merchant's identity in API v3. Its secrets are published with the sandbox's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The merchant number.
    pub mch_id: String,
    /// The merchant's appid.
    pub appid: String,
    /// The appid of its mobile app.
    pub app_appid: String,
    /// The serial of its certificate, 40 hex digits.
    pub serial: String,
    /// The name of WeChat's public key.
    pub public_key_id: String,
    /// The serials of the platform certificates, oldest first; the newest one signs.
    pub platform_serials: Vec<String>,
    /// The APIv3 key.
    pub apiv3_key: String,
    /// The files by name, as `GET /keys/NAME` has them.
    pub keys: Vec<String>,
}

/// What is replaced; nothing named: a platform certificate is added, which signs from then on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// A new APIv3 key.
    #[serde(default)]
    pub apiv3: Option<String>,
    /// A new APIv2 key, which holds at once: WeChat takes no request of the old one any more.
    #[serde(default)]
    pub apiv2: Option<String>,
}

/// Why nothing was replaced.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// Source: WeChat Pay, API v3 (设置APIv3密钥).
    #[error("a key is exactly 32 letters and digits")]
    BadKey,
    /// The certificate.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The sandbox's database refused it; in memory it was replaced.
    #[error("the keys could not be stored")]
    NotStored,
}

impl Sandbox {
    /// What the merchant has of its keys and WeChat's.
    pub fn identity(&self) -> Identity {
        let keys = self.state().keys.clone();
        let merchant = &self.merchant();
        Identity {
            mch_id: merchant.mch_id.to_string(),
            appid: merchant.appid.to_string(),
            app_appid: APP_APPID.to_owned(),
            serial: keys.merchant.serial.clone(),
            public_key_id: keys.public_key_id.clone(),
            platform_serials: keys.platform.iter().map(|certificate| certificate.serial.clone()).collect(),
            apiv3_key: keys.apiv3_key.clone(),
            keys: files(&keys).into_iter().map(|(name, _)| name).collect(),
        }
    }

    /// The text of a file of the merchant's: `apiclient_key.pem`, `apiclient_cert.pem`, `pub_key.pem`, `pub_key_id.txt`,
    /// `apiv3_key.txt`, `platform_1.pem` and so on.
    pub fn key_file(&self, name: &str) -> Option<String> {
        let keys = self.state().keys.clone();
        files(&keys).into_iter().find(|(known, _)| known == name).map(|(_, text)| text)
    }

    /// Writes those files into a folder, which is made if it is missing.
    /// # Errors
    /// If one cannot be written.
    pub fn write_keys(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let keys = self.state().keys.clone();
        files(&keys).into_iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
    }

    /// Replaces a key, as WeChat or an operator of the merchant's would.
    /// # Errors
    /// [`RotationError`].
    pub async fn rotate(&self, rotation: Rotation) -> Result<(), RotationError> {
        let now = self.0.clock.now();
        let kept = {
            let mut state = self.state();
            let mut keys = Keys::clone(&state.keys);
            let Rotation { apiv3, apiv2 } = rotation;
            if apiv3.iter().chain(&apiv2).any(|key| ApiKey::parse(key).is_err()) {
                return Err(RotationError::BadKey);
            }
            if apiv3.is_none() && apiv2.is_none() {
                keys.rotate(now)?;
            }
            keys.apiv3_key = apiv3.unwrap_or(keys.apiv3_key);
            keys.apiv2_key = apiv2.or(keys.apiv2_key);
            let merchant = keys.merchant_of_v2(Merchant::clone(&self.merchant()));
            *self.0.merchant.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(merchant);
            let kept = self.keep(|| vec![Change::keys(&keys)]);
            state.keys = keys.into();
            kept
        };
        if kept.on_disk().await { Ok(()) } else { Err(RotationError::NotStored) }
    }
}

/// The files by name. The names are WeChat's own where it has one.
fn files(keys: &Keys) -> Vec<(String, String)> {
    let mut files = vec![
        ("apiclient_key.pem".to_owned(), Owner::Merchant.pair().key.serialize_pem()),
        ("apiclient_cert.pem".to_owned(), keys.merchant.pem.clone()),
        ("pub_key.pem".to_owned(), Owner::WeChat.pair().key.public_key_pem()),
        ("pub_key_id.txt".to_owned(), keys.public_key_id.clone()),
        ("apiv3_key.txt".to_owned(), keys.apiv3_key.clone()),
    ];
    let platform = keys.platform.iter().enumerate();
    files.extend(platform.map(|(nth, one)| (format!("platform_{}.pem", nth + 1), one.pem.clone())));
    files
}

async fn identity(State(sandbox): State<Sandbox>) -> Json<Identity> {
    Json(sandbox.identity())
}

async fn key(State(sandbox): State<Sandbox>, Name(name): Name<String>) -> Response {
    match sandbox.key_file(&name) {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// An empty body is `{}`.
async fn rotate(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let body = if body.is_empty() { &b"{}"[..] } else { &body[..] };
    let refused = |status: StatusCode, code: &str, why: String| {
        (status, Json(json!({ "code": code, "message": why }))).into_response()
    };
    let rotation: Rotation = match serde_json::from_slice(body) {
        Ok(rotation) => rotation,
        Err(why) => return refused(StatusCode::BAD_REQUEST, "bad_request", why.to_string()),
    };
    match sandbox.rotate(rotation).await {
        Ok(()) => Json(sandbox.identity()).into_response(),
        Err(why @ RotationError::BadKey) => refused(StatusCode::BAD_REQUEST, "bad_request", why.to_string()),
        Err(why) => refused(StatusCode::INTERNAL_SERVER_ERROR, "not_stored", why.to_string()),
    }
}
