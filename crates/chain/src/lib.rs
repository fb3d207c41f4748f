//! What a chain is to Adit: identity, planning facts, sending, and evidence agreed by a quorum of
//! endpoints.
//!
//! A chain never meets a store. It is asked by the lane and the observer, answers facts, and
//! decides nothing about money.

mod batch;
mod cosign;
mod dated;
mod endpoint;
mod fan_out;
mod fault;
mod health;
mod json_rpc;
mod pasted;
mod port;
mod quorum;
mod request;
mod rest;
mod timer;
mod vote;
mod wire;

pub use cosign::{Cosigned, Handout, Signatures};
pub use dated::Dated;
pub use endpoint::{ASK_AGAIN_MILLIS, Endpoint, EndpointError};
pub use fault::Fault;
pub use health::{
    BREAKER_FAILURES_MAX, BREAKER_OPEN_MILLIS_MAX, BREAKER_OPEN_MILLIS_MIN, HealthReading,
    OUTVOTED_MAX, QUARANTINE_MILLIS,
};
pub use json_rpc::{Answer, BATCH_CALLS_MAX, Call, RpcError};
pub use pasted::{ECHO_CHARS_MAX, PaymentUri, joined, trimmed};
pub use port::{
    Ahead, Chain, Foreign, FundsReading, Identity, NextVersion, Obstacle, Outflow,
    ParsedDestination, PlanRequest, Planning, Pool, Ready, RefusedDestination, Sent, Shown,
    Sightings, Watch, WatchedAttempt, WatchedLineage,
};
pub use quorum::{NetworkCheck, Quorum, STRAGGLER_MILLIS, Said};
pub use request::{Body, Request, Response, Verb};
pub use timer::{Timer, TokioTimer};
pub use vote::{Agreed, Ballot, tally, tally_by, tally_each, tally_each_by};
pub use wire::{ANSWER_BYTES_MAX, REQUEST_MILLIS_MAX, USER_AGENT, Wire, WireFault};
