//! Random source of codes and numbers: OS entropy, or seeded for simulation.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

#[derive(Debug, Default)]
pub struct Random(Option<Box<StdRng>>);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Random(Some(Box::new(StdRng::seed_from_u64(seed))))
    }

    /// Yes in this share of cases, between 0 and 1.
    pub fn chance(&mut self, share: f64) -> bool {
        match &mut self.0 {
            // A share of nothing draws nothing, so that a seeded run without this fault stays as it is.
            _ if share <= 0.0 => false,
            Some(seeded) => seeded.random_bool(share.min(1.0)),
            None => rand::rng().random_bool(share.min(1.0)),
        }
    }

    /// Yes in `percent` of a hundred cases.
    pub fn percent(&mut self, percent: u8) -> bool {
        match &mut self.0 {
            Some(seeded) => seeded.random_ratio(percent.min(100).into(), 100),
            None => rand::rng().random_ratio(percent.min(100).into(), 100),
        }
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
