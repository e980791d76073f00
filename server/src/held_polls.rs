//! Places for polls that are held until their order changes. They have a cap of their own below the pages' share of the
//! connections, so that pages that wait never keep out pages that are being opened, and a limit for each address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::client_addr::ClientAddr;

/// Polls of one address at the same time. More people than this may share one; their pages poll without being held.
const MOST_OF_BLOCK: usize = 200;
/// Polls of all addresses of one IPv6 /48 at the same time.
const MOST_OF_SITE: usize = 400;

/// The places of one server.
#[derive(Debug)]
pub struct HeldPolls {
    taken: Mutex<Taken>,
    most: usize,
    stopped: watch::Receiver<bool>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Entries are removed when their last poll ends, so there are never more than places.
    by_net: HashMap<Net, usize>,
}

/// What a limit counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Net {
    Block(IpAddr),
    Site(IpAddr),
}

impl Net {
    fn most(self) -> usize {
        match self {
            Net::Block(_) => MOST_OF_BLOCK,
            Net::Site(_) => MOST_OF_SITE,
        }
    }
}

impl HeldPolls {
    /// Half of the connections: pages have four fifths of them, so a third of these is always left to pages that are not held.
    pub fn new(max_connections: usize, stopped: watch::Receiver<bool>) -> Arc<HeldPolls> {
        Arc::new(HeldPolls { taken: Mutex::default(), most: max_connections / 2, stopped })
    }

    /// A place, until it is dropped; `None` where there is none left, and while the server stops.
    pub fn take(self: &Arc<Self>, from: ClientAddr) -> Option<Place> {
        let nets = [Some(Net::Block(from.block())), from.site().map(Net::Site)];
        let mut taken = self.taken();
        let has_room = |net: Net| taken.by_net.get(&net).is_none_or(|count| *count < net.most());
        if *self.stopped.borrow() || taken.all >= self.most || !nets.into_iter().flatten().all(has_room) {
            observe::POLLS_NOT_HELD.of([]).inc();
            return None;
        }
        taken.all += 1;
        for net in nets.into_iter().flatten() {
            *taken.by_net.entry(net).or_default() += 1;
        }
        Some(Place { polls: Arc::clone(self), nets })
    }

    /// Polls that are held now.
    pub fn count(&self) -> usize {
        self.taken().all
    }

    /// Ends when the server stops: it waits for running requests, and held ones would use up its patience.
    pub async fn stopped(&self) {
        let mut stopped = self.stopped.clone();
        // The sender lives as long as the server.
        let _ = stopped.wait_for(|stop| *stop).await;
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one held poll.
#[derive(Debug)]
pub struct Place {
    polls: Arc<HeldPolls>,
    nets: [Option<Net>; 2],
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.polls.taken();
        taken.all -= 1;
        for net in self.nets.into_iter().flatten() {
            if let Some(count) = taken.by_net.get_mut(&net) {
                *count -= 1;
                if *count == 0 {
                    taken.by_net.remove(&net);
                }
            }
        }
        if taken.by_net.capacity() > 4 * taken.by_net.len() + 1024 {
            taken.by_net.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polls(max_connections: usize) -> (Arc<HeldPolls>, watch::Sender<bool>) {
        let (stop, stopped) = watch::channel(false);
        (HeldPolls::new(max_connections, stopped), stop)
    }

    fn at(ip: &str) -> ClientAddr {
        ClientAddr(ip.parse().unwrap())
    }

    #[test]
    fn half_of_the_connections_are_held_and_a_place_is_free_again_when_its_poll_ends() {
        let (polls, _stop) = polls(20);
        let mut held: Vec<_> = (0..12).filter_map(|n| polls.take(at(&format!("198.51.100.{n}")))).collect();
        assert_eq!((held.len(), polls.count()), (10, 10));
        held.pop();
        assert!(polls.take(at("203.0.113.1")).is_some());
        drop(held);
        assert_eq!((polls.count(), polls.taken().by_net.len()), (0, 0));
    }

    #[test]
    fn one_address_has_a_share_and_others_are_held_all_the_same() {
        let (polls, _stop) = polls(10_000);
        let of_one: Vec<_> = (0..300).filter_map(|_| polls.take(at("198.51.100.1"))).collect();
        assert_eq!(of_one.len(), MOST_OF_BLOCK);
        assert!(polls.take(at("198.51.100.2")).is_some());
    }

    #[test]
    fn the_addresses_of_one_ipv6_site_have_a_share_together() {
        let (polls, _stop) = polls(10_000);
        let one: Vec<_> = (0..300).filter_map(|n| polls.take(at(&format!("2001:db8:1:1::{n:x}")))).collect();
        assert_eq!(one.len(), MOST_OF_BLOCK);
        let all: Vec<_> = (2..999).filter_map(|n| polls.take(at(&format!("2001:db8:1:{n:x}::1")))).collect();
        assert_eq!(all.len(), MOST_OF_SITE - MOST_OF_BLOCK);
        assert!(polls.take(at("2001:db8:2::1")).is_some());
    }

    #[tokio::test]
    async fn a_server_that_stops_holds_nothing() {
        let (polls, stop) = polls(20);
        stop.send(true).unwrap();
        polls.stopped().await;
        assert!(polls.take(at("198.51.100.1")).is_none());
    }
}
