//! Packages of another Debian release, unpacked into a folder of their own: nothing of them is installed, and the system's
//! own packages, sources and lists stay as they are.
//!
//! The mirror is the one that this machine's sources name. All that a package depends on is unpacked too, its C library
//! among it, so the programs run whatever the system's own is: each through the loader that came with it.
//!
//! It must never take a package whose signature and checksum apt has not checked. Read [`crate::mariadb_release`] for
//! who uses it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::progress::Step;
use crate::{atomic_file, install};

/// Debian's own keys sign every release, newer ones too.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What is taken from which release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The release's code name.
    pub release: &'static str,
    /// Packages, each with all that it depends on.
    pub packages: &'static [&'static str],
    /// Packages without what they depend on.
    pub bare_packages: &'static [&'static str],
    /// Programs among them, relative to the folder, that are to run on this system.
    pub programs: &'static [&'static str],
}

/// Unpacks what is wanted into `home`, unless that is there: it is renamed into place when it is complete. Said as `what`.
///
/// # Errors
/// As [`unpack`], and any fault of the file system.
pub fn fetch(wanted: Wanted, what: &str, home: &Path) -> Result<()> {
    if home.is_dir() {
        return Ok(());
    }
    let step = Step::begin(format!("fetching {what} as packages of Debian's {}", wanted.release));
    let name = home.file_name().context("a folder has a name")?.to_string_lossy();
    let temporary = home.with_file_name(format!(".{name}.{}", std::process::id()));
    atomic_file::remove_folder(&temporary)?;
    fs::create_dir_all(&temporary)?;
    if let Err(error) = unpack(wanted, &temporary) {
        atomic_file::remove_folder(&temporary)?;
        return Err(error.context(format!("{what} cannot be fetched")));
    }
    match fs::rename(&temporary, home) {
        // Somebody else may have fetched it meanwhile; theirs is as good.
        Err(_) if home.is_dir() => atomic_file::remove_folder(&temporary)?,
        Err(error) => return Err(error).with_context(|| format!("cannot make {}", home.display())),
        Ok(()) => atomic_file::sync_folder_of(home)?,
    }
    step.done();
    Ok(())
}

/// Unpacks what is wanted into `folder`, which is there and empty. About 20 MB of packages and 90 MB of files for a
/// database server.
///
/// # Errors
/// When apt or dpkg are not there, this machine's sources name no mirror of Debian, the mirror cannot be reached, or a
/// package is not what its release says it is.
pub fn unpack(wanted: Wanted, folder: &Path) -> Result<()> {
    let apt = Apt::begin(wanted.release, &folder.join("apt"))?;
    apt.get(&["update"])?;
    if !wanted.packages.is_empty() {
        apt.get(&[&["install", "--download-only", "--yes", "--no-install-recommends"], wanted.packages].concat())?;
    }
    if !wanted.bare_packages.is_empty() {
        apt.get(&[&["download"], wanted.bare_packages].concat())?;
    }
    let mut packages: Vec<PathBuf> = fs::read_dir(apt.archives())?.flatten().map(|entry| entry.path()).collect();
    packages.retain(|path| path.extension() == Some(OsStr::new("deb")));
    packages.sort();
    ensure!(!packages.is_empty(), "apt fetched no package of {:?}", [wanted.packages, wanted.bare_packages].concat());
    for package in &packages {
        let mut dpkg = Command::new(install::program("dpkg-deb")?);
        said(dpkg.arg("--extract").arg(package).arg(folder)).context("dpkg-deb")?;
    }
    fs::remove_dir_all(folder.join("apt"))?;
    if wanted.programs.is_empty() {
        return Ok(());
    }
    let loader = loader(folder)?;
    wanted.programs.iter().try_for_each(|program| wrap(folder, program, &loader))
}

