//! The body of an answer, piece by piece.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;

use super::in_process::BoxBody;
use crate::error::Error;

/// The body of an answer, still to come.
#[derive(Debug)]
pub(crate) enum Answer {
    Http(reqwest::Response),
    InProcess(BoxBody),
}

impl Answer {
    /// The next piece of the body, `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match self {
            Answer::Http(response) => response.chunk().await.map_err(super::tls::broken),
            Answer::InProcess(body) => loop {
                let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
                let Some(frame) = frame else { return Ok(None) };
                if let Ok(data) = frame.map_err(Error::Transport)?.into_data() {
                    return Ok(Some(data));
                }
            },
        }
    }

    /// All of it, or `limit` bytes and one more if it is longer, whatever length the answer declares.
    pub(crate) async fn whole(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk[..chunk.len().min(limit + 1 - body.len())]);
            if body.len() > limit {
                break;
            }
        }
        Ok(body)
    }
}
