import { expect, test } from "vitest";
import { unusedApi } from "../../support/unused-plane-endpoints.ts";
import { createExistingInstance, rejectForm } from "./existing-instance.ts";
import { createProvisionSetup, NOTES_PATH } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

test("invited accounts are created even when sign-up is disabled", async () => {
  const { setup, session } = await createExistingInstance();
  await session.call(unusedApi.configure, { json: { ENABLE_SIGNUP: "0" } });
  expect(await setup.provisionWithReport()).toMatchObject({ exit: 0, failed: [] });
});

test("disabled sign-up for invited accounts is refused with where to enable it and the manual steps", async () => {
  const setup = await createProvisionSetup();
  const undo = rejectForm(setup, "/auth/sign-up/", "SIGNUP_DISABLED");
  const { exit, detail, failed } = await setup.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("account Thot")).toContain("sign-up is disabled. Enable it while provision runs (God mode");
  expect(detail("account Thot")).toContain("PLANE_API_KEY_<AGENT>");
  expect(failed.find(({ name }) => name === "API key Thot")?.detail).toBe(
    "skipped because these steps failed: account Thot",
  );
  undo();
  expect(await setup.provisionWithReport()).toMatchObject({ exit: 0, failed: [] });
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("a sign-up that requires a code by e-mail is refused as such", async () => {
  const setup = await createProvisionSetup();
  rejectForm(setup, "/auth/sign-up/", "MAGIC_SIGN_UP_EMAIL_CODE_REQUIRED");
  expect((await setup.provisionWithReport()).detail("account Imhotep")).toContain(
    "requires a code by e-mail for imhotep@javisi.local",
  );
});

test("an agent's address that already has an account is refused until its password is stored", async () => {
  const { setup } = await createExistingInstance({}, "");
  setup.plane.addUser({ name: "Thot", email: "thot@javisi.local", password: "their-Own-pass-1" });
  const { detail, failed } = await setup.provisionWithReport();
  expect(detail("account Thot")).toContain("Plane already has an account thot@javisi.local");
  expect(failed.map(({ name }) => name)).toEqual(["account Thot", "API key Thot", "sample tasks"]);
  const notes = setup.readNotes();
  notes.accounts["thot@javisi.local"] = { password: "their-Own-pass-1" };
  setup.files.set(NOTES_PATH, { text: JSON.stringify(notes), mode: 0o600 });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  const { members, items } = await readProvisionedState(setup);
  expect(members).toContain("thot@javisi.local 15 thot");
  // The sample tasks wait for the accounts of their owners, because later runs never change them.
  expect(items.map(({ assignees }) => assignees)).toEqual([
    ["thot@javisi.local"],
    ["imhotep@javisi.local"],
    ["ada@example.test"],
  ]);
});
