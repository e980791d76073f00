#!/usr/bin/env python3
"""Makes cashier/src/operators/common_passwords.bin from the list of the crate passablewords 1.0.1.

The list has 999,999 passwords, the commonest first. Only those of at least 12 bytes are kept, because an operator's has no fewer: of each,
in lower case, the first four bytes of its SHA-256, sorted and each once.

    python3 scripts/common-passwords.py FOLDER_OF_THE_CRATE/src/common-passwords.txt
"""
import hashlib
import pathlib
import sys

SHORTEST = 12
SHA256 = "23f6d0966ef823a5cc746234e49bbf95eff14f8e425eca9263cdeaec6e11285f"

text = pathlib.Path(sys.argv[1]).read_bytes()
assert hashlib.sha256(text).hexdigest() == SHA256, "this is another list"
words = {word.decode("utf-8", "surrogateescape").lower() for word in text.splitlines() if len(word) >= SHORTEST}
prefixes = {hashlib.sha256(word.encode("utf-8", "surrogateescape")).digest()[:4] for word in words}
out = pathlib.Path(__file__).parent.parent / "cashier/src/operators/common_passwords.bin"
out.write_bytes(b"".join(sorted(prefixes)))
print(f"{len(words)} passwords, {len(prefixes)} prefixes, {out.stat().st_size} bytes")
