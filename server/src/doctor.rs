//! What `saoma doctor` looks at. Each check is one entry of [`CHECKS`]: an id that stays the same, what is done when it fails,
//! and a function that looks. Nothing is ordered, paid or changed but one row of
//! `doctor_probes`; calls to WeChat ask about a number that cannot exist.

mod account;
mod database;
mod database_checks;
mod machine;
mod patient;
mod public_name;
mod round_trip;
mod seen;
mod site;
mod wechat;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use cashier::DbError;
use serde::Serialize;
use tokio::{task::JoinHandle, time::timeout};

pub use patient::Patient;

/// How a check ended. `Ord` is severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Good,
    /// There is nothing to look at with these settings.
    Skipped,
    /// It works, and a person should know something.
    Warning,
    Bad,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub verdict: Verdict,
    /// One line.
    pub text: String,
    /// What to do, if it is something else than the check's own hint.
    pub hint: Option<String>,
}

impl Found {
    fn of(verdict: Verdict, text: impl Into<String>) -> Self {
        Found { verdict, text: text.into(), hint: None }
    }

    pub(crate) fn good(text: impl Into<String>) -> Self {
        Found::of(Verdict::Good, text)
    }

    pub(crate) fn skipped(text: impl Into<String>) -> Self {
        Found::of(Verdict::Skipped, text)
    }

    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Found::of(Verdict::Warning, text)
    }

    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Found::of(Verdict::Bad, text)
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Found { hint: Some(hint.into()), ..self }
    }
}

type Looking<'a> = Pin<Box<dyn Future<Output = Found> + Send + 'a>>;

/// One check.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    pub id: &'static str,
    /// What to do where it is not good.
    pub hint: &'static str,
    run: for<'a> fn(&'a Patient) -> Looking<'a>,
}

/// All checks, in the order in which they are shown.
pub const CHECKS: &[Check] = &[
    Check {
        id: "files",
        hint: "chmod 600 each of them, and let no other user of the machine read it",
        run: |patient| Box::pin(async { machine::files(patient) }),
    },
    Check {
        id: "database",
        hint: "look at the database and DATABASE_URL",
        run: |patient| Box::pin(async { patient.database.found(&patient.config.identity()) }),
    },
    Check {
        id: "database_tls",
        hint: "let PostgreSQL speak TLS, and take sslmode=disable out of DATABASE_URL (see the book: operators/keys)",
        run: |patient| Box::pin(async { database_checks::tls(patient) }),
    },
    Check {
        id: "database_pooler",
        hint: "set DATABASE_DIRECT_URL to the address of PostgreSQL itself",
        run: |patient| Box::pin(async { database_checks::pooler(patient) }),
    },
    Check {
        id: "database_version",
        hint: "move to a PostgreSQL that its makers still mend",
        run: |patient| Box::pin(async { database_checks::version(patient) }),
    },
    Check {
        id: "database_writes",
        hint: "let DATABASE_URL lead to the primary",
        run: |patient| Box::pin(async { database_checks::writes(patient) }),
    },
    Check {
        id: "database_rights",
        hint: "let the user in DATABASE_URL own the tables",
        run: |patient| Box::pin(async { database_checks::rights(patient) }),
    },
    Check {
        id: "database_clock",
        hint: "set the clocks of both machines with NTP: instances share limits and leases by the time",
        run: |patient| Box::pin(async { database_checks::clock(patient) }),
    },
    Check {
        id: "disk",
        hint: "make room: without space nothing is written, and WeChat is told to try again",
        run: |patient| Box::pin(async { machine::disk(patient) }),
    },
    Check {
        id: "ntp",
        hint: "install chrony, or switch on systemd-timesyncd (timedatectl set-ntp true)",
        run: |patient| Box::pin(machine::ntp(patient)),
    },
    Check {
        id: "clock",
        hint: "set this machine's clock with NTP: WeChat refuses and we refuse what is more than 300 s off",
        run: |patient| Box::pin(machine::clock(patient)),
    },
    Check {
        id: "wechat_hosts",
        hint: "let this machine connect to port 443 of both hosts: firewall, DNS, a proxy that breaks TLS open",
        run: |patient| Box::pin(machine::hosts(patient)),
    },
    Check {
        id: "certificate",
        hint: "renew it in the merchant platform under 账户中心 - API安全, and set SAOMA_WECHAT_CERT and _CERT_KEY anew",
        run: |patient| Box::pin(async { wechat::certificate(patient) }),
    },
    Check {
        id: "signature_v2",
        hint: "compare SAOMA_WECHAT_MCH_ID, _APPID and _API_KEY with the merchant platform (账户中心 - API安全 - APIv2密钥)",
        run: |patient| Box::pin(wechat::signature(patient, wxpay::Protocol::V2)),
    },
    Check {
        id: "signature_v3",
        hint: "SAOMA_WECHAT_CERT_SERIAL belongs to another certificate, or SAOMA_WECHAT_CERT_KEY was not made with it",
        run: |patient| Box::pin(wechat::signature(patient, wxpay::Protocol::V3)),
    },
    Check {
        id: "wechat_keys",
        hint: "download 微信支付公钥 under 账户中心 - API安全 and set SAOMA_WECHAT_PUBLIC_KEY and _PUBLIC_KEY_ID",
        run: |patient| Box::pin(async { wechat::keys(patient) }),
    },
    Check {
        id: "old_keys",
        hint: "remove it a day after the change, and send SIGHUP (see the book: operators/keys)",
        run: |patient| Box::pin(async { wechat::old_keys(patient) }),
    },
    Check {
        id: "public_dns",
        hint: "let the name in SAOMA_PUBLIC_URL lead to the proxy in front of this server",
        run: |patient| Box::pin(public_name::dns(patient)),
    },
    Check {
        id: "public_tls",
        hint: "renew the certificate of the site at the proxy, with all certificates in between; WeChat posts to no other",
        run: |patient| Box::pin(public_name::tls(patient)),
    },
    Check {
        id: "notify_addresses",
        hint: "start the server, and let the proxy in front pass /wxpay/ on as it comes: body, headers, Host",
        run: |patient| Box::pin(site::notify_addresses(patient)),
    },
    Check {
        id: "round_trip",
        hint: "let the proxy in front pass /wxpay/ on to this server",
        run: |patient| Box::pin(round_trip::arrived(patient)),
    },
    Check {
        id: "body",
        hint: "let the proxy or firewall pass bodies of /wxpay/ on byte for byte: WeChat's signature is made over them",
        run: |patient| Box::pin(round_trip::body_arrived(patient)),
    },
    Check {
        id: "host_name",
        hint: "let the proxy pass Host on (nginx: proxy_set_header Host $host)",
        run: |patient| Box::pin(round_trip::host_name(patient)),
    },
    Check {
        id: "client_address",
        hint: "let the proxy send X-Forwarded-For (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for)",
        run: |patient| Box::pin(round_trip::client_address(patient)),
    },
    Check {
        id: "app_secret",
        hint: "compare SAOMA_WECHAT_APP_SECRET with mp.weixin.qq.com (设置与开发 - 开发者密码)",
        run: |patient| Box::pin(account::access_token(patient)),
    },
    Check {
        id: "registered",
        hint: "register what is listed where WeChat asks for it; only a payment shows whether it is",
        run: |patient| Box::pin(async { account::to_register(patient) }),
    },
    Check {
        id: "open_work",
        hint: "keep the credentials of a protocol while anything of it is under way",
        run: |patient| Box::pin(site::open_work(patient)),
    },
    Check {
        id: "last_notice",
        hint: "keep the credentials of API v2 until nothing of it is under way and no notice of it has come for a week",
        run: |patient| Box::pin(site::last_notice(patient)),
    },
    Check {
        id: "backup",
        hint: "run saoma backup every day (packaging has a timer for it), and keep the files on another machine",
        run: |patient| Box::pin(site::last_backup(patient)),
    },
];

