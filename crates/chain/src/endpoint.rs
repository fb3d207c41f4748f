//! One way to a chain: an endpoint behind its wire, asked in JSON-RPC or in REST.
//!
//! Its URL may carry a key, or user and password, so it is never shown: an endpoint is known by
//! host and port. Whatever it does (HTML, endless bodies, bytes that trickle) ends as a [`Fault`]
//! within [`REQUEST_MILLIS_MAX`](crate::REQUEST_MILLIS_MAX) and [`ASK_AGAIN_MILLIS`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adit_core::EndpointName;
use futures::future::{Either, select, select_ok};
use reqwest::Url;
use serde::de::DeserializeOwned;

use crate::batch::{BatchSize, refuses_batches};
use crate::health::{Health, HealthReading};
use crate::json_rpc::{self, Answer, Call, Unread};
use crate::request::{Request, Response};
use crate::timer::Timer;
use crate::wire::{Http, Wire, WireFault};
use crate::{Dated, Fault, vote};

/// A question without an answer is put a second time after so long, or at once when the connection
/// broke: one lost packet must not cost a lane the whole time-out. The same bytes may be sent any
/// number of times (rule R2). Nodes answer in tens to hundreds of milliseconds.
pub const ASK_AGAIN_MILLIS: u64 = 1_500;

/// One endpoint and what is known of its health.
pub struct Endpoint {
    name: EndpointName,
    wire: Box<dyn Wire>,
    timer: Arc<dyn Timer>,
    next_id: AtomicU64,
    batch_size: BatchSize,
    pub(crate) health: Health,
}

/// A request that was not answered.
struct Unanswered {
    fault: Fault,
    /// A smaller one may be.
    by_its_size: bool,
}

/// Why a configured endpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error(
        "endpoint number {position} is not an http or https URL with a host; write it like \
         https://rpc.example.org/"
    )]
    Url { position: usize },
    #[error("the HTTP client of {endpoint} cannot be made: {detail}")]
    Client { endpoint: EndpointName, detail: String },
}

impl Endpoint {
    /// All endpoints of a chain, with names that differ: a second one of the same host is called
    /// `host:443#2`.
    ///
    /// # Errors
    /// [`EndpointError`], which names the position and never the URL.
    pub fn all(
        urls: &[String],
        time_max: Duration,
        timer: &Arc<dyn Timer>,
    ) -> Result<Vec<Self>, EndpointError> {
        let mut endpoints: Vec<Self> = Vec::with_capacity(urls.len());
        let mut bases: Vec<String> = Vec::with_capacity(urls.len());
        for (index, text) in urls.iter().enumerate() {
            let wrong = EndpointError::Url { position: index + 1 };
            let url = Url::parse(text.trim()).map_err(|_| wrong.clone())?;
            let base = host_and_port(&url).ok_or_else(|| wrong.clone())?;
            let same = bases.iter().filter(|other| **other == base).count();
            let suffix = if same == 0 { String::new() } else { format!("#{}", same + 1) };
            let name = EndpointName::new(format!("{base}{suffix}")).map_err(|_| wrong)?;
            let wire = Http::new(url, time_max);
            let wire =
                wire.map_err(|detail| EndpointError::Client { endpoint: name.clone(), detail })?;
            endpoints.push(Self::over(name, Box::new(wire), timer.clone()));
            bases.push(base);
        }
        Ok(endpoints)
    }

    /// An endpoint at the end of any wire.
    pub fn over(name: EndpointName, wire: Box<dyn Wire>, timer: Arc<dyn Timer>) -> Self {
        let (batch_size, health) = (BatchSize::new(timer.clone()), Health::new(timer.clone()));
        Self { name, wire, next_id: AtomicU64::new(1), batch_size, health, timer }
    }

    pub fn name(&self) -> &EndpointName {
        &self.name
    }

    /// Returns what time its server said it is, with its last answer. None while it is set aside:
    /// it was caught at something untrue.
    pub fn dated(&self) -> Option<Dated> {
        self.wire.dated().filter(|_| !self.health.is_quarantined())
    }

    pub fn reading(&self) -> HealthReading {
        self.health.reading(self.name.clone())
    }

    /// One question whose answer has the form `T`.
    ///
    /// # Errors
    /// [`Fault`]; an `error` answer is [`Fault::Refused`].
    pub async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, Fault> {
        let method = call.method;
        let answers = self.batch(std::slice::from_ref(&call)).await?;
        let answer = answers.into_iter().next().expect("one call has one answer");
        self.read(method, answer)
    }

