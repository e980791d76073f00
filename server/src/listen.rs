//! Hands a Saoma's events on to a program that the internet does not reach, such as one on a developer's laptop: long polls of
//! `GET /api/v1/events`, and each event posted and signed as a webhook is.

use std::time::Duration;

use http::StatusCode;
use recharge::webhook::signature::{WebhookSecret, headers};
use reqwest::{Client, redirect::Policy};
use serde::Deserialize;
use serde_json::value::RawValue;
use wxpay::UnixMillis;

/// Seconds that a poll waits for an event.
const WAIT_S: u64 = 25;
/// Pause after a poll that failed.
const PAUSE: Duration = Duration::from_secs(2);
/// Pauses between the tries of an event; then the next event comes.
const AGAIN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// Whose events, and where they go.
#[derive(Debug)]
pub struct Listen {
    /// The address of the Saoma, without a slash at its end.
    pub server: String,
    /// A key with `events:read`.
    pub key: String,
    pub to: String,
    pub secret: WebhookSecret,
    /// Only these types; none: all.
    pub types: Vec<String>,
}

/// Why listening ended.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// It would not go better the next time.
    #[error("{server} answers {status}: {said}")]
    Refused { server: String, status: StatusCode, said: String },
    #[error("the HTTP client could not be made")]
    Client(#[source] reqwest::Error),
}

#[derive(Deserialize)]
struct Page<'p> {
    #[serde(borrow)]
    data: Vec<&'p RawValue>,
    next: String,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

impl Listen {
    /// Hands on what happens from now on; `show` gets a line for each event. Ends only by an error.
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn run(&self, show: impl Fn(String)) -> Result<std::convert::Infallible, ListenError> {
        let client = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(WAIT_S + 15));
        let client = client.build().map_err(ListenError::Client)?;
        let mut after = "latest".to_owned();
        loop {
            match self.poll(&client, &after).await {
                Ok((status, text)) if status.is_success() => {
                    let Ok(page) = serde_json::from_str::<Page<'_>>(&text) else {
                        show(format!("{} answers something that is no page of events", self.server));
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    };
                    for event in page.data {
                        self.hand_on(&client, event.get(), &show).await;
                    }
                    after = page.next;
                }
                Ok((status, text)) => {
                    let said = serde_json::from_str::<Refusal>(&text);
                    let (code, said) = said.map_or((String::new(), text), |said| (said.code, said.detail));
                    if code == "cursor_lost" {
                        show(format!("{said}: going on with what happens from now on"));
                        "latest".clone_into(&mut after);
                    } else if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
                        return Err(ListenError::Refused { server: self.server.clone(), status, said });
                    } else {
                        show(format!("{} answers {status}: {said}", self.server));
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    show(format!(
                        "{} does not answer: {}",
                        self.server,
                        cashier::error_chain::error_chain(&error)
                    ));
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn poll(&self, client: &Client, after: &str) -> Result<(StatusCode, String), reqwest::Error> {
        let mut query =
            vec![("after", after.to_owned()), ("wait_s", WAIT_S.to_string()), ("limit", "100".to_owned())];
        if after == "latest" {
            // Where to begin is known at once; only then it is waited for what comes after.
            query.remove(1);
        }
        query.extend(self.types.iter().map(|kind| ("type", kind.clone())));
        let query = serde_urlencoded::to_string(&query).unwrap_or_default();
        let url = format!("{}/api/v1/events?{query}", self.server);
        let answer = client.get(url).bearer_auth(&self.key).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    /// Posts an event until it is taken, a few times at most.
    async fn hand_on(&self, client: &Client, body: &str, show: &impl Fn(String)) {
        let Ok(Event { id, kind, subject }) = serde_json::from_str(body) else { return };
        for pause in AGAIN.into_iter().map(Some).chain([None]) {
            let mut request =
                client.post(&self.to).header("content-type", "application/json").body(body.to_owned());
            for (name, value) in headers([&self.secret], &id, UnixMillis::now(), body) {
                request = request.header(name, value);
            }
            let answer = match request.send().await {
                Ok(answer) => answer.status().to_string(),
                Err(error) => cashier::error_chain::error_chain(&error),
            };
            show(format!("{kind} {subject} {id}: {answer}"));
            let is_taken = answer.starts_with('2');
            match pause {
                Some(pause) if !is_taken => tokio::time::sleep(pause).await,
                _ => return,
            }
        }
    }
}
