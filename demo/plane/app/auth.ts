import { type Call, endpoint, type Handler, ok, type Site } from "../endpoint.ts";
import { invitationsFor } from "../invitations.ts";
import { createUser, userByEmail } from "../people.ts";
import { hexOf, type World } from "../world.ts";
import { ADMIN_SESSION, CSRF, cookieOf, openDoor, openSession, setCookie } from "./door.ts";

/** Plane's numbers for what it tells in a redirect. */
const CODES = {
  INSTANCE_NOT_CONFIGURED: 5000,
  SIGNUP_DISABLED: 5015,
  PASSWORD_TOO_WEAK: 5021,
  USER_ALREADY_EXIST: 5030,
  REQUIRED_EMAIL_PASSWORD_SIGN_UP: 5040,
  USER_DOES_NOT_EXIST: 5060,
  AUTHENTICATION_FAILED_SIGN_IN: 5065,
  REQUIRED_EMAIL_PASSWORD_SIGN_IN: 5075,
  ADMIN_ALREADY_EXIST: 5150,
  REQUIRED_ADMIN_EMAIL_PASSWORD_FIRST_NAME: 5155,
  ADMIN_AUTHENTICATION_FAILED: 5175,
  ADMIN_USER_DOES_NOT_EXIST: 5185,
} as const;

/** Long, and of several kinds of characters. Plane asks zxcvbn; this is what it comes to for what programs make. */
const isStrong = (password: string): boolean =>
  password.length >= 8 && [/[a-z]/, /[A-Z]/, /\d/, /[^\w]/].filter((kind) => kind.test(password)).length >= 3;

function redirect(to: string, error?: keyof typeof CODES, email?: string, cookies: string[] = []) {
  const query = new URLSearchParams();
  if (error) {
    query.set("error_code", String(CODES[error]));
    query.set("error_message", error);
    if (email !== undefined) query.set("email", email);
  }
  return { status: 302, headers: { location: error ? `${to}/?${query}` : to }, cookies };
}

/** A form of Plane's pages: without its token a page comes back, with status 200. */
const withForm =
  (handle: (call: Call, field: (name: string) => string) => ReturnType<Handler>): Handler =>
  async (call) => {
    const form = await call.form();
    const field = (name: string): string => {
      const value = form.get(name);
      return typeof value === "string" ? value : "";
    };
    const token = cookieOf(call.headers, CSRF);
    if (!token || field("csrfmiddlewaretoken") !== token)
      return { status: 200, headers: { "content-type": "text/html; charset=utf-8" } };
    return handle(call, field);
  };

export function authRoutes(app: Site, world: World): void {
  endpoint(app, world, openDoor("GET, HEAD, OPTIONS"), "/auth/get-csrf-token/", {
    GET: () => {
      const token = hexOf(world.newId()) + hexOf(world.newId());
      return { ...ok({ csrf_token: token }), cookies: [setCookie(CSRF, token)] };
    },
  });
  endpoint(app, world, openDoor("POST, OPTIONS"), "/auth/email-check/", {
    POST: async (call) => {
      const { email } = await call.json();
      return ok({ existing: userByEmail(world, String(email)) !== undefined, status: "CREDENTIAL" });
    },
  });
  const page = openDoor("");
  endpoint(app, world, page, "/auth/sign-in/", { POST: withForm(signIn) });
  endpoint(app, world, page, "/auth/sign-up/", { POST: withForm(signUp) });
  endpoint(app, world, page, "/api/instances/admins/sign-up/", { POST: withForm(adminSignUp) });
  endpoint(app, world, page, "/api/instances/admins/sign-in/", { POST: withForm(adminSignIn) });
}

type Field = (name: string) => string;

function signIn(call: Call, field: Field) {
  const { world } = call;
  const [email, password] = [field("email").trim().toLowerCase(), field("password")];
  if (!world.instance.setUp) return redirect(world.site(), "INSTANCE_NOT_CONFIGURED");
  if (!email || !password) return redirect(world.site(), "REQUIRED_EMAIL_PASSWORD_SIGN_IN", email);
  const user = userByEmail(world, email);
  if (!user) return redirect(world.site(), "USER_DOES_NOT_EXIST", email);
  if (user.password !== password) return redirect(world.site(), "AUTHENTICATION_FAILED_SIGN_IN", email);
  return redirect(world.site(), undefined, undefined, [openSession(world, user, call.headers)]);
}

/** An invited address may sign up although sign-up is switched off. */
function signUp(call: Call, field: Field) {
  const { world } = call;
  const [email, password] = [field("email").trim().toLowerCase(), field("password")];
  if (!world.instance.setUp) return redirect(world.site(), "INSTANCE_NOT_CONFIGURED");
  if (!email || !password) return redirect(world.site(), "REQUIRED_EMAIL_PASSWORD_SIGN_UP", email);
  if (userByEmail(world, email)) return redirect(world.site(), "USER_ALREADY_EXIST", email);
  if (!isStrong(password)) return redirect(world.site(), "PASSWORD_TOO_WEAK", email);
  if (!world.instance.signUp.enabled && invitationsFor(world, email).length === 0)
    return redirect(world.site(), "SIGNUP_DISABLED", email);
  const user = createUser(world, { email, password });
  return redirect(world.site(), undefined, undefined, [openSession(world, user, call.headers)]);
}

/** Sets the instance up; there is one first time. */
function adminSignUp(call: Call, field: Field) {
  const { world } = call;
  const { instance } = world;
  const page = `${world.site()}/god-mode`;
  const [email, password, first_name] = [field("email").trim().toLowerCase(), field("password"), field("first_name")];
  if (instance.admins.size > 0) return redirect(page, "ADMIN_ALREADY_EXIST");
  if (!email || !password || !first_name) return redirect(page, "REQUIRED_ADMIN_EMAIL_PASSWORD_FIRST_NAME");
  if (!isStrong(password)) return redirect(page, "PASSWORD_TOO_WEAK");
  const user = createUser(world, { email, password, first_name, last_name: field("last_name") });
  user.profile.set = { company_name: field("company_name") };
  instance.admins.add(user.id);
  instance.setUp = true;
  instance.name = field("company_name") || instance.name;
  instance.telemetry = field("is_telemetry_enabled") !== "False";
  instance.updated_at = world.stamp();
  return redirect(`${page}/general/`, undefined, undefined, [openSession(world, user, call.headers, ADMIN_SESSION)]);
}

function adminSignIn(call: Call, field: Field) {
  const { world } = call;
  const page = `${world.site()}/god-mode`;
  const email = field("email").trim().toLowerCase();
  const user = userByEmail(world, email);
  if (!user) return redirect(page, "ADMIN_USER_DOES_NOT_EXIST", email);
  if (user.password !== field("password") || !world.instance.admins.has(user.id))
    return redirect(page, "ADMIN_AUTHENTICATION_FAILED", email);
  return redirect(`${page}/general/`, undefined, undefined, [openSession(world, user, call.headers, ADMIN_SESSION)]);
}
