//! The audit as CSV: exactly what the page's filter chooses, streamed, so that its length costs no memory.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use app::{
    Lang,
    access::{Caller, Limit, Permission, Routes},
    links,
    pages::{audit_csv_head, audit_csv_line, audit_filter},
    request::PageRequest,
};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::State,
    response::{IntoResponse as _, Response},
};
use cashier::db::audit::AuditFilter;
use http::header;
use http_body::Frame;
use tokio::sync::mpsc;
use wxpay::UnixMillis;

use crate::state::Server;

/// Rows that are read at a time.
const ROWS: i64 = 1_000;
/// Pieces that wait for a slow reader; the reading waits with them.
const PIECES: usize = 2;

pub(crate) fn routes() -> Routes<Server> {
    Routes::new().get(links::AUDIT_CSV, Caller::Operator(Permission::View), Limit::Reads, export)
}

async fn export(State(server): State<Server>, request: PageRequest) -> Response {
    let (filter, lang) = (audit_filter(&request), request.lang);
    let (sender, receiver) = mpsc::channel(PIECES);
    observe::request::spawn(async move {
        if let Err(error) = send(&server, &filter, lang, &sender).await {
            // The reader sees a connection that is cut, and never a file that only looks whole.
            tracing::error!(error = &error as &dyn std::error::Error, "the audit could not be exported");
            let _ = sender.send(None).await;
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::new(Pieces(receiver))).into_response()
}

/// Sends the rows piece by piece, and ends when nobody reads any more.
async fn send(
    server: &Server,
    filter: &AuditFilter,
    lang: Lang,
    sender: &mpsc::Sender<Option<Bytes>>,
) -> Result<(), cashier::DbError> {
    let mut piece = audit_csv_head(lang);
    let mut place: Option<(UnixMillis, String)> = None;
    loop {
        let cursor = place.as_ref().map(|(at, id)| (*at, id.as_str()));
        let rows = server.pages.operators.audit(filter, cursor, ROWS).await?;
        rows.iter().for_each(|row| piece.push_str(&audit_csv_line(lang, row)));
        let sent = sender.send(Some(Bytes::from(std::mem::take(&mut piece)))).await;
        place = rows.last().map(|row| (row.at, row.id.clone()));
        if sent.is_err() || i64::try_from(rows.len()).unwrap_or(ROWS) < ROWS {
            return Ok(());
        }
    }
}

/// The answer's body; `None` in the channel cuts the connection.
struct Pieces(mpsc::Receiver<Option<Bytes>>);

/// Why an answer was cut.
#[derive(Debug, thiserror::Error)]
#[error("the export was cut off")]
struct Cut;

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data).ok_or(Cut)))
    }
}
