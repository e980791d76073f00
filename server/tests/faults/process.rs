//! The real program, as a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;
use wxpay::Merchant;

use super::free_address;

pub const SECRET: &str = "a secret of more than 32 bytes, for tests";

/// Ends with a `kill -9` when it is dropped.
pub struct Saoma {
    child: Child,
    pub addr: String,
    /// Where WeChat is played; only by a server that plays it itself.
    pub sandbox: Option<String>,
    folder: TempDir,
}

impl Saoma {
    /// On free ports, with the built-in sandbox, and answering.
    pub fn start(database: &str) -> Saoma {
        Saoma::start_with(database, |_| {})
    }

    /// Another server on the same database, with `first`'s sandbox in WeChat's place.
    pub fn beside(first: &Saoma, database: &str) -> Saoma {
        Saoma::beside_with(first, database, |_| {})
    }

    pub fn beside_with(first: &Saoma, database: &str, set: impl FnOnce(&mut Command)) -> Saoma {
        Saoma::program_beside(ours(), first, database, set)
    }

    /// The same with a program of another version.
    pub fn program_beside(
        program: &Path,
        first: &Saoma,
        database: &str,
        set: impl FnOnce(&mut Command),
    ) -> Saoma {
        let merchant = Merchant::sandbox();
        let sandbox = first.sandbox.clone().unwrap();
        let free = free_address().to_string();
        Saoma::start_program(program, database, |command| {
            command
                .env("SAOMA_WECHAT_APPID", merchant.appid.as_str())
                .env("SAOMA_WECHAT_MCH_ID", merchant.mch_id.as_str())
                .env("SAOMA_WECHAT_API_KEY", "192006250b4c09247ec02edce69f6a2d")
                .env("SAOMA_WECHAT_BASE_URL", sandbox)
                .env("SAOMA_ADDR", &free)
                .env("SAOMA_PUBLIC_URL", format!("http://{free}"))
                .env_remove("SAOMA_SANDBOX_ADDR");
            set(command);
        })
    }

    pub fn start_with(database: &str, set: impl FnOnce(&mut Command)) -> Saoma {
        Saoma::start_program(ours(), database, set)
    }

    fn start_program(program: &Path, database: &str, set: impl FnOnce(&mut Command)) -> Saoma {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = serve_by(program, folder.path(), database);
        command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        set(&mut command);
        let mut child = command.spawn().unwrap();
        let lines = lines_of(&mut child);
        let said = |mark: &str| loop {
            match lines.recv_timeout(Duration::from_secs(30)) {
                Ok(line) if line.contains(mark) => {
                    return line.split_once("http://").unwrap().1.trim().to_owned();
                }
                Ok(_) => {}
                Err(_) => panic!("it did not start: {}", std::fs::read_to_string(&log).unwrap()),
            }
        };
        let addr = said("Saoma serves");
        let sandbox = command.get_envs().all(|(name, _)| name != "SAOMA_WECHAT_BASE_URL");
        let sandbox = sandbox.then(|| format!("http://{}", said("SANDBOX")));
        Saoma { child, addr, sandbox, folder }
    }

    /// A start that is killed after so long, however far it has come.
    pub fn start_and_kill(database: &str, after: Duration) {
        let folder = tempfile::tempdir().unwrap();
        let mut child =
            served(folder.path(), database).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// `kill -9`, without a word before.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Saoma {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What seals secrets of endpoints and tokens: each process of one installation has it.
pub fn with_secret_key(command: &mut Command) {
    command.env("SAOMA_SECRET_KEY", "a key that seals, of more than 32 bytes");
}

/// `saoma check` as an operator calls it: looks over all money.
pub fn self_check(database: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path(), database).arg("check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The text of a new key, as an operator makes it.
pub fn key(database: &str, name: &str, scopes: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output =
        program(folder.path(), database).args(["key", "create", name, "--scopes", scopes]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The program of this version.
fn ours() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_saoma"))
}

/// `saoma serve` in a folder, to be started.
pub fn served(folder: &Path, database: &str) -> Command {
    serve_by(ours(), folder, database)
}

/// The same by a program of any version.
pub fn serve_by(program: &Path, folder: &Path, database: &str) -> Command {
    let mut command = in_folder(program, folder, database);
    command
        .arg("serve")
        .env("SAOMA_ADDR", "127.0.0.1:0")
        .env("SAOMA_SANDBOX_ADDR", "127.0.0.1:0")
        .env("SAOMA_USER_TOKEN_SECRET", SECRET)
        .env("SAOMA_ADMIN_PASSWORD", "correct horse battery")
        .env("RUST_LOG", "warn,recharge=error");
    command
}

/// The program, without a command yet.
pub fn program(folder: &Path, database: &str) -> Command {
    in_folder(ours(), folder, database)
}

fn in_folder(program: &Path, folder: &Path, database: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("DATABASE_URL", database).stdin(Stdio::null());
    command
}

/// What it prints, line by line, for as long as it lives.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            // Nobody listens any more once it has started; its pipe must be emptied all the same.
            let _ = sender.send(line);
        }
    });
    receiver
}
