//! A channel: a robot of a group chat, a mailbox or an address of the site's, by which people are told.

use std::collections::BTreeSet;
use std::fmt;

use wxpay::{InvalidValue, UnixMillis};

use super::AlertKind;
use crate::names::names;
use crate::random_id::random_id;

/// Milliseconds between two messages of a channel: what is raised meanwhile comes together.
pub const PACE_MS: i64 = 60_000;
/// Waits after failures in a row, in milliseconds; then the last one each time.
const BACKOFF_MS: [i64; 5] = [30_000, 60_000, 120_000, 300_000, 600_000];
/// Characters of a channel's name at most.
const LONGEST_NAME: usize = 40;

/// How long a channel is left alone after so many failures in a row, in milliseconds.
pub fn backoff_ms(failures: i64) -> i64 {
    let nth = usize::try_from(failures.max(1) - 1).unwrap_or(usize::MAX);
    BACKOFF_MS[nth.min(BACKOFF_MS.len() - 1)]
}

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    /// A robot of a group in Feishu or Lark. Its secret is optional.
    Feishu,
    /// A robot of a group in DingTalk. Its secret is optional.
    DingTalk,
    /// A robot of a group in WeCom, which has no secret: its address is one.
    WeCom,
    /// A mailbox, by the site's own SMTP server. It has no secret.
    Email,
    /// An address that takes Standard Webhooks. Its secret is needed.
    Webhook,
}

names! {
    ChannelKind {
        Feishu = "feishu",
        DingTalk = "dingtalk",
        WeCom = "wecom",
        Email = "email",
        Webhook = "webhook",
    }
}

random_id! {
    /// Which channel it is.
    ChannelId = "ac_", "the id of a channel"
}

/// What an operator chooses of a new channel. `Debug` would show the secret, so there is none.
#[derive(Clone)]
pub struct Choice {
    /// What it is.
    pub kind: ChannelKind,
    /// For people.
    pub name: String,
    /// Where messages go: an address of the web, or of mail.
    pub url: String,
    /// What messages are signed with; empty for none.
    pub secret: String,
    /// What it is told; empty: everything.
    pub kinds: BTreeSet<AlertKind>,
    /// The language of its messages: `zh` or `en`.
    pub lang: String,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").field("kind", &self.kind).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Choice {
    /// Whether name, language and the presence of a secret are right; the address is judged by who sends.
    ///
    /// # Errors
    /// [`InvalidValue`] that names the field: `name`, `secret` or `lang`.
    pub fn check(&self) -> Result<(), InvalidValue> {
        if self.name.trim().is_empty() || self.name.chars().count() > LONGEST_NAME {
            return Err(InvalidValue { what: "name", must_be: "1 to 40 characters" });
        }
        let has_secret = !self.secret.is_empty();
        match self.kind {
            ChannelKind::Webhook if !has_secret => {
                return Err(InvalidValue { what: "secret", must_be: "set: deliveries are signed with it" });
            }
            ChannelKind::WeCom | ChannelKind::Email if has_secret => {
                return Err(InvalidValue {
                    what: "secret",
                    must_be: "empty: robots of WeCom and mail have none",
                });
            }
            _ => {}
        }
        match self.lang.as_str() {
            "zh" | "en" => Ok(()),
            _ => Err(InvalidValue { what: "lang", must_be: "zh or en" }),
        }
    }
}

/// A channel as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// What it is.
    pub kind: ChannelKind,
    /// For people.
    pub name: String,
    /// The host of its address: what may be shown.
    pub host: String,
    /// The address, sealed: whoever has a robot's address can write to the group.
    pub url: String,
    /// The secret, sealed.
    pub secret: Option<String>,
    /// What it is told; empty: everything.
    pub kinds: BTreeSet<AlertKind>,
    /// The language of its messages: `zh` or `en`.
    pub lang: String,
    /// The last alert that it was told of, or that it did not want.
    pub position: i64,
    /// When it may be sent something; while it is, when others may try.
    pub due_at: UnixMillis,
    /// Failures since the last message that was taken.
    pub failures: i64,
    /// What was in the way of the last one.
    pub problem: Option<String>,
    /// When the last message was taken.
    pub told_at: Option<UnixMillis>,
    /// Who made it.
    pub made_by: String,
    /// When it was made.
    pub created_at: UnixMillis,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(kind: ChannelKind, secret: &str) -> Choice {
        let (name, url, secret) = ("值班群".to_owned(), String::new(), secret.to_owned());
        Choice { kind, name, url, secret, kinds: BTreeSet::new(), lang: "zh".to_owned() }
    }

    #[test]
    fn a_webhook_needs_a_secret_and_wecom_and_mail_have_none() {
        for (kind, secret, is_right) in [
            (ChannelKind::Feishu, "", true),
            (ChannelKind::Feishu, "s", true),
            (ChannelKind::DingTalk, "s", true),
            (ChannelKind::WeCom, "", true),
            (ChannelKind::WeCom, "s", false),
            (ChannelKind::Email, "", true),
            (ChannelKind::Email, "s", false),
            (ChannelKind::Webhook, "", false),
            (ChannelKind::Webhook, "s", true),
        ] {
            assert_eq!(choice(kind, secret).check().is_ok(), is_right, "{kind:?} {secret}");
        }
        assert!(Choice { name: " ".to_owned(), ..choice(ChannelKind::Feishu, "") }.check().is_err());
        assert!(Choice { lang: "fr".to_owned(), ..choice(ChannelKind::Feishu, "") }.check().is_err());
    }

    #[test]
    fn a_channel_that_fails_is_left_alone_for_longer_up_to_ten_minutes() {
        let waits: Vec<_> = (0..8).map(backoff_ms).collect();
        assert_eq!(waits, [30_000, 30_000, 60_000, 120_000, 300_000, 600_000, 600_000, 600_000]);
    }

    #[test]
    fn an_id_is_read_as_it_was_made_and_nothing_else_is() {
        let id = ChannelId::new([7; 10]);
        assert_eq!(ChannelId::parse(id.as_str()), Ok(id));
        for text in ["", "ac_", "we_AAAAAAAAAAAAAAAA", "ac_aaaaaaaaaaaaaaaa", "ac_AAAAAAAAAAAAAAAAA"] {
            assert!(ChannelId::parse(text).is_err(), "{text}");
        }
    }
}
