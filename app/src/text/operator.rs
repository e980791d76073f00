//! Texts of the operator's sign-in, overview, order list and order page.

use crate::lang::texts;

texts! { pub mod login {
    TITLE = "登录管理台", "Sign in to the desk";
    NAME = "用户名", "User name";
    PASSWORD = "密码", "Password";
    SUBMIT = "登录", "Sign in";
    MISMATCH = "用户名和密码对不上，请再核对一次。", "User name and password do not match. Please check them once more.";
    SLOW = "尝试较多，{n} 秒后可再试。", "Many attempts; you can try again in {n} s.";
    EXPIRED = "登录已到期，请重新登录。刚才的页面会继续打开。", "Your session has ended. Sign in to go on where you were.";
    HINT = "连续 30 分钟不操作会自动退出。", "You are signed out after 30 minutes without activity.";
} }

texts! { pub mod nav {
    LABEL = "管理台", "Desk";
    OVERVIEW = "概览", "Overview";
    ORDERS = "订单", "Orders";
    EXCEPTIONS = "异常", "Exceptions";
    BILLS = "对账", "Reconciliation";
    SIGNOUT = "退出", "Sign out";
} }

texts! { pub mod over {
    TODAY = "今天", "Today";
    DAYS_7 = "近 7 天", "Last 7 days";
    DAYS_30 = "近 30 天", "Last 30 days";
    COUNT = "{n} 笔，退款 {amount}", "{n} {n:order|orders}, {amount} refunded";
    CHART = "每日实收", "Paid by day";
    CHART_LABEL = "近 30 天每日实收柱状图，最高 {max}，今天到目前 {today}", "Bar chart of the last 30 days, highest {max}, today so far {today}";
    CHART_TABLE = "以表格查看", "Show as a table";
    DAY = "日期", "Day";
    ORDERS = "笔数", "Orders";
    SUM = "实收", "Paid";
    EXCEPTIONS = "待处理的异常", "Open exceptions";
    EXCEPTIONS_NONE = "没有待处理的异常", "No open exceptions";
    EXCEPTIONS_NOTE = "已收到、但无法自动入账的款项，需要人工处理。", "Received but not matched to an order.";
    SILENT_NOTE = "由主动查询确认并入账。偶尔一笔属正常，多了请检查回调地址。", "Confirmed by asking WeChat. One now and then is normal; if there are many, check the callback address.";
    HEALTH = "运行状况", "Health";
    HEALTH_DUE = "等待查询的订单", "Orders waiting for a query";
    TITLE = "概览", "Overview";
    COUNT_PAID = "{n} 笔", "{n} {n:order|orders}";
    PLAIN_HTTP = "本站或微信接口正通过未加密的 HTTP 访问（SAOMA_ALLOW_PLAIN_HTTP）：密码、Cookie 和用户令牌以明文传输，同一网络内的人可以读取或改写。", "This site or WeChat is reached by plain HTTP (SAOMA_ALLOW_PLAIN_HTTP): passwords, cookies and user tokens travel unencrypted, and others on the network can read or change them.";
    VIOLATIONS = "自检发现 {n} 处账目不符，请用 saoma check 查看并核对。", "The self-check found {n} {n:entry that does|entries that do} not add up; run saoma check to see them.";
    UNDECLARED_PROXY = "本次请求由 {peer} 转发而来，但 SAOMA_TRUSTED_PROXIES 中没有它：经它访问的人都会算作同一个地址，共用登录和下单的次数限制，上报微信的用户 IP 也是它的。如果这是您的反向代理，请把它加进该设置。", "This request came through {peer}, which SAOMA_TRUSTED_PROXIES does not name: everybody behind it counts as one address, shares the limits of sign-ins and orders, and WeChat is told its address instead of the payer's. If it is your reverse proxy, add it to that setting.";
    STOPPED = "新订单已停止：微信不接受我们的请求（{reason}），自 {time} 起。", "New orders are stopped: WeChat refuses our requests ({reason}), since {time}.";
    ILL_ORDERS = "微信没有正常回应新订单（{reason}），自 {time} 起，最近一次尝试 {tried}；恢复后自动继续。", "WeChat is not answering new orders ({reason}), since {time}, last tried {tried}; they go on by themselves when it does.";
    ILL_QUERIES = "微信没有正常回应查询（{reason}），自 {time} 起，最近一次尝试 {tried}；恢复后自动继续。", "WeChat is not answering queries ({reason}), since {time}, last tried {tried}; they go on by themselves when it does.";
    ILL_REFUNDS = "微信没有正常回应退款（{reason}），自 {time} 起，最近一次尝试 {tried}；恢复后自动继续。", "WeChat is not answering refunds ({reason}), since {time}, last tried {tried}; they go on by themselves when it does.";
    ILL_BILLS = "微信没有正常给出账单（{reason}），自 {time} 起，最近一次尝试 {tried}；恢复后自动继续。", "WeChat is not giving bills ({reason}), since {time}, last tried {tried}; they go on by themselves when it does.";
    DUE_LAG = "{n}，最久已等 {seconds} 秒", "{n}, the first for {seconds} s";
    SILENT_TODAY = "今天由查询确认", "Confirmed by query today";
} }

