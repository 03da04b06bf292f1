import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { type BotApiRefusal, createBadRequest, toRefusalResponse, toResultResponse } from "./bot-api-responses.ts";

/** An update as Telegram sends it. */
export interface SimulatedUpdate {
  update_id: number;
  [kind: string]: unknown;
}

const getUpdatesSchema = z.object({
  offset: z.number().int().default(0),
  timeout: z.number().min(0).default(0),
  limit: z.number().int().default(100),
  allowed_updates: z.array(z.string()).optional(),
});

const setWebhookSchema = z.object({
  url: z.string(),
  secret_token: z
    .string()
    .regex(/^[\w-]{1,256}$/)
    .optional(),
  allowed_updates: z.array(z.string()).optional(),
});

const CONFLICT_TEXTS = {
  webhook:
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
  other: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
};

const createConflict = (description: string): BotApiRefusal => ({ status: 409, description });

/**
 * Creates the queue of updates about what people do in chats. The bot receives them with getUpdates (one caller at a
 * time; an update is kept until a later offset confirms it) or by webhook (an update stays pending until an answer
 * 2xx).
 */
export function createUpdateQueue() {
  const pending: SimulatedUpdate[] = [];
  let nextId = 1;
  let resolvePoll: ((updates: SimulatedUpdate[] | BotApiRefusal) => void) | undefined;
  let webhook: { url: string; secret: string | undefined; allowed: string[] } | undefined;
  let lastError: string | undefined;
  let delivering = Promise.resolve();

  async function deliver(update: SimulatedUpdate): Promise<void> {
    if (!webhook) return;
    const { url, secret } = webhook;
    const headers = {
      "content-type": "application/json",
      ...omitUndefined({ "x-telegram-bot-api-secret-token": secret }),
    };
    try {
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(update) });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`Wrong response from the webhook: ${response.status}`);
      pending.splice(pending.indexOf(update), 1);
    } catch (thrown) {
      lastError = thrown instanceof Error ? thrown.message : String(thrown);
    }
  }

  /** Sends all pending updates to the webhook, one after the other. Resolves when each was tried once. */
  function redeliver(): Promise<void> {
    delivering = delivering.then(async () => {
      for (const update of [...pending]) await deliver(update);
    });
    return delivering;
  }

  async function getUpdates(body: unknown): Promise<Response> {
    const parsed = getUpdatesSchema.safeParse(body);
    if (!parsed.success) return toRefusalResponse(createBadRequest(z.prettifyError(parsed.error)));
    if (webhook) return toRefusalResponse(createConflict(CONFLICT_TEXTS.webhook));
    resolvePoll?.(createConflict(CONFLICT_TEXTS.other));
    const { offset, timeout, limit } = parsed.data;
    while (pending[0] && pending[0].update_id < offset) pending.shift();
    if (pending.length > 0 || timeout === 0) return toResultResponse(pending.slice(0, limit));
    const updates = await new Promise<SimulatedUpdate[] | BotApiRefusal>((resolve) => {
      const timer = setTimeout(() => resolvePoll?.([]), timeout * 1000);
      timer.unref();
      resolvePoll = (newUpdates) => {
        clearTimeout(timer);
        // The caller that replaces this one, for example after a restart, sets its own function afterwards.
        resolvePoll = undefined;
        resolve(newUpdates);
      };
    });
    return Array.isArray(updates) ? toResultResponse(updates.slice(0, limit)) : toRefusalResponse(updates);
  }

  return {
    getUpdates,
    setWebhook(body: unknown): Response {
      const parsed = setWebhookSchema.safeParse(body);
      if (!parsed.success) return toRefusalResponse(createBadRequest(z.prettifyError(parsed.error)));
      const { url, secret_token: secret, allowed_updates: allowed = [] } = parsed.data;
      webhook = url === "" ? undefined : { url, secret, allowed };
      if (webhook) void redeliver();
      return toResultResponse(true);
    },
    getWebhookInfo: (): Response =>
      toResultResponse({
        url: webhook?.url ?? "",
        has_custom_certificate: false,
        pending_update_count: pending.length,
        ...omitUndefined({ allowed_updates: webhook?.allowed, last_error_message: lastError }),
      }),
    /** Adds an update for the bot. Resolves with the update, after one delivery attempt when there is a webhook. */
    async addUpdate(kind: "message" | "callback_query", content: object): Promise<SimulatedUpdate> {
      const update: SimulatedUpdate = { update_id: nextId, [kind]: content };
      nextId += 1;
      pending.push(update);
      if (webhook) await redeliver();
      else resolvePoll?.([...pending]);
      return update;
    },
    /** Delivers the same update again, as Telegram does after a lost answer. */
    async repeatUpdate(update: SimulatedUpdate): Promise<void> {
      if (!pending.includes(update)) pending.push(update);
      if (webhook) await redeliver();
      else resolvePoll?.([...pending]);
    },
    redeliver,
    /** Ends a waiting getUpdates call with an empty list. */
    releasePoll: () => resolvePoll?.([]),
  };
}
