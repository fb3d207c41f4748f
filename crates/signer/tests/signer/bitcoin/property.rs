//! Whatever is asked, in whatever order, over restarts and lost disks: never two chances to pay one
//! payout, never one coin in two live lineages.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{Amount, AttemptId, Epoch, LineageId, PayoutId, Purpose};
use adit_signer::{LocalSigner, SignRequest, Signature, Signer as _, Supersede};
use proptest::prelude::*;

use super::world::{FEE, Paid, attempt_again, config, draft, ended, moved, pay_for};
use crate::world::{World, at_epoch};

const PAYOUTS: u128 = 5;
const LINEAGES: std::ops::Range<u128> = 1..6;
const COINS: std::ops::Range<u8> = 1..7;

#[derive(Debug, Clone)]
enum Step {
    Ask(Asked),
    /// A version of what was signed, with more coins and more payees.
    Grow {
        which: usize,
        coins: BTreeSet<u8>,
        payouts: BTreeSet<u128>,
    },
    Cancel {
        which: usize,
    },
    /// The amount of a coin is told otherwise.
    Lie {
        which: usize,
        coin: usize,
    },
    Again {
        which: usize,
    },
    Supersede {
        payout: u128,
        old: u128,
    },
    /// It ended by paying, and nobody leaves.
    End {
        old: u128,
    },
    /// The power fails while it is written.
    Lose {
        asked: Asked,
        kept: usize,
    },
    Restart,
}

#[derive(Debug, Clone)]
struct Asked {
    lineage: u128,
    coins: BTreeSet<u8>,
    payouts: BTreeSet<u128>,
    epoch: u64,
}

impl Asked {
    fn request(&self) -> SignRequest {
        let coins: Vec<u8> = self.coins.iter().copied().collect();
        at_epoch(self.epoch, pay_for(self.lineage, &coins, &paid(&self.payouts), FEE))
    }
}

fn paid(payouts: &BTreeSet<u128>) -> Vec<Paid> {
    payouts
        .iter()
        .map(|payout| (*payout, usize::try_from(*payout).expect("small"), 1_000 + payout))
        .collect()
}

fn some_coins() -> impl Strategy<Value = BTreeSet<u8>> {
    prop::collection::btree_set(COINS, 1..3)
}

fn some_payouts() -> impl Strategy<Value = BTreeSet<u128>> {
    prop::collection::btree_set(0..PAYOUTS, 0..3)
}

fn asked() -> impl Strategy<Value = Asked> {
    (LINEAGES, some_coins(), some_payouts(), 1u64..3)
        .prop_map(|(lineage, coins, payouts, epoch)| Asked { lineage, coins, payouts, epoch })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => asked().prop_map(Step::Ask),
        4 => (any::<usize>(), some_coins(), some_payouts()).prop_map(|(which, coins, payouts)| Step::Grow { which, coins, payouts }),
        2 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(which, coin)| Step::Lie { which, coin }),
        2 => any::<usize>().prop_map(|which| Step::Again { which }),
        2 => (0..PAYOUTS, LINEAGES).prop_map(|(payout, old)| Step::Supersede { payout, old }),
        1 => LINEAGES.prop_map(|old| Step::End { old }),
        1 => (asked(), 0usize..4_000).prop_map(|(asked, kept)| Step::Lose { asked, kept }),
        1 => Just(Step::Restart),
    ]
}

/// What an observer of the answers knows.
#[derive(Default)]
struct Observer {
    answered: Vec<(Option<Asked>, SignRequest)>,
    bytes: BTreeMap<AttemptId, Signature>,
    firsts: BTreeMap<LineageId, BTreeSet<String>>,
    payees: BTreeMap<LineageId, BTreeSet<PayoutId>>,
    spenders: BTreeMap<String, BTreeSet<LineageId>>,
    amounts: BTreeMap<String, Amount>,
    payers: BTreeMap<PayoutId, BTreeSet<LineageId>>,
    superseded: BTreeSet<(PayoutId, LineageId)>,
    ended: BTreeSet<LineageId>,
}

impl Observer {
    fn see(&mut self, asked: Option<Asked>, request: &SignRequest, signature: Signature) {
        if let Some(before) = self.bytes.get(&request.attempt) {
            return assert_eq!(*before, signature, "other bytes for one attempt");
        }
        self.bytes.insert(request.attempt, signature);
        self.see_coins(request);
        if request.purpose == Purpose::Pay {
            self.see_payments(request);
        }
        self.answered.push((asked, request.clone()));
    }

