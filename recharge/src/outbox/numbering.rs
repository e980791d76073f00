//! The order in which a set of committed events is numbered: by time, but those of one subject by their versions, because the clocks
//! of instances differ.

use std::collections::HashMap;

/// A committed event without a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnumbered {
    /// Its id, which sorts by time.
    pub id: String,
    /// What it is about.
    pub subject: String,
    /// Which state of that.
    pub version: i64,
}

/// The events in the order of their numbers. (A set must have, of each subject in it, every earlier version that has no number yet.)
pub fn in_order(mut events: Vec<Unnumbered>) -> Vec<Unnumbered> {
    events.sort_by(|one, other| one.id.cmp(&other.id));
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        places.entry(&event.subject).or_default().push(place);
    }
    // Each subject keeps its places and fills them in the order of versions.
    let mut order: Vec<usize> = (0..events.len()).collect();
    for places in places.values().filter(|places| places.len() > 1) {
        let mut sorted = places.clone();
        sorted.sort_by_key(|place| events[*place].version);
        places.iter().zip(sorted).for_each(|(place, event)| order[*place] = event);
    }
    order.into_iter().map(|place| events[place].clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(id: &str, subject: &str, version: i64) -> Unnumbered {
        Unnumbered { id: id.to_owned(), subject: subject.to_owned(), version }
    }

    #[test]
    fn a_clock_that_is_behind_does_not_turn_two_states_of_one_subject_round() {
        let sorted = in_order(vec![event("evt_1", "a", 6), event("evt_2", "b", 1), event("evt_3", "a", 5)]);
        assert_eq!(sorted, [event("evt_3", "a", 5), event("evt_2", "b", 1), event("evt_1", "a", 6)]);
    }

    proptest! {
        #[test]
        fn every_event_is_numbered_once_and_each_subject_in_order(
            rows in prop::collection::vec((0..40_u8, 0..5_u8, 1..9_i64), 0..60),
        ) {
            let rows: Vec<_> = rows.iter().enumerate()
                .map(|(n, (id, subject, version))| event(&format!("{id:02}-{n}"), &subject.to_string(), *version))
                .collect();
            let sorted = in_order(rows.clone());
            let ids = |rows: &[Unnumbered]| {
                let mut ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
                ids.sort();
                ids
            };
            prop_assert_eq!(ids(&sorted), ids(&rows));
            for subject in 0..5 {
                let versions: Vec<_> = sorted.iter()
                    .filter(|row| row.subject == subject.to_string()).map(|row| row.version).collect();
                prop_assert!(versions.is_sorted());
            }
        }
    }
}
