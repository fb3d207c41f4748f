//! A Bitcoin lane behind its sources: the seam to the engine.
//!
//! What is remembered here (the head, the fees, the wallet's coins) may be lost at any time and is
//! asked for again. What is reserved, signed and owed the store knows.

mod cosign;
mod holdings;
mod lift;
mod ours;
mod outgoing;
mod pending;
mod prepare;
mod search;
mod settings;
mod succeed;
mod unmined;
mod watch;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use adit_chain::{
    Chain, Cosigned, Dated, Fault, Foreign, FundsReading, Handout, HealthReading, Identity,
    NextVersion, ParsedDestination, PlanRequest, Planning, Ready, RefusedDestination, Sent,
    Sightings, Timer, TokioTimer, Watch,
};
use adit_core::{
    AssetId, Attempt, BitcoinMarket, ChainName, ChainRules, ClaimRecord, CoinPlaces, Consolidation,
    Destination, Draft, FeeRate, Hash32, Keychain, LaneId, Lineage, Market, Mistake, OutputPurpose,
    Place, Signed, Tip, planted,
};
use async_trait::async_trait;
use bdk_wallet::bitcoin::Script;

use self::holdings::{Holdings, Listing};
use self::lift::Lift;
use self::ours::{Ours, settled};
use self::pending::Pending;
use self::prepare::Prepare;
use self::succeed::{Succeed, feerate};
use self::watch::Looked;
use crate::node::{BitcoinConfig, ConfigError, FeeRates, Head, Node};
use crate::transaction::put_in_order;
use crate::{Address, Coin, Payment, Purse, Revealed, Scripts, consolidate, sweep};

pub use settings::{DepthTier, FEES_KEPT_LOOKS, FINAL_BLOCKS, LOOK_EVERY, LaneSettings};

/// One wallet on one Bitcoin network.
pub struct BitcoinLane {
    node: Node,
    settings: LaneSettings,
    timer: Arc<dyn Timer>,
    holdings: Holdings,
    /// Those that are ours, as far as they were used: derived once.
    scripts: Mutex<Scripts>,
    kept: Mutex<Kept>,
}

/// What was said last, and when.
#[derive(Default)]
struct Kept {
    head: Option<(Duration, Head)>,
    fees: Option<(Duration, Option<FeeRates>)>,
    looked: Option<Looked>,
    /// What is under way and in no block.
    pending: Pending,
    /// What all that is under way made.
    ours: Ours,
    /// Coins that a version of what is under way added, and that are not there any more.
    gone: BTreeSet<String>,
    /// Where the wallet's coins can be; none where the last look did not learn it.
    coin_places: Option<CoinPlaces>,
}

impl BitcoinLane {
    /// Contacts nobody yet.
    ///
    /// # Errors
    /// [`ConfigError`], which never shows a URL.
    pub fn new(config: BitcoinConfig, settings: LaneSettings) -> Result<Self, ConfigError> {
        Ok(Self::over(Node::new(config)?, settings, Arc::new(TokioTimer::default())))
    }

    /// The same on sources and a stopwatch that were made elsewhere.
    pub fn over(node: Node, settings: LaneSettings, timer: Arc<dyn Timer>) -> Self {
        let scripts = Scripts::new(settings.wallet.clone(), Revealed::default())
            .expect("the first indices exist");
        Self {
            node,
            settings,
            timer,
            holdings: Holdings::default(),
            scripts: Mutex::new(scripts),
            kept: Mutex::default(),
        }
    }

    pub fn name(&self) -> &ChainName {
        &self.node.config().name
    }

    /// How each source fares, for metrics and `why`.
    pub fn health(&self) -> Vec<HealthReading> {
        self.node.readings()
    }

    pub fn settings(&self) -> &LaneSettings {
        &self.settings
    }

    /// The head, as of a moment ago: public servers are not asked twice a second for what changes
    /// every ten minutes.
    async fn head(&self) -> Result<Head, Fault> {
        let every = Duration::from_millis(self.settings.look_every.millis());
        let young = |at: &Duration| self.timer.elapsed().saturating_sub(*at) < every;
        if let Some((_, head)) = self.kept().head.as_ref().filter(|(at, _)| young(at)) {
            return Ok(head.clone());
        }
        let head = self.node.heads().await?;
        self.kept().head = Some((self.timer.elapsed(), head.clone()));
        Ok(head)
    }

