//! `ledger keys`, the projector and the client's commands where callers have to say who they are: real processes, real servers.

mod keys;
mod projector;
mod services;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Output;

use serde_json::Value;

use crate::setting::{LIMIT, Setting, code, stderr};

/// What `ledger keys create` prints.
fn create(setting: &Setting, args: &[&str]) -> Value {
    let output = setting.ledger(&[&["keys", "create", "--output", "json"], args].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A new key, whole.
fn key(setting: &Setting, args: &[&str]) -> String {
    create(setting, args)["key"].as_str().expect("a key").to_owned()
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(output))
}

/// Status, head and body of an answer.
fn ask(address: SocketAddr, method: &str, path: &str, credential: Option<&str>) -> (u16, String, String) {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).expect("connected");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    let shown = credential.map_or(String::new(), |credential| format!("Authorization: Bearer {credential}\r\n"));
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\n{shown}Connection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (status, head.to_lowercase(), body.to_owned())
}
