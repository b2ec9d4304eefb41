import { Decrypter, Encrypter } from "age-encryption";

import type { CopiesIdentity } from "#keys/kit/kit-secret.ts";

/** Encrypts a copy to the kit, in the age format. @param recipient `age1…` */
export async function sealCopy(recipient: string, plain: Uint8Array): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter.encrypt(plain);
}

/** Decrypts a copy; null where it is for another kit, damaged, cut, or no age file. */
export async function openCopy({ privateKey }: CopiesIdentity, sealed: Uint8Array): Promise<Uint8Array | null> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(privateKey);
  try {
    return await decrypter.decrypt(sealed);
  } catch {
    return null; // the library has no error class that tells these cases apart
  }
}
