//! What changes on the way between the visitor and the merchant's site: addresses, cookies, the content security policy,
//! and the script in front of a page. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::people::Person;

/// The address of the bridge script, and of what it talks to.
pub const BRIDGE: &str = "/__weixin/bridge.js";
pub const OWN: &str = "/__weixin/";
pub const SCRIPT: &str = include_str!("bridge.js");

/// `sha256-…`, as policies and `integrity` write it.
fn hash() -> String {
    format!("sha256-{}", STANDARD.encode(digest(&SHA256, SCRIPT.as_bytes())))
}

/// The page with the bridge as the first script in its head.
pub fn with_bridge(html: &[u8]) -> Vec<u8> {
    let at = after_head(html);
    let script = format!("<script src=\"{BRIDGE}\" integrity=\"{}\"></script>", hash());
    [&html[..at], script.as_bytes(), &html[at..]].concat()
}

/// Behind `<head …>`; without one behind the document type, where every parser opens a head.
fn after_head(html: &[u8]) -> usize {
    let lower: Vec<u8> = html.iter().take(64 * 1024).map(u8::to_ascii_lowercase).collect();
    let end_of = |tag: &[u8]| {
        let begin = lower.windows(tag.len() + 1).position(|part| {
            part.starts_with(tag) && part.last().is_some_and(|b| *b == b'>' || b.is_ascii_whitespace())
        })?;
        let length = lower[begin..].iter().position(|b| *b == b'>')?;
        Some(begin + length + 1)
    };
    [&b"<head"[..], b"<html", b"<!doctype"].into_iter().find_map(end_of).unwrap_or(0)
}

/// The policy with one more script and one more place to connect to, the stand-in's own, and nothing else: WeChat's bridge
/// is part of its browser, which no policy concerns. `own_origin` is where the page is shown.
pub fn policy(policy: &str, own_origin: &str) -> String {
    let one = |policy: &str| {
        let mut directives: Vec<Vec<&str>> = policy
            .split(';')
            .map(|directive| directive.split_ascii_whitespace().collect::<Vec<_>>())
            .filter(|words| !words.is_empty())
            .collect();
        // `'strict-dynamic'` takes no addresses, and a hash would switch `'unsafe-inline'` off.
        let is_strict = directives.iter().any(|d| is(d, "script-src") && d.contains(&"'strict-dynamic'"));
        let script = if is_strict { format!("'{}'", hash()) } else { format!("{own_origin}{BRIDGE}") };
        let own = format!("{own_origin}{OWN}");
        for name in ["script-src-elem", "script-src", "connect-src"] {
            let source = if name == "connect-src" { &own } else { &script };
            add(&mut directives, name, source);
        }
        directives.iter().map(|words| words.join(" ")).collect::<Vec<_>>().join("; ")
    };
    // A header may hold several policies; no source has a comma in it.
    policy.split(',').map(one).collect::<Vec<_>>().join(", ")
}

fn is(directive: &[&str], name: &str) -> bool {
    directive.first().is_some_and(|first| first.eq_ignore_ascii_case(name))
}

/// Adds a source to a directive. One that is not there gets the sources of `default-src`, which stood in for it.
fn add<'a>(directives: &mut Vec<Vec<&'a str>>, name: &'a str, source: &'a str) {
    let sources = match directives.iter_mut().find(|d| is(d, name)) {
        Some(there) => there,
        // Falls back to script-src, which gets the source as well.
        None if name == "script-src-elem" => return,
        None => match directives.iter().find(|d| is(d, "default-src")) {
            None => return,
            Some(default) => {
                let sources = [&[name], &default[1..]].concat();
                directives.push(sources);
                match directives.last_mut() {
                    Some(there) => there,
                    None => return,
                }
            }
        },
    };
    sources.retain(|source| !source.eq_ignore_ascii_case("'none'"));
    sources.push(source);
}

/// The cookies that `person`'s browser has for the site, out of all that the real browser sends: cookies know no port, so
/// those of another port of this machine, and of another person, come along.
pub fn cookies_to_site(header: &str, person: Person) -> String {
    let prefix = prefix(person);
    let own = header.split(';').filter_map(|cookie| cookie.trim().strip_prefix(&prefix));
    own.collect::<Vec<_>>().join("; ")
}

