//! The pages and what their script calls; built twice, with `ssr` for the server and without it for the browser.
//!
//! The server mounts [`pages::routes`] with a [`service::Service`], answers polls with [`api::status`], and layers
//! sessions around the pages that put [`auth`]'s types into each request's extensions. All pages are drawn by Leptos on the server
//! and work without script. The browser's part, `browser`, takes up that markup without Leptos, whose runtime would be four fifths of
//! what a payer downloads, and calls the functions in [`api`]. It is compiled for the server too, where nobody calls it: so the compiler
//! names a text or a function that neither side uses.
//!
//! Imports go one way: `lang`, `money`, `links`, `url`, `access` ← `protocol` ← `auth`, `site`, `props` ← `service`, `request` ←
//! `book`, `layout`, `paging` ← `components` ← `api` ← `checkout` ← `pages`, and in the browser's build `checkout` ← `browser`.

// The type of a page is as deep as its markup.
#![recursion_limit = "256"]
// The browser's build uses only a part; what nobody uses shows in the server's.
#![cfg_attr(not(feature = "ssr"), allow(dead_code, unused_imports))]

mod bridge;
mod browser;
mod checkout;
mod escape;
mod icons;
mod lang;
pub mod links;
mod money;
pub mod poll;
mod props;
pub mod protocol;
mod qr_code;
mod text;
pub mod url;

#[cfg(feature = "ssr")]
pub mod access;
#[cfg(feature = "ssr")]
pub mod alert_message;
#[cfg(feature = "ssr")]
pub mod api;
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

pub use browser::start;
pub use lang::Lang;
#[cfg(feature = "ssr")]
pub use text::check_name;
