//! What commands about refunds and exceptions need besides the orders, and what they write besides. A batch that only
//! takes payments costs nothing here.

use std::collections::BTreeSet;

use super::{Connection, DbError, audit, exceptions, ledger, refund_wishes, refunds};
use crate::random::Random;
use recharge::batch::Context;
use recharge::command::Reads;
use recharge::exception::ExceptionId;

/// Reads it.
pub(super) async fn read(connection: &mut Connection, reads: &Reads<'_>) -> Result<Context, DbError> {
    if reads.refunds_of.is_empty() && reads.refunds.is_empty() && reads.refunds_with_orders.is_empty() {
        return Ok(Context::default());
    }
    let named: Vec<_> = reads.refunds_with_orders.iter().map(|number| number.as_str()).collect();
    let named = refunds::read(connection, &[], &named).await?;
    let mut of_orders: BTreeSet<_> = reads.refunds_of.iter().map(|number| number.as_str()).collect();
    of_orders.extend(named.iter().map(|refund| refund.out_trade_no.as_str()));
    let of_orders: Vec<_> = of_orders.into_iter().collect();
    let numbers: Vec<_> = reads.refunds.iter().map(|number| number.as_str()).collect();
    let ids: Vec<ExceptionId> = reads.exceptions.iter().copied().chain(&reads.abnormal).cloned().collect();
    let found = refunds::read(connection, &of_orders, &numbers).await?;
    let kept = if ids.is_empty() { Vec::new() } else { exceptions::read(connection, &ids).await? };
    let by_hand = ledger::by_hand(connection, &of_orders).await?;
    let wished: Vec<_> = reads.wishes_of.iter().map(|number| number.as_str()).collect();
    let wishes = refund_wishes::read(connection, &wished).await?;
    Ok(Context::new(found, kept)
        .with_credits(by_hand)
        .with_wishes(wishes)
        .with_looked_for(reads.abnormal.clone()))
}

/// Writes it. `None`: somebody else was faster, so nothing may stand. Else the ids of the exceptions that it changed.
pub(super) async fn store(
    connection: &mut Connection,
    random: &Random,
    context: &Context,
) -> Result<Option<Vec<String>>, DbError> {
    if !refunds::store(connection, context.refunds.values()).await? {
        return Ok(None);
    }
    if !refund_wishes::store(connection, context.wishes.values()).await? {
        return Ok(None);
    }
    let mut changed = exceptions::resolve(connection, &context.resolved).await?;
    if changed.len() != context.resolved.len() {
        return Ok(None);
    }
    if refunds::is_over_refunded(connection, context.refunds.values()).await? {
        return Ok(None);
    }
    changed.extend(exceptions::resolve(connection, &context.resolved_by_rule).await?);
    changed.extend(exceptions::reopen(connection, &context.reopened).await?);
    audit::record_all(connection, random, &context.audit).await?;
    Ok(Some(changed))
}
