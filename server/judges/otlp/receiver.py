"""A collector of spans by OTLP over HTTP, which reads them with OpenTelemetry's own messages.

The first line that it prints is its port, each later one a span as JSON, with its resource and the header `x-tenant` that came with it.
"""

import http.server
import json

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


def values(attributes):
    return {attribute.key: getattr(attribute.value, attribute.value.WhichOneof("value")) for attribute in attributes}


def whole(span):
    """All of a span as text but its ids: their random bytes would be printed as any characters."""
    shown = Span()
    shown.CopyFrom(span)
    for field in ("trace_id", "span_id", "parent_span_id"):
        shown.ClearField(field)
    return str(shown)


def lines(request, tenant):
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield {
                    "tenant": tenant,
                    "resource": values(of_resource.resource.attributes),
                    "name": span.name,
                    "kind": Span.SpanKind.Name(span.kind),
                    "trace": span.trace_id.hex(),
                    "span": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "began": span.start_time_unix_nano,
                    "ended": span.end_time_unix_nano,
                    "attributes": values(span.attributes),
                    "status": Status.StatusCode.Name(span.status.code),
                    "whole": whole(span),
                }


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status, answer = 200, ExportTraceServiceResponse().SerializeToString()
        if self.path != "/v1/traces" or self.headers["content-type"] != "application/x-protobuf":
            status, answer = 415, b""
        try:
            for line in lines(ExportTraceServiceRequest.FromString(body), self.headers["x-tenant"]):
                print(json.dumps(line), flush=True)
        except DecodeError:
            status, answer = 400, b""
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
