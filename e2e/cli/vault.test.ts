import { test } from "node:test";

import { Trial } from "./trial.ts";

test("unlock ways come and go, and the last one stays", (t) => {
  const trial = new Trial(t);
  trial.prepare(
    "echo one > pw1 && echo two > pw2 && echo wrong > pw3 && chmod 600 pw1 pw2 pw3",
    "lockstep init vault --passphrase-file pw1 --no-key-store --no-host-key",
    "cp -r vault before",
  );
  trial.transcript(`
    $ lockstep vault unlock add --passphrase-file pw1 --new-passphrase-file pw2 --label 'the safe'
    Added "the safe" (passphrase). It opens all that is in the vault.
    $ lockstep vault unlock add --passphrase-file pw1 --new-passphrase-file pw2 --label 'the safe'
    ! error: Adding the unlock way "the safe" to directory DIR/vault: there is one of that name. [NAME_TAKEN]
    ! hint: Give it another label; or, where what it names is lost, take that out first: \`lockstep vault unlock remove 'the safe'\`.
    [75]
    $ lockstep vault unlock remove passphrase --passphrase-file pw2
    Removed "passphrase". What is written from now on is sealed with a new data key.
    What was written before stays readable to whoever kept the old way and has a copy of the vault as it was.
    To seal it anew, for copies that are made later: lockstep vault rekey
    What still opens the vault: the safe
    $ lockstep vault unlock list --passphrase-file pw1
    ! error: Opening the vault in directory DIR/vault: the passphrase opened it once, but was removed in generation 3 of its keyring. [PASSPHRASE_REJECTED]
    ! hint: Use an unlock way that is still in the vault.
    [77]
    $ lockstep vault unlock list --passphrase-file pw3
    ! error: Opening the vault in directory DIR/vault: the passphrase does not open generation 3 of its keyring. [PASSPHRASE_REJECTED]
    ! hint: Type it again, or use another unlock way.
    [77]
    $ lockstep vault unlock remove 'the safe' --passphrase-file pw2
    ! error: Removing an unlock way of directory DIR/vault: it is the last one. [UNLOCK_LAST]
    ! hint: Add another unlock way first: without one, nobody could open the vault again.
    [75]
    $ LOCKSTEP_PASSPHRASE_FILE=pw2 lockstep vault unlock add --this-host
    Added "host HOST" (key file). It opens all that is in the vault.
    Keep the key file DIR/state/vaults/ID.key from others: who holds it opens the vault.
    $ lockstep vault show
    vault  DIR/vault
    id  ID
    made  TIME
    format  1
    keyring  generation 4, data key 2
    opened with  host HOST (key file)
    unlock ways  2
    machines  0
    points  0
    may be written  yes
  `);
});

test("a key file of this host that was removed is warned of, and the passphrase is used until there is a new one", (t) => {
  const trial = new Trial(t);
  trial.prepare(
    "echo one > pw && chmod 600 pw",
    "lockstep init vault --passphrase-file pw --no-key-store",
    'lockstep vault unlock remove "host $(hostname)"',
  );
  trial.transcript(`
    $ lockstep vault show
    ! warning: this host's key file does not open the vault: Opening the vault in directory DIR/vault: the key file opened it once, but was removed in generation 2 of its keyring. [HOST_KEY_REJECTED]
    ! hint: Remove DIR/state/vaults/ID.key; \`lockstep vault unlock add --this-host\` makes a new one.
    ! error: a passphrase is needed, and standard input is no terminal to ask at [ARGUMENT_INVALID]
    ! hint: Name a file that holds it with --passphrase-file or LOCKSTEP_PASSPHRASE_FILE.
    [64]
    $ LOCKSTEP_PASSPHRASE_FILE=pw lockstep vault show 2>&1 | grep -e HOST_KEY -e 'opened with'
    warning: this host's key file does not open the vault: Opening the vault in directory DIR/vault: the key file opened it once, but was removed in generation 2 of its keyring. [HOST_KEY_REJECTED]
    opened with  passphrase (passphrase)
    $ rm state/vaults/*.key && lockstep vault unlock add --this-host --passphrase-file pw > added && lockstep vault show | grep 'opened with'
    opened with  host HOST (key file)
  `);
});

