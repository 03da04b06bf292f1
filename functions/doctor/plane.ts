/**
 * Checks of Plane: address, key, clock, quota, webhook, and the accounts of agents. Each request is sent once and
 * without the runtime's quota.
 */

import type { PlaneSettings, Settings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { selectHumans } from "../../shared/people/directory.ts";
import { authApi, createPlaneSession, webhooksApi } from "../../shared/plane/app/session.ts";
import { createCapabilityCache, isUntestedPlane, toReleaseLine } from "../../shared/plane/client.ts";
import { type Endpoint, fillRoute, GROUNDCREW_SOURCE, normalizeBaseUrl } from "../../shared/plane/endpoint.ts";
import { PlaneError } from "../../shared/plane/errors.ts";
import { instanceApi, membersApi, projectsApi, usersApi } from "../../shared/plane/projects.ts";
import { createRequestSender, parseReply } from "../../shared/plane/request.ts";
import { describeMissingMembership } from "../../shared/tasks/planning/create-project.ts";
import type { Ms } from "../../shared/time.ts";
import { collectFindings, createReport, type Finding, type QueryDeps } from "./findings.ts";

interface ProjectRow {
  identifier: string;
  is_member: boolean;
  archived_at: string | null;
  description: string;
}

/** An account that may read the workspace's webhooks. An API key cannot. */
export interface PlaneLogin {
  email: string;
  password: string;
}

interface PlaneCheckDeps extends QueryDeps {
  /** Versions of Plane that Groundcrew is known to work with; undefined when that is unknown. */
  knownVersions: readonly string[] | undefined;
  account: PlaneLogin | undefined;
  target: string | undefined;
  /** The runtime has recently received its canary's webhook, which proves more than Plane's list does. */
  hasCanary: boolean;
}

type PlaneQueryResult<A> =
  | { ok: true; data: A; remaining: number | undefined; ahead: Ms }
  | { ok: false; error: PlaneError };

type PlaneQuery = <A>(endpoint: Endpoint<A>, key?: string) => Promise<PlaneQueryResult<A>>;

/** The only edition that Groundcrew is tested with. */
const COMMUNITY_EDITION = "PLANE_COMMUNITY";

/**
 * Limit of the difference between the clocks: 30 s. A larger one breaks signed events to other systems and confuses
 * people who read times; nothing else compares the clocks.
 */
const MAX_CLOCK_SKEW_MS: Ms = 30_000;

/** Part of the minute's quota that should be left in normal operation. */
const MIN_QUOTA_PART = 0.2;

/** Plane's own default of API_KEY_RATE_LIMIT, requests per minute and key; a whole team shares Groundcrew's key. */
const PLANE_DEFAULT_RATE_LIMIT = 60;

/** Beginning of the description that Plane gives to its sample project. */
const SAMPLE_PROJECT_DESCRIPTION = "Welcome to the Plane Demo Project!";

const EVENTS = ["issue", "issue_comment", "project", "cycle"] as const;

/** Timeout for one request to Plane: 10 s. A healthy Plane answers much faster. */
const TIMEOUT_MS: Ms = 10_000;

/** Checks Plane itself, the key, the workspace, the quota, the clock, the webhook and the agents' accounts. */
export async function checkPlane(deps: PlaneCheckDeps, settings: Settings): Promise<Finding[]> {
  const { plane } = settings;
  if (!plane) return [];
  const queryPlane = createPlaneQuery(deps, plane);
  const instance = await queryPlane(instanceApi.info);
  if (!instance.ok)
    return [createReport("plane").failed`${instance.error.message} → Start Plane, or fix PLANE_URL (${plane.url}).`];
  const { current_version: version, edition } = instance.data.instance;
  const { relations } = await createCapabilityCache(async () => version, deps.clock).get();
  const maxSize = formatMebibytes(instance.data.config.file_size_limit);
  return [
    checkPlaneVersion(version, edition, relations),
    ...checkKnownPlane(version, deps.knownVersions),
    createReport("plane uploads").ok`files up to ${maxSize} (Plane's FILE_SIZE_LIMIT)`,
    checkPlaneClock(instance.ahead),
    ...(await checkPlaneKey(queryPlane, plane)),
    await checkPlaneWebhook(deps, plane),
    ...(await checkAccounts(queryPlane, settings)),
  ];
}

function checkPlaneVersion(version: string, edition: string, relations: boolean): Finding {
  const { ok, warning } = createReport("plane");
  if (edition !== COMMUNITY_EDITION)
    return warning`${version}, ${edition}: Groundcrew is tested with the community edition only
      → Check that tasks and changes appear as expected.`;
  if (!relations)
    return warning`${version}, ${edition}: its API has no relations, and edits through the API send no webhook
      → Relations that people add in Plane are read from the activities of a task, and those that Groundcrew adds are
      lines "Blocked by: …" in its description, which Plane does not show as relations. Both, and edits through the API,
      take until the next poll. Upgrade to Plane 1.3.1 for relations and webhooks.`;
  return ok`${version}, ${edition}, with relations and with webhooks for edits through the API`;
}

/** Compares the version that Plane reports with those that are known to work. Says nothing without a warning. */
function checkKnownPlane(version: string, known: readonly string[] | undefined): Finding[] {
  if (!isUntestedPlane(version, known)) return [];
  const { warning } = createReport("plane version");
  return [
    warning`${version}: Groundcrew was not tried with Plane ${toReleaseLine(version)}, only with ${known?.join(", ")}
      → Check that tasks, relations and webhooks work as expected, or use one of these versions.`,
  ];
}

function formatMebibytes(bytes: number): string {
  return `${Math.round((bytes / 2 ** 20) * 10) / 10} MiB`;
}

function checkPlaneClock(ahead: Ms): Finding {
  const { ok, warning } = createReport("plane clock");
  const seconds = Math.round(Math.abs(ahead) / 1000);
  if (Math.abs(ahead) <= MAX_CLOCK_SKEW_MS) return ok`within ${Math.max(1, seconds)} s of this machine's clock`;
  return warning`${seconds} s ${ahead > 0 ? "ahead of" : "behind"} this machine's clock
    → Synchronize the clocks of both machines, for example with chrony or systemd-timesyncd.`;
}

async function checkPlaneKey(queryPlane: PlaneQuery, plane: PlaneSettings): Promise<Finding[]> {
  const user = await queryPlane(usersApi.me, plane.apiKey);
  if (!user.ok) return [explainKeyError("plane key", user.error)];
  const projects = await queryPlane(projectsApi.list, plane.apiKey);
  const remaining = projects.ok ? projects.remaining : user.remaining;
  return collectFindings(
    createReport("plane key").ok`valid, belongs to ${user.data.display_name}`,
    projects.ok ? checkPlaneWorkspace(plane, projects.data.results) : explainWorkspaceError(plane, projects.error),
    remaining !== undefined && checkPlaneQuota(remaining, plane.rateLimit),
  );
}

/** The finding about a key whose request failed. */
function explainKeyError(name: string, { code, message }: PlaneError): Finding {
  const { warning, failed } = createReport(name);
  if (code === "rate_limited")
    return warning`${message} → Run the doctor again in a minute; if this persists, raise API_KEY_RATE_LIMIT of Plane.`;
  if (code === "auth")
    return failed`${message}
      → Create a new key (Plane: Settings, Personal access tokens), or run \`npm run provision\`.`;
  return failed`${message} → Check Plane's log.`;
}

function checkPlaneWorkspace({ workspace, projects }: PlaneSettings, projectRows: readonly ProjectRow[]): Finding {
  const { ok, warning, failed } = createReport("plane workspace");
  const missing = projects.filter((wanted) => !projectRows.some((row) => isFollowed(row, [wanted])));
  if (missing.length > 0) return failed`${workspace} has no project ${missing.join(", ")} → Fix PLANE_PROJECTS.`;
  const open = projectRows.filter((row) => isFollowed(row, projects) && row.archived_at === null);
  // Plane adds a sample project to each workspace that is created in a browser or by provision; nobody works in it.
  const samples =
    projects.length > 0
      ? []
      : open.filter((row) => !row.is_member && row.description.startsWith(SAMPLE_PROJECT_DESCRIPTION));
  const used = open.filter((row) => !samples.includes(row));
  const inaccessible = used.filter(({ is_member }) => !is_member).map(({ identifier }) => identifier);
  if (inaccessible.length > 0)
    return warning`the key's account is not a member of these projects of ${workspace}: ${inaccessible.join(", ")}
      → Add it to them in Plane, or list only the other projects in PLANE_PROJECTS.`;
  if (used.length === 0) return warning`${workspace} has no project yet → Create one, or run \`npm run provision\`.`;
  const sampleNote = samples.map(({ identifier }) => `; Plane's own sample project ${identifier} is not followed`);
  const followed = used.map(({ identifier }) => identifier).join(", ");
  return ok`${workspace}, projects ${followed}${sampleNote.join("")}`;
}

/** Whether a project is followed: one of those that the settings name, or any where they name none. */
const isFollowed = ({ identifier }: Pick<ProjectRow, "identifier">, projects: readonly string[]) =>
  projects.length === 0 || projects.includes(identifier.toUpperCase());

function explainWorkspaceError({ workspace }: PlaneSettings, error: PlaneError): Finding {
  if (error.code === "rate_limited") return explainKeyError("plane workspace", error);
  return createReport("plane workspace").failed`${workspace}: ${error.message}
    → Fix PLANE_WORKSPACE (the slug in Plane's URL), or add the key's account to that workspace.`;
}

function checkPlaneQuota(remaining: number, limit: number): Finding {
  const { ok, warning } = createReport("plane quota");
  const left = `${remaining} of ${limit} requests are left this minute`;
  if (remaining > limit)
    return warning`${remaining} requests are left this minute, more than PLANE_RATE_LIMIT (${limit}) uses
      → Set PLANE_RATE_LIMIT to Plane's API_KEY_RATE_LIMIT.`;
  if (remaining < limit * MIN_QUOTA_PART)
    return warning`only ${left} → Right after provision, a start or many changes this is normal: Groundcrew waits for
      the quota and loses nothing. If it stays so, give other programs keys of their own, or raise API_KEY_RATE_LIMIT of
      Plane.`;
  if (limit > PLANE_DEFAULT_RATE_LIMIT) return ok`${left}`;
  return ok`${left}; a team waits less with API_KEY_RATE_LIMIT=600/minute in Plane's environment and
    PLANE_RATE_LIMIT=600 here`;
}

async function checkPlaneWebhook(deps: PlaneCheckDeps, plane: PlaneSettings): Promise<Finding> {
  const { ok, warning, failed } = createReport("plane webhook");
  const { target, account, hasCanary } = deps;
  if (plane.webhookSecrets.length === 0)
    return warning`PLANE_WEBHOOK_SECRET is not set: changes are detected only by polling
      → Set PLANE_WEBHOOK_SECRET, or run \`npm run provision\`.`;
  if (target === undefined)
    return warning`the address to which Plane should send is unknown → Set PUBLIC_URL or PLANE_WEBHOOK_TARGET.`;
  const none = { problem: "no Plane account is configured" };
  const probe = account ? await readPlaneWebhook(deps, plane, target, account) : none;
  if ("problem" in probe && hasCanary) return ok`${target} receives webhooks: the last canary arrived`;
  if ("problem" in probe)
    return warning`not checked: ${probe.problem}; API keys cannot read webhooks
      → Check in Plane (Workspace settings, Webhooks) that ${target} is registered and enabled, or set PLANE_ADMIN_EMAIL
      and PLANE_ADMIN_PASSWORD for this command.`;
  const { webhook, others, deliveries } = probe;
  if (!webhook)
    return failed`Plane has no webhook for ${target} (${others} for other addresses)
      → Run \`npm run provision\`, or add it in Plane.`;
  if (!webhook.is_active)
    return failed`${target} is disabled: Plane disables a webhook when its deliveries keep failing
      → Make the address reachable from Plane, then run \`npm run provision\` or enable the webhook in Plane.`;
  if (!plane.webhookSecrets.includes(webhook.secret_key))
    return failed`the secret of ${target} in Plane differs from PLANE_WEBHOOK_SECRET
      → Run \`npm run provision -- --rotate webhook\`, or copy the secret from Plane.`;
  const missing = EVENTS.filter((event) => !webhook[event]);
  if (missing.length > 0)
    return failed`${target} does not receive these events: ${missing.join(", ")}
      → Run \`npm run provision\`, or select them in Plane.`;
  const count = deliveries.length;
  const refused = deliveries.filter(({ response_status: status }) => !/^2\d\d$/.test(status ?? ""));
  if (refused.length > 0)
    return warning`${refused.length} of Plane's last ${count} deliveries to ${target} were refused or not answered
      → Check the log of Groundcrew ("webhook not stored") and of any proxy in front of it.`;
  return ok`${target} is enabled${count > 0 ? `, its last ${count} deliveries succeeded` : ""}`;
}

/** Signs in as `account` and reads the webhook that Plane has registered for `target`, with its latest deliveries. */
async function readPlaneWebhook(
  { fetch, clock }: QueryDeps,
  plane: PlaneSettings,
  target: string,
  account: PlaneLogin,
) {
  const session = createPlaneSession({ url: plane.url, fetch, clock, metrics: noMetrics, timeout: TIMEOUT_MS });
  const params = { workspace: plane.workspace };
  try {
    const { csrf_token } = (await session.call(authApi.csrf)).data;
    const form = { ...account, csrfmiddlewaretoken: csrf_token };
    const { refused } = (await session.call(authApi.signIn, { form })).data;
    if (refused) return { problem: `Plane refused to sign in ${account.email} (${refused.reason})` };
    const { data: all } = await session.call(webhooksApi.list, { params });
    const webhook = all.find(({ url }) => url === target);
    // Plane answers with its whole log, bodies included. If that is too large, the other findings still hold.
    const readLog = (id: string) => session.call(webhooksApi.log, { params: { ...params, webhook: id } });
    const log = webhook && (await readLog(webhook.id).catch(() => undefined));
    return { webhook, others: all.length, deliveries: log?.data.slice(0, 20) ?? [] };
  } catch (thrown) {
    return { problem: getErrorMessage(thrown).replaceAll(account.password, "[secret]") };
  }
}

/** Checks the accounts of people and agents, and the agents' API keys. Costs one request, and two more per key. */
async function checkAccounts(queryPlane: PlaneQuery, settings: Settings): Promise<Finding[]> {
  const { plane, agents, people, agentTokens } = settings;
  if (!plane || (agents.length === 0 && !people)) return [];
  const members = await queryPlane(membersApi.list, plane.apiKey);
  const me = people && (await queryPlane(usersApi.me, plane.apiKey));
  const own = me?.ok ? me.data.email : null;
  const checks = members.ok && people ? checkPeople(members.data, { ...settings, people }, own) : [];
  for (const agent of agents) {
    const isStranger = members.ok && !members.data.some(({ email }) => isSameEmail(email, agent.email));
    checks.push(await checkAgent(queryPlane, plane, agent, { isStranger, agentTokens }));
  }
  return checks;
}

/** Names those whom only one of the two lists has: the setting people, and Plane's workspace. @param own Groundcrew's account */
function checkPeople(
  members: readonly { email: string | null }[],
  { people, agents, plane }: Pick<Settings, "agents" | "plane"> & { people: NonNullable<Settings["people"]> },
  own: string | null,
): Finding[] {
  const { ok, warning } = createReport("people");
  const humans = selectHumans(members, agents).map(({ email }) => email?.toLowerCase() ?? "");
  const listed = people.map(({ email }) => email);
  const absent = listed.filter((email) => !humans.includes(email)).join(", ");
  const unlisted = humans.filter((email) => !listed.includes(email) && email !== own?.toLowerCase()).join(", ");
  const place = plane?.workspace ?? "the workspace";
  const checks = collectFindings(
    absent !== "" &&
      warning`${absent} of people: not in ${place}, so they cannot answer or sign in
        → Invite them in Plane, or correct the addresses in people.`,
    unlisted !== "" &&
      warning`${unlisted} in ${place}: not in people, so they cannot sign in
        → Add them to people, unless that is intended.`,
  );
  return checks.length > 0 ? checks : [ok`${people.length}, the same as in Plane`];
}

function isSameEmail(a: string | null, b: string): boolean {
  return a?.toLowerCase() === b.toLowerCase();
}

async function checkAgent(
  queryPlane: PlaneQuery,
  { workspace, agentKeys, projects: followed }: PlaneSettings,
  { name, email }: Settings["agents"][number],
  { isStranger, agentTokens }: Pick<Settings, "agentTokens"> & { isStranger: boolean },
): Promise<Finding> {
  const checkName = `agent ${name}`;
  const { ok, warning, failed } = createReport(checkName);
  if (isStranger)
    return failed`${email} is not a member of ${workspace}: no task can be assigned to it
      → Run \`npm run provision\`, or invite it.`;
  const key = agentKeys[name];
  if (key === undefined)
    return warning`has no API key of its own: Plane shows its actions under another account
      → Run \`npm run provision\`, or set PLANE_API_KEY_<AGENT>.`;
  const me = await queryPlane(usersApi.me, key);
  if (!me.ok) return explainKeyError(checkName, me.error);
  if (!isSameEmail(me.data.email, email))
    return failed`its API key belongs to ${me.data.email ?? me.data.display_name}, not to ${email}
      → Give each agent its own key (PLANE_API_KEY_<AGENT>).`;
  // Plane's list of members still contains accounts that were removed; only a request with their key fails.
  const projects = await queryPlane(projectsApi.list, key);
  if (!projects.ok && projects.error.code === "auth")
    return failed`${email} was removed from ${workspace}: its key has no access there
      → Run \`npm run provision\`, or invite it again; then add it to its projects (Plane: project settings, Members).`;
  if (!projects.ok) return explainKeyError(checkName, projects.error);
  // Every agent is a member of the projects that Groundcrew created; people may keep it out of their own.
  const isClosed = ({ external_source, is_member, archived_at }: (typeof projects.data.results)[number]) =>
    external_source === GROUNDCREW_SOURCE && !is_member && archived_at === null;
  const closed = projects.data.results.filter((row) => isClosed(row) && isFollowed(row, followed));
  if (closed.length > 0)
    return failed`${closed.map(describeMissingMembership).join(", ")}: no task there can be assigned to it
      → Run \`npm run provision\`.`;
  if (!projects.data.results.some(({ is_member, archived_at }) => is_member && archived_at === null))
    return warning`is not a member of any project: it cannot work on tasks
      → Add it to its projects (Plane: project settings, Members).`;
  if (!agentTokens.some(({ agent, tokens }) => agent === name && tokens.length > 0))
    return warning`its account and API key work, but it has no bridge token
      → Run \`npm run provision\`, or set AGENT_TOKEN_<AGENT>.`;
  return ok`its account, API key and bridge token are set up`;
}

/**
 * Sends single requests to Plane, without retries. They are not counted in the runtime's quota, which is in its store:
 * the doctor needs only a few. `remaining` is the number of requests that Plane still allows the key in this minute.
 * `ahead` is the time by which Plane's clock is ahead of this machine's, accurate to half a second plus half the
 * duration of the request.
 */
export function createPlaneQuery({ fetch, clock }: QueryDeps, plane: { url: string; workspace: string }): PlaneQuery {
  const request = createRequestSender({ fetch, clock, metrics: noMetrics, timeout: TIMEOUT_MS });
  const base = normalizeBaseUrl(plane.url);
  return async (endpoint, key) => {
    const { operation, method, path } = endpoint;
    const startedAt = clock();
    try {
      const url = base + fillRoute(path, { workspace: plane.workspace });
      const reply = await request({ operation, method, route: path, url, headers: key ? { "x-api-key": key } : {} });
      const endedAt = clock();
      if (key) reply.body = reply.body.replaceAll(key, "[secret]");
      const { data } = parseReply(endpoint, reply);
      // The Date header is truncated to whole seconds, so on average the true time is half a second later.
      const clockAhead = reply.headers.has("date") ? Date.parse(reply.date) + 500 - (startedAt + endedAt) / 2 : 0;
      const remaining = reply.headers.get("x-ratelimit-remaining");
      return { ok: true, data, remaining: remaining === null ? undefined : Number(remaining), ahead: clockAhead };
    } catch (thrown) {
      if (!(thrown instanceof PlaneError)) throw thrown;
      return { ok: false, error: thrown };
    }
  };
}
