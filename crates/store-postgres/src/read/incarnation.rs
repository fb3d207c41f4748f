//! The store about itself.

use adit_core::{Incarnation, Slot};
use adit_store::StoreFault;
use adit_store::rows::read_incarnation;
use sqlx::{PgConnection, query};

use crate::columns::one;

pub(crate) async fn slot(connection: &mut PgConnection) -> Result<Slot<Incarnation>, StoreFault> {
    let found =
        one(connection, query("SELECT * FROM incarnation"), |row| read_incarnation(row)).await?;
    Ok(found.unwrap_or_else(Slot::absent))
}
