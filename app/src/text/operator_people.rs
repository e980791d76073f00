//! Texts of the pages about operators and their own account.

use crate::lang::texts;

texts! { pub mod people {
    TITLE = "人员", "People";
    INTRO = "能登录管理台的人。每个人只给够用的权限；角色改动下一次点击就生效。", "Who can sign in at the desk. Give each no more than the work needs; a new role counts from the next click on.";
    CAPTION = "按用户名排序 · 北京时间", "By name · Beijing time";
    NAME = "用户名", "User name";
    NAME_HINT = "1 到 32 个字母、数字或 . _ -，以后不能改；操作记录里写的就是它", "1 to 32 letters, digits or . _ -. It cannot be changed later, and the audit names it";
    ROLE = "角色", "Role";
    R_VIEWER = "查看", "Viewer";
    R_SUPPORT = "客服", "Support";
    R_FINANCE = "财务", "Finance";
    R_OWNER = "负责人", "Owner";
    D_VIEWER = "只看，不能改动任何东西，适合会计和审计", "Sees everything about money and changes nothing; for accountants and auditors";
    D_SUPPORT = "另可查询微信、关闭订单、写备注", "Also asks WeChat, closes orders, writes notes";
    D_FINANCE = "另可退款、处理异常、调整余额", "Also refunds, resolves exceptions, adjusts balances";
    D_OWNER = "另可管理人员、密钥和设置", "Also decides about people, keys and settings";
    SIGNED_IN = "最近登录", "Last sign-in";
    NOT_LATELY = "30 天内没有", "Not in 30 days";
    SESSIONS = "在线会话", "Sessions";
    FAILURES = "24 小时内密码错误", "Wrong passwords in 24 hours";
    PASSWORD_AT = "密码设置于", "Password set";
    CREATED = "添加于", "Added";
    FIRST = "待改初始密码", "First password";
    YOU = "您", "You";
    NEW = "添加人员", "Add somebody";
    NEW_TEXT = "会生成一个初始密码，只显示一次。本人第一次登录时必须改掉它。", "A first password is made and shown once. It must be changed at the first sign-in.";
    ADD = "添加", "Add";
    BACK = "返回人员", "Back to people";
    ADDED = "{name} 已添加。请把初始密码当面或用安全的方式交给本人。", "{name} is added. Hand over the first password in person or by a safe way.";
    RESET = "已为 {name} 换上新的初始密码，原来的会话都已退出。", "{name} has a new first password; all sessions have ended.";
    SHOWN_ONCE = "请现在就记下：离开这一页后不会再显示。", "Keep it now: it is not shown again once you leave this page.";
    FIRST_PASSWORD = "初始密码", "First password";
    CHANGE_ROLE = "更换角色", "Change the role";
    CHANGE_ROLE_GO = "更换角色", "Change the role";
    NEW_PASSWORD = "重设密码", "Reset the password";
    NEW_PASSWORD_TEXT = "忘了密码时用：生成新的初始密码，所有会话立即退出。", "For a forgotten password: makes a new first password and ends all sessions at once.";
    NEW_PASSWORD_GO = "生成初始密码", "Make a first password";
    REMOVE = "移除", "Remove";
    REMOVE_TEXT = "所有会话在所有服务器上立即退出。操作记录会保留。", "All sessions end at once on every server. The audit keeps what was done.";
    REMOVE_GO = "移除 {name}", "Remove {name}";
    LAST = "这是唯一的负责人：先让另一个人成为负责人，才能更换角色或移除。", "This is the only owner: make somebody else an owner first.";
    SAID_ROLE = "角色已更换，立即生效。", "The role is changed and counts at once.";
    SAID_REMOVED = "已移除，所有会话都已退出。", "Removed; all sessions have ended.";
    E_NAME = "用户名要有 1 到 32 个字母、数字或 . _ -。", "A user name has 1 to 32 letters, digits or . _ -.";
    E_RESERVED = "这个名字程序自己在用，请换一个。", "The program itself acts under this name. Please take another.";
    E_TAKEN = "已经有这个用户名。", "There is an operator of this name already.";
    E_ROLE = "请选择一个角色。", "Please choose a role.";
    E_STALE = "这一页打开之后，这个人的账号有了变化，什么都没有做。请核对后再试。", "The account changed after this page was opened, so nothing was done. Please look again.";
    E_LAST = "至少要留一位负责人，什么都没有做。", "One owner must remain, so nothing was done.";
    E_FAILED = "数据库没有确认，请看列表里有没有变化。", "The database did not confirm. Please look at the list for whether it was done.";
    REFUSED = "您的角色不能这样做", "Your role does not allow this";
    REFUSED_TEXT = "您的角色是“{own}”，这里需要“{needed}”。什么都没有改动；需要的话，请负责人为您更换角色。", "Your role is {own}; this needs {needed}. Nothing was changed. An owner can give you another role.";
    TO_OVERVIEW = "返回概览", "Back to the overview";
} }

texts! { pub mod me {
    TITLE = "我的账号", "My account";
    FIRST = "现在的密码别人见过。请先设一个只有您自己知道的密码，再继续。", "Somebody else has seen your password. Choose one that only you know, and go on.";
    PASSWORD = "修改密码", "Change the password";
    NOW = "现在的密码", "Present password";
    NEW = "新密码", "New password";
    NEW_HINT = "至少 12 个字符。几个不相干的词连起来，好记又难猜。", "At least 12 characters. A few unrelated words are easy to keep and hard to guess.";
    AGAIN = "再输一次新密码", "New password again";
    SAVE = "保存新密码", "Save the new password";
    SAID_CHANGED = "密码已修改，其他地方的登录都已退出。", "The password is changed, and your other sessions have ended.";
    SESSIONS = "登录会话", "Sessions";
    SESSIONS_TEXT = "有不认识的，请结束它，并修改密码。", "If you do not know one of them, end it and change your password.";
    HERE = "当前会话", "This one";
    SINCE = "登录", "Signed in";
    SEEN = "最近使用", "Last used";
    END = "结束", "End it";
    END_OF = "结束 {time} 的会话", "End the session of {time}";
    END_OTHERS = "结束其他所有会话", "End all others";
    SAID_ENDED = "会话已结束。", "The session has ended.";
    SAID_OTHERS = "其他会话都已结束。", "All other sessions have ended.";
    SAID_OVER = "这个会话已经结束。", "This session had ended already.";
    UNKNOWN_BROWSER = "未知浏览器", "Unknown browser";
    E_WRONG = "现在的密码不对，密码没有修改。", "The present password is wrong; it was not changed.";
    E_SHORT = "新密码要有 12 到 256 个字节，密码没有修改。", "The new password must have 12 to 256 bytes; it was not changed.";
    E_COMMON = "这是最常见的密码之一，猜密码的人会先试它。请换一个，密码没有修改。", "This is one of the commonest passwords, which are tried first. Please choose another; it was not changed.";
    E_SAME = "新密码和现在的一样，密码没有修改。", "The new password is the present one; it was not changed.";
    E_DIFFER = "两次输入的新密码不一样，密码没有修改。", "The two new passwords differ; it was not changed.";
    E_SLOW = "密码试错较多，{n} 秒后可再试。", "Too many wrong passwords; you can try again in {n} s.";
    E_FAILED = "数据库没有确认，请用新旧密码各试一次登录。", "The database did not confirm. Please try to sign in with both passwords.";
} }
