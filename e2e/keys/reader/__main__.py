"""
Reads the versions of a key store from its copies, written from docs/format/kit.md and docs/format/keystore-copy.md alone.

    python3 reader SIGNING-KEY PLACE[,PLACE…] SHARE-FILE…

Needs age and openssl. Prints JSON.
"""

import json
import sys

from copies import Copies
from shares import age_identity, from_text, secret_of


def main(signing_key, places, *share_files):
    texts = []
    for path in share_files:
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    secret = secret_of(texts)
    copies = Copies(places.split(","), age_identity(secret), from_text(signing_key, 32))
    (header, tables), refused = copies.newest()
    names = {key["id"]: key["name"] for key in tables["keys"]}
    versions = [
        {
            "name": f"{names[row['key']]}/v{row['number']}",
            "kind": row["kind"],
            "value": row["value"]["base64"] if row.get("value") else None,
        }
        for row in tables["versions"]
    ]
    found = {"store": header["store"], "epoch": header["epoch"], "number": header["number"], "refused": refused}
    print(json.dumps({**found, "versions": sorted(versions, key=lambda version: version["name"])}))


main(*sys.argv[1:])
