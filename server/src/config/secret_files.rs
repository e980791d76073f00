//! Secrets that stand in files of their own: named by a setting, as Docker and Kubernetes hand them out, or credentials of systemd,
//! which are files with the variables' names in one folder.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{ConfigError, settings::Settings};

/// Longest content of a file, in bytes: all secrets are short texts.
const LONGEST: usize = 4096;

/// The folder with the credentials that systemd hands to this service (`LoadCredential=`). Source: systemd.exec(5).
pub(super) fn handed() -> Option<PathBuf> {
    env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).filter(|folder| folder.is_absolute())
}

/// The credential for a setting, if there is one.
pub(super) fn credential(handed: Option<&Path>, setting: &str) -> Option<PathBuf> {
    handed.map(|folder| folder.join(setting)).filter(|file| file.is_file())
}

/// Reads each `…_file` and each credential into the setting that it stands for, less one line end, and returns the files that were
/// read. Where a setting is a path, its credential is the file itself.
///
/// # Errors
/// [`ConfigError`] where a setting stands in both places, or the file cannot be read, is empty or is no text.
pub(super) fn read(s: &mut Settings, handed: Option<&Path>) -> Result<Vec<PathBuf>, ConfigError> {
    let mut files = credential_paths(s, handed)?;
    let pairs = [
        ("DATABASE_URL", &mut s.database_url, &mut s.database_url_file),
        ("DATABASE_DIRECT_URL", &mut s.database_direct_url, &mut s.database_direct_url_file),
        ("SAOMA_WECHAT_API_KEY", &mut s.wechat_api_key, &mut s.wechat_api_key_file),
        ("SAOMA_WECHAT_API_KEY_OLD", &mut s.wechat_api_key_old, &mut s.wechat_api_key_old_file),
        ("SAOMA_WECHAT_APIV3_KEY", &mut s.wechat_apiv3_key, &mut s.wechat_apiv3_key_file),
        ("SAOMA_WECHAT_APIV3_KEY_OLD", &mut s.wechat_apiv3_key_old, &mut s.wechat_apiv3_key_old_file),
        ("SAOMA_WECHAT_APP_SECRET", &mut s.wechat_app_secret, &mut s.wechat_app_secret_file),
        ("SAOMA_SECRET_KEY", &mut s.secret_key, &mut s.secret_key_file),
        ("SAOMA_SECRET_KEY_OLD", &mut s.secret_key_old, &mut s.secret_key_old_file),
        ("SAOMA_USER_TOKEN_SECRET", &mut s.user_token_secret, &mut s.user_token_secret_file),
        ("SAOMA_USER_TOKEN_SECRET_OLD", &mut s.user_token_secret_old, &mut s.user_token_secret_old_file),
        ("SAOMA_SMTP_URL", &mut s.smtp_url, &mut s.smtp_url_file),
        ("SAOMA_ADMIN_PASSWORD", &mut s.admin_password, &mut s.admin_password_file),
    ];
    for (setting, value, file) in pairs {
        let (variable, given) = (format!("{setting}_FILE"), credential(handed, setting));
        let (origin, path) = match (file.take(), given) {
            (None, None) => continue,
            (Some(_), Some(_)) => return Err(twice(&variable, &of_systemd(setting))),
            (Some(path), None) => (variable, PathBuf::from(path)),
            (None, Some(path)) => (of_systemd(setting), path),
        };
        if value.is_some() {
            return Err(twice(setting, &origin));
        }
        *value = Some(content(&origin, &path)?);
        files.push(path);
    }
    Ok(files)
}

fn of_systemd(setting: &str) -> String {
    format!("the credential {setting}")
}

fn twice(setting: &str, other: &str) -> ConfigError {
    ConfigError::new(setting, format!("must not be set together with {other}: remove one of them"))
}

/// The settings that are paths of files.
fn credential_paths(s: &mut Settings, handed: Option<&Path>) -> Result<Vec<PathBuf>, ConfigError> {
    let mut files = Vec::new();
    for (setting, value) in [
        ("SAOMA_WECHAT_CERT", &mut s.wechat_cert),
        ("SAOMA_WECHAT_CERT_KEY", &mut s.wechat_cert_key),
        ("SAOMA_WECHAT_PUBLIC_KEY", &mut s.wechat_public_key),
    ] {
        let Some(file) = credential(handed, setting) else { continue };
        if value.is_some() {
            return Err(twice(setting, &of_systemd(setting)));
        }
        let text = file
            .to_str()
            .ok_or_else(|| ConfigError::new("CREDENTIALS_DIRECTORY", "must be a path of UTF-8"))?;
        *value = Some(text.to_owned());
        files.push(file);
    }
    Ok(files)
}

