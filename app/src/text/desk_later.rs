//! Texts of the operator's audit and settings pages.

use super::texts;

texts! { pub mod audit {
    TITLE = "操作记录", "Audit";
    CAPTION = "每一次人工操作，只增不改 · 北京时间", "Every action of a person, append-only · Beijing time";
    SEARCH_HINT = "操作人、订单号", "Operator or order number";
    SEARCH = "搜索记录", "Search the audit";
    C_WHO = "操作人", "Who";
    C_WHAT = "操作", "What";
    C_OBJECT = "对象", "Object";
    C_BEFORE = "之前", "Before";
    C_AFTER = "之后", "After";
    C_FROM = "来源", "From";
    A_REFUND = "退款", "Refund";
    A_ASK = "查询微信", "Ask WeChat";
    A_SETTLE = "处理异常", "Settle exception";
    A_NOTE = "备注", "Note";
    A_EXPORT = "导出", "Export";
    A_LOGIN = "登录", "Sign in";
    A_CLOSE = "关闭订单", "Close order";
} }

texts! { pub mod settings {
    TITLE = "设置", "Settings";
    DOCTOR = "回调诊断", "Callback doctor";
    DOCTOR_NOTE = "从外网访问自己的回调地址，逐条核对微信的要求。", "Calls our own callback address from outside and checks each of WeChat's rules.";
    D_PUBLIC = "地址公开可达", "Address reachable from outside";
    D_QUERY = "地址不带查询参数", "Address has no query string";
    D_REDIRECT = "无跳转、无登录", "No redirect, no sign-in";
    D_TLS = "证书有效", "Certificate valid";
    D_TLS_FIX = "续期证书后点“重新检查”。", "Renew the certificate, then check again.";
    D_FORGED = "伪造签名会被拒绝", "A forged signature is refused";
    D_SPEED = "应答够快", "Answers fast enough";
    NOTICES = "最近收到的通知", "Latest notices";
    N_KIND = "类型", "Kind";
    N_VERDICT = "判定", "Verdict";
    N_ANSWER = "应答", "Answer";
    N_PAY = "支付", "Payment";
    N_REFUND = "退款", "Refund";
    SELFCHECK = "自检", "Self-check";
    S_DB = "数据库可写，版本最新", "Database writable and up to date";
    S_CLOCK = "时钟与微信一致", "Clock agrees with WeChat";
    S_DISK = "磁盘空间", "Disk space";
    S_LEDGER = "余额与流水相符", "Balances equal the ledger";
    S_BACKUP = "最近一次备份", "Last backup";
    S_BACKUP_FIX = "超过 24 小时没有备份，请检查定时任务。", "No backup for more than 24 hours; please check the schedule.";
    KEYS = "密钥", "Keys";
    KEYS_NOTE = "密钥只从配置读取，这里只显示是否就绪和指纹。", "Keys are read from the configuration only; here you see whether they are ready, and a fingerprint.";
    K_NAME = "名称", "Name";
    K_STATE = "状况", "Status";
    K_PRINT = "指纹", "Fingerprint";
    K_SINCE = "启用", "In use since";
    K_API = "微信支付密钥（v2）", "WeChat Pay key (v2)";
    K_TOKEN = "用户令牌密钥", "User token secret";
    K_ADMIN = "管理员密码", "Admin password";
    K_V3 = "微信支付密钥（v3）", "WeChat Pay key (v3)";
    K_READY = "已就绪", "Ready";
    K_DEFAULT = "首次启动的密码，建议更换", "First-start password; better changed";
    K_UNSET = "未配置", "Not set";
    MERCHANT = "商户", "Merchant";
    M_APPID = "应用 ID", "App ID";
    M_ID = "商户号", "Merchant ID";
    M_SIGN = "签名方式", "Signature type";
    M_NOTIFY = "回调地址", "Callback address";
} }
