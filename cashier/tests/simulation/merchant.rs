//! The merchant of a seed: for which protocols it has credentials, and what it has of WeChat's keys.

use rand::RngExt;
use rand::rngs::StdRng;
use sandbox::Sandbox;
use wxpay::client::{Client, Credentials};
use wxpay::v3::keys::{Certificate, KeyRing, PublicKey, PublicKeyId};
use wxpay::v3::seal::{ApiV3Key, ApiV3Keys};
use wxpay::v3::serial::Serial;
use wxpay::v3::signing_key::SigningKey;
use wxpay::{AppId, MchId, Merchant, Protocol, v3};

/// For which protocols a merchant has credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    V2,
    V3,
    /// Both; the protocol of new orders is switched in the middle.
    Both,
}

impl Speaks {
    /// A quarter of the seeds speaks v3 only, and a quarter both.
    pub fn of(seed: u64) -> Speaks {
        match seed % 4 {
            1 => Speaks::V3,
            3 => Speaks::Both,
            _ => Speaks::V2,
        }
    }
}

/// What a process is started with.
#[derive(Debug, Clone)]
pub struct Identity {
    pub speaks: Speaks,
    /// Of API v2. Of a merchant that speaks v3 only it is what WeChat has it by, and no process has its key.
    pub v2: Merchant,
    pub v3: Option<V3>,
    /// The protocol of new orders.
    pub first: Protocol,
}

/// The merchant's side of API v3.
#[derive(Debug, Clone)]
pub struct V3 {
    pub merchant: v3::Merchant,
    /// WeChat's public key, if the merchant has it.
    pub public_key: Option<(PublicKeyId, PublicKey)>,
    /// Whether WeChat's platform certificates are read.
    pub has_certificates: bool,
}

impl Identity {
    pub fn new(speaks: Speaks, v2: Merchant, sandbox: &Sandbox, rng: &mut StdRng) -> Identity {
        let (v3, first) = match speaks {
            Speaks::V2 => (None, Protocol::V2),
            Speaks::V3 => (Some(V3::new(sandbox, rng)), Protocol::V3),
            Speaks::Both => {
                let first = if rng.random_bool(0.5) { Protocol::V2 } else { Protocol::V3 };
                (Some(V3::new(sandbox, rng)), first)
            }
        };
        Identity { speaks, v2, v3, first }
    }

    /// The credentials of a process that starts now. It knows none of WeChat's certificates yet.
    pub fn credentials(&self) -> Credentials {
        let keys = |v3: &V3| KeyRing::new(v3.public_key.clone());
        self.with(keys)
    }

    fn with(&self, keys: impl Fn(&V3) -> KeyRing) -> Credentials {
        let of_v3 = self.v3.as_ref().map(|v3| v3::Credentials {
            merchant: v3.merchant.clone(),
            keys: keys(v3),
            has_certificates: v3.has_certificates,
        });
        match (self.speaks, of_v3) {
            (Speaks::V3, Some(of_v3)) => of_v3.into(),
            (Speaks::Both, Some(of_v3)) => Credentials::both(self.v2.clone(), of_v3, self.first).unwrap(),
            _ => self.v2.clone().into(),
        }
    }

    /// Somebody else who acts in the merchant's name, and has all of WeChat's keys.
    pub fn somebody(&self, sandbox: &Sandbox, clock: &sandbox::Clock) -> Client {
        let keys = |v3: &V3| {
            let keys = KeyRing::new(v3.public_key.clone());
            let files = (1..).map_while(|n| sandbox.key_file(&format!("platform_{n}.pem")));
            let certificates = files.map(|pem| Certificate::from_pem(&pem).unwrap());
            keys.add_certificates(certificates.filter(|_| v3.has_certificates), clock.now());
            keys
        };
        let clock = clock.clone();
        Client::in_process(self.with(keys), sandbox.router()).with_clock(move || clock.now())
    }
}

impl V3 {
    fn new(sandbox: &Sandbox, rng: &mut StdRng) -> V3 {
        let identity = sandbox.identity();
        let key = sandbox.key_file("apiclient_key.pem").unwrap();
        let merchant = v3::Merchant {
            mch_id: MchId::parse(identity.mch_id).unwrap(),
            appid: AppId::parse(identity.appid).unwrap(),
            serial: Serial::parse(&identity.serial).unwrap(),
            key: SigningKey::from_pem(key.as_bytes()).unwrap(),
            apiv3: ApiV3Key::parse(&identity.apiv3_key).unwrap().into(),
        };
        // Certificates only, the public key only, or both, while a merchant moves from those to this.
        let kind = rng.random_range(0..3);
        let public_key = (kind > 0).then(|| public_key(sandbox));
        V3 { merchant, public_key, has_certificates: kind != 1 }
    }

    /// The merchant gets WeChat's public key at the merchant platform.
    pub fn take_public_key(&mut self, sandbox: &Sandbox) {
        self.public_key = Some(public_key(sandbox));
    }

    /// The merchant sets another APIv3 key; what was sealed with the one before may still be under way.
    pub fn set_key(&mut self, new: &str) {
        let new = ApiV3Key::parse(new).unwrap();
        let old = std::mem::replace(&mut self.merchant.apiv3.new, new);
        self.merchant.apiv3.old = Some(old);
    }

    /// The keys that open what WeChat seals.
    pub fn seals(&self) -> &ApiV3Keys {
        &self.merchant.apiv3
    }
}

fn public_key(sandbox: &Sandbox) -> (PublicKeyId, PublicKey) {
    let pem = sandbox.key_file("pub_key.pem").unwrap();
    let id = PublicKeyId::parse(&sandbox.identity().public_key_id).unwrap();
    (id, PublicKey::from_pem(pem.as_bytes()).unwrap())
}
