//! This site: that its addresses for WeChat refuse what is forged, and what is still open of each protocol.

use cashier::db::open_work;
use wxpay::Protocol;

use super::{Found, Patient, database};

/// Posts bodies that WeChat did not sign to our own addresses, by the public name: a proxy or firewall that swallows them
/// would swallow genuine ones, and a server that takes them would take anybody's.
pub(super) async fn notify_addresses(patient: &Patient) -> Found {
    let mut refusing = Vec::new();
    for (path, wanted) in [("/wxpay/notify", 200), ("/wxpay/v3/notify", 401)] {
        let is_v3 = wanted == 401;
        if is_v3 && !patient.client.speaks(Protocol::V3) {
            continue;
        }
        let address = format!("{}{path}", patient.public_url);
        let forged =
            "<xml><return_code>SUCCESS</return_code><sign>00000000000000000000000000000000</sign></xml>";
        let answer = match patient.http.post(&address).body(forged).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let why = cashier::error_chain::error_chain(&error);
                return Found::bad(format!("{address} cannot be reached from here: {why}"));
            }
        };
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        let is_ours = text.contains("<![CDATA[FAIL]]>") || text.contains("\"FAIL\"");
        if status != wanted || !is_ours {
            return Found::bad(format!(
                "{address} answered a forged notice with HTTP {status}, and not as this program does"
            ));
        }
        refusing.push(path);
    }
    Found::good(format!("{} refuse what WeChat did not sign", refusing.join(" and ")))
}

pub(super) async fn open_work(patient: &Patient) -> Found {
    match open_work::by_protocol(&patient.db).await {
        Ok(open) => {
            let of =
                |name, orders, refunds| format!("{name}: {orders} orders and {refunds} refunds under way");
            let text = format!(
                "{}; {}",
                of("v2", open.v2_orders, open.v2_refunds),
                of("v3", open.v3_orders, open.v3_refunds)
            );
            Found::good(text)
        }
        Err(error) => database(&error),
    }
}
