//! The sources of Bitcoin's chain, on a real bitcoind and both faces of the gateway over it.

mod broadcast;
mod faces;
mod index;
mod lagging;
mod lying;
mod quota;
mod reorganisation;
mod restart;
mod twist;
mod world;
