// Lessons, and the same numbers everywhere: what a scenario comes to in Chromium, in Firefox and natively.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test, violations } from "./page.js";
import { fact, idle, inTheme, line, open, output, tab, type } from "./lab.js";
import { launch } from "./firefox.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

// Scenarios as links, with what they come to natively: see tests/links.rs.
function links(...args) {
  const program = process.env.LASTSAVE_LINKS ?? `${ROOT}target/debug/links`;
  const lines = execFileSync(program, args, { encoding: "utf8", cwd: ROOT, maxBuffer: 1 << 26 });
  return lines.trim().split("\n").map((text) => JSON.parse(text));
}

const LESSONS = links("files", "tests/suite/lessons");
const panel = (page) => page.getByRole("region", { name: "Lesson" });
const next = (page) => panel(page).getByRole("button", { name: "Next" });
const run = (page) => panel(page).getByRole("button", { name: /^Run th/ });

async function begin(page, number) {
  await page.getByRole("button", { name: "Lessons" }).click();
  await page.locator("#lessons").getByRole("button").nth(number - 1).click();
  await idle(page);
}

// Carries out the step shown, answering as told if it asks.
async function step(page, answer = 0) {
  const choices = panel(page).getByRole("radio");
  if ((await choices.count()) > 0) await choices.nth(answer).check();
  if ((await run(page).count()) > 0) {
    await run(page).click();
    await expect(run(page)).toHaveCount(0, { timeout: 60_000 });
    await idle(page, 60_000);
  }
}

const trace = (page) => page.evaluate(() => document.documentElement.dataset.trace);

test("must match: guided lessons, which ask before the crash and check what came of it", async ({ page }) => {
  await open(page);
  await begin(page, 1);
  await expect(panel(page)).toContainText("1 of");
  await expect(output(page)).toHaveText("");
  await step(page);
  await expect(output(page)).toContainText("$ advance 47m");
  await expect(panel(page).getByRole("listitem")).toHaveText([/met\s*acknowledged == 564_000/]);
  await next(page).click();

  // The question comes first, and a wrong answer is told why.
  await expect(run(page)).toHaveAttribute("aria-disabled", "true");
  await run(page).press("Enter");
  await expect(output(page)).not.toContainText("crash power");
  await panel(page).getByRole("radio", { name: "47 minutes" }).check();
  await expect(panel(page).locator(".feedback")).toContainText("Not quite.");
  await panel(page).getByRole("radio", { name: "About a minute" }).check();
  await expect(panel(page).locator(".feedback")).toContainText("Yes.");
  expect(await violations(page)).toEqual([]);
  await inTheme(page, "light");
  expect(await violations(page)).toEqual([]);
  await step(page, 2);
  await expect(panel(page).locator(".checks li")).toHaveCount(3);
  await expect(panel(page).locator(".checks .unmet")).toHaveCount(0);

  // A reload has it again: the step, the answer and the machine.
  await page.reload();
  await idle(page, 60_000);
  await expect(panel(page)).toContainText("2 of");
  await expect(panel(page).getByRole("radio", { name: "About a minute" })).toBeChecked();
  await expect(panel(page).locator(".checks li")).toHaveCount(3);

  // Back and forth, and what is typed in between is no step.
  await panel(page).getByRole("button", { name: "Back" }).click();
  await expect(panel(page)).toContainText("1 of");
  await type(page, "DBSIZE");
  await next(page).click();
  await expect(next(page)).toBeVisible();

  await panel(page).getByRole("button", { name: "Restart the lesson" }).click();
  await idle(page);
  await expect(panel(page)).toContainText("1 of");
  await expect(run(page)).toBeVisible();
  await panel(page).getByRole("button", { name: "Close the lesson" }).click();
  await expect(panel(page)).toHaveCount(0);
});

test("a lesson by keyboard, on a phone, as plain text, and as the scenario it is", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page);
  await begin(page, 3);
  const fold = panel(page).getByRole("button", { expanded: true });
  await fold.focus();
  await page.keyboard.press("Enter");
  await expect(run(page)).toBeHidden();
  await page.keyboard.press("Enter");
  await run(page).focus();
  await page.keyboard.press("Enter");
  await expect(next(page)).toBeVisible();
  await expect(next(page)).toBeFocused();
  await page.keyboard.press("Enter");
  await panel(page).getByRole("radio").first().focus();
  await page.keyboard.press("ArrowDown");
  await expect(panel(page).getByRole("radio").nth(1)).toBeChecked();
  expect(await violations(page)).toEqual([]);
  await expect(panel(page).locator(".lesson-body code").first()).toBeVisible();
  await panel(page).getByRole("button", { name: "As a scenario" }).click();
  await idle(page, 60_000);
  await expect(panel(page)).toHaveCount(0);
  await expect(output(page)).toContainText("# You want an append-only file now");
  expect(await trace(page)).toBe(LESSONS[2].trace_hash);
});

