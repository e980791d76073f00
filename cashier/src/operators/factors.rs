//! The second factor: codes of an app on the operator's phone (TOTP), and recovery codes in its place.

use recharge::audit::{Acting, AuditEntry};
use ring::digest::{SHA256, digest};
use totp_rs::{Builder, Secret, Totp};
use wxpay::UnixMillis;

use super::Accounts;
use crate::db::DbError;
use crate::db::operator_factors::{self, Proof};
use crate::random::Random;
use crate::sealing::Sealer;

/// Recovery codes that an operator has.
pub const CODES: usize = 10;
/// Letters and digits of a recovery code, 80 bits.
const CODE_LENGTH: usize = 16;
/// Without look-alikes.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Why a second factor was not changed. Nothing was written, unless the database did not confirm it.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    #[error("SAOMA_SECRET_KEY is not set: there is nothing to seal the secret with")]
    NoKey,
    /// A factor is there already, or none is there that could be confirmed or changed.
    #[error("the second factor has changed meanwhile")]
    Changed,
    #[error("this is not the code of now")]
    Wrong,
    #[error("database error")]
    Database(#[from] DbError),
}

/// How far an operator's second factor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    Off,
    /// It can be confirmed with a code.
    Begun,
    On {
        since: UnixMillis,
        codes_left: i64,
    },
}

impl Accounts {
    /// Whether secrets can be sealed, without which there is no second factor.
    pub fn can_seal(&self) -> bool {
        self.sealer.is_some()
    }

    /// # Errors
    /// [`DbError`].
    pub async fn factor(&self, operator: &str) -> Result<Factor, DbError> {
        let stored = operator_factors::find(&self.db, operator).await?;
        Ok(match stored {
            None => Factor::Off,
            Some(stored) => match stored.confirmed_at {
                None => Factor::Begun,
                Some(since) => Factor::On { since, codes_left: stored.codes_left },
            },
        })
    }

    /// A new secret for the operator's app, in base32. It counts once it is confirmed.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn begin_factor(&self, by: &Acting, now: UnixMillis) -> Result<String, FactorError> {
        let operator = by.actor.name();
        let secret = Secret::new_stack(Random::system().bytes()).to_base32();
        let sealed = self.sealer()?.seal(operator, &secret).map_err(|_| FactorError::NoKey)?;
        let entry = AuditEntry::of(now, by, "second_factor_begun", operator);
        match operator_factors::begin(&self.db, sealed, entry).await? {
            true => Ok(secret),
            false => Err(FactorError::Changed),
        }
    }

    /// Turns the second factor on with a code of the app. The recovery codes are returned here and never again.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn confirm_factor(
        &self,
        code: &str,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<Vec<String>, FactorError> {
        let operator = by.actor.name();
        let stored = operator_factors::find(&self.db, operator).await?.ok_or(FactorError::Changed)?;
        let secret = self.sealer()?.open(operator, &stored.secret).ok_or(FactorError::NoKey)?;
        let step = step(&secret, code, now).ok_or(FactorError::Wrong)?;
        let (codes, hashes) = recovery_codes();
        let entry = AuditEntry::of(now, by, "second_factor_on", operator);
        match operator_factors::confirm(&self.db, stored.secret, step, hashes, entry).await? {
            true => Ok(codes),
            false => Err(FactorError::Changed),
        }
    }

    /// New recovery codes, in the place of the old ones.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn renew_recovery_codes(
        &self,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<Vec<String>, FactorError> {
        let (codes, hashes) = recovery_codes();
        let entry = AuditEntry::of(now, by, "recovery_codes", by.actor.name());
        match operator_factors::renew_codes(&self.db, hashes, entry).await? {
            true => Ok(codes),
            false => Err(FactorError::Changed),
        }
    }

    /// Takes the second factor off an operator.
    ///
    /// # Errors
    /// [`FactorError::Changed`] if there is none.
    pub async fn remove_factor(
        &self,
        operator: &str,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<(), FactorError> {
        let entry = AuditEntry::of(now, by, "second_factor_off", operator);
        match operator_factors::remove(&self.db, entry).await? {
            true => Ok(()),
            false => Err(FactorError::Changed),
        }
    }

    /// What a typed code would prove of an operator with a second factor; whether it was used before is for the database to say.
    /// `None`: nothing.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn proof(
        &self,
        operator: &str,
        typed: &str,
        now: UnixMillis,
    ) -> Result<Option<Proof>, FactorError> {
        let typed = tidy(typed);
        if typed.len() == CODE_LENGTH {
            return Ok(Some(Proof::Recovery(hash(&typed))));
        }
        let Some(stored) = operator_factors::find(&self.db, operator).await? else { return Ok(None) };
        let sealer = self.sealer()?;
        let secret = sealer.open(operator, &stored.secret).ok_or(FactorError::NoKey)?;
        let Some(step) = step(&secret, &typed, now) else { return Ok(None) };
        // With the present key, so that the one before it is soon needed no more.
        let secret = sealer.seal(operator, &secret).map_err(|_| FactorError::NoKey)?;
        Ok(Some(Proof::Step { step, secret }))
    }

    fn sealer(&self) -> Result<&Sealer, FactorError> {
        self.sealer.as_deref().ok_or(FactorError::NoKey)
    }
}

