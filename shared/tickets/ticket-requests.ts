/**
 * What tickets ask people, as requests: the approval of a ticket and of its result, and what its session waits for. A
 * request follows the ticket: it is opened, changed and closed in the commit of the event that makes it so.
 */

import type { TaskDeps } from "../app/deps.ts";
import { getTexts } from "../i18n/texts.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { workKeys } from "../records/store-keys.ts";
import {
  findRequest,
  hashRequest,
  prepareClosure,
  preparePublication,
  prepareRequestChange,
} from "../requests/requests.ts";
import type { Store, StoredValue } from "../store/port.ts";
import { mergeUpdates, readAllRows, type ValueUpdate } from "../store/records.ts";
import type { RequestPart, RequestRecord, RequestVerdict } from "../task/request.ts";
import { isRequestOpen } from "../task/request.ts";
import { cleanLine, cleanText } from "../text.ts";
import type { Ms } from "../time.ts";
import { describeCliLimits, getCliName, getTicketCliName } from "./cli.ts";
import { BOX_CHECK, type HostCheck } from "./exchange.ts";
import { chooseTicketCli, type KnownPolicy, readPolicy } from "./policies.ts";
import type { PolicyLine } from "./policy.ts";
import { asksAboutChecks, describeChecks } from "./publication.ts";
import {
  isRequestOver,
  type SessionRequest,
  type Ticket,
  type TicketContent,
  type TicketEvent,
  type TicketRecord,
  type TicketWait,
  ticketSets,
} from "./ticket.ts";
import { renderComments } from "./ticket-content.ts";

/** Lines of a policy that a person should know before an approval, with the values that are not worth a word. */
const NOTABLE_LINES: Readonly<Record<string, unknown>> = {
  ...{ permission_mode: "manual", publish: "none", plan_first: false, sandbox: "auto", network: "all" },
  ...{ allow: "", mcp_server: "" },
};

/** Limit of such lines in UTF-16 units: 2,000; `groundcrew tickets policy` has all. */
const MAX_POLICY_LENGTH = 2_000;

/** Limit of the reason why a session would have no box in UTF-16 units: 300. */
const MAX_BOX_LENGTH = 300;

type TicketHead = Pick<
  Ticket,
  "key" | "run" | "round" | "state" | "requestedAt" | "update" | "publication" | "redSince"
>;

/** A ticket before an event, with its session's requests as they are stored, and after it. */
interface TicketChange {
  before: Ticket | undefined;
  loaded: readonly StoredValue<SessionRequest>[];
  after: Ticket;
  event: TicketEvent;
  /** The request whose verdict is the event: its record is stored with the verdict already. */
  decided: RequestRecord | undefined;
}

/** Reads the requests of tickets' sessions that are not over, by the ids in the tickets' records. */
export async function readSessionRequests(
  { store }: { store: Pick<Store, "read"> },
  records: readonly TicketRecord[],
): Promise<StoredValue<SessionRequest>[]> {
  const ids = records.flatMap(({ questions }) => questions);
  return ids.length === 0 ? [] : keepDefined(await store.read<SessionRequest>(ids.map(workKeys.request)));
}

/** A ticket with the requests of its session. */
export function toTicket(record: TicketRecord, requests: readonly SessionRequest[]): Ticket {
  const questions = keepDefined(record.questions.map((id) => requests.find((request) => request.id === id)));
  return { ...record, questions };
}

/** The stored form of a ticket: requests that are over stay as records of their own. */
export function toTicketRecord(ticket: Ticket): TicketRecord {
  const questions = ticket.questions.filter((question) => !isRequestOver(question)).map(({ id }) => id);
  return { ...ticket, questions };
}

/**
 * The id of the request for what a ticket itself waits for: its approval, that of its result, or of another try of its
 * update. Later texts belong to the same request until somebody decides. Undefined when it waits for nothing.
 */
export function findTicketRequestId(ticket: TicketHead): string | undefined {
  const { key, run, round, state, requestedAt, update, redSince = 0 } = ticket;
  if (asksAboutChecks(ticket)) return `${key}.${run}.c${redSince.toString(36)}`;
  if (state === "pending") return `${key}.${run}.${requestedAt.toString(36)}`;
  if (state === "completed") return `${key}.${run}.result${round === 1 ? "" : round}`;
  const failed = state === "updating" && update?.problem !== undefined ? update : undefined;
  return failed && `${key}.${run}.u${round === 1 ? "" : `${round}.`}${failed.retries}`;
}

