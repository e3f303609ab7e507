//! The disk as a file system: mounted, so that a real store runs on it and every write and sync of it is seen.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use fuser::BackgroundSession;
use fuser::BsdFileFlags;
use fuser::Config;
use fuser::Errno;
use fuser::FileAttr;
use fuser::FileHandle;
use fuser::FileType;
use fuser::Filesystem;
use fuser::FopenFlags;
use fuser::Generation;
use fuser::INodeNo;
use fuser::LockOwner;
use fuser::OpenFlags;
use fuser::RenameFlags;
use fuser::ReplyAttr;
use fuser::ReplyCreate;
use fuser::ReplyData;
use fuser::ReplyDirectory;
use fuser::ReplyEmpty;
use fuser::ReplyEntry;
use fuser::ReplyStatfs;
use fuser::ReplyWrite;
use fuser::Request;
use fuser::TimeOrNow;
use fuser::WriteFlags;

use crate::disk::Disk;
use crate::disk::Node;

/// The disk, shared with those who watch it.
pub(crate) type SharedDisk = Arc<Mutex<Disk>>;

/// Mounts a disk on a folder until the session is dropped.
///
/// # Panics
/// Where there is no FUSE; with `MAILCLERK_WITHOUT_FUSE=1` it says so and returns none.
pub(crate) fn mount(disk: &SharedDisk, on: &Path) -> Option<BackgroundSession> {
    let mounted = fuser::spawn_mount(Mounted(Arc::clone(disk)), on, &Config::default());
    match mounted {
        Ok(session) => Some(session),
        Err(e) if std::env::var_os("MAILCLERK_WITHOUT_FUSE").is_some_and(|said| said == "1") => {
            println!("NOT TESTED: power cuts; no file system can be mounted here: {e}");
            None
        }
        Err(e) => panic!(
            "no file system can be mounted here ({e}): power cuts cannot be played. As root with /dev/fuse it works \
             (`modprobe fuse`; in a container `--device /dev/fuse --cap-add SYS_ADMIN`), or with fusermount3; \
             MAILCLERK_WITHOUT_FUSE=1 leaves these tests out"
        ),
    }
}

/// Nothing is kept by the kernel beyond the moment.
const NOW: Duration = Duration::ZERO;

struct Mounted(SharedDisk);

impl Mounted {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    fn attributes(&self, ino: u64) -> Option<FileAttr> {
        let disk = self.disk();
        let (kind, size, perm) = match disk.nodes.get(&ino)? {
            Node::File(bytes) => (FileType::RegularFile, bytes.len() as u64, 0o600),
            Node::Folder(_) => (FileType::Directory, 0, 0o700),
        };
        Some(FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn entry(&self, ino: Option<u64>, reply: ReplyEntry) {
        match ino.and_then(|ino| self.attributes(ino)) {
            Some(attributes) => reply.entry(&NOW, &attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }
}

fn done(what: Option<()>, reply: ReplyEmpty) {
    match what {
        Some(()) => reply.ok(),
        None => reply.error(Errno::ENOENT),
    }
}

fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

impl Filesystem for Mounted {
    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.disk().child(parent.0, &text(name));
        self.entry(found, reply);
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(ino.0) {
            Some(attributes) => reply.attr(&NOW, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn setattr(
        &self,
        req: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let Some(size) = size {
            self.disk().resize(ino.0, usize::try_from(size).unwrap());
        }
        self.getattr(req, ino, fh, reply);
    }

    fn mkdir(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let folder = Node::Folder(std::collections::BTreeMap::new());
        let made = self.disk().make(parent.0, &text(name), folder);
        self.entry(made, reply);
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.disk().remove(parent.0, &text(name)), reply);
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.disk().remove(parent.0, &text(name)), reply);
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        _flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let renamed = self
            .disk()
            .rename((parent.0, text(name)), (newparent.0, text(newname)));
        done(renamed, reply);
    }

    fn read(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let disk = self.disk();
        let Some(Node::File(bytes)) = disk.nodes.get(&ino.0) else {
            return reply.error(Errno::ENOENT);
        };
        let from = usize::try_from(offset).unwrap().min(bytes.len());
        let end = (from + usize::try_from(size).unwrap()).min(bytes.len());
        reply.data(&bytes[from..end]);
    }

    fn write(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let offset = usize::try_from(offset).unwrap();
        match self.disk().write(ino.0, offset, data) {
            Some(()) => reply.written(u32::try_from(data.len()).unwrap()),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn flush(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn fsync(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.disk().sync(ino.0);
        reply.ok();
    }

    fn readdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let disk = self.disk();
        let Some(names) = disk.folder(ino.0) else {
            return reply.error(Errno::ENOENT);
        };
        let own = [(".".to_owned(), ino.0), ("..".to_owned(), ino.0)];
        let names = names.iter().map(|(name, child)| (name.clone(), *child));
        let all = own.into_iter().chain(names);
        for (place, (name, child)) in all.enumerate().skip(usize::try_from(offset).unwrap()) {
            let kind = match disk.folder(child) {
                Some(_) => FileType::Directory,
                None => FileType::RegularFile,
            };
            if reply.add(INodeNo(child), place as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.disk().sync(ino.0);
        reply.ok();
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 4096, 255, 4096);
    }

    fn create(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let made = self
            .disk()
            .make(parent.0, &text(name), Node::File(Vec::new()));
        match made.and_then(|ino| self.attributes(ino)) {
            Some(attributes) => reply.created(
                &NOW,
                &attributes,
                Generation(0),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            None => reply.error(Errno::ENOENT),
        }
    }
}
