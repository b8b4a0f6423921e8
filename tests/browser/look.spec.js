// What everyone can use: no violation that axe finds, in either theme, on a desk and on a phone, in the states a visitor
// meets; everything by keyboard; nothing that moves by itself; and a phone.
import { expect, test, violations } from "./page.js";
import { isQuick } from "./host.js";
import { example, idle, inTheme, line, open, output, tab, type, verdict } from "./lab.js";
import { WALKS } from "./states.js";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

// Every tab there is, also those that other parts of the page add.
const tabs = (page) => page.getByRole("tab").all();

for (const [device, use] of [["a desk", {}], ["a phone", PHONE]]) {
  test.describe(`on ${device}`, () => {
    test.use(use);
    for (const [name, walk] of Object.entries(WALKS)) {
      test(`must match: screen reader and keyboard only: axe finds nothing on ${device}: ${name}`, async ({ page }) => {
        test.setTimeout(300_000);
        const judged = [];
        await open(page);
        await walk(page, async (state) => {
          await inTheme(page, "dark");
          expect.soft(await violations(page), state).toEqual([]);
          // Of all rules only that of colours can find something else in the other theme.
          await inTheme(page, "light");
          expect.soft(await violations(page, "color-contrast"), `${state}, light`).toEqual([]);
          judged.push(state);
        });
        console.log(`${judged.length} states on ${device}: ${judged.join("; ")}`);
      });
    }
  });
}

test("must match: keyboard help on ?, tabs by arrows, / to the line, Space pauses", async ({ page }) => {
  await open(page);
  await page.getByRole("tab", { name: "Keys" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Files" })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByRole("tab", { name: "Files" })).toBeFocused();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.keyboard.press("/");
  await expect(line(page)).toBeFocused();
  // In the line both are letters.
  await page.keyboard.type("? ");
  await expect(line(page)).toHaveValue("? ");
  await expect(page.getByRole("dialog")).toBeHidden();
  await output(page).focus();
  await page.keyboard.press("Space");
  await expect(page.getByRole("button", { name: /^Pause/ })).toBeVisible();
  await page.keyboard.press("Space");
  await expect(page.getByRole("button", { name: /^Play/ })).toBeVisible();
});

test("must match: light/dark/auto theme, kept over a reload", async ({ page }) => {
  await open(page);
  const button = page.getByRole("button", { name: /^Theme/ });
  await button.click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await button.click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await button.click();
  await expect(page.locator("html")).not.toHaveAttribute("data-theme", /./);
  const background = () => page.evaluate(() => getComputedStyle(document.querySelector(".top")).backgroundColor);
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await background();
  await page.emulateMedia({ colorScheme: "light" });
  expect(await background()).not.toBe(dark);
});

test("must match: idle costs no CPU: a page at rest has no timer", async ({ page }) => {
  await page.addInitScript(() => {
    globalThis.ticks = 0;
    for (const name of ["setTimeout", "setInterval", "requestAnimationFrame"]) {
      const original = globalThis[name].bind(globalThis);
      globalThis[name] = (...rest) => {
        globalThis.ticks += 1;
        return original(...rest);
      };
    }
  });
  await open(page);
  await page.waitForTimeout(500);
  const before = await page.evaluate(() => globalThis.ticks);
  await page.waitForTimeout(1_000);
  expect(await page.evaluate(() => globalThis.ticks)).toBe(before);
});

test("must match: examples menu: each entry opens a session", async ({ page }) => {
  await open(page);
  await page.getByRole("button", { name: "Examples" }).click();
  const entries = page.locator("#examples .example");
  expect(await entries.count()).toBeGreaterThan(20);
  await entries.filter({ hasText: /night refused/i }).click();
  await idle(page, 60_000);
  await expect(page.locator(".top .title")).toContainText(/night refused/i);
});

test("must match: screen reader and keyboard only, reduced motion: nothing moves by itself", async ({ page }) => {
  test.setTimeout(240_000);
  await page.emulateMedia({ reducedMotion: "reduce" });
  await open(page);
  const still = async (state) => {
    const moving = await page.evaluate(() => {
      const lasts = (style) => `${style.animationDuration},${style.transitionDuration}`.split(",").some((text) => parseFloat(text) > 0);
      const parts = [...document.querySelectorAll("*")].flatMap((element) =>
        ["", "::before", "::after"].filter((part) => lasts(getComputedStyle(element, part))).map((part) => element.className + part),
      );
      return [...parts, ...document.getAnimations().map((animation) => String(animation.effect?.target?.className))];
    });
    expect.soft(moving, state).toEqual([]);
  };
  for (const walk of [WALKS.fresh, WALKS.crash, WALKS.dropped]) await walk(page, still);
});

// Goes through the page by Tab from its beginning, and says what has the focus at each stop, whether one sees that, and what
// cannot be reached.
async function walkByTab(page) {
  await page.evaluate(() => {
    globalThis.reached = [];
    // Tab goes on from what had the focus last.
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
  });
  const stop = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body || globalThis.reached.includes(element)) return false;
      globalThis.reached.push(element);
      return true;
    });
  for (let steps = 0; steps < 400; steps += 1) {
    // In the terminal's line Tab completes, until Escape.
    if (await line(page).evaluate((input) => input === document.activeElement)) await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    if (!(await stop())) break;
  }
  return page.evaluate(() => {
    const name = (element) => (element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 30)) || element.id || element.className;
    const focusable = "a[href], button, input, select, textarea, summary, [tabindex]";
    const wanted = [...document.querySelectorAll(focusable)].filter(
      (element) => element.tabIndex >= 0 && !element.disabled && element.checkVisibility({ visibilityProperty: true }),
    );
    const inOrder = globalThis.reached.filter((element) => wanted.includes(element));
    return {
      names: globalThis.reached.map(name),
      missed: wanted.filter((element) => !globalThis.reached.includes(element)).map(name),
      isOrdered: inOrder.every((element, at) => at === 0 || inOrder[at - 1].compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING),
    };
  });
}

