//! Disks that are full, out of inodes, read-only: real ones, small file systems in memory.

use std::fs;
use std::process::Command;

use super::wear::*;
use super::*;
use crate::store::StoreError;

/// A file system of our own; taken away when dropped.
struct Disk {
    at: TempDir,
}

impl Disk {
    /// Mounts one, or fails unless the environment says that mounting is not to be had. None: the test is not made.
    fn new(options: &str) -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(at.path())
            .output();
        if mounted.as_ref().is_ok_and(|m| m.status.success()) {
            return Some(Self { at });
        }
        let without = std::env::var("MAILCLERK_WITHOUT_MOUNTS").is_ok_and(|v| v == "1");
        assert!(
            without,
            "this test needs to mount a file system in memory (as root), and could not: {mounted:?}; \
             MAILCLERK_WITHOUT_MOUNTS=1 leaves it out"
        );
        None
    }

    fn state(&self) -> std::path::PathBuf {
        self.at.path().join("state")
    }

    fn remount(&self, how: &str) {
        let done = Command::new("mount")
            .args(["-o", &format!("remount,{how}")])
            .arg(self.at.path())
            .status();
        assert!(done.unwrap().success(), "remount {how}");
    }

    /// Fills it up to the last octet.
    fn fill(&self) {
        use std::io::Write as _;
        let mut ballast = fs::File::create(self.at.path().join("ballast")).unwrap();
        while ballast.write_all(&[1; 4096]).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.at.path().join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.at.path())
            .status();
    }
}

/// Takes mails in until it fails. Returns how many are acknowledged, and the failure.
fn until_it_fails(store: &Store) -> (u32, StoreError) {
    for n in 1..100_000 {
        let mut group = store.group();
        let mut entry = sending(n, u64::from(n), &[Purpose::Reply]);
        entry.outgoing[0].bytes = vec![b'x'; 20_000];
        group.add(entry, NOW).unwrap();
        if let Err(e) = group.commit() {
            return (n - 1, e);
        }
    }
    panic!("it never failed");
}

/// Every acknowledged mail is there, with its text, and at most one more.
fn all_there(store: &Store, acknowledged: u32) {
    let ledger = store.counts().ledger;
    assert!(
        ledger == u64::from(acknowledged) || ledger == u64::from(acknowledged) + 1,
        "{ledger} of {acknowledged}"
    );
    for n in 1..=acknowledged {
        assert!(store.ledger(&mail(n)).unwrap().is_some(), "{n}");
    }
    let taken = store.lease(NOW, "support", 100_000).unwrap();
    assert_eq!(taken.parked, [], "a text is missing");
    assert!(taken.mails.len() >= acknowledged as usize);
}

fn whole() -> StoreOptions {
    StoreOptions {
        lease_bytes_max: u64::MAX,
        ..options()
    }
}

/// Faults: F7; holds I1 I9 I10.
#[test]
fn a_full_disk_refuses_mails_and_starts_and_loses_nothing_and_space_mends_it() {
    let Some(disk) = Disk::new("size=12m") else {
        return;
    };
    let store = Store::open(&disk.state(), whole()).unwrap();
    let (acknowledged, failed) = until_it_fails(&store);
    assert!(acknowledged > 20);
    assert!(matches!(
        failed,
        StoreError::Spool(_) | StoreError::Broken(_)
    ));
    drop(store);
    disk.fill();
    let before = files(&disk.state());
    let refused = Store::open(&disk.state(), options()).unwrap_err();
    assert!(matches!(refused, OpenError::Disk { .. }), "{refused}");
    assert!(!refused.wants_a_decision(), "systemd tries again");
    assert!(files(&disk.state()) == before);
    disk.empty();
    disk.remount("size=64m");
    let store = Store::open(&disk.state(), whole()).unwrap();
    all_there(&store, acknowledged);
}

/// Faults: F7; holds I1 I9 I10.
#[test]
fn a_disk_that_fills_up_under_the_engine_breaks_the_store_and_loses_nothing() {
    let Some(disk) = Disk::new("size=40m") else {
        return;
    };
    let store = Store::open(&disk.state(), whole()).unwrap();
    let mut acknowledged = 0;
    for n in 1..=30_u32 {
        let mut group = store.group();
        group
            .add(sending(n, u64::from(n), &[Purpose::Reply]), NOW)
            .unwrap();
        group.commit().unwrap();
        acknowledged = n;
    }
    disk.fill();
    // Without letters nothing goes to the spool: the engine itself finds the disk full.
    let mut failed = None;
    for n in 31..40_000_u32 {
        let mut group = store.group();
        group.add(opened(n, u64::from(n), answered()), NOW).unwrap();
        match group.commit() {
            Ok(()) => acknowledged = n,
            Err(e) => {
                failed = Some(e);
                break;
            }
        }
    }
    assert!(matches!(failed, Some(StoreError::Broken(_))), "{failed:?}");
    assert!(
        store.group().knows(&mail(1)).is_err(),
        "nothing is believed"
    );
    drop(store);
    disk.empty();
    let store = Store::open(&disk.state(), whole()).unwrap();
    let ledger = store.counts().ledger;
    assert!(ledger == u64::from(acknowledged) || ledger == u64::from(acknowledged) + 1);
    for n in 1..=acknowledged {
        assert!(store.ledger(&mail(n)).unwrap().is_some(), "{n}");
    }
}

