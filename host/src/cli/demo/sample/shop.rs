//! What the shop answers, and what it writes about it without a thought.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::database::Database;
use super::journal::Journal;
use super::people::{PEOPLE, Person};
use super::{Body, answer, json as json_answer};

/// The largest form that is read, in bytes.
const LARGEST_FORM: usize = 64 * 1024;
/// How many orders a stream tells of, and the pause between them.
const EVENTS: u32 = 5;
const BETWEEN_EVENTS: Duration = Duration::from_millis(60);

const PAGE: &str = "<!doctype html><title>Shop</title><h1>Shop</h1>\
    <form method=post action=/login><input name=email><input name=password type=password>\
    <button>Log in</button></form><a href=/api/products>Products</a>";

/// The application.
pub(super) struct Shop {
    pub(super) journal: Journal,
    pub(super) database: Database,
    tally: Mutex<Tally>,
}

/// What it counted itself, to be compared with what others say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::cli::demo) struct Tally {
    pub(in crate::cli::demo) requests: u64,
    /// By the type of the exception.
    pub(in crate::cli::demo) exceptions: BTreeMap<String, u64>,
}

/// An exception, as Python would show it.
struct Exception {
    name: &'static str,
    message: String,
    traceback: String,
    status: StatusCode,
}

impl Shop {
    pub(super) fn new(journal: Journal, database: Database) -> Self {
        Self { journal, database, tally: Mutex::default() }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        // Asked by whoever watches, not by customers.
        if request.uri().path() == "/healthz" {
            return answer(StatusCode::OK, "text/plain", "ok\n".to_owned());
        }
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let response = match self.serve(request).await {
            Ok(response) => response,
            Err(exception) => self.fail(&exception, uri.path()),
        };
        let status = response.status().as_u16();
        self.journal.info("shop.access", &format!("\"{method} {uri} HTTP/1.1\" {status}"));
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).requests += 1;
        response
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Body>, Exception> {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let number = path.rsplit('/').next().and_then(|last| last.parse::<usize>().ok());
        match (&method, path.as_str(), number) {
            (&Method::GET, "/", _) => Ok(answer(StatusCode::OK, "text/html", PAGE.to_owned())),
            (&Method::POST, "/login", _) => Ok(self.log_in(request).await),
            (&Method::GET, "/search", _) => Ok(found(&json!({ "found": ["coffee", "tea"] }))),
            (&Method::GET, "/api/products", _) => Ok(found(&products())),
            (&Method::GET, "/api/stock", _) => self.stock(),
            (&Method::GET, "/api/account", _) => Ok(self.account(&request)),
            (&Method::GET, "/api/events", _) => Ok(self.events()),
            (&Method::GET, "/api/reports/monthly", _) => Err(division()),
            (&Method::GET, "/api/reports/yearly", _) => {
                tokio::time::sleep(Duration::from_millis(180)).await;
                Ok(found(&json!({ "year": 2026, "revenue": 18250.75 })))
            }
            (&Method::GET, _, Some(id)) if path.starts_with("/api/customers/") => {
                Ok(answer(StatusCode::OK, "application/json", customer(id)))
            }
            (&Method::POST, _, Some(order)) if path.starts_with("/api/orders/") => {
                self.order(order)
            }
            _ => Ok(json_answer(StatusCode::NOT_FOUND, &json!({ "error": "not found" }))),
        }
    }

    async fn log_in(&self, request: Request<Incoming>) -> Response<Body> {
        let form = Limited::new(request.into_body(), LARGEST_FORM).collect().await;
        let form = form.map(|form| form.to_bytes()).unwrap_or_default();
        let form = String::from_utf8_lossy(&form).replace('&', " ").replace("%40", "@");
        self.journal.info("shop.login", &format!("login {form} succeeded"));
        let mut response = answer(StatusCode::SEE_OTHER, "text/plain", String::new());
        let headers = response.headers_mut();
        headers.insert("location", http::HeaderValue::from_static("/"));
        let cookie = "sessionid=k3v9x1q7w5z8; HttpOnly; Path=/";
        headers.insert("set-cookie", http::HeaderValue::from_static(cookie));
        response
    }

    /// Dumps the headers, because somebody once had to find something out.
    fn account(&self, request: &Request<Incoming>) -> Response<Body> {
        let value = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let value = value.unwrap_or_default();
        self.journal.info("shop.debug", &format!("headers: {{'authorization': '{value}'}}"));
        found(&json!({ "orders": 3, "balance": 12.50 }))
    }

