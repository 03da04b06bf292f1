/** Checks of the running Groundcrew: what it answers on this machine and at its public address. */

import { z } from "zod";
import type { Settings } from "../../shared/config/settings.ts";
import { findErrorCode } from "../../shared/errors.ts";
import { keepDefined, omitUndefined } from "../../shared/omit-undefined.ts";
import type { Ms } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { collectFindings, createReport, type Finding, findingSchema, type QueryDeps } from "./findings.ts";

/** Timeout for one request to the runtime: 5 s, because it answers from memory. */
const TIMEOUT_MS: Ms = 5_000;

const healthSchema = z.object({
  ...{ status: z.string(), version: z.string() },
  queues: z.record(z.string(), z.object({ dead: z.number() })),
});

/** Answer of `/health` with status 503. */
const unavailableSchema = z.object({ error: z.object({ code: z.literal("unavailable"), message: z.string() }) });

const partSchema = z.object({ error: z.string().optional(), hold_s: z.number().optional() }).optional();

const firstLookSchema = z.object({
  ...{ projects_left: z.number(), tasks_left: z.number(), items_left: z.number() },
  ...{ stage: z.enum(["projects", "blockers"]), percent: z.number() },
});

const deletedNameSchema = z.object({
  ...{ project: z.string(), kind: z.enum(["states", "labels"]), name: z.string(), setting: z.string().optional() },
});

const readySchema = z.object({
  status: z.string(),
  ...{ store: partSchema, plane: partSchema, telegram: partSchema },
  first_look: firstLookSchema.optional(),
  deleted_names: z.array(deletedNameSchema).default([]),
  untrusted_proxy: z.string().optional(),
});

const stepSchema = z.object({
  name: z.string(),
  state: z.enum(["ok", "open", "failed", "unset"]),
  text: z.string(),
  fix: z
    .object({ command: z.string(), file: z.string(), lines: z.array(z.string()) })
    .partial()
    .default({}),
});

const runnerSchema = z.object({ name: z.string(), checks: z.array(findingSchema) });

/** Answer of the runtime at an address. */
export interface RuntimeProbe {
  /** Something has answered. */
  alive: boolean;
  /** Why nothing answered, or why what answered is not Groundcrew or refused the request. */
  why?: string;
  health?: z.infer<typeof healthSchema>;
  /** Groundcrew answered that its store does not work. */
  storeFailure?: string;
  ready?: z.infer<typeof readySchema>;
  setup?: z.infer<typeof stepSchema>[];
  runners?: z.infer<typeof runnerSchema>[];
  readyRefused?: string;
}

/** Checks the running Groundcrew by its own reports, and the last canary. */
export function checkRuntime(url: string, probe: RuntimeProbe, { adminTokens, plane }: Settings): Finding[] {
  const { failed, warning } = createReport("runtime");
  const { alive, why, health, ready, readyRefused, setup = [], runners = [] } = probe;
  if (!alive) return [warning`not running at ${url}: ${why} → Start it with \`npm start\`.`];
  if (why !== undefined)
    return [failed`${url} ${why} → Stop the other program at this port, or add 127.0.0.1 to ALLOWED_HOSTS.`];
  const checks = health
    ? checkHealth(url, health)
    : [failed`it runs at ${url}, but its store does not work → See the findings about store.`];
  const parts = createReport("runtime parts");
  if (adminTokens.length === 0)
    return [...checks, parts.warning`not checked: ADMIN_TOKEN is not set → Set ADMIN_TOKEN.`];
  if (!ready) {
    const detail = readyRefused ?? "no answer";
    const refused = parts.failed`/ready: ${detail} → Restart it: it may have been started with another ADMIN_TOKEN.`;
    return [...checks, refused];
  }
  const { plane: planePart, telegram, first_look, deleted_names, untrusted_proxy } = ready;
  return collectFindings(
    ...checks,
    planePart && reportHold("plane", planePart),
    telegram && reportHold("telegram", telegram),
    ...setup.map(reportStep),
    ...runners.flatMap(reportRunner),
    ...deleted_names.map(reportDeletedName),
    first_look && reportFirstLook(first_look, plane?.rateLimit),
    untrusted_proxy !== undefined &&
      createReport("proxy").warning`${untrusted_proxy} sends X-Forwarded-For, but is not in TRUSTED_PROXIES: the header
        is ignored, and all clients behind this address share one rate limit
        → If it is your proxy, add it to TRUSTED_PROXIES and restart Groundcrew. If not, ignore this: a client sent the
        header itself.`,
  );
}

function checkHealth(url: string, { version, queues }: NonNullable<RuntimeProbe["health"]>): Finding[] {
  const { ok, warning } = createReport("runtime");
  const dead = Object.entries(queues).filter(([, queue]) => queue.dead > 0);
  const counts = dead.map(([queue, counted]) => `${counted.dead} in ${queue}`).join(", ");
  return collectFindings(
    version === VERSION
      ? ok`${version} runs at ${url}`
      : warning`${version} runs at ${url}, but this is ${VERSION} → Restart it.`,
    dead.length > 0 &&
      createReport("dead letters").warning`jobs failed: ${counts}
        → GET /dead-letters lists the reasons; POST …/replay requeues a job, DELETE discards it.`,
  );
}

/** The finding about a system that is held by a rate limit. */
function reportHold(
  part: string,
  { error = "", hold_s }: NonNullable<z.infer<typeof partSchema>>,
): Finding | undefined {
  if (hold_s === undefined) return undefined;
  return createReport("rate limit").failed`${error}
    → It ends by itself with one probe. To send the probe now: DELETE /api/holds/${part} with ADMIN_TOKEN, or "Try now"
    at the top of the page. If it recurs, check the proxy in front of the system and its rate limit.`;
}

