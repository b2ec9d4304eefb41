import type { proofRoutes } from "#api/proofs.ts";
import { base64, fromBase64 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { subjectOf } from "#keys/proofs/proof-desk.ts";
import type { ProofStep } from "#keys/proofs/proof-desk.ts";
import { loadStatements } from "#keys/proofs/proof-statement.ts";
import type { SignedStatement } from "#keys/proofs/proof-statement.ts";
import { requireReporter } from "#keys/vaults/vaults.ts";
import type { Answers } from "#server/handler.ts";
import { presentedHeader } from "#server/presented-header.ts";

export const proofAnswers: Answers<keyof typeof proofRoutes> = {
  "proof.begin": {
    subject: subjectOf,
    audits: true,
    handle: async ({ proofs }, caller, { header, ...request }, signal) => {
      const { size, pieces } = presentedHeader(header);
      return replyOf(await proofs.begin(caller, { ...request, size, header: pieces }, signal));
    },
  },
  "proof.show": {
    subject: ({ proof }) => `proof ${proof}`,
    handle: async ({ proofs }, caller, { proof, pieces }) =>
      replyOf(
        await proofs.show(
          caller,
          proof,
          pieces.map((text) => (text === null ? null : bytesOf(text))),
        ),
      ),
  },
  "proof.list": {
    subject: ({ vault, machine }) => `vault ${vault}, machine ${machine}`,
    handle: ({ store }, caller, { vault, machine }) => {
      requireReporter(store, caller, vault);
      return { statements: loadStatements(store, vault, machine).map(statementOf) };
    },
  },
};

function replyOf({ proof, wants, statement }: ProofStep) {
  return {
    proof,
    wants: wants.map(({ offsetBytes, lengthBytes }): [number, number] => [offsetBytes, lengthBytes]),
    statement: statement === null ? null : statementOf(statement),
  };
}

function statementOf({ signed, signature }: SignedStatement) {
  return { signed, signature: base64(signature) };
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text);
  if (bytes !== null) return bytes;
  throw new LockstepError("ARGUMENT_INVALID", "proving a volume: bytes that are not canonical base64");
}
