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

/** A 429 that asks for more is told, not waited for. */
const MAX_WAIT_MS: Ms = 2 * MINUTE;
const MAX_TRIES = 3;
/** Before a read that got no answer is tried again. */
const RETRY_PAUSES: readonly Ms[] = [1_000, 3_000];

const accountEndpoint = { ...accountsApi.me, answer: z.object({ email: z.string() }) };

/** Browsers' worth of Plane, one for each account that provision works as. */
export function createPlaneSessions({ settings, fetch, clock, wait, vault }: PlaneSessionsDeps) {
  const sessionsByEmail = new Map<string, PlaneSession>();
  const isAdmin = (email: string) => email.toLowerCase() === settings.admin.email.toLowerCase();

  /** Nobody's session yet. What Plane refuses for its rate limit it has not done, so it is asked again. */
  function fresh(pauses: readonly Ms[] = RETRY_PAUSES): PlaneSession {
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

  /** Posts a form of Plane's pages; answers why it was refused, undefined when it was not. */
  async function post(session: PlaneSession, form: Endpoint<FormOutcome>, fields: Record<string, string>) {
    const { csrf_token } = (await session.call(authApi.csrf)).data;
    try {
      const { refused } = (await session.call(form, { form: { ...fields, csrfmiddlewaretoken: csrf_token } })).data;
      return refused?.reason || (refused && String(refused.code));
    } catch (thrown) {
      throw toLostFormError(thrown, settings.plane.url);
    }
  }

  /** The password this account has as far as we know. */
  function passwordOf(email: string): string | undefined {
    const kept = vault.account(email)?.password;
    return isAdmin(email) ? (settings.admin.password ?? kept) : kept;
  }

  const refusal = (reason: string, email: string) =>
    toFormError(reason, { email, isAdmin: isAdmin(email), notesFile: vault.notesFile });

  /** This session is this account's from now on. Throws when Plane does not know it for that. */
  async function keep(email: string, session: PlaneSession): Promise<PlaneSession> {
    const known = await session.call(accountEndpoint).catch((thrown: unknown) => {
      if (thrown instanceof PlaneAuthError) return undefined;
      throw thrown;
    });
    if (known?.data.email.toLowerCase() !== email.toLowerCase())
      throw createLostSessionError(email, settings.plane.url);
    sessionsByEmail.set(email.toLowerCase(), session);
    return session;
  }

  return {
    fresh,
    post,
    passwordOf,
    /** What to throw when a form was refused for this account. */
    refusal,
    keep,
    /** Signed in with the password that is known; one session for each account. Throws when Plane does not let it in. */
    async as(email: string): Promise<PlaneSession> {
      const known = sessionsByEmail.get(email.toLowerCase());
      if (known) return known;
      const password = passwordOf(email);
      if (password === undefined) throw refusal("AUTHENTICATION_FAILED_SIGN_IN", email);
      const session = fresh();
      const refused = await post(session, authApi.signIn, { email, password });
      if (refused !== undefined) throw refusal(refused, email);
      return keep(email, session);
    },
  };
}
