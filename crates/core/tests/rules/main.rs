//! The rules, driven through their public interface: orders in, changes out, on a whole state in memory.

mod acceptance;
mod adoptions;
mod attempts;
mod audits;
mod cancels;
mod chains;
mod coins;
mod cosigning;
mod endings;
mod evidence;
mod lanes;
mod leases;
mod ledger;
mod limits;
mod lineages;
mod markets;
mod money;
mod people;
mod policies;
mod requests;
mod sends;
mod steps;
mod upkeep;
mod wire;
mod world;
