//! People: users who ask, repeat, race and cancel; the operator who does what the guide tells him;
//! somebody else with the key.

mod operator;
mod robber;
mod thief;
mod users;

pub use operator::{Operator, admin, cancel_everything};
pub use robber::take_coin;
pub use thief::use_key;
pub use users::Users;
