//! Which request the work at hand is for: an id for people, and a W3C trace for tools. The task carries it, so that a line of the log
//! says it without a span, and nothing is allocated where nothing is logged.

use std::fmt::{self, Display, Formatter};

use tokio::task::JoinHandle;

tokio::task_local! {
    static CURRENT: Request;
}

/// A request that is being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    pub trace: Trace,
}

/// The longest id that is taken from a caller.
const LONGEST: usize = 64;

/// Letters, digits, `-`, `_` and `.`: whatever is made of it, a line of a log or a page, it stays one word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    text: [u8; LONGEST],
    length: usize,
}

/// The place in a trace (W3C Trace Context, <https://www.w3.org/TR/trace-context/>): all that happens for one cause, and our part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    pub trace: [u8; 16],
    /// Our part.
    pub span: [u8; 8],
    /// The part for which ours happens, if there is one.
    pub parent: Option<[u8; 8]>,
    /// Whether whoever began the trace wants its parts to be kept.
    pub sampled: bool,
}

impl Request {
    /// By what the caller sent in `X-Request-Id` and `traceparent`, as far as it can be used; the rest is made.
    pub fn of(id: Option<&[u8]>, traceparent: Option<&[u8]>) -> Request {
        let trace = traceparent.and_then(Trace::read).map_or_else(Trace::begun, |caller| caller.child());
        let id = id.and_then(RequestId::read).unwrap_or_else(|| RequestId::made(trace.span));
        Request { id, trace }
    }

    /// The one that this task works for, if any.
    pub fn current() -> Option<Request> {
        CURRENT.try_with(|request| *request).ok()
    }

    /// Does what belongs to it.
    pub async fn during<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }
}

/// Spawns a task that goes on working for the request of this one.
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    match Request::current() {
        Some(request) => tokio::spawn(request.during(work)),
        None => tokio::spawn(work),
    }
}

impl RequestId {
    /// `None` if it is too long or has other characters.
    pub fn read(text: &[u8]) -> Option<RequestId> {
        let is_known = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        if text.is_empty() || text.len() > LONGEST || !text.iter().all(is_known) {
            return None;
        }
        let mut id = RequestId { text: [0; LONGEST], length: text.len() };
        id.text[..text.len()].copy_from_slice(text);
        Some(id)
    }

    fn made(from: [u8; 8]) -> RequestId {
        let mut id = RequestId { text: [0; LONGEST], length: 16 };
        for (at, byte) in from.into_iter().enumerate() {
            id.text[2 * at..2 * at + 2].copy_from_slice(&hex(byte));
        }
        id
    }

    pub fn as_str(&self) -> &str {
        // It is ASCII: see `read`.
        std::str::from_utf8(&self.text[..self.length]).unwrap_or_default()
    }
}

impl Display for RequestId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Trace {
    /// A trace that begins here.
    pub fn begun() -> Trace {
        let mut trace = [0; 16];
        rand::fill(&mut trace);
        Trace { trace, span: new_span(), parent: None, sampled: false }
    }

    /// A new part, which happens for this one.
    pub fn child(&self) -> Trace {
        Trace { span: new_span(), parent: Some(self.span), ..*self }
    }

    /// What the header `traceparent` says: `version-trace-span-flags`; a later version may have more behind it. Zeros are no trace
    /// and no span.
    pub fn read(text: &[u8]) -> Option<Trace> {
        let (version, rest) = (text.get(..2)?, text.get(2..55)?);
        let is_shaped = rest[0] == b'-' && rest[33] == b'-' && rest[50] == b'-';
        let is_long = text.len() > 55;
        if !is_shaped || version == b"ff" || (is_long && (version == b"00" || text[55] != b'-')) {
            return None;
        }
        unhex::<1>(version)?;
        let (trace, span, [flags]) =
            (unhex(&rest[1..33])?, unhex(&rest[34..50])?, unhex::<1>(&rest[51..53])?);
        let sampled = flags & 1 == 1;
        (trace != [0; 16] && span != [0; 8]).then_some(Trace { trace, span, parent: None, sampled })
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn id(&self) -> impl Display + use<> {
        Hex(self.trace)
    }

    /// The header `traceparent` of a call that is made for the request: our part is its parent.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", Hex(self.trace), Hex(self.span), u8::from(self.sampled))
    }
}

fn new_span() -> [u8; 8] {
    let mut span = [0; 8];
    rand::fill(&mut span);
    span
}

struct Hex<const N: usize>([u8; N]);

impl<const N: usize> Display for Hex<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn hex(byte: u8) -> [u8; 2] {
    let digits = b"0123456789abcdef";
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

/// Lower case only, as the specification demands.
fn unhex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_goes_on_with_our_own_part_as_the_parent_of_what_we_call() {
        let request = Request::of(None, Some(PARENT.as_bytes()));
        let ours = request.trace.traceparent();
        assert_eq!((ours.len(), &ours[..36], &ours[52..]), (55, &PARENT[..36], "-01"));
        assert_ne!(ours, PARENT);
        assert_eq!(request.id.as_str(), &ours[36..52], "the id is our part's");
        assert_eq!(request.trace.parent, Trace::read(PARENT.as_bytes()).map(|caller| caller.span));
        let called = request.trace.child();
        assert_eq!((called.trace, called.parent), (request.trace.trace, Some(request.trace.span)));
        assert_ne!(Request::of(None, Some(PARENT.as_bytes())).id, request.id);
    }

    #[test]
    fn what_is_no_trace_begins_one() {
        let zeros = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let upper = PARENT.to_uppercase();
        let longer = format!("{PARENT}-more");
        for bad in [
            "",
            "00",
            zeros,
            &upper,
            &longer,
            &PARENT[..54],
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            let trace = Request::of(None, Some(bad.as_bytes())).trace.traceparent();
            assert!(!trace.contains("0af7651916cd43dd8448eb211c80319c"), "{bad}");
        }
        let later = longer.replacen("00", "cc", 1);
        assert_eq!(Request::of(None, Some(later.as_bytes())).trace.id().to_string(), PARENT[3..35]);
    }

    #[test]
    fn an_id_is_taken_if_it_is_one_short_word() {
        let taken = |id: &str| Request::of(Some(id.as_bytes()), None).id.as_str() == id;
        assert!(taken("4f8e2a1c-77aa_b.c") && taken(&"a".repeat(64)));
        for bad in ["", "two words", "line\nline", "\"", "{x}", "编号", &"a".repeat(65)] {
            assert!(!taken(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_task_knows_the_request_that_it_works_for() {
        let request = Request::of(None, None);
        assert_eq!(Request::current(), None);
        let inside = request.during(async {
            let current = Request::current();
            let elsewhere = tokio::spawn(async { Request::current() }).await.unwrap();
            let carried = spawn(async { Request::current() }).await.unwrap();
            (current, elsewhere, carried)
        });
        assert_eq!(inside.await, (Some(request), None, Some(request)));
        assert_eq!(Request::current(), None);
    }
}
