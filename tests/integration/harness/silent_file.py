# SPDX-License-Identifier: Apache-2.0
"""A file whose server does not answer writes: FUSE in its smallest form (linux/fuse.h), with a regular
file in the place of a root directory. Needs root and /dev/fuse."""
import ctypes
import os
import struct
import threading

_GETATTR, _OPEN, _READ, _WRITE, _FLUSH, _RELEASE, _INIT = 3, 14, 15, 16, 25, 18, 26
_HEADER = struct.Struct("=IIQQIIIHH")
_SIZE = 4096
_MNT_DETACH = 2
# Whoever reads /proc of this host may wait for what hangs: never for long.
_PATIENCE = 30

_libc = ctypes.CDLL(None, use_errno=True)


def _attributes():
    """struct fuse_attr_out: a regular file of a page."""
    attr = struct.pack("=6Q10I", 1, _SIZE, 8, 0, 0, 0, 0, 0, 0, 0o100666, 1, 0, 0, 0, _SIZE, 0)
    return struct.pack("=QII", 3600, 0, 0) + attr


def _initialised(body):
    """struct fuse_init_out: version 7 of the protocol, nothing that is optional."""
    minor = struct.unpack_from("=I", body, 4)[0]
    return struct.pack("=IIIIHHIIHHI7I", 7, min(minor, 31), 65536, 0, 16, 12, 65536, 1, 0, 0, 0,
                       *[0] * 7)


class SilentFile:
    """Mounted at PATH, a new file, until close(). OSError where that is not possible here."""

    def __init__(self, path):
        self.path = path
        self.waiting = 0  # writes without an answer
        self._held = []
        self._released = False
        self._lock = threading.Lock()
        path.touch()
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode=100666,user_id=0,group_id=0"
        if _libc.mount(b"silent", bytes(path), b"fuse", 0, options.encode()) != 0:
            error = ctypes.get_errno()
            os.close(self._device)
            raise OSError(error, os.strerror(error))
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()
        os.stat(path)  # the kernel asks for its size
        self._timer = threading.Timer(_PATIENCE, self.release)
        self._timer.daemon = True
        self._timer.start()

    def _serve(self):
        while True:
            try:
                request = os.read(self._device, 65536 + 4096)
            except OSError:
                return  # unmounted
            _, code, unique, *_ = _HEADER.unpack_from(request)
            body = request[_HEADER.size:]
            with self._lock:
                if code == _WRITE and not self._released:
                    self._held.append((unique, body))
                    self.waiting += 1
                else:
                    self._answer(code, unique, body)

    def _answer(self, code, unique, body):
        error, out = 0, b""
        if code == _INIT:
            out = _initialised(body)
        elif code == _GETATTR:
            out = _attributes()
        elif code == _OPEN:
            out = struct.pack("=QII", 1, 0, 0)
        elif code == _READ:
            out = bytes(min(struct.unpack_from("=I", body, 16)[0], _SIZE))
        elif code == _WRITE:
            out = struct.pack("=II", struct.unpack_from("=I", body, 16)[0], 0)
        elif code not in (_FLUSH, _RELEASE):
            error = -38  # ENOSYS
        try:
            os.write(self._device, struct.pack("=IiQ", 16 + len(out), error, unique) + out)
        except OSError:
            pass  # who asked is gone

    def release(self):
        """Answers all writes from now on: what hangs goes on."""
        with self._lock:
            self._released = True
            for unique, body in self._held:
                self._answer(_WRITE, unique, body)
            self._held.clear()

    def close(self):
        """Lets go what hangs, and unmounts."""
        self._timer.cancel()
        self.release()
        _libc.umount2(bytes(self.path), _MNT_DETACH)
