//! What the parameters of a call may look like: a table for each call, and one reading of it.
//! Source: WeChat Pay, API v3 (each call's 请求参数).

use serde_json::{Map, Value};

use crate::v3::refused::Refused;

/// What a value may look like. Lengths are in characters.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Object,
    Array,
    Bool,
    Text(usize),
    Digits(usize),
    /// 6 to 32 of the characters that a merchant's number may have.
    OutTradeNo,
    /// 1 to 64 of those and `@`.
    OutRefundNo,
    /// An integer from this one on.
    Integer(i64),
    /// RFC 3339 with an offset.
    Time,
    /// An absolute address without query.
    Url(usize),
    Ip,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// A parameter: JSON pointer with `*` for any place in an array, shape, and whether it must be there once what it stands in
/// is there.
pub type Field = (&'static str, Shape, bool);

/// Checks a body against its table, in the order of the table, then for parameters that the table lacks.
/// # Errors
/// The first parameter that is wrong.
pub fn check(body: &Value, table: &[Field]) -> Result<(), Refused> {
    if !body.is_object() {
        return Err(Refused::unreadable("请求的Body不是一个JSON对象"));
    }
    for (pointer, shape, required) in table {
        for (place, value) in places(body, pointer) {
            match value {
                None if *required => {
                    return Err(Refused::parameter("body", &place, &Value::Null, "此字段为必填项"));
                }
                None => (),
                Some(value) => {
                    shape.check(value).map_err(|issue| Refused::parameter("body", &place, value, issue))?
                }
            }
        }
    }
    no_extra(body, "", "", table)
}

/// Where a pointer leads, once for each element of an array; `None` where the parameter is missing and what it stands in
/// is there.
fn places<'a>(body: &'a Value, pointer: &str) -> Vec<(String, Option<&'a Value>)> {
    let mut found = vec![(String::new(), Some(body))];
    for part in pointer.split('/').skip(1) {
        let mut next = Vec::new();
        for (place, value) in found {
            match (part, value) {
                ("*", Some(Value::Array(all))) => {
                    next.extend(
                        all.iter().enumerate().map(|(nth, one)| (format!("{place}/{nth}"), Some(one))),
                    );
                }
                (name, Some(Value::Object(fields))) => {
                    next.push((format!("{place}/{name}"), fields.get(name)))
                }
                // What it stands in is missing or has another shape, which is that one's fault.
                _ => (),
            }
        }
        found = next;
    }
    found
}

fn no_extra(value: &Value, place: &str, pattern: &str, table: &[Field]) -> Result<(), Refused> {
    let known = |pattern: &str| table.iter().any(|(pointer, ..)| *pointer == pattern);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let (place, pattern) = (format!("{place}/{name}"), format!("{pattern}/{name}"));
                if !known(&pattern) {
                    return Err(Refused::extra(&place, value));
                }
                no_extra(value, &place, &pattern, table)?;
            }
            Ok(())
        }
        Value::Array(all) => all.iter().enumerate().try_for_each(|(nth, value)| {
            no_extra(value, &format!("{place}/{nth}"), &format!("{pattern}/*"), table)
        }),
        _ => Ok(()),
    }
}

impl Shape {
    /// # Errors
    /// What is wrong, as WeChat would say it.
    pub fn check(self, value: &Value) -> Result<(), &'static str> {
        let text = value.as_str();
        let is = |good: bool, issue| if good { Ok(()) } else { Err(issue) };
        let words = |from: usize, most: usize, allowed: &dyn Fn(u8) -> bool| {
            let Some(text) = text else { return Err("类型不正确，应为字符串") };
            let length = text.chars().count();
            is(length >= from, "字符数低于最小值")?;
            is(length <= most, "字符数超过最大值")?;
            is(text.bytes().all(allowed), "包含不允许的字符")
        };
        match self {
            Shape::Object => is(value.is_object(), "类型不正确，应为对象"),
            Shape::Array => {
                is(value.as_array().is_some_and(|all| !all.is_empty()), "类型不正确，应为非空数组")
            }
            Shape::Bool => is(value.is_boolean(), "类型不正确，应为布尔值"),
            Shape::Text(most) => words(1, most, &|b| !b.is_ascii_control()),
            Shape::Digits(most) => words(1, most, &|b| b.is_ascii_digit()),
            Shape::OutTradeNo => words(6, 32, &|b| b.is_ascii_alphanumeric() || b"_-|*".contains(&b)),
            Shape::OutRefundNo => words(1, 64, &|b| b.is_ascii_alphanumeric() || b"_-|*@".contains(&b)),
            Shape::Integer(from) => match value.as_i64() {
                Some(number) if number >= from => Ok(()),
                Some(_) => Err("值低于最小值 1"),
                None => Err("类型不正确，应为整数"),
            },
            Shape::Time => {
                words(1, 64, &|b| b.is_ascii())?;
                is(time(text.unwrap_or_default()).is_some(), "不是RFC3339格式的时间")
            }
            Shape::Url(most) => {
                words(1, most, &|b| b.is_ascii_graphic())?;
                is(is_notify_url(text.unwrap_or_default()), "不是不带参数的绝对地址")
            }
            Shape::Ip => {
                words(1, 45, &|b| b.is_ascii_graphic())?;
                is(text.unwrap_or_default().parse::<std::net::IpAddr>().is_ok(), "不是IP地址")
            }
            Shape::OneOf(all) => {
                words(1, 64, &|b| b.is_ascii_graphic())?;
                is(all.contains(&text.unwrap_or_default()), "不是允许的取值")
            }
        }
    }
}

/// A time with its offset, as `2026-03-15T12:00:00+08:00`.
pub fn time(text: &str) -> Option<wxpay::UnixMillis> {
    let rfc3339 = time::format_description::well_known::Rfc3339;
    let at = time::OffsetDateTime::parse(text, &rfc3339).ok()?;
    Some(wxpay::UnixMillis::new(at.unix_timestamp().checked_mul(1000)?))
}

fn is_notify_url(text: &str) -> bool {
    let absolute = text.starts_with("http://") || text.starts_with("https://");
    absolute && !text.contains(['?', '#']) && reqwest::Url::parse(text).is_ok_and(|url| url.has_host())
}

/// The parameters of a query string, each at most once.
/// # Errors
/// One that comes twice, or is no text.
pub fn query(query: Option<&str>) -> Result<Map<String, Value>, Refused> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query.unwrap_or_default())
        .map_err(|_| Refused::unreadable("请求的查询参数无法解析"))?;
    let mut fields = Map::new();
    for (name, value) in pairs {
        if fields.insert(name.clone(), Value::String(value)).is_some() {
            return Err(Refused::parameter("query", &name, &Value::Null, "重复的参数"));
        }
    }
    Ok(fields)
}
