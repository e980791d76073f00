//! The sandbox's clock: the machine's own, run at a chosen speed, or one that a test sets by hand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use wxpay::UnixMillis;

/// One moment, read on both of the sandbox's scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// What messages say and are compared with: `time_end`, `time_start`, `time_expire`.
    pub wall: UnixMillis,
    /// What WeChat's own waits are counted on: the retries of notices, the five minutes before a
    /// close, the two hours of a code. It runs `speed` times as fast as `wall`.
    pub inner: UnixMillis,
}

/// Shared by all its clones. Setting a speed never moves `wall`: a merchant's `time_expire` is an
/// time of day on the merchant's clock, which runs at normal speed.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    setting: Mutex<Setting>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Setting {
    /// `Some` is a clock set by hand, `None` the machine's.
    by_hand: Option<UnixMillis>,
    /// The moment from which `speed` counts, on both scales.
    since: Now,
    speed: u32,
}

impl Setting {
    fn wall(&self) -> UnixMillis {
        self.by_hand.unwrap_or_else(UnixMillis::now)
    }

    fn at(&self, wall: UnixMillis) -> Now {
        let passed = wall.minus(self.since.wall);
        let inner = self.since.inner.plus_ms(passed.saturating_mul(i64::from(self.speed)));
        Now { wall, inner }
    }
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Self::from(None, UnixMillis::now())
    }

    /// A clock that stands at `at` until it is set or advanced.
    pub fn manual(at: UnixMillis) -> Self {
        Self::from(Some(at), at)
    }

    fn from(by_hand: Option<UnixMillis>, at: UnixMillis) -> Self {
        let since = Now { wall: at, inner: at };
        let setting = Mutex::new(Setting { by_hand, since, speed: 1 });
        Clock(Arc::new(Shared { setting, changed: Notify::new() }))
    }

    /// The wall time.
    pub fn now(&self) -> UnixMillis {
        self.setting().wall()
    }

    /// Moves a manual clock; the machine's clock cannot be set and stays as it is.
    pub fn set(&self, at: UnixMillis) {
        self.change(|setting| {
            if setting.by_hand.is_some() {
                setting.by_hand = Some(at);
            }
        });
    }

    /// Moves a manual clock forward by `ms`.
    pub fn advance(&self, ms: i64) {
        self.change(|setting| {
            setting.by_hand = setting.by_hand.map(|at| at.plus_ms(ms));
        });
    }

    pub(crate) fn read(&self) -> Now {
        let setting = self.setting();
        setting.at(setting.wall())
    }

    /// Both scales at a moment that the caller names.
    pub(crate) fn read_at(&self, wall: UnixMillis) -> Now {
        self.setting().at(wall)
    }

    /// From here on WeChat's waits pass `speed` times as fast; 0 counts as 1.
    pub(crate) fn set_speed(&self, speed: u32) {
        self.change(|setting| {
            setting.since = setting.at(setting.wall());
            setting.speed = speed.max(1);
        });
    }

    pub(crate) fn speed(&self) -> u32 {
        self.setting().speed
    }

    /// Moves the inner scale forward to `inner` if it is behind: a sandbox that ran fast and is
    /// started again finds its orders no younger than they were.
    pub(crate) fn catch_up(&self, inner: UnixMillis) {
        self.change(|setting| {
            setting.since = setting.at(setting.wall());
            setting.since.inner = setting.since.inner.max(inner);
        });
    }

    /// The wall time of a moment of the inner scale.
    pub(crate) fn wall_of(&self, inner: UnixMillis) -> UnixMillis {
        let setting = self.setting();
        let speed = i64::from(setting.speed);
        let ahead = inner.minus(setting.since.inner);
        setting.since.wall.plus_ms(ahead.saturating_add(speed - 1).div_euclid(speed))
    }

    /// Ends when the clock is set or its speed changed after this call.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.0.changed.notified()
    }

    /// Returns at `wall`, or earlier when `changed` ends: a manual clock only moves when it is moved.
    pub(crate) async fn wait_until(&self, wall: Option<UnixMillis>, changed: Notified<'_>) {
        let setting = *self.setting();
        let ms = wall.map(|wall| wall.minus(setting.wall()));
        match ms {
            Some(ms) if ms <= 0 => (),
            Some(ms) if setting.by_hand.is_none() => {
                let wait = Duration::from_millis(ms.unsigned_abs());
                tokio::select! { () = tokio::time::sleep(wait) => (), () = changed => () }
            }
            _ => changed.await,
        }
    }

    fn setting(&self) -> MutexGuard<'_, Setting> {
        self.0.setting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Setting)) {
        change(&mut self.setting());
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_speed_sixty_a_second_is_a_minute_of_wechats_waits_and_a_second_of_the_day() {
        let clock = Clock::manual(UnixMillis::new(1_000_000));
        clock.advance(500);
        clock.set_speed(60);
        clock.advance(1_000);
        assert_eq!(clock.now(), UnixMillis::new(1_001_500));
        assert_eq!(clock.read().inner, UnixMillis::new(1_060_500));
        clock.set_speed(1);
        clock.advance(10);
        assert_eq!(clock.read().inner, UnixMillis::new(1_060_510));
    }

    #[test]
    fn a_wait_of_the_inner_scale_ends_on_the_wall_when_both_agree() {
        let clock = Clock::manual(UnixMillis::new(0));
        clock.set_speed(7);
        let wall = clock.wall_of(UnixMillis::new(15_000));
        assert_eq!(wall, UnixMillis::new(2_143)); // 15,000 / 7 = 2,142.86
        assert!(clock.read_at(wall).inner >= UnixMillis::new(15_000));
    }
}
