//! Mail by the site's own SMTP server.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use wxpay::InvalidValue;

use crate::error_chain::error_chain;

/// Limit of each step of a mail.
const STEP: Duration = Duration::from_secs(15);

/// Sends mail. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from.email).finish_non_exhaustive()
    }
}

impl Mailer {
    /// `url` is `smtps://user:password@host:465`, or `smtp://…:587?tls=required` for a server that begins without TLS. `from` is
    /// the sender, an address alone or `name <address>`.
    ///
    /// # Errors
    /// [`InvalidValue`] that names the one that is wrong: `smtp_url` or `mail_from`.
    pub fn new(url: &str, from: &str) -> Result<Mailer, InvalidValue> {
        let bad = InvalidValue {
            what: "smtp_url",
            must_be: "smtps://user:password@host, or smtp:// with ?tls=required",
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| bad)?;
        let transport = builder.timeout(Some(STEP)).build();
        let bad = InvalidValue { what: "mail_from", must_be: "an e-mail address, or a name with one in <>" };
        Ok(Mailer { transport, from: from.parse().map_err(|_| bad)? })
    }

    /// Sends `text`, whose first line is the subject; the error says what was in the way.
    pub(super) async fn send(&self, to: &str, text: &str) -> Result<(), String> {
        let to = address(to).map_err(|_| "address".to_owned())?;
        let (subject, body) = text.split_once('\n').unwrap_or((text, ""));
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(body.to_owned())
            .map_err(|error| error.to_string())?;
        self.transport.send(message).await.map(|_| ()).map_err(|error| error_chain(&error))
    }
}

/// Reads a mail address.
///
/// # Errors
/// [`InvalidValue`].
pub(super) fn address(text: &str) -> Result<Address, InvalidValue> {
    text.parse().map_err(|_| InvalidValue { what: "url", must_be: "an e-mail address" })
}
