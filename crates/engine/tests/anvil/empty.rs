//! An empty wallet with work waiting (abuse case +33).

use std::time::Duration;

use adit_core::{Actor, Amount, Command, EventKind, Status, Timestamp, WithdrawalId};
use adit_devnet::abi::Token;
use adit_devnet::deployer::Deployer;
use adit_devnet::primitives::U256;
use adit_engine::{Alert, Engine};
use adit_store::Store;

use super::world::{World, asset, units, wish};

/// The wallet of the world has a million.
const EACH: u128 = 600_000;

async fn ask(engine: &Engine, payee: u64) -> WithdrawalId {
    let request = wish(engine, payee, EACH);
    let id = request.id;
    engine.writer.submit(Actor::Engine, Command::Request(request)).await.expect("accepted");
    id
}

fn told(engine: &Engine) -> Vec<(u64, Amount, Timestamp)> {
    let of_token = |alert: Alert| match alert {
        Alert::WalletEmpty { asset: what, waiting, missing, since, .. } if what == asset("DG") => {
            Some((waiting, missing, since))
        }
        _ => None,
    };
    engine.alerts.standing().into_iter().filter_map(of_token).collect()
}

async fn until_told(
    engine: &Engine,
    wanted: impl Fn(&[(u64, Amount, Timestamp)]) -> bool,
) -> Vec<(u64, Amount, Timestamp)> {
    for _ in 0..200 {
        let told = told(engine);
        if wanted(&told) {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", engine.alerts.standing())
}

/// +33: three wait, one alert says so, with what pays them all; each was told once; the alert goes
/// with the refill, and all are paid.
#[tokio::test(flavor = "multi_thread")]
async fn p33_an_empty_wallet_is_one_alert_until_it_is_refilled() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 4 * EACH).await;
    world.until_running().await;
    let first = ask(&running.engine, 1).await;
    world.mine_until(&[first], Status::Completed).await;
    assert_eq!(told(&running.engine), []);
    let waiting = [
        ask(&running.engine, 2).await,
        ask(&running.engine, 3).await,
        ask(&running.engine, 4).await,
    ];
    // The balance that it was last seen to have may be of before the first payment.
    let missing = units(3 * EACH - 400_000);
    let shown =
        until_told(&running.engine, |told| matches!(told, [(3, told, _)] if *told == missing))
            .await;
    let oldest =
        world.store.withdrawal(waiting[0]).await.expect("a read").expect("there").created_at;
    let [(_, _, since)] = shown[..] else { panic!("{shown:?}") };
    assert!(since >= oldest && since.since(oldest).seconds() < 10, "{since:?} after {oldest:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(told(&running.engine), shown, "it stands, unchanged");
    for id in waiting {
        let events = world.store.history(id).await.expect("a read");
        assert_eq!(
            events.iter().filter(|event| matches!(event.kind, EventKind::Deferred { .. })).count(),
            1,
            "told once"
        );
    }
    let deployer = Deployer::new(world.anvil.rpc());
    let wallet = world.lane.wallet.as_str().parse().expect("an address");
    let mint = Token::mintCall { to: wallet, amount: U256::from(missing.base_units()) };
    deployer.execute(world.token, &mint).await.expect("minted");
    world.mine_until(&waiting, Status::Completed).await;
    until_told(&running.engine, <[_]>::is_empty).await;
    running.crash();
}
