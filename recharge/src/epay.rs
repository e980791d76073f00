//! The 易支付 protocol (epay), version 1: a site signs what it asks for with MD5 and a key of its merchant's, sends the payer or asks
//! for a code, and is told by a signed GET that the order was paid. Its words are the protocol's own.
//!
//! Sources: Calcium-Ion/go-epay, `epay/order.go` and `epay/util.go`; QuantumNous/new-api, `controller/topup.go`; dujiao-next,
//! `internal/payment/epay/epay.go`; assimon/dujiaoka, `app/Http/Controllers/Pay/YipayController.php`.

use std::fmt;

use wxpay::InvalidValue;

use crate::spend::Reference;

mod host;
mod merchant;
mod money;
mod notice;
mod params;
mod refusal;
mod wanted;

pub use host::{EpayHost, lists};
pub use merchant::Merchant;
pub use money::fen_of_yuan;
pub use notice::Notice;
pub use params::{EpayKey, Params};
pub use refusal::EpayRefusal;
pub use wanted::Wanted;

/// The one kind of payment that there is: `type` of requests and notices.
pub const TYPE: &str = "wxpay";

/// The longest number that a site may give an order, in bytes: with its merchant's it makes a [`Reference`].
pub const LONGEST_OUT_TRADE_NO: usize = 48;

/// What a maker's name begins with. No API key has such a name: `:` is not allowed in one.
pub const MAKER_PREFIX: &str = "epay:";

/// A merchant of the protocol: a site that charges through this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(i64);

impl Pid {
    /// The first that is given; then one more each time.
    pub const FIRST: Pid = Pid(1001);

    /// Reads it.
    ///
    /// # Errors
    /// [`InvalidValue`] unless it is 1 to 9 digits, the first of which is not 0.
    pub fn parse(text: &str) -> Result<Pid, InvalidValue> {
        let is_number = (1..=9).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && !text.starts_with('0');
        let invalid = InvalidValue { what: "pid", must_be: "1 to 9 digits, such as 1001" };
        if is_number { text.parse().map(Pid).map_err(|_| invalid) } else { Err(invalid) }
    }

    /// As a row has it.
    pub fn new(number: i64) -> Pid {
        Pid(number)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The name under which its orders are made.
    pub fn maker(self) -> String {
        format!("{MAKER_PREFIX}{}", self.0)
    }

    /// The name of one of its orders among all that have one: unique for ever. It is the order's user as well, whom nobody names.
    ///
    /// # Errors
    /// [`InvalidValue`] if the site's number is empty, longer than [`LONGEST_OUT_TRADE_NO`] or not visible ASCII.
    pub fn reference(self, out_trade_no: &str) -> Result<Reference, InvalidValue> {
        let must_be = "1 to 48 visible ASCII characters";
        let invalid = InvalidValue { what: "out_trade_no", must_be };
        if out_trade_no.is_empty() || out_trade_no.len() > LONGEST_OUT_TRADE_NO {
            return Err(invalid);
        }
        Reference::parse(format!("{}:{out_trade_no}", self.maker())).map_err(|_| invalid)
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Whether an order that was made under this name is a merchant's of the protocol: paid and told, and no balance rises.
pub fn is_maker(name: &str) -> bool {
    name.starts_with(MAKER_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_a_number_and_nothing_else() {
        assert_eq!(Pid::parse("1001"), Ok(Pid::FIRST));
        for text in
            ["", "0", "01001", "1001 ", "-1", "+1", "1e3", "1.0", "１００１", "1000000000", "10' or 1=1"]
        {
            assert!(Pid::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn two_merchants_may_give_the_same_number_and_no_two_numbers_meet() {
        let of = |pid: i64, number: &str| Pid::new(pid).reference(number).map(|name| name.to_string());
        assert_eq!(of(1001, "USR1NOabc").as_deref(), Ok("epay:1001:USR1NOabc"));
        assert_ne!(of(1001, "1:2"), of(10011, "2"));
        assert!(of(999_999_999, &"x".repeat(48)).is_ok());
        for number in ["", "a b", "订单", "a\n", &"x".repeat(49)] {
            assert!(of(1001, number).is_err(), "{number:?}");
        }
    }

    #[test]
    fn no_api_key_can_be_called_like_a_merchant() {
        use crate::api_key::{ApiKey, KeyMode, KeyText, NewKey, Scope};
        assert!(is_maker(&Pid::FIRST.maker()) && !is_maker("epay-1001") && !is_maker("forum"));
        let new = NewKey {
            name: Pid::FIRST.maker(),
            scopes: [Scope::RechargesWrite].into_iter().collect(),
            networks: Vec::new(),
            max_amount: None,
            expires_at: None,
        };
        let text = KeyText::new(KeyMode::Test, [0; 10], [0; 32]);
        assert!(ApiKey::new(new, &text, "console", crate::fixtures::NOW).is_err());
    }
}
