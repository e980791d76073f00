//! A bill: the pieces in which it comes make no difference, and it never grows beyond its limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wxpay::bill::BillReader;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bill) = input;
    let whole = read(bill, bill.len().max(1));
    let pieces = read(bill, usize::from(size) + 1);
    assert_eq!(whole, pieces);
});

/// Everything that came of it, in words.
fn read(bill: &[u8], size: usize) -> (Vec<String>, String) {
    let mut reader = BillReader::with_limit(1 << 20);
    let mut rows = Vec::new();
    let mut ended = None;
    for piece in bill.chunks(size) {
        let pushed = reader.push(piece);
        while let Some(row) = reader.pop() {
            rows.push(format!("{row:?}"));
        }
        if let Err(error) = pushed {
            ended = Some(format!("{error:?}"));
            break;
        }
    }
    let ended = ended.unwrap_or_else(|| {
        let finished = reader.finish();
        while let Some(row) = reader.pop() {
            rows.push(format!("{row:?}"));
        }
        format!("{finished:?}")
    });
    (rows, ended)
}
