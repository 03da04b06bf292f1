import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { SimulatedMessage } from "./chats.ts";

export interface BotApiRefusal {
  status: number;
  /** The error text of the Bot API. */
  description: string;
  /** With status 429: seconds until the next call is allowed. */
  retryAfter?: number;
  /** The chat id of the supergroup that the group became. */
  movedTo?: number;
}

export const createBadRequest = (description: string): BotApiRefusal => ({
  status: 400,
  description: `Bad Request: ${description}`,
});

export const createTooManyRequests = (seconds: number): BotApiRefusal => ({
  status: 429,
  description: `Too Many Requests: retry after ${seconds}`,
  retryAfter: seconds,
});

export function toRefusalResponse({ status, description, retryAfter: seconds, movedTo }: BotApiRefusal): Response {
  const parameters = omitUndefined({ retry_after: seconds, migrate_to_chat_id: movedTo });
  const body = { ok: false, error_code: status, description };
  return Response.json(Object.keys(parameters).length === 0 ? body : { ...body, parameters }, { status });
}

export function toResultResponse(value: unknown): Response {
  return Response.json({ ok: true, result: value });
}

export function toMessageResponse(chat: number | string, { id, at, text, entities }: SimulatedMessage): Response {
  return toResultResponse({
    message_id: id,
    date: Math.floor(at / 1000),
    chat: { id: chat, type: "private" },
    text,
    entities,
  });
}
