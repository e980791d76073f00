//! What several checks look at, seen once.

use crate::doctor_probe::Saw;

/// What the certificate of the site says, or why TLS failed.
#[derive(Debug)]
pub enum Tls {
    /// Plain http, or nobody answers.
    None,
    Failed(String),
    /// Its end, Unix milliseconds; `None` if it cannot be read.
    Shown(Option<i64>),
}

/// How a probe that was sent to the public name ended.
#[derive(Debug)]
pub enum Trip {
    /// The database is not one that this can be tried with.
    NoDatabase,
    NotIssued(String),
    /// No answer, or one of somebody else's: the forged notices meet the same.
    Lost,
    /// A status, and nothing arrived.
    Status(u16),
    Arrived {
        saw: Box<Saw>,
        /// The digest and length of what was sent.
        sent: (String, usize),
        /// Whether the answer was what arrived.
        is_echoed: bool,
    },
}
