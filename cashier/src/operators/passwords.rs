//! Passwords: hashing and comparing with argon2id, and making one.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};

use super::OperatorError;
use super::common_passwords::is_common;
use crate::random::Random;

/// A hash of no known password. It is compared with where no operator has the name, so that the time of an answer does not tell
/// which names exist.
pub const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FvbWEtbm9ib2R5LTAx$F4JdAUiEQ1mXoy1sUWNwYfZ9bTq9l1zJxkqTtvwvyoM";

/// Whether this is the password of the hash. It takes 19 MiB and about 30 ms of a processor.
pub fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// # Errors
/// [`OperatorError::Password`], [`OperatorError::Common`], [`OperatorError::Hash`].
pub(super) fn hashed(password: &str) -> Result<String, OperatorError> {
    if !(12..=256).contains(&password.chars().count()) {
        return Err(OperatorError::Password);
    }
    if is_common(password) {
        return Err(OperatorError::Common);
    }
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|_| OperatorError::Hash)?;
    Ok(hash.to_string())
}

/// A password that can be read aloud: 20 letters and digits without look-alikes, 100 bits.
pub fn new_password(random: &Random) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters: Vec<u8> = random.bytes::<20>().iter().map(|byte| ALPHABET[usize::from(byte % 32)]).collect();
    let groups: Vec<_> = letters.chunks(5).map(String::from_utf8_lossy).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_can_be_read_aloud_and_is_accepted() {
        let password = new_password(&Random::system());
        assert_eq!(password.len(), 23);
        assert!(password.chars().all(|c| c == '-' || c.is_ascii_lowercase() || ('2'..='9').contains(&c)));
        assert_ne!(password, new_password(&Random::system()));
        assert!(hashed(&password).is_ok());
    }

    #[test]
    fn a_password_is_refused_that_is_short_long_or_common() {
        assert!(matches!(hashed("short"), Err(OperatorError::Password)));
        // Four characters, although twelve bytes.
        assert!(matches!(hashed("苹果飞机"), Err(OperatorError::Password)));
        assert!(matches!(hashed(&"x".repeat(257)), Err(OperatorError::Password)));
        assert!(matches!(hashed("1qaz2wsx3edc"), Err(OperatorError::Common)));
        let hash = hashed("correct horse battery").unwrap();
        assert!(verify("correct horse battery", &hash) && !verify("correct horse batterz", &hash));
    }
}
