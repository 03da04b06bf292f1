import { GroundcrewError } from "../../../shared/errors.ts";
import { webhooks } from "../../../shared/plane/app/webhooks.ts";
import type { Ms } from "../../../shared/store/port.ts";
import { bridgeTokenName, renewBridgeToken } from "../bridge-tokens.ts";
import type { Context } from "../context.ts";
import { type Step, step } from "../step.ts";
import { type Key, makeToken, sweepTokens } from "../tokens.ts";
import { needed, ourWorkspace } from "./reading.ts";
import { findWebhook, WEBHOOK_SECRET } from "./webhook.ts";

const NEEDS = ["administrator"];

/** Within this the runtime has read SECRETS_FILE again: it looks every two seconds. */
const KNOWN_MS: Ms = 4_000;

function refuseGiven({ vault }: Context, secret: string) {
  if (vault.isGiven(secret))
    throw new GroundcrewError(
      "conflict",
      `${secret} comes from the environment, where provision cannot change it: replace it there, or take it out and run the same command again.`,
    );
}

/** A new API key beside the one in use, which goes when this is done again or with `--retire`. */
export function rotateKey(key: Key): Step {
  return step({
    name: `rotate ${key.label}'s API key`,
    needs: NEEDS,
    async look(context) {
      refuseGiven(context, key.name);
      const now = context.vault.first(key.name);
      await context.sessions.as(key.email);
      return now;
    },
    decide: (now) => ({
      actions: [
        {
          is: "changed" as const,
          detail: `a new ${key.name}${now ? "; the one before is valid until the next rotation or --retire" : ""}`,
        },
      ],
    }),
    async act(context, _, now) {
      const session = await context.sessions.as(key.email);
      const still = now === undefined ? [] : [now];
      await sweepTokens(context, session, key, still);
      await context.vault.keep(key.name, [await makeToken(context, session, key), ...still]);
    },
  });
}

/** A new bridge token beside the one in use. */
export function rotateBridgeToken(agent: string): Step {
  const secret = bridgeTokenName(agent);
  return step({
    name: `rotate bridge token ${agent}`,
    async look(context) {
      refuseGiven(context, secret);
    },
    decide: () => ({
      actions: [
        { is: "changed" as const, detail: "a new one; the one before is valid until the next rotation or --retire" },
      ],
    }),
    async act({ vault, newSecret, wait }) {
      await renewBridgeToken(vault, agent, newSecret, () => wait(KNOWN_MS));
    },
  });
}

/** A new secret for the webhook. Plane signs with it at once; what is on its way is still signed with the one before. */
export const rotateWebhook = step({
  name: "rotate webhook",
  needs: NEEDS,
  async look(context) {
    refuseGiven(context, WEBHOOK_SECRET);
    const found = await findWebhook(context);
    if (!found)
      throw new GroundcrewError(
        "not_found",
        "There is no webhook of ours to rotate: run provision without --rotate first.",
      );
    return found;
  },
  decide: () => ({
    actions: [
      { is: "changed" as const, detail: "a new secret; the one before is valid until the next rotation or --retire" },
    ],
  }),
  async act(context, _, found) {
    const { session, params } = needed(await ourWorkspace(context), "The workspace");
    const made = (await session.call(webhooks.regenerate, { params: { ...params, webhook: found.id }, json: {} })).data;
    await context.vault.keep(WEBHOOK_SECRET, [made.secret_key, found.secret_key]);
  },
});
