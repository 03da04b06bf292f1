import { launch } from "../launch.js";

await launch(() => import("./build-page-main.ts"), {
  hint: "On Linux `npm ci` installs Node 24: run `npm run deploy:workers`.",
});
