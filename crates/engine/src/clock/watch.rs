//! Asks second clocks, so that a doubt ends and a disagreement shows.

use futures::future::{Either, join_all, select};

use super::{Witness, dates};
use crate::{Clock as _, Engine, Ports, Settings, Source};

/// Reads the clocks on a beat. Witnesses are asked at each while there is a doubt, and now and then
/// while there is none.
pub(crate) async fn watch(engine: Engine, settings: Settings) {
    let clock = engine.ports.clock.clone();
    let mut asked = None;
    loop {
        let now = clock.uptime();
        let due = asked
            .is_none_or(|asked: adit_core::Timestamp| asked.plus(settings.witness_beat) <= now);
        if due || clock.doubt().is_some() {
            asked = Some(now);
            ask(&engine, &settings).await;
        }
        clock.sleep(settings.clock_beat).await;
    }
}

/// Each is asked by itself, and who does not answer within a few beats is left alone: another may
/// have answered.
async fn ask(engine: &Engine, settings: &Settings) {
    let blocks = engine.rules.chains.values().map(|rules| async move {
        let Some(chain) = engine.chain(&rules.name) else { return };
        let asking = chain.tip();
        let patience = engine.ports.clock.sleep(settings.clock_beat.times(10));
        if let Either::Left((Ok(tip), _)) = select(asking, patience).await {
            engine.ports.clock.hear(&Witness::block(rules.kind, rules.name.clone(), tip.mined_at));
        }
    });
    let database = async {
        let asking = engine.store().clock();
        let patience = engine.ports.clock.sleep(settings.clock_beat.times(10));
        if let Either::Left((Ok(Some(read)), _)) = select(asking, patience).await
            && read.elsewhere
        {
            engine.ports.clock.hear(&Witness::clock(Source::Database, read.now));
        }
    };
    futures::future::join(join_all(blocks), database).await;
    ask_dates(&engine.ports, settings.own_dates);
}

/// The blocks were asked for just now, so the endpoints have answered.
fn ask_dates(ports: &Ports, own: bool) {
    let dates = dates::fresh(ports.chains.values().flat_map(|chain| chain.dates()).collect(), own);
    if let Some(witness) = dates::witness(&dates, ports.clock.standing().wall) {
        ports.clock.hear(&witness);
    }
    for date in dates {
        ports.clock.compare(&Witness::clock(Source::Endpoint { host: date.host }, date.time));
    }
}
