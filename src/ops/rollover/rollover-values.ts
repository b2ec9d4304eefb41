import { Secret } from "#bytes/secret.ts";
import { fromBase64 } from "#bytes/text.ts";
import type { KeyClient } from "#client/key-client.ts";
import { LockstepError } from "#errors/errors.ts";

type Values = { readonly old: Secret; readonly made: Secret };

/** Both values of a rollover. They are asked for when they are needed first, and once: a second person approves that. */
export class RolloverValues implements Disposable {
  readonly #client: KeyClient;
  readonly #rollover: string;
  #values: Values | null = null;

  constructor(client: KeyClient, rollover: string) {
    this.#client = client;
    this.#rollover = rollover;
  }

  /** Views, which are wiped with this. @throws {LockstepError} what `rollover.values` answers with, APPROVAL_NEEDED among it */
  async get(signal: AbortSignal): Promise<Values> {
    if (this.#values !== null) return this.#values;
    const answer = await this.#client.call("rollover.values", { rollover: this.#rollover }, signal);
    this.#values = { old: secretOf(answer.old), made: secretOf(answer.new) };
    return this.#values;
  }

  [Symbol.dispose](): void {
    this.#values?.old.wipe();
    this.#values?.made.wipe();
    this.#values = null;
  }
}

function secretOf(text: string): Secret {
  const bytes = fromBase64(text);
  if (bytes !== null) return new Secret(bytes);
  throw new LockstepError("KEY_SIDE_UNREACHABLE", "rolling over: the key side gave a value that is no base64");
}
