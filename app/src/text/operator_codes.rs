//! Texts of the pages about static codes.

use crate::lang::texts;

texts! { pub mod codes {
    TITLE = "固定码", "Static codes";
    NEW = "新建固定码", "A new static code";
    USER = "用户", "User";
    USER_HINT = "充到哪个账户：本站的用户 ID", "Whose balance it tops up: the user's id on your site";
    NAME = "显示名称", "Name";
    NAME_HINT = "印在收款单上，可以不填", "Printed on the sheet; may be left empty";
    AMOUNT = "金额", "Amount";
    AMOUNT_HINT = "元，每扫一次付这么多", "In yuan, for each scan";
    MAKE = "生成", "Make it";
    E_AMOUNT = "金额要大于 0，最多两位小数。", "The amount must be above 0, with at most two decimals.";
    E_USER = "用户 ID 要有 1 到 64 字节，不含不可见字符；显示名称最多 128 字节，约 42 个汉字。", "A user id has 1 to 64 bytes and no invisible characters; a name has at most 128 bytes.";
    E_FAILED = "没有生成。请稍后再试，原因在日志里。", "It was not made. Please try again; the reason is in the log.";
    NONE = "还没有固定码", "No static codes yet";
    NONE_TEXT = "固定码打印出来可以反复扫，每次付款都是单独的一笔订单。", "A static code is printed and scanned as often as wanted; each payment is an order of its own.";
    CAPTION = "按生成时间从新到旧 · 北京时间", "Newest first · Beijing time";
    STATE = "状态", "State";
    MADE = "生成", "Made";
    NUMBER = "商品号", "Product number";
    ACTIONS = "操作", "Actions";
    ON = "可用", "In use";
    STOPPED = "已停用", "Stopped";
    STOP = "停用", "Stop";
    SHEET = "收款单", "Sheet";
    BACK = "返回固定码", "Back to the static codes";
    STOPPED_SHEET = "这个码已停用，请勿扫码付款", "This code is stopped; please do not scan it";
    STOPPED_NOTE = "这个码已停用：再扫会提示商品已下架。", "This code is stopped: whoever scans it reads that it is not sold any more.";
    PRINT = "打印", "Print";
    PRINT_HINT = "纸张选 A6；只打印下面这张收款单。", "Choose A6 paper. Only the sheet below is printed.";
    SCAN = "微信扫一扫，付款后自动到账", "Scan with WeChat; credited by itself";
    SCAN_NOTE = "可以反复扫，每次付款单独记一笔。", "Scan it as often as you like; each payment is recorded by itself.";
    SAID_STOPPED = "固定码已停用。", "The code is stopped.";
} }
