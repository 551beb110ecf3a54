//! Both faults of readiness that the simulator found first (seeds 13 and 1755 of its first version), step by step.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use ledger_simulator::choice::Choices;
use ledger_simulator::settings::Profile;
use ledger_simulator::store::{MemoryStore, Target};
use ledger_simulator::world::World;
use projector::intake::{Control, Intake, Limits};
use projector::shared::Shared;
use projector::writer::{BatchSettings, Writer, WriterParts};
use tokio_util::sync::CancellationToken;

const LIMITS: Limits = Limits { records: 10, bytes: 1 << 20 };

/// A writer over the database in memory, in a projector that was given its share.
fn start(world: &Arc<World>) -> (Arc<Shared>, Arc<Intake>) {
    let shared = Arc::new(Shared::new(1));
    let intake = Arc::new(Intake::new(LIMITS));
    let writer = Writer::new(WriterParts {
        name: "writer-0".to_owned(),
        store: MemoryStore::new(Arc::clone(world), "writer-0", Target::Live),
        partition_count: 1,
        intake: Arc::clone(&intake),
        shared: Arc::clone(&shared),
        resyncs: channel().0,
        settings: BatchSettings { limits: LIMITS, linger: Duration::ZERO },
        stop: CancellationToken::new(),
    });
    tokio::spawn(writer.run());
    shared.health.joined();
    (shared, intake)
}

fn quiet_world() -> Arc<World> {
    Arc::new(World::new(Choices::recorded(Vec::new()), Vec::new(), false, Profile::Everything))
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_database_ends_with_the_partition() {
    let world = quiet_world();
    world.begin_outage(Duration::from_secs(60));
    let (shared, intake) = start(&world);
    let epoch = shared.begin_epoch(0);
    intake.tell(Control::Assigned { partition: 0, epoch, start_offset: 0, is_paused: false });
    tokio::time::sleep(Duration::from_secs(3)).await;
    let reasons = shared.readiness().reasons;
    assert!(reasons[0].starts_with("the database does not answer: "), "{reasons:?}");
    assert_eq!(reasons[1..], ["partitions [0] are being loaded"]);
    shared.end_epoch(0);
    assert!(shared.readiness().ready, "what is not ours any more is waited for by nobody");
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(shared.readiness().ready);
}

#[tokio::test(start_paused = true)]
async fn a_late_load_of_a_partition_that_is_elsewhere_changes_nothing() {
    let world = quiet_world();
    world.begin_outage(Duration::from_secs(12));
    let (shared, intake) = start(&world);
    let epoch = shared.begin_epoch(0);
    // Its records begin elsewhere than where the tables stand by the time that it is loaded: a resync.
    intake.tell(Control::Assigned { partition: 0, epoch, start_offset: 7, is_paused: false });
    tokio::time::sleep(Duration::from_secs(1)).await;
    shared.end_epoch(0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(shared.readiness().ready, "{:?}", shared.readiness().reasons);
}