test("must match: screen reader and keyboard only: Tab reaches every control, in the order of the page, and one sees where", async ({ page }) => {
  test.setTimeout(180_000);
  await open(page);
  await type(page, "SHUTDOWN NOSAVE", "redis-server --appendonly yes --appendfsync no", "SET a 1", "RPUSH list a b c", "crash power", "redis-server --appendonly yes");
  for (const each of await tabs(page)) {
    await each.click();
    await idle(page);
    const { names, missed, isOrdered } = await walkByTab(page);
    const state = await each.innerText();
    expect(missed, state).toEqual([]);
    expect(isOrdered, state).toBe(true);
    expect(names.length, state).toBeGreaterThan(30);
  }
  // Where the focus is can be seen: a ring around the control, or the mark beside the terminal's line.
  await page.evaluate(() => document.activeElement.blur());
  for (let steps = 0; steps < 60; steps += 1) {
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    const unseen = await page.evaluate(() => {
      const element = document.activeElement;
      const ringed = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      const marked = element.closest(".entry") && getComputedStyle(element.closest(".entry")).boxShadow !== "none";
      return element === document.body || ringed(getComputedStyle(element)) || marked ? null : element.outerHTML.slice(0, 120);
    });
    expect(unseen).toBeNull();
  }
});

test("must match: screen reader and keyboard only: a session without a mouse", async ({ page }) => {
  test.setTimeout(120_000);
  await open(page);
  const focused = (selector) => page.evaluate((wanted) => document.activeElement?.matches(wanted), selector);
  // By Tab to what has this text, or to what matches the selector.
  const reach = async (name, selector = null) => {
    for (let steps = 0; steps < 120; steps += 1) {
      if (selector ? await focused(selector) : await page.evaluate((wanted) => document.activeElement?.textContent?.trim() === wanted, name)) return;
      if (await focused("#line")) await page.keyboard.press("Escape");
      await page.keyboard.press("Tab");
    }
    throw new Error(`no ${name} on the way of the Tab key`);
  };
  await page.keyboard.press("/");
  await page.keyboard.type("workload sessions rate=50\nadvance 5s\n");
  await idle(page);
  await reach("Power loss");
  await page.keyboard.press("Enter");
  await idle(page);
  await expect(verdict(page)).toContainText("The server is down");
  await reach("Restart");
  await page.keyboard.press("Enter");
  await idle(page);
  await expect(verdict(page)).toContainText("writes lost");
  await expect(page.locator("p.sr[role=status]").last()).toContainText("acknowledged writes lost");

  // To another tab, and along the timeline.
  await reach("a tab", "[role=tab]");
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Files" })).toBeFocused();
  await reach("the timeline", ".timeline");
  const slider = page.getByRole("slider", { name: "Timeline" });
  await page.keyboard.press("Home");
  await idle(page);
  await expect(slider).toHaveAttribute("aria-valuetext", /^02:30:00.*exposed/);
  await page.keyboard.press("PageUp");
  await idle(page);
  const first = await slider.getAttribute("aria-valuetext");
  await page.keyboard.press("PageUp");
  await idle(page);
  // The marks of this run are the starts and the crash: each says what it is.
  expect([first, await slider.getAttribute("aria-valuetext")].join("; ")).toMatch(/power/);
  await page.keyboard.press("ArrowRight");
  await idle(page);
  await page.keyboard.press("End");
  await idle(page);
  await expect(page.locator(".banner.past")).toHaveCount(0);

  // The dialogue opens, has the focus, and gives it back.
  await reach("Share");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Share this session" })).toBeVisible();
  expect(await focused("dialog *")).toBe(true);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog", { name: "Share this session" })).toBeHidden();
  await expect(page.getByRole("button", { name: "Share", exact: true })).toBeFocused();
});

