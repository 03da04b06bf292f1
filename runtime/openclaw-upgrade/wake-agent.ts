import { randomUUID } from "node:crypto";
import { z } from "zod";
import { reportFailure, reportOk } from "../../functions/doctor/check.ts";
import { cleanLine } from "../../shared/clean-text.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { Deadline } from "./deadline.ts";
import type { Finding } from "./finding.ts";
import { type HookSession, hasModelAnswer, parseHookSessions, parseSpawnMetrics } from "./parse-openclaw-answers.ts";
import type { SmokeContext } from "./probe-gateway.ts";
import type { SpawnMetrics } from "./upgrade-record.ts";

const COMMAND_TIMEOUT: Ms = 60 * SECOND;
/** Timeout for one wake until its run has ended: 90 s. */
const WAKE_TIMEOUT: Ms = 90 * SECOND;
/** Pause between two looks at the sessions: 2 s. */
const PAUSE: Ms = 2 * SECOND;
/** 2026.2 accepts the first wakes of a fresh workspace and does not run them, so a wake is repeated once. */
const ATTEMPTS = 2;

/** What the agent is asked. It names no task, so that nothing else happens. */
export const SMOKE_MESSAGE = "This is a check of an upgrade. Use no tool and change nothing. Reply with the word OK.";

/** Answer of `POST /hooks/agent`; 2026.2 does not wait for the run, so it has no completion. */
const wakeSchema = z.object({
  ok: z.literal(true),
  runId: z.string(),
  completion: z.object({ status: z.string() }).optional(),
});

/** Wakes the agent as Groundcrew does, and waits until its run has used the model. */
export async function wakeAgent(context: SmokeContext, deadline: Deadline): Promise<Finding> {
  const { agent } = context.settings;
  let problem = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const outcome = await tryToWake(context, deadline);
    if (outcome === "arrived") return reportOk("wake", `a wake of ${agent} arrived and its run ended well`);
    problem = outcome;
  }
  return reportFailure("wake", `${agent}: ${problem}`, "Check hooks in OpenClaw's settings and the gateway's log.");
}

async function tryToWake(context: SmokeContext, deadline: Deadline): Promise<"arrived" | string> {
  const { clock, wait } = context;
  const before = (await listHookSessions(context, deadline)).map(({ key }) => key);
  const posted = await postWake(context, deadline.remaining(WAKE_TIMEOUT));
  if ("problem" in posted) return posted.problem;
  if (posted.completion) {
    const { status } = posted.completion;
    return status === "ok" ? "arrived" : `the wake's run ended with status ${cleanLine(status, 40)}`;
  }
  const end = clock() + Math.min(WAKE_TIMEOUT, deadline.remaining()) / ATTEMPTS;
  for (;;) {
    const sessions = await listHookSessions(context, deadline);
    for (const { transcript } of sessions.filter(({ key }) => !before.includes(key))) {
      const text = await context.driver.readFile(transcript, deadline.remaining(COMMAND_TIMEOUT));
      if (text !== undefined && hasModelAnswer(text)) return "arrived";
    }
    if (clock() >= end) return "the wake was accepted, but no run with an answer of the model appeared";
    await wait(PAUSE);
  }
}

async function postWake(
  { fetch, settings, hookToken }: SmokeContext,
  timeout: Ms,
): Promise<z.infer<typeof wakeSchema> | { problem: string }> {
  try {
    const response = await fetch(`${settings.gateway.replace(/\/+$/, "")}/hooks/agent`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${hookToken}`,
        "content-type": "application/json",
        "idempotency-key": randomUUID(),
      },
      // "now" would cost 2026.2 a second run of the model; the agent runs at once with either.
      body: JSON.stringify({
        message: SMOKE_MESSAGE,
        name: "groundcrew-upgrade",
        agentId: settings.agent,
        deliver: false,
        wakeMode: "next-heartbeat",
        waitForCompletion: true,
        timeoutSeconds: Math.floor(timeout / SECOND),
      }),
      redirect: "manual",
      signal: AbortSignal.timeout(timeout),
    });
    const text = (await response.text()).slice(0, 2_000);
    const parsed = wakeSchema.safeParse(tryParse(text));
    if (parsed.success) return parsed.data;
    return {
      problem: `the gateway answered ${response.status} ${cleanLine(text.replaceAll(hookToken, "[secret]"), 200)}`,
    };
  } catch (thrown) {
    return { problem: `the gateway did not answer the wake: ${getErrorMessage(thrown)}` };
  }
}

async function listHookSessions({ driver, settings }: SmokeContext, deadline: Deadline): Promise<HookSession[]> {
  const options = { timeout: deadline.remaining(COMMAND_TIMEOUT), running: true };
  return parseHookSessions(await driver.runOpenclaw(["sessions", "--agent", settings.agent, "--json"], options));
}

/** Reads what OpenClaw has recorded about spawned agents; undefined for 2026.2, which records nothing. */
export async function measureSpawns({ driver }: SmokeContext, deadline: Deadline): Promise<SpawnMetrics["spawned"]> {
  const options = { timeout: deadline.remaining(COMMAND_TIMEOUT), running: true };
  return parseSpawnMetrics(await driver.runOpenclaw(["tasks", "list", "--json"], options));
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
