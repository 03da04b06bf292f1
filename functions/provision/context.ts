/**
 * What the steps share in one run: the files, the sessions at Plane, what earlier steps have found, and what they read
 * of Plane: the instance, and the administrator's workspace with its people.
 */

import { z } from "zod";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { createLog } from "../../shared/log.ts";
import { noMetrics } from "../../shared/metrics.ts";
import {
  accountsApi,
  authApi,
  createPlaneSession,
  type PlaneSession,
  workspaceInvitationsApi,
  workspaceMembersApi,
  workspacesApi,
} from "../../shared/plane/app/session.ts";
import { createPlaneClient } from "../../shared/plane/client.ts";
import { type Endpoint, type PlaneCallOptions, type PlaneClient, redirectSchema } from "../../shared/plane/endpoint.ts";
import { PlaneAuthError, PlaneRateLimitedError, PlaneUnavailableError } from "../../shared/plane/errors.ts";
import { instanceApi } from "../../shared/plane/projects.ts";
import { createKeyName } from "../../shared/plane/quota.ts";
import type { Store } from "../../shared/store/port.ts";
import { cleanLine, createRedactor } from "../../shared/text.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { type Disk, openVault, type Vault } from "./files.ts";
import { createStepRefusal, explainFormRefusal, explainMissingPassword, toLostFormError } from "./refusals.ts";

/**
 * Compares Telegram's webhook and command menu with the settings, and with `apply` updates them. `changes` lists the
 * differences; `mark` is the hash of the registration that Telegram has.
 */
export type SetUpTelegram = (
  apply: boolean,
  mark: string | undefined,
) => Promise<{ changes: string[]; failed?: string; mark?: string }>;

export interface ProvisionDeps {
  settings: ProvisionSettings;
  disk: Disk;
  fetch: typeof fetch;
  clock: () => Ms;
  wait: (ms: Ms) => Promise<void>;
  /** Counts requests towards Plane's rate limit, in this process alone. */
  store: Store;
  /** Returns a secret of at least 128 random bits, made of letters, digits, `-` and `_`. */
  newSecret: () => string;
  /** Prints a progress line for people; it never contains a secret. */
  progress: (line: string) => void;
  /** Shows on a terminal what is being done; an empty text ends it. */
  show?: (activity: string) => void;
  /** Timeout for Plane's startup. */
  startupTimeout: Ms;
  skill: string;
  telegram?: SetUpTelegram;
  removeSampleProject: boolean;
}

/** Limit of a progress line, in UTF-16 units: it may contain texts of any length from Plane. */
const MAX_PROGRESS_LENGTH = 4_000;

/**
 * Limit of the wait for a request's turn in the rate limit, or that a 429 may ask for: 2 min, longer than Plane's
 * window of a minute. A longer one fails the call.
 */
const MAX_WAIT_MS: Ms = 2 * MINUTE;

const MAX_TRIES = 3;

/** Pauses before a read without an answer is repeated. */
const RETRY_PAUSES: readonly Ms[] = [1_000, 3_000];

const accountEndpoint = { ...accountsApi.me, answer: z.object({ email: z.string() }) };

/** Only the fields that provision needs, because other versions of Plane may omit the rest. */
const instanceInfoSchema = z.object({
  instance: z.object({
    /** For example `1.3.1`; v1.2.2 says `1.2.0`. */
    current_version: z.string().default("of an unknown version"),
    edition: z.string().default("PLANE_COMMUNITY"),
    is_setup_done: z.boolean(),
  }),
  config: z.object({ is_email_password_enabled: z.boolean().default(true) }).prefault({}),
});

export type InstanceInfo = z.output<typeof instanceInfoSchema>;

/** Answer of Plane's api until its startup has registered the instance in its database. */
const notReadySchema = z.object({ is_activated: z.literal(false) }).transform(() => undefined);

/** Subject of the cached read of the instance. */
export const INSTANCE_READ = "instance";

/** Answers undefined until Plane is ready. */
const instanceStateEndpoint = { ...instanceApi.info, answer: z.union([instanceInfoSchema, notReadySchema]) };

