declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** 16 random bytes as 32 lower-case hex digits; a store keeps it through every recovery. */
export type KeyStoreId = Branded<"KeyStoreId">;
/** 16 random bytes as 32 lower-case hex digits. */
export type KeyId = Branded<"KeyId">;
/** 16 random bytes as 32 lower-case hex digits, as Azure Key Vault names versions; people see `v1`. */
export type VersionId = Branded<"VersionId">;
/** 16 random bytes as 32 lower-case hex digits. */
export type BindingId = Branded<"BindingId">;
/** 16 random bytes as 32 lower-case hex digits. */
export type IdentityId = Branded<"IdentityId">;

/** What somebody may do: docs/key-roles.md. */
const roles = ["custodian", "auditor", "backup", "machine"] as const;
export type Role = (typeof roles)[number];

/** What a version's value is, in the words of lists of secrets; decides what it is tried on. */
const valueKinds = ["passphrase", "key-file", "recovery-password", "startup-key"] as const;
export type ValueKind = (typeof valueKinds)[number];

/** Whoever asks the key side for something. */
export type Caller = {
  /** Null for `itself` and `nobody`. */
  readonly identity: IdentityId | null;
  readonly name: string;
  readonly role: Role | "self" | "nobody";
  /** The second person's approval by which he asks, or why none was needed; there for acts that need one. */
  readonly approval?: string;
};

/** The key side itself, in work on schedule. */
export const itself: Caller = { identity: null, name: "key side", role: "self" };

/** Somebody who reached the socket and said not who he is. */
export const nobody: Caller = { identity: null, name: "nobody", role: "nobody" };
