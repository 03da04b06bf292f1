import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { type DecisionRecord, decisionSet, itemDecisionSetKey } from "../../shared/decision-log/decision-log.ts";
import { answerCleanJson } from "../../shared/http/answer-clean-json.ts";
import { parseForwardTarget } from "../../shared/jobs/forward-jobs.ts";
import { getPersonName } from "../../shared/observe/event-facts.ts";
import type { PlanePerson } from "../../shared/observe/name-cache.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { ScanPage, SetName, StoredRow } from "../../shared/store/port.ts";
import { createOutcomeReader } from "./action-outcome.ts";
import type { DecisionLogAnswer } from "./api-answers.ts";
import { findRuleBasis, type RuleBasis } from "./rule-basis.ts";

/** The decision log: for each event the requested actions with their rules and results, and why others were not requested. */
export const decisionLogRoute: Route = { path: "/api/why", access: "page", app };

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
/** Limit of records that are searched for those of one project. */
const MAX_SCANNED = 1_000;

function app(deps: Pick<Deps, "store" | "cache" | "settings">): Hono {
  const readOutcomes = createOutcomeReader(deps);
  return new Hono().get("/", async (c) => {
    const { item, limit, before, project } = c.req.query();
    const size = Math.min(Math.max(Math.trunc(Number(limit)) || DEFAULT_LIMIT, 1), MAX_LIMIT);
    const set = item ? itemDecisionSetKey(item) : decisionSet;
    const { rows, next } = await readNewestDecisions(deps.store, set, { before: before || undefined, size, project });
    const outcomes = await readOutcomes(rows.flatMap(({ value }) => value.asked));
    const rendered = await Promise.all(rows.map((row) => renderRow(row)));
    return answerCleanJson(c, { rows: rendered, ...omitUndefined({ next }) } satisfies DecisionLogAnswer);

    async function renderRow({ key, value }: StoredRow<DecisionRecord>) {
      const { asked, event, held, record: _, rev, ...rest } = value;
      const person = "who" in event ? await deps.cache.getItem<PlanePerson>(`person:${event.who}`) : undefined;
      return {
        id: key,
        ...rest,
        rev,
        event: { ...event, ...omitUndefined({ name: person ? getPersonName(deps, person) : undefined }) },
        asked: asked.map(({ rule, target, queue, job }) => {
          const shownTarget = formatTarget(target);
          const to = shownTarget.slice(shownTarget.indexOf(":") + 1);
          const basis = findRuleBasis(deps.settings, { rule, queue });
          return { rule, target: shownTarget, queue, to, basis, fate: outcomes.get(job) };
        }),
        held: held.map((skipped) => ({ ...skipped, ...omitUndefined({ basis: findSkipBasis(skipped) }) })),
      };
    }
  });

  function findSkipBasis({ consumer, rule }: DecisionRecord["held"][number]): RuleBasis | undefined {
    return consumer === "telegram" && rule !== undefined
      ? findRuleBasis(deps.settings, { rule, queue: "outbox" })
      : undefined;
  }
}

interface DecisionQuery {
  /** Key of a record: only older ones are returned. */
  before: string | undefined;
  size: number;
  /** A project's identifier. */
  project: string | undefined;
}

/** Reads the newest matching records; when few match, a page may have fewer than `size` records and a `next`. */
async function readNewestDecisions(
  store: Pick<Deps["store"], "scan">,
  set: SetName,
  { before, size, project }: DecisionQuery,
): Promise<ScanPage<DecisionRecord>> {
  const rows: StoredRow<DecisionRecord>[] = [];
  let after = before;
  for (let scanned = 0; scanned < MAX_SCANNED; scanned += MAX_LIMIT) {
    const page = await store.scan<DecisionRecord>(set, after, project ? MAX_LIMIT : size);
    for (const row of page.rows) {
      if (project && row.value.project.identifier !== project) continue;
      rows.push(row);
      if (rows.length === size && (page.next || row !== page.rows.at(-1))) return { rows, next: row.key };
    }
    if (page.next === undefined) return { rows };
    after = page.next;
  }
  return after === undefined ? { rows } : { rows, next: after };
}

/** Formats an action's target; of a forward URL only the host, because the rest may be secret. */
function formatTarget(target: string): string {
  const url = parseForwardTarget(target);
  return url === undefined ? target : `forward:${URL.parse(url)?.host ?? "?"}`;
}
