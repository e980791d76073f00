//! The pages and what their scripts call; built twice, with `ssr` for the server and with `hydrate` for the browser.
//!
//! The server mounts [`pages::routes`] with a [`service::Service`], answers polls with [`api::status`], and layers
//! sessions around the pages that put [`auth`]'s types into each request's extensions. The browser's part is three islands, [`Checkout`],
//! [`Follow`] and [`PayInWechat`], and the functions in [`api`] that they call; everything else is rendered on the server and works
//! without script.
//!
//! Imports go one way: `lang`, `money`, `links`, `url`, `access` ← `protocol` ← `auth`, `site`, `island_props` ← `service`, `request` ←
//! `book`, `layout`, `paging` ← `components` ← `api` ← `checkout`, `follow` ← `pages`.

// The type of a page is as deep as its markup.
#![recursion_limit = "256"]
// The browser's build uses only a part; what nobody uses shows in the server's.
#![cfg_attr(not(feature = "ssr"), allow(dead_code, unused_imports))]

pub mod api;
mod bridge;
mod checkout;
mod clock;
mod follow;
mod icons;
mod island_props;
mod lang;
pub mod links;
mod money;
mod pay_in_wechat;
pub mod poll;
pub mod protocol;
mod qr_code;
mod text;
pub mod url;

#[cfg(feature = "ssr")]
pub mod access;
#[cfg(feature = "ssr")]
pub mod alert_message;
#[cfg(feature = "ssr")]
pub mod auth;
#[cfg(feature = "ssr")]
mod book;
#[cfg(feature = "ssr")]
mod components;
#[cfg(feature = "ssr")]
mod layout;
#[cfg(feature = "ssr")]
mod month;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
mod paging;
#[cfg(feature = "ssr")]
mod png;
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
pub use lang::Lang;
pub use pay_in_wechat::PayInWechat;
