//! The query of a list's address, read once into a filter. What cannot be meant is kept with its reason: a list that ignored it
//! would show other rows than were asked for.

use cashier::db::exceptions::Unmatched;
use cashier::db::order_filter::{Filter, Sort, Span, State, WithException};
use cashier::db::refund_list;
use cashier::db::search::{Search, SearchError};
use recharge::ExceptionKind;
use recharge::order::{OrderChannel, Proof};
use recharge::refund::RefundState;
use wxpay::bill::BillDate;
use wxpay::{Fen, Protocol, UnixMillis};

use crate::money::parse_yuan;
use crate::text::{Text, find};

/// The query's pairs, decoded, in their order.
type Pairs = [(String, String)];

/// What an address asks for, and what of it cannot be meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked<F> {
    pub filter: F,
    pub wrong: Vec<Wrong>,
}

/// A part of an address that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What was written, cut to what a page shows.
    pub value: String,
    pub why: Text,
}

/// Days that a list is often asked for, by the day of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Today,
    Yesterday,
    Days7,
    Days30,
    Month,
    LastMonth,
}

impl Period {
    pub const ALL: [Period; 6] =
        [Period::Today, Period::Yesterday, Period::Days7, Period::Days30, Period::Month, Period::LastMonth];

    /// As addresses have it.
    pub fn name(self) -> &'static str {
        match self {
            Period::Today => "today",
            Period::Yesterday => "yesterday",
            Period::Days7 => "7d",
            Period::Days30 => "30d",
            Period::Month => "month",
            Period::LastMonth => "last_month",
        }
    }

    fn from_name(name: &str) -> Option<Period> {
        Period::ALL.into_iter().find(|period| period.name() == name)
    }

    /// In Beijing time, seen at `now`.
    pub fn span(self, now: UnixMillis) -> Span {
        let today = BillDate::of(now);
        let back = |days: usize| (0..days).fold(today, |day, _| day.previous());
        let first_of = |day: BillDate| {
            let text = day.to_string();
            BillDate::parse(&format!("{}01", text.get(..6).unwrap_or_default())).unwrap_or(day)
        };
        let month = first_of(today);
        let (from, to) = match self {
            Period::Today => (today, today.next()),
            Period::Yesterday => (today.previous(), today),
            Period::Days7 => (back(6), today.next()),
            Period::Days30 => (back(29), today.next()),
            Period::Month => (month, today.next()),
            Period::LastMonth => (first_of(month.previous()), month),
        };
        Span { from: Some(from.start()), to: Some(to.start()) }
    }
}

/// The names that say which orders are wanted, in the order in which addresses are written.
pub const OF_ORDERS: [&str; 14] = [
    "q",
    "user",
    "state",
    "refunded",
    "exception",
    "channel",
    "protocol",
    "proof",
    "by",
    "period",
    "from",
    "to",
    "min",
    "max",
];
/// The same of refunds.
pub const OF_REFUNDS: [&str; 9] = ["q", "state", "protocol", "by", "period", "from", "to", "min", "max"];
/// The same of the ledger.
pub const OF_DAYS: [&str; 3] = ["period", "from", "to"];
/// The same of payments that match no order.
pub const OF_UNMATCHED: [&str; 5] = ["q", "exception", "period", "from", "to"];
/// Of the page itself.
const OF_PAGES: [&str; 5] = ["before", "after", "lang", "said", "error"];

/// The part of a query that is the filter, without what is empty.
pub fn kept<'q>(query: &'q Pairs, names: &'static [&'static str]) -> Vec<(&'q str, &'q str)> {
    let mut kept = Vec::new();
    for name in names {
        let of_name = query.iter().filter(|(key, value)| key == name && !value.is_empty());
        kept.extend(of_name.map(|(key, value)| (key.as_str(), value.as_str())));
    }
    kept
}

struct Reading<'q> {
    query: &'q Pairs,
    wrong: Vec<Wrong>,
}

