//! Texts that several pages share: the frame, states, exceptions, refusals.

use crate::lang::texts;

texts! { pub mod site {
    POWERED = "由本站直接收款 · Saoma 扫码", "Paid directly to this site · Saoma";
} }

texts! { pub mod sandbox {
    LABEL = "沙盒模式", "Sandbox";
    TEXT = "付款由内置沙盒模拟，不会扣真钱。", "Payments are simulated by the built-in sandbox. No real money moves.";
} }

texts! { pub mod common {
    SKIP = "跳到主要内容", "Skip to main content";
    LANG = "English", "中文";
    CLOSE = "关闭", "Close";
    COPIED = "已复制", "Copied";
    ALL = "查看全部", "See all";
    BEIJING = "北京时间", "Beijing time";
    THEME_DARK = "切换为深色外观", "Switch to the dark look";
    THEME_LIGHT = "切换为浅色外观", "Switch to the light look";
} }

texts! { pub mod state {
    CREATED = "待下单", "Creating";
    PENDING = "待支付", "Awaiting payment";
    PAID = "已支付", "Paid";
    CREDITED = "已到账", "Credited";
    CLOSED = "已关闭", "Closed";
    CANCELLED = "已取消", "Cancelled";
    EXPIRED = "已超过支付时间", "Payment time is over";
    REFUNDING = "退款中", "Refund under way";
    REFUNDED = "已退款", "Refunded";
    PART_REFUNDED = "部分退款", "Partly refunded";
} }

texts! { pub mod refund {
    REQUESTED = "退款已登记", "Refund recorded";
    SUBMITTED = "退款已交微信", "Refund sent to WeChat";
    SUCCEEDED = "退款已到账", "Refund arrived";
    CLOSED = "退款已关闭", "Refund closed";
    ABNORMAL = "退款需人工处理", "Refund needs attention";
} }

texts! { pub mod exception {
    LATE = "超时支付", "Paid late";
    DUPLICATE = "重复付款", "Paid twice";
    AMOUNT_MISMATCH = "金额不符", "Amount differs";
    CHANNEL_MISMATCH = "付款方式不符", "Paid in another way";
    UNKNOWN_ORDER = "无对应订单", "No matching order";
    OPEN = "待处理", "Open";
    SETTLED = "已处理", "Settled";
    CURRENCY_MISMATCH = "币种不符", "Currency differs";
    OTHER_APP = "付款来自其他应用", "Payment from another app";
    REFUNDED_OUTSIDE = "商户平台退款", "Refunded in the merchant platform";
} }

texts! { pub mod check {
    OK = "正常", "Fine";
    WARN = "留意", "Look at this";
    BAD = "需要处理", "Needs action";
} }

texts! { pub mod error {
    INTERNAL_TITLE = "页面暂时打不开", "This page cannot be shown right now";
    INTERNAL_TEXT = "已付的款不受影响，会照常到账。请稍后再试。", "Anything you paid is safe and will be credited as usual. Please try again in a moment.";
    RETRY = "再试一次", "Try again";
    QUANTITY = "这个金额不能充值，请重新选择。", "This amount cannot be topped up; please choose another.";
    NOT_FOUND = "找不到这笔订单。", "This order cannot be found.";
    NOTE_TOO_LONG = "备注要有 1 到 500 个字。", "A note has 1 to 500 characters.";
    TOO_OFTEN = "操作太频繁了，请过一会儿再试。", "Too many requests; please try again in a moment.";
    OVER_DAY = "超过了今天的充值限额，没有下单。请换一个金额。", "This is over today's limit and nothing was ordered; please choose another amount.";
} }
