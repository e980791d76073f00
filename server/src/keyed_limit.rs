//! A limit for each key, in memory: a burst, then one more at an interval. What is taken can be given back.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use cashier::rate::Quota;
use wxpay::UnixMillis;

/// The most keys told apart. New ones beyond share one entry, so that memory has a bound.
const MOST: usize = 100_000;

/// The entry of a key in a map that tells `most` of them apart: `None`, which all others share, once it has so many.
pub(crate) fn told_apart<K: Eq + Hash, V>(entries: &HashMap<Option<K>, V>, key: K, most: usize) -> Option<K> {
    let key = Some(key);
    if entries.len() < most || entries.contains_key(&key) { key } else { None }
}

/// For each key, when all of its turns are free again.
#[derive(Debug)]
pub struct KeyedLimit<K> {
    quota: Quota,
    /// `None` is the entry of those that are not told apart.
    free_at: Mutex<HashMap<Option<K>, UnixMillis>>,
}

impl<K: Clone + Eq + Hash> KeyedLimit<K> {
    pub fn new(quota: Quota) -> Self {
        KeyedLimit { quota, free_at: Mutex::default() }
    }

    /// Takes one turn.
    ///
    /// # Errors
    /// How long to wait, in milliseconds, where none is left.
    pub fn take(&self, key: K, now: UnixMillis) -> Result<(), i64> {
        let mut entries = self.entries();
        let key = told_apart(&entries, key, MOST);
        let whole = self.quota.whole_ms();
        // After the clock was set back nobody waits for longer than the whole burst takes.
        let free = entries.get(&key).copied().unwrap_or(now).max(now).min(now.plus_ms(whole));
        let taken = free.plus_ms(self.quota.each_ms);
        let wait = taken.minus(now.plus_ms(whole));
        if wait > 0 {
            entries.insert(key, free);
            return Err(wait);
        }
        entries.insert(key, taken);
        Ok(())
    }

    /// Whether a turn is free, without taking it.
    ///
    /// # Errors
    /// As [`KeyedLimit::take`].
    pub fn check(&self, key: &K, now: UnixMillis) -> Result<(), i64> {
        let mut entries = self.entries();
        let key = told_apart(&entries, key.clone(), MOST);
        let whole = now.plus_ms(self.quota.whole_ms());
        let Some(free) = entries.get_mut(&key) else { return Ok(()) };
        *free = (*free).min(whole);
        let wait = free.plus_ms(self.quota.each_ms).minus(whole);
        if wait > 0 { Err(wait) } else { Ok(()) }
    }

    /// A turn that does not count after all.
    pub fn give_back(&self, key: K) {
        let mut entries = self.entries();
        let key = Some(key);
        let key = if entries.contains_key(&key) { key } else { None };
        if let Some(free) = entries.get_mut(&key) {
            *free = free.plus_ms(-self.quota.each_ms);
        }
    }

    /// Forgets the keys whose turns are all free.
    pub fn forget(&self, now: UnixMillis) {
        let mut entries = self.entries();
        entries.retain(|_, free| *free > now);
        entries.shrink_to(1024);
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Option<K>, UnixMillis>> {
        self.free_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

    fn limit() -> KeyedLimit<u32> {
        KeyedLimit::new(Quota { at_once: 10, each_ms: 90_000 })
    }

    #[test]
    fn ten_go_at_once_and_then_one_each_90_s() {
        let limit = limit();
        assert_eq!((0..20).filter(|_| limit.take(1, NOW).is_ok()).count(), 10);
        assert_eq!(limit.take(1, NOW), Err(90_000));
        assert_eq!(limit.take(2, NOW), Ok(()));
        assert_eq!(limit.take(1, NOW.plus_ms(89_001)), Err(999));
        assert_eq!(limit.take(1, NOW.plus_ms(90_000)), Ok(()));
        assert_eq!(limit.take(1, NOW.plus_ms(90_000)), Err(90_000));
        let later = NOW.plus_ms(86_400_000);
        assert_eq!((0..20).filter(|_| limit.take(1, later).is_ok()).count(), 10);
    }

    #[test]
    fn a_turn_that_is_only_looked_at_is_not_taken() {
        let limit = limit();
        for taken in 0..10 {
            assert_eq!(limit.check(&1, NOW), Ok(()), "{taken} taken");
            limit.take(1, NOW).unwrap();
        }
        assert_eq!((limit.check(&1, NOW), limit.check(&2, NOW)), (Err(90_000), Ok(())));
        assert_eq!(limit.check(&1, NOW.plus_ms(90_000)), Ok(()));
        assert_eq!(limit.check(&1, NOW.plus_ms(-86_400_000)), Err(90_000));
        assert_eq!(limit.check(&1, NOW.plus_ms(-86_310_000)), Ok(()));
    }

    #[test]
    fn a_turn_that_is_given_back_never_counted() {
        let limit = limit();
        for _ in 0..100 {
            assert_eq!(limit.take(1, NOW), Ok(()));
            limit.give_back(1);
        }
        assert_eq!((0..20).filter(|_| limit.take(1, NOW).is_ok()).count(), 10);
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_up_for_long() {
        let limit = limit();
        assert_eq!(limit.take(1, NOW.plus_ms(86_400_000)), Ok(()));
        assert_eq!(limit.take(1, NOW), Err(90_000));
        assert_eq!(limit.take(1, NOW.plus_ms(90_000)), Ok(()));
    }

    #[test]
    fn a_flood_of_new_keys_takes_bounded_memory_and_leaves_known_keys_their_own_turns() {
        let limit = limit();
        assert_eq!(limit.take(0, NOW), Ok(()));
        let many = u32::try_from(MOST).unwrap();
        let refused = (1..many + 100).filter(|key| limit.take(*key, NOW).is_err()).count();
        assert_eq!((limit.len(), refused), (MOST + 1, 90));
        assert_eq!((0..20).filter(|_| limit.take(0, NOW).is_ok()).count(), 9);
        limit.forget(NOW.plus_ms(900_000));
        assert_eq!(limit.len(), 0);
    }
}
