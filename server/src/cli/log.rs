//! The lines of the log. Those that are written for a request say which, wherever in the program they are written.

use std::{fmt, io::IsTerminal as _};

use observe::request::Request;
use server::config::LogFormat;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{self, JsonFields, Writer},
    },
    registry::LookupSpan,
};

/// Writes lines to standard error from now on, as `RUST_LOG` says, else all but debugging ones.
pub fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let ansi = std::io::stderr().is_terminal();
    match format {
        LogFormat::Human => {
            let format = format::format().with_target(false).with_ansi(ansi);
            lines.with_ansi(ansi).event_format(Line { format, end: human }).init();
        }
        LogFormat::Json => {
            let format = format::json().flatten_event(true);
            lines.fmt_fields(JsonFields::new()).event_format(Line { format, end: json }).init();
        }
    }
}

/// A format, and how it says of which request a line is.
struct Line<F> {
    format: F,
    /// Writes the request to the end of a line.
    end: fn(&mut String, &Request),
}

impl<S, N, F> FormatEvent<S, N> for Line<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(request) = Request::current() else {
            return self.format.format_event(context, writer, event);
        };
        let mut line = String::with_capacity(256);
        self.format.format_event(context, Writer::new(&mut line), event)?;
        (self.end)(&mut line, &request);
        writer.write_str(&line)
    }
}

fn human(line: &mut String, request: &Request) {
    line.truncate(line.trim_end().len());
    line.push_str(" request_id=");
    line.push_str(request.id.as_str());
    line.push('\n');
}

fn json(line: &mut String, request: &Request) {
    // An id is letters, digits and a few signs, so that nothing has to be escaped.
    let end = format!(",\"request_id\":\"{}\",\"trace_id\":\"{}\"}}\n", request.id, request.trace.id());
    line.truncate(line.trim_end().len());
    if line.pop() == Some('}') {
        line.push_str(&end);
    }
}
