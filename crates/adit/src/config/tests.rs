//! What is read, what is refused, and that documents and template say what the code does.

mod bitcoin;
mod metrics;

use adit_core::{Amount, AssetForm, ChainName, Finality, Trust, Window};

use super::environment::VARIABLES;
use super::{
    BITCOIN_TEMPLATE, Config, Environment, Membership, MetricsListen, Of, StoreUrl, TEMPLATE,
};

const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const LOCK: &str = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";

fn environment(set: &[(&str, &str)]) -> Environment {
    Environment::of(|name| {
        set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

fn base(more: &[(&str, &str)]) -> Environment {
    let least = [
        ("ADIT_NETWORK", "base"),
        ("LOCK_MANAGER_PRIVATE_KEY", KEY),
        ("NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_MAINNET", TOKEN),
        ("NEXT_PUBLIC_DG_NATION_LOCK_ADDRESS", LOCK),
        ("INFURA_PROJECT_ID", "infura-secret"),
        ("ALCHEMY_API_KEY", "alchemy-secret"),
    ];
    environment(&[more, &least].concat())
}

fn read(text: &str) -> Result<Config, String> {
    Config::parse("adit.toml", text, &Environment::default())
        .map_err(|unusable| unusable.to_string())
}

/// The template with `from` replaced, which must be there.
fn template(from: &str, to: &str) -> String {
    assert!(TEMPLATE.contains(from), "the template has {from:?}");
    TEMPLATE.replacen(from, to, 1)
}

fn refusal(text: &str) -> String {
    read(text).expect_err("it cannot be used")
}

fn asset<'a>(config: &'a Config, id: &str) -> &'a adit_core::AssetRules {
    config.assets.get(&id.parse().expect("an asset")).expect("it is configured")
}

fn chain<'a>(config: &'a Config, name: &str) -> &'a super::Chain {
    config.chains.get(&ChainName::new(name).expect("a chain")).expect("it is configured")
}

fn evm<'a>(config: &'a Config, name: &str) -> &'a super::EvmChain {
    let Of::Evm(evm) = &chain(config, name).of else { panic!("{name} is an EVM chain") };
    evm
}

fn bitcoin(config: &Config) -> &super::BitcoinChain {
    let Of::Bitcoin(bitcoin) = &chain(config, "bitcoin").of else {
        panic!("it is a Bitcoin chain")
    };
    bitcoin
}

#[test]
fn the_environment_alone_is_enough() {
    let config = Config::parse("the environment", "", &base(&[])).expect("usable");
    let chain = chain(&config, "base");
    assert_eq!(
        (chain.chain_id(), chain.trust, chain.finality, evm(&config, "base").op_stack),
        (Some(8_453), Trust::Quorum, Finality::Tag, true)
    );
    let urls: Vec<&str> =
        evm(&config, "base").rpc.iter().map(super::hidden::Hidden::expose).collect();
    assert_eq!(
        urls,
        [
            "https://base-mainnet.infura.io/v3/infura-secret",
            "https://base-mainnet.g.alchemy.com/v2/alchemy-secret"
        ]
    );
    let dg = asset(&config, "DG");
    assert_eq!(
        dg.asset.form,
        AssetForm::Token { chain: chain.name.clone(), contract: TOKEN.to_owned() }
    );
    assert_eq!(dg.policy.minimum, Amount::parse("3000", 18).expect("an amount"));
    assert_eq!(dg.policy.windows[0].window, Window::Rolling24h);
    assert_eq!(dg.policy.windows[0].max, Amount::parse("100000", 18).expect("an amount"));
    assert!(matches!(&config.membership, Membership::Required { lock } if lock.as_str() == LOCK));
    assert_eq!(config.server.listen.port(), 5_000);
    assert_eq!(config.server.metrics_listen, MetricsListen::Default);
    assert_eq!(asset(&config, "XP").asset.form, AssetForm::Points);
}

