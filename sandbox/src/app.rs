//! The WeChat app as a merchant's app calls it (APP payment): a call for tests, and a page for a person.
//! Source: WeChat Pay v2, APP支付 (调起支付接口).

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Sandbox;
use crate::invoke::{self, APP, NoSheet};
use crate::orders::Pay;
use crate::page::{Lang, escape, frame};
use crate::sheet::{self, CLOCK, CROSS, TICK};
use crate::v2::rules::BODY_LIMIT;

pub fn router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route("/control/app", post(call))
        .route("/app", get(form).post(page))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(sandbox.clone())
}

/// What the SDK hands back to the merchant's app.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Returned {
    /// 0 is paid, -1 is an error, -2 is cancelled.
    err_code: i32,
    err_str: String,
}

impl Returned {
    fn paid() -> Self {
        Returned { err_code: 0, err_str: String::new() }
    }

    fn error(why: NoSheet) -> Self {
        Returned { err_code: -1, err_str: why }
    }

    fn cancelled() -> Self {
        Returned { err_code: -2, err_str: String::new() }
    }
}

/// The signed parameters; `"press": "cancel"` leaves the sheet without paying.
async fn call(State(sandbox): State<Sandbox>, Json(mut given): Json<Map<String, Value>>) -> Json<Returned> {
    let is_cancelled = given.remove("press").is_some_and(|press| press == "cancel");
    Json(match sandbox.app_sheet(&given, |_| ()) {
        Err(why) => Returned::error(why),
        Ok(_) if is_cancelled => Returned::cancelled(),
        Ok((prepay_id, ())) => sandbox.pay_in_app(&prepay_id).await,
    })
}

impl Sandbox {
    /// The `prepay_id` of parameters that get a sheet, and what `show` makes of their order.
    fn app_sheet<T>(
        &self,
        given: &Map<String, Value>,
        show: impl FnOnce(&crate::Order) -> T,
    ) -> Result<(String, T), NoSheet> {
        let mut given = given.clone();
        // A number in the SDK of iOS, a text in that of Android.
        if let Some(timestamp @ Value::Number(_)) = given.get_mut("timestamp") {
            *timestamp = Value::String(timestamp.to_string());
        }
        let parameters = invoke::read(&given, APP)?;
        let now = self.0.clock.read();
        let state = self.state();
        let order = state.book.by_ticket(parameters.prepay_id()).ok_or("该笔订单不存在")?;
        parameters.check(order, &self.merchant(), now)?;
        Ok((parameters.prepay_id().to_owned(), show(order)))
    }

    async fn pay_in_app(&self, prepay_id: &str) -> Returned {
        match self.pay(prepay_id, Pay::default()).await {
            Ok(_) => Returned::paid(),
            Err(why) => Returned::error(why.to_string()),
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    lang: Option<String>,
}

async fn form(Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let lang = Lang::choose(asked.lang.as_deref(), &headers);
    let screen = format!(
        "<section class=\"screen\" data-state=\"scan\"><h1>{}</h1><p class=\"text\">{}</p>\
        <form class=\"field\" method=\"post\" action=\"/app\"><label for=\"parameters\">{}</label>\
        <textarea class=\"input mono\" id=\"parameters\" name=\"parameters\" rows=\"10\" required spellcheck=\"false\" \
        placeholder=\"{{&quot;appid&quot;:&quot;{}&quot;,&quot;partnerid&quot;:…}}\"></textarea>\
        <input type=\"hidden\" name=\"lang\" value=\"{}\">\
        <button class=\"button\" data-kind=\"solid\">{}</button></form></section>",
        lang.pick("从 App 调起微信", "An app calls WeChat"),
        lang.pick(
            "把服务端签好名的参数（JSON）贴进来，就像商家的 App 把它们交给了微信 SDK。",
            "Paste the parameters that your server signed, as JSON, as if your app had handed them to WeChat's SDK.",
        ),
        lang.pick("调起参数", "Parameters"),
        crate::APP_APPID,
        lang.code(),
        lang.pick("调起微信", "Call WeChat"),
    );
    whole(lang, lang.pick("APP 支付", "APP payment"), &screen)
}

#[derive(Deserialize)]
struct Posted {
    parameters: String,
    lang: Option<String>,
    /// `pay` or `refuse`, from the sheet.
    action: Option<String>,
}

async fn page(State(sandbox): State<Sandbox>, headers: HeaderMap, Form(posted): Form<Posted>) -> Response {
    let lang = Lang::choose(posted.lang.as_deref(), &headers);
    let Ok(given) = serde_json::from_str::<Map<String, Value>>(&posted.parameters) else {
        return returned(lang, &Returned::error("参数不是 JSON 对象".to_owned()));
    };
    let hidden = [("parameters", posted.parameters.as_str()), ("lang", lang.code())];
    let sheet =
        sandbox.app_sheet(&given, |order| sheet::payable(order, lang, &sheet::press("/app", &hidden, lang)));
    match (sheet, posted.action.as_deref()) {
        (Err(why), _) => returned(lang, &Returned::error(why)),
        (Ok((_, sheet)), None) => whole(lang, lang.pick("确认付款", "Confirm payment"), &sheet),
        (Ok((prepay_id, _)), Some("pay")) => returned(lang, &sandbox.pay_in_app(&prepay_id).await),
        (Ok(_), Some(_)) => returned(lang, &Returned::cancelled()),
    }
}

fn returned(lang: Lang, returned: &Returned) -> Response {
    let (tone, icon, title) = match returned.err_code {
        0 => ("paid", TICK, lang.pick("支付成功", "Paid")),
        -2 => ("quiet", CLOCK, lang.pick("用户取消", "Cancelled")),
        _ => ("bad", CROSS, lang.pick("支付失败", "Payment failed")),
    };
    let facts =
        sheet::table(&[("errCode", returned.err_code.to_string()), ("errStr", escape(&returned.err_str))]);
    let text = lang.pick("SDK 交还给商家 App 的：", "What the SDK hands back to the shop's app:");
    whole(lang, title, &sheet::ended(tone, icon, title, text, &facts))
}

fn whole(lang: Lang, title: &str, screen: &str) -> Response {
    frame(
        lang,
        title,
        lang.pick("/app?lang=en", "/app?lang=zh"),
        &format!("<main class=\"phone\">{screen}</main>"),
    )
}
