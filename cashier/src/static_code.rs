//! Static codes (mode one): made, stopped, and answered when somebody scans one.
//!
//! WeChat asks while the payer waits, and gives up after some seconds. So the order is placed within [`PLACED_WITHIN`];
//! what comes later is told to scan again, and finds the order that this scan placed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use wxpay::v2::mode_one::{self, Scan};
use wxpay::{Fen, InvalidValue, Merchant, ProductId, Ticket, Verified};

use crate::core::Cashier;
use crate::db::{DbError, static_codes};
use crate::place::{PlaceError, PlaceRequest};
use recharge::audit::{Acting, AuditEntry};
use recharge::order::{Order, Way};
use recharge::static_code::{self, StaticCode};
use recharge::{Terms, User, price};

/// Time for placing the order of a scan; with reading and signing, the answer is there within 3 s.
const PLACED_WITHIN: Duration = Duration::from_millis(2_500);

/// What the payer reads when the code is not sold: "the goods have been taken off the shelves".
const NOT_SOLD: &str = "商品已下架";

/// What the payer reads when there is no order in time.
const SCAN_AGAIN: &str = "系统繁忙，请重新扫码";

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum StaticCodeError {
    /// The price, or no credentials for API v2, which alone has such codes.
    #[error("this static code cannot be made")]
    Invalid(#[from] InvalidValue),
    #[error("the code could not be written")]
    Db(#[from] DbError),
}

/// What a scan led to, for a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanned {
    /// WeChat opens the payment.
    Placed,
    /// The code was stopped, or is none of ours.
    NotSold,
    /// The payer is told to scan again.
    Late,
}

impl Cashier {
    /// Makes a code for this user and price, with a row of the audit. With `short`, WeChat is asked for a shorter address too, which makes a coarser
    /// picture; without an answer there is none.
    ///
    /// # Errors
    /// [`StaticCodeError`].
    pub async fn make_static_code(
        &self,
        user: User,
        total_fee: Fen,
        bonus: Fen,
        short: bool,
        by: Acting,
    ) -> Result<StaticCode, StaticCodeError> {
        price::check(total_fee, bonus)?;
        let (inner, now) = (&self.inner, self.now());
        let merchant = self.static_merchant()?;
        let product_id = static_code::new_product_id(inner.random.bytes())?;
        let url = mode_one::qr_url(&merchant, &product_id, now, &self.nonce())?;
        let short_url = match short {
            true => inner
                .wechat
                .short_url(&url)
                .await
                .inspect_err(|error| {
                    tracing::warn!("the static code {product_id} gets no short address: {error}");
                })
                .ok(),
            false => None,
        };
        let mut audit = AuditEntry::of(now, &by, "static_code_made", product_id.as_str());
        audit.after = json!({ "user": user.id, "total_fee": total_fee, "bonus": bonus }).to_string();
        let made_by = by.actor.to_string();
        let code = StaticCode {
            product_id,
            user,
            total_fee,
            bonus,
            url,
            short_url,
            made_by,
            made_at: now,
            stopped_at: None,
        };
        let (db, written) = (inner.db.clone(), code.clone());
        inner.db.run_to_completion(async move { static_codes::insert(&db, &written, &audit).await }).await?;
        tracing::info!(product_id = %code.product_id, "{} makes a static code of {total_fee}", code.made_by);
        Ok(code)
    }

    /// The codes that were made last, latest first, at most `limit`, stopped ones among them.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn static_codes(&self, limit: i64) -> Result<Vec<StaticCode>, DbError> {
        static_codes::list(&self.inner.db, limit).await
    }

    /// One code, stopped or not; `None` if there is none.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn static_code(&self, product_id: &ProductId) -> Result<Option<StaticCode>, DbError> {
        static_codes::find(&self.inner.db, product_id).await
    }

    /// Stops a code, with a row of the audit: whoever scans it from now on reads that it is not sold. An order of an earlier scan can still be paid.
    /// `false` if it was stopped before, or there is none.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn stop_static_code(&self, product_id: &ProductId, by: Acting) -> Result<bool, DbError> {
        let (db, number, now) = (self.inner.db.clone(), product_id.clone(), self.now());
        let audit = AuditEntry::of(now, &by, "static_code_stopped", number.as_str());
        let stopping = async move { static_codes::stop(&db, &number, &audit).await };
        let stopped = self.inner.db.run_to_completion(stopping).await?;
        if stopped {
            tracing::info!(%product_id, "{} stops the static code {product_id}", by.actor);
        }
        Ok(stopped)
    }

    /// Answers a scan with the prepay session of an order, signed, within 3 s. Each payer who scans gets an order of his own,
    /// and the same one again while it is open. `ip` is this server's address: the payer's is not known.
    ///
    /// # Errors
    /// [`InvalidValue`] without credentials for API v2, which nothing can be signed with.
    pub async fn answer_scan(
        &self,
        scan: Verified<Scan>,
        ip: IpAddr,
    ) -> Result<(Scanned, String), InvalidValue> {
        let merchant = self.static_merchant()?;
        let Scan { product_id, openid } = scan.into_inner();
        let code = match self.static_code(&product_id).await {
            Ok(Some(code)) if code.stopped_at.is_none() => code,
            Ok(_) => {
                let answer = mode_one::refused(&merchant, NOT_SOLD, &self.nonce());
                return Ok((Scanned::NotSold, answer));
            }
            Err(error) => {
                tracing::warn!(%error, "the static code {product_id} could not be read");
                return Ok((Scanned::Late, mode_one::refused(&merchant, SCAN_AGAIN, &self.nonce())));
            }
        };
        let way = Way::Static { product_id: product_id.clone(), openid };
        let StaticCode { user, total_fee, bonus, .. } = code;
        let request = PlaceRequest { user, total_fee, bonus, ip, way, terms: Terms::default(), by_key: None };
        // The order goes on by itself where this answer is too late for it.
        let cashier = self.clone();
        let placing = observe::request::spawn(async move { cashier.place(request).await });
        let placed = match self.inner.clock.timeout(PLACED_WITHIN, placing).await {
            Some(placed) => placed.unwrap_or_else(|_| Err(PlaceError::Write(DbError::TaskEnded.into()))),
            None => {
                tracing::warn!("a scan of the static code {product_id} got no order in time");
                return Ok((Scanned::Late, mode_one::refused(&merchant, SCAN_AGAIN, &self.nonce())));
            }
        };
        if let Err(error) = &placed {
            tracing::warn!("a scan of the static code {product_id} got no order: {error}");
        }
        let ticket = placed.as_ref().ok().and_then(Order::issued).map(|issued| &issued.ticket);
        Ok(match ticket {
            Some(Ticket::Prepay(prepay_id)) => {
                (Scanned::Placed, mode_one::taken(&merchant, prepay_id, &self.nonce()))
            }
            _ => (Scanned::Late, mode_one::refused(&merchant, SCAN_AGAIN, &self.nonce())),
        })
    }

    /// The identity that static codes are signed with.
    fn static_merchant(&self) -> Result<Arc<Merchant>, InvalidValue> {
        let must_be = "of a merchant with credentials for API v2";
        self.inner.wechat.v2_merchant().map_err(|_| InvalidValue { what: "a static code", must_be })
    }

    /// 32 letters and digits, new for each message.
    fn nonce(&self) -> String {
        hex::encode(self.inner.random.bytes::<16>())
    }
}
