use proptest::prelude::*;

use super::*;

fn network_of(text: &str) -> Network {
    if text.to_ascii_lowercase().starts_with("tb") { Network::Testnet4 } else { Network::Mainnet }
}

fn parse(text: &str) -> Result<Address, AddressError> {
    Address::parse(network_of(text), text)
}

/// BIP-173 and BIP-350, "valid segwit addresses", those with a meaning today.
#[test]
fn published_segwit_addresses_are_their_scripts() {
    for (text, script) in [
        (
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "0014751e76e8199196d454941c45d1b3a323f1433bd6",
        ),
        (
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
        ),
        (
            "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
            "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
        ),
        (
            "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
            "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
        ),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
    ] {
        let address = parse(text).expect(text);
        assert_eq!(hex::encode(address.script()), script);
        assert_eq!(address.destination().as_str(), text.to_ascii_lowercase());
    }
}

/// BIP-350 calls them valid since they may get a meaning one day. Until then anyone could take what
/// is sent there.
#[test]
fn f68_witness_programs_without_a_meaning_are_refused() {
    let v1 = "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y";
    assert_eq!(
        parse(v1),
        Err(AddressError::ProgramLength { version: 1, bytes: 40, allowed: "32 (P2TR)" })
    );
    assert_eq!(parse("BC1SW50QGDZ25J"), Err(AddressError::WitnessVersion { version: 16 }));
    assert_eq!(
        parse("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs"),
        Err(AddressError::WitnessVersion { version: 2 })
    );
    let anchor = "bc1pfeessrawgf";
    assert_eq!(
        parse(anchor),
        Err(AddressError::ProgramLength { version: 1, bytes: 2, allowed: "32 (P2TR)" })
    );
}

/// BIP-173 before BIP-350: its valid addresses of version 1 and above now have the wrong checksum.
#[test]
fn f68_the_old_checksum_is_refused_above_version_0() {
    for text in [
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",
        "BC1SW50QA3JX3S",
        "bc1zw508d6qejxtdg4y5r3zarvaryvg6kdaj",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
        "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
        "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
        "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
    ] {
        assert!(
            matches!(parse(text), Err(AddressError::ChecksumKind { .. })),
            "{text}: {:?}",
            parse(text)
        );
    }
}

