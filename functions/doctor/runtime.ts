import { z } from "zod";
import type { Settings } from "../../shared/config/settings.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Ms } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import type { QueryDeps } from "./plane-query.ts";

const TIMEOUT_MS: Ms = 5_000;
/** A canary is sent every hour, and waited for at most a minute: one that is older was followed by none. */
const STALE_S = 2 * 3_600;

const healthSchema = z.object({
  status: z.string(),
  version: z.string(),
  queues: z.record(z.string(), z.object({ pending: z.number(), dead: z.number() })),
});

const partSchema = z.object({
  ok: z.boolean().nullable(),
  age_s: z.number().nullable(),
  error: z.string().optional(),
});

const readySchema = z.object({
  status: z.string(),
  store: partSchema.optional(),
  plane: partSchema.optional(),
  telegram: partSchema.optional(),
  webhooks: partSchema.extend({ seconds: z.number().nullable() }).optional(),
});

/** What a runtime at an address answered. */
export type RuntimeProbe =
  | { alive: false; why: string }
  /** Something answered, but refused or in another form: `why`. */
  | { alive: true; why: string }
  | { alive: true; health: z.infer<typeof healthSchema>; ready?: z.infer<typeof readySchema>; readyRefused?: string };

/** Asks `/health`, and `/ready` with an ADMIN_TOKEN. */
export async function probeRuntime(
  deps: QueryDeps,
  url: string,
  adminToken: string | undefined,
): Promise<RuntimeProbe> {
  const healthReply = await fetchJson(deps, `${url}/health`);
  if ("why" in healthReply) return { alive: false, why: healthReply.why };
  const parsed = healthSchema.safeParse(healthReply.json);
  if (!parsed.success)
    return { alive: true, why: `answers /health with ${healthReply.status}, not as Groundcrew does` };
  if (adminToken === undefined) return { alive: true, health: parsed.data };
  const readyReply = await fetchJson(deps, `${url}/ready`, adminToken);
  if ("why" in readyReply) return { alive: true, health: parsed.data, readyRefused: readyReply.why };
  const state = readySchema.safeParse(readyReply.json);
  if (!state.success) return { alive: true, health: parsed.data, readyRefused: `answers ${readyReply.status}` };
  return { alive: true, health: parsed.data, ready: state.data };
}

/** Whether the runtime says that its canary's webhook came back, and not too long ago. */
export function hasRecentCanary(probe: RuntimeProbe | undefined): boolean {
  const webhooks = probe && "health" in probe ? probe.ready?.webhooks : undefined;
  return webhooks?.ok === true && (webhooks.age_s ?? 0) <= STALE_S;
}

export function checkRuntime(url: string, probe: RuntimeProbe, { adminTokens, plane }: Settings): DoctorCheck[] {
  const name = "runtime";
  if (!probe.alive) return [reportWarning(name, `does not run at ${url}: ${probe.why}`, "Start it with `npm start`.")];
  if (!("health" in probe))
    return [
      reportFailure(name, `${url} ${probe.why}`, "Is another program there, or is 127.0.0.1 missing in ALLOWED_HOSTS?"),
    ];
  const checks: DoctorCheck[] = [];
  const { version, queues } = probe.health;
  if (version === VERSION) checks.push(reportOk(name, `${version} runs at ${url}`));
  else checks.push(reportWarning(name, `${version} runs at ${url}, and this is ${VERSION}`, "Start it again."));
  const dead = Object.entries(queues).filter(([, queue]) => queue.dead > 0);
  if (dead.length > 0) {
    const counts = dead.map(([queue, counted]) => `${counted.dead} in ${queue}`).join(", ");
    checks.push(
      reportWarning(
        "dead letters",
        `${counts} were set aside`,
        "GET /dead-letters tells why; POST …/replay tries again.",
      ),
    );
  }
  if (adminTokens.length === 0)
    return [...checks, reportWarning("runtime parts", "not asked: there is no ADMIN_TOKEN", "Set ADMIN_TOKEN.")];
  if (!probe.ready) {
    const why = probe.readyRefused ?? "no answer";
    return [
      ...checks,
      reportFailure("runtime parts", `/ready: ${why}`, "Was it started with another ADMIN_TOKEN? Start it again."),
    ];
  }
  const { store, plane: planePart, telegram, webhooks } = probe.ready;
  for (const [what, state] of Object.entries({ store, plane: planePart, telegram }))
    if (state && state.ok !== true) {
      const why = state.error ?? "not used yet";
      checks.push(
        reportWarning(
          "runtime parts",
          `the runtime's last use of ${what} failed: ${why}`,
          "See what is said of it here.",
        ),
      );
    }
  if (plane && plane.webhookSecrets.length > 0) checks.push(checkCanary(webhooks));
  return checks;
}

function checkCanary(webhooks: NonNullable<z.infer<typeof readySchema>["webhooks"]> | undefined): DoctorCheck {
  const name = "webhooks";
  const age = webhooks?.age_s === null || webhooks?.age_s === undefined ? "" : `, ${formatAge(webhooks.age_s)} ago`;
  if (!webhooks || webhooks.ok === null)
    return reportWarning(
      name,
      "no canary has been sent yet",
      "POST /ticks/canary with TICK_TOKEN sends one now; else it comes within the hour.",
    );
  if (webhooks.ok && (webhooks.age_s ?? 0) > STALE_S)
    return reportWarning(
      name,
      `the last canary came back${age}, and none has since`,
      'The runtime\'s log says why ("canary not sent"), or it does not run its ticks.',
    );
  if (webhooks.ok) return reportOk(name, `the last canary came back in ${webhooks.seconds ?? "?"} s${age}`);
  return reportFailure(
    name,
    webhooks.error ?? "the last canary did not come back",
    "Is PUBLIC_URL reachable from Plane, and is the webhook switched on (Plane: Workspace settings, Webhooks)? Until then the poll sees changes.",
  );
}

/** The address that Plane and people use. From its own machine it may lead nowhere, so this is no more than a warning. */
export function checkPublicAddress(publicUrl: string, probe: RuntimeProbe): DoctorCheck {
  const name = "public address";
  if (probe.alive && "health" in probe) return reportOk(name, `${publicUrl} leads to Groundcrew`);
  return reportWarning(
    name,
    `${publicUrl} ${probe.alive ? probe.why : `does not answer here: ${probe.why}`}`,
    "Does its name lead to this machine, and does the proxy pass requests on? Some networks do not reach themselves by it.",
  );
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

function formatAge(seconds: number): string {
  return seconds < 120
    ? `${seconds} s`
    : seconds < 7_200
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3_600)} h`;
}
