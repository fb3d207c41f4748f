//! Asking an endpoint in REST: what is an answer, and what is a failure.

use crate::Fault;
use crate::endpoint::Endpoint;
use crate::request::{Request, Response};

impl Endpoint {
    /// A question in REST. `read` gives the answer its form, whose status may be any of 2xx and 4xx
    /// that is one: "not found" is an answer. What it cannot read counts as a failure of the
    /// endpoint, as HTML, silence and endless bodies do.
    ///
    /// # Errors
    /// [`Fault::Unreachable`], or [`Fault::Malformed`] with what `read` says.
    pub async fn fetch<T>(
        &self,
        request: &Request,
        read: impl FnOnce(&Response) -> Result<T, String>,
    ) -> Result<T, Fault> {
        let name = request.name();
        let answer = match self.carry(request).await {
            Ok(response) if response.is_answer() => {
                read(&response).map_err(|detail| self.malformed(&name, detail))
            }
            Ok(response) => {
                Err(self.unreachable(&name, format!("HTTP status {}", response.status)))
            }
            Err(detail) => Err(self.unreachable(&name, detail.to_string())),
        };
        self.counted(answer)
    }
}

#[cfg(test)]
#[path = "rest_tests.rs"]
mod tests;