    /// Many questions, in as few requests as the endpoint takes, one after the other; their answers
    /// in the same order.
    ///
    /// # Errors
    /// [`Fault`] when any of the requests fails as a whole.
    pub async fn batch(&self, calls: &[Call]) -> Result<Vec<Answer>, Fault> {
        let mut answers = Vec::with_capacity(calls.len());
        while let Some(rest) = calls.get(answers.len()..).filter(|rest| !rest.is_empty()) {
            let size = self.batch_size.most().min(rest.len());
            match self.exchange(&rest[..size]).await {
                Ok(more) => {
                    self.health.answered();
                    answers.extend(more);
                }
                // Where it does not answer a single question either, it is no matter of size.
                Err(Unanswered { fault, by_its_size: true }) if size > 1 => {
                    match self.exchange(&rest[..1]).await {
                        Ok(one) => {
                            answers.extend(one);
                            let next = self.batch_size.refused(size);
                            tracing::info!(
                                endpoint = %self.name,
                                %fault,
                                size,
                                next,
                                "a batch was refused as a whole; smaller ones are tried"
                            );
                        }
                        Err(Unanswered { fault, .. }) => return self.counted(Err(fault)),
                    }
                }
                Err(Unanswered { fault, .. }) => return self.counted(Err(fault)),
            }
        }
        Ok(answers)
    }

    /// Gives an answer its form.
    ///
    /// # Errors
    /// [`Fault::Refused`] or [`Fault::Malformed`].
    pub fn read<T: DeserializeOwned>(&self, method: &str, answer: Answer) -> Result<T, Fault> {
        let value = answer.map_err(|error| self.refused(method, error.to_string()))?;
        T::deserialize(&value).map_err(|error| self.malformed(method, error.to_string()))
    }

    pub fn malformed(&self, method: &str, detail: String) -> Fault {
        Fault::Malformed { endpoint: self.name.clone(), method: method.to_owned(), detail }
    }

    pub fn refused(&self, method: &str, text: String) -> Fault {
        Fault::Refused { endpoint: self.name.clone(), method: method.to_owned(), text }
    }

    /// What it promised and did not keep, counted as a failure: a result of the wrong form, or one
    /// that disproves itself. As often in a row as it may be outvoted
    /// ([`OUTVOTED_MAX`](crate::OUTVOTED_MAX)) it is set aside, whatever else it answers in
    /// between.
    pub fn nonsense(&self, method: &str, detail: String) -> Fault {
        let fault = self.malformed(method, detail);
        if self.health.outvoted(&fault.to_string()) {
            tracing::error!(
                endpoint = %self.name,
                %fault,
                "endpoint set aside: it answers nonsense again and again"
            );
        }
        fault
    }

    /// Leaves it alone for a while, as one of the wrong network: it told something that enough
    /// others disprove.
    pub fn set_aside(&self, detail: &str) {
        tracing::error!(endpoint = %self.name, detail, "endpoint set aside");
        self.health.quarantine(detail);
    }

    async fn exchange(&self, calls: &[Call]) -> Result<Vec<Answer>, Unanswered> {
        let first_id = self.next_id.fetch_add(calls.len() as u64, Ordering::Relaxed);
        let method = calls.first().map_or("", |call| call.method);
        let time_max = calls.iter().filter_map(|call| call.time_max).max();
        let request = Request { time_max, ..Request::json_rpc(json_rpc::request(calls, first_id)) };
        let (fault, by_its_size) = match self.carry(&request).await {
            Ok(response) if response.may_be_json_rpc() => {
                match json_rpc::answers(&response.body, first_id, calls.len()) {
                    Ok(answers) => return Ok(answers),
                    Err(Unread { detail, is_json }) => (self.malformed(method, detail), is_json),
                }
            }
            Ok(Response { status, .. }) => {
                (self.unreachable(method, format!("HTTP status {status}")), refuses_batches(status))
            }
            Err(wire) => (self.unreachable(method, wire.to_string()), false),
        };
        Err(Unanswered { fault, by_its_size })
    }

    pub(crate) fn unreachable(&self, method: &str, detail: String) -> Fault {
        vote::unreachable(self.name.as_str(), 0, 1, format!("{method}: {detail}"))
    }

    pub(crate) fn counted<T>(&self, answer: Result<T, Fault>) -> Result<T, Fault> {
        match &answer {
            Ok(_) => self.health.answered(),
            Err(fault) => self.failed(fault),
        }
        answer
    }

    fn failed(&self, fault: &Fault) {
        if self.health.failed(&fault.to_string()) {
            tracing::warn!(
                endpoint = %self.name,
                %fault,
                "endpoint fails again and again, and is not asked for a while"
            );
        }
    }

    /// Carries a request there, and once more where it seems lost; the first whole answer counts.
    /// One that may take its time is carried once.
    pub(crate) async fn carry(&self, request: &Request) -> Result<Response, WireFault> {
        if request.time_max.is_some() {
            return self.wire.exchange(request).await;
        }
        let patience = self.timer.wait(Duration::from_millis(ASK_AGAIN_MILLIS));
        match select(self.wire.exchange(request), patience).await {
            Either::Left((Err(WireFault::NoAnswer(_)), _)) => self.wire.exchange(request).await,
            Either::Left((answered, _)) => answered,
            Either::Right(((), first)) => {
                select_ok([first, self.wire.exchange(request)]).await.map(|(response, _)| response)
            }
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.name)
    }
}

fn host_and_port(url: &Url) -> Option<String> {
    let http = matches!(url.scheme(), "http" | "https");
    let host = url.host_str().filter(|_| http)?;
    Some(format!("{host}:{}", url.port_or_known_default()?))
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
pub(crate) mod tests;
