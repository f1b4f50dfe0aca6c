//! The judgements on directory, lock and back-off.

use super::*;
use crate::command::doctor::finding::Level;
use crate::entry::Failure;
use crate::failure::FailureKind;

#[test]
fn a_network_file_system_is_worth_a_warning() {
    let judge = |mode, count, network| {
        let found = judge_directory(Path::new("/c"), mode, count, network);
        (found.level, found.text, found.fix)
    };
    assert_eq!(judge(Some(0o700), 1, None), (Level::Ok, "/c, mode 0700, 1 entry".to_owned(), None));
    assert_eq!(judge(None, 0, None), (Level::Ok, "/c, 0 entries".to_owned(), None));
    let (level, text, fix) = judge(Some(0o700), 2, Some("NFS"));
    assert_eq!(level, Level::Warning);
    assert_eq!(
        text,
        "/c, mode 0700, 2 entries, on a network file system (NFS), where locks may not reach other machines"
    );
    assert!(fix.unwrap().contains("WS1_TOKEN_CACHE_DIR"));
}

#[test]
fn whoever_holds_the_lock_is_named() {
    let text = |holder| {
        let found = held("/c/x.lock", holder, Duration::from_secs(5));
        assert_eq!((found.level, found.status), (Level::Failed, EXIT_TEMPORARY));
        format!("{} | {}", found.text, found.fix.unwrap())
    };
    assert_eq!(
        text(Some(42)),
        "/c/x.lock has been held by process 42 for more than 5 s | wait for process 42, or end it if it hangs"
    );
    assert!(
        text(None)
            .starts_with("/c/x.lock has been held by another process for more than 5 s | wait for another process")
    );
}

#[test]
fn a_back_off_counts_for_its_own_secret_and_its_own_time() {
    let held = |until: i64, used: u32| {
        let failure = Failure {
            kind: FailureKind::Denied(None),
            cause: "HTTP 401".to_owned(),
            at: wall(),
            until: wall() + until,
            count: 1,
            tried: vec![used],
        };
        let entry = Entry { failure: Some(Box::new(failure)), ..Entry::default() };
        CacheCheck { findings: Vec::new(), entry, guard: None, is_busy: false }.back_off(7).is_some()
    };
    assert!(held(60, 7));
    assert!(!held(60, 8), "a changed secret is tried at once");
    assert!(!held(-1, 7) && !held(90_000, 7));
}