impl<'q> Reading<'q> {
    /// Names that are none, and those that stand twice, are wrong: only one of them could be followed.
    fn new(query: &'q Pairs, names: &[&str]) -> Reading<'q> {
        let mut reading = Reading { query, wrong: Vec::new() };
        for (place, (name, value)) in query.iter().enumerate().filter(|(_, (_, value))| !value.is_empty()) {
            let is_known = names.contains(&name.as_str()) || OF_PAGES.contains(&name.as_str());
            let is_again = query.iter().take(place).any(|(other, value)| other == name && !value.is_empty());
            if !is_known {
                reading.refuse(name, find::E_NAME);
            } else if is_again {
                reading.refuse(value, find::E_TWICE);
            }
        }
        reading
    }

    fn refuse(&mut self, value: &str, why: Text) {
        let shown = value.chars().filter(|letter| !letter.is_control()).take(40).collect();
        self.wrong.push(Wrong { value: shown, why });
    }

    fn get(&self, name: &str) -> Option<&'q str> {
        let found = self.query.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.trim())
    }

    fn word<T>(&mut self, name: &str, why: Text, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.get(name)?;
        let read = read(value);
        if read.is_none() {
            self.refuse(value, why);
        }
        read
    }

    /// Words that are separated by commas.
    fn words<T: PartialEq>(&mut self, name: &str, why: Text, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        for word in self.get(name).unwrap_or_default().split(',').filter(|word| !word.is_empty()) {
            match read(word) {
                Some(read) if !found.contains(&read) => found.push(read),
                Some(_) => {}
                None => self.refuse(word, why),
            }
        }
        found
    }

    fn search(&mut self) -> Option<Search> {
        let typed = self.get("q")?;
        match Search::parse(typed) {
            Ok(search) => search,
            Err(SearchError::TooLong) => {
                self.refuse(typed, find::E_LONG);
                None
            }
            Err(SearchError::Control) => {
                self.refuse(typed, find::E_CONTROL);
                None
            }
        }
    }

    fn exception(&mut self) -> Option<WithException> {
        self.word("exception", find::E_EXCEPTION, |name| match name {
            "any" => Some(WithException::Any),
            name => ExceptionKind::from_name(name).map(WithException::Of),
        })
    }

    /// As people type sums: full-width digits of a Chinese keyboard, separators and the sign of the currency are fine.
    fn yuan(&mut self, name: &str) -> Option<Fen> {
        self.word(name, find::E_AMOUNT, |typed| {
            let plain = typed.chars().filter(|letter| !matches!(letter, ',' | '，' | '¥' | '￥' | ' '));
            let plain: String = plain
                .map(|letter| match letter {
                    '０'..='９' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
                    '．' | '。' => '.',
                    letter => letter,
                })
                .collect();
            parse_yuan(&plain).map(Fen::new)
        })
    }

    fn amounts(&mut self) -> (Option<Fen>, Option<Fen>) {
        let (min, max) = (self.yuan("min"), self.yuan("max"));
        if let (Some(least), Some(most)) = (min, max)
            && least > most
        {
            self.refuse(self.get("min").unwrap_or_default(), find::E_AMOUNTS);
        }
        (min, max)
    }

    fn day(&mut self, name: &str) -> Option<BillDate> {
        self.word(name, find::E_DAY, |typed| {
            let (year, rest) = typed.split_once('-')?;
            let (month, day) = rest.split_once('-')?;
            let is_plain = (year.len(), month.len(), day.len()) == (4, 2, 2);
            is_plain.then(|| BillDate::parse(&format!("{year}{month}{day}")).ok())?
        })
    }

    fn days(&mut self, now: UnixMillis) -> Span {
        let (from, to) = (self.day("from"), self.day("to"));
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            self.refuse(self.get("from").unwrap_or_default(), find::E_DAYS);
        }
        let span = Span { from: from.map(BillDate::start), to: to.map(|to| to.next().start()) };
        let Some(period) = self.word("period", find::E_PERIOD, Period::from_name) else { return span };
        if !span.is_open() {
            self.refuse(period.name(), find::E_PERIODS);
        }
        period.span(now)
    }
}

/// The orders that an address asks for.
pub fn orders(query: &Pairs, now: UnixMillis) -> Asked<Filter> {
    let mut reading = Reading::new(query, &OF_ORDERS);
    let search = reading.search();
    let user = reading.word("user", find::E_LONG, |user| {
        let fits = user.chars().count() <= 64 && !user.contains(char::is_control);
        fits.then(|| user.to_owned())
    });
    let states = reading.words("state", find::E_STATE, State::from_name);
    let exception = reading.exception();
    let channel = reading.word("channel", find::E_CHANNEL, OrderChannel::from_name);
    let protocol = reading.word("protocol", find::E_PROTOCOL, Protocol::from_name);
    let proof = reading.word("proof", find::E_PROOF, Proof::from_name);
    let is_refunded = reading.word("refunded", find::E_REFUNDED, |word| match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    });
    let sort = reading.word("by", find::E_BY, |word| match word {
        "placed" => Some(Sort::Placed),
        "paid" => Some(Sort::Paid),
        _ => None,
    });
    let sort = sort.unwrap_or_default();
    if sort == Sort::Paid && !states.is_empty() && !states.contains(&State::Paid) {
        reading.refuse(reading.get("state").unwrap_or_default(), find::E_BY_PAID);
    }
    let days = reading.days(now);
    let (min, max) = reading.amounts();
    let (placed, paid) = match sort {
        Sort::Placed => (days, Span::default()),
        Sort::Paid => (Span::default(), days),
    };
    let filter = Filter {
        user,
        reference: None,
        states,
        exception,
        channel,
        protocol,
        proof,
        is_refunded,
        search,
        sort,
        placed,
        paid,
        min,
        max,
    };
    Asked { filter, wrong: reading.wrong }
}

/// The days that an address asks for.
pub fn days(query: &Pairs, now: UnixMillis) -> Asked<Span> {
    let mut reading = Reading::new(query, &OF_DAYS);
    Asked { filter: reading.days(now), wrong: reading.wrong }
}

/// The payments without an order that an address asks for.
pub fn unmatched(query: &Pairs, now: UnixMillis) -> Asked<Unmatched> {
    let mut reading = Reading::new(query, &OF_UNMATCHED);
    let search = reading.search().map_or_else(String::new, |search| search.as_str().to_owned());
    let kind = match reading.exception() {
        Some(WithException::Of(kind)) => Some(kind),
        Some(WithException::Any) | None => None,
    };
    let seen = reading.days(now);
    Asked { filter: Unmatched { search, kind, seen }, wrong: reading.wrong }
}

/// The refunds that an address asks for.
pub fn refunds(query: &Pairs, now: UnixMillis) -> Asked<refund_list::Filter> {
    let mut reading = Reading::new(query, &OF_REFUNDS);
    let search = reading.search();
    let states = reading.words("state", find::E_STATE, RefundState::from_name);
    let protocol = reading.word("protocol", find::E_PROTOCOL, Protocol::from_name);
    let by_end = reading.word("by", find::E_BY, |word| match word {
        "asked" => Some(false),
        "ended" => Some(true),
        _ => None,
    });
    let days = reading.days(now);
    let (min, max) = reading.amounts();
    let (asked, ended) = match by_end {
        Some(true) => (Span::default(), days),
        _ => (days, Span::default()),
    };
    let filter = refund_list::Filter { states, protocol, search, asked, ended, min, max };
    Asked { filter, wrong: reading.wrong }
}

#[cfg(test)]
mod tests;
