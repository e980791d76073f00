//! Texts about what people are told of: the page of the channels, and the messages themselves.

use crate::lang::texts;

texts! { pub mod alerts {
    TITLE = "告警通知", "Alerts";
    INTRO = "有事需要人处理时，把消息发到值班群或你们自己的系统。同一件事只发一次；发不出去会一直重试，恢复后合并成一条补发。消息里只有订单号和金额，没有用户信息。", "When something needs a person, a message goes to a group chat or to a system of yours. Each thing is told once; what cannot be sent is tried again and then sent in one message. Messages have numbers and amounts, and nothing of users.";
    LINK_TEXT = "把需要处理的事发到飞书、钉钉、企业微信群或自己的系统。", "Have a group chat or a system of yours told of what needs somebody.";
    NONE = "还没有通知渠道", "No channels yet";
    NONE_TEXT = "没有渠道时，需要处理的事只显示在概览和待办里", "Until there is one, what needs somebody is shown on the overview and the work list only";
    CAPTION = "按新建时间排序 · 北京时间", "The oldest first · Beijing time";
    NAME = "名称", "Name";
    NAME_HINT = "如：财务值班群", "Such as: finance on call";
    KIND = "渠道", "Channel";
    K_FEISHU = "飞书群机器人", "Feishu robot";
    K_DINGTALK = "钉钉群机器人", "DingTalk robot";
    K_WECOM = "企业微信群机器人", "WeCom robot";
    K_EMAIL = "邮件", "E-mail";
    K_WEBHOOK = "自己的系统（Standard Webhooks）", "A system of yours (Standard Webhooks)";
    URL = "地址", "Address";
    URL_HINT = "机器人的 Webhook 地址，或邮箱地址。任何人拿到机器人的地址都能往群里发消息，所以加密保存，不再显示", "The robot's webhook address, or a mail address. Whoever has a robot's address can write to the group, so it is kept sealed and not shown again";
    SECRET = "签名密钥", "Secret";
    SECRET_HINT = "飞书、钉钉选了“签名校验”才填；企业微信和邮件不填；自己的系统填 whsec_ 开头的密钥", "For Feishu and DingTalk only where the robot checks signatures; none for WeCom and mail; a secret that begins with whsec_ for a system of yours";
    WHAT = "通知哪些事", "What it is told";
    MESSAGES_IN = "消息语言", "Language of messages";
    STATE = "状态", "State";
    WELL = "正常", "Well";
    FAILING = "发送失败", "Failing";
    FAILING_TEXT = "连续 {n} 次：{problem}", "{n} in a row: {problem}";
    TOLD = "最近发送", "Last message";
    NEVER = "从未", "Never";
    ALL = "全部", "All";
    NEW = "新建渠道", "A new channel";
    MAKE = "新建", "Make it";
    TEST = "发送测试", "Send a test";
    DELETE = "删除", "Delete";
    RECENT = "最近的告警", "Recent alerts";
    RECENT_NONE = "还没有告警", "There were none yet";
    SAID_MADE = "渠道已新建。发送一条测试看看能否收到。", "The channel was made. Send a test to see whether it arrives.";
    SAID_TESTED = "测试消息已发送，对方已收下。", "The test was sent and taken.";
    SAID_NOT_TAKEN = "测试消息没有送达，原因见下表。", "The test was not taken; the table says why.";
    SAID_DELETED = "渠道已删除。", "The channel was deleted.";
    E_URL = "地址不能用：要能公开访问的 https 地址，不带用户名、密码和 #，也不能是本服务自己。内网地址要先写进 webhook_networks 设置。", "This address cannot be used. It must be https and public, without user name, password and #, and not this server itself. A private one must be named by the setting webhook_networks.";
    E_NAME = "名称要有 1 到 40 个字。", "A name has 1 to 40 characters.";
    E_SECRET = "签名密钥不对：企业微信和邮件不填；自己的系统必填，以 whsec_ 开头。", "The secret is not right: none for WeCom and mail; a system of yours needs one that begins with whsec_.";
    E_MAIL_ADDRESS = "邮箱地址不对。", "This is no mail address.";
    E_MAIL = "还没有设置发信服务器：请在配置里写 smtp_url 和 mail_from，重启后再试。", "No mail server is set: give smtp_url and mail_from in the settings, restart, and try again.";
    E_KIND = "请选择渠道和消息语言。", "Please choose a channel and a language.";
    E_WHAT = "请至少选择一种要通知的事。", "Please choose at least one thing to be told of.";
    E_MOST = "最多 10 个渠道。", "There are at most 10 channels.";
    E_KEY = "服务器没有设置 SAOMA_SECRET_KEY，地址无法加密保存。设置后重启再试。", "SAOMA_SECRET_KEY is not set, so that the address cannot be sealed. Set it, restart, and try again.";
    E_FAILED = "没有保存成功，请稍后再试。", "It could not be saved. Please try again in a moment.";
} }

