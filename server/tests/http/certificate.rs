//! The merchant's certificate for refunds, when it has expired.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use server::{
    config::{self, Secret},
    start,
};
use wxpay::Merchant;

use super::common::{SECRET, on_both, token};

#[tokio::test]
async fn an_expired_certificate_keeps_nobody_from_paying() {
    on_both(async |site| {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["10000100".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2025, 12, 31));
        let both = params.self_signed(&key).unwrap().pem() + &key.serialize_pem();
        let certificate = folder.path().join("expired.pem");
        std::fs::write(&certificate, both).unwrap();
        let merchant = Merchant::sandbox();
        let settings = format!(
            "addr = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1:3000\"\nuser_token_secret = \"{SECRET}\"\n\
             wechat_appid = \"{}\"\nwechat_mch_id = \"{}\"\nwechat_api_key = \"192006250b4c09247ec02edce69f6a2d\"\n\
             wechat_base_url = \"{}\"\nwechat_cert = \"{}\"\n",
            merchant.appid.as_str(),
            merchant.mch_id.as_str(),
            site.sandbox,
            certificate.display()
        );
        let file = folder.path().join("saoma.toml");
        std::fs::write(&file, settings).unwrap();
        let mut config = config::load(Some(&file)).unwrap();
        config.database_url = Secret::new(testdb::sqlite(folder.path()));
        let running = start::start(config).await.unwrap();
        let url = format!("http://{}", running.addr);
        let form = [("u", token("lin", 3600)), ("quantity", "10".to_owned())];
        let order = site.http.post(format!("{url}/wxpay/recharge")).form(&form).send().await.unwrap();
        assert_eq!(order.status(), 200);
        let metrics = site.http.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
        assert!(
            metrics.contains("saoma_refund_certificate_expires_timestamp_seconds 1767139200\n"),
            "{metrics}"
        );
        running.stop().await;
    })
    .await;
}
