//! `bare PORT FILE`: the least that axum can answer a status poll with, to compare with: the bytes of FILE, no logic.

use axum::{Router, http::header, routing::post};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("give a port and a file".into());
    };
    let body: &'static [u8] = std::fs::read(file)?.leak();
    let handler = async move || ([(header::CONTENT_TYPE, "application/json")], body);
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    axum::serve(listener, Router::new().route("/api/order_status", post(handler))).await?;
    Ok(())
}
