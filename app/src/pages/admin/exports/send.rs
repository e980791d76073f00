//! An export on its way: rows are read in steps, written, and sent; the export's row and the audit say how far it came. What
//! breaks off ends the connection without its end, so that no browser takes it for whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use cashier::db::exports::{Begun, Export, Format, Problem};
use cashier::{Cashier, DbError};
use http_body::Frame;
use recharge::audit::Acting;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::cell::Cell;
use super::csv;
use super::rows::{Source, Step};
use super::xlsx::{SheetError, Sheets};
use crate::lang::Lang;
use crate::text::export as text;

/// How often a step that the database did not answer is tried again, and the pause before that.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// How often the export's row is moved on.
const MOVE_EVERY: Duration = Duration::from_secs(1);
/// Within this time a connection that can send has sent what it took.
const FLUSH: Duration = Duration::from_millis(200);
/// Parts that wait for the connection.
const PARTS: usize = 4;
/// Bytes of a part of a file that is read from disk.
const PART: usize = 64 * 1024;

/// Why an export did not begin. Nothing was sent.
#[derive(Debug)]
pub enum BeginError {
    /// As many are made as may be.
    Busy,
    /// This operator has another one under way.
    Another,
    /// Its search fits more than can be followed.
    Cut,
    Database(DbError),
}

impl From<DbError> for BeginError {
    fn from(error: DbError) -> Self {
        BeginError::Database(error)
    }
}

/// One export that is being made.
struct Making {
    cashier: Cashier,
    export: Export,
    source: Source,
    by: Acting,
    lang: Lang,
    done: i64,
    moved: Instant,
    to: Sender<Result<Bytes, io::Error>>,
}

/// Why the making stopped.
enum Stop {
    Reader,
    Database(DbError),
    File(SheetError),
}

/// Begins an export: the first rows are read before anything is answered.
///
/// # Errors
/// [`BeginError`].
pub async fn begin(
    cashier: &Cashier,
    export: Export,
    mut source: Source,
    by: Acting,
    lang: Lang,
) -> Result<Response, BeginError> {
    let first = source.next(cashier, lang).await?;
    if source.is_cut() {
        return Err(BeginError::Cut);
    }
    match cashier.begin_export(&export, &by).await? {
        Begun::Yes => {}
        Begun::Another => return Err(BeginError::Another),
        Begun::Full => return Err(BeginError::Busy),
    }
    let (to, body) = mpsc::channel(PARTS);
    let name = format!("{}-{}.{}", export.content.name(), cashier.now().to_beijing(), export.format.name());
    let kind = match export.format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    };
    let cashier = cashier.clone();
    let moved = Instant::now();
    let making = Making { cashier, export, source, by, lang, done: 0, moved, to };
    observe::request::spawn(making.run(first));
    let mut response = Response::new(Body::new(Parts(body)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// The parts of a file as they are made.
struct Parts(Receiver<Result<Bytes, io::Error>>);

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(cx).map(|part| part.map(|part| part.map(Frame::data)))
    }
}

impl Making {
    async fn run(mut self, first: Step) {
        let mut made = match self.export.format {
            Format::Csv => self.csv(first).await,
            Format::Xlsx => self.xlsx(first).await,
        };
        // All places of the channel are free once the connection has taken every part.
        if made.is_ok() && self.to.reserve_many(PARTS).await.is_err() {
            made = Err(Stop::Reader);
        }
        let problem = match made {
            Ok(()) => None,
            Err(Stop::Reader) => Some(Problem::Reader),
            Err(Stop::Database(error)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "an export could not be read to its end"
                );
                Some(Problem::Database)
            }
            Err(Stop::File(error)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the file of an export could not be made"
                );
                Some(Problem::File)
            }
        };
        // Before the last part: who has the whole file finds it whole in the audit, too.
        let ended = self.cashier.end_export(&self.export, self.done, problem, &self.by).await;
        if let Err(error) = &ended {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the end of an export could not be written"
            );
        }
        if problem.is_some() || ended.is_err() {
            if self.export.format == Format::Csv {
                let cells = [Cell::Text(self.lang.t(text::NOT_WHOLE).to_owned())];
                let _ = self.to.send(Ok(csv::line(&cells).into())).await;
                // An error of the body makes the connection drop what it has not sent yet.
                let _ = self.to.reserve_many(PARTS).await.map(drop);
                tokio::time::sleep(FLUSH).await;
            }
            // Without the end of the body the browser says that the download failed.
            let _ = self.to.send(Err(io::Error::other("the export broke off"))).await;
        }
    }

    async fn csv(&mut self, first: Step) -> Result<(), Stop> {
        let heads: Vec<_> =
            self.source.heads(self.lang).into_iter().map(|head| Cell::Text(head.to_owned())).collect();
        self.send(format!("{}{}", csv::MARK, csv::line(&heads))).await?;
        let mut step = first;
        loop {
            if !step.rows.is_empty() {
                let part: String = step.rows.iter().map(|row| csv::line(row)).collect();
                self.send(part).await?;
            }
            match self.after(step.rows.len(), step.is_last).await? {
                Some(next) => step = next,
                None => return Ok(()),
            }
        }
    }

    async fn xlsx(&mut self, first: Step) -> Result<(), Stop> {
        let heads = self.source.heads(self.lang);
        let (rows, mut taken) = mpsc::channel::<Vec<Vec<Cell>>>(2);
        let writing = tokio::task::spawn_blocking(move || {
            let mut sheets = Sheets::new(heads)?;
            while let Some(rows) = taken.blocking_recv() {
                rows.iter().try_for_each(|row| sheets.row(row))?;
            }
            sheets.end()
        });
        let mut step = first;
        loop {
            if self.to.is_closed() {
                return Err(Stop::Reader);
            }
            let (count, is_last) = (step.rows.len(), step.is_last);
            // A writer that has ended says why below.
            if rows.send(step.rows).await.is_err() {
                break;
            }
            match self.after(count, is_last).await? {
                Some(next) => step = next,
                None => break,
            }
        }
        drop(rows);
        let file = match writing.await {
            Ok(made) => made.map_err(Stop::File)?,
            Err(error) => return Err(Stop::File(io::Error::other(error).into())),
        };
        let mut file = tokio::fs::File::from_std(file);
        loop {
            let mut part = vec![0; PART];
            let read = tokio::io::AsyncReadExt::read(&mut file, &mut part).await;
            let read = read.map_err(|error| Stop::File(error.into()))?;
            if read == 0 {
                return Ok(());
            }
            part.truncate(read);
            self.send(part).await?;
        }
    }

    async fn send(&self, part: impl Into<Bytes>) -> Result<(), Stop> {
        self.to.send(Ok(part.into())).await.map_err(|_| Stop::Reader)
    }

    /// Counts what was written, and reads the next step; `None` at the end. A database that is busy for a moment is asked again.
    async fn after(&mut self, written: usize, is_last: bool) -> Result<Option<Step>, Stop> {
        self.done += i64::try_from(written).unwrap_or(0);
        if is_last {
            return Ok(None);
        }
        if self.moved.elapsed() >= MOVE_EVERY {
            self.moved = Instant::now();
            // Only the page of its progress misses it.
            let _ = self.cashier.move_export(&self.export, self.done).await;
        }
        let mut tries = 1;
        loop {
            match self.source.next(&self.cashier, self.lang).await {
                Ok(step) => return Ok(Some(step)),
                Err(error) if tries >= TRIES => return Err(Stop::Database(error)),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a step of an export is tried again"
                ),
            }
            if self.to.is_closed() {
                return Err(Stop::Reader);
            }
            tries += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}
