//! The API against the real engine and rules on a store in memory. The chain cannot be reached, so
//! nothing is ever sent: what a lane would commit is committed by hand.

mod abuse;
mod admin;
mod claims;
mod clocks;
mod document;
mod fakes;
mod health;
mod keys;
mod lanes;
mod live;
mod matching;
mod membership;
mod pace;
mod people;
mod rules;
mod sign_in;
mod silent;
mod whys;
mod withdrawals;
mod world;
