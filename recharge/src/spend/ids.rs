//! Numbers of debits, reversals, holds and grants, made like those of orders: a prefix, the time in Beijing, 80 random bits.

use std::fmt;

use wxpay::{InvalidValue, UnixMillis};

use crate::base32::base32;

/// Length of every such number.
const LENGTH: usize = 32;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// A new one. Those of a second sort by chance, those of different seconds by time.
            pub fn new(now: UnixMillis, random: [u8; 10]) -> $name {
                $name(format!(concat!($prefix, "{}{}"), now.to_beijing(), base32(&random)))
            }

            /// Reads one.
            ///
            /// # Errors
            /// [`InvalidValue`] for anything that [`new`](Self::new) does not make.
            pub fn parse(text: impl Into<String>) -> Result<$name, InvalidValue> {
                let text = text.into();
                let is_one = text.len() == LENGTH
                    && text.starts_with($prefix)
                    && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
                match is_one {
                    true => Ok($name(text)),
                    false => Err(InvalidValue {
                        what: $what,
                        must_be: concat!($prefix, " and 30 more digits and capital letters"),
                    }),
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// Number of a debit.
    DebitId = "DB", "debit id";
    /// Number of a reversal of a debit.
    ReversalId = "RV", "reversal id";
    /// Number of a hold.
    HoldId = "HD", "hold id";
    /// Number of a grant.
    GrantId = "GR", "grant id";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::PLACED;

    #[test]
    fn a_number_reads_back_and_another_kinds_does_not() {
        let id = DebitId::new(PLACED, [0xff; 10]);
        assert_eq!(id.as_str(), "DB20260315100000ZZZZZZZZZZZZZZZZ");
        assert_eq!(DebitId::parse(id.as_str()), Ok(id.clone()));
        assert!(HoldId::parse(id.as_str()).is_err());
        let cut = &id.as_str()[..31];
        for text in ["", "DB", cut, &format!("{cut}-"), &format!("{cut}z"), &format!("{id}Z")] {
            assert!(DebitId::parse(text).is_err(), "{text}");
        }
    }
}
