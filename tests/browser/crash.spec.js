// Crashes and what comes back: by typing, by buttons, and the article's nights.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "./page.js";
import { example, fact, idle, open, output, tab, type, verdict } from "./lab.js";

test.beforeEach(async ({ page }) => open(page));

test("a killed server without a log loses what it had not saved", async ({ page }) => {
  await type(page, "SET a 1", "SET b 2", "BGSAVE", "advance 1s", "SET c 3");
  await page.getByRole("button", { name: "kill -9", exact: true }).click();
  await idle(page);
  await expect(verdict(page)).toContainText("The server is down");
  await page.getByRole("button", { name: "Restart", exact: true }).click();
  await idle(page);
  expect(await fact(verdict(page), "Acknowledged")).toBe(3);
  expect(await fact(verdict(page), "Recovered")).toBe(2);
  expect(await fact(verdict(page), "Lost")).toBe(1);
  await type(page, "DBSIZE");
  await expect(output(page)).toContainText("(integer) 2");
  await tab(page, "Keys");
  await expect(page.getByRole("row", { name: /^c/ })).toContainText("gone");
});

test("a write in the page cache survives kill -9, and not a power loss", async ({ page }) => {
  await type(page, "CONFIG SET appendonly yes", "CONFIG SET appendfsync no", "advance 2s", "SET a 1");
  await expect(page.locator(".reach.kill strong")).toHaveText("0 writes");
  await expect(page.locator(".reach.power strong")).toHaveText("1 write");
  await type(page, "crash power", "redis-server --appendonly yes --appendfsync no");
  await expect(verdict(page)).toContainText("1 write lost");
});

test("must match: faults: each button writes the line it stands for, is marked while in force, and lifts it", async ({ page }) => {
  await page.getByRole("button", { name: "+10 min" }).click();
  await page.getByRole("button", { name: "Fail saves" }).click();
  await idle(page);
  await expect(output(page)).toContainText("$ advance 10m");
  await expect(output(page)).toContainText("$ fault bgsave fail");
  await expect(page.getByRole("button", { name: "Fail saves" })).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "Fail saves" }).click();
  await idle(page);
  await expect(output(page)).toContainText("$ fault bgsave ok");
  await expect(page.getByRole("button", { name: "Fail saves" })).toHaveAttribute("aria-pressed", "false");
});

// What the buttons behind "More faults…" write, and what the machine calls it.
const LASTING = [
  ["Fork fails", "fault fork fail", "fork fail"],
  ["Child killed", "fault oom once", "child kill 9 once"],
  ["Read-only", "fault disk read-only", "disk read-only"],
  ["One fsync fails", "fault fsync fail once", "fsync fail once"],
  ["Slow fsync", "fault fsync slow 2s", "fsync slow 2s"],
  ["Short write", "fault write fail ENOSPC taking 20 once", "write fail ENOSPC taking 20 once"],
  ["Rename fails", "fault rename fail once", "rename fail once"],
  ["Torn pages", "fault tearing", "tearing"],
  ["Reordering", "fault reordering", "reordering"],
];

test("only here 1: process kill, power loss, torn write, ENOSPC, EIO on fsync, failed rename, fork failure, OOM kill, bit rot", async ({ page }) => {
  await type(page, "CONFIG SET appendonly yes", "SET a 1", "advance 2s");
  await page.getByRole("button", { name: "More faults…" }).click();
  const more = page.getByRole("dialog", { name: "More faults" });
  for (const [label, line, words] of LASTING) {
    await more.getByRole("button", { name: label }).click();
    await idle(page);
    await expect(output(page)).toContainText(`$ ${line}`);
    await expect(more.locator(".in-force")).toContainText(words);
    await more.locator(".in-force li", { hasText: words }).getByRole("button", { name: "Lift" }).first().click();
    await idle(page);
    await expect(more.locator("li.on")).toHaveCount(0);
  }
  await more.getByRole("button", { name: "Bit flip" }).click();
  await idle(page);
  await expect(output(page)).toContainText(/\$ flip-bit \S+incr\.aof \d+/);
  await more.getByRole("button", { name: "Torn tail" }).click();
  await idle(page);
  await expect(output(page)).toContainText(/\$ truncate -s -10 \S+incr\.aof/);
  await more.getByRole("button", { name: "OOM killer" }).click();
  await idle(page);
  await expect(output(page)).toContainText("$ crash oom");
  await page.keyboard.press("Escape");
  await expect(verdict(page)).toContainText("The server is down");
  for (const [name, line] of [
    ["Restart", "$ redis-server"],
    ["Disk full", "$ fault disk full"],
    ["Fail fsync", "$ fault fsync fail"],
    ["Power loss", "$ crash power"],
  ]) {
    await page.getByRole("button", { name, exact: true }).click();
    await idle(page);
    await expect(output(page)).toContainText(line);
  }
  await expect(page.getByRole("button", { name: "Disk full", exact: true })).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "More faults…" }).click();
  await more.getByRole("button", { name: "Lift all" }).click();
  await idle(page);
  await expect(more.locator(".in-force")).toHaveCount(0);
});