texts! { pub mod orders {
    TITLE = "订单", "Orders";
    SEARCH = "搜索订单", "Search orders";
    SEARCH_HINT = "订单号、微信单号或用户，完整输入或输入开头", "Order number, WeChat number or user: in full, or how it begins";
    SEARCH_GO = "搜索", "Search";
    F_STATE = "状态", "State";
    F_EXCEPTION = "异常", "Exception";
    F_ALL = "全部", "All";
    F_ANY = "任何异常", "Any";
    F_CLEAR = "清除筛选", "Clear filters";
    T_COUNT = "笔数", "Orders";
    T_PAID = "实收", "Paid";
    CAPTION = "按下单时间从新到旧 · 北京时间", "Newest first · Beijing time";
    C_TIME = "时间", "Time";
    C_ORDER = "订单号", "Order";
    C_USER = "用户", "User";
    C_AMOUNT = "金额", "Amount";
    C_CREDIT = "到账", "Credited";
    C_STATE = "状态", "State";
    C_PROOF = "确认方式", "Proof";
    C_TRANSACTION = "微信单号", "WeChat number";
    BY_NOTICE = "通知", "Notice";
    BY_QUERY = "查询", "Query";
    NEWER = "较新", "Newer";
    OLDER = "较旧", "Older";
    RANGE = "{from} 至 {to}", "{from} to {to}";
    EMPTY = "没有符合条件的订单", "No orders match";
    EMPTY_TEXT = "试试放宽日期，或核对号码的开头几位。", "Try wider dates, or check how the number begins.";
    STRAYS = "没有对应订单的付款", "Payments without an order";
    COUNT_MORE = "{n}+", "{n}+";
} }

