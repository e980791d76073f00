//! The payment dialog of the top-up page. What it shows in each state is pure and made of values, so that it is tested without a
//! browser; the server draws the empty dialog, and [`crate::browser`] shows a [`model::Model`] in it.

pub mod foot;
pub mod look;
pub mod model;
pub mod phase;
pub mod stage;

#[cfg(feature = "ssr")]
mod pay_dialog;

pub use self::look::{credit_words, other_way};
#[cfg(feature = "ssr")]
pub use self::pay_dialog::pay_dialog;
pub use self::stage::qr_markup;

/// The id of the form that places an order.
pub const FORM_ID: &str = "top-up";

/// The id of the element around the form and its figures.
pub const ROOT_ID: &str = "checkout";
