//! `/api/v1`: what the site's own programs call with a key.

mod debits;
mod holds;
mod json;
mod me;
mod paging;
mod spending;
mod users;
mod values;

use app::access::Routes;

use crate::state::Server;

pub(crate) fn routes() -> Routes<Server> {
    me::routes().merge(users::routes()).merge(debits::routes()).merge(holds::routes())
}
