//! Percent-encoding of one part of an address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// What is encoded: everything but the unreserved characters of RFC 3986.
pub(crate) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
