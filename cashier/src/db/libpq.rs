//! `DATABASE_URL` as PostgreSQL's own programs read it: they refuse parameters that only sqlx knows.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What may stand unescaped in a value of the query.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The name that libpq has for one of sqlx's parameters; `None` for what only sqlx knows.
/// Source: sqlx-postgres 0.9, `options/parse.rs`; PostgreSQL, "Parameter Key Words".
fn name(sqlx: &str) -> Option<&'static str> {
    Some(match sqlx {
        "sslmode" | "ssl-mode" => "sslmode",
        "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "sslrootcert",
        "sslcert" | "ssl-cert" => "sslcert",
        "sslkey" | "ssl-key" => "sslkey",
        "host" => "host",
        "hostaddr" => "hostaddr",
        "port" => "port",
        "dbname" => "dbname",
        "user" => "user",
        "application_name" => "application_name",
        _ => return None,
    })
}

/// A URL for libpq, and the password apart from it: arguments of a program can be read by everybody on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub url: String,
    pub password: Option<String>,
}

/// Rebuilds a `postgres:` URL from its parts.
pub(super) fn address(url: &str) -> Address {
    let (whole, query) = url.split_once('?').unwrap_or((url, ""));
    let (base, mut password) = without_password(whole);
    let (mut pairs, mut options) = (Vec::new(), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decoded(key), decoded(value));
        let setting = key.strip_prefix("options[").and_then(|key| key.strip_suffix(']'));
        match (key.as_str(), setting, name(&key)) {
            ("password", ..) => password = Some(value),
            ("options", ..) => options.push(value),
            (_, Some(setting), _) => options.push(format!("-c {setting}={value}")),
            (.., Some(name)) => pairs.push((name, value)),
            _ => {}
        }
    }
    if !options.is_empty() {
        pairs.push(("options", options.join(" ")));
    }
    let pairs: Vec<_> =
        pairs.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, VALUE))).collect();
    let sign = if pairs.is_empty() { "" } else { "?" };
    Address { url: format!("{base}{sign}{}", pairs.join("&")), password }
}

/// As a form is decoded, because sqlx reads the query so.
fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// `postgres://user:password@host/name` without the password, and the password.
fn without_password(url: &str) -> (String, Option<String>) {
    let whole = || (url.to_owned(), None);
    let Some((scheme, rest)) = url.split_once("://") else { return whole() };
    let authority = rest.find('/').unwrap_or(rest.len());
    let Some((user, host)) = rest[..authority].rsplit_once('@') else { return whole() };
    let Some((name, password)) = user.split_once(':') else { return whole() };
    let password = percent_decode_str(password).decode_utf8_lossy().into_owned();
    (format!("{scheme}://{name}@{host}{}", &rest[authority..]), Some(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_libpq_knows_and_no_password() {
        for (given, url, password) in [
            ("postgres://saoma@127.0.0.1:5432/saoma", "postgres://saoma@127.0.0.1:5432/saoma", None),
            ("postgres:///saoma?host=/run", "postgres:///saoma?host=%2Frun", None),
            (
                "postgres://s:a%40b%2F:c@h:1/d?sslmode=require",
                "postgres://s@h:1/d?sslmode=require",
                Some("a@b/:c"),
            ),
            ("postgresql://s:p@h?x=a:b@c", "postgresql://s@h", Some("p")),
            ("postgres://s@h/d?password=a%26b&user=t", "postgres://s@h/d?user=t", Some("a&b")),
            (
                "postgres://h/d?statement-cache-capacity=0&ssl-ca=/etc/ca.pem",
                "postgres://h/d?sslrootcert=%2Fetc%2Fca.pem",
                None,
            ),
            (
                "postgres://h/d?options[statement_timeout]=5s&options%5Bwork_mem%5D=8MB&options=-c+geqo%3Doff",
                "postgres://h/d?options=-c%20statement_timeout%3D5s%20-c%20work_mem%3D8MB%20-c%20geqo%3Doff",
                None,
            ),
        ] {
            let wanted = Address { url: url.to_owned(), password: password.map(str::to_owned) };
            assert_eq!(address(given), wanted, "{given}");
        }
    }
}
