//! The user token `u`: how a site says who its user is. A JWT, HS256 with the shared secret; claims `sub`, `exp` and
//! optional `name`, `nbf` and `aud`. One that stands in a link may say more: [`Asks`].

mod hs256;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError, RwLock};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use recharge::User;
use serde::{Deserialize, Serialize};
use wxpay::UnixMillis;

/// Longest token in bytes; a longer one does not fit a cookie beside its attributes.
const LONGEST: usize = 3072;

/// The longest time that a token may still be valid, in seconds: there is no way to take one back, so a link that got
/// into wrong hands must end by itself.
pub const LONGEST_S: i64 = 24 * 3600;

/// How far the site's clock may go ahead of ours, in seconds.
const SKEW_S: i64 = 300;

/// How far the site's clock may go ahead of ours for `nbf`, in seconds: many libraries put the present second there.
const NOT_BEFORE_SKEW_S: u64 = 60;

/// The shortest session that a link may ask for, in seconds.
pub const SHORTEST_SESSION_S: i64 = 60;

/// The longest `return_url`, in bytes.
pub const LONGEST_RETURN_URL: usize = 1024;

/// The audience that a token may name besides the public address.
const AUDIENCE: &str = "saoma";

/// Verified tokens kept in memory; a page that polls brings the same one every second.
const REMEMBERED: usize = 20_000;

/// Makes and reads user tokens.
pub struct UserTokens {
    keys: RwLock<Keys>,
    validation: Validation,
    /// Tokens whose signature was verified, keyed by the whole token.
    verified: Mutex<HashMap<Box<str>, VerifiedUser>>,
}

/// The secret, and the one before it.
struct Keys {
    encoding: EncodingKey,
    decoding: Vec<DecodingKey>,
}

impl Keys {
    fn new(secret: &[u8], old: Option<&[u8]>) -> Self {
        let decoding = [secret].into_iter().chain(old).map(DecodingKey::from_secret).collect();
        Keys { encoding: EncodingKey::from_secret(secret), decoding }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    /// Unix time in seconds.
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(flatten)]
    asks: Asks,
}

/// What a link asks for besides its user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    /// How long the session lives, in seconds; without it until the token's own end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ses: Option<i64>,
    /// The page of the site that the payer goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The origin of the site's page whose frame the pages are to stand in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embed: Option<String>,
    /// Fen that the page proposes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
}

/// The user whom a valid token names, and until when it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedUser {
    pub user: User,
    pub expires_at: UnixMillis,
    pub asks: Asks,
}

/// Expired, signed by somebody else, or not a token. Strangers are not told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the user token is not valid")]
pub struct BadToken;

impl UserTokens {
    /// `secret`: at least 32 bytes, which the settings have checked.
    pub fn new(secret: &[u8]) -> Self {
        hs256::install();
        // Nothing but HS256, or a token could choose how it is checked.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        // For `nbf`; `exp` is compared once more without it.
        validation.leeway = NOT_BEFORE_SKEW_S;
        validation.validate_nbf = true;
        validation.set_audience(&[AUDIENCE]);
        UserTokens { keys: RwLock::new(Keys::new(secret, None)), validation, verified: Mutex::default() }
    }

    /// The same for a server at this address, which a token may name as its audience.
    pub fn at(mut self, public_url: &str) -> Self {
        self.validation.set_audience(&[AUDIENCE, public_url]);
        self
    }

    /// From now on signs with `secret`, and takes what was signed with it or with `old`: nothing else, whatever was taken before.
    pub fn take_over(&self, secret: &[u8], old: Option<&[u8]>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = Keys::new(secret, old);
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// # Errors
    /// [`BadToken`].
    pub fn read(&self, token: &str) -> Result<VerifiedUser, BadToken> {
        if token.len() > LONGEST {
            return Err(BadToken);
        }
        // Held until the token is remembered, so that none is that a replaced secret has signed.
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        // A panic while it was held leaves whole entries, so a poisoned lock can be taken.
        let remembered = self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        if let Some(user) = remembered {
            return if user.expires_at > UnixMillis::now() { Ok(user) } else { Err(BadToken) };
        }
        let user = self.verify(token, &keys)?;
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= REMEMBERED {
            verified.clear();
        }
        verified.insert(token.into(), user.clone());
        Ok(user)
    }

    fn verify(&self, token: &str, keys: &Keys) -> Result<VerifiedUser, BadToken> {
        let decoded = |key| jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok();
        let data = keys.decoding.iter().find_map(decoded).ok_or(BadToken)?;
        let Claims { sub, exp, name, asks } = data.claims;
        let now_s = UnixMillis::now().get() / 1000;
        let is_odd = asks.ses.is_some_and(|seconds| !(SHORTEST_SESSION_S..=LONGEST_S).contains(&seconds));
        if exp <= now_s || exp > now_s + LONGEST_S + SKEW_S || is_odd {
            return Err(BadToken);
        }
        let mut user = User::new(sub, name.unwrap_or_default()).map_err(|_| BadToken)?;
        if user.name.is_empty() {
            user.name.clone_from(&user.id);
        }
        Ok(VerifiedUser { user, expires_at: UnixMillis::new(exp.saturating_mul(1000)), asks })
    }

    /// A token for `user` that ends `for_s` seconds after `now`.
    /// # Errors
    /// [`BadToken`] if it cannot be signed, which a secret of bytes always can.
    pub fn issue(&self, user: &User, now: UnixMillis, for_s: i64) -> Result<String, BadToken> {
        self.issue_asking(user, now, for_s, Asks::default())
    }

    /// The same for a link that asks for more.
    /// # Errors
    /// As [`UserTokens::issue`].
    pub fn issue_asking(
        &self,
        user: &User,
        now: UnixMillis,
        for_s: i64,
        asks: Asks,
    ) -> Result<String, BadToken> {
        let claims = Claims {
            sub: user.id.clone(),
            exp: now.get() / 1000 + for_s,
            name: (user.name != user.id).then(|| user.name.clone()),
            asks,
        };
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &keys.encoding).map_err(|_| BadToken)
    }
}

