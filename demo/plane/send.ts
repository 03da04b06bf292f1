import type { JsonObject, WebhookLogRow, WebhookRow } from "./rows.ts";
import { httpDate } from "./time.ts";
import type { Id } from "./types.ts";
import { signature } from "./webhooks.ts";
import { newRow, type World } from "./world.ts";

/** What one attempt came to. Any HTTP answer counts as delivered. */
export interface Sent {
  delivery: Id;
  status: number | null;
}

const pythonic = (name: string): string => name.replaceAll(/(^|-)([a-z])/g, (_, dash, c) => dash + c.toUpperCase());

/** Plane forgets its log in time; so many are enough to look into. */
const LOGS = 500;

function keep(world: World, log: WebhookLogRow): void {
  const { webhookLogs } = world.data;
  webhookLogs.set(log.id, log);
  const [oldest] = webhookLogs.keys();
  if (webhookLogs.size > LOGS && oldest !== undefined) webhookLogs.delete(oldest);
}

/** Posts a payload (`body` is its bytes) once, as Plane does, and writes the webhook log. `limit` is Plane's 30 s. */
export async function send(
  world: World,
  webhook: WebhookRow,
  payload: JsonObject,
  body: string,
  retry: number,
  limit: number,
): Promise<Sent> {
  const delivery = world.newId();
  const headers = {
    "Content-Type": "application/json",
    "User-Agent": "Autopilot",
    "X-Plane-Delivery": delivery,
    "X-Plane-Event": String(payload["event"]),
    "X-Plane-Signature": signature(webhook.secret_key, body),
  };
  const log: WebhookLogRow = {
    ...newRow(world, null),
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
  keep(world, log);
  try {
    const response = await fetch(webhook.url, { method: "POST", headers, body, signal: AbortSignal.timeout(limit) });
    log.response_body = await response.text();
    log.response_status = String(response.status);
    const shown: JsonObject = Object.fromEntries([...response.headers].map(([name, value]) => [pythonic(name), value]));
    log.response_headers = { Date: httpDate(world.clock()), ...shown };
    return { delivery, status: response.status };
  } catch (error) {
    log.response_body = String(error instanceof Error ? (error.cause ?? error) : error);
    return { delivery, status: null };
  }
}
