import type { Settings } from "../../shared/config/settings.ts";
import { VERSION } from "../../shared/version.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import {
  type CanaryHealth,
  type FirstLookState,
  type RuntimeHealth,
  type RuntimeProbe,
  STALE_CANARY_S,
} from "./probe-runtime.ts";

/** Checks the running Groundcrew by its own reports, and the last canary. */
export function checkRuntime(url: string, probe: RuntimeProbe, { adminTokens, plane }: Settings): DoctorCheck[] {
  const name = "runtime";
  if (!probe.alive) return [reportWarning(name, `not running at ${url}: ${probe.why}`, "Start it with `npm start`.")];
  if ("why" in probe)
    return [
      reportFailure(
        name,
        `${url} ${probe.why}`,
        "Stop the other program at this port, or add 127.0.0.1 to ALLOWED_HOSTS.",
      ),
    ];
  const checks =
    "health" in probe
      ? checkHealth(name, url, probe.health)
      : [reportFailure(name, `it runs at ${url}, but its store does not work`, "See the findings about store.")];
  if (adminTokens.length === 0)
    return [...checks, reportWarning("runtime parts", "not checked: ADMIN_TOKEN is not set", "Set ADMIN_TOKEN.")];
  if (!probe.ready) {
    const why = probe.readyRefused ?? "no answer";
    return [
      ...checks,
      reportFailure(
        "runtime parts",
        `/ready: ${why}`,
        "Restart it: it may have been started with another ADMIN_TOKEN.",
      ),
    ];
  }
  const { store, plane: planePart, telegram, webhooks, first_look, untrusted_proxy } = probe.ready;
  // A store that does not work has a finding of its own.
  const otherStore = "storeFailure" in probe ? undefined : store;
  for (const [part, state] of Object.entries({ store: otherStore, plane: planePart, telegram }))
    if (state && state.ok !== true) {
      const why = state.error ?? "not used yet";
      if (state.hold_s !== undefined) {
        checks.push(reportFailure("rate limit", why, explainHold(part)));
        continue;
      }
      checks.push(
        reportWarning(
          "runtime parts",
          `the runtime's last use of ${part} failed: ${why}`,
          `See the findings about ${part} in this report.`,
        ),
      );
    }
  if (plane && plane.webhookSecrets.length > 0) checks.push(checkCanary(webhooks));
  if (first_look) checks.push(reportFirstLook(first_look, plane?.rateLimit));
  if (untrusted_proxy !== undefined) checks.push(reportUntrustedProxy(untrusted_proxy));
  return checks;
}

function checkHealth(name: string, url: string, { version, queues }: RuntimeHealth): DoctorCheck[] {
  const checks =
    version === VERSION
      ? [reportOk(name, `${version} runs at ${url}`)]
      : [reportWarning(name, `${version} runs at ${url}, but this is ${VERSION}`, "Restart it.")];
  const dead = Object.entries(queues).filter(([, queue]) => queue.dead > 0);
  if (dead.length > 0) {
    const counts = dead.map(([queue, counted]) => `${counted.dead} in ${queue}`).join(", ");
    checks.push(
      reportWarning(
        "dead letters",
        `jobs failed: ${counts}`,
        "GET /dead-letters lists the reasons; POST …/replay requeues a job, DELETE discards it.",
      ),
    );
  }
  return checks;
}

/** An agent does not start a task whose blockers are unknown, so people should know why agents wait. */
function reportFirstLook(
  { projects_left, tasks_left, items_left, stage, percent }: NonNullable<FirstLookState>,
  requestsPerMinute = 60,
): DoctorCheck {
  const minutes = Math.max(1, Math.ceil((projects_left + tasks_left + items_left) / requestsPerMinute));
  const progress = percent === undefined ? "" : ` (${percent} % of the ${stage} read)`;
  return reportWarning(
    "first look",
    `Groundcrew still reads what was in Plane before: ${projects_left} projects, the blockers of ${tasks_left} tasks of agents, and those of ${items_left} other items${progress}`,
    `Wait: about ${minutes} min at ${requestsPerMinute} requests a minute. Agents do not start these tasks before.`,
  );
}

function reportUntrustedProxy(address: string): DoctorCheck {
  return reportWarning(
    "proxy",
    `${address} sends X-Forwarded-For, but is not in TRUSTED_PROXIES: the header is ignored, and all clients behind this address share one rate limit`,
    "If it is your proxy, add it to TRUSTED_PROXIES and restart Groundcrew. If not, ignore this: a client sent the header itself.",
  );
}

function explainHold(part: string): string {
  return (
    "It ends by itself with one probe. To send the probe now: DELETE " +
    `/api/holds/${part} with ADMIN_TOKEN, or "Try now" at the top of the page. If it recurs, check the proxy ` +
    "in front of the system and its rate limit."
  );
}

function checkCanary(webhooks: CanaryHealth): DoctorCheck {
  const name = "webhooks";
  const age = webhooks?.age_s === null || webhooks?.age_s === undefined ? "" : `, ${formatAge(webhooks.age_s)} ago`;
  if (!webhooks || webhooks.ok === null)
    return reportWarning(
      name,
      "no canary has been sent yet for the present HOST, PORT and PUBLIC_URL",
      "Wait up to an hour, or send one now: POST /ticks/canary with TICK_TOKEN.",
    );
  if (webhooks.ok && (webhooks.age_s ?? 0) > STALE_CANARY_S)
    return reportWarning(
      name,
      `the last canary arrived${age}; none has been sent since`,
      'Check the log of Groundcrew ("canary not sent") and that its ticks run.',
    );
  if (webhooks.ok) return reportOk(name, `the last canary arrived in ${webhooks.seconds ?? "?"} s${age}`);
  return reportFailure(
    name,
    webhooks.error ?? "the last canary did not arrive",
    "Check that PUBLIC_URL is reachable from Plane and that the webhook is enabled (Plane: Workspace settings, Webhooks). Until then changes are detected by polling.",
  );
}

/**
 * Checks the address that Plane and people use. Some networks cannot reach it from inside, so a failure is only a
 * warning.
 */
export function checkPublicAddress(publicUrl: string, probe: RuntimeProbe): DoctorCheck {
  const name = "public address";
  if (probe.alive && !("why" in probe)) return reportOk(name, `${publicUrl} leads to Groundcrew`);
  return reportWarning(
    name,
    `${publicUrl} ${probe.alive ? probe.why : `cannot be reached from this machine: ${probe.why}`}`,
    "Check DNS and the proxy. Some networks cannot reach their own public address from inside; then ignore this.",
  );
}

function formatAge(seconds: number): string {
  return seconds < 120
    ? `${seconds} s`
    : seconds < 7_200
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3_600)} h`;
}
