/**
 * The address of Redis in STORE_URL: one server, or the primary that Redis Sentinel names at each connection; and how many
 * replicas must have a write before it counts as stored.
 *
 * `redis+sentinel://<user>:<password>@<sentinel>:26379,<sentinel>:26379/<name of the primary>/<database>`, with
 * `rediss+sentinel:` for TLS to both. The user is that of Redis; `?sentinel_password=` is for the sentinels. `?wait=1`
 * also works with one address.
 */

import type { RedisOptions } from "ioredis";

export interface RedisAddress {
  /** What ioredis is given: the URL, or options that name the sentinels. */
  target: { url: string } | { options: RedisOptions };
  /** Replicas that must have acknowledged a write; 0: none is asked. */
  replicas: number;
}

const SENTINEL_PORT = 26_379;

const SENTINELS = /^(rediss?)\+sentinel:\/\/(?:([^/@]*)@)?([^/?@]+)\/([^/?]+)(?:\/(\d+))?(?:\?(.*))?$/;

/** Whether a URL is that of Redis in any form. */
export function isRedisUrl(url: string): boolean {
  return /^rediss?(\+sentinel)?:\/\//.test(url);
}

/** Parses the URL of a store in Redis. Throws an Error without the URL, which may contain a password, when it is not one. */
export function parseRedisAddress(url: string): RedisAddress {
  if (!url.includes("+sentinel:")) return { target: { url }, replicas: readReplicas(new URL(url).searchParams, 0) };
  const [, scheme, account = "", hosts = "", name = "", database = "0", query] = SENTINELS.exec(url) ?? [];
  if (scheme === undefined)
    throw new Error(
      "STORE_URL is not redis+sentinel://<user>:<password>@<host>:<port>,<host>:<port>/<name>/<database>.",
    );
  const [username = "", password = ""] = account.split(/:(.*)/s).map(decodeURIComponent);
  const search = new URLSearchParams(query);
  const sentinelPassword = search.get("sentinel_password");
  const options: RedisOptions = {
    sentinels: hosts.split(",").map(parseHost),
    name: decodeURIComponent(name),
    db: Number(database),
    ...(username !== "" && { username }),
    ...(password !== "" && { password }),
    ...(sentinelPassword !== null && { sentinelPassword }),
    ...(scheme === "rediss" && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
    // A primary that others no longer take for one may still answer: its connections are closed.
    failoverDetector: true,
    sentinelRetryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
  };
  // The servers of a Sentinel fail over, and what a replica does not have is then lost.
  return { target: { options }, replicas: readReplicas(search, 1) };
}

function parseHost(text: string): { host: string; port: number } {
  const { hostname, port } = new URL(`redis://${text}`);
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port || SENTINEL_PORT) };
}

function readReplicas(search: URLSearchParams, otherwise: number): number {
  const replicas = Number(search.get("wait") ?? otherwise);
  if (!Number.isInteger(replicas) || replicas < 0 || replicas > 9)
    throw new Error("STORE_URL has a wait that is not a number of replicas.");
  return replicas;
}
