//! A lease: the right of one instance to do something until a time, kept in the database and read by the others.

use wxpay::UnixMillis;

/// How far a lease may end after the latest end that could be given now, in milliseconds, and still hold. The clocks of
/// instances differ, and a busy instance compares with a time that it read a while ago. A lease further ahead was given by a
/// clock that has been set back since: it holds no longer, or it would hold for as long as the clock was set back.
pub const CLOCKS_APART_MS: i64 = 60_000;

/// Whether nobody holds a lease that ends at `until`; leases given now end at `given_now`.
pub fn is_free(until: UnixMillis, now: UnixMillis, given_now: UnixMillis) -> bool {
    until <= now || until > given_now.plus_ms(CLOCKS_APART_MS)
}
