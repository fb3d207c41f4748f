//! Reading a Bitcoin chain: its template, its sources, and what is refused.

use super::*;

#[test]
fn bitcoins_template_says_the_defaults() {
    let defaults = read(BITCOIN_TEMPLATE).expect("usable");
    let written = uncommented(BITCOIN_TEMPLATE, |key| !BITCOIN_EXAMPLES.contains(&key));
    assert_eq!(format!("{:#?}", read(&written).expect("usable")), format!("{defaults:#?}"));
    let all = read(&uncommented(BITCOIN_TEMPLATE, |_| true)).expect("usable");
    assert_eq!((bitcoin(&all).deeper.len(), chain(&all, "bitcoin").patience.is_some()), (1, true));
}

#[test]
fn other_sources_are_put_in_front_of_bitcoin() {
    let variables = environment(&[
        ("ADIT_BITCOIN_ESPLORA", "http://127.0.0.1:1/api"),
        ("ADIT_BITCOIN_BLOCKCYPHER", "http://127.0.0.1:2/v1/btc/main"),
        ("ADIT_BITCOIN_RPC", "http://adit:hush@127.0.0.1:3/,http://127.0.0.1:4/"),
        ("BLOCKCYPHER_TOKEN", "topsecret"),
    ]);
    let config = Config::parse("adit.toml", BITCOIN_TEMPLATE, &variables).expect("usable");
    let urls: Vec<&str> = bitcoin(&config).sources.iter().map(|(_, url)| url.expose()).collect();
    let given = [
        "http://127.0.0.1:1/api",
        "http://127.0.0.1:2/v1/btc/main",
        "http://adit:hush@127.0.0.1:3/",
        "http://127.0.0.1:4/",
    ];
    assert_eq!(urls, given);
    assert_eq!(
        bitcoin(&config).blockcypher_token.as_ref().map(crate::config::Hidden::expose),
        Some("topsecret")
    );
    assert!(
        !format!("{config:?}").contains("topsecret") && !format!("{config:?}").contains("hush")
    );
}

#[test]
fn what_bitcoin_cannot_be_is_refused() {
    let cases = [
        (
            "network = \"mainnet\"",
            "network = \"testnet\"",
            &["chains.bitcoin.network is \"testnet\"", "\"testnet4\""][..],
        ),
        ("network = \"mainnet\"", "", &["chains.bitcoin.network is missing", "signet"]),
        (
            "[\"https://blockstream.info/api\", \"https://mempool.space/api\"]",
            "[\"https://one.example/api\"]",
            &["has 1 endpoint(s)", "ADIT_BITCOIN_ESPLORA"],
        ),
        ("#finality = 5", "finality = 0", &["chains.bitcoin.finality is 0", "from 1 to 288"]),
        (
            "#batch_payouts_max = 100",
            "batch_payouts_max = 251",
            &["batch_payouts_max is 251", "from 1 to 250"],
        ),
        (
            "#feerate_max_sat_per_vb = \"300\"",
            "feerate_max_sat_per_vb = 1.5",
            &["feerate_max_sat_per_vb is 1.5", "as text"],
        ),
        ("decimals = 8", "decimals = 18", &["assets.BTC.decimals is 18", "allowed is 8"]),
        (
            "minimum = \"0.0001\"",
            "minimum = \"0.00005459\"",
            &["assets.BTC.policy.minimum is \"0.00005459\"", "0.0000546"],
        ),
        (
            "#native = \"BTC\"",
            "native = \"TBTC\"",
            &["assets.BTC.chain is \"bitcoin\"", "chains.bitcoin.native"],
        ),
        (
            "#account = 0",
            "op_stack = true",
            &["chains.bitcoin.op_stack is not a key of this table"],
        ),
    ];
    for (from, to, parts) in cases {
        assert!(BITCOIN_TEMPLATE.contains(from), "the template has {from:?}");
        let said = refusal(&BITCOIN_TEMPLATE.replacen(from, to, 1));
        for part in parts {
            assert!(said.contains(part), "{part:?} is missing in:\n{said}");
        }
    }
}
