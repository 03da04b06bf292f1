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

/** A fault injected into the next message or edit. */
export type TelegramFault =
  /** 429, for this call and every further call to the chat until the time is over (`enforced`: for so many seconds only). */
  | { kind: "too_many"; seconds: number; enforced?: number }
  /** The call takes effect, and no answer is ever sent. */
  | { kind: "silent" }
  /** The call takes effect, and the connection breaks before the answer. */
  | { kind: "lost" }
  /** The connection breaks before the call takes effect. */
  | { kind: "dropped" }
  /** The call has no effect and is answered with an error of the Bot API. */
  | { kind: "error"; status: number; description: string }
  /** The HTML error page of a proxy. `done` says whether the call takes effect. */
  | { kind: "gateway"; status: number; done: boolean };

/** One received call: an entry of the ledger of what Telegram really received. */
export interface BotApiCall {
  at: number;
  method: string;
  chat: string;
  messageId?: number;
  text: string;
  /** `ok`, `silent`, `lost`, `dropped`, or the status of a refusal. */
  outcome: string;
  /** Whether a message was created or changed. */
  done: boolean;
}

interface IncomingCall {
  method: string;
  chat: number | string;
  text: string;
  /** Creates or changes the message. Called unless a limit, refusal or fault prevents it. */
  apply: () => SimulatedMessage | BotApiRefusal;
}

/** Handles every message and edit: applies limits, refusals and faults, and records each call in the ledger. */
export function createCallHandler(clock: () => number, limits: Partial<TelegramLimits> | undefined) {
  const rateLimiter = createTelegramRateLimiter(clock, limits);
  const refusedChats = new Map<string, BotApiRefusal>();
  const calls: BotApiCall[] = [];
  const faults: TelegramFault[] = [];

  function handleCall(
    { incoming }: HttpBindings,
    { method, chat, text, apply }: IncomingCall,
  ): Response | Promise<Response> {
    const name = String(chat);
    const call: BotApiCall = { at: clock(), method, chat: name, text, outcome: "ok", done: false };
    calls.push(call);
    const recordRefusal = (refusal: BotApiRefusal) => {
      call.outcome = String(refusal.status);
      return toRefusalResponse(refusal);
    };
    const applyCall = () => {
      const result = apply();
      if ("description" in result) return recordRefusal(result);
      Object.assign(call, { messageId: result.id, done: true });
      return toMessageResponse(chat, result);
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
        rateLimiter.block(name, fault.enforced ?? fault.seconds);
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
