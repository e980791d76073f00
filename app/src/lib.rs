//! What people see; built twice, with `ssr` for the server and with `hydrate` for the browser.
//!
//! The server calls [`pages::routes`] with a [`service::Service`], and layers sessions around it that put [`auth`]'s types into
//! each request's extensions. The browser's part is two islands, [`Checkout`] and [`Follow`], and the functions in
//! [`api`] that they call; everything else is drawn on the server and works without script.

// The type of a page is as deep as its markup.
#![recursion_limit = "256"]

pub mod api;
pub mod checkout;
mod clock;
pub mod follow;
pub mod icons;
mod island_props;
pub mod money;
pub mod poll;
mod protocol;
pub mod qr_code;
pub mod text;

#[cfg(feature = "ssr")]
pub mod access;
#[cfg(feature = "ssr")]
pub mod auth;
#[cfg(feature = "ssr")]
mod components;
#[cfg(feature = "ssr")]
mod layout;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
mod refund_summary;
#[cfg(feature = "ssr")]
pub mod request;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
pub mod site;

pub use checkout::Checkout;
pub use follow::Follow;
