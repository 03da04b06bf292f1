import { GroundcrewError } from "../../../shared/errors.ts";
import { PlaneAuthError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/users-members.ts";
import { type ApiKeySpec, createApiToken, deleteOldTokens } from "../api-tokens.ts";
import type { ProvisionContext } from "../context.ts";
import { createStep, type ProvisionStep, type StepDecision } from "../step.ts";

/**
 * Creates an API key of the right account that does not expire. A key from the environment is only tested, never
 * replaced.
 */
export function createApiKeyStep(key: ApiKeySpec, needs: readonly string[], name: string): ProvisionStep {
  return createStep({
    name,
    needs,
    async readState(context) {
      const value = context.vault.getFirstValue(key.name);
      const isGiven = context.vault.isFromEnvironment(key.name);
      if (value === undefined) return "absent";
      const owner = await findKeyOwner(context, value);
      if (isGiven && owner === undefined)
        throw new GroundcrewError(
          "forbidden",
          `Plane refused the ${key.name} from the environment: replace it there, or remove it to have one created.`,
        );
      if (isGiven) return "given";
      if (owner?.toLowerCase() === key.email.toLowerCase()) return "works";
      if (owner !== undefined) return "other account";
      context.refusedKeys.add(value);
      return "refused";
    },
    decide(found): StepDecision {
      if (found === "works" || found === "given")
        return { actions: [], note: `${key.name} works${found === "given" ? " (from the environment)" : ""}` };
      const reason = {
        absent: "",
        refused: ", because Plane refused the old one",
        "other account": ", because the old one belongs to another account",
      }[found];
      const is = found === "absent" ? ("created" as const) : ("changed" as const);
      return { actions: [{ is, detail: `${key.name}, for ${key.email}${reason}` }] };
    },
    async applyAction(context) {
      const session = await context.sessions.signIn(key.email);
      await deleteOldTokens(context, session, key, []);
      await context.vault.storeValues(key.name, [await createApiToken(context, session, key)]);
    },
  });
}

/** The e-mail address of the key's account; undefined when Plane does not know the key. */
async function findKeyOwner(context: ProvisionContext, key: string): Promise<string | undefined> {
  try {
    const client = await context.getClient(key);
    return (await client.call(usersApi.me)).data.email ?? "";
  } catch (thrown) {
    if (!(thrown instanceof PlaneAuthError && thrown.reason === "key")) throw thrown;
    // Plane answers 403 to an unknown key, and 401 when no key arrived.
    if (thrown.status !== 401) return undefined;
    throw new GroundcrewError(
      "forbidden",
      `A proxy in front of Plane at ${context.settings.plane.url} drops the X-Api-Key header or requires its own authentication (401): let the header pass, or set PLANE_URL to Plane's own address. No key was replaced.`,
      { cause: thrown },
    );
  }
}