/** The finding about a step of the set-up list, as the page shows it. */
function reportStep({ name, state, text, fix: { command, file, lines } }: z.infer<typeof stepSchema>): Finding {
  const todo = [lines && `Set ${lines.join(" and ")}`, command && `Run \`${command}\``, file && `see ${file}`];
  const parts = keepDefined(todo);
  return {
    name: `setup ${name}`,
    status: state === "ok" || state === "failed" ? state : "warning",
    detail: text,
    ...(parts.length > 0 && { todo: `${parts.join("; ")}.` }),
  };
}

/** What a runner has found on its machine, under its name. */
function reportRunner({ name, checks }: z.infer<typeof runnerSchema>): Finding[] {
  return checks.map((check) => ({ ...check, name: `runner ${name}: ${check.name}` }));
}

function reportDeletedName({ project, kind, name, setting }: z.infer<typeof deletedNameSchema>): Finding {
  const { ok, warning } = createReport(kind === "states" ? "plane states" : "plane labels");
  if (kind === "labels")
    return ok`${project}: the label "${name}" was deleted in Plane; it is created again when needed`;
  if (setting === undefined)
    return ok`${project}: the state "${name}" was deleted in Plane; the label "${name}" is used instead`;
  return warning`${project}: the state "${name}", which ${setting} in GROUNDCREW_CONFIG names, was deleted in Plane
    → Create a state of this name in ${project}, or remove the name from ${setting}.`;
}

/** An agent does not start a task whose blockers are unknown, so people should know why agents wait. */
function reportFirstLook(
  { projects_left, tasks_left, items_left, stage, percent }: z.infer<typeof firstLookSchema>,
  requestsPerMinute = 60,
): Finding {
  const minutes = Math.max(1, Math.ceil((projects_left + tasks_left + items_left) / requestsPerMinute));
  return createReport("first look").warning`Groundcrew still reads what was in Plane before: ${projects_left} projects,
    the blockers of ${tasks_left} tasks of agents, and those of ${items_left} other items (${percent} % of the ${stage} read)
    → Wait: about ${minutes} min at ${requestsPerMinute} requests a minute. Agents do not start these tasks before.`;
}

/**
 * Checks the address that Plane and people use. Some networks cannot reach it from inside, so a failure is only a
 * warning.
 */
export function checkPublicAddress(publicUrl: string, probe: RuntimeProbe): Finding {
  const { ok, warning } = createReport("public address");
  if (probe.why === undefined) return ok`${publicUrl} leads to Groundcrew`;
  return warning`${publicUrl} ${probe.alive ? probe.why : `cannot be reached from this machine: ${probe.why}`}
    → Check DNS and the proxy. Some networks cannot reach their own public address from inside; then ignore this.`;
}

/** Requests `/health`, and with an ADMIN_TOKEN also `/ready`. */
export async function probeRuntime(
  deps: QueryDeps,
  url: string,
  adminToken: string | undefined,
): Promise<RuntimeProbe> {
  const reply = await fetchJson(deps, `${url}/health`);
  if ("why" in reply) return { alive: false, why: reply.why };
  const health = healthSchema.safeParse(reply.json).data;
  const unavailable = unavailableSchema.safeParse(reply.json).data;
  if (!health && !unavailable)
    return { alive: true, why: `answers /health with ${reply.status}, but not like Groundcrew` };
  const parts = await probeReady(deps, url, adminToken);
  if (health) return { alive: true, health, ...parts };
  const storeFailure = parts.ready?.store?.error ?? unavailable?.error.message;
  return { alive: true, ...omitUndefined({ storeFailure }), ...parts };
}

async function fetchJson(
  { fetch }: QueryDeps,
  url: string,
  token?: string,
): Promise<{ status: number; json: unknown } | { why: string }> {
  try {
    const headers = { accept: "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const response = await fetch(url, { headers, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
    const json: unknown = await response.json().catch(() => undefined);
    return { status: response.status, json };
  } catch (thrown) {
    return { why: findErrorCode(thrown) ?? `no answer within ${TIMEOUT_MS / 1000} s` };
  }
}

async function probeReady(deps: QueryDeps, url: string, token: string | undefined): Promise<Partial<RuntimeProbe>> {
  if (token === undefined) return {};
  const reply = await fetchJson(deps, `${url}/ready`, token);
  if ("why" in reply) return { readyRefused: reply.why };
  const ready = readySchema.safeParse(reply.json).data;
  if (!ready) return { readyRefused: `answers ${reply.status}` };
  const read = async <T>(path: string, schema: z.ZodType<T>) => {
    const answer = await fetchJson(deps, `${url}${path}`, token);
    return "json" in answer ? schema.safeParse(answer.json).data : undefined;
  };
  const setup = await read("/api/setup?language=en", z.object({ steps: z.array(stepSchema) }));
  const sessions = await read("/api/sessions", z.object({ runners: z.array(runnerSchema) }));
  return { ready, ...omitUndefined({ setup: setup?.steps, runners: sessions?.runners }) };
}

/** Whether the runtime reports that webhooks arrive: those of its canary do. */
export function hasRecentCanary(probe: RuntimeProbe | undefined): boolean {
  return probe?.setup?.some(({ name, state }) => name === "webhook" && state === "ok") ?? false;
}
