//! Windows: files are closed to others by the access list that they inherit from the user's profile directory, and by share
//! modes while they are open; an open lock file keeps its name.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;
use winsafe::{FILETIME, GetTickCount64, HKEY, HPROCESS, HPROCESSLIST, RegistryValue, co};

use super::{Access, HiddenInput, random};

mod files;
mod input;

pub(crate) use files::{
    Inherited, PrivateDir, create_private, inherited_file, is_stream, open_lock, read_input, read_secret_file, sweep,
    write_private,
};
pub use input::stdin;
pub use std::io::stdout;

/// Creates a directory and its parents.
pub(crate) use std::fs::create_dir_all as create_private_dir;

/// The same as for a new file: its access list is what the directory grants.
pub(crate) use write_private as rewrite;

/// A directory of the user's: as its variable says, which every process of a session has, or else as Windows knows it, which
/// knows no variable.
#[expect(clippy::disallowed_methods, reason = "for main.rs")]
pub fn user_dir(variable: &str, known: impl FnOnce() -> Option<PathBuf>) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from).filter(|dir| dir.is_absolute());
    named.or_else(known)
}

/// Nothing to switch off here: Windows writes no memory of a process to a file unless an administrator asks for it.
pub fn harden() {}

/// There is no set-user-ID here.
pub(crate) fn is_elevated() -> bool {
    false
}

/// The width of a console is not asked for.
pub(crate) fn columns<S>(_stream: &S) -> Option<usize> {
    None
}

/// An older console does not know how to erase a line, so none is drawn.
pub(crate) fn is_foreground() -> bool {
    false
}

/// Seconds since the machine started, sleep included.
#[expect(clippy::unnecessary_wraps, reason = "the same shape as on Unix")]
pub(crate) fn boot_clock() -> Option<i64> {
    i64::try_from(GetTickCount64() / 1000).ok()
}

/// Which boot of which installation this is.
pub(crate) fn boot_id() -> Option<String> {
    const BOOTS: &str = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters";
    let read = |key: &str, name: &str| HKEY::LOCAL_MACHINE.RegGetValue(Some(key), Some(name), co::RRF::RT_ANY).ok();
    let RegistryValue::Sz(machine) = read(r"SOFTWARE\Microsoft\Cryptography", "MachineGuid")? else { return None };
    let RegistryValue::Dword(boot) = read(BOOTS, "BootId")? else { return None };
    Some(format!("{machine}-{boot}"))
}

/// Ends this process with the exit status of another program, all 32 bits of it: here a process cannot be replaced. Comes
/// back only with an error.
pub(crate) fn replace_process(command: &mut Command) -> io::Error {
    run(command).map_or_else(|error| error, exit)
}

/// Runs another program, whose Ctrl-C is not ours: it decides whether that ends it.
fn run(command: &mut Command) -> io::Result<ExitStatus> {
    // Failing leaves Ctrl-C to end us with it.
    let _ = signal_hook::flag::register(SIGINT, Arc::new(AtomicBool::new(false)));
    command.status()
}

/// Ends this process as another one ended.
#[expect(clippy::exit, reason = "stands for the replaced process; `ExitCode` holds only eight bits of the status")]
fn exit(status: ExitStatus) -> io::Error {
    std::process::exit(status.code().unwrap_or(1))
}

/// Runs another program that reads `content` from a file whose name `finish` gives it, and ends as it ends. The file is in
/// `dir`, where the token is kept anyway, under a name of its own; nobody can change it while it exists, and it is removed
/// when the program ends. Standard input stays the caller's.
pub(crate) fn replace_process_with(
    content: &[u8],
    dir: &Path,
    mut command: Command,
    inherited: Option<Inherited>,
    finish: impl FnOnce(&mut Command, &str),
) -> io::Error {
    let file = match inherited_file(content, dir) {
        Ok(file) => file,
        Err(error) => return error,
    };
    finish(&mut command, file.name());
    let ended = run(&mut command);
    drop((file, inherited));
    ended.map_or_else(|error| error, exit)
}

/// There is no guard of the terminal: the one who reads hidden input restores it.
pub(crate) fn terminal() -> io::Result<Stdio> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// See [`terminal`].
pub(crate) fn guard_terminal() -> u8 {
    1
}

