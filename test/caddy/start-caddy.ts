import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, request as sendPlain } from "node:http";
import { request as sendSecure } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectSecurely, type TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import { closeLocalServer, listenLocally } from "../../simulators/local-server.ts";
import { hasProgram } from "../support/has-program.ts";
import { startProgram } from "../support/program.ts";
import { findFreePort } from "../support/redis-server.ts";
import { createTestFolder, type OnEnd } from "../support/test-folder.ts";

/** Loopback addresses that stand for clients: one in each range that Caddy lets in, and one outside both. */
export const VPN_CLIENT = "127.0.1.2";
export const DOCKER_CLIENT = "127.0.2.2";
export const OUTSIDE_CLIENT = "127.0.3.2";

export const DOMAIN = "javisi.test";
export const WORK = `work.${DOMAIN}`;
export const CREW = `crew.${DOMAIN}`;
export const GRAFANA = `grafana.${DOMAIN}`;

/** The program under test; another version can be named to try the same configuration with it. */
export const PROGRAM = process.env["CADDY_PROGRAM"] ?? "caddy";

/** Whether Caddy is installed. Always true in CI, so that tests there fail instead of being skipped. */
export function hasCaddy(): boolean {
  return hasProgram(PROGRAM);
}

/** Runs `caddy validate` on a file of caddy/ with only these variables; throws with Caddy's message. */
export function validateCaddyfile(file: string, env: Record<string, string>): string {
  const own = { PATH: process.env["PATH"], ...env, HOME: tmpdir() };
  const options = { cwd: "caddy", env: own, encoding: "utf8", stdio: "pipe" } as const;
  return execFileSync(PROGRAM, ["validate", "--config", file, "--adapter", "caddyfile"], options);
}

export interface CaddyRequest {
  /** `crew.javisi.test`, for certificate and Host header. */
  host: string;
  /** Sent as it is, also with `..` and doubled slashes. */
  path: string;
  method?: string;
  /** The client's address; by default the one outside. */
  from?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

/**
 * Starts the real Caddy with the product's configuration and certificates of its own, on free ports. `variables` of the
 * configuration, above all `*_UPSTREAM`, are set as well. `config`: another file, which serves crew.javisi.test alone. It
 * is stopped at the end of the test unless `onEnd` takes what stops it.
 */
export async function startCaddy(
  variables: Record<string, string>,
  { config = "Caddyfile", onEnd = onTestFinished }: { config?: string; onEnd?: OnEnd } = {},
) {
  const folder = createTestFolder("caddy", onEnd);
  const [https, http, metrics] = [await findFreePort(), await findFreePort(), await findFreePort()];
  const env = {
    ...{ HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, DOMAIN },
    ...{ VPN_CIDR: `${VPN_CLIENT}/32`, DOCKER_CIDR: `${DOCKER_CLIENT}/32` },
    ...{ HTTPS_PORT: String(https), HTTP_PORT: String(http), CADDY_METRICS_PORT: String(metrics) },
    CADDY_GLOBAL_OPTIONS: "local_certs\nskip_install_trust",
    ...variables,
  };
  const start = () =>
    startProgram([PROGRAM, "run", "--config", config, "--adapter", "caddyfile"], { cwd: "caddy", env, onEnd });
  let caddy = start();
  const sites = { PLANE_SUBDOMAIN: "work", GROUNDCREW_SUBDOMAIN: "crew", GRAFANA_SUBDOMAIN: "grafana", ...variables };
  const names = config === "Caddyfile" ? [sites.PLANE_SUBDOMAIN, sites.GROUNDCREW_SUBDOMAIN] : ["crew"];
  if ("CADDY_SITES" in variables) names.push(sites.GRAFANA_SUBDOMAIN);
  // All sites answer once their certificates were issued. Caddy cleans its folder at the start, and when that removes a
  // certificate which is being written, it tries again only after a minute: then it is started again.
  for (const host of names.map((name) => `${name}.${DOMAIN}`))
    for (let attempt = 1; !(await hasCertificate(https, host)); attempt += 1) {
      if (attempt % 200 !== 0) await sleep(25);
      else if (attempt >= 800) throw new Error(`Caddy issues no certificate for ${host}:\n${caddy.readAll()}`);
      else {
        await caddy.kill();
        caddy = start();
      }
    }
  const ca = readFileSync(join(folder, "caddy/pki/authorities/local/root.crt"));

  return {
    /** Everything that Caddy has logged. */
    readLog: () => caddy.readAll(),
    send: createSender(https, ca),
    /** Sends a GET without TLS, to the port of redirects or of metrics. */
    sendPlain(port: "http" | "metrics", path: string, localAddress: string) {
      const target = { host: "127.0.0.1", port: port === "http" ? http : metrics, localAddress, path, agent: false };
      return readAnswer(sendPlain({ ...target, headers: { host: CREW } }));
    },
    /** Opens a TLS connection for raw bytes. */
    async open(host: string, from: string): Promise<TLSSocket> {
      const plain = connect({ host: "127.0.0.1", port: https, localAddress: from });
      const socket = connectSecurely({ socket: plain, servername: host, ca });
      socket.on("error", () => {});
      await once(socket, "secureConnect");
      return socket;
    },
  };
}

/** Sends requests over TLS to a port of this machine; undefined when the connection ended without a response. */
export function createSender(port: number, ca: Buffer) {
  return ({ host, path, method = "GET", from = OUTSIDE_CLIENT, headers = {}, body }: CaddyRequest) => {
    const target = { host: "127.0.0.1", port, servername: host, ca, localAddress: from, method, path, agent: false };
    return readAnswer(sendSecure({ ...target, headers: { host, ...headers } }), body);
  };
}

/** Whether Caddy completes a TLS handshake for a host. */
async function hasCertificate(port: number, servername: string): Promise<boolean> {
  const socket = connectSecurely({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
  const isOpen = await once(socket, "secureConnect").then(Boolean, () => false);
  socket.destroy();
  return isOpen;
}

async function readAnswer(request: ReturnType<typeof sendPlain>, requestBody?: string | Uint8Array) {
  const answered = once(request, "response") as Promise<[IncomingMessage]>;
  // A refused body can end the connection while it is still being sent, after the answer.
  request.on("error", () => {}).end(requestBody);
  try {
    const [response] = await answered;
    return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
  } catch {
    // An answer that breaks off is no answer.
    return undefined;
  }
}

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
