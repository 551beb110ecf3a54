//! Kafka without a container engine: its jars by Maven coordinates, fetched once for all state
//! folders into `.ledger/kafka-VERSION/lib`.
//!
//! The folder is renamed into place when it is complete, so it is complete whenever it is there.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use anyhow::{Context, Result, ensure};

use crate::progress::Step;
use crate::{atomic_file, install, repository};

/// The version that `up`, the tests and `docker-compose.yml` run where no other is asked for.
pub const KAFKA_VERSION: &str = "4.3.1";
const LOG4J_VERSION: &str = "2.25.1";

/// The last release of each series that the whole was tested on.
const SERIES: [(&str, &str); 4] = [("4.0", "4.0.2"), ("4.1", "4.1.2"), ("4.2", "4.2.1"), ("4.3", KAFKA_VERSION)];

/// Which Kafka runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaRelease(Cow<'static, str>);

impl Default for KafkaRelease {
    fn default() -> Self {
        Self(Cow::Borrowed(KAFKA_VERSION))
    }
}

impl fmt::Display for KafkaRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KafkaRelease {
    type Err = String;

    /// A series, `4.1`, which stands for its last release, or a release of one, `4.1.0`.
    fn from_str(text: &str) -> Result<Self, String> {
        let known = SERIES.into_iter().find(|(series, _)| text.strip_prefix(series).is_some_and(is_patch));
        match known {
            Some((series, last)) if series == text => Ok(Self(Cow::Borrowed(last))),
            Some(_) => Ok(Self(Cow::Owned(text.to_owned()))),
            None => {
                let series: Vec<_> = SERIES.iter().map(|(series, _)| *series).collect();
                Err(format!("Kafka {text} is not known here; known are {} and their releases", series.join(", ")))
            }
        }
    }
}

/// What may follow a series: nothing, or the number of a release.
fn is_patch(rest: &str) -> bool {
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    rest.is_empty() || rest.strip_prefix('.').is_some_and(is_number)
}

impl KafkaRelease {
    /// The folder of the jars, which need not be there yet.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        repository::root().join(".ledger").join(format!("kafka-{self}")).join("lib")
    }

    /// Fetches the jars unless they are there; answers their folder.
    ///
    /// # Errors
    /// When Maven cannot fetch them; its last words are in the message.
    pub fn fetch(&self) -> Result<PathBuf> {
        let lib = self.folder();
        if lib.is_dir() {
            return Ok(lib);
        }
        let home = lib.parent().context("the jars' folder has a parent")?;
        let step = Step::begin(format!("fetching Kafka {self} as jars (54 MB)"));
        let temporary = home.with_file_name(format!(".kafka-{self}.{}", std::process::id()));
        atomic_file::remove_folder(&temporary)?;
        fs::create_dir_all(&temporary)?;
        let copied = self.copy_dependencies(&temporary);
        if let Err(error) = copied {
            atomic_file::remove_folder(&temporary)?;
            return Err(error);
        }
        put_in_place(&temporary, home)?;
        step.done();
        Ok(lib)
    }

    fn copy_dependencies(&self, folder: &Path) -> Result<()> {
        let pom = folder.join("pom.xml");
        fs::write(&pom, self.pom_text())?;
        let mut command = Command::new(install::program("mvn")?);
        command.args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-f"]).arg(&pom);
        let output = command.current_dir(folder).stdin(Stdio::null()).output().context("cannot run mvn")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "mvn could not fetch Kafka's jars: {}", said.trim());
        let count = fs::read_dir(folder.join("lib"))?.count();
        ensure!(count > 50, "mvn copied only {count} jars");
        Ok(())
    }

    fn pom_text(&self) -> String {
        let kafka = self.0.as_ref();
        let artifacts = [
            ("org.apache.kafka", "kafka_2.13", kafka),
            ("org.apache.kafka", "kafka-tools", kafka),
            ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
            ("org.apache.logging.log4j", "log4j-core", LOG4J_VERSION),
        ];
        let dependency = |(group, artifact, version): (&str, &str, &str)| {
            format!(
                "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>\n"
            )
        };
        let dependencies: String = artifacts.into_iter().map(dependency).collect();
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
             <groupId>order-ledger</groupId>\n  <artifactId>kafka-jars</artifactId>\n  <version>1</version>\n  \
             <packaging>pom</packaging>\n  <dependencies>\n{dependencies}  </dependencies>\n</project>\n"
        )
    }
}

/// Somebody else may have fetched them meanwhile; theirs are as good.
fn put_in_place(temporary: &Path, home: &Path) -> Result<()> {
    match fs::rename(temporary, home) {
        Err(_) if home.join("lib").is_dir() => Ok(atomic_file::remove_folder(temporary)?),
        Err(error) => Err(error).with_context(|| format!("cannot make {}", home.display())),
        Ok(()) => Ok(atomic_file::sync_folder_of(home)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::temporary_folder;

    #[test]
    fn the_pom_names_every_artifact_with_its_version() {
        let pom = KafkaRelease::default().pom_text();
        assert_eq!(pom.matches("<dependency>").count(), 4);
        assert!(pom.contains("<artifactId>kafka_2.13</artifactId><version>4.3.1</version>"));
    }

    #[test]
    fn versions_are_known_or_refused_by_name() {
        for (text, version) in [("4.3", "4.3.1"), ("4.0", "4.0.2"), ("4.1.0", "4.1.0")] {
            assert_eq!(text.parse::<KafkaRelease>().unwrap().to_string(), version);
        }
        for text in ["3.9", "4", "4.10", "4.1.", "4.1.x", "4.1.0-rc0", ""] {
            let refused = text.parse::<KafkaRelease>().unwrap_err();
            assert_eq!(
                refused,
                format!("Kafka {text} is not known here; known are 4.0, 4.1, 4.2, 4.3 and their releases")
            );
        }
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
