import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { startCaddy } from "./start-caddy.ts";

export interface Upstream {
  /** `127.0.0.1:4711` */
  address: string;
  requests: { method: string; url: string; headers: Record<string, string | string[] | undefined>; body: string }[];
  stop(): Promise<void>;
}

/** Adds what ends a server; by default it runs at the end of the test. */
type OnEnd = (end: () => Promise<void>) => void;

/** Starts an HTTP server behind Caddy that records requests; by default it answers 200 with its name. */
export async function startUpstream(
  name: string,
  answer?: RequestListener,
  onEnd: OnEnd = onTestFinished,
): Promise<Upstream> {
  const requests: Upstream["requests"] = [];
  const server = createServer(async (request, response) => {
    // A proxy's own checks, whether the server answers.
    if (!request.headers["x-forwarded-for"]) {
      response.end();
      return;
    }
    let body = "";
    try {
      for await (const chunk of request) body += chunk;
    } catch {
      // A request that breaks off is recorded as far as it came.
    }
    requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
    if (answer) answer(request, response);
    else response.end(name);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onEnd(stop);
  return { address: `127.0.0.1:${port}`, requests, stop };
}

const SERVICES = ["API", "ADMIN", "SPACE", "LIVE", "WEB", "STORAGE"] as const;

/** Starts Caddy in front of servers that answer everything with 200 and their names: another answer is Caddy's own. */
export async function startSites(onEnd: OnEnd = onTestFinished) {
  const groundcrew = await startUpstream("groundcrew", undefined, onEnd);
  const services = await Promise.all(SERVICES.map((name) => startUpstream(name.toLowerCase(), undefined, onEnd)));
  const addresses = SERVICES.map((name, i) => [`PLANE_${name}_UPSTREAM`, services[i]?.address ?? ""]);
  const upstreams = { GROUNDCREW_UPSTREAM: groundcrew.address, ...Object.fromEntries(addresses) };
  const caddy = await startCaddy(upstreams, { onEnd });
  return { caddy, groundcrew, services, api: services[0] };
}
