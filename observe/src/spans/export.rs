//! The queue of spans that wait for their export. The SDK has it in a thread of its own, so that nobody waits for a collector: what
//! finds it full is dropped and counted.

use std::{
    env,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use opentelemetry::{
    Context, InstrumentationScope,
    trace::{SpanContext, SpanId, SpanKind, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Config, SamplingDecision, ShouldSample, SpanData, SpanExporter, SpanProcessor as _,
};

use crate::request::Trace;

static EXPORT: OnceLock<Export> = OnceLock::new();

struct Export {
    sampler: Box<dyn ShouldSample>,
    queue: BatchSpanProcessor,
    scope: InstrumentationScope,
    /// Spans in the queue or on their way to the collector.
    waiting: AtomicUsize,
    /// The most of them, as the SDK reads `OTEL_BSP_MAX_QUEUE_SIZE`.
    most_waiting: usize,
    /// Spans that found no room, since somebody asked.
    lost: AtomicUsize,
}

/// Exports from now on, once in a process: sampler and queue are as the environment says (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`).
/// `version` is the program's.
pub fn export_to(exporter: impl SpanExporter + 'static, version: &'static str) {
    let most_waiting = env::var("OTEL_BSP_MAX_QUEUE_SIZE").ok().and_then(|most| most.parse().ok());
    let _ = EXPORT.set(Export {
        sampler: Config::default().sampler,
        queue: BatchSpanProcessor::builder(exporter).build(),
        scope: InstrumentationScope::builder("saoma").with_version(version).build(),
        waiting: AtomicUsize::new(0),
        most_waiting: most_waiting.unwrap_or(2_048),
        lost: AtomicUsize::new(0),
    });
}

/// Takes `spans` from the count of those that wait, sent or not. Returns how many were dropped for a full queue since the last call.
pub fn taken(spans: usize) -> usize {
    let Some(export) = EXPORT.get() else { return 0 };
    export.waiting.fetch_sub(spans, Ordering::Relaxed);
    export.lost.swap(0, Ordering::Relaxed)
}

/// Exports what waits and ends, within `limit`. Returns how many spans nobody got. It blocks the thread.
pub fn stop(limit: Duration) -> usize {
    let Some(export) = EXPORT.get() else { return 0 };
    // That it took too long is said by what still waits.
    let _ = export.queue.shutdown_with_timeout(limit);
    export.waiting.load(Ordering::Relaxed) + export.lost.swap(0, Ordering::Relaxed)
}

/// The trace, with what the sampler says of it.
pub(super) fn decided(trace: Trace) -> Trace {
    let Some(export) = EXPORT.get() else { return trace };
    let parent = trace.parent.map(|span| {
        let parent = context(&Trace { span, ..trace }, true);
        Context::new().with_remote_span_context(parent)
    });
    let id = TraceId::from_bytes(trace.trace);
    let said = export.sampler.should_sample(parent.as_ref(), id, "", &SpanKind::Server, &[], &[]);
    Trace { sampled: said.decision == SamplingDecision::RecordAndSample, ..trace }
}

/// A trace that begins here, if somebody exports.
pub(super) fn begun() -> Option<Trace> {
    EXPORT.get().map(|_| decided(Trace::begun()))
}

/// Puts a span into the queue, if it is one to be kept.
pub(super) fn ended(trace: &Trace, made: impl FnOnce(&InstrumentationScope) -> SpanData) {
    let Some(export) = EXPORT.get().filter(|_| trace.sampled) else { return };
    if export.waiting.fetch_add(1, Ordering::Relaxed) < export.most_waiting {
        export.queue.on_end(made(&export.scope));
    } else {
        export.waiting.fetch_sub(1, Ordering::Relaxed);
        export.lost.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) fn context(trace: &Trace, is_remote: bool) -> SpanContext {
    let flags = if trace.sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let (id, span) = (TraceId::from_bytes(trace.trace), SpanId::from_bytes(trace.span));
    SpanContext::new(id, span, flags, is_remote, TraceState::NONE)
}
