//! What a site does with balances, on real databases: debits, reversals, holds and grants, and who is first where several are at it.
#![allow(clippy::disallowed_methods, reason = "these tests run on the machine's time")]

mod checking;
mod debits;
mod holds;
mod pages;
mod races;
mod statement;
mod tables;

use crate::common::{Harness, by, reference};
use cashier::SpendError;
use recharge::User;
use recharge::audit::Acting;
use recharge::command::GrantReply;
use recharge::spend::{Account, GrantRequest, Hold, HoldLife, HoldRequest, Metadata, Reason, Reference};
use wxpay::Fen;

fn refused<T: std::fmt::Debug, R: std::error::Error>(reply: Result<T, SpendError<R>>) -> R {
    match reply.unwrap_err() {
        SpendError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn reason() -> Reason {
    Reason::parse("translation").unwrap()
}

async fn grant(harness: &Harness, user: &str, fen: i64, name: &str) -> GrantReply {
    let user = User::new(user, "").unwrap();
    let request = GrantRequest::new(user, fen, reference(name), reason()).unwrap();
    harness.cashier.grant(request, by()).await.unwrap()
}

/// A hold of `u_1` for a minute.
fn hold_request(fen: i64, reference: Reference) -> HoldRequest {
    HoldRequest {
        user_id: "u_1".to_owned(),
        amount: recharge::spend::Amount::new(fen).unwrap(),
        reference,
        reason: reason(),
        metadata: Metadata::default(),
        life: HoldLife::seconds(60).unwrap(),
    }
}

async fn hold(harness: &Harness, fen: i64, name: &str) -> Hold {
    harness.cashier.hold(hold_request(fen, reference(name)), crate::common::site()).await.unwrap().hold
}

/// A program of the site, as one who gives back.
fn caller() -> Acting {
    Acting { actor: crate::common::site(), address: String::new() }
}

/// What `u_1` has.
async fn account(harness: &Harness) -> Account {
    harness.cashier.account_of("u_1").await.unwrap()
}

async fn available(harness: &Harness) -> Fen {
    account(harness).await.available()
}
