//! Answers of api.weixin.qq.com: whatever they are, an openid or token comes out in its form, or nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wxpay::weixin::{oauth, token};

fuzz_target!(|body: &[u8]| {
    if let Ok(openid) = oauth::read(body) {
        let text = openid.as_str();
        assert!((1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()));
    }
    if let Ok(token) = token::read(body) {
        assert!((1..=1024).contains(&token.token.len()) && (1..=86_400).contains(&token.expires_in_s));
        assert!(token.token.bytes().all(|b| b.is_ascii_graphic()));
    }
});
