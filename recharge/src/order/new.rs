//! How an order is made.

use std::net::IpAddr;

use wxpay::{Fen, InvalidValue, OutTradeNo, Signed, TradeType, UnixMillis};

use super::{ORDERING_LEASE_MS, Order, OrderState};
use crate::user::User;

/// What an order is made from; the rest follows from it.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Whose balance it raises.
    pub user: User,
    /// What the payer pays, in fen.
    pub total_fee: Fen,
    /// What is added when it is credited, in fen.
    pub bonus: Fen,
    /// What the payer reads in WeChat, at most 127 bytes.
    pub body: String,
    /// Where WeChat posts the notice.
    pub notify_url: String,
    /// The payer's address.
    pub spbill_create_ip: IpAddr,
    /// How its requests are signed.
    pub signed: Signed,
    /// How the payer gets to it.
    pub trade_type: TradeType,
    /// How long it can be paid, in milliseconds.
    pub life_ms: i64,
}

impl Order {
    /// A new order with every field that will be sent, so that it can be stored before WeChat is called and a repeat
    /// sends the same. `random` makes its number and the secret of its link.
    ///
    /// # Errors
    /// [`InvalidValue`] if the amount is not positive or with its bonus larger than [`MOST_FEE`].
    pub fn new(new: NewOrder, now: UnixMillis, random: [u8; 26]) -> Result<Order, InvalidValue> {
        let sum = new.total_fee.checked_add(new.bonus);
        if new.total_fee < Fen::new(1) || new.bonus < Fen::ZERO || sum.is_none_or(|sum| sum > MOST_FEE) {
            return Err(InvalidValue { what: "amount", must_be: "1 fen to 10,000,000 yuan" });
        }
        let (number, secret) = random.split_at(10);
        Ok(Order {
            out_trade_no: OutTradeNo::parse(format!("SM{}{}", now.to_beijing(), base32(number)))?,
            product_id: format!("recharge-{}", new.total_fee.get()),
            user: new.user,
            total_fee: new.total_fee,
            bonus: new.bonus,
            body: new.body,
            notify_url: new.notify_url,
            spbill_create_ip: new.spbill_create_ip,
            signed: new.signed,
            trade_type: new.trade_type,
            created_at: now,
            // WeChat's times have whole seconds; the stored one is the one that is sent.
            time_expire: UnixMillis::new(now.plus_ms(new.life_ms).get() / 1000 * 1000),
            state: OrderState::Created,
            version: 1,
            ordering_until: now.plus_ms(ORDERING_LEASE_MS),
            link_token: base32(secret),
            reusable: true,
            refunded_outside: false,
            by_hand: None,
        })
    }
}

/// Maximum of one order, bonus included, in fen: sums of a million million of them fit in an `i64`.
pub const MOST_FEE: Fen = Fen::new(1_000_000_000);

/// Crockford's alphabet, which leaves out letters that are mistaken for digits; 5 bits a letter, the last one padded.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let (mut text, mut bits, mut held) = (String::new(), 0u32, 0u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[(held >> bits) as usize & 31]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(LETTERS[(held << (5 - bits)) as usize & 31]));
    }
    text
}
