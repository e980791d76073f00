//! Which request did what: its id and trace are taken in, told in the answer, sent on, written into each line of the log and kept
//! on the time line.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use reqwest::{Client, Response};
use serde_json::Value;
use wxpay::UnixMillis;

use super::common::{SECRET, client, on_both, signed, text};
use recharge::User;
use server::user_token::UserTokens;

pub const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The real program with JSON lines, its log in a file.
pub struct Program {
    pub child: Child,
    pub url: String,
    /// WeChat's place.
    pub sandbox: String,
    pub http: Client,
    log: std::path::PathBuf,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn start(folder: &Path, format: &str) -> Program {
        Program::start_with(folder, format, &[])
    }

    pub fn start_with(folder: &Path, format: &str, more: &[(&str, &str)]) -> Program {
        let log = folder.join(format!("{format}.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
        command.current_dir(folder).env_clear().stdin(Stdio::null());
        for (name, value) in [
            ("SAOMA_ADDR", "127.0.0.1:0"),
            ("SAOMA_SANDBOX_ADDR", "127.0.0.1:0"),
            ("SAOMA_USER_TOKEN_SECRET", SECRET),
            ("SAOMA_ADMIN_PASSWORD", "correct horse battery"),
            ("SAOMA_LOG_FORMAT", format),
        ]
        .iter()
        .chain(more)
        {
            command.env(name, value);
        }
        command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |before: &str| {
            let found = lines.find_map(|line| Some(line.unwrap().split_once(before)?.1.trim().to_owned()));
            found.unwrap_or_else(|| panic!("{}", std::fs::read_to_string(&log).unwrap()))
        };
        let (url, sandbox) = (address(" on "), address(" is played by "));
        std::thread::spawn(move || lines.for_each(drop));
        Program { child, url, sandbox, http: client(), log }
    }

    /// The lines that have this word.
    pub fn lines(&self, word: &str) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).unwrap();
        text.lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
    }

    pub async fn order(&self, id: &str) -> Response {
        let user = User::new("ann", "ann").unwrap();
        let token = UserTokens::new(SECRET.as_bytes()).issue(&user, UnixMillis::now(), 3600).unwrap();
        let request = self.http.post(format!("{}/wxpay/recharge", self.url));
        let request = request.header("x-request-id", id).form(&[("u", &*token), ("quantity", "5")]);
        request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01")).send().await.unwrap()
    }

    async fn notice(&self, number: &str, id: &str) -> Response {
        let notice = signed(super::common::paid(number, "500"));
        let request = self.http.post(format!("{}/wxpay/notify", self.url)).header("x-request-id", id);
        let request = request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"));
        request.body(notice).send().await.unwrap()
    }
}

#[tokio::test]
async fn a_notice_is_one_line_with_its_verdict_its_milliseconds_and_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), "json");
    let placed = program.order("order-1").await;
    assert_eq!(placed.headers()["x-request-id"], "order-1");
    let number = text(&placed.json().await.unwrap(), "out_trade_no");
    for (id, verdict) in [("notice-1", "credited"), ("notice-2", "repeated")] {
        let answer = program.notice(&number, id).await;
        assert_eq!(answer.headers()["x-request-id"], id);
        let lines = program.lines(&format!("\"request_id\":\"{id}\""));
        let [line] = &lines[..] else { panic!("one line for {id}: {lines:?}") };
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&line["verdict"], &line["number"], &line["trace_id"]),
            (&verdict.into(), &(*number).into(), &TRACE.into())
        );
        assert_eq!((&line["protocol"], &line["level"]), (&"v2".into(), &"INFO".into()));
        assert!(line["ms"].as_u64().is_some_and(|ms| ms < 5_000), "{line}");
    }
    // Nobody can write a line of their own with it.
    let odd = program.http.get(&program.url).header("x-request-id", "two words").send().await.unwrap();
    assert_eq!(odd.headers()["x-request-id"].len(), 16);
}

#[tokio::test]
async fn lines_for_people_end_with_the_request_and_those_of_background_work_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), "human");
    let number = text(&program.order("order-1").await.json().await.unwrap(), "out_trade_no");
    program.notice(&number, "notice-1").await;
    let lines = program.lines("notice of ");
    assert!(lines.len() == 1 && lines[0].ends_with(" request_id=notice-1"), "{lines:?}");
    assert!(lines[0].contains(&format!("notice of {number}: credited in ")), "{lines:?}");
}

#[tokio::test]
async fn the_time_line_names_the_request_of_each_step_and_none_where_the_program_acts_by_itself() {
    on_both(async |site| {
        let (number, _) = site.placed("ann", "5").await;
        let notice = site.http.post(format!("{}/wxpay/notify", site.url)).header("x-request-id", "notice-7");
        notice.body(signed(super::common::paid(&number, "500"))).send().await.unwrap();
        site.until("ann", &number, "paid").await;
        let db = cashier::Db::open(&site.database).await.unwrap();
        let number = wxpay::OutTradeNo::parse(&number).unwrap();
        let events = cashier::db::events::of_order(&db, &number, 50).await.unwrap();
        let of =
            |word: &str| events.iter().find(|event| event.kind().name() == word).unwrap().request.clone();
        assert_eq!(of("notice").as_deref(), Some("notice-7"));
        assert_eq!(of("credited").as_deref(), Some("notice-7"));
        assert_eq!(of("created").map(|id| id.len()), Some(16), "one that came without an id got one");
        let order = site
            .get(&format!("/admin/orders/{number}"))
            .header("cookie", super::operators::cookie(&site).await);
        let page = order.send().await.unwrap().text().await.unwrap();
        assert!(page.contains("notice-7"), "the desk does not show it");
    })
    .await;
}
