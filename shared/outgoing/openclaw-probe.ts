/**
 * Whether this is the answer of OpenClaw 2026.9 to a `waitForCompletion` that is not a boolean. It validates this field
 * first, so that a request with nothing else starts no run; 2026.2 does not know the field and misses the message.
 */
export function isWaitingSupported(answer: string): boolean {
  return /waitForCompletion must be boolean/.test(answer);
}