/// Longest time of one check.
const WITHIN: Duration = Duration::from_secs(15);

/// One check's entry in the list that is shown.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub id: &'static str,
    pub verdict: Verdict,
    pub text: String,
    /// Only where there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Check {
    pub async fn run(&self, patient: &Patient) -> Finding {
        let looked = timeout(WITHIN, (self.run)(patient)).await;
        let found = looked.unwrap_or_else(|_| Found::bad(format!("no answer within {} s", WITHIN.as_secs())));
        let shows_hint = matches!(found.verdict, Verdict::Warning | Verdict::Bad);
        let hint = shows_hint.then(|| found.hint.unwrap_or_else(|| self.hint.to_owned()));
        Finding { id: self.id, verdict: found.verdict, text: found.text, hint }
    }
}

/// Begins all checks at once; what they find comes in their order.
pub fn begin(patient: &Arc<Patient>) -> Vec<JoinHandle<Finding>> {
    let begin = |check: &'static Check| {
        let patient = Arc::clone(patient);
        tokio::spawn(async move { check.run(&patient).await })
    };
    CHECKS.iter().map(begin).collect()
}

/// The exit status of the command: 0 if all is well, 1 with a warning, 2 with something that does not work.
pub fn exit_status(findings: &[Finding]) -> u8 {
    match findings.iter().map(|finding| finding.verdict).max() {
        Some(Verdict::Bad) => 2,
        Some(Verdict::Warning) => 1,
        _ => 0,
    }
}

fn unread(error: &DbError) -> Found {
    Found::bad(format!("the database does not answer: {error}")).hint("look at the database and DATABASE_URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_words_and_none_stands_twice() {
        let ids: std::collections::BTreeSet<_> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        assert!(
            ids.iter()
                .all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
        );
        assert!(CHECKS.iter().all(|check| !check.hint.is_empty() && !check.hint.contains('\n')));
    }

    #[test]
    fn the_desk_has_a_name_for_every_check() {
        for id in CHECKS.iter().map(|check| check.id).chain(["settings", "start"]) {
            assert!(app::check_name(id).is_some(), "{id}");
        }
    }

    #[test]
    fn the_worst_finding_is_the_exit_status() {
        let finding = |verdict| Finding { id: "x", verdict, text: String::new(), hint: None };
        let status =
            |verdicts: &[Verdict]| exit_status(&verdicts.iter().copied().map(finding).collect::<Vec<_>>());
        assert_eq!(status(&[Verdict::Good, Verdict::Skipped]), 0);
        assert_eq!(status(&[Verdict::Warning, Verdict::Good]), 1);
        assert_eq!(status(&[Verdict::Warning, Verdict::Bad, Verdict::Good]), 2);
    }
}
