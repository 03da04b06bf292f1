import { expect, test } from "vitest";
import { ADMIN_PASSWORD, createExistingInstance } from "./existing-instance.ts";
import { ADMIN_EMAIL, createProvisionSetup } from "./provision-setup.ts";

test("a wrong password: says which setting, and nothing else is tried", async () => {
  const { crew } = await createExistingInstance({ env: { PLANE_ADMIN_PASSWORD: "another-Wrong-one-1" } });
  const { exit, detail, out, err } = await crew.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("administrator")).toContain(`does not take the password of ${ADMIN_EMAIL}: set PLANE_ADMIN_PASSWORD`);
  expect(out + err).not.toContain("another-Wrong-one-1");
  expect(crew.plane.ledger.requests.filter(({ path }) => path.includes("/invitations/"))).toEqual([]);
});

test("no password for a Plane that is set up already: the same", async () => {
  const { crew } = await createExistingInstance({ env: { PLANE_ADMIN_PASSWORD: "" } });
  expect((await crew.provisionWithReport()).detail("administrator")).toContain("set PLANE_ADMIN_PASSWORD");
});

test("an address Plane does not know", async () => {
  const { crew } = await createExistingInstance({ env: { PLANE_ADMIN_EMAIL: "nobody@example.test" } });
  expect((await crew.provisionWithReport()).detail("administrator")).toContain(
    "Plane knows no account nobody@example.test",
  );
});

test("a weak password for a new Plane: says how strong, and a stronger one works", async () => {
  const crew = await createProvisionSetup({ env: { PLANE_ADMIN_PASSWORD: "weak" } });
  expect((await crew.provisionWithReport()).detail("administrator")).toContain(
    "too weak. Give PLANE_ADMIN_PASSWORD 12 characters",
  );
  const env = { ...crew.env, PLANE_ADMIN_PASSWORD: ADMIN_PASSWORD };
  expect((await crew.provisionWithReport(["--yes"], { env })).failed).toEqual([]);
});

test("an API key of the environment that Plane does not take is not replaced", async () => {
  const crew = await createProvisionSetup({ env: { PLANE_API_KEY_THOT: "plane_api_given0from0outside" } });
  expect((await crew.provisionWithReport()).detail("API key Thot")).toContain(
    "does not take the PLANE_API_KEY_THOT of the environment",
  );
  expect(crew.readSecrets()["PLANE_API_KEY_THOT"]).toBeUndefined();
});
