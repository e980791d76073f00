//! How server functions and what the server hands to islands are written: JSON, with `serde_json` on the server and the
//! browser's own JSON in the browser.

use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};

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
mod codec {
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
mod codec {
    use super::{Bytes, Decodes, Encodes, JsonCodec};
    use crate::protocol::json::Json;
    use crate::protocol::messages::Message;

    /// What came is not what was expected.
    #[derive(Debug, thiserror::Error)]
    #[error("unreadable")]
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
