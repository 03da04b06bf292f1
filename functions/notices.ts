/**
 * Operational notices: the route that says what is broken now, since when, and what to do; the route by which an
 * Alertmanager adds its alerts; and the tick that observes what no call of the product would find.
 */

import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import type { BackupState, Deps, Notice, Notices, Route, Tick } from "../shared/app/deps.ts";
import { formatSchemaIssues, GroundcrewError } from "../shared/errors.ts";
import type { NoticeKind } from "../shared/notice-kinds.ts";
import { listReadableProjects } from "../shared/records/plane-records.ts";
import { observedSets } from "../shared/records/store-keys.ts";
import { readFirstLook } from "../shared/sync/details.ts";
import { listDeletedNames } from "../shared/sync/names.ts";
import { reportTokenUse } from "../shared/tasks/people/brakes.ts";
import { readRunners } from "../shared/tickets/runners.ts";
import { ticketSets } from "../shared/tickets/ticket.ts";
import { DAY, HOUR, type Ms } from "../shared/time.ts";

/** Age from which a backup, or its copy, counts as missing: 26 hours, so that a daily one may be late by two. */
const MAX_BACKUP_AGE: Ms = 26 * HOUR;

/** What explains to everybody why the page shows no news; the other notices are for those who can remedy them. */
const FOR_EVERYBODY: readonly NoticeKind[] = [
  ...(["plane_refused", "plane_unreachable", "polls_failing", "store_unreachable", "store_damaged"] as const),
  ...(["store_full", "store_read_only", "store_lost", "store_emptied"] as const),
];

/** Age from which the weekly test of a restore counts as missing: 9 days, so that it may be late by two. */
const MAX_TEST_AGE: Ms = 9 * DAY;

/** The current notices, oldest first; it answers also while the store does not. */
export const noticesRoute: Route = {
  path: "/api/notices",
  access: "page",
  app: ({ notices }) =>
    new Hono().get("/", async (c) => {
      const current = await notices.readCurrent();
      const isForViewer = ({ kind }: Notice) => c.get("viewer").role === "admin" || FOR_EVERYBODY.includes(kind);
      return c.json({ notices: current.filter(isForViewer) });
    }),
};

/** The alerts of an Alertmanager, for the same chat and page (its webhook receiver). */
export const alertsRoute: Route = { path: "/api/alerts", access: "alerts", app: createAlertsApp };

/**
 * The body of Alertmanager's webhook (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config), of
 * which only this is read.
 */
const alertsSchema = z.object({
  alerts: z
    .array(
      z.object({
        status: z.enum(["firing", "resolved"]),
        labels: z.object({ alertname: z.string() }),
        annotations: z.object({ summary: z.string().default(""), description: z.string().default("") }),
        startsAt: z.iso.datetime({ offset: true }),
        /** Identifies the alert by its labels. */
        fingerprint: z.string().regex(/^[0-9a-f]{1,64}$/),
      }),
    )
    .max(100),
});

/** Looks once a minute at backups, runners, agents' tokens, and the states and labels that have a meaning. No request to Plane. */
export const noticesTick: Tick = {
  name: "notices",
  cron: () => "* * * * *",
  async run(deps) {
    const { notices, settings, store } = deps;
    if (deps.readBackups) await reportBackups(notices, deps.readBackups(), deps.clock());
    if (settings.tickets) {
      const isWaiting = (await store.count(ticketSets.in("approved"))) > 0 && (await readRunners(store)).length === 0;
      await notices.report("runner_away", isWaiting ? {} : undefined);
    }
    // A store that was emptied is rebuilt when the tasks of all projects are known again; its message keeps the span.
    const isRebuilt = (await store.count(observedSets.projects)) > 0;
    if (isRebuilt && ((await readFirstLook(deps))?.projects_left ?? 0) === 0)
      await notices.report("store_emptied", undefined);
    const deleted = await listDeletedNames(deps, await listReadableProjects(deps));
    const names = deleted.map(({ project, name }) => `${name} (${project})`).join(", ");
    await notices.report("names_deleted", names === "" ? undefined : { values: { names } });
    await reportTokenUse(deps);
    return {};
  },
};

async function reportBackups(notices: Notices, { newest, since, copies, test }: BackupState, now: Ms): Promise<void> {
  const isOld = (at: Ms | undefined) => at === undefined || now - at > MAX_BACKUP_AGE;
  const missing = (newest?.missing ?? []).join(", ");
  await notices.report("backup_old", isOld(since) ? { values: { newest: newest?.name ?? "-" } } : undefined);
  await notices.report("backup_incomplete", missing === "" ? undefined : { values: { missing } });
  const isUncopied = copies !== undefined && isOld(copies.since);
  await notices.report("backup_not_copied", isUncopied ? { values: { newest: copies.last?.name ?? "-" } } : undefined);
  await notices.report("restore_failed", findTestProblem(test, now));
}

/** A test that failed, or that is not repeated any longer. Where none was ever made, there is no notice. */
function findTestProblem(test: BackupState["test"], now: Ms) {
  if (!test) return undefined;
  const { backup, tested, failure } = test;
  const reason = failure ?? (now - tested > MAX_TEST_AGE ? "-" : undefined);
  return reason === undefined ? undefined : { values: { backup, reason }, since: tested };
}

function createAlertsApp({ notices }: Pick<Deps, "notices">): Hono {
  const validateAlerts = zValidator("json", alertsSchema, (result) => {
    if (!result.success) throw new GroundcrewError("bad_request", formatSchemaIssues(result.error, "body"));
  });
  return new Hono().post("/", validateAlerts, async (c) => {
    const { alerts } = c.req.valid("json");
    for (const { status, labels, annotations, startsAt, fingerprint } of alerts) {
      const values = { name: labels.alertname, text: annotations.summary, remedy: annotations.description };
      const problem = { values, since: Date.parse(startsAt) };
      await notices.report("alert", status === "firing" ? problem : undefined, fingerprint);
    }
    return c.json({ alerts: alerts.length });
  });
}