#[test]
fn base_sepolia_has_its_own_token_and_chain() {
    let variables = environment(&[
        ("ADIT_NETWORK", "base-sepolia"),
        ("NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_MAINNET", LOCK),
        ("NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_SEPOLIA", TOKEN),
        ("BASE_RPC_ENDPOINT", "http://127.0.0.1:8545"),
        ("ADIT_TRUST", "single"),
    ]);
    let config = Config::parse("the environment", "", &variables).expect("usable");
    let chain = chain(&config, "base-sepolia");
    assert_eq!((chain.chain_id(), chain.trust, chain.sources()), (Some(84_532), Trust::Single, 1));
    assert!(
        matches!(&asset(&config, "DG").asset.form, AssetForm::Token { contract, .. } if contract == TOKEN)
    );
    assert_eq!(config.membership, Membership::Open);
}

#[test]
fn variables_override_and_complete_the_file() {
    let variables = environment(&[
        ("DG_WITHDRAWAL_MIN_AMOUNT", "10"),
        ("DG_WITHDRAWAL_MAX_DAILY_AMOUNT", "20"),
        ("DG_WITHDRAWAL_SIGNATURE_DEADLINE_SECONDS", "60"),
        ("ADIT_EVM_RPC", "http://127.0.0.1:1/, http://127.0.0.1:2/"),
        ("DATABASE_URL", "postgres://adit:secret@localhost/adit"),
        ("ADIT_LISTEN", "0.0.0.0:1"),
        ("PORT", "8080"),
        ("ADIT_METRICS_LISTEN", "0.0.0.0:2"),
    ]);
    let config = Config::parse("adit.toml", TEMPLATE, &variables).expect("usable");
    let policy = &asset(&config, "DG").policy;
    assert_eq!(policy.minimum, Amount::parse("10", 18).expect("an amount"));
    assert_eq!(policy.windows[0].max, Amount::parse("20", 18).expect("an amount"));
    assert_eq!(config.claims.as_ref().expect("claims").deadline_ahead_max.seconds(), 60);
    let urls: Vec<&str> =
        evm(&config, "base").rpc.iter().map(super::hidden::Hidden::expose).collect();
    assert_eq!(urls, ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]);
    assert!(matches!(config.store, StoreUrl::Postgres { .. }));
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(
        config.server.metrics_listen,
        MetricsListen::At("0.0.0.0:2".parse().expect("an address"))
    );
}

#[test]
fn an_endpoint_for_tera_is_of_the_chain_tera() {
    let text = format!(
        "{TEMPLATE}\n[chains.tera]\nchain_id = 777\ntrust = \"single\"\nnative = \"TERA\"\n"
    );
    let config = Config::parse(
        "adit.toml",
        &text,
        &environment(&[("TERA_RPC_ENDPOINT", "http://127.0.0.1:9/")]),
    )
    .expect("usable");
    assert_eq!(evm(&config, "tera").rpc[0].expose(), "http://127.0.0.1:9/");
    assert!(
        matches!(&asset(&config, "TERA").asset.form, AssetForm::Native { chain } if chain.as_str() == "tera")
    );
}

