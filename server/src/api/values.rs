//! Values of bodies. Each says what it must be, with an example, where it is refused.

use std::{fmt, marker::PhantomData};

use recharge::{
    User,
    spend::{Amount, HoldLife, Metadata, OnShortfall, Reason, Reference},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Unexpected, Visitor},
};

/// A value of a body, read into its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given<T>(pub T);

/// A user's id, as the site has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UserId(pub String);

/// What is written as a JSON string.
pub(super) trait Text: Sized {
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
        let must_be = "a whole number of fen from 1 to 100000000000, such as 1500 for 15 yuan";
        from.deserialize_any(Whole { must_be, read: |fen| Amount::new(fen).ok() })
    }
}

impl<'de> Deserialize<'de> for Given<HoldLife> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let must_be = "a whole number of seconds from 60 to 604800, such as 900";
        from.deserialize_any(Whole { must_be, read: |seconds| HoldLife::seconds(seconds).ok() })
    }
}

impl<'de> Deserialize<'de> for Given<Metadata> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Flat;
        impl<'de> Visitor<'de> for Flat {
            type Value = Given<Metadata>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an object of at most 16 keys with strings, numbers and booleans, 2 KiB in all, such as {\"job\":\"9\"}",
                )
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
