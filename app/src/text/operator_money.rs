//! Texts of the operator's refunds, of resolving exceptions, and of what the bill says.

use crate::lang::texts;

texts! { pub mod refunds {
    TITLE = "退款", "Refunds";
    ASK = "发起退款", "Make a refund";
    NEXT = "下一步", "Next";
    NOTHING_LEFT = "没有可退余额。", "Nothing left to refund.";
    NO_CERTIFICATE = "没有有效的商户证书，微信不接受退款。请配置 SAOMA_WECHAT_CERT 后重启。", "WeChat makes no refunds without a valid certificate of the merchant. Set SAOMA_WECHAT_CERT and start again.";
    AT_MOST = "最多 {max}", "At most {max}";
    REASON_HINT = "用户会在微信里看到，最多 80 字节（约 26 个汉字）", "The user sees it in WeChat; at most 80 bytes (about 26 Chinese characters)";
    CONFIRM_TITLE = "确认退款", "Confirm the refund";
    TO_PAYER = "退给付款人", "Goes back to the payer";
    FROM_BALANCE = "从余额扣回", "Taken from the balance";
    WITH_BONUS = "其中赠送 {amount}", "of which {amount} bonus";
    BALANCE_NOW = "当前可用余额", "Available balance now";
    BALANCE_AFTER = "扣回后余额", "Balance afterwards";
    LOW = "余额不够扣回：用户可能已经用掉了这笔钱。继续的话，余额会变成 {amount}。", "The balance is too low to take it back: the user may have spent the money. Going on makes the balance {amount}.";
    LOW_TICK = "余额不足也继续，并记录在案", "Go on although the balance is too low; this is recorded";
    PASSWORD = "您的密码", "Your password";
    PASSWORD_HINT = "涉及资金或密钥，请再次确认是您本人", "Money or secrets are at stake: please confirm it's you";
    CHANGE = "修改", "Change";
    GO = "确认退款 {amount}", "Refund {amount}";
    SAID_DONE = "退款已登记，正在交给微信。", "The refund is recorded and on its way to WeChat.";
    SAID_HURRIED = "会马上向微信查询这笔退款。", "WeChat is asked about this refund at once.";
    SAID_WITHDRAWN = "退款已撤回，扣回的余额已还给用户。", "The refund is withdrawn; what was taken is back on the balance.";
    SAID_THERE = "微信已经有或可能有这笔退款，不能撤回。", "WeChat has this refund, or may have it; it cannot be withdrawn.";
    SAID_EARLY = "刚刚发给微信，请过 {n} 秒再撤回。", "It was sent to WeChat a moment ago; please try again in {n} {n:second|seconds}.";
    E_AMOUNT = "请填金额，如 12.50：只用数字，最多两位小数。", "Please enter an amount such as 12.50: digits only, at most two decimals.";
    E_OVER = "最多还能退 {max}。", "At most {max} can still be refunded.";
    E_REASON = "请填原因，最多 {letters} 字节（约 {characters} 个汉字）。", "Please give a reason of at most {letters} bytes (about {characters} Chinese characters).";
    E_LOW = "余额不足，请勾选后继续。", "The balance is too low; tick the box to go on.";
    E_PASSWORD = "密码不对，什么都没有做。", "That password is not right; nothing was done.";
    E_SLOW = "密码试得太多，请过 {n} 秒再试。", "Too many tries; please wait {n} {n:second|seconds}.";
    E_TOO_MANY = "微信对一笔付款最多退 50 次。", "WeChat makes at most 50 refunds of one payment.";
    E_USED = "这张表单已经用过，请重新填写。", "This form was used already; please fill it in again.";
    E_FAILED = "数据库没有确认。再按一次是同一笔，不会重复。", "The database did not confirm. Press once more: it is the same one, never a second.";
    E_REFUSED = "没有执行：情况已经变了，请看现在的状态。", "Not done: things have changed. See the present state below.";
    AT = "登记", "Recorded";
    ENDED = "结束", "Ended";
    TAKEN = "扣回余额 {amount}", "{amount} taken from the balance";
    RETURNED = "扣回的余额已还", "What was taken is back on the balance";
    OUTSIDE = "商户平台退款", "Refunded in the merchant platform";
    APART = "微信要求同一笔付款的两次退款至少相隔 1 分钟，到时自动提交。", "WeChat wants a minute between two refunds of one payment; it is sent automatically then.";
    HURRY = "现在查询", "Ask now";
    WITHDRAW = "撤回", "Withdraw";
    WITHDRAW_TITLE = "撤回退款", "Withdraw the refund";
    WITHDRAW_GO = "确认撤回", "Withdraw it";
    TO_BALANCE = "还给余额", "Back to the balance";
    NUMBER = "退款单号", "Refund number";
    WAITING = "进行中的退款", "Refunds in progress";
    STUCK = "需要处理的退款", "Refunds that need attention";
    ABNORMAL_HELP = "收款银行卡有问题：请到微信商户平台处理，完成后这里会自动更新。", "The payer's bank refused it: finish it in WeChat's merchant platform; this page then updates automatically.";
    NOTHING_LEFT_YET = "没有可退余额（{amount} 处理中）。", "Nothing left to refund ({amount} in progress).";
    E_STALE = "这一页打开之后情况有了变化，什么都没有做。请核对下面的新内容，再重新确认。", "Something changed after this page was opened, so nothing was done. Check the present state below and confirm again.";
} }

