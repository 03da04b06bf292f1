import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { sourceOf } from "../../shared/http/address.ts";
import { createBodyReader } from "../../shared/http/body.ts";
import { sessionCookie } from "../../shared/http/cookie.ts";
import { createSessions } from "../../shared/http/session.ts";
import type { Ms } from "../../shared/store/port.ts";

/** Signing the page in with ADMIN_TOKEN, and out again. Public: this is where one shows that one may. */
export const session: Route = { path: "/api/session", access: "public", app };

/** A person mistypes now and then; whoever guesses gets no further. */
const TRIES = 10;
const WINDOW_MS: Ms = 60_000;

const signIn = z.object({ token: z.string().max(1_000) });

function app({ settings, store }: Pick<Deps, "settings" | "store">): Hono {
  const sessions = createSessions(store, settings);
  const cookie = sessionCookie(settings);
  const readBody = createBodyReader(4_096);

  return new Hono()
    .post("/", async (c) => {
      const wait = await store.spend(`sign-in:${sourceOf(c.get("client"))}`, 1, TRIES, WINDOW_MS);
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
      const value = await sessions.open(tokenIn(await readBody(c.req.raw)));
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

function tokenIn(body: Uint8Array): string {
  try {
    return signIn.parse(JSON.parse(new TextDecoder().decode(body))).token;
  } catch {
    throw new GroundcrewError("bad_request", 'Send {"token": "…"}.');
  }
}
