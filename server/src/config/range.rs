//! The range of a number.

use super::ConfigError;

/// # Errors
/// [`ConfigError`] that names both ends.
pub(super) fn between(setting: &str, given: u32, least: u32, most: u32) -> Result<u32, ConfigError> {
    if (least..=most).contains(&given) {
        Ok(given)
    } else {
        Err(ConfigError::new(setting, format!("must be from {least} to {most}, it is {given}")))
    }
}
