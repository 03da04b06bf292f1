/**
 * Publishes the branch of a ticket as its repository's settings say: branches begin at the freshly fetched base, an
 * approved result is pushed, a pull request is opened, and what becomes of it on its server is reported. All of it is
 * done with the credentials of the runner's user, which no session gets.
 */

import { getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanText } from "../../shared/text.ts";
import type { ExchangeAnswer, Publication } from "../../shared/tickets/exchange.ts";
import type { PolicyValues } from "../../shared/tickets/policy.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { runProgram } from "../node/programs.ts";
import { type Forge, findForge, type PullRequest, parseRemote } from "./forge.ts";
import { findPolicy, type RunnerContext } from "./runner-context.ts";
import { type SessionRecord, UNREPORTED } from "./session-folder.ts";
import { pickEnvironment } from "./session-processes.ts";

type Wish = ExchangeAnswer["publish"][number];

type Remote = NonNullable<SessionRecord["remote"]>;

type WithGit = Pick<RunnerContext, "git">;

/** Shortest time between two looks at a pull request: 2 s, right after it has changed. */
const MIN_POLL_MS: Ms = 2 * SECOND;

/** Longest time between two looks while checks run, or may be about to: 1 min. Later 5 min. */
const CHECKS_POLL_MS: Ms = MINUTE;

const MAX_POLL_MS: Ms = 5 * MINUTE;

/** Time after a push in which its checks may still begin: 10 min. */
const CHECKS_BEGIN_MS: Ms = 10 * MINUTE;

/** Timeout for a request to the server of a repository: 1 min. */
const REQUEST_TIMEOUT_MS: Ms = MINUTE;

/** The lines with which git says why it, or the server, refuses. */
const REASON_LINE = /^(?:remote:|fatal:|error:| ! )\s*(.*\S)/;

/** Name and password in an address. */
const USER_PART = /(?<=\/\/)[^\s/@]+@/g;

/**
 * Fetches the base branch of a repository, at which new branches begin. Throws when that is not possible.
 * @param named the policy's base
 */
export async function fetchBase({ git }: WithGit, repository: string, named?: string): Promise<void> {
  const { url, base } = await findRemote({ git }, repository, named);
  const target = `refs/remotes/origin/${base}`;
  const options = ["--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
  await callRemote(git, repository, ["fetch", ...options, "--", url, `+refs/heads/${base}:${target}`]);
  if (named === undefined) await git.read(repository, ["symbolic-ref", "refs/remotes/origin/HEAD", target]);
}

/** Finds the address of `origin`, and its base branch: the named one, that of `origin/HEAD`, or what the remote says. */
export async function findRemote({ git }: WithGit, repository: string, named?: string): Promise<Remote> {
  const url = await git.readOrigin(repository);
  // A leading dash would be read as an option of what git starts.
  if (url === undefined || url.startsWith("-"))
    throw new Error(`${repository} has no remote origin to publish to: add one, or set publish to none.`);
  if (named !== undefined) return { url, base: named };
  const known = await git.call(repository, ["symbolic-ref", "-q", "--short", "refs/remotes/origin/HEAD"]);
  const [, local] = /^origin\/(\S+)\n$/.exec(known.stdout) ?? [];
  if (local) return { url, base: local };
  const listed = await callRemote(git, repository, ["ls-remote", "--symref", "--", url, "HEAD"]);
  const [, base] = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(listed) ?? [];
  if (!base) throw new Error(`${url.replace(USER_PART, "")} names no base branch.`);
  return { url, base };
}

/** Runs git with a remote, as the runner's user. Throws with the words of the server where it has said some. */
async function callRemote(git: RunnerContext["git"], repository: string, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr, problem } = await git.call(repository, args, { isRemote: true });
  if (status === 0) return stdout;
  const lines = stderr.split("\n").flatMap((line) => REASON_LINE.exec(line)?.[1] ?? []);
  const reason = lines.join("; ") || problem || `exit code ${status}`;
  throw new Error(`git ${args[0]}: ${reason}`.replace(USER_PART, ""));
}

/** Carries out a wish to publish, once for each id, also for a session that has ended; the record says how it went. */
export async function publishBranch(context: RunnerContext, wish: Wish): Promise<void> {
  const { ticket, run, id } = wish;
  const { records, log, clock } = context;
  const record = records.get(ticket);
  if (record?.run !== run) return;
  let publication: Partial<NonNullable<SessionRecord["publication"]>>;
  let { remote } = record;
  try {
    remote ??= await findRemote(context, record.repository, findPolicy(context, record)?.base);
    publication = await publish(context, record, remote, wish);
    log.info("branch published", { ticket, run, state: publication.state, ...omitUndefined({ url: publication.url }) });
  } catch (thrown) {
    const problem = cleanText(getErrorMessage(thrown).replace(USER_PART, ""), 2_000);
    log.warn("branch not published", { ticket, run, reason: problem });
    // What was published before stays known.
    publication = { ...record.publication, problem };
  }
  const latest = records.getLatest(record);
  const published = { ...omitUndefined({ remote }), publication: { ...publication, id, changed_at: clock() } };
  if (latest.run === run) records.save({ ...latest, ...UNREPORTED, ...published });
}

