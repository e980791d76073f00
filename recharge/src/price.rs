//! What can be sold: the bounds of an order's amount.

use wxpay::{Fen, InvalidValue};

/// Maximum of one order, bonus included, in fen: sums of a million million of them fit in an `i64`.
pub const MOST_FEE: Fen = Fen::new(1_000_000_000);

/// Whether something can be sold for `total_fee` with `bonus` on top, both in fen.
///
/// # Errors
/// [`InvalidValue`] if the price is not positive, the bonus negative, or their sum more than [`MOST_FEE`].
pub fn check(total_fee: Fen, bonus: Fen) -> Result<(), InvalidValue> {
    let sum = total_fee.checked_add(bonus);
    if total_fee < Fen::new(1) || bonus < Fen::ZERO || sum.is_none_or(|sum| sum > MOST_FEE) {
        return Err(InvalidValue { what: "amount", must_be: "1 fen to 10,000,000 yuan" });
    }
    Ok(())
}
