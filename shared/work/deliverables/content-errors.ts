import { GroundcrewError } from "../../errors.ts";

export function createHashMismatchError(received: string, announced: string): GroundcrewError {
  const message = `The received file has SHA-256 ${received}, not ${announced} as announced. Nothing was stored. Send it again.`;
  return new GroundcrewError("bad_request", message);
}

export function createExistingContentError(name: string, storedHash: string): GroundcrewError {
  return new GroundcrewError(
    "conflict",
    `Another ${name} of the same size was delivered a moment ago (SHA-256 ${storedHash}). If this is a new file, ` +
      "add its SHA-256 (sha256=…) or give it another name.",
  );
}
