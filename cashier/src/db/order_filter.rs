//! Which orders an operator or a program wants: one filter for lists, totals and exports, and how the database finds them.

use recharge::exception::ExceptionKind;
use recharge::order::{OrderChannel, Proof};
use recharge::spend::Reference;
use wxpay::{Fen, Protocol, Signed, UnixMillis};

use super::search::{self, Leads, Search};
use super::walk::Walk;
use super::{Db, DbError};

/// Which orders are wanted. An empty filter is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of exactly this user.
    pub user: Option<String>,
    /// The one that has this reference.
    pub reference: Option<Reference>,
    /// In one of these states; empty is all.
    pub states: Vec<State>,
    pub exception: Option<WithException>,
    pub channel: Option<OrderChannel>,
    pub protocol: Option<Protocol>,
    /// How the payment became known first.
    pub proof: Option<Proof>,
    /// Whether anything of the payment was refunded, or is on its way back.
    pub is_refunded: Option<bool>,
    /// A number or a user.
    pub search: Option<Search>,
    pub sort: Sort,
    /// When it was placed.
    pub placed: Span,
    /// When it was paid.
    pub paid: Span,
    /// At least, in fen.
    pub min: Option<Fen>,
    /// At most, in fen.
    pub max: Option<Fen>,
}

/// A time from one moment on, before another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub from: Option<UnixMillis>,
    pub to: Option<UnixMillis>,
}

impl Span {
    pub fn is_open(self) -> bool {
        self == Span::default()
    }
}

/// The time by which orders are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Placed,
    /// Paid orders only.
    Paid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Created,
    Pending,
    Closed,
    Paid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithException {
    Any,
    Of(ExceptionKind),
}

impl State {
    pub const ALL: [State; 4] = [State::Created, State::Pending, State::Paid, State::Closed];

    /// As the database and the API for programs call it.
    pub fn name(self) -> &'static str {
        match self {
            State::Created => "created",
            State::Pending => "pending",
            State::Closed => "closed",
            State::Paid => "paid",
        }
    }

    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }

    fn is_open(self) -> bool {
        matches!(self, State::Created | State::Pending)
    }
}

/// Anything of the order's own payment, arrived or not.
const REFUNDED: &str = "EXISTS (SELECT 1 FROM refunds AS r WHERE r.out_trade_no = orders.out_trade_no \
     AND r.transaction_id = orders.transaction_id AND r.state <> 'closed')";

impl Filter {
    /// When the orders have the time by which they are listed.
    pub(super) fn own_span(&self) -> Span {
        match self.sort {
            Sort::Placed => self.placed,
            Sort::Paid => self.paid,
        }
    }

    /// Whether none of its orders is paid.
    pub(super) fn is_of_unpaid(&self) -> bool {
        self.sort == Sort::Placed && !self.states.is_empty() && !self.states.contains(&State::Paid)
    }

    /// How the orders are found, and what a search led to.
    pub(super) async fn walk(&self, db: &Db) -> Result<(Walk, Leads), DbError> {
        let leads = match &self.search {
            Some(search) => search::leads(db, search).await?,
            None => Leads::default(),
        };
        Ok((self.walk_behind(&leads)?, leads))
    }

    pub(super) fn walk_behind(&self, leads: &Leads) -> Result<Walk, DbError> {
        let at = match self.sort {
            Sort::Placed => "created_at",
            Sort::Paid => "paid_at",
        };
        let mut walk = Walk::of("orders", "out_trade_no", at);
        if let Some(user) = &self.user {
            let p = walk.text(user);
            // The index of a user's orders has them in the order in which they were placed.
            let condition = format!("user_id = {p}");
            if self.sort == Sort::Placed { walk.within(condition) } else { walk.only(condition) }
        }
        if let Some(reference) = &self.reference {
            let p = walk.text(reference.as_str());
            walk.within(format!(
                "out_trade_no IN (SELECT out_trade_no FROM order_references WHERE reference = {p})"
            ));
            walk.few();
        }
        let (own, other) = match self.sort {
            Sort::Placed => (self.placed, ("paid_at", self.paid)),
            Sort::Paid => (self.paid, ("created_at", self.placed)),
        };
        if self.sort == Sort::Paid {
            walk.within("paid_at IS NOT NULL");
        }
        walk.between(own.from, own.to);
        self.by_state(&mut walk);
        for (bound, condition) in [
            (other.1.from.map(UnixMillis::get), format!("{} >=", other.0)),
            (other.1.to.map(UnixMillis::get), format!("{} <", other.0)),
            (self.min.map(Fen::get), "total_fee >=".to_owned()),
            (self.max.map(Fen::get), "total_fee <=".to_owned()),
        ] {
            if let Some(bound) = bound {
                let p = walk.number(bound);
                walk.only(format!("{condition} {p}"));
            }
        }
        self.by_kind(&mut walk);
        if self.search.is_some() {
            walk.of_orders(leads.numbers.iter().map(String::as_str))?;
        }
        Ok(walk)
    }

    fn by_state(&self, walk: &mut Walk) {
        if self.states.is_empty() {
            return;
        }
        if self.sort == Sort::Placed && self.user.is_none() && self.states.iter().all(|state| state.is_open())
        {
            // Written out as in its definition, so that the index of the few open orders serves the states that are seldom.
            walk.within("state IN ('created', 'pending')");
            if [State::Created, State::Pending].iter().all(|state| self.states.contains(state)) {
                return;
            }
        }
        // The names are constants of the enum, so they can stand in the statement unescaped.
        let words: Vec<_> = self.states.iter().map(|state| format!("'{}'", state.name())).collect();
        if !(self.sort == Sort::Paid && self.states.contains(&State::Paid)) {
            walk.only(format!("state IN ({})", words.join(", ")));
        }
    }

    fn by_kind(&self, walk: &mut Walk) {
        match self.exception {
            Some(WithException::Any) => {
                walk.only("EXISTS (SELECT 1 FROM exceptions AS e WHERE e.out_trade_no = orders.out_trade_no)")
            }
            Some(WithException::Of(kind)) => {
                let p = walk.text(kind.name());
                walk.only(format!(
                    "EXISTS (SELECT 1 FROM exceptions AS e WHERE e.out_trade_no = orders.out_trade_no AND e.kind = {p})"
                ));
            }
            None => {}
        }
        match self.channel {
            Some(OrderChannel::Native) => walk.only("(trade_type = 'NATIVE' AND static_code IS NULL)"),
            Some(OrderChannel::Static) => walk.only("static_code IS NOT NULL"),
            Some(OrderChannel::Jsapi) => walk.only("trade_type = 'JSAPI'"),
            Some(OrderChannel::Mweb) => walk.only("trade_type = 'MWEB'"),
            Some(OrderChannel::App) => walk.only("trade_type = 'APP'"),
            None => {}
        }
        if let Some(protocol) = self.protocol {
            let p = walk.text(Signed::Rsa.as_str());
            let is = if protocol == Protocol::V3 { "=" } else { "<>" };
            walk.only(format!("sign_type {is} {p}"));
        }
        if let Some(proof) = self.proof {
            let p = walk.text(proof.name());
            walk.only(format!("proof = {p}"));
        }
        match self.is_refunded {
            Some(true) => walk.only(REFUNDED),
            Some(false) => walk.only(format!("NOT {REFUNDED}")),
            None => {}
        }
    }
}
