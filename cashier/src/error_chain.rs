//! An error with its causes, as one line of text.

use std::error::Error;

/// The messages of `error` and of all its causes, outermost first, separated by `: ` and without line breaks.
pub fn error_chain(error: &dyn Error) -> String {
    all_lines(error).replace(['\r', '\n'], " ")
}

/// The same with line breaks kept, for a message of several lines.
pub fn all_lines(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
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
}
