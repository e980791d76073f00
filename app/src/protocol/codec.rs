//! The encoding of server functions and island properties: JSON, with `serde_json` on the server and the browser's own
//! JSON in the browser, whose module is smaller without `serde_json`.

use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};

#[cfg(not(feature = "ssr"))]
pub use self::browser::Message;

/// The encoding of server functions.
#[derive(Debug)]
pub struct JsonCodec;

impl ContentType for JsonCodec {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for JsonCodec {
    const FORMAT_TYPE: Format = Format::Text;
}

#[cfg(feature = "ssr")]
mod server {
    use super::{Bytes, Decodes, Encodes, JsonCodec};
    use serde::{Serialize, de::DeserializeOwned};

    impl<T: Serialize> Encodes<T> for JsonCodec {
        type Error = serde_json::Error;

        fn encode(value: &T) -> Result<Bytes, Self::Error> {
            serde_json::to_vec(value).map(Bytes::from)
        }
    }

    impl<T: DeserializeOwned> Decodes<T> for JsonCodec {
        type Error = serde_json::Error;

        fn decode(bytes: Bytes) -> Result<T, Self::Error> {
            serde_json::from_slice(&bytes)
        }
    }
}

#[cfg(not(feature = "ssr"))]
mod browser {
    use super::super::json::Json;
    use super::{Bytes, Decodes, Encodes, JsonCodec};

    /// What the browser writes or reads. Each message goes one way there, so the other way may stay unwritten.
    pub trait Message: Sized {
        fn to_json(&self) -> Json {
            Json::object([])
        }

        fn from_json(_: &Json) -> Option<Self> {
            None
        }
    }

    /// The bytes are not the message that was expected.
    #[derive(Debug, thiserror::Error)]
    #[error("unreadable message")]
    pub struct Unreadable;

    impl<T: Message> Encodes<T> for JsonCodec {
        type Error = Unreadable;

        fn encode(value: &T) -> Result<Bytes, Unreadable> {
            Ok(value.to_json().write().into())
        }
    }

    impl<T: Message> Decodes<T> for JsonCodec {
        type Error = Unreadable;

        fn decode(bytes: Bytes) -> Result<T, Unreadable> {
            let json = std::str::from_utf8(&bytes).ok().and_then(Json::parse);
            json.and_then(|json| T::from_json(&json)).ok_or(Unreadable)
        }
    }
}
