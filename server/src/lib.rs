//! The server around the recharge desk: settings, connections, WeChat's and the integrator's addresses, pages, background
//! work.

// The types of pages are as deep as their markup.
#![recursion_limit = "256"]

mod access_token;
mod api;
pub mod assets;
mod audit_csv;
pub mod background;
pub mod client_addr;
pub mod config;
mod cookies;
mod create_limit;
mod credentials;
pub mod doctor;
pub mod doctor_probe;
mod draft;
mod epay;
mod error_code;
mod health;
mod heartbeats;
mod held_polls;
mod json_object;
pub mod kept_secrets;
mod key_call;
mod keyed_limit;
mod limits;
pub mod listen;
pub mod listener;
mod log_limit;
mod metrics;
mod middleware;
mod misses;
mod notify;
mod notify_v3;
mod official_account;
pub mod openapi;
mod operation;
pub mod operators;
#[cfg(feature = "otlp")]
pub mod otlp;
mod payer_session;
mod polls;
mod problem;
mod readiness;
mod recharge_api;
mod refusals;
mod reload;
mod requests;
pub mod router;
pub mod same_site;
pub mod secret;
mod session;
mod settings_desk;
pub mod sign_type;
pub mod start;
pub mod state;
mod static_codes;
pub mod user_token;
mod verify;
mod ways_back;
mod wx;