/// A value, and what the refusal has to name: key, value, what is allowed.
#[test]
fn every_wrong_value_names_key_value_and_what_is_allowed() {
    let cases = [
        (
            "#listen = \"127.0.0.1:5000\"",
            "listen = \"5000\"",
            &["server.listen is \"5000\"", "an IP address and a port"][..],
        ),
        (
            "#metrics_listen = \"127.0.0.1:9464\"",
            "metrics_listen = \"9464\"",
            &["server.metrics_listen is \"9464\"", "an IP address and a port", "\"none\""],
        ),
        (
            "#requests_per_second = 50",
            "requests_per_second = 0",
            &["server.requests_per_second is 0", "from 1 to 1000000"],
        ),
        (
            "#cors_origins = []",
            "cors_origins = [\"*\"]",
            &["server.cors_origins names \"*\"", "https://app.example.org"],
        ),
        (
            "#url = \"sqlite:data/adit.db\"",
            "url = \"mysql://u:hush@h/d\"",
            &["store.url", "not shown", "postgres://"],
        ),
        ("chain_id = 8453", "", &["chains.base.chain_id is missing", "eth_chainId"]),
        (
            "chain_id = 8453",
            "chain_id = \"8453\"",
            &["chains.base.chain_id is \"8453\"", "a whole number from 1"],
        ),
        (
            "chain_id = 8453",
            "chain_id = 9007199254740992",
            &["chain_id is 9007199254740992", "from 1 to 9007199254740991"],
        ),
        (
            "#trust = \"quorum\"",
            "trust = \"both\"",
            &["chains.base.trust is \"both\"", "\"quorum\" or \"single\""],
        ),
        ("#kind = \"evm\"", "kind = \"solana\"", &["chains.base.kind is \"solana\"", "\"evm\""]),
        (
            "#finality = \"finalized\"",
            "finality = \"safe\"",
            &["chains.base.finality is \"safe\"", "or a number of blocks"],
        ),
        ("#finality = \"finalized\"", "finality = 0", &["chains.base.finality is 0", "from 1 to"]),
        (
            "#confirmations = 2",
            "confirmations = -1",
            &["chains.base.confirmations is -1", "from 1 to 1000"],
        ),
        (
            "#fee_per_gas_max_gwei = \"300\"",
            "fee_per_gas_max_gwei = 1.5",
            &["fee_per_gas_max_gwei is 1.5", "as text"],
        ),
        (
            "#op_stack = false",
            "op_stack = \"no\"",
            &["chains.base.op_stack is \"no\"", "true or false"],
        ),
        (
            ", \"https://base-rpc.publicnode.com\"",
            "",
            &["chains.base.rpc has 1 endpoint(s)", "trust = \"single\"", "ALCHEMY_API_KEY"],
        ),
        (
            "\"https://mainnet.base.org\"",
            "\"https://BASE-rpc.publicnode.com/\"",
            &["chains.base.rpc", "same URL twice", "different providers"],
        ),
        (
            "\"https://mainnet.base.org\"",
            "\"wss://key@host\"",
            &["chains.base.rpc", "place 1", "http:// or https://"],
        ),
        (
            "#native = \"ETH\"",
            "native = \"DG\"",
            &["chains.base.native is \"DG\"", "without a token"],
        ),
        (
            "chain = \"base\"",
            "chain = \"bass\"",
            &["assets.DG.chain is \"bass\"", "allowed are the chains configured: base"],
        ),
        ("decimals = 18", "decimals = 39", &["assets.DG.decimals is 39", "from 0 to 38"]),
        ("token = \"0x5F", "token = \"0x5f", &["assets.DG.token is \"0x5f", "checksum of EIP-55"]),
        (
            "token = \"0x5FbDB2315678afecb367f032d93F642f64180aa3\"",
            "",
            &["assets.DG.token is missing", "the address of its contract"],
        ),
        (
            "#minimum = \"0\"",
            "minimum = \"1e3\"",
            &["assets.DG.policy.minimum is \"1e3\"", "whole units"],
        ),
        ("#minimum = \"0\"", "minimum = 0.5", &["assets.DG.policy.minimum is 0.5", "as text"]),
        (
            "#maximum = \"none\"",
            "maximum = \"5\"\nminimum = \"6\"",
            &["assets.DG.policy.maximum is \"5\"", "below the minimum of \"6\""],
        ),
        (
            "#fee_basis_points = 0",
            "fee_basis_points = 10001",
            &["fee_basis_points is 10001", "from 0 to 10000"],
        ),
        (
            "#calendar_offset_minutes = 0",
            "calendar_offset_minutes = 900",
            &["calendar_offset_minutes is 900", "from -720 to 840"],
        ),
        (
            "[assets.DG.tiers.member]",
            "[assets.DG.tiers.Member]",
            &["assets.DG.tiers.Member is named \"Member\"", "a-z"],
        ),
        (
            "[assets.DG.tiers.member]",
            "[assets.DG.tiers.member]\nmax = 1",
            &["assets.DG.tiers.member.max is not a key", "maximum"],
        ),
        ("asset = \"DG\"", "asset = \"DX\"", &["claims.asset is \"DX\"", "DG, ETH"]),
        ("asset = \"DG\"", "asset = \"ETH\"", &["claims.asset is \"ETH\"", "a token"]),
        ("#points = \"XP\"", "points = \"DG\"", &["claims.points is \"DG\"", "another name"]),
        ("#rate = \"1/1\"", "rate = \"1/0\"", &["claims.rate is \"1/0\"", "\"3/2\""]),
        (
            "#domain_name = \"P2E Inferno DG Withdrawal\"",
            "domain_name = \"Name \"",
            &["claims.domain_name is \"Name \"", "without spaces"],
        ),
        (
            "#deadline_seconds_max = 900",
            "deadline_seconds_max = 86401",
            &["claims.deadline_seconds_max is 86401", "from 1 to 86400"],
        ),
        (
            "#mode = \"open\"",
            "mode = \"required\"",
            &["membership.lock is missing", "mode = \"open\""],
        ),
        ("#mode = \"open\"", "mode = \"closed\"", &["membership.mode is \"closed\"", "\"tiered\""]),
        (
            "#mode = \"open\"",
            "mode = \"tiered\"\nlock = \"0xe7f1725e7734ce288f8367e1bb143e90bb3f0512\"\ntier = \
             \"vip\"",
            &["assets.DG.tiers.vip is missing"],
        ),
        ("#low.DG = \"10000\"", "low.DX = \"1\"", &["alerts.low.DX names no asset", "DG, ETH, XP"]),
        ("#low.DG = \"10000\"", "low.DG = \"x\"", &["alerts.low.DG is \"x\"", "whole units"]),
        ("#[signer.caps.DG]", "[signer.caps.DX]", &["signer.caps.DX names no asset", "DG"]),
        (
            "#environment = \"production\"",
            "environment = \"a b\"",
            &["signer.environment is \"a b\"", "1 to 64"],
        ),
        (
            "#network = \"base\"",
            "network = \"mainnet\"",
            &["network is \"mainnet\"", "\"base\" or \"base-sepolia\""],
        ),
        ("[wallets]", "[wallet]", &["wallet is not a key of this table", "wallets"]),
        ("#[[jwt]]", "[[jwt]]", &["jwt[0].issuer is missing", "jwt[0].jwks_url is missing"]),
        (
            "#[[jwt]]",
            "[[jwt]]\nissuer=\"i\"\naudience=\"a\"\njwks_url=\"http://h/\"\nalgorithms=[\"HS256\"]",
            &["jwt[0].jwks_url is \"http://h/\"", "jwt[0].algorithms is", "ES256"],
        ),
        ("[store]", "[store", &["is no TOML at line"]),
    ];
    for (from, to, expected) in cases {
        let said = refusal(&template(from, to));
        for part in expected {
            assert!(said.contains(part), "{to:?} is answered with {part:?}, not with:\n{said}");
        }
        assert!(!said.contains("hush") && !said.contains("key@host"), "secrets are not repeated");
    }
}

