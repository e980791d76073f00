//! Accounts, debits, reversals, holds and grants that a batch needs, and what it makes of them. A batch that only takes payments
//! costs nothing here.

use std::collections::BTreeSet;

use wxpay::Fen;

use super::{Connection, DbError, accounts, debits, grants, holds, reversals};
use recharge::batch::{Context, SpendRead, Spending};
use recharge::command::Reads;
use recharge::order::Order;
use recharge::spend::HoldState;

/// Reads it; `orders` and `context` are those of the batch.
pub(super) async fn read(
    connection: &mut Connection,
    reads: &Reads<'_>,
    orders: &[Order],
    context: &Context,
) -> Result<Spending, DbError> {
    let wanted = &reads.spending;
    if wanted.is_empty() && reads.accounts.is_empty() && !reads.owners {
        return Ok(Spending::default());
    }
    let mut read = SpendRead::default();
    let keys: Vec<_> = wanted.debits.iter().map(|id| id.as_str()).collect();
    read.debits = debits::read(connection, "id", &keys).await?;
    let keys: Vec<_> = wanted.debit_references.iter().map(|reference| reference.as_str()).collect();
    read.debits.extend(debits::read(connection, "reference", &keys).await?);
    let keys: Vec<_> = wanted.holds.iter().map(|id| id.as_str()).collect();
    read.holds = holds::read(connection, "id", &keys).await?;
    let keys: Vec<_> = wanted.hold_references.iter().map(|reference| reference.as_str()).collect();
    read.holds.extend(holds::read(connection, "reference", &keys).await?);
    let captured = read.holds.iter().filter(|hold| hold.state == HoldState::Captured);
    let keys: Vec<_> = captured.map(|hold| hold.id.as_str()).collect();
    read.debits.extend(debits::read(connection, "hold_id", &keys).await?);
    let keys: Vec<_> = wanted.reversal_references.iter().map(|reference| reference.as_str()).collect();
    read.reversals = reversals::read(connection, &keys).await?;
    let keys: Vec<_> = wanted.grant_references.iter().map(|reference| reference.as_str()).collect();
    read.grants = grants::read(connection, &keys).await?;

    let mut users: BTreeSet<_> = reads.accounts.iter().copied().collect();
    users.extend(read.debits.iter().map(|debit| debit.user_id.as_str()));
    users.extend(read.holds.iter().map(|hold| hold.user_id.as_str()));
    if reads.owners {
        users.extend(orders.iter().map(|order| order.user.id.as_str()));
        users.extend(context.by_hand.iter().map(|credit| credit.user.id.as_str()));
    }
    let users: Vec<_> = users.into_iter().collect();
    read.accounts = accounts::read(connection, &users).await?;
    let holding = read.accounts.iter().filter(|(_, account)| account.held > Fen::ZERO);
    let holding: Vec<_> = holding.map(|(user, _)| user.as_str()).collect();
    let due = holds::due_of(connection, &holding, wanted.now).await?;
    read.holds.extend(due);
    Ok(Spending::new(read))
}

/// Writes it. `false`: somebody else was faster, so nothing may stand.
pub(super) async fn store(connection: &mut Connection, spending: &Spending) -> Result<bool, DbError> {
    Ok(debits::store(connection, spending.debits.values()).await?
        && holds::store(connection, spending.holds.values()).await?
        && reversals::insert(connection, &spending.new_reversals).await?
        && grants::insert(connection, &spending.new_grants).await?)
}
