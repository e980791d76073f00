//! The list of all metrics.

use crate::family::{Counters, Gauges, Histograms, Label, Metric, OPEN, Sums};

/// Metrics about one thing.
pub struct Group {
    pub title: &'static str,
    pub metrics: &'static [&'static dyn Metric],
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.title)
    }
}

/// Declares each metric as a constant of its own, and [`LIST`] of all of them.
macro_rules! metrics {
    ($($title:literal { $($name:ident: $family:ident<$n:literal> = $text:literal, $labels:expr, $help:literal $(, $buckets:expr)?;)* })*) => {
        $($(
            #[doc = $help]
            pub static $name: $family<$n> = $family::new($text, $labels, $help)$(.within($buckets))?;
        )*)*

        /// All metrics, in the order of the page.
        pub static LIST: &[Group] = &[$(Group { title: $title, metrics: &[$(&$name),*] }),*];
    };
}

/// Of requests and statements: most take some milliseconds.
const FAST: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Of calls over the internet, which are given up after 7 s.
const FAR: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 7.0, 15.0];
const STATEMENTS: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0];
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
/// From a payment to its credit: a notice takes a second, a query up to some minutes, a bill a day.
const CREDITS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 86400.0];

const PROTOCOL: Label = ("protocol", &["v2", "v3"]);
const PROOF: Label = ("proof", &["notice", "query"]);
const LANE: Label = ("lane", &["money", "spending"]);
const POOL: Label = ("pool", &["reading", "writing"]);

