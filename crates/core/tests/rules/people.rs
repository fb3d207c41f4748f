//! Users, wallets, credits, credentials and emergency stops: who may do what once, and what is
//! told.

use adit_core::*;

use super::world::*;

const CREDIT_MAX: u128 = 10u128.pow(34);

fn last(world: &World) -> &EventKind {
    &world.events.last().expect("told").kind
}

fn row(world: &World) -> &User {
    world.view.users[&user()].row.as_ref().expect("the user")
}

#[test]
fn a_user_is_put_once_and_told_only_what_changed() {
    let mut world = World::with_points(0);
    let put = |tier: Option<&str>| Command::PutUser {
        user: user(),
        tier: tier.map(|tier| tier.parse().expect("a tier")),
    };
    let news = world.events.len();
    assert_eq!(world.must(put(None)), Answer::Unchanged);
    assert_eq!(world.events.len(), news);
    assert_eq!(world.must(put(Some("gold"))), Answer::Done);
    assert_eq!(row(&world).tier.as_ref().map(Tier::as_str), Some("gold"));
    assert_eq!(world.must(put(Some("gold"))), Answer::Unchanged);
    assert_eq!(row(&world).wallets, 1, "nothing else of the row was touched");
    let bob: UserId = "bob".parse().expect("a user");
    world.must(Command::PutUser { user: bob.clone(), tier: Some("gold".parse().expect("a tier")) });
    let row = world.view.users[&bob].row.as_ref().expect("the user");
    assert_eq!(
        row.tier.as_ref().map(Tier::as_str),
        Some("gold"),
        "a new user has his tier at once"
    );
}

#[test]
fn who_is_met_is_made_known_once_and_loses_nothing() {
    let mut world = World::with_points(0);
    let bob: UserId = "bob".parse().expect("a user");
    assert_eq!(world.must(Command::MeetUser { user: bob.clone() }), Answer::Done);
    assert_eq!(last(&world), &EventKind::UserChanged { tier: None });
    let gold: Tier = "gold".parse().expect("a tier");
    world.must(Command::PutUser { user: bob.clone(), tier: Some(gold.clone()) });
    let news = world.events.len();
    assert_eq!(world.must(Command::MeetUser { user: bob.clone() }), Answer::Unchanged);
    assert_eq!(
        (&world.view.users[&bob].row.as_ref().expect("the user").tier, world.events.len()),
        (&Some(gold), news)
    );
    let unknown = UserId::new("unknown").expect("a name");
    assert!(world.give(Command::MeetUser { user: unknown }).is_err(), "nobody may be named so");
}

/// A tier that changes does not make a wallet that waits a first one, and a link takes no tier
/// away.
#[test]
fn a_tier_that_changes_while_wallets_are_linked_touches_neither() {
    let mut world = World::with_points(0);
    let gold: Tier = "gold".parse().expect("a tier");
    let second: Destination =
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("an address");
    world.must(Command::PutUser { user: user(), tier: Some(gold.clone()) });
    let Answer::Wallet(linked) = world.must(Command::LinkWallet { user: user(), address: second })
    else {
        panic!("a wallet")
    };
    assert_eq!((&row(&world).tier, row(&world).wallets), (&Some(gold), 2));
    world.must(Command::PutUser { user: user(), tier: None });
    assert_eq!(
        (row(&world).wallets, linked.usable_at),
        (2, linked.linked_at.plus(Span::from_hours(24)))
    );
}

/// The first wallet is usable at once; a second waits; the same again is the same answer.
#[test]
fn a_wallet_is_linked_once() {
    let mut world = World::with_points(0);
    let link = |address: Destination| Command::LinkWallet { user: user(), address };
    let Answer::Wallet(first) = world.must(link(destination())) else { panic!("a wallet") };
    assert_eq!((first.usable_at, row(&world).wallets), (first.linked_at, 1));
    let second: Destination =
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("an address");
    let Answer::Wallet(linked) = world.must(link(second.clone())) else { panic!("a wallet") };
    assert_eq!(
        (linked.usable_at, row(&world).wallets),
        (linked.linked_at.plus(Span::from_hours(24)), 2)
    );
    let news = world.events.len();
    assert_eq!(world.must(link(second)), Answer::Wallet(linked));
    assert_eq!(world.events.len(), news);
}

