//! The program itself with settings it must refuse: it does not start, and says why in one line.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A merchant of invented numbers with everything it needs.
const MERCHANT: [(&str, &str); 5] = [
    ("SAOMA_WECHAT_APPID", "wx2421b1c4370ec43b"),
    ("SAOMA_WECHAT_MCH_ID", "1900009851"),
    ("SAOMA_WECHAT_API_KEY", "0123456789abcdef0123456789ABCDEF"),
    ("SAOMA_PUBLIC_URL", "https://pay.example.com"),
    ("SAOMA_USER_TOKEN_SECRET", "a secret of more than 32 bytes, for tests"),
];

/// A server that starts although it should not would never end.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

pub fn run(folder: &std::path::Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
    command.current_dir(folder).env_clear().args(arguments).envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, began) = (command.spawn().unwrap(), Instant::now());
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > ENDS_WITHIN {
            child.kill().unwrap();
            panic!("{arguments:?} does not end with {variables:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

/// The one line that a refused start leaves.
fn refusal(variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["serve"], variables);
    assert!(!output.status.success(), "{variables:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    for (name, value) in variables {
        let is_secret = name.contains("KEY") || name.contains("SECRET") || name.contains("PASSWORD");
        assert!(!is_secret || value.len() < 4 || !text.contains(value), "{text}");
    }
    text
}

#[test]
fn unusable_settings_are_named() {
    let with = |name: &'static str, value: &'static str| {
        let mut all = MERCHANT.to_vec();
        all.retain(|(other, _)| *other != name);
        all.push((name, value));
        all
    };
    let without = |name: &str| MERCHANT.into_iter().filter(|(other, _)| *other != name).collect::<Vec<_>>();
    for (variables, setting) in [
        (without("SAOMA_WECHAT_APPID"), "SAOMA_WECHAT_APPID"),
        (without("SAOMA_WECHAT_MCH_ID"), "SAOMA_WECHAT_MCH_ID"),
        (without("SAOMA_WECHAT_API_KEY"), "SAOMA_WECHAT_API_KEY"),
        (without("SAOMA_USER_TOKEN_SECRET"), "SAOMA_USER_TOKEN_SECRET"),
        (without("SAOMA_PUBLIC_URL"), "SAOMA_PUBLIC_URL"),
        (with("SAOMA_WECHAT_API_KEY", ""), "SAOMA_WECHAT_API_KEY"),
        (with("SAOMA_WECHAT_API_KEY", "0123456789abcdef"), "SAOMA_WECHAT_API_KEY"),
        (with("SAOMA_USER_TOKEN_SECRET", ""), "SAOMA_USER_TOKEN_SECRET"),
        (with("SAOMA_USER_TOKEN_SECRET", "short secret"), "SAOMA_USER_TOKEN_SECRET"),
        (with("SAOMA_PUBLIC_URL", "pay.example.com"), "SAOMA_PUBLIC_URL"),
        (with("SAOMA_PUBLIC_URL", "https://pay.example.com?a=1"), "SAOMA_PUBLIC_URL"),
        (with("SAOMA_SANDBOX_ADDR", "127.0.0.1:0"), "SAOMA_SANDBOX_ADDR"),
        (with("SAOMA_WECHAT_MCH_ID", "10000100"), "SAOMA_WECHAT_MCH_ID"),
        (with("SAOMA_WECHAT_MCH_ID", "1900007291"), "SAOMA_WECHAT_MCH_ID"),
        (with("SAOMA_WECHAT_APIV3_KEY", "abcdefghijABCDEFGHIJ012345678901"), "SAOMA_WECHAT_CERT_KEY"),
        (with("SAOMA_WECHAT_APIV3_KEY", "testAPIv3Key0000"), "SAOMA_WECHAT_APIV3_KEY"),
        (with("SAOMA_WECHAT_PLATFORM_CERTS", "on"), "SAOMA_WECHAT_APIV3_KEY"),
        (with("SAOMA_WECHAT_PROTOCOL", "v3"), "SAOMA_WECHAT_PROTOCOL"),
        (with("SAOMA_WECHAT_CHANNELS", "NATIVE,JSAPI"), "SAOMA_WECHAT_APP_SECRET"),
        (with("SAOMA_SECRET_KEY", "short"), "SAOMA_SECRET_KEY"),
        (with("SAOMA_WECHAT_API_KEY_FILE", "/nowhere"), "SAOMA_WECHAT_API_KEY"),
        (with("SAOMA_TIME_EXPIRE_S", "60"), "SAOMA_TIME_EXPIRE_S"),
        (with("SAOMA_MAX_QUANTITY", "many"), "SAOMA_MAX_QUANTITY"),
        (with("DATABASE_URL", "mysql://localhost/saoma"), "DATABASE_URL"),
        (vec![("SAOMA_ADDR", "0.0.0.0:0")], "SAOMA_ADDR"),
        (vec![("SAOMA_PUBLIC_URL", "https://pay.example.com")], "SAOMA_PUBLIC_URL"),
    ] {
        let line = refusal(&variables);
        assert!(line.contains(setting), "{setting}: {line}");
    }
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api_key");
    std::fs::write(&path, "too short\n").unwrap();
    let mut variables = MERCHANT.to_vec();
    variables.retain(|(name, _)| *name != "SAOMA_WECHAT_API_KEY");
    variables.push(("SAOMA_WECHAT_API_KEY_FILE", path.to_str().unwrap()));
    let line = refusal(&variables);
    assert!(
        line.contains("SAOMA_WECHAT_API_KEY must be exactly 32") && !line.contains("too short"),
        "{line}"
    );
}

#[test]
fn another_merchants_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/saoma.db", folder.path().display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = cashier::Db::open(&database).await.unwrap();
        cashier::db::facts::get_or_set(&db, "identity", "sandbox").await.unwrap();
    });
    let mut variables = MERCHANT.to_vec();
    variables.extend([("DATABASE_URL", database.as_str()), ("SAOMA_ADDR", "127.0.0.1:0")]);
    let line = refusal(&variables);
    assert!(
        line.contains("DATABASE_URL") && line.contains("1900009851") && line.contains("sandbox"),
        "{line}"
    );
}

