import { createHash, randomUUID } from "node:crypto";
import { appendFileSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocketServer } from "ws";
import { createThread, loadThread, type Thread } from "./thread.ts";

interface Message {
  id?: string | number;
  method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: each method has parameters of its own.
  params?: any;
  result?: unknown;
  error?: unknown;
}

export type Send = (message: object) => void;

/** A request that waits for an answer of one of the clients. */
interface OpenRequest {
  message: object;
  thread: string;
  resolve: (answer: Message) => void;
}

export type AppServer = ReturnType<typeof createAppServer>;

/** What threads use of their server. */
export interface ThreadHost {
  env: Record<string, string | undefined>;
  hidden: readonly RegExp[];
  mcp: { url: string; token: string };
  notify: (method: string, params: object) => void;
  /** Sends a request to all clients of the thread; resolves with the first answer. */
  request: (method: string, params: object) => Promise<Message>;
  /** Ends what is asked, as with its turn. */
  drop: () => void;
}

const CODEX_HOME = process.env["CODEX_HOME"] ?? join(homedir(), ".codex");

/** Creates the part that answers messages; each client has a connection. */
export function createAppServer(config: readonly string[]) {
  const clients = new Set<{ send: Send; threads: Set<string> }>();
  const threads = new Map<string, Thread>();
  const open = new Map<number, OpenRequest>();
  let lastId = -1;

  const toClients = (thread: string, message: object) => {
    for (const client of clients) if (client.threads.has(thread)) client.send(message);
  };

  function createHost(thread: string): ThreadHost {
    const find = (pattern: RegExp) => config.map((entry) => pattern.exec(entry)?.[1]).find((value) => value);
    const patterns: string[] = JSON.parse(find(/^shell_environment_policy\.exclude=(.+)$/) ?? "[]");
    return {
      env: process.env,
      hidden: patterns.map((pattern) => new RegExp(`^${pattern.replaceAll("*", ".*")}$`, "i")),
      mcp: {
        url: find(/^mcp_servers\.groundcrew=.*url="([^"]+)"/) ?? "",
        token: process.env[find(/bearer_token_env_var="([^"]+)"/) ?? ""] ?? "",
      },
      notify: (method, params) =>
        toClients(thread, { method, params: { threadId: thread, ...params }, emittedAtMs: Date.now() }),
      request(method, params) {
        lastId += 1;
        const id = lastId;
        const message = { method, id, params: { threadId: thread, ...params } };
        const answer = Promise.withResolvers<Message>();
        open.set(id, { message, thread, resolve: answer.resolve });
        toClients(thread, message);
        return answer.promise;
      },
      drop() {
        for (const [id, request] of open) if (request.thread === thread) resolveRequest(id, { result: {} });
      },
    };
  }

  function resolveRequest(id: number, answer: Message) {
    const request = open.get(id);
    // The first answer counts.
    if (!request) return;
    open.delete(id);
    toClients(request.thread, {
      method: "serverRequest/resolved",
      params: { threadId: request.thread, requestId: id },
    });
    request.resolve(answer);
  }

  function join(client: { send: Send; threads: Set<string> }, thread: Thread) {
    client.threads.add(thread.id);
    return thread.describe();
  }

  /** A repository that is not known as untrusted becomes trusted without a question, for every session. */
  function trust({ cwd, sandbox }: { cwd: string; sandbox?: string }) {
    if (sandbox === "read-only" || config.some((entry) => entry.includes("untrusted") && entry.includes(cwd))) return;
    mkdirSync(CODEX_HOME, { recursive: true });
    appendFileSync(`${CODEX_HOME}/config.toml`, `[projects."${cwd}"]\ntrust_level = "trusted"\n`);
  }

  function handle(client: { send: Send; threads: Set<string> }, { method = "", params = {} }: Message): object {
    switch (method) {
      case "initialize":
        return { userAgent: "groundcrew/0.169.0", codexHome: CODEX_HOME, platformFamily: "unix", platformOs: "linux" };
      case "account/read": {
        const isSignedIn = process.env["CODEX_SIGNED_OUT"] === undefined;
        return { account: isSignedIn ? { type: "apiKey" } : null, userId: null, requiresOpenaiAuth: true };
      }
      case "thread/start": {
        trust(params);
        const id = randomUUID();
        const thread = createThread(createHost(id), CODEX_HOME, { id, ...params });
        threads.set(id, thread);
        client.send({ method: "deprecationNotice", params: { summary: "something" } });
        return join(client, thread);
      }
      case "thread/resume": {
        const { threadId } = params;
        const thread = threads.get(threadId) ?? loadThread(createHost(threadId), CODEX_HOME, threadId);
        threads.set(threadId, thread);
        const described = join(client, thread);
        // Open requests come again, with the same ids, after the answer.
        queueMicrotask(() => {
          thread.sendUsage();
          for (const request of open.values()) if (request.thread === threadId) client.send(request.message);
        });
        return described;
      }
      case "turn/start":
        return { turn: getThread(params.threadId).startTurn(params) };
      case "turn/interrupt":
        getThread(params.threadId).interrupt();
        return {};
      case "thread/backgroundTerminals/clean":
        getThread(params.threadId).clean();
        return {};
      default:
        throw new Error(`Invalid request: unknown variant \`${method}\``);
    }
  }

  function getThread(id: string): Thread {
    const thread = threads.get(id);
    if (!thread) throw new Error(`thread not found: ${id}`);
    return thread;
  }

  return {
    isBusy: () => [...threads.values()].some((thread) => thread.isBusy()),
    /** Adds a client. */
    connect(send: Send) {
      const client = { send, threads: new Set<string>() };
      clients.add(client);
      client.send({ method: "remoteControl/status/changed", params: { status: "disabled" } });
      return {
        receive(text: string) {
          const message = JSON.parse(text) as Message;
          const { id, method } = message;
          if (method === undefined) return void resolveRequest(Number(id), message);
          if (id === undefined) return;
          try {
            client.send({ id, result: handle(client, message) });
          } catch (thrown) {
            client.send({ id, error: { code: -32_600, message: (thrown as Error).message } });
          }
        },
        leave: () => void clients.delete(client),
      };
    },
  };
}

/** Listens at a socket, whose path is a link to a shorter one. A stale one is replaced. */
export function listen(server: AppServer, path: string): void {
  const folder = join(tmpdir(), `codex-daemon-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const socket = join(folder, createHash("sha256").update(path).digest("hex"));
  rmSync(socket, { force: true });
  const http = createServer();
  new WebSocketServer({ server: http }).on("connection", (ws) => {
    const client = server.connect((message) => ws.send(JSON.stringify(message)));
    ws.on("message", (data) => client.receive(String(data)));
    ws.on("close", client.leave);
  });
  http.listen(socket, () => {
    rmSync(path, { force: true });
    symlinkSync(socket, path);
  });
}
