//! Streaming reader of bills: takes bytes in whatever pieces they come, gives rows, never holds the whole bill.

use std::collections::VecDeque;
use std::io::Write;

use flate2::write::GzDecoder;

use super::error::{BillError, LineError};
use super::hash::Sha1;
use super::line::{self, Header, SUMMARY};
use super::row::{BillRow, BillSummary};
use crate::printable::printable;
use crate::v2::REPLY_LIMIT;
use crate::v2::xml::Fields;

/// Longest line in bytes: 27 columns, of which the longest are a text of 128 characters and an `attach` of as many.
const LINE_LIMIT: usize = 64 * 1024;

/// Bytes of gzip that are unpacked at a time: they may become a thousand times as many.
const PIECE: usize = 1024;

/// Longest bill in bytes, unpacked: ten million lines of 400 bytes.
const LIMIT: u64 = 4 * 1024 * 1024 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Takes a bill's bytes with [`BillReader::push`] and their end with [`BillReader::finish`], and gives the rows with
/// [`BillReader::pop`] in between and after. Gzip and error messages are recognised by their first bytes.
#[derive(Debug)]
pub struct BillReader {
    packed: Packed,
    text: Text,
}

#[derive(Debug)]
enum Packed {
    /// Not enough bytes to know.
    Unknown(Vec<u8>),
    Plain,
    Gzip(Box<GzDecoder<Vec<u8>>>),
}

impl Default for BillReader {
    fn default() -> Self {
        Self::new()
    }
}

impl BillReader {
    /// A reader of at most 4 GiB, unpacked.
    pub fn new() -> Self {
        Self::with_limit(LIMIT)
    }

    /// A reader of at most `limit` bytes, unpacked.
    pub fn with_limit(limit: u64) -> Self {
        let (place, rows) = (Place::Start(Vec::new()), VecDeque::new());
        let text = Text { limit, read: 0, hash: None, line: 0, place, rows };
        BillReader { packed: Packed::Unknown(Vec::new()), text }
    }

    /// The same reader, which believes the file only if SHA-1 of it, unpacked, is `sha1`. It is known at the end, so rows
    /// come before.
    #[must_use]
    pub fn with_sha1(mut self, sha1: [u8; 20]) -> Self {
        self.text.hash = Some(Sha1::new(sha1));
        self
    }

    /// Takes the next piece, however long or short.
    /// # Errors
    /// [`BillError`]; push nothing more then. The rows before the error can still be popped.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), BillError> {
        match &mut self.packed {
            Packed::Plain => self.text.push(piece),
            Packed::Gzip(decoder) => unpack(decoder, &mut self.text, piece),
            Packed::Unknown(begun) => {
                begun.extend_from_slice(piece);
                if begun.len() < 2 {
                    return Ok(());
                }
                let begun = std::mem::take(begun);
                self.packed = match begun.starts_with(&[0x1f, 0x8b]) {
                    true => Packed::Gzip(Box::new(GzDecoder::new(Vec::new()))),
                    false => Packed::Plain,
                };
                self.push(&begun)
            }
        }
    }

    /// The next row of what was pushed; `None` until more is pushed. Rows of a gzip may come late, the last ones only with
    /// [`BillReader::finish`].
    pub fn pop(&mut self) -> Option<BillRow> {
        self.text.rows.pop_front()
    }

    /// Ends the reading; call it once, when there are no more bytes.
    /// # Errors
    /// [`BillError::Truncated`] if the summary has not come, [`BillError::OtherHash`] if it is another file than WeChat
    /// announced, and what WeChat said in place of a bill.
    pub fn finish(&mut self) -> Result<BillSummary, BillError> {
        match &mut self.packed {
            Packed::Plain => {}
            Packed::Unknown(begun) => self.text.push(begun)?,
            Packed::Gzip(decoder) => {
                // A file that ends early lacks its checksum.
                let whole = decoder.try_finish();
                self.text.push(&std::mem::take(decoder.get_mut()))?;
                if let Err(error) = whole {
                    return Err(match self.text.finish() {
                        Ok(_) => BillError::Gzip(error),
                        Err(_) => BillError::Truncated { line: self.text.line },
                    });
                }
            }
        }
        self.text.finish()
    }
}

fn unpack(decoder: &mut GzDecoder<Vec<u8>>, text: &mut Text, packed: &[u8]) -> Result<(), BillError> {
    for piece in packed.chunks(PIECE) {
        decoder.write_all(piece).map_err(BillError::Gzip)?;
        text.push(&std::mem::take(decoder.get_mut()))?;
    }
    Ok(())
}

/// The unpacked text.
#[derive(Debug)]
struct Text {
    limit: u64,
    read: u64,
    /// What an unsigned file must be.
    hash: Option<Sha1>,
    /// The number of the last whole line.
    line: u64,
    place: Place,
    rows: VecDeque<BillRow>,
}

#[derive(Debug)]
enum Place {
    /// Nothing but a byte order mark and white space yet.
    Start(Vec<u8>),
    /// It begins with `<`: a message in place of a bill.
    Message(Vec<u8>),
    Lines {
        /// The line that has begun.
        begun: Vec<u8>,
        section: Section,
    },
}

