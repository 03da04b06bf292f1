import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Ms } from "../../shared/time.ts";
import type { QueryDeps } from "./plane-query.ts";

/** Timeout for one request to the runtime: 5 s, because it answers from memory. */
const TIMEOUT_MS: Ms = 5_000;

/**
 * Limit of the last canary's age: two hours. One is sent every hour and awaited for a minute, so an older one had no
 * successor.
 */
export const STALE_CANARY_S = 2 * 3_600;

const healthSchema = z.object({
  status: z.string(),
  version: z.string(),
  queues: z.record(z.string(), z.object({ pending: z.number(), dead: z.number() })),
});

const partSchema = z.object({
  ok: z.boolean().nullable(),
  age_s: z.number().nullable(),
  error: z.string().optional(),
  hold_s: z.number().optional(),
});

const readySchema = z.object({
  status: z.string(),
  store: partSchema.optional(),
  plane: partSchema.optional(),
  telegram: partSchema.optional(),
  webhooks: partSchema.extend({ seconds: z.number().nullable() }).optional(),
  first_look: z
    .object({
      projects_left: z.number(),
      tasks_left: z.number(),
      items_left: z.number(),
      /** Absent in answers of version 0.2. */
      stage: z.enum(["projects", "blockers"]).optional(),
      percent: z.number().optional(),
    })
    .optional(),
  untrusted_proxy: z.string().optional(),
});

/** Answer of `/health` with status 503. */
const unavailableSchema = z.object({ error: z.object({ code: z.literal("unavailable"), message: z.string() }) });

export type RuntimeHealth = z.infer<typeof healthSchema>;
export type FirstLookState = z.infer<typeof readySchema>["first_look"];
export type CanaryHealth = z.infer<typeof readySchema>["webhooks"];

/** Answer of the runtime at an address. */
export type RuntimeProbe =
  | { alive: false; why: string }
  /** Something answered, but refused the request or is not Groundcrew; `why` says which. */
  | { alive: true; why: string }
  | ({ alive: true; health: z.infer<typeof healthSchema> } & ReadyProbe)
  /** Groundcrew answered that its store does not work. */
  | ({ alive: true; storeFailure: string } & ReadyProbe);

interface ReadyProbe {
  ready?: z.infer<typeof readySchema>;
  readyRefused?: string;
}

/** Requests `/health`, and with an ADMIN_TOKEN also `/ready`. */
export async function probeRuntime(
  deps: QueryDeps,
  url: string,
  adminToken: string | undefined,
): Promise<RuntimeProbe> {
  const healthReply = await fetchJson(deps, `${url}/health`);
  if ("why" in healthReply) return { alive: false, why: healthReply.why };
  const health = healthSchema.safeParse(healthReply.json);
  if (health.success) return { alive: true, health: health.data, ...(await probeReady(deps, url, adminToken)) };
  const unavailable = unavailableSchema.safeParse(healthReply.json);
  if (!unavailable.success)
    return { alive: true, why: `answers /health with ${healthReply.status}, but not like Groundcrew` };
  const readyProbe = await probeReady(deps, url, adminToken);
  const storeFailure = readyProbe.ready?.store?.error ?? unavailable.data.error.message;
  return { alive: true, storeFailure, ...readyProbe };
}

async function probeReady(deps: QueryDeps, url: string, adminToken: string | undefined): Promise<ReadyProbe> {
  if (adminToken === undefined) return {};
  const reply = await fetchJson(deps, `${url}/ready`, adminToken);
  if ("why" in reply) return { readyRefused: reply.why };
  const state = readySchema.safeParse(reply.json);
  return state.success ? { ready: state.data } : { readyRefused: `answers ${reply.status}` };
}

/** The reason why the running Groundcrew cannot use its store; undefined when it can, or is not running. */
export function getStoreFailure(probe: RuntimeProbe | undefined): string | undefined {
  return probe && "storeFailure" in probe ? probe.storeFailure : undefined;
}

/** Whether the runtime reports that its canary's webhook arrived within the last two hours. */
export function hasRecentCanary(probe: RuntimeProbe | undefined): boolean {
  const webhooks = probe && "ready" in probe ? probe.ready?.webhooks : undefined;
  return webhooks?.ok === true && (webhooks.age_s ?? 0) <= STALE_CANARY_S;
}

async function fetchJson(
  { fetch }: QueryDeps,
  url: string,
  token?: string,
): Promise<{ status: number; json: unknown } | { why: string }> {
  try {
    const headers = {
      accept: "application/json",
      ...omitUndefined({ authorization: token !== undefined ? `Bearer ${token}` : undefined }),
    };
    const response = await fetch(url, { headers, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
    const json: unknown = await response.json().catch(() => undefined);
    return { status: response.status, json };
  } catch (thrown) {
    return { why: getErrorReason(thrown) };
  }
}

function getErrorReason(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if ("code" in error && typeof error.code === "string") return error.code;
  return `no answer within ${TIMEOUT_MS / 1000} s`;
}
