//! The identities behind a request. The server's middleware checks cookies and tokens and puts these types into the
//! request's extensions; nothing here reads a cookie.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::request::Parts;
use leptos::prelude::use_context;

use recharge::role::Role;
use wxpay::{Fen, OpenId};

use crate::access::Permission;
use crate::protocol::error::{AppError, ErrorCode, refusal};

/// The user of the site who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentUser {
    pub id: String,
    /// The name on the pages; the id where the site gave none.
    pub name: String,
}

/// The operator who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub name: String,
    pub role: Role,
    pub permissions: &'static [Permission],
    /// Somebody else has seen the password: until it is changed, nothing else is shown or done.
    pub must_change: bool,
    /// The id of the session.
    pub session: String,
}

impl Operator {
    /// Whether this operator has a permission.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

/// What was typed into a form of this page before its operator had to sign in again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft(pub Vec<(String, String)>);

/// Whether the operator's password, which a form about money asks for again, is right. Absent where the form has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    Yes,
    Wrong,
    /// Too many tries.
    Slow {
        wait_s: u64,
    },
}

/// The client's address, with trusted proxies taken into account; for WeChat's `spbill_create_ip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

impl Default for ClientIp {
    fn default() -> Self {
        ClientIp(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// How WeChat knows the payer, from silent OAuth inside WeChat. The server takes it out of a sealed cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayerOpenId(pub OpenId);

/// How often WeChat's OAuth has failed for this browser in the last minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OauthFailures(pub u8);

/// The request came through this address, which forwards for others and is not among the trusted proxies of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndeclaredProxy(pub IpAddr);

/// The payer came by a link of the site, and can sign out; the sandbox's demo user did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visit {
    /// The page of the site that the payer goes back to.
    pub return_url: Option<String>,
    /// The origin of the site's page whose frame the pages stand in.
    pub parent: Option<String>,
    /// What the page proposes.
    pub amount: Option<Fen>,
}

/// A link named another user than the one who is signed in: the page asks which account to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherUser {
    pub name: String,
}

/// The viewer of an order: its user, the holder of its link, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    pub user: Option<CurrentUser>,
    pub token: Option<String>,
}

impl From<&CurrentUser> for Viewer {
    fn from(user: &CurrentUser) -> Self {
        Viewer { user: Some(user.clone()), token: None }
    }
}

impl Viewer {
    /// # Errors
    /// [`ErrorCode::Session`] if there is neither a user nor a link.
    pub fn new(user: Option<CurrentUser>, token: Option<String>) -> Result<Viewer, AppError> {
        if user.is_none() && token.is_none() { Err(signed_out()) } else { Ok(Viewer { user, token }) }
    }
}

/// Whether the operator whose page is being rendered may do this. Pages leave out what would be refused.
pub fn may(permission: Permission) -> bool {
    use_context::<Operator>().is_some_and(|operator| operator.may(permission))
}

fn extension<T: Clone + Send + Sync + 'static>() -> Option<T> {
    use_context::<Parts>().and_then(|parts| parts.extensions.get::<T>().cloned())
}

/// The user who is signed in, if any.
pub fn user() -> Option<CurrentUser> {
    extension()
}

/// # Errors
/// [`ErrorCode::Session`] if nobody is signed in.
pub fn current_user() -> Result<CurrentUser, AppError> {
    user().ok_or_else(signed_out)
}

fn signed_out() -> AppError {
    refusal(ErrorCode::Session, "sign in first")
}
