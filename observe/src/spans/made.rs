//! What a span says. Names and attributes are those of OpenTelemetry's conventions for HTTP
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>), without `url.full`, `url.path`, `url.query`, `client.address` and
//! `user_agent.original`: they have values that belong to a payer or are secret.

use std::time::{Instant, SystemTime};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanId, SpanKind, Status},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::{Answered, Called, export::context};
use crate::request::Trace;

/// The span of a request.
pub(super) fn server(answered: &Answered<'_>, scope: &InstrumentationScope) -> SpanData {
    let Answered { request, served, method, route, began, status } = answered;
    let mut attributes = vec![
        KeyValue::new("http.request.method", *method),
        KeyValue::new("url.scheme", served.scheme),
        KeyValue::new("server.address", served.host.clone()),
        KeyValue::new("server.port", i64::from(served.port)),
        // The one of the log and of an order's time line.
        KeyValue::new("saoma.request_id", request.id.to_string()),
    ];
    attributes.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
    let error = match status {
        None => Some("cancelled".to_owned()),
        Some(status) => (*status >= 500).then(|| status.to_string()),
    };
    let name = named(method, *route);
    let span = (SpanKind::Server, name, wall(*began), wall(Instant::now()));
    data(span, &request.trace, true, (attributes, *status, error), scope)
}

/// The span of a request to WeChat.
pub(super) fn client(called: &Called<'_>, scope: &InstrumentationScope) -> SpanData {
    let Called { method, template, host, port, status, .. } = called;
    let mut attributes = vec![
        KeyValue::new("http.request.method", *method),
        KeyValue::new("url.template", (*template).to_owned()),
        KeyValue::new("server.address", (*host).to_owned()),
        KeyValue::new("saoma.wechat.api", called.api),
        KeyValue::new("saoma.wechat.protocol", called.protocol.to_owned()),
    ];
    attributes.extend(port.map(|port| KeyValue::new("server.port", i64::from(port))));
    attributes.extend(called.outcome.map(|outcome| KeyValue::new("saoma.wechat.outcome", outcome)));
    let error = match status {
        None => Some("no_answer".to_owned()),
        Some(400..) => status.map(|status| status.to_string()),
        // API v2 answers 200 whatever it says. What it refuses by its rules is an answer, the rest is a failure.
        Some(_) => called.outcome.filter(|outcome| !matches!(*outcome, "ok" | "refused")).map(str::to_owned),
    };
    let began = wall(called.began);
    let span = (SpanKind::Client, named(method, Some(template)), began, began + called.took);
    data(span, &called.trace, false, (attributes, *status, error), scope)
}

fn named(method: &str, target: Option<&str>) -> String {
    let method = if method == "_OTHER" { "HTTP" } else { method };
    target.map_or(method.to_owned(), |target| format!("{method} {target}"))
}

fn data(
    (span_kind, name, start_time, end_time): (SpanKind, String, SystemTime, SystemTime),
    trace: &Trace,
    parent_is_remote: bool,
    (mut attributes, status, error): (Vec<KeyValue>, Option<u16>, Option<String>),
    scope: &InstrumentationScope,
) -> SpanData {
    attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", i64::from(status))));
    let status = if error.is_some() { Status::error("") } else { Status::Unset };
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    SpanData {
        span_context: context(trace, false),
        parent_span_id: trace.parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: parent_is_remote && trace.parent.is_some(),
        span_kind,
        name: name.into(),
        start_time,
        end_time,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: scope.clone(),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a span says when it was, finer than milliseconds; nothing is decided by it"
)]
fn wall(at: Instant) -> SystemTime {
    SystemTime::now() - at.elapsed()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{request::Request, spans::Served};

    const PARENT: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn value(span: &SpanData, key: &str) -> Option<String> {
        let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key)?;
        Some(found.value.to_string())
    }

    fn answered(method: &str, route: Option<&str>, status: Option<u16>) -> SpanData {
        let served = Served { scheme: "https", host: "pay.example.com".to_owned(), port: 443 };
        let (request, method) = (Request::of(None, Some(PARENT)), super::super::method(method));
        let began = Instant::now();
        let answered = Answered { request, served: &served, method, route, began, status };
        server(&answered, &InstrumentationScope::default())
    }

    #[test]
    fn a_request_is_a_part_of_its_callers_trace_and_named_by_its_route() {
        let span = answered("GET", Some("/api/v1/recharges/{out_trade_no}"), Some(200));
        assert_eq!(span.name, "GET /api/v1/recharges/{out_trade_no}");
        assert_eq!(span.parent_span_id, SpanId::from_hex("b7ad6b7169203331").unwrap());
        assert!(span.parent_span_is_remote && span.span_context.is_sampled());
        assert_eq!((span.status.clone(), value(&span, "error.type")), (Status::Unset, None));
        assert_eq!(value(&span, "http.response.status_code").as_deref(), Some("200"));
    }

    #[test]
    fn what_strangers_choose_is_in_no_name() {
        let span = answered("HACK", None, Some(404));
        assert_eq!((&*span.name, value(&span, "http.route")), ("HTTP", None));
        assert_eq!(value(&span, "http.request.method").as_deref(), Some("_OTHER"));
        assert_eq!(span.status, Status::Unset, "the caller's fault is not the server's");
    }

    #[test]
    fn a_failure_is_one_of_the_server_or_of_who_did_not_wait() {
        for (status, error) in [(Some(503), "503"), (None, "cancelled")] {
            let span = answered("POST", Some("/wxpay/notify"), status);
            assert_eq!(
                (value(&span, "error.type").as_deref(), span.status),
                (Some(error), Status::error(""))
            );
        }
    }

    #[test]
    fn a_call_has_its_requests_part_above_it_and_what_wechat_refuses_is_no_failure() {
        let above = Trace::read(PARENT).unwrap();
        for (status, outcome, error) in [
            (Some(200), Some("ok"), None),
            (Some(200), Some("refused"), None),
            (Some(200), Some("unclear"), Some("unclear")),
            (Some(403), Some("refused"), Some("403")),
            (None, None, Some("no_answer")),
        ] {
            let (trace, began, took) = (above.child(), Instant::now(), Duration::from_millis(20));
            let (host, port, template) = ("api.mch.weixin.qq.com", Some(443), "/pay/unifiedorder");
            let (api, protocol, method) = ("place", "v2", "POST");
            let called =
                Called { trace, method, template, host, port, began, took, status, api, protocol, outcome };
            let span = client(&called, &InstrumentationScope::default());
            assert_eq!(span.parent_span_id, SpanId::from_bytes(above.span));
            assert_eq!((&*span.name, span.span_kind.clone()), ("POST /pay/unifiedorder", SpanKind::Client));
            assert_eq!(value(&span, "error.type").as_deref(), error, "{status:?} {outcome:?}");
            assert_eq!(span.start_time + took, span.end_time);
        }
    }
}
