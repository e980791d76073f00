//! The whole server over HTTP: real sockets, the sandbox in WeChat's place, and each test once on SQLite and once on
//! PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "http/access_token.rs"]
mod access_token;
#[path = "http/account_desk.rs"]
mod account_desk;
#[path = "http/accountant.rs"]
mod accountant;
#[path = "http/alert_desk.rs"]
mod alert_desk;
#[path = "http/amounts.rs"]
mod amounts;
#[path = "http/api.rs"]
mod api;
#[path = "http/api_input.rs"]
mod api_input;
#[path = "http/api_recharges.rs"]
mod api_recharges;
#[path = "http/api_sessions.rs"]
mod api_sessions;
#[path = "http/api_spend.rs"]
mod api_spend;
#[path = "http/audit_desk.rs"]
mod audit_desk;
#[path = "http/backups.rs"]
mod backups;
#[path = "http/book.rs"]
mod book;
#[path = "http/books.rs"]
mod books;
#[path = "http/certificate.rs"]
mod certificate;
#[path = "http/channels.rs"]
mod channels;
#[path = "http/clients.rs"]
mod clients;
#[path = "http/closed.rs"]
mod closed;
#[path = "http/commands.rs"]
mod commands;
#[path = "http/common.rs"]
mod common;
#[path = "http/contract.rs"]
mod contract;
#[path = "http/desk_exports.rs"]
mod desk_exports;
#[path = "http/desk_lists.rs"]
mod desk_lists;
#[path = "http/desk_roles.rs"]
mod desk_roles;
#[path = "http/desk_work.rs"]
mod desk_work;
#[path = "http/doctor.rs"]
mod doctor;
#[path = "http/doctor_broken.rs"]
mod doctor_broken;
#[path = "http/doctor_probe.rs"]
mod doctor_probe;
#[path = "http/doctor_proxy.rs"]
mod doctor_proxy;
#[path = "http/epay.rs"]
mod epay;
#[path = "http/epay_refused.rs"]
mod epay_refused;
#[path = "http/epay_told.rs"]
mod epay_told;
#[path = "http/events.rs"]
mod events;
#[path = "http/forged.rs"]
mod forged;
#[path = "http/forged_v3.rs"]
mod forged_v3;
#[path = "http/forms.rs"]
mod forms;
#[path = "http/gateway.rs"]
mod gateway;
#[path = "http/held_polls.rs"]
mod held_polls;
#[path = "http/instances.rs"]
mod instances;
#[path = "http/integrator.rs"]
mod integrator;
#[path = "http/key_desk.rs"]
mod key_desk;
#[path = "http/keys.rs"]
mod keys;
#[path = "http/lossy.rs"]
mod lossy;
#[path = "http/matrix.rs"]
mod matrix;
#[path = "http/metrics.rs"]
mod metrics;
#[path = "http/money.rs"]
mod money;
#[path = "http/month.rs"]
mod month;
#[path = "http/month_deeds.rs"]
mod month_deeds;
#[path = "http/notices.rs"]
mod notices;
#[path = "http/notices_v3.rs"]
mod notices_v3;
#[path = "http/oauth.rs"]
mod oauth;
#[path = "http/operators.rs"]
mod operators;
#[cfg(feature = "otlp")]
#[path = "http/otlp.rs"]
mod otlp;
#[path = "http/pages.rs"]
mod pages;
#[path = "http/past.rs"]
mod past;
#[path = "http/payer_cancels.rs"]
mod payer_cancels;
#[path = "http/payer_sessions.rs"]
mod payer_sessions;
#[path = "http/peers.rs"]
mod peers;
#[path = "http/people.rs"]
mod people;
#[path = "http/plain_http.rs"]
mod plain_http;
#[path = "http/polls.rs"]
mod polls;
#[path = "http/proxies.rs"]
mod proxies;
#[path = "http/receipts.rs"]
mod receipts;
#[path = "http/recomputed.rs"]
mod recomputed;
#[path = "http/refund_wishes.rs"]
mod refund_wishes;
#[path = "http/refunds.rs"]
mod refunds;
#[path = "http/releases.rs"]
mod releases;
#[path = "http/requests.rs"]
mod requests;
#[path = "http/restored.rs"]
mod restored;
#[path = "http/sandbox_alone.rs"]
mod sandbox_alone;
#[path = "http/second_person.rs"]
mod second_person;
#[path = "http/settings.rs"]
mod settings;
#[path = "http/settings_desk.rs"]
mod settings_desk;
#[path = "http/signed_v3.rs"]
mod signed_v3;
#[path = "http/static_codes.rs"]
mod static_codes;
#[path = "http/status_words.rs"]
mod status_words;
#[path = "http/transport.rs"]
mod transport;
#[path = "http/webhook_desk.rs"]
mod webhook_desk;
#[path = "http/webhooks.rs"]
mod webhooks;
mod wechat_v3;
#[path = "http/wxpay_errors.rs"]
mod wxpay_errors;