metrics! {
    "Requests" {
        HTTP_REQUESTS: Counters<3> = "saoma_http_requests_total",
            [("route", OPEN), ("method", OPEN), ("status", &["2xx", "3xx", "4xx", "5xx"])],
            "Requests answered, by the route's pattern (`none` where there is no such address) and the class of the status.";
        HTTP_SECONDS: Histograms<2> = "saoma_http_request_duration_seconds", [("route", OPEN), ("method", OPEN)],
            "Time from a request's head to its answer's head. `/api/order_status` and `/api/v1/events` may be held until there is news.", FAST;
        HTTP_IN_FLIGHT: Gauges<0> = "saoma_http_requests_in_flight", [],
            "Requests that are being answered.";
        HELD_POLLS: Gauges<0> = "saoma_held_polls", [],
            "Polls of pages that wait for news of their order.";
        POLLS_NOT_HELD: Counters<0> = "saoma_polls_not_held_total", [],
            "Polls that were answered at once because there was no place to hold them.";
        CONNECTIONS: Gauges<0> = "saoma_http_connections", [],
            "Open connections of clients.";
        CONNECTIONS_MAX: Gauges<0> = "saoma_http_connections_max", [],
            "Connections at most: the setting `max_connections`. Pages get 80 % of them, notices all.";
        SHED: Counters<0> = "saoma_shed_total", [],
            "Requests of pages that were refused with 503 because pages had all their places.";
    }
    "WeChat" {
        WECHAT_CALLS: Counters<3> = "saoma_wechat_calls_total",
            [("api", APIS), ("protocol", PROTOCOL.1), ("outcome", &["ok", "refused", "not_understood", "unclear", "not_sent"])],
            "Calls of WeChat. `refused`: it said no to this one, as it does to a query of an order that nobody opened. `not_understood`: \
             the request was wrong, such as its key. `unclear`: no answer, or none that can be believed.";
        WECHAT_SECONDS: Histograms<2> = "saoma_wechat_call_duration_seconds", [("api", APIS), PROTOCOL],
            "Time of a call of WeChat, the second host included.", FAR;
        WECHAT_ILL: Gauges<2> = "saoma_wechat_ill", [("calls", OPEN), PROTOCOL],
            "1 while calls of this kind are held back because WeChat does not answer, except for probes.";
        NEW_ORDERS_STOPPED: Gauges<1> = "saoma_new_orders_stopped", [PROTOCOL],
            "1 while no new orders are taken by this protocol, because WeChat accepts none of our requests.";
        CLOCK_AHEAD: Gauges<0> = "saoma_wechat_clock_ahead_seconds", [],
            "How far WeChat's clock was ahead of this machine's in its last answer; negative if behind. Exact to about a second.";
        CERTIFICATE_EXPIRES: Gauges<1> = "saoma_certificate_expires_timestamp_seconds", [("certificate", OPEN)],
            "When a certificate ends: `merchant` is the merchant's own, `wechat` the last of WeChat's platform certificates.";
    }
    "Notices" {
        NOTICES: Counters<2> = "saoma_notices_total", [PROTOCOL, ("verdict", NOTICE_VERDICTS)],
            "Notices of payments, by what became of them. `repeated`: the payment was credited already.";
        REFUND_NOTICES: Counters<2> = "saoma_refund_notices_total", [PROTOCOL, ("verdict", REFUND_VERDICTS)],
            "Notices of refunds, by what became of them.";
        SCANS: Counters<1> = "saoma_scans_total", [("verdict", SCAN_VERDICTS)],
            "Scans of static codes that WeChat asked about, by what it was answered.";
        LAST_NOTICE: Gauges<1> = "saoma_last_notice_timestamp_seconds", [("protocol", OPEN)],
            "When the last genuine notice came to any instance, to the minute.";
    }
    "Money" {
        ORDERS: Counters<0> = "saoma_orders_placed_total", [],
            "Orders placed.";
        PAYMENTS: Counters<1> = "saoma_payments_total", [PROOF],
            "Orders paid, by what proved it first: WeChat's notice, or a query.";
        PAID_FEN: Counters<0> = "saoma_paid_fen_total", [],
            "What was paid for orders, in fen.";
        CREDIT_SECONDS: Histograms<1> = "saoma_credit_delay_seconds", [PROOF],
            "Time from a payment, by WeChat's clock, to its commit here.", CREDITS;
        REFUNDS: Counters<0> = "saoma_refunds_total", [],
            "Refunds that arrived at the payer.";
        REFUNDED_FEN: Counters<0> = "saoma_refunded_fen_total", [],
            "What those gave back, in fen.";
        DEBITED_FEN: Counters<0> = "saoma_debited_fen_total", [],
            "What debits took from balances, in fen.";
        REVERSED_FEN: Counters<0> = "saoma_reversed_fen_total", [],
            "What reversals gave back of debits, in fen.";
        OPEN_ORDERS: Gauges<1> = "saoma_open_orders", [("state", &["created", "pending"])],
            "Orders that can still be paid, counted up to 100,000 of each state.";
        EXCEPTIONS: Gauges<1> = "saoma_exceptions_open", [("kind", OPEN)],
            "Exceptions that wait for a person: real money that fits no open order.";
        EXCEPTIONS_AGE: Gauges<0> = "saoma_exceptions_oldest_seconds", [],
            "How long the oldest of them has been open; 0 if there is none.";
        REFUNDS_OPEN: Gauges<1> = "saoma_refunds_open", [("state", &["requested", "submitted", "abnormal"])],
            "Refunds that have not ended.";
        REFUNDS_AGE: Gauges<0> = "saoma_refunds_oldest_seconds", [],
            "How long ago the oldest of them was asked for; 0 if there is none.";
        REFUNDS_STUCK: Gauges<0> = "saoma_refunds_need_person", [],
            "Refunds that go on only when a person does something.";
        DUE: Gauges<0> = "saoma_due_queries", [],
            "Orders that are due for a query of WeChat, counted up to a limit.";
        DUE_LAG: Gauges<0> = "saoma_due_queries_lag_seconds", [],
            "How long the first of them has been due.";
        RECONCILED: Gauges<0> = "saoma_reconciled_day_timestamp_seconds", [],
            "The beginning of the last day, in Beijing, that was compared with WeChat's bill.";
        DIFFERENCES: Gauges<0> = "saoma_open_differences", [],
            "Differences between our books and WeChat's bills that nobody has settled.";
        VIOLATIONS: Gauges<0> = "saoma_check_violations", [],
            "What the last self-checks found wrong with the books. Anything but 0 is serious.";
        CHECKED: Gauges<1> = "saoma_checked_timestamp_seconds", [("scope", OPEN)],
            "When a self-check of what `moved` and of the `whole` last ended.";
    }
    "Telling the site" {
        EVENTS_WAITING: Gauges<0> = "saoma_events_unnumbered", [],
            "Events that are committed and have no number yet, so that no program sees them; counted up to 10,000.";
        EVENTS_LAG: Gauges<0> = "saoma_events_lag_seconds", [],
            "How long the oldest of them has waited.";
        WEBHOOK_TRIES: Counters<1> = "saoma_webhook_tries_total", [("outcome", &["delivered", "failed", "gone"])],
            "Tries to deliver an event to a webhook endpoint.";
        WEBHOOK_SECONDS: Histograms<0> = "saoma_webhook_try_duration_seconds", [],
            "Time of a try.", FAR;
        WEBHOOKS_WAITING: Gauges<0> = "saoma_webhook_deliveries_waiting", [],
            "Deliveries that are not over, counted up to 10,000.";
        WEBHOOKS_LAG: Gauges<0> = "saoma_webhook_lag_seconds", [],
            "How long the delivery that is most overdue should have been sent.";
        WEBHOOKS_ILL: Gauges<0> = "saoma_webhook_endpoints_ill", [],
            "Endpoints that do not take deliveries and are only probed.";
        WEBHOOKS_DISABLED: Gauges<0> = "saoma_webhook_endpoints_disabled", [],
            "Endpoints that were disabled because they took nothing, not by hand.";
        EPAY_TRIES: Counters<1> = "saoma_epay_tries_total", [("outcome", &["told", "failed", "given_up"])],
            "Tries to tell a site that speaks 易支付 of a payment.";
        EPAY_WAITING: Gauges<0> = "saoma_epay_notices_waiting", [],
            "Such sites' orders that they have not been told of, counted up to 10,000.";
        EPAY_LAG: Gauges<0> = "saoma_epay_lag_seconds", [],
            "How long the one that is most overdue should have been sent.";
    }
    "The writer" {
        WRITER_BATCH: Histograms<0> = "saoma_writer_batch_commands", [],
            "Commands that were committed together.", BATCHES;
        WRITER_SECONDS: Histograms<0> = "saoma_writer_batch_duration_seconds", [],
            "Time of a batch, from its reading to the end of its commit.", FAST;
        COMMIT_SECONDS: Histograms<0> = "saoma_writer_commit_duration_seconds", [],
            "Of that, the commit itself: the disk.", FAST;
        WRITER_WAIT: Histograms<1> = "saoma_writer_queue_duration_seconds", [LANE],
            "How long commands waited in the queue.", FAST;
        WRITER_WAITING: Gauges<1> = "saoma_writer_waiting", [LANE],
            "Commands in the queue.";
        WRITER_REFUSED: Counters<1> = "saoma_writer_refused_total", [LANE],
            "Commands that were refused because the queue was full. Nothing of them was written.";
        WRITER_BATCHES: Counters<1> = "saoma_writer_batches_total", [("outcome", &["written", "again", "failed"])],
            "Batches by how they ended. `again`: another instance changed a row first, so it is decided anew.";
    }
    "Database" {
        DB_UP: Gauges<0> = "saoma_db_up", [],
            "1 if the database answered this very scrape and takes writes. While it is 0, what stands in the database is as it was before.";
        DB_SECONDS: Histograms<1> = "saoma_db_statement_duration_seconds", [("connection", &["reading", "writing", "writer"])],
            "Time of a statement, by who runs it: pages and loops read, others write, the writer commits money.", STATEMENTS;
        DB_ERRORS: Counters<1> = "saoma_db_errors_total",
            [("kind", &["connect", "connection", "timeout", "pool", "conflict", "constraint", "statement"])],
            "Statements that failed. `conflict` and `constraint` are part of how instances share work; `pool` is a caller who waited in vain.";
        DB_WAIT: Histograms<1> = "saoma_db_pool_wait_seconds", [POOL],
            "How long callers waited for a connection out of the pool, its opening included.", STATEMENTS;
        DB_CONNECTIONS: Gauges<2> = "saoma_db_connections", [POOL, ("state", &["idle", "used"])],
            "Connections of the pools.";
        DB_CONNECTIONS_MAX: Gauges<1> = "saoma_db_connections_max", [POOL],
            "Connections at most.";
        DB_BYTES: Gauges<0> = "saoma_db_file_bytes", [],
            "The SQLite file with its log.";
        DISK_FREE: Gauges<0> = "saoma_disk_free_bytes", [],
            "What is left on the disk of the SQLite file, or of the working folder.";
        DISK_SIZE: Gauges<0> = "saoma_disk_size_bytes", [],
            "The size of that disk.";
        BACKUP: Gauges<0> = "saoma_backup_timestamp_seconds", [],
            "When `saoma backup` last succeeded. Absent before the first time.";
    }
    "The process" {
        BUILD: Gauges<1> = "saoma_build_info", [("version", OPEN)],
            "Always 1; its label is the version.";
        STUCK: Gauges<1> = "saoma_loop_stuck", [("loop", OPEN)],
            "1 if a background loop is at one step for longer than it may be: `/livez` says so too.";
        RELOAD_FAILED: Gauges<0> = "saoma_reload_failed", [],
            "1 if the last reading of secrets, keys and certificates while running failed, so that the former ones are in use.";
        CPU: Sums<0> = "process_cpu_seconds_total", [],
            "Processor time.";
        MEMORY: Gauges<0> = "process_resident_memory_bytes", [],
            "Memory.";
        FILES: Gauges<0> = "process_open_fds", [],
            "Open files and sockets.";
        FILES_MAX: Gauges<0> = "process_max_fds", [],
            "Open files and sockets at most.";
        STARTED: Gauges<0> = "process_start_time_seconds", [],
            "When the process started.";
    }
}

