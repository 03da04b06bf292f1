import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { createPageSessions } from "../../shared/http/page-sessions.ts";
import { createSessionCookie } from "../../shared/http/session-cookie.ts";
import { toRateLimitSource } from "../../shared/ip-address.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";

/** Signs the page in with ADMIN_TOKEN, and out again. Public, because signing in precedes authentication. */
export const sessionRoute: Route = { path: "/api/session", access: "public", app };

/**
 * Limit of sign-in attempts with a wrong token: 10 per minute and source forgives typing errors. The right token always
 * signs in, because other clients behind the same address could otherwise lock the admin out; its length prevents guessing.
 */
const MAX_FAILURES = 10;
const WINDOW_MS: Ms = MINUTE;

const signInSchema = z.object({ token: z.string().max(1_000) });

function app({ settings, store }: Pick<Deps, "settings" | "store">): Hono {
  const sessions = createPageSessions(store, settings);
  const cookie = createSessionCookie(settings);
  const readBody = createBodyReader(4_096);

  async function createWrongTokenError(c: Context): Promise<GroundcrewError> {
    const wait = await store.spend(`sign-in:${toRateLimitSource(c.get("client"))}`, 1, MAX_FAILURES, WINDOW_MS);
    if (wait <= 0) return new GroundcrewError("unauthorized", "The token is not the ADMIN_TOKEN.");
    c.header("Retry-After", String(Math.ceil(wait / 1000)));
    return new GroundcrewError("rate_limited", "Too many attempts with a wrong token. Try again in a minute.");
  }

  return new Hono()
    .post("/", async (c) => {
      // An HTML form of another site cannot send JSON, so requiring it prevents cross-site sign-ins.
      if (!/^application\/json\b/i.test(c.req.header("content-type") ?? ""))
        throw new GroundcrewError("unsupported_type", "Content-Type must be application/json.");
      if (settings.adminTokens.length === 0)
        throw new GroundcrewError(
          "unauthorized",
          "ADMIN_TOKEN is not set, so signing in is not possible. Set it and restart Groundcrew.",
          { refusal: { name: "signInOff" } },
        );
      const value = await sessions.open(parseToken(await readBody(c.req.raw)));
      if (value === undefined) throw await createWrongTokenError(c);
      cookie.set(c, value);
      return c.json({ ok: true });
    })
    .delete("/", async (c) => {
      const value = cookie.read(c);
      if (value !== undefined) await sessions.close(value);
      cookie.clear(c);
      return c.json({ ok: true });
    });
}

function parseToken(body: Uint8Array): string {
  try {
    return signInSchema.parse(JSON.parse(new TextDecoder().decode(body))).token;
  } catch {
    throw new GroundcrewError("bad_request", 'Send {"token": "…"}.');
  }
}
