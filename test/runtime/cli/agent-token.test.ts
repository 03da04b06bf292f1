import { expect, test } from "vitest";
import { rejectTokenArguments } from "../../../runtime/cli/api-client.ts";

test.each(["--token", "--api-key=abc", "-authorization", "--my_secret_file=x"])(
  "the argument %s is refused as a possible secret",
  (arg) => {
    expect(() => rejectTokenArguments(["claim_task", arg], {})).toThrow("every process of this machine");
  },
);

test.each([
  "--password-reset works",
  "-token refresh is fixed",
  "- tokens\n- secrets",
  "--authors",
  "--text=--token=x y",
])("the argument %j is accepted as text", (arg) => {
  expect(() => rejectTokenArguments(["add_comment", "ONB-1", "--text", arg], {})).not.toThrow();
});

test("the token is refused anywhere in the arguments", () => {
  const env = { GROUNDCREW_TOKEN: "a-token-of-these-tests" };
  expect(() => rejectTokenArguments(["add_comment", "--text", "it is a-token-of-these-tests"], env)).toThrow(
    "The token",
  );
});