    /// None while no source has an estimate.
    async fn fees(&self) -> Result<Option<FeeRates>, Fault> {
        let kept = Duration::from_millis(
            self.settings.look_every.millis().saturating_mul(FEES_KEPT_LOOKS),
        );
        let young = |at: &Duration| self.timer.elapsed().saturating_sub(*at) < kept;
        if let Some((_, fees)) = self.kept().fees.as_ref().filter(|(at, _)| young(at)) {
            return Ok(*fees);
        }
        let fees = self.node.fee_rates().await?;
        if fees.is_none() {
            tracing::warn!(
                chain = %self.name(),
                "no source estimates fees; the last known feerate counts, or the least that nodes relay"
            );
        }
        self.kept().fees = Some((self.timer.elapsed(), fees));
        Ok(fees)
    }

    async fn current_tip(&self) -> Result<Tip, Fault> {
        let (head, fees) = (self.head().await?, self.fees().await?);
        let final_height = head.block.height.saturating_sub(u64::from(self.settings.final_blocks));
        let market = fees
            .map_or_else(BitcoinMarket::unknown, |fees| BitcoinMarket::estimated(fees.six_blocks));
        let market = Market::Bitcoin(market);
        Ok(Tip {
            head: head.block,
            final_height,
            market,
            mined_at: head.mined_at,
            at: head.mined_at,
        })
    }

    /// Confirmed coins and the height as of which they are known: of the last look, or asked for
    /// where there was none yet.
    async fn coins(&self, next: u64) -> Result<(u64, Vec<Coin>), Fault> {
        if let Some(Listing { height, coins }) = self.holdings.listing() {
            return Ok((height, coins));
        }
        let head = self.head().await?.block;
        self.holdings.refresh(&self.node, &self.settings.wallet, head, next, &[].into()).await?;
        Ok((head.height, self.holdings.listing().map(|listing| listing.coins).unwrap_or_default()))
    }

    /// The same, where they are listed at the block `booked` or above.
    async fn coins_since(&self, next: u64, booked: u64) -> Result<(u64, Vec<Coin>), Fault> {
        let (height, coins) = self.coins(next).await?;
        match height < booked {
            true => Err(Fault::Behind {
                chain: self.node.config().name.to_string(),
                head: height,
                booked,
            }),
            false => Ok((height, coins)),
        }
    }

    /// Leaves out what may not be spent yet: see [`ours::settled`].
    fn settled(&self, coins: Vec<Coin>, tip: u64, ours: &Ours) -> Vec<Coin> {
        settled(coins, tip, self.settings.final_blocks, ours)
    }

    fn has_looked(&self, looked: &Looked) -> bool {
        self.kept().looked.as_ref() == Some(looked)
    }

    fn remember(&self, looked: Looked) {
        self.kept().looked = Some(looked);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nothing panics while it holds this lock")
    }
}

#[async_trait]
impl Chain for BitcoinLane {
    async fn identity(&self, _lane: &LaneId) -> Result<Identity, Fault> {
        let genesis = self.node.genesis().await?;
        let wallet = &self.settings.wallet;
        let pins = [
            ("network".to_owned(), wallet.network().to_string()),
            ("genesis".to_owned(), genesis.hash.to_string()),
            ("descriptor".to_owned(), wallet.descriptor(Keychain::External)),
        ];
        Ok(Identity { pins: pins.into(), wallet_has_code: false })
    }

    fn parse_destination(
        &self,
        _asset: &AssetId,
        text: &str,
    ) -> Result<ParsedDestination, RefusedDestination> {
        let wallet = &self.settings.wallet;
        let address = Address::parse(wallet.network(), text)
            .map_err(|error| error.refused(wallet.network(), text))?;
        let forbidden = |what: &str| RefusedDestination::Forbidden {
            got: address.destination().to_string(),
            what: what.to_owned(),
        };
        if let Some(what) = self.settings.forbidden.get(address.destination()) {
            return Err(forbidden(what));
        }
        self.reveal(self.holdings.next_unused());
        match self.place_of(address.script()) {
            Some(_) => Err(forbidden("an address of the wallet that pays")),
            None => Ok(ParsedDestination(address.destination().clone())),
        }
    }