#[test]
fn all_problems_are_reported_at_once_with_their_variables() {
    let variables = base(&[
        ("PORT", "http"),
        ("DG_WITHDRAWAL_MIN_AMOUNT", "lots"),
        ("DG_WITHDRAWAL_SIGNATURE_DEADLINE_SECONDS", "soon"),
        ("ADIT_ADMIN_TOKEN", "short"),
        ("ADIT_KEY_PASSPHRASE", "short"),
        ("LOCK_MANAGER_PRIVATE_KEY", "0x1234"),
        ("DATABASE_URL", "oracle://u:hush@h"),
    ]);
    let said = Config::parse("the environment", "", &variables).expect_err("unusable").to_string();
    for part in [
        "server.listen is \"127.0.0.1:http\" (from the environment variable PORT)",
        "assets.DG.policy.minimum is \"lots\" (from the environment variable \
         DG_WITHDRAWAL_MIN_AMOUNT)",
        "claims.deadline_seconds_max is \"soon\" (from the environment variable \
         DG_WITHDRAWAL_SIGNATURE_DEADLINE_SECONDS)",
        "ADIT_ADMIN_TOKEN cannot be used",
        "ADIT_KEY_PASSPHRASE is too short",
        "LOCK_MANAGER_PRIVATE_KEY is no private key",
        "store.url has a value that is not shown (from the environment variable DATABASE_URL)",
    ] {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }
    assert!(!said.contains("hush") && !said.contains("0x1234"), "{said}");
}

