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

/** Wait for the runtime to reload SECRETS_FILE: 4 s, because it checks the file every two seconds. */
const RELOAD_MS: Ms = 4_000;

function refuseEnvironmentSecret({ vault }: ProvisionContext, setting: string) {
  if (vault.isFromEnvironment(setting))
    throw new GroundcrewError(
      "conflict",
      `${setting} comes from the environment, where provision cannot change it: replace it there, or remove it and run the same command again.`,
    );
}

/** Creates an API key alongside the one in use, which the next rotation or `--retire` revokes. */
export function createRotateKeyStep(key: ApiKeySpec): ProvisionStep {
  return createStep({
    name: `rotate ${key.label}'s API key`,
    needs: REQUIRED_STEPS,
    async readState(context) {
      refuseEnvironmentSecret(context, key.name);
      const currentKey = context.vault.getFirstValue(key.name);
      await context.sessions.signIn(key.email);
      return currentKey;
    },
    decide: (currentKey) => ({
      actions: [
        {
          is: "changed" as const,
          detail: `a new ${key.name}${currentKey ? "; the previous one stays valid until the next rotation or --retire" : ""}`,
        },
      ],
    }),
    async applyAction(context, _, currentKey) {
      const session = await context.sessions.signIn(key.email);
      const keptKeys = currentKey === undefined ? [] : [currentKey];
      await deleteOldTokens(context, session, key, keptKeys);
      await context.vault.storeValues(key.name, [await createApiToken(context, session, key), ...keptKeys]);
    },
  });
}

/** Creates a bridge token alongside the one in use. */
export function createRotateBridgeTokenStep(agent: string): ProvisionStep {
  const setting = getBridgeTokenSetting(agent);
  return createStep({
    name: `rotate bridge token ${agent}`,
    async readState(context) {
      refuseEnvironmentSecret(context, setting);
    },
    decide: () => ({
      actions: [
        {
          is: "changed" as const,
          detail: "a new token; the previous one stays valid until the next rotation or --retire",
        },
      ],
    }),
    async applyAction({ vault, newSecret, wait }) {
      await renewBridgeToken(vault, agent, newSecret, () => wait(RELOAD_MS));
    },
  });
}

/**
 * Creates a secret for the webhook. Plane signs with it at once, but deliveries under way are signed with the previous
 * one.
 */
export const rotateWebhookStep = createStep({
  name: "rotate webhook",
  needs: REQUIRED_STEPS,
  async readState(context) {
    refuseEnvironmentSecret(context, WEBHOOK_SECRET);
    const found = await findWebhook(context);
    if (!found)
      throw new GroundcrewError(
        "not_found",
        "Plane has no webhook for Groundcrew, so there is no secret to rotate: run provision without --rotate first.",
      );
    return found;
  },
  decide: () => ({
    actions: [
      {
        is: "changed" as const,
        detail: "a new secret; the previous one stays valid until the next rotation or --retire",
      },
    ],
  }),
  async applyAction(context, _, found) {
    const { session, params } = requireFound(await findOwnWorkspace(context), "The workspace");
    const rotated = (await session.call(webhooksApi.regenerate, { params: { ...params, webhook: found.id }, json: {} }))
      .data;
    await context.vault.storeValues(WEBHOOK_SECRET, [rotated.secret_key, found.secret_key]);
  },
});
