//! The merchant's certificate and its private key, read from their files and checked before anything starts.

use wxpay::{
    MchId, Merchant, UnixMillis,
    client::{Certificate, Client, Endpoint},
    v3::keys::{PublicKey, Serial},
};
use x509_parser::pem::Pem as Block;

use super::ConfigError;

const CERT: &str = "SAOMA_WECHAT_CERT";
const KEY: &str = "SAOMA_WECHAT_CERT_KEY";

/// The two in PEM, wherever they stood. Both may be the same text, which then has blocks of each kind.
pub(super) struct Pem {
    pub certificate: Option<Vec<u8>>,
    pub key: Vec<u8>,
}

/// What API v2 shows for refunds. One that has expired is read like any other: credits must not wait for it, see
/// [`crate::start`].
///
/// The certificate of two PEM files, of one PEM file that has the key too, or of a p12 file.
pub(super) fn read(
    cert: Option<&str>,
    key: Option<&str>,
    mch_id: &MchId,
) -> Result<Option<Certificate>, ConfigError> {
    let Some(pem) = pem(cert, key, mch_id)? else { return Ok(None) };
    let Some(cert) = pem.certificate else {
        return Err(ConfigError::new(CERT, "must be set together with SAOMA_WECHAT_CERT_KEY"));
    };
    let key = if cert == pem.key { &[][..] } else { &pem.key };
    let problem = "must be a PEM file with a private key (apiclient_key.pem)";
    let certificate = Certificate::from_pem(&cert, key).map_err(|_| ConfigError::new(KEY, problem))?;
    of_this_merchant(&cert, mch_id)?;
    belongs_together(&certificate)?;
    Ok(Some(certificate))
}

/// The certificate and the key, or the key alone; `None` where neither is set.
pub(super) fn pem(cert: Option<&str>, key: Option<&str>, mch_id: &MchId) -> Result<Option<Pem>, ConfigError> {
    let has = |text: &[u8], label: &[u8]| text.windows(label.len()).any(|part| part == label);
    let key_file = |path| {
        let key = file(KEY, path)?;
        let problem = "must be a PEM file with a private key (apiclient_key.pem)";
        if has(&key, b"PRIVATE KEY") { Ok(key) } else { Err(ConfigError::new(KEY, problem)) }
    };
    let Some(cert) = cert else {
        return key.map(key_file).transpose().map(|key| key.map(|key| Pem { certificate: None, key }));
    };
    let cert = file(CERT, cert)?;
    // A p12 is a DER sequence, and has its key in it.
    if cert.starts_with(&[0x30]) {
        return of_p12(&cert, key, mch_id).map(Some);
    }
    if !has(&cert, b"BEGIN CERTIFICATE") {
        return Err(ConfigError::new(
            CERT,
            "must be a PEM file with a certificate (apiclient_cert.pem) or a p12 file",
        ));
    }
    let key = match key {
        Some(path) => key_file(path)?,
        None if has(&cert, b"PRIVATE KEY") => cert.clone(),
        None => {
            return Err(ConfigError::new(
                KEY,
                "must be set, unless SAOMA_WECHAT_CERT is a p12 file or has the key in it too",
            ));
        }
    };
    Ok(Some(Pem { certificate: Some(cert), key }))
}

pub(super) fn file(setting: &str, path: &str) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path)
        .map_err(|e| ConfigError::new(setting, format!("must be a file this user can read: {e}")))
}

fn of_p12(file: &[u8], key: Option<&str>, mch_id: &MchId) -> Result<Pem, ConfigError> {
    if key.is_some() {
        return Err(ConfigError::new(KEY, "must not be set with a p12 file, which has its key in it"));
    }
    let problem = "must be a p12 file with a private key whose password is SAOMA_WECHAT_MCH_ID";
    let pem = Certificate::pem_of_p12(file, mch_id).map_err(|_| ConfigError::new(CERT, problem))?;
    Ok(Pem { certificate: Some(pem.certificate.into_bytes()), key: pem.key.into_bytes() })
}

/// TLS itself says so, before the first refund does.
fn belongs_together(certificate: &Certificate) -> Result<(), ConfigError> {
    let client = Client::new(Merchant::sandbox(), Endpoint::wechat());
    let client = client.map_err(|error| ConfigError::new(CERT, format!("cannot be used: {error}")))?;
    match client.with_certificate(certificate.clone()) {
        Ok(_) => Ok(()),
        Err(_) => {
            Err(ConfigError::new(KEY, "must be the private key of the certificate in SAOMA_WECHAT_CERT"))
        }
    }
}

/// What API v3 needs to know of the merchant's certificate.
pub(super) struct OwnCertificate {
    pub serial: Serial,
    /// A DER `RSAPublicKey`.
    pub public_key_der: Vec<u8>,
    pub expires_at: UnixMillis,
}

