// The seed's day by keyboard alone: no mouse, no touch, and no help from the test but pressing keys.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { calm, demo, launch, watched } from "./lib.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

test("the whole day by keyboard", { timeout: 180_000 }, async (t) => {
  const run = await demo();
  t.after(run.stop);
  const context = await watched(browser, run.url);
  const page = await context.newPage();
  // Whatever points would have to be pressed by a mouse somewhere.
  await page.addInitScript(() => {
    globalThis.pointed = 0;
    for (const name of ["pointerdown", "mousedown", "touchstart"]) addEventListener(name, () => { globalThis.pointed += 1; }, true);
  });
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const focused = (selector, text) => page.evaluate(([selector, text]) => {
    const element = document.activeElement?.closest(selector);
    return Boolean(element?.checkVisibility() && element.textContent.includes(text));
  }, [selector, text]);

  /** Presses Tab until the focus is on something that matches; it must have a visible ring. */
  async function tabTo(selector, text = "") {
    for (let left = 150; left > 0; left -= 1) {
      if (await focused(selector, text)) {
        const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        assert.notEqual(ring, "none", `${selector} ${text} has the focus, and nobody sees it`);
        return;
      }
      await page.keyboard.press("Tab");
    }
    assert.fail(`${selector} “${text}” cannot be reached by Tab`);
  }
  async function jump(to) {
    const time = page.locator("#demo time");
    const before = await time.getAttribute("datetime");
    await tabTo("#demo button", to);
    await press("Enter");
    await page.waitForFunction((was) => document.querySelector("#demo time").dateTime !== was, before, { timeout: 30_000 });
    if (/^\d/.test(to)) await time.filter({ hasText: to }).waitFor();
    // The next press of the same button needs no search.
    assert(await focused("#demo button", to), "the button kept the focus");
  }
  /** Moves with j until the item is the current one. */
  async function moveTo(title) {
    for (let left = 30; left > 0; left -= 1) {
      if ((await page.locator(".current").allTextContents()).some((text) => text.includes(title))) return;
      await press("j");
    }
    assert.fail(`j never came to ${title}`);
  }
  /** Writes into the box that `c` opened, and sends it. */
  async function write(text) {
    await page.keyboard.type(text);
    await press("Tab", "Enter");
  }
  const item = (title) => page.locator(".item", { hasText: title });
  const leaveField = () => press("Escape");

  await t.test("comes in, and finds the keys", async () => {
    await page.goto(run.link);
    await tabTo("button", "Come in");
    await press("Enter");
    await page.locator("#steps").waitFor();
    await page.locator("#demo time", { hasText: "13:40" }).waitFor({ timeout: 60_000 });
    await press("?");
    await page.locator("#help:popover-open").waitFor();
    await press("Escape");
    await page.locator("#help").waitFor({ state: "hidden" });
    // The first Tab leads past the navigation.
    await page.reload();
    await press("Tab");
    assert(await focused("a", "Skip to the page"));
  });

  await t.test("main red: taken, opened, ticked, concluded", async () => {
    await jump("next event");
    await item("unit tests failed on main").getByText("Could help: Lucía").waitFor();
    // A key that is pressed while the row is drawn anew is lost, for people as well: they press it again.
    const driven = item("unit tests failed on main").getByText("Lena Vogt drives it");
    for (let left = 5; left > 0 && !(await driven.isVisible()); left -= 1) {
      await moveTo("unit tests failed on main");
      await press("t");
      await driven.waitFor({ timeout: 3_000 }).catch(() => {});
    }
    await driven.waitFor();
    await moveTo("unit tests failed on main");
    await press("Enter");
    await page.getByRole("heading", { name: "Why this is here" }).waitFor();
    await tabTo(".checklist button", "Rerun the failed job");
    await press("Enter");
    await page.locator(".checklist li.ticked").waitFor();
    await press("c");
    await write("Summer time in the booking spec.");
    await page.locator("#item-head").getByText("investigated").waitFor();
    await leaveField();
    await press("g", "t");
    await page.locator("#steps").waitFor();
    for (let left = 5; left > 0 && !(await page.locator("#step-main-green.fine").count()); left -= 1) {
      await jump("next event");
      await page.locator("#step-main-green.fine").waitFor({ timeout: 1_500 }).catch(() => {});
    }
    assert.equal(await page.locator("#step-main-green.fine").count(), 1);
  });

  await t.test("staging errors concluded, an owner accepted", async () => {
    for (const title of ["ActiveRecord::RecordInvalid", "Timeout in booking#create"]) {
      await moveTo(title);
      await press("c");
      await write("Looked at; it can go out.");
      await item(title).waitFor({ state: "detached" });
      await leaveField();
    }
    await moveTo("NoMethodError");
    await press("o");
    await item("NoMethodError").waitFor({ state: "detached" });
  });

  await t.test("a question asked and answered, a note written", async () => {
    await tabTo("#ask");
    await page.keyboard.type("May I restart the staging queue?");
    await press("Enter");
    await item("May I restart the staging queue?").waitFor();
    await leaveField();
    await moveTo("May I restart the staging queue?");
    await press("c");
    await write("Yes, after four.");
    await item("May I restart").waitFor({ state: "detached" });
    await leaveField();
    await press("n");
    await page.keyboard.type("The queue of staging restarts after four.");
    await press("Enter");
    await page.locator("#latest").getByText("The queue of staging restarts after four.").waitFor();
    await leaveField();
  });

  await t.test("15:59 closed, 16:00 open, held by a key, rolled out", async () => {
    await jump("15:59");
    await page.locator("#gate .blockers").getByText("Opens at 16:00 (in 1 min).").waitFor();
    await jump("16:00");
    await page.locator("button.go").waitFor();
    await press("g", "r");
    await page.locator("#rollout-head").getByText("The gate to production is open").waitFor();
    await tabTo("button.go");
    await press("Enter");
    await page.waitForTimeout(1_500);
    assert.equal(await page.locator("#gate .output").count(), 0, "a short press does nothing");
    await page.keyboard.down("Enter");
    await page.locator("#gate .output").waitFor();
    await page.keyboard.up("Enter");
    await page.locator("#rollout-head").getByText("went out").waitFor({ timeout: 30_000 });
    await page.locator("#rollouts tr", { hasText: "Lena Vogt" }).getByText("arrived").waitFor();
  });

  await t.test("the log book, searched", async () => {
    await press("g", "l");
    await page.locator("#log-entries").getByText(/pressed the button/).waitFor();
    await press("/");
    await page.keyboard.type("staging queue");
    await page.locator("#log-entries h1", { hasText: "entries" }).waitFor();
    assert.match(await page.locator("#log-entries").textContent(), /May I restart the staging queue/);
    await leaveField();
    await press("g", "m");
    await page.getByText("Screens, calendars and sign-in").waitFor();
    await press("g", "p");
    await page.getByRole("heading", { name: "The day of developers" }).waitFor();
  });
  assert.equal(await page.evaluate(() => globalThis.pointed), 0);
  calm(context);
});
