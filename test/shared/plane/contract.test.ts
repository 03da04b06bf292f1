import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { noMetrics } from "../../../shared/metrics.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import {
  accountsApi,
  apiTokensApi,
  authApi,
  createPlaneSession,
  instanceAdminApi,
  webhooksApi,
  workspaceInvitationsApi,
  workspaceMembersApi,
  workspacesApi,
} from "../../../shared/plane/app/session.ts";
import { attachmentsApi, uploadFile } from "../../../shared/plane/attachments.ts";
import { createPageSchema, type Endpoint, planeTimeSchema } from "../../../shared/plane/endpoint.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneRateLimitedError,
} from "../../../shared/plane/errors.ts";
import * as projectApis from "../../../shared/plane/projects.ts";
import { createRequestSender, parseReply } from "../../../shared/plane/request.ts";
import * as workItemApis from "../../../shared/plane/work-items.ts";
import { type RecordedExchange, readRecordedExchanges, startReplayServer } from "../../support/plane-replay-server.ts";
import { createPlaneClientHarness } from "./plane-client-harness.ts";

const { workItemsApi, workItemSchema } = workItemApis;
const APIS = [
  ...[accountsApi, apiTokensApi, authApi, instanceAdminApi, webhooksApi, workspaceInvitationsApi, workspaceMembersApi],
  ...[workspacesApi, attachmentsApi, projectApis.instanceApi, projectApis.usersApi, projectApis.membersApi],
  ...[projectApis.projectsApi, projectApis.projectMembersApi, projectApis.statesApi, projectApis.labelsApi],
  ...[workItemsApi, workItemApis.relationsApi, workItemApis.commentsApi, workItemApis.activitiesApi],
  ...[workItemApis.cyclesApi, workItemApis.modulesApi],
];
const ENDPOINTS: Endpoint<unknown>[] = APIS.flatMap((api) => Object.values(api));

/** Another route of the members, which Plane has as well. */
const PROJECT_MEMBERS = "/api/v1/workspaces/:workspace/projects/:project/project-members/";

/** The endpoints of recorded exchanges that share their route with another one, or whose answer has chosen fields. */
const ENDPOINTS_BY_NAME: [RegExp, Endpoint<unknown>][] = [
  [/^project_member_add_public2$/, { ...projectApis.projectMembersApi.add, path: PROJECT_MEMBERS }],
  [/^instance_admin_sign_in/, { ...instanceAdminApi.signUp, path: "/api/instances/admins/sign-in/" }],
  [/^project_archived_items$|^work_items_list_pql_ignored$/, workItemsApi.ids],
  [/^work_items_list_by_/, workItemsApi.byExternalId],
  [/^work_items_list_filter_assignee_ignored$/, pickFields("id", "name")],
  [
    /^work_items_list_expand_fields$/,
    pickFields(
      ...(["id", "name", "sequence_id", "state", "assignees", "labels", "priority"] as const),
      ...(["target_date", "updated_at", "project"] as const),
    ),
  ],
];

/** Exchanges on routes that the product does not use, also those that Plane does not have: it has nothing to parse. */
const UNUSED = new RegExp(
  "_absent$|^(?:root_health|app_issue_|comment_delete|link|cycles_list_current|cycle_patch|invitations_list_public|" +
    "project_summary|webhook_(?:get|delete)|api_token_get|workspace_get|instance_configurations|sign_up_switch_|" +
    "work_item_(?:search|delete))",
);

function pickFields(...names: (keyof z.infer<typeof workItemSchema>)[]) {
  const mask = Object.fromEntries(names.map((name) => [name, true])) as { id: true };
  return { ...workItemsApi.list, answer: createPageSchema(workItemSchema.pick(mask)) };
}

/** The values of a route pattern's parameters in a recorded path; undefined when the path does not match. */
function parseRouteParams(pattern: string, path: string): Record<string, string> | undefined {
  const match = new RegExp(`^${pattern.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)")}$`).exec(path);
  return match ? { ...match.groups } : undefined;
}

