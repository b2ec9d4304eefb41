import assert from "node:assert/strict";
import { test } from "node:test";

import { parseKeyName } from "#keys/versions/key-name.ts";
import { keyNameFor } from "#ops/keys/import-names.ts";
import type { VolumePlace } from "#ops/keys/match-disk.ts";

type Given = { readonly name?: string; readonly keyId?: string; readonly computer?: string };

function nameFor({ name = "", keyId, computer }: Given, opened: readonly VolumePlace[], volumes = 1): string {
  const secret = { name, keyId: keyId ?? null, computer: computer ?? null };
  const found = keyNameFor(secret, opened, () => volumes);
  assert.equal(parseKeyName(found), found);
  return found;
}

const at = (machine: string, disk = "root", volume = "disk"): VolumePlace => ({ machine, disk, volume });

test("a key is called after the machine whose volume it opens", () => {
  assert.equal(nameFor({ name: "old server" }, [at("web01")]), "web01");
  assert.equal(nameFor({}, [at("web01", "root", "2"), at("web01", "data")], 3), "web01");
});

test("and after the volume, where it opens one of several", () => {
  assert.equal(nameFor({}, [at("web01", "root", "2")], 2), "web01.root.2");
  assert.equal(nameFor({}, [at("web01", "root", "3/home")], 2), "web01.root.3.home");
});

test("a secret of several machines, or of none, is called as its list calls it", () => {
  assert.equal(nameFor({ name: "all of them" }, [at("web01"), at("db01")]), "all-of-them");
  assert.equal(nameFor({}, [at("web01"), at("db01")]), "web01");
  assert.equal(nameFor({ name: "web99" }, []), "web99");
  assert.equal(nameFor({ name: "/images/web99.qcow2" }, []), "web99");
  assert.equal(nameFor({ keyId: "4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f" }, []), "bitlocker-4f2a91c0");
  assert.equal(nameFor({ keyId: "4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f", computer: "DC01" }, []), "dc01");
  assert.equal(nameFor({}, []), "imported");
  assert.equal(nameFor({ name: "сервер" }, []), "imported");
});

test("what cannot be in a name is left out of it", () => {
  assert.equal(nameFor({}, [at("my server (old)")]), "my-server-old");
  assert.equal(nameFor({}, [at("..hidden")]), "hidden");
  assert.equal(nameFor({ name: "x".repeat(300) }, []).length, 200);
});