/** Name of the setting with Groundcrew's own API key. */
export const OWN_KEY_SETTING = "PLANE_API_KEY";

/**
 * The address of Groundcrew's own account: the Concierge's, with a key of its own, so that its changes appear as the
 * team's and not as a human's.
 */
export function getOwnEmail({ agents, admin }: ProvisionSettings): string {
  return agents.find(({ role }) => role === "concierge")?.email ?? admin.email;
}

type ChangeOptions = Pick<PlaneCallOptions, "params" | "json">;

/**
 * Creates the dependencies and the shared state of all steps in one run. Throws a GroundcrewError when one of
 * provision's files cannot be parsed.
 */
export async function createProvisionContext(deps: ProvisionDeps) {
  const { settings, clock, store } = deps;
  const secrets = new Set([...settings.given.values()].flat());
  if (settings.admin.password) secrets.add(settings.admin.password);
  const redact = (text: string) => createRedactor([...secrets])(text);
  const vault = await openVault(settings, deps.disk, (secret) => void secrets.add(secret));
  const progress = (line: string) => deps.progress(cleanLine(redact(line), MAX_PROGRESS_LENGTH));
  const wait = (ms: Ms) => {
    if (ms >= 5_000) progress(`waiting ${Math.ceil(ms / 1000)} s before the next request to Plane`);
    return deps.wait(ms);
  };
  const reads = new Map<string, Promise<unknown>>();
  const maxWait = { people: MAX_WAIT_MS, interactive: MAX_WAIT_MS, background: MAX_WAIT_MS, spare: MAX_WAIT_MS };
  const log = createLog({ level: "error", write: progress, clock });
  const common = { ...settings.plane, store, metrics: noMetrics, log, clock, wait, fetch: deps.fetch, maxWait };

  async function getClient(apiKey: string): Promise<PlaneClient> {
    const client = createPlaneClient({ ...common, apiKey, keyName: await createKeyName(apiKey) });
    // A person waits for provision, and a part of the quota is left to interactive requests.
    const priority = "interactive";
    return {
      ...client,
      call: (endpoint, options) => client.call(endpoint, { priority, ...options }),
      pages: (endpoint, options) => client.pages(endpoint, { priority, ...options }),
    };
  }

  return {
    ...{ ...deps, progress, vault, getClient, redact },
    sessions: createPlaneSessions({ ...deps, wait }, vault),
    /** Caches a read until it is forgotten. A failed read is not cached. */
    readOnce<T>(subject: string, load: () => Promise<T>): Promise<T> {
      const cached = reads.get(subject) as Promise<T> | undefined;
      if (cached) return cached;
      const promise = load();
      reads.set(subject, promise);
      promise.catch(() => reads.delete(subject));
      return promise;
    },
    /** Forgets what a change may have changed: all reads but the one of the instance. Follows every change. */
    forgetReads() {
      for (const subject of reads.keys()) if (subject !== INSTANCE_READ) reads.delete(subject);
    },
    /** Forgets the instance as well, which changes only when it is set up. */
    forgetAll: () => reads.clear(),
    /** The names by which states and labels of the first project count, by their ids, as far as this run has seen them. */
    seenNames: new Map<string, string>(),
    /** API keys that Plane refused. A plan cannot replace them, so its later steps must not use them. */
    refusedKeys: new Set<string>(),
  };
}

export type ProvisionContext = Awaited<ReturnType<typeof createProvisionContext>>;