texts! { pub mod order {
    BACK = "返回订单列表", "Back to orders";
    BACK_TO_ORDER = "返回订单", "Back to the order";
    SUMMARY = "概要", "Summary";
    USER = "用户", "User";
    AMOUNT = "金额", "Amount";
    BONUS = "赠送", "Bonus";
    CREDITED = "入账", "Credited";
    CREATED = "下单", "Placed";
    EXPIRES = "可付至", "Payable until";
    PAID_AT = "付款", "Paid";
    TRANSACTION = "微信单号", "WeChat number";
    PROOF = "确认方式", "Proof";
    OPENID = "付款人", "Payer";
    OPENID_HIDDEN = "已隐去", "hidden";
    REFUNDABLE = "可退", "Refundable";
    ACTIONS = "操作", "Actions";
    ASK = "立即向微信查询", "Ask WeChat now";
    ASK_NOTE = "上次查询 {time}，结果：{result}", "Last asked {time}: {result}";
    CLOSE = "关闭订单", "Close the order";
    CLOSE_NO = "已支付的订单不能关闭", "A paid order cannot be closed";
    REFUND_AMOUNT = "退款金额（元）", "Amount in yuan";
    REFUND_REASON = "原因", "Reason";
    NOTE = "备注", "Note";
    NOTE_SAVE = "保存备注", "Save note";
    LINE = "时间线", "Time line";
    EVIDENCE = "查看凭据", "See evidence";
    E_CREATED = "订单已创建", "Order created";
    E_PREPAY = "微信已受理，已生成二维码", "WeChat accepted it, code issued";
    E_CLOSED = "已在微信关闭", "Closed at WeChat";
    E_NOTICE_OK = "通知已验证", "Notice verified";
    E_CREDIT = "已入账 {amount}", "{amount} credited";
    E_NOTICE_DUP = "重复通知，已应答，未重复入账", "Repeated notice, answered, not credited again";
    E_NOTE = "{who} 写了备注", "{who} left a note";
    EV_VERDICT = "判定", "Verdict";
    EV_ACCEPT = "接受", "Accepted";
    EV_REJECT = "未采信", "Not accepted";
    EV_RECEIVED = "收到", "Received";
    EV_FROM = "来源地址", "From";
    EV_OURS = "订单", "Order";
    EV_SIGN = "签名", "Signature";
    EV_VALID = "有效", "Valid";
    EXCEPTIONS = "异常", "Exceptions";
    EXPECTED = "应付 {amount}", "Expected {amount}";
    STATED = "微信称 {amount}", "WeChat states {amount}";
    PROOF_NOTICE = "通知，签名已验证", "Notice, signature verified";
    PROOF_QUERY = "主动查询，签名已验证", "Query, signature verified";
    ASKED = "已向微信查询。", "WeChat was asked.";
    ASK_BUSY = "微信没有清楚回应，稍后会自动再查。", "WeChat gave no clear answer; it is asked again automatically.";
    CLOSE_DONE = "订单已关闭。", "The order is closed.";
    CLOSE_WAIT = "微信要求下单满 5 分钟才能关闭，请稍后再试。", "WeChat closes an order only after its first five minutes; please try later.";
    CLOSE_PAID = "这笔订单已经支付，没有关闭。", "This order is paid; it was not closed.";
    NOTED = "备注已保存。", "The note is saved.";
    NOT_SAVED = "没有保存：数据库没有确认，请再试一次。", "Not saved: the database did not confirm. Please try again.";
    NOTE_HINT = "只有管理台能看到", "Only the desk sees it";
    NEVER_ASKED = "还没有查询过", "Not asked yet";
    CLOSE_NOTE = "先向微信查询，没有付款才会关闭。", "WeChat is asked first; it is closed only if nothing was paid.";
    CLOSED_AT = "关闭", "Closed";
    E_QUERY = "查询结果：{result}", "Query: {result}";
    E_PREPAY_AGAIN = "换了新二维码", "A new code was issued";
    E_UNCLEAR = "微信没有清楚回应", "WeChat gave no clear answer";
    E_LATE_REFUND = "按规则退款，未入账", "To be refunded by rule, not credited";
    E_EXCEPTION_OF = "异常：{kind}", "Exception: {kind}";
    E_NOTICE = "收到通知", "Notice received";
    EV_FIELDS = "内容（密钥、签名与 openid 已隐去）", "Content (key, signature and openid removed)";
    BY_SCHEDULE = "自动", "By itself";
    BY_RULE = "按规则", "By rule";
    BY_WECHAT = "微信支付", "WeChat Pay";
    BY_RECONCILIATION = "对账", "Reconciliation";
    BY_PLACEMENT = "下单时", "While placing the order";
    E_REFUND_REQUESTED = "退款 {amount} 已登记", "Refund of {amount} recorded";
    E_REFUND_TAKEN = "扣回余额 {amount}", "{amount} taken from the balance";
    E_REFUND_OVERDRAWN = "余额不足，经确认继续", "The balance was too low; confirmed to go on";
    E_REFUND_SUBMITTED = "退款已交微信", "Refund sent to WeChat";
    E_REFUND_SUCCEEDED = "退款 {amount} 已到账", "Refund of {amount} arrived";
    E_REFUND_CLOSED = "退款 {amount} 已关闭", "Refund of {amount} closed";
    E_REFUND_RETURNED = "退回余额 {amount}", "{amount} given back to the balance";
    E_REFUND_ABNORMAL = "退款 {amount} 需人工处理", "Refund of {amount} needs attention";
    E_REFUND_STUCK = "退款没有进展", "The refund does not move";
    E_REFUND_OUTSIDE = "商户平台退款 {amount}", "{amount} refunded in the merchant platform";
    E_REFUND_NOTICE = "收到退款通知", "Refund notice received";
    E_SETTLED = "{who} 处理了{kind}", "{who} settled: {kind}";
    E_REOPENED = "{kind}重新待处理", "Open again: {kind}";
    EV_AMOUNT = "金额 {amount}", "Amount {amount}";
} }
