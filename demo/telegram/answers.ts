import type { ShownMessage } from "./chats.ts";

export interface Refusal {
  status: number;
  /** In the Bot API's words. */
  description: string;
  /** With 429: when to ask again. */
  seconds?: number;
  /** The number that the group has as a supergroup. */
  movedTo?: number;
}

export const bad = (description: string): Refusal => ({ status: 400, description: `Bad Request: ${description}` });

export const tooMany = (seconds: number): Refusal => ({
  status: 429,
  description: `Too Many Requests: retry after ${seconds}`,
  seconds,
});

export function refusal({ status, description, seconds, movedTo }: Refusal): Response {
  const parameters = {
    ...(seconds !== undefined && { retry_after: seconds }),
    ...(movedTo !== undefined && { migrate_to_chat_id: movedTo }),
  };
  const body = { ok: false, error_code: status, description };
  return Response.json(Object.keys(parameters).length === 0 ? body : { ...body, parameters }, { status });
}

export function result(value: unknown): Response {
  return Response.json({ ok: true, result: value });
}

export function messageResult(chat: number | string, { id, at, text, entities }: ShownMessage): Response {
  return result({ message_id: id, date: Math.floor(at / 1000), chat: { id: chat, type: "private" }, text, entities });
}