/// Faults: F8; holds I1 I9 I10.
#[test]
fn a_disk_without_inodes_refuses_mails_and_starts_and_loses_nothing() {
    let Some(disk) = Disk::new("size=64m,nr_inodes=60") else {
        return;
    };
    let store = Store::open(&disk.state(), whole()).unwrap();
    let (acknowledged, failed) = until_it_fails(&store);
    assert!(acknowledged > 10 && acknowledged < 60, "{acknowledged}");
    assert!(matches!(
        failed,
        StoreError::Spool(_) | StoreError::Broken(_)
    ));
    drop(store);
    let mut ballast = 0;
    while fs::write(disk.at.path().join(format!("b{ballast}")), "").is_ok() {
        ballast += 1;
    }
    let before = files(&disk.state());
    let refused = Store::open(&disk.state(), options()).unwrap_err();
    assert!(matches!(refused, OpenError::Disk { .. }), "{refused}");
    assert!(files(&disk.state()) == before);
    disk.remount("nr_inodes=2000");
    let store = Store::open(&disk.state(), whole()).unwrap();
    all_there(&store, acknowledged);
}

/// Faults: F9; holds I1 I9 I10.
#[test]
fn a_read_only_disk_refuses_the_start_says_so_can_be_looked_at_and_loses_nothing() {
    let Some(disk) = Disk::new("size=64m") else {
        return;
    };
    let store = Store::open(&disk.state(), whole()).unwrap();
    for n in 1..=10 {
        let mut group = store.group();
        group
            .add(sending(n, u64::from(n), &[Purpose::Reply]), NOW)
            .unwrap();
        group.commit().unwrap();
    }
    // Files open for writing keep a disk from being made read-only by hand: only the start is tried here.
    drop(store);
    while !Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(disk.at.path())
        .status()
        .unwrap()
        .success()
    {
        std::thread::yield_now();
    }
    let refused = Store::open(&disk.state(), options()).unwrap_err();
    assert!(matches!(refused, OpenError::Disk { .. }), "{refused}");
    assert!(
        refused.to_string().to_lowercase().contains("read-only"),
        "{refused}"
    );
    let verified = Store::verify(&disk.state(), &options()).unwrap();
    assert!(
        verified.sound(),
        "it can be looked at all the same: {verified:?}"
    );
    disk.remount("rw");
    let store = Store::open(&disk.state(), whole()).unwrap();
    all_there(&store, 10);
}

/// Faults: F7; holds I10.
#[test]
fn a_store_closed_in_order_starts_though_there_is_no_room_for_a_copy_of_it() {
    let Some(disk) = Disk::new("size=12m") else {
        return;
    };
    let store = Store::open(&disk.state(), whole()).unwrap();
    for n in 1..=400_u32 {
        let mut group = store.group();
        group.add(opened(n, u64::from(n), answered()), NOW).unwrap();
        group.commit().unwrap();
    }
    store.close().unwrap();
    disk.fill();
    let ballast = fs::File::options()
        .write(true)
        .open(disk.at.path().join("ballast"))
        .unwrap();
    let octets = ballast.metadata().unwrap().len();
    ballast.set_len(octets - 512 * 1024).unwrap();
    let data = disk.state().join("store/db");
    assert!(fs::metadata(data).unwrap().len() > 512 * 1024);
    let store = Store::open(&disk.state(), whole()).unwrap();
    assert!(store.unread(), "by its seal");
    assert_eq!(store.counts().ledger, 400);
}

/// Faults: F3; holds I10.
#[test]
fn a_store_behind_a_link_is_opened_where_it_lies_and_is_not_exchanged() {
    let mut house = lived_in();
    let elsewhere = tempfile::tempdir().unwrap();
    let (store, there) = (house.path().join("store"), elsewhere.path().join("store"));
    wear::copy(&store, &there);
    fs::remove_dir_all(&store).unwrap();
    std::os::unix::fs::symlink(&there, &store).unwrap();
    for sealed in [false, true] {
        house.reopen().unwrap();
        assert_eq!(house.store().counts().ledger, 21);
        if sealed {
            house.store.take().unwrap().close().unwrap();
        }
        house.close();
        assert!(store.is_symlink());
    }
    let refused = Store::shrink(house.path(), &options()).unwrap_err();
    assert!(refused.to_string().contains("is a link"), "{refused}");
    house.reopen().unwrap();
    assert!(store.is_symlink());
    assert_eq!(house.store().counts().ledger, 21);
}