texts! { pub mod problem {
    UNCLEAR = "微信没有清楚回应，会自动再查", "WeChat gave no clear answer; it is asked again automatically";
    NO_CERTIFICATE = "缺少商户证书或证书无效：请检查配置", "The merchant's certificate is missing or not accepted: check the settings";
    NOT_ENOUGH = "商户账户余额不足：请到商户平台充值", "The merchant's funds do not suffice: top up in the merchant platform";
    LIMITED = "退款太频繁，会自动放慢再试", "Too many refunds at once; it is tried again more slowly";
    REFUSED = "微信拒绝了请求：请看原文", "WeChat refused the request: see its words";
    MISMATCH = "微信的记录与这里不符：请到商户平台核对", "WeChat's record differs from ours: compare in the merchant platform";
    FINAL = "微信不会退这笔款：请用其他方式", "WeChat will not make it: refund by other means";
    WITHDRAWN = "已撤回", "Withdrawn";
} }

texts! { pub mod answer {
    SUCCESS = "已支付", "paid";
    REFUND = "已转入退款", "turned into a refund";
    NOTPAY = "未支付", "not paid";
    CLOSED = "已关闭", "closed";
    USERPAYING = "用户支付中", "being paid";
    PAYERROR = "支付失败", "payment failed";
    ORDERNOTEXIST = "没有这笔订单", "no such order";
    REFUNDNOTEXIST = "没有这笔退款", "no such refund";
    FAILED = "查询失败", "the query failed";
} }

