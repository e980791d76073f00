//! An error with its causes, as one line of text.

use std::error::Error;

/// The messages of `error` and of all its causes, outermost first, separated by `: ` and without line breaks. A cause that the
/// message before it ends with, as sqlx and reqwest write theirs, stands there once.
pub fn error_chain(error: &dyn Error) -> String {
    all_lines(error).replace(['\r', '\n'], " ")
}

/// The same with line breaks kept, for a message of several lines.
pub fn all_lines(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("inner,\nof two lines")]
    struct Inner;

    #[test]
    fn every_cause_is_named_once_on_one_line() {
        assert_eq!(error_chain(&Outer(Inner)), "outer: inner, of two lines");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("not reached: {0}")]
    struct Quoting(#[source] Inner);

    #[test]
    fn a_cause_that_its_error_quotes_stands_there_once() {
        assert_eq!(error_chain(&Quoting(Inner)), "not reached: inner, of two lines");
    }
}
