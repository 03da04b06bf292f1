import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { closeLocalServer, listenLocally } from "../../simulators/local-server.ts";
import type { OnEnd } from "../support/test-folder.ts";
import { startCaddy } from "./start-caddy.ts";

interface RecordedRequest extends Pick<IncomingMessage, "headers"> {
  url: string;
}

/** Starts an HTTP server behind Caddy that records requests; by default it answers 200 with its name. */
export async function startUpstream(name: string, answer?: RequestListener, onEnd: OnEnd = onTestFinished) {
  const requests: RecordedRequest[] = [];
  const server = createServer(async (request, response) => {
    // A proxy's own checks, whether the server answers.
    if (!request.headers["x-forwarded-for"]) return void response.end();
    // A request that breaks off is recorded as far as it came.
    await buffer(request).catch(() => {});
    requests.push({ url: request.url ?? "", headers: request.headers });
    if (answer) answer(request, response);
    else response.end(name);
  });
  const address = `127.0.0.1:${await listenLocally(server, 0)}`;
  const stop = () => closeLocalServer(server);
  onEnd(stop);
  return { address, requests, stop };
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
