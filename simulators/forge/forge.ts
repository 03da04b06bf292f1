import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Stand-ins for `gh`, `glab` and `tea`, signed in at one server whose repository is a bare one on this disk. The first
 * argument says which command it is. What its users and its checks have done stands in `$HOME/forge.json`, which tests
 * change; they answer and refuse in the form of the real commands and of the API of their servers.
 */
export interface ForgeState {
  host: string;
  /** Path of the bare repository. */
  bare: string;
  isSignedIn: boolean;
  pulls: ForgePull[];
  checks: "none" | "pending" | "failed" | "passed";
  log: string;
  /** The answer to whoever opens a pull request, in place of one. */
  refusal?: undefined | { status: number; message: string; errors?: { message: string }[] };
}

interface ForgePull {
  number: number;
  branch: string;
  base: string;
  title: string;
  body: string;
  state: "open" | "merged" | "closed";
  /** Its newest commit; a merged one keeps it. */
  commit: string;
}

interface Answer {
  status: number;
  body: unknown;
}

const FILE = join(process.env["HOME"] ?? "", "forge.json");
const REASONS: Record<number, string> = { 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict" };
const ACTIONS = { pending: "in_progress", failed: "failure", passed: "success", none: "" };
const PIPELINES = { pending: "running", failed: "failed", passed: "success", none: "" };

const [program = "", command = "", ...args] = process.argv.slice(2);
const state = readState();
const getOption = (...names: string[]) => args[args.findIndex((arg) => names.includes(arg)) + 1] ?? "";

if (command === "login")
  end(
    JSON.stringify(state.isSignedIn ? [{ name: "runner", url: `https://${state.host}`, user: "runner" }] : []),
    "",
    0,
  );
if (command === "auth") {
  const isKnown = state.isSignedIn && getOption("--hostname") === state.host;
  end(
    "",
    isKnown ? `Logged in to ${state.host}` : "You are not logged into any hosts. Run auth login to authenticate.",
    isKnown ? 0 : 1,
  );
}
if (!state.isSignedIn) end("", `To get started with ${program}, please run:  ${program} auth login`, 4);

const path = args.find((arg) => arg.startsWith("repos/") || arg.startsWith("projects/")) ?? "";
const fields = Object.fromEntries(
  args.flatMap((arg, i) => (arg === "-f" ? [(args[i + 1] ?? "").split(/=(.*)/s).slice(0, 2)] : [])),
) as Record<string, string>;
const answer = program === "glab" ? askGitlab() : askGithub();
const isRefused = answer.status >= 400;
const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
const reason = (answer.body as { message?: string }).message ?? REASONS[answer.status] ?? "";
// `tea` may end with 0 although its server has refused.
end(text, isRefused ? `${program}: ${reason} (HTTP ${answer.status})` : "", isRefused && program !== "tea" ? 1 : 0);

function end(out: string, err: string, status: number): never {
  process.stdout.write(out);
  if (err !== "") process.stderr.write(`${err}\n`);
  process.exit(status);
}

function readState(): ForgeState {
  return JSON.parse(readFileSync(FILE, "utf8"));
}

/** Adds a pull request, one command after the other. */
function addPull(create: (number: number) => ForgePull): ForgePull {
  const lock = `${FILE}.lock`;
  for (;;) {
    try {
      closeSync(openSync(lock, "wx"));
      break;
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
  try {
    const latest = readState();
    const pull = create(latest.pulls.length + 1);
    // Others read the file at any time.
    writeFileSync(`${FILE}.new`, JSON.stringify({ ...latest, pulls: [...latest.pulls, pull] }));
    renameSync(`${FILE}.new`, FILE);
    return pull;
  } finally {
    rmSync(lock);
  }
}

/** The newest commit of a branch of the bare repository; undefined without the branch. */
function findCommit(branch: string): string | undefined {
  try {
    const command = ["--git-dir", state.bare, "rev-parse", "--verify", "--quiet", `refs/heads/${branch}`];
    return execFileSync("git", command, { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

function refreshPull(pull: ForgePull): ForgePull {
  return pull.state === "open" ? { ...pull, commit: findCommit(pull.branch) ?? pull.commit } : pull;
}

function openPull(
  { branch, base, title, body }: Pick<ForgePull, "branch" | "base" | "title" | "body">,
  toBody: (pull: ForgePull) => unknown,
): Answer {
  const { refusal } = state;
  if (refusal) return { status: refusal.status, body: { message: refusal.message, errors: refusal.errors } };
  const commit = findCommit(branch);
  const invalid = (message: string) => ({ status: 422, body: { message: "Validation Failed", errors: [{ message }] } });
  if (commit === undefined) return invalid("head does not exist");
  if (state.pulls.some((pull) => pull.branch === branch && pull.state === "open"))
    return invalid(`A pull request already exists for onb:${branch}.`);
  const pull = addPull((number) => ({ number, branch, base, title, body, state: "open", commit }));
  return { status: 201, body: toBody(pull) };
}

function findPull(number: string | undefined) {
  return state.pulls.map(refreshPull).find((pull) => pull.number === Number(number));
}

/** GitHub, Gitea and Forgejo. */
function askGithub(): Answer {
  const [, rest = "", search = ""] = /^repos\/onb\/app\/([^?]*)\??(.*)$/.exec(path) ?? [];
  const toBody = ({ number, branch, commit, ...pull }: ForgePull) => ({
    ...{ number, html_url: `https://${state.host}/onb/app/pulls/${number}`, head: { ref: branch, sha: commit } },
    ...{ title: pull.title, state: pull.state === "open" ? "open" : "closed", merged: pull.state === "merged" },
  });
  if (rest === "pulls" && fields["head"] !== undefined) {
    const { head: branch, base = "", title = "", body = "" } = fields;
    return openPull({ branch, base, title, body }, toBody);
  }
  if (rest === "pulls") {
    const head = new URLSearchParams(search).get("head")?.replace(/^\w+:/, "");
    // Gitea ignores the filter of the head.
    const isOpen = new URLSearchParams(search).get("state") === "open";
    const found = state.pulls.filter(
      ({ state: is, branch }) => (is === "open") === isOpen && (program === "tea" || branch === head),
    );
    return { status: 200, body: found.map(refreshPull).map(toBody) };
  }
  const [kind, id, part] = rest.split("/");
  const pull = kind === "pulls" ? findPull(id) : undefined;
  if (pull) return { status: 200, body: toBody(pull) };
  const { checks } = state;
  if (kind === "commits" && part === "status") {
    const status = checks === "failed" ? "failure" : checks === "passed" ? "success" : "pending";
    const statuses =
      program === "tea" && checks !== "none" ? [{ context: "ci / build", status, description: state.log }] : [];
    return {
      status: 200,
      body: { state: status, statuses: statuses.length > 0 ? statuses : program === "tea" ? null : [] },
    };
  }
  if (kind === "commits" && part === "check-runs") {
    const isDone = checks === "failed" || checks === "passed";
    const run = {
      id: 7,
      name: "build",
      status: isDone ? "completed" : "in_progress",
      conclusion: isDone ? ACTIONS[checks] : null,
    };
    return { status: 200, body: { total_count: 1, check_runs: checks === "none" ? [] : [run] } };
  }
  if (rest === "actions/jobs/7/logs") return { status: 200, body: state.log };
  return { status: 404, body: { message: "Not Found" } };
}

function askGitlab(): Answer {
  const [, rest = ""] = /^projects\/onb%2Fapp\/(.*)$/.exec(path) ?? [];
  const toBody = ({ number, commit, state: is, title }: ForgePull) => ({
    ...{ iid: number, web_url: `https://${state.host}/onb/app/-/merge_requests/${number}`, sha: commit, title },
    state: is === "open" ? "opened" : is,
    head_pipeline: state.checks === "none" ? null : { id: 3, status: PIPELINES[state.checks] },
  });
  if (rest === "merge_requests" && fields["source_branch"] !== undefined) {
    const { source_branch: branch, target_branch: base = "", title = "", description: body = "" } = fields;
    return openPull({ branch, base, title, body }, toBody);
  }
  if (rest.startsWith("merge_requests?")) {
    const query = new URLSearchParams(rest.slice("merge_requests?".length));
    const is = query.get("state") === "opened" ? "open" : query.get("state");
    const found = state.pulls.filter((pull) => pull.state === is && pull.branch === query.get("source_branch"));
    return { status: 200, body: found.map(refreshPull).map(toBody) };
  }
  const pull = rest.startsWith("merge_requests/") ? findPull(rest.split("/")[1]) : undefined;
  if (pull) return { status: 200, body: toBody(pull) };
  if (rest === "pipelines/3/jobs?scope[]=failed") return { status: 200, body: [{ id: 7, name: "build" }] };
  if (rest === "jobs/7/trace") return { status: 200, body: state.log };
  return { status: 404, body: { message: "404 Not found" } };
}
