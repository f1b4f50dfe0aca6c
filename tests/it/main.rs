//! What users rely on: the real binary, real clients, the emulator over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]
#![expect(clippy::format_collect, clippy::format_push_string, reason = "texts of a test are short")]
#![expect(clippy::case_sensitive_file_extension_comparisons, reason = "the names are the program's own")]
#![expect(clippy::disallowed_methods, reason = "what only one place of the program may do, its tests may")]

mod bazel;
mod by_host;
#[cfg(unix)]
mod cache;
#[cfg(unix)]
mod certificates;
#[cfg(unix)]
mod children;
#[cfg(target_os = "linux")]
mod ci_systems;
mod colours;
mod commands;
mod completions;
mod concurrency;
mod console;
#[cfg(target_os = "linux")]
mod crash;
mod curl;
#[cfg(unix)]
mod curl_lists;
#[cfg(unix)]
mod curl_trust;
mod deadlines;
#[cfg(target_os = "linux")]
mod dialogue;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod doctor;
#[cfg(target_os = "linux")]
mod environment;
mod errors;
#[cfg(unix)]
mod exec_clients;
mod faults;
mod get;
#[cfg(unix)]
mod git;
#[cfg(unix)]
mod git_lfs;
#[cfg(unix)]
mod git_setup;
mod google;
mod inputs;
#[cfg(target_os = "linux")]
mod install;
#[cfg(all(feature = "keychain", target_os = "linux"))]
mod keychain;
#[cfg(all(feature = "keychain", target_os = "linux"))]
mod keychain_login;
mod kubectl;
#[cfg(target_os = "linux")]
mod kubernetes_pods;
mod leaks;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod lock;
mod login;
#[cfg(target_os = "linux")]
mod login_crash;
mod login_file;
mod login_flags;
mod login_import;
mod logout;
mod memory;
#[cfg(target_os = "linux")]
mod network;
#[cfg(not(feature = "keychain"))]
mod no_keychain;
#[cfg(unix)]
mod nobody;
#[cfg(unix)]
mod owners;
#[cfg(target_os = "linux")]
mod pods;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod progress;
#[cfg(target_os = "linux")]
mod proxies;
mod readme;
mod recipes;
mod recording;
#[cfg(target_os = "linux")]
mod release;
mod replies;
mod request;
#[cfg(target_os = "linux")]
mod roots;
mod sandbox;
#[cfg(all(feature = "keychain", target_os = "linux"))]
mod secret_service;
#[cfg(target_os = "linux")]
mod secret_stores;
#[cfg(unix)]
mod services;
mod setup;
#[cfg(unix)]
mod setup_kubectl;
#[cfg(unix)]
mod setup_odd;
mod skip;
mod status;
#[cfg(unix)]
mod stdio;
#[cfg(target_os = "linux")]
mod strace;
mod structure;
mod stub;
#[cfg(target_os = "linux")]
mod supply;
#[cfg(target_os = "linux")]
mod targets;
#[cfg(target_os = "linux")]
mod terminal;
mod terraform;
#[cfg(target_os = "linux")]
mod time;
mod version;
#[cfg(target_os = "linux")]
mod warm;
#[cfg(target_os = "linux")]
mod watch;
mod whoami;
#[cfg(windows)]
mod windows;
