#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kernel.py PACKAGE FOLDER: of a kernel's Debian package, what the rig boots: FOLDER/vmlinux, FOLDER/version and FOLDER/modules/.

The image's payload is taken out of it: booted as it is, it spares the machine its own unpacking.
"""
import lzma
import pathlib
import subprocess
import sys
import tarfile

# In the order in which they need each other; what the kernel has built in is not there.
MODULES = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"]


def payload(image):
    """The ELF file within a bzImage: the first compressed stream that holds one."""
    at = image.find(b"\xfd7zXZ\0")
    while at >= 0:
        try:
            program = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(image[at:])
            if program.startswith(b"\x7fELF"):
                return program
        except lzma.LZMAError:
            pass
        at = image.find(b"\xfd7zXZ\0", at + 1)
    sys.exit("kernel.py: no xz-compressed kernel in the image")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: kernel.py PACKAGE FOLDER")
    folder = pathlib.Path(sys.argv[2])
    (folder / "modules").mkdir(parents=True, exist_ok=True)
    program = None
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", sys.argv[1]], stdout=subprocess.PIPE) as unpacked:
        with tarfile.open(fileobj=unpacked.stdout, mode="r|") as files:
            for member in files:
                stem = pathlib.PurePath(member.name).stem
                if member.isfile() and member.name.startswith("./boot/vmlinuz-"):
                    program = payload(files.extractfile(member).read())
                    (folder / "version").write_text(member.name.removeprefix("./boot/vmlinuz-") + "\n")
                elif member.isfile() and member.name.endswith(".ko") and stem in MODULES:
                    name = f"{MODULES.index(stem):02}-{stem}.ko"
                    (folder / "modules" / name).write_bytes(files.extractfile(member).read())
    if unpacked.returncode or not program:
        sys.exit(f"kernel.py: {sys.argv[1]} holds no kernel")
    # Last, and at once: a folder with this file is whole.
    (folder / "vmlinux.new").write_bytes(program)
    (folder / "vmlinux.new").rename(folder / "vmlinux")


if __name__ == "__main__":
    main()
