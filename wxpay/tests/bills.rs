//! Bills: the published one byte for byte, old ones, packed ones, cut ones, and what is none.

use std::io::Write;

use crate::published::refunds_and_bills::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use wxpay::bill::{BillDate, BillEntry, BillError, BillReader, BillRow, BillSummary, BillType, LineError};
use wxpay::v2::{Fields, download_bill};
use wxpay::{Fen, Merchant, UnixMillis};

fn read_in(pieces: &[&[u8]]) -> Result<(Vec<BillRow>, BillSummary), BillError> {
    let (mut reader, mut rows) = (BillReader::new(), Vec::new());
    for piece in pieces {
        reader.push(piece)?;
        rows.extend(std::iter::from_fn(|| reader.pop()));
    }
    let summary = reader.finish()?;
    rows.extend(std::iter::from_fn(|| reader.pop()));
    Ok((rows, summary))
}

fn read(bill: impl AsRef<[u8]>) -> Result<(Vec<BillRow>, BillSummary), BillError> {
    read_in(&[bill.as_ref()])
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The line and the cause of an error about a line.
fn line(result: Result<(Vec<BillRow>, BillSummary), BillError>) -> (u64, LineError) {
    match result {
        Err(BillError::Line { line, cause }) => (line, cause),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_published_request_is_ours() {
    let date = BillDate::parse("20260315").unwrap();
    let mut ours = download_bill::request(&Merchant::sandbox(), date, BillType::All, false);
    assert_eq!(ours.remove("sign_type").as_deref(), Some("MD5"));
    let mut published = Fields::read(DOWNLOAD_BILL.as_bytes(), 4096).unwrap();
    published.remove("sign");
    published.remove("nonce_str");
    assert_eq!(ours, published);
    let packed = download_bill::request(&Merchant::sandbox(), date, BillType::Refund, true);
    assert_eq!((packed.get("tar_type"), packed.get("bill_type")), (Some("GZIP"), Some("REFUND")));
}

#[test]
fn the_published_bill_is_a_payment_and_a_refund() {
    let (rows, summary) = read(BILL).unwrap();
    assert_eq!(rows.len(), 2);
    let payment = &rows[0];
    assert_eq!(payment.line, 2);
    // 2026-03-15 10:05:12 +08:00
    assert_eq!(payment.time, UnixMillis::new(1_773_540_312_000));
    assert_eq!((payment.appid.as_str(), payment.mch_id.as_str()), ("wxd930ea5d5a258f4f", "10000100"));
    assert_eq!(payment.transaction_id.as_str(), "4200001234202603151234567890");
    assert_eq!(payment.out_trade_no, "BK20260315000001");
    assert_eq!((payment.trade_type.as_str(), payment.fee_type.as_str()), ("NATIVE", "CNY"));
    // The order's 19.90, not the 19.40 that are settled.
    assert_eq!(payment.entry, BillEntry::Payment { total_fee: Fen::new(1990) });
    let refund = &rows[1];
    assert_eq!((refund.line, refund.out_trade_no.as_str()), (3, "BK20260314000009"));
    let BillEntry::Refund { refund_id, out_refund_no, refund_fee, status } = &refund.entry else {
        panic!("{refund:?}");
    };
    assert_eq!(refund_id.as_str(), "50300001232026031512345678009");
    assert_eq!((out_refund_no.as_str(), status.as_str()), ("RF20260315000009", "SUCCESS"));
    assert_eq!(*refund_fee, Fen::new(500));
    let stated = BillSummary { stated: 2, rows: 2, total_fee: Fen::new(1990), refund_fee: Fen::new(500) };
    assert_eq!(summary, stated);
}

#[test]
fn the_bill_of_an_older_merchant_has_other_columns() {
    let bill = format!(
        "{OLD_HEADER}\r\n`2026-03-15 10:05:12,`wxd930ea5d5a258f4f,`10000100,`0,`,`4200001234202603151234567890,\
         `BK20260315000001,`o,`NATIVE,`SUCCESS,`CFT,`CNY,`19.90,`2.00,`0,`0,`0.00,`0.00,`,`,`书,`,`0.12000,`0.60%\r\n\
         \r\n{OLD_SUMMARY_HEADER}\r\n`1,`19.90,`0.00,`0.00,`0.12000\r\n"
    );
    let (rows, summary) = read(bill).unwrap();
    assert_eq!(rows[0].entry, BillEntry::Payment { total_fee: Fen::new(1990) });
    assert_eq!((summary.stated, summary.total_fee), (1, Fen::new(1990)));
}

#[test]
fn mark_line_ends_blank_lines_and_the_order_of_columns_do_not_matter() {
    let whole = read(BILL).unwrap();
    let (rows, summary) = read(format!("\u{feff}{}", BILL.replace('\n', "\r\n"))).unwrap();
    assert_eq!((&rows, &summary), (&whole.0, &whole.1));
    assert_eq!(read(BILL.trim_end()).unwrap().1, whole.1);
    assert_eq!(read(BILL.replace('\n', "\n\n")).unwrap().1, whole.1);
    let turned: String = BILL
        .lines()
        .map(|line| {
            let mut fields: Vec<&str> = line.split(',').collect();
            if fields.len() == 27 {
                fields.reverse();
            }
            fields.join(",") + "\n"
        })
        .collect();
    assert_eq!(read(turned).unwrap(), whole);
}

#[test]
fn a_merchants_text_may_have_commas_and_backticks() {
    let (rows, _) = read(BILL.replace("示例书店-图书", "`a`,b, c`")).unwrap();
    assert_eq!(rows, read(BILL).unwrap().0);
}

#[test]
fn gzip_is_known_by_its_first_bytes_and_missed_by_its_end() {
    let packed = gzip(BILL);
    assert_eq!(read(&packed).unwrap(), read(BILL).unwrap());
    for end in 2..packed.len() {
        let error = read(&packed[..end]).unwrap_err();
        // The last 8 bytes are the checksum and the length of a text that has come in full.
        let in_the_text = end < packed.len() - 10;
        assert!(
            matches!(error, BillError::Truncated { .. })
                || !in_the_text && matches!(error, BillError::Gzip(_)),
            "cut at {end}: {error:?}"
        );
    }
    let mut damaged = packed.clone();
    let last = damaged.len() - 5;
    damaged[last] ^= 1;
    assert!(matches!(read(&damaged), Err(BillError::Gzip(_))));
    assert!(matches!(read([0x1f, 0x8b, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]), Err(BillError::Gzip(_))));
    assert!(matches!(read(gzip(BILL_REFUSED)), Err(BillError::NoBill)));
}

#[test]
fn a_bill_cut_anywhere_is_truncated() {
    // All but the line end of the summary matters.
    for end in (1..BILL.len() - 1).filter(|end| BILL.is_char_boundary(*end)) {
        let error = read(&BILL[..end]).unwrap_err();
        assert!(matches!(error, BillError::Truncated { .. }), "cut at {end}: {error:?}");
    }
    let lines: Vec<&str> = BILL.lines().collect();
    let error = read(lines[..3].join("\n")).unwrap_err();
    assert_eq!(error.to_string(), "the bill ends before its summary: it was cut off after line 3");
    assert!(matches!(read(""), Err(BillError::Empty)));
    assert!(matches!(read("\u{feff}\r\n \n"), Err(BillError::Empty)));
}

#[test]
fn what_wechat_says_in_place_of_a_bill_is_told_apart() {
    assert!(matches!(read(BILL_REFUSED), Err(BillError::NoBill)));
    let said = |msg: &str| {
        let message =
            Fields::from_iter([("return_code", "FAIL"), ("return_msg", msg), ("error_code", "20001")]);
        read(format!("\u{feff}\n{}", message.to_xml())).unwrap_err()
    };
    assert!(matches!(said("NO Bill Exist"), BillError::NoBill));
    assert!(matches!(said("Bill Creating"), BillError::Creating));
    assert!(matches!(said("bill creating"), BillError::Creating));
    for msg in ["SYSTEMERROR", "invalid bill_type", "SIGN ERROR", "CompressGZip Error"] {
        match said(msg) {
            BillError::Refused { return_msg, error_code } => {
                assert_eq!((return_msg.as_str(), error_code.as_deref()), (msg, Some("20001")));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(said("no\n2026-03-15 INFO credited").to_string().contains("no\\n2026"), "one line of a log");
    assert!(matches!(read("<html><body>502</body></html>"), Err(BillError::NotABill)));
    assert!(matches!(read("<xml><return_code>FA"), Err(BillError::NotABill)));
    assert!(matches!(read("<".repeat(100_000)), Err(BillError::NotABill)));
}

#[test]
fn a_line_that_cannot_be_read_is_named_with_its_cause() {
    let changed = |from: &str, to: &str| line(read(BILL.replacen(from, to, 1)));
    let error = read(BILL.replacen("`19.90,`0.00,`\n", "`19.9,`0.00,`\n", 1)).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("订单金额"), "{error}");
    assert_eq!(changed("`19.90,`0.00,`\n", "`19.9,`0.00,`\n"), (2, LineError::Amount { column: "订单金额" }));
    assert_eq!(changed("`5.00,`\n", "`5,`\n"), (3, LineError::Amount { column: "申请退款金额" }));
    assert_eq!(
        changed("2026-03-15 10:05:12", "2026-02-30 10:05:12"),
        (2, LineError::Time { column: "交易时间" })
    );
    assert_eq!(changed("`BK20260315000001,", ""), (2, LineError::Fields { wanted: 27, found: 26 }));
    assert_eq!(changed("\n`2026-03-15 18", "\n2026-03-15 18"), (3, LineError::NoBacktick));
    assert_eq!(changed("微信订单号", "订单"), (1, LineError::NoColumn("微信订单号")));
    assert_eq!(changed("公众账号ID", "商户号"), (1, LineError::TwoColumns("商户号".into())));
    assert_eq!(changed("订单金额,申请", "x,申请"), (2, LineError::NoColumn("总金额")));
    assert_eq!(changed("\n`2,", "\n`two,"), (5, LineError::Count));
    assert!(matches!(changed("`10000100,", "`abc,"), (2, LineError::Value(value)) if value.what == "mch_id"));
    assert_eq!(line(read(format!("{BILL}`1\n"))), (6, LineError::AfterEnd));
    assert_eq!(line(read(format!("{BILL}`1"))), (6, LineError::AfterEnd));
    let broken = [&BILL.as_bytes()[..10], b"\xff", &BILL.as_bytes()[10..]].concat();
    assert_eq!(line(read(broken)), (1, LineError::NotUtf8));
    let long = format!("{}{}", BILL.lines().next().unwrap(), ",x".repeat(40_000));
    assert_eq!(line(read(long)), (1, LineError::TooLong { limit: 65_536 }));
}

#[test]
fn a_state_that_is_not_documented_does_not_cost_the_rest_of_the_bill() {
    let (rows, summary) = read(BILL.replacen("`REFUND,", "`PARTIAL,", 1)).unwrap();
    assert_eq!(rows[0].entry, BillEntry::Payment { total_fee: Fen::new(1990) });
    assert_eq!(rows[1].entry, BillEntry::Other { state: "PARTIAL".into() });
    let (steering, _) = read(BILL.replacen("`REFUND,", "`\u{1b}[2K,", 1)).unwrap();
    assert_eq!(steering[1].entry, BillEntry::Other { state: "\\u{1b}[2K".into() }, "harmless in a log");
    assert_eq!((summary.stated, summary.rows), (2, 2));
}

#[test]
fn a_bill_without_end_is_given_up() {
    let mut reader = BillReader::with_limit(1_000_000);
    // A thousand times as long as what was sent.
    let packed = gzip(&format!("{OLD_HEADER}{}", "\n".repeat(2_000_000)));
    assert!(packed.len() < 10_000);
    let error = packed.chunks(500).find_map(|piece| reader.push(piece).err()).unwrap();
    assert!(matches!(error, BillError::TooLarge { limit: 1_000_000 }), "{error:?}");
}

#[test]
fn a_bills_day_is_beijings() {
    let date = BillDate::parse("20260315").unwrap();
    assert_eq!(date.start().get(), 1_773_504_000_000); // 2026-03-15 00:00 +08:00
    assert_eq!(BillDate::of(date.start()), date);
    assert_eq!(BillDate::of(date.start().plus_ms(-1)), date.previous());
    assert_eq!(BillDate::of(date.next().start().plus_ms(-1)), date);
    assert_eq!(date.next().to_string(), "20260316");
    for bad in ["", "2026031", "202603155", "20260229", "2026-3-1"] {
        assert!(BillDate::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn yuan_are_read_without_rounding() {
    let good =
        [("0.00", 0), ("19.90", 1990), ("-5.00", -500), ("0.01", 1), ("92233720368547758.07", i64::MAX)];
    for (text, fen) in good {
        assert_eq!(Fen::parse_yuan(text), Some(Fen::new(fen)), "{text}");
    }
    for bad in
        ["", "1", "1.0", "1.000", ".10", "1.", "+1.00", "--1.00", "1,000.00", "１.00", "92233720368547758.08"]
    {
        assert_eq!(Fen::parse_yuan(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn yuan_come_back_as_they_were_written(fen in i64::MIN + 1..) {
        prop_assert_eq!(Fen::parse_yuan(&Fen::new(fen).to_string()), Some(Fen::new(fen)));
    }

    #[test]
    fn it_does_not_matter_in_what_pieces_a_bill_comes(cuts in prop::collection::vec(1..200usize, 0..40), packed: bool) {
        let bill = if packed { gzip(BILL) } else { format!("\u{feff}{BILL}").into_bytes() };
        let (mut rest, mut pieces) = (&bill[..], Vec::new());
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        prop_assert_eq!(read_in(&pieces).unwrap(), read(BILL).unwrap());
    }

    #[test]
    fn whatever_comes_as_a_bill_is_answered(bytes: Vec<u8>, lines in prop::collection::vec("(`[^\n]{0,20},?){0,30}", 0..6)) {
        let _ = read(&bytes);
        let _ = read([&[0x1f, 0x8b, 8][..], &bytes].concat());
        let header = BILL.lines().next().unwrap();
        let _ = read(format!("{header}\n{}", lines.join("\n")));
    }

    #[test]
    fn a_changed_byte_never_panics(at in any::<prop::sample::Index>(), to: u8, packed: bool) {
        let mut bill = if packed { gzip(BILL) } else { BILL.as_bytes().to_vec() };
        let at = at.index(bill.len());
        bill[at] = to;
        let _ = read(bill);
    }
}