/** Prepares what a change of a ticket does to its requests; `wait`: what is asked now and was not before. */
export async function prepareTicketRequests(
  deps: TaskDeps,
  change: TicketChange,
  correlation: string,
): Promise<{ update: ValueUpdate; wait: TicketWait | undefined }> {
  const { before, loaded, after, decided } = change;
  const updates: ValueUpdate[] = [];
  let wait: TicketWait | undefined;
  for (const question of after.questions) {
    const stored = loaded.find(({ value }) => value.id === question.id);
    if (!stored) {
      const value = question.hash === "" ? { ...question, hash: await hashRequest(question) } : question;
      updates.push(await preparePublication(deps, { value, rev: 0 }, correlation));
      wait = { kind: "question", id: question.id };
    } else if (stored.value !== question && question !== decided) {
      const { put = [], jobs = [] } = prepareRequestChange(deps, question, stored.rev, correlation);
      updates.push({
        put,
        jobs,
        ...(question.id === decided?.id ? {} : { expect: [[workKeys.request(question.id), stored.rev]] }),
      });
    }
  }
  const [was, is] = [before && findTicketRequestId(before), findTicketRequestId(after)];
  if (was !== undefined && was !== is && was !== decided?.id)
    updates.push(await prepareTicketRequestEnd(deps, was, change, correlation));
  if (is !== undefined && is !== was) {
    updates.push(
      await preparePublication(
        deps,
        { value: await createTicketRequest(deps, after, change.event.at), rev: 0 },
        correlation,
      ),
    );
    wait = { kind: after.state === "pending" ? "approval" : after.state === "updating" ? "update" : "result", id: is };
  } else if (is !== undefined && before?.shown.hash !== after.shown.hash) {
    const stored = await findRequest(deps, is);
    const request = { ...(await createTicketRequest(deps, after, change.event.at)), changed: ["text"] };
    if (stored)
      updates.push(
        prepareRequestChange(deps, { ...request, createdAt: stored.value.createdAt }, stored.rev, correlation),
      );
  }
  return { update: mergeUpdates(updates), wait };
}

/** The request for what a ticket waits for now, with all that is judged. Its hash is the ticket's, where it has one. */
async function createTicketRequest(deps: TaskDeps, ticket: Ticket, at: Ms): Promise<RequestRecord> {
  const { key, item, shown, changed, completion, update, state } = ticket;
  const { title, description, comment, comments } = shown.content;
  const isPending = state === "pending";
  const checks = asksAboutChecks(ticket) && ticket.publication && describeChecks(ticket.publication);
  const policy = await readPolicy(deps, item.identifier);
  const { cli, label } = await chooseTicketCli(deps, ticket);
  const name = getCliName(cli);
  const parts = isPending
    ? omitUndefined({
        ...{ box: await findMissingBox(deps, ticket), comment },
        comments: comments && renderComments(comments),
        cli: label === undefined ? (cli === "claude" ? undefined : name) : `${name} (${label})`,
        limits: describeCliLimits(cli, getTexts(deps.settings.locale).comments.ticket),
        policy: describeForApproval(policy),
      })
    : omitUndefined({ problem: update?.problem, changed: changed && renderChanged(changed.content) });
  const input: RequestPart[] = Object.entries(parts).map(([label, value]) => ({ label, value }));
  const request: RequestRecord = {
    ...{ id: findTicketRequestId(ticket) ?? "", kind: isPending ? "ticket" : "result" },
    ...{
      subject: { item: item.id, key, title, url: item.url },
      from: isPending ? (shown.cause.by ?? "Plane") : getTicketCliName(ticket),
    },
    ...{ urgency: "normal", createdAt: at, reminders: 0, options: [], hash: shown.hash },
    ...{ text: isPending ? description : (completion?.summary ?? ""), input },
    answers: state === "completed" ? ["approve", "send_back", "reject"] : ["approve", "reject"],
  };
  if (checks) Object.assign(request, checks, { answers: ["send_back", "reject"] });
  return isPending ? request : { ...request, hash: await hashRequest(request) };
}

/** The lines of a policy by which a session may do more than ask and stay in its box, or may not start. */
function describeForApproval({ lines, problems }: KnownPolicy): string | undefined {
  const isNotable = ({ name, value }: PolicyLine) => NOTABLE_LINES[name] !== undefined && value !== NOTABLE_LINES[name];
  const texts = lines.filter(isNotable).map(({ name, value, from }) => `${name}: ${String(value)} (${from})`);
  return cleanText([...problems, ...texts].join("\n"), MAX_POLICY_LENGTH) || undefined;
}

/** Why the session of a ticket would have no box, as the connected runners say; undefined when they have one. */
async function findMissingBox({ store }: TaskDeps, { item }: Ticket): Promise<string | undefined> {
  const project = `${item.identifier}: `;
  const runners = await readAllRows<{ checks?: HostCheck[] }>({ store }, ticketSets.runners);
  const missing = runners
    .flatMap(({ value }) => value.checks ?? [])
    .find(({ name, status, detail }) => name === BOX_CHECK && status !== "ok" && detail.startsWith(project));
  return missing && cleanLine(missing.detail.slice(project.length), MAX_BOX_LENGTH);
}

/** The texts that the work item has now, with which a session goes on when its result is sent back. */
function renderChanged({ title, description }: TicketContent): string {
  return `${title}\n\n${description}`;
}

/** Ends a request that nobody has answered as one: its ticket was cancelled, or updated with or without a person. */
async function prepareTicketRequestEnd(
  deps: TaskDeps,
  id: string,
  { event }: TicketChange,
  correlation: string,
): Promise<ValueUpdate> {
  const stored = await findRequest(deps, id);
  if (!stored || !isRequestOpen(stored.value)) return {};
  if (event.kind !== "update_requested" && event.kind !== "cancelled") {
    const isOver = event.kind === "closed_in_plane" || event.kind === "reread";
    return prepareClosure(deps, stored, isOver ? "task_closed" : "withdrawn", correlation);
  }
  const { by, where = "api", at } = event;
  const verdict: RequestVerdict = { answer: event.kind === "cancelled" ? "reject" : "approve", by, where, at };
  return prepareRequestChange(deps, { ...stored.value, verdict }, stored.rev, correlation);
}
