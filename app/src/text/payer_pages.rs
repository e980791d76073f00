//! Texts of the payer's pages and of the payment dialog.

use crate::lang::texts;

texts! { pub mod payer {
    TITLE = "充值", "Top up";
    BALANCE = "当前余额", "Balance";
    ACCOUNT = "账户 {user}", "Account {user}";
    CHOOSE = "选择金额", "Choose an amount";
    BONUS = "送 {amount}", "{amount} bonus";
    NO_BONUS = "到账 {amount}", "{amount} will be credited";
    OWN = "其他金额", "Another amount";
    OWN_HINT = "{min} 到 {max} 元之间的整数，不含赠送", "A whole number from {min} to {max}, without bonus";
    OWN_ERROR = "请填 {min} 到 {max} 之间的整数", "Please enter a whole number from {min} to {max}";
    SUMMARY = "本次充值", "This top-up";
    PAY_AMOUNT = "支付", "You pay";
    BONUS_AMOUNT = "赠送", "Bonus";
    BALANCE_AFTER = "到账后余额", "Balance afterwards";
    PAY = "微信支付 {amount}", "Pay {amount} with WeChat";
    PROMISE_1 = "扫码付款后，通常几秒内到账。", "Credited within seconds of payment, as a rule.";
    PROMISE_2 = "付款后即使关掉页面，也会自动到账。", "If you close the page after paying, it is credited all the same.";
    PROMISE_3 = "二维码只属于这一笔订单，不会重复扣款。", "Each code belongs to one order, so nothing is charged twice.";
    MINE = "我的充值", "My top-ups";
    MINE_EMPTY = "还没有充值记录", "No top-ups yet";
    MINE_EMPTY_TEXT = "第一笔充值会出现在这里。", "Your first one will appear here.";
    MINE_BONUS = "含赠送 {amount}", "incl. {amount} bonus";
    MINE_LATE = "晚到，已照常入账", "Came late, credited as usual";
    CONTINUE = "继续支付", "Continue";
    RECEIPT = "凭证", "Receipt";
    MORE = "更早的记录", "Earlier";
    OWN_UNITS_LABEL = "其他数量（每份 {price}）", "Another quantity ({price} each)";
    OWN_UNITS_HINT = "{min} 到 {max} 份之间的整数，不含赠送", "A whole number from {min} to {max}, without bonus";
    SIGNED_OUT = "请从原网站打开充值页", "Please open top-up from the site";
    SIGNED_OUT_TEXT = "充值页需要知道充到哪个账户。请回到原网站，从那里再次打开充值页；已付的款会照常到账。", "This page needs to know whose balance to top up. Please go back to the site and open it from there; anything you paid will be credited as usual.";
    NEWER = "较新的记录", "Newer";
} }

