import { createAppNotFoundError, PlaneApiError } from "../api-error.ts";
import {
  type EndpointCall,
  getReader,
  mountEndpoint,
  type PlaneApp,
  respondCreated,
  respondNoContent,
  respondOk,
} from "../endpoint.ts";
import { toPythonRepr } from "../python-json.ts";
import { renderAuthorColumns, renderBaseColumns, type TimeFormatter } from "../render-row.ts";
import type { Json, JsonObject, WebhookLogRow, WebhookRow } from "../rows.ts";
import { createWebhook, createWebhookSecret, listWebhooks } from "../webhooks.ts";
import { type PlaneWorld, sortNewestFirst, touchRow } from "../world.ts";
import { createSessionPolicy, requireWorkspaceRole } from "./access.ts";

const EVENTS = ["project", "issue", "module", "cycle", "issue_comment"] as const;

const renderWebhook = (row: WebhookRow, formatTime: TimeFormatter): JsonObject => {
  const { id, ...times } = renderBaseColumns(row, formatTime);
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
    ...renderAuthorColumns(row),
    workspace: row.workspace,
  };
};

const renderWebhookLog = (world: PlaneWorld, row: WebhookLogRow, formatTime: TimeFormatter): JsonObject => ({
  ...renderBaseColumns(row, formatTime),
  webhook: row.webhook,
  event_type: row.event_type,
  request_method: row.request_method,
  request_headers: toPythonRepr(row.request_headers),
  request_body: toPythonRepr(row.request_body),
  response_status: row.response_status,
  response_headers: row.response_headers === null ? "" : toPythonRepr(row.response_headers),
  response_body: row.response_body,
  retry_count: row.retry_count,
  ...renderAuthorColumns(row),
  workspace: world.data.webhooks.get(row.webhook)?.workspace ?? null,
});

const PRIVATE_HOST = /^(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|0\.|\[?::1|\[?f[cd])/;
const LOOPBACK_HOST = /^(127\.|\[?::1|localhost$)/;

/** Checks the address of a webhook as Plane does. Names are not resolved here; those without a dot are refused. */
function parseWebhookUrl(call: EndpointCall, value: Json | undefined): string {
  const { world } = call;
  const createUrlError = (reason: string) => new PlaneApiError(400, { url: reason });
  if (typeof value !== "string" || !URL.canParse(value)) throw new PlaneApiError(400, { url: ["Enter a valid URL."] });
  const { hostname, protocol } = new URL(value);
  if (protocol !== "http:" && protocol !== "https:")
    throw createUrlError("Invalid schema. Only HTTP and HTTPS are allowed.");
  const isOldVersion = world.version === "1.2.2";
  // Plane checks the form of the address before the list of allowed hosts.
  if (!isOldVersion && !/[.:]/.test(hostname) && hostname !== "localhost")
    throw new PlaneApiError(400, { url: ["Enter a valid URL."] });
  if (!isOldVersion && world.webhookAllowedHosts.includes(hostname)) return value;
  if (isOldVersion ? LOOPBACK_HOST.test(hostname) : PRIVATE_HOST.test(hostname) || hostname === "localhost")
    throw createUrlError("Invalid or disallowed webhook URL.");
  const ownHost = new URL(world.baseUrl()).hostname;
  if (hostname === ownHost || hostname.endsWith(`.${ownHost}`))
    throw createUrlError("URL domain or its subdomain is not allowed.");
  return value;
}

function getPathWebhook(call: EndpointCall): WebhookRow {
  const workspace = requireWorkspaceRole(call, 20);
  const row = call.world.data.webhooks.get(call.params["webhookId"] ?? "");
  if (row?.workspace !== workspace.id) throw createAppNotFoundError();
  return row;
}

export function mountWebhookRoutes(app: PlaneApp, world: PlaneWorld): void {
  const policy = createSessionPolicy("GET, POST, PATCH, DELETE, HEAD, OPTIONS");
  const root = "/api/workspaces/:slug/webhooks/";
  const isTaken = (workspace: string, url: string, self?: WebhookRow) =>
    listWebhooks(world, workspace).some((row) => row.url === url && row !== self);
  const createUrlConflict = () => new PlaneApiError(409, { error: "URL already exists for the workspace" });

  mountEndpoint(app, world, policy, root, {
    GET: (call) =>
      respondOk(
        sortNewestFirst(listWebhooks(world, requireWorkspaceRole(call, 20).id)).map((row) =>
          renderWebhook(row, call.formatTime),
        ),
      ),
    POST: async (call) => {
      const workspace = requireWorkspaceRole(call, 20);
      const body = await call.json();
      const url = parseWebhookUrl(call, body["url"]);
      if (isTaken(workspace.id, url)) throw createUrlConflict();
      const events = Object.fromEntries(EVENTS.map((event) => [event, body[event] === true]));
      const is_active = body["is_active"] !== false;
      const row = createWebhook(world, workspace.id, { url, is_active, ...events }, getReader(call).id);
      return respondCreated(renderWebhook(row, call.formatTime));
    },
  });
  mountEndpoint(app, world, policy, `${root}:webhookId/`, {
    GET: (call) => respondOk(renderWebhook(getPathWebhook(call), call.formatTime)),
    PATCH: async (call) => {
      const row = getPathWebhook(call);
      const body = await call.json();
      if (body["url"] !== undefined) {
        const url = parseWebhookUrl(call, body["url"]);
        if (isTaken(row.workspace, url, row)) throw createUrlConflict();
        row.url = url;
      }
      for (const field of [...EVENTS, "is_active"] as const) {
        const value = body[field];
        if (typeof value === "boolean") row[field] = value;
      }
      touchRow(world, row, getReader(call).id);
      return respondOk(renderWebhook(row, call.formatTime));
    },
    DELETE: (call) => {
      world.data.webhooks.delete(getPathWebhook(call).id);
      return respondNoContent();
    },
  });
  mountEndpoint(app, world, createSessionPolicy("POST, OPTIONS"), `${root}:webhookId/regenerate/`, {
    POST: (call) => {
      const row = getPathWebhook(call);
      row.secret_key = createWebhookSecret(world);
      touchRow(world, row, getReader(call).id);
      return respondOk(renderWebhook(row, call.formatTime));
    },
  });
  mountEndpoint(
    app,
    world,
    createSessionPolicy("GET, HEAD, OPTIONS"),
    "/api/workspaces/:slug/webhook-logs/:webhookId/",
    {
      GET: (call) => {
        requireWorkspaceRole(call, 20);
        const rows = [...world.data.webhookLogs.values()].filter((row) => row.webhook === call.params["webhookId"]);
        return respondOk(sortNewestFirst(rows).map((row) => renderWebhookLog(world, row, call.formatTime)));
      },
    },
  );
}
