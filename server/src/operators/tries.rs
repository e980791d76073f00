//! Ten tries at once and one more each 90 s, for each name; a try that was right is given back.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use wxpay::UnixMillis;

const EACH_MS: i64 = 90_000;
const AT_ONCE_MS: i64 = 10 * EACH_MS;

/// When all tries of a name are free again. Names are those of operators who are signed in, so they are few.
#[derive(Debug, Default)]
pub struct Tries(Mutex<HashMap<String, UnixMillis>>);

impl Tries {
    /// # Errors
    /// How many seconds to wait, where none is left.
    pub fn take(&self, name: &str, now: UnixMillis) -> Result<(), u64> {
        let mut names = self.names();
        let free = names.get(name).copied().unwrap_or(now);
        // A clock that was set back holds nobody up for longer than ten tries do.
        let free = free.max(now).min(now.plus_ms(AT_ONCE_MS));
        let taken = free.plus_ms(EACH_MS);
        let over_ms = taken.minus(now.plus_ms(AT_ONCE_MS));
        if over_ms > 0 {
            return Err(u64::try_from(over_ms).unwrap_or(0).div_ceil(1000));
        }
        names.insert(name.to_owned(), taken);
        Ok(())
    }

    pub fn give_back(&self, name: &str) {
        if let Some(free) = self.names().get_mut(name) {
            *free = free.plus_ms(-EACH_MS);
        }
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, UnixMillis>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

    #[test]
    fn ten_go_at_once_and_then_one_each_90_s() {
        let tries = Tries::default();
        assert_eq!((0..10).filter(|_| tries.take("chen", NOW).is_ok()).count(), 10);
        assert_eq!(tries.take("chen", NOW), Err(90));
        assert_eq!(tries.take("li", NOW), Ok(()));
        assert_eq!(tries.take("chen", NOW.plus_ms(89_001)), Err(1));
        assert_eq!(tries.take("chen", NOW.plus_ms(90_000)), Ok(()));
        assert_eq!(tries.take("chen", NOW.plus_ms(90_000)), Err(90));
        let later = NOW.plus_ms(86_400_000);
        assert_eq!((0..20).filter(|_| tries.take("chen", later).is_ok()).count(), 10);
    }

    #[test]
    fn one_that_is_given_back_never_counted() {
        let tries = Tries::default();
        for _ in 0..100 {
            assert_eq!(tries.take("chen", NOW), Ok(()));
            tries.give_back("chen");
        }
        assert_eq!((0..20).filter(|_| tries.take("chen", NOW).is_ok()).count(), 10);
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_up_for_long() {
        let tries = Tries::default();
        assert_eq!(tries.take("chen", NOW.plus_ms(86_400_000)), Ok(()));
        assert_eq!(tries.take("chen", NOW), Err(90));
    }
}