/// apt with sources, lists and packages of its own.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn begin(release: &str, folder: &Path) -> Result<Self> {
        for path in ["state/lists/partial", "cache/archives/partial", "sources"] {
            fs::create_dir_all(folder.join(path))?;
        }
        fs::write(folder.join("status"), "")?;
        let apt = Self { folder: folder.to_path_buf() };
        let mirrors = apt.mirrors()?;
        fs::write(folder.join("sources/release.sources"), sources(release, &mirrors))?;
        fs::write(folder.join("apt.conf"), apt.configuration()?)?;
        Ok(apt)
    }

    fn archives(&self) -> PathBuf {
        self.folder.join("cache/archives")
    }

    /// Where this machine gets Debian from. A machine that never updated its lists does not know which of its sources are
    /// Debian's: it is asked to get them, into our folder.
    fn mirrors(&self) -> Result<Mirrors> {
        let ask = |options: &[String]| -> Result<String> {
            let format = "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(SITE)";
            let mut command = Command::new(install::program("apt-get")?);
            said(command.args(options).args(["indextargets", "--format", format, "Created-By: Packages"]))
        };
        if let Some(mirrors) = mirrors_in(&ask(&[])?) {
            return Ok(mirrors);
        }
        let own = [
            format!("--option=Dir::State={}", self.text("state")?),
            format!("--option=Dir::Cache={}", self.text("cache")?),
        ];
        said(Command::new(install::program("apt-get")?).args(&own).arg("update"))?;
        mirrors_in(&ask(&own)?).context("apt's sources on this machine name no mirror of Debian")
    }

    /// It is read after the machine's own, which may name a proxy. What a machine does after each update is not for
    /// ours.
    fn configuration(&self) -> Result<String> {
        Ok(format!(
            "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n\
             Dir::Etc::SourceList \"/dev/null\";\nDir::Etc::SourceParts \"{}\";\nDir::State \"{}\";\n\
             Dir::State::status \"{}\";\nDir::Cache \"{}\";\nAPT::Keep-Downloaded-Packages \"true\";\n\
             APT::Update::Error-Mode \"any\";\nAcquire::Languages \"none\";\nDebug::NoLocking \"true\";\n{}",
            self.text("sources")?,
            self.text("state")?,
            self.text("status")?,
            self.text("cache")?,
            // The user that apt otherwise becomes cannot enter a folder of root's.
            if nix::unistd::geteuid().is_root() { "APT::Sandbox::User \"root\";\n" } else { "" }
        ))
    }

    fn text(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name).into_os_string();
        path.into_string().ok().context("the repository's path is not UTF-8")
    }

    fn get(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(install::program("apt-get")?);
        command.arg("-qq").arg("-c").arg(self.folder.join("apt.conf")).args(arguments).current_dir(self.archives());
        said(&mut command).map(drop).with_context(|| format!("`apt-get {}`", arguments.join(" ")))
    }
}

