//! Tests of the entry file: what survives, and what is a miss.

use std::fs::File;

use super::*;
use crate::entry::Failure;
use crate::failure::{ErrorCode, FailureKind};
use crate::secret::Secret;
use crate::token::tests::token;

fn entry() -> Entry {
    Entry {
        token: Some(token("abc.def-_~+/==", 10_800)),
        refresh_token: Some(Secret::new("r\"\\\n\u{1}é".to_owned())),
        refresh_in_flight: true,
        replaced_at: 5,
        refused_by: Vec::new(),
        renew_after: 1_000_060,
        failure: Some(Box::new(Failure {
            kind: FailureKind::Denied(Some(ErrorCode::InvalidClient)),
            cause: "HTTP 429".to_owned(),
            at: 1,
            until: 2,
            count: 3,
            tried: vec![4, u32::MAX],
        })),
    }
}

#[test]
fn an_entry_survives_the_disk() {
    for entry in [entry(), Entry::default(), Entry { failure: None, ..entry() }] {
        assert_eq!(decode(&encode(&entry, "id"), "id"), Some(entry));
    }
}

#[test]
fn the_file_is_one_line_of_json() {
    let bytes = encode(&entry(), "id");
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(value["content"]["entry"]["token"]["access_token"], "abc.def-_~+/==");
    assert_eq!(bytes.iter().position(|byte| *byte == b'\n'), Some(bytes.len() - 1));
}

/// The format of the file: who changes it changes [`FORMAT`] too.
#[test]
fn the_format_is_pinned() {
    insta::assert_snapshot!(String::from_utf8(encode(&entry(), "id")).unwrap(), @r#"{"checksum":"6d2f34ab","content":{"version":2,"identity":"id","entry":{"token":{"access_token":"abc.def-_~+/==","issued_at":1000000,"expires_at":1010800,"issued_boot":5000,"boot_id":"this"},"refresh_token":"r\"\\\n\u0001é","refresh_in_flight":true,"replaced_at":5,"renew_after":1000060,"failure":{"kind":{"denied":"invalid_client"},"cause":"HTTP 429","at":1,"until":2,"count":3,"tried":[4,4294967295]}}}}"#);
}

#[test]
fn any_change_of_any_byte_is_a_miss() {
    let bytes = encode(&entry(), "id");
    for at in 0..bytes.len() {
        for flip in [1, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            assert_eq!(decode(&changed, "id"), None, "byte {at} ^ {flip}");
        }
        assert_eq!(decode(&bytes[..at], "id"), None, "cut at {at}");
    }
    let mut longer = bytes;
    longer.extend_from_slice(b"\"}\n");
    assert_eq!(decode(&longer, "id"), None);
}

/// The content of an entry's file, without its checksum.
fn content(entry: &Entry) -> String {
    let file = String::from_utf8(encode(entry, "id")).unwrap();
    file.split_once("\"content\":").unwrap().1.strip_suffix("}\n").unwrap().to_owned()
}

#[test]
fn what_cannot_be_is_a_miss_even_with_a_true_checksum() {
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_slice(&encode(&entry(), "id")).unwrap();
        change(&mut value["content"]);
        decode(&seal(&value["content"].to_string()), "id")
    };
    assert!(with(&|_| {}).is_some());
    assert!(with(&|content| content["version"] = 3.into()).is_none());
    assert!(with(&|content| content["identity"] = "other".into()).is_none());
    assert!(with(&|content| content["future"] = true.into()).is_none());
    assert!(with(&|content| content["entry"]["token"]["access_token"] = "a\nb".into()).is_none());
    assert!(with(&|content| content["entry"]["token"]["access_token"] = 5.into()).is_none());
    assert!(with(&|content| content["entry"]["token"]["expires_at"] = i64::MAX.into()).is_none());
    assert!(with(&|content| content["entry"]["token"]["expires_at"] = 1e30.into()).is_none());
    assert!(with(&|content| content["entry"]["token"]["issued_at"] = (-1).into()).is_none());
    assert!(with(&|content| content["entry"]["failure"]["kind"] = "odd".into()).is_none());
    let body = content(&Entry::default());
    assert!(decode(&seal(&body), "id").is_some());
    let twice = body.replacen("\"renew_after\":0", "\"renew_after\":0,\"renew_after\":0", 1);
    assert_ne!(twice, body);
    assert!(decode(&seal(&twice), "id").is_none(), "a key twice");
}

