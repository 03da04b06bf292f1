import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { AgentTokens } from "../../../shared/config/settings.ts";
import { createTokenLookup } from "../../../shared/http/access.ts";

function createCallerLookup(agentTokens: AgentTokens[]) {
  const findHolder = createTokenLookup({
    adminTokens: [],
    tickTokens: [],
    alertsTokens: [],
    runnerTokens: [],
    agentTokens,
  });
  return async (token: string) => (await findHolder(token))?.caller;
}

const toTokenHash = (token: string) => `sha256:${createHash("sha256").update(token).digest("hex")}`;

const callerOf = createCallerLookup([
  { agent: "Hermes", role: "concierge", tokens: ["token-of-hermes", "old-token-of-hermes"] },
  { agent: "Thot", role: "worker", tokens: [toTokenHash("token-of-thot")] },
]);

test("A bridge token identifies its agent, also during a rotation and when only its hash is stored", async () => {
  const hermes = { name: "Hermes", role: "concierge" };
  expect(await callerOf("token-of-hermes")).toEqual(hermes);
  expect(await callerOf("old-token-of-hermes")).toEqual(hermes);
  expect(await callerOf("token-of-thot")).toEqual({ name: "Thot", role: "worker" });
});

test("A bridge token that is unknown, or a hash instead of a token, identifies no agent", async () => {
  for (const given of ["", "token-of-hermesx", "token-of-herme", "TOKEN-OF-HERMES", toTokenHash("token-of-thot")])
    expect(await callerOf(given)).toBeUndefined();
  expect(await createCallerLookup([])("token-of-hermes")).toBeUndefined();
});

test("A bridge token that two agents share, one by its hash, is refused with that reason", async () => {
  const shared = createCallerLookup([
    { agent: "Imhotep", role: "worker", tokens: ["the-same-token"] },
    { agent: "Thot", role: "worker", tokens: [toTokenHash("the-same-token")] },
  ]);
  await expect(shared("the-same-token")).rejects.toThrow("Imhotep and Thot have the same token");
});
