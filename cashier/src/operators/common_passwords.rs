//! The commonest passwords, which guessing begins with.
//!
//! `common_passwords.bin` has, of the million commonest, the 43,940 that are long enough for an operator: the first four bytes of the
//! SHA-256 of each in lower case, sorted. It is read where it lies in the binary, so that it costs nothing until a password is set. A
//! password that is not among them is taken for one of them once in 98,000 times. `scripts/common-passwords.py` makes it, and
//! `common_passwords.LICENSE` says from what.

use ring::digest::{SHA256, digest};

static PREFIXES: &[u8] = include_bytes!("common_passwords.bin");
const WIDTH: usize = 4;

/// Whether the password is one of the commonest, in whatever case it is written.
pub(super) fn is_common(password: &str) -> bool {
    let (prefixes, _) = PREFIXES.as_chunks::<WIDTH>();
    let digest = digest(&SHA256, password.to_lowercase().as_bytes());
    let prefix = digest.as_ref().first_chunk::<WIDTH>();
    prefix.is_some_and(|prefix| prefixes.binary_search(prefix).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_are_known_in_any_case_and_others_are_not() {
        for common in
            ["1qaz2wsx3edc", "qwertyqwerty", "QWERTYqwerty", "123456789987654321", "Mailcreated5240"]
        {
            assert!(is_common(common), "{common}");
        }
        for other in [
            "correct horse battery",
            "another horse battery",
            "a password of the tests",
            "only for measuring",
        ] {
            assert!(!is_common(other), "{other}");
        }
    }

    #[test]
    fn the_file_is_whole_and_sorted() {
        let (prefixes, rest) = PREFIXES.as_chunks::<WIDTH>();
        assert!(rest.is_empty() && prefixes.is_sorted());
        assert!((43_900..44_000).contains(&prefixes.len()), "{}", prefixes.len());
    }
}