#[test]
fn only_our_own_names_are_ours() {
    for name in ["v1-ab.json", "v12-ab.lock", ".v1-ab.json.7.00ff.tmp"] {
        assert!(is_ours(name), "{name}");
    }
    for name in ["notes.txt", "v-ab", "vx-ab", "v1", ".bashrc"] {
        assert!(!is_ours(name), "{name}");
    }
}

/// An identity as it names files.
const IDENTITY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A cache in a directory that is made by the first write.
fn cache(home: &tempfile::TempDir) -> Cache {
    Cache::new(Place::Directory(home.path().join("c")), IDENTITY)
}

/// Path of the entry file.
fn entry_path(cache: &Cache) -> PathBuf {
    let Place::Directory(dir) = &cache.place else { panic!("no directory") };
    dir.join(cache.entry_name())
}

/// Leave to write.
fn lock(cache: &Cache) -> LockGuard {
    let LockAttempt::Held(guard) = cache.try_lock() else { panic!("not held") };
    guard
}

/// The entry that a read finds.
fn loaded(cache: &Cache) -> Option<Entry> {
    match cache.load() {
        Loaded::Entry(entry) => Some(entry),
        Loaded::Miss => None,
        other => panic!("{other:?}"),
    }
}

/// Writes a file of the cache directory as it stands.
fn plant(home: &tempfile::TempDir, name: &str, bytes: &[u8]) {
    let dir = PrivateDir::create(&home.path().join("c"), is_ours).unwrap();
    dir.replace(name, bytes).unwrap();
}

#[test]
fn an_entry_is_kept_until_it_is_removed() {
    let home = tempfile::tempdir().unwrap();
    let cache = cache(&home);
    assert_eq!(loaded(&cache), None, "there is no directory");
    let guard = lock(&cache);
    assert_eq!(loaded(&cache), None, "there is no file");
    cache.save(&guard, &entry()).unwrap();
    assert_eq!(loaded(&cache), Some(entry()));
    cache.save(&guard, &Entry::default()).unwrap();
    assert_eq!(loaded(&cache), Some(Entry::default()));
    cache.remove(&guard).unwrap();
    assert_eq!(loaded(&cache), None);
    cache.remove(&guard).unwrap();
    assert!(home.path().join("c").join(cache.lock_name()).exists(), "it may be held");
}

#[test]
fn an_entry_belongs_to_its_identity() {
    let home = tempfile::tempdir().unwrap();
    let cache = cache(&home);
    cache.save(&lock(&cache), &entry()).unwrap();
    let other = Cache::new(cache.place.clone(), &IDENTITY.replace('0', "f"));
    assert_eq!(loaded(&other), None);
    std::fs::copy(entry_path(&cache), entry_path(&other)).unwrap();
    assert_eq!(loaded(&other), None, "a copy is none of its own");
}

#[test]
fn its_files_are_named_by_version_and_identity() {
    let home = tempfile::tempdir().unwrap();
    let cache = cache(&home);
    let dir = home.path().join("c");
    assert_eq!(cache.holder(), None);
    let guard = lock(&cache);
    assert_eq!(cache.lock_path(), dir.join(format!("v{LAYOUT}-{IDENTITY}.lock")).display().to_string());
    cache.save(&guard, &entry()).unwrap();
    assert!(dir.join(format!("v{LAYOUT}-{IDENTITY}.json")).is_file());
    assert_eq!(cache.holder(), Some(std::process::id()));
    assert!(matches!(cache.try_lock(), LockAttempt::Busy));
    drop(guard);
    assert!(matches!(cache.try_lock(), LockAttempt::Held(_)));
}

#[test]
fn without_a_home_or_a_wish_for_a_cache_nothing_is_cached() {
    for place in [Place::NoHome, Place::Off] {
        let cache = Cache::new(place.clone(), IDENTITY);
        assert_eq!((loaded(&cache), cache.holder(), cache.why_missed()), (None, None, None));
        match cache.try_lock() {
            LockAttempt::Unusable(why) => {
                assert_eq!((place, why.as_str()), (Place::NoHome, "this user has no home directory"));
            }
            LockAttempt::Declined(why) => assert_eq!((place, why.as_str()), (Place::Off, OFF)),
            other => panic!("{other:?}"),
        }
    }
}

