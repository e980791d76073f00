//! The sandbox over TLS: refunds need the merchant's certificate, and nothing else does.

use crate::common::{NUMBER, world};
use p12_keystore::{
    Certificate as P12Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sandbox::{Clock, Deliver, Options, Pay, Sandbox, Tls};
use tokio::net::TcpListener;
use wxpay::client::{Certificate, Client, Endpoint};
use wxpay::{
    Channel, Error, Fen, MchId, Merchant, OutRefundNo, OutTradeNo, Placing, Protocol, Refund, TradeType,
    TransactionId, UnixMillis,
};

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `name` and its key.
fn signed_by(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap(), key)
}

/// As WeChat hands it out: encrypted as of old, with the merchant number as password.
fn p12(pair: &(rcgen::Certificate, KeyPair), password: &str, algorithm: EncryptionAlgorithm) -> Vec<u8> {
    let key = PrivateKey::from_der(&pair.1.serialize_der()).unwrap();
    let certificate = P12Certificate::from_der(pair.0.der()).unwrap();
    let mut store = KeyStore::new();
    let chain = PrivateKeyChain::new("1", key, [certificate]);
    store.add_entry("Tenpay Certificate", KeyStoreEntry::PrivateKeyChain(chain));
    let writer = store.writer(password).encryption_algorithm(algorithm);
    writer.mac_algorithm(MacAlgorithm::HmacSha1).write().unwrap()
}

fn mch_id() -> MchId {
    Merchant::sandbox().mch_id
}

fn pem(pair: &(rcgen::Certificate, KeyPair)) -> Certificate {
    Certificate::from_pem(pair.0.pem().as_bytes(), pair.1.serialize_pem().as_bytes()).unwrap()
}

#[tokio::test]
async fn a_refund_needs_the_merchants_certificate_and_an_order_does_not() {
    let shop = world().await.shop;
    let (ours, others) = (authority(), authority());
    let (server, key) = signed_by(&ours, "localhost");
    let tls =
        Tls::new(server.pem().as_bytes(), key.serialize_pem().as_bytes(), ours.pem().as_bytes()).unwrap();
    let options =
        Options { merchant: Merchant::sandbox(), store: None, clock: Clock::real(), deliver: Deliver::Http };
    let sandbox = Sandbox::open(options).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(sandbox.clone().serve_tls(listener, tls, async { drop(stopped.await) }));

    let endpoint = || Endpoint::new(format!("https://localhost:{port}"));
    let stranger = Client::new(Merchant::sandbox(), endpoint()).unwrap();
    let number = OutTradeNo::parse(NUMBER).unwrap();
    let error = stranger.query(Protocol::V2, &number).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "we do not believe just anybody: {error:?}");

    let client = stranger.with_root_certificates(ours.pem().as_bytes()).unwrap();
    let now = UnixMillis::now();
    let order = Placing {
        channel: Channel { protocol: Protocol::V2, trade_type: TradeType::Native },
        appid: Merchant::sandbox().appid,
        description: "示例书店-图书".into(),
        attach: None,
        out_trade_no: number.clone(),
        total_fee: Fen::new(1990),
        payer_ip: "203.0.113.7".parse().unwrap(),
        time_start: now,
        time_expire: now.plus_ms(600_000),
        notify_url: shop.url.lock().unwrap().clone(),
        product_id: Some("SKU-1001".into()),
        openid: None,
        scene: None,
    };
    let prepay = client.place(&order).await.unwrap();
    let payment = sandbox.pay(prepay.ticket.as_str(), Pay::default()).await.unwrap();
    let refund = Refund {
        transaction_id: TransactionId::parse(payment.transaction_id).unwrap(),
        out_trade_no: number,
        out_refund_no: OutRefundNo::parse("RF20260315000001").unwrap(),
        total_fee: Fen::new(1990),
        refund_fee: Fen::new(500),
        refund_desc: None,
        notify_url: None,
    };
    let none = client.refund(Protocol::V2, &refund).await.unwrap_err();
    let wrong = client.clone().with_certificate(pem(&signed_by(&others, "10000100"))).unwrap();
    let wrong = wrong.refund(Protocol::V2, &refund).await.unwrap_err();
    for error in [none, wrong] {
        assert!(matches!(error, Error::NoCertificate) && !error.is_unknown(), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("certificate") && !text.contains("SAOMA"), "{text}");
    }
    assert!(sandbox.order(NUMBER).unwrap().refunds.is_empty());

    let merchant = signed_by(&ours, "10000100");
    let old = p12(&merchant, "10000100", EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc);
    let new = p12(&merchant, "10000100", EncryptionAlgorithm::PbeWithHmacSha256AndAes256);
    let certificates = [
        pem(&merchant),
        Certificate::read(&old, None, &mch_id()).unwrap(),
        Certificate::read(&new, None, &mch_id()).unwrap(),
    ];
    for certificate in certificates {
        assert_eq!(format!("{certificate:?}"), "Certificate(•••)");
        let client = client.clone().with_certificate(certificate).unwrap();
        client.refund(Protocol::V2, &refund).await.unwrap();
    }
    assert_eq!(sandbox.order(NUMBER).unwrap().refunds.len(), 1);
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_when_it_is_read() {
    let ours = authority();
    let (one, other) = (signed_by(&ours, "10000100"), signed_by(&ours, "10000100"));
    let file = p12(&one, "10000101", EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc);
    assert!(Certificate::from_p12(&file, &mch_id()).is_err(), "another merchant's");
    assert!(Certificate::read(&file[..file.len() / 2], None, &mch_id()).is_err());
    assert!(Certificate::read(b"", None, &mch_id()).is_err());
    assert!(Certificate::read(one.0.pem().as_bytes(), None, &mch_id()).is_err(), "no key");
    let crossed = Certificate::from_pem(one.0.pem().as_bytes(), other.1.serialize_pem().as_bytes()).unwrap();
    let client = Client::new(Merchant::sandbox(), Endpoint::new("https://localhost:1")).unwrap();
    assert!(matches!(client.with_certificate(crossed), Err(Error::Invalid(_))));
}
