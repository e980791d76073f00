//! `saoma trigger` and `saoma listen`, as a developer runs them beside a server: the program itself, and what comes.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use cashier::Db;
use recharge::api_key::Scope;

use super::{
    common::{SECRET, Site, on_both},
    past::saoma,
    webhooks::receiver,
};

/// Ends the program with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn what_is_triggered_comes_to_a_program_that_listens() {
    on_both(|site: Site| async move {
        let (to, got) = receiver().await;
        let key = site.key("listen", &[Scope::EventsRead]).await;
        let mut listen = Command::new(env!("CARGO_BIN_EXE_saoma"));
        listen.env_clear().args(["listen", "--to", &to, "--server", &site.url, "--key", &key]);
        let _listening = Running(listen.stdout(Stdio::null()).stdin(Stdio::null()).spawn().unwrap());
        let addr = |url: &str| url.trim_start_matches("http://").to_owned();
        let (own, sandbox) = (addr(&site.url), addr(&site.sandbox));
        let variables = [
            ("DATABASE_URL", site.database.as_str()),
            ("SAOMA_ADDR", own.as_str()),
            ("SAOMA_SANDBOX_ADDR", sandbox.as_str()),
            ("SAOMA_USER_TOKEN_SECRET", SECRET),
        ];
        let trigger = async |what: &str| saoma(&std::env::temp_dir(), &["trigger", what], &variables).await;
        // Other settings than the server's are refused before anything is written.
        let elsewhere = tempfile::tempdir().unwrap();
        let (went_well, _, wrong) =
            saoma(elsewhere.path(), &["trigger", "recharge.paid"], &variables[1..]).await;
        assert!(!went_well && wrong.contains("there is no file"), "{wrong}");
        assert!(std::fs::read_dir(elsewhere.path()).unwrap().next().is_none());
        let (_other, urls) = testdb::both().await;
        for url in urls {
            drop(Db::open(&url).await.unwrap());
            let others = [[("DATABASE_URL", url.as_str())].as_slice(), &variables[1..]].concat();
            for command in
                [["trigger", "recharge.paid"].as_slice(), &["listen", "--to", &to, "--server", &site.url]]
            {
                let (went_well, _, wrong) = saoma(elsewhere.path(), command, &others).await;
                assert!(!went_well && wrong.contains("another database"), "{wrong}");
            }
        }
        // What happened before it listened does not come: it says so by beginning with what happens from then on.
        for attempt in 0.. {
            let (went_well, said, wrong) = trigger("recharge.paid").await;
            assert!(went_well && said.contains("is paid"), "{said}{wrong}");
            if !got.lock().unwrap().is_empty() {
                break;
            }
            assert!(attempt < 10, "nothing came");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        for what in ["recharge.paid_late", "recharge.refunded", "exception"] {
            let (went_well, said, wrong) = trigger(what).await;
            assert!(went_well, "{what}: {said}{wrong}");
        }
        let expected = ["recharge.paid", "recharge.paid_late", "recharge.refunded", "exception.opened"];
        for _ in 0..200 {
            let bodies: Vec<_> = got.lock().unwrap().iter().map(|(_, body)| body.clone()).collect();
            let has = |kind: &str| bodies.iter().any(|body| body.contains(&format!("\"type\":\"{kind}\"")));
            if expected.into_iter().all(has) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not all of it came: {:?}", got.lock().unwrap());
    })
    .await;
}
