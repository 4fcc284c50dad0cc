"""GPU packs of a few hundred bytes: archives as `packaging/gpu_pack.py` makes them, or made to harm."""

import hashlib
import json
import stat
import zipfile

from engine.pack.manifest import FORMAT, NAME, Program

FILES = {
    "site/torch/__init__.py": b"__version__ = '2.13.0+made.up'\n",
    "site/torch/lib/libtorch.so": bytes(range(256)) * 8,
    "site/torch/bin/torch_shm_manager": b"#!/bin/sh\n",
    "licences/torch.txt": "© somebody\n".encode(),
}
RUNS = {"site/torch/bin/torch_shm_manager"}
THIS = Program.this()


def program(**other):
    """Return the program that runs, but for what is another."""
    return Program(**{name: other.get(name, getattr(THIS, name)) for name in Program.__slots__})


def manifest(files=FILES, made_for=THIS, **other):
    """Return the content of a manifest, with fields replaced."""
    rows = [
        {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "runs": name in RUNS}
        for name, data in files.items()
    ]
    described = {name: getattr(made_for, name) for name in Program.__slots__}
    told = {"format": FORMAT, "made_for": described, "torch": "2.13.0+made.up", "cuda": "13.0", "files": rows}
    return told | other


def entry(name, mode=stat.S_IFREG | 0o644, **fields):
    """Return a zip archive's entry, with what the zipfile module does not set by itself."""
    made = zipfile.ZipInfo(name)
    made.create_system = 3
    made.external_attr = mode << 16
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def archive(path, files=FILES, said=None, entries=()):
    """Write an archive; return its path.

    Args:
        path: Of the file.
        files: What is in it.
        said: Its manifest; None for a true one, b"" for none.
        entries: (entry, bytes) of what is in it as well.
    """
    said = json.dumps(manifest(files)).encode() if said is None else said
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in {**({NAME: said} if said else {}), **files}.items():
            made.writestr(entry(name, compress_type=zipfile.ZIP_DEFLATED), data)
        for each, data in entries:
            made.writestr(each, data)
    return path
