//! The settings of mail.

use cashier::alerts::Mailer;

use super::{ConfigError, settings::Settings};

const URL: &str = "SAOMA_SMTP_URL";
const FROM: &str = "SAOMA_MAIL_FROM";

/// What sends mail; `None` without the settings.
///
/// # Errors
/// [`ConfigError`].
pub(super) fn mailer(s: &Settings) -> Result<Option<Mailer>, ConfigError> {
    let (url, from) = match (&s.smtp_url, &s.mail_from) {
        (Some(url), Some(from)) => (url, from),
        (Some(_), None) => return Err(ConfigError::new(FROM, "must be set together with SAOMA_SMTP_URL")),
        (None, Some(_)) => return Err(ConfigError::new(URL, "must be set together with SAOMA_MAIL_FROM")),
        (None, None) => return Ok(None),
    };
    // It would travel as it is.
    if url.starts_with("smtp://") && url.contains('@') && !url.contains("tls=required") {
        return Err(ConfigError::new(URL, "must be smtps://, or have ?tls=required: it has a password"));
    }
    let mailer = Mailer::new(url, from).map_err(|wrong| {
        let setting = if wrong.what == "mail_from" { FROM } else { URL };
        ConfigError::new(setting, format!("must be {}", wrong.must_be))
    })?;
    Ok(Some(mailer))
}
