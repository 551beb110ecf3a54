//! Kafka without a container engine: its jars by Maven coordinates, fetched once for all state
//! folders into `.ledger/kafka-VERSION/lib`.
//!
//! The folder is renamed into place when it is complete, so it is complete whenever it is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::progress::Step;
use crate::{atomic_file, install, repository};

/// Kafka's version; the container image in `docker-compose.yml` has the same.
pub const KAFKA_VERSION: &str = "4.3.1";
const LOG4J_VERSION: &str = "2.25.1";

const ARTIFACTS: [(&str, &str, &str); 4] = [
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-tools", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
    ("org.apache.logging.log4j", "log4j-core", LOG4J_VERSION),
];

/// The folder of the jars, which need not be there yet.
#[must_use]
pub fn folder() -> PathBuf {
    repository::root().join(".ledger").join(format!("kafka-{KAFKA_VERSION}")).join("lib")
}

/// Fetches the jars unless they are there; answers their folder.
///
/// # Errors
/// When Maven cannot fetch them; its last words are in the message.
pub fn fetch() -> Result<PathBuf> {
    let lib = folder();
    if lib.is_dir() {
        return Ok(lib);
    }
    let home = lib.parent().context("the jars' folder has a parent")?;
    let step = Step::begin(format!("fetching Kafka {KAFKA_VERSION} as jars (54 MB)"));
    let temporary = home.with_file_name(format!(".kafka-{KAFKA_VERSION}.{}", std::process::id()));
    atomic_file::remove_folder(&temporary)?;
    fs::create_dir_all(&temporary)?;
    let copied = copy_dependencies(&temporary);
    if let Err(error) = copied {
        atomic_file::remove_folder(&temporary)?;
        return Err(error);
    }
    put_in_place(&temporary, home)?;
    step.done();
    Ok(lib)
}

fn copy_dependencies(folder: &Path) -> Result<()> {
    let pom = folder.join("pom.xml");
    fs::write(&pom, pom_text())?;
    let mut command = Command::new(install::program("mvn")?);
    command.args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-f"]).arg(&pom);
    let output = command.current_dir(folder).stdin(Stdio::null()).output().context("cannot run mvn")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "mvn could not fetch Kafka's jars: {}", said.trim());
    let count = fs::read_dir(folder.join("lib"))?.count();
    ensure!(count > 50, "mvn copied only {count} jars");
    Ok(())
}

/// Somebody else may have fetched them meanwhile; theirs are as good.
fn put_in_place(temporary: &Path, home: &Path) -> Result<()> {
    match fs::rename(temporary, home) {
        Err(_) if home.join("lib").is_dir() => Ok(atomic_file::remove_folder(temporary)?),
        Err(error) => Err(error).with_context(|| format!("cannot make {}", home.display())),
        Ok(()) => Ok(atomic_file::sync_folder_of(home)?),
    }
}

fn pom_text() -> String {
    let dependency = |(group, artifact, version): (&str, &str, &str)| {
        format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>\n"
        )
    };
    let dependencies: String = ARTIFACTS.into_iter().map(dependency).collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>order-ledger</groupId>\n  <artifactId>kafka-jars</artifactId>\n  <version>1</version>\n  \
         <packaging>pom</packaging>\n  <dependencies>\n{dependencies}  </dependencies>\n</project>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::temporary_folder;

    #[test]
    fn the_pom_names_every_artifact_with_its_version() {
        let pom = pom_text();
        assert_eq!(pom.matches("<dependency>").count(), 4);
        assert!(pom.contains("<artifactId>kafka_2.13</artifactId><version>4.3.1</version>"));
    }

    #[test]
    fn the_one_who_comes_second_takes_what_is_there() {
        let folder = temporary_folder("jars").unwrap();
        let (home, temporary) = (folder.path().join("kafka"), folder.path().join("new"));
        for place in [&home, &temporary] {
            fs::create_dir_all(place.join("lib")).unwrap();
        }
        fs::write(home.join("lib/a.jar"), "first").unwrap();
        put_in_place(&temporary, &home).unwrap();
        assert_eq!(fs::read_to_string(home.join("lib/a.jar")).unwrap(), "first");
        assert!(!temporary.exists());
    }
}
