/**
 * The set-up list: what a new installation needs, each with its state and what to do, by what the running Groundcrew
 * knows itself. The page shows it, and the doctor reports it.
 */

import { type Context, Hono } from "hono";
import type { ComponentHealth, Deps, Route } from "../shared/app/deps.ts";
import { answerCleanJson } from "../shared/http/request.ts";
import { chooseLanguage, formatTemplate, type Locale } from "../shared/i18n/localize.ts";
import { getTexts } from "../shared/i18n/texts.ts";
import { type CanaryRecord, readCurrentCanary } from "../shared/monitoring/canary.ts";
import type { NoticeRecord } from "../shared/notices/notice-record.ts";
import { readPlaneProblem } from "../shared/notices/notices.ts";
import { keepDefined, omitUndefined } from "../shared/omit-undefined.ts";
import { workSets } from "../shared/records/store-keys.ts";
import { type LastCallRecord, wakeKeys } from "../shared/tasks/wakes.ts";
import { readRunners } from "../shared/tickets/runners.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../shared/time.ts";

type SetupDeps = Pick<Deps, "settings" | "store" | "health" | "ticks">;

/** `open`: it has not been used yet; `unset`: it is not set up. */
type SetupState = "ok" | "open" | "failed" | "unset";

interface StepResult {
  state: SetupState;
  values?: Record<string, string>;
}

type StepName = keyof typeof FIXES;

/** What a step needs where it is not ok: a command, or the lines of a file. */
interface StepFix {
  command?: string;
  file?: string;
  lines?: readonly string[];
}

interface SetupStep {
  name: StepName;
  state: SetupState;
  text: string;
  fix?: StepFix;
}

/** The response of `GET /api/setup`; `ok`: every step is. */
export interface SetupAnswer {
  ok: boolean;
  steps: SetupStep[];
}

/** Limit of the age of the last webhook of the canary: two hours. One is sent every hour and awaited for a minute. */
const STALE_CANARY: Ms = 2 * HOUR;

const PROVISION = { command: "npm run provision" };

/** What to do about a step, in the order of the list. */
const FIXES = {
  plane: { unset: PROVISION, open: {}, failed: { command: "npm run doctor" } },
  key: { failed: PROVISION, open: {} },
  webhook: { unset: PROVISION, open: {}, failed: PROVISION },
  telegram: {
    unset: { file: ".env", lines: ["TELEGRAM_BOT_TOKEN=…", "TELEGRAM_CHAT_ID=…"] },
    ...{ open: {}, failed: { command: "npm run doctor" } },
  },
  agent: { unset: { ...PROVISION, file: "GROUNDCREW_CONFIG" }, open: { command: "groundcrew list_my_tasks" } },
  task: { open: {} },
  runner: { failed: { command: "groundcrew runner" } },
} as const satisfies Record<string, Partial<Record<SetupState, StepFix>>>;

/** The set-up list; `POST` checks Plane again first. Query: `language`. */
export const setupRoute: Route = { path: "/api/setup", access: "page", app };

function app(deps: SetupDeps): Hono {
  const findLanguage = (c: Context) => chooseLanguage(deps.settings.locale, c.req.query("language"));
  return new Hono()
    .get("/", async (c) => answerCleanJson(c, await readSetup(deps, findLanguage(c))))
    .post("/", async (c) => {
      await deps.ticks.runNow("plane").catch(() => {});
      return answerCleanJson(c, await readSetup(deps, findLanguage(c)));
    });
}

async function readSetup(deps: SetupDeps, locale: Locale): Promise<SetupAnswer> {
  const results = await readSteps(deps);
  const texts = getTexts(locale).setup;
  const steps = keepDefined(
    (Object.keys(FIXES) as StepName[]).map((name) => {
      const result = results[name];
      if (!result) return undefined;
      const { state, values = {} } = result;
      const text = (texts[name] as Partial<Record<SetupState, string>>)[state] ?? "";
      const fix: StepFix | undefined = (FIXES[name] as Partial<Record<SetupState, StepFix>>)[state];
      return { name, state, text: formatTemplate(text, values), ...omitUndefined({ fix }) };
    }),
  );
  return { ok: steps.every(({ state }) => state === "ok"), steps };
}

/** The state of each step; without one it does not concern this installation. */
async function readSteps(deps: SetupDeps): Promise<Partial<Record<StepName, StepResult>>> {
  const { settings, store, health } = deps;
  const { agents, plane, telegram, tickets } = settings;
  const [problem, canary, calls, finished, runners, now] = await Promise.all([
    readPlaneProblem(store),
    readCurrentCanary(deps),
    store.read<LastCallRecord>(agents.map(({ name }) => wakeKeys.lastCall(name))),
    Promise.all(agents.map(({ name }) => store.count(workSets.finishedBy(name)))),
    tickets ? readRunners(store) : [],
    store.now(),
  ]);
  const caller = agents.find((_, i) => calls[i] !== undefined);
  const [runner] = runners;
  const steps: Partial<Record<StepName, StepResult>> = plane
    ? {
        ...describePlane(problem, health.get("plane")),
        webhook: plane.webhookSecrets.length > 0 ? describeWebhooks(canary, now) : { state: "unset" },
      }
    : { plane: { state: "unset" } };
  steps.telegram = telegram ? toStep(health.get("telegram")) : { state: "unset" };
  steps.agent = caller
    ? { state: "ok", values: { agent: caller.name } }
    : { state: agents.length > 0 ? "open" : "unset" };
  steps.task = { state: finished.some((count) => count > 0) ? "ok" : "open" };
  if (tickets) steps.runner = runner ? { state: "ok", values: { runner: runner.name } } : { state: "failed" };
  return steps;
}

/** A Plane that refuses the key answers. */
function describePlane(
  problem: NoticeRecord | undefined,
  health: ComponentHealth,
): Record<"plane" | "key", StepResult> {
  const failed: StepResult = { state: "failed", values: { reason: problem?.values["reason"] ?? "" } };
  if (problem?.kind === "plane_refused") return { plane: { state: "ok" }, key: failed };
  const key: StepResult = { state: health.ok ? "ok" : "open" };
  return { plane: problem?.kind === "plane_unreachable" ? failed : toStep(health), key };
}

function describeWebhooks({ lastArrival, silentSince }: Partial<CanaryRecord> = {}, now: Ms): StepResult {
  if (silentSince !== undefined)
    return { state: "failed", values: { minutes: String(Math.round((now - silentSince) / MINUTE)) } };
  if (!lastArrival || now - lastArrival.at > STALE_CANARY) return { state: "open" };
  return { state: "ok", values: { seconds: String(lastArrival.durationMs / SECOND) } };
}

function toStep({ ok, error = "" }: ComponentHealth): StepResult {
  return ok === null ? { state: "open" } : ok ? { state: "ok" } : { state: "failed", values: { reason: error } };
}
