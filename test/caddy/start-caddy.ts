import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type IncomingHttpHeaders, request as sendPlain } from "node:http";
import { request as sendSecure } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectSecurely, type TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import { hasProgram } from "../support/has-program.ts";
import { findFreePort } from "../support/redis-server.ts";

/** Loopback addresses that stand for clients: one in each range that Caddy lets in, and one outside both. */
export const VPN_CLIENT = "127.0.1.2";
export const DOCKER_CLIENT = "127.0.2.2";
export const OUTSIDE_CLIENT = "127.0.3.2";

export const DOMAIN = "javisi.test";
export const WORK = `work.${DOMAIN}`;
export const CREW = `crew.${DOMAIN}`;
export const GRAFANA = `grafana.${DOMAIN}`;

/** The program under test; another version can be named to try the same configuration with it. */
const PROGRAM = process.env["CADDY_PROGRAM"] ?? "caddy";

/** Whether Caddy is installed. Always true in CI, so that tests there fail instead of being skipped. */
export function hasCaddy(): boolean {
  return hasProgram(PROGRAM);
}

/** Runs `caddy validate` on a file of caddy/ with only these variables; throws with Caddy's message. */
export function validateCaddyfile(file: string, env: Record<string, string>): string {
  const options = { cwd: "caddy", env: { ...env, HOME: tmpdir() }, encoding: "utf8", stdio: "pipe" } as const;
  return execFileSync(findCaddy(), ["validate", "--config", file, "--adapter", "caddyfile"], options);
}

/** The path of the program under test, so that it can be started with an environment of its own. */
export function findCaddy(): string {
  return execFileSync("which", [PROGRAM], { encoding: "utf8" }).trim();
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

export interface CaddyAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface TestCaddy {
  /** Sends a request over TLS; undefined when the connection ended without a response. */
  send(request: CaddyRequest): Promise<CaddyAnswer | undefined>;
  /** Opens a TLS connection for raw bytes. */
  open(host: string, from: string): Promise<TLSSocket>;
  /** Sends a GET without TLS, to the port of redirects or of metrics. */
  sendPlain(port: "http" | "metrics", path: string, from: string): Promise<CaddyAnswer | undefined>;
  /** Everything that Caddy has logged. */
  readLog(): string;
}

/**
 * Starts the real Caddy with the product's configuration and certificates of its own, on free ports. `variables` of the
 * configuration, above all `*_UPSTREAM`, are set as well. `config`: another file, which serves crew.javisi.test alone. It
 * is stopped at the end of the test unless `onEnd` takes what stops it.
 */
export async function startCaddy(
  variables: Record<string, string>,
  {
    config = "Caddyfile",
    onEnd = onTestFinished,
  }: { config?: string; onEnd?: (end: () => Promise<void>) => void } = {},
): Promise<TestCaddy> {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-caddy-"));
  const [https, http, metrics] = [await findFreePort(), await findFreePort(), await findFreePort()];
  const env = {
    HOME: folder,
    XDG_DATA_HOME: folder,
    XDG_CONFIG_HOME: folder,
    DOMAIN,
    VPN_CIDR: `${VPN_CLIENT}/32`,
    DOCKER_CIDR: `${DOCKER_CLIENT}/32`,
    HTTPS_PORT: String(https),
    HTTP_PORT: String(http),
    CADDY_METRICS_PORT: String(metrics),
    CADDY_GLOBAL_OPTIONS: "local_certs\nskip_install_trust",
    ...variables,
  };
  let log = "";
  const start = () => {
    const started = spawn(findCaddy(), ["run", "--config", config, "--adapter", "caddyfile"], {
      cwd: "caddy",
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream.on("data", (data: Buffer) => {
        log += data;
      });
    }
    return started;
  };
  const kill = async (process: ChildProcess) => {
    const exited = once(process, "exit");
    if (process.exitCode === null && process.signalCode === null && process.kill("SIGKILL")) await exited;
  };
  let caddy = start();
  onEnd(async () => {
    await kill(caddy);
    rmSync(folder, { recursive: true, force: true });
  });
  const sites = { PLANE_SUBDOMAIN: "work", GROUNDCREW_SUBDOMAIN: "crew", GRAFANA_SUBDOMAIN: "grafana", ...variables };
  const names = config === "Caddyfile" ? [sites.PLANE_SUBDOMAIN, sites.GROUNDCREW_SUBDOMAIN] : ["crew"];
  if ("CADDY_SITES" in variables) names.push(sites.GRAFANA_SUBDOMAIN);
  // All sites answer once their certificates were issued. Caddy cleans its folder at the start, and when that removes a
  // certificate which is being written, it tries again only after a minute: then it is started again.
  for (const host of names.map((name) => `${name}.${DOMAIN}`))
    for (let attempt = 1; !(await hasCertificate(https, host)); attempt += 1) {
      if (attempt % 200 !== 0) await sleep(25);
      else if (attempt >= 800) throw new Error(`Caddy issues no certificate for ${host}:\n${log}`);
      else {
        await kill(caddy);
        caddy = start();
      }
    }
  const ca = readFileSync(join(folder, "caddy/pki/authorities/local/root.crt"));

  return {
    readLog: () => log,
    send: createSender(https, ca),
    sendPlain: (port, path, from) =>
      readAnswer(
        sendPlain({
          host: "127.0.0.1",
          port: port === "http" ? http : metrics,
          localAddress: from,
          path,
          agent: false,
          headers: { host: CREW },
        }),
      ),
    open: async (host, from) => {
      const plain = connect({ host: "127.0.0.1", port: https, localAddress: from });
      const socket = connectSecurely({ socket: plain, servername: host, ca });
      socket.on("error", () => {});
      await once(socket, "secureConnect");
      return socket;
    },
  };
}

/** Sends requests over TLS to a port of this machine. */
export function createSender(port: number, ca: Buffer): TestCaddy["send"] {
  return ({ host, path, method = "GET", from = OUTSIDE_CLIENT, headers = {}, body }) => {
    const target = { host: "127.0.0.1", port, servername: host, ca, localAddress: from, method, path, agent: false };
    return readAnswer(sendSecure({ ...target, headers: { host, ...headers } }), body);
  };
}

/** Whether Caddy completes a TLS handshake for a host. */
async function hasCertificate(port: number, servername: string): Promise<boolean> {
  const socket = connectSecurely({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
  const isOpen = await once(socket, "secureConnect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}

function readAnswer(
  request: ReturnType<typeof sendPlain>,
  requestBody?: string | Uint8Array,
): Promise<CaddyAnswer | undefined> {
  return new Promise((resolve) => {
    request.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        body += text;
      });
      // An answer that breaks off is no answer.
      response.on("close", () =>
        resolve(response.complete ? { status: response.statusCode ?? 0, headers: response.headers, body } : undefined),
      );
    });
    // A refused body can end the connection while it is still being sent, after the answer.
    request.on("error", () => resolve(undefined));
    if (requestBody === undefined) request.end();
    else request.end(requestBody);
  });
}
