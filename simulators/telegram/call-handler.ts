import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import {
  type BotApiRefusal,
  createTooManyRequests,
  toMessageResponse,
  toRefusalResponse,
} from "./bot-api-responses.ts";
import type { SimulatedMessage } from "./chats.ts";
import { createTelegramRateLimiter, type TelegramLimits } from "./rate-limits.ts";

/** What happens to the next message or edit. */
export type TelegramFault =
  /** 429, and so is every call to this chat until the time is over. */
  | { kind: "too_many"; seconds: number }
  /** It is done, and the answer never comes. */
  | { kind: "silent" }
  /** It is done, and the connection breaks before the answer. */
  | { kind: "lost" }
  /** The connection breaks before it is done. */
  | { kind: "dropped" }
  /** It is not done: an error in the Bot API's words. */
  | { kind: "error"; status: number; description: string }
  /** A page of something in between; `done` or not. */
  | { kind: "gateway"; status: number; done: boolean };

/** A call that was received: the ledger of what Telegram really got. */
export interface BotApiCall {
  at: number;
  method: string;
  chat: string;
  messageId?: number;
  text: string;
  /** `ok`, `silent`, `lost`, `dropped`, or the status of a refusal. */
  outcome: string;
  /** Whether a message appeared or changed. */
  done: boolean;
}

interface IncomingCall {
  method: string;
  chat: number | string;
  text: string;
  /** Does it, when nothing else stands in the way. */
  apply: () => SimulatedMessage | BotApiRefusal;
}

/** Every message and edit goes through here: limits, refusals and faults, and the ledger of it all. */
export function createCallHandler(clock: () => number, limits: Partial<TelegramLimits> | undefined) {
  const rateLimiter = createTelegramRateLimiter(clock, limits);
  const refusedChats = new Map<string, BotApiRefusal>();
  const calls: BotApiCall[] = [];
  const faults: TelegramFault[] = [];

  function handleCall(
    { incoming }: HttpBindings,
    { method, chat, text, apply: act }: IncomingCall,
  ): Response | Promise<Response> {
    const name = String(chat);
    const call: BotApiCall = { at: clock(), method, chat: name, text, outcome: "ok", done: false };
    calls.push(call);
    const recordRefusal = (refusal: BotApiRefusal) => {
      call.outcome = String(refusal.status);
      return toRefusalResponse(refusal);
    };
    const applyCall = () => {
      const done = act();
      if ("description" in done) return recordRefusal(done);
      Object.assign(call, { messageId: done.id, done: true });
      return toMessageResponse(chat, done);
    };
    const breakConnection = () => {
      incoming.socket.destroy();
      return RESPONSE_ALREADY_SENT;
    };

    const seconds = rateLimiter.reserveCall(name, name.startsWith("-") || name.startsWith("@"));
    if (seconds > 0) return recordRefusal(createTooManyRequests(seconds));
    const chatRefusal = refusedChats.get(name);
    if (chatRefusal) return recordRefusal(chatRefusal);
    const fault = faults.shift();
    if (!fault) return applyCall();
    switch (fault.kind) {
      case "too_many":
        rateLimiter.block(name, fault.seconds);
        return recordRefusal(createTooManyRequests(fault.seconds));
      case "error":
        return recordRefusal(fault);
      case "gateway":
        if (fault.done) applyCall();
        call.outcome = String(fault.status);
        return new Response("<html><h1>Bad Gateway</h1></html>", { status: fault.status });
      case "dropped":
        call.outcome = fault.kind;
        return breakConnection();
      case "lost":
      case "silent":
        applyCall();
        call.outcome = fault.kind;
        return fault.kind === "lost" ? breakConnection() : new Promise<Response>(() => {});
    }
  }

  return { handleCall, calls, faults, refusedChats };
}
