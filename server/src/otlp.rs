//! Export of spans to an OpenTelemetry collector, by OTLP over HTTP. The environment says where and what, in the variables that all
//! programs with OpenTelemetry have. A thread of the SDK sends: no request waits for it, and a stop only for a while.

mod collector;
mod environment;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use observe::spans;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use wxpay::UnixMillis;

pub use self::environment::InvalidVariable;
use self::{
    collector::{Collector, Failure},
    environment::Environment,
};
use crate::log_limit::LogLimit;

/// How long a stop waits until the collector has what is queued.
const STOP: Duration = Duration::from_secs(2);

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why nothing can be exported.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    #[error(transparent)]
    Variable(#[from] InvalidVariable),
    #[error("OpenTelemetry: the machine's TLS authorities cannot be read")]
    Client(#[source] reqwest::Error),
    #[error("OpenTelemetry")]
    Exporter(#[from] ExporterBuildError),
}

/// Exports from now on if the environment names a collector; within a runtime of tokio, which sends.
/// # Errors
/// [`OtlpError`], if the environment says something that does not work.
pub fn start() -> Result<(), OtlpError> {
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(environment) = Environment::read(read)? else { return Ok(()) };
    let collector = Collector::new(&environment).map_err(OtlpError::Client)?;
    let failure = collector.failure();
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().with_http_client(collector);
    let mut exporter =
        Exporter { to: exporter.build()?, failure, line: LogLimit::default(), lost: AtomicUsize::new(0) };
    exporter.set_resource(&resource());
    spans::export_to(exporter, VERSION);
    tracing::info!("exporting spans by OpenTelemetry to {}", environment.host());
    Ok(())
}

/// Sends what is queued, for 2 s at most.
pub async fn stop() {
    let Ok(lost) = tokio::task::spawn_blocking(|| spans::stop(STOP)).await else { return };
    if lost > 0 {
        tracing::warn!(lost, "the OpenTelemetry collector has not got the last spans");
    }
}

/// What the spans are of, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` says it.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let is_named = |name: &'static str| {
        let value = said.get(&Key::from_static_str(name));
        value.is_some_and(|value| !value.as_str().starts_with("unknown_service"))
    };
    let ours = [("service.name", "saoma"), ("service.version", VERSION)];
    let missing = ours.into_iter().filter(|(name, _)| !is_named(name));
    Resource::builder().with_attributes(missing.map(|(name, value)| KeyValue::new(name, value))).build()
}

/// The SDK's exporter, and what becomes of spans that it cannot send: they are gone, and one line in ten seconds says how many.
#[derive(Debug)]
struct Exporter {
    to: opentelemetry_otlp::SpanExporter,
    failure: Arc<Failure>,
    line: LogLimit,
    /// Since the last line.
    lost: AtomicUsize,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.to.export(batch).await;
        let no_room = spans::taken(spans);
        match sent {
            Ok(()) if no_room == 0 => {}
            Ok(()) => self.lost(no_room, "it is too slow"),
            Err(error) => {
                self.lost(spans + no_room, &self.failure.take().unwrap_or_else(|| error.to_string()));
            }
        }
        // That it failed has been said.
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.to.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.to.set_resource(resource);
    }
}

impl Exporter {
    fn lost(&self, spans: usize, why: &str) {
        self.lost.fetch_add(spans, Ordering::Relaxed);
        if self.line.take(UnixMillis::now()).is_some() {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            tracing::warn!(lost, "spans were not exported to the OpenTelemetry collector: {why}");
        }
    }
}
