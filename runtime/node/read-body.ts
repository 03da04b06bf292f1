import type { IncomingMessage } from "node:http";
import { BreakConnection } from "../../shared/http/context.ts";

/**
 * The whole body of a request, in the pieces it came in: one for most, which is then not copied. Only for bodies whose
 * announced length is within a limit; Node reads no more than was announced. Rejects with `BreakConnection` when the
 * sender goes away.
 */
export function readRequestBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const rejectBroken = (cause?: unknown) => reject(new BreakConnection("The sender went away", { cause }));
    if (incoming.destroyed) {
      rejectBroken();
      return;
    }
    const pieces: Buffer<ArrayBuffer>[] = [];
    incoming.on("data", (piece: Buffer<ArrayBuffer>) => pieces.push(piece));
    incoming.on("end", () => resolve(pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)));
    incoming.on("error", rejectBroken);
  });
}
