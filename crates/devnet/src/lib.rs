//! The world around the server, for development and tests: a real EVM node, the contracts on it,
//! Postgres, the built server itself, players with wallets, and a typed client of the API.
//!
//! Every part starts on 127.0.0.1, stops when its value is dropped, and dies with the process that
//! started it. [`devnet::Devnet`] puts the parts together; tests may take them one by one.

pub mod abi;
pub mod anvil;
pub mod api;
pub mod backup;
pub mod bitcoin;
pub mod both;
pub mod chance;
pub mod chaos;
pub mod claim;
pub mod command;
pub mod config;
pub mod contracts;
pub mod control;
pub mod deployer;
pub mod devnet;
pub mod failover;
pub mod forwarder;
pub mod manifest;
pub mod object_store;
pub mod operation;
pub mod options;
pub mod parts;
pub mod player;
pub mod port;
pub mod postgres;
pub mod process;
pub mod progress;
pub mod proxy;
pub mod restore;
pub mod rpc;
pub mod scratch;
pub mod seed;
pub mod server;
pub mod setup;
pub mod stage;
pub mod table;
pub mod unlock;
pub mod wait;

pub use alloy::primitives;