    fn dates(&self) -> Vec<Dated> {
        self.node.dates()
    }

    async fn tip(&self) -> Result<Tip, Fault> {
        self.current_tip().await
    }

    /// The first number at whose change address, from `known` on, nothing is: what the chain shows
    /// beyond it, somebody signed whom we do not remember (window F89).
    async fn consumed(&self, _lane: &LaneId, known: u64) -> Result<u64, Fault> {
        let head = self.head().await?.block;
        self.holdings.refresh(&self.node, &self.settings.wallet, head, known, &[].into()).await?;
        Ok(self.holdings.next_unused())
    }

    async fn funds(&self, _lane: &LaneId, booked: u64) -> Result<Vec<FundsReading>, Fault> {
        let (tip, coins) = self.coins_since(0, booked).await?;
        let kept = self.kept();
        let balance = kept.pending.held(&self.settled(coins, tip, &kept.ours));
        Ok(vec![FundsReading { asset: self.settings.asset.clone(), balance }])
    }

    async fn plan(&self, request: &PlanRequest<'_>) -> Result<Planning, Fault> {
        let (tip, coins) = self.coins_since(request.first, request.booked).await?;
        let mut coins = self.settled(coins, tip, &Ours::of(request.live));
        if self.settings.signs_alone {
            coins.extend(unmined::unconfirmed_change(request.live));
        }
        let prepare = Prepare {
            wallet: &self.settings.wallet,
            asset: &self.settings.asset,
            coins: &coins,
            reserved: if planted(Mistake::ReservedCoinSpent) {
                [].into()
            } else {
                unmined::reserved(request.live)
            },
            tip,
            first: request.first,
            feerate: feerate(request.offer),
            outputs_max: self.settings.outputs_max,
        };
        Ok(prepare.all(&request.legs))
    }

    async fn consolidation(
        &self,
        request: &PlanRequest<'_>,
        rules: &Consolidation,
    ) -> Result<Option<Draft>, Fault> {
        let (tip, coins) = self.coins_since(request.first, request.booked).await?;
        let (coins, reserved) =
            (self.settled(coins, tip, &Ours::of(request.live)), unmined::reserved(request.live));
        let payment = Payment {
            wallet: &self.settings.wallet,
            number: request.first,
            feerate: feerate(request.offer),
        };
        let draft = consolidate(payment, &Purse { coins: &coins, reserved: &reserved, tip }, rules);
        // Beyond the last index there is no change, and nothing to merge into.
        Ok(draft.ok().flatten().map(Draft::Bitcoin))
    }

    async fn sweep(
        &self,
        request: &PlanRequest<'_>,
        swept: &BTreeSet<Hash32>,
    ) -> Result<Option<Draft>, Fault> {
        let (tip, coins) = self.coins_since(request.first, request.booked).await?;
        // A sweep pays nobody whom a vanished coin could harm, and forgotten payments may stand on
        // any change: it takes all of it.
        let (coins, reserved) =
            (self.settled(coins, tip, &Ours::AllChange), unmined::reserved(request.live));
        let payment = Payment {
            wallet: &self.settings.wallet,
            number: request.first,
            feerate: feerate(request.offer),
        };
        let swept = swept.iter().copied().map(holdings::txid).collect();
        let draft = sweep(payment, &Purse { coins: &coins, reserved: &reserved, tip }, &swept);
        Ok(draft.ok().flatten().map(Draft::Bitcoin))
    }

    async fn makers(&self, _lane: &LaneId, next: u64) -> Result<BTreeSet<Hash32>, Fault> {
        let (_, coins) = self.coins(next).await?;
        Ok(coins.iter().map(|coin| crate::hash_of(coin.outpoint.txid)).collect())
    }

    fn remind(&self, places: &CoinPlaces) {
        self.holdings.remind(places);
    }

    fn coin_places(&self) -> Option<CoinPlaces> {
        self.kept().coin_places.clone()
    }

