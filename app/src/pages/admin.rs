//! The operator's pages.

pub mod code_sheet;
pub mod codes;
mod decision_form;
mod difference_words;
pub mod dismiss;
mod events;
mod exception_list;
mod exception_words;
pub mod exceptions;
pub mod extract;
mod flash;
mod frame;
pub mod key;
mod key_words;
pub mod keys;
pub mod login;
pub mod order;
pub mod orders;
pub mod overview;
mod payee;
pub mod reconciliations;
pub mod refund;
mod refunds;
pub mod resolve;
mod unmatched;
pub mod withdraw;
