//! The WeChat Pay protocol: what travels, how it is signed, and who may be believed.
//! It knows neither the orders nor the database of the shop that uses it.

pub mod error;
pub mod types;
pub mod v2;
mod verified;

pub use error::{ErrClass, ErrCode, Error};
pub use types::{AppId, CodeUrl, Fen, InvalidValue, MchId, OutTradeNo, TransactionId, UnixMillis};
#[cfg(feature = "client")]
pub use v2::client;
pub use v2::merchant::Merchant;
pub use v2::sign::{ApiKey, SignType};
pub use verified::Verified;
