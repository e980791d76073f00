//! Texts about credits that a second operator confirms.

use crate::lang::texts;

texts! { pub mod second {
    TITLE = "待复核的入账", "Credits to confirm";
    NOTE = "达到 {amount} 的人工入账要由另一位财务或负责人复核，提请的人自己不能确认。", "Credits by hand of {amount} or more are confirmed by another operator of finance, never by who asked.";
    NOTE_OFF = "没有设置 SAOMA_SECOND_PERSON_FROM，人工入账不需要复核。", "SAOMA_SECOND_PERSON_FROM is not set: credits by hand need no second person.";
    NONE = "没有待复核的入账", "Nothing to confirm";
    GRANT = "调整余额", "Adjustment";
    RESOLVE = "异常款项入账", "Credit of a payment that did not fit";
    ASKED = "{who} 提请于 {time}", "Asked for by {who} on {time}";
    CUT_OFF = "{who} 已确认，但数据库没有答复：请再确认一次，不会重复入账", "{who} confirmed it and the database did not answer: confirm it again, it is credited once";
    OWN = "您自己提请的，要由别人确认", "You asked for it: somebody else confirms it";
    CONFIRM = "确认入账 {amount}", "Credit {amount}";
    WITHDRAW = "不入账，撤回", "Do not credit";
    WAITING = "有 {n} 笔入账等待另一位同事复核，共 {amount}。", "{n} {n:credit waits|credits wait} for another operator to confirm, {amount} in all.";
    TO_LIST = "去复核", "Look at them";
    SAID_ASKED = "金额较大，已提请复核：另一位同事确认后才会入账。", "Because of its amount another operator has to confirm it. Nothing is credited until then.";
    SAID_CONFIRMED = "已确认，余额已入账。", "Confirmed and credited.";
    SAID_WITHDRAWN = "已撤回，没有入账。", "Taken back; nothing was credited.";
    E_NOT_YOURS = "这一笔要由提请人以外的同事确认，或者已经处理过了。什么都没有做。", "Somebody other than who asked has to confirm it, or it is over. Nothing was done.";
    E_REFUSED = "情况已经变了，这一笔不能再入账（例如异常已由别人处理）。没有入账。", "Things have changed and it cannot be credited any more, for instance because the exception was resolved. Nothing was credited.";
    E_FAILED = "数据库没有确认。请再确认一次，不会重复入账。", "The database did not confirm. Please confirm once more; it is credited once.";
} }