    fn order(&self, order: usize) -> Result<Response<Body>, Exception> {
        let Person { email, card, .. } = person(order);
        if order.is_multiple_of(5) {
            return Err(declined(email, card));
        }
        let line = format!("order {order} by {email} paid with {card}");
        self.journal.info("shop.orders", &line);
        Ok(json_answer(StatusCode::CREATED, &json!({ "order": order, "total": 8.40 })))
    }

    fn stock(&self) -> Result<Response<Body>, Exception> {
        if self.database.is_up() {
            return Ok(found(&json!({ "coffee": 41, "tea": 7 })));
        }
        Err(unreachable_database(&self.database.address().to_string()))
    }

    /// Tells of orders as they come in, until it has told of some.
    fn events(&self) -> Response<Body> {
        let events = futures_util::stream::unfold(0, |told| async move {
            if told == EVENTS {
                return None;
            }
            tokio::time::sleep(BETWEEN_EVENTS).await;
            let event = json!({ "order": 2000 + told, "total": 4.20 });
            let frame = Frame::data(Bytes::from(format!("event: order\ndata: {event}\n\n")));
            Some((Ok(frame), told + 1))
        });
        let response = Response::builder().header("content-type", "text/event-stream");
        response.body(StreamBody::new(events).boxed_unsync()).expect("the field is valid")
    }

    fn fail(&self, exception: &Exception, path: &str) -> Response<Body> {
        let Exception { name, message, traceback, status } = exception;
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        *tally.exceptions.entry((*name).to_owned()).or_default() += 1;
        drop(tally);
        let line = format!("Internal Server Error: {path}");
        let traceback = format!("{traceback}{name}: {message}");
        self.journal.exception("django.request", &line, &traceback);
        json_answer(*status, &json!({ "error": "something went wrong" }))
    }
}

fn person(number: usize) -> Person {
    PEOPLE[number % PEOPLE.len()]
}

fn found(value: &Value) -> Response<Body> {
    json_answer(StatusCode::OK, value)
}

fn products() -> Value {
    json!({ "products": [{ "id": 1, "name": "coffee", "price": 4.20 }, { "id": 2, "name": "tea" }] })
}

/// By hand, so that the order of its keys and the spelling of its numbers are its own.
fn customer(id: usize) -> String {
    let Person { name, email, card } = person(id);
    format!(
        "{{\"id\": {id}, \"name\": \"{name}\", \"email\": \"{email}\", \"card\": \"{card}\", \
         \"balance\": 12.50}}"
    )
}

fn division() -> Exception {
    Exception {
        name: "ZeroDivisionError",
        message: "division by zero".to_owned(),
        traceback: "Traceback (most recent call last):\n\
            \x20 File \"/srv/shop/views.py\", line 88, in monthly\n\
            \x20   return JsonResponse(summary(rows))\n\
            \x20                       ~~~~~~~^^^^^^\n\
            \x20 File \"/srv/shop/reports.py\", line 31, in summary\n\
            \x20   average = total / len(rows)\n\
            \x20             ~~~~~~^~~~~~~~~~~\n"
            .to_owned(),
        status: StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn declined(email: &str, card: &str) -> Exception {
    Exception {
        name: "shop.payments.PaymentDeclined",
        message: format!("card {card} of {email} was declined"),
        traceback: "Traceback (most recent call last):\n\
            \x20 File \"/srv/shop/views.py\", line 132, in order\n\
            \x20   payments.charge(basket)\n\
            \x20 File \"/srv/shop/payments.py\", line 57, in charge\n\
            \x20   raise PaymentDeclined(basket)\n"
            .to_owned(),
        status: StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn unreachable_database(address: &str) -> Exception {
    Exception {
        name: "OperationalError",
        message: format!("connection to server at {address} failed: Connection refused"),
        traceback: "Traceback (most recent call last):\n\
            \x20 File \"/srv/shop/views.py\", line 64, in stock\n\
            \x20   rows = database.query(STOCK)\n\
            \x20 File \"/srv/shop/database.py\", line 19, in query\n\
            \x20   return self.connect().execute(sql)\n"
            .to_owned(),
        status: StatusCode::SERVICE_UNAVAILABLE,
    }
}
