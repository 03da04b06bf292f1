import type { IncomingMessage } from "node:http";
import { BreakConnection } from "../../shared/http/context.ts";

/**
 * Reads the whole body of a request. Most bodies arrive in one chunk, which is returned without copying. Call it only for
 * an announced length within a limit; Node reads no more than was announced. Rejects with `BreakConnection` when the
 * sender disconnects.
 */
export function readRequestBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const rejectBroken = (cause?: unknown) => reject(new BreakConnection("The sender disconnected", { cause }));
    if (incoming.destroyed) {
      rejectBroken();
      return;
    }
    const chunks: Buffer<ArrayBuffer>[] = [];
    incoming.on("data", (chunk: Buffer<ArrayBuffer>) => chunks.push(chunk));
    incoming.on("end", () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    incoming.on("error", rejectBroken);
  });
}
