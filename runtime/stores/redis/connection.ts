import { Redis } from "ioredis";
import { GroundcrewError, getErrorMessage } from "../../../shared/errors.ts";
import type { Ms } from "../../../shared/time.ts";

/** How long an answer may take. The connection is then given up, so what waits behind it fails as well. */
const ANSWER_TIMEOUT: Ms = 2_000;
const CONNECT_TIMEOUT: Ms = 3_000;
/** How long opening waits for a server that is starting or loading its data. */
const OPEN_TIMEOUT: Ms = 10_000;

export interface RedisConnection {
  redis: Redis;
  /** The answer of `ask`, or a rejection with `unavailable`: at once when there is no connection. */
  runCommand<T>(ask: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Called when the connection is lost (with the last error) and when it is there again; never twice with the same. */
type OnConnection = (lost: string | undefined) => void;

export interface RedisConnectOptions {
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
export async function connectRedis({
  url,
  patience = OPEN_TIMEOUT,
  onConnection = () => {},
}: RedisConnectOptions): Promise<RedisConnection> {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // With 0, what was under way is rejected as soon as the connection breaks.
    maxRetriesPerRequest: 0,
    // Answers come in order, so one limit for the connection is one for each command; a timer for each costs more.
    socketTimeout: ANSWER_TIMEOUT,
    connectTimeout: CONNECT_TIMEOUT,
    keepAlive: 10_000,
    retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    // A primary that became a replica: the address may lead to the new primary by now.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });

  const closedByServer = "it closed the connection";
  let lastError = closedByServer;
  let isUp = false;
  let isClosing = false;
  const address = `Redis at ${redis.options.host}:${redis.options.port}`;
  // Without a listener an error on the connection would end the process.
  redis.on("error", (error) => {
    lastError = getErrorMessage(error) || String(error);
  });
  redis.on("close", () => {
    endSocketTimer(redis);
    if (!isUp) return;
    isUp = false;
    if (!isClosing) onConnection(lastError);
  });
  redis.on("ready", () => {
    if (isUp) return;
    isUp = true;
    lastError = closedByServer;
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
    async runCommand(ask) {
      if (!isUp) throw new GroundcrewError("unavailable", `${address} is not connected: ${lastError}.`);
      try {
        return await ask();
      } catch (error) {
        // Without the cause: ioredis hangs the command on it, so the text of messages would come into the log.
        throw new GroundcrewError("unavailable", `${address} did not do what was asked: ${getErrorMessage(error)}`);
      }
    },
    async close() {
      isClosing = true;
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
