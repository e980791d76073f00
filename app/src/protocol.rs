//! What the browser and the server say to each other: the messages, the refusal, and how both are written.
//!
//! The bottom of the crate: nothing here imports a module above it.

use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub mod codec;
pub mod error;
pub mod offer;
pub mod way;

use self::way::{JsapiCall, Way};
use crate::lang::Lang;

/// An order as its payer may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    pub out_trade_no: String,
    pub state: ViewState,
    /// Fen.
    pub total_fee: i64,
    /// Fen given on top.
    pub bonus: i64,
    /// How it is paid.
    pub way: Way,
    /// The code to scan, where it is paid by one and still can be.
    pub code_url: Option<String>,
    /// The page of WeChat's to go to, where it is paid there and still can be.
    pub pay_page: Option<String>,
    /// What WeChat's browser is called with. Signed for one press, so only the answer to a press has it.
    pub jsapi: Option<JsapiCall>,
    /// Rises when a new code replaces the old one; other tabs show the new one then.
    pub code_version: i64,
    /// Rises with every change of the order; a poll that names it is held until there is another.
    pub version: i64,
    /// Taken back, and not closed at WeChat yet: a payment still counts.
    #[serde(default)]
    pub cancelled: bool,
    /// Seconds until the order can no longer be paid.
    pub expires_in_s: i64,
    /// Seconds for which a page goes on polling; see [`crate::poll::poll_for_s`].
    pub poll_for_s: i64,
    /// Milliseconds until the next poll; see [`crate::poll::pause_ms`]. Nothing after a poll that was held.
    pub next_ms: u32,
    /// The order link, absolute, for another screen; absent once the order has ended.
    pub link: Option<String>,
    /// In sandbox mode: the page that stands in for a phone.
    pub sandbox_scan: Option<String>,
    /// The owner's balance in fen, once the order has ended.
    pub balance: Option<i64>,
    /// When it was placed, Beijing time, `HH:MM:SS`.
    pub placed: String,
    /// When this was answered, in the same form.
    #[serde(default)]
    pub now: String,
}

/// The state of an order as its payer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewState {
    /// Written, no code yet.
    Created,
    Pending,
    Paid,
    /// Paid after it was closed, and credited.
    Late,
    /// Paid after it was closed, and to be refunded.
    LateRefunded,
    Closed,
}

/// An order that still waits for its payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    pub out_trade_no: String,
    /// Fen.
    pub total_fee: i64,
    pub closes_in_s: i64,
}

/// What the order page shows, and what its script needs to ask whether that still holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    pub lang: Lang,
    pub out_trade_no: String,
    /// The order link's token, if that is how the page was opened.
    pub token: Option<String>,
    pub state: ViewState,
    pub code_version: i64,
    /// See [`StatusView::version`].
    pub version: i64,
    pub cancelled: bool,
    /// Seconds until the page is to say that the time is over; 0 where it says so.
    pub expires_in_s: i64,
    pub poll_for_s: i64,
}
