//! Asking several endpoints the same, and believing what enough of them say.
//!
//! At most one of them lies at a time: that is the assumption of [`Trust::Quorum`]. An endpoint
//! that lags is no liar: callers ask about heights that enough endpoints have reached, never for
//! "latest".

use std::sync::Arc;
use std::time::Duration;

use adit_core::{ChainName, EndpointName, Mistake, Trust, planted};
use async_trait::async_trait;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::endpoint::Endpoint;
use crate::timer::Timer;
use crate::vote::{self, Agreed, Ballot, tally, tally_each_by};
use crate::{Dated, Fault, HealthReading};

/// How long the others are waited for once enough have answered, unless [`Quorum::patient`] says
/// otherwise.
pub const STRAGGLER_MILLIS: u64 = 250;

/// Whether an endpoint serves the network that it should. Asked after every new beginning, before
/// its answers count.
#[async_trait]
pub trait NetworkCheck: Send + Sync + 'static {
    /// # Errors
    /// [`Fault::WrongNetwork`] puts the endpoint into quarantine; other faults only count as
    /// failures.
    async fn check(&self, endpoint: &Endpoint) -> Result<(), Fault>;
}

/// What each endpoint said to a question.
pub struct Said<T> {
    pub answers: Vec<(EndpointName, T)>,
    pub faults: Vec<(EndpointName, Fault)>,
}

/// The endpoints of one chain.
pub struct Quorum {
    chain: ChainName,
    trust: Trust,
    endpoints: Vec<Arc<Endpoint>>,
    network: Arc<dyn NetworkCheck>,
    timer: Arc<dyn Timer>,
    patience: Duration,
}

impl Quorum {
    pub fn new(
        chain: ChainName,
        trust: Trust,
        endpoints: Vec<Endpoint>,
        network: Arc<dyn NetworkCheck>,
        timer: Arc<dyn Timer>,
    ) -> Self {
        let patience = Duration::from_millis(STRAGGLER_MILLIS);
        Self {
            chain,
            trust,
            endpoints: endpoints.into_iter().map(Arc::new).collect(),
            network,
            timer,
            patience,
        }
    }

    /// Waits so long for the others once enough have answered: for endpoints that are of different
    /// speed by their nature.
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub fn chain(&self) -> &ChainName {
        &self.chain
    }

    pub fn readings(&self) -> Vec<HealthReading> {
        self.endpoints.iter().map(|endpoint| endpoint.reading()).collect()
    }

    /// Returns what time each server said it is, with its last answer. Not a vote: whoever asks
    /// judges them.
    pub fn dates(&self) -> Vec<Dated> {
        self.endpoints.iter().filter_map(|endpoint| endpoint.dated()).collect()
    }

    pub(crate) fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// How many must say the same: two, or more than half where there are more than three; one if
    /// that was chosen.
    pub fn needed(&self) -> usize {
        match self.trust {
            Trust::Single => 1,
            Trust::Quorum if planted(Mistake::TrustOneEndpoint) => 1,
            Trust::Quorum => (self.endpoints.len() / 2 + 1).max(2),
        }
    }

