//! `/api/v1`: what the site's own programs call with a key.

mod me;

use app::access::Routes;

use crate::state::Server;

pub(crate) fn routes() -> Routes<Server> {
    me::routes()
}
