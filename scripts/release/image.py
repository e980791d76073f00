#!/usr/bin/env python3
"""Writes a container image of nothing but the program and the roots of trust:
image.py ARCHITECTURE FOLDER ROOTS VERSION COMMIT EPOCH OUT.tar

The tar is an OCI image layout, with a manifest.json beside it that `docker load` of any version reads. FOLDER has what the tarball has.
Written here, and not with a builder of images, as their layers carry times and orders of the machine."""

import gzip
import hashlib
import io
import json
import sys
import tarfile
import time

architecture, folder, roots, version, commit, epoch, out = sys.argv[1:]
epoch = int(epoch)
# Nobody on a machine has this number; distroless images use it too.
USER = 65532
# A tag may not have a plus.
TAG = version.replace("+", "-")


def entry(name, mode, owner=0, size=0, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.mode, info.uid, info.gid, info.size, info.type, info.mtime = mode, owner, owner, size, kind, epoch
    return info


def archive(write):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        write(tar)
    return file.getvalue()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def layer(tar):
    def directory(name, mode=0o755, owner=0):
        tar.addfile(entry(name, mode, owner, kind=tarfile.DIRTYPE))

    def file(name, content, mode=0o644):
        tar.addfile(entry(name, mode, size=len(content)), io.BytesIO(content))

    directory("etc")
    directory("etc/saoma")
    directory("etc/ssl")
    directory("etc/ssl/certs")
    file("etc/ssl/certs/ca-certificates.crt", read(roots))
    # SQLite sorts there what does not fit into memory.
    directory("tmp", 0o1777)
    for name in ["usr", "usr/local", "usr/local/bin", "usr/share", "usr/share/doc", "usr/share/doc/saoma"]:
        directory(name)
    file("usr/local/bin/saoma", read(f"{folder}/saoma"), 0o755)
    for name in ["LICENSE", "THIRD-PARTY-NOTICES.txt"]:
        file(f"usr/share/doc/saoma/{name}", read(f"{folder}/{name}"))
    directory("var")
    directory("var/lib")
    directory("var/lib/saoma", 0o700, USER)


def as_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


blobs = {}


def blob(content, media_type):
    digest = hashlib.sha256(content).hexdigest()
    blobs[digest] = content
    return {"digest": f"sha256:{digest}", "mediaType": media_type, "size": len(content)}


files = archive(layer)
packed = blob(gzip.compress(files, 9, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")
config = blob(
    as_json({
        "architecture": architecture,
        "os": "linux",
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)),
        "config": {
            "User": f"{USER}:{USER}",
            "Entrypoint": ["/usr/local/bin/saoma"],
            "Cmd": ["serve"],
            "Env": ["PATH=/usr/local/bin", "SAOMA_ADDR=0.0.0.0:3000"],
            "ExposedPorts": {"3000/tcp": {}},
            "Volumes": {"/var/lib/saoma": {}},
            "WorkingDir": "/var/lib/saoma",
            "Labels": {
                "org.opencontainers.image.title": "Saoma",
                "org.opencontainers.image.licenses": "MIT",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.revision": commit,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(files).hexdigest()}"]},
    }),
    "application/vnd.oci.image.config.v1+json",
)
manifest = blob(
    as_json({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [packed],
    }),
    "application/vnd.oci.image.manifest.v1+json",
)
manifest["platform"] = {"architecture": architecture, "os": "linux"}
manifest["annotations"] = {"org.opencontainers.image.ref.name": TAG, "io.containerd.image.name": f"docker.io/library/saoma:{TAG}"}


def path(descriptor):
    return "blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")


def layout(tar):
    def file(name, content):
        tar.addfile(entry(name, 0o644, size=len(content)), io.BytesIO(content))

    tar.addfile(entry("blobs", 0o755, kind=tarfile.DIRTYPE))
    tar.addfile(entry("blobs/sha256", 0o755, kind=tarfile.DIRTYPE))
    for digest, content in sorted(blobs.items()):
        file(f"blobs/sha256/{digest}", content)
    file("index.json", as_json({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]}))
    file("manifest.json", as_json([{"Config": path(config), "RepoTags": [f"saoma:{TAG}"], "Layers": [path(packed)]}]))
    file("oci-layout", as_json({"imageLayoutVersion": "1.0.0"}))


with open(out, "wb") as file:
    file.write(archive(layout))
