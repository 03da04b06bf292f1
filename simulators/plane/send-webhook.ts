import type { JsonObject, WebhookLogRow, WebhookRow } from "./rows.ts";
import { formatHttpDate } from "./time.ts";
import type { Id } from "./types.ts";
import { signWebhook } from "./webhooks.ts";
import { createRow, type PlaneWorld } from "./world.ts";

/** The result of one delivery attempt. `status` is null without an answer; any HTTP answer counts as delivered. */
export interface WebhookAttempt {
  delivery: Id;
  status: number | null;
}

const toHeaderCase = (name: string): string => name.replaceAll(/(^|-)([a-z])/g, (_, dash, c) => dash + c.toUpperCase());

/** Limit of stored webhook logs: 500, enough to inspect. Plane deletes old logs as well. */
const MAX_LOGS = 500;

function storeLog(world: PlaneWorld, log: WebhookLogRow): void {
  const { webhookLogs } = world.data;
  webhookLogs.set(log.id, log);
  const [oldest] = webhookLogs.keys();
  if (webhookLogs.size > MAX_LOGS && oldest !== undefined) webhookLogs.delete(oldest);
}

/**
 * Posts a webhook once, as Plane does, and writes the webhook log.
 *
 * @param body the payload as it is signed and sent
 * @param timeout milliseconds to wait for the answer; Plane waits 30 s
 */
export async function sendWebhook(
  world: PlaneWorld,
  webhook: WebhookRow,
  payload: JsonObject,
  body: string,
  retry: number,
  timeout: number,
): Promise<WebhookAttempt> {
  const delivery = world.newId();
  const headers = {
    "Content-Type": "application/json",
    "User-Agent": "Autopilot",
    "X-Plane-Delivery": delivery,
    "X-Plane-Event": String(payload["event"]),
    "X-Plane-Signature": signWebhook(webhook.secret_key, body),
  };
  const log: WebhookLogRow = {
    ...createRow(world, null),
    webhook: webhook.id,
    event_type: String(payload["event"]),
    request_method: String(payload["action"]),
    request_headers: headers,
    request_body: payload,
    response_status: "500",
    response_headers: null,
    response_body: "",
    retry_count: retry,
  };
  storeLog(world, log);
  try {
    const response = await fetch(webhook.url, { method: "POST", headers, body, signal: AbortSignal.timeout(timeout) });
    log.response_body = await response.text();
    log.response_status = String(response.status);
    const responseHeaders: JsonObject = Object.fromEntries(
      [...response.headers].map(([name, value]) => [toHeaderCase(name), value]),
    );
    log.response_headers = { Date: formatHttpDate(world.clock()), ...responseHeaders };
    return { delivery, status: response.status };
  } catch (error) {
    log.response_body = String(error instanceof Error ? (error.cause ?? error) : error);
    return { delivery, status: null };
  }
}
