import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { createPageSessions } from "../../shared/http/page-sessions.ts";
import { createSessionCookie } from "../../shared/http/session-cookie.ts";
import { toRateLimitSource } from "../../shared/ip-address.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";

/** Signing the page in with ADMIN_TOKEN, and out again. Public: this is where one shows that one may. */
export const sessionRoute: Route = { path: "/api/session", access: "public", app };

/** A person mistypes now and then; whoever guesses gets no further. */
const MAX_TRIES = 10;
const WINDOW_MS: Ms = MINUTE;

const signInSchema = z.object({ token: z.string().max(1_000) });

function app({ settings, store }: Pick<Deps, "settings" | "store">): Hono {
  const sessions = createPageSessions(store, settings);
  const cookie = createSessionCookie(settings);
  const readBody = createBodyReader(4_096);

  return new Hono()
    .post("/", async (c) => {
      const wait = await store.spend(`sign-in:${toRateLimitSource(c.get("client"))}`, 1, MAX_TRIES, WINDOW_MS);
      if (wait > 0) {
        c.header("Retry-After", String(Math.ceil(wait / 1000)));
        throw new GroundcrewError("rate_limited", "Too many tries. Try again in a minute.");
      }
      // What a form of another site could send is not JSON.
      if (!/^application\/json\b/i.test(c.req.header("content-type") ?? ""))
        throw new GroundcrewError("unsupported_type", "Only application/json is taken here.");
      if (settings.adminTokens.length === 0)
        throw new GroundcrewError(
          "unauthorized",
          "No ADMIN_TOKEN is set, so nobody can sign in. Set it and start again.",
        );
      const value = await sessions.open(parseToken(await readBody(c.req.raw)));
      if (value === undefined) throw new GroundcrewError("unauthorized", "This is not the ADMIN_TOKEN.");
      cookie.set(c, value);
      return c.json({ ok: true });
    })
    .delete("/", async (c) => {
      const value = cookie.of(c);
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
