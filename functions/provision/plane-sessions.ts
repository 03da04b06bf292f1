import { z } from "zod";
import { noMetrics } from "../../shared/metrics.ts";
import { accountsApi } from "../../shared/plane/app/account.ts";
import { createPlaneSession, type PlaneSession } from "../../shared/plane/app/session.ts";
import { authApi, type formOutcomeSchema } from "../../shared/plane/app/sign-in.ts";
import type { Endpoint } from "../../shared/plane/client.ts";
import { PlaneAuthError, PlaneRateLimitedError, PlaneUnavailableError } from "../../shared/plane/errors.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import type { ProvisionDeps } from "./context.ts";
import { createLostSessionError, toFormError, toLostFormError } from "./refusals.ts";
import type { Vault } from "./vault.ts";

type FormOutcome = z.output<typeof formOutcomeSchema>;

interface PlaneSessionsDeps extends Pick<ProvisionDeps, "settings" | "fetch" | "clock" | "wait"> {
  vault: Vault;
}

export type PlaneSessions = ReturnType<typeof createPlaneSessions>;

/** Limit of the wait that a 429 may ask for: 2 min. A longer one fails the call. */
const MAX_WAIT_MS: Ms = 2 * MINUTE;
const MAX_TRIES = 3;
/** Pauses before a read without an answer is repeated. */
const RETRY_PAUSES: readonly Ms[] = [1_000, 3_000];

const accountEndpoint = { ...accountsApi.me, answer: z.object({ email: z.string() }) };

/** Creates the sessions with Plane's web API, one for each account that provision signs in as. */
export function createPlaneSessions({ settings, fetch, clock, wait, vault }: PlaneSessionsDeps) {
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
        for (let rateLimitedTries = 0, unansweredTries = 0; ; ) {
          try {
            return await session.call(endpoint, options);
          } catch (thrown) {
            const pause = pauses[unansweredTries];
            if (
              thrown instanceof PlaneRateLimitedError &&
              thrown.retryAfter <= MAX_WAIT_MS &&
              rateLimitedTries < MAX_TRIES
            ) {
              rateLimitedTries += 1;
              await wait(thrown.retryAfter);
            } else if (thrown instanceof PlaneUnavailableError && endpoint.method === "GET" && pause !== undefined) {
              unansweredTries += 1;
              await wait(pause);
            } else throw thrown;
          }
        }
      },
    };
  }

  /** Posts a form of Plane's pages. Returns Plane's reason when it was refused, otherwise undefined. */
  async function postForm(session: PlaneSession, form: Endpoint<FormOutcome>, fields: Record<string, string>) {
    const { csrf_token } = (await session.call(authApi.csrf)).data;
    try {
      const { refused } = (await session.call(form, { form: { ...fields, csrfmiddlewaretoken: csrf_token } })).data;
      return refused?.reason || (refused && String(refused.code));
    } catch (thrown) {
      throw toLostFormError(thrown, settings.plane.url);
    }
  }

  /** The configured or stored password of this account. */
  function getPassword(email: string): string | undefined {
    const stored = vault.findAccount(email)?.password;
    return isAdmin(email) ? (settings.admin.password ?? stored) : stored;
  }

  const createRefusal = (reason: string, email: string) =>
    toFormError(reason, { email, isAdmin: isAdmin(email), notesFile: vault.notesFile });

  /** Stores the session of this account. Throws when Plane does not recognize it as signed in. */
  async function storeSession(email: string, session: PlaneSession): Promise<PlaneSession> {
    const account = await session.call(accountEndpoint).catch((thrown: unknown) => {
      if (thrown instanceof PlaneAuthError) return undefined;
      throw thrown;
    });
    if (account?.data.email.toLowerCase() !== email.toLowerCase())
      throw createLostSessionError(email, settings.plane.url);
    sessionsByEmail.set(email.toLowerCase(), session);
    return session;
  }

  return {
    createSession,
    postForm,
    getPassword,
    /** The error to throw when Plane refused a form for this account. */
    createRefusal,
    storeSession,
    /** Signs in with the known password, once per account. Throws when Plane refuses the sign-in. */
    async signIn(email: string): Promise<PlaneSession> {
      const existing = sessionsByEmail.get(email.toLowerCase());
      if (existing) return existing;
      const password = getPassword(email);
      if (password === undefined) throw createRefusal("AUTHENTICATION_FAILED_SIGN_IN", email);
      const session = createSession();
      const refused = await postForm(session, authApi.signIn, { email, password });
      if (refused !== undefined) throw createRefusal(refused, email);
      return storeSession(email, session);
    },
  };
}