#[cfg_attr(windows, ignore = "a file there is no directory that cannot be made")]
#[test]
fn a_directory_that_cannot_be_made_is_said_once() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("c");
    assert_eq!(prepare(&Place::Directory(dir.clone())).unwrap(), dir);
    assert!(dir.is_dir());
    drop(File::create(dir.join("file")).unwrap());
    assert!(prepare(&Place::Directory(dir.join("file"))).unwrap_err().to_string().contains("file"));
    let below = Cache::new(Place::Directory(dir.join("file")), IDENTITY);
    assert!(matches!(below.try_lock(), LockAttempt::Unusable(_)));
    assert_eq!(loaded(&below), None, "not here, and then again");
    assert!(below.why_missed().unwrap().ends_with("is not a directory"));
}

#[cfg_attr(windows, ignore = "a directory there can take no entry's place")]
#[test]
fn an_entry_that_cannot_be_written_is_named() {
    let home = tempfile::tempdir().unwrap();
    let cache = cache(&home);
    let guard = lock(&cache);
    std::fs::create_dir(entry_path(&cache)).unwrap();
    let why = cache.save(&guard, &entry()).unwrap_err();
    assert!(why.starts_with(&format!("`{}`: ", entry_path(&cache).display())), "{why}");
    assert!(cache.remove(&guard).is_err());
}

#[test]
fn an_entry_of_64_kib_is_read_and_a_larger_one_is_a_miss() {
    let home = tempfile::tempdir().unwrap();
    let cache = cache(&home);
    let of = |bytes: usize| {
        let with = |fill: usize| {
            let failure = Failure { cause: "x".repeat(fill), ..*entry().failure.unwrap() };
            Entry { failure: Some(Box::new(failure)), ..entry() }
        };
        let around = encode(&with(0), IDENTITY).len();
        with(bytes - around)
    };
    for (bytes, read) in [(64 * 1024, true), (68 * 1024, false)] {
        let entry = of(bytes);
        plant(&home, &cache.entry_name(), &encode(&entry, IDENTITY));
        assert_eq!(std::fs::metadata(entry_path(&cache)).unwrap().len(), bytes as u64);
        assert_eq!(loaded(&cache).is_some_and(|loaded| loaded == entry), read, "{bytes}");
    }
}

#[test]
fn what_is_wrong_with_an_entry_can_be_told() {
    let home = tempfile::tempdir().unwrap();
    let cache = cache(&home);
    assert_eq!(cache.why_missed(), None, "there is no directory");
    let guard = lock(&cache);
    assert_eq!(cache.why_missed(), None, "there is no entry");
    plant(&home, &cache.entry_name(), b"half an en");
    assert_eq!(cache.why_missed().as_deref(), Some("the cache entry is damaged"));
    drop(guard);
}

#[cfg(unix)]
#[test]
fn a_file_that_others_could_have_changed_is_told_from_what_is_no_file() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let cache = cache(&home);
    cache.save(&lock(&cache), &entry()).unwrap();
    let file = entry_path(&cache);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let Loaded::Untrusted(why) = cache.load() else { panic!("{:?}", cache.load()) };
    assert_eq!(why, format!("`{}` is open to others (mode 0640)", file.display()));
    std::fs::rename(&file, home.path().join("c/target")).unwrap();
    std::os::unix::fs::symlink("target", &file).unwrap();
    let Loaded::Unusable(why) = cache.load() else { panic!("{:?}", cache.load()) };
    assert_eq!(why, format!("`{}` is a link", file.display()));
}

#[test]
fn the_identities_with_an_entry_are_listed_in_their_order() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("c");
    assert_eq!(identities(&dir), Vec::<String>::new());
    let (one, other) = (IDENTITY.to_owned(), "e".repeat(64));
    for name in [
        format!("v{LAYOUT}-{other}.json"),
        format!("v{LAYOUT}-{one}.json"),
        format!("v{LAYOUT}-{}.json", "d".repeat(63)),
        format!("v{LAYOUT}-{}.json", "x".repeat(64)),
        format!("v{LAYOUT}-{}.lock", "c".repeat(64)),
        format!("v{}-{}.json", LAYOUT + 1, "c".repeat(64)),
        format!(".v{LAYOUT}-{}.json.1.2.tmp", "c".repeat(64)),
    ] {
        plant(&home, &name, b"");
    }
    assert_eq!(identities(&dir), [one, other]);
}

