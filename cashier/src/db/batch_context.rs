//! What commands about refunds and exceptions need besides the orders, and what they write besides. A batch that only
//! takes payments costs nothing here.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::{DbError, accounts, exceptions, ledger, operators, refunds};
use crate::random::Random;
use recharge::Settlement;
use recharge::batch::Held;
use recharge::command::Command;
use recharge::order::Order;

/// Reads it; `orders` are those of the batch.
pub(super) async fn read(
    connection: &mut AnyConnection,
    commands: &[Command],
    orders: &[Order],
) -> Result<Held, DbError> {
    let (mut of_orders, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let (mut ids, mut takes, mut named) = (BTreeSet::new(), false, BTreeSet::new());
    for command in commands {
        match command {
            Command::Refund { wish, .. } => {
                of_orders.insert(wish.out_trade_no.as_str());
                numbers.insert(wish.out_refund_no.as_str());
                ids.extend(wish.exception.as_deref());
                takes = true;
            }
            Command::Heard { out_refund_no, .. } => {
                numbers.insert(out_refund_no.as_str());
            }
            Command::RefundedOutside { out_trade_no, refunds, .. } => {
                of_orders.insert(out_trade_no.as_str());
                numbers.extend(refunds.iter().map(|seen| seen.out_refund_no.as_str()));
            }
            Command::SettleException { id, out_trade_no, settlement, .. } => {
                if let Settlement::Credit { user: Some(user), .. } = settlement.as_ref() {
                    named.insert(user.id.as_str());
                }
                of_orders.insert(out_trade_no.as_str());
                ids.insert(id.as_str());
                takes = true;
            }
            _ => {}
        }
    }
    if of_orders.is_empty() && numbers.is_empty() {
        return Ok(Held::default());
    }
    let (of_orders, numbers): (Vec<_>, Vec<_>) =
        (of_orders.into_iter().collect(), numbers.into_iter().collect());
    let ids: Vec<_> = ids.into_iter().collect();
    let found = refunds::read(connection, &of_orders, &numbers).await?;
    let kept = if ids.is_empty() { Vec::new() } else { exceptions::read(connection, &ids).await? };
    let by_hand = ledger::by_hand(connection, &of_orders).await?;
    let owners = orders.iter().map(|order| &order.user).chain(by_hand.iter().map(|credit| &credit.user));
    let owners = owners.filter(|_| takes).map(|user| user.id.as_str());
    let users: BTreeSet<_> = owners.chain(named).collect();
    let users: Vec<_> = users.into_iter().collect();
    let balances = accounts::balances(connection, &users).await?;
    Ok(Held::new(found, kept, balances).crediting(by_hand))
}

/// Writes it. `false`: somebody else was faster, so nothing may stand.
pub(super) async fn store(
    connection: &mut AnyConnection,
    random: &Random,
    held: &Held,
) -> Result<bool, DbError> {
    if !refunds::store(connection, held.refunds.values()).await? {
        return Ok(false);
    }
    if !exceptions::resolve(connection, &held.settled).await? {
        return Ok(false);
    }
    if refunds::is_over_refunded(connection, held.refunds.values()).await? {
        return Ok(false);
    }
    if !held.sufficing.is_empty() {
        // The accounts' rows are locked by now, so this is the last word: another instance may have taken from the same
        // balance after it was read.
        let users: Vec<_> = held.sufficing.iter().map(String::as_str).collect();
        let balances = accounts::balances(connection, &users).await?;
        if balances.values().any(|balance| *balance < wxpay::Fen::ZERO) {
            return Ok(false);
        }
    }
    exceptions::resolve_open(connection, &held.settled_by_rule).await?;
    exceptions::reopen(connection, &held.reopened).await?;
    operators::record_all(connection, random, &held.audit).await?;
    Ok(true)
}
