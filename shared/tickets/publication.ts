/**
 * The publication of results: what the runner is to push and to open a pull request with, and what becomes of that on
 * its server. Red checks are a request to a person, who may send them back to the session.
 */

import { changeFields, omitUndefined } from "../omit-undefined.ts";
import type { RequestPart, RequestRecord } from "../task/request.ts";
import { cleanLine, cleanText } from "../text.ts";
import type { ExchangeAnswer, Publication, SessionReport } from "./exchange.ts";
import { maskSecrets } from "./mask-secrets.ts";
import { reportStep, type Ticket, type TicketEvent, type TicketOutcome } from "./ticket.ts";

const MAX_TITLE_LENGTH = 200;

const MAX_PROBLEM_LENGTH = 2_000;

/** What the runner is to publish now; undefined when it is nothing. Each try has an id of its own. */
export function findPublicationWish(ticket: Ticket): ExchangeAnswer["publish"][number] | undefined {
  const { key, run, state, update, shown, item, completion } = ticket;
  if (state !== "updating" || update?.step !== "publish" || update.problem !== undefined) return undefined;
  return {
    ...{ ticket: key, run, id: `${update.at.toString(36)}.${update.retries}` },
    title: cleanLine(`${key}: ${shown.content.title}`, MAX_TITLE_LENGTH),
    // It begins with the link: some commands read a value that begins with an @ as the name of a file.
    body: `[${key}](${item.url})\n\n${completion?.summary ?? ""}`,
  };
}

/** Cleans what a runner reports of a publication. Logs of checks can have secrets. */
export function cleanPublication(
  { publication }: SessionReport,
  token: string | undefined,
): Partial<Pick<SessionReport, "publication">> {
  if (!publication) return {};
  const { checks, problem } = publication;
  const clean = (text: string | undefined) => text && maskSecrets(cleanText(text, text.length), token);
  const failed = checks?.failed.map((name) => cleanLine(name, MAX_TITLE_LENGTH)) ?? [];
  return {
    publication: {
      ...publication,
      ...omitUndefined({ problem: clean(problem)?.slice(0, MAX_PROBLEM_LENGTH) }),
      ...(checks ? { checks: { ...checks, failed, ...omitUndefined({ log: clean(checks.log) }) } } : {}),
    },
  };
}

/** The end of a wish, which is a step of the update, or a change at the server. What is the same changes nothing. */
export function applyPublication(
  ticket: Ticket,
  { at, publication }: TicketEvent<"published">,
  finishStep: (ticket: Ticket, problem: string | undefined) => TicketOutcome,
): TicketOutcome {
  const known = ticket.publication;
  if (JSON.stringify(known) === JSON.stringify(publication)) return { ticket };
  const isRed = publication.state === "open" && publication.checks?.state === "failed";
  const redSince = isRed ? (ticket.redSince ?? at) : undefined;
  const next = changeFields(ticket, { publication, redSince });
  if (findPublicationWish(ticket)?.id === publication.id) return finishStep(next, publication.problem);
  const { state = "pushed", url = "" } = publication;
  if (known?.state !== state) return reportStep(next, { reason: `pull_${state}`, detail: url });
  const checks = publication.checks?.state ?? "none";
  if (known.checks?.state === checks) return { ticket: next };
  return reportStep(next, { reason: `checks_${checks}`, detail: publication.checks?.failed.join(", ") || url });
}

/** Whether a ticket that is done asks what to do about red checks of its pull request. */
export function asksAboutChecks({ state, redSince, publication }: Pick<Ticket, "state" | "redSince" | "publication">) {
  return state === "done" && redSince !== undefined && publication?.state === "open";
}

/** What a session reads of red checks that are sent back: a person's words, if there are some, and what was shown. */
export function joinChecks(comment: string, { text, input }: Pick<RequestRecord, "text" | "input">): string {
  return [comment, text, ...input.map(({ value }) => `The end of the log:\n\n${value}`)].filter(Boolean).join("\n\n");
}

/** What a person judges of red checks, and the session reads if they are sent back. */
export function describeChecks({ url = "", checks }: Publication): { text: string; input: RequestPart[] } {
  const { failed = [], log } = checks ?? {};
  return {
    text: `Checks of ${url} have failed: ${failed.join(", ")}.`,
    input: log === undefined ? [] : [{ label: "log", value: log }],
  };
}
