//! Values of bodies. Each says what it must be, with an example, where it is refused.

use std::{fmt, marker::PhantomData, net::IpAddr};

use recharge::{
    User,
    spend::{Amount, HoldLife, Metadata, OnShortfall, Reason, Reference},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Unexpected, Visitor},
};
use wxpay::Fen;

use crate::user_token::{LONGEST_RETURN_URL, LONGEST_S, SHORTEST_SESSION_S};

/// What the values must be that are no strings.
pub(crate) const AMOUNT: &str = "a whole number of fen from 1 to 100000000000, such as 1500 for 15 yuan";
pub(crate) const TOTAL_FEE: &str = "a whole number of fen from 1 to 1000000000, such as 1500 for 15 yuan";
pub(crate) const QUANTITY: &str = "a whole number of units, such as 50";
pub(crate) const HOLD_LIFE: &str = "a whole number of seconds from 60 to 604800, such as 900";
pub(crate) const SESSION_LIFE: &str = "a whole number of seconds from 60 to 86400, such as 3600";
pub(crate) const METADATA: &str =
    "an object of at most 16 keys with strings, numbers and booleans, 2 KiB in all, such as {\"job\":\"9\"}";

/// A value of a body, read into its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given<T>(pub T);

/// A user's id, as the site has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserId(pub String);

/// A user's name, to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(pub String);

/// Where pages lead back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReturnUrl(pub String);

/// The payer's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PayerIp(pub IpAddr);

/// Why money goes back, as the payer reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefundReason(pub String);

/// The price of an order, in fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TotalFee(pub Fen);

/// Units that are bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantity(pub u32);

/// `true` or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag(pub bool);

/// How long a payer's session lives, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionLife(pub i64);

/// What is written as a JSON string.
pub(crate) trait Text: Sized {
    /// What it must be, with an example.
    const MUST_BE: &str;

    fn read(text: &str) -> Option<Self>;
}

impl Text for UserId {
    const MUST_BE: &str =
        "the user's id on your site: 1 to 64 bytes without control or invisible characters, such as \"u-7\"";

    fn read(text: &str) -> Option<UserId> {
        User::new(text, "").ok().map(|user| UserId(user.id))
    }
}

impl Text for Name {
    const MUST_BE: &str = "the user's name: at most 128 bytes, such as \"小林\"";

    fn read(text: &str) -> Option<Name> {
        User::new("u", text).ok().map(|user| Name(user.name))
    }
}

impl Text for ReturnUrl {
    const MUST_BE: &str = "an address of at most 1024 bytes, such as \"https://www.example.com/thanks\"";

    fn read(text: &str) -> Option<ReturnUrl> {
        let uri: http::Uri =
            text.parse().ok().filter(|_| text.len() <= LONGEST_RETURN_URL && text.is_ascii())?;
        let is_web = matches!(uri.scheme_str(), Some("https" | "http"));
        let host = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        (is_web && host.is_some()).then(|| ReturnUrl(text.to_owned()))
    }
}

impl Text for PayerIp {
    const MUST_BE: &str = "the payer's IPv4 or IPv6 address, such as \"203.0.113.7\"";

    fn read(text: &str) -> Option<PayerIp> {
        text.parse().ok().map(PayerIp)
    }
}

impl Text for RefundReason {
    const MUST_BE: &str = "1 to 80 bytes without control characters, such as \"Sold out\"";

    fn read(text: &str) -> Option<RefundReason> {
        recharge::refund::is_reason(text).then(|| RefundReason(text.to_owned()))
    }
}

impl Text for Reference {
    const MUST_BE: &str = "your own number of it: 1 to 64 visible ASCII characters, such as \"vip-4711\"";

    fn read(text: &str) -> Option<Reference> {
        Reference::parse(text).ok()
    }
}

impl Text for Reason {
    const MUST_BE: &str = "1 to 200 bytes without control characters, such as \"VIP 30 days\"";

    fn read(text: &str) -> Option<Reason> {
        Reason::parse(text).ok()
    }
}

impl Text for OnShortfall {
    const MUST_BE: &str = "\"refuse\" or \"take_rest\"";

    fn read(text: &str) -> Option<OnShortfall> {
        match text {
            "refuse" => Some(OnShortfall::Refuse),
            "take_rest" => Some(OnShortfall::TakeRest),
            _ => None,
        }
    }
}

impl<'de, T: Text> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AsText<T>(PhantomData<T>);
        impl<T: Text> Visitor<'_> for AsText<T> {
            type Value = Given<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::MUST_BE)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Given<T>, E> {
                T::read(text).map(Given).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        from.deserialize_any(AsText(PhantomData))
    }
}

/// What is written as a whole number: no string, no point, no exponent.
struct Whole<T> {
    must_be: &'static str,
    read: fn(i64) -> Option<T>,
}

impl<T> Visitor<'_> for Whole<T> {
    type Value = Given<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.must_be)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Given<T>, E> {
        (self.read)(number).map(Given).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Given<T>, E> {
        let signed = i64::try_from(number).ok().and_then(self.read);
        signed.map(Given).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

impl<'de> Deserialize<'de> for Given<Amount> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Whole { must_be: AMOUNT, read: |fen| Amount::new(fen).ok() })
    }
}

impl<'de> Deserialize<'de> for Given<TotalFee> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = |fen| {
            let fee = Fen::new(fen);
            recharge::price::check(fee, Fen::ZERO).ok().map(|()| TotalFee(fee))
        };
        from.deserialize_any(Whole { must_be: TOTAL_FEE, read })
    }
}

impl<'de> Deserialize<'de> for Given<Quantity> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let must_be = QUANTITY;
        let read = |units| u32::try_from(units).ok().filter(|units| *units > 0).map(Quantity);
        from.deserialize_any(Whole { must_be, read })
    }
}

impl<'de> Deserialize<'de> for Given<Flag> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Given<Flag>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E: Error>(self, flag: bool) -> Result<Given<Flag>, E> {
                Ok(Given(Flag(flag)))
            }
        }
        from.deserialize_any(Word)
    }
}

impl<'de> Deserialize<'de> for Given<HoldLife> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Whole { must_be: HOLD_LIFE, read: |seconds| HoldLife::seconds(seconds).ok() })
    }
}

impl<'de> Deserialize<'de> for Given<SessionLife> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read =
            |seconds| (SHORTEST_SESSION_S..=LONGEST_S).contains(&seconds).then_some(SessionLife(seconds));
        from.deserialize_any(Whole { must_be: SESSION_LIFE, read })
    }
}

impl<'de> Deserialize<'de> for Given<Metadata> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Flat;
        impl<'de> Visitor<'de> for Flat {
            type Value = Given<Metadata>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(METADATA)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Given<Metadata>, A::Error> {
                let mut map = serde_json::Map::new();
                while let Some((key, value)) = pairs.next_entry::<String, serde_json::Value>()? {
                    if map.contains_key(&key) {
                        return Err(A::Error::custom(format!("duplicate field `{key}`")));
                    }
                    map.insert(key, value);
                }
                Metadata::new(map).map(Given).map_err(|_| A::Error::invalid_value(Unexpected::Map, &self))
            }
        }
        from.deserialize_any(Flat)
    }
}
