import { GroundcrewError } from "../../../shared/errors.ts";
import { webhooksApi } from "../../../shared/plane/app/webhooks.ts";
import type { Ms } from "../../../shared/time.ts";
import { type ApiKeySpec, createApiToken, deleteOldTokens } from "../api-tokens.ts";
import { getBridgeTokenSetting, renewBridgeToken } from "../bridge-tokens.ts";
import type { ProvisionContext } from "../context.ts";
import { createStep, type ProvisionStep } from "../step.ts";
import { findOwnWorkspace, requireFound } from "./plane-state.ts";
import { findWebhook, WEBHOOK_SECRET } from "./webhook.ts";

const REQUIRED_STEPS = ["administrator"];

/** Within this the runtime has read SECRETS_FILE again: it looks every two seconds. */
const RELOAD_MS: Ms = 4_000;

function refuseEnvironmentSecret({ vault }: ProvisionContext, setting: string) {
  if (vault.isGiven(setting))
    throw new GroundcrewError(
      "conflict",
      `${setting} comes from the environment, where provision cannot change it: replace it there, or take it out and run the same command again.`,
    );
}

/** A new API key beside the one in use, which goes when this is done again or with `--retire`. */
export function createRotateKeyStep(key: ApiKeySpec): ProvisionStep {
  return createStep({
    name: `rotate ${key.label}'s API key`,
    needs: REQUIRED_STEPS,
    async look(context) {
      refuseEnvironmentSecret(context, key.name);
      const currentKey = context.vault.first(key.name);
      await context.sessions.as(key.email);
      return currentKey;
    },
    decide: (currentKey) => ({
      actions: [
        {
          is: "changed" as const,
          detail: `a new ${key.name}${currentKey ? "; the one before is valid until the next rotation or --retire" : ""}`,
        },
      ],
    }),
    async act(context, _, currentKey) {
      const session = await context.sessions.as(key.email);
      const keptKeys = currentKey === undefined ? [] : [currentKey];
      await deleteOldTokens(context, session, key, keptKeys);
      await context.vault.keep(key.name, [await createApiToken(context, session, key), ...keptKeys]);
    },
  });
}

/** A new bridge token beside the one in use. */
export function createRotateBridgeTokenStep(agent: string): ProvisionStep {
  const setting = getBridgeTokenSetting(agent);
  return createStep({
    name: `rotate bridge token ${agent}`,
    async look(context) {
      refuseEnvironmentSecret(context, setting);
    },
    decide: () => ({
      actions: [
        { is: "changed" as const, detail: "a new one; the one before is valid until the next rotation or --retire" },
      ],
    }),
    async act({ vault, newSecret, wait }) {
      await renewBridgeToken(vault, agent, newSecret, () => wait(RELOAD_MS));
    },
  });
}

/** A new secret for the webhook. Plane signs with it at once; what is on its way is still signed with the one before. */
export const rotateWebhookStep = createStep({
  name: "rotate webhook",
  needs: REQUIRED_STEPS,
  async look(context) {
    refuseEnvironmentSecret(context, WEBHOOK_SECRET);
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
    const { session, params } = requireFound(await findOwnWorkspace(context), "The workspace");
    const rotated = (await session.call(webhooksApi.regenerate, { params: { ...params, webhook: found.id }, json: {} }))
      .data;
    await context.vault.keep(WEBHOOK_SECRET, [rotated.secret_key, found.secret_key]);
  },
});
