//! What people see; built twice, with `ssr` for the server and with `hydrate` for the browser.
//!
//! The server calls [`pages::routes`] with a [`desk::Desk`], and layers sessions around it that put [`auth`]'s types into
//! each request's extensions. The browser's part is two islands, [`Checkout`] and [`Follow`], and the functions in
//! [`api`] that they call; everything else is drawn on the server and works without script.

// The type of a page is as deep as its markup.
#![recursion_limit = "256"]

pub mod api;
pub mod checkout;
mod clock;
pub mod follow;
mod handed;
pub mod icons;
#[cfg(not(feature = "ssr"))]
mod json;
pub mod money;
pub mod poll;
pub mod qr_code;
pub mod text;
mod wire;

#[cfg(feature = "ssr")]
pub mod auth;
#[cfg(feature = "ssr")]
pub mod desk;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
mod parts;
#[cfg(feature = "ssr")]
mod shell;
#[cfg(feature = "ssr")]
pub mod site;
#[cfg(feature = "ssr")]
pub mod visit;

pub use checkout::Checkout;
pub use follow::Follow;