#[test]
fn nothing_at_all_says_what_to_do() {
    let said = Config::parse("the environment", "", &Environment::default())
        .expect_err("unusable")
        .to_string();
    assert!(said.contains("chains is missing; set network = \"base\""), "{said}");
    let said = Config::parse("the environment", "", &environment(&[("ADIT_NETWORK", "base")]))
        .expect_err("unusable")
        .to_string();
    assert!(
        said.contains("NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_MAINNET")
            && said.contains("INFURA_PROJECT_ID"),
        "{said}"
    );
    let said =
        Config::parse("the environment", "", &environment(&[("DG_WITHDRAWAL_MIN_AMOUNT", "1")]))
            .expect_err("unusable")
            .to_string();
    assert!(said.contains("DG_WITHDRAWAL_MIN_AMOUNT is set, and no [claims]"), "{said}");
}

#[test]
fn secrets_are_never_shown() {
    let variables = base(&[
        ("ADIT_ADMIN_TOKEN", "an-admin-token-of-some-length"),
        ("DATABASE_URL", "postgres://u:hush@h/d"),
    ]);
    let shown = format!("{:?}", Config::parse("the environment", "", &variables).expect("usable"));
    for secret in [&KEY[2..], "infura-secret", "alchemy-secret", "an-admin-token", "hush"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

/// Keys of the template whose value is an example, since their default is that there is none.
const EXAMPLES: [&str; 21] = [
    "network",
    "per_transaction",
    "per_day",
    "wallet",
    "[witness.object]",
    "endpoint",
    "bucket",
    "key",
    "region",
    "path_style",
    "lock",
    "[[jwt]]",
    "issuer",
    "audience",
    "algorithms",
    "jwks_url",
    "subject_claim",
    "user_prefix",
    "wallets_claim",
    "low.DG",
    "low.ETH",
];

/// The template with the marks of comment taken from those lines.
fn uncommented(template: &str, wanted: impl Fn(&str) -> bool) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest)
            if !rest.starts_with(' ') && wanted(rest.split(" = ").next().unwrap_or(rest)) =>
        {
            format!("{rest}\n")
        }
        _ => format!("{line}\n"),
    };
    template.lines().map(line).collect()
}

#[test]
fn the_template_says_the_defaults() {
    let defaults = read(TEMPLATE).expect("usable");
    // Written out it is an address that somebody chose, which has to be free.
    let chosen = |key: &str| key == "metrics_listen";
    let written = uncommented(TEMPLATE, |key| {
        !EXAMPLES.contains(&key) && !chosen(key) && !key.starts_with("[signer.caps")
    });
    assert_ne!(written, TEMPLATE);
    assert_eq!(format!("{:#?}", read(&written).expect("usable")), format!("{defaults:#?}"));
}

