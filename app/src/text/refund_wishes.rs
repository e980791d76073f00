//! Texts about refunds that payers ask for, on the payer's page and at the desk.

use crate::lang::texts;

texts! { pub mod wish {
    ASK = "申请退款", "Ask for a refund";
    LEFT = "最多可退 {amount}。申请由本站处理，结果会显示在这里。", "Up to {amount} can be returned. This site decides; the answer appears here.";
    REASON = "退款原因", "Reason";
    REASON_HINT = "最多 200 字", "At most 200 characters";
    SEND = "提交申请", "Send";
    MINE = "退款申请", "Refund request";
    WAITING = "等待处理", "Waiting";
    ACCEPTED = "已同意", "Accepted";
    ACCEPTED_TEXT = "退款会按原路退回，进度见上方。", "The refund goes back the way it was paid; see above how far it is.";
    DECLINED = "未同意", "Declined";
    E_REASON = "请填写退款原因，最多 200 字。", "Please give a reason of at most 200 characters.";
    E_FAILED = "申请没有提交成功，请稍后再试。", "The request was not sent; please try again in a moment.";
    E_OVER = "这笔订单现在不能申请退款。", "A refund of this order cannot be asked for now.";
} }

texts! { pub mod wishes {
    TITLE = "退款申请", "Refund requests";
    NONE = "没有待处理的退款申请", "No refund requests are waiting";
    OF = "订单 {amount}", "Order of {amount}";
    ASKED = "{at} 申请", "Asked {at}";
    ACCEPT = "同意，去退款", "Accept and refund";
    ACCEPT_NOTE = "同意后进入退款确认页，退款成立时申请同时完结。", "Leads to the refund's confirmation; the request is answered together with the refund.";
    DECLINE = "不同意", "Decline";
    WORDS = "给付款人的答复", "Answer to the payer";
    WORDS_HINT = "付款人会看到，最多 200 字", "The payer reads it; at most 200 characters";
    REASON_OF_REFUND = "应付款人申请退款", "Refunded as you asked";
    ANSWERED = "{who} · {at}", "{who} · {at}";
    SAID_DECLINED = "已答复付款人：不同意退款。", "The payer is told that the refund was declined.";
    SAID_OVER = "这笔申请已经处理过，什么都没有改变。", "This request was answered before; nothing was changed.";
    SAID_STALE = "订单在此期间有变化，申请没有处理。请看过现在的情况再决定。", "The order has changed in the meantime and nothing was done. Please look at it as it is now.";
    SAID_WORDS = "答复要有 1 到 200 个字。", "An answer has 1 to 200 characters.";
    E_ASKED = "付款人申请退款", "The payer asked for a refund";
    E_DECLINED = "退款申请未同意", "Refund request declined";
} }
