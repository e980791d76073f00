//! The list of WeChat's certificates, and a certificate alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saoma_fuzz::v3;
use wxpay::v3::certificate::Certificate;
use wxpay::v3::certificates;
use wxpay::v3::signed::SignedHead;

fuzz_target!(|message: &[u8]| {
    let mut parts = message.splitn(5, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let head = [next(), next(), next(), next()];
    let body = next();
    if let Ok(read) = SignedHead::read(|name| v3::header(&head, name)) {
        let list = certificates::read(&read, body, &v3::merchant().apiv3, v3::ring(), v3::now(&head));
        for certificate in list.into_iter().flatten() {
            assert_eq!(certificate.serial.as_str(), "3F0E6B5D2C1A4987A6B5C4D3E2F10F1E2D3C4B5A");
        }
    }
    if let Ok(text) = str::from_utf8(body)
        && let Ok(certificate) = Certificate::from_pem(text)
    {
        // Stored and read again, it is the same.
        assert_eq!(Certificate::from_pem(&certificate.pem), Ok(certificate));
    }
});
