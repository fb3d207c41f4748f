//! The address of the metrics: its default, other values, and the warnings.

use super::{Config, MetricsListen, TEMPLATE, environment, read, template};

#[test]
fn p32_the_metrics_have_an_address_of_their_own() {
    let default = default_metrics_address();
    assert!(
        TEMPLATE.contains(&format!("#metrics_listen = {default:?}")),
        "the template says {default}"
    );
    let of = |address: &str| {
        let text = template(
            &format!("#metrics_listen = {default:?}"),
            &format!("metrics_listen = {address:?}"),
        );
        read(&text).expect("usable").server.metrics_listen
    };
    assert_eq!(
        of(&default),
        MetricsListen::At(default.parse().expect("an address")),
        "whoever writes it chooses it"
    );
    assert_eq!((of(""), of("none")), (MetricsListen::Nowhere, MetricsListen::Nowhere));
    let nowhere =
        Config::parse("adit.toml", TEMPLATE, &environment(&[("ADIT_METRICS_LISTEN", "none")]))
            .expect("usable");
    assert_eq!(nowhere.server.metrics_listen.address(), None);
}

/// Returns the default address of the metrics.
fn default_metrics_address() -> String {
    let config = read(TEMPLATE).expect("usable");
    assert_eq!(config.server.metrics_listen, MetricsListen::Default);
    config.server.metrics_listen.address().expect("there is one").to_string()
}

#[test]
fn metrics_that_other_machines_reach_are_warned_about() {
    for (address, warned) in [
        ("0.0.0.0:9464", true),
        ("[::]:9464", true),
        ("192.0.2.7:9464", true),
        ("[::ffff:192.0.2.7]:9464", true),
        ("127.0.0.1:1", false),
        ("127.9.9.9:1", false),
        ("[::1]:1", false),
        ("[::ffff:127.0.0.1]:1", false),
        ("none", false),
    ] {
        let config =
            Config::parse("adit.toml", TEMPLATE, &environment(&[("ADIT_METRICS_LISTEN", address)]))
                .expect("usable");
        let said = config.warnings().iter().any(|warning| {
            warning.contains("metrics") && warning.contains("server.metrics_listen")
        });
        assert_eq!(said, warned, "{address}");
    }
    assert!(
        !read(TEMPLATE)
            .expect("usable")
            .warnings()
            .iter()
            .any(|warning| warning.contains("metrics"))
    );
}
