//! The two WeChat users of the sandbox. Each has one openid for each appid, always the same one, so that what a merchant
//! stored stays right after a restart.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::APP_APPID;

/// One of them. In JSON and in addresses: 1 or 2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Number", into = "u8")]
pub enum Person {
    /// Who pays where nobody is named; has the openid of WeChat's own examples.
    #[default]
    First,
    /// Another one, for what must not work with somebody else's order.
    Second,
}

const EVERYBODY: [Person; 2] = [Person::First, Person::Second];

/// 1 or 2 as JSON or as a form writes it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u8),
    Text(String),
}

impl TryFrom<Number> for Person {
    type Error = &'static str;

    fn try_from(number: Number) -> Result<Self, Self::Error> {
        match number {
            Number::Number(1) => Ok(Person::First),
            Number::Number(2) => Ok(Person::Second),
            Number::Text(text) if text == "1" || text.is_empty() => Ok(Person::First),
            Number::Text(text) if text == "2" => Ok(Person::Second),
            _ => Err("person is 1 or 2"),
        }
    }
}

impl From<Person> for u8 {
    fn from(person: Person) -> u8 {
        match person {
            Person::First => 1,
            Person::Second => 2,
        }
    }
}

impl Person {
    /// What this user is called at `appid`.
    pub fn openid(self, appid: &str) -> &'static str {
        match (self, appid == APP_APPID) {
            (Person::First, false) => "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
            (Person::Second, false) => "oUpF8uEsTBqXk7Lr0dVwYhGc3N2Q",
            (Person::First, true) => "oApp0uMuAJO_M2pxb1Q9zNjWeS6o",
            (Person::Second, true) => "oApp0uEsTBqXk7Lr0dVwYhGc3N2Q",
        }
    }

    /// Who is called so at `appid`.
    pub fn of(openid: &str, appid: &str) -> Option<Person> {
        EVERYBODY.into_iter().find(|person| person.openid(appid) == openid)
    }
}

/// Whether nobody outside can come from this address: WeChat compares an H5 order's address with its payer's.
/// Source: WeChat Pay, H5支付常见问题 (网络环境未能通过安全验证).
pub fn is_private_ip(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_openid_belongs_to_one_person_at_one_appid() {
        for appid in ["wxd930ea5d5a258f4f", APP_APPID] {
            for person in EVERYBODY {
                assert_eq!(Person::of(person.openid(appid), appid), Some(person));
            }
        }
        assert_eq!(Person::of(Person::First.openid(APP_APPID), "wxd930ea5d5a258f4f"), None);
    }

    #[test]
    fn addresses_of_this_machine_and_of_a_home_are_private() {
        for ip in
            ["127.0.0.1", "10.1.2.3", "192.168.0.7", "169.254.1.1", "0.0.0.0", "::1", "fd00::1", "fe80::1"]
        {
            assert!(is_private_ip(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["203.0.113.7", "2001:db8::7", "::ffff:203.0.113.7"] {
            assert!(!is_private_ip(ip.parse().unwrap()), "{ip}");
        }
        assert!(is_private_ip("::ffff:127.0.0.1".parse().unwrap()));
    }
}
