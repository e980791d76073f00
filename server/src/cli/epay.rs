//! `saoma epay`: the sites that charge by 易支付, as the console makes, lists, changes and revokes them.

use std::path::Path;

use clap::Subcommand;
use recharge::{
    audit::Acting,
    epay::{EpayHost, EpayKey, Pid},
};
use server::{config, start};

use super::Failure;

#[derive(Debug, Subcommand)]
pub enum EpayAction {
    /// Make a merchant, and print its pid and its key, which is shown only now
    Create {
        /// Its name, which payers see
        name: String,
        /// To which its notices may go, separated by commas, such as shop.example.com,api.example.com:8443
        #[arg(long, required = true, value_delimiter = ',', value_parser = host)]
        hosts: Vec<EpayHost>,
    },
    /// List the merchants, and how many notices wait for each
    List,
    /// Give a merchant another key and print it; the one before ends at once
    Rotate {
        #[arg(value_parser = pid)]
        pid: Pid,
    },
    /// Let a merchant's notices go to these hosts and no others
    Hosts {
        #[arg(value_parser = pid)]
        pid: Pid,
        /// Separated by commas
        #[arg(required = true, value_delimiter = ',', value_parser = host)]
        hosts: Vec<EpayHost>,
    },
    /// Tell a merchant once more that an order was paid, by the number that the site gave it
    Tell {
        #[arg(value_parser = pid)]
        pid: Pid,
        out_trade_no: String,
    },
    /// Take a merchant back for good; what is paid of its open orders it is told all the same
    Revoke {
        #[arg(value_parser = pid)]
        pid: Pid,
    },
}

pub async fn epay(action: EpayAction, file: Option<&Path>) -> Result<(), Failure> {
    let epay = start::epay_beside(&config::load(file)?).await?;
    let by = Acting::operator("console", "console");
    match action {
        EpayAction::Create { name, hosts } => {
            let (merchant, key) = epay.make(&name, hosts, &by).await?;
            show(merchant.pid, &key);
        }
        EpayAction::List => {
            println!("{:9}  {:8}  {:>7}  {:>8}  {:32}  hosts", "pid", "state", "waiting", "given up", "name");
            for seen in epay.list().await? {
                let merchant = seen.merchant;
                let state = if merchant.revoked_at.is_some() { "revoked" } else { "in use" };
                let hosts: Vec<_> = merchant.hosts.iter().map(ToString::to_string).collect();
                let (pid, waiting, given_up) = (merchant.pid.get(), seen.waiting, seen.given_up);
                let (name, hosts) = (&merchant.name, hosts.join(","));
                println!("{pid:<9}  {state:8}  {waiting:>7}  {given_up:>8}  {name:32}  {hosts}");
            }
        }
        EpayAction::Rotate { pid } => show(pid, &epay.rotate(pid, &by).await?),
        EpayAction::Hosts { pid, hosts } => {
            epay.set_hosts(pid, hosts, &by).await?;
            println!("the hosts of the merchant {pid} are set");
        }
        EpayAction::Tell { pid, out_trade_no } => {
            epay.tell_again(pid, &out_trade_no, &by).await?;
            println!("the merchant {pid} is told of {out_trade_no} by a server that runs");
        }
        EpayAction::Revoke { pid } => {
            epay.revoke(pid, &by).await?;
            println!("the merchant {pid} is revoked");
        }
    }
    Ok(())
}

/// What the site's settings ask for, alone on standard output, so that a script can take it.
fn show(pid: Pid, key: &EpayKey) {
    eprintln!("The merchant's pid (商户 ID) and key (商户密钥). The key is shown only now:");
    println!("{pid}\n{}", key.expose());
}

fn pid(text: &str) -> Result<Pid, String> {
    Pid::parse(text).map_err(|error| format!("must be {}", error.must_be))
}

fn host(text: &str) -> Result<EpayHost, String> {
    EpayHost::parse(text).map_err(|error| format!("must be {}", error.must_be))
}
