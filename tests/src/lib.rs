//! What the black-box tests share: a running system with a network that can be broken, people who
//! use it, and the verdict of the chain, which alone says who was paid how often.

pub mod bitcoin;
pub mod bursts;
pub mod live;
pub mod operator;
pub mod people;
pub mod seed;
pub mod settings;
pub mod system;
pub mod verdict;