/// Runs it to its end; answers its stdout.
fn said(command: &mut Command) -> Result<String> {
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let words = [output.stdout, output.stderr].concat();
        bail!("{}: {}", output.status, String::from_utf8_lossy(&words).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Addresses without a release.
#[derive(Debug, PartialEq, Eq)]
struct Mirrors {
    archive: String,
    security: Option<String>,
}

/// Of lines `ORIGIN|LABEL|COMPONENT|SITE`.
fn mirrors_in(targets: &str) -> Option<Mirrors> {
    let site = |wanted: &str| {
        targets.lines().find_map(|line| {
            let fields: Vec<&str> = line.splitn(4, '|').collect();
            let &[origin, label, component, site] = fields.as_slice() else { return None };
            ((origin, label, component) == ("Debian", wanted, "main")).then(|| site.to_owned())
        })
    };
    Some(Mirrors { archive: site("Debian")?, security: site("Debian-Security") })
}

fn sources(release: &str, mirrors: &Mirrors) -> String {
    let source = |site: &str, suites: String| {
        format!(
            "Types: deb\nURIs: {site}\nSuites: {suites}\nComponents: main\nTargets: Packages\nSigned-By: {KEYRING}\n\n"
        )
    };
    let archive = source(&mirrors.archive, format!("{release} {release}-updates"));
    let security = mirrors.security.as_ref().map(|site| source(site, format!("{release}-security")));
    archive + &security.unwrap_or_default()
}

/// The loader of the C library that was unpacked, relative to `folder`.
fn loader(folder: &Path) -> Result<PathBuf> {
    let libraries = fs::read_dir(folder.join("usr/lib"))?.flatten().map(|entry| entry.path());
    let files = libraries.filter(|path| path.is_dir()).filter_map(|path| fs::read_dir(path).ok()).flatten().flatten();
    let is_loader =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"));
    let found = files.map(|entry| entry.path()).find(is_loader).context("the packages brought no loader")?;
    Ok(found.strip_prefix(folder)?.to_path_buf())
}

/// Puts a script in the program's place that runs it through `loader`. It finds both by its own place, so the folder can be
/// renamed.
fn wrap(folder: &Path, program: &str, loader: &Path) -> Result<()> {
    let path = folder.join(program);
    let up = "../".repeat(program.matches('/').count());
    let (loader, library) = (loader.display(), loader.parent().context("a loader lies in a folder")?.display());
    let script = format!(
        "#!/bin/sh\n# Runs {program} through the loader and the libraries that it was built for.\n\
         here=$(dirname \"$(readlink -f \"$0\")\")\n\
         exec \"$here/{up}{loader}\" --inhibit-cache --library-path \"$here/{up}{library}\" \"$here/$(basename \"$0\").real\" \"$@\"\n"
    );
    let real = path.with_file_name(format!("{}.real", path.file_name().context("a name")?.to_string_lossy()));
    fs::rename(&path, &real).with_context(|| format!("the packages brought no {program}"))?;
    fs::write(&path, script)?;
    Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::temporary_folder;

    #[test]
    fn only_debians_own_mirrors_are_taken() {
        let targets = "Somebody|Debian|main|http://else/debian\nDebian|Debian|contrib|http://no/debian\n\
                       Debian|Debian|main|http://mirror/debian\nDebian|Debian-Security|main|http://mirror/security\n";
        let mirrors = mirrors_in(targets).unwrap();
        assert_eq!(
            mirrors,
            Mirrors { archive: "http://mirror/debian".to_owned(), security: Some("http://mirror/security".to_owned()) }
        );
        let text = sources("trixie", &mirrors);
        assert!(text.contains("URIs: http://mirror/debian\nSuites: trixie trixie-updates\n"), "{text}");
        assert!(text.contains("URIs: http://mirror/security\nSuites: trixie-security\n"), "{text}");
        assert_eq!(text.matches("Signed-By: ").count(), 2, "every source is checked: {text}");
        assert_eq!(mirrors_in("Somebody|Debian|main|http://else/debian\n"), None);
    }

    /// With the machine's own loader and programs in the place of unpacked ones.
    #[test]
    fn a_wrapped_program_runs_from_wherever_its_folder_is() {
        let own = fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
        let Some(library) = own.filter(|path| path.join("libc.so.6").exists()).find(|path| {
            fs::read_dir(path).unwrap().flatten().any(|file| file.file_name().to_string_lossy().starts_with("ld-linux"))
        }) else {
            return;
        };
        let place = temporary_folder("debian").unwrap();
        let folder = place.path().join("first name");
        fs::create_dir_all(folder.join("usr/bin")).unwrap();
        fs::create_dir_all(folder.join("usr/lib")).unwrap();
        std::os::unix::fs::symlink(&library, folder.join("usr/lib").join(library.file_name().unwrap())).unwrap();
        fs::copy("/bin/echo", folder.join("usr/bin/echo")).unwrap();
        wrap(&folder, "usr/bin/echo", &loader(&folder).unwrap()).unwrap();
        let renamed = place.path().join("second name");
        fs::rename(&folder, &renamed).unwrap();
        let output = Command::new(renamed.join("usr/bin/echo")).args(["one", "two words"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "one two words\n", "{output:?}");
    }
}