function findEndpoint({ name, request: { method, path } }: RecordedExchange): Endpoint<unknown> {
  const methodSchema = z.enum(["GET", "POST", "PATCH", "DELETE"]);
  if (UNUSED.test(name)) return { operation: name, method: methodSchema.parse(method), path, answer: z.unknown() };
  const named = ENDPOINTS_BY_NAME.find(([pattern]) => pattern.test(name))?.[1];
  const found = named ?? ENDPOINTS.find((one) => one.method === method && parseRouteParams(one.path, path));
  if (!found) throw new Error(`no endpoint is known for the recorded ${name}`);
  return found;
}

const files = readRecordedExchanges();
const STORAGE = "http://storage.test";
const replayServer = await startReplayServer();
afterAll(() => replayServer.close());

/** Redirects requests to the storage to the replay server. */
const routeToReplay: typeof fetch = (input, init) => fetch(String(input).replace(STORAGE, replayServer.url), init);
const network = { fetch: routeToReplay, metrics: noMetrics, clock: Date.now };

/** Repeats the recorded request with the part of the client that makes such calls. */
async function callAsRecorded(exchange: RecordedExchange): Promise<unknown> {
  const { name, as, auth, request } = exchange;
  const { query, json, form } = request;
  if (name === "attachment_upload_to_storage") {
    const created = files.get("attachments.json")?.find((one) => one.name === "attachment_create");
    const ticket = attachmentsApi.create.answer.parse(created?.response.body);
    expect({ path: ticket.upload_data.url, form: ticket.upload_data.fields }).toEqual({ path: request.path, form });
    return uploadFile(network, ticket, new Blob(["bytes of the report"]));
  }
  if (name === "malformed_json" || name === "method_not_allowed") {
    const send = createRequestSender(network);
    const sent = { operation: name, method: request.method, route: request.path, url: replayServer.url + request.path };
    const reply = await send({ ...sent, body: typeof form === "string" ? form : json });
    return parseReply({ ...workItemsApi.list, operation: name }, reply).data;
  }
  const endpoint = findEndpoint(exchange);
  const params = parseRouteParams(endpoint.path, request.path);
  if (!params || endpoint.method !== request.method)
    throw new Error(`${name} is recorded on another route than ${endpoint.path}`);
  if (auth === "api_key" || endpoint.operation.startsWith("instance_info")) {
    const { workspace = "javisi" } = params;
    const key = { workspace, apiKey: `plane_api_${as}_token`, retryDelays: [] };
    const { client } = createPlaneClientHarness({ url: replayServer.url, ...key });
    return (await client.call(endpoint, { params, ...omitUndefined({ query, json }) })).data;
  }
  const session = createPlaneSession({ ...network, url: replayServer.url });
  const body = omitUndefined({ json, form: typeof form === "object" ? form : undefined });
  return (await session.call(endpoint, { params, ...omitUndefined({ query }), ...body })).data;
}

describe.each([...files])("%s", (_file, exchanges) => {
  const rows = exchanges.map((exchange, nth) => ({ nth, name: exchange.name, exchange }));
  test.each(rows)("$nth $name is requested and answered as recorded", async ({ exchange }) => {
    replayServer.play(exchange.response);
    const outcome = await callAsRecorded(exchange).catch((thrown: unknown) => thrown);
    expect(replayServer.received).toHaveLength(1);
    expectRequest(exchange);
    expectOutcome(outcome, exchange);
  });
});

test("the recording has not lost an exchange", () => {
  expect([...files.values()].flat()).toHaveLength(191);
});

