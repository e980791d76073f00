//! The merchant's certificate for v3 has ended, so that WeChat refuses every call that its key signs.

use wxpay::client::{Client, Credentials, Endpoint};
use wxpay::{Merchant, Protocol};

use crate::client_v3::wechat::credentials;
use crate::wechat_v3::merchant;

const V2: Protocol = Protocol::V2;
const V3: Protocol = Protocol::V3;

#[test]
fn what_v3_cannot_be_asked_for_any_more_goes_by_v2_where_there_is_a_v2() {
    let v2 = Merchant { mch_id: merchant().mch_id, appid: merchant().appid, ..Merchant::sandbox() };
    let of =
        |credentials: Credentials| Client::new(credentials, Endpoint::new("http://127.0.0.1:1")).unwrap();
    let both = || of(Credentials::both(v2.clone(), credentials(), V3).unwrap());
    for (client, can_call, instead) in [
        (both(), [true, true], [V2, V3]),
        (both().with_ended_v3_certificate(), [true, false], [V2, V2]),
        (of(credentials().into()), [false, true], [V3, V3]),
        // It is asked by neither; what there are credentials for says so.
        (of(credentials().into()).with_ended_v3_certificate(), [false, false], [V3, V3]),
        (of(v2.clone().into()), [true, false], [V2, V2]),
    ] {
        assert_eq!([V2, V3].map(|by| client.can_call(by)), can_call);
        assert_eq!([V2, V3].map(|by| client.can_refund(by)), can_call);
        assert_eq!([V2, V3].map(|by| client.instead(by)), instead);
        // Its notices are believed all the same.
        assert_eq!(client.v3_credentials().is_ok(), client.speaks(V3));
    }
}
