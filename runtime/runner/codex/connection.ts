/** A connection to a Codex app-server: JSON-RPC over a WebSocket at a unix socket, one message in each text frame. */

import { closeSync, openSync, realpathSync } from "node:fs";
import { basename, dirname } from "node:path";
import { WebSocket } from "ws";
import { z } from "zod";
import { tryParseJson } from "../../../shared/text.ts";
import { type Ms, SECOND } from "../../../shared/time.ts";
import { VERSION } from "../../../shared/version.ts";

const idSchema = z.union([z.string(), z.int()]);

const messageSchema = z.looseObject({
  id: idSchema.exactOptional(),
  method: z.string().exactOptional(),
  params: z.looseObject({}).nullish(),
  result: z.unknown().optional(),
  error: z.looseObject({ message: z.string() }).exactOptional(),
});

/** What the server sends of itself; with an id it waits for an answer. */
export interface ServerMessage {
  method: string;
  params: Record<string, unknown>;
  id?: string | number;
}

export type CodexConnection = Awaited<ReturnType<typeof connectToCodex>>;

/** Timeout for an answer: 30 s, in which a server reads a long conversation. */
const CALL_TIMEOUT_MS: Ms = 30 * SECOND;

/** Limit of a socket's path in bytes. */
const MAX_ADDRESS_BYTES = 107;

/** Limit of a message in bytes: 64 MB; a whole conversation is one. */
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

/** Connects to a server and introduces itself. `onMessage` gets what the server sends of itself, in order. Throws. */
export async function connectToCodex(
  socket: string,
  { onMessage, onClose }: { onMessage: (message: ServerMessage) => void; onClose: () => void },
) {
  // Without a box the socket is a link to a shorter path: an address has at most 107 bytes.
  const path = realpathSync(socket);
  const folder = Buffer.byteLength(path) > MAX_ADDRESS_BYTES ? openSync(dirname(path), "r") : undefined;
  const address = folder === undefined ? path : `/proc/self/fd/${folder}/${basename(path)}`;
  const ws = new WebSocket(`ws+unix:${address}:/`, {
    ...{ maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false, handshakeTimeout: CALL_TIMEOUT_MS },
  });
  const calls = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  ws.on("message", (data, isBinary) => {
    const message = isBinary ? undefined : messageSchema.safeParse(tryParseJson(String(data))).data;
    if (!message) return;
    const { id, method, params, result, error } = message;
    if (method !== undefined) return onMessage({ method, params: params ?? {}, ...(id === undefined ? {} : { id }) });
    const call = typeof id === "number" ? calls.get(id) : undefined;
    if (error) call?.reject(new Error(`Codex: ${error.message}`));
    else call?.resolve(result);
  });
  ws.on("error", () => ws.terminate());
  ws.on("close", () => {
    for (const call of calls.values()) call.reject(new Error("The connection to Codex has ended."));
    onClose();
  });
  const opened = Promise.withResolvers<void>();
  ws.once("open", opened.resolve);
  ws.once("close", () => opened.reject(new Error("Codex does not take the connection.")));
  try {
    await opened.promise;
  } finally {
    if (folder !== undefined) closeSync(folder);
  }

  /** Calls a method; its result is checked. Throws what the server refuses, or when it does not answer in 30 s. */
  async function call<T>(method: string, params: object, schema: z.ZodType<T>): Promise<T> {
    lastId += 1;
    const id = lastId;
    const answer = Promise.withResolvers<unknown>();
    calls.set(id, answer);
    const timer = setTimeout(() => answer.reject(new Error(`Codex does not answer ${method}.`)), CALL_TIMEOUT_MS);
    try {
      ws.send(JSON.stringify({ id, method, params }));
      return schema.parse(await answer.promise);
    } finally {
      clearTimeout(timer);
      calls.delete(id);
    }
  }

  const clientInfo = { name: "groundcrew", title: "Groundcrew", version: VERSION };
  await call("initialize", { clientInfo, capabilities: { experimentalApi: true } }, z.unknown());
  ws.send(JSON.stringify({ method: "initialized" }));
  return {
    call,
    /** Answers a request of the server. */
    answer: (id: string | number, result: object) => ws.send(JSON.stringify({ id, result })),
    close: () => ws.terminate(),
  };
}
