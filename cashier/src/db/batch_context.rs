//! What commands about refunds and exceptions need besides the orders, and what they write besides. A batch that only
//! takes payments costs nothing here.

use sqlx::AnyConnection;

use super::{DbError, exceptions, ledger, operators, refunds};
use crate::random::Random;
use recharge::batch::Context;
use recharge::command::Reads;
use recharge::exception::ExceptionId;

/// Reads it.
pub(super) async fn read(connection: &mut AnyConnection, reads: &Reads<'_>) -> Result<Context, DbError> {
    if reads.refunds_of.is_empty() && reads.refunds.is_empty() {
        return Ok(Context::default());
    }
    let of_orders: Vec<_> = reads.refunds_of.iter().map(|number| number.as_str()).collect();
    let numbers: Vec<_> = reads.refunds.iter().map(|number| number.as_str()).collect();
    let ids: Vec<ExceptionId> = reads.exceptions.iter().copied().cloned().collect();
    let found = refunds::read(connection, &of_orders, &numbers).await?;
    let kept = if ids.is_empty() { Vec::new() } else { exceptions::read(connection, &ids).await? };
    let by_hand = ledger::by_hand(connection, &of_orders).await?;
    Ok(Context::new(found, kept).with_credits(by_hand))
}

/// Writes it. `false`: somebody else was faster, so nothing may stand.
pub(super) async fn store(
    connection: &mut AnyConnection,
    random: &Random,
    context: &Context,
) -> Result<bool, DbError> {
    if !refunds::store(connection, context.refunds.values()).await? {
        return Ok(false);
    }
    if !exceptions::resolve(connection, &context.resolved).await? {
        return Ok(false);
    }
    if refunds::is_over_refunded(connection, context.refunds.values()).await? {
        return Ok(false);
    }
    exceptions::resolve_open(connection, &context.resolved_by_rule).await?;
    exceptions::reopen(connection, &context.reopened).await?;
    operators::record_all(connection, random, &context.audit).await?;
    Ok(true)
}
