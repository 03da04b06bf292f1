/**
 * The server of a repository, as its own command knows it: `gh` (GitHub), `glab` (GitLab) or `tea` (Gitea, Forgejo),
 * signed in as the runner's user. All three pass requests to the server's API, whose answers are JSON.
 */

import { z } from "zod";
import { cleanText, tryParseJson } from "../../shared/text.ts";
import type { Publication } from "../../shared/tickets/exchange.ts";
import { findExecutable, type ProgramResult } from "../node/programs.ts";

/** A repository on its server. `path`: `owner/name`, of GitLab also with groups. */
interface RemoteRepository {
  host: string;
  path: string;
}

export interface PullRequest {
  number: number;
  url: string;
  state: "open" | "merged" | "closed";
  /** The newest commit. */
  commit: string;
  /** Where the server may list those of other branches, too. */
  branch?: string;
}

type Checks = NonNullable<Publication["checks"]>;

/** What a pull request is opened with. */
interface NewPullRequest {
  branch: string;
  base: string;
  title: string;
  body: string;
}

/** What Groundcrew does with pull requests of one repository. Throws with the server's own words when it refuses. */
export interface Forge {
  /** The open pull request of a branch, or else the merged one of this commit, the newest of the branch. */
  find(branch: string, commit: string): Promise<PullRequest | undefined>;
  open(request: NewPullRequest): Promise<PullRequest>;
  read(number: number): Promise<PullRequest>;
  readChecks(request: PullRequest): Promise<Checks>;
}

/** Asks the server's API. `fields`: of a request that creates something. Returns its output. */
type CallApi = (path: string, fields?: Record<string, string>) => Promise<string>;

/** What differs between servers. */
interface ForgeKind {
  /** Path of the pull requests. */
  requests: string;
  /** The form of one. */
  schema: z.ZodType<PullRequest>;
  /** The query for those of a branch, the open or the other ones. */
  toQuery(branch: string, isOpen: boolean): Record<string, string>;
  toFields(request: NewPullRequest): Record<string, string>;
  readChecks(request: PullRequest): Promise<Checks>;
}

/** Runs a program of the runner's user. */
type Run = (program: string, args: readonly string[]) => Promise<ProgramResult>;

/** Limit of a log's end in UTF-16 units: 4,000, of which a message shows a part and a session reads all. */
const MAX_LOG_LENGTH = 4_000;