impl OwnCertificate {
    /// # Errors
    /// [`ConfigError`] if it is none of a 2048-bit RSA key, or another merchant's.
    pub(super) fn from_pem(pem: &[u8], mch_id: &MchId) -> Result<Self, ConfigError> {
        of_this_merchant(pem, mch_id)?;
        let text = String::from_utf8_lossy(pem);
        let read = wxpay::v3::keys::Certificate::from_pem(&text);
        let read =
            read.map_err(|_| ConfigError::new(CERT, "must hold a certificate of a 2048-bit RSA key"))?;
        let public_key_der = PublicKey::der(&read.key).to_vec();
        Ok(OwnCertificate { serial: read.serial, public_key_der, expires_at: read.not_after })
    }
}

/// WeChat's authority writes the merchant number into the certificate's common name.
///
/// # Errors
/// [`ConfigError`] if another number stands there. A name that is no number is a gateway's or a sandbox's.
fn of_this_merchant(pem: &[u8], mch_id: &MchId) -> Result<(), ConfigError> {
    let blocks = Block::iter_from_buffer(pem).flatten();
    let Some(own) = blocks.into_iter().find(|block| block.label == "CERTIFICATE") else { return Ok(()) };
    let Ok(certificate) = own.parse_x509() else { return Ok(()) };
    let names = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let is_number = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    match names.filter(is_number).find(|name| *name != mch_id.as_str()) {
        None => Ok(()),
        Some(other) => Err(ConfigError::new(
            CERT,
            format!("is the certificate of merchant {other}, and SAOMA_WECHAT_MCH_ID is {mch_id}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use p12_keystore::{
        Certificate as P12Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm,
        PrivateKey, PrivateKeyChain,
    };
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// A certificate that ends with this year, and its key.
    fn made(last_year: i32) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["10000100".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(last_year, 12, 31);
        (params.self_signed(&key).unwrap(), key)
    }

    fn p12(pair: &(rcgen::Certificate, KeyPair), password: &str) -> Vec<u8> {
        let key = PrivateKey::from_der(&pair.1.serialize_der()).unwrap();
        let chain = PrivateKeyChain::new("1", key, [P12Certificate::from_der(pair.0.der()).unwrap()]);
        let mut store = KeyStore::new();
        store.add_entry("Tenpay Certificate", KeyStoreEntry::PrivateKeyChain(chain));
        let writer =
            store.writer(password).encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc);
        writer.mac_algorithm(MacAlgorithm::HmacSha1).write().unwrap()
    }

    #[test]
    fn a_certificate_is_read_from_either_form_and_each_mistake_names_its_setting() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (good, other, old) = (made(2036), made(2036), made(2025));
        let cert = put("cert.pem", good.0.pem().as_bytes());
        let key = put("key.pem", good.1.serialize_pem().as_bytes());
        let both = put("both.pem", (good.0.pem() + &good.1.serialize_pem()).as_bytes());
        let crossed = put("crossed.pem", other.1.serialize_pem().as_bytes());
        let (old_cert, old_key) =
            (put("old.pem", old.0.pem().as_bytes()), put("old_key.pem", old.1.serialize_pem().as_bytes()));
        let p12_file = put("cert.p12", &p12(&good, "10000100"));
        let locked = put("locked.p12", &p12(&good, "10000101"));
        let broken = put("broken.p12", &p12(&good, "10000100")[..100]);
        let empty = put("empty.pem", b"");
        let nowhere = folder.path().join("nowhere.pem").to_str().unwrap().to_owned();
        let read = |cert: Option<&String>, key: Option<&String>| {
            read(cert.map(String::as_str), key.map(String::as_str), &Merchant::sandbox().mch_id)
        };
        for (cert, key) in
            [(&cert, Some(&key)), (&both, None), (&p12_file, None), (&old_cert, Some(&old_key))]
        {
            assert!(read(Some(cert), key).unwrap().is_some(), "{cert}");
        }
        assert!(read(None, None).unwrap().is_none());
        for (cert, key, setting, says) in [
            (None, Some(&key), CERT, "together"),
            (Some(&nowhere), Some(&key), CERT, "can read"),
            (Some(&cert), Some(&nowhere), KEY, "can read"),
            (Some(&cert), None, KEY, "must be set"),
            (Some(&empty), Some(&key), CERT, "PEM"),
            (Some(&cert), Some(&empty), KEY, "private key"),
            (Some(&cert), Some(&crossed), KEY, "of the certificate in SAOMA_WECHAT_CERT"),
            (Some(&locked), None, CERT, "password"),
            (Some(&broken), None, CERT, "p12"),
            (Some(&p12_file), Some(&key), KEY, "must not be set"),
        ] {
            let error = read(cert, key).unwrap_err();
            assert_eq!(error.setting, setting, "{error}");
            assert!(error.problem.contains(says), "{error}");
        }
    }
}