#[test]
fn the_console_commands_need_no_merchant() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        (&["migrate"][..], "the database is up to date"),
        (&["admin", "add", "chen"], "name: chen  password: "),
        (&["admin", "passwd", "chen"], "name: chen  password: "),
        (&["admin", "add", "li"], "name: li  password: "),
        (&["admin", "role", "li", "finance"], "li is finance now"),
        (&["admin", "list"], "name "),
        (&["admin", "remove", "li"], "the operator li is removed and signed out everywhere"),
        (&["user-token", "lin"], "eyJ"),
    ] {
        let output = run(folder.path(), arguments, &[]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.starts_with(said), "{arguments:?}: {text} {output:?}");
    }
    let unknown = run(folder.path(), &["admin", "passwd", "nobody"], &[]);
    assert_eq!(String::from_utf8_lossy(&unknown.stderr), "saoma: there is no operator nobody\n");
    let last = run(folder.path(), &["admin", "remove", "chen"], &[]);
    assert!(String::from_utf8_lossy(&last.stderr).contains("chen is the only owner"), "{last:?}");
    let list = run(folder.path(), &["admin", "list"], &[]);
    let names: Vec<_> =
        String::from_utf8_lossy(&list.stdout).lines().map(|line| line[..4].to_owned()).collect();
    assert_eq!(names, ["name", "chen"]);
    assert!(run(folder.path(), &["admin", "remove", "chen", "--force"], &[]).status.success());
}

#[test]
fn help_lists_every_setting() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["serve", "--help"], &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for name in
        ["SAOMA_ADDR", "DATABASE_URL", "SAOMA_WECHAT_API_KEY", "SAOMA_TIME_EXPIRE_S", "[default: 600]"]
    {
        assert!(text.contains(name), "{text}");
    }
}
