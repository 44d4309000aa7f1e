//! The server behind every subject: knows three paths and answers each with bytes that were
//! made beforehand.
//!
//! One thread, as few system calls as there can be, so that the subject is what is measured.
//! It reads the head of a request and no body; only the generator and the subjects talk to it.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::answers::Answer;

const LISTENER: Token = Token(usize::MAX);
/// Longer heads are refused by closing the connection.
const MAX_HEAD: usize = 16 * 1024;
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

struct Connection {
    stream: TcpStream,
    /// The head, as far as it has come.
    head: Vec<u8>,
    /// What could not be sent yet: which answer, from where on.
    pending: Option<(usize, usize)>,
}

/// Serves until the process ends. Says its address once it listens.
///
/// # Errors
///
/// When it cannot listen.
pub fn serve(address: SocketAddr, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let mut listener = TcpListener::bind(address)?;
    listening(listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut answers: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for answer in Answer::ALL {
        answers.push((answer.path().as_bytes(), answer.on_the_wire()));
    }
    answers.push((b"", NOT_FOUND.to_vec()));
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut events = Events::with_capacity(256);
    loop {
        if let Err(error) = poll.poll(&mut events, None) {
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut connections, &mut free);
                continue;
            }
            let number = event.token().0;
            let Some(slot) = connections.get_mut(number) else { continue };
            let Some(connection) = slot else { continue };
            if !connection.advance(&answers) {
                *slot = None;
                free.push(number);
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    connections: &mut Vec<Option<Connection>>,
    free: &mut Vec<usize>,
) {
    // Anything but a connection means that there is none left to accept now.
    while let Ok((mut stream, _)) = listener.accept() {
        let number = free.pop().unwrap_or(connections.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = poll.registry().register(&mut stream, Token(number), interest);
        if stream.set_nodelay(true).is_err() || registered.is_err() {
            free.push(number);
            continue;
        }
        let connection = Connection { stream, head: Vec::with_capacity(2048), pending: None };
        if number == connections.len() {
            connections.push(Some(connection));
        } else {
            connections[number] = Some(connection);
        }
    }
}

impl Connection {
    /// Does what can be done now. False once the connection is over.
    fn advance(&mut self, answers: &[(&[u8], Vec<u8>)]) -> bool {
        if self.pending.is_some() && !self.send(answers) {
            return false;
        }
        let mut buffer = [0; 4096];
        loop {
            let read = match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return false,
            };
            self.head.extend_from_slice(&buffer[..read]);
            if self.head.ends_with(b"\r\n\r\n") {
                self.pending = Some((choose(&self.head, answers), 0));
                self.head.clear();
                if !self.send(answers) {
                    return false;
                }
            } else if self.head.len() > MAX_HEAD {
                return false;
            }
            // A short read has emptied the socket; more would be another event.
            if read < buffer.len() {
                return true;
            }
        }
    }

    /// Sends what is pending, as far as it goes. False when the connection is broken.
    fn send(&mut self, answers: &[(&[u8], Vec<u8>)]) -> bool {
        while let Some((answer, from)) = self.pending {
            let rest = &answers[answer].1[from..];
            match self.stream.write(rest) {
                Ok(written) if written == rest.len() => self.pending = None,
                Ok(written) => self.pending = Some((answer, from + written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}

/// The answer for the path in a head; the last one when there is none.
fn choose(head: &[u8], answers: &[(&[u8], Vec<u8>)]) -> usize {
    let path = head.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    answers.iter().position(|(known, _)| *known == path).unwrap_or(answers.len() - 1)
}
