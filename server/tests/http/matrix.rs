//! Merchant × appid × way of paying × protocol: every order is told of in every combination, each notice genuine and of the
//! right amount, and the one that is the order's own in all four is credited.

use reqwest::StatusCode;
use serde_json::{Value, json};
use wxpay::{Merchant, Protocol, v3::sign::SigningKey};

use super::{
    channels::{WAYS, order},
    common::{SUCCESS, Site, on_both_with, paid, signed, text},
    signed_v3::Message,
    wechat_v3::{self, envelope, now_s},
};

/// What a notice says beside the number and the amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    mch_id: &'static str,
    appid: &'static str,
    trade_type: &'static str,
    protocol: Protocol,
}

const OURS: &str = "10000100";
const MAIN: &str = "wxd930ea5d5a258f4f";
const TRADE_TYPES: [&str; 4] = ["NATIVE", "JSAPI", "APP", "MWEB"];

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for mch_id in [OURS, "10000101"] {
        for appid in [MAIN, sandbox::APP_APPID, "wx2421b1c4370ec43b"] {
            for trade_type in TRADE_TYPES {
                for protocol in [Protocol::V2, Protocol::V3] {
                    cells.push(Cell { mch_id, appid, trade_type, protocol });
                }
            }
        }
    }
    cells
}

/// What WeChat's side of API v3 signs and seals with, which the sandbox publishes.
struct WeChat {
    key: SigningKey,
    id: String,
    apiv3_key: String,
}

impl WeChat {
    async fn of(site: &Site) -> WeChat {
        let identity = site.http.get(format!("{}/control/identity", site.sandbox)).send().await.unwrap();
        let identity: Value = identity.json().await.unwrap();
        let key = wechat_v3::sandboxs();
        WeChat { key, id: text(&identity, "public_key_id"), apiv3_key: text(&identity, "apiv3_key") }
    }

    /// Whether this notice of a payment of 10 yuan is acknowledged.
    async fn tells(&self, site: &Site, number: &str, transaction_id: &str, cell: Cell) -> bool {
        if cell.protocol == Protocol::V2 {
            let notice = paid(number, "1000")
                .with("mch_id", cell.mch_id)
                .with("appid", cell.appid)
                .with("trade_type", cell.trade_type)
                .with("transaction_id", transaction_id);
            let (status, answer) = site.notice(signed(notice)).await;
            assert!(status == StatusCode::OK && (answer == SUCCESS || answer.contains("FAIL")), "{answer}");
            return answer == SUCCESS;
        }
        let mut notice = wechat_v3::paid(number);
        notice["mchid"] = json!(cell.mch_id);
        notice["appid"] = json!(cell.appid);
        notice["trade_type"] = json!(cell.trade_type);
        notice["transaction_id"] = json!(transaction_id);
        let body = envelope(notice.to_string().as_bytes(), &self.apiv3_key, "transaction").to_string();
        let message = Message::signed(body.as_bytes(), &self.key, &self.id, now_s());
        let (status, answer) = message.send(site, &format!("{}/wxpay/v3/notify", site.url)).await;
        assert!([204, 500].contains(&status.as_u16()), "{status} {answer}");
        status == StatusCode::NO_CONTENT
    }
}

/// What becomes of a notice for an order that is `own` and unpaid.
fn is_acknowledged_and_kept(cell: Cell, own: Cell) -> (bool, bool) {
    if cell.mch_id != own.mch_id {
        return (false, false);
    }
    if cell.appid != own.appid {
        // Money in another name: kept, and asked for again.
        return (false, true);
    }
    if cell.protocol != own.protocol {
        return (false, false);
    }
    // A documented way that is not the order's is kept for a person; its own is credited.
    (true, cell.trade_type != own.trade_type)
}

async fn orders_of(site: &Site, protocol: Protocol) {
    assert_eq!(Merchant::sandbox().mch_id.as_str(), OURS);
    let wechat = WeChat::of(site).await;
    let mut sent = 0;
    for more in WAYS {
        let trade_type = more.first().map_or("NATIVE", |(_, trade_type)| *trade_type);
        let appid = if trade_type == "APP" { sandbox::APP_APPID } else { MAIN };
        let own = Cell { mch_id: OURS, appid, trade_type, protocol };
        let user = format!("u_{trade_type}");
        let (_, placed) = order(site, &user, more).await;
        let number = text(&placed, "out_trade_no");
        let before = site.count("exceptions").await;
        let mut kept = 0;
        let wrong: Vec<Cell> = cells().into_iter().filter(|cell| *cell != own).collect();
        assert_eq!(wrong.len(), 47);
        for cell in wrong {
            sent += 1;
            let transaction_id = format!("4200{sent:024}");
            let taken = wechat.tells(site, &number, &transaction_id, cell).await;
            let (is_acknowledged, is_kept) = is_acknowledged_and_kept(cell, own);
            assert_eq!(taken, is_acknowledged, "{cell:?} for an order of {own:?}");
            kept += i64::from(is_kept);
            assert_eq!(site.count("exceptions").await, before + kept, "{cell:?} for an order of {own:?}");
            assert_eq!(site.balance(&user).await, 0, "{cell:?} for an order of {own:?}");
        }
        assert_eq!(site.status(&user, &number).await["state"], "pending");
        sent += 1;
        assert!(wechat.tells(site, &number, &format!("4200{sent:024}"), own).await, "{own:?}");
        assert_eq!(site.balance(&user).await, 1000, "{own:?}");
    }
    assert_eq!(site.count("ledger").await, 4);
}

#[tokio::test]
async fn of_all_notices_for_an_order_of_v2_only_its_own_cell_is_credited() {
    on_both_with("wechat_protocol = \"v2\"\n", async |site| orders_of(&site, Protocol::V2).await).await;
}

#[tokio::test]
async fn of_all_notices_for_an_order_of_v3_only_its_own_cell_is_credited() {
    on_both_with("wechat_protocol = \"v3\"\n", async |site| orders_of(&site, Protocol::V3).await).await;
}
