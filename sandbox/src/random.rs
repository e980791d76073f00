//! Random source of codes and numbers: OS entropy, or seeded for simulation.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

#[derive(Debug, Default)]
pub struct Random(Option<Box<StdRng>>);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Random(Some(Box::new(StdRng::seed_from_u64(seed))))
    }

    /// `length` letters out of `from`.
    pub fn letters(&mut self, from: &[u8], length: usize) -> String {
        match &mut self.0 {
            Some(seeded) => letters(seeded, from, length),
            None => letters(&mut rand::rng(), from, length),
        }
    }
}

fn letters(rng: &mut impl Rng, from: &[u8], length: usize) -> String {
    (0..length).map(|_| char::from(from[rng.random_range(0..from.len())])).collect()
}
