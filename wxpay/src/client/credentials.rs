//! Which protocols a merchant can speak.

use crate::channel::{Protocol, Signed};
use crate::types::{AppId, InvalidValue, MchId};
use crate::v2::merchant::Merchant;
use crate::v3;

/// One merchant's credentials for API v2, for API v3, or for both. `Debug` hides all keys.
#[derive(Debug, Clone)]
pub struct Credentials(Kind);

#[derive(Debug, Clone)]
enum Kind {
    V2(Merchant),
    V3(v3::Credentials),
    Both { v2: Merchant, v3: v3::Credentials, first: Protocol },
}

impl From<Merchant> for Credentials {
    fn from(v2: Merchant) -> Self {
        Credentials(Kind::V2(v2))
    }
}

impl From<v3::Credentials> for Credentials {
    fn from(v3: v3::Credentials) -> Self {
        Credentials(Kind::V3(v3))
    }
}

impl Credentials {
    /// Both, so that orders of either are queried, closed and refunded by their own; `first` is the protocol of new orders.
    /// # Errors
    /// [`InvalidValue`] if they are two merchants' or two apps'.
    pub fn both(v2: Merchant, v3: v3::Credentials, first: Protocol) -> Result<Self, InvalidValue> {
        InvalidValue::check([
            (v2.mch_id == v3.merchant.mch_id, "mch_id", "the same for API v2 and v3"),
            (v2.appid == v3.merchant.appid, "appid", "the same for API v2 and v3"),
        ])?;
        Ok(Credentials(Kind::Both { v2, v3, first }))
    }

    pub(super) fn v2(&self) -> Option<&Merchant> {
        match &self.0 {
            Kind::V2(v2) | Kind::Both { v2, .. } => Some(v2),
            Kind::V3(_) => None,
        }
    }

    pub(super) fn v3(&self) -> Option<&v3::Credentials> {
        match &self.0 {
            Kind::V3(v3) | Kind::Both { v3, .. } => Some(v3),
            Kind::V2(_) => None,
        }
    }

    pub(super) fn mch_id(&self) -> &MchId {
        match &self.0 {
            Kind::V2(v2) | Kind::Both { v2, .. } => &v2.mch_id,
            Kind::V3(v3) => &v3.merchant.mch_id,
        }
    }

    pub(super) fn appid(&self) -> &AppId {
        match &self.0 {
            Kind::V2(v2) | Kind::Both { v2, .. } => &v2.appid,
            Kind::V3(v3) => &v3.merchant.appid,
        }
    }

    /// How a new order is signed.
    pub(super) fn signed(&self) -> Signed {
        match &self.0 {
            Kind::V2(v2) | Kind::Both { v2, first: Protocol::V2, .. } => v2.sign_type.into(),
            Kind::V3(_) | Kind::Both { first: Protocol::V3, .. } => Signed::Rsa,
        }
    }
}
