import { runTypeScript } from "./typescript.js";

await runTypeScript(() => import("./main.ts"), {
  hint: "On Linux `npm ci` installs Node 24: start with `npm start`.",
});
