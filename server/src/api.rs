//! `/api/v1`: what the site's own programs call with a key.

mod debits;
mod deliveries;
mod endpoints;
mod holds;
mod json;
mod me;
mod paging;
mod placing;
mod recharges;
mod refunds;
mod return_url;
mod spending;
mod users;
pub(crate) mod values;

use app::access::Routes;

use crate::state::Server;

pub(crate) fn routes() -> Routes<Server> {
    me::routes()
        .merge(recharges::routes())
        .merge(refunds::routes())
        .merge(users::routes())
        .merge(debits::routes())
        .merge(holds::routes())
        .merge(endpoints::routes())
        .merge(deliveries::routes())
}
