//! Counting equal answers: pure.

use adit_core::EndpointName;

use crate::Fault;

/// What enough endpoints said, and who they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed<T> {
    pub value: T,
    pub witnesses: Vec<EndpointName>,
}

/// How answers are counted of which only a part is voted on.
pub struct Ballot<T> {
    /// Whether two answers say the same where it counts.
    pub same: fn(&T, &T) -> bool,
    /// Makes one answer of those that say the same, whatever else they say. Never called with none.
    pub merge: fn(&[&T]) -> T,
}

impl<T: PartialEq + Clone> Ballot<T> {
    /// Answers are the same when they are equal.
    pub const EQUAL: Self = Self { same: |one, other| one == other, merge: |same| same[0].clone() };
}

/// The answer that at least `needed` of them gave.
pub fn tally<T: PartialEq + Clone>(
    answers: &[(EndpointName, T)],
    needed: usize,
) -> Option<Agreed<T>> {
    tally_by(answers, needed, &Ballot::EQUAL)
}

/// The same where only a part of each answer is voted on. Nothing of who is outvoted is merged.
pub fn tally_by<T>(
    answers: &[(EndpointName, T)],
    needed: usize,
    ballot: &Ballot<T>,
) -> Option<Agreed<T>> {
    answers.iter().find_map(|(_, value)| {
        let agrees = |(_, other): &&(EndpointName, T)| (ballot.same)(value, other);
        let same: Vec<&(EndpointName, T)> = answers.iter().filter(agrees).collect();
        let enough = !same.is_empty() && same.len() >= needed;
        enough.then(|| Agreed {
            value: (ballot.merge)(&same.iter().map(|(_, answer)| answer).collect::<Vec<_>>()),
            witnesses: same.iter().map(|(name, _)| name.clone()).collect(),
        })
    })
}

/// The same for every place of a list: a place on which too few agree is `None`, and says nothing
/// about the others.
///
/// A place that an endpoint left out (`None`) is no vote: it does not know, which is not the same
/// as "there is none".
pub fn tally_each<T: PartialEq + Clone>(
    answers: &[(EndpointName, Vec<Option<T>>)],
    places: usize,
    needed: usize,
) -> Vec<Option<Agreed<T>>> {
    tally_each_by(answers, places, needed, &Ballot::EQUAL)
}

/// The same where only a part of each answer is voted on.
pub fn tally_each_by<T: Clone>(
    answers: &[(EndpointName, Vec<Option<T>>)],
    places: usize,
    needed: usize,
    ballot: &Ballot<T>,
) -> Vec<Option<Agreed<T>>> {
    let votes_at = |place: usize| -> Vec<(EndpointName, T)> {
        let said = answers
            .iter()
            .filter_map(|(name, list)| Some((name.clone(), list.get(place)?.clone()?)));
        said.collect()
    };
    (0..places).map(|place| tally_by(&votes_at(place), needed, ballot)).collect()
}

/// Too few equal answers: nobody to ask, or no agreement.
pub(crate) fn failure<T>(
    chain: &str,
    subject: &str,
    answers: &[(EndpointName, T)],
    faults: Vec<(EndpointName, Fault)>,
    needed: usize,
) -> Fault {
    let said: Vec<String> = faults.iter().map(|(name, fault)| format!("{name}: {fault}")).collect();
    if answers.len() >= needed {
        let names: Vec<&str> = answers.iter().map(|(name, _)| name.as_str()).collect();
        let silent = if said.is_empty() {
            String::new()
        } else {
            format!("; no answer from {}", said.join("; "))
        };
        let detail =
            format!("fewer than {needed} equal answers among {}{silent}", names.join(", "));
        return Fault::Disagreement {
            chain: chain.to_owned(),
            subject: subject.to_owned(),
            detail,
        };
    }
    let mut rest = faults.into_iter().map(|(_, fault)| fault);
    match rest.find(|fault| matches!(fault, Fault::WrongNetwork { .. })) {
        Some(wrong) => wrong,
        None => unreachable(
            chain,
            answers.len(),
            needed,
            format!("asked for {subject}: {}", said.join("; ")),
        ),
    }
}

