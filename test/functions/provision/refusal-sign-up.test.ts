import { expect, test } from "vitest";
import { instanceAdminApi } from "../../../shared/plane/app/instance-admin.ts";
import { createExistingInstance, rejectForm } from "./existing-instance.ts";
import { createProvisionSetup, NOTES_PATH } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

test("sign-up switched off: invited accounts are made all the same", async () => {
  const { crew, session } = await createExistingInstance();
  await session.call(instanceAdminApi.configure, { json: { ENABLE_SIGNUP: "0" } });
  expect(await crew.provisionWithReport()).toMatchObject({ exit: 0, failed: [] });
});

test("sign-up switched off for invited accounts, too: says where to switch it on and what can be done by hand", async () => {
  const crew = await createProvisionSetup();
  const undo = rejectForm(crew, "/auth/sign-up/", "SIGNUP_DISABLED");
  const { exit, detail, failed } = await crew.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("account Thot")).toContain("sign-up is switched off. Switch it on while provision runs (God mode");
  expect(detail("account Thot")).toContain("PLANE_API_KEY_<AGENT>");
  expect(failed.find(({ name }) => name === "API key Thot")?.detail).toBe("not tried, because of: account Thot");
  undo();
  expect(await crew.provisionWithReport()).toMatchObject({ exit: 0, failed: [] });
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("e-mail verification on: a sign-up that ends in a code by e-mail says so", async () => {
  const crew = await createProvisionSetup();
  rejectForm(crew, "/auth/sign-up/", "MAGIC_SIGN_UP_EMAIL_CODE_REQUIRED");
  expect((await crew.provisionWithReport()).detail("account Imhotep")).toContain(
    "wants imhotep@javisi.local to prove the address by e-mail",
  );
});

test("an agent's address that somebody has already: asks for its password or key, and takes the password", async () => {
  const { crew } = await createExistingInstance({}, "");
  crew.plane.addUser({ name: "Thot", email: "thot@javisi.local", password: "their-Own-pass-1" });
  const { detail, failed } = await crew.provisionWithReport();
  expect(detail("account Thot")).toContain("Plane has an account thot@javisi.local already");
  expect(failed.map(({ name }) => name)).toEqual(["account Thot", "API key Thot", "sample tasks"]);
  const notes = crew.readNotes();
  notes.accounts["thot@javisi.local"] = { password: "their-Own-pass-1" };
  crew.files.set(NOTES_PATH, { text: JSON.stringify(notes), mode: 0o600 });
  expect((await crew.provisionWithReport()).failed).toEqual([]);
  const { members, items } = await readProvisionedState(crew);
  expect(members).toContain("thot@javisi.local 15 thot");
  // What is made for somebody waits for them: later runs leave it alone.
  expect(items.map(({ assignees }) => assignees)).toEqual([
    ["thot@javisi.local"],
    ["imhotep@javisi.local"],
    ["ada@example.test"],
  ]);
});