function expectRequest({ as, auth, request }: RecordedExchange) {
  const [got] = replayServer.received;
  const isUpload = request.path.startsWith(STORAGE);
  const query = Object.entries(request.query ?? {}).map(([name, value]) => [name, String(value)]);
  const path = request.path.replace(STORAGE, "");
  expect(got).toMatchObject({ method: request.method, path, query: Object.fromEntries(query) });
  const hasKey = auth === "api_key" && request.path.startsWith("/api/v1/") && request.method !== "PUT";
  const key = hasKey && typeof request.form !== "string" ? `plane_api_${as}_token` : undefined;
  expect(got?.headers["x-api-key"]).toBe(key);
  const body = got?.body ?? "";
  if (request.json) expect(JSON.parse(body)).toEqual(request.json);
  else if (typeof request.form === "string") expect(body).toBe(request.form);
  else if (isUpload) expectMultipart(body, request.form ?? {});
  else if (request.form) expect(Object.fromEntries(new URLSearchParams(body))).toEqual(request.form);
  else expect(body).toBe("");
}

/** Expects each recorded field as a part of its own, followed by the file. */
function expectMultipart(body: string, form: Record<string, string>) {
  const parts = body.split(/--[-\w]+\r\n|--[-\w]+--\r\n/).filter(Boolean);
  const names = parts.map((part) => /name="([^"]+)"/.exec(part)?.[1]);
  expect(names).toEqual([...Object.keys(form), "file"]);
  for (const [nth, value] of Object.values(form).entries()) expect(parts[nth]).toContain(`\r\n\r\n${value}\r\n`);
  expect(parts.at(-1)).toContain("bytes of the report");
}

const ERRORS: Record<number, unknown> = {
  400: PlaneInvalidError,
  401: PlaneAuthError,
  403: PlaneAuthError,
  404: PlaneNotFoundError,
  409: PlaneConflictError,
  429: PlaneRateLimitedError,
};

function expectOutcome(outcome: unknown, { name, response }: RecordedExchange) {
  const { status, body, headers } = response;
  if (status < 300) return UNUSED.test(name) || expectFromPlane(outcome, body ?? undefined);
  if (status === 302) {
    if (name === "attachment_get") return expect(outcome).toEqual({ location: headers["location"] });
    const query = new URL(headers["location"] ?? "").searchParams;
    const refused = { code: Number(query.get("error_code")), reason: query.get("error_message") };
    return expect(outcome).toEqual({ refused: refused.code === 0 ? undefined : refused });
  }
  expect(outcome).toBeInstanceOf(ERRORS[status] ?? PlaneError);
  if (outcome instanceof PlaneError) {
    expect(outcome.status).toBe(status);
    for (const text of getTexts(body)) expect(outcome.message).toContain(text);
  }
  if (outcome instanceof PlaneConflictError) expect(outcome.id).toBe(isRecord(body) ? body["id"] : undefined);
  if (outcome instanceof PlaneRateLimitedError) expect(outcome.retryAfter).toBe(60_000);
  if (outcome instanceof PlaneAuthError)
    expect(outcome.reason).toBe(/api_key|deleted_token|configurations/.test(name) ? "key" : "permission");
  if (outcome instanceof PlaneNotFoundError)
    expect(outcome.noRoute).toBe(JSON.stringify(body).includes("Page not found."));
}

/** Expects every value of the answer at the same place in Plane's answer; only the format of times may differ. */
function expectFromPlane(answer: unknown, recorded: unknown) {
  if (Array.isArray(answer) && Array.isArray(recorded)) {
    expect(answer).toHaveLength(recorded.length);
    for (const [nth, entry] of answer.entries()) expectFromPlane(entry, recorded[nth]);
  } else if (isRecord(answer) && isRecord(recorded)) {
    expect(Object.keys(answer).length).toBeGreaterThan(0);
    for (const [key, value] of Object.entries(answer)) expectFromPlane(value, recorded[key]);
  } else if (answer !== recorded && typeof recorded === "string") expect(answer).toBe(planeTimeSchema.parse(recorded));
  else expect(answer).toEqual(recorded);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The texts in the body of an error, without the id of a 409. */
function getTexts(body: unknown): string[] {
  if (typeof body === "string") return [body];
  if (!isRecord(body) && !Array.isArray(body)) return [];
  return Object.entries(body).flatMap(([key, value]) => (key === "id" ? [] : getTexts(value)));
}