#[test]
fn only_old_temporary_files_of_ours_are_swept() {
    let home = tempfile::tempdir().unwrap();
    let cache = cache(&home);
    let dir = home.path().join("c");
    let age = |name: &str, seconds: i64| {
        plant(&home, name, b"");
        let then = crate::clock::wall() - seconds;
        let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(then.try_into().unwrap());
        File::options().write(true).open(dir.join(name)).unwrap().set_modified(then).unwrap();
    };
    for (name, seconds) in [
        (".v1-a.1.tmp", STALE + 60),
        (".v2-a.1.tmp", STALE + 60),
        (".v1-b.1.tmp", STALE - 60),
        (".v1-c.1.tmp", -3 * STALE),
        ("v1-d.json", STALE + 60),
        (".profile", STALE + 60),
    ] {
        age(name, seconds);
    }
    cache.save(&lock(&cache), &entry()).unwrap();
    let mut left: Vec<String> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.contains(IDENTITY))
        .collect();
    left.sort();
    assert_eq!(left, [".profile", ".v1-b.1.tmp", ".v1-c.1.tmp", "v1-d.json"]);
}

#[test]
fn a_life_on_disk_is_possible_from_a_second_to_400_days() {
    for (issued_at, life, possible) in [
        (0, 1, true),
        (0, 0, false),
        (5, -1, false),
        (-1, 10, false),
        (1_000_000, LONGEST_LIFE, true),
        (1_000_000, LONGEST_LIFE + 1, false),
    ] {
        let token = Token { issued_at, expires_at: issued_at + life, ..token("t", 1) };
        let entry = Entry { token: Some(token), ..Entry::default() };
        assert_eq!(decode(&encode(&entry, "id"), "id").is_some(), possible, "{issued_at} {life}");
    }
}

#[test]
fn the_checksum_is_the_one_of_zip_and_ethernet() {
    assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
}

/// An entry with a token of that life, and a refresh token of its own.
fn entry_of(text: &str, life: i64) -> Entry {
    let refresh_token = Some(Secret::new(format!("refresh {text}")));
    Entry { token: Some(token(text, life)), refresh_token, ..Entry::default() }
}

/// The text of the token that is loaded.
fn token_in(store: &impl Store) -> Option<String> {
    let Loaded::Entry(entry) = store.load() else { return None };
    entry.token.map(|token| token.access_token.expose().to_owned())
}

/// Writes an entry as another process does.
fn put(disk: &Cache, entry: &Entry) {
    let LockAttempt::Held(guard) = disk.try_lock() else { panic!("not held") };
    disk.save(&guard, entry).unwrap();
}

#[test]
fn memory_holds_what_the_disk_does_not_take_until_that_has_something_better() {
    let temporary = platform::temporary();
    let cache = || Cache::new(Place::Directory(temporary.path().join("c")), &"0".repeat(64));
    let store = cache().with_memory();
    assert_eq!(token_in(&store), None);
    store.save(&LockGuard::of_memory(), &entry_of("kept", 100)).unwrap();
    assert_eq!(token_in(&store).as_deref(), Some("kept"));
    put(&cache(), &entry_of("shorter", 99));
    assert_eq!(token_in(&store).as_deref(), Some("kept"));
    put(&cache(), &entry_of("longer", 101));
    assert_eq!(token_in(&store).as_deref(), Some("longer"));
    let LockAttempt::Held(guard) = store.try_lock() else { panic!("not held") };
    store.save(&guard, &entry_of("saved", 50)).unwrap();
    assert_eq!(token_in(&store).as_deref(), Some("saved"), "nothing is kept of what the disk took");
    assert_eq!(token_in(&cache()).as_deref(), Some("saved"));
    drop(guard);
    std::fs::remove_dir_all(temporary.path()).unwrap();
    assert_eq!(token_in(&store), None, "what was dropped on the disk is gone");
}

#[test]
fn a_refresh_token_on_a_disk_that_cannot_be_marked_is_not_sent() {
    let temporary = platform::temporary();
    let cache = || Cache::new(Place::Directory(temporary.path().join("c")), &"0".repeat(64));
    let store = cache().with_memory();
    put(&cache(), &entry_of("disk", 100));
    let mark = |text| store.save(&LockGuard::of_memory(), &Entry { refresh_in_flight: true, ..entry_of(text, 100) });
    assert!(mark("disk").is_err(), "others may send it");
    assert!(store.memory.as_ref().unwrap().borrow().is_none());
    assert!(mark("own").is_ok(), "nobody else has it");
}

#[test]
fn without_a_cache_the_lock_is_always_ours() {
    for place in [Place::Off, Place::NoHome] {
        let store = Cache::new(place, &"0".repeat(64)).with_memory();
        assert!(matches!(store.try_lock(), LockAttempt::Held(LockGuard { dir: None, .. })));
        assert!(!store.is_there());
    }
}
