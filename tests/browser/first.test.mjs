// The first run on files that `onduty init` proposes, with nothing connected; and a server that falls silent: pages and
// the wall screen say so within ten seconds, and take it back when it speaks again.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { calm, firstRun, launch, picture, watched } from "./lib.mjs";

/** The longest that a page may look alive without news, with what the browser itself needs, in milliseconds. */
const SILENT = 10_500;

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

test("a first run says what to do, and a silent server is said", { timeout: 120_000 }, async (t) => {
  const run = await firstRun();
  t.after(run.stop);
  const context = await watched(browser, run.url);
  const page = await context.newPage();
  let wall;

  await t.test("every page is there and says what is missing", async () => {
    await page.goto(run.link);
    await page.getByLabel("Choose a password").fill("four words of a test");
    await page.getByLabel("The same again").fill("four words of a test");
    await page.getByRole("button", { name: "Come in" }).click();
    await page.locator("#steps").waitFor();
    assert.match(await page.locator("main").textContent(), /nothing tells onduty about errors/i);
    assert.equal(await page.locator("button.go").count(), 0);
    await picture(page, "first-run", { fullPage: true });
    for (const address of ["/log", "/process", "/team", "/rollout"]) {
      await page.goto(`${run.url}${address}`);
      await page.locator("main h1").first().waitFor();
    }
    await page.goto(`${run.url}/team`);
    await page.getByLabel("Where does it hang?").fill("Kitchen");
    await page.getByRole("button", { name: "Add a screen" }).click();
    const address = await page.locator(".once .address").textContent();
    wall = await context.newPage();
    await wall.goto(address);
    await page.goto(run.url);
  });

  await t.test("a server that says nothing is silent on Today and on the wall, until it speaks", async () => {
    await page.waitForTimeout(1_000);
    for (const shown of [page, wall]) assert.equal(await shown.locator("#stale:not([hidden])").count(), 0);
    run.child.kill("SIGSTOP");
    for (const shown of [page, wall]) await shown.bringToFront();
    await Promise.all([page, wall].map((shown) => shown.locator("#stale:not([hidden])").waitFor({ timeout: SILENT })));
    assert.match(await wall.locator("#stale").textContent(), /^No connection since \d\d:\d\d$/);
    assert.match(await page.locator("#stale").textContent(), /^No connection since \d\d:\d\d\. What you see may be out of date/);
    await picture(page, "silent");
    run.child.kill("SIGCONT");
    await Promise.all([page, wall].map((shown) => shown.locator("#stale[hidden]").waitFor({ state: "attached", timeout: 15_000 })));
  });

  calm(context);
});
