/** Everything that waits for a person: the kinds of requests, and the routes that list and answer them. */

import { Hono } from "hono";
import { z } from "zod";
import type { Deps, RequestKinds, Route } from "../shared/app/deps.ts";
import { GroundcrewError } from "../shared/errors.ts";
import { createJsonReader } from "../shared/http/limits.ts";
import { answerCleanJson, getRequester } from "../shared/http/request.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { limitDeps } from "../shared/people/viewer.ts";
import {
  COMMENT_LIMIT,
  concernsPerson,
  createAudienceLookup,
  decideRequest,
  findRequest,
  readOpenRequests,
} from "../shared/requests/requests.ts";
import { SCHEDULE_QUESTION } from "../shared/schedules/skipped-occurrences.ts";
import { isRequestOpen, type RequestPart, type RequestRecord } from "../shared/task/request.ts";
import { REVIEW } from "../shared/tasks/lifecycle/reviews.ts";
import { AGENT_BRAKE, BUDGET_BRAKE } from "../shared/tasks/people/brakes.ts";
import { QUESTION } from "../shared/tasks/people/questions.ts";
import { PLAN } from "../shared/tasks/planning/decide-plan.ts";
import { TICKET_REQUEST_KINDS } from "../shared/tickets/request-kinds.ts";

/** All kinds of requests, each in the module of its subject. */
export const REQUEST_KINDS: RequestKinds = {
  ...{ question: QUESTION, schedule: SCHEDULE_QUESTION, review: REVIEW, plan: PLAN },
  ...{ agent: AGENT_BRAKE, budget: BUDGET_BRAKE },
  ...TICKET_REQUEST_KINDS,
};

const decisionSchema = z.strictObject({
  answer: z.string().max(100),
  hash: z.string().max(64),
  comment: z.string().max(COMMENT_LIMIT).optional(),
});

const EXAMPLE = 'Send {"answer": "approve", "hash": "…"} with the hash of the request.';

/** Lists what waits for a person, the most urgent first, shows one with all that is judged, and takes its answer. */
export const requestsRoute: Route = { path: "/api/requests", access: "page", app };

function app(deps: Deps): Hono {
  const readJson = createJsonReader();
  return new Hono()
    .get("/", async (c) => {
      const viewer = c.get("viewer");
      const requests = await readOpenRequests(limitDeps(deps, viewer));
      const findAudience = await createAudienceLookup(deps);
      const answers = requests.map(async (request): Promise<ListedRequest> => {
        const circles = await findAudience(request);
        const mine = concernsPerson(circles, viewer.id);
        return { ...toRequestAnswer(request), for: circles[0]?.map(({ name }) => name) ?? [], mine };
      });
      return answerCleanJson(c, { requests: await Promise.all(answers) } satisfies RequestsAnswer);
    })
    .get("/:id", async (c) => {
      const stored = await findRequest(deps, c.req.param("id"));
      if (!stored) throw new GroundcrewError("not_found", "There is no such request.");
      return answerCleanJson(c, toRequestAnswer(stored.value));
    })
    .post("/:id", async (c) => {
      const { comment, ...decision } = await readJson(c, decisionSchema, { example: EXAMPLE });
      const given = { ...decision, ...getRequester(c), ...omitUndefined({ comment }) };
      const { outcome, request } = await decideRequest(deps, c.req.param("id"), given, c.get("correlation"));
      const answer = toRequestAnswer(request);
      if (request.subject.key !== undefined) c.set("subject", request.subject.key);
      if (outcome === "decided") return answerCleanJson(c, answer);
      const changed = "The request has changed. Read it again, and send its hash.";
      const error = { code: "conflict", message: outcome === "closed" ? "This request is closed." : changed };
      const { body, headers } = answerCleanJson(c, { error, request: answer });
      return new Response(body, { status: 409, headers });
    });
}

export type RequestAnswer = ReturnType<typeof toRequestAnswer>;

/** A listed request: whom it concerns first (none: everybody), and whether the viewer is one of them. */
export type ListedRequest = RequestAnswer & { for: string[]; mine: boolean };

/** The response of `GET /api/requests`, most urgent first. */
export interface RequestsAnswer {
  requests: ListedRequest[];
}

/** A request as the API shows it: with the verdict or why it is closed, when it waits no more. */
function toRequestAnswer(request: RequestRecord) {
  const { id, kind, subject, from, createdAt, deadline, text, input, hash, answers, options } = request;
  const { session: { rule, isMultiple, series, waits } = {}, changed, verdict, closed } = request;
  const toIso = (at: number) => new Date(at).toISOString();
  return omitUndefined({
    id,
    kind,
    subject: omitUndefined({ key: subject.key, title: subject.title }),
    from,
    created_at: toIso(createdAt),
    deadline: deadline === undefined ? undefined : toIso(deadline),
    text,
    input: input.length > 0 ? input.map(toPartAnswer) : undefined,
    hash,
    answers,
    options: options.length > 0 ? options : undefined,
    // A session whose time ends, at the time that is the text, or that has ended.
    waits: waits === "time" || waits === "budget" || waits === "ended" ? waits : undefined,
    // Of a question of several, and what a permission for ever would allow.
    ...{ multiple: isMultiple, number: series && series.answers.length + 1, count: series?.questions.length, rule },
    changed,
    state: isRequestOpen(request) ? "open" : verdict ? "answered" : "closed",
    verdict: verdict && omitUndefined({ ...verdict, posted: undefined, at: toIso(verdict.at) }),
    closed: closed && { why: closed.why, at: toIso(closed.at) },
  });
}

/** A part of what is judged; one that is not known whole says how much it lacks. */
function toPartAnswer({ label, value, leftOut, end = "" }: RequestPart) {
  return { label, value: leftOut === undefined ? value : `${value}\n[… ${leftOut} …]\n${end}` };
}
