/**
 * What tickets ask people, as requests: the approval of a ticket and of its result, and what its session waits for. A
 * request follows the ticket: it is opened, changed and closed in the commit of the event that makes it so.
 */

import type { TaskDeps } from "../app/deps.ts";
import { getTexts } from "../i18n/texts.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { workKeys } from "../records/store-keys.ts";
import {
  findRequest,
  hashRequest,
  prepareClosure,
  preparePublication,
  prepareRequestChange,
} from "../requests/requests.ts";
import type { StoredValue } from "../store/port.ts";
import { mergeUpdates, readAllRows, type ValueUpdate } from "../store/records.ts";
import { isRequestOpen, type RequestPart, type RequestPlace, type RequestRecord } from "../task/request.ts";
import { cleanLine, cleanText } from "../text.ts";
import type { Ms } from "../time.ts";
import { BOX_CHECK, type HostCheck } from "./exchange.ts";
import {
  chooseTicketCli,
  describeCliLimits,
  getCliName,
  type KnownPolicy,
  type PolicyLine,
  readPolicy,
} from "./policy.ts";
import {
  asksAboutChecks,
  getTicketCliName,
  renderComments,
  type SessionRequest,
  type Ticket,
  type TicketContent,
  type TicketWait,
  ticketSets,
} from "./ticket.ts";

/** Lines of a policy that a person should know before an approval, with the values that are not worth a word. */
const NOTABLE_LINES: Readonly<Record<string, unknown>> = {
  ...{ permission_mode: "manual", publish: "none", plan_first: false, sandbox: "auto", network: "all" },
  ...{ allow: "", mcp_server: "" },
};

/** Limit of such lines in UTF-16 units: 2,000; `groundcrew tickets policy` has all. */
const MAX_POLICY_LENGTH = 2_000;

/** Limit of the reason why a session would have no box in UTF-16 units: 300. */
const MAX_BOX_LENGTH = 300;

/** A ticket before an event, with its session's requests as they are stored, and after it. */
interface TicketChange {
  before: Ticket | undefined;
  loaded: readonly StoredValue<SessionRequest>[];
  after: Ticket;
  event: { kind: string; at: Ms; by?: string; where?: RequestPlace };
  /** The request whose verdict is the event: its record is stored with the verdict already. */
  decided: RequestRecord | undefined;
}

/** Prepares what a change of a ticket does to its requests; `wait`: what is asked now and was not before. */
export async function prepareTicketRequests(
  deps: TaskDeps,
  change: TicketChange,
  correlation: string,
): Promise<{ update: ValueUpdate; wait: TicketWait | undefined }> {
  const { before, after, event, decided } = change;
  const { updates, asked } = await prepareSessionRequests(deps, change, correlation);
  const [was, is] = [before && findRequestId(before), findRequestId(after)];
  if (was !== undefined && was !== is && was !== decided?.id)
    updates.push(await prepareRequestEnd(deps, was, event, correlation));
  const isNew = is !== undefined && is !== was;
  if (isNew) {
    const value = await createTicketRequest(deps, after, is, event.at);
    updates.push(await preparePublication(deps, value, correlation));
  } else if (is !== undefined && before?.shown.hash !== after.shown.hash) {
    const stored = await findRequest(deps, is);
    const request = await createTicketRequest(deps, after, is, stored?.value.createdAt ?? event.at);
    if (stored) updates.push(prepareRequestChange(deps, { ...request, changed: ["text"] }, stored.rev, correlation));
  }
  const kind = after.state === "pending" ? "approval" : after.state === "updating" ? "update" : "result";
  const question = asked === undefined ? undefined : ({ kind: "question", id: asked } as const);
  return { update: mergeUpdates(updates), wait: isNew ? { kind, id: is } : question };
}

/** Prepares the new and the changed requests of a ticket's session; `asked`: the id of the newest one. */
async function prepareSessionRequests(
  deps: TaskDeps,
  { after, loaded, decided }: TicketChange,
  correlation: string,
): Promise<{ updates: ValueUpdate[]; asked: string | undefined }> {
  const updates: ValueUpdate[] = [];
  let asked: string | undefined;
  for (const question of after.questions) {
    const { id, hash } = question;
    const stored = loaded.find(({ value }) => value.id === id);
    if (!stored) {
      const value = hash === "" ? { ...question, hash: await hashRequest(question) } : question;
      updates.push(await preparePublication(deps, value, correlation));
      asked = id;
    } else if (stored.value !== question && question !== decided) {
      const { put = [], jobs = [] } = prepareRequestChange(deps, question, stored.rev, correlation);
      updates.push({ put, jobs, ...(id === decided?.id ? {} : { expect: [[workKeys.request(id), stored.rev]] }) });
    }
  }
  return { updates, asked };
}

