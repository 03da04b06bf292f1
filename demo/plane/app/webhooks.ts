import { type Call, created, empty, endpoint, ok, type Site } from "../endpoint.ts";
import { pythonRepr } from "../python-json.ts";
import { appNotFound, Refusal } from "../refusal.ts";
import type { Json, JsonObject, WebhookLogRow, WebhookRow } from "../rows.ts";
import { type At, authors, opening } from "../show.ts";
import { createWebhook, newSecret, webhooksOf } from "../webhooks.ts";
import { newestFirst, touch, type World } from "../world.ts";
import { readerOf, sessionDoor, workspaceFor } from "./door.ts";

const EVENTS = ["project", "issue", "module", "cycle", "issue_comment"] as const;

const showWebhook = (row: WebhookRow, at: At): JsonObject => {
  const { id, ...times } = opening(row, at);
  return {
    id,
    url: row.url,
    ...times,
    is_active: row.is_active,
    secret_key: row.secret_key,
    project: row.project,
    issue: row.issue,
    module: row.module,
    cycle: row.cycle,
    issue_comment: row.issue_comment,
    is_internal: false,
    version: "v1",
    ...authors(row),
    workspace: row.workspace,
  };
};

const showLog = (world: World, row: WebhookLogRow, at: At): JsonObject => ({
  ...opening(row, at),
  webhook: row.webhook,
  event_type: row.event_type,
  request_method: row.request_method,
  request_headers: pythonRepr(row.request_headers),
  request_body: pythonRepr(row.request_body),
  response_status: row.response_status,
  response_headers: row.response_headers === null ? "" : pythonRepr(row.response_headers),
  response_body: row.response_body,
  retry_count: row.retry_count,
  ...authors(row),
  workspace: world.data.webhooks.get(row.webhook)?.workspace ?? null,
});

const PRIVATE = /^(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|0\.|\[?::1|\[?f[cd])/;
const LOOPBACK = /^(127\.|\[?::1|localhost$)/;

/** Who the webhook may point at. Names are not looked up here; those without a dot are refused. */
function checkUrl(call: Call, given: Json | undefined): string {
  const { world } = call;
  const refuse = (why: string) => new Refusal(400, { url: why });
  if (typeof given !== "string" || !URL.canParse(given)) throw new Refusal(400, { url: ["Enter a valid URL."] });
  const { hostname, protocol } = new URL(given);
  if (protocol !== "http:" && protocol !== "https:") throw refuse("Invalid schema. Only HTTP and HTTPS are allowed.");
  const old = world.version === "1.2.2";
  // Whatever may be allowed: the form of the address is looked at first.
  if (!old && !/[.:]/.test(hostname) && hostname !== "localhost")
    throw new Refusal(400, { url: ["Enter a valid URL."] });
  if (!old && world.webhookAllowedHosts.includes(hostname)) return given;
  if (old ? LOOPBACK.test(hostname) : PRIVATE.test(hostname) || hostname === "localhost")
    throw refuse("Invalid or disallowed webhook URL.");
  const own = new URL(world.site()).hostname;
  if (hostname === own || hostname.endsWith(`.${own}`)) throw refuse("URL domain or its subdomain is not allowed.");
  return given;
}

function webhookIn(call: Call): WebhookRow {
  const workspace = workspaceFor(call, 20);
  const row = call.world.data.webhooks.get(call.params["webhookId"] ?? "");
  if (row?.workspace !== workspace.id) throw appNotFound();
  return row;
}

export function webhookRoutes(app: Site, world: World): void {
  const door = sessionDoor("GET, POST, PATCH, DELETE, HEAD, OPTIONS");
  const root = "/api/workspaces/:slug/webhooks/";
  const isTaken = (workspace: string, url: string, self?: WebhookRow) =>
    webhooksOf(world, workspace).some((row) => row.url === url && row !== self);
  const taken = () => new Refusal(409, { error: "URL already exists for the workspace" });

  endpoint(app, world, door, root, {
    GET: (call) =>
      ok(newestFirst(webhooksOf(world, workspaceFor(call, 20).id)).map((row) => showWebhook(row, call.at))),
    POST: async (call) => {
      const workspace = workspaceFor(call, 20);
      const body = await call.json();
      const url = checkUrl(call, body["url"]);
      if (isTaken(workspace.id, url)) throw taken();
      const events = Object.fromEntries(EVENTS.map((event) => [event, body[event] === true]));
      const is_active = body["is_active"] !== false;
      const row = createWebhook(world, workspace.id, { url, is_active, ...events }, readerOf(call).id);
      return created(showWebhook(row, call.at));
    },
  });
  endpoint(app, world, door, `${root}:webhookId/`, {
    GET: (call) => ok(showWebhook(webhookIn(call), call.at)),
    PATCH: async (call) => {
      const row = webhookIn(call);
      const body = await call.json();
      if (body["url"] !== undefined) {
        const url = checkUrl(call, body["url"]);
        if (isTaken(row.workspace, url, row)) throw taken();
        row.url = url;
      }
      for (const field of [...EVENTS, "is_active"] as const) {
        const value = body[field];
        if (typeof value === "boolean") row[field] = value;
      }
      touch(world, row, readerOf(call).id);
      return ok(showWebhook(row, call.at));
    },
    DELETE: (call) => {
      world.data.webhooks.delete(webhookIn(call).id);
      return empty();
    },
  });
  endpoint(app, world, sessionDoor("POST, OPTIONS"), `${root}:webhookId/regenerate/`, {
    POST: (call) => {
      const row = webhookIn(call);
      row.secret_key = newSecret(world);
      touch(world, row, readerOf(call).id);
      return ok(showWebhook(row, call.at));
    },
  });
  endpoint(app, world, sessionDoor("GET, HEAD, OPTIONS"), "/api/workspaces/:slug/webhook-logs/:webhookId/", {
    GET: (call) => {
      workspaceFor(call, 20);
      const rows = [...world.data.webhookLogs.values()].filter((row) => row.webhook === call.params["webhookId"]);
      return ok(newestFirst(rows).map((row) => showLog(world, row, call.at)));
    },
  });
}
