//! What is measured of requests, by the pattern of the route that serves them, and the span that each becomes: an address may hold the
//! number of an order.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use app::access::Route;
use http::{Method, StatusCode};
use observe::{
    Gauge, Histogram, IntCounter,
    request::Request,
    spans::{self, Answered, Served},
};

use crate::config::PublicUrl;

/// The patterns of all routes.
#[derive(Debug)]
pub struct Requests {
    patterns: matchit::Router<usize>,
    paths: Vec<Path>,
    in_flight: Gauge,
    served: Served,
}

/// One pattern; its series are made at the first request by a method, so that what nobody asks for has none.
#[derive(Debug)]
struct Path {
    pattern: String,
    methods: [OnceLock<Series>; METHODS.len()],
}

/// Stands for the pattern of an address that is not there.
const NONE: &str = "none";

/// The last one stands for all others.
const METHODS: [&str; 6] = ["GET", "POST", "PATCH", "DELETE", "HEAD", "other"];

#[derive(Debug)]
struct Series {
    seconds: Histogram,
    /// By class of the status, from 2xx on.
    answers: [IntCounter; 4],
}

/// A request that is being answered.
#[derive(Debug)]
pub struct UnderWay<'r> {
    requests: &'r Requests,
    path: &'r Path,
    series: &'r Series,
    method: &'static str,
    request: Request,
    began: Instant,
    status: Option<StatusCode>,
}

impl Requests {
    /// Of a server whose callers reach it at `public_url`.
    pub fn of(routes: &[Route], public_url: &PublicUrl) -> Requests {
        let mut requests = Requests {
            patterns: matchit::Router::new(),
            paths: Vec::new(),
            in_flight: observe::HTTP_IN_FLIGHT.of([]),
            served: served(public_url),
        };
        requests.add(NONE.to_owned());
        for route in routes {
            let place = requests.paths.len();
            // The same pattern may stand there for several methods.
            if requests.patterns.insert(route.path.clone(), place).is_ok() {
                requests.add(route.path.to_string());
            }
        }
        requests
    }

    fn add(&mut self, pattern: String) {
        self.paths.push(Path { pattern, methods: Default::default() });
    }

    /// A request came.
    pub fn came(&self, method: &Method, path: &str, request: Request) -> UnderWay<'_> {
        let place = self.patterns.at(path).map_or(0, |found| *found.value);
        let path = &self.paths[place];
        self.in_flight.inc();
        UnderWay {
            requests: self,
            path,
            series: path.series(method),
            method: spans::method(method.as_str()),
            request: spans::begun(request),
            began: Instant::now(),
            status: None,
        }
    }
}

fn served(public_url: &PublicUrl) -> Served {
    let scheme = if public_url.is_https() { "https" } else { "http" };
    Served { scheme, host: public_url.host().to_owned(), port: public_url.port() }
}

impl Path {
    fn series(&self, method: &Method) -> &Series {
        let place = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        self.methods[place].get_or_init(|| {
            let labels = [&*self.pattern, METHODS[place]];
            let answers = |class| observe::HTTP_REQUESTS.of([labels[0], labels[1], class]);
            let answers = ["2xx", "3xx", "4xx", "5xx"].map(answers);
            Series { seconds: observe::HTTP_SECONDS.of(labels), answers }
        })
    }
}

impl UnderWay<'_> {
    /// The request, for those who work for it.
    pub fn request(&self) -> Request {
        self.request
    }

    /// Its answer begins.
    pub fn answered(mut self, status: StatusCode) -> Duration {
        let took = self.began.elapsed();
        self.status = Some(status);
        self.series.seconds.observe(took.as_secs_f64());
        let class = usize::from(status.as_u16() / 100).clamp(2, 5);
        self.series.answers[class - 2].inc();
        took
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.requests.in_flight.dec();
        let route = Some(&*self.path.pattern).filter(|pattern| *pattern != NONE);
        spans::answered(&Answered {
            request: self.request,
            served: &self.requests.served,
            method: self.method,
            route,
            began: self.began,
            status: self.status.map(|status| status.as_u16()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public_url(text: &str) -> PublicUrl {
        PublicUrl::parse("SAOMA_PUBLIC_URL", text).unwrap()
    }

    #[test]
    fn a_span_says_where_callers_reach_the_server() {
        for (address, scheme, host, port) in [
            ("https://pay.example.com", "https", "pay.example.com", 443),
            ("http://pay.example.com:3000", "http", "pay.example.com", 3000),
            ("http://[::1]", "http", "[::1]", 80),
        ] {
            let expected = Served { scheme, host: host.to_owned(), port };
            assert_eq!(served(&public_url(address)), expected);
        }
    }

    #[test]
    fn a_request_counts_for_its_pattern_and_an_address_that_is_not_there_for_none() {
        let requests = Requests::of(&crate::router::register(), &public_url("http://127.0.0.1:3000"));
        let pattern = |method: Method, path: &str| {
            requests.came(&method, path, Request::of(None, None)).answered(StatusCode::OK);
            let place = requests.patterns.at(path).map_or(0, |found| *found.value);
            requests.paths[place].pattern.clone()
        };
        assert_eq!(pattern(Method::GET, "/"), "/");
        assert_eq!(
            pattern(Method::GET, "/api/v1/recharges/SM00000000000000000042"),
            "/api/v1/recharges/{out_trade_no}"
        );
        assert_eq!(pattern(Method::GET, "/.env"), "none");
        assert_eq!(pattern(Method::TRACE, "/wxpay/notify"), "/wxpay/notify");
        assert!(!observe::text().contains("SM00000000000000000042"));
    }

    #[test]
    fn every_route_of_the_register_has_a_pattern_of_its_own() {
        let routes = crate::router::register();
        let requests = Requests::of(&routes, &public_url("http://127.0.0.1:3000"));
        for route in &routes {
            assert!(requests.paths.iter().any(|path| *path.pattern == *route.path), "{}", route.path);
        }
    }
}