texts! { pub mod dialog {
    TITLE = "微信支付", "WeChat Pay";
    CREDIT = "到账 {amount}，含赠送 {bonus}", "{amount} will be credited (bonus {bonus})";
    CREDITED = "已到账 {amount}，含赠送 {bonus}", "{amount} credited (bonus {bonus})";
    ORDER = "订单号", "Order";
    PLACED = "下单时间", "Placed";
    EXPIRES = "可付至", "Payable until";
    BALANCE = "余额", "Balance";
    PAGE = "打开订单页", "Open the order page";
    QR_LABEL = "微信支付二维码，{amount}", "WeChat Pay QR code, {amount}";
    SECONDS = "剩余 {n} 秒", "{n} {n:second|seconds} left";
    ORDERING_TITLE = "正在向微信下单", "Placing the order with WeChat";
    ORDERING_TEXT = "二维码马上就好。", "The code will be here in a moment.";
    WAITING_TITLE = "请用微信扫一扫", "Scan with WeChat";
    WAITING_TEXT = "打开微信，点右上角 ＋，选“扫一扫”。付款后这里会自动更新。", "In WeChat tap ＋, then Scan. This page updates by itself once you have paid.";
    PHONE_TITLE = "请用另一台设备扫码", "Scan it from another device";
    PHONE_TEXT = "微信不能识别自己屏幕上的付款码。复制订单链接，在另一台设备上打开，再用手机扫。", "WeChat cannot scan its own screen. Copy the order link, open it on another screen, then scan it with this phone.";
    PHONE_COPY = "复制订单页链接", "Copy the link to the order page";
    SLOW_TITLE = "微信回应得比平时慢", "WeChat is slower than usual";
    SLOW_TEXT = "仍在等待，不用重复点。同一笔订单不会下两次。", "Still waiting; no need to press again. The same order is never placed twice.";
    PAID_TITLE = "已到账 {amount}", "{amount} credited";
    PAID_TEXT = "微信已确认付款，{n} 秒后自动关闭。", "WeChat has confirmed the payment. Closing in {n} {n:second|seconds}.";
    PAID_DONE = "完成", "Done";
    PAID_RECEIPT = "查看凭证", "See the receipt";
    LATE_TITLE = "已到账 {amount}", "{amount} credited";
    LATE_TEXT = "这笔付款在订单关闭之后才到，已照常入账，不用再付。", "This payment came after the order had closed. It is credited as usual; there is nothing more to pay.";
    UNCONFIRMED_TITLE = "微信还没有确认这笔付款", "WeChat has not confirmed yet";
    UNCONFIRMED_TEXT = "如果已经付款，不用再付：确认一到就自动入账。", "If you have paid, do not pay again: it is credited as soon as the confirmation arrives.";
    UNCONFIRMED_CHECK = "我已付款，再查一次", "I have paid, check again";
    UNCONFIRMED_NEW = "还没付，换新二维码", "I have not paid, get a new code";
    UNCONFIRMED_CLOSE = "先关闭，到账不受影响", "Close; it will be credited anyway";
    EXPIRED_TITLE = "支付时间已到", "The time to pay is over";
    EXPIRED_TEXT = "正在向微信核实有没有付款：付了会自动入账，没付这笔订单就关闭。", "We are asking WeChat whether it was paid: if so it is credited by itself, if not this order is closed.";
    CLOSED_TITLE = "这个二维码已停用", "This code is no longer in use";
    CLOSED_TEXT = "订单已关闭，没有收到付款。可以用新二维码继续。", "The order was closed and no payment arrived. You can go on with a new code.";
    CLOSED_NEW = "获取新二维码", "Get a new code";
    REFUNDED_TITLE = "这笔付款已退回", "This payment was refunded";
    REFUNDED_TEXT = "{amount} 按原路退回，到账时间以微信为准，零钱通常几分钟，银行卡 1 到 3 个工作日。", "{amount} goes back the way it came: to WeChat balance within minutes as a rule, to a bank card in 1 to 3 working days.";
    TOOMANY_TITLE = "还有 {n} 笔订单等待支付", "{n} {n:order is|orders are} still awaiting payment";
    TOOMANY_TEXT = "先付清或等其中一笔关闭，就可以新建。", "Pay one of them, or wait for one to close, then you can place a new one.";
    TOOMANY_LEFT = "{n} 分钟后关闭", "closes in {n} min";
    OFFLINE_TITLE = "网络已断开", "You are offline";
    OFFLINE_TEXT = "已付的款不受影响。连上后会马上查询，不用刷新。", "What you have paid is safe. We check at once when you are back online; no need to reload.";
    OFFLINE_RETRY = "现在重试", "Try now";
    WECHAT_TITLE = "请在微信之外打开", "Please open this outside WeChat";
    WECHAT_TEXT = "微信里不能长按识别付款码。复制链接，在电脑浏览器打开，再用微信扫一扫。", "A payment code cannot be read by long press inside WeChat. Copy the link, open it in a browser on a computer, then scan it.";
    WECHAT_COPY = "复制链接", "Copy the link";
    REFUSED_TITLE = "微信没有接受这笔订单", "WeChat did not accept this order";
    REFUSED_TEXT = "没有产生扣款。稍后再试，或把订单号告诉本站客服。", "Nothing was charged. Try again later, or give the order number to support.";
    BUSY_TITLE = "微信暂时没有回应", "WeChat is not answering right now";
    BUSY_TEXT = "订单已保留，没有扣款。请稍候再点一次，会继续同一笔订单。", "Your order is kept and nothing was charged. Press again in a moment; it continues the same order.";
    BUSY_NONE_TEXT = "没有下单，也没有扣款。请稍候再点一次。", "No order was made and nothing was charged. Please press again in a moment.";
    BUSY_CODE_TEXT = "没有拿到新二维码，订单还在。如果已经付款，不用再付，会自动入账。", "The new code did not come; your order is still there. If you have paid, do not pay again: it is credited by itself.";
    FAILED_TITLE = "本站暂时出了问题", "Something went wrong on this site";
    FAILED_TEXT = "没有扣款。请稍候再点一次。", "Nothing was charged. Please press again in a moment.";
    SESSION_TITLE = "登录已过期", "Your session has ended";
    SESSION_TEXT = "请从原网站重新打开充值页。已付的款会照常到账。", "Please open the top-up page from the site again. Anything you paid will be credited as usual.";
    SESSION_RELOAD = "重新打开充值页", "Open top-up again";
    LIMIT_TITLE = "操作有点频繁", "That was a lot at once";
    LIMIT_TEXT = "请在 {seconds} 秒后再试。", "Please try again in {seconds} {seconds:second|seconds}.";
    PART_REFUNDED_TITLE = "已部分退款 {amount}", "{amount} has been refunded";
    LATE_REFUNDED_TITLE = "晚到的付款没有入账", "Your late payment was not credited";
    LATE_REFUNDED_TEXT = "付款在订单关闭后才到，{amount} 将由本站原路退回。如有疑问，请把订单号告诉本站客服。", "It arrived after the order had closed; this site will return {amount} the way it came. If in doubt, give the order number to support.";
    ACCOUNT = "充值到 {user}", "Topping up {user}";
    SANDBOX_SCAN = "用沙盒手机付款", "Pay with the sandbox phone";
} }

