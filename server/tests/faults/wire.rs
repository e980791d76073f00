//! One kept connection that posts notices, with as little work as possible for a million of them.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub async fn open(addr: &str) -> io::Result<Wire> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Wire { stream, buffer: Vec::new() })
    }

    /// Status and body of the answer to a notice of v2.
    pub async fn post(&mut self, notice: &str) -> io::Result<(u16, String)> {
        self.post_to("/wxpay/notify", "Content-Type: text/xml\r\n", notice).await
    }

    /// `head` has further headers, each with its end of line.
    pub async fn post_to(&mut self, path: &str, head: &str, body: &str) -> io::Result<(u16, String)> {
        let length = body.len();
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: a\r\n{head}Content-Length: {length}\r\n\r\n{body}");
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = whole(&self.buffer) {
                return Ok(answer);
            }
        }
    }
}

/// The answer, if all of it has come.
fn whole(bytes: &[u8]) -> Option<(u16, String)> {
    let text = str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.get(9..12)?.parse().ok()?;
    if status == 204 {
        return Some((status, String::new()));
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    (body.len() == length).then(|| (status, body.to_owned()))
}
