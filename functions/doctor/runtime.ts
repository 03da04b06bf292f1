import { z } from "zod";
import type { Settings } from "../../shared/config.ts";
import type { Ms } from "../../shared/store/port.ts";
import { VERSION } from "../../shared/version.ts";
import { type Check, failed, ok, warning } from "./check.ts";
import type { AskDeps } from "./plane-ask.ts";

const LIMIT_MS: Ms = 5_000;
/** A canary is sent every hour, and waited for at most a minute: one that is older was followed by none. */
const STALE_S = 2 * 3_600;

const health = z.object({
  status: z.string(),
  version: z.string(),
  queues: z.record(z.string(), z.object({ pending: z.number(), dead: z.number() })),
});

const part = z.object({
  ok: z.boolean().nullable(),
  age_s: z.number().nullable(),
  error: z.string().optional(),
});

const ready = z.object({
  status: z.string(),
  store: part.optional(),
  plane: part.optional(),
  telegram: part.optional(),
  webhooks: part.extend({ seconds: z.number().nullable() }).optional(),
});

/** What a runtime at an address answered. */
export type RuntimeSeen =
  | { alive: false; why: string }
  /** Something answered, but refused or in another form: `why`. */
  | { alive: true; why: string }
  | { alive: true; health: z.infer<typeof health>; ready?: z.infer<typeof ready>; readyRefused?: string };

/** Asks `/health`, and `/ready` with an ADMIN_TOKEN. */
export async function seeRuntime(deps: AskDeps, url: string, adminToken: string | undefined): Promise<RuntimeSeen> {
  const asked = await ask(deps, `${url}/health`);
  if ("why" in asked) return { alive: false, why: asked.why };
  const parsed = health.safeParse(asked.json);
  if (!parsed.success) return { alive: true, why: `answers /health with ${asked.status}, not as Groundcrew does` };
  if (adminToken === undefined) return { alive: true, health: parsed.data };
  const told = await ask(deps, `${url}/ready`, adminToken);
  if ("why" in told) return { alive: true, health: parsed.data, readyRefused: told.why };
  const state = ready.safeParse(told.json);
  if (!state.success) return { alive: true, health: parsed.data, readyRefused: `answers ${told.status}` };
  return { alive: true, health: parsed.data, ready: state.data };
}

/** Whether the runtime says that its canary's webhook came back, and not too long ago. */
export function comesBack(seen: RuntimeSeen | undefined): boolean {
  const webhooks = seen && "health" in seen ? seen.ready?.webhooks : undefined;
  return webhooks?.ok === true && (webhooks.age_s ?? 0) <= STALE_S;
}

export function runtimeChecks(url: string, seen: RuntimeSeen, { adminTokens, plane }: Settings): Check[] {
  const name = "runtime";
  if (!seen.alive) return [warning(name, `does not run at ${url}: ${seen.why}`, "Start it with `npm start`.")];
  if (!("health" in seen))
    return [failed(name, `${url} ${seen.why}`, "Is another program there, or is 127.0.0.1 missing in ALLOWED_HOSTS?")];
  const checks: Check[] = [];
  const { version, queues } = seen.health;
  if (version === VERSION) checks.push(ok(name, `${version} runs at ${url}`));
  else checks.push(warning(name, `${version} runs at ${url}, and this is ${VERSION}`, "Start it again."));
  const dead = Object.entries(queues).filter(([, queue]) => queue.dead > 0);
  if (dead.length > 0) {
    const counts = dead.map(([queue, counted]) => `${counted.dead} in ${queue}`).join(", ");
    checks.push(
      warning("dead letters", `${counts} were set aside`, "GET /dead-letters tells why; POST …/replay tries again."),
    );
  }
  if (adminTokens.length === 0)
    return [...checks, warning("runtime parts", "not asked: there is no ADMIN_TOKEN", "Set ADMIN_TOKEN.")];
  if (!seen.ready) {
    const why = seen.readyRefused ?? "no answer";
    return [
      ...checks,
      failed("runtime parts", `/ready: ${why}`, "Was it started with another ADMIN_TOKEN? Start it again."),
    ];
  }
  const { store, plane: ofPlane, telegram, webhooks } = seen.ready;
  for (const [what, state] of Object.entries({ store, plane: ofPlane, telegram }))
    if (state && state.ok !== true) {
      const why = state.error ?? "not used yet";
      checks.push(
        warning("runtime parts", `the runtime's last use of ${what} failed: ${why}`, "See what is said of it here."),
      );
    }
  if (plane && plane.webhookSecrets.length > 0) checks.push(canaryCheck(webhooks));
  return checks;
}

function canaryCheck(webhooks: NonNullable<z.infer<typeof ready>["webhooks"]> | undefined): Check {
  const name = "webhooks";
  const when = webhooks?.age_s === null || webhooks?.age_s === undefined ? "" : `, ${ago(webhooks.age_s)} ago`;
  if (!webhooks || webhooks.ok === null)
    return warning(
      name,
      "no canary has been sent yet",
      "POST /ticks/canary with TICK_TOKEN sends one now; else it comes within the hour.",
    );
  if (webhooks.ok && (webhooks.age_s ?? 0) > STALE_S)
    return warning(
      name,
      `the last canary came back${when}, and none has since`,
      'The runtime\'s log says why ("no canary: …"), or it does not run its ticks.',
    );
  if (webhooks.ok) return ok(name, `the last canary came back in ${webhooks.seconds ?? "?"} s${when}`);
  return failed(
    name,
    webhooks.error ?? "the last canary did not come back",
    "Is PUBLIC_URL reachable from Plane, and is the webhook switched on (Plane: Workspace settings, Webhooks)? Until then the poll sees changes.",
  );
}

/** The address that Plane and people use. From its own machine it may lead nowhere, so this is no more than a warning. */
export function publicCheck(publicUrl: string, seen: RuntimeSeen): Check {
  const name = "public address";
  if (seen.alive && "health" in seen) return ok(name, `${publicUrl} leads to Groundcrew`);
  return warning(
    name,
    `${publicUrl} ${seen.alive ? seen.why : `does not answer here: ${seen.why}`}`,
    "Does its name lead to this machine, and does the proxy pass requests on? Some networks do not reach themselves by it.",
  );
}

async function ask(
  { fetch }: AskDeps,
  url: string,
  token?: string,
): Promise<{ status: number; json: unknown } | { why: string }> {
  try {
    const headers = { accept: "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const response = await fetch(url, { headers, redirect: "manual", signal: AbortSignal.timeout(LIMIT_MS) });
    const json: unknown = await response.json().catch(() => undefined);
    return { status: response.status, json };
  } catch (thrown) {
    return { why: reasonOf(thrown) };
  }
}

function reasonOf(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if ("code" in error && typeof error.code === "string") return error.code;
  return `no answer within ${LIMIT_MS / 1000} s`;
}

function ago(seconds: number): string {
  return seconds < 120
    ? `${seconds} s`
    : seconds < 7_200
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3_600)} h`;
}
