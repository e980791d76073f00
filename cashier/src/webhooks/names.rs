//! Names and their addresses, as deliveries may use them: an address is judged in the same look-up that is connected to, so that a
//! name cannot be one address when it is judged and another one when it is used.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use recharge::webhook::address::may_reach;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// None of a name's addresses may be reached.
#[derive(Debug, thiserror::Error)]
#[error("no address of this name may be reached")]
pub(super) struct Blocked;

/// Where names are looked up.
#[derive(Debug, Clone, Default)]
pub struct Names {
    table: Option<Table>,
}

type Table = Arc<Mutex<HashMap<String, Vec<(IpAddr, SocketAddr)>>>>;

impl Names {
    /// As this machine looks them up.
    pub fn system() -> Names {
        Names::default()
    }

    /// By a table, for tests: the first address of a pair is judged, and the second one connected to.
    pub fn table() -> Names {
        Names { table: Some(Arc::default()) }
    }

    /// Gives a name of the table these addresses.
    pub fn set(&self, name: &str, addresses: &[(IpAddr, SocketAddr)]) {
        if let Some(table) = &self.table {
            let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
            table.insert(name.to_owned(), addresses.to_vec());
        }
    }

    async fn look_up(&self, name: &str) -> io::Result<Vec<(IpAddr, SocketAddr)>> {
        let Some(table) = &self.table else {
            let found = tokio::net::lookup_host((name, 0)).await?;
            return Ok(found.map(|address| (address.ip(), address)).collect());
        };
        let table = table.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(name).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

/// Looks names up, and leaves only addresses that may be reached.
#[derive(Debug, Clone)]
pub(super) struct Filtered {
    pub names: Names,
    pub is_tls: bool,
    pub networks: Arc<[IpNet]>,
}

impl Resolve for Filtered {
    fn resolve(&self, name: Name) -> Resolving {
        let filter = self.clone();
        Box::pin(async move {
            let found = filter.names.look_up(name.as_str()).await?;
            let allowed: Vec<_> = found
                .into_iter()
                .filter(|(address, _)| may_reach(*address, filter.is_tls, &filter.networks))
                .map(|(_, address)| address)
                .collect();
            if allowed.is_empty() {
                return Err(Box::new(Blocked) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