fn content(setting: &str, path: &Path) -> Result<String, ConfigError> {
    let bytes = std::fs::read(path)
        .map_err(|e| ConfigError::new(setting, format!("must be a file this user can read: {e}")))?;
    let bad = || ConfigError::new(setting, "must be a file with one line of text, at most 4 KiB");
    let text = String::from_utf8(bytes).ok().filter(|text| text.len() <= LONGEST).ok_or_else(bad)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() || text.contains(char::is_control) { Err(bad()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use confique::{Config as _, Layer as _};

    use super::*;

    fn with_file(content: &[u8], change: impl FnOnce(&mut Settings)) -> Result<Settings, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, content).unwrap();
        let layer = <Settings as confique::Config>::Layer::default_values();
        let mut settings = Settings::from_layer(layer).unwrap();
        settings.secret_key_file = Some(path.to_str().unwrap().to_owned());
        change(&mut settings);
        read(&mut settings, None).map(|_| settings)
    }

    #[test]
    fn a_file_is_the_setting_less_its_line_end() {
        for content in [&b"t0ken to seal with"[..], b"t0ken to seal with\n", b"t0ken to seal with\r\n"] {
            let settings = with_file(content, |_| ()).unwrap();
            assert_eq!(settings.secret_key.as_deref(), Some("t0ken to seal with"));
            assert_eq!(settings.secret_key_file, None);
        }
    }

    #[test]
    fn a_file_that_is_missing_empty_or_no_line_is_refused_and_so_are_both_places() {
        let error = |content: &[u8], change: &dyn Fn(&mut Settings)| {
            let error = with_file(content, change).err().unwrap();
            assert!(!error.problem.contains("t0ken"), "{error}");
            error.setting
        };
        for content in [&b""[..], b"\n", b"t0ken\nt0ken", b"t0ken\0", b"\xff\xfe", &[b'x'; LONGEST + 1]] {
            assert_eq!(error(content, &|_| ()), "SAOMA_SECRET_KEY_FILE");
        }
        let nowhere = |s: &mut Settings| s.secret_key_file = Some("/nonexistent/t0ken".to_owned());
        assert_eq!(with_file(b"", nowhere).err().unwrap().setting, "SAOMA_SECRET_KEY_FILE");
        assert_eq!(error(b"x", &|s| s.secret_key = Some("t0ken".to_owned())), "SAOMA_SECRET_KEY");
    }

    #[test]
    fn a_credential_of_systemd_is_the_setting_of_its_name_or_the_file_that_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        put("SAOMA_SECRET_KEY", "t0ken to seal with\n");
        put("SAOMA_WECHAT_CERT_KEY", "-----BEGIN");
        put("SOMETHING_ELSE", "");
        let read = |change: &dyn Fn(&mut Settings)| {
            let mut settings =
                Settings::from_layer(<Settings as confique::Config>::Layer::default_values()).unwrap();
            change(&mut settings);
            read(&mut settings, Some(folder.path())).map(|files| (settings, files))
        };
        let (settings, files) = read(&|_| ()).unwrap();
        assert_eq!(settings.secret_key.as_deref(), Some("t0ken to seal with"));
        let key = folder.path().join("SAOMA_WECHAT_CERT_KEY");
        assert_eq!(settings.wechat_cert_key.as_deref(), key.to_str());
        assert_eq!(files.len(), 2, "{files:?}");
        for change in [
            &(|s: &mut Settings| s.secret_key = Some("t0ken".to_owned())) as &dyn Fn(&mut Settings),
            &|s| s.secret_key_file = Some("/run/t0ken".to_owned()),
            &|s| s.wechat_cert_key = Some("/run/key.pem".to_owned()),
        ] {
            let error = read(change).err().unwrap();
            assert!(
                error.problem.contains("credential SAOMA_") && !error.problem.contains("t0ken"),
                "{error}"
            );
        }
        put("SAOMA_SECRET_KEY", "two\nlines");
        assert_eq!(read(&|_| ()).err().unwrap().setting, "the credential SAOMA_SECRET_KEY");
    }

    /// A secret setting without a `…_file` would be forgotten here.
    #[test]
    fn every_file_that_the_settings_name_is_read() {
        let files: Vec<_> = Settings::META.fields.iter().filter(|f| f.name.ends_with("_file")).collect();
        assert_eq!(files.len(), 13);
        for field in files {
            assert!(Settings::META.fields.iter().any(|f| Some(f.name) == field.name.strip_suffix("_file")));
        }
    }
}