    fn renumbered(&self, _lane: &LaneId, draft: &Draft, number: u64) -> Draft {
        let Draft::Bitcoin(bitcoin) = draft else {
            panic!("a lane's drafts are those of its chain, and this chain is Bitcoin")
        };
        let mut draft = bitcoin.clone();
        draft.number = number;
        for output in &mut draft.outputs {
            if let OutputPurpose::Change { index } = &mut output.purpose {
                *index = u32::try_from(number).expect("numbers are indices of change");
                let place = Place { keychain: Keychain::Internal, index: *index };
                let script =
                    self.settings.wallet.script(place).expect("numbers are indices of change");
                output.script = adit_core::Bytes(script.to_bytes());
            }
        }
        put_in_order(&mut draft);
        Draft::Bitcoin(draft)
    }

    async fn successor(&self, next: &NextVersion<'_>) -> Result<Result<Ready, String>, Fault> {
        let (tip, coins) = self.coins(next.lineage.number() + 1).await?;
        let coins = self.settled(coins, tip, &Ours::of(next.live));
        let gone = self.kept().gone.clone();
        Ok(Succeed { settings: &self.settings, coins: &coins, tip, gone: &gone }.next(next))
    }

    fn is_lost(&self, lineage: &Lineage) -> bool {
        let spent = |attempt: Option<&Attempt>| -> BTreeSet<String> {
            let draft = attempt.and_then(|attempt| succeed::bitcoin(&attempt.draft));
            draft.into_iter().flat_map(|draft| draft.outpoints().map(str::to_owned)).collect()
        };
        let added = &spent(Some(lineage.latest())) - &spent(lineage.attempts.first());
        !added.is_disjoint(&self.kept().gone)
    }

    async fn handout(&self, draft: &Draft, signed: &Signed) -> Result<Handout, String> {
        self.hand_out(draft, signed).await
    }

    fn cosigned(&self, draft: &Draft, signed: &Signed, file: &[u8]) -> Result<Cosigned, String> {
        cosign::cosigned(&self.settings.wallet, draft, signed, file)
    }

    async fn child(
        &self,
        stuck: &NextVersion<'_>,
        number: u64,
        rules: &ChainRules,
    ) -> Result<Result<Draft, String>, Fault> {
        let (tip, coins) = self.coins(number).await?;
        let (coins, wallet) =
            (self.settled(coins, tip, &Ours::of(stuck.live)), &self.settings.wallet);
        let fee_max = self.settings.fee_max.min(rules.fee_per_transaction_max);
        let feerate_max =
            FeeRate::from_sat_per_kvb(u64::try_from(rules.offer_max).unwrap_or(u64::MAX));
        Ok(Lift { wallet, coins: &coins, tip, number, fee_max, feerate_max }.child(stuck))
    }

    async fn broadcast(&self, bytes: &[Signed]) -> Vec<Sent> {
        self.node.broadcast(bytes).await
    }

    async fn watch(&self, watch: &Watch) -> Result<Sightings, Fault> {
        self.look(watch).await
    }

    async fn outgoing(&self, watch: &Watch) -> Result<Vec<Foreign>, Fault> {
        self.outgoing_since(watch).await
    }

    /// Claims are signed by EVM wallets; none is paid in bitcoin.
    async fn claim_stands(
        &self,
        _wallet: &Destination,
        _claim: &ClaimRecord,
    ) -> Result<bool, Fault> {
        Ok(true)
    }

    /// A coin has no contract that could be paused.
    async fn probe(&self, _lane: &LaneId, asset: &AssetId) -> Result<bool, Fault> {
        Ok(*asset == self.settings.asset)
    }
}

impl BitcoinLane {
    /// Derives the scripts of change up to this number, once.
    fn reveal(&self, next: u64) {
        let internal = u32::try_from(next).unwrap_or(u32::MAX >> 2).min(u32::MAX >> 2);
        let revealed = Revealed { external: 0, internal };
        self.scripts().reveal(revealed).expect("so many indices exist");
    }

    /// Where a script is in our wallet, as far as it was used.
    fn place_of(&self, script: &Script) -> Option<Place> {
        self.scripts().place_of(script)
    }

    fn scripts(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock().expect("nothing panics while it holds this lock")
    }
}
