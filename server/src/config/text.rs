//! What people read about the settings: the example file and the list in `--help`, both from [`Settings`]'s own docs.

use std::fmt::Write as _;

use confique::{
    Config as _,
    meta::{FieldKind, LeafKind},
};

use super::settings::Settings;

/// The text of `saoma.example.toml`.
pub fn example_file() -> String {
    confique::toml::template::<Settings>(confique::toml::FormatOptions::default())
}

/// The list under `saoma serve --help`.
pub fn help() -> String {
    let mut text = String::from(
        "Settings, from the environment or from saoma.toml (there without SAOMA_, in lower case):\n",
    );
    for field in Settings::META.fields {
        let FieldKind::Leaf { env: Some(env), kind } = field.kind else { continue };
        let default = match kind {
            LeafKind::Required { default: Some(value) } => {
                // Strings, numbers and lists look the same in JSON and TOML.
                format!(" [default: {}]", serde_json::to_string(&value).unwrap_or_default())
            }
            _ => String::new(),
        };
        let _ = writeln!(text, "\n  {env}{default}");
        for line in field.doc {
            let _ = writeln!(text, "     {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SAOMA_WRITE_EXAMPLE=1 cargo test -p server example` writes the file anew.
    #[test]
    fn the_example_file_says_what_the_program_reads() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../saoma.example.toml");
        if std::env::var_os("SAOMA_WRITE_EXAMPLE").is_some() {
            std::fs::write(path, example_file()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), example_file());
    }

    #[test]
    fn help_names_every_setting_by_its_variable() {
        let help = help();
        for field in Settings::META.fields {
            let variable = match field.name {
                name if name.starts_with("database_") => name.to_uppercase(),
                name => format!("SAOMA_{}", name.to_uppercase()),
            };
            assert!(help.contains(&format!("\n  {variable}")), "{variable}");
        }
    }
}
