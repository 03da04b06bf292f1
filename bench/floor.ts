import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";
import { openStore } from "../runtime/stores/open-store.ts";
import { serveParent } from "./child.ts";

/**
 * The floors of webhook intake: a bare server on node:http. It reads the body, checks the same HMAC-SHA256, and answers
 * 200 when the body is durable, stored once under its SHA-256. Arguments: `same` or `least`, the store's URL, the secret.
 * - `same`: the same durable write as the product's, a job in the product's store;
 * - `least`: the smallest durable write, one row in a separate table (the same SQLite settings, one transaction for
 *   all requests of one turn of the event loop) or one `SET … NX` in Redis.
 */
const [write = "", store = "", secret = ""] = process.argv.slice(2);

/** Finds the id of the work item, which is the lane of the job, without parsing the rest. */
const ITEM = /"data": \{"id": "([^"]+)"/;
const OK = JSON.stringify({ ok: true });

const storeDelivery =
  write === "same"
    ? await openSameStore(store)
    : store.startsWith("file:")
      ? openLeastFile(store)
      : openLeastRedis(store);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", async () => {
    const body = Buffer.concat(chunks);
    const signature = Buffer.from(String(request.headers["x-plane-signature"]), "hex");
    const expected = createHmac("sha256", secret).update(body).digest();
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected))
      return response.writeHead(401).end();
    await storeDelivery(createHash("sha256").update(body).digest("hex"), body.toString("utf8"));
    return response.writeHead(200, { "content-type": "application/json", "content-length": OK.length }).end(OK);
  });
});
server.keepAliveTimeout = 150_000;
server.listen(0, "127.0.0.1");
await once(server, "listening");

serveParent({
  port() {
    const address = server.address();
    return typeof address === "object" ? address?.port : undefined;
  },
});

type StoreDelivery = (id: string, body: string) => Promise<unknown>;

async function openSameStore(url: string): Promise<StoreDelivery> {
  const opened = await openStore(url, { prefix: "floor" });
  return (id, raw) => {
    const body = { raw, correlation: id.slice(0, 36), receivedAt: Date.now() };
    return opened.commit({ jobs: [{ id, queue: "inbox", lane: ITEM.exec(raw)?.[1] ?? id, body }] });
  };
}

function openLeastFile(url: string): StoreDelivery {
  const database = new DatabaseSync(url.slice("file:".length));
  for (const pragma of ["locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "fullfsync = ON"])
    database.exec(`PRAGMA ${pragma}`);
  database.exec("PRAGMA journal_size_limit = 16777216");
  database.exec("CREATE TABLE IF NOT EXISTS delivery (id TEXT PRIMARY KEY, body TEXT NOT NULL)");
  const [begin, insert, commit] = [
    database.prepare("BEGIN IMMEDIATE"),
    database.prepare("INSERT OR IGNORE INTO delivery (id, body) VALUES (?, ?)"),
    database.prepare("COMMIT"),
  ];
  let waiting: { id: string; body: string; onStored: () => void }[] = [];

  function flush() {
    const group = waiting;
    waiting = [];
    begin.run();
    for (const { id, body } of group) insert.run(id, body);
    commit.run();
    for (const { onStored } of group) onStored();
  }

  return (id, body) =>
    new Promise<void>((onStored) => {
      waiting.push({ id, body, onStored });
      if (waiting.length === 1) setImmediate(flush);
    });
}

function openLeastRedis(url: string): StoreDelivery {
  const client = new Redis(url, { enableAutoPipelining: true });
  return (id, body) => client.set(`delivery:${id}`, body, "NX");
}
