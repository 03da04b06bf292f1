import { expect, test } from "vitest";
import { inUse, PASSWORD } from "./in-use.ts";
import { ADMIN, rig } from "./rig.ts";

test("a wrong password: says which setting, and nothing else is tried", async () => {
  const { crew } = await inUse({ env: { PLANE_ADMIN_PASSWORD: "another-Wrong-one-1" } });
  const { exit, detail, out, err } = await crew.report();
  expect(exit).toBe(1);
  expect(detail("administrator")).toContain(`does not take the password of ${ADMIN}: set PLANE_ADMIN_PASSWORD`);
  expect(out + err).not.toContain("another-Wrong-one-1");
  expect(crew.plane.ledger.requests.filter(({ path }) => path.includes("/invitations/"))).toEqual([]);
});

test("no password for a Plane that is set up already: the same", async () => {
  const { crew } = await inUse({ env: { PLANE_ADMIN_PASSWORD: "" } });
  expect((await crew.report()).detail("administrator")).toContain("set PLANE_ADMIN_PASSWORD");
});

test("an address Plane does not know", async () => {
  const { crew } = await inUse({ env: { PLANE_ADMIN_EMAIL: "nobody@example.test" } });
  expect((await crew.report()).detail("administrator")).toContain("Plane knows no account nobody@example.test");
});

test("a weak password for a new Plane: says how strong, and a stronger one works", async () => {
  const crew = await rig({ env: { PLANE_ADMIN_PASSWORD: "weak" } });
  expect((await crew.report()).detail("administrator")).toContain("too weak. Give PLANE_ADMIN_PASSWORD 12 characters");
  const env = { ...crew.env, PLANE_ADMIN_PASSWORD: PASSWORD };
  expect((await crew.report(["--yes"], { env })).failed).toEqual([]);
});

test("an API key of the environment that Plane does not take is not replaced", async () => {
  const crew = await rig({ env: { PLANE_API_KEY_THOT: "plane_api_given0from0outside" } });
  expect((await crew.report()).detail("API key Thot")).toContain(
    "does not take the PLANE_API_KEY_THOT of the environment",
  );
  expect(crew.secrets()["PLANE_API_KEY_THOT"]).toBeUndefined();
});
