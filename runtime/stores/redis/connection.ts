/**
 * A connection to Redis that is restored by itself. While it is lost every call fails at once, and no call waits
 * without a limit.
 */

import { Redis, type RedisOptions } from "ioredis";
import { GroundcrewError, getErrorMessage } from "../../../shared/errors.ts";
import type { Ms } from "../../../shared/time.ts";

export interface RedisConnectOptions {
  /**
   * One server, or the primary that Redis Sentinel names at each connection:
   * `redis+sentinel://<user>:<password>@<sentinel>:26379,<sentinel>:26379/<name of the primary>/<database>`, with
   * `rediss+sentinel:` for TLS to both. The user is that of Redis; `?sentinel_password=` is for the sentinels.
   * `?wait=1`, the number of replicas that must have a write before it counts as stored, also works with one address.
   */
  url: string;
  /** Timeout for opening; default 10 s. */
  patience?: Ms;
  /** Called when the connection is lost (with the last error) and when it is restored (with undefined), alternately. */
  onConnection?: (lost: string | undefined) => void;
}

interface RedisAddress {
  /** What ioredis is given: the URL, or options that name the sentinels. */
  target: { url: string } | { options: RedisOptions };
  /** Replicas that must have acknowledged a write; 0: none is asked. */
  replicas: number;
}

const SENTINEL_PORT = 26_379;

const SENTINELS = /^(rediss?)\+sentinel:\/\/(?:([^/@]*)@)?([^/?@]+)\/([^/?]+)(?:\/(\d+))?(?:\?(.*))?$/;

/** Timeout for a reply: 2 s. The connection is then closed, so commands that wait behind it fail as well. */
const ANSWER_TIMEOUT: Ms = 2_000;

/** Pause before a connection that ioredis has given up is opened again: 50 ms. */
const RECONNECT_PAUSE: Ms = 50;

/** Timeout for one attempt to connect: 3 s. */
const CONNECT_TIMEOUT: Ms = 3_000;

/** Timeout for opening the store: 10 s, because the server may be starting or loading its data. */
const OPEN_TIMEOUT: Ms = 10_000;

/** Creates a client for the URL of a store, which connects when `connect` is called. */
export function createRedis(url: string, options: RedisOptions): Redis {
  const { target } = parseRedisAddress(url);
  return "url" in target ? new Redis(target.url, options) : new Redis({ ...options, ...target.options });
}

/** Describes the server for people, without user and password. */
export function describeRedis({ options: { sentinels, name, host, port } }: Redis): string {
  return sentinels ? `The primary ${name} of Redis Sentinel` : `Redis at ${host}:${port}`;
}

/**
 * Opens a connection that reconnects by itself. While it is lost, every command rejects at once. A command that was
 * running when it was lost rejects too and may or may not have been executed. Rejects when the server cannot be reached
 * at first.
 */
export async function connectRedis({ url, patience = OPEN_TIMEOUT, onConnection = () => {} }: RedisConnectOptions) {
  const redis = createRedis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // With 0, running commands are rejected as soon as the connection is lost.
    maxRetriesPerRequest: 0,
    // Replies arrive in order, so one timeout for the connection limits every command; a timer for each would cost
    // more.
    socketTimeout: ANSWER_TIMEOUT,
    connectTimeout: CONNECT_TIMEOUT,
    // A sentinel that takes the connection and answers nothing: the next one is asked.
    sentinelCommandTimeout: ANSWER_TIMEOUT,
    keepAlive: 10_000,
    retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    // The primary has become a replica: after reconnecting, the address may lead to the new primary.
    reconnectOnError(error) {
      if (!error.message.startsWith("READONLY")) return false;
      // Said also by the commands that find the connection closed because of it.
      lastError = error.message;
      return true;
    },
  });

  const closedByServer = "the server closed the connection";
  let lastError = closedByServer;
  let isUp = false;
  let isClosing = false;
  const address = describeRedis(redis);
  // Without a listener, an error of the connection would end the process.
  redis.on("error", (error) => {
    lastError = getErrorMessage(error) || String(error);
  });
  redis.on("close", () => {
    endSocketTimer(redis);
    if (!isUp) return;
    isUp = false;
    if (!isClosing) onConnection(lastError);
  });
  // ioredis gives up for good when a sentinel reports a failover while it asks another one for the primary.
  redis.on("end", () => {
    setTimeout(() => isClosing || redis.connect().catch(() => {}), RECONNECT_PAUSE);
  });
  redis.on("ready", () => {
    if (isUp) return;
    isUp = true;
    lastError = closedByServer;
    onConnection(undefined);
  });

  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      isClosing = true;
      redis.disconnect();
      const message = `${address} cannot be reached: ${lastError}. Is it running, and is STORE_URL right?`;
      reject(new GroundcrewError("unavailable", message));
    }, patience);
    redis.once("ready", () => {
      clearTimeout(timer);
      resolve();
    });
    // Failures are reported by the error event, and ioredis keeps trying.
    redis.connect().catch(() => {});
  });

  return {
    redis,
    /**
     * Runs `command` and returns its result; rejects with `unavailable` when it fails, and at once without a
     * connection.
     */
    async runCommand<T>(command: () => Promise<T>): Promise<T> {
      if (!isUp) throw new GroundcrewError("unavailable", `${address} is not connected: ${lastError}.`);
      try {
        return await command();
      } catch (error) {
        // After a failover ioredis only ends its side of the old connection, and a frozen server never ends the other.
        if (!redis.stream?.writable) redis.stream?.destroy();
        // Without the cause: ioredis attaches the command to the error, which would write message texts to the log.
        throw new GroundcrewError("unavailable", `${address} failed: ${getErrorMessage(error)}`);
      }
    },
    async close(): Promise<void> {
      isClosing = true;
      if (redis.status === "ready") await redis.quit().catch(() => {});
      redis.disconnect();
    },
  };
}

/**
 * ioredis clears the timer of its `socketTimeout` only when data arrives. A timer that outlives its connection would
 * close the next one and fail its running commands.
 */
function endSocketTimer(redis: Redis) {
  clearTimeout(Reflect.get(redis, "socketTimeoutTimer"));
  Reflect.set(redis, "socketTimeoutTimer", undefined);
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