/// What WeChat is asked for.
const APIS: &[&str] =
    &["place", "query", "close", "refund", "query_refunds", "bill", "certificates", "short_url"];

/// What becomes of a notice of a payment: taken, kept as an exception, not written, or not believed and why.
const NOTICE_VERDICTS: &[&str] = &[
    "credited",
    "credited_late",
    "kept_for_refund",
    "repeated",
    "weaker_signature",
    "not_paid",
    "other_event",
    "not_written",
    "late",
    "duplicate",
    "amount_mismatch",
    "currency_mismatch",
    "channel_mismatch",
    "unknown_order",
    "other_app",
    "refunded_outside",
    "no_credentials",
    "no_keys",
    "too_large",
    "malformed",
    "return_code",
    "bad_signature",
    "other_merchant",
    "bad_field",
    "seal",
    "no_headers",
    "duplicate_header",
    "other_algorithm",
    "bad_timestamp",
    "stale",
    "unknown_serial",
    "not_base64",
    "probe",
    "mismatch",
];

const REFUND_VERDICTS: &[&str] = &[
    "taken",
    "unconfirmed",
    "not_written",
    "no_credentials",
    "too_large",
    "malformed",
    "return_code",
    "other_merchant",
    "sealed",
    "bad_field",
];

const SCAN_VERDICTS: &[&str] = &[
    "placed",
    "not_sold",
    "late",
    "no_credentials",
    "too_large",
    "malformed",
    "not_a_callback",
    "bad_signature",
    "other_merchant",
    "bad_field",
];
