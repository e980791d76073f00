//! NATIVE mode one (模式一): a static code names a product, and a scan has the merchant place the order.
//! Source: WeChat Pay v2, native.php?chapter=6_4 (模式一), 9_9 (转换短链接).

use std::collections::HashMap;

use reqwest::Url;
use wxpay::SignType;
use wxpay::v2::{Fields, sign};

use crate::Sandbox;
use crate::deliver::Post;
use crate::numbers::nonce_str;
use crate::orders::Pay;
use crate::people::Person;
use crate::v2::rules::{BODY_LIMIT, STATIC_CODE};

const SHORT: &str = "weixin://wxpay/s/";
/// The parameters that a code signs.
const SIGNED: [&str; 5] = ["appid", "mch_id", "product_id", "time_stamp", "nonce_str"];

/// Long codes by their short form. They are forgotten by a restart.
#[derive(Debug, Default)]
pub struct ShortUrls(HashMap<String, String>);

impl ShortUrls {
    /// Those that were made before, each with its long form.
    pub fn new(kept: Vec<(String, String)>) -> ShortUrls {
        ShortUrls(kept.into_iter().collect())
    }

    /// The short form of `long_url`; `fresh` are the random letters of a new one.
    pub fn shorten(&mut self, long_url: &str, fresh: &str) -> String {
        let known = self.0.iter().find(|(_, long)| *long == long_url);
        if let Some((short, _)) = known {
            return short.clone();
        }
        let short = format!("{SHORT}{fresh}");
        self.0.insert(short.clone(), long_url.to_owned());
        short
    }
}

/// Whether `code_url` is such a code and not one of an order, which has `pr=` and no signature.
pub fn is_static(code_url: &str) -> bool {
    code_url.starts_with(SHORT) || code_url.starts_with(STATIC_CODE) && code_url.contains("sign=")
}

/// Why a scan leads to no order, in the words that the payer sees.
pub type NoOrder = String;

impl Sandbox {
    /// Scans a static code: tells the merchant, whose answer names the order. Each scan does so anew.
    /// # Errors
    /// The code is not the merchant's, or the merchant refuses, or its answer is not what WeChat wants.
    pub async fn scan(&self, code_url: &str, person: Person) -> Result<String, NoOrder> {
        let product_id = self.product(code_url)?;
        let (callback_url, body) = self.callback(&product_id, person)?;
        let answer = self.0.transport.post(&callback_url, &Post::xml(body)).await;
        let answer = answer.filter(|answer| answer.status == 200);
        let answer = answer.ok_or("商家没有在 5 秒内以 HTTP 200 应答扫码回调")?;
        let reply = Fields::read(answer.body.as_bytes(), BODY_LIMIT);
        let reply = reply.map_err(|_| "商家的应答不是 XML".to_owned())?;
        self.order_of(&reply, &product_id)
    }

    /// The product that a code names, if the merchant signed it.
    fn product(&self, code_url: &str) -> Result<String, NoOrder> {
        let long = match code_url.starts_with(SHORT) {
            true => self.state().short_urls.0.get(code_url).cloned().ok_or("二维码不存在或已失效")?,
            false => code_url.to_owned(),
        };
        let url = Url::parse(&long).map_err(|_| "二维码格式错误".to_owned())?;
        let parameters: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
        let merchant = &self.merchant();
        if get("appid") != merchant.appid.as_str() || get("mch_id") != merchant.mch_id.as_str() {
            return Err("二维码不是这个商户的".to_owned());
        }
        if let Some(missing) = SIGNED.into_iter().find(|name| get(name).is_empty()) {
            return Err(format!("二维码缺少参数{missing}"));
        }
        let fields = SIGNED.into_iter().fold(Fields::new(), |fields, name| fields.with(name, get(name)));
        match sign::sign(&fields, &merchant.key, SignType::Md5) == get("sign") {
            true => Ok(get("product_id").to_owned()),
            false => Err("二维码签名错误".to_owned()),
        }
    }

    /// Where a scan is told, and the message.
    fn callback(&self, product_id: &str, person: Person) -> Result<(String, String), NoOrder> {
        let mut state = self.state();
        let Some(callback_url) = state.registered.callback_url.clone() else {
            return Err("没有登记扫码回调链接：启动沙盒时用 --callback-url 指定".to_owned());
        };
        let merchant = &self.merchant();
        let mut fields = Fields::new()
            .with("appid", merchant.appid.as_str())
            .with("openid", person.openid(merchant.appid.as_str()))
            .with("mch_id", merchant.mch_id.as_str())
            .with("is_subscribe", "N")
            .with("nonce_str", nonce_str(&mut state.random))
            .with("product_id", product_id);
        let sign = sign::sign(&fields, &merchant.key, SignType::Md5);
        fields.set("sign", sign);
        Ok((callback_url, fields.to_xml()))
    }

    /// The `prepay_id` that a right answer names.
    fn order_of(&self, reply: &Fields, product_id: &str) -> Result<String, NoOrder> {
        let merchant = &self.merchant();
        let get = |name: &str| reply.get(name).unwrap_or_default();
        if get("return_code") != "SUCCESS" {
            return Err(format!("商家返回 return_code={}：{}", get("return_code"), get("return_msg")));
        }
        if sign::verify(reply, &merchant.key).is_err() {
            return Err("商家的应答签名错误".to_owned());
        }
        if get("appid") != merchant.appid.as_str() || get("mch_id") != merchant.mch_id.as_str() {
            return Err("商家的应答不是这个商户的".to_owned());
        }
        if get("result_code") != "SUCCESS" {
            let shown = reply.get("err_code_des").filter(|text| !text.is_empty());
            return Err(shown.unwrap_or("商家没有说明原因").to_owned());
        }
        let now = self.0.clock.read();
        let prepay_id = get("prepay_id");
        let state = self.state();
        let order = state.book.by_ticket(prepay_id).filter(|order| order.prepay_id() == prepay_id);
        let order = order.ok_or("商家的应答里的 prepay_id 不存在或已被替换")?;
        if order.trade_type() != "NATIVE" || order.asked("product_id") != Some(product_id) {
            return Err("商家的应答里的 prepay_id 不是这个商品的 NATIVE 订单".to_owned());
        }
        order.can_pay(prepay_id, Pay::default(), now).map_err(|why| why.to_string())?;
        Ok(prepay_id.to_owned())
    }
}
