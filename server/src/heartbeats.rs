//! The pulses of all background loops of this process, for `/livez`.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use cashier::pulse::Pulse;

#[derive(Debug, Default)]
pub struct Heartbeats(Mutex<Vec<Pulse>>);

impl Heartbeats {
    /// The pulse of one more loop. A step of it takes `patience` at most.
    pub fn pulse(&self, name: &'static str, patience: Duration) -> Pulse {
        let pulse = Pulse::new(name, patience);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(pulse.clone());
        pulse
    }

    /// The loops whose step takes longer than it may.
    pub fn stuck(&self) -> Vec<&'static str> {
        self.all().into_iter().filter_map(|(name, is_stuck)| is_stuck.then_some(name)).collect()
    }

    /// All loops, and whether their step takes longer than it may.
    pub fn all(&self) -> Vec<(&'static str, bool)> {
        let (pulses, now) = (self.0.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        pulses.iter().map(|pulse| (pulse.name(), pulse.is_stuck(now))).collect()
    }
}
