//! API v3 as WeChat speaks it: JSON over HTTP, signed with RSA keys on both sides, by the sandbox's own reading of WeChat's
//! pages. Source: WeChat Pay, API v3 (接口规则).

pub mod answers;
pub mod bills;
pub mod calls;
pub mod certificates;
pub mod deciding;
pub mod endpoints;
pub mod faults;
pub mod fields;
pub mod head;
pub mod keys;
pub mod notices;
pub mod placing;
pub mod refunds;
pub mod refused;
pub mod replies;
pub mod seal;
pub mod signed;
