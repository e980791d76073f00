//! Where each setting came from, for the settings page: never a secret's value.

use app::service::report::{SettingLine, Source};
use confique::{
    Config as _,
    meta::{FieldKind, LeafKind},
};

use super::{secret_files, settings::Settings};

/// Parts of the names of settings whose values are never shown. `database_url` and `smtp_url` may have a password.
const SECRET: [&str; 5] = ["key", "secret", "password", "database_url", "smtp_url"];
/// The ends of names that say where to look.
const NO_SECRET: [&str; 2] = ["_key_id", "_file"];

/// Each setting with its source, in the order of the example file. `file` is the text of the settings file.
pub fn sources(file: &str) -> Vec<SettingLine> {
    let handed = secret_files::handed();
    let is_handed = |variable: &str| secret_files::credential(handed.as_deref(), variable).is_some();
    lines(file, |variable| std::env::var(variable).ok(), is_handed)
}

fn lines(
    file: &str,
    environment: impl Fn(&str) -> Option<String>,
    is_handed: impl Fn(&str) -> bool,
) -> Vec<SettingLine> {
    let mut lines = Vec::new();
    for field in Settings::META.fields {
        let FieldKind::Leaf { env: Some(variable), kind } = field.kind else { continue };
        let default = match kind {
            LeafKind::Required { default: Some(value) } => {
                Some(serde_json::to_string(&value).unwrap_or_default())
            }
            _ => None,
        };
        let (source, value) = match (environment(variable), in_file(file, field.name), default) {
            (Some(value), ..) => (Source::Environment, Some(value)),
            (None, Some(value), _) => (Source::File, Some(value)),
            // Not set in another place too, which would be a mistake.
            (None, None, _) if is_handed(variable) => (Source::Credential, None),
            (None, None, Some(value)) => (Source::Default, Some(value)),
            (None, None, None) => (Source::Unset, None),
        };
        let value = value.filter(|_| !is_secret(field.name)).map(|value| short(&value));
        lines.push(SettingLine { variable, source, value });
    }
    lines
}

fn is_secret(name: &str) -> bool {
    SECRET.iter().any(|part| name.contains(part)) && !NO_SECRET.iter().any(|part| name.ends_with(part))
}

/// What the file says of a name, as it stands there; of a table or a list over several lines, its first line.
fn in_file(file: &str, name: &str) -> Option<String> {
    file.lines()
        .map(str::trim)
        .find_map(|line| {
            let value = line.strip_prefix(name)?.trim_start().strip_prefix('=');
            value.map(|value| value.trim().to_owned())
        })
        .or_else(|| file.lines().any(|line| line.trim() == format!("[[{name}]]")).then(|| "[[…]]".to_owned()))
}

fn short(value: &str) -> String {
    const CHARS: usize = 200;
    match value.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "addr = \"127.0.0.1:1\"\nwechat_api_key = \"192006250b4c09247ec02edce69f6a2d\"\n\
         address = 5\ndatabase_url = \"postgres://saoma:hidden@db/x\"\n[[presets]]\nquantity = 5\n";

    fn line(variable: &str) -> SettingLine {
        let environment = |name: &str| match name {
            "SAOMA_SITE_NAME" => Some("远山云".to_owned()),
            "SAOMA_ADMIN_PASSWORD" | "SAOMA_SECRET_KEY" | "SAOMA_WECHAT_CERT_KEY" => {
                Some("hidden".to_owned())
            }
            _ => None,
        };
        let handed = |name: &str| name == "SAOMA_WECHAT_APIV3_KEY";
        lines(FILE, environment, handed).into_iter().find(|line| line.variable == variable).unwrap()
    }

    #[test]
    fn each_setting_says_where_it_came_from() {
        let table = [
            ("SAOMA_ADDR", Source::File, Some("\"127.0.0.1:1\"")),
            ("SAOMA_SITE_NAME", Source::Environment, Some("远山云")),
            ("SAOMA_TIME_EXPIRE_S", Source::Default, Some("600")),
            ("SAOMA_PUBLIC_URL", Source::Unset, None),
            ("SAOMA_PRESETS", Source::File, Some("[[…]]")),
            ("SAOMA_WECHAT_API_KEY", Source::File, None),
            ("SAOMA_SECRET_KEY", Source::Environment, None),
            ("SAOMA_WECHAT_APIV3_KEY", Source::Credential, None),
        ];
        for (variable, source, value) in table {
            let line = line(variable);
            assert_eq!((line.source, line.value.as_deref()), (source, value), "{variable}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        for line in lines(FILE, |_| Some("hidden".to_owned()), |_| false) {
            let name = line.variable.to_lowercase();
            let may_be_secret = ["key", "secret", "password", "database_url", "smtp_url"]
                .iter()
                .any(|part| name.contains(part));
            let is_place = name.ends_with("_file") || name.ends_with("_id");
            assert_eq!(line.value.is_none(), may_be_secret && !is_place, "{name}");
        }
    }
}
