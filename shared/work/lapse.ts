import type { KeptProject } from "../observe/kept.ts";
import { sets } from "../observe/keys.ts";
import { readableProjects } from "../observe/projects.ts";
import type { Job, Ms } from "../store/port.ts";
import { walk } from "../store/walk.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { WorkDeps } from "./acting.ts";
import { type LastLook, wasAway } from "./away.ts";
import { claimPut, renewClaim, reviveClaim } from "./claim-lease.ts";
import { claimOf, endClaim, type KeptClaim } from "./claims.ts";
import { keptTask } from "./find.ts";
import { workJob } from "./jobs.ts";
import { workKeys, workSets } from "./keys.ts";
import { questionsOf } from "./question.ts";
import type { KeptLoss } from "./refusals.ts";

/**
 * Looks at every claim: ends those whose time ran out and those whose task was moved or given away in Plane. Claims
 * that ran out while Groundcrew itself was away go on with their whole time, since nobody could renew them.
 */
export async function lookAtClaims(deps: WorkDeps, correlation: string): Promise<{ claims: number; ended: number }> {
  const now = await deps.store.now();
  const away = await wasAway(deps, now);
  const counts = { claims: 0, ended: 0 };
  for await (const { value: claim } of walk<KeptClaim>(deps, workSets.claims)) {
    counts.claims += 1;
    if (await lookAtClaim(deps, claim, { now, away, correlation })) counts.ended += 1;
  }
  await noteLook(deps, now, correlation);
  return counts;
}

/** Something happened to an item: ends the claim on it when that moved it or gave it away. */
export async function checkClaim(deps: WorkDeps, { item, correlation }: { item: string; correlation: string }) {
  const claim = await claimOf(deps, item);
  const now = await deps.store.now();
  if (claim && claim.until > now) await lookAtClaim(deps, claim, { now, away: false, correlation });
}

/** A tick and a bit: who waits for an answer loses nothing between two of them. */
const RENEWED_MS: Ms = 120_000;
/** So long the human may take; then the task is free for others, and the question stays open. */
const PATIENCE_MS: Ms = 24 * 3_600_000;

/** An agent that has asked the human has nothing to call for until it is answered: it is not silent. */
async function waitsForAnswer(deps: WorkDeps, { item, agent }: KeptClaim, now: Ms): Promise<boolean> {
  const asked = await questionsOf(deps, item);
  return asked.some((one) => one.agent === agent && !one.answer && now - one.asked < PATIENCE_MS);
}

interface Look {
  now: Ms;
  away: boolean;
  correlation: string;
}

async function lookAtClaim(deps: WorkDeps, claim: KeptClaim, { now, away, correlation }: Look): Promise<boolean> {
  const task = await keptTask(deps, claim.item);
  const why = task && whyLost(claim, task.item);
  if (why) return endClaim(deps, claim, why, correlation);
  if (claim.until <= now + RENEWED_MS && (await waitsForAnswer(deps, claim, now))) {
    if ((await renewClaim(deps, claim)) || (await reviveClaim(deps, claim))) return false;
  }
  if (claim.until <= now) {
    if (away && (await reviveClaim(deps, claim))) return false;
    return endClaim(deps, claim, "expired", correlation);
  }
  if (task?.item.snapshot.word === "in_progress" && !claim.words.includes("in_progress"))
    await noteStarted(deps, claim);
  return false;
}

function whyLost(claim: KeptClaim, { gone, owners, snapshot: { word } }: KeptItem): KeptLoss["why"] | undefined {
  if (gone !== undefined) return "moved";
  if (owners && !owners.includes(claim.agent)) return "reassigned";
  return word === "in_progress" || claim.words.includes(word) ? undefined : "moved";
}

/** People began the task for its agent: from now on it is not to be found in todo again. */
async function noteStarted(deps: WorkDeps, claim: KeptClaim): Promise<void> {
  const key = workKeys.claim(claim.item);
  const [kept] = await deps.store.read<KeptClaim>([key]);
  if (kept?.value.fence !== claim.fence || kept.value.words.includes("in_progress")) return;
  await deps.store.commit({ expect: [[key, kept.rev]], put: [claimPut({ ...kept.value, words: ["in_progress"] })] });
}

/** Notes the look, and asks once per project who holds what was in progress before the store knew of it. */
async function noteLook(deps: WorkDeps, at: Ms, correlation: string): Promise<void> {
  const [kept] = await deps.store.read<LastLook>([workKeys.lastLook]);
  const adopted = new Set(kept?.value.adopted ?? []);
  const jobs: Job[] = [];
  for (const project of await readableProjects(deps)) {
    if (!project.baseline || adopted.has(project.id)) continue;
    adopted.add(project.id);
    jobs.push(...(await adoptions(deps, project, correlation)));
  }
  const value: LastLook = { at, adopted: [...adopted] };
  await deps.store.commit({
    expect: [[workKeys.lastLook, kept?.rev ?? 0]],
    put: [{ key: workKeys.lastLook, value }],
    jobs,
  });
  if (jobs.length > 0) deps.kick();
}

async function adoptions(deps: WorkDeps, project: KeptProject, correlation: string): Promise<Job[]> {
  const jobs: Job[] = [];
  for await (const { value } of walk<KeptItem>(deps, sets.open(project.id))) {
    const { snapshot, owners } = value;
    if (snapshot.word !== "in_progress" || !owners?.length) continue;
    const body = { do: "adopt", item: snapshot.id, correlation } as const;
    jobs.push(workJob(`adopt:${snapshot.id}:${correlation}`, `work:${snapshot.id}`, body));
  }
  return jobs;
}
