import { expect, test } from "vitest";
import { isAgent, isHuman, SYSTEM_CALLER } from "../../../shared/tasks/call-context.ts";

test.each([
  ["concierge", { isAgent: true, isHuman: false }],
  ["worker", { isAgent: true, isHuman: false }],
  ["human", { isAgent: false, isHuman: true }],
  ["system", { isAgent: false, isHuman: false }],
] as const)("a caller with the role %s", (role, expected) => {
  const caller = { name: "Thot", role };
  expect({ isAgent: isAgent(caller), isHuman: isHuman(caller) }).toEqual(expected);
});

test("the system's claim is stored under the name Groundcrew", () => {
  expect(SYSTEM_CALLER).toEqual({ name: "Groundcrew", role: "system" });
});