/// The other invalid addresses of BIP-173 and BIP-350, with their reasons.
#[test]
fn published_invalid_addresses_say_why() {
    let prefix = |text: &str| {
        matches!(parse(text), Err(AddressError::OtherPrefix { prefix, .. }) if prefix ==
        "tc")
    };
    assert!(prefix("tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty"));
    assert!(prefix("tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut"));
    for text in [
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
    ] {
        assert_eq!(parse(text), Err(AddressError::Checksum), "{text}");
    }
    for text in [
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7",
        "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq",
    ] {
        assert_eq!(parse(text), Err(AddressError::MixedCase), "{text}");
    }
    for (text, bytes) in [
        ("bc1pw5dgrnzv", 1),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav", 41),
        ("BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", 16),
    ] {
        assert!(
            matches!(parse(text), Err(AddressError::ProgramLength { bytes: got, .. }) if got == bytes),
            "{text}: {:?}",
            parse(text)
        );
    }
    for text in [
        "BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2",
        "bc1rw5uspcuh",
        "bc10w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw5rljs90",
        "bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du",
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3pjxtptv",
        "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
        "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
        "bc1gmk9yu",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert_eq!(
        parse("BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R"),
        Err(AddressError::WitnessVersion { version: 17 })
    );
}

/// The strings of BIP-173 and BIP-350 that are (or are not) bech32, but never an address.
#[test]
fn bech32_that_is_no_address_is_refused() {
    for text in [
        "A12UEL5L",
        "a12uel5l",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        "?1ezyfcl",
        " 1nwldj5",
        "\u{7f}1axkwrx",
        "\u{80}1eym55h",
        "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx",
        "pzry9x0s0muk",
        "1pzry9x0s0muk",
        "x1b4n0q5v",
        "li1dgmt3",
        "de1lg7wt\u{ff}",
        "A1G7SGD8",
        "10a06t8",
        "1qzzfhee",
        "A1LQFN3A",
        "a1lqfn3a",
        "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
        " 1xj0phk",
        "\u{7f}1g6xzxy",
        "\u{80}1vctc34",
        "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
        "qyrz8wqd2c9m",
        "1qyrz8wqd2c9m",
        "y1b0jsk6g",
        "lt1igcx5c0",
        "in1muywd",
        "mm1crxm3i",
        "au1s5cgom",
        "M1VUXWEZ",
        "16plkw9",
        "1p2gdwpf",
    ] {
        for network in Network::ALL {
            assert!(Address::parse(network, text).is_err(), "{text:?} on {network}");
        }
    }
}

#[test]
fn f68_addresses_of_other_networks_are_named() {
    let main = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0";
    let got = |network, text| Address::parse(network, text).expect_err(text).to_string();
    assert_eq!(
        got(Network::Regtest, main),
        "this is an address of mainnet, and payments go to regtest; ask for one of regtest"
    );
    let test = "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy";
    assert!(Address::parse(Network::Signet, test).is_ok());
    for network in [Network::Mainnet, Network::Regtest] {
        assert!(matches!(Address::parse(network, test), Err(AddressError::OtherNetwork { .. })));
    }
    assert!(got(Network::Mainnet, "n3ZddxzLvAY9o7184TB4c6FJasAybsw4HZ").contains("a test network"));
    assert!(got(Network::Testnet4, "3P14159f73E4gFr7JterCCQh9QjiTjiZrG").contains("of mainnet"));
    assert_eq!(parse("vitalik.eth"), Err(AddressError::Name));
    assert!(matches!(
        parse("0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        Err(AddressError::Hexadecimal { .. })
    ));
}

/// Base58 texts are case sensitive and are kept as they are. The genesis block's address, and the
/// one of BIP-16's first use.
#[test]
fn base58_is_accepted_to_the_letter() {
    for (text, kind) in [
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", ScriptKind::P2pkh),
        ("3P14159f73E4gFr7JterCCQh9QjiTjiZrG", ScriptKind::P2sh),
    ] {
        let address = parse(text).expect(text);
        assert_eq!((address.destination().as_str(), address.kind()), (text, kind));
    }
    assert_eq!(parse("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"), Err(AddressError::Checksum));
}

const GOOD: &str = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq";
const GENESIS: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";

#[test]
fn blanks_at_the_ends_are_no_part_of_an_address() {
    for good in [GOOD, GENESIS] {
        for text in [format!(" {good}"), format!("{good}\r\n"), format!("\u{feff}{good}\u{a0}\t")] {
            assert_eq!(
                parse(&text).map(|address| address.destination().to_string()),
                Ok(good.to_owned()),
                "{text:?}"
            );
        }
    }
}

/// What stands beside the address would be ignored, so it is never taken from a URI by itself.
#[test]
fn a_payment_uri_names_the_address_to_paste() {
    for (text, paste) in [
        (format!("bitcoin:{GOOD}?amount=0.1&label=Ada"), GOOD),
        (format!("BITCOIN:{}?AMOUNT=0.1&LIGHTNING=LNBC1", GOOD.to_uppercase()), GOOD),
        (format!("bitcoin:{GENESIS}"), GENESIS),
        (format!("{} {}", &GOOD[..8], &GOOD[8..]), GOOD),
        (format!("{GOOD}\u{200b}"), GOOD),
    ] {
        let error = parse(&text).expect_err(&text);
        assert_eq!(error.paste().map(Destination::as_str), Some(paste), "{text:?}");
        assert!(error.to_string().contains(&format!("paste {paste}")), "{error}");
    }
    let test = Address::parse(Network::Regtest, &format!("bitcoin:{GOOD}"))
        .expect_err("of the main network");
    assert!(test.paste().is_none() && test.to_string().contains("an address of mainnet"), "{test}");
    assert!(matches!(parse(&format!("bitcoin:{GOOD}x")), Err(AddressError::InPaymentUri { .. })));
    assert_eq!(parse("bitcoin:?lno=lno1abc"), Err(AddressError::UriWithoutAddress));
    assert_eq!(
        parse("ethereum:0x5FbDB2315678afecb367f032d93F642f64180aa3@1"),
        Err(AddressError::OtherUri { scheme: "ethereum".to_owned() })
    );
}

#[test]
fn what_is_no_address_is_named() {
    for text in ["lnbc20m1pvjluezpp5qqqsyq", "LNBC1", "lightning:lnbc1", "lno1qcp4256ypq"] {
        assert_eq!(parse(text), Err(AddressError::Lightning), "{text}");
    }
    assert_eq!(parse("ada@example.org"), Err(AddressError::Name));
    assert_eq!(parse(" \n"), Err(AddressError::Empty));
    // The account of BIP-84's test vectors.
    let xpub = "xpub661MyMwAqRbcFkPHucMnrGNzDwb6teAX1RbKQmqtEF8kK3Z7LZ59qafCjB9eCRLiTVG3uxBxgKvRgbubRhqSKXnGGb1aoaqLrpMBDrVxga8";
    assert_eq!(parse(xpub), Err(AddressError::ExtendedKey));
}

/// The keys of BIP-32's first test vector and of the wiki's page on WIF. Refusals are shown and
/// logged.
#[test]
fn a_private_key_is_not_repeated() {
    let xprv = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";
    for key in ["5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", xprv] {
        let error = parse(&format!(" {key}")).expect_err("it is no address");
        assert_eq!(error, AddressError::PrivateKey);
        let refused = format!("{:?}", error.refused(Network::Mainnet, key));
        assert!(!refused.contains(&key[..8]), "{refused}");
    }
}

fn any_script() -> impl Strategy<Value = ScriptBuf> {
    let witness = |version, program: &[u8]| {
        ScriptBuf::new_witness_program(
            &WitnessProgram::new(version, program).expect("the lengths below"),
        )
    };
    use bitcoin::hashes::Hash;
    prop_oneof![
        any::<[u8; 20]>()
            .prop_map(|hash| ScriptBuf::new_p2pkh(&bitcoin::PubkeyHash::from_byte_array(hash))),
        any::<[u8; 20]>()
            .prop_map(|hash| ScriptBuf::new_p2sh(&bitcoin::ScriptHash::from_byte_array(hash))),
        any::<[u8; 20]>().prop_map(move |program| witness(WitnessVersion::V0, &program)),
        any::<[u8; 32]>().prop_map(move |program| witness(WitnessVersion::V0, &program)),
        any::<[u8; 32]>().prop_map(move |program| witness(WitnessVersion::V1, &program)),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(script in any_script(), network in prop::sample::select(&Network::ALL[..])) {
        let address = Address::of_script(network, script.clone()).expect("one of the accepted kinds");
        let again = Address::parse(network, address.destination().as_str());
        prop_assert_eq!(again.as_ref().map(Address::script), Ok(&script));
        prop_assert_eq!(again, Ok(address));
    }

    /// BIP-173: up to four wrong characters are always found. Any one in base58 is, but for one in
    /// 2^32.
    #[test]
    fn f68_one_wrong_character_is_refused(script in any_script(), at in any::<prop::sample::Index>(), other in "[0-9a-z]") {
        let text = Address::of_script(Network::Mainnet, script).expect("accepted").destination().to_string();
        let at = at.index(text.len());
        prop_assume!(&text[at..=at] != other.as_str());
        let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        prop_assert!(Address::parse(Network::Mainnet, &changed).is_err(), "{}", changed);
    }

    #[test]
    fn no_text_brings_it_down(text in ".{0,100}", network in prop::sample::select(&Network::ALL[..])) {
        if let Ok(address) = Address::parse(network, &text) {
            prop_assert!(address.destination().as_str().eq_ignore_ascii_case(trimmed(&text)));
        }
    }
}
