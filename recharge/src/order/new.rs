//! How an order is made.

use std::net::IpAddr;

use wxpay::{Fen, H5Scene, InvalidValue, OpenId, OutTradeNo, ProductId, Signed, TradeType, UnixMillis};

use super::{ORDERING_LEASE_MS, Order, OrderState};
use crate::apps::App;
use crate::base32::base32;
use crate::notify_url;
use crate::price;
use crate::user::User;

/// How the payer gets to the payment, with what only that way needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Scans a code that was made for this order.
    Native,
    /// Scanned a code that does not expire (mode one), by which WeChat asked for this order.
    Static {
        /// The code.
        product_id: ProductId,
        /// Who scanned it.
        openid: OpenId,
    },
    /// Is on a page inside WeChat.
    Jsapi {
        /// Who may pay: nobody else can.
        openid: OpenId,
    },
    /// Is in the browser of a phone, which goes to a page of WeChat's (H5).
    Mweb {
        /// The page that the payer comes from.
        scene: H5Scene,
    },
    /// Is in the merchant's mobile app.
    App,
}

impl Way {
    /// The protocol's name of it.
    pub fn trade_type(&self) -> TradeType {
        match self {
            Way::Native | Way::Static { .. } => TradeType::Native,
            Way::Jsapi { .. } => TradeType::Jsapi,
            Way::Mweb { .. } => TradeType::Mweb,
            Way::App => TradeType::App,
        }
    }
}

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
    /// The address of this site, under which WeChat posts notices, without a slash at its end.
    pub notify_base: String,
    /// The payer's address.
    pub spbill_create_ip: IpAddr,
    /// How its requests are signed.
    pub signed: Signed,
    /// In whose name it is placed.
    pub app: App,
    /// How the payer gets to it.
    pub way: Way,
    /// How long it can be paid, in milliseconds.
    pub life_ms: i64,
}

impl Order {
    /// A new order with every field that will be sent, so that it can be stored before WeChat is called and a repeat
    /// sends the same. `random` makes its number and the secret of its link.
    ///
    /// # Errors
    /// [`InvalidValue`] if the amount is not one that can be sold; see [`price::check`].
    pub fn new(new: NewOrder, now: UnixMillis, random: [u8; 26]) -> Result<Order, InvalidValue> {
        price::check(new.total_fee, new.bonus)?;
        let (number, secret) = random.split_at(10);
        let trade_type = new.way.trade_type();
        let (openid, scene, static_code) = match new.way {
            Way::Native | Way::App => (None, None, None),
            Way::Static { product_id, openid } => (Some(openid), None, Some(product_id)),
            Way::Jsapi { openid } => (Some(openid), None, None),
            Way::Mweb { scene } => (None, Some(scene), None),
        };
        let product_id = static_code
            .as_ref()
            .map_or_else(|| format!("recharge-{}", new.total_fee.get()), |code| code.as_str().to_owned());
        Ok(Order {
            out_trade_no: OutTradeNo::parse(format!("SM{}{}", now.to_beijing(), base32(number)))?,
            product_id,
            user: new.user,
            total_fee: new.total_fee,
            bonus: new.bonus,
            first_bonus: Fen::ZERO,
            body: new.body,
            notify_url: notify_url::of_payment(&new.notify_base, new.signed.protocol()),
            spbill_create_ip: new.spbill_create_ip,
            signed: new.signed,
            app: new.app,
            trade_type,
            openid,
            scene,
            static_code,
            created_at: now,
            // WeChat's times have whole seconds; the stored one is the one that is sent.
            time_expire: UnixMillis::new(now.plus_ms(new.life_ms).get() / 1000 * 1000),
            state: OrderState::Created,
            version: 1,
            ordering_until: now.plus_ms(ORDERING_LEASE_MS),
            link_token: base32(secret),
            reusable: true,
            refunded_outside: false,
            by_key: None,
            cancelled_at: None,
            by_hand: None,
        })
    }
}
