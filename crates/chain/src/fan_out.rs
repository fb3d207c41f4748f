//! Telling every endpoint the same, and reporting what each of them answered.

use std::sync::Arc;

use adit_core::EndpointName;
use futures::future::join_all;

use crate::endpoint::Endpoint;
use crate::{Fault, Quorum};

impl Quorum {
    /// Does `act` at every endpoint at once. Nobody's silence keeps the others from being told.
    pub async fn fan_out<T, F, Fut>(&self, act: F) -> Vec<(EndpointName, Result<T, Fault>)>
    where
        F: Fn(Arc<Endpoint>) -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let at = |endpoint: &Arc<Endpoint>| {
            let endpoint = endpoint.clone();
            let answer = act(endpoint.clone());
            async move {
                let result = match self.admit(&endpoint).await {
                    Ok(()) => answer.await,
                    Err(fault) => Err(fault),
                };
                (endpoint.name().clone(), result)
            }
        };
        join_all(self.endpoints().iter().map(at)).await
    }
}
