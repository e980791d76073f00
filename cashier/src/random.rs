//! Random source: OS entropy, or seeded for simulation.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Where the random parts of numbers and secrets come from. Cheap to clone; clones of a seeded one share its sequence.
#[derive(Debug, Clone, Default)]
pub struct Random {
    seeded: Option<Arc<Mutex<StdRng>>>,
}

impl Random {
    /// OS entropy, which cannot be predicted.
    pub fn system() -> Random {
        Random::default()
    }

    /// A sequence that depends on the seed alone: for simulations only.
    pub fn seeded(seed: u64) -> Random {
        Random { seeded: Some(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))) }
    }

    /// Random bytes.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.seeded {
            Some(seeded) => seeded.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes),
            None => rand::rng().fill_bytes(&mut bytes),
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_the_machine_does_not() {
        assert_eq!(Random::seeded(7).bytes::<26>(), Random::seeded(7).bytes::<26>());
        assert_ne!(Random::seeded(7).bytes::<26>(), Random::seeded(8).bytes::<26>());
        assert_ne!(Random::system().bytes::<26>(), Random::system().bytes::<26>());
    }
}
