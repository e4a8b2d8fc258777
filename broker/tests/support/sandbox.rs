//! A process that may write below one folder only (Landlock), start no other program but itself (Landlock), and make no other
//! process at all (seccomp: it is killed).

use landlock::{
    ABI, AccessFs, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

/// Since Linux 6.2: cutting a file off is writing, too.
const NEEDED: ABI = ABI::V3;
/// What starts programs that are not static.
const LOADERS: [&str; 2] = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];

/// Starts `command` so that it may write below `folder` only, and start nothing but `program` anew, in its own place.
pub fn spawn(command: &mut Command, program: &Path, folder: &Path) -> io::Result<Child> {
    let filters = [no_processes()?, no_clone3()?];
    // SAFETY: between fork and exec it makes two system calls, with programs that were made before.
    unsafe {
        command.pre_exec(move || {
            for filter in &filters {
                apply_filter(filter).map_err(|_| io::Error::from_raw_os_error(libc::EPERM))?;
            }
            Ok(())
        });
    }
    // Landlock holds for a thread and what it starts: this one is given up.
    let spawned = thread::scope(|scope| {
        let restricted = scope.spawn(|| {
            restrict(program, folder).map_err(io::Error::other)?;
            command.spawn()
        });
        restricted.join()
    });
    spawned.unwrap_or_else(|_| Err(io::Error::other("the thread that starts it panicked")))
}

/// Whether this system has what it takes; the error says what is missing.
pub fn is_possible() -> Result<(), String> {
    let tried = thread::spawn(|| restrict(Path::new("/bin/sh"), &std::env::temp_dir())).join();
    tried.map_err(|_| "a thread panicked".to_owned())?.map_err(|error| format!("Landlock: {error}"))
}

fn restrict(program: &Path, folder: &Path) -> Result<(), String> {
    let text = |error: landlock::RulesetError| error.to_string();
    let path = |path: &Path| PathFd::new(path).map_err(|error| error.to_string());
    let writing: BitFlags<AccessFs> = AccessFs::from_write(NEEDED);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(writing | AccessFs::Execute)
        .map_err(text)?
        .create()
        .map_err(text)?
        .add_rule(PathBeneath::new(path(folder)?, writing))
        .map_err(text)?
        // It keeps nothing, and stands for outputs that nobody wants.
        .add_rule(PathBeneath::new(path(Path::new("/dev/null"))?, AccessFs::WriteFile | AccessFs::Truncate))
        .map_err(text)?
        .add_rule(PathBeneath::new(path(program)?, AccessFs::Execute))
        .map_err(text)?;
    for loader in LOADERS.iter().map(Path::new).filter(|loader| loader.exists()) {
        rules = rules.add_rule(PathBeneath::new(path(loader)?, AccessFs::Execute)).map_err(text)?;
    }
    rules.restrict_self().map_err(text).map(drop)
}

/// Kills who makes a process; threads may be.
fn no_processes() -> io::Result<BpfProgram> {
    let is_thread = libc::CLONE_THREAD as u64;
    let no_thread =
        SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(is_thread), 0).unwrap();
    let mut rules = BTreeMap::from([
        (libc::SYS_clone, vec![SeccompRule::new(vec![no_thread]).unwrap()]),
        (libc::SYS_execveat, vec![]),
    ]);
    #[cfg(target_arch = "x86_64")]
    rules.extend([(libc::SYS_fork, vec![]), (libc::SYS_vfork, vec![])]);
    program(rules, SeccompAction::KillProcess)
}

/// Its flags are behind a pointer, where no filter can look: who is told that there is none uses the other.
fn no_clone3() -> io::Result<BpfProgram> {
    program(BTreeMap::from([(libc::SYS_clone3, vec![])]), SeccompAction::Errno(libc::ENOSYS as u32))
}

fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, action: SeccompAction) -> io::Result<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, arch).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

/// The sandbox bites: each of the things that it forbids is tried in it.
pub fn check_that_it_bites() {
    let dir = tempfile::tempdir().unwrap();
    let (inside, outside) = (dir.path().join("inside"), dir.path().join("outside"));
    std::fs::create_dir(&inside).unwrap();
    let shell = Path::new("/bin/sh").canonicalize().unwrap();
    let run = |script: String| {
        let mut command = Command::new(&shell);
        command.args(["-c", &script]).stdin(Stdio::null()).stderr(Stdio::null());
        spawn(&mut command, &shell, &inside).unwrap().wait().unwrap()
    };
    assert!(run(format!("echo x > {}/file", inside.display())).success(), "below the folder it may write");
    assert!(!run(format!("echo x > {}", outside.display())).success());
    assert!(!outside.exists(), "nothing was written elsewhere");
    assert_eq!(run("exec /bin/cat /dev/null".to_owned()).code(), Some(126), "no other program starts");
    assert_eq!(run("(exit 0); exit 0".to_owned()).signal(), Some(libc::SIGSYS), "no process is made");
}

/// The filters hold for the process, and it has no children.
pub fn check_that_it_holds(pid: u32) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let is = |field: &str, value: &str| {
        status.lines().any(|line| line.strip_prefix(field).is_some_and(|rest| rest.trim() == value))
    };
    assert!(is("Seccomp:", "2") && is("NoNewPrivs:", "1"), "{status}");
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        assert_eq!(children.trim(), "", "a child of {task:?}");
    }
}
