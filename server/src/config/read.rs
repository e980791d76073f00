//! Reads file and environment into [`Settings`]; errors become one line without values.

use std::path::{Path, PathBuf};

use confique::{Config as _, File, FileFormat, Layer as _};

use super::{
    Config, ConfigError, Secret, check::user_token_secret, database, fingerprints::Fingerprints, merchant,
    secret_files, settings::Settings, sources::sources,
};
use cashier::{
    db::DbOptions,
    error_chain::{all_lines, error_chain},
};

type SettingsLayer = <Settings as confique::Config>::Layer;

/// Reads `file`, or `saoma.toml` here if there is one, and the environment, which wins.
/// # Errors
/// [`ConfigError`] for the first setting that is not usable.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    let mut settings = settings(layers(file)?)?;
    let mut secret_files = read_secrets(&mut settings)?;
    secret_files
        .extend([&settings.wechat_cert, &settings.wechat_cert_key].into_iter().flatten().map(PathBuf::from));
    secret_files.sort();
    secret_files.dedup();
    if let Some(path) = file_in_use(file)
        && has_secrets(&read_file(path)?)
    {
        secret_files.push(path.to_owned());
    }
    let text = file_in_use(file).and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    let fingerprints = Fingerprints::of(&settings);
    Ok(Config { secret_files, fingerprints, sources: sources(&text), ..Config::check(settings)? })
}

fn read_secrets(settings: &mut Settings) -> Result<Vec<PathBuf>, ConfigError> {
    secret_files::read(settings, secret_files::handed().as_deref())
}

/// Only where the database is and how it is used, for commands that need no merchant.
/// # Errors
/// [`ConfigError`].
pub fn load_database(file: Option<&Path>) -> Result<(Secret, DbOptions), ConfigError> {
    let mut settings = settings(layers(file)?)?;
    read_secrets(&mut settings)?;
    let in_sandbox = merchant::is_in_sandbox(&settings);
    Ok((database::url(settings.database_url.as_deref(), in_sandbox)?, database::options(&settings)?))
}

/// Only the user-token secret, if one is set.
/// # Errors
/// [`ConfigError`].
pub fn load_user_token_secret(file: Option<&Path>) -> Result<Option<Secret>, ConfigError> {
    let mut settings = settings(layers(file)?)?;
    read_secrets(&mut settings)?;
    user_token_secret(settings.user_token_secret.as_deref())
}

fn layers(file: Option<&Path>) -> Result<SettingsLayer, ConfigError> {
    let from_file = file_in_use(file).map_or_else(|| Ok(SettingsLayer::empty()), read_file)?;
    let from_env = SettingsLayer::from_env()
        .map_err(|e| ConfigError::new("environment:", mask_values(&error_chain(&e))))?;
    Ok(from_env.with_fallback(from_file))
}

/// The file that was named, or `saoma.toml` in this folder if there is one.
fn file_in_use(named: Option<&Path>) -> Option<&Path> {
    let usual = Path::new("saoma.toml");
    named.or_else(|| usual.exists().then_some(usual))
}

fn has_secrets(layer: &SettingsLayer) -> bool {
    let secrets = [
        &layer.wechat_api_key,
        &layer.wechat_api_key_old,
        &layer.wechat_apiv3_key,
        &layer.wechat_apiv3_key_old,
        &layer.wechat_app_secret,
        &layer.secret_key,
        &layer.secret_key_old,
        &layer.user_token_secret,
        &layer.user_token_secret_old,
        &layer.admin_password,
        &layer.smtp_url,
        &layer.database_url,
        &layer.database_direct_url,
    ];
    secrets.into_iter().any(Option::is_some)
}

fn settings(layer: SettingsLayer) -> Result<Settings, ConfigError> {
    Settings::from_layer(layer.with_fallback(SettingsLayer::default_values()))
        .map_err(|e| ConfigError::new("settings:", error_chain(&e)))
}

fn read_file(path: &Path) -> Result<SettingsLayer, ConfigError> {
    let name = path.display().to_string();
    File::with_format(PathBuf::from(path), FileFormat::Toml).required().load().map_err(|e| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        ConfigError::new(&name, file_problem(&all_lines(&e), &text))
    })
}

/// The reader's message quotes the line it stumbled over, which may hold a key: keep the place and the reason only.
fn file_problem(message: &str, file: &str) -> String {
    let Some((_, at)) = message.split_once("at line ") else {
        return if file.is_empty() {
            "cannot be read: is it there, and may this user read it?".to_owned()
        } else {
            mask_values(message.lines().last().unwrap_or_default())
        };
    };
    let number: usize = at.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
    let line = file.lines().nth(number.saturating_sub(1)).unwrap_or_default();
    let key = line.split_once('=').map_or("", |(key, _)| key.trim());
    let is_name = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let key = if is_name { format!(" ({key})") } else { String::new() };
    let reason = message.lines().last().unwrap_or_default();
    format!("line {number}{key}: {}", mask_values(reason))
}

/// `invalid type: integer `123`` shows what was written; a name after "unknown field" may stay.
fn mask_values(reason: &str) -> String {
    if reason.contains("unknown field") {
        return reason.to_owned();
    }
    let mut masked = String::new();
    let mut quote = None;
    for c in reason.chars() {
        match quote {
            None => {
                masked.push(c);
                if matches!(c, '`' | '"') && reason.contains("invalid type") {
                    quote = Some(c);
                }
            }
            Some(open) if c == open => {
                masked.push('…');
                masked.push(c);
                quote = None;
            }
            Some(_) => {}
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("saoma.toml");
        std::fs::write(&path, toml).unwrap();
        Config::check(settings(read_file(&path)?)?)
    }

    #[test]
    fn an_empty_file_is_the_sandbox() {
        assert!(read("").unwrap().is_sandbox());
    }

    #[test]
    fn an_unknown_name_in_the_file_is_refused_by_name() {
        let problem = read("adr = \"127.0.0.1:1\"").unwrap_err().to_string();
        assert!(problem.contains("adr") && problem.contains("unknown"), "{problem}");
        assert_eq!(problem.lines().count(), 1, "{problem}");
    }

    #[test]
    fn a_wrong_type_names_the_line_and_never_the_value() {
        let problem = read("addr = \"127.0.0.1:1\"\nuser_token_secret = 8675309").unwrap_err().to_string();
        assert!(problem.contains("line 2 (user_token_secret)"), "{problem}");
        assert!(!problem.contains("8675309"), "{problem}");
        assert_eq!(problem.lines().count(), 1, "{problem}");
    }

    #[test]
    fn a_key_without_quotes_is_refused_without_being_shown() {
        let problem = read("wechat_api_key = 192006250b4c09247ec02edce69f6a2d").unwrap_err().to_string();
        assert!(problem.contains("line 1 (wechat_api_key)"), "{problem}");
        assert!(!problem.contains("192006250b4c09247"), "{problem}");
        assert_eq!(problem.lines().count(), 1, "{problem}");
    }

    #[test]
    fn a_file_that_is_not_there_is_refused() {
        let problem = read_file(Path::new("/nonexistent/saoma.toml")).err().unwrap();
        assert_eq!(problem.setting, "/nonexistent/saoma.toml");
        assert!(problem.to_string().contains("cannot be read"), "{problem}");
    }

    #[test]
    fn presets_may_be_tables() {
        let config = read("[[presets]]\nquantity = 5\n[[presets]]\nquantity = 50\nbonus = 200").unwrap();
        let amounts: Vec<_> = config.site.presets.iter().map(|p| (p.quantity, p.bonus)).collect();
        assert_eq!(amounts, [(5, 0), (50, 200)]);
    }
}
