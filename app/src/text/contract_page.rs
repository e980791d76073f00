//! Texts of the page about the interface for the site's programs.

use crate::lang::texts;

texts! { pub mod contract {
    TITLE = "接口", "API";
    INTRO = "金额一律是整数分（100 分 = 1 元），时间是 RFC 3339。请求体是 JSON，多余的字段会被拒绝。", "Amounts are whole fen (100 fen are 1 yuan), times RFC 3339. Bodies are JSON, and unknown fields are refused.";
    KEYS = "网站自己的程序带着密钥调用，密钥在管理台或用 saoma key create 生成；绝不要放进浏览器。", "Your site's own programs call with a key, made at the desk or by saoma key create. Never put one into a browser.";
    REPEATS = "凡是动钱的调用都带一个您自己的 reference，永久有效：同样的调用再来一次，得到的还是第一次的结果。", "Every call that moves money has a reference of your own that is kept for ever: the same call again gets what the first one made.";
    CONTENTS = "目录", "Contents";
    SCOPE = "权限", "Scope";
    NEEDED = "必填", "required";
    FIELDS = "字段", "Fields";
    OBJECTS = "返回的对象", "Objects";
    OBJECTS_TEXT = "各接口返回的内容。以后可能增加新字段，请忽略不认识的字段。", "What answers hold. New fields may be added: ignore those that you do not know.";
    OR_NULL = "可为 null", "or null";
    MAY_BE_MISSING = "可能没有", "may be missing";
    ERRORS = "错误", "Errors";
    ERRORS_TEXT = "程序认 code，含义不会再变；detail 写给人看，会指出是哪个值、应当怎么写。", "Programs go by code, whose meaning never changes. detail is for people: it says which value is wrong and what it must be.";
    STATUS = "状态码", "Status";
    MEANING = "含义", "Meaning";
}}
