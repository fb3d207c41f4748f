//! Whatever is asked, in whatever order, over restarts and lost disks: never two chances to pay one
//! payout.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{Amount, AttemptId, Draft, LineageId, PayoutId, Purpose};
use adit_signer::{LocalSigner, SignRequest, Signature, Signer as _};
use proptest::prelude::*;

use crate::world::{World, at_epoch, bump, cancel, chained, config, pay, supersede};

#[derive(Debug, Clone)]
enum Step {
    Pay {
        payout: u128,
        lineage: u128,
        nonce: u64,
        epoch: u64,
    },
    Cancel {
        lineage: u128,
        nonce: u64,
        epoch: u64,
    },
    Bump {
        which: usize,
    },
    Again {
        which: usize,
    },
    Supersede {
        payout: u128,
        old: u128,
    },
    /// The power fails while a payment is written.
    Lose {
        payout: u128,
        lineage: u128,
        nonce: u64,
        kept: usize,
    },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let epoch = 1u64..3;
    prop_oneof![
        6 => (0u128..4, 0u128..6, 0u64..6, epoch.clone()).prop_map(|(payout, lineage, nonce, epoch)| Step::Pay { payout, lineage, nonce, epoch }),
        2 => (0u128..6, 0u64..6, epoch).prop_map(|(lineage, nonce, epoch)| Step::Cancel { lineage, nonce, epoch }),
        3 => any::<usize>().prop_map(|which| Step::Bump { which }),
        2 => any::<usize>().prop_map(|which| Step::Again { which }),
        1 => (0u128..4, 0u128..6).prop_map(|(payout, old)| Step::Supersede { payout, old }),
        1 => (0u128..4, 0u128..6, 0u64..6, 0usize..2_000).prop_map(|(payout, lineage, nonce, kept)| Step::Lose { payout, lineage, nonce, kept }),
        1 => Just(Step::Restart),
    ]
}

/// What an observer of the answers knows.
#[derive(Default)]
struct Observer {
    answered: Vec<SignRequest>,
    bytes: BTreeMap<AttemptId, Signature>,
    owners: BTreeMap<u64, LineageId>,
    nonces: BTreeMap<LineageId, u64>,
    payers: BTreeMap<PayoutId, BTreeSet<LineageId>>,
    superseded: BTreeSet<(PayoutId, LineageId)>,
}

impl Observer {
    fn see(&mut self, request: &SignRequest, signature: Signature) {
        let Draft::Evm(draft) = &request.draft else { panic!("an EVM draft") };
        let owner = *self.owners.entry(draft.nonce).or_insert(request.lineage);
        assert_eq!(owner, request.lineage, "nonce {} in two lineages", draft.nonce);
        let nonce = *self.nonces.entry(request.lineage).or_insert(draft.nonce);
        assert_eq!(nonce, draft.nonce, "lineage {} at two nonces", request.lineage);
        let before = self.bytes.entry(request.attempt).or_insert_with(|| signature.clone());
        assert_eq!(*before, signature, "other bytes for one attempt");
        if request.purpose == Purpose::Pay {
            self.see_payment(request.approved[0].payout, request.lineage);
        }
        self.answered.push(request.clone());
    }

    fn see_payment(&mut self, payout: PayoutId, lineage: LineageId) {
        let payers = self.payers.entry(payout).or_default();
        payers.insert(lineage);
        let live =
            payers.iter().filter(|payer| !self.superseded.contains(&(payout, **payer))).count();
        assert!(live <= 1, "payout {payout} lives in {live} lineages");
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
            Step::Pay { payout, lineage, nonce, epoch } => {
                self.ask(at_epoch(epoch, pay(payout, lineage, nonce))).await
            }
            Step::Cancel { lineage, nonce, epoch } => {
                self.ask(at_epoch(epoch, cancel(lineage, nonce))).await
            }
            Step::Bump { which } => self.ask_like(which, bump).await,
            Step::Again { which } => self.ask_like(which, Clone::clone).await,
            Step::Supersede { payout, old } => self.supersede(payout, old).await,
            Step::Lose { payout, lineage, nonce, kept } => {
                self.lose(pay(payout, lineage, nonce), kept).await
            }
            Step::Restart => self.signer = start(&self.world),
        }
    }

    async fn ask(&mut self, request: SignRequest) {
        let request = chained(&self.signer, &request).await.expect("reads");
        let would =
            self.signer.dry_run(std::slice::from_ref(&request)).await.expect("reads").remove(0);
        let answer =
            self.signer.sign(std::slice::from_ref(&request)).await.expect("writes").remove(0);
        assert_eq!(would, answer.clone().map(drop), "the dry run told the truth");
        if let Ok(signature) = answer {
            self.observer.see(&request, signature);
        }
    }

    async fn ask_like(&mut self, which: usize, change: fn(&SignRequest) -> SignRequest) {
        if let Some(request) =
            self.observer.answered.get(which % self.observer.answered.len().max(1)).cloned()
        {
            self.ask(change(&request)).await;
        }
    }

    async fn supersede(&mut self, payout: u128, old: u128) {
        let asked = supersede(payout, old);
        if self.signer.supersede(&asked).await.expect("writes").is_ok() {
            self.observer.superseded.insert((asked.payout.expect("named"), asked.old));
        }
    }

    /// The write is cut short and the process dies; nobody saw an answer.
    async fn lose(&mut self, request: SignRequest, kept: usize) {
        let request = chained(&self.signer, &request).await.expect("reads");
        self.world.disk.set_room(Some(kept));
        self.world.disk.set_truncate_fails(true);
        let answer = self.signer.sign(std::slice::from_ref(&request)).await;
        self.world.disk.set_room(None);
        self.world.disk.set_truncate_fails(false);
        self.signer = start(&self.world);
        if let Ok(Ok(signature)) = answer.map(|mut answers| answers.remove(0)) {
            self.observer.see(&request, signature);
        }
    }
}

fn start(world: &World) -> LocalSigner {
    let mut config = config();
    config.caps.values_mut().for_each(|caps| caps.per_day = Amount::MAX);
    world.try_start(config).expect("starts")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_payout_is_ever_signed_in_two_live_lineages(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut run = Run::new();
            for step in steps {
                run.take(step).await;
            }
        });
    }
}