test("must match: screen reader and keyboard only: what happens is said once, and the clock's ticks are not", async ({ page }) => {
  await open(page);
  await page.evaluate(() => {
    globalThis.said = [];
    const live = "[role=status], [role=alert], [aria-live=polite]";
    new MutationObserver((records) => {
      const regions = new Set(records.map(({ target }) => (target.closest ? target : target.parentElement)?.closest(live)));
      for (const region of regions) {
        const text = region?.getAttribute("aria-live") === "off" ? "" : region?.textContent.trim();
        if (text) globalThis.said.push(text);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const said = async (action) => {
    await page.evaluate(() => (globalThis.said.length = 0));
    await action();
    await page.waitForTimeout(100);
    return page.evaluate(() => globalThis.said);
  };
  expect(await said(() => type(page, "ECHO hello"))).toEqual(['"hello"']);
  await type(page, "workload sessions rate=50");
  const ticks = await said(async () => {
    const now = page.locator(".clock .time-of-day");
    const before = await now.innerText();
    await page.getByRole("button", { name: "Play the clock" }).click();
    await expect(now).not.toHaveText(before);
    await page.waitForTimeout(1_000);
  });
  expect(ticks).toEqual([]);
  await page.getByRole("button", { name: "Pause the clock" }).click();
  await type(page, "crash power");
  const verdicts = await said(() => type(page, "redis-server"));
  expect(verdicts.filter((text) => text.includes("acknowledged writes lost"))).toHaveLength(1);
  const past = await said(async () => {
    const slider = page.getByRole("slider", { name: "Timeline" });
    for (const key of ["Home", "ArrowRight", "ArrowRight"]) {
      await slider.press(key);
      await idle(page);
    }
  });
  expect(past.filter((text) => text.includes("This is the past"))).toHaveLength(1);
});

test("every action shows at once", async ({ page }) => {
  await open(page);
  // Real time from a click to the change it makes; the best of five, as the machine may be busy with something else.
  const measure = (selector, changed) =>
    page.evaluate(
      async ([clicked, watched]) => {
        const times = [];
        for (let turn = 0; turn < 5; turn += 1) {
          const before = performance.now();
          await new Promise((resolve) => {
            const observer = new MutationObserver(() => {
              observer.disconnect();
              resolve();
            });
            observer.observe(document.querySelector(watched), { childList: true, subtree: true, attributes: true, characterData: true });
            document.querySelector(clicked).click();
          });
          times.push(performance.now() - before);
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        return Math.min(...times);
      },
      [selector, changed],
    );
  for (const [selector, changed] of [
    [".faults .fault:nth-of-type(3)", ".log"],
    [".suggestions .suggestion:not(.named)", ".log"],
    [".top [aria-label^=Theme]", "html"],
  ]) {
    // 100 ms is the aim on a quiet machine.
    expect(await measure(selector, changed), selector).toBeLessThan(500);
  }
  for (const name of ["configuration", "info", "report", "keys"]) {
    const before = Date.now();
    await page.locator(`#tab-${name}`).click();
    await expect(page.locator("#panel")).toHaveAttribute("aria-labelledby", `tab-${name}`);
    expect(Date.now() - before, name).toBeLessThan(5_000);
  }
});

test("every tab of a night of 564,000 commands is there at once", async ({ page }) => {
  test.setTimeout(300_000);
  await open(page);
  await example(page, /as told/);
  // From the click to the last change of the panel that it leads to, as the page itself measures it; the better of two.
  const times = await page.evaluate(async () => {
    const shown = async (tab) => {
      let last = 0;
      const watch = new MutationObserver(() => (last = performance.now()));
      watch.observe(document.getElementById("panel"), { childList: true, subtree: true, characterData: true, attributes: true });
      const clicked = performance.now();
      tab.click();
      await new Promise((resolve) => setTimeout(resolve, 600));
      watch.disconnect();
      return last - clicked;
    };
    const times = {};
    for (let turn = 0; turn < 2; turn += 1) {
      for (const tab of document.querySelectorAll("[role=tab]")) {
        times[tab.id] = Math.round(Math.min(await shown(tab), times[tab.id] ?? Infinity));
      }
    }
    return times;
  });
  console.log(`tabs of the night, ms: ${JSON.stringify(times)} (aim: 100 each, optimised)`);
  // A page that is not optimised, on a busy machine, takes longer.
  expect(Math.max(...Object.values(times))).toBeLessThan(isQuick ? 600 : 300);
});

test("hit areas are at least 24 pixels, and nothing is clipped at any size", async ({ page }) => {
  for (const [width, height] of [[1440, 900], [1024, 768], [390, 844]]) {
    await page.setViewportSize({ width, height });
    await open(page);
    await type(page, "workload sessions rate=20000 keys=50000", "advance 5s");
    const wrong = await page.evaluate(() => {
      const seen = (element) => element.checkVisibility({ visibilityProperty: true });
      const small = [...document.querySelectorAll("button, select, input, summary")]
        .filter((element) => seen(element) && !element.closest("table, .notes"))
        .filter((element) => {
          const box = (element.closest("label") ?? element).getBoundingClientRect();
          return box.width < 24 || box.height < 24;
        });
      const clipped = [...document.querySelectorAll(".layers *, .clock *, .top *, .faults *")].filter(
        (element) => seen(element) && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0
          && getComputedStyle(element).overflowX !== "visible" && !element.matches(".title, .runs, .sr"),
      );
      return [...small, ...clipped].map((element) => element.outerHTML.slice(0, 120));
    });
    expect(wrong, `${width}`).toEqual([]);
  }
});

test.describe("on a phone", () => {
  test.use(PHONE);

  test("the timeline is under the thumb wherever the page is, and a finger moves it", async ({ page }) => {
    await open(page);
    await type(page, "CONFIG SET appendonly yes", "workload sessions rate=50", "advance 20s");
    const slider = page.getByRole("slider", { name: "Timeline" });
    for (const place of ["top", "bottom"]) {
      await page.evaluate((end) => scrollTo(0, end === "top" ? 0 : document.body.scrollHeight), place);
      await expect(slider).toBeInViewport({ ratio: 1 });
      await expect(page.getByRole("button", { name: "Play the clock" })).toBeInViewport({ ratio: 1 });
    }
    const box = await slider.boundingBox();
    const finger = await page.context().newCDPSession(page);
    const touch = (kind, share) =>
      finger.send("Input.dispatchTouchEvent", {
        type: kind,
        touchPoints: kind === "touchEnd" ? [] : [{ x: box.x + box.width * share, y: box.y + box.height / 2 }],
      });
    const scrolled = await page.evaluate(() => scrollY);
    await touch("touchStart", 0.9);
    for (const share of [0.8, 0.65, 0.5, 0.4]) await touch("touchMove", share);
    await touch("touchEnd");
    await idle(page);
    await expect(page.locator(".banner.past")).toContainText(/02:30:0[78]/);
    expect((await output(page).innerText()).match(/goto /g)).toHaveLength(1);
    // The page stays where it is under the finger, but for the banner that came.
    expect(Math.abs((await page.evaluate(() => scrollY)) - scrolled)).toBeLessThan(160);
    // What is pressed with a thumb is large enough for it.
    const small = await page.locator("button:visible, select:visible, summary:visible, input:visible").evaluateAll((all) =>
      all
        .filter((element) => !element.closest("table, .notes"))
        .map((element) => [element.outerHTML.slice(0, 90), (element.closest("label") ?? element).getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 40 || height < 40)
        .map(([html, { width, height }]) => `${html} ${Math.round(width)}x${Math.round(height)}`),
    );
    expect(small).toEqual([]);
  });

  test("must match: screen reader and keyboard only, inputs >= 16 px, and nothing wider than the screen", async ({ page }) => {
    await open(page);
    await type(page, "SET session:1 user", "crash power", "redis-server");
    for (const each of await tabs(page)) {
      await each.tap();
      await idle(page);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width, await each.innerText()).toBeLessThanOrEqual(390);
      const sizes = await page.locator("input:visible, select:visible, textarea:visible").evaluateAll((all) =>
        all.filter((element) => !["checkbox", "radio", "range"].includes(element.type)).map((element) => parseFloat(getComputedStyle(element).fontSize)),
      );
      expect(Math.min(...sizes), await each.innerText()).toBeGreaterThanOrEqual(16);
    }
    const size = await line(page).evaluate((input) => parseFloat(getComputedStyle(input).fontSize));
    expect(size).toBeGreaterThanOrEqual(16);
    await page.getByRole("button", { name: "Power loss" }).tap();
    await idle(page);
    await expect(output(page)).toContainText("crash power");
    expect(await violations(page)).toEqual([]);
  });
});