pub(crate) fn unreachable(chain: &str, answered: usize, needed: usize, detail: String) -> Fault {
    Fault::Unreachable { chain: chain.to_owned(), answered, needed, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> EndpointName {
        EndpointName::new(text).expect("a name")
    }

    #[test]
    fn f39_one_liar_moves_nothing() {
        let answers = [(name("a"), 7), (name("liar"), 9), (name("c"), 7)];
        assert_eq!(
            tally(&answers, 2),
            Some(Agreed { value: 7, witnesses: vec![name("a"), name("c")] })
        );
        assert_eq!(tally(&answers[..2], 2), None);
    }

    #[test]
    fn not_knowing_is_no_vote() {
        let answers =
            [(name("a"), vec![Some(1), None, None]), (name("b"), vec![Some(1), Some(2), None])];
        let places = tally_each(&answers, 3, 2);
        assert_eq!(
            places
                .iter()
                .map(|place| place.as_ref().map(|agreed| agreed.value))
                .collect::<Vec<_>>(),
            [Some(1), None, None]
        );
    }

    /// Who is outvoted adds nothing to what the others say beside what was voted on.
    #[test]
    fn f39_what_differs_beside_the_key_is_merged_of_those_who_agree() {
        let ballot = Ballot {
            same: |one: &(u8, u8), other| one.0 == other.0,
            merge: |same| {
                (same[0].0, same.iter().map(|answer| answer.1).max().expect("one at least"))
            },
        };
        let answers = [(name("a"), (7, 1)), (name("liar"), (9, 200)), (name("c"), (7, 3))];
        let agreed = tally_by(&answers, 2, &ballot).expect("two agree on the key");
        assert_eq!((agreed.value, agreed.witnesses), ((7, 3), vec![name("a"), name("c")]));
        assert_eq!(tally_by(&answers[..2], 2, &ballot), None);
        assert_eq!(tally_by(&answers[1..2], 1, &ballot).map(|agreed| agreed.value), Some((9, 200)));
    }

    #[test]
    fn f39_disagreement_is_told_apart_from_silence() {
        let silent = vec![(name("b"), unreachable("b", 0, 1, "time-out".to_owned()))];
        assert!(matches!(
            failure("c", "s", &[(name("a"), 1)], silent, 2),
            Fault::Unreachable { answered: 1, needed: 2, .. }
        ));
        assert!(matches!(
            failure("c", "s", &[(name("a"), 1), (name("b"), 2)], Vec::new(), 2),
            Fault::Disagreement { .. }
        ));
    }
    /// Exactly enough is enough, and who said something else is no witness.
    #[test]
    fn f39_the_number_that_is_needed_is_enough_and_one_less_is_not() {
        let answers = [(name("a"), 7), (name("b"), 7), (name("c"), 7), (name("d"), 9)];
        let agreed = tally(&answers, 3).expect("three of four");
        assert_eq!((agreed.value, agreed.witnesses), (7, vec![name("a"), name("b"), name("c")]));
        assert_eq!(tally(&answers, 4), None);
        assert_eq!(tally(&answers[3..], 1), Some(Agreed { value: 9, witnesses: vec![name("d")] }));
        assert_eq!(tally::<u8>(&[], 1), None);
    }

    /// Who was silent is named beside those who disagree; a wrong network is told before mere
    /// silence.
    #[test]
    fn a_failure_names_who_was_silent_and_a_wrong_network_first() {
        let silent = || (name("b"), unreachable("b", 0, 1, "time-out".to_owned()));
        let detail = |faults: Vec<(EndpointName, Fault)>| match failure(
            "c",
            "s",
            &[(name("a"), 1), (name("d"), 2)],
            faults,
            2,
        ) {
            Fault::Disagreement { detail, .. } => detail,
            other => panic!("{other}"),
        };
        assert_eq!(detail(Vec::new()), "fewer than 2 equal answers among a, d");
        assert!(detail(vec![silent()]).contains("no answer from b: only 0 of 1"));
        let wrong = Fault::WrongNetwork {
            chain: "c".to_owned(),
            endpoint: name("w"),
            pinned: "1".to_owned(),
            seen: "2".to_owned(),
        };
        assert_eq!(
            failure("c", "s", &[(name("a"), 1)], vec![silent(), (name("w"), wrong.clone())], 2),
            wrong
        );
        let Fault::Unreachable { chain, answered, needed, detail } =
            failure("c", "s", &[(name("a"), 1)], vec![silent()], 2)
        else {
            panic!("silence")
        };
        assert_eq!((chain.as_str(), answered, needed), ("c", 1, 2));
        assert!(detail.contains("asked for s: b: only 0 of 1"), "{detail}");
    }
}