/// The code of an app with this secret at a time, for tests of what asks for one.
pub fn code_at(secret: &str, now: UnixMillis) -> Option<String> {
    Some(totp(secret)?.generate(seconds(now)).to_string())
}

/// The step of 30 s whose code this is: of now, or of the step before or after it.
fn step(secret: &str, code: &str, now: UnixMillis) -> Option<i64> {
    i64::try_from(totp(secret)?.check(&tidy(code), seconds(now))?).ok()
}

/// SHA-1, six digits, 30 s: what every app knows. Source: RFC 6238.
fn totp(secret: &str) -> Option<Totp> {
    Builder::new().with_secret(Secret::try_from_base32(secret).ok()?).build().ok()
}

fn seconds(now: UnixMillis) -> u64 {
    u64::try_from(now.get() / 1000).unwrap_or_default()
}

/// A typed code as it is compared: without the blanks and dashes that make it readable.
fn tidy(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Codes to show, in groups of four, and the hashes to keep.
fn recovery_codes() -> (Vec<String>, Vec<String>) {
    let random = Random::system();
    let code = || {
        let bytes = random.bytes::<CODE_LENGTH>();
        bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect::<String>()
    };
    let shown =
        |code: &String| code.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-");
    let codes: Vec<_> = (0..CODES).map(|_| code()).collect();
    (codes.iter().map(shown).collect(), codes.iter().map(|code| hash(code)).collect())
}

fn hash(code: &str) -> String {
    hex::encode(digest(&SHA256, code.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "12345678901234567890" of RFC 6238, appendix B, in base32.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_the_rfc_and_count_one_step_before_and_after() {
        // The RFC's have eight digits, of which six are the last ones.
        for (second, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            let at = |second: i64| UnixMillis::new(second * 1000);
            assert_eq!(code_at(SECRET, at(second)).as_deref(), Some(code));
            for near in [-30, 0, 30] {
                assert_eq!(step(SECRET, code, at(second + near)), Some(second / 30), "{second} {near}");
            }
            assert_eq!(step(SECRET, code, at(second + 61)), None);
            assert_eq!(
                step(SECRET, &format!("{} {}", &code[..3], &code[3..]), at(second)),
                Some(second / 30)
            );
        }
        for wrong in ["", "28708", "2870820", "abcdef", "287083"] {
            assert_eq!(step(SECRET, wrong, UnixMillis::new(59_000)), None, "{wrong}");
        }
    }

    #[test]
    fn recovery_codes_can_be_read_aloud_and_are_kept_as_hashes() {
        let (codes, hashes) = recovery_codes();
        assert_eq!((codes.len(), hashes.len()), (CODES, CODES));
        for (code, kept) in codes.iter().zip(&hashes) {
            assert_eq!(code.len(), 19);
            assert_eq!(hash(&tidy(&code.to_uppercase())), *kept);
        }
    }
}