texts! { pub mod alert {
    HEAD = "【{site}】{n} 件事需要留意", "[{site}] {n} {n:thing needs|things need} attention";
    HEAD_DIGEST = "【{site}】日报", "[{site}] Yesterday";
    HEAD_TEST = "【{site}】测试", "[{site}] Test";
    TEST = "这是一条测试消息。收到它，说明这个渠道可用。", "This is a test. You read it, so the channel works.";
    MORE = "还有更多，见下一条消息", "There is more, in the next message";
    SEE = "查看：{url}", "See {url}";
    MANY = "{what} {n} 件：{some} 等", "{what}, {n} in all: {some} and more";
    MANY_SUM = "{what} {n} 件，合计 {amount}：{some} 等", "{what}, {n} in all, {amount} together: {some} and more";
    W_EXCEPTION = "异常付款", "Payment exception";
    W_LEDGER = "账目自检不符", "Self-check failed";
    W_BILL_LATE = "对账未完成", "Bill not reconciled";
    W_DIFFERENCE = "对账差异", "Difference with the bill";
    W_ORDERS_STOPPED = "停止下单", "New orders stopped";
    W_CERTIFICATE = "证书将到期", "Certificate ends soon";
    W_REFUND = "退款待处理", "Refund needs somebody";
    W_SLOW_CREDIT = "到账变慢", "Slow credit";
    W_NEW_ADDRESS = "从新地址登录", "Sign-in from a new address";
    W_OPERATOR_ADDED = "新增操作员", "New operator";
    W_DIGEST = "每日日报", "Daily figures";
    L_EXCEPTION = "异常付款，要人决定：{shown} {amount}", "A payment needs a decision: {shown} {amount}";
    L_LEDGER = "账目自检发现 {shown} 处不符，请马上查看", "The self-check found {shown} {shown:violation|violations}. Please look now";
    L_BILL_LATE = "{shown} 的微信账单还没有对上", "WeChat's bill of {shown} is not reconciled yet";
    L_DIFFERENCE = "{shown} 的账单与账本不一致：{amount}", "Books and bill of {shown} differ: {amount}";
    L_ORDERS_STOPPED = "微信支付不接受 API {shown} 的请求，已停止用它下单", "WeChat refuses requests of API {shown}; no new orders are placed by it";
    L_CERTIFICATE = "微信支付平台证书 {shown} 到期，还没有新的", "WeChat's certificate ends on {shown}, and there is no newer one";
    L_REFUND = "退款要人处理：{shown} {amount}", "A refund needs somebody: {shown} {amount}";
    L_SLOW_CREDIT = "付款一分钟后才到账：{shown} {amount}", "Credited over a minute after the payment: {shown} {amount}";
    L_NEW_ADDRESS = "操作员 {shown} 从新的地址登录，不是本人请马上处理", "Operator {shown} signed in from a new address. If nobody knows of it, act now";
    L_OPERATOR_ADDED = "新增了操作员 {shown}", "Operator {shown} was added";
    L_DIGEST = "{day}：下单 {orders} 笔，付款 {paid} 笔 {paid_fen}，退款 {refunds} 笔 {refunded_fen}；现有 {open} 件待处理", "{day}: {orders} {orders:order|orders}, {paid} paid ({paid_fen}), {refunds} {refunds:refund|refunds} ({refunded_fen}); {open} {open:thing waits|things wait} for somebody";
} }
