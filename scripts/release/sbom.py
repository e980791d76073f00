#!/usr/bin/env python3
"""Looks that an SBOM names every crate of `cargo tree`: cargo tree --prefix none … | sbom.py FILE"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    bom = json.load(file)
named = {(one["name"], one["version"]) for one in [bom["metadata"]["component"], *bom["components"]]}
used = {tuple(line.split()[:2]) for line in sys.stdin if line.strip()}
missing = sorted(f"{name} {version}" for name, version in used if (name, version.removeprefix("v")) not in named)
if missing or not used:
    sys.exit(f"not in {sys.argv[1]}: {', '.join(missing) or 'cargo tree said nothing'}")
