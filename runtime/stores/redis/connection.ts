import { Redis } from "ioredis";
import { messageOf } from "../../../shared/errors.ts";
import type { Ms } from "../../../shared/store/port.ts";

/** How long an answer may take. The connection is then given up, so what waits behind it fails as well. */
const ANSWER: Ms = 2_000;
const CONNECT: Ms = 3_000;
/** How long opening waits for a server that is starting or loading its data. */
const PATIENCE: Ms = 10_000;

export interface Connection {
  redis: Redis;
  close(): Promise<void>;
}

/** Called when the connection is lost (with the last error) and when it is there again; never twice with the same. */
export type OnConnection = (lost: string | undefined) => void;

export interface ConnectOptions {
  /** `redis://` or `rediss://`. */
  url: string;
  /** How long opening waits for the server; default 10 s. */
  patience?: Ms;
  onConnection?: OnConnection;
}

/**
 * A connection that comes back by itself. While it is down every command rejects at once, and one that was under way
 * when it broke rejects too: it may or may not have been done. Rejects when the server is not there to begin with.
 */
export async function connect({
  url,
  patience = PATIENCE,
  onConnection = () => {},
}: ConnectOptions): Promise<Connection> {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // With 0, what was under way is rejected as soon as the connection breaks.
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    commandTimeout: ANSWER,
    socketTimeout: ANSWER,
    connectTimeout: CONNECT,
    keepAlive: 10_000,
    retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    // A primary that became a replica: the address may lead to the new primary by now.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });

  let lastError = "the connection was closed";
  let up = false;
  // Without a listener an error on the connection would end the process.
  redis.on("error", (error) => {
    lastError = messageOf(error) || String(error);
  });
  redis.on("close", () => {
    if (!up) return;
    up = false;
    onConnection(lastError);
  });
  redis.on("ready", () => {
    if (up) return;
    up = true;
    lastError = "the connection was closed";
    onConnection(undefined);
  });

  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.disconnect();
      const { host, port } = redis.options;
      reject(
        new Error(`Redis at ${host}:${port} cannot be reached: ${lastError}. Is it running, and is STORE_URL right?`),
      );
    }, patience);
    redis.once("ready", () => {
      clearTimeout(timer);
      resolve();
    });
    // Its failures are told by the error event, and it goes on trying.
    redis.connect().catch(() => {});
  });

  return {
    redis,
    async close() {
      if (redis.status === "ready") await redis.quit().catch(() => {});
      redis.disconnect();
    },
  };
}