#[test]
fn a_second_wallet_is_usable_from_its_very_moment_on() {
    let mut world = World::with_points(10_000);
    let second: Destination =
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("an address");
    world.must(Command::LinkWallet { user: user(), address: second.clone() });
    let usable_at = world.view.now.plus(Span::from_hours(24));
    world.pass(86_399);
    let early = Request { destination: second.clone(), ..world.claim(dg(3_000)) };
    assert_eq!(
        world.give(Command::Request(early)),
        Err(Refusal::WalletCooling { wallet: second.clone(), usable_at })
    );
    world.pass(1);
    let request = Request { destination: second, ..world.claim(dg(3_000)) };
    world.must(Command::Request(request));
}

/// F79: a credit is bounded, so that one slip does not fill an account; a total that would not fit
/// is refused before it is booked.
#[test]
fn f79_a_credit_is_bounded_and_so_is_the_account() {
    let mut world = World::with_points(0);
    assert_eq!(
        world.give(world.credit("big", "XP", CREDIT_MAX + 1)).expect_err("one past it").code(),
        "INVALID_AMOUNT"
    );
    world.must(world.credit("most", "XP", CREDIT_MAX));
    assert_eq!(world.available("XP"), CREDIT_MAX);
    let brim = Amount::new(u128::MAX - 5);
    for (account, by) in [
        (
            Account::Issuer { book: book(), asset: asset("ETH") },
            Balance { debits: brim, ..Balance::default() },
        ),
        (
            Account::User { user: user(), book: book(), asset: asset("DG") },
            Balance { credits: brim, debits: brim, ..Balance::default() },
        ),
    ] {
        let what = account.asset().clone();
        world.give(world.credit("probe", what.as_str(), 1)).ok();
        let slot = world.view.accounts.get_mut(&account).expect("loaded before");
        let before = slot.row;
        slot.row = Some(by);
        let order = |amount: u128| Order {
            actor: Actor::Engine,
            ids: IdBlock::new(uuid::Uuid::from_u128(1 << 40)),
            retired: Default::default(),
            command: Command::Credit(Credit {
                id: "brim".parse().expect("an id"),
                user: user(),
                book: book(),
                asset: what.clone(),
                amount: Amount::new(amount),
            }),
        };
        world.view.credits.insert("brim".parse().expect("an id"), None);
        assert_eq!(
            decide(&world.view, &world.rules, &order(6)).expect_err("over the brim").code(),
            "INVALID_AMOUNT"
        );
        assert!(decide(&world.view, &world.rules, &order(5)).is_ok(), "exactly what fits");
        world.view.accounts.get_mut(&account).expect("loaded before").row = before;
    }
}

#[test]
fn a_credit_names_a_known_asset_and_user_and_is_booked_between_issuer_and_user() {
    let mut world = World::with_points(0);
    assert_eq!(
        world.give(world.credit("a", "NONE", 5)).expect_err("unknown").code(),
        "ASSET_UNKNOWN"
    );
    let bob: UserId = "bob".parse().expect("a user");
    let Command::Credit(credit) = world.credit("b", "XP", 5) else { unreachable!("a credit") };
    let to_bob = Command::Credit(Credit { user: bob.clone(), ..credit.clone() });
    assert_eq!(world.give(to_bob), Err(Refusal::UnknownUser { user: bob.clone() }));
    world.must(Command::Credit(credit.clone()));
    assert_eq!(world.net(&Account::Issuer { book: book(), asset: asset("XP") }), -5);
    assert!(
        matches!(last(&world), EventKind::Credited { amount, .. } if *amount == Amount::new(5))
    );
    world.must(Command::PutUser { user: bob.clone(), tier: None });
    let other_book: Book = "main".parse().expect("a book");
    let wrong = [
        Credit { user: bob, ..credit.clone() },
        Credit { book: other_book, ..credit.clone() },
        Credit { asset: asset("ETH"), ..credit.clone() },
        Credit { amount: Amount::new(6), ..credit },
    ];
    for other in wrong {
        assert_eq!(
            world.give(Command::Credit(other)).expect_err("another under the same id").code(),
            "CREDIT_MISMATCH"
        );
    }
}

