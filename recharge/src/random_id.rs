//! Ids without a time: a prefix and 80 random bits.

use wxpay::InvalidValue;

/// `/// Which one. Name = "prefix_", "what it is the id of";`
macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident = $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// A new one.
            pub fn new(random: [u8; 10]) -> $name {
                $name(format!(concat!($prefix, "{}"), $crate::base32::base32(&random)))
            }

            /// Reads one.
            ///
            /// # Errors
            /// [`InvalidValue`](wxpay::InvalidValue) for what [`new`](Self::new) does not make.
            pub fn parse(text: impl Into<String>) -> Result<$name, wxpay::InvalidValue> {
                let must_be = concat!($prefix, " and 16 capital letters and digits");
                $crate::random_id::check(text.into(), $prefix, $what, must_be).map($name)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use random_id;

/// The text, if it is the prefix and 16 letters of base32.
pub(crate) fn check(
    text: String,
    prefix: &str,
    what: &'static str,
    must_be: &'static str,
) -> Result<String, InvalidValue> {
    let letters = text.strip_prefix(prefix).unwrap_or_default();
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    match letters.len() == 16 && letters.bytes().all(is_letter) {
        true => Ok(text),
        false => Err(InvalidValue { what, must_be }),
    }
}
