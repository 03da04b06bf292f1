import { Redis } from "ioredis";
import { GroundcrewError, messageOf } from "../../../shared/errors.ts";
import type { Ms } from "../../../shared/store/port.ts";

/** How long an answer may take. The connection is then given up, so what waits behind it fails as well. */
const ANSWER: Ms = 2_000;
const CONNECT: Ms = 3_000;
/** How long opening waits for a server that is starting or loading its data. */
const PATIENCE: Ms = 10_000;

export interface Connection {
  redis: Redis;
  /** The answer of `ask`, or a rejection with `unavailable`: at once when there is no connection. */
  answered<T>(ask: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Called when the connection is lost (with the last error) and when it is there again; never twice with the same. */
type OnConnection = (lost: string | undefined) => void;

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
    // Answers come in order, so one limit for the connection is one for each command; a timer for each costs more.
    socketTimeout: ANSWER,
    connectTimeout: CONNECT,
    keepAlive: 10_000,
    retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    // A primary that became a replica: the address may lead to the new primary by now.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });

  const closedByIt = "it closed the connection";
  let lastError = closedByIt;
  let up = false;
  let closing = false;
  const address = `Redis at ${redis.options.host}:${redis.options.port}`;
  // Without a listener an error on the connection would end the process.
  redis.on("error", (error) => {
    lastError = messageOf(error) || String(error);
  });
  redis.on("close", () => {
    endSocketTimer(redis);
    if (!up) return;
    up = false;
    if (!closing) onConnection(lastError);
  });
  redis.on("ready", () => {
    if (up) return;
    up = true;
    lastError = closedByIt;
    onConnection(undefined);
  });

  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.disconnect();
      const message = `${address} cannot be reached: ${lastError}. Is it running, and is STORE_URL right?`;
      reject(new GroundcrewError("unavailable", message));
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
    async answered(ask) {
      if (!up) throw new GroundcrewError("unavailable", `${address} is not connected: ${lastError}.`);
      try {
        return await ask();
      } catch (error) {
        // Without the cause: ioredis hangs the command on it, so the text of messages would come into the log.
        throw new GroundcrewError("unavailable", `${address} did not do what was asked: ${messageOf(error)}`);
      }
    },
    async close() {
      closing = true;
      if (redis.status === "ready") await redis.quit().catch(() => {});
      redis.disconnect();
    },
  };
}

/**
 * ioredis ends the timer of its `socketTimeout` only when data comes. One that outlives its connection would break the
 * next one, and what is under way on that.
 */
function endSocketTimer(redis: Redis) {
  clearTimeout(Reflect.get(redis, "socketTimeoutTimer"));
  Reflect.set(redis, "socketTimeoutTimer", undefined);
}