/** Creates the sessions with Plane's web API, one for each account that provision signs in as. */
function createPlaneSessions({ settings, fetch, clock, wait, newSecret }: ProvisionDeps, vault: Vault) {
  const sessionsByEmail = new Map<string, PlaneSession>();
  const isAdmin = (email: string) => email.toLowerCase() === settings.admin.email.toLowerCase();

  /**
   * A session that is not signed in yet. A request that Plane refused because of its rate limit was not carried out, so
   * it is repeated.
   */
  function createSession(pauses: readonly Ms[] = RETRY_PAUSES): PlaneSession {
    const session = createPlaneSession({ url: settings.plane.url, fetch, clock, metrics: noMetrics });
    return {
      async call(endpoint, options) {
        const left = { pauses: endpoint.method === "GET" ? [...pauses] : [], rateLimited: MAX_TRIES };
        for (;;) {
          try {
            return await session.call(endpoint, options);
          } catch (thrown) {
            const pause = takePause(thrown, left);
            if (pause === undefined) throw thrown;
            await wait(pause);
          }
        }
      },
    };
  }

  /** Posts a form of Plane's pages. Returns Plane's reason when it was refused, otherwise undefined. */
  async function postForm(session: PlaneSession, form: typeof authApi.signIn, fields: Record<string, string>) {
    const { csrf_token } = (await session.call(authApi.csrf)).data;
    try {
      const { refused } = (await session.call(form, { form: { ...fields, csrfmiddlewaretoken: csrf_token } })).data;
      return refused?.reason || (refused && String(refused.code));
    } catch (thrown) {
      throw toLostFormError(thrown, settings.plane.url);
    }
  }

  function getPassword(email: string): string | undefined {
    const stored = vault.findAccount(email)?.password;
    return isAdmin(email) ? (settings.admin.password ?? stored) : stored;
  }

  const createFormRefusal = (reason: string, email: string) =>
    createStepRefusal(explainFormRefusal(reason, { email, isAdmin: isAdmin(email), notesFile: vault.notesFile }));

  /** Stores the session of this account. Throws when Plane does not recognize it as signed in. */
  async function storeSession(email: string, session: PlaneSession): Promise<PlaneSession> {
    const account = await session.call(accountEndpoint).catch((thrown: unknown) => {
      if (!(thrown instanceof PlaneAuthError)) throw thrown;
    });
    if (account?.data.email.toLowerCase() !== email.toLowerCase())
      throw createStepRefusal(
        `Plane signed ${email} in but did not recognize it at the next request: the session cookie was lost, or a proxy in front of ${settings.plane.url} answered instead. Set PLANE_URL to the address at which people open Plane.`,
      );
    sessionsByEmail.set(email.toLowerCase(), session);
    return session;
  }

  return {
    createSession,
    postForm,
    getPassword,
    /** The known password, or a new one, which is stored: an account whose password is lost cannot be used any more. */
    async preparePassword(email: string): Promise<string> {
      const password = getPassword(email) ?? newSecret();
      const isGiven = isAdmin(email) && password === settings.admin.password;
      await vault.storeAccount(email, { made: true, ...(isGiven ? {} : { password }) });
      return password;
    },
    createFormRefusal,
    storeSession,
    /** Signs in with the known password, once per account. Throws when Plane refuses the sign-in. */
    async signIn(email: string): Promise<PlaneSession> {
      const existing = sessionsByEmail.get(email.toLowerCase());
      if (existing) return existing;
      const password = getPassword(email);
      if (password === undefined)
        throw isAdmin(email)
          ? createStepRefusal(explainMissingPassword(email, vault.notesFile))
          : createFormRefusal("AUTHENTICATION_FAILED_SIGN_IN", email);
      const session = createSession();
      const refused = await postForm(session, authApi.signIn, { email, password });
      if (refused !== undefined) throw createFormRefusal(refused, email);
      return storeSession(email, session);
    },
  };
}

/** Takes the pause after a failed request from those that are left; undefined when it is not repeated. */
function takePause(thrown: unknown, left: { pauses: Ms[]; rateLimited: number }): Ms | undefined {
  if (thrown instanceof PlaneRateLimitedError && thrown.retryAfter <= MAX_WAIT_MS && left.rateLimited > 0) {
    left.rateLimited -= 1;
    return thrown.retryAfter;
  }
  return thrown instanceof PlaneUnavailableError ? left.pauses.shift() : undefined;
}

/**
 * Sends a change and ignores its answer, whose form may differ between versions of Plane. A redirect still fails,
 * because it means that nothing was done.
 */
export function sendChange(
  to: Pick<PlaneClient, "call"> | PlaneSession,
  endpoint: Endpoint<unknown>,
  options: ChangeOptions,
): Promise<unknown> {
  const answer = z.unknown().refine((value) => !redirectSchema.strict().safeParse(value).success);
  return to.call({ ...endpoint, answer }, options);
}

