// The states a visitor meets, as walks through the page: each calls `seen` with a state's name wherever there is one to judge.
import { expect } from "./page.js";
import { idle, line, tab, type } from "./lab.js";

const EVENING = ["SHUTDOWN NOSAVE", "redis-server --appendonly yes", "workload sessions rate=50 keys=500", "advance 8s"];

const SCENARIO = `# lastsave scenario 1
# Two writes
seed 1

redis-server --appendonly yes --appendfsync no
SET cart:1 books
crash power
redis-server --appendonly yes`;

// Drops a file on the page, or only holds it over it.
async function drop(page, path, content, kinds = ["dragenter", "dragover", "drop"]) {
  await page.evaluate(
    ([path, content, kinds]) => {
      const data = new DataTransfer();
      data.items.add(new File([content], path));
      for (const kind of kinds) {
        document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
      }
    },
    [path, content, kinds],
  );
}

// Every tab there is.
async function tabs(page, seen, state) {
  for (const each of await page.getByRole("tab").all()) {
    await each.click();
    await idle(page);
    await seen(`${state}: ${await each.innerText()}`);
  }
  await tab(page, "Keys");
}

// What a button opens is closed by Escape, which leads back to the button.
async function opened(page, seen, button, state) {
  await button.click();
  await seen(state);
  await page.keyboard.press("Escape");
  await expect(button, state).toBeFocused();
}

async function fresh(page, seen) {
  await seen("a fresh machine");
  await tabs(page, seen, "an empty tab");
  for (const name of ["Examples", "Lessons", "Share", /^More faults/]) {
    await opened(page, seen, page.getByRole("button", { name, exact: typeof name === "string" }), `opened: ${name}`);
  }
  await type(page, "SET a 1", "SET b 1");
  const menu = page.getByRole("button", { name: "More", exact: true });
  if (await menu.isVisible()) {
    await opened(page, seen, menu, "the menu of a phone");
    await menu.click();
  }
  await page.getByRole("button", { name: "Keyboard help" }).click();
  await seen("help");
  await page.keyboard.press("Escape");
  if (await menu.isVisible()) await menu.click();
  const reset = page.getByRole("button", { name: "Reset" });
  await opened(page, seen, reset, "reset asks");
  await reset.click();
  await page.getByRole("button", { name: "Start again" }).click();
  await idle(page);
  await seen("something was put aside");
}

async function evening(page, seen) {
  await type(page, ...EVENING);
  await tabs(page, seen, "an evening");
  await page.locator("table.keys th button").first().click();
  await expect(page.locator(".detail")).toBeVisible();
  await seen("a key");
  await page.locator(".detail").getByRole("button", { name: "Where is it written" }).click();
  await idle(page);
  await seen("where a key is written");
  await page.getByRole("region", { name: "Bytes: arrow keys" }).focus();
  await page.keyboard.type("78");
  await seen("a byte typed over");
  await tab(page, "Configuration");
  await page.getByLabel(/^auto-aof-rewrite-min-size/).fill("lots");
  await page.getByLabel(/^auto-aof-rewrite-min-size/).press("Enter");
  await expect(page.locator(".parameters .refused")).toBeVisible();
  await seen("a value that is refused");
  await page.getByText("Write a configuration file").click();
  await page.getByLabel("Configuration file", { exact: true }).fill("save 60 1000 # often\nappendonly yes");
  await expect(page.locator(".own .warning").first()).toBeVisible();
  await seen("a configuration that is refused");
  await line(page).fill("CONFIG SET appe");
  await line(page).press("Tab");
  await seen("completion");
  await line(page).press("Control+c");
  await line(page).press("Control+r");
  await seen("a search of the lines before");
  await line(page).press("Escape");
  await page.getByRole("slider", { name: "Timeline" }).press("Home");
  await expect(page.locator(".banner.past")).toBeVisible();
  await idle(page);
  await seen("the past");
  await type(page, "SET other 1");
  await expect(page.getByRole("button", { name: "Take it up again" })).toBeVisible();
  await seen("something was left");
  await page.getByRole("button", { name: "Play the clock" }).click();
  await seen("the clock plays");
  await page.getByRole("button", { name: "Pause the clock" }).click();
  await idle(page);
  await type(page, "redis-server --appendonly yes", "workload sessions rate=500");
  await line(page).fill("advance 20h");
  await line(page).press("Enter");
  await expect(page.locator(".running")).toBeVisible();
  await seen("a long line runs");
  await page.locator(".running").getByRole("button", { name: "Stop" }).click();
  await idle(page, 60_000);
}

