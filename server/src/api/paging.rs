//! Pages of a list: `?limit=` and `?after=`, a cursor that is opaque to its caller.

use axum::Json;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Uri;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{error_code::Code, problem::Problem};

/// Rows of a page unless it is said, and at most.
const USUAL: usize = 20;
const MOST: usize = 100;
/// Bytes of a cursor by which one that was cut or made up is told.
const SEAL: usize = 4;

/// A page of a list.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    data: Vec<T>,
    /// For `?after=`; `null` on the last page.
    next: Option<String>,
}

/// Which page is asked for, of the list with this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    list: String,
    pub after: Option<String>,
    limit: usize,
}

/// The parameters in an address, each taken out once.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// # Errors
    /// 400 for what is no text.
    pub fn of(uri: &Uri) -> Result<Query, Problem> {
        let pairs = serde_urlencoded::from_str(uri.query().unwrap_or_default());
        pairs.map(Query).map_err(|_| Problem::new(Code::BadRequest, "the query cannot be read"))
    }

    /// Every value of this name.
    pub fn all(&mut self, name: &str) -> Vec<String> {
        self.0.extract_if(.., |(one, _)| one == name).map(|(_, value)| value).collect()
    }

    /// The value of this name, if it is there.
    ///
    /// # Errors
    /// 400 where it is given twice.
    pub fn one(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(Problem::new(Code::BadRequest, format!("{name} is given twice"))),
        }
    }

    /// The page of the list with this name.
    ///
    /// # Errors
    /// 400 for a cursor that is none of this list, 422 for a limit out of its range.
    pub fn page(&mut self, list: impl Into<String>) -> Result<Asked, Problem> {
        let list = list.into();
        let limit = self.limit()?;
        let after = self.one("after")?.map(|text| {
            let none =
                || Problem::new(Code::BadRequest, "after is no cursor of this list: take the one in next");
            key(&list, &text).ok_or_else(none)
        });
        let after = after.transpose()?;
        Ok(Asked { list, after, limit })
    }

    /// How many rows a page has.
    ///
    /// # Errors
    /// 422 for a limit out of its range.
    pub fn limit(&mut self) -> Result<usize, Problem> {
        self.one("limit")?.map_or(Ok(USUAL), |text| {
            let limit = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let limit = limit.and_then(|text| text.parse().ok()).filter(|limit| (1..=MOST).contains(limit));
            limit.ok_or_else(|| Problem::in_address("limit", "must be a whole number from 1 to 100"))
        })
    }

    /// # Errors
    /// 422 for a parameter that was not taken out: there is none of that name.
    pub fn end(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(100).collect();
                Err(Problem::in_address(&name, "there is no such parameter"))
            }
        }
    }
}

impl Asked {
    /// How many rows to read: one more than are shown says whether there are others.
    pub fn rows(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(0) + 1
    }

    /// How many rows a page has at most.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The page of what was found; the next one begins after the row of this key.
    pub fn found<T>(&self, data: Vec<T>, next: Option<String>) -> Json<Page<T>> {
        Json(Page { data, next: next.map(|key| cursor(&self.list, &key)) })
    }

    /// The page of these rows, each shown by `show`; the next one begins after the `key` of the last.
    pub fn page<R, T>(
        &self,
        mut rows: Vec<R>,
        key: impl Fn(&R) -> String,
        show: impl Fn(R) -> T,
    ) -> Json<Page<T>> {
        let has_more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| has_more).map(|last| cursor(&self.list, &key(last)));
        Json(Page { data: rows.into_iter().map(show).collect(), next })
    }
}

/// A list that is whole.
pub(super) fn whole<T>(data: Vec<T>) -> Json<Page<T>> {
    Json(Page { data, next: None })
}

fn seal(list: &str, key: &str) -> [u8; SEAL] {
    let hash = Sha256::digest(format!("{list}\n{key}"));
    let mut seal = [0; SEAL];
    seal.copy_from_slice(&hash[..SEAL]);
    seal
}

fn cursor(list: &str, key: &str) -> String {
    URL_SAFE_NO_PAD.encode([&seal(list, key), key.as_bytes()].concat())
}

/// The key in a cursor of this list.
fn key(list: &str, cursor: &str) -> Option<String> {
    let mut bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let given: Vec<_> = bytes.drain(..SEAL.min(bytes.len())).collect();
    let key = String::from_utf8(bytes).ok()?;
    (given == seal(list, &key)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Asked, u16> {
        let mut query = Query::of(&format!("/api/v1/users{query}").parse().unwrap()).unwrap();
        let asked = query.page("users").map_err(|problem| problem.status().as_u16())?;
        query.end().map_err(|problem| problem.status().as_u16())?;
        Ok(asked)
    }

    #[test]
    fn pages_follow_each_other_until_there_are_no_more_rows() {
        let all: Vec<_> = (0..45).map(|n| format!("用户 {n:02}/a")).collect();
        let (mut seen, mut query) = (Vec::new(), "?limit=20".to_owned());
        for rows in [20, 20, 5] {
            let asked = asked(&query).unwrap();
            let from =
                asked.after.as_ref().map_or(0, |after| all.iter().position(|id| id == after).unwrap() + 1);
            let read: Vec<_> =
                all[from..].iter().take(usize::try_from(asked.rows()).unwrap()).cloned().collect();
            let Json(page) = asked.page(read, Clone::clone, |id| id);
            assert_eq!(page.data.len(), rows);
            seen.extend(page.data);
            query = page.next.map(|next| format!("?limit=20&after={next}")).unwrap_or_default();
        }
        assert_eq!((seen, query), (all, String::new()));
    }

    #[test]
    fn a_cursor_of_another_list_or_a_cut_one_is_refused() {
        let good = cursor("users", "u-1");
        assert_eq!(asked(&format!("?after={good}")).unwrap().after.as_deref(), Some("u-1"));
        let cut = &good[..good.len() - 1];
        for bad in ["", "u-1", cut, &cursor("ledger u-1", "u-1"), &format!("{good}AA"), "%00"] {
            assert_eq!(asked(&format!("?after={bad}")), Err(400), "{bad}");
        }
    }

    #[test]
    fn a_limit_is_1_to_100_and_other_parameters_are_unknown() {
        assert_eq!((asked("").unwrap().limit, asked("?limit=100").unwrap().limit), (20, 100));
        for limit in ["0", "101", "x", "", "-1", "+5", "1e1", "99999999999999999999"] {
            assert_eq!(asked(&format!("?limit={limit}")), Err(422), "{limit}");
        }
        assert_eq!(asked("?limit=5&limit=6"), Err(400));
        assert_eq!(asked("?page=2"), Err(422));
    }
}
