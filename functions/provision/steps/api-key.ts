import { GroundcrewError } from "../../../shared/errors.ts";
import { PlaneAuthError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/users-members.ts";
import { type ApiKeySpec, createApiToken, deleteOldTokens } from "../api-tokens.ts";
import type { ProvisionContext } from "../context.ts";
import { createStep, type ProvisionStep, type StepDecision } from "../step.ts";

/** An API key that works, of the right account; it does not expire. One that was given from outside is only tried. */
export function createApiKeyStep(key: ApiKeySpec, needs: readonly string[], name: string): ProvisionStep {
  return createStep({
    name,
    needs,
    async look(context) {
      const value = context.vault.first(key.name);
      const isGiven = context.vault.isGiven(key.name);
      if (value === undefined) return "absent";
      const owner = await findKeyOwner(context, value);
      if (isGiven && owner === undefined)
        throw new GroundcrewError(
          "forbidden",
          `Plane does not take the ${key.name} of the environment: put a new one there, or take it out and one is made.`,
        );
      if (isGiven) return "given";
      if (owner?.toLowerCase() === key.email.toLowerCase()) return "works";
      if (owner !== undefined) return "another's";
      context.refusedKeys.add(value);
      return "refused";
    },
    decide(found): StepDecision {
      if (found === "works" || found === "given")
        return { actions: [], note: `${key.name} works${found === "given" ? " (from the environment)" : ""}` };
      const reason = {
        absent: "",
        refused: ", because Plane refuses the old one",
        "another's": ", because the old one is another account's",
      }[found];
      const is = found === "absent" ? ("created" as const) : ("changed" as const);
      return { actions: [{ is, detail: `${key.name}, of ${key.email}${reason}` }] };
    },
    async act(context) {
      const session = await context.sessions.as(key.email);
      await deleteOldTokens(context, session, key, []);
      await context.vault.keep(key.name, [await createApiToken(context, session, key)]);
    },
  });
}

/** The address of the account whose key this is; undefined when Plane knows no such key. */
async function findKeyOwner(context: ProvisionContext, key: string): Promise<string | undefined> {
  try {
    const client = await context.client(key);
    return (await client.call(usersApi.me)).data.email ?? "";
  } catch (thrown) {
    if (!(thrown instanceof PlaneAuthError && thrown.reason === "key")) throw thrown;
    // Plane answers 403 to a key it does not know, and 401 where it has seen none.
    if (thrown.status !== 401) return undefined;
    throw new GroundcrewError(
      "forbidden",
      `Something in front of Plane at ${context.settings.plane.url} does not let the X-Api-Key header through, or wants a sign-in of its own (401): let it pass, or set PLANE_URL to Plane's own address. No key was replaced.`,
      { cause: thrown },
    );
  }
}
