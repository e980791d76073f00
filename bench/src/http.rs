//! The little HTTP/1.1 that a load generator needs: requests as ready bytes, answers read with as little work as possible,
//! so that the server is what is measured. It trusts the server to be one of ours.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::Failure;

/// An answer larger than this is none that we expect.
const MOST: usize = 1 << 20;

/// One kept connection.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    body: Vec<u8>,
}

/// Status and body of the answer, and its head for those who want a header.
pub struct Answer<'a> {
    pub status: u16,
    pub head: &'a [u8],
    pub body: &'a [u8],
}

impl Wire {
    /// `payer` tells clients apart: each comes from an address of its own on this machine, as payers do.
    pub async fn open(addr: SocketAddr, payer: usize) -> std::io::Result<Wire> {
        let [.., third, last] = payer.to_be_bytes();
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::new(127, 1, third, last.max(1)), 0).into())?;
        let stream = socket.connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Wire { stream, buffer: Vec::with_capacity(8192), body: Vec::new() })
    }

    /// Sends one request and reads its answer to the end.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        self.buffer.clear();
        self.body.clear();
        self.stream.write_all(request).await?;
        let head = self.head().await?;
        let status = number(self.buffer.get(9..12).unwrap_or_default(), 10).ok_or("no status line")?;
        let status = u16::try_from(status)?;
        let length = header(&self.buffer[..head], "content-length").map(<[u8]>::to_vec);
        if let Some(length) = length {
            let end = head + number(&length, 10).ok_or("a broken content-length")?;
            while self.buffer.len() < end {
                self.more().await?;
            }
            return Ok(Answer { status, head: &self.buffer[..head], body: &self.buffer[head..end] });
        }
        if header(&self.buffer[..head], "transfer-encoding").is_some() {
            self.read_chunks(head).await?;
        } else if status != 204 && status != 304 {
            return Err("an answer without a length".into());
        }
        Ok(Answer { status, head: &self.buffer[..head], body: &self.body })
    }

    /// Sends one request and counts the bytes and the lines of its answer, however long: a part that was counted is forgotten.
    pub async fn count(&mut self, request: &[u8]) -> Result<(u64, u64), Failure> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let head = self.head().await?;
        let is_ok = self.buffer.get(9..12) == Some(b"200");
        if !is_ok || header(&self.buffer[..head], "transfer-encoding").is_none() {
            return Err(String::from_utf8_lossy(&self.buffer).into_owned().into());
        }
        self.buffer.drain(..head);
        let (mut bytes, mut lines) = (0, 0);
        loop {
            let (chunk, next) = self.chunk(0).await?;
            if chunk.is_empty() {
                return Ok((bytes, lines));
            }
            bytes += chunk.len() as u64;
            lines += self.buffer[chunk].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.buffer.drain(..next);
        }
    }

    async fn read_chunks(&mut self, head: usize) -> Result<(), Failure> {
        let mut at = head;
        loop {
            let (chunk, next) = self.chunk(at).await?;
            if chunk.is_empty() {
                return Ok(());
            }
            self.body.extend_from_slice(&self.buffer[chunk]);
            at = next;
        }
    }

    /// Reads on to the end of a head; where that is.
    async fn head(&mut self) -> Result<usize, Failure> {
        loop {
            self.more().await?;
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                return Ok(end + 4);
            }
        }
    }

    /// Reads the chunk that begins at a place; where its bytes are, and where the next one begins.
    async fn chunk(&mut self, at: usize) -> Result<(Range<usize>, usize), Failure> {
        let line = loop {
            match find(&self.buffer[at..], b"\r\n") {
                Some(end) => break at..at + end,
                None => self.more().await?,
            }
        };
        let size = number(&self.buffer[line.clone()], 16).ok_or("a broken chunk")?;
        let start = line.end + 2;
        while self.buffer.len() < start + size + 2 {
            self.more().await?;
        }
        Ok((start..start + size, start + size + 2))
    }

    async fn more(&mut self) -> Result<(), Failure> {
        if self.buffer.len() > MOST {
            return Err("an answer without end".into());
        }
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

/// A request as bytes. `headers` are whole lines without their ends; the body's length is added but for GET.
pub fn request(method: &str, target: &str, addr: SocketAddr, headers: &[String], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {addr}\r\n");
    for line in headers {
        text.push_str(line);
        text.push_str("\r\n");
    }
    if method != "GET" {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// The value of the first header of that name, given in lower case.
pub fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (given, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        given.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
    })
}

/// The cookies that an answer sets, as a browser would send them back.
pub fn cookies(head: &[u8]) -> String {
    let lines = String::from_utf8_lossy(head);
    let set = lines.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default().trim())
    });
    set.collect::<Vec<_>>().join("; ")
}

pub fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn number(digits: &[u8], radix: u32) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(digits).ok()?.trim(), radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answered(reply: &'static str) -> (u16, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 256];
            assert!(stream.read(&mut asked).await.unwrap() > 0);
            // In two parts, as a network may deliver it.
            let (first, second) = reply.split_at(reply.len() / 2);
            stream.write_all(first.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
            stream.write_all(second.as_bytes()).await.unwrap();
        });
        let mut wire = Wire::open(addr, 1).await.unwrap();
        let answer = wire.ask(&request("GET", "/", addr, &[], "")).await.unwrap();
        (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn an_answer_ends_where_its_head_says() {
        let plain = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(answered(plain).await, (201, "hello".to_owned()));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        assert_eq!(answered(chunked).await, (200, "hello".to_owned()));
        assert_eq!(answered("HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n").await, (204, String::new()));
    }

    #[test]
    fn cookies_come_back_without_their_attributes() {
        let head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\n\r\n";
        assert_eq!(cookies(head), "a=1; b=2");
    }
}
