// How fast the page simulates, beside the native tool that LASTSAVE_NATIVE names:
//   LASTSAVE_URL=http://127.0.0.1:8080/ LASTSAVE_CHROMIUM=/usr/bin/chromium LASTSAVE_NATIVE=target/release/lastsave node tests/browser/speed.js
// Only a page built by `cargo xtask dist` counts, on a machine that does nothing else: it is real time, both times.
import { execFileSync } from "node:child_process";
import { chromium } from "@playwright/test";
import { open, type } from "./lab.js";

const COMMANDS = 564_000;
const LINES = [
  "SHUTDOWN NOSAVE",
  "redis-server --save '900 1 300 10 60 10000' --stop-writes-on-bgsave-error no",
  "fault bgsave fail",
  "workload sessions rate=200 keys=50000",
];
const RUNS = 3;

const browser = await chromium.launch({
  executablePath: process.env.LASTSAVE_CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu"],
});
const times = [];
for (let run = 0; run < RUNS; run++) {
  const page = await browser.newPage({ baseURL: process.env.LASTSAVE_URL });
  await open(page);
  await type(page, ...LINES);
  const began = performance.now();
  await type(page, "advance 47m");
  times.push(performance.now() - began);
  await page.close();
}
await browser.close();
const best = Math.min(...times);
const rate = (ms) => `${(ms / 1000).toFixed(2)} s, ${(COMMANDS / ms / 1000).toFixed(2)} million commands a second`;
console.log(`page    ${rate(best)} (of ${times.map((ms) => (ms / 1000).toFixed(2)).join(", ")})`);
if (process.env.LASTSAVE_NATIVE) {
  const scenario = new URL("../suite/article/night-as-told.scenario", import.meta.url).pathname;
  const native = Array.from({ length: RUNS }, () => {
    const report = execFileSync(process.env.LASTSAVE_NATIVE, ["run", scenario, "--json"]);
    return JSON.parse(report).wall_ms;
  });
  const fastest = Math.min(...native);
  console.log(`native  ${rate(fastest)}\nratio   ${(fastest / best).toFixed(2)}`);
}