for (const [index, lesson] of LESSONS.entries()) {
  test(`only here 10: lesson ${lesson.name} meets its assertions in the page, with the trace it has natively`, async ({ page }) => {
    test.setTimeout(120_000);
    expect(lesson.failures).toBe(0);
    expect(lesson.plain.length).toBeLessThan(1_900);
    await open(page);
    await page.goto(`./#${lesson.plain}`);
    await expect(panel(page)).toBeVisible();
    await expect(output(page)).toHaveText("");
    const steps = Number((await panel(page).locator(".place").innerText()).split(" of ")[1]);
    let checks = 0;
    for (let at = 1; at <= steps; at += 1) {
      await expect(panel(page)).toContainText(`${at} of ${steps}`);
      await step(page, at % 3 === 0 ? 0 : 1);
      await expect(panel(page).locator(".checks .unmet")).toHaveCount(0);
      checks += await panel(page).locator(".checks li").count();
      if (at < steps) await next(page).click();
    }
    const text = readFileSync(`${ROOT}tests/suite/lessons/${lesson.name}.scenario`, "utf8");
    expect(checks).toBe(text.split("\n").filter((row) => row.startsWith("expect ")).length);
    expect(await trace(page)).toBe(lesson.trace_hash);
    await panel(page).getByRole("button", { name: "Close the lesson" }).last().click();
    await page.getByRole("button", { name: "Lessons" }).click();
    await expect(page.locator("#lessons li").nth(index)).toContainText("Read to its end");
  });
}

// Opens a link that runs by itself, in the page that is open, and says what it came to.
const OPEN = `async ([fragment, expected]) => {
  location.hash = fragment;
  const root = document.documentElement;
  for (let waited = 0; waited < 60_000 && root.dataset.trace !== expected; waited += 25) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return root.dataset.trace;
}`;

test("only here 11: the twelve defects of Redis, each one link", async ({ page }) => {
  const defects = links("files", "tests/suite/defects");
  expect(defects).toHaveLength(12);
  await open(page);
  for (const { name, link, plain, trace_hash, failures } of defects) {
    expect(failures, name).toBe(0);
    expect(plain.length, name).toBeLessThan(1_900);
    expect(await page.evaluate(`(${OPEN})(${JSON.stringify([link, trace_hash])})`), name).toBe(trace_hash);
  }
  await page.getByRole("button", { name: "Examples" }).click();
  const group = page.locator("#examples h2", { hasText: "Twelve ways" }).locator("+ ul");
  await expect(group.getByRole("button")).toHaveCount(12);
});

test("must match: seeded replay: the same link comes to the same, another seed to another", async ({ browser, baseURL }) => {
  const script = (seed) => `# lastsave scenario 1\n# A seed\nseed ${seed}\n\nredis-server --appendonly yes\nSET a 1\ncrash power seed 3\nredis-server\n`;
  const traces = [];
  for (const seed of [7, 7, 8]) {
    // A tab of its own, which remembers nothing: a link opened again is otherwise the session that it became.
    const context = await browser.newContext({ baseURL });
    const page = await context.newPage();
    await page.goto(`./#scenario=${encodeURIComponent(script(seed))}`);
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await expect(output(page)).toContainText("verdict on");
    await idle(page);
    await tab(page, "Report");
    traces.push(await fact(page.getByRole("region", { name: "Report" }), "Trace hash"));
    await context.close();
  }
  expect(traces[0]).toBe(traces[1]);
  expect(traces[0]).not.toBe(traces[2]);
});

test("must match: examples menu, each on a fresh machine, and what was there can be had again", async ({ page }) => {
  await open(page);
  await type(page, "SET mine 1");
  await page.getByRole("button", { name: "Examples" }).click();
  const menu = page.locator("#examples");
  await expect(menu.getByRole("heading")).toHaveText([/night/i, /One thing/, /What can break/, /Twelve ways/]);
  await menu.getByRole("button", { name: /torn tail/i }).click();
  await idle(page);
  await expect(output(page)).not.toContainText("SET mine 1");
  await page.getByRole("button", { name: "Bring it back" }).click();
  await idle(page);
  await expect(output(page)).toContainText("SET mine 1");
});

// Everything in tests/suite/lessons, and scenarios at random: some every day, all 200 with LASTSAVE_LONG=1.
const everywhere = () => [...LESSONS, ...links("generated", process.env.LASTSAVE_LONG ? "200" : "20")];
const LONG_MS = 600_000;

test("only here 8: a link gives the same trace in Chromium and natively", async ({ page }) => {
  test.setTimeout(LONG_MS);
  await open(page);
  const wrong = [];
  for (const { name, link, trace_hash } of everywhere()) {
    const found = await page.evaluate(`(${OPEN})(${JSON.stringify([link, trace_hash])})`);
    if (found !== trace_hash) wrong.push(`${name}: ${found}, natively ${trace_hash}`);
  }
  expect(wrong).toEqual([]);
});

test("only here 8: and the same in Firefox", async ({ baseURL }) => {
  test.setTimeout(LONG_MS);
  const firefox = await launch(process.env.LASTSAVE_FIREFOX ?? "firefox-esr");
  try {
    await firefox.goto(baseURL);
    const ready = `new Promise((done) => {
      const timer = setInterval(() => {
        if (document.querySelector(".terminal[aria-busy=false]")) done(clearInterval(timer));
      }, 50);
    })`;
    await firefox.evaluate(ready);
    const wrong = [];
    for (const { name, link, trace_hash } of everywhere()) {
      const found = await firefox.evaluate(`(${OPEN})(${JSON.stringify([link, trace_hash])})`);
      if (found !== trace_hash) wrong.push(`${name}: ${found}, natively ${trace_hash}`);
    }
    expect(wrong).toEqual([]);
  } finally {
    await firefox.close();
  }
});

test("a link opened from the command line is the one that the page opens", () => {
  const native = process.env.LASTSAVE_NATIVE ?? `${ROOT}target/debug/lastsave`;
  for (const { link, trace_hash } of LESSONS.slice(1)) {
    const report = JSON.parse(execFileSync(native, ["open", link, "--json"], { encoding: "utf8" }));
    expect(report.trace_hash).toBe(trace_hash);
  }
});