/** Returns the result of an earlier step. Throws when it is missing. */
export function requireFound<T>(found: T | undefined, subject: string): T {
  if (found === undefined) throw createStepRefusal(`${subject} was not found: run the same command again.`);
  return found;
}

/**
 * Reads Plane's public information about itself; undefined until Plane is ready. Plane caches the answer for two hours
 * per URL, possibly from before it was set up, so each read has a URL of its own.
 */
export async function readInstance({ sessions, clock }: ProvisionContext, pauses?: readonly Ms[]) {
  return (await sessions.createSession(pauses).call(instanceStateEndpoint, { query: { at: clock() } })).data;
}

/** Cached, because Plane allows only 30 requests a minute in total without a sign-in. */
export async function getInstance(context: ProvisionContext) {
  const load = async () => requireFound(await readInstance(context), "Plane");
  return (await context.readOnce(INSTANCE_READ, load)).instance;
}

/** The administrator's session; undefined until Plane has been set up. */
export async function findAdminSession(context: ProvisionContext): Promise<PlaneSession | undefined> {
  const { is_setup_done } = await getInstance(context);
  return is_setup_done ? context.sessions.signIn(context.settings.admin.email) : undefined;
}

/** The administrator's session, for changes. Throws when an earlier step has not set Plane up. */
export async function getAdminSession(context: ProvisionContext): Promise<PlaneSession> {
  return requireFound(await findAdminSession(context), "The administrator");
}

/** The administrator's workspaces; `session` is the administrator's. */
export const readAdminWorkspaces = (context: ProvisionContext, session: PlaneSession) =>
  context.readOnce("workspaces", async () => (await session.call(workspacesApi.mine)).data);

/**
 * The workspace and the administrator's session; undefined when it does not exist or the administrator is not a member.
 */
export async function findOwnWorkspace(context: ProvisionContext) {
  const { workspace } = context.settings.plane;
  const session = await findAdminSession(context);
  const row = session && (await readAdminWorkspaces(context, session)).find(({ slug }) => slug === workspace);
  return row && { session, row, params: { workspace } };
}

/** The workspace, for changes in it. Throws when an earlier step has not created it. */
export async function getOwnWorkspace(context: ProvisionContext) {
  return requireFound(await findOwnWorkspace(context), "The workspace");
}

/** Calls an endpoint of the workspace, for a change in it. */
export async function callOwnWorkspace<A>(context: ProvisionContext, endpoint: Endpoint<A>, options: ChangeOptions) {
  const { session, params } = await getOwnWorkspace(context);
  return (await session.call(endpoint, { ...options, params: { ...params, ...options.params } })).data;
}

/** The workspace's active members and open invitations; empty lists until it exists. */
export function readWorkspacePeople(context: ProvisionContext) {
  return context.readOnce("people", async () => {
    const workspace = await findOwnWorkspace(context);
    if (!workspace) return { members: [], invited: [] };
    const { session, params } = workspace;
    const all = (await session.call(workspaceMembersApi.list, { params })).data;
    const invited = (await session.call(workspaceInvitationsApi.list, { params })).data;
    // Plane's list still contains removed accounts; a new invitation brings them back.
    const members = all.flatMap(({ id: membership, role, is_active, member: { id, display_name, ...member } }) => {
      const email = member.email?.toLowerCase() ?? "";
      return is_active ? [{ membership, role, id, email, displayName: display_name }] : [];
    });
    return { members, invited: invited.map(({ email }) => email.toLowerCase()) };
  });
}

/** A client with Groundcrew's own API key; undefined until there is one that Plane accepts. */
export async function findOwnClient(context: ProvisionContext): Promise<PlaneClient | undefined> {
  const key = context.vault.getFirstValue(OWN_KEY_SETTING);
  return key === undefined || context.refusedKeys.has(key) ? undefined : context.getClient(key);
}

/** A client with Groundcrew's own API key, for changes. Throws when there is none that Plane accepts. */
export async function getOwnClient(context: ProvisionContext): Promise<PlaneClient> {
  return requireFound(await findOwnClient(context), "Groundcrew's API key");
}
