//! The names of the doctor's checks, by their ids. What each finds is in English, as on the console; the book says in both languages
//! what to do about it.

use crate::lang::Text;

/// `id => "Chinese", "English";`
macro_rules! names {
    ($($id:literal => $zh:literal, $en:literal;)*) => {
        /// What a check is called; `None` for an id that the doctor does not have.
        pub fn check_name(id: &str) -> Option<Text> {
            Some(match id {
                $($id => Text { zh: $zh, en: $en },)*
                _ => return None,
            })
        }
    };
}

names! {
    "settings" => "设置", "Settings";
    "start" => "启动", "Start";
    "files" => "文件权限", "File permissions";
    "database" => "数据库", "Database";
    "database_tls" => "数据库加密连接", "TLS to the database";
    "database_pooler" => "数据库连接池", "Database pooler";
    "database_version" => "数据库版本", "Database version";
    "database_writes" => "数据库可写", "Database writes";
    "database_rights" => "数据库权限", "Database rights";
    "database_clock" => "数据库时钟", "Database clock";
    "disk" => "磁盘空间", "Disk space";
    "ntp" => "时间同步", "Time synchronisation";
    "clock" => "本机时钟", "Clock of this machine";
    "wechat_hosts" => "连接微信", "Reaching WeChat";
    "certificate" => "商户证书", "Merchant certificate";
    "signature_v2" => "v2 签名", "Signature, v2";
    "signature_v3" => "v3 签名", "Signature, v3";
    "wechat_keys" => "微信支付公钥", "WeChat's keys";
    "old_keys" => "待移除的旧密钥", "Old keys to remove";
    "public_dns" => "域名解析", "DNS of the public name";
    "public_tls" => "网站证书", "Certificate of the site";
    "notify_addresses" => "通知地址", "Notice addresses";
    "round_trip" => "外网到本机", "From outside to here";
    "body" => "通知内容完整", "Bodies arrive whole";
    "host_name" => "Host 请求头", "Host header";
    "client_address" => "访客地址", "Visitors' addresses";
    "app_secret" => "公众号密钥", "App secret";
    "registered" => "微信后台登记", "Registered at WeChat";
    "open_work" => "在途业务的凭据", "Credentials of open work";
    "last_notice" => "最近一次通知", "Last notice";
    "backup" => "备份", "Backup";
}
