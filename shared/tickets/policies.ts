/**
 * The policies of repositories as Groundcrew knows them: its own settings, and what the runners have read from the base
 * branches. What it decides itself follows from both; the rest is in force as the runner has it.
 */

import type { TaskDeps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { policyFileSchema, type TicketSettings, ticketsSchema } from "../config/tickets-schema.ts";
import { GroundcrewError } from "../errors.ts";
import { parseTaskKey } from "../names.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Store } from "../store/port.ts";
import { DAY, type Ms } from "../time.ts";
import { type CliChoice, chooseCli } from "./cli.ts";
import type { ExchangeRequest, PolicyReport } from "./exchange.ts";
import { readRules } from "./permission-rules.ts";
import { GROUNDCREW_LINES, isGeneral, mergePolicy, type Policy, type PolicyLine, toPolicyValues } from "./policy.ts";
import { type Ticket, ticketKeys } from "./ticket.ts";

/** What a runner has reported last. */
interface PolicyRecord {
  runner: string;
  at: Ms;
  report: PolicyReport;
}

/** The policy of a repository; `read`: what a runner has read, absent before its first report. */
export interface KnownPolicy extends Policy {
  read?: PolicyRecord;
}

interface PolicyDeps {
  settings: { tickets?: Settings["tickets"] | undefined };
  store: Pick<Store, "read">;
}

/** Retention of a policy that no runner reports any more: 30 days, as of its tickets. */
const POLICY_MS: Ms = 30 * DAY;

/** Interval between writes of an unchanged policy: 1 day. */
const RENEWAL_MS: Ms = DAY;

const ownLinesSchema = policyFileSchema.pick({
  ...{ minutes: true, budget_usd: true, max_sessions: true, plan_first: true, publish: true, test_command: true },
});

/** Stores what a runner has read from the base branches. */
export async function recordPolicies(
  { store }: { store: Pick<Store, "now" | "read" | "commit"> },
  { runner, policies = [] }: Pick<ExchangeRequest, "runner" | "policies">,
): Promise<void> {
  if (policies.length === 0) return;
  const keys = policies.map(({ project }) => ticketKeys.policy(project));
  const [stored, at] = await Promise.all([store.read<PolicyRecord>(keys), store.now()]);
  const put = policies.flatMap((report, i) => {
    const known = stored[i]?.value;
    const isSame = known?.runner === runner && JSON.stringify(known.report) === JSON.stringify(report);
    if (isSame && at - known.at < RENEWAL_MS) return [];
    return [{ key: ticketKeys.policy(report.project), value: { runner, at, report }, expires: POLICY_MS }];
  });
  if (put.length > 0) await store.commit({ put });
}

/** Reads the policy of a repository. What Groundcrew decides follows also from its own settings. */
export async function readPolicy({ settings, store }: PolicyDeps, identifier: string): Promise<KnownPolicy> {
  const tickets = settings.tickets ?? NO_TICKETS;
  const [stored] = await store.read<PolicyRecord>([ticketKeys.policy(identifier)]);
  if (!stored) return mergePolicy(tickets, identifier);
  const { lines: reported, left_out, problem } = stored.value.report;
  const isOwn = ({ name }: { name: string }) => GROUNDCREW_LINES.some((one) => one === name);
  // What the runner's settings say about all repositories is no wish for this one.
  const given = reported.filter((line) => isOwn(line) && !isGeneral(line));
  const file = ownLinesSchema.safeParse(Object.fromEntries(given.map(({ name, value }) => [name, value]))).data;
  const sources = Object.fromEntries(reported.map(({ name, from }) => [name, from]));
  const own = mergePolicy(tickets, identifier, { sources, ...omitUndefined({ file }) });
  const lines = [...own.lines.filter(isOwn), ...reported.filter((line) => !isOwn(line))];
  const leftOut = [...own.leftOut.filter(isOwn), ...left_out];
  const values = toPolicyValues(lines, {});
  return { values, lines, leftOut, problems: problem === undefined ? [] : [problem], read: stored.value };
}

/** Whether an approved result of a ticket is published before it is written to Plane. */
export async function needsPublication(deps: PolicyDeps, { item }: Pick<Ticket, "item">): Promise<boolean> {
  return (await readPolicy(deps, item.identifier)).values.publish !== "none";
}

/** The CLI that works on a ticket once it is approved as it is shown. */
export async function chooseTicketCli(deps: PolicyDeps, { item, shown }: Ticket): Promise<CliChoice> {
  const label = shown.content.cli?.label;
  const { cli } = (await readPolicy(deps, item.identifier)).values;
  return chooseCli(deps.settings.tickets, cli, label === undefined ? [] : [label]);
}

/** The time of a session of a ticket in minutes, by the policy of its repository. */
export async function readMinutes(deps: PolicyDeps, ticket: string): Promise<number> {
  return (await readPolicy(deps, parseTaskKey(ticket)?.identifier ?? "")).values.minutes;
}

/**
 * What is in force for the repository of a project, or of a ticket with what people have allowed for it besides, and
 * where each line comes from.
 */
export async function describePolicy(deps: Pick<TaskDeps, "settings" | "store">, id: string) {
  const key = parseTaskKey(id);
  const project = (key?.identifier ?? id.trim().normalize("NFC")).toUpperCase();
  if (!deps.settings.tickets?.repositories[project])
    throw new GroundcrewError(
      "not_found",
      `tickets.repositories in the settings file has no ${project.slice(0, 40)}.`,
      {
        refusal: { name: "ticketNotPossible" },
      },
    );
  const { lines, leftOut, problems, read } = await readPolicy(deps, project);
  const rules = (await readRules(deps)).filter(({ subject }) => [key?.key, project].includes(subject));
  const { base, commit } = read?.report ?? {};
  return {
    project,
    ...omitUndefined({ base, commit: commit?.slice(0, 12), runner: read?.runner }),
    problems: read ? problems : [...problems, "No runner has read the base branch yet: these are the settings."],
    lines: [
      ...lines.map((line): PolicyLine & { added_at?: string; uses?: number } => line),
      ...rules.map(({ rule, subject, by, at, uses }) => {
        const from = `always allowed for ${subject} by ${by}`;
        return { name: "allow", value: rule, from, added_at: new Date(at).toISOString(), uses };
      }),
    ],
    left_out: leftOut,
  };
}

/** Of tickets that are still in the store after `tickets` was removed from the settings file. */
const NO_TICKETS: TicketSettings = ticketsSchema.parse({ repositories: { NONE: "/" } });
