//! What `doctor` wants to know about a file: who else can reach it, and what kind of file system it is on.

use std::path::Path;

/// Whose a file is and who can do something with it, as far as its mode and owner tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    /// The mode's permission bits.
    pub(crate) mode: u32,
    /// Its owner.
    pub(crate) user: u32,
    /// The user of this process.
    pub(crate) me: u32,
    /// Its group is the user's private group, which usually has no other member.
    pub(crate) is_own_group: bool,
}

impl Access {
    /// It belongs neither to this user nor to root.
    pub(crate) fn is_foreign(self) -> bool {
        self.user != self.me && self.user != 0
    }

    /// Others can change it, or, of a directory, what is in it.
    pub(crate) fn lets_others_write(self) -> bool {
        self.allows(0o2) && self.mode & 0o1000 == 0
    }

    /// Others can read it.
    pub(crate) fn lets_others_read(self) -> bool {
        self.allows(0o4)
    }

    /// Whether others have a right, a group counting only if it is not the user's own.
    fn allows(self, right: u32) -> bool {
        self.mode & right != 0 || (self.mode & (right << 3) != 0 && !self.is_own_group)
    }
}

/// The kind of file system a path is on, if it is one that other machines may have a part in: locks may not reach them.
pub(crate) fn network_file_system(path: &Path) -> Option<&'static str> {
    #[cfg(target_os = "linux")]
    {
        let kind = rustix::fs::statfs(path).ok()?.f_type;
        #[allow(clippy::useless_conversion, reason = "the field is narrower on some systems")]
        let magic = u32::try_from(i64::from(kind) & 0xffff_ffff).ok()?;
        network_name(magic)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}

/// Names by the magic numbers of statfs(2).
#[cfg(target_os = "linux")]
fn network_name(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x0000_6969 => "NFS",
        0x0000_517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x6573_5546 => "FUSE",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x00c3_6400 => "Ceph",
        0x0102_1997 => "9P",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        0x7375_7245 => "Coda",
        0x786f_4256 => "a shared folder of VirtualBox",
        _ => return None,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xff53_4d42), Some("SMB"));
        assert_eq!(network_name(0x6573_5546), Some("FUSE"));
        for local in [0x9fa0, 0xef53, 0x9123_683e, 0x5846_5342, 0x0102_1994, 0x794c_7630] {
            assert_eq!(network_name(local), None, "{local:x}");
        }
        assert_eq!(network_file_system(Path::new("/proc")), None);
    }

    #[test]
    fn a_mode_tells_who_can_do_what() {
        for (mode, is_own_group, write, read) in [
            (0o600, false, false, false),
            (0o620, false, true, false),
            (0o620, true, false, false),
            (0o602, true, true, false),
            (0o640, false, false, true),
            (0o640, true, false, false),
            (0o604, true, false, true),
            (0o1777, false, false, true),
            (0o4711, false, false, false),
        ] {
            let access = Access { mode, user: 1000, me: 1000, is_own_group };
            assert_eq!((access.lets_others_write(), access.lets_others_read()), (write, read), "{mode:o}");
        }
        assert_eq!(crate::platform::access(Path::new("/nothing/here")), None);
    }
}