#[derive(Debug)]
enum Section {
    Header,
    Rows { header: Header, rows: u64 },
    Summary { header: Header, rows: u64 },
    Done(BillSummary),
}

impl Text {
    fn push(&mut self, piece: &[u8]) -> Result<(), BillError> {
        self.read = self.read.saturating_add(piece.len() as u64);
        if self.read > self.limit {
            return Err(BillError::TooLarge { limit: self.limit });
        }
        if let Some(hash) = &mut self.hash {
            hash.feed(piece);
        }
        self.feed(piece)
    }

    fn feed(&mut self, piece: &[u8]) -> Result<(), BillError> {
        match &mut self.place {
            Place::Start(begun) => {
                begun.extend_from_slice(piece);
                if begun.len() < BOM.len() && BOM.starts_with(begun) {
                    return Ok(());
                }
                let text = begun.strip_prefix(BOM).unwrap_or(begun);
                let blank = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
                let Some(first) = text.get(blank) else {
                    return if begun.len() > LINE_LIMIT { Err(BillError::NotABill) } else { Ok(()) };
                };
                let text = text.to_vec();
                self.place = match first {
                    b'<' => Place::Message(Vec::new()),
                    _ => Place::Lines { begun: Vec::new(), section: Section::Header },
                };
                self.feed(&text)
            }
            Place::Message(message) => {
                message.extend_from_slice(piece);
                if message.len() > REPLY_LIMIT { Err(BillError::NotABill) } else { Ok(()) }
            }
            Place::Lines { .. } => self.lines(piece),
        }
    }

    fn lines(&mut self, piece: &[u8]) -> Result<(), BillError> {
        let mut rest = piece;
        while let Place::Lines { begun, section } = &mut self.place {
            let end = rest.iter().position(|b| *b == b'\n');
            begun.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            if begun.len() > LINE_LIMIT {
                let cause = LineError::TooLong { limit: LINE_LIMIT };
                return Err(BillError::Line { line: self.line + 1, cause });
            }
            let Some(end) = end else { return Ok(()) };
            rest = &rest[end + 1..];
            self.line += 1;
            let whole = std::mem::take(begun);
            let taken = take(section, &mut self.rows, self.line, &whole);
            taken.map_err(|cause| BillError::Line { line: self.line, cause })?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<BillSummary, BillError> {
        if let Place::Lines { begun, .. } = &self.place
            && !begun.is_empty()
        {
            // The last line may lack its end, or its second half: only a summary may be the last one.
            let (before, was_done) = (self.line, self.is_done());
            match self.lines(b"\n") {
                Err(_) if !was_done => return Err(BillError::Truncated { line: before }),
                taken => taken?,
            }
        }
        match &self.place {
            Place::Start(_) => Err(BillError::Empty),
            Place::Message(message) => Err(refusal(message)),
            Place::Lines { section: Section::Done(summary), .. } => {
                match self.hash.as_ref().is_none_or(Sha1::fits) {
                    true => Ok(summary.clone()),
                    false => Err(BillError::OtherHash),
                }
            }
            Place::Lines { .. } => Err(BillError::Truncated { line: self.line }),
        }
    }

    fn is_done(&self) -> bool {
        matches!(self.place, Place::Lines { section: Section::Done(_), .. })
    }
}

fn take(
    section: &mut Section,
    rows: &mut VecDeque<BillRow>,
    number: u64,
    whole: &[u8],
) -> Result<(), LineError> {
    let text = str::from_utf8(whole).map_err(|_| LineError::NotUtf8)?;
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        return Ok(());
    }
    match section {
        Section::Header => *section = Section::Rows { header: Header::of_rows(text)?, rows: 0 },
        Section::Rows { rows, .. } if text.starts_with(SUMMARY) => {
            *section = Section::Summary { header: Header::read(text)?, rows: *rows };
        }
        Section::Rows { header, rows: counted } => {
            rows.push_back(line::row(header, number, text)?);
            *counted += 1;
        }
        Section::Summary { header, rows } => *section = Section::Done(line::summary(header, *rows, text)?),
        Section::Done(_) => return Err(LineError::AfterEnd),
    }
    Ok(())
}

/// What WeChat says in place of a bill. Unsigned, so it proves nothing but that there is none.
/// Source: WeChat Pay v2, native.php?chapter=9_6 (返回结果).
fn refusal(message: &[u8]) -> BillError {
    let message = message.strip_prefix(BOM).unwrap_or(message).trim_ascii();
    let Ok(fields) = Fields::read(message, REPLY_LIMIT) else {
        return BillError::NotABill;
    };
    let short = |name: &str| fields.present(name).map(|text| printable(text, 128));
    let return_msg = short("return_msg").unwrap_or_default();
    let error_code = short("error_code");
    // The documents and the wire write it differently.
    if return_msg.eq_ignore_ascii_case("no bill exist") {
        BillError::NoBill
    } else if return_msg.eq_ignore_ascii_case("bill creating") {
        BillError::Creating
    } else if fields.get("return_code").is_some() {
        BillError::Refused { return_msg, error_code }
    } else {
        BillError::NotABill
    }
}