/// A child needs no group: Windows knows who started whom.
pub(crate) fn lead_group(_command: &mut Command) -> bool {
    true
}

/// Ends a child's children, and theirs.
pub(crate) fn end_group(child: &Child) {
    let Ok(mut snapshot) = HPROCESSLIST::CreateToolhelp32Snapshot(co::TH32CS::SNAPPROCESS, None) else { return };
    let all: Vec<(u32, u32)> =
        snapshot.iter_processes().flatten().map(|each| (each.th32ProcessID, each.th32ParentProcessID)).collect();
    let mut tree = vec![(child.id(), started(child.id()))];
    let mut next = 0;
    while let Some((parent, since)) = tree.get(next).copied() {
        next += 1;
        for (process, _) in all.iter().filter(|(_, its_parent)| *its_parent == parent) {
            // A number is used again: an older process was started by an earlier owner of it.
            let time = started(*process);
            if time >= since && time.is_some() && !tree.iter().any(|(known, _)| known == process) {
                tree.push((*process, time));
            }
        }
    }
    for (process, _) in &tree[1..] {
        if let Ok(process) = HPROCESS::OpenProcess(co::PROCESS::TERMINATE, false, *process) {
            let _ = process.TerminateProcess(1);
        }
    }
}

/// When a process was started, in the system's unit.
fn started(process: u32) -> Option<(u32, u32)> {
    let process = HPROCESS::OpenProcess(co::PROCESS::QUERY_LIMITED_INFORMATION, false, process).ok()?;
    let (FILETIME { dwHighDateTime, dwLowDateTime }, ..) = process.GetProcessTimes().ok()?;
    Some((dwHighDateTime, dwLowDateTime))
}

/// The file of a program: Windows itself finds `NAME.exe` on PATH, and nothing else of what PATHEXT lists (`az.cmd`).
#[expect(clippy::disallowed_methods, reason = "PATH as the system reads it when it starts a program")]
pub(crate) fn program(name: &OsStr) -> OsString {
    let list = std::env::var("PATHEXT").unwrap_or_else(|_| ".COM;.EXE;.BAT;.CMD".to_owned());
    let path = std::env::var_os("PATH").unwrap_or_default();
    if Path::new(name).extension().is_some() {
        return name.to_owned();
    }
    let dirs = if Path::new(name).components().count() > 1 {
        vec![PathBuf::new()]
    } else {
        std::env::split_paths(&path).filter(|dir| dir.is_absolute()).collect()
    };
    let mut candidates = dirs.iter().flat_map(|dir| {
        list.split(';').filter(|extension| extension.starts_with('.')).map(|extension| {
            let mut file = dir.join(name).into_os_string();
            file.push(extension);
            file
        })
    });
    candidates.find(|file| Path::new(file).is_file()).unwrap_or_else(|| name.to_owned())
}

/// Files have no modes here.
pub(crate) fn access(_path: &Path) -> Option<Access> {
    None
}

/// No pipe is in the place of a file: [`read_input`] refuses the names of devices.
pub(crate) fn is_pipe(_path: &Path) -> bool {
    false
}

/// Standard output has no file's name.
pub(crate) fn is_stdout(_path: &Path) -> bool {
    false
}

/// Ctrl-C and the end of the session end every process here.
pub(crate) fn end_on_signals() {}

/// There is no root who could be in another user's place.
pub(crate) fn others_place(_path: &Path) -> Option<PathBuf> {
    None
}

/// A path without the one newline, LF or CRLF, that may end it.
pub(crate) fn without_newline(path: OsString) -> OsString {
    let cut = |path: &str| path.strip_suffix('\n').map(|path| path.strip_suffix('\r').unwrap_or(path).into());
    path.to_str().and_then(cut).unwrap_or(path)
}

/// Reads a line from the console without showing it.
pub(crate) fn read_hidden(ask: impl Fn()) -> io::Result<HiddenInput> {
    ask();
    match rpassword::read_password() {
        Ok(line) => Ok(HiddenInput::Line(line.into_bytes())),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(HiddenInput::End),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(HiddenInput::Interrupt),
        Err(error) => Err(error),
    }
}
