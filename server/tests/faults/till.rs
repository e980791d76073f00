//! Orders that wait to be paid, WeChat's notices for them, and what the database must hold in the end.

use std::collections::HashMap;
use std::sync::Arc;

use cashier::Db;
use cashier::db::job::Job;
use cashier::db::writer::{Committer, WriteError};
use cashier::db::{Engine, check};
use cashier::watched::Watched;
use recharge::apps::{App, Apps};
use recharge::command::{NotPlaced, OrderReply, PlaceOrder};
use recharge::order::{NewOrder, Order, Rules, Way};
use recharge::protocols::Protocols;
use recharge::{AbnormalPayments, LatePayment, User};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use wxpay::v2::{Fields, sign};
use wxpay::{Fen, Merchant, OutTradeNo, SignType, Signed, UnixMillis};

/// Orders of one user, so that balances are sums.
const PER_USER: usize = 4;

pub struct Due {
    pub number: OutTradeNo,
    pub user: String,
    pub fen: i64,
    pub transaction: String,
    /// By API v2.
    pub notice: String,
}

/// Writes `count` orders of v2, as after a press whose code is not there yet.
pub async fn orders(database: &str, count: usize) -> Vec<Due> {
    orders_of(database, count, Signed::Md5).await
}

/// The same, of which WeChat tells with such signatures.
pub async fn orders_of(database: &str, count: usize, signed: Signed) -> Vec<Due> {
    let db = Db::open(database).await.unwrap();
    let rules = Rules {
        apps: Apps::only(Merchant::sandbox().appid),
        protocols: Protocols { v2: true, v2_refunds: true, v3: true },
        late_payment: LatePayment::Credit,
        abnormal: AbnormalPayments::default(),
        balance_kept_by: recharge::spend::BalanceKeeper::Saoma,
        notify_base: String::new(),
        max_open_orders: 5,
        low_balance: None,
    };
    let committer = Committer::new(db, Arc::new(rules), Watched::default(), "test");
    let group = rand::random::<u32>();
    let orders: Vec<_> = (0..count).map(|index| order(group, index, signed)).collect();
    for some in orders.chunks(200) {
        // Whose answer is lost, on a machine that is busy with other things, is written or not: again tells.
        let mut answers = place(&committer, some).await;
        for _ in 0..10 {
            if answers.iter().all(Result::is_ok) {
                break;
            }
            answers = place(&committer, some).await;
        }
        for (answer, written) in answers.into_iter().zip(some) {
            assert_eq!(answer.unwrap().unwrap().order.out_trade_no, written.out_trade_no);
        }
    }
    orders.iter().enumerate().map(|(index, order)| due(order, group, index)).collect()
}

/// Places these in one batch.
async fn place(
    committer: &Committer,
    orders: &[Order],
) -> Vec<Result<Result<OrderReply, NotPlaced>, WriteError>> {
    let commands = orders.iter().map(|order| PlaceOrder::plain(order.clone()));
    let (mut jobs, waiting): (Vec<_>, Vec<_>) = commands.map(Job::new).unzip();
    committer.commit(&mut jobs).await;
    let mut answers = Vec::new();
    for answer in waiting {
        answers.push(answer.await.unwrap());
    }
    answers
}

fn order(group: u32, index: usize, signed: Signed) -> Order {
    let new = NewOrder {
        user: User::new(format!("user-{group}-{}", index / PER_USER), "小林").unwrap(),
        total_fee: Fen::new(1000 + (index % PER_USER) as i64 * 100),
        bonus: Fen::ZERO,
        body: "远山云-充值".to_owned(),
        notify_base: "http://127.0.0.1".to_owned(),
        spbill_create_ip: [127, 0, 0, 1].into(),
        signed,
        app: App::Main,
        way: Way::Native,
        life_ms: 7_200_000,
    };
    Order::new(new, UnixMillis::now(), rand::random()).unwrap()
}

