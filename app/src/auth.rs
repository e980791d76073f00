//! Who asks: [`CurrentUser`] and [`Operator`], obtained or refused. The server's middleware has checked cookies and
//! tokens and put them into the request's extensions; nothing here reads a cookie.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::request::Parts;
use leptos::prelude::use_context;

use crate::access::Permission;
use crate::api::{AppError, ErrorCode};
use crate::service::answer_with;

/// The user of the site who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentUser {
    pub id: String,
    /// What the page calls them; the id where the site gave no name.
    pub name: String,
}

/// The operator who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub name: String,
    pub permissions: &'static [Permission],
}

impl Operator {
    /// Whether this operator has a permission.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

/// Whether the operator's password, asked for once more in this form, is right. Absent where the form has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    Yes,
    Wrong,
    /// Too many tries.
    Slow {
        wait_s: u64,
    },
}

/// Where the request came from, with trusted proxies taken into account; for WeChat's `spbill_create_ip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

impl Default for ClientIp {
    fn default() -> Self {
        ClientIp(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// The user is signed in by a token, and can sign out; the sandbox's demo user cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn;

/// A link named another user than the one who is signed in: the page asks which one to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherUser {
    pub name: String,
}

/// Who wants to see an order: a user, the holder of its link, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    pub user: Option<CurrentUser>,
    pub token: Option<String>,
}

impl Viewer {
    /// # Errors
    /// [`ErrorCode::Session`] if there is neither a user nor a link.
    pub fn new(user: Option<CurrentUser>, token: Option<String>) -> Result<Viewer, AppError> {
        if user.is_none() && token.is_none() { Err(signed_out()) } else { Ok(Viewer { user, token }) }
    }
}

fn extension<T: Clone + Send + Sync + 'static>() -> Option<T> {
    use_context::<Parts>().and_then(|parts| parts.extensions.get::<T>().cloned())
}

/// # Errors
/// [`ErrorCode::Session`] if nobody is signed in.
pub fn current_user() -> Result<CurrentUser, AppError> {
    extension().ok_or_else(signed_out)
}

/// # Errors
/// [`ErrorCode::Session`] if no operator is signed in.
pub fn operator() -> Result<Operator, AppError> {
    extension().ok_or_else(signed_out)
}

pub fn client_ip() -> ClientIp {
    extension().unwrap_or_default()
}

/// Whoever may turn out to be allowed to see an order.
///
/// # Errors
/// [`ErrorCode::Session`] if there is neither a user nor a link.
pub fn viewer(token: Option<String>) -> Result<Viewer, AppError> {
    Viewer::new(extension(), token)
}

fn signed_out() -> AppError {
    answer_with(ErrorCode::Session, None);
    AppError::new(ErrorCode::Session, "sign in first")
}
