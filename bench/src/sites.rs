//! The servers that are measured, each with a fresh database: Saoma, the Koa 2 peer, the bare handler.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wxpay::UnixMillis;

use crate::http::{self, Wire, request};
use crate::process::{Process, free_addr};
use crate::{Failure, Plan};

/// Of the operator `admin`.
pub const ADMIN_PASSWORD: &str = "only for measuring";
/// Signs the user tokens of this run.
const SECRET: &str = "only for measuring, on this machine";
/// The file from which `bare` answers.
const ANSWER: &str = "answer";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Places by API v2.
    Saoma,
    /// Places by API v3.
    SaomaV3,
    Koa2,
    Bare,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Saoma => "Saoma",
            Kind::SaomaV3 => "Saoma, API v3",
            Kind::Koa2 => "Koa 2",
            Kind::Bare => "bare axum",
        }
    }
}

pub struct Site {
    pub kind: Kind,
    pub process: Process,
    pub addr: SocketAddr,
    pub database: PathBuf,
    /// What stands in for WeChat; only Saoma asks it.
    pub sandbox: SocketAddr,
}

impl Site {
    /// Starts a server in a folder of its own. `bare` answers with `body`; the others have no use for it.
    pub async fn start(plan: &Plan, kind: Kind, body: &[u8]) -> Result<Site, Failure> {
        Site::start_with(plan, kind, body, &[]).await
    }

    /// The same with these settings of Saoma's; the others have none.
    pub async fn start_with(
        plan: &Plan,
        kind: Kind,
        body: &[u8],
        settings: &[(&str, &str)],
    ) -> Result<Site, Failure> {
        let folder = plan.work.join(match kind {
            Kind::Saoma => "saoma",
            Kind::SaomaV3 => "saoma-v3",
            Kind::Koa2 => "koa2",
            Kind::Bare => "bare",
        });
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        if kind == Kind::Bare {
            std::fs::write(folder.join(ANSWER), body)?;
        }
        Site::listening(plan, kind, &folder, settings).await
    }

    /// Stops it and starts another on its database: what the first one did is in nobody's memory.
    pub async fn again(self, plan: &Plan, settings: &[(&str, &str)]) -> Result<Site, Failure> {
        let Site { kind, process, database, .. } = self;
        process.stop().await?;
        Site::listening(plan, kind, database.parent().ok_or("a database without a folder")?, settings).await
    }

    async fn listening(
        plan: &Plan,
        kind: Kind,
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Site, Failure> {
        let (addr, database, log) = (free_addr()?, folder.join("bench.db"), folder.join("log"));
        let sandbox = free_addr()?;
        let set = |command: &mut Command| match kind {
            Kind::Saoma | Kind::SaomaV3 => {
                let protocol = if kind == Kind::Saoma { "v2" } else { "v3" };
                saoma(command, protocol, folder, [addr, sandbox], &database);
                command.envs(settings.iter().copied());
            }
            Kind::Koa2 => {
                command.arg(plan.koa2.join("server.js")).arg(addr.port().to_string()).arg(&database);
                command.env("NODE_ENV", "production");
            }
            Kind::Bare => {
                command.arg(addr.port().to_string()).arg(folder.join(ANSWER));
            }
        };
        let program = match kind {
            Kind::Saoma | Kind::SaomaV3 => &plan.saoma,
            Kind::Koa2 => Path::new("node"),
            Kind::Bare => &plan.bare,
        };
        let mut process = Process::start(plan.core, program, set, &log)?;
        process
            .listening(addr)
            .await
            .map_err(|why| format!("{}: {why}; see {}", kind.name(), log.display()))?;
        Ok(Site { kind, process, addr, database, sandbox })
    }

    /// Starts Saoma on a database that is there, and stays there.
    pub async fn on(plan: &Plan, database: &Path) -> Result<Site, Failure> {
        let folder = plan.work.join("saoma-filled");
        std::fs::create_dir_all(&folder)?;
        let (addr, sandbox, log) = (free_addr()?, free_addr()?, folder.join("log"));
        let set = |command: &mut Command| saoma(command, "v2", &folder, [addr, sandbox], database);
        let mut process = Process::start(plan.core, &plan.saoma, set, &log)?;
        process.listening(addr).await?;
        Ok(Site { kind: Kind::Saoma, process, addr, database: database.to_owned(), sandbox })
    }

    /// What a program of the site sends with its calls: a key with this scope.
    pub fn key(&self, plan: &Plan, scope: &str) -> Result<String, Failure> {
        if self.kind == Kind::Koa2 {
            return Ok("Authorization: Bearer only for measuring".to_owned());
        }
        let made = Command::new(&plan.saoma)
            .args(["key", "create", "bench", "--scopes", scope])
            .env_clear()
            .env("DATABASE_URL", format!("sqlite://{}", self.database.display()))
            .current_dir(self.database.parent().ok_or("a database without a folder")?)
            .output()?;
        match made.status.success() {
            true => Ok(format!("Authorization: Bearer {}", String::from_utf8(made.stdout)?.trim())),
            false => Err(String::from_utf8_lossy(&made.stderr).into_owned().into()),
        }
    }

    /// The cookie of a user who comes from the site's own pages.
    pub async fn sign_in(&self, user: &str) -> Result<String, Failure> {
        sign_in(&mut Wire::open(self.addr, 1).await?, self.kind, self.addr, user).await
    }
}

/// The same over a connection that is open already.
pub async fn sign_in(wire: &mut Wire, kind: Kind, addr: SocketAddr, user: &str) -> Result<String, Failure> {
    let target = match kind {
        Kind::Saoma | Kind::SaomaV3 => format!("/?u={}", token(user)?),
        Kind::Koa2 => format!("/login?user={user}"),
        Kind::Bare => return Ok("user=nobody".to_owned()),
    };
    let answer = wire.ask(&request("GET", &target, addr, &[], "")).await?;
    match http::cookies(answer.head) {
        none if none.is_empty() => Err(format!("{} set no cookie: {}", kind.name(), answer.status).into()),
        cookies => Ok(cookies),
    }
}

/// In sandbox mode and otherwise as it is delivered: default settings, default log.
fn saoma(command: &mut Command, protocol: &str, folder: &Path, [addr, sandbox]: [SocketAddr; 2], db: &Path) {
    command
        .arg("serve")
        .current_dir(folder)
        .env("SAOMA_ADDR", addr.to_string())
        .env("SAOMA_SANDBOX_ADDR", sandbox.to_string())
        .env("SAOMA_WECHAT_PROTOCOL", protocol)
        .env("DATABASE_URL", format!("sqlite://{}", db.display()))
        .env("SAOMA_USER_TOKEN_SECRET", SECRET)
        .env("SAOMA_ADMIN_PASSWORD", ADMIN_PASSWORD)
        // Orders are placed as fast as they are answered.
        .env("SAOMA_ORDER_LIMIT_PER_S", "1000");
}

/// The user token that a site would sign for its user: a JWT with HS256.
pub fn token(user: &str) -> Result<String, Failure> {
    let claims = serde_json::json!({ "sub": user, "exp": UnixMillis::now().get() / 1000 + 86_400 });
    let message = [r#"{"typ":"JWT","alg":"HS256"}"#.to_owned(), claims.to_string()]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?.chain_update(&message).finalize();
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.into_bytes())))
}
