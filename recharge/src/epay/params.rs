//! The parameters of a message, and its signature.

use std::fmt;
use std::net::IpAddr;

use hmac::digest::Digest as _;
use md5::Md5;
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use super::EpayRefusal;

/// Parameters of one message at most.
const MOST: usize = 40;

/// What a merchant signs with. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct EpayKey(String);

impl EpayKey {
    /// A new one of 128 random bits, in the 32 hexadecimal digits that sites' settings have room for.
    pub fn new(random: [u8; 16]) -> EpayKey {
        EpayKey(hex::encode(random))
    }

    /// One that was kept.
    pub fn of(text: String) -> EpayKey {
        EpayKey(text)
    }

    /// The text, for its owner and to be sealed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EpayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpayKey(…)")
    }
}

/// Parameters, each once. All of them are signed, those that nobody knows too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query or the body of a form.
    ///
    /// # Errors
    /// [`EpayRefusal::Unreadable`].
    pub fn parse(form: &[u8]) -> Result<Params, EpayRefusal> {
        let mut params = Params::default();
        for (name, value) in form_urlencoded::parse(form) {
            if params.0.len() == MOST {
                return Err(EpayRefusal::Unreadable("参数过多"));
            }
            if params.0.iter().any(|(known, _)| *known == name) {
                return Err(EpayRefusal::Unreadable("同名参数出现两次"));
            }
            params.0.push((name.into_owned(), value.into_owned()));
        }
        Ok(params)
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Params {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// The value of one; empty if it is not there, which is the same to the protocol.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The payer's address, where the site says it.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.get("clientip").parse().ok()
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What is signed: the parameters that are not empty, but for `sign` and `sign_type`, by name, as `a=b&c=d`, unescaped.
    /// Source: go-epay, `ParamsFilter`, `ParamsSort` and `CreateUrlString`.
    fn text(&self) -> String {
        let is_signed =
            |(name, value): &(&str, &str)| !matches!(*name, "sign" | "sign_type") && !value.is_empty();
        let mut signed: Vec<_> = self.iter().filter(is_signed).collect();
        signed.sort_unstable();
        signed.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    /// The signature: MD5 of that with the key behind it, in lower-case hexadecimal digits. Source: go-epay, `MD5String`.
    pub fn sign(&self, key: &EpayKey) -> String {
        hex::encode(Md5::digest(format!("{}{}", self.text(), key.0)))
    }

    /// The same with its signature.
    #[must_use]
    pub fn signed(self, key: &EpayKey) -> Params {
        let sign = self.sign(key);
        self.with("sign", sign).with("sign_type", "MD5")
    }

    /// Whether the signature is this key's. The comparison takes the same time wherever they differ.
    ///
    /// # Errors
    /// [`EpayRefusal::SignType`] or [`EpayRefusal::Sign`].
    pub fn verify(&self, key: &EpayKey) -> Result<(), EpayRefusal> {
        let kind = self.get("sign_type");
        if !kind.is_empty() && !kind.eq_ignore_ascii_case("MD5") {
            return Err(EpayRefusal::SignType);
        }
        let given = self.get("sign").to_ascii_lowercase();
        match bool::from(self.sign(key).as_bytes().ct_eq(given.as_bytes())) {
            true => Ok(()),
            false => Err(EpayRefusal::Sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> EpayKey {
        EpayKey::of(text.to_owned())
    }

    fn params(all: &[(&str, &str)]) -> Params {
        all.iter().fold(Params::default(), |params, (name, value)| params.with(name, *value))
    }

    /// Source: go-epay, `epay/util_test.go`: `TestCreateUrlString`, `TestMD5String`, `TestParamsSort`, `TestParamsFilter`.
    #[test]
    fn the_signature_is_go_epays() {
        let two = params(&[("money", "moneyv"), ("device", "devicev"), ("sign", ""), ("sign_type", "MD5")]);
        assert_eq!(two.text(), "device=devicev&money=moneyv");
        assert_eq!(two.sign(&key("1234567")), "3854cc9f022e0fb821bd2e002260245d");
        assert_eq!(Params::default().text(), "");
        let all = params(&[
            ("pid", "pidv"),
            ("type", "typev"),
            ("out_trade_no", "out_trade_nov"),
            ("notify_url", "notify_urlv"),
            ("name", "namev"),
            ("money", "moneyv"),
            ("device", "devicev"),
        ]);
        assert_eq!(
            all.text(),
            "device=devicev&money=moneyv&name=namev&notify_url=notify_urlv&out_trade_no=out_trade_nov&pid=pidv&type=typev"
        );
    }

    #[test]
    fn every_parameter_that_is_not_empty_is_signed_as_it_came_unknown_ones_too() {
        let form = "pid=1001&money=1.00&x=&zz=%E4%BD%A0%26%3D+b&sign=abc&sign_type=MD5";
        let read = Params::parse(form.as_bytes()).unwrap();
        assert_eq!(read.text(), "money=1.00&pid=1001&zz=你&= b");
        assert_eq!((read.get("x"), read.get("none"), read.get("zz")), ("", "", "你&= b"));
    }

    #[test]
    fn only_the_merchants_own_signature_over_what_was_sent_is_believed() {
        let signed = params(&[("pid", "1001"), ("money", "1.00"), ("name", "会员")]).signed(&key("k1"));
        assert_eq!(signed.verify(&key("k1")), Ok(()));
        assert_eq!(signed.verify(&key("k2")), Err(EpayRefusal::Sign));
        assert_eq!(signed.verify(&key("")), Err(EpayRefusal::Sign));
        let change = |name: &str, value: &str| {
            let others = signed.iter().filter(|(known, _)| *known != name);
            params(&others.chain([(name, value)]).collect::<Vec<_>>()).verify(&key("k1"))
        };
        for (name, value) in [("money", "0.01"), ("money", ""), ("device", "pc"), ("sign", ""), ("sign", "0")]
        {
            assert_eq!(change(name, value), Err(EpayRefusal::Sign), "{name}={value}");
        }
        assert_eq!(change("sign_type", "RSA"), Err(EpayRefusal::SignType));
        assert_eq!(change("sign_type", ""), Ok(()));
        let upper = signed.get("sign").to_ascii_uppercase();
        assert_eq!(change("sign", &upper), Ok(()), "some sites write capital letters");
        let short = signed.get("sign")[..31].to_owned();
        assert_eq!(change("sign", &short), Err(EpayRefusal::Sign));
    }

    #[test]
    fn a_name_that_stands_there_twice_or_a_flood_of_names_is_refused() {
        assert!(Params::parse(b"pid=1&money=1&money=2").is_err());
        let many = (0..41).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert!(Params::parse(many.as_bytes()).is_err());
        assert_eq!(Params::parse(b"").unwrap(), Params::default());
    }

    #[test]
    fn a_key_is_hidden() {
        let made = EpayKey::new([171; 16]);
        assert_eq!((made.expose().len(), format!("{made:?}")), (32, "EpayKey(…)".to_owned()));
    }
}