async function publish(context: RunnerContext, record: SessionRecord, remote: Remote, { title, body }: Wish) {
  const { git, worktrees } = context;
  const { repository, branch, main } = record;
  await worktrees.bringBack(record);
  const ref = `refs/heads/${branch}`;
  const commit = await git.read(repository, ["rev-parse", "--verify", `${ref}^{commit}`]);
  const count = await git.read(repository, ["rev-list", "--count", `${main}..${ref}`]);
  if (count === "0") return { state: "nothing" } as const;
  // A branch whose commits were rewritten replaces only what was pushed from here.
  const pushed = record.publication?.commit;
  const lease = pushed === undefined ? [] : [`--force-with-lease=${ref}:${pushed}`];
  await callRemote(git, repository, ["push", "--quiet", ...lease, "--", remote.url, `${ref}:${ref}`]);
  if (findPolicy(context, record)?.publish !== "pull-request") return { state: "pushed", commit } as const;
  const forge = await openForge(context, remote);
  const find = () => forge.find(branch, commit);
  const open = () => forge.open({ branch, base: remote.base, title, body });
  // A program that outlived its killed runner may have opened it meanwhile.
  const findLate = async (thrown: unknown) => (await find().catch(() => undefined)) ?? Promise.reject(thrown);
  return toPublication((await find()) ?? (await open().catch(findLate)), commit);
}

function toPublication({ number, url, state }: PullRequest, commit: string) {
  return { number, url, state, commit };
}

/** Says where the results of a repository go. Throws when they would not get there. */
export async function describeDestination(context: RunnerContext, repository: string, policy: PolicyValues) {
  const remote = await findRemote(context, repository, policy.base);
  if (policy.publish === "pull-request") await openForge(context, remote);
  return `${remote.base} of ${remote.url.replace(USER_PART, "")}`;
}

/** The command that is signed in at the server of a remote, as the runner's user. */
function openForge({ settings, env }: Pick<RunnerContext, "settings" | "env">, { url }: Remote): Promise<Forge> {
  const remote = parseRemote(url);
  if (!remote) throw new Error(`There are no pull requests at ${url.replace(USER_PART, "")}: set publish to push.`);
  const options = { cwd: settings.folder, timeoutMs: REQUEST_TIMEOUT_MS };
  const environment = { ...pickEnvironment(env, "publish"), GH_PROMPT_DISABLED: "1", NO_COLOR: "1" };
  return findForge(remote, env["PATH"], (program, args) => runProgram(program, args, { ...options, env: environment }));
}

/** Creates what looks at the pull requests of all tickets, each as often as it may change. */
export function createPublicationPoll(context: RunnerContext) {
  const { records, clock, log } = context;
  const polledAt = new Map<string, Ms>();
  const forges = new Map<string, Forge>();

  function isDue({ ticket, publication }: SessionRecord, now: Ms): boolean {
    if (publication?.state !== "open") return false;
    const age = now - publication.changed_at;
    const isPending = (publication.checks?.state ?? "pending") === "pending" || age < CHECKS_BEGIN_MS;
    const pause = Math.min(Math.max(age / 2, MIN_POLL_MS), isPending ? CHECKS_POLL_MS : MAX_POLL_MS);
    return now - (polledAt.get(ticket) ?? publication.changed_at) >= pause;
  }

  async function look(record: SessionRecord): Promise<void> {
    const { ticket, publication, remote } = record;
    if (!remote || publication?.number === undefined) return;
    polledAt.set(ticket, clock());
    const forge = forges.get(remote.url) ?? (await openForge(context, remote));
    forges.set(remote.url, forge);
    const request = await forge.read(publication.number);
    const checks: Publication["checks"] =
      request.state === "open" ? await forge.readChecks(request) : publication.checks;
    const latest = records.get(ticket);
    // A push meanwhile has begun other checks.
    if (!latest?.publication || latest.publication.id !== publication.id) return;
    const changed = { ...toPublication(request, publication.commit ?? ""), ...omitUndefined({ checks }) };
    const found = { ...latest.publication, ...changed };
    if (JSON.stringify(found) === JSON.stringify(latest.publication)) return;
    log.info("pull request changed", { ticket, state: found.state, checks: checks?.state ?? "none" });
    records.save({ ...latest, ...UNREPORTED, publication: { ...found, changed_at: clock() } });
  }

  return {
    /** Lists the tickets at whose pull requests it is time to look. */
    listDue: (): SessionRecord[] => records.list().filter((record) => isDue(record, clock())),
    /** Looks at one. A server that does not answer is asked again later. */
    look: (record: SessionRecord): Promise<void> =>
      look(record).catch((thrown: unknown) => {
        log.warn("pull request cannot be read", { ticket: record.ticket, reason: getErrorMessage(thrown) });
        if (record.remote) forges.delete(record.remote.url);
      }),
  };
}