fn due(order: &Order, group: u32, index: usize) -> Due {
    let transaction = format!("42{group:010}{index:016}");
    let merchant = Merchant::sandbox();
    let fee = order.total_fee.get().to_string();
    let fields = Fields::new()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", merchant.appid.as_str())
        .with("mch_id", merchant.mch_id.as_str())
        .with("nonce_str", format!("{group:08x}{index:08x}"))
        .with("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
        .with("trade_type", "NATIVE")
        .with("bank_type", "OTHERS")
        .with("total_fee", fee.as_str())
        .with("cash_fee", fee.as_str())
        .with("transaction_id", transaction.as_str())
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("time_end", order.created_at.to_beijing());
    let sign = sign::sign(&fields, &merchant.key, SignType::Md5);
    Due {
        number: order.out_trade_no.clone(),
        user: order.user.id.clone(),
        fen: order.total_fee.get(),
        transaction,
        notice: fields.with("sign", sign).to_xml(),
    }
}

type Credits = HashMap<String, Vec<(i64, String)>>;

/// Every credit with its order's transaction, what else moved each balance, and every balance, as they were at one moment.
async fn stored(db: &Db) -> (Credits, HashMap<String, i64>, HashMap<String, i64>) {
    let begin = match db.engine() {
        Engine::Sqlite => "BEGIN",
        Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ",
    };
    let mut moment = db.pool().begin_with(begin).await.unwrap();
    let credits = "SELECT ledger.out_trade_no, ledger.amount, orders.transaction_id \
        FROM ledger JOIN orders ON orders.out_trade_no = ledger.out_trade_no";
    let mut found = Credits::new();
    for row in sqlx::query(credits).fetch_all(&mut *moment).await.unwrap() {
        found.entry(row.get(0)).or_default().push((row.get(1), row.get(2)));
    }
    let balances =
        sqlx::query("SELECT user_id, balance FROM accounts").fetch_all(&mut *moment).await.unwrap();
    let others = "SELECT ledger.user_id, CAST(SUM(ledger.amount) AS BIGINT) FROM ledger \
        LEFT JOIN orders ON orders.out_trade_no = ledger.out_trade_no WHERE orders.out_trade_no IS NULL GROUP BY ledger.user_id";
    let others = sqlx::query(others).fetch_all(&mut *moment).await.unwrap();
    moment.rollback().await.unwrap();
    let by_user = |rows: &[AnyRow]| rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    (found, by_user(&others), by_user(&balances))
}

/// What must hold at every moment: the orders that were `acknowledged` are credited with their own payment, nobody has
/// more than one credit, balances are the sums of what was credited less what was spent, nothing is an exception, and the program's own check
/// finds nothing.
pub async fn hold(database: &str, orders: &[Due], acknowledged: &[bool]) {
    let db = Db::open(database).await.unwrap();
    let (credits, spent, stored) = stored(&db).await;
    let mut balances: HashMap<&str, i64> = HashMap::new();
    for (due, acknowledged) in orders.iter().zip(acknowledged) {
        let number = due.number.as_str();
        match credits.get(number).map(Vec::as_slice) {
            None => assert!(!acknowledged, "{number} was acknowledged and is not stored"),
            Some([credit]) => {
                assert_eq!(credit, &(due.fen, due.transaction.clone()), "{number}");
                *balances.entry(&due.user).or_default() += due.fen;
            }
            Some(more) => panic!("{number} was credited {} times", more.len()),
        }
    }
    for (user, balance) in balances {
        let balance = balance + spent.get(user).copied().unwrap_or_default();
        assert_eq!(stored.get(user), Some(&balance), "{user}");
    }
    let strange = sqlx::query("SELECT COUNT(*) FROM exceptions").fetch_one(db.pool()).await.unwrap();
    assert_eq!(strange.get::<i64, _>(0), 0, "a repeated notice is no second payment");
    let findings = check::whole(&db).await.unwrap();
    assert_eq!((findings.violations, findings.named), (0, vec![]));
    db.pool().close().await;
}
