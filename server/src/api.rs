//! `/api/v1`: what the site's own programs call with a key.

mod debits;
mod deliveries;
mod endpoints;
mod events;
mod holds;
mod json;
mod me;
mod paging;
mod placing;
mod recharges;
mod refunds;
mod return_url;
pub(crate) mod schemas;
mod sessions;
mod spending;
mod users;
pub(crate) mod values;

use app::access::Routes;

use crate::{operation::Operation, state::Server};

pub(crate) fn routes() -> Routes<Server> {
    me::routes()
        .merge(recharges::routes())
        .merge(refunds::routes())
        .merge(users::routes())
        .merge(debits::routes())
        .merge(holds::routes())
        .merge(endpoints::routes())
        .merge(deliveries::routes())
        .merge(events::routes())
        .merge(sessions::routes())
}

/// What the contract says of these routes: one entry for each.
pub(crate) fn operations() -> Vec<Operation> {
    [
        me::operations(),
        recharges::operations(),
        refunds::operations(),
        users::operations(),
        debits::operations(),
        holds::operations(),
        endpoints::operations(),
        deliveries::operations(),
        events::operations(),
        sessions::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
