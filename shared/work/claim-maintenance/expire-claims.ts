import { createWorkJob } from "../../jobs/work-jobs.ts";
import { listReadableProjects } from "../../observe/project-record.ts";
import { observedSets } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Job } from "../../store/job-operations.ts";
import { scanRows } from "../../store/scan-set.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { DAY, MINUTE, type Ms } from "../../time.ts";
import { isRenewedInFuture } from "../claims/claim-duration.ts";
import { renewClaim, reviveClaim, toClaimPut } from "../claims/claim-lease.ts";
import type { KeptClaimLoss } from "../claims/claim-refusals.ts";
import { hasBeenDown, type LastClaimScan } from "../claims/downtime.ts";
import { endClaim } from "../claims/end-claim.ts";
import { findClaim, type KeptClaim } from "../claims/find-claim.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { findStatusAttempt } from "../lifecycle/status-attempt.ts";
import { readTaskQuestions } from "../questions/question-record.ts";
import { syncTimer } from "../questions/sync-timer.ts";
import { findKeptTask } from "../tasks/find-task.ts";

/**
 * Checks every claim and ends those that have expired and those whose task was moved or reassigned in Plane. Claims
 * that expired while Groundcrew was down are renewed, because no call could renew them.
 */
export async function expireClaims(deps: WorkDeps, correlation: string): Promise<{ claims: number; ended: number }> {
  const now = await deps.store.now();
  const wasDown = await hasBeenDown(deps, now);
  const counts = { claims: 0, ended: 0 };
  for await (const { value: claim } of scanRows<KeptClaim>(deps, workSets.claims)) {
    counts.claims += 1;
    if (await endIfOver(deps, claim, { now, wasDown, correlation })) counts.ended += 1;
  }
  await recordScan(deps, now, correlation);
  return counts;
}

/** Ends the claim on an item after a change in Plane that moved or reassigned it. */
export async function checkClaim(deps: WorkDeps, { item, correlation }: { item: string; correlation: string }) {
  const claim = await findClaim(deps, item);
  const now = await deps.store.now();
  if (claim && claim.until > now) await endIfOver(deps, claim, { now, wasDown: false, correlation });
}

/** Claims of waiting agents are renewed 2 min before they expire: longer than the tick's interval of 1 min. */
const RENEW_BEFORE_MS: Ms = 2 * MINUTE;
/** Timeout for a human's answer: 1 day. Then the claim is no longer renewed, and the question stays open. */
const ANSWER_WAIT_MS: Ms = DAY;

/** Whether the agent waits for a human's answer: it has no reason to call meanwhile, so it does not count as silent. */
async function isWaitingForAnswer(deps: WorkDeps, { item, agent }: KeptClaim, now: Ms): Promise<boolean> {
  const questions = await readTaskQuestions(deps, item);
  return questions.some((question) => {
    return question.agent === agent && !question.answer && now - question.asked < ANSWER_WAIT_MS;
  });
}

interface CheckContext {
  now: Ms;
  wasDown: boolean;
  correlation: string;
}

async function endIfOver(
  deps: WorkDeps,
  claim: KeptClaim,
  { now, wasDown, correlation }: CheckContext,
): Promise<boolean> {
  const task = await findKeptTask(deps, claim.item);
  const reason = task && findLossReason(claim, task.item);
  // A person may approve the result while its agent is still reporting it: then the agent has finished by itself.
  if (reason === "moved" && (await isFinishing(deps, claim))) return endClaim(deps, claim, undefined, correlation);
  if (reason) return endClaim(deps, claim, reason, correlation, { ...omitUndefined({ by: task?.item.stopped?.by }) });
  if (isRenewedInFuture(claim, now) && isRenewedInFuture(claim, await deps.store.now())) {
    // The store's clock was set back, so it is unknown how long ago the agent called: the claim is renewed once.
    if ((await renewClaim(deps, claim)) || (await reviveClaim(deps, claim))) return false;
    return endClaim(deps, claim, "expired", correlation);
  }
  if (claim.until <= now + RENEW_BEFORE_MS && (await isWaitingForAnswer(deps, claim, now))) {
    if ((await renewClaim(deps, claim)) || (await reviveClaim(deps, claim))) return false;
  }
  if (claim.until <= now) {
    if (wasDown && (await reviveClaim(deps, claim))) return false;
    return endClaim(deps, claim, "expired", correlation);
  }
  if (task?.item.snapshot.word === "in_progress" && !claim.words.includes("in_progress"))
    await recordStart(deps, claim);
  if (task) await syncTimer(deps, task);
  return false;
}

function findLossReason(
  claim: KeptClaim,
  { gone, owners, stopped, snapshot: { word } }: KeptItem,
): KeptClaimLoss["why"] | undefined {
  if (gone !== undefined) return "moved";
  if (stopped) return "stopped";
  if (owners && !owners.includes(claim.agent)) return "reassigned";
  return word === "in_progress" || claim.words.includes(word) ? undefined : "moved";
}

/** Whether the agent has begun to finish the task or to give it back, and that call is not complete. */
async function isFinishing(deps: WorkDeps, { item, agent }: KeptClaim): Promise<boolean> {
  const attempt = await findStatusAttempt(deps, item);
  return attempt?.agent === agent && attempt.status !== "in_progress" && !attempt.over;
}

/** Records that people started a claimed task in Plane: if it returns to todo later, the claim is lost. */
async function recordStart(deps: WorkDeps, claim: KeptClaim): Promise<void> {
  const key = workKeys.claim(claim.item);
  const [kept] = await deps.store.read<KeptClaim>([key]);
  if (kept?.value.fence !== claim.fence || kept.value.words.includes("in_progress")) return;
  await deps.store.commit({ expect: [[key, kept.rev]], put: [toClaimPut({ ...kept.value, words: ["in_progress"] })] });
}

/** Records the scan. Once per project, queues jobs that restore the claims of tasks that were already in progress. */
async function recordScan(deps: WorkDeps, at: Ms, correlation: string): Promise<void> {
  const [lastScan] = await deps.store.read<LastClaimScan>([workKeys.lastLook]);
  const restored = new Set(lastScan?.value.adopted ?? []);
  const jobs: Job[] = [];
  for (const project of await listReadableProjects(deps)) {
    if (!project.baseline || restored.has(project.id)) continue;
    restored.add(project.id);
    jobs.push(...(await createRestoreJobs(deps, project, correlation)));
  }
  const value: LastClaimScan = { at, adopted: [...restored] };
  await deps.store.commit({
    expect: [[workKeys.lastLook, lastScan?.rev ?? 0]],
    put: [{ key: workKeys.lastLook, value }],
    jobs,
  });
  if (jobs.length > 0) deps.kick();
}

async function createRestoreJobs(deps: WorkDeps, project: KeptProject, correlation: string): Promise<Job[]> {
  const jobs: Job[] = [];
  for await (const { value } of scanRows<KeptItem>(deps, observedSets.open(project.id))) {
    const { snapshot, owners } = value;
    if (snapshot.word !== "in_progress" || !owners?.length) continue;
    const body = { do: "adopt", item: snapshot.id, correlation } as const;
    jobs.push(createWorkJob(`adopt:${snapshot.id}:${correlation}`, `work:${snapshot.id}`, body));
  }
  return jobs;
}
