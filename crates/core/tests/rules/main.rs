//! The rules, driven through their public interface: orders in, changes out, on a whole state in memory.

mod cancels;
mod lanes;
mod lineages;
mod money;
mod requests;
mod sends;
mod world;
