//! What the BIPs publish to be tested with.

use super::*;

/// BIP-174, "Test Vectors": those that are said to be invalid are refused, the others are read.
#[test]
fn the_published_psbts_are_read_or_refused() {
    let mut counts = BTreeMap::new();
    for line in include_str!("bip174.tsv").lines().filter(|line| !line.starts_with('#')) {
        let [validity, case, base64] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("three fields: {line}")
        };
        assert_eq!(tampered::read(base64.as_bytes()).is_ok(), validity == "valid", "{case}");
        *counts.entry(validity).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([("invalid", 20), ("valid", 10)]));
    let mut large = b"psbt\xff".to_vec();
    large.resize(tampered::PSBT_BYTES_MAX + 1, 0);
    assert!(matches!(
        tampered::read(&large),
        Err(Tampered::TooLarge { most: tampered::PSBT_BYTES_MAX, .. })
    ));
    assert!(matches!(
        tampered::read(&vec![b'A'; tampered::PSBT_BYTES_MAX / 2 * 3]),
        Err(Tampered::TooLarge { .. })
    ));
    let hex = tampered::read("0200000001".as_bytes()).expect_err("a transaction").to_string();
    assert!(hex.contains("it is a transaction"), "{hex}");
}

/// BIP-143, "Native P2WPKH": the second input's digest, and the signature of its key.
#[test]
fn the_published_vector_of_bip143() {
    let raw = hex::decode("0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000").expect("hex");
    let transaction: Transaction = encode::deserialize(&raw).expect("a transaction");
    let script_pubkey =
        ScriptBuf::from_hex("00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1").expect("hex");
    let spent =
        TxOut { value: bdk_wallet::bitcoin::Amount::from_btc(6.0).expect("fits"), script_pubkey };
    let input = psbt::Input { witness_utxo: Some(spent), ..psbt::Input::default() };
    let digest = message(&mut SighashCache::new(&transaction), 1, &input, &[]);
    assert_eq!(
        hex::encode(digest.as_ref()),
        "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"
    );
    let key: SecretKey =
        "619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9".parse().expect("a key");
    let signature = "304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee";
    assert_eq!(CURVE.sign_ecdsa_low_r(&digest, &key).to_string(), signature);
}

/// BIP-341, `wallet-test-vectors.json`, `keyPathSpending`: the tweak of the one key without scripts
/// (input 0), and digest and signature of the one input that is signed with the default hash type
/// (input 4).
#[test]
fn the_published_vectors_of_bip341() {
    let key = |hex: &str| hex.parse::<SecretKey>().expect("a key");
    let own = tweaked(&key("6b973d88838f27366ed61c9ad6367663045cb456e28335c109e30717ae0c6baa"));
    assert_eq!(
        own.secret_key(),
        key("2405b971772ad26915c8dcdf10f238753a9b837e5f8e6a86fd7c0cce5b7296d9")
    );
    let raw = hex::decode("02000000097de20cbff686da83a54981d2b9bab3586f4ca7e48f57f5b55963115f3b334e9c010000000000000000d7b7cab57b1393ace2d064f4d4a2cb8af6def61273e127517d44759b6dafdd990000000000fffffffff8e1f583384333689228c5d28eac13366be082dc57441760d957275419a418420000000000fffffffff0689180aa63b30cb162a73c6d2a38b7eeda2a83ece74310fda0843ad604853b0100000000feffffffaa5202bdf6d8ccd2ee0f0202afbbb7461d9264a25e5bfd3c5a52ee1239e0ba6c0000000000feffffff956149bdc66faa968eb2be2d2faa29718acbfe3941215893a2a3446d32acd050000000000000000000e664b9773b88c09c32cb70a2a3e4da0ced63b7ba3b22f848531bbb1d5d5f4c94010000000000000000e9aa6b8e6c9de67619e6a3924ae25696bb7b694bb677a632a74ef7eadfd4eabf0000000000ffffffffa778eb6a263dc090464cd125c466b5a99667720b1c110468831d058aa1b82af10100000000ffffffff0200ca9a3b000000001976a91406afd46bcdfd22ef94ac122aa11f241244a37ecc88ac807840cb0000000020ac9a87f5594be208f8532db38cff670c450ed2fea8fcdefcc9a663f78bab962b0065cd1d").expect("hex");
    let transaction: Transaction = encode::deserialize(&raw).expect("a transaction");
    let spent: Vec<TxOut> = [
        ("512053a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343", 420_000_000),
        ("5120147c9c57132f6e7ecddba9800bb0c4449251c92a1e60371ee77557b6620f3ea3", 462_000_000),
        ("76a914751e76e8199196d454941c45d1b3a323f1433bd688ac", 294_000_000),
        ("5120e4d810fd50586274face62b8a807eb9719cef49c04177cc6b76a9a4251d5450e", 504_000_000),
        ("512091b64d5324723a985170e4dc5a0f84c041804f2cd12660fa5dec09fc21783605", 630_000_000),
        ("00147dd65592d0ab2fe0d0257d571abf032cd9db93dc", 378_000_000),
        ("512075169f4001aa68f15bbed28b218df1d0a62cbbcf1188c6665110c293c907b831", 672_000_000),
        ("5120712447206d7a5238acc7ff53fbe94a3b64539ad291c7cdbc490b7577e4b17df5", 546_000_000),
        ("512077e30a5522dd9f894c3f8b8bd4c4b2cf82ca7da8a3ea6a239655c39c050ab220", 588_000_000),
    ]
    .map(|(script, satoshi)| TxOut {
        value: bdk_wallet::bitcoin::Amount::from_sat(satoshi),
        script_pubkey: ScriptBuf::from_hex(script).expect("hex"),
    })
    .to_vec();
    let input = psbt::Input { witness_utxo: Some(spent[4].clone()), ..psbt::Input::default() };
    let digest: Message = message(&mut SighashCache::new(&transaction), 4, &input, &spent);
    assert_eq!(
        hex::encode(digest.as_ref()),
        "4f900a0bae3f1446fd48490c2958b5a023228f01661cda3496a11da502a7f7ef"
    );
    let tweaked =
        key("a8e7aa924f0d58854185a490e6c41f6efb7b675c0f3331b7f14b549400b4d501").keypair(&CURVE);
    let signature = CURVE.sign_schnorr_no_aux_rand(&digest, &tweaked);
    assert_eq!(
        signature.to_string(),
        "b4010dd48a617db09926f729e79c33ae0b4e94b79f04a1ae93ede6315eb3669de185a17d2b0ac9ee09fd4c64b678a0b61a0a86fa888a273c8511be83bfd6810f"
    );
}
