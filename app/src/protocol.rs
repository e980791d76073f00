//! What the browser and the server say to each other: the messages, the refusal, and how both are written.

pub mod codec;
#[cfg(not(feature = "ssr"))]
pub mod json;
#[cfg(not(feature = "ssr"))]
pub mod messages;
pub mod offer;
