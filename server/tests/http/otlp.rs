//! The real program and a collector: what arrives there of a payment, that no secret does, and that nobody waits for one that is away.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use reqwest::Response;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::common::{PASSWORD, SECRET, text, token};
use super::requests::{Program, TRACE};

/// The caller's part of the trace.
const CALLER: &str = "b7ad6b7169203331";

/// The key of API v2 in the sandbox.
const KEY: &str = "192006250b4c09247ec02edce69f6a2d";

/// A trace that its caller does not want to be kept.
const NOT_KEPT: &str = "00-11111111111111111111111111111111-2222222222222222-00";

/// OpenTelemetry's own reading of what is sent to it.
struct Collector {
    child: Child,
    address: String,
    spans: Arc<Mutex<Vec<Value>>>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Collector {
    fn start() -> Collector {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges/run.sh");
        let mut child = Command::new("bash").arg(script).arg("otlp").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = lines.next().expect("a collector that begins to listen");
        let spans: Arc<Mutex<Vec<Value>>> = Arc::default();
        let came = Arc::clone(&spans);
        std::thread::spawn(move || {
            lines.for_each(|line| came.lock().unwrap().push(serde_json::from_str(&line).unwrap()));
        });
        Collector { child, address: format!("http://127.0.0.1:{port}"), spans }
    }

    /// Waits up to 10 s for a span of this name.
    async fn span(&self, name: &str) -> Value {
        for _ in 0..100 {
            let found = self.spans.lock().unwrap().iter().find(|span| span["name"] == name).cloned();
            if let Some(span) = found {
                return span;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no {name} in {:?}", self.spans.lock().unwrap());
    }
}

/// What the attributes of a span must be, besides those that differ from run to run.
fn assert_has(span: &Value, expected: &[(&str, Value)]) {
    for (key, value) in expected {
        assert_eq!(&span["attributes"][key], value, "{key} of {span}");
    }
}

async fn get(program: &Program, path: &str, traceparent: &str) -> Response {
    let request = program.http.get(format!("{}{path}", program.url)).header("traceparent", traceparent);
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_payment_is_one_trace_from_its_caller_to_wechat_and_has_no_secret() {
    let (collector, folder) = (Collector::start(), tempfile::tempdir().unwrap());
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.address),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let program = Program::start_with(folder.path(), "json", &environment);
    let not_kept = get(&program, "/readyz", NOT_KEPT).await;
    assert_eq!(not_kept.status(), 200);
    let placed: Value = program.order("order-1").await.json().await.unwrap();
    let (number, code_url) = (text(&placed, "out_trade_no"), text(&placed, "code_url"));
    let user_token = token("ann", 3600);
    let status = format!("/wxpay/recharge/{number}?u={user_token}");
    get(&program, &status, &NOT_KEPT.replace("-00", "-01")).await;
    let pay = program.http.post(format!("{}/control/pay", program.sandbox));
    assert_eq!(pay.form(&[("code_url", &*code_url)]).send().await.unwrap().status(), 200);

    let server = collector.span("POST /wxpay/recharge").await;
    let client = collector.span("POST /pay/unifiedorder").await;
    assert_eq!([&server["trace"], &client["trace"]], [TRACE, TRACE]);
    assert_eq!([&server["parent"], &client["parent"]], [&Value::from(CALLER), &server["span"]]);
    assert_eq!([&server["kind"], &client["kind"]], ["SPAN_KIND_SERVER", "SPAN_KIND_CLIENT"]);
    let times = [&server["began"], &client["began"], &client["ended"], &server["ended"]];
    assert!(times.is_sorted_by_key(|time| time.as_u64().unwrap()), "{times:?}");
    let port = |address: &str| Value::from(address.rsplit_once(':').unwrap().1.parse::<u16>().unwrap());
    let both = [
        ("http.request.method", Value::from("POST")),
        ("http.response.status_code", Value::from(200)),
        ("server.address", Value::from("127.0.0.1")),
        ("error.type", Value::Null),
    ];
    assert_has(&server, &both);
    assert_has(
        &server,
        &[
            ("http.route", "/wxpay/recharge".into()),
            ("url.scheme", "http".into()),
            ("server.port", port(&program.url)),
            ("saoma.request_id", "order-1".into()),
        ],
    );
    assert_has(&client, &both);
    assert_has(
        &client,
        &[
            ("url.template", "/pay/unifiedorder".into()),
            ("server.port", port(&program.sandbox)),
            ("saoma.wechat.api", "place".into()),
            ("saoma.wechat.protocol", "v2".into()),
            ("saoma.wechat.outcome", "ok".into()),
        ],
    );
    assert_eq!(server["resource"]["service.name"], "saoma");
    assert_eq!(server["resource"]["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(server["resource"]["deployment.environment.name"], "test");
    assert_eq!(server["tenant"], "shop");

    // WeChat's notice begins a trace of its own.
    let notice = collector.span("POST /wxpay/notify").await;
    assert!(notice["parent"] == "" && notice["trace"] != TRACE, "{notice}");
    let asked = collector.span("GET /wxpay/recharge/{out_trade_no}").await;
    assert_eq!(asked["trace"], "1".repeat(32), "what its caller wants is kept");

    let spans = collector.spans.lock().unwrap();
    assert!(spans.iter().all(|span| span["name"] != "GET /readyz"), "{spans:?}");
    let all = serde_json::to_string(&*spans).unwrap();
    let ticket = code_url.rsplit_once('=').map_or(&*code_url, |(_, ticket)| ticket);
    for secret in [KEY, SECRET, PASSWORD, &user_token, &number, ticket, "ann", "?", "<xml", "openid", "sign"]
    {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

/// Sends SIGTERM; how long the program took to end.
fn stopped(program: &mut Program) -> Duration {
    let began = Instant::now();
    kill_process(Pid::from_child(&program.child), Signal::TERM).unwrap();
    assert!(program.child.wait().unwrap().success());
    began.elapsed()
}

#[tokio::test]
async fn a_stop_sends_what_waits() {
    let (collector, folder) = (Collector::start(), tempfile::tempdir().unwrap());
    let environment =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.address), ("OTEL_BSP_SCHEDULE_DELAY", "60000")];
    let mut program = Program::start_with(folder.path(), "human", &environment);
    program.order("order-1").await;
    assert!(collector.spans.lock().unwrap().is_empty());
    let took = stopped(&mut program);
    collector.span("POST /wxpay/recharge").await;
    collector.span("POST /pay/unifiedorder").await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(program.lines("collector").is_empty(), "{:?}", program.lines("collector"));
}

/// Nobody listens at the first address; at the second one somebody takes all and answers nothing.
#[tokio::test]
async fn a_collector_that_is_away_or_silent_delays_neither_requests_nor_a_stop_and_is_named_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (endpoint, why) in
        [(format!("http://{nobody}"), "Connection refused"), (silent, "has not got the last spans")]
    {
        let folder = tempfile::tempdir().unwrap();
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16"),
        ];
        let mut program = Program::start_with(folder.path(), "human", &environment);
        let began = Instant::now();
        let mut slowest = Duration::ZERO;
        // Longer than four tries at the first address, and far more than the queue takes.
        while began.elapsed() < Duration::from_secs(2) {
            let asked = Instant::now();
            assert_eq!(get(&program, "/livez", "").await.status(), 200);
            slowest = slowest.max(asked.elapsed());
        }
        assert!(slowest < Duration::from_secs(1), "{endpoint}: {slowest:?}");
        let took = stopped(&mut program);
        assert!(took < Duration::from_secs(3), "{endpoint}: {took:?}");
        let lines = program.lines("collector");
        let at = |why: &str| lines.iter().filter(|line| line.contains(why)).count();
        assert_eq!(at(why), 1, "{endpoint}: {lines:#?}");
        assert!(
            lines.len() <= 2 && lines.iter().all(|line| line.contains("WARN") && line.contains("lost=")),
            "{lines:#?}"
        );
    }
}

#[test]
fn a_variable_that_the_sdk_would_pass_over_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
    command.current_dir(folder.path()).env_clear().env("SAOMA_ADDR", "127.0.0.1:0");
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf"),
        "{said}"
    );
}
