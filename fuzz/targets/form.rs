//! What an integrator asks for: only whole units in ASCII digits, by form or JSON, and every field known.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The server's own file, without the server around it.
#[path = "../../server/src/recharge_api/fields.rs"]
mod fields;
use fields::BadRequest;

fuzz_target!(|body: &[u8]| {
    for is_json in [false, true] {
        match fields::read(is_json, body) {
            Ok(asked) => {
                let digits = asked.quantity.to_string();
                let shown = body.windows(digits.len()).any(|part| part == digits.as_bytes());
                // A form may hide a digit behind `%31`, JSON behind `\u0031`.
                assert!(
                    shown || body.contains(&b'%') || body.contains(&b'\\'),
                    "{asked:?} was not asked for"
                );
                assert!(!asked.u.is_empty());
                // A way that needs something is not read without it.
                let _ = asked.kind.trade_type();
            }
            Err(BadRequest::Unreadable(why)) => assert!(!why.is_empty()),
            Err(BadRequest::Quantity(message)) => assert!(message.contains("quantity")),
            Err(BadRequest::Way { message, .. }) => assert!(!message.is_empty()),
            Err(BadRequest::NoToken) => {}
        }
    }
});
