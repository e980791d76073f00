//! The register of routes. Each route states its method, its path, who may call it and what limits it; the server builds
//! its routers from the register alone, so that none of these can be left out.

use std::borrow::Cow;

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, patch, post};
use leptos::server_fn::ServerFn;
use recharge::api_key::Scope;
use recharge::role::Role;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Anybody.
    Stranger(Stranger),
    /// An operator who is signed in and has this permission.
    Operator(Permission),
    /// One of the site's own programs, with a key that has this scope; without one any key will do. No session is read.
    Key(Option<Scope>),
}

/// How a stranger calls, which decides what is looked up before the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// WeChat, an integrator's program, a health check or a browser that wants a file: no session is read.
    Program,
    /// A browser: the payer's session is read where there is one, and the handler decides what it shows to whom.
    Browser,
}

/// What an operator may do; [`permissions`] says which role may what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Reads the desk's pages.
    View,
    /// Acts where no money moves: asks WeChat, closes an order, writes a note.
    Support,
    /// Moves money: refunds, resolves exceptions, dismisses differences.
    Finance,
    /// Decides who else is an operator, which programs have keys, and what the settings are.
    Owner,
}

impl Permission {
    /// All of them.
    pub const ALL: &'static [Permission] =
        &[Permission::View, Permission::Support, Permission::Finance, Permission::Owner];
}

/// What operators of a role may do.
pub fn permissions(role: Role) -> &'static [Permission] {
    match role {
        Role::Viewer => &[Permission::View],
        Role::Support => &[Permission::View, Permission::Support],
        Role::Finance => &[Permission::View, Permission::Support, Permission::Finance],
        Role::Owner => Permission::ALL,
    }
}

/// What keeps callers of a route from using up the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Nothing: the route reads and changes nothing.
    Reads,
    /// Questions about an order that the caller names: those that find nothing are counted, by user or else by address.
    Misses,
    /// Nothing: the route sets or clears a cookie of its caller and touches no database.
    OwnCookie,
    /// Work for a payer: counted by user and by address before the handler.
    Payer,
    /// Work for an integrator's user: counted by user in the handler, which knows the user from the token.
    Integrator,
    /// A call of one of the site's own programs: counted by key before the handler.
    Key,
    /// Nothing before the handler: it ends in the writer's queue for spending, which refuses what it has no room for.
    Queue,
    /// Work that a merchant of 易支付 signed: counted by address before the handler, and by merchant in it, which knows who signed.
    Merchant,
    /// A question of anybody that is answered once: counted by address before the handler.
    Address,
    /// An operator's action: counted by operator before the handler.
    Operator,
    /// Tries to sign in: counted by name and by address in the handler.
    SignIn,
    /// Notices of WeChat: size and time of each are bounded, and their number is not, because a refused notice is money
    /// that is credited late.
    Notice,
}

/// One entry of the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    /// With `{names}` for what varies.
    pub path: Cow<'static, str>,
    pub caller: Caller,
    pub limit: Limit,
}

/// The register: routes with their handlers, which still need a state `S`.
#[derive(Debug)]
pub struct Routes<S = ()>(Vec<(Route, MethodRouter<S>)>);

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub fn new() -> Self {
        Routes(Vec::new())
    }

    /// A route that reads; `HEAD` comes with it.
    pub fn get<H, T>(
        self,
        path: impl Into<Cow<'static, str>>,
        caller: Caller,
        limit: Limit,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::GET, path.into(), caller, limit, get(handler))
    }

    /// A route that changes something, or whose question does not fit an address.
    pub fn post<H, T>(
        self,
        path: impl Into<Cow<'static, str>>,
        caller: Caller,
        limit: Limit,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::POST, path.into(), caller, limit, post(handler))
    }

    /// A route that changes parts of something.
    pub fn patch<H, T>(
        self,
        path: impl Into<Cow<'static, str>>,
        caller: Caller,
        limit: Limit,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::PATCH, path.into(), caller, limit, patch(handler))
    }

    /// A route that deletes something.
    pub fn delete<H, T>(
        self,
        path: impl Into<Cow<'static, str>>,
        caller: Caller,
        limit: Limit,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::DELETE, path.into(), caller, limit, delete(handler))
    }

    /// The server function `F`, called by browsers. One that is not registered does not exist.
    pub fn function<F, H, T>(self, limit: Limit, handler: H) -> Self
    where
        F: ServerFn,
        H: Handler<T, S>,
        T: 'static,
    {
        self.post(F::PATH, Caller::Stranger(Stranger::Browser), limit, handler)
    }

    fn add(
        mut self,
        method: Method,
        path: Cow<'static, str>,
        caller: Caller,
        limit: Limit,
        handler: MethodRouter<S>,
    ) -> Self {
        self.0.push((Route { method, path, caller, limit }, handler));
        self
    }

    /// Both registers in one.
    pub fn merge(mut self, others: Routes<S>) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The register with its handlers' state.
    pub fn with_state(self, state: S) -> Routes {
        let provided = self.0.into_iter().map(|(route, handler)| (route, handler.with_state(state.clone())));
        Routes(provided.collect())
    }

    /// What is registered, without the handlers.
    pub fn list(&self) -> Vec<Route> {
        self.0.iter().map(|(route, _)| route.clone()).collect()
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Routes::new()
    }
}

impl<S> IntoIterator for Routes<S> {
    type Item = (Route, MethodRouter<S>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