/** Limit of failed checks that are named: 20. */
const MAX_FAILED = 20;

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
const STYLES = /\u001b\[[\d;]*[A-Za-z]/g;

/** The time with which GitHub begins each line of a log. */
const LINE_TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z /gm;

const urlSchema = z.url({ protocol: /^https?$/ });

const commitSchema = z.string().regex(/^[0-9a-f]{40,64}$/);

/** GitHub's form of a pull request, which Gitea and Forgejo share. */
const pullSchema = z
  .object({
    number: z.int(),
    html_url: urlSchema,
    state: z.string(),
    merged_at: z.string().nullish(),
    merged: z.boolean().nullish(),
    head: z.object({ ref: z.string(), sha: commitSchema }),
  })
  .transform(({ number, html_url: url, state, merged, merged_at, head }): PullRequest => {
    const ended = merged || merged_at ? "merged" : "closed";
    return { number, url, state: state === "open" ? "open" : ended, commit: head.sha, branch: head.ref };
  });

const mergeRequestSchema = z
  .object({ iid: z.int(), web_url: urlSchema, state: z.string(), sha: commitSchema })
  .transform(({ iid: number, web_url: url, state, sha: commit }): PullRequest => {
    const isOpen = state === "opened" || state === "locked";
    return { number, url, state: isOpen ? "open" : state === "merged" ? "merged" : "closed", commit };
  });

const pipelineSchema = z.object({ head_pipeline: z.object({ id: z.int(), status: z.string() }).nullish() });

const runSchema = z.object({ id: z.int(), name: z.string(), status: z.string(), conclusion: z.string().nullish() });

const runsSchema = z.object({ check_runs: z.array(runSchema) });

/** GitHub names a status `state`, Gitea `status`. */
const stateSchema = z.object({
  context: z.string(),
  state: z.string().optional(),
  status: z.string().optional(),
  description: z.string().nullish(),
});

const statusSchema = z.object({ statuses: z.array(stateSchema).nullable() });

const FAILED_CONCLUSIONS = ["failure", "timed_out", "startup_failure", "action_required"];

/** Others are skipped, cancelled, or wait for somebody at GitLab. */
const OPEN_PIPELINES = ["created", "waiting_for_resource", "preparing", "pending", "running", "scheduled"];

const jobsSchema = z.array(z.object({ id: z.int(), name: z.string() }));

const loginsSchema = z.array(z.looseObject({ name: z.string(), url: z.string() }));

/** Finds host and path in the address of a repository; undefined for one on a disk. */
export function parseRemote(url: string): RemoteRepository | undefined {
  const [, shortHost, shortPath] = /^[\w.-]+@([\w.-]+):(?!\/\/)(.+)$/.exec(url) ?? [];
  const parsed = shortHost ? undefined : URL.parse(url);
  const host = shortHost ?? (parsed?.protocol === "ssh:" ? parsed.hostname : parsed?.host);
  const path = (shortPath ?? parsed?.pathname ?? "").replace(/^\/+|\/+$|\.git\/*$/g, "");
  return host && /^[\w.~-]+(?:\/[\w.~-]+)+$/.test(path) ? { host, path } : undefined;
}

/**
 * Finds the command that is signed in at the server of a repository. Throws when there is none.
 * @param run runs it with the environment of the runner's user, outside of any repository
 */
export async function findForge(remote: RemoteRepository, searchPath: string | undefined, run: Run): Promise<Forge> {
  const { host } = remote;
  const known = host === "github.com" ? ["gh"] : host === "gitlab.com" ? ["glab"] : ["gh", "glab", "tea"];
  const refusals: string[] = [];
  for (const name of known) {
    if (findExecutable(name, searchPath) === undefined) continue;
    const login = await findLogin(name, host, run);
    if (login) {
      const call = createApi(run, name, ["api", ...login]);
      const kind = name === "glab" ? createGitlab(remote, call) : createGithubLike(remote, call, name === "gh");
      return createForge(kind, call);
    }
    refusals.push(name === "tea" ? `tea has no log-in for ${host}` : `${name} is not signed in at ${host}`);
  }
  const reason = refusals.length > 0 ? refusals.join("; ") : `${known.join(", ")} not installed`;
  throw new Error(`No pull request at ${host}: ${reason}. Sign in as the runner's user, then try again.`);
}

/** The options with which a command uses its log-in at a server; undefined without one. */
async function findLogin(name: string, host: string, run: Run): Promise<string[] | undefined> {
  const options = ["--hostname", host];
  if (name !== "tea") return (await run(name, ["auth", "status", ...options])).status === 0 ? options : undefined;
  const { stdout } = await run("tea", ["login", "list", "--output", "json"]);
  const logins = loginsSchema.safeParse(tryParseJson(stdout)).data ?? [];
  const login = logins.find(({ url }) => URL.parse(url)?.host === host);
  return login && ["--login", login.name];
}

function createApi(run: Run, program: string, begin: readonly string[]): CallApi {
  return async (path, fields) => {
    const values = Object.entries(fields ?? {}).flatMap(([name, value]) => ["-f", `${name}=${value}`]);
    const result = await run(program, [...begin, path, ...(fields ? ["-X", "POST", ...values] : [])]);
    if (result.status !== 0) throw new Error(describeRefusal(program, result));
    return result.stdout;
  };
}

/** What the server has said, which commands print beside their own words. */
function describeRefusal(program: string, { status, stdout, stderr, problem }: ProgramResult): string {
  const said = z
    .looseObject({ message: z.unknown(), errors: z.array(z.unknown()).optional() })
    .safeParse(tryParseJson(stdout)).data;
  const errors = (said?.errors ?? []).map((error) =>
    typeof error === "string" ? error : z.object({ message: z.string() }).safeParse(error).data?.message,
  );
  const message = typeof said?.message === "string" ? said.message : said?.message && JSON.stringify(said.message);
  const own = stderr.trim().split("\n")[0] || problem || `exit code ${status}`;
  return cleanText([`${program}: ${own}`, message, ...errors].filter(Boolean).join(": "), 1_000);
}

/** Parses an answer. A command may end with 0 although its server has refused. */
function parseAnswer<T>(schema: z.ZodType<T>, stdout: string): T {
  const parsed = schema.safeParse(tryParseJson(stdout));
  if (parsed.success) return parsed.data;
  throw new Error(describeRefusal("unexpected answer", { status: 0, stdout, stderr: stdout.slice(0, 200) }));
}

function createForge({ requests, schema, toQuery, toFields, readChecks }: ForgeKind, call: CallApi): Forge {
  return {
    async find(branch, commit) {
      const list = async (isOpen: boolean) => {
        const answer = await call(`${requests}?${new URLSearchParams(toQuery(branch, isOpen))}`);
        return parseAnswer(z.array(schema), answer).filter((one) => (one.branch ?? branch) === branch);
      };
      const [open] = await list(true);
      return open ?? (await list(false)).find((one) => one.state === "merged" && one.commit === commit);
    },
    open: async (request) => parseAnswer(schema, await call(requests, toFields(request))),
    read: async (number) => parseAnswer(schema, await call(`${requests}/${number}`)),
    readChecks,
  };
}

/** GitHub, Gitea and Forgejo. Only GitHub has check runs with logs besides statuses. */
function createGithubLike({ path }: RemoteRepository, call: CallApi, hasRuns: boolean): ForgeKind {
  const repository = `repos/${path}`;
  const [owner = ""] = path.split("/");
  // GitHub sorts by `updated`, Gitea by `recentupdate`, which ignores the filter of the head.
  const sort: Record<string, string> = hasRuns ? { sort: "updated", direction: "desc" } : { sort: "recentupdate" };
  return {
    requests: `${repository}/pulls`,
    schema: pullSchema,
    toQuery: (branch, isOpen) => ({ state: isOpen ? "open" : "closed", head: `${owner}:${branch}`, ...sort }),
    toFields: ({ branch: head, base, title, body }) => ({ title, head, base, body }),
    async readChecks({ commit }) {
      const { statuses } = parseAnswer(statusSchema, await call(`${repository}/commits/${commit}/status`));
      const answer = hasRuns ? await call(`${repository}/commits/${commit}/check-runs`) : '{"check_runs":[]}';
      const { check_runs: runs } = parseAnswer(runsSchema, answer);
      const states = (statuses ?? []).map(({ status, state = "", ...rest }) => ({ ...rest, state: status ?? state }));
      const failedRuns = runs.filter(({ conclusion }) => FAILED_CONCLUSIONS.includes(conclusion ?? ""));
      const failedStates = states.filter(({ state }) => /^(?:failure|error)$/.test(state));
      const names = [...failedRuns.map(({ name }) => name), ...failedStates.map(({ context }) => context)];
      if (names.length === 0) {
        const isOpen =
          runs.some(({ status }) => status !== "completed") || states.some((one) => one.state === "pending");
        return { state: isOpen ? "pending" : runs.length + states.length > 0 ? "passed" : "none", failed: [] };
      }
      const [first] = failedRuns;
      const log = first && (await call(`${repository}/actions/jobs/${first.id}/logs`).catch(() => undefined));
      return describeFailed(names, log ?? failedStates.map(({ description }) => description ?? "").join("\n"));
    },
  };
}

function createGitlab({ path }: RemoteRepository, call: CallApi): ForgeKind {
  const project = `projects/${encodeURIComponent(path)}`;
  const requests = `${project}/merge_requests`;
  return {
    requests,
    schema: mergeRequestSchema,
    toQuery: (branch, isOpen) => ({ state: isOpen ? "opened" : "merged", source_branch: branch }),
    toFields: ({ branch: source_branch, base: target_branch, title, body: description }) => {
      return { source_branch, target_branch, title, description };
    },
    async readChecks({ number }) {
      const { head_pipeline: pipeline } = parseAnswer(pipelineSchema, await call(`${requests}/${number}`));
      const status = pipeline?.status ?? "";
      if (status === "success") return { state: "passed", failed: [] };
      if (!pipeline || status !== "failed")
        return { state: OPEN_PIPELINES.includes(status) ? "pending" : "none", failed: [] };
      const jobs = parseAnswer(jobsSchema, await call(`${project}/pipelines/${pipeline.id}/jobs?scope[]=failed`));
      const [first] = jobs;
      const log = first && (await call(`${project}/jobs/${first.id}/trace`).catch(() => undefined));
      return describeFailed(first ? jobs.map(({ name }) => name) : ["pipeline"], log ?? "");
    },
  };
}

/** What a person, and then a session, reads of failed checks: their names, and the end of the first one's log. */
function describeFailed(names: readonly string[], text: string): Checks {
  const log = cleanText(text.replace(STYLES, "").replace(LINE_TIME, ""), text.length).trim().slice(-MAX_LOG_LENGTH);
  const failed = names.slice(0, MAX_FAILED).map((name) => cleanText(name, 200));
  return { state: "failed", failed, ...(log === "" ? {} : { log: log.toWellFormed() }) };
}
