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
const pullSchema = z.object({
  number: z.int(),
  html_url: urlSchema,
  state: z.string(),
  merged_at: z.string().nullish(),
  merged: z.boolean().nullish(),
  head: z.object({ ref: z.string(), sha: commitSchema }),
});

const runsSchema = z.object({
  check_runs: z.array(
    z.object({ id: z.int(), name: z.string(), status: z.string(), conclusion: z.string().nullish() }),
  ),
});

/** GitHub names a status `state`, Gitea `status`. */
const statusSchema = z.object({
  statuses: z
    .array(
      z.object({
        context: z.string(),
        state: z.string().optional(),
        status: z.string().optional(),
        description: z.string().nullish(),
      }),
    )
    .nullable(),
});

const FAILED_CONCLUSIONS = ["failure", "timed_out", "startup_failure", "action_required"];

const mergeRequestSchema = z.object({
  iid: z.int(),
  web_url: urlSchema,
  state: z.string(),
  sha: commitSchema,
  head_pipeline: z.object({ id: z.int(), status: z.string() }).nullish(),
});

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
  const installed = known.filter((name) => findExecutable(name, searchPath) !== undefined);
  const refusals: string[] = [];
  for (const name of installed) {
    if (name === "tea") {
      const { stdout } = await run("tea", ["login", "list", "--output", "json"]);
      const logins = loginsSchema.safeParse(tryParseJson(stdout)).data ?? [];
      const login = logins.find(({ url }) => URL.parse(url)?.host === host);
      if (login) return createGithubLike(remote, createApi(run, "tea", ["api", "--login", login.name]), false);
      refusals.push(`tea has no log-in for ${host}`);
      continue;
    }
    const status = await run(name, ["auth", "status", "--hostname", host]);
    const api = createApi(run, name, ["api", "--hostname", host]);
    if (status.status === 0) return name === "gh" ? createGithubLike(remote, api, true) : createGitlab(remote, api);
    refusals.push(`${name} is not signed in at ${host}`);
  }
  const reason = refusals.length > 0 ? refusals.join("; ") : `${known.join(", ")} not installed`;
  throw new Error(`No pull request at ${host}: ${reason}. Sign in as the runner's user, then try again.`);
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

/** Finds the open pull request of a branch, or else the merged one of its newest commit. @param list lists those of the branch */
async function findPullRequest(commit: string, list: (isOpen: boolean) => Promise<PullRequest[]>) {
  const [open] = await list(true);
  return open ?? (await list(false)).find((one) => one.state === "merged" && one.commit === commit);
}

/** GitHub, Gitea and Forgejo. Only GitHub has check runs with logs besides statuses. */
function createGithubLike({ path }: RemoteRepository, call: CallApi, hasRuns: boolean): Forge {
  const repository = `repos/${path}`;
  const [owner = ""] = path.split("/");
  const toPullRequest = ({ number, html_url, state, merged, merged_at, head }: z.infer<typeof pullSchema>) => {
    const isMerged = merged || merged_at;
    return {
      ...{ number, url: html_url, commit: head.sha },
      state: state === "open" ? ("open" as const) : isMerged ? ("merged" as const) : ("closed" as const),
    };
  };
  return {
    find: (branch, commit) =>
      findPullRequest(commit, async (isOpen) => {
        // GitHub sorts by `updated`, Gitea by `recentupdate`, which ignores the filter of the head.
        const sort = hasRuns ? { sort: "updated", direction: "desc" } : { sort: "recentupdate" };
        const query = new URLSearchParams({ state: isOpen ? "open" : "closed", head: `${owner}:${branch}`, ...sort });
        const found = parseAnswer(z.array(pullSchema), await call(`${repository}/pulls?${query}`));
        return found.filter(({ head }) => head.ref === branch).map(toPullRequest);
      }),
    async open({ branch: head, base, title, body }) {
      return toPullRequest(parseAnswer(pullSchema, await call(`${repository}/pulls`, { title, head, base, body })));
    },
    read: async (number) => toPullRequest(parseAnswer(pullSchema, await call(`${repository}/pulls/${number}`))),
    async readChecks({ commit }) {
      const { statuses } = parseAnswer(statusSchema, await call(`${repository}/commits/${commit}/status`));
      const answer = hasRuns ? await call(`${repository}/commits/${commit}/check-runs`) : '{"check_runs":[]}';
      const { check_runs: runs } = parseAnswer(runsSchema, answer);
      const states = (statuses ?? []).map(({ context, state = "", status = state, description }) => {
        return {
          name: context,
          isFailed: /^(?:failure|error)$/.test(status),
          isOpen: status === "pending",
          description,
        };
      });
      const failedRuns = runs.filter(({ conclusion }) => FAILED_CONCLUSIONS.includes(conclusion ?? ""));
      const failedStates = states.filter(({ isFailed }) => isFailed);
      const isOpen = runs.some(({ status }) => status !== "completed") || states.some((one) => one.isOpen);
      const names = [...failedRuns, ...failedStates].map(({ name }) => name);
      if (names.length === 0)
        return { state: isOpen ? "pending" : runs.length + states.length > 0 ? "passed" : "none", failed: [] };
      const [first] = failedRuns;
      const log = first && (await call(`${repository}/actions/jobs/${first.id}/logs`).catch(() => undefined));
      return describeFailed(names, log ?? failedStates.map(({ description }) => description ?? "").join("\n"));
    },
  };
}

function createGitlab({ path }: RemoteRepository, call: CallApi): Forge {
  const project = `projects/${encodeURIComponent(path)}`;
  const toPullRequest = ({ iid, web_url, state, sha }: z.infer<typeof mergeRequestSchema>): PullRequest => {
    const isOpen = state === "opened" || state === "locked";
    return {
      number: iid,
      url: web_url,
      commit: sha,
      state: isOpen ? "open" : state === "merged" ? "merged" : "closed",
    };
  };
  const readRequest = async (number: number) =>
    parseAnswer(mergeRequestSchema, await call(`${project}/merge_requests/${number}`));
  return {
    find: (branch, commit) =>
      findPullRequest(commit, async (isOpen) => {
        const query = new URLSearchParams({ state: isOpen ? "opened" : "merged", source_branch: branch });
        const found = parseAnswer(z.array(mergeRequestSchema), await call(`${project}/merge_requests?${query}`));
        return found.map(toPullRequest);
      }),
    async open({ branch: source_branch, base: target_branch, title, body: description }) {
      const fields = { source_branch, target_branch, title, description };
      return toPullRequest(parseAnswer(mergeRequestSchema, await call(`${project}/merge_requests`, fields)));
    },
    read: async (number) => toPullRequest(await readRequest(number)),
    async readChecks({ number }) {
      const { head_pipeline: pipeline } = await readRequest(number);
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