test("an older keyring in the place of the one that this host has seen is noticed, and may only be read", (t) => {
  const trial = new Trial(t);
  trial.prepare(
    "lockstep init vault --key-file key --no-key-store",
    "cp -r vault before",
    "lockstep vault unlock add --new-key-file second",
    "rm -r vault && mv before vault",
  );
  const warning = "this host has seen keyring generation 2, the newest good one in the store is 1";
  const hint =
    "Put the missing objects of the keyring back from a copy of the store, and run `lockstep vault check`. Where an older copy of the vault is there on purpose: lockstep vault show --expect any";
  trial.transcript(`
    $ lockstep vault show | tail -1
    may be written  no: ${warning}
    ! warning: the vault may only be read: ${warning} [KEYRING_ROLLED_BACK]
    ! hint: ${hint}
    $ lockstep vault unlock remove 'key file key'
    ! warning: the vault may only be read: ${warning} [KEYRING_ROLLED_BACK]
    ! hint: ${hint}
    ! error: removing an unlock way: the vault may only be read: ${warning} [KEYRING_ROLLED_BACK]
    ! hint: Put the missing objects of the keyring back from a copy of the store, and run \`lockstep vault check\`.
    [65]
    $ lockstep vault show --expect any | tail -1
    may be written  yes
    $ lockstep vault show | tail -1
    may be written  yes
    $ lockstep vault unlock add --new-key-file third | head -1
    Added "key file third" (key file). It opens all that is in the vault.
  `);
});

test("a log that was rolled back is noticed, until a person says that it is the right one", (t) => {
  const trial = new Trial(t);
  trial.prepare(
    "lockstep init vault --key-file key --no-key-store",
    "head -c 1M /dev/urandom > a.raw",
    "lockstep protect web01 --disk a.raw",
    "cp -r vault before",
    "lockstep backup web01",
    "lockstep protect db01 --disk a.raw",
    "rm -r vault && mv before vault",
  );
  trial.transcript(`
    $ lockstep backup web01
    ! error: Opening the log of machine ID: it ends with entry 1, and entry 4 was expected. [LOG_ROLLED_BACK]
    ! hint: Find out which copy of the vault is the right one before you back up or prune. To take this one: lockstep machine show NAME --expect any
    [65]
    $ lockstep status | sort
    db01: its log cannot be read: Opening the log of machine ID: it has no entry, and entry 1 was expected. [LOG_ROLLED_BACK]
    web01: its log cannot be read: Opening the log of machine ID: it ends with entry 1, and entry 4 was expected. [LOG_ROLLED_BACK]
    $ lockstep vault check
    keyring: generation 1, all is well
    MACHINE  LOG ENTRIES  STATE
    web01  1  Opening the log of machine ID: it ends with entry 1, and entry 4 was expected.
    db01  0  this host has seen it in this vault, and the roster does not have it
    The vault is damaged.
    [65]
    $ lockstep machine show web01 --expect any | grep head
    head  1:HASH
    $ lockstep machine show db01 --expect any
    ! error: Machine ID has no log in directory DIR/vault. [NAME_UNKNOWN]
    [66]
    $ lockstep vault check | tail -1
    The vault is as it should be. \`lockstep check\` looks at the points.
    $ lockstep backup web01
    web01@TIME  1.0 MiB read, 1.0 MiB new, 1.0 MiB stored, TOOK (RATE)  offline · nobody knows whether disk a is encrypted · amber
  `);
});

test("a folder is checked for what a vault needs of it", (t) => {
  const trial = new Trial(t);
  trial.prepare("touch config.toml && mkdir place");
  trial.transcript(`
    $ lockstep store check place | tail -1
    The store keeps its promises, as far as can be tried.
    $ find place -type f
    $ lockstep store check none
    ! error: There is no directory DIR/none. [STORE_MISSING]
    ! hint: Check the path, and that the disk or share it lies on is mounted.
    [66]
  `);
});
