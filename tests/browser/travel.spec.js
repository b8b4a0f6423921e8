// Time travel in the page: pause, speed, seeking, stepping, back, undo, another way from a moment of the past.
import { expect, test } from "./page.js";
import { idle, line, open, output, tab, type } from "./lab.js";

test.beforeEach(async ({ page }) => open(page));

const slider = (page) => page.getByRole("slider", { name: "Timeline" });
const banner = (page) => page.getByRole("status").filter({ hasText: "You are looking at" });
const button = (page, name) => page.getByRole("button", { name });
const clock = (page) => page.locator(".clock .time-of-day");

// The trace hash that the page shows while nothing runs.
async function trace(page) {
  await idle(page, 60_000);
  const root = page.locator("html");
  await expect(root).toHaveAttribute("data-trace", /^[0-9a-f]{16}$/);
  return root.getAttribute("data-trace");
}

async function choose(page, kind) {
  await page.getByLabel("Kind of step").selectOption(kind);
}

// An evening with a log, whose moments the tests go to.
async function evening(page) {
  await type(page, "CONFIG SET appendonly yes", "workload sessions rate=50 keys=500", "advance 20s");
}

test("must match: pause, speed, seek, step, back", async ({ page }) => {
  await evening(page);
  const end = await trace(page);
  const endTime = await clock(page).innerText();

  // Back and forth by fsyncs: the same moments, and every button writes its line.
  await choose(page, "fsync");
  await button(page, "Back to the last fsync").click();
  const first = await trace(page);
  await button(page, "Back to the last fsync").click();
  const second = await trace(page);
  expect(new Set([end, first, second]).size).toBe(3);
  await expect(banner(page)).toBeVisible();
  await expect(output(page)).toContainText("$ back fsync");
  await button(page, "Step to the next fsync").click();
  expect(await trace(page)).toBe(first);

  // Seeking, from the keyboard and by a line.
  await slider(page).press("Home");
  await idle(page);
  await expect(clock(page)).toHaveText(/^02:30:00/);
  await expect(output(page)).toContainText("$ goto 02:30:00.000000");
  await type(page, "goto 02:30:07");
  await expect(clock(page)).toHaveText(/^02:30:07/);
  await expect(slider(page)).toHaveAttribute("aria-valuetext", /^02:30:07/);
  await slider(page).press("End");
  expect(await trace(page)).toBe(end);
  await expect(banner(page)).toHaveCount(0);
  await expect(clock(page)).toHaveText(endTime);

  // Playing at a chosen speed, and pausing: time stands still then, and what was played is one line.
  for (const speed of ["0.1", "10000"]) {
    await page.getByLabel("Speed").selectOption(speed);
    const before = await clock(page).innerText();
    await button(page, "Play the clock").click();
    await expect(clock(page)).not.toHaveText(before);
    await button(page, "Pause the clock").click();
    await trace(page);
    await expect(output(page)).toContainText(/\$ advance (\d+[hms]*)+\n/);
  }
  const paused = await trace(page);
  await page.waitForFunction(() => new Promise((resolve) => setTimeout(() => resolve(true), 300)));
  expect(await trace(page)).toBe(paused);

  // A step in the present is a line of the scenario.
  await choose(page, "write");
  await button(page, "Step to the next write").click();
  await idle(page);
  await expect(output(page)).toContainText("$ step write");
});

test("only here 4: a line entered in the past takes another way, and the first can be taken up again", async ({ page }) => {
  await evening(page);
  await type(page, "SET first 1");
  const end = await trace(page);
  await type(page, "goto 02:30:05");
  await expect(banner(page)).toContainText("02:30:05");
  await type(page, "SET other 1", "advance 1s");
  await expect(banner(page)).toHaveCount(0);
  const other = await trace(page);
  expect(other).not.toBe(end);
  await type(page, "EXISTS first other");
  await expect(output(page)).toContainText("(integer) 1");

  const offer = page.getByRole("status").filter({ hasText: "put aside" });
  await offer.getByRole("button", { name: "Take it up again" }).click();
  expect(await trace(page)).toBe(end);
});

test("only here 4: undo shows the machine as it was before the last line, and the keys with it", async ({ page }) => {
  await type(page, "SET a 1");
  const before = await trace(page);
  await type(page, "SET b 2");
  const after = await trace(page);
  await tab(page, "Keys");
  await expect(page.getByRole("row", { name: /^b/ })).toBeVisible();
  await button(page, "Undo the last line").click();
  expect(await trace(page)).toBe(before);
  await expect(page.getByRole("row", { name: /^b/ })).toHaveCount(0);
  await expect(page.getByRole("row", { name: /^a/ })).toBeVisible();
  await button(page, "Back to the present").click();
  expect(await trace(page)).toBe(after);
  await button(page, "Undo the last line").click();
  await idle(page);
  await button(page, "Go on from here").click();
  await idle(page);
  await type(page, "GET b");
  await expect(output(page)).toContainText("(nil)");
});

test("scrubbing with the pointer leads through the past without a line for each moment", async ({ page }) => {
  await evening(page);
  const end = await trace(page);
  const box = await slider(page).boundingBox();
  const y = box.y + box.height / 3;
  await page.mouse.move(box.x + box.width * 0.9, y);
  await page.mouse.down();
  for (const share of [0.7, 0.5, 0.3]) {
    await page.mouse.move(box.x + box.width * share, y);
  }
  await page.mouse.up();
  await idle(page);
  await expect(banner(page)).toBeVisible();
  const lines = (await output(page).innerText()).match(/goto /g) ?? [];
  expect(lines.length).toBe(1);
  await line(page).focus();
  await button(page, "Back to the present").click();
  expect(await trace(page)).toBe(end);
});

test("only here 4: any moment of a long night is reached at once", async ({ page }) => {
  test.slow();
  await type(page, "CONFIG SET appendonly yes", "workload sessions rate=200");
  await line(page).fill("advance 47m");
  await line(page).press("Enter");
  await idle(page, 240_000);
  await trace(page);
  const times = [];
  for (const minute of [31, 5, 44, 17, 46, 2]) {
    const goal = new Date(Date.UTC(2026, 10, 22, 2, 30 + minute)).toISOString().slice(11, 19);
    await line(page).fill(`goto ${goal}`);
    // From the key to the moment shown, as the page itself measures it.
    times.push(
      await page.evaluate(
        (text) =>
          new Promise((resolve) => {
            const shown = document.querySelector(".clock .time-of-day");
            const began = performance.now();
            const look = () => (shown.textContent.startsWith(text) ? resolve(performance.now() - began) : requestAnimationFrame(look));
            document.getElementById("line").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
            look();
          }),
        goal,
      ),
    );
    await idle(page, 60_000);
  }
  const rounded = times.map((ms) => Math.round(ms));
  console.log(`seeks within the night, ms: ${rounded.join(" ")} (aim: 100 each, optimised)`);
  // A page that is not optimised, on a busy machine, takes many times as long.
  expect(Math.max(...rounded)).toBeLessThan(3_000);
});
