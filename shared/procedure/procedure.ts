/**
 * What Groundcrew does in several steps is a procedure: a record says which step comes next, so that the repeated call
 * or the queue continues one that was interrupted. A kind is a table of its steps in the module of its subject.
 */

import type { TaskDeps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { createWorkJob } from "../jobs/work-jobs.ts";
import { type Changes, changeFields, omitUndefined } from "../omit-undefined.ts";
import { PlaneNotFoundError } from "../plane/errors.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import type { ProcedureRecord } from "../records/task-records.ts";
import type { Commit, JobResult, Put } from "../store/port.ts";
import { scanRows } from "../store/records.ts";
import { MINUTE, type Ms } from "../time.ts";

/** The table of one kind of procedure. `Run` is what the steps need besides the record, and lives as long as the call. */
export interface ProcedureKind<Input extends object, Run> {
  name: string;
  /** In order. Each is idempotent: after an interruption it is repeated. */
  steps: readonly ProcedureStep<Input, Run>[];
  /** Timeout for a step: afterwards no call is at work any more, and the queue continues. */
  resumeAfterMs: Ms;
  /** Timeout for a procedure that the queue cannot continue: afterwards it ends as it is. */
  getGiveUpMs(settings: Settings): Ms;
  /** Retention of the record once the procedure is complete. */
  keptMs: Ms;
  /** Creates what the steps need when the queue continues; undefined ends the procedure, because nothing is left to do. */
  createRun(deps: TaskDeps, procedure: ProcedureRecord<Input>, correlation: string): Promise<Run | undefined>;
  /** Cleans up after a procedure that has ended as it is. */
  cleanUp?(deps: TaskDeps, procedure: ProcedureRecord<Input>, correlation: string): Promise<void>;
}

interface ProcedureStep<Input extends object, Run> {
  name: string;
  /** For the documents: what the step does; why it may be repeated. */
  does: string;
  run(run: Run, procedure: ProcedureRecord<Input>): Promise<ProcedureStepResult<Input>>;
}

/**
 * `input`: what the step has learned, recorded before the next step; `next`: another step than the one that follows.
 * Undefined: nothing is recorded, because repeating the step costs less. `stuck`: only a call can take this step.
 */
export type ProcedureStepResult<Input extends object> = { input?: Changes<Input>; next?: string } | "stuck" | undefined;

/** What is stored of a new procedure. */
interface NewProcedure<Input> {
  subject: string;
  /** Distinguishes it from others of its subject, and its effects from theirs. */
  id: string;
  input: Input;
}

type StoreDeps = Pick<TaskDeps, "store">;

/** Interval between attempts of the queue at a procedure that only a call can continue: 1 min. */
const STUCK_RETRY_MS: Ms = MINUTE;

/** Prepares the record of a procedure before its first step, in place of an earlier one of its subject. */
export function toProcedurePut<Input extends object>(
  kind: ProcedureKind<Input, unknown>,
  { subject, id, input }: NewProcedure<NoInfer<Input>>,
  now: Ms,
): Put {
  return toPut(kind, { kind: kind.name, subject, id, input, at: now }, kind.steps[0]?.name, now);
}

/** The record before this step; an open one is in the set of those that are resumed. */
function toPut<Input extends object>(
  kind: ProcedureKind<Input, unknown>,
  procedure: ProcedureRecord<Input>,
  step: string | undefined,
  now: Ms,
): Put {
  if (step === undefined) return toCompletePut(kind, procedure, now);
  const value: ProcedureRecord<Input> = { ...procedure, step, at: now, resumeAt: now + kind.resumeAfterMs };
  return { key: workKeys.procedure(kind.name, procedure.subject), value, sets: [workSets.procedures] };
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
  const [stored] = await deps.store.read<ProcedureRecord<Input>>([workKeys.procedure(kind.name, subject)]);
  return stored?.value;
}

/**
 * Takes the steps that are left and returns the complete record, `stuck` before a step that this run cannot take, or
 * undefined when another procedure has taken its place. Of two concurrent runs, the one whose record is older continues
 * with the other's. `restartFrom`: the step from which a complete procedure is repeated.
 */
export async function runProcedure<Input extends object, Run>(
  { store }: StoreDeps,
  kind: ProcedureKind<Input, Run>,
  { subject, id }: Pick<ProcedureRecord<Input>, "subject" | "id">,
  run: Run,
  restartFrom?: string,
): Promise<ProcedureRecord<Input> | "stuck" | undefined> {
  const key = workKeys.procedure(kind.name, subject);
  let first = restartFrom;
  for (;;) {
    const [stored] = await store.read<ProcedureRecord<Input>>([key]);
    if (stored?.value.id !== id) return undefined;
    const { value, rev } = stored;
    let at = kind.steps.findIndex(({ name }) => name === (value.step ?? first));
    if (at < 0) return value;
    let result: ProcedureStepResult<Input>;
    for (; at < kind.steps.length && result === undefined; at += 1) result = await kind.steps[at]?.run(run, value);
    if (result === "stuck") return result;
    const next = result?.next ?? kind.steps[at]?.name;
    // Repeating a complete procedure has changed nothing.
    if (result === undefined && value.step === undefined) return value;
    const procedure = { ...value, input: changeFields(value.input, result?.input ?? {}) };
    const put = [toPut(kind, procedure, next, await store.now())];
    if ((await store.commit({ expect: [[key, rev]], put })) === "committed") first = undefined;
  }
}

/** Queues the procedures that no call has continued in time. Runs at each poll; makes no request to Plane. */
export async function queueInterruptedProcedures(deps: Pick<TaskDeps, "store" | "notify">, correlation: string) {
  const now = await deps.store.now();
  const jobs: NonNullable<Commit["jobs"]> = [];
  for await (const { value } of scanRows<ProcedureRecord<object>>(deps, workSets.procedures)) {
    const { kind, subject, id, at, resumeAt = now } = value;
    const job = `resume:${kind}:${subject}:${id}:${at}`;
    const body = { type: "resume_procedure", kind, subject, correlation } as const;
    if (resumeAt < now) jobs.push(createWorkJob(job, `resume:${kind}:${subject}`, body));
  }
  if (jobs.length === 0) return;
  await deps.store.commit({ jobs });
  deps.notify();
}

/**
 * Handles the job that continues an interrupted procedure. A step that fails is repeated as any job; one that only a
 * call can take waits for that call, and in the end the procedure is given up.
 */
export async function resumeProcedure(
  deps: TaskDeps,
  kinds: readonly ProcedureKind<object, unknown>[],
  { kind: name, subject, correlation }: { kind: string; subject: string; correlation: string },
): Promise<JobResult> {
  const kind = kinds.find((one) => one.name === name);
  if (!kind) return { dead: `There is no procedure "${name}".` };
  const procedure = await findProcedure(deps, kind, subject);
  const now = await deps.store.now();
  // A call has continued it meanwhile; when that is interrupted as well, there is another job.
  if (procedure?.step === undefined || (procedure.resumeAt ?? 0) >= now) return { done: true };
  const run = await kind.createRun(deps, procedure, correlation);
  // What it was about has been deleted, so nothing is left to do.
  const end = run === undefined ? "gone" : await runProcedure(deps, kind, procedure, run).catch(toGone);
  if (end !== "gone" && end !== "stuck") return { done: true };
  if (end === "stuck" && now - procedure.at <= kind.getGiveUpMs(deps.settings))
    return { retryAt: now + STUCK_RETRY_MS };
  const key = workKeys.procedure(name, subject);
  const [stored] = await deps.store.read<ProcedureRecord<object>>([key]);
  if (stored?.value.id !== procedure.id || stored.value.at !== procedure.at) return { retryAt: now };
  const { step } = procedure;
  deps.log.warn("procedure given up", { correlation, kind: name, subject, ...omitUndefined({ step }) });
  // The record goes first, so that a new call starts over instead of continuing with what is removed.
  const put = [toPut(kind, procedure, undefined, now)];
  if ((await deps.store.commit({ expect: [[key, stored.rev]], put })) !== "committed") return { retryAt: now };
  await kind.cleanUp?.(deps, procedure, correlation);
  return { done: true };
}

function toGone(thrown: unknown): "gone" {
  if (thrown instanceof PlaneNotFoundError) return "gone";
  throw thrown;
}
