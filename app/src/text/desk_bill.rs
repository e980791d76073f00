//! Texts of the operator's pages about WeChat's bills.

use super::texts;

texts! { pub mod bill {
    TITLE = "对账", "Reconciliation";
    NOTE = "每天 10 点后下载微信前一天的账单，逐笔双向核对。", "After 10:00 each day, WeChat's bill of the day before is compared with our books line by line, both ways.";
    NONE = "还没有对账记录", "No bill has been compared yet";
    NONE_TEXT = "第一份账单在有订单的次日 10 点后核对。", "The first one is compared after 10:00 on the day after the first order.";
    BACK = "返回对账列表", "Back to reconciliation";
    SAME = "一致", "Agrees";
    OPEN = "{n} 处待处理", "{n} open";
    REPAIRED = "{n} 处差异已解决", "{n} {n:difference|differences} settled";
    FAILED = "未完成", "Not done";
    RUNNING = "进行中", "Under way";
    FINISHED = "核对于 {time}", "Compared {time}";
    FAILURE = "最近一次没有完成（{time}，第 {n} 次）：{text}", "The last attempt failed ({time}, no. {n}): {text}";
    NEXT = "下次自动重试：{time}", "Tried again by itself: {time}";
    THEIRS = "微信账单", "WeChat's bill";
    OURS = "这里", "Our books";
    PAYMENTS = "{n} 笔付款 {amount}", "{n} {n:payment|payments}, {amount}";
    REFUNDS = "{n} 笔退款 {amount}", "{n} {n:refund|refunds}, {amount}";
    MATCHED = "一致 {n} 笔", "{n} {n:line agrees|lines agree}";
    CREDITED = "核实后补入账 {n} 笔", "{n} credited on proof";
    OTHER_APP = "其他应用 {n} 笔", "{n} of other apps";
    DIFFERENCES = "差异", "Differences";
    NO_DIFFERENCES = "没有差异", "No differences";
    NOT_HERE = "账单有，这里没有", "In the bill, not in our books";
    NOT_THERE = "这里有，账单没有", "In our books, not in the bill";
    FIGURES = "两边都有，但不一致", "In both, and not the same";
    REFUND_NOT_HERE = "账单有退款，这里没有", "A refund in the bill, not in our books";
    REFUND_NOT_THERE = "这里有退款，账单没有", "A refund in our books, not in the bill";
    REFUND_FIGURES = "退款两边都有，但不一致", "A refund in both, and not the same";
    REPEATED = "账单里出现两次", "Twice in the bill";
    UNKNOWN_STATE = "账单里的未知状态", "A state in the bill that is not documented";
    LISTED = "待处理", "Open";
    DONE_CREDITED = "已核实并入账", "Confirmed and credited";
    KEPT = "按规则退回", "Goes back by rule";
    EXCEPTION = "见异常", "Among the exceptions";
    GONE = "已说明", "Explained";
    OUR_SUM = "这里 {amount}", "Our books {amount}";
    THEIR_SUM = "账单 {amount}", "Bill {amount}";
    LINE = "第 {n} 行", "Line {n}";
    R_AMOUNT = "金额不同", "The amount differs";
    R_CURRENCY = "币种不同", "The currency differs";
    R_APPID = "应用不同", "The app differs";
    R_NOT_IN_BILL = "微信有这笔付款，账单里没有", "WeChat has this payment, its bill has not";
    R_NEXT = "可能在次日账单里，等它出来再看", "It may be in the next day's bill, which is not made yet";
    R_UNCLEAR = "微信没有清楚回应", "WeChat gave no clear answer";
    R_OTHER_NUMBER = "微信单号不同", "Another WeChat number";
    LAST = "上次对账", "Last bill compared";
    OPEN_ALL = "对账有 {n} 处差异待处理。", "{n} {n:difference|differences} between bill and books wait for somebody.";
} }
