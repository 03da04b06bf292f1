import { GroundcrewError } from "../../errors.ts";

export function createHashMismatchError(received: string, announced: string): GroundcrewError {
  const message = `The file that came has SHA-256 ${received}, not ${announced} as announced: nothing was kept. Send it again.`;
  return new GroundcrewError("bad_request", message);
}

export function createExistingContentError(name: string, storedHash: string): GroundcrewError {
  return new GroundcrewError(
    "conflict",
    `Another ${name} of the same size was delivered a moment ago (SHA-256 ${storedHash}). If this is a new one, ` +
      "give its SHA-256 with it (sha256=…), or another name.",
  );
}
