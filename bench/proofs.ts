/*
 * How many proofs a second the key side makes: node bench/proofs.ts [SECONDS]
 *
 * In this process, the key store in memory, derivations in processes of their own as in earnest. LUKS2's keyslot takes a few
 * rounds of PBKDF2, so that all but the derivation's own cost is measured; BitLocker's costs what it costs (needs
 * LOCKSTEP_TEST_IMAGES). Then proofs are left unfinished by the hundred, and what memory they leave is measured.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

import type { InputOf } from "#api/routes.ts";
import { kdfProcess } from "#kdf/kdf-process.ts";
import { savePolicy } from "#keys/access/policy.ts";
import { inTransaction } from "#keys/store/database.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import { bindTo, enrolSomeVault, presentedOf, proofInput, prove } from "#testing/keys/presented-volume.ts";
import { luks2With } from "#testing/volumes/luks2-content.ts";
import { xfsPieces } from "#testing/volumes/structure-maker.ts";

const MIB = 1024 * 1024;
const seconds = Number(process.argv[2] ?? "5");
const UNFINISHED = 500;

await using kdf = kdfProcess({ memoryMiB: 1024, seconds: 60 });
using keySide = await testKeySide(kdf);
const { store } = keySide.side;
enrolSomeVault(keySide);
inTransaction(store.db, () => savePolicy(store, { proofSecondsPerDay: 86_400 }));

let points = 0;

/** Proofs a second, one after the other, each of a point that was not tried before: one that was would keep its own word. */
async function rate(image: Uint8Array, more: Partial<InputOf<"proof.begin">>): Promise<string> {
  const header = await presentedOf(image);
  const first = points;
  const from = performance.now();
  while (performance.now() - from < seconds * 1000) {
    const point = points.toString(16).padStart(32, "0");
    const { body } = await prove(keySide, image, { header, point, ...more });
    if (body.verdict !== (body.carriedOver ? "opens" : "reads")) throw new Error(`it ${body.verdict}`);
    points++;
  }
  return `${((1000 * (points - first)) / (performance.now() - from)).toFixed(1)} proofs a second`;
}

function bitlockerSample(): { image: Uint8Array; guid: string; password: string } | null {
  const folder = process.env["LOCKSTEP_TEST_IMAGES"];
  if (folder === undefined || folder === "") return null;
  const at = join(folder, "bitlocker");
  const all = JSON.parse(readFileSync(join(at, "expected.json"), "utf8")) as Record<string, Record<string, string>>;
  const { RP = "", RP_VMK_GUID = "" } = all["bitlk-aes-xts-128"] ?? {};
  const { stdout } = spawnSync("xz", ["-dc", join(at, "bitlk-aes-xts-128.img.xz")], { maxBuffer: 2 ** 30 });
  return { image: new Uint8Array(stdout), guid: RP_VMK_GUID, password: RP };
}

const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;
const rssMiB = (): string => mib(process.memoryUsage.rss());

const luks2 = luks2With("bench", [{ number: 0, passphrase: "first" }], xfsPieces(), MIB).volume;
await bindTo(keySide, luks2, "keyslot 0", { kind: "passphrase", bytes: "first" });
console.log(`LUKS2, derived each time: ${await rate(luks2, { anew: true })}`);
console.log(`LUKS2, carried over:      ${await rate(luks2, {})}`);

const bitlocker = bitlockerSample();
if (bitlocker === null) console.log("BitLocker: LOCKSTEP_TEST_IMAGES names no sample images");
else {
  const { image, guid, password } = bitlocker;
  await bindTo(keySide, image, guid, { kind: "recovery-password", bytes: password, keyName: "dc01" });
  console.log(`BitLocker, derived each time: ${await rate(image, { anew: true, disk: "vdb" })}`);
  console.log(`BitLocker, carried over:      ${await rate(image, { disk: "vdb" })}`);
}

// Derived in this process: it is the rest that is measured.
using another = await testKeySide();
enrolSomeVault(another);
inTransaction(another.side.store.db, () => savePolicy(another.side.store, { proofSecondsPerDay: 86_400 }));
await bindTo(another, luks2, "keyslot 0", { kind: "passphrase", bytes: "first" });
const input = await proofInput(luks2, { anew: true });
const before = rssMiB();
let most = 0;
for (let count = 0; count < UNFINISHED; count++) {
  await another.as("backup", "proof.begin", input);
  another.pass({ seconds: 16 }); // eight are under way
  most = Math.max(most, process.memoryUsage.rss());
}
console.log(
  `memory: ${before}; most, and after ${UNFINISHED} proofs that nobody went on with: ${mib(most)}, ${rssMiB()}`,
);
