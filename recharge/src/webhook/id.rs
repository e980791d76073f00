//! Ids of endpoints.

use crate::random_id::random_id;

random_id! {
    /// Which endpoint it is.
    EndpointId = "we_", "the id of an endpoint"
}