texts! { pub mod resolve {
    CREDIT = "入账", "Credit";
    REFUND = "原路退回", "Refund";
    TAKE_BACK = "从余额扣回", "Take from balance";
    DISMISS = "忽略", "Dismiss";
    GIVE_BACK = "退款（可退 {amount}）", "Refund (up to {amount})";
    CREDIT_TITLE = "把这笔付款入账", "Credit this payment";
    REFUND_TITLE = "把这笔付款原路退回", "Refund this payment";
    TAKE_BACK_TITLE = "从余额扣回退款", "Take the refund from the balance";
    DISMISS_TITLE = "忽略这个异常", "Dismiss the exception";
    CREDIT_GO = "确认入账 {amount}", "Credit {amount}";
    REFUND_GO = "确认退回 {amount}", "Refund {amount}";
    TAKE_BACK_GO = "确认扣回 {amount}", "Take {amount} from the balance";
    DISMISS_GO = "确认忽略", "Dismiss it";
    CREDITED = "已入账", "Credited";
    REFUNDED = "已退回", "Refunded";
    TAKEN_BACK = "已扣回", "Taken back";
    DISMISSED = "已忽略", "Dismissed";
    TO_USER = "入账给用户（用户 ID）", "Credit which user (user id)";
    TO_USER_HINT = "没有订单写明是谁的钱，请向用户核实。下一步显示这个用户的名字和余额。", "No order says whose money this is; please make sure. The next step shows the user's name and balance.";
    AMOUNT = "金额", "Amount";
    SEEN = "首次看到", "First seen";
    REASON_HINT = "记录在案，只有管理台能看到", "Goes on record; only the desk sees it";
    SAID_DONE = "异常已处理。", "The exception is settled.";
    SAID_OVER = "没有执行：这个异常已经处理过，或不能这样处理。", "Not done: this exception is settled already, or cannot be settled this way.";
    E_USER = "请填用户 ID。", "Please give the user id.";
    SAID_CREDITED = "这笔付款已经入账，不用再处理。", "This payment is credited already; there is nothing to settle.";
    SAID_REFUND = "没有执行：这笔付款已有退款，见下面的退款。", "Not done: this payment has a refund already; see the refunds below.";
    SAID_TURNED_UP = "订单已经找到：请点“立即向微信查询”，确认后会自动入账。", "The order has turned up: ask WeChat about it, which credits the payment.";
    BALANCE_AFTER = "入账后余额", "Balance afterwards";
    NO_ACCOUNT = "这里没有 ID 为“{user}”的账户：可能打错了字，也可能是从未入账过的新用户。", "There is no account with the id “{user}” here: it may be mistyped, or belong to a new user who never had a credit.";
    NO_ACCOUNT_TICK = "已核对这个 ID，为它新开账户并入账", "I have checked this id: open an account for it and credit the payment";
    E_NEW_ACCOUNT = "没有这个用户 ID 的账户，什么都没有做。确实要入账，请核对后勾选。", "No account has this user id, so nothing was done. If it is right, tick the box.";
} }

texts! { pub mod exceptions {
    TITLE = "异常", "Exceptions";
    NOTE = "从最早的开始。已收到、但无法自动入账的款项。", "Oldest first. Received but not matched to an order.";
    AGE_NOW = "刚刚", "just now";
    AGE_MINUTES = "{n} 分钟前", "{n} min ago";
    AGE_HOURS = "{n} 小时前", "{n} h ago";
    AGE_DAYS = "{n} 天前", "{n} {n:day|days} ago";
    MOST = "只列出最早的 {n} 个。", "Only the oldest {n} are listed.";
    NOTE_RESOLVED = "从最近处理的开始。", "The last one settled comes first.";
    NONE_RESOLVED = "还没有处理过的异常", "No exception has been settled yet";
    NEWEST = "最新", "Newest";
    OPEN_IT = "处理", "Settle";
    DO_LATE = "超过支付时间才付款。入账，或原路退回。", "Paid after the deadline. Credit it, or refund it.";
    DO_DUPLICATE = "同一订单付了两次。通常原路退回第二笔。", "One order was paid twice. Usually the second payment is refunded.";
    DO_AMOUNT = "付款与订单金额不同。先到微信商户平台核对，再入账或退回。", "The payment is not what the order asks for. Check it in WeChat's merchant platform, then credit or refund.";
    DO_CURRENCY = "币种不是人民币。请在微信商户平台处理，然后忽略。", "Not in CNY. See to it in WeChat's merchant platform, then dismiss.";
    DO_CHANNEL = "付款方式与下单时不同。先到微信商户平台核对，再入账或退回。", "Paid in another way than the order was placed for. Check it in WeChat's merchant platform, then credit or refund.";
    DO_UNKNOWN = "没有这个订单号。查明是谁付的，再入账或退回。", "There is no such order. Find out who paid, then credit or refund.";
    DO_OTHER_APP = "同一商户号的另一个应用。多半属于另一个系统。", "Another app under the same merchant number; probably another system's.";
    DO_REFUNDED = "在微信商户平台退了款。从余额扣回，或忽略。", "Refunded in WeChat's merchant platform. Take it from the balance, or dismiss.";
} }