test("only here 2: process memory, AOF buffer, page cache and disk, seen apart, and what each crash takes", async ({ page }) => {
  const layer = (name) => page.locator(`.layer.${name} .value`);
  await type(page, "SET a 1");
  await expect(layer("memory")).toHaveText("1 key");
  await expect(layer("buffer")).toHaveText("off");
  // Without a log, either crash takes it.
  await expect(page.locator(".reach.kill strong")).toHaveText("1 write");
  await expect(page.locator(".reach.power strong")).toHaveText("1 write");
  await type(page, "CONFIG SET appendonly yes", "advance 3s");
  await expect(page.locator(".reach.power strong")).toHaveText("0 writes");
  await expect(layer("cache")).toHaveText("0 B");
  await type(page, "SET b 2");
  // Written and not synced: it would survive the process, and not the machine.
  await expect(layer("cache")).not.toHaveText("0 B");
  await expect(page.locator(".reach.kill strong")).toHaveText("0 writes");
  await expect(page.locator(".reach.power strong")).toHaveText("1 write");
  await type(page, "advance 2s");
  await expect(layer("cache")).toHaveText("0 B");
  await expect(page.locator(".reach.power strong")).toHaveText("0 writes");
  await type(page, "crash power");
  await expect(layer("memory")).toHaveText("no server");
});

test("what the crash changed can be seen alone, and a key in detail", async ({ page }) => {
  await type(page, "HSET h f1 v1 f2 v2", "SET same 1", "SET other 1", "BGSAVE", "advance 1s");
  await type(page, "HSET h f2 changed", "SET new 1", "DEL other", "crash kill", "redis-server");
  await tab(page, "Keys");
  await expect(page.locator(".difference")).toContainText("1 gone");
  await expect(page.locator(".difference")).toContainText("1 changed");
  await expect(page.locator(".difference")).toContainText("1 unexpected");
  await page.locator(".difference input").check();
  await expect(page.locator("table.keys tbody tr")).toHaveCount(3);
  await expect(page.getByRole("row", { name: /^other/ })).toContainText("unexpected");
  await page.getByRole("button", { name: "h", exact: true }).click();
  const detail = page.getByRole("region", { name: "Key", exact: true });
  await expect(detail).toContainText("before the crash");
  await expect(detail).toContainText("2 fields");
  await detail.getByRole("button", { name: "HGETALL h" }).click();
  await idle(page);
  await expect(output(page)).toContainText('4) "v2"');
  await page.getByLabel(/match this pattern/).fill("s?me");
  await page.locator(".difference input").uncheck();
  await expect(page.locator("table.keys tbody tr")).toHaveCount(1);
});

test("an alert fires, says since when, and is counted on its tab", async ({ page }) => {
  await type(page, "SET a 1", "fault bgsave fail", "BGSAVE", "advance 20s");
  await expect(page.getByRole("tab", { name: /Info/ })).toContainText("1");
  await tab(page, /Info/);
  const alerts = page.getByRole("region", { name: "Alerts", exact: true });
  await expect(alerts.locator("li.firing")).toContainText(["Saves fail"]);
  await expect(alerts.locator("li.firing")).toContainText(["rdb_last_bgsave_status"]);
  await expect(alerts.locator("li.firing")).toContainText([/since 02:30:\d\d/]);
  await type(page, "fault ok", "BGSAVE", "advance 2s");
  await expect(alerts.locator("li.firing")).toHaveCount(0);
});

test("the clock plays and pauses, and what was played is one line", async ({ page }) => {
  await page.getByLabel("Speed").selectOption("100");
  const now = page.locator(".time-of-day");
  const before = await now.innerText();
  await page.getByRole("button", { name: "Play the clock" }).click();
  await expect(now).not.toHaveText(before);
  await page.waitForTimeout(300);
  await page.getByRole("button", { name: "Pause the clock" }).click();
  await idle(page);
  await expect(output(page)).toContainText(/\$ advance [\dms]+/);
  expect((await output(page).innerText()).match(/\$ advance/g)).toHaveLength(1);
});

// The article's nights give in the page what they give natively, by the command-line tool that LASTSAVE_NATIVE names.
const NIGHTS = [
  { title: "night as told", file: "night-as-told" },
  { title: "night as configured", file: "night-as-configured" },
  { title: "night refused", file: "night-refused" },
  { title: "hybrid configuration", file: "hybrid" },
];
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const native = process.env.LASTSAVE_NATIVE;

for (const { title, file } of NIGHTS) {
  test(`the ${title}: the same numbers and trace natively`, async ({ page }) => {
    await example(page, new RegExp(title, "i"));
    await expect(verdict(page)).toBeVisible();
    const shown = {
      acknowledged: await fact(verdict(page), "Acknowledged"),
      recovered: await fact(verdict(page), "Recovered"),
      lost: await fact(verdict(page), "Lost"),
    };
    await tab(page, "Report");
    const trace = await fact(page.getByRole("region", { name: "Report" }), "Trace hash");
    // The button that copies it stands behind it.
    shown.trace_hash = trace.split(/\s/)[0];
    expect(shown.acknowledged).toBe(shown.recovered + shown.lost);
    if (native) {
      const scenario = `tests/suite/article/${file}.scenario`;
      const report = JSON.parse(execFileSync(native, ["run", scenario, "--json"], { encoding: "utf8", cwd: ROOT }));
      const { acknowledged, recovered, lost, trace_hash } = report;
      expect(shown).toEqual({ acknowledged, recovered, lost, trace_hash });
    }
  });
}
