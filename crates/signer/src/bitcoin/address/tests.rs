use super::*;

/// Published in BIP-173, BIP-350, BIP-16 and Bitcoin Core's tests: address, script.
const GOOD: [(BitcoinNetwork, &str, &str); 8] = [
    (
        BitcoinNetwork::Mainnet,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "0014751e76e8199196d454941c45d1b3a323f1433bd6",
    ),
    (
        BitcoinNetwork::Testnet4,
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    ),
    (
        BitcoinNetwork::Signet,
        "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
        "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    (
        BitcoinNetwork::Mainnet,
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ),
    (
        BitcoinNetwork::Mainnet,
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac",
    ),
    (
        BitcoinNetwork::Mainnet,
        "3P14159f73E4gFr7JterCCQh9QjiTjiZrG",
        "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87",
    ),
    (
        BitcoinNetwork::Regtest,
        "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
        "76a914243f1394f44554f4ce3fd68649c19adc483ce92488ac",
    ),
    (
        BitcoinNetwork::Regtest,
        "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
        "a9144e9f39ca4688ff102128ea4ccda34105324305b087",
    ),
];

#[test]
fn published_addresses_are_their_scripts() {
    for (network, text, script) in GOOD {
        assert_eq!(script_of(network, text).map(hex::encode).as_deref(), Ok(script), "{text}");
    }
}

#[test]
fn f68_another_network_another_case_or_another_letter_is_no_address() {
    for (network, text, _) in GOOD {
        let upper = text.to_uppercase();
        assert!(script_of(network, &upper).is_err(), "{upper}");
        for other in BitcoinNetwork::ALL {
            let same = other.prefix() == network.prefix()
                || !text.contains(network.prefix()) && other.coin() == network.coin();
            assert_eq!(script_of(other, text).is_ok(), same, "{text} on {other}");
        }
        for place in 0..text.len() {
            let (before, after) = text.split_at(place);
            let wrong = [
                format!("{before}{}", &after[1..]),
                format!("{before}q{after}"),
                format!(
                    "{before}{}{}",
                    if after.starts_with('z') { 'y' } else { 'z' },
                    &after[1..]
                ),
            ];
            for wrong in wrong {
                assert!(script_of(network, &wrong).is_err(), "{wrong} for {text}");
            }
        }
        for wrong in [
            format!(" {text}"),
            format!("{text} "),
            format!("1{text}"),
            String::new(),
            format!("bitcoin:{text}"),
        ] {
            assert!(script_of(network, &wrong).is_err(), "{wrong:?}");
        }
    }
}

/// BIP-173 and BIP-350, invalid addresses, and those of versions that have no meaning yet.
#[test]
fn f68_published_texts_that_are_no_addresses() {
    for (text, part) in [
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", "bech32m instead of bech32"),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
            "bech32 instead of bech32m",
        ),
        ("bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", "characters"),
        ("BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R", "does not begin"),
        ("bc1pw5dgrnzv", "which is none"),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
            "which is none",
        ),
        ("BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "does not begin"),
        ("bc1qr508d6qejxtdg4y5r3zarvaryv98gj9p", "allowed are"),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf", "padded"),
        ("bc1gmk9yu", "too short"),
        (
            "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
            "allowed are",
        ),
        ("bc1sw50qgdz25j", "allowed are"),
        ("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "allowed are"),
        ("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "neither"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "wrong checksum"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "wrong checksum"),
        ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "is of version 111"),
    ] {
        let wrong = script_of(BitcoinNetwork::Mainnet, text).expect_err(text);
        assert!(wrong.contains(part) && wrong.contains(text), "{wrong}");
    }
}

#[test]
fn an_address_is_written_as_it_is_read() {
    for (network, text, script) in
        GOOD.iter().filter(|(network, text, _)| text.starts_with(network.prefix()))
    {
        let script = hex::decode(script).expect("hex");
        let version = script[0].saturating_sub(0x50);
        assert_eq!(of_program(*network, &Program { version, bytes: script[2..].to_vec() }), *text);
    }
}

mod agreement {
    use adit_bitcoin::{Address, Network};
    use proptest::prelude::*;

    use super::*;

    const NETWORKS: [(BitcoinNetwork, Network); 4] = [
        (BitcoinNetwork::Mainnet, Network::Mainnet),
        (BitcoinNetwork::Testnet4, Network::Testnet4),
        (BitcoinNetwork::Signet, Network::Signet),
        (BitcoinNetwork::Regtest, Network::Regtest),
    ];

    fn script() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<[u8; 20]>().prop_map(|hash| script::p2pkh(&hash)),
            any::<[u8; 20]>().prop_map(|hash| script::p2sh(&hash)),
            any::<[u8; 20]>()
                .prop_map(|hash| script::witness(&Program { version: 0, bytes: hash.to_vec() })),
            any::<[u8; 32]>()
                .prop_map(|hash| script::witness(&Program { version: 0, bytes: hash.to_vec() })),
            any::<[u8; 32]>()
                .prop_map(|key| script::witness(&Program { version: 1, bytes: key.to_vec() })),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        /// The engine's reader is another one, and more lenient in one thing: it takes bech32 in
        /// upper case, and stores it in lower.
        #[test]
        fn f68_two_readers_agree_on_every_text(
            script in script(),
            written_for in 0usize..4,
            read_for in 0usize..4,
            edits in prop::collection::vec((any::<prop::sample::Index>(), "[0-9a-zA-Z]"), 0..3),
        ) {
            let written = Address::of_script(NETWORKS[written_for].1, bitcoin::ScriptBuf::from_bytes(script)).expect("a form that is paid");
            let mut text = written.destination().to_string();
            for (place, letter) in &edits {
                let place = place.index(text.len());
                text.replace_range(place..=place, letter);
            }
            let (ours, theirs) = NETWORKS[read_for];
            let theirs = Address::parse(theirs, &text).ok().filter(|address| address.destination().as_str() == text);
            prop_assert_eq!(script_of(ours, &text).ok(), theirs.map(|address| address.script().to_bytes()));
        }
    }
}
