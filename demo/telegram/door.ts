import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { messageResult, type Refusal, refusal, tooMany } from "./answers.ts";
import type { ShownMessage } from "./chats.ts";
import { createGate, type TelegramLimits } from "./limits.ts";

/** What happens to the next message or edit. */
export type Fault =
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
export interface Call {
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

interface Asked {
  method: string;
  chat: number | string;
  text: string;
  /** Does it, when nothing else stands in the way. */
  act: () => ShownMessage | Refusal;
}

/** Every message and edit goes through here: limits, refusals and faults, and the ledger of it all. */
export function createDoor(clock: () => number, limits: Partial<TelegramLimits> | undefined) {
  const gate = createGate(clock, limits);
  const refused = new Map<string, Refusal>();
  const calls: Call[] = [];
  const faults: Fault[] = [];

  function pass({ incoming }: HttpBindings, { method, chat, text, act }: Asked): Response | Promise<Response> {
    const name = String(chat);
    const call: Call = { at: clock(), method, chat: name, text, outcome: "ok", done: false };
    calls.push(call);
    const refuse = (why: Refusal) => {
      call.outcome = String(why.status);
      return refusal(why);
    };
    const run = () => {
      const done = act();
      if ("description" in done) return refuse(done);
      Object.assign(call, { messageId: done.id, done: true });
      return messageResult(chat, done);
    };
    const breakOff = () => {
      incoming.socket.destroy();
      return RESPONSE_ALREADY_SENT;
    };

    const seconds = gate.take(name, name.startsWith("-") || name.startsWith("@"));
    if (seconds > 0) return refuse(tooMany(seconds));
    const ban = refused.get(name);
    if (ban) return refuse(ban);
    const fault = faults.shift();
    if (!fault) return run();
    switch (fault.kind) {
      case "too_many":
        gate.block(name, fault.seconds);
        return refuse(tooMany(fault.seconds));
      case "error":
        return refuse(fault);
      case "gateway":
        if (fault.done) run();
        call.outcome = String(fault.status);
        return new Response("<html><h1>Bad Gateway</h1></html>", { status: fault.status });
      case "dropped":
        call.outcome = fault.kind;
        return breakOff();
      case "lost":
      case "silent":
        run();
        call.outcome = fault.kind;
        return fault.kind === "lost" ? breakOff() : new Promise<Response>(() => {});
    }
  }

  return { pass, calls, faults, refused };
}
