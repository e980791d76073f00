//! How far a program has read: the number of the last event that it got, and six characters of that event's id, which tell whether
//! it is still the same event after a backup was restored.

use std::fmt;

use super::StoredEvent;

/// Characters of an id in a cursor: the last ones, which are random.
const TAIL: usize = 6;

/// A place in the order of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The number of the last event that was read; 0 before the first.
    pub seq: i64,
    tail: String,
}

impl Cursor {
    /// Before the first event that ever was.
    pub fn start() -> Cursor {
        Cursor { seq: 0, tail: "0".repeat(TAIL) }
    }

    /// After this event.
    pub fn after(event: &StoredEvent) -> Cursor {
        Cursor::at(event.seq, &event.id)
    }

    /// After the event with this number and id.
    pub fn at(seq: i64, id: &str) -> Cursor {
        let from = id.len().saturating_sub(TAIL);
        Cursor { seq, tail: id.get(from..).unwrap_or_default().to_owned() }
    }

    /// Reads one; `None` for anything that is none.
    pub fn parse(text: &str) -> Option<Cursor> {
        let (seq, tail) = text.split_once('-')?;
        let is_number = (1..=18).contains(&seq.len()) && seq.bytes().all(|byte| byte.is_ascii_digit());
        let is_tail = tail.len() == TAIL && tail.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_number && is_tail).then(|| Some(Cursor { seq: seq.parse().ok()?, tail: tail.to_owned() }))?
    }

    /// Whether the event with this cursor's number, whose id this is, is the one that was read.
    pub fn is_of(&self, id: &str) -> bool {
        *self == Cursor::at(self.seq, id)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.seq, self.tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_knows_its_event() {
        let cursor = Cursor::at(42, "evt_01JABCDEFGHJKMNPQRSTVWXYZ0");
        assert_eq!(cursor.to_string(), "42-VWXYZ0");
        assert_eq!(Cursor::parse("42-VWXYZ0"), Some(cursor.clone()));
        assert!(
            cursor.is_of("evt_01JABCDEFGHJKMNPQRSTVWXYZ0") && !cursor.is_of("evt_01JABCDEFGHJKMNPQRSTVWXYZ1")
        );
        assert_eq!(Cursor::parse(&Cursor::start().to_string()), Some(Cursor::start()));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in [
            "",
            "42",
            "42-",
            "-VWXYZ0",
            "42-VWXYZ",
            "42-VWXYZ00",
            "+1-VWXYZ0",
            "4 2-VWXYZ0",
            "42-用户",
            "9999999999999999999-VWXYZ0",
        ] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
