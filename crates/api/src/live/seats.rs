//! How many may listen at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_core::UserId;

use crate::codes;
use crate::problem::Problem;
use crate::settings::ApiSettings;

pub struct Seats {
    most: usize,
    most_per_user: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    of_user: HashMap<UserId, usize>,
}

/// One open connection. Dropped, its place is free.
pub struct Seat {
    seats: Arc<Seats>,
    user: Option<UserId>,
}

impl Seats {
    pub fn new(settings: &ApiSettings) -> Self {
        let (most, most_per_user) =
            (settings.live_connections_max, settings.live_connections_per_user_max);
        Self { most, most_per_user, taken: Mutex::default() }
    }

    /// # Errors
    /// `TOO_MANY_CONNECTIONS`.
    pub fn take(self: &Arc<Self>, user: Option<&UserId>) -> Result<Seat, Problem> {
        let mut taken = self.taken();
        if taken.all >= self.most {
            return Err(full("This server", self.most));
        }
        if let Some(user) = user {
            self.count(&mut taken, user)?;
        }
        taken.all += 1;
        Ok(Seat { seats: Arc::clone(self), user: user.cloned() })
    }

    /// Whether anybody still listens.
    pub fn any_taken(&self) -> bool {
        self.taken().all > 0
    }

    fn count(&self, taken: &mut Taken, user: &UserId) -> Result<(), Problem> {
        let of_user = taken.of_user.entry(user.clone()).or_default();
        if *of_user >= self.most_per_user {
            return Err(full("This user", self.most_per_user));
        }
        *of_user += 1;
        Ok(())
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Says whose it is, once that is known.
    ///
    /// # Errors
    /// `TOO_MANY_CONNECTIONS`.
    pub fn name(&mut self, user: &UserId) -> Result<(), Problem> {
        self.seats.count(&mut self.seats.taken(), user)?;
        self.user = Some(user.clone());
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(user) = &self.user {
            let left = taken.of_user.get(user).map_or(0, |count| count.saturating_sub(1));
            match left {
                0 => taken.of_user.remove(user),
                left => taken.of_user.insert(user.clone(), left),
            };
        }
    }
}

fn full(who: &str, most: usize) -> Problem {
    let detail = format!(
        "{who} has the most live connections that are allowed ({most}). Close one, or read \
         /api/withdrawals instead."
    );
    Problem::new(&codes::TOO_MANY_CONNECTIONS, detail).with("allowed", most).retry_after(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_and_given_back() {
        let settings = ApiSettings {
            live_connections_max: 3,
            live_connections_per_user_max: 2,
            ..ApiSettings::default()
        };
        let seats = Arc::new(Seats::new(&settings));
        let ada: UserId = "ada".parse().expect("a user id");
        let held: Vec<Seat> = (0..2).map(|_| seats.take(Some(&ada)).expect("free")).collect();
        assert!(seats.take(Some(&ada)).is_err());
        let mut unnamed = seats.take(None).expect("free");
        assert!(seats.take(None).is_err());
        assert!(unnamed.name(&ada).is_err());
        drop(held);
        assert!(unnamed.name(&ada).is_ok());
        drop(unnamed);
        assert!(seats.taken().of_user.is_empty() && seats.taken().all == 0);
    }
}