/**
 * The id of the request for what a ticket itself waits for: its approval, that of its result, or of another try of its
 * update. Later texts belong to the same request until somebody decides. Undefined when it waits for nothing.
 */
function findRequestId(ticket: Ticket): string | undefined {
  const { key, run, round, state, requestedAt, update, redSince = 0 } = ticket;
  if (asksAboutChecks(ticket)) return `${key}.${run}.c${redSince.toString(36)}`;
  if (state === "pending") return `${key}.${run}.${requestedAt.toString(36)}`;
  if (state === "completed") return `${key}.${run}.result${round === 1 ? "" : round}`;
  const failed = state === "updating" && update?.problem !== undefined ? update : undefined;
  return failed && `${key}.${run}.u${round === 1 ? "" : `${round}.`}${failed.retries}`;
}

/** The request for what a ticket waits for now, with all that is judged. An approval has the ticket's hash. */
async function createTicketRequest(deps: TaskDeps, ticket: Ticket, id: string, createdAt: Ms): Promise<RequestRecord> {
  const { key, item, shown, state } = ticket;
  const head = { id, subject: { item: item.id, key, title: shown.content.title, url: item.url }, createdAt };
  const base = { ...head, urgency: "normal" as const, reminders: 0, options: [] };
  if (state === "pending") {
    const input = toParts(await describeForApproval(deps, ticket));
    const asked = { kind: "ticket", from: shown.cause.by ?? "Plane", text: shown.content.description, input } as const;
    return { ...base, ...asked, hash: shown.hash, answers: ["approve", "reject"] };
  }
  const answers = state === "completed" ? ["approve", "send_back", "reject"] : ["approve", "reject"];
  const judged = asksAboutChecks(ticket) ? describeChecks(ticket) : { ...describeResult(ticket), answers };
  const request = { ...base, kind: "result", from: getTicketCliName(ticket), ...judged } as const;
  return { ...request, hash: await hashRequest(request) };
}

function toParts(values: Readonly<Record<string, string>>): RequestPart[] {
  return Object.entries(values).map(([label, value]) => ({ label, value }));
}

/** What else than its description is judged before a session starts. */
async function describeForApproval(deps: TaskDeps, ticket: Ticket) {
  const { comment, comments } = ticket.shown.content;
  const { cli, label } = await chooseTicketCli(deps, ticket);
  const name = getCliName(cli);
  return omitUndefined({
    ...{ box: await findMissingBox(deps, ticket), comment, comments: comments && renderComments(comments) },
    cli: label === undefined ? (cli === "claude" ? undefined : name) : `${name} (${label})`,
    limits: describeCliLimits(cli, getTexts(deps.settings.locale).comments.ticket),
    policy: describePolicy(await readPolicy(deps, ticket.item.identifier)),
  });
}

/** What a person judges of a result, or of an update that has failed. */
function describeResult({ completion, update, changed }: Ticket): Pick<RequestRecord, "text" | "input"> {
  const parts = omitUndefined({ problem: update?.problem, changed: changed && renderChanged(changed.content) });
  return { text: completion?.summary ?? "", input: toParts(parts) };
}

/** What a person judges of red checks, and the session reads if they are sent back. */
function describeChecks({ publication }: Ticket): Pick<RequestRecord, "text" | "input" | "answers"> {
  const { failed = [], log } = publication?.checks ?? {};
  const text = `Checks of ${publication?.url ?? ""} have failed: ${failed.join(", ")}.`;
  return { text, input: toParts(omitUndefined({ log })), answers: ["send_back", "reject"] };
}

/** The lines of a policy by which a session may do more than ask and stay in its box, or may not start. */
function describePolicy({ lines, problems }: KnownPolicy): string | undefined {
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
async function prepareRequestEnd(
  deps: TaskDeps,
  id: string,
  { kind, by = "", where = "api", at }: TicketChange["event"],
  correlation: string,
): Promise<ValueUpdate> {
  const stored = await findRequest(deps, id);
  if (!stored || !isRequestOpen(stored.value)) return {};
  if (kind !== "update_requested" && kind !== "cancelled") {
    const isOver = kind === "closed_in_plane" || kind === "reread";
    return prepareClosure(deps, stored, isOver ? "task_closed" : "withdrawn", correlation);
  }
  const verdict = { answer: kind === "cancelled" ? "reject" : "approve", by, where, at };
  return prepareRequestChange(deps, { ...stored.value, verdict }, stored.rev, correlation);
}