async function crash(page, seen) {
  await type(page, "SHUTDOWN NOSAVE", "redis-server --appendonly yes --appendfsync no", "workload sessions rate=50 keys=500");
  await type(page, "advance 2s", "fault bgsave fail", "fault reordering", "BGSAVE", "advance 2s");
  await tab(page, /Info/);
  await expect(page.locator(".alerts li.firing").first()).toBeVisible();
  await seen("an alert fires");
  await opened(page, seen, page.getByRole("button", { name: /^More faults/ }), "faults in force");
  await type(page, "crash power");
  await seen("the server is down");
  await type(page, "redis-server --appendonly yes");
  await expect(page.getByRole("region", { name: "Verdict" })).toContainText("lost");
  await seen("a verdict");
  await page.getByRole("button", { name: "Keys that differ" }).click();
  await idle(page);
  await seen("keys that a crash took, and a verdict that is folded");
  await page.locator("table.keys th button").first().click();
  await expect(page.locator(".detail")).toBeVisible();
  await seen("a key that a crash took");
  await tab(page, "Files");
  await idle(page);
  await seen("files after a crash");
  await tab(page, "Report");
  await idle(page);
  for (const choice of await page.locator(".writes .choices button").all()) {
    await choice.click();
    await seen(`writes: ${await choice.innerText()}`);
  }
  await type(page, "cat > redis.conf <<EOF", "save 60 1000 # often", "appendonly yes", "EOF", "redis-cli SHUTDOWN NOSAVE", "redis-server redis.conf");
  await expect(page.getByRole("button", { name: "Strip them and start" })).toBeVisible();
  await seen("comments that Redis refuses");
  await page.getByRole("button", { name: "Strip them and start" }).click();
  await idle(page);
  await expect(page.getByRole("region", { name: "Verdict" })).toContainText("Nothing lost");
  await page.getByRole("button", { name: "Details" }).click();
  await seen("nothing was lost");
}

async function laboratory(page, seen) {
  await type(page, "SHUTDOWN NOSAVE", "redis-server --appendonly yes --appendfsync always", "workload counters rate=400", "advance 60s");
  await tab(page, "Sweep");
  await page.getByRole("button", { name: "Sweep this session", exact: true }).first().click();
  await expect(page.getByRole("progressbar", { name: "Done" })).toBeVisible();
  await seen("a sweep runs");
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await expect(page.locator(".lab-summary")).toContainText("Stopped");
  await page.getByRole("button", { name: "Show the worst" }).first().click();
  await seen("a sweep that was stopped, and its worst point");
  await tab(page, "Compare");
  await page.locator("#panel .bar button.primary").click();
  await expect(page.locator("#panel progress")).toBeVisible();
  await seen("a comparison runs");
  await page.getByRole("button", { name: "Stop", exact: true }).click({ timeout: 2_000 }).catch(() => {});
  await expect(page.locator("#panel progress")).toHaveCount(0, { timeout: 120_000 });
  await seen("a comparison that was stopped");
}

async function lesson(page, seen) {
  const panel = page.getByRole("region", { name: "Lesson" });
  await page.getByRole("button", { name: "Lessons" }).click();
  await page.locator("#lessons").getByRole("button").nth(2).click();
  await idle(page);
  for (let stage = 1; await panel.isVisible(); stage += 1) {
    await seen(`a lesson, step ${stage}`);
    const choices = panel.getByRole("radio");
    if ((await choices.count()) > 0) {
      await choices.first().check();
      await seen(`a lesson, step ${stage}: answered`);
    }
    const run = panel.getByRole("button", { name: /^Run th/ });
    if ((await run.count()) > 0) {
      await run.click();
      await expect(run).toHaveCount(0, { timeout: 60_000 });
      await idle(page, 60_000);
      await seen(`a lesson, step ${stage}: run`);
    }
    await panel.locator(".fold").click();
    if (stage === 1) await seen("a lesson that is folded");
    await panel.locator(".fold").click();
    await panel.getByRole("button", { name: /^(Next|Close the lesson)$/ }).last().click();
  }
}

async function link(page, seen) {
  await page.evaluate((text) => (location.hash = `#scenario=${encodeURIComponent(text)}`), SCENARIO);
  await expect(page.getByRole("region", { name: "Lines that wait" })).toBeVisible();
  await idle(page);
  await seen("lines that wait");
  await page.getByRole("button", { name: "Run line by line" }).click();
  await idle(page);
  await seen("lines that wait, one run");
  await page.evaluate(() => (location.hash = "#s=9.whatever"));
  await expect(page.getByRole("alert")).toContainText("version 9");
  await seen("a link of a later version");
}

async function dropped(page, seen) {
  const panel = page.locator("dialog.import");
  await drop(page, "redis.conf", "", ["dragenter"]);
  await expect(page.locator(".drop-here")).toBeVisible();
  await seen("a file is held over the page");
  for (const [path, content, expected] of [
    ["redis.conf", "save 60 1000 # often\n", "Strip the comments"],
    ["appendonly.aof", "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\nxx", "Repair"],
    ["photo.jpg", "no file of Redis", "photo.jpg"],
  ]) {
    await drop(page, path, content);
    await expect(panel).toContainText(expected);
    await seen(`dropped: ${path}`);
    await page.keyboard.press("Escape");
    await expect(panel).toBeHidden();
  }
}

async function embedded(page, seen) {
  for (const query of ["?embed", "?embed&readonly"]) {
    await page.goto(`./${query}#scenario=${encodeURIComponent(SCENARIO)}`);
    await page.getByRole("button", { name: "Run", exact: true }).waitFor();
    await seen(`${query}: lines that wait`);
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await idle(page);
    await expect(page.getByRole("region", { name: "Verdict" })).toContainText("lost");
    await seen(`${query}: a verdict`);
  }
}

export const WALKS = { fresh, evening, crash, laboratory, lesson, link, dropped, embedded };
