import type { BlockCipher, CipherMode, IvMode, SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import { flawOf } from "#volume/cipher/spec-flaw.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** What a cipher's name comes to. Both reasons are words for people, with the name in them. */
export type ParsedCipher = SectorCipherSpec | { readonly unsupported: string } | { readonly notEncrypted: string };

const CIPHERS: ReadonlySet<string> = new Set<BlockCipher>(["aes", "camellia", "serpent", "twofish", "aria", "sm4"]);
const MODES: ReadonlySet<string> = new Set<CipherMode>(["xts", "cbc", "lrw", "ecb"]);
const PLAIN_IVS: ReadonlySet<string> = new Set<IvMode["kind"]>(["plain", "plain64", "plain64be", "benbi", "null"]);

/**
 * Reads the name of a cipher as cryptsetup and dm-crypt do: `aes-xts-plain64`, `aes-cbc-essiv:sha256`, `aes` alone,
 * `capi:xts(aes)-plain64`.
 *
 * It does not verify that a kernel would have the cipher.
 *
 * @param text         from the header; in LUKS1 the name and the mode with a `-` between them
 * @param keyBytes     of the volume key
 * @param sectorBytes  of the segment; 512 for LUKS1 and for keyslots
 * @returns            a spec that `openSectorCipher` takes, why it cannot be read here, or why nothing is encrypted
 * @see cryptsetup lib/utils_crypt.c and lib/luks2/luks2_json_metadata.c; Linux drivers/md/dm-crypt.c, crypt_ctr_cipher
 */
export function parseCipher(text: string, keyBytes: number, sectorBytes: number): ParsedCipher {
  const shown = `cipher ${visibleText(text.slice(0, 100))}`;
  if (text === "null" || text.includes("cipher_null")) return { notEncrypted: `${shown} leaves everything as it is` };

  const family = FAMILIES.find(([words]) => words.test(text));
  if (family !== undefined) return { unsupported: `${shown}: ${family[1]}` };
  const named = text.startsWith("capi:") ? parseKernelName(text.slice("capi:".length)) : parseShortName(text);
  if (typeof named === "string") return { unsupported: `${shown}: ${named}` };
  const spec: SectorCipherSpec = { ...named, keyBytes, sectorBytes, ivUnitBytes: 512, diffuser: false };
  const flaw = flawOf(spec);
  return flaw === null ? spec : { unsupported: `${shown}: ${flaw}` };
}

/** Families that deserve a reason of their own. */
const FAMILIES: readonly (readonly [words: RegExp, reason: string])[] = [
  [/aegis|morus|gcm|ccm|poly1305|authenc|hmac/, "authenticated encryption (integrity) is not read here"],
  [/adiantum|hctr2/, "wide-block ciphers are not read here"],
  [/\bpaes/, "the volume key is one that only the mainframe's hardware can use"],
  [/^[^-:]+:\d/, "ciphers with several keys (loop-AES) are not read here"],
];

type Named = Pick<SectorCipherSpec, "cipher" | "mode" | "iv">;

/** `cipher[:keys]-mode-iv[:option]`; a cipher alone, or with `plain`, is from before there was a choice of modes. */
function parseShortName(text: string): Named | string {
  const [cipher = "", mode = "cbc", ...ivParts] = text.split("-");
  if (mode === "plain" && ivParts.length === 0) return named(cipher, "cbc", "plain");
  // dm-crypt knows no IV for what comes without a mode but the old one.
  const iv = text.includes("-") ? ivParts.join("-") : "plain";
  return named(cipher, mode, iv);
}

/** The kernel's own names: `xts(aes)-plain64`, `cbc(aes)-essiv:sha256`, `essiv(cbc(aes),sha256)-plain64`. */
function parseKernelName(text: string): Named | string {
  const option = text.lastIndexOf(":");
  const dash = text.lastIndexOf("-", option === -1 ? undefined : option);
  const algorithm = dash === -1 ? text : text.slice(0, dash);
  const iv = dash === -1 ? "" : text.slice(dash + 1);

  const wrapped = /^essiv\((?<inner>[a-z0-9]+\([a-z0-9]+\)),(?<hash>[a-z0-9_-]+)\)$/.exec(algorithm)?.groups;
  if (wrapped !== undefined) {
    if (iv !== "plain64") return "essiv of other sector numbers than plain64 is not read here";
    return parseKernelName(`${wrapped["inner"]}-essiv:${wrapped["hash"]}`);
  }
  const plain = /^(?<mode>[a-z0-9]+)\((?<cipher>[a-z0-9]+)\)$/.exec(algorithm)?.groups;
  if (plain === undefined) return "this name of the kernel's is not read here";
  return named(plain["cipher"]!, plain["mode"]!, iv);
}

/** @param ivText  empty where there is none */
function named(cipher: string, mode: string, ivText: string): Named | string {
  if (!isCipher(cipher)) return "the cipher is not read here";
  if (!isMode(mode)) return "the mode of operation is not read here";
  if (mode === "ecb") return { cipher, mode, iv: { kind: "null" } }; // dm-crypt passes over an IV that has no use
  if (ivText === "") return "it says nothing about initial vectors";
  const iv = parseIv(ivText);
  return typeof iv === "string" ? iv : { cipher, mode, iv };
}

function parseIv(text: string): IvMode | string {
  const [kind = "", ...options] = text.split(":");
  const option = options.join(":");
  if (kind === "essiv") return option === "" ? "essiv needs a hash" : { kind, hash: option };
  if (isPlainIv(kind)) return { kind };
  if (kind === "random") return "random initial vectors belong to authenticated encryption, which is not read here";
  if (kind === "lmk" || kind === "tcw") return "volumes of loop-AES and TrueCrypt are not read here";
  return "the initial vectors are not read here";
}

function isCipher(word: string): word is BlockCipher {
  return CIPHERS.has(word);
}

function isMode(word: string): word is CipherMode {
  return MODES.has(word);
}

function isPlainIv(word: string): word is "plain" | "plain64" | "plain64be" | "benbi" | "null" {
  return PLAIN_IVS.has(word);
}
