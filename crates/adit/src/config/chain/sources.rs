//! Lists of URLs, which may carry keys and are never shown.

use adit_core::Trust;

use crate::config::hidden::Hidden;
use crate::config::section::Section;

/// The URLs under a key. What is no URL is noted by its place.
pub fn read(section: &Section<'_>, key: &'static str, trust: Trust) -> Vec<Hidden> {
    let urls = section.hidden_texts(key).unwrap_or_default();
    for (index, _) in urls.iter().enumerate().filter(|(_, url)| !is_http(url)) {
        let wrong = format!("has a value that is not shown at place {}", index + 1);
        section.wrong(
            key,
            wrong,
            "allowed are http:// or https:// URLs, like \"https://rpc.example.org/\"",
        );
    }
    // The same node twice would be its own witness.
    let repeated = (1..urls.len())
        .find(|place| urls[..*place].iter().any(|other| same_url(other, &urls[*place])));
    if let Some(place) = repeated.filter(|_| trust == Trust::Quorum) {
        let wrong = format!("names the same URL twice, the second time at place {}", place + 1);
        section.wrong(
            key,
            wrong,
            "a quorum needs endpoints of different providers; take the second one out, or give \
             another",
        );
    }
    urls.into_iter().map(Hidden::new).collect()
}

/// A quorum of one is none: whoever has one source says so himself.
pub fn enough(section: &Section<'_>, key: &'static str, got: usize, trust: Trust, variables: &str) {
    let (least, more) = match trust {
        Trust::Single => (1, "give an endpoint"),
        Trust::Quorum => (
            2,
            "give two endpoints of different providers, or say trust = \"single\" and accept the \
             word of one",
        ),
    };
    if got < least {
        section.wrong(
            key,
            format!("has {got} endpoint(s)"),
            format_args!("{more} (in the file, by {variables})"),
        );
    }
}

fn same_url(one: &str, other: &str) -> bool {
    one.trim().trim_end_matches('/').eq_ignore_ascii_case(other.trim().trim_end_matches('/'))
}

fn is_http(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && url.chars().all(|c| c.is_ascii_graphic())
    })
}