    /// The answer on which enough of them agree, as soon as they do.
    ///
    /// # Errors
    /// [`Fault::Disagreement`] when enough answered and not the same; [`Fault::Unreachable`] when
    /// too few answered.
    pub async fn ask<T, F, Fut>(&self, subject: &str, question: F) -> Result<Agreed<T>, Fault>
    where
        T: PartialEq + Clone,
        F: Fn(Arc<Endpoint>) -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let mut pending = self.start(&question);
        let mut said = Said { answers: Vec::new(), faults: Vec::new() };
        while let Some((name, answer)) = pending.next().await {
            said.add(name, answer);
            if let Some(agreed) = tally(&said.answers, self.needed()) {
                return Ok(agreed);
            }
        }
        Err(self.failure(subject, said))
    }

    /// What each of them says, for questions whose answers are not simply equal. Waits for all, and
    /// for stragglers only a little once enough have answered.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] when too few answered.
    pub async fn gather<T, F, Fut>(&self, subject: &str, question: F) -> Result<Said<T>, Fault>
    where
        F: Fn(Arc<Endpoint>) -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let mut pending = self.start(&question);
        let mut said = Said { answers: Vec::new(), faults: Vec::new() };
        while said.answers.len() < self.needed() {
            match pending.next().await {
                Some((name, answer)) => said.add(name, answer),
                None => return Err(self.failure(subject, said)),
            }
        }
        let stragglers = async {
            while let Some((name, answer)) = pending.next().await {
                said.add(name, answer);
            }
        };
        let patience = self.timer.wait(self.patience);
        let late = matches!(select(std::pin::pin!(stragglers), patience).await, Either::Right(_));
        if late {
            self.mark_late(&said);
        }
        Ok(said)
    }

    /// A list of answers of which each place is agreed on by itself.
    ///
    /// # Errors
    /// As [`Quorum::gather`].
    pub async fn ask_each<T, F, Fut>(
        &self,
        subject: &str,
        places: usize,
        question: F,
    ) -> Result<Vec<Option<Agreed<T>>>, Fault>
    where
        T: PartialEq + Clone,
        F: Fn(Arc<Endpoint>) -> Fut,
        Fut: Future<Output = Result<Vec<Option<T>>, Fault>>,
    {
        self.ask_each_by(subject, places, &Ballot::EQUAL, question).await
    }

    /// The same where only a part of each answer is voted on.
    ///
    /// # Errors
    /// As [`Quorum::gather`].
    pub async fn ask_each_by<T, F, Fut>(
        &self,
        subject: &str,
        places: usize,
        ballot: &Ballot<T>,
        question: F,
    ) -> Result<Vec<Option<Agreed<T>>>, Fault>
    where
        T: Clone,
        F: Fn(Arc<Endpoint>) -> Fut,
        Fut: Future<Output = Result<Vec<Option<T>>, Fault>>,
    {
        if places == 0 {
            return Ok(Vec::new());
        }
        let said = self.gather(subject, question).await?;
        Ok(tally_each_by(&said.answers, places, self.needed(), ballot))
    }

    /// What any of them has, for things that prove themselves, such as bytes by their hash. `None`
    /// when nobody who answered has it.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] when nobody answered.
    pub async fn find<T, F, Fut>(&self, subject: &str, question: F) -> Result<Option<T>, Fault>
    where
        F: Fn(Arc<Endpoint>) -> Fut,
        Fut: Future<Output = Result<Option<T>, Fault>>,
    {
        let mut pending = self.start(&question);
        let mut said = Said { answers: Vec::new(), faults: Vec::new() };
        while let Some((name, answer)) = pending.next().await {
            match answer {
                Ok(Some(found)) => return Ok(Some(found)),
                other => said.add(name, other),
            }
        }
        let silent = said.answers.is_empty();
        if silent {
            Err(vote::failure::<Option<T>>(self.chain.as_str(), subject, &[], said.faults, 1))
        } else {
            Ok(None)
        }
    }

    /// It told otherwise than enough others about what cannot differ, such as the block at a
    /// height. That may be a change of the chain that has not reached it;
    /// [`OUTVOTED_MAX`](crate::OUTVOTED_MAX) times in a row it is set aside. Where one is enough,
    /// nobody is outvoted.
    pub fn outvoted(&self, name: &EndpointName, detail: &str) {
        if let Some(endpoint) = self.endpoint(name).filter(|_| self.needed() > 1)
            && endpoint.health.outvoted(detail)
        {
            tracing::error!(
                endpoint = %name,
                detail,
                "endpoint set aside: enough others say otherwise, again and again"
            );
        }
    }

    /// It told what enough others tell.
    pub fn agrees(&self, name: &EndpointName) {
        if let Some(endpoint) = self.endpoint(name) {
            endpoint.health.agrees();
        }
    }

    fn endpoint(&self, name: &EndpointName) -> Option<&Arc<Endpoint>> {
        self.endpoints.iter().find(|endpoint| endpoint.name() == name)
    }

    /// No agreement among these answers.
    pub fn failure<T>(&self, subject: &str, said: Said<T>) -> Fault {
        vote::failure(self.chain.as_str(), subject, &said.answers, said.faults, self.needed())
    }

    /// Who is late again and again opens his breaker, and is no longer waited for.
    fn mark_late<T>(&self, said: &Said<T>) {
        let spoke = |name: &EndpointName| {
            said.answers.iter().any(|(by, _)| by == name)
                || said.faults.iter().any(|(by, _)| by == name)
        };
        for endpoint in self.endpoints.iter().filter(|endpoint| !spoke(endpoint.name())) {
            endpoint.health.failed(&format!(
                "it answered more than {} ms later than the others",
                self.patience.as_millis()
            ));
        }
    }

    fn start<T, F, Fut>(
        &self,
        question: &F,
    ) -> FuturesUnordered<impl Future<Output = (EndpointName, Result<T, Fault>)>>
    where
        F: Fn(Arc<Endpoint>) -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let ask = |endpoint: &Arc<Endpoint>| {
            let endpoint = endpoint.clone();
            let answer = question(endpoint.clone());
            async move {
                let result = match self.admit(&endpoint).await {
                    Ok(()) => answer.await,
                    Err(fault) => Err(fault),
                };
                (endpoint.name().clone(), result)
            }
        };
        self.endpoints.iter().map(ask).collect()
    }

    /// Lets an endpoint speak: its breaker is shut, and it serves the right network.
    pub(crate) async fn admit(&self, endpoint: &Endpoint) -> Result<(), Fault> {
        if let Some(reason) = endpoint.health.closed_because() {
            return Err(vote::unreachable(self.chain.as_str(), 0, 1, reason));
        }
        if endpoint.health.is_verified() {
            return Ok(());
        }
        let checked = self.network.check(endpoint).await;
        match &checked {
            Ok(()) => endpoint.health.verify(),
            Err(fault @ Fault::WrongNetwork { .. }) => {
                tracing::error!(
                    endpoint = %endpoint.name(),
                    %fault,
                    "endpoint put into quarantine"
                );
                endpoint.health.quarantine(&fault.to_string());
            }
            Err(_) => {}
        }
        checked
    }
}

impl<T> Said<T> {
    fn add(&mut self, name: EndpointName, answer: Result<T, Fault>) {
        match answer {
            Ok(value) => self.answers.push((name, value)),
            Err(fault) => self.faults.push((name, fault)),
        }
    }
}

#[cfg(test)]
#[path = "quorum_tests.rs"]
mod tests;
