"""The one place in which files are made and replaced, so that nobody who may write to a folder can put something else in the way:
everything is done in a fresh folder that only this user may enter, by descriptors, and only what was made there gets a name."""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat

from hmaptool import process
from hmaptool.messages import Failed, why

WORKSHOP = re.compile(r"\.hmap-[0-9a-f]{16}")
CHUNK = 1 << 20


def absolute(path):
    """Before a tool sees it: so it is no option, and no file of options."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        raise Failed("the current folder is gone: go to another") from None


def identity(status):
    """What tells that a file is the same, unchanged."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


# ---- who may change what

def changeable_by(path, trusted, own_group=False):
    """The first of a file and the folders above it that somebody else than the trusted users may change, or "". Both by its name
    and by its real path. What is not there, or no longer, is as its folder.
    own_group: a group of the same number as the user is his own."""
    path = absolute(path)
    for way in (path, os.path.realpath(path)):
        while True:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                if may_change(way, os.lstat(way), trusted, own_group):
                    return way
            if way == "/":
                break
            way = os.path.dirname(way)
    return ""


def may_change(path, status, trusted, own_group):
    if status.st_uid not in trusted:
        return True
    if stat.S_ISLNK(status.st_mode) or stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return False
    groups = {0, os.geteuid()} if own_group else {0}
    others = status.st_mode & stat.S_IWOTH or status.st_mode & stat.S_IWGRP and (status.st_gid not in groups or has_acl(path))
    return bool(others)


def has_acl(path):
    """Then the bits of the group speak of others too."""
    try:
        os.getxattr(path, "system.posix_acl_access")
        return True
    except OSError as error:
        return error.errno not in (errno.ENODATA, errno.EOPNOTSUPP)


# ---- what is there

class Source:
    """A file as it was when this began, held open."""

    def __init__(self, path):
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        self.status = os.fstat(self.fd)
        if not stat.S_ISREG(self.status.st_mode):
            os.close(self.fd)
            raise Failed(f"{path} is no regular file")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def is_same(self):
        """Whether this is still the file of this name, and as it was."""
        try:
            now = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return identity(now) == identity(self.status) == identity(os.fstat(self.fd))

    def digest(self, size=None):
        """SHA-256 of the whole file, or of so many bytes of it."""
        found, offset = hashlib.sha256(), 0
        size = self.status.st_size if size is None else size
        while offset < size:
            process.heard()
            data = os.pread(self.fd, min(CHUNK, size - offset), offset)
            if not data:
                break
            found.update(data)
            offset += len(data)
        return found.hexdigest()


def open_folder(path):
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


# ---- what is made

class Workshop:
    """A fresh folder, which only this user may enter, in a folder where something is to be made; removed in the end. Tools get the
    paths of what is in it through the descriptor, so that it does not matter what becomes of its name."""

    def __init__(self, folder):
        self.folder = open_folder(folder)
        try:
            self.clear_left()
            self.name, self.fd = self.make()
        except BaseException:
            os.close(self.folder)
            raise

    def make(self):
        for _ in range(100):
            name = f".hmap-{secrets.token_hex(8)}"
            os.mkdir(name, 0o700, dir_fd=self.folder)
            with contextlib.suppress(FileNotFoundError):
                fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.folder)
                # Locked as long as this lives: by that clear_left() tells what is left from what is in use.
                if locked(fd) and self.is_mine(name, fd):
                    return name, fd
                os.close(fd)  # another hmap took it for one that was left
        raise Failed("others change this folder all the time: try again")

    def is_mine(self, name, fd):
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077 or os.listdir(fd):
            raise Failed("somebody else changes this folder at the same time: try again")
        return os.path.samestat(status, os.stat(name, dir_fd=self.folder, follow_symlinks=False))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        remove(self.folder, self.name, self.fd)
        os.close(self.fd)
        os.close(self.folder)

    def clear_left(self):
        """Removes what was left where hmap was killed."""
        for name in filter(WORKSHOP.fullmatch, os.listdir(self.folder)):
            with contextlib.suppress(OSError):
                fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.folder)
                try:
                    if os.fstat(fd).st_uid == os.geteuid() and locked(fd):
                        remove(self.folder, name, fd)
                finally:
                    os.close(fd)

    def path(self, name):
        """For tools that are started with this folder's descriptor."""
        return f"/proc/self/fd/{self.fd}/{name}"

    def create(self, name):
        """A new, empty file. Its descriptor, to be closed by the caller."""
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o700, dir_fd=self.fd)

    def open(self, name):
        return os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.fd)

    def place(self, name, target):
        """Gives what was made its name in the folder, in the place of what had that name."""
        os.rename(name, target, src_dir_fd=self.fd, dst_dir_fd=self.folder)
        os.fsync(self.folder)


def locked(fd):
    """Whether nobody else holds it; we do, from now on."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False


def remove(folder, name, fd):
    """A folder of files, if it still goes by its name."""
    with contextlib.suppress(OSError):
        for file in os.listdir(fd):
            os.unlink(file, dir_fd=fd)
        os.rmdir(name, dir_fd=folder)


def copy(source, target):
    """The contents of one descriptor into another, from their beginnings."""
    offset = 0
    while True:
        process.heard()
        data = os.pread(source, CHUNK, offset)
        if not data:
            return
        write(target, data)
        offset += len(data)


def write(fd, data):
    while data:
        data = data[os.write(fd, data):]


def copy_metadata(source, fd):
    """Owner, extended attributes, mode and times of a Source; where the owner cannot be kept, that is an OSError."""
    status = source.status
    made = os.fstat(fd)
    if (status.st_uid, status.st_gid) != (made.st_uid, made.st_gid):
        os.fchown(fd, status.st_uid, status.st_gid)  # first, because it takes capabilities away
    for name in os.listxattr(source.fd):
        try:
            os.setxattr(fd, name, os.getxattr(source.fd, name))
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENODATA, errno.EPERM, errno.EACCES, errno.EINVAL):
                raise
    os.fchmod(fd, stat.S_IMODE(status.st_mode))
    os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))


def make_file(path, data, mode=0o600):
    """A file of these bytes, at once: somebody else may be reading it."""
    folder, name = os.path.split(path)
    try:
        with process.deaf(), Workshop(folder) as work:
            fd = work.create("new")
            try:
                write(fd, data)
                os.fchmod(fd, mode)
                os.fsync(fd)
            finally:
                os.close(fd)
            work.place("new", name)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {why(error)}") from None