impl fmt::Debug for UserTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserTokens")
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const SECRET: &[u8] = b"a secret of more than 32 bytes, long";

    fn encoded(secret: &[u8], claims: &serde_json::Value) -> String {
        hs256::install();
        jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    /// The same claims under another algorithm's name, signed with HS256.
    fn renamed(algorithm: Algorithm, secret: &[u8], claims: &serde_json::Value) -> String {
        let [header, claims] = [serde_json::json!({"typ": "JWT", "alg": algorithm}), claims.clone()]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let key = EncodingKey::from_secret(secret);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    fn soon() -> i64 {
        UnixMillis::now().get() / 1000 + 60
    }

    #[test]
    fn a_token_that_was_valid_before_ends_when_it_says() {
        let tokens = UserTokens::new(SECRET);
        let user = User::new("u-7", "u-7").unwrap();
        let token = tokens.issue(&user, UnixMillis::now(), 60).unwrap();
        let verified = tokens.read(&token).unwrap();
        assert_eq!(tokens.read(&token), Ok(verified.clone()));
        // As if a minute had passed.
        let ended = VerifiedUser { expires_at: UnixMillis::now(), ..verified };
        tokens.verified.lock().unwrap().insert(token.as_str().into(), ended);
        assert_eq!(tokens.read(&token), Err(BadToken));
        let changed = token.replace('.', ".A");
        assert_eq!(tokens.read(&changed), Err(BadToken));
    }

    #[test]
    fn a_replaced_secret_is_taken_until_it_is_told_to_go_and_signs_no_more() {
        const NEW: &[u8] = b"another secret of more than 32 bytes";
        let (tokens, user) = (UserTokens::new(SECRET), User::new("u-7", "u-7").unwrap());
        let before = tokens.issue(&user, UnixMillis::now(), 60).unwrap();
        assert!(tokens.read(&before).is_ok());
        tokens.take_over(NEW, Some(SECRET));
        assert!(tokens.read(&before).is_ok());
        let after = tokens.issue(&user, UnixMillis::now(), 60).unwrap();
        assert!(UserTokens::new(NEW).read(&after).is_ok());
        assert_eq!(UserTokens::new(SECRET).read(&after), Err(BadToken));
        tokens.take_over(NEW, None);
        assert_eq!(tokens.read(&before), Err(BadToken), "though it was remembered");
        assert!(tokens.read(&after).is_ok());
    }

    #[test]
    fn an_issued_token_names_its_user() {
        let tokens = UserTokens::new(SECRET);
        let user = User::new("u-7", "小林").unwrap();
        let now = UnixMillis::now();
        let verified = tokens.read(&tokens.issue(&user, now, 60).unwrap()).unwrap();
        assert_eq!(verified.user, user);
        assert_eq!(verified.expires_at.get(), (now.get() / 1000 + 60) * 1000);
    }

    #[test]
    fn a_token_that_names_its_audience_is_for_this_server_only() {
        let tokens = UserTokens::new(SECRET).at("https://pay.example.com");
        let for_audience = |aud: serde_json::Value| {
            encoded(SECRET, &serde_json::json!({"sub": "u-7", "exp": soon(), "aud": aud}))
        };
        for aud in ["saoma".into(), "https://pay.example.com".into(), serde_json::json!(["mail", "saoma"])] {
            assert!(tokens.read(&for_audience(aud)).is_ok());
        }
        for aud in ["mail".into(), "https://other.example.com".into(), serde_json::json!(["mail"])] {
            assert_eq!(tokens.read(&for_audience(aud)), Err(BadToken));
        }
    }

    #[test]
    fn a_token_is_valid_for_a_day_at_most() {
        let tokens = UserTokens::new(SECRET);
        let user = User::new("u-7", "u-7").unwrap();
        let ends_in = |seconds| tokens.read(&tokens.issue(&user, UnixMillis::now(), seconds).unwrap());
        assert!(ends_in(LONGEST_S).is_ok());
        assert_eq!(ends_in(LONGEST_S + SKEW_S + 5), Err(BadToken));
        assert_eq!(ends_in(3_153_600_000), Err(BadToken));
    }

    #[test]
    fn a_site_whose_clock_is_ahead_signs_tokens_that_count_at_once() {
        let tokens = UserTokens::new(SECRET);
        let from = |seconds: i64| {
            let nbf = UnixMillis::now().get() / 1000 + seconds;
            tokens.read(&encoded(SECRET, &serde_json::json!({"sub": "u-7", "exp": soon() + 600, "nbf": nbf})))
        };
        assert!(from(-5).is_ok() && from(0).is_ok() && from(50).is_ok());
        assert_eq!(from(90), Err(BadToken));
        // The same is not granted to the end.
        let ended = UnixMillis::now().get() / 1000 - 1;
        let late = encoded(SECRET, &serde_json::json!({"sub": "u-7", "exp": ended}));
        assert_eq!(tokens.read(&late), Err(BadToken));
    }

    #[test]
    fn a_link_may_ask_for_a_session_of_another_length_and_a_way_back() {
        let tokens = UserTokens::new(SECRET);
        let asking = |claims: serde_json::Value| {
            let mut all = serde_json::json!({"sub": "u-7", "exp": soon()});
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            tokens.read(&encoded(SECRET, &all)).map(|verified| verified.asks)
        };
        assert_eq!(asking(serde_json::json!({})), Ok(Asks::default()));
        let asks = Asks {
            ses: Some(3600),
            return_url: Some("https://www.example.com/me".to_owned()),
            embed: Some("https://www.example.com".to_owned()),
            amount: Some(5000),
        };
        assert_eq!(asking(serde_json::to_value(&asks).unwrap()), Ok(asks.clone()));
        for ses in [0, -1, 59, LONGEST_S + 1] {
            assert_eq!(asking(serde_json::json!({"ses": ses})), Err(BadToken), "{ses}");
        }
        let user = User::new("u-7", "u-7").unwrap();
        let issued = tokens.issue_asking(&user, UnixMillis::now(), 600, asks.clone()).unwrap();
        assert_eq!(tokens.read(&issued).unwrap().asks, asks);
    }

    #[test]
    fn an_id_stands_in_for_a_name_of_which_nothing_is_seen() {
        let token = encoded(SECRET, &serde_json::json!({"sub": "u-7", "exp": soon()}));
        assert_eq!(UserTokens::new(SECRET).read(&token).unwrap().user.name, "u-7");
        for (name, shown) in [("", "u-7"), ("\u{200b}\u{2066}", "u-7"), ("\u{202e}小林", "小林")] {
            let token = encoded(SECRET, &serde_json::json!({"sub": "u-7", "exp": soon(), "name": name}));
            assert_eq!(UserTokens::new(SECRET).read(&token).unwrap().user.name, shown, "{name:?}");
        }
    }

    #[test]
    fn expired_foreign_or_other_tokens_are_refused() {
        let tokens = UserTokens::new(SECRET);
        let good = serde_json::json!({"sub": "u-7", "exp": soon()});
        let mut bad = vec![
            encoded(b"another secret of more than 32 bytes", &good),
            renamed(Algorithm::HS384, SECRET, &good),
            encoded(SECRET, &serde_json::json!({"sub": "u-7", "exp": soon() - 61})),
            encoded(SECRET, &serde_json::json!({"sub": "u-7"})),
            encoded(SECRET, &serde_json::json!({"exp": soon()})),
            encoded(SECRET, &serde_json::json!({"sub": 7, "exp": soon()})),
            encoded(SECRET, &serde_json::json!({"sub": "", "exp": soon()})),
            encoded(SECRET, &serde_json::json!({"sub": "a\u{0}b", "exp": soon()})),
            encoded(SECRET, &serde_json::json!({"sub": "\u{202e}7-u", "exp": soon()})),
            encoded(SECRET, &serde_json::json!({"sub": "x".repeat(65), "exp": soon()})),
            String::new(),
            "a.b.c".to_owned(),
            encoded(SECRET, &serde_json::json!({"sub": "u-7", "exp": soon() + 600, "nbf": soon() + 60})),
            encoded(SECRET, &serde_json::json!({"sub": "u-7", "exp": soon(), "more": "x".repeat(LONGEST)})),
        ];
        // {"alg":"none"} with the same claims and no signature.
        let claims = bad[0].split('.').nth(1).unwrap().to_owned();
        bad.push(format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}."));
        for token in bad {
            assert_eq!(tokens.read(&token), Err(BadToken), "{token}");
        }
    }
}
