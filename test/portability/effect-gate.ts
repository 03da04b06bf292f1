import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Where the product is killed: before or after the `nth` request to another system (1 is the first). */
export interface EffectPoint {
  nth: number;
  when: "before" | "after";
  /** Only requests to matching paths are counted; default: all. */
  of?: RegExp;
}

/**
 * Stands between the product and other systems, and forwards every request, except at a chosen one: that one is not
 * forwarded, or its answer is not, because `kill` ends the product there.
 */
export function createEffectGate() {
  let point: EffectPoint | undefined;
  let count = 0;
  let kill: () => Promise<void> = async () => {};

  /** Returns the address at which requests for this system are accepted. */
  async function open(target = ""): Promise<string> {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const isCounted = point?.of?.test(request.url ?? "") ?? true;
      if (isCounted) count += 1;
      const isChosen = isCounted && count === point?.nth;
      if (isChosen && point?.when === "before") return kill();
      const { host: _, connection: __, "content-length": ___, ...headers } = request.headers;
      const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
      const init = { method: request.method ?? "GET", headers: headers as Record<string, string>, ...body };
      const answer = await fetch(target + (request.url ?? ""), init);
      const bytes = Buffer.from(await answer.arrayBuffer());
      if (isChosen) return kill();
      const isOwn = ([name]: [string, string]) =>
        !/^(content-encoding|content-length|transfer-encoding|connection)$/.test(name);
      response.writeHead(answer.status, [...answer.headers].filter(isOwn).flat()).end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  return {
    open,
    /** Counts requests from now on, and kills the product at this one; without one, it kills nothing any more. */
    killAt(chosen?: EffectPoint, act: () => Promise<void> = async () => {}) {
      count = 0;
      point = chosen;
      kill = act;
    },
  };
}
