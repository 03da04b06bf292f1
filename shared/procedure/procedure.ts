/**
 * What Groundcrew does in several steps is a procedure: a record says which step comes next, so that the repeated call
 * or the queue continues one that was interrupted. A kind is a table of its steps in the module of its subject.
 */

import type { StoreDeps, TaskDeps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { createWorkJob } from "../jobs/internal-jobs.ts";
import { type Changes, changeFields } from "../omit-undefined.ts";
import { PlaneNotFoundError } from "../plane/errors.ts";
import { AGENT_PACE_MS } from "../plane/quota.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import type { ProcedureRecord } from "../records/task-records.ts";
import type { Job, JobResult, LeasedJob, Put } from "../store/port.ts";
import { scanRows } from "../store/records.ts";
import { MINUTE, type Ms } from "../time.ts";

/** The table of one kind of procedure. `Run` is what the steps need besides the record, and lives as long as the call. */
export interface ProcedureKind<Input extends object, Run> {
  name: string;
  /** In order. Each is idempotent: after an interruption it is repeated. */
  steps: readonly ProcedureStep<Input, Run>[];
  /** Timeout for a step: afterwards no call is at work any more, and the queue continues. */
  resumeAfterMs: Ms;
  /** Timeout for a procedure that only a call can continue: afterwards it ends as it is. Default: at once. */
  getGiveUpMs?(settings: Settings): Ms;
  /** Retention of the record once the procedure is complete. */
  keptMs: Ms;
  /** No call waits for it: one job takes all its steps. The jobs of procedures with this lane go one after the other. */
  getLane?(input: Input): string;
  /** Creates what the steps need when the queue continues; undefined ends the procedure, because nothing is left to do. */
  createRun(deps: TaskDeps, procedure: ProcedureRecord<Input>, correlation: string): Promise<Run | undefined>;
  /** Ends the procedure after a failure in the queue, or says when it is tried again; absent: as any job. */
  handleFailure?(deps: TaskDeps, failure: ProcedureFailure): Promise<"end" | JobResult>;
}

/** A failed attempt in the queue. `failures`: the number of failed attempts before it, without those that only waited. */
export interface ProcedureFailure {
  subject: string;
  thrown: unknown;
  failures: number;
  correlation: string;
}

interface ProcedureStep<Input extends object, Run> {
  name: string;
  /** For the documents: what the step does; why it may be repeated. */
  does: string;
  /**
   * The call ends before it: a job of the queue `posts`, committed with the step before, takes it and all that follow,
   * as soon as an agent may send its next request to Plane.
   */
  isQueued?: true;
  run(run: Run, procedure: ProcedureRecord<Input>): Promise<ProcedureStepResult<Input>>;
}

/**
 * What the step has learned, recorded before the next step. Undefined: nothing is recorded, because repeating the step
 * costs less. `stuck`: only a call can take this step.
 */
export type ProcedureStepResult<Input extends object> = Changes<Input> | "stuck" | undefined;

/** What is stored of a new procedure. */
interface NewProcedure<Input> {
  subject: string;
  /** Distinguishes it from others of its subject, and its effects from theirs. */
  id: string;
  input: Input;
}

/** Interval between attempts of the queue at a procedure that only a call can continue: 1 min. */
const STUCK_RETRY_MS: Ms = MINUTE;

/** Prepares the record of a procedure before its first step, in place of an earlier one of its subject. */
export function toProcedurePut<Input extends object>(
  kind: ProcedureKind<Input, unknown>,
  { subject, id, input }: NewProcedure<NoInfer<Input>>,
  now: Ms,
): Put {
  return toPut(kind, { kind: kind.name, subject, id, input, at: now }, kind.steps[0], now);
}

/** Prepares a procedure that no call waits for: its record, and the job that takes its steps from this one on. */
export function prepareQueuedProcedure<Input extends object>(
  { name: kind, getLane }: { name: string; getLane: (input: NoInfer<Input>) => string },
  { subject, id, input }: NewProcedure<Input>,
  { step: queuedStep, now, correlation }: { step: string; now: Ms; correlation: string },
): { put: Put[]; jobs: Job[] } {
  const value: ProcedureRecord<Input> = { kind, subject, id, input, at: now, queuedStep };
  const job = createResumeJob(value, "work", now, correlation);
  return { put: [{ key: workKeys.procedure(kind, subject), value }], jobs: [{ ...job, lane: getLane(input) }] };
}

/** The record before this step; one that no job continues yet is in the set of those that are resumed. */
function toPut<Input extends object>(
  kind: ProcedureKind<Input, unknown>,
  procedure: ProcedureRecord<Input>,
  step: ProcedureStep<Input, unknown> | undefined,
  now: Ms,
): Put {
  const { subject, id, input } = procedure;
  const complete = toCompletePut(kind, procedure, now);
  if (!step) return complete;
  const record: ProcedureRecord<Input> = { kind: kind.name, subject, id, input, at: now };
  if (step.isQueued) return { ...complete, value: { ...record, queuedStep: step.name } };
  const value = { ...record, step: step.name, resumeAt: now + kind.resumeAfterMs };
  return { key: complete.key, value, sets: [workSets.procedures] };
}

/** Prepares the record of a procedure that has ended. */
export function toCompletePut<Input>(
  { name: kind, keptMs }: { name: string; keptMs: Ms },
  { subject, id, input }: NewProcedure<Input>,
  now: Ms,
): Put {
  const value: ProcedureRecord<Input> = { kind, subject, id, input, at: now };
  return { key: workKeys.procedure(kind, subject), value, expires: keptMs };
}

/** Finds the latest procedure of this kind and subject, complete or not. */
export async function findProcedure<Input extends object>(
  deps: StoreDeps,
  kind: ProcedureKind<Input, unknown>,
  subject: string,
): Promise<ProcedureRecord<Input> | undefined> {
  return (await deps.store.read<ProcedureRecord<Input>>([workKeys.procedure(kind.name, subject)]))[0]?.value;
}

/**
 * Takes the steps that are left, up to one that the queue takes; `stuck` before a step that this run cannot take. Of
 * two concurrent runs, the one whose record is older continues with the other's.
 * @param isQueue takes the steps that are the queue's
 */
export async function runProcedure<Input extends object, Run>(
  { store, notify }: Pick<TaskDeps, "store" | "notify">,
  kind: ProcedureKind<Input, Run>,
  { subject, id }: Pick<ProcedureRecord<Input>, "subject" | "id">,
  run: Run,
  isQueue = false,
): Promise<"stuck" | undefined> {
  const key = workKeys.procedure(kind.name, subject);
  for (;;) {
    const [stored] = await store.read<ProcedureRecord<Input>>([key]);
    if (stored?.value.id !== id) return undefined;
    const { value, rev } = stored;
    const start = value.step ?? (isQueue ? value.queuedStep : undefined);
    let at = kind.steps.findIndex(({ name }) => name === start);
    if (at < 0) return undefined;
    let learned: Changes<Input> | undefined;
    let next = kind.steps[at];
    while (next && learned === undefined && (!next.isQueued || next.name === start)) {
      const result = await next.run(run, value);
      if (result === "stuck") return result;
      learned = result;
      at += 1;
      next = kind.steps[at];
    }
    const now = await store.now();
    const procedure = { ...value, at: now, input: changeFields(value.input, learned ?? {}) };
    const jobs = next?.isQueued ? [createResumeJob(procedure, "posts", now + AGENT_PACE_MS)] : [];
    const outcome = await store.commit({ expect: [[key, rev]], put: [toPut(kind, procedure, next, now)], jobs });
    if (outcome !== "committed") continue;
    if (jobs.length > 0) notify({ queue: "posts", after: AGENT_PACE_MS });
    if (next?.isQueued) return undefined;
  }
}

/** Queues the procedures that no call has continued in time. Runs at each poll; makes no request to Plane. */
export async function queueInterruptedProcedures(deps: Pick<TaskDeps, "store" | "notify">, correlation: string) {
  const now = await deps.store.now();
  const jobs: Job[] = [];
  for await (const { value } of scanRows<ProcedureRecord<object>>(deps, workSets.procedures))
    if ((value.resumeAt ?? now) < now) jobs.push(createResumeJob(value, "work", now, correlation));
  if (jobs.length === 0) return;
  await deps.store.commit({ jobs });
  deps.notify();
}

function createResumeJob<Input>(
  { kind, subject, id, at }: ProcedureRecord<Input>,
  queue: "work" | "posts",
  due: Ms,
  correlation = `${kind}:${id}`,
): Job {
  const body = { type: "resume_procedure", kind, subject, correlation } as const;
  return { ...createWorkJob(`resume:${kind}:${subject}:${id}:${at}`, `resume:${kind}:${subject}`, body, due), queue };
}

/**
 * Handles the job that continues a procedure: an interrupted one, or one whose next step is the queue's. A step that
 * fails is repeated as any job; one that only a call can take waits for that call, and in the end the procedure is
 * given up.
 */
export async function resumeProcedure(
  deps: TaskDeps,
  kinds: readonly ProcedureKind<object, unknown>[],
  { kind: name, subject, correlation }: { kind: string; subject: string; correlation: string },
  { failures }: Pick<LeasedJob, "failures">,
): Promise<JobResult> {
  const kind = kinds.find((one) => one.name === name);
  if (!kind) return { dead: `There is no procedure "${name}".` };
  const procedure = await findProcedure(deps, kind, subject);
  const now = await deps.store.now();
  // A call has continued it meanwhile; when that is interrupted as well, there is another job.
  const step = procedure?.step ?? procedure?.queuedStep;
  if (!procedure || step === undefined || (procedure.resumeAt ?? 0) >= now) return { done: true };
  let end: JobResult | "end" | "stuck";
  try {
    const run = await kind.createRun(deps, procedure, correlation);
    const outcome = run === undefined ? "end" : await runProcedure(deps, kind, procedure, run, true);
    end = outcome === "end" || outcome === "stuck" ? outcome : { done: true };
  } catch (thrown) {
    if (kind.handleFailure) end = await kind.handleFailure(deps, { subject, thrown, failures, correlation });
    // What it was about has been deleted, so nothing is left to do.
    else if (thrown instanceof PlaneNotFoundError) end = "end";
    else throw thrown;
  }
  if (end === "stuck" && now - procedure.at <= (kind.getGiveUpMs?.(deps.settings) ?? 0))
    return { retryAt: now + STUCK_RETRY_MS };
  if (typeof end === "object") return end;
  const key = workKeys.procedure(name, subject);
  const [stored] = await deps.store.read<ProcedureRecord<object>>([key]);
  if (stored?.value.id !== procedure.id || stored.value.at !== procedure.at) return { retryAt: now };
  deps.log.warn("procedure given up", { correlation, kind: name, subject, step });
  const put = [toPut(kind, procedure, undefined, now)];
  const outcome = await deps.store.commit({ expect: [[key, stored.rev]], put });
  return outcome === "committed" ? { done: true } : { retryAt: now };
}