#[test]
fn a_credential_is_kept_and_told_to_whom_it_speaks_for() {
    let mut world = World::with_points(0);
    let issue = |user: Option<UserId>| {
        let id = CredentialId(uuid::Uuid::from_u128(5));
        let (role, label) = (Role::User, "phone".to_owned());
        Command::IssueCredential {
            credential: Credential {
                label,
                ..Credential::new(id, hash(5), role, user, Timestamp::default())
            },
        }
    };
    assert_eq!(world.must(issue(Some(user()))), Answer::Done);
    assert_eq!(
        world.events.last().expect("told").feed.as_ref().map(|feed| feed.user.clone()),
        Some(user())
    );
    assert_eq!(world.must(issue(None)), Answer::Done);
    assert_eq!(world.events.last().expect("told").feed, None);
    assert!(matches!(last(&world), EventKind::CredentialIssued { label, .. } if label == "phone"));
    let kept = world.view.clone().into_batch().appended.credentials;
    assert_eq!(
        kept.iter().map(|credential| credential.user.clone()).collect::<Vec<_>>(),
        [Some(user()), None]
    );
}

#[test]
fn p30_a_key_is_revoked_once_and_for_good() {
    let mut world = World::with_points(0);
    let (id, client) =
        (CredentialId(uuid::Uuid::from_u128(6)), ClientId::named("shop").expect("a client"));
    let key = Credential {
        client: client.clone(),
        ..Credential::new(id, hash(6), Role::Service, None, Timestamp::default())
    };
    world.must(Command::IssueCredential { credential: key });
    world.view.credentials.insert(CredentialId(uuid::Uuid::from_u128(7)), None);
    let revoke = |user: Option<UserId>| Command::RevokeCredential {
        credential: id,
        user,
        reason: "leaked".to_owned(),
    };
    assert_eq!(
        world.give(revoke(Some(user()))).expect_err("it is not this user's").code(),
        "API_KEY_NOT_FOUND"
    );
    assert_eq!(world.must(revoke(None)), Answer::Done);
    let expected = EventKind::CredentialRevoked {
        credential: id,
        client,
        label: String::new(),
        reason: "leaked".to_owned(),
    };
    assert_eq!(*last(&world), expected);
    let at = world.view.now;
    world.at(1);
    assert_eq!(world.must(revoke(None)), Answer::Unchanged);
    let kept = world.view.credentials[&id].clone().expect("it is known");
    assert_eq!((kept.revoked_at, kept.standing(at)), (Some(at), Standing::Revoked));
    let unknown = Command::RevokeCredential {
        credential: CredentialId(uuid::Uuid::from_u128(7)),
        user: None,
        reason: String::new(),
    };
    assert_eq!(world.give(unknown).expect_err("there is none").code(), "API_KEY_NOT_FOUND");
}

#[test]
fn a_key_expires_at_its_end() {
    let end = Timestamp::from_seconds(100);
    let id = CredentialId(uuid::Uuid::from_u128(6));
    let key = Credential {
        expires_at: Some(end),
        ..Credential::new(id, hash(6), Role::Admin, None, Timestamp::default())
    };
    assert_eq!(key.standing(Timestamp::from_seconds(99)), Standing::Standing);
    assert_eq!(key.standing(end), Standing::Expired);
}

#[test]
fn a_stop_stands_once_and_ends_once() {
    let mut world = World::with_points(0);
    let suspend = || Command::Suspend { scope: Scope::All, reason: "drill".to_owned() };
    assert_eq!(world.must(Command::Resume { scope: Scope::All }), Answer::Unchanged);
    assert_eq!(world.must(suspend()), Answer::Done);
    assert!(
        matches!(last(&world), EventKind::Suspended { scope: Scope::All, reason } if reason == "drill")
    );
    assert_eq!(world.must(suspend()), Answer::Unchanged);
    assert_eq!(world.view.suspensions[&Scope::All].since, world.view.now);
    assert_eq!(world.must(Command::Resume { scope: Scope::All }), Answer::Done);
    assert!(matches!(last(&world), EventKind::Resumed { scope: Scope::All }));
    assert!(world.view.suspensions.is_empty());
}

/// The widest stop is named first: everything, then the assets, then the user.
#[test]
fn the_widest_stop_is_named() {
    let mut world = World::with_points(10_000);
    for scope in [
        Scope::User { user: user() },
        Scope::Asset { asset: asset("XP") },
        Scope::Asset { asset: asset("DG") },
        Scope::All,
    ] {
        world.must(Command::Suspend { scope: scope.clone(), reason: "drill".to_owned() });
        let refusal = Refusal::Suspended { scope: scope.to_string(), reason: "drill".to_owned() };
        assert_eq!(world.request_claim(3_000), Err(refusal));
    }
}
