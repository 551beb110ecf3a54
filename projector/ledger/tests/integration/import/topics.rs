//! Old topics that change while they are followed, or that do not hold what was written.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::world::World;
use super::{counts, order, uuid, wait_for};

fn follow(world: &World, topic: &str) -> Child {
    let mut command = world.command(&["import", "--topic", topic, "--follow", "--output", "json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

#[tokio::test]
async fn partitions_that_come_while_it_follows_are_read() {
    let world = World::start("import_grows");
    let topic = world.old_topic("legacy", 1).await;
    world.produce(&topic, 0, &[Some(&order(&uuid(1), "chocolate", 1))]).await;
    let mut child = follow(&world, &topic);
    wait_for("the record that was there", || world.log_len() == 1);
    world.grow(&topic, 3).await;
    world.produce(&topic, 2, &[Some(&order(&uuid(2), "chocolate", 1))]).await;
    world.produce(&topic, 0, &[Some(&order(&uuid(3), "chocolate", 1))]).await;
    let mut log = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let told = format!("topic {topic} grew from 1 to 3 partitions: the new ones are read, too");
    assert!(log.any(|line| line.contains(&told)));
    wait_for("the records of both partitions", || world.log_len() == 3);
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    assert!(log.any(|line| line.contains("read=3")), "each record once");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("the summary is JSON");
    assert_eq!(counts(&summary), [3, 3, 0, 0, 0]);
    world.finish().await;
}

#[tokio::test]
async fn a_topic_that_is_made_anew_while_it_follows_ends_the_run() {
    let world = World::start("import_remade");
    let topic = world.old_topic("legacy", 1).await;
    world.produce(&topic, 0, &[Some(&order(&uuid(1), "chocolate", 1))]).await;
    let mut child = follow(&world, &topic);
    wait_for("the record that was there", || world.log_len() == 1);
    world.make_anew("legacy", 1).await;
    let log = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let last = log.last().unwrap_or_default();
    assert!(
        last.contains(&format!("topic {topic} was made anew while it was imported: it began with topic id ")),
        "{last}"
    );
    assert!(last.contains("1 events are in the log for certain"), "{last}");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    world.finish().await;
}

#[tokio::test]
async fn a_compacted_topic_is_imported_with_a_warning() {
    let world = World::start("import_compacted");
    let topic = world.old_topic("legacy", 1).await;
    let id = uuid(1);
    world.produce_keyed(&topic, 0, &[(id.as_str(), &order(&id, "chocolate", 1))]).await;
    world.compact(&topic).await;
    let (summary, log) = world.import(&topic, &[]);
    assert_eq!(counts(&summary), [1, 1, 0, 0, 0]);
    let warning = format!(
        "topic {topic} is compacted (cleanup.policy=compact): of records with the same key all but the last may be gone, and are \
         not imported; nothing tells which they were"
    );
    assert_eq!(summary["warnings"], json!([warning]));
    assert!(log.contains(&warning), "{log}");
    world.finish().await;
}
