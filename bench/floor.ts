import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";
import { answerParent } from "./child.ts";

/**
 * The floor of webhook intake: the least that a server on node:http can do. It reads the body, checks the same
 * HMAC-SHA256, and answers 200 when the body is durable under its SHA-256, once: in SQLite with the product's own
 * settings and one transaction for all that came in one turn, or in Redis with one command.
 */

const [store = "", secret = ""] = process.argv.slice(2);
const keep = store.startsWith("file:") ? sqlite(store.slice("file:".length)) : redis(store);

const OK = JSON.stringify({ ok: true });
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", async () => {
    const body = Buffer.concat(chunks);
    const given = Buffer.from(String(request.headers["x-plane-signature"]), "hex");
    const wanted = createHmac("sha256", secret).update(body).digest();
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return response.writeHead(401).end();
    await keep(createHash("sha256").update(body).digest("hex"), body.toString("utf8"));
    return response.writeHead(200, { "content-type": "application/json", "content-length": OK.length }).end(OK);
  });
});
server.keepAliveTimeout = 150_000;
server.listen(0, "127.0.0.1");
await once(server, "listening");

answerParent({
  port() {
    const address = server.address();
    return typeof address === "object" ? address?.port : undefined;
  },
});

type Keep = (id: string, body: string) => Promise<void>;

function sqlite(path: string): Keep {
  const database = new DatabaseSync(path);
  for (const pragma of ["locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "fullfsync = ON"])
    database.exec(`PRAGMA ${pragma}`);
  database.exec("PRAGMA journal_size_limit = 16777216");
  database.exec("CREATE TABLE IF NOT EXISTS delivery (id TEXT PRIMARY KEY, body TEXT NOT NULL)");
  const [begin, insert, commit] = [
    database.prepare("BEGIN IMMEDIATE"),
    database.prepare("INSERT OR IGNORE INTO delivery (id, body) VALUES (?, ?)"),
    database.prepare("COMMIT"),
  ];
  let waiting: { id: string; body: string; kept: () => void }[] = [];

  function flush() {
    const group = waiting;
    waiting = [];
    begin.run();
    for (const { id, body } of group) insert.run(id, body);
    commit.run();
    for (const { kept } of group) kept();
  }

  return (id, body) =>
    new Promise((kept) => {
      waiting.push({ id, body, kept });
      if (waiting.length === 1) setImmediate(flush);
    });
}

function redis(url: string): Keep {
  const client = new Redis(url, { enableAutoPipelining: true });
  return async (id, body) => {
    await client.set(`delivery:${id}`, body, "NX");
  };
}