    fn see_coins(&mut self, request: &SignRequest) {
        let inputs = draft(&mut request.clone()).inputs.clone();
        let spent: BTreeSet<String> = inputs.iter().map(|input| input.outpoint.clone()).collect();
        let first = self.firsts.entry(request.lineage).or_insert_with(|| spent.clone());
        assert!(first.is_subset(&spent), "lineage {} could be final twice", request.lineage);
        for input in inputs {
            assert_eq!(
                *self.amounts.entry(input.outpoint.clone()).or_insert(input.amount),
                input.amount,
                "a coin with two amounts"
            );
            let spenders = self.spenders.entry(input.outpoint.clone()).or_default();
            spenders.insert(request.lineage);
            let live = spenders.iter().filter(|spender| !self.ended.contains(spender)).count();
            assert!(live <= 1, "the coin {} is in {live} live lineages", input.outpoint);
        }
    }

    fn see_payments(&mut self, request: &SignRequest) {
        let now: BTreeSet<PayoutId> =
            request.approved.iter().map(|approved| approved.payout).collect();
        let payees = self.payees.entry(request.lineage).or_default();
        assert!(payees.is_subset(&now), "a payee was dropped");
        payees.clone_from(&now);
        for payout in now {
            let payers = self.payers.entry(payout).or_default();
            payers.insert(request.lineage);
            let live =
                payers.iter().filter(|payer| !self.superseded.contains(&(payout, **payer))).count();
            assert!(live <= 1, "payout {payout} lives in {live} lineages");
        }
    }
}

struct Run {
    world: World,
    signer: LocalSigner,
    observer: Observer,
}

impl Run {
    fn new() -> Self {
        let world = World::new();
        let signer = start(&world);
        Self { world, signer, observer: Observer::default() }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Ask(asked) => self.ask(Some(asked.clone()), asked.request()).await,
            Step::Grow { which, coins, payouts } => {
                if let Some((Some(mut asked), _)) = self.one_of(which) {
                    asked.coins.extend(coins);
                    asked.payouts.extend(payouts);
                    asked.epoch = 2;
                    self.ask(Some(asked.clone()), asked.request()).await;
                }
            }
            Step::Cancel { which } => {
                if let Some((Some(asked), _)) = self.one_of(which) {
                    let asked = Asked { payouts: BTreeSet::new(), ..asked };
                    self.ask(None, asked.request()).await;
                }
            }
            Step::Lie { which, coin } => {
                if let Some((_, request)) = self.one_of(which) {
                    let mut lie = attempt_again(&request);
                    let inputs = &mut draft(&mut lie).inputs;
                    let coin = coin % inputs.len();
                    inputs[coin].amount = Amount::new(100_001);
                    self.ask(None, lie).await;
                }
            }
            Step::Again { which } => {
                if let Some((asked, request)) = self.one_of(which) {
                    self.ask(asked, request).await;
                }
            }
            Step::Supersede { payout, old } => self.supersede(moved(payout, old)).await,
            Step::End { old } => self.supersede(ended(old)).await,
            Step::Lose { asked, kept } => self.lose(asked, kept).await,
            Step::Restart => self.signer = start(&self.world),
        }
    }

    fn one_of(&self, which: usize) -> Option<(Option<Asked>, SignRequest)> {
        self.observer.answered.get(which % self.observer.answered.len().max(1)).cloned()
    }

    async fn ask(&mut self, asked: Option<Asked>, request: SignRequest) {
        let would =
            self.signer.dry_run(std::slice::from_ref(&request)).await.expect("reads").remove(0);
        let answer =
            self.signer.sign(std::slice::from_ref(&request)).await.expect("writes").remove(0);
        assert_eq!(would, answer.clone().map(drop), "the dry run told the truth");
        if let Ok(signature) = answer {
            self.observer.see(asked, &request, signature);
        }
    }

    async fn supersede(&mut self, asked: Supersede) {
        let asked = Supersede { epoch: Epoch(2), ..asked };
        if self.signer.supersede(&asked).await.expect("writes").is_ok() {
            self.observer.ended.insert(asked.old);
            self.observer.superseded.extend(asked.payout.map(|payout| (payout, asked.old)));
        }
    }

    /// The write is cut short and the process dies; nobody saw an answer.
    async fn lose(&mut self, asked: Asked, kept: usize) {
        let request = asked.request();
        self.world.disk.set_room(Some(kept));
        self.world.disk.set_truncate_fails(true);
        let answer = self.signer.sign(std::slice::from_ref(&request)).await;
        self.world.disk.set_room(None);
        self.world.disk.set_truncate_fails(false);
        self.signer = start(&self.world);
        if let Ok(Ok(signature)) = answer.map(|mut answers| answers.remove(0)) {
            self.observer.see(Some(asked), &request, signature);
        }
    }
}

fn start(world: &World) -> LocalSigner {
    let mut config = config();
    config.caps.values_mut().for_each(|caps| caps.per_day = Amount::MAX);
    world.try_start(config).expect("starts")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f56_no_payout_and_no_coin_is_ever_signed_in_two_live_lineages(steps in prop::collection::vec(step(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut run = Run::new();
            for step in steps {
                run.take(step).await;
            }
        });
    }
}
