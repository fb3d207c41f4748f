//! What a node's error is about: the call that was made, or the node itself. Nodes share no code
//! for either (EIP-1474 has none for a revert), so their known words are listed here, each with who
//! says them.

use adit_chain::RpcError;

/// What an error tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// The call: it would revert, lacks gas or money. The same call fails everywhere.
    Call,
    /// The endpoint: it does not know now, does not serve this, or is asked too often.
    Endpoint,
    Unknown,
}

struct Known {
    /// Any where there is none.
    code: Option<i64>,
    /// In small letters, a part of message or data. Any where it is empty.
    words: &'static str,
    about: About,
}

const fn code(code: i64, about: About) -> Known {
    Known { code: Some(code), words: "", about }
}

const fn words(words: &'static str, about: About) -> Known {
    Known { code: None, words, about }
}

/// The first that fits counts. What says plainly that the call reverted comes first: the rest of
/// its text is the contract's, and may hold any word.
const KNOWN: [Known; 36] = [
    // geth: a revert. Nethermind and OpenEthereum: "VM execution error.", with the revert in the
    // data; zkSync: -32521; hardhat: "VM Exception while processing transaction".
    code(3, About::Call),
    code(-32_015, About::Call),
    code(-32_521, About::Call),
    words("execution reverted", About::Call),
    words("vm exception", About::Call),
    // Providers, and EIP-1474's "limit exceeded" (-32005).
    words("rate limit", About::Endpoint),
    words("too many requests", About::Endpoint),
    words("request limit", About::Endpoint),
    words("exceeded the quota", About::Endpoint),
    code(-32_005, About::Endpoint),
    code(-32_016, About::Endpoint),
    code(-32_029, About::Endpoint),
    code(429, About::Endpoint),
    // geth: a block or a state that it does not have (yet, or any more).
    words("header not found", About::Endpoint),
    words("block not found", About::Endpoint),
    words("unknown block", About::Endpoint),
    words("missing trie node", About::Endpoint),
    words("is not available", About::Endpoint),
    words("pruned", About::Endpoint),
    // geth, `RPCEVMTimeout`; providers.
    words("execution aborted", About::Endpoint),
    words("timed out", About::Endpoint),
    words("timeout", About::Endpoint),
    // JSON-RPC 2.0: a method that is not served.
    code(-32_601, About::Endpoint),
    words("method not found", About::Endpoint),
    words("does not exist", About::Endpoint),
    words("revert", About::Call),
    // geth, `eth/gasestimator`: more than the node allows a call.
    words("gas required exceeds allowance", About::Call),
    words("out of gas", About::Call),
    words("outofgas", About::Call),
    words("invalid opcode", About::Call),
    words("invalidfeopcode", About::Call),
    words("invalid jump", About::Call),
    words("stack", About::Call),
    // eth_simulateV1 (execution-apis), and anvil.
    code(-38_014, About::Call),
    code(-32_003, About::Call),
    words("insufficient", About::Call),
];

/// What this error is about.
pub(crate) fn about(error: &RpcError) -> About {
    let text = format!("{} {}", error.message, error.data.as_deref().unwrap_or_default())
        .to_ascii_lowercase();
    let fits = |known: &&Known| {
        known.code.is_none_or(|code| code == error.code) && text.contains(known.words)
    };
    KNOWN.iter().find(fits).map_or(About::Unknown, |known| known.about)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: i64, message: &str, data: Option<&str>) -> About {
        about(&RpcError { code, message: message.to_owned(), data: data.map(str::to_owned) })
    }

    /// As nodes and providers have answered in public.
    #[test]
    fn f33_f85_known_words_of_nodes_are_told_apart() {
        for (code, message, data) in [
            (3, "execution reverted: paused", Some("0x08c379a0")),
            (3, "execution reverted: timeout", None),
            (-32_000, "execution reverted: the owner does not exist", None),
            (-32_000, "gas required exceeds allowance (8000000)", None),
            (-32_015, "VM execution error.", Some("Reverted 0x08c379a0")),
            (-32_000, "invalid opcode: INVALID", None),
            (-32_000, "insufficient funds for gas * price + value", None),
            (-38_014, "err: insufficient balance", None),
        ] {
            assert_eq!(said(code, message, data), About::Call, "{message}");
        }
        for (code, message) in [
            (-32_016, "over rate limit"),
            (-32_000, "header not found"),
            (-32_000, "missing trie node 5c2f (path ) state 0x5c2f is not available"),
            (-32_000, "execution aborted (timeout = 5s)"),
            (-32_601, "the method eth_simulateV1 does not exist/is not available"),
            (-32_005, "daily request count exceeded, request rate limited"),
        ] {
            assert_eq!(said(code, message, None), About::Endpoint, "{message}");
        }
        assert_eq!(said(-32_603, "internal error", None), About::Unknown);
    }
}