texts! { pub mod pay {
    TITLE = "扫码支付", "Scan to pay";
    REFRESH = "现在刷新", "Refresh now";
    REFRESH_NOTE = "本页每 5 秒自动刷新", "This page refreshes every 5 seconds";
    REFRESH_STOP = "停止自动刷新", "Stop refreshing";
    STEP_1 = "打开微信，点右上角 ＋，选“扫一扫”", "Open WeChat, tap ＋, then Scan";
    STEP_2 = "对准上面的二维码，核对金额后付款", "Point it at the code above, check the amount and pay";
    STEP_3 = "付款后可以关掉本页，到账不受影响", "After paying you may close this page; it is credited all the same";
    BACK = "返回充值页", "Back to top-up";
    DETAILS = "订单详情", "Order details";
    SWITCH_TITLE = "换用另一个账户？", "Switch to another account?";
    SWITCH_TEXT = "现在登录的是 {user}，链接来自 {other}。", "You are signed in as {user}; this link is for {other}.";
    SWITCH_YES = "换用 {other}", "Switch to {other}";
    SWITCH_NO = "继续使用 {user}", "Stay with {user}";
    REFUNDING_TITLE = "正在退款 {amount}", "{amount} is being refunded";
    REFUNDED_TEXT = "{amount} 已按原路退回。", "{amount} has gone back the way it came.";
    NOT_FOUND = "找不到这个页面", "This page cannot be found";
    NOT_FOUND_TEXT = "地址可能不完整，或者这笔订单属于另一个账户。", "The address may be incomplete, or the order belongs to another account.";
} }

texts! { pub mod receipt {
    TITLE = "充值凭证", "Top-up receipt";
    PAID = "实付", "Paid";
    BONUS = "赠送", "Bonus";
    CREDITED = "到账", "Credited";
    REFUNDED = "已退款", "Refunded";
    REFUNDING = "退款中", "Being refunded";
    TAKEN = "从余额扣回", "Taken from the balance";
    USER = "充值账户", "Account";
    ORDER = "订单号", "Order";
    TRANSACTION = "微信支付单号", "WeChat transaction";
    PAID_AT = "付款时间", "Paid at";
    CREDITED_AT = "到账时间", "Credited at";
    METHOD = "付款方式", "Method";
    METHOD_WECHAT = "微信支付 · 扫码", "WeChat Pay · QR code";
    MERCHANT = "收款方", "Received by";
    NOTE = "本凭证用于核对到账，不代替发票。", "This receipt serves to check the credit. It is not a fapiao.";
} }
