import { runTypeScript } from "../typescript.js";

await runTypeScript(() => import("./build-page-main.ts"), {
  hint: "On Linux `npm ci` installs Node 24: run `npm run deploy:workers`.",
});
