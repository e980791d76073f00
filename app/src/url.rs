//! Percent-encoding, and addresses with a query.

/// A value for a query string.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A path with a query; empty values are left out.
pub fn address<'a>(path: &str, query: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = path.to_owned();
    let mut sign = '?';
    for (key, value) in query.into_iter().filter(|(_, value)| !value.is_empty()) {
        out.push(sign);
        out.push_str(&format!("{}={}", percent_encode(key), percent_encode(value)));
        sign = '&';
    }
    out
}

/// The pairs of a query, decoded, in their order; none if it cannot be read.
#[cfg(feature = "ssr")]
pub fn pairs(query: &str) -> Vec<(String, String)> {
    use axum::extract::Query;
    let uri = format!("/?{query}").parse();
    let read = |uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok();
    uri.ok().and_then(read).map(|query| query.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_encodes_its_query_and_leaves_out_empty_values() {
        let pairs = [("state", "paid"), ("q", "a b&c"), ("before", "")];
        assert_eq!(address("/orders", pairs), "/orders?state=paid&q=a%20b%26c");
        assert_eq!(address("/orders", []), "/orders");
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn a_query_reads_back_as_it_was_written() {
        let written = [("q", "a b&c=%"), ("state", "已支付")];
        let query = address("", written);
        let read = pairs(query.trim_start_matches('?'));
        assert_eq!(read, written.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(pairs("a b"), []);
    }
}