/// A `Set-Cookie` of the site, as `person`'s cookie at the stand-in's address, which has another host and no TLS.
pub fn cookie_to_browser(header: &str, person: Person) -> String {
    let mut parts = header.split(';').map(str::trim);
    let cookie = format!("{}{}", prefix(person), parts.next().unwrap_or_default());
    let mut kept = vec![cookie];
    for part in parts {
        let name = part.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            "domain" | "secure" => (),
            // Browsers take `None` only with `Secure`.
            "samesite" if part.to_ascii_lowercase().ends_with("none") => kept.push("SameSite=Lax".to_owned()),
            _ => kept.push(part.to_owned()),
        }
    }
    kept.join("; ")
}

fn prefix(person: Person) -> String {
    format!("weixin{}.", u8::from(person))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN_ORIGIN: &str = "http://127.0.0.1:3081";

    #[test]
    fn a_policy_gets_the_bridge_and_keeps_everything_else() {
        let given =
            "default-src 'none'; script-src 'self' 'nonce-abc'; connect-src 'self'; frame-src weixin:";
        let expected = "default-src 'none'; script-src 'self' 'nonce-abc' http://127.0.0.1:3081/__weixin/bridge.js; \
            connect-src 'self' http://127.0.0.1:3081/__weixin/; frame-src weixin:";
        assert_eq!(policy(given, OWN_ORIGIN), expected);
    }

    #[test]
    fn what_default_src_stood_in_for_keeps_its_sources() {
        let expected = "default-src 'self' cdn.example.com; \
            script-src 'self' cdn.example.com http://127.0.0.1:3081/__weixin/bridge.js; \
            connect-src 'self' cdn.example.com http://127.0.0.1:3081/__weixin/";
        assert_eq!(policy("default-src 'self' cdn.example.com", OWN_ORIGIN), expected);
    }

    #[test]
    fn nothing_becomes_the_bridge_alone_and_no_policy_stays_none() {
        let expected =
            "script-src http://127.0.0.1:3081/__weixin/bridge.js; frame-ancestors 'none', img-src 'self'";
        assert_eq!(policy("script-src 'none';frame-ancestors 'none', img-src 'self'", OWN_ORIGIN), expected);
        assert_eq!(policy("frame-src 'none'", OWN_ORIGIN), "frame-src 'none'");
    }

    #[test]
    fn a_strict_policy_gets_the_hash_and_inline_scripts_stay_as_they_were() {
        let strict = policy("script-src 'nonce-a' 'strict-dynamic'", OWN_ORIGIN);
        assert_eq!(strict, format!("script-src 'nonce-a' 'strict-dynamic' '{}'", hash()));
        assert!(!policy("script-src 'unsafe-inline'", OWN_ORIGIN).contains("sha256"));
        assert!(
            policy("script-src 'self'; script-src-elem 'none'", OWN_ORIGIN).contains("script-src-elem http")
        );
    }

    #[test]
    fn the_bridge_comes_before_every_other_script() {
        let script = format!("<script src=\"/__weixin/bridge.js\" integrity=\"{}\"></script>", hash());
        for (before, after) in [
            ("<!doctype html><html><HEAD lang=\"zh\">", "<script>1</script></HEAD><header></header>"),
            ("<!doctype html><html lang=\"zh\">", "<header><script>1</script></header>"),
            ("<!DOCTYPE html>", "<p>微信"),
            ("", "<p>no head"),
        ] {
            let page = with_bridge(format!("{before}{after}").as_bytes());
            assert_eq!(String::from_utf8(page).unwrap(), format!("{before}{script}{after}"));
        }
    }

    #[test]
    fn each_person_has_cookies_of_their_own() {
        let header = "session=of-port-3000; weixin1.session=abc; weixin2.session=def; weixin1.lang=en";
        assert_eq!(cookies_to_site(header, Person::First), "session=abc; lang=en");
        assert_eq!(cookies_to_site(header, Person::Second), "session=def");
        let set = "session=abc; Path=/; Domain=shop.example.com; HttpOnly; Secure; SameSite=None";
        let got = cookie_to_browser(set, Person::Second);
        assert_eq!(got, "weixin2.session=abc; Path=/; HttpOnly; SameSite=Lax");
    }
}
