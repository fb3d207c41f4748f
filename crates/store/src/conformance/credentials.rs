//! API keys: lists, revocation, last use; and the ends of feeds, which live connections look at.

use adit_core::{Change, ClientId, Credential, Keys, Role, User};

use super::Bed;
use super::sample::{self, at, user_id};
use super::script::{put, view};
use crate::{CredentialCursor, CredentialFilter};

/// Keys by the page, newest first; revoked once; their last use only grows.
pub async fn keys_are_listed_revoked_and_noted(bed: &mut impl Bed) {
    let store = &*bed.store();
    let key = |number: u64| Credential {
        created_at: at(number as i64),
        user: None,
        ..sample::credential(number)
    };
    let shop = ClientId::named("shop").expect("a client");
    let keys = [
        Credential { client: shop.clone(), role: Role::Admin, from_environment: true, ..key(1) },
        Credential { client: shop.clone(), expires_at: None, ..key(2) },
        Credential { role: Role::User, user: Some(user_id(3)), ..key(3) },
    ];
    put(store, keys.iter().cloned().map(Change::Credential).collect()).await;
    let list = async |filter: CredentialFilter, after: Option<CredentialCursor>| {
        let found = store.credentials(&filter, after, 2).await.expect("the store answers");
        found.iter().map(|record| record.credential.id.0.as_u128() & 0xff).collect::<Vec<_>>()
    };
    let any = CredentialFilter::default;
    assert_eq!(list(any(), None).await, [3, 2]);
    assert_eq!(list(any(), Some(CredentialCursor::of(&keys[1]))).await, [1]);
    assert_eq!(list(CredentialFilter { id: Some(keys[1].id), ..any() }, None).await, [2]);
    assert_eq!(list(CredentialFilter { client: Some(shop), ..any() }, None).await, [2, 1]);
    assert_eq!(list(CredentialFilter { user: Some(user_id(3)), ..any() }, None).await, [3]);
    assert_eq!(list(CredentialFilter { role: Some(Role::Admin), ..any() }, None).await, [1]);
    assert_eq!(list(CredentialFilter { from_environment: Some(true), ..any() }, None).await, [1]);
    assert_eq!(
        list(CredentialFilter { standing_at: Some(at(600)), ..any() }, None).await,
        [2],
        "the others have expired"
    );
    assert_eq!(list(CredentialFilter { standing_at: Some(at(499)), ..any() }, None).await, [3, 2]);

    for (id, time) in [(keys[1].id, 40), (keys[1].id, 50)] {
        put(store, vec![Change::Revoked { credential: id, at: at(time) }]).await;
    }
    let known = view(store, &Keys { credentials: [keys[1].id].into(), ..Keys::default() })
        .await
        .credentials;
    assert_eq!(
        known[&keys[1].id].as_ref().and_then(|key| key.revoked_at),
        Some(at(40)),
        "the first time stands"
    );
    assert_eq!(list(CredentialFilter { revoked_since: Some(at(40)), ..any() }, None).await, [2]);
    assert_eq!(list(CredentialFilter { revoked_since: Some(at(41)), ..any() }, None).await, []);
    assert_eq!(list(CredentialFilter { standing_at: Some(at(499)), ..any() }, None).await, [3, 1]);

    for time in [60, 30] {
        store.note_used(&[(keys[0].id, at(time))].into()).await.expect("noted");
    }
    let used = store
        .credentials(&CredentialFilter { id: Some(keys[0].id), ..any() }, None, 1)
        .await
        .expect("the store answers");
    assert_eq!(used[0].last_used_at, Some(at(60)), "an earlier time changes nothing");
}

pub async fn the_ends_of_feeds_are_read_together(bed: &mut impl Bed) {
    let store = &*bed.store();
    let users = [3, 4].map(|number| User { event_seq: number, ..sample::user(number) });
    put(store, users.iter().cloned().map(Change::User).collect()).await;
    let asked = [user_id(3), user_id(4), user_id(5)].into();
    assert_eq!(store.event_seqs(&asked).await, Ok([(user_id(3), 3), (user_id(4), 4)].into()));
}