#[test]
fn the_templates_examples_can_be_used() {
    let text = uncommented(TEMPLATE, |_| true).replace("mode = \"open\"", "mode = \"tiered\"");
    let variables = environment(&[("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "hush")]);
    let config = Config::parse("adit.toml", &text, &variables).expect("usable");
    assert!(
        matches!(&config.witness, super::Witness::Object(object) if object.bucket == "my-adit-witness" && object.path_style)
    );
    assert_eq!((config.jwt.len(), config.alerts.low.len(), config.signer.caps.len()), (1, 2, 2));
    assert!(matches!(config.membership, Membership::Tiered { .. }));
}

/// Keys of Bitcoin's template without a default.
const BITCOIN_EXAMPLES: [&str; 5] = [
    "blockcypher_token",
    "deep_from",
    "deep_blocks",
    "wait_above_basis_points",
    "fee_share_max_basis_points",
];

/// F104: a payment, a higher offer and what is kept for a cancel are four versions; fewer are
/// refused on either chain.
#[test]
fn f104_fewer_versions_than_a_cancel_needs_are_refused() {
    let evm = |most: u32| template("#attempts_max = 10", &format!("attempts_max = {most}"));
    let bitcoin = |most: u32| {
        BITCOIN_TEMPLATE.replacen("#attempts_max = 20", &format!("attempts_max = {most}"), 1)
    };
    for text in [evm(3), bitcoin(3)] {
        let said = refusal(&text);
        assert!(said.contains("attempts_max is 3") && said.contains("from 4 to 100"), "{said}");
    }
    for text in [evm(4), bitcoin(4)] {
        let said = read(&text).map(|_| ());
        assert!(said.as_ref().err().is_none_or(|said| !said.contains("attempts_max")), "{said:?}");
    }
}

#[test]
fn a_tier_has_what_it_does_not_say_from_the_policy() {
    let text = template(
        "#minimum = \"0\"",
        "minimum = \"3000\"\nrolling_24h_max = \"100000\"\nrolling_7d_max = \"200000\"",
    );
    let text = text.replace(
        "[assets.DG.tiers.member]",
        "[assets.DG.tiers.member]\nrolling_24h_max = \"500000\"\nrolling_7d_max = \"none\"",
    );
    let config = read(&text).expect("usable");
    let member = &asset(&config, "DG").tiers[&"member".parse().expect("a tier")];
    assert_eq!(member.minimum, Amount::parse("3000", 18).expect("an amount"));
    assert_eq!(member.windows.len(), 1);
    assert_eq!(member.windows[0].max, Amount::parse("500000", 18).expect("an amount"));
}

#[test]
fn documents_name_every_variable_and_every_key() {
    let guide = include_str!("../../../../docs/configuration.md");
    let example = include_str!("../../../../.env.example");
    for (name, _) in VARIABLES {
        assert!(guide.contains(&format!("`{name}`")), "docs/configuration.md does not say {name}");
        assert!(example.contains(&format!("{name}=")), ".env.example does not say {name}");
    }
    let keys = TEMPLATE
        .lines()
        .chain(BITCOIN_TEMPLATE.lines())
        .filter_map(|line| line.trim_start_matches('#').split_once(" = "))
        .map(|(key, _)| key);
    for key in keys.filter(|key| !key.contains(' ')) {
        assert!(guide.contains(&format!("`{key}`")), "docs/configuration.md does not say {key}");
    }
}

/// `docker run --env-file` and other readers of such files keep quotes; a shell takes them off.
#[test]
fn quotes_around_a_variable_are_no_part_of_it() {
    let quote = |text: &str| format!("\"{text}\"");
    let (key, token, url) =
        (quote(KEY), format!("'{TOKEN}'"), quote("postgres://adit:secret@db/adit"));
    let quoted = base(&[
        ("LOCK_MANAGER_PRIVATE_KEY", &key),
        ("NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_MAINNET", &token),
        ("DATABASE_URL", &url),
        ("ADIT_NETWORK", " \"base\" "),
        ("DG_WITHDRAWAL_MIN_AMOUNT", "\"5\""),
        ("ADIT_LISTEN", "\"\""),
    ]);
    let config = Config::parse("environment", "", &quoted).expect("it can be used");
    assert_eq!(
        config.store,
        StoreUrl::Postgres { url: super::Hidden::new("postgres://adit:secret@db/adit") }
    );
    assert_eq!(asset(&config, "DG").policy.minimum, Amount::new(5 * 10_u128.pow(18)));
    for one in ["\"5", "5\"", "'5\""] {
        let refused = Config::parse("environment", "", &base(&[("DG_WITHDRAWAL_MIN_AMOUNT", one)]))
            .expect_err("not a pair");
        assert!(refused.to_string().contains("DG_WITHDRAWAL_MIN_AMOUNT"), "{refused}");
    }
}

/// A seed that was sealed with the quotes opens with them only, so they stay; what is odd is said
/// at every start.
#[test]
fn quotes_around_a_passphrase_or_a_token_count_and_are_warned_about() {
    use secrecy::ExposeSecret as _;
    let given = base(&[
        ("ADIT_ADMIN_TOKEN", "\"12345678901234567890\""),
        ("ADIT_KEY_PASSPHRASE", "'correct horse battery'"),
    ]);
    let config = Config::parse("environment", "", &given).expect("it can be used");
    let token = config.secrets.admin_token.as_ref().map(|token| token.expose_secret().to_owned());
    assert_eq!(token.as_deref(), Some("\"12345678901234567890\""));
    for variable in super::environment::LITERAL {
        let said = |warning: &String| {
            warning.starts_with(&format!("{variable} begins and ends with a quote"))
        };
        assert!(config.warnings().iter().any(said), "{variable}: {:?}", config.warnings());
    }
    let bare =
        Config::parse("environment", "", &base(&[("ADIT_ADMIN_TOKEN", "12345678901234567890")]))
            .expect("it can be used");
    assert!(!bare.warnings().iter().any(|warning| warning.contains("quote")));
}
