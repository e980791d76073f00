//! A set of keys that expire, in bounded memory. A repeated request is answered from it without the database, for a time in which
//! the answer cannot have changed.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wxpay::UnixMillis;

/// Keys kept at most. While the set is full of recent keys no new one is added, so repeats of others reach the database.
const MOST: usize = 20_000;

/// Time for which an order number that the database does not have is not looked up again, in milliseconds.
pub const UNKNOWN_FOR_MS: i64 = 5_000;

/// Shortest time between two queries of one order that payers ("check again") or notices ask for, in milliseconds. The schedule
/// has its own.
pub const CHECK_PAUSE_MS: i64 = 5_000;

/// Keys with the time at which each was added.
#[derive(Debug)]
pub struct Recent<K> {
    for_ms: i64,
    noted_at: Mutex<HashMap<K, UnixMillis>>,
}

impl<K: Clone + Eq + Hash> Recent<K> {
    /// Keys count as recent for `for_ms` milliseconds.
    pub fn new(for_ms: i64) -> Recent<K> {
        Recent { for_ms, noted_at: Mutex::default() }
    }

    pub fn contains(&self, key: &K, now: UnixMillis) -> bool {
        self.keys().get(key).is_some_and(|at| self.is_recent(*at, now))
    }

    pub fn note(&self, key: &K, now: UnixMillis) {
        let mut keys = self.keys();
        if keys.len() >= MOST {
            keys.retain(|_, at| self.is_recent(*at, now));
        }
        if keys.len() < MOST {
            keys.insert(key.clone(), now);
        }
    }

    /// Adds the key; `true` if it was not recent.
    pub fn is_first(&self, key: &K, now: UnixMillis) -> bool {
        let is_first = !self.contains(key, now);
        if is_first {
            self.note(key, now);
        }
        is_first
    }

    /// Removes the expired keys.
    pub fn forget(&self, now: UnixMillis) {
        let mut keys = self.keys();
        keys.retain(|_, at| self.is_recent(*at, now));
        keys.shrink_to(1024);
    }

    /// A time in the future was written before the clock was set back; such a key counts as expired.
    fn is_recent(&self, at: UnixMillis, now: UnixMillis) -> bool {
        (0..self.for_ms).contains(&now.minus(at))
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<K, UnixMillis>> {
        self.noted_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

    #[test]
    fn a_key_is_recent_for_its_time_and_not_after_the_clock_was_set_back() {
        let recent = Recent::new(5_000);
        assert!(recent.is_first(&1, NOW));
        assert!(!recent.is_first(&1, NOW.plus_ms(4_999)));
        assert!(recent.is_first(&2, NOW));
        assert!(recent.is_first(&1, NOW.plus_ms(5_000)));
        assert!(recent.is_first(&1, NOW.plus_ms(-60_000)));
    }

    #[test]
    fn a_flood_of_keys_takes_bounded_memory_and_makes_room_in_time() {
        let recent = Recent::new(5_000);
        for key in 0..2 * MOST {
            assert!(recent.is_first(&key, NOW));
        }
        assert_eq!(recent.keys().len(), MOST);
        assert!(recent.is_first(&0, NOW.plus_ms(5_000)));
        assert_eq!(recent.keys().len(), 1);
        recent.forget(NOW.plus_ms(20_000));
        assert_eq!(recent.keys().len(), 0);
    }
}
